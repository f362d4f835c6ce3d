"""When a site is due, with a fixed clock."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.frontier.cadence import (
    Adaptive,
    Cadence,
    Cron,
    Every,
    PastRun,
    RecrawlTime,
    next_crawl,
    parse_cadence,
    stable_fraction,
    start_interval,
)

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SIX = Every(6 * HOUR)


def ran(hours_ago: float, outcome: str = "finished", new: int = 0, listed: int = 0) -> PastRun:
    return PastRun(NOW - hours_ago * HOUR, outcome, new, listed)


def recrawl_times(cadence: Cadence, news: list[int], name: str = "a.example", listed: int = 10) -> list[RecrawlTime]:
    """Return the recrawl times of a site that is crawled whenever it is due and finds this many new posts each time."""
    runs, now, turns = [PastRun(NOW, "finished", 100, listed)], NOW, []
    for new in news:
        turns.append(next_crawl(cadence, runs, name, now))
        now = turns[-1].at
        runs.insert(0, PastRun(now, "finished", new, listed))
    return turns


@pytest.mark.parametrize(
    ("text", "cadence", "again"),
    [
        ("6h", SIX, "6h"),
        (" 90m", Every(90 * timedelta(minutes=1)), "90m"),
        ("1w", Every(timedelta(days=7)), "7d"),
        ("1.5h", Every(1.5 * HOUR), "90m"),
        ("cron:0 */4 * * *", Cron("0 */4 * * *"), "cron:0 */4 * * *"),
        ("cron: H  6 * * MON-FRI", Cron("H 6 * * MON-FRI"), "cron:H 6 * * MON-FRI"),
        ("cron:0 0 28 H *", Cron("0 0 28 H *"), "cron:0 0 28 H *"),
        ("adaptive", Adaptive(), "adaptive:1h..7d"),
        ("adaptive:30m..2d", Adaptive(HOUR / 2, 48 * HOUR), "adaptive:30m..2d"),
    ],
)
def test_a_cadence_is_read_and_written(text: str, cadence: Cadence, again: str) -> None:
    assert parse_cadence(text) == cadence
    assert str(cadence) == again
    assert parse_cadence(again) == cadence


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("often", ""),
        ("", ""),
        ("4m", "5 minutes"),
        ("400d", "366 days"),
        ("cron:0 0 * *", "five"),
        ("cron:99 * * * *", "cron"),
        ("cron:0 0 31 2 *", "day-of-month"),
        ("cron:0 0 30 H *", "February"),
        ("adaptive:1h", ""),
        ("adaptive:2d..1h", ""),
        ("adaptive:x..1h", ""),
    ],
)
def test_invalid_cadences_are_refused(text: str, names: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_cadence(text)
    assert names in str(refused.value)


def test_a_site_that_was_never_crawled_is_due_now() -> None:
    assert next_crawl(SIX, [], "a.example", NOW) == RecrawlTime(NOW, 6 * HOUR, "never crawled")


def test_slots_are_one_period_apart() -> None:
    at = [turn.at for turn in recrawl_times(SIX, [0] * 6)]
    assert {b - a for a, b in pairwise(at)} == {6 * HOUR}
    late = [PastRun(at[0] + 2 * HOUR, "finished"), PastRun(at[0] - 6 * HOUR, "finished")]
    assert next_crawl(SIX, late, "a.example", at[0] + 3 * HOUR).at == at[1]


def test_missed_periods_are_made_up_by_one_run() -> None:
    """After a month without runs one run is due, and the next a period later."""
    away = next_crawl(SIX, [ran(30 * 24)], "a.example", NOW)
    assert away.at < NOW
    assert NOW + 3 * HOUR <= next_crawl(SIX, [ran(0), ran(30 * 24)], "a.example", NOW).at <= NOW + 9 * HOUR


def test_thousands_of_sites_are_spread_over_the_period() -> None:
    names = [f"blog-{n}.example" for n in range(900)]
    for cadence in (SIX, Adaptive(6 * HOUR, 6 * HOUR), Cron("H H * * *")):
        turns = [next_crawl(cadence, [ran(0)], name, NOW).at for name in names]
        assert max(Counter(turn.replace(second=0, microsecond=0) for turn in turns).values()) < 45
        assert turns == [next_crawl(cadence, [ran(0)], name, NOW).at for name in names]
    together = {next_crawl(Cron("0 4 * * *"), [ran(0)], name, NOW).at for name in names}
    assert together == {datetime(2026, 3, 3, 4, 0, tzinfo=UTC)}  # as the expression says


def test_a_cron_expression_is_in_utc() -> None:
    assert next_crawl(Cron("30 6 * * MON-FRI"), [ran(1)], "a", NOW).at == datetime(2026, 3, 3, 6, 30, tzinfo=UTC)
    before = [PastRun(datetime(2026, 2, 27, 9, tzinfo=UTC), "finished")]
    assert next_crawl(Cron("30 6 * * MON-FRI"), before, "a", NOW).at == datetime(2026, 3, 2, 6, 30, tzinfo=UTC)


def test_an_adaptive_period_reaches_its_bounds() -> None:
    busy = recrawl_times(Adaptive(), [8] * 8)
    assert [turn.period / HOUR for turn in busy] == [12, 6, 3, 1.5, 1, 1, 1, 1]
    asleep = recrawl_times(Adaptive(), [0] * 12)
    assert asleep[-1].period == timedelta(days=7)
    assert all(a.period <= b.period for a, b in pairwise(asleep))
    steady = recrawl_times(Adaptive(), [1] * 10)
    assert {turn.period for turn in steady} == {12 * HOUR}


def test_the_share_of_what_a_feed_lists_decides() -> None:
    assert recrawl_times(Adaptive(), [10, 10], listed=100)[-1].period == 12 * HOUR
    assert recrawl_times(Adaptive(), [10, 10], listed=40)[-1].period == 9 * HOUR
    assert recrawl_times(Adaptive(), [10, 10], listed=15)[-1].period == 6 * HOUR


def test_runs_in_quick_succession_do_not_change_the_period() -> None:
    runs = [ran(0.1 * n) for n in range(6)]
    assert next_crawl(Adaptive(), runs, "a.example", NOW).period == 12 * HOUR


def test_a_stopped_run_is_retried_with_increasing_waits() -> None:
    waits = [
        next_crawl(Every(24 * HOUR), [ran(0, "interrupted")] * n + [ran(20)], "a", NOW).at - NOW for n in (1, 2, 3)
    ]
    assert [wait / timedelta(minutes=1) for wait in waits] == [10, 20, 40]
    many = next_crawl(Every(24 * HOUR), [ran(0, "")] * 24, "a", NOW)
    assert timedelta(0) < many.at - NOW <= 36 * HOUR


def test_a_host_that_asked_for_a_pause_gets_it_but_not_for_years() -> None:
    later = NOW + 20 * HOUR
    assert next_crawl(SIX, [ran(1, "waiting")], "a", NOW, quiet_until=later).at == later
    assert next_crawl(SIX, [ran(1, "waiting")], "a", NOW, quiet_until=NOW + timedelta(days=700)).at < NOW + 9 * HOUR


@given(
    st.lists(
        st.tuples(
            st.integers(-40_000, 40_000),
            st.sampled_from(["finished", "failed", "interrupted", "", "waiting"]),
            st.integers(0, 50),
        ),
        max_size=24,
    ),
    st.sampled_from([SIX, Cron("0 */4 * * *"), Adaptive()]),
)
def test_with_any_clock_a_site_is_due_within_its_period(runs: list[tuple[int, str, int]], cadence: Cadence) -> None:
    """Runs have any times, from years ago to years ahead, as after changes of the clock."""
    past = [PastRun(NOW + hours * HOUR, outcome, new) for hours, outcome, new in runs]
    turn = next_crawl(cadence, past, "a.example", NOW)
    assert turn.at <= NOW + 1.5 * turn.period + timedelta(minutes=10)
    assert next_crawl(cadence, past, "a.example", NOW) == turn


@given(st.text())
def test_a_share_is_between_0_and_1(name: str) -> None:
    assert 0 <= stable_fraction(name) < 1


def test_starts_are_spread_even_for_many_sites() -> None:
    assert start_interval(3) == 0.5
    assert start_interval(100_000) * 100_000 == pytest.approx(1800)
