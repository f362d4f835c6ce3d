"""Pattern budgets and equivalent URLs: what is learned about a site, and when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from archiver.discovery.url_patterns import NO_PATTERN, URLPattern
from archiver.frontier.trap_budgets import (
    ALLOWED,
    ENOUGH,
    EquivalentURLs,
    PatternBudgets,
    ShownAddresses,
    SourceCoverage,
    is_exempt_from_budget,
    plainer_urls,
)
from archiver.model.items import DiscoverySource

HUNDRED = SourceCoverage(posts=100)
TAGS, MONTHS, PAGES = URLPattern("terms", "/tag/*"), URLPattern("dates", "/9/9"), URLPattern("paging", "/page/#?")


def note_without_news(budget: PatternBudgets, shape: URLPattern, times: int) -> None:
    for _ in range(times):
        budget.count_page(shape, is_post=False, has_news=False)


def test_a_pattern_without_news_is_ended() -> None:
    budget = PatternBudgets()
    note_without_news(budget, TAGS, 7)
    assert budget.remaining(TAGS, HUNDRED) == 1
    budget.count_page(TAGS, is_post=False, has_news=True)
    assert budget.remaining(TAGS, HUNDRED) == 8
    note_without_news(budget, MONTHS, 20)
    assert budget.remaining(MONTHS, HUNDRED) == 0


def test_the_budget_of_paging_is_the_number_of_known_posts() -> None:
    budget = PatternBudgets()
    note_without_news(budget, PAGES, 20)
    assert budget.remaining(PAGES, HUNDRED) == 100


def test_a_pattern_with_a_post_is_never_ended() -> None:
    budget = PatternBudgets()
    budget.count_page(MONTHS, is_post=True, has_news=False)
    note_without_news(budget, MONTHS, 500)
    assert budget.remaining(MONTHS, HUNDRED) > 1_000
    assert budget.remaining(NO_PATTERN, HUNDRED) > 1_000


def test_pages_from_sitemaps_are_always_fetched() -> None:
    elsewhere = URLPattern("", "")
    assert is_exempt_from_budget(MONTHS, [(DiscoverySource.LINK, elsewhere)])
    assert not is_exempt_from_budget(MONTHS, [(DiscoverySource.LINK, MONTHS)])
    assert is_exempt_from_budget(MONTHS, [(DiscoverySource.LINK, MONTHS), (DiscoverySource.SITEMAP, elsewhere)])
    assert not is_exempt_from_budget(TAGS, [(DiscoverySource.SITEMAP, elsewhere), (DiscoverySource.LINK, elsewhere)])


def test_plainer_forms_of_a_url_are_proposed() -> None:
    assert plainer_urls("org,example)/Print/A-Post.html?lang=de&x=1") == {
        "?lang=": "org,example)/Print/A-Post.html?x=1",
        "?x=": "org,example)/Print/A-Post.html?lang=de",
        "letter case": "org,example)/print/a-post.html?lang=de&x=1",
        "file ending": "org,example)/Print/A-Post?lang=de&x=1",
        "first step /print/": "org,example)/A-Post.html?lang=de&x=1",
        "relative link 1": "org,example)/A-Post.html?lang=de&x=1",
    }
    assert plainer_urls("org,example)/a-post") == plainer_urls("org,example)/") == {}


def test_a_rewrite_is_applied_after_enough_confirmations_and_no_refutation() -> None:
    twins = EquivalentURLs()
    for n in range(ENOUGH):
        assert not twins.believed
        twins.record_same_post(f"org,example)/post-{n}?lang=de", [f"org,example)/post-{n}"])
    assert twins.believed_plainer("org,example)/post-9?lang=fr") == [("?lang=", "org,example)/post-9")]
    twins.record_own_post("org,example)/post-8?lang=de", {"?lang="})
    assert not twins.believed
    assert not twins.undecided("org,example)/post-9?lang=fr")


def test_a_session_parameter_is_recognised_from_two_addresses() -> None:
    twins = EquivalentURLs()
    for n in range(ENOUGH):
        twins.record_same_post(f"org,example)/post-{n}?xq=1", [f"org,example)/post-{n}?xq=2"])
    assert twins.believed == {"?xq="}


@given(st.lists(st.sets(st.integers(0, 60), min_size=1), max_size=80), st.sampled_from(sorted(ALLOWED)))
def test_a_page_that_shows_what_no_other_page_of_its_pattern_has_shown_is_never_idle(
    pages: list[set[int]], family: str
) -> None:
    """Pages of a partition, known posts or not, each followed by the repetitions that are allowed."""
    budget, shown, pattern = PatternBudgets(), ShownAddresses(), URLPattern(family, "/9")
    for number, page in enumerate(pages):
        posts = [f"post {one}" for one in page] + [f"own post of page {number}"]
        budget.count_page(pattern, is_post=False, has_news=bool(shown.add(pattern, posts)))
        assert budget.remaining(pattern, HUNDRED) == ALLOWED[family].idle
        note_without_news(budget, pattern, ALLOWED[family].idle - 1)
        assert budget.remaining(pattern, HUNDRED) == 1


@given(st.lists(st.integers(0, 15), max_size=400))
def test_what_a_pattern_costs_is_bounded_by_the_posts_that_it_shows(shows: list[int]) -> None:
    budget, shown, read = PatternBudgets(), ShownAddresses(), 0
    for post in shows:
        if not budget.remaining(TAGS, HUNDRED):
            break
        read += 1
        budget.count_page(TAGS, is_post=False, has_news=bool(shown.add(TAGS, [f"post {post}"])))
    assert read <= (len(set(shows)) + 1) * ALLOWED["terms"].idle


def test_a_folder_gets_more_for_each_of_its_posts() -> None:
    budget, manual = PatternBudgets(), URLPattern("folder", "/manual/*")
    note_without_news(budget, manual, 50)
    assert budget.remaining(manual, HUNDRED) == 0
    budget.credit(manual)
    assert budget.remaining(manual, HUNDRED) == 51
    budget.count_page(manual, is_post=True, has_news=False)
    assert budget.remaining(manual, HUNDRED) == 52
    note_without_news(budget, manual, 52)
    budget.reopen(manual)
    assert budget.remaining(manual, HUNDRED) == 252
