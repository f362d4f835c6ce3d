"""The signs by which learned rules recognize a post without classifying its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from archiver.errors import BadRules
from archiver.extraction.article_extraction_with_site_rules import extract_page, read_by_rules
from archiver.extraction.page_parsing_and_javascript_check import Page, parse_page
from archiver.extraction.template.rule_induction import Sample, learn_rules
from archiver.extraction.template.site_rule_field_reader import SiteReader
from archiver.extraction.template.site_rules_and_constants import PostSigns, Rule, SiteRules, from_toml, to_toml
from archiver.items import Article, PageKind
from tests.small_sites import SamplePost, sample_posts

POSTS = sample_posts(30)
NEXT = '<div class="post-nav"><a href="/next/">Next</a></div>'
SIGNS = PostSigns(("div.post-nav",), "h2.name", "dated")


def entry(post: SamplePost, title: str = "", day: bool = True) -> str:
    shown = f'<p class="by"><time datetime="{post.at.isoformat()}">{post.day}</time></p>' if day else ""
    text = "".join(f"<p>{paragraph}</p>" for paragraph in post.paragraphs)
    return f'<h2 class="name">{title or post.title}</h2>{shown}<div class="prose">{text}</div>'


def page(inside: str, path: str) -> Page:
    html = (
        f'<!doctype html><html lang="en"><head><title>Low Water</title></head><body><div class="top">'
        f'<a href="/">Low Water</a></div><div class="sheet">{inside}</div></body></html>'
    )
    return parse_page(html, f"https://low.example{path}")


def post_page(post: SamplePost, more: str = NEXT, day: bool = True) -> Page:
    return page(entry(post, day=day) + more, post.path)


def list_page(path: str = "/", more: str = "") -> Page:
    entries = (entry(post, f'<a href="{post.path}">{post.title}</a>') for post in POSTS[:5])
    return page("".join(entries) + more, path)


def learned(others: Sequence[Page], more: str = NEXT, day: bool = True) -> SiteRules:
    samples = [
        Sample(post_page(post, more, day), extract_page(post_page(post, more, day), None, PageKind.POST))
        for post in POSTS[:25]
    ]
    rules = learn_rules(samples, others)
    assert rules is not None
    assert not rules.post
    return replace(rules, version="rules-1")


def read(one: Page, rules: SiteRules) -> Article | None:
    return read_by_rules(SiteReader(one, rules, None))


def test_what_all_posts_and_no_list_have_is_a_sign_of_a_post() -> None:
    assert learned([list_page()]).signs == SIGNS


@pytest.mark.parametrize(
    ("others", "more", "day"),
    [
        pytest.param([], NEXT, True, id="no other page was seen"),
        pytest.param([list_page(more=NEXT)], NEXT, True, id="the list has it, too"),
        pytest.param([list_page()], "", True, id="posts have nothing of their own"),
        pytest.param([list_page()], NEXT, False, id="posts have no date, as other pages"),
        pytest.param([page(entry(POSTS[29]), "/about/")], NEXT, True, id="no list was seen"),
    ],
)
def test_nothing_is_a_sign_if_it_may_be_on_other_pages(others: list[Page], more: str, day: bool) -> None:
    assert learned(others, more, day).signs is None


def test_a_page_with_the_signs_is_a_post_by_the_rule_that_the_samples_had() -> None:
    article = read(post_page(POSTS[28]), learned([list_page()]))
    assert article is not None
    assert (article.title, article.kind_rule, article.read_by) == (POSTS[28].title, "dated", "rules-1")


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(list_page("/notes/", more=NEXT), id="a list with the signs"),
        pytest.param(post_page(POSTS[28], day=False), id="a page without a date"),
    ],
)
def test_a_page_with_the_signs_of_a_post_is_no_post_if_it_has_several_titles_or_no_date(one: Page) -> None:
    assert read(one, learned([list_page()])) is None


def test_a_post_without_the_signs_is_classified() -> None:
    rules = learned([list_page()])
    plain, signed = (read(post_page(POSTS[28], more), rules) for more in ("", NEXT))
    assert plain is not None
    assert plain == signed


def test_signs_are_written_and_read() -> None:
    rules = learned([list_page()])
    assert from_toml(to_toml(rules), "test", version="rules-1") == rules


def test_a_rule_for_the_date_by_hand_ends_the_signs() -> None:
    by_hand = SiteRules({"published": Rule(("time",), by_hand=True)})
    assert learned([list_page()]).overruled(by_hand).signs is None


@pytest.mark.parametrize(
    "signs",
    [
        'present = ["p"]',
        'present = []\nsingle = "h1"\nrule = "dated"',
        'present = ["p"]\nsingle = "h1"\nrule = 3',
        'present = ["p"]\nsingle = ["h1"]\nrule = "dated"',
        'signs = ["p"]',
    ],
)
def test_incomplete_signs_are_refused(signs: str) -> None:
    with pytest.raises(BadRules, match=r"site\.signs"):
        from_toml(f"[site.signs]\n{signs}\n", "test")


def test_signs_by_hand_are_refused() -> None:
    with pytest.raises(BadRules, match="only learned"):
        from_toml(to_toml(learned([list_page()])), "test", by_hand=True)
