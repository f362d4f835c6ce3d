"""Whether sources list all posts of a site, and the small budgets that follow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.discovery.url_patterns import URLPattern, feed_without_format, form_pattern
from archiver.frontier.trap_budgets import (
    ALLOWED,
    PART_FEEDS,
    PatternBudgets,
    SetAsidePages,
    ShownAddresses,
    SourceCoverage,
    is_exempt_from_budget,
    sample_size,
)
from archiver.model.items import DiscoverySource

TAGS, MONTHS, PAGES = URLPattern("terms", "/tag/*"), URLPattern("dates", "/9/9"), URLPattern("paging", "/page/#?")
MOVED = URLPattern("form", "/9/9/s")
NONE, ONCE = SourceCoverage(60, 59, 60), SourceCoverage(60, 60, 40)
TWICE = SourceCoverage(60, 60, 60)


@pytest.mark.parametrize(
    ("posts", "listed", "linked", "is_complete", "is_complete_twice"),
    [
        (60, 60, 60, True, True),
        (60, 60, 30, True, False),
        (60, 60, 29, False, False),  # links lead to less than half of the posts
        (60, 59, 60, False, False),  # a post is missing from the sources
        (19, 19, 19, False, False),  # too few to tell
        (0, 0, 0, False, False),
    ],
)
def test_a_source_is_complete_if_it_lists_what_links_show(
    posts: int, listed: int, linked: int, is_complete: bool, is_complete_twice: bool
) -> None:
    coverage = SourceCoverage(posts, listed, linked)
    assert (coverage.is_complete, coverage.is_complete_twice) == (is_complete, is_complete_twice)


def test_one_kind_of_source_must_list_all_posts() -> None:
    halves = {"": 60, "feed": 30, "sitemap": 40, "link": 60, "listing": 10}
    assert SourceCoverage.of(halves) == SourceCoverage(60, 40, 60)
    assert SourceCoverage.of({}) == SourceCoverage()


@given(st.dictionaries(st.sampled_from(["", "feed", "sitemap", "api", "link", "listing"]), st.integers(0, 200)))
def test_a_site_with_an_unlisted_post_has_no_complete_source(by_source: dict[str, int]) -> None:
    listed = max(by_source.get(name, 0) for name in ("feed", "sitemap", "api"))
    assert not SourceCoverage.of(by_source | {"": listed + 1}).is_complete


@pytest.mark.parametrize(
    ("coverage", "pattern", "most"),
    [
        (NONE, TAGS, 8),
        (ONCE, TAGS, 2),
        (TWICE, TAGS, 1),
        (NONE, MONTHS, 20),
        (TWICE, MONTHS, 1),
        (ONCE, PAGES, 20),  # the pages of a list are where the links are found
        (TWICE, PAGES, 0),
        (NONE, MOVED, 20),
        (ONCE, MOVED, 5),
        (ONCE, URLPattern("numbers", "/news/9"), 20),
        (TWICE, PART_FEEDS, 1),
    ],
)
def test_the_budgets_of_a_site_whose_sources_list_all_posts(
    coverage: SourceCoverage, pattern: URLPattern, most: int
) -> None:
    assert PatternBudgets().remaining(pattern, coverage) == most


def test_what_other_pages_of_the_pattern_did_not_show_is_no_news_if_it_is_listed() -> None:
    budget = PatternBudgets()
    for _ in range(2):
        budget.count_page(TAGS, is_post=False, has_news=True, has_unknown=False)
    assert budget.remaining(TAGS, ONCE) == 0
    budget.count_page(TAGS, is_post=False, has_news=True, has_unknown=True)
    assert budget.remaining(TAGS, ONCE) == 2


def test_a_sitemap_or_a_menu_with_all_months_makes_no_difference_if_all_posts_are_listed() -> None:
    found = [(DiscoverySource.SITEMAP, URLPattern("", "")), (DiscoverySource.LINK, URLPattern("", ""))]
    assert is_exempt_from_budget(MONTHS, found)
    assert not is_exempt_from_budget(MONTHS, found, by_sources=True)
    assert is_exempt_from_budget(URLPattern("query", "/view?"), found, by_sources=True)


def test_the_rest_of_a_list_is_set_aside_after_five_missing_pages() -> None:
    budget = PatternBudgets()
    for _ in range(4):
        budget.count_page(PAGES, is_post=False, has_news=False, is_missing=True)
    assert budget.remaining(PAGES, NONE) == 16
    budget.count_page(PAGES, is_post=False, has_news=False, is_missing=True)
    assert budget.remaining(PAGES, NONE) == 0
    budget.reopen(PAGES)
    assert budget.remaining(PAGES, NONE) == 100


def test_a_page_ends_the_limit_of_its_form() -> None:
    budget = PatternBudgets()
    budget.count_page(MOVED, is_post=True, has_news=False)
    for _ in range(100):
        budget.count_page(MOVED, is_post=False, has_news=False, is_missing=True)
    assert budget.remaining(MOVED, ONCE) > 1_000
    assert budget.is_used_by_posts(MOVED)


@given(st.sampled_from(sorted(ALLOWED)), st.lists(st.booleans(), max_size=30))
def test_sources_never_make_a_budget_larger(family: str, news: list[bool]) -> None:
    """Every page that leads to an unknown post has news, so the small budget is used up no later."""
    pattern, small, usual = URLPattern(family, "/x"), PatternBudgets(), PatternBudgets()
    for has_news in news:
        for budget in (small, usual):
            budget.count_page(pattern, is_post=False, has_news=has_news, has_unknown=has_news)
    if ALLOWED[family].when_listed is not None:
        assert small.remaining(pattern, TWICE) <= usual.remaining(pattern, NONE)


def test_lists_are_those_of_known_posts_until_one_leads_to_an_unknown_post() -> None:
    budget = PatternBudgets()
    for pattern in (TAGS, MONTHS, PAGES):
        budget.count_page(pattern, is_post=False, has_news=True)
    assert sorted(budget.patterns_of_known()) == [MONTHS, TAGS]
    budget.count_page(TAGS, is_post=False, has_news=True, has_unknown=True)
    budget.count_page(TAGS, is_post=False, has_news=True)
    assert budget.patterns_of_known() == [MONTHS]


def test_the_filter_knows_what_was_added() -> None:
    shown = ShownAddresses()
    shown.add(TAGS, ["a", "b"])
    assert [shown.has(TAGS, key) for key in ("a", "b", "c")] == [True, True, False]
    assert not shown.has(MONTHS, "a")


def test_the_size_of_a_sample_if_a_source_lists_all_posts() -> None:
    assert [sample_size(n, by_sources=True) for n in (0, 1, 10, 11, 95, 1_000)] == [0, 1, 1, 2, 10, 20]
    pages = SetAsidePages(1)
    for page_id in range(95):
        pages.add(TAGS, page_id)
    assert len(pages.take_samples({}, lambda pattern: pattern == TAGS)) == 10


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("http://a.example/news/2014/08/a-name.html", "/news/9/9/s.html"),
        ("http://a.example/2014/08/a-name/", "/9/9/s"),
        ("http://a.example/2014/08/a-name", "/9/9/s"),
        ("http://a.example/a-name", "/s"),
        ("http://a.example/notes/release-1.2.0", "/notes/s"),
        ("http://a.example/posts/a-name/page.md", "/posts/s/s.md"),
    ],
)
def test_the_form_of_an_address(url: str, form: str) -> None:
    assert form_pattern(url) == URLPattern("form", form)


def test_the_form_of_an_address_begins_below_the_folder_of_the_site() -> None:
    assert form_pattern("http://a.example/blog/2014/a-name", "/blog/") == URLPattern("form", "/blog/9/s")


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ("http://a.example/blog/rss.xml", "http://a.example/blog/atom.xml", True),
        ("http://a.example/feeds/all.atom.xml", "http://a.example/feeds/all.rss.xml", True),
        ("http://a.example/feed/", "http://a.example/feed/atom/", True),
        ("http://a.example/blog/index.xml", "http://a.example/blog/atom.xml", True),
        ("http://a.example/blog/index.rdf", "http://a.example/blog/index.xml", True),
        ("http://a.example/blog/rss.xml", "http://a.example/news/atom.xml", False),
        ("http://a.example/blog/index.xml", "http://a.example/news/atom.xml", False),
        ("http://a.example/sea-index.xml", "http://a.example/atom.xml", False),
        ("http://a.example/anatomy.xml", "http://a.example/an.xml", False),
    ],
)
def test_a_feed_in_two_formats(one: str, other: str, are_same: bool) -> None:
    assert (feed_without_format(one) == feed_without_format(other)) is are_same
