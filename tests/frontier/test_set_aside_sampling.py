"""Samples of the pages that a run sets aside, and the filter of the addresses that patterns have shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from archiver.discovery.url_patterns import URLPattern
from archiver.frontier.trap_budgets import OTHER_PATTERNS, SetAsidePages, ShownAddresses, sample_size

TAGS, MONTHS = URLPattern("terms", "/tag/*"), URLPattern("dates", "/9/9")


def set_aside(run_id: int, pages: int) -> SetAsidePages:
    out = SetAsidePages(run_id)
    for page_id in range(pages):
        out.add(TAGS, page_id)
    return out


@given(st.integers(0, 9), st.integers(0, 3_000))
def test_a_sample_is_part_of_what_was_set_aside(run_id: int, pages: int) -> None:
    sample = set_aside(run_id, pages).take_samples({})
    assert len(sample) == sample_size(pages)
    assert set(sample) <= set(range(pages))


def test_the_size_of_a_sample() -> None:
    assert [sample_size(pages) for pages in (0, 4, 10, 400, 1_000, 100_000)] == [0, 4, 10, 10, 12, 20]


def test_a_sample_depends_on_the_run_only() -> None:
    assert set_aside(3, 400).take_samples({}) == set_aside(3, 400).take_samples({})
    assert set_aside(3, 400).take_samples({}) != set_aside(4, 400).take_samples({})


def test_late_pages_are_sampled_as_often_as_early_ones() -> None:
    late = sum(page_id >= 200 for run_id in range(200) for page_id in set_aside(run_id, 400).take_samples({}))
    assert 800 < late < 1_200


def test_a_pattern_is_sampled_again_only_after_it_was_reopened() -> None:
    pages = set_aside(1, 30)
    pages.take_samples({})
    pages.add(TAGS, 99)
    assert pages.take_samples({}) == {}
    pages.count_hit(TAGS)
    pages.reopen(TAGS)
    pages.add(TAGS, 100)
    assert pages.take_samples({}) == {100: TAGS}
    assert pages.as_json("budget") == {"budget: terms": {"/tag/*": {"pages": 0, "sampled": 11, "hits": 1}}}


def test_a_family_may_have_several_rounds() -> None:
    pages = set_aside(1, 30)
    assert len(pages.take_samples({"terms": 2})) == 10
    pages.add(TAGS, 99)
    assert pages.take_samples({"terms": 2}) == {99: TAGS}


def test_patterns_after_the_first_hundred_are_summed() -> None:
    pages = SetAsidePages(1)
    for number in range(130):
        for page_id in range(2 if number < 100 else 1):
            pages.add(URLPattern("numbers", f"/{number}/9"), page_id)
    [counts] = pages.as_json("budget").values()
    assert len(counts) == 101
    assert counts[OTHER_PATTERNS]["pages"] == 30


@given(st.lists(st.lists(st.text(max_size=5), max_size=8), max_size=12))
def test_an_address_is_new_once_in_each_pattern(pages: list[list[str]]) -> None:
    shown = ShownAddresses()
    for pattern in (TAGS, MONTHS):
        found = [address for page in pages for address in shown.add(pattern, page)]
        assert sorted(found) == sorted({address for page in pages for address in page})


def test_a_full_filter_calls_no_new_address_shown() -> None:
    """The filter has room for 102 addresses; nearly all of 10,000 count as new."""
    shown = ShownAddresses(128)
    new = [shown.add(TAGS, [f"address {n}"]) for n in range(10_000)]
    assert sum(map(bool, new)) > 9_800
