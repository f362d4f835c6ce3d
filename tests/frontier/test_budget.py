"""Pattern budgets and equivalent URLs: what is learned about a site, and when."""

from __future__ import annotations

from archiver.discovery.url_classifier import NO_PATTERN, URLPattern
from archiver.frontier.redundant_urls import ENOUGH, EquivalentURLs, PatternBudgets, is_exempt_from_budget, plainer_urls
from archiver.items import DiscoverySource

TAGS, MONTHS, PAGES = URLPattern("terms", "/tag/*"), URLPattern("dates", "/9/9"), URLPattern("paging", "/page/#?")


def note_without_news(budget: PatternBudgets, shape: URLPattern, times: int) -> None:
    for _ in range(times):
        budget.count_page(shape, is_post=False, has_news=False)


def test_a_pattern_without_news_is_ended() -> None:
    budget = PatternBudgets(lambda: 100)
    note_without_news(budget, TAGS, 7)
    assert budget.remaining(TAGS) == 1
    budget.count_page(TAGS, is_post=False, has_news=True)
    assert budget.remaining(TAGS) == 8
    note_without_news(budget, MONTHS, 20)
    assert budget.remaining(MONTHS) == 0


def test_the_budget_of_paging_is_the_number_of_known_posts() -> None:
    budget = PatternBudgets(lambda: 100)
    note_without_news(budget, PAGES, 20)
    assert budget.remaining(PAGES) == 100


def test_a_pattern_with_a_post_is_never_ended() -> None:
    budget = PatternBudgets(lambda: 0)
    budget.count_page(MONTHS, is_post=True, has_news=False)
    note_without_news(budget, MONTHS, 500)
    assert budget.remaining(MONTHS) > 1_000
    assert budget.remaining(NO_PATTERN) > 1_000


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
