"""The form of a page: equal for the posts of a template, another for its lists, and without what a post's text has."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from archiver.extraction.article import extract_page
from archiver.extraction.bylines import CHANGED_BESIDE_HEADING
from archiver.extraction.page import parse_page
from archiver.extraction.page_classifier import HEAD_SLOT, address_pattern, date_slot, markup_tokens, page_form
from archiver.model.items import Article, Evidence

SHELL = """<html><head><title>{title} - Quayside</title></head><body class="plain">
<div id="frame"><div class="masthead"><a href="/" class="home">Quayside</a></div>
<ul class="menu"><li><a href="/a/">A</a></li>
</ul>{main}<div class="legal">Printed in Hull</div></div></body></html>"""
POST = """<div class="piece"><h1 class="piece-head">{title}</h1>
<div class="when"><time datetime="{day}">{day}</time></div>
<div class="piece-text">{text}</div><div class="filed"><a rel="tag" href="/t/x/">x</a></div></div>"""
LIST = (
    """<ul class="pieces"><li class="row"><a href="/1/">One</a></li><li class="row"><a href="/2/">Two</a></li></ul>"""
)


def post(title: str = "Ropes", text: str = "<p>Hemp and tar.</p>", day: str = "2024-05-01") -> str:
    return SHELL.format(title=title, main=POST.format(title=title, text=text, day=day))


def tokens(html: str) -> frozenset[int]:
    return markup_tokens(parse_page(html, "https://quay.example/1/"))


def test_posts_of_one_template_have_equal_tokens() -> None:
    other = post("Anchors", "<p>Iron, <em>and</em> <span class='note'>more iron</span>.</p>", "2023-01-09")
    assert tokens(post()) == tokens(other)


def test_a_list_of_the_same_template_lacks_the_tokens_of_its_posts() -> None:
    shown, listed = tokens(post()), tokens(SHELL.format(title="All", main=LIST))
    assert len(shown - listed) >= 5
    assert shown & listed


@pytest.mark.parametrize(
    "text",
    [
        '<p>A <span class="drop">drop</span> cap</p>',
        '<blockquote><div class="quoted">Said</div></blockquote>',
        '<pre><span class="keyword">if</span></pre>',
        '<p><a class="footnote" href="#n">1</a></p>',
    ],
)
def test_markup_of_the_text_is_no_part_of_the_form(text: str) -> None:
    assert tokens(post(text=text)) == tokens(post())


def test_a_page_without_headings_differs_from_others_by_the_title_or_description_that_it_declares() -> None:
    pages = [
        f'<title>Quayside</title><meta name="description" content="{text}"><div class="name">{text}</div><p>Tar.</p>'
        for text in ("Ropes", "Anchors")
    ]
    first, second = (page_form(parse_page(page, "https://quay.example/1/")).titles for page in pages)
    assert first[0] == second[0]
    assert first[1] != second[1]


@pytest.mark.parametrize("name", ["post-412", "tag-ropes", "category-sea", "author-ida"])
def test_names_that_belong_to_one_page_are_no_part_of_the_form(name: str) -> None:
    assert tokens(post().replace('class="piece"', f'class="piece {name}"')) == tokens(post())


@pytest.mark.parametrize(
    ("url", "pattern"),
    [
        ("https://quay.example/2024/05/17/a-name/", "Y/9/9/s"),
        ("https://quay.example/2024/05/17/1984/", "Y/9/9/s"),
        ("https://quay.example/2024/05/a-name/", "Y/9/s"),
        ("https://quay.example/2024/05/a-name/index.html", "Y/9/s"),
        ("https://quay.example/blog/other.html", "s/s.html"),
        ("https://quay.example/2024-05-01-ropes.html", "D-s.html"),
        ("https://quay.example/?p=12", "?p"),
        ("https://quay.example/index.html%3Fp=12.html", "?p"),
        ("https://quay.example/read.php?id=7&cat=2", "s.php?cat&id"),
        ("https://quay.example/1888/ropes/", "9/s"),
        ("https://quay.example/%E8%88%B9/", "s"),
        ("https://quay.example/", ""),
    ],
)
def test_the_pattern_of_an_address_has_no_words(url: str, pattern: str) -> None:
    assert address_pattern(url) == pattern


def test_a_form_has_what_the_page_shows() -> None:
    pictures = '<p><img src="a.jpg"><img src="b.jpg"></p><iframe src="c"></iframe>'
    form = page_form(parse_page(post(text=pictures), "https://quay.example/1/"))
    assert (form.address, form.media, form.hentry) == ("9", 3, "")
    assert 0 not in form.titles


@pytest.mark.parametrize(
    ("classes", "hentry"),
    [("hentry type-post", "post"), ("hentry type-page", "page"), ("hentry type-attachment", "attachment"), ("", "")],
)
def test_the_type_of_the_only_hentry_is_kept(classes: str, hentry: str) -> None:
    html = post().replace('class="piece"', f'class="piece {classes}"')
    assert page_form(parse_page(html, "https://quay.example/1/")).hentry == hentry


def test_the_types_of_several_hentries_are_not_kept() -> None:
    html = post().replace("<ul", '<div class="hentry type-post"></div><div class="hentry type-post"></div><ul')
    assert page_form(parse_page(html, "https://quay.example/1/")).hentry == ""


def test_posts_of_one_template_show_their_date_in_one_place() -> None:
    slots = {
        date_slot(
            extract_page(
                parse_page(post(day=day, text="<p>Hemp and tar, twice a day.</p>" * 5), "https://q.example/1/")
            )
        )
        for day in ("2024-05-01", "2022-11-30")
    }
    assert len(slots) == 1
    assert slots != {0}


def test_a_page_without_a_shown_date_has_no_date_slot() -> None:
    html = SHELL.format(title="About", main="<h1>About</h1><p>We sell ropes.</p>")
    assert date_slot(extract_page(parse_page(html, "https://q.example/about/"))) == 0


@pytest.mark.parametrize(
    ("source", "locator", "is_in_head"),
    [
        ("learned", "ld+json", True),
        ("learned", "meta[property='article:published_time']", True),
        ("learned", "div.when time", False),
        ("shown", "near time", False),
        ("json-ld", "BlogPosting", False),
    ],
)
def test_a_date_that_a_rule_reads_in_the_head_is_told_from_one_that_is_shown(
    source: str, locator: str, is_in_head: bool
) -> None:
    day = datetime(2024, 5, 1, tzinfo=UTC)
    found = (Evidence("published", "2024-05-01", source, locator, 0.9),)
    assert (date_slot(Article("u", "Rain", published=day, evidence=found)) == HEAD_SLOT) is is_in_head


@pytest.mark.parametrize(
    ("value", "locator", "is_shown"),
    [
        ("2024-05-01", CHANGED_BESIDE_HEADING, True),
        ("2024-05-02", CHANGED_BESIDE_HEADING, False),
        ("2024-05-01", "changed, near time", False),
    ],
)
def test_posts_may_show_only_when_they_were_changed(value: str, locator: str, is_shown: bool) -> None:
    day = datetime(2024, 5, 1, tzinfo=UTC)
    found = (Evidence("published", value, "byline", locator, 0.42),)
    assert bool(date_slot(Article("u", "Rain", published=day, evidence=found))) is is_shown
