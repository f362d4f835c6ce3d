"""Samples of posts, and what they say about the posts that were not looked at."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.frontier.edit_estimates import EditEstimate, KnownPost, Sampled, choose_sample

NOW = datetime(2025, 1, 1, tzinfo=UTC)
OLD, NEW = "2005-01-01T00:00:00+00:00", "2024-12-30T00:00:00+00:00"


def posts(host: str, *published: str | None) -> list[KnownPost]:
    return [KnownPost(n, f"{host})/post-{n}", at) for n, at in enumerate(published)]


@pytest.mark.parametrize(
    ("sampled", "changed", "share"), [(10, 0, 0.2589), (10, 1, 0.3942), (60, 0, 0.0487), (5, 5, 1.0), (0, 0, 1.0)]
)
def test_the_upper_limit_is_that_of_clopper_and_pearson(sampled: int, changed: int, share: float) -> None:
    assert Sampled(1, sampled, changed).at_most == pytest.approx(share, abs=0.0001)


def test_the_upper_limit_of_a_large_sample_is_computed() -> None:
    assert Sampled(10, 20_000, 5_000).at_most == pytest.approx(0.255, abs=0.001)


@given(st.integers(1, 300), st.integers(0, 300))
def test_the_upper_limit_is_above_the_share_of_hits(sampled: int, changed: int) -> None:
    share = min(changed, sampled) / sampled
    assert share <= Sampled(1, sampled, min(changed, sampled)).at_most <= 1


def test_an_estimate_counts_posts_and_has_a_sentence() -> None:
    estimate = EditEstimate("blog.example", 318, Sampled(1, 10, 0)).as_dict()
    assert (estimate["posts_at_most"], estimate["share_at_most"]) == (83, 0.2589)
    assert str(estimate["sentence"]).startswith("318 known posts were not fetched again; of 10 sampled, 0 had changed")


def test_an_estimate_without_a_sample_has_no_limit() -> None:
    estimate = EditEstimate("blog.example", 3, Sampled()).as_dict()
    assert (estimate["unseen"], estimate["posts_at_most"], estimate["share_at_most"]) == (3, None, None)


def test_a_sample_depends_on_the_run_and_the_paths_only() -> None:
    chosen = choose_sample(posts("example,blog", *[OLD] * 50), 10, 7, NOW)
    assert chosen == choose_sample(reversed(posts("127.0.0.1:8000", *[OLD] * 50)), 10, 7, NOW)
    assert chosen != choose_sample(posts("example,blog", *[OLD] * 50), 10, 8, NOW)


def test_each_post_is_sampled_sooner_or_later_and_new_ones_more_often() -> None:
    known = posts("example,blog", *[OLD] * 20, *[NEW] * 20, None)
    times = Counter(n for run in range(400) for n in choose_sample(known, 5, run, NOW))
    assert set(times) == set(range(41))
    assert sum(times[n] for n in range(20, 40)) > 5 * sum(times[n] for n in range(20))


def test_a_sample_is_not_larger_than_the_site() -> None:
    assert sorted(choose_sample(posts("example,blog", OLD, NEW), 10, 1, NOW)) == [0, 1]


def test_one_hit_may_be_chance() -> None:
    one = Sampled(1, 10, 1)
    assert (one.sample_size(10), one.revisit_period(timedelta(days=30))) == (10, timedelta(days=30))


def test_frequent_hits_enlarge_the_sample_and_shorten_the_revisit_period() -> None:
    several = Sampled(5, 50, 5)
    assert (several.sample_size(10), several.revisit_period(timedelta(days=30))) == (30, timedelta(days=10))


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 100), st.integers(1, 90))
def test_sample_and_revisit_period_are_bounded(sampled: int, changed: int, setting: int, days: int) -> None:
    samples = Sampled(3, sampled, min(changed, sampled))
    assert setting <= samples.sample_size(setting) <= 10 * setting
    assert timedelta(days=1) <= samples.revisit_period(timedelta(days=days)) <= timedelta(days=days)
