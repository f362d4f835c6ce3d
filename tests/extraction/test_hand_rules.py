"""Rules written by hand on pages that general extraction does not call posts, and rules that find nothing."""

from __future__ import annotations

import pytest

from archiver.extraction.article import extract_page
from archiver.extraction.explanations import explain
from archiver.extraction.page import parse_page
from archiver.extraction.site_rules import SiteRules, from_toml
from archiver.model.items import Article, PageKind
from archiver.model.page_rules import BY_HAND

URL = "https://mill.example/notes/the-wheel"
TEXT = "".join(
    f"<p>The wheel of the mill turns slowly in week {n}, since the river is low and clear.</p>" for n in "1234"
)
UNDATED = f"""<html lang="en"><head><title>The wheel | Mill</title></head><body class="note">
<div class="top"><h1 class="name">The wheel</h1><span class="stamp" data-day="2023-04-05">this spring</span></div>
<div class="words">{TEXT}</div></body></html>"""
LINKS = """<html lang="en"><head><title>Links of the week | Mill</title></head><body class="note">
<h1 class="name">Links of the week</h1><div class="words"><ul>{}</ul></div></body></html>""".format(
    "".join(
        f'<li><a href="/notes/n{n}">The miller writes about stone number {n} of the old mill</a></li>' for n in range(9)
    )
)
LOCKED = UNDATED.replace(TEXT, '<form class="post-password-form" action="/p"><input name="p"></form>')
PUBLISHED = '[published]\nselect = [".stamp::attr(data-day)"]\n'
TITLE = '[title]\nselect = ["h1.name"]\n'
BODY = '[body]\nselect = ["div.words"]\n'
POST = '[site]\npost = ["body.note"]\n'


def rules(toml: str) -> SiteRules:
    return from_toml(toml, "mill.toml", by_hand=True, version="mill.toml")


def read(html: str, toml: str = "", **more: bool) -> Article:
    return extract_page(parse_page(html, URL), rules=rules(toml) if toml else None, **more)


def unmatched(article: Article) -> set[str]:
    return {e.field for e in article.evidence if e.source == BY_HAND and not e.value}


@pytest.mark.parametrize("posts_only", [False, True])
@pytest.mark.parametrize("toml", [PUBLISHED, PUBLISHED + TITLE, PUBLISHED + TITLE + BODY, POST, POST + TITLE + BODY])
def test_rules_by_hand_make_an_undated_page_a_post(toml: str, posts_only: bool) -> None:
    assert read(UNDATED).kind is PageKind.PAGE
    article = read(UNDATED, toml, posts_only=posts_only)
    assert article.kind is PageKind.POST
    assert article.title == "The wheel"
    assert article.body.startswith("The wheel of the mill turns")
    if PUBLISHED in toml:
        assert article.published is not None
        assert article.published.date().isoformat() == "2023-04-05"


def test_selectors_of_posts_overrule_a_guessed_listing_and_a_date_does_not() -> None:
    assert read(LINKS).kind_rule == "list of links"
    article = read(LINKS, POST + BODY)
    assert (article.kind, article.kind_rule) == (PageKind.POST, BY_HAND)
    assert "stone number 8" in article.body
    dated = LINKS.replace("<h1", '<i class="stamp" data-day="2023-04-05"></i><h1')
    assert read(dated, PUBLISHED + TITLE + BODY).kind is PageKind.LISTING


@pytest.mark.parametrize(
    ("html", "kind"),
    [
        (LOCKED, PageKind.OTHER),
        (UNDATED.replace('class="note"', 'class="note error404"').replace(TEXT, ""), PageKind.OTHER),
        (UNDATED.replace("<head>", '<head><meta name="generator" content="WordPress 6.5">').replace(
            'class="note"', 'class="note category archive"'), PageKind.LISTING),
        (UNDATED.replace('class="note"', 'class="leaf"'), PageKind.PAGE),
    ],
)  # fmt: skip
def test_what_a_page_declares_and_other_pages_are_never_made_posts(html: str, kind: PageKind) -> None:
    html = html.replace("The wheel</h1>", "Page not found</h1>") if "error404" in html else html
    assert read(html, POST + TITLE).kind is kind


def test_values_are_read_whatever_the_kind_is() -> None:
    article = read(UNDATED.replace('class="note"', 'class="leaf"'), POST + TITLE.replace("h1.name", ".stamp"))
    assert article.kind is PageKind.PAGE
    assert article.title == "this spring"


@pytest.mark.parametrize(
    "html", [UNDATED, UNDATED.replace("this spring", '<time datetime="2023-04-05">5 April 2023</time>')]
)
@pytest.mark.parametrize("rest", ["", POST])
def test_a_rule_that_finds_nothing_leaves_the_field_and_is_named(html: str, rest: str) -> None:
    mistyped = TITLE.replace("h1.name", "h1.nmae") + BODY.replace("words", "wrods") + '[tags]\nselect = [".mark"]\n'
    article = read(html, rest + PUBLISHED + mistyped)
    assert article.title == "The wheel"
    assert article.body.startswith("The wheel of the mill")
    assert unmatched(article) == {"title", "body", "tags"}
    why = {one.field: one.why for one in explain({"title": article.title, "body": article.body}, article.evidence)}
    assert "finds nothing" in why["title"]
    assert "finds nothing" in why["body"]
    assert "finds nothing" in why["tags"]


def test_a_rule_that_finds_nothing_is_named_if_the_others_read_the_whole_page() -> None:
    article = read(UNDATED, POST + TITLE + BODY + '[authors]\nselect = [".writer"]\n' + PUBLISHED)
    assert article.read_by == "mill.toml"
    assert unmatched(article) == {"authors"}


def test_rules_that_find_nothing_at_all_did_not_read_the_article() -> None:
    dated = UNDATED.replace("this spring", '<time datetime="2023-04-05">5 April 2023</time>')
    article = read(dated, '[tags]\nselect = [".mark"]\n')
    assert article.read_by == ""
    assert unmatched(article) == {"tags"}


@pytest.mark.parametrize("toml", [TITLE + BODY, TITLE + BODY + '[site]\nplaces = ["Mill Lane 3"]\n'])
def test_rules_that_name_no_platform_leave_the_detected_one(toml: str) -> None:
    html = UNDATED.replace("<head>", '<head><meta name="generator" content="Hugo 0.120">')
    html = html.replace("this spring", '<time datetime="2023-04-05">5 April 2023</time>')
    assert read(html).platform == "hugo"
    assert read(html, toml).platform == "hugo"
    assert read(html, '[site]\nplatform = "jekyll"\n' + TITLE + BODY).platform == "jekyll"
    learned = SiteRules(platform="hugo")
    assert learned.overruled(rules(toml)).platform == "hugo"
    assert learned.overruled(rules('[site]\nplatform = "generic"\n')).platform == "generic"


def test_the_byline_at_the_end_of_the_text_is_read_beside_rules_for_title_and_body() -> None:
    signed = UNDATED.replace(TEXT, f"{TEXT}<p>(By Ada Miller)</p>")
    assert read(signed, POST + PUBLISHED + TITLE + BODY).authors == ("Ada Miller",)
