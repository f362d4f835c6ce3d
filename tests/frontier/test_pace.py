"""How a host's responses change its throttle."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from archiver.politeness.throttle import MAX_DELAY, MAX_RETRY_AFTER, MAX_STRIKES, Throttle, retry_after
from archiver.sites.run_limits import RunLimits

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
POLITE = Throttle(floor=0.5)


def throttle_after(pace: Throttle, *answers: tuple[int, float], at: float = 100.0) -> Throttle:
    """Return the throttle after these responses. Each request is sent when the pause and the delay before it are
    over.
    """
    for status, seconds in answers:
        at += pace.pause(at) + pace.delay + seconds
        pace = pace.after_response(status, seconds, at)
    return pace


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Fri, 01 May 2026 12:01:30 GMT", 90.0),
        ("Friday, 01-May-26 12:01:30 GMT", 90.0),
        ("Fri, 01 May 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("9" * 40, 1e9),
        ("Fri, 32 May 2026 12:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


def test_a_fast_host_is_asked_at_the_floor_delay() -> None:
    assert throttle_after(POLITE, *[(200, 0.01)] * 20).delay == 0.5


def test_a_slow_host_rests_as_long_as_it_worked() -> None:
    assert throttle_after(POLITE, (200, 2.0)).delay == 4.0
    assert throttle_after(POLITE, (200, 2.0), (404, 0.01)).delay == 4.0
    assert throttle_after(POLITE, (200, 2.0), (200, 0.1)).delay == 2.1
    assert throttle_after(POLITE, (200, 2.0), *[(200, 0.1)] * 9).delay == 0.5
    assert throttle_after(POLITE, (200, 90.0)).delay == MAX_DELAY


def test_a_floor_of_zero_has_no_delay_unless_the_host_asks() -> None:
    assert throttle_after(Throttle(), (200, 2.0)).delay == 0
    assert Throttle().at_least(10).delay == 0
    assert throttle_after(Throttle(), (503, 0.1)).delay == 1.0
    assert throttle_after(Throttle(), (503, 0.1), *[(200, 0.1)] * 20).delay == 0


def test_busy_responses_double_the_delay_and_good_ones_reduce_it() -> None:
    delays = [throttle_after(POLITE, *[(429, 0.1)] * n).delay for n in range(1, MAX_STRIKES + 1)]
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60]
    paces = [throttle_after(POLITE, *[(503, 0.1)] * 4, *[(200, 0.1)] * n) for n in range(15)]
    assert [p.strikes for p in paces][:3] == [4, 0, 0]
    assert all(0.79 < b.delay / a.delay < 1 for a, b in pairwise(paces[:12]))
    assert paces[14].delay == 0.5


def test_retry_after_is_a_pause_for_what_was_asked_up_to_a_day() -> None:
    assert POLITE.after_response(429, 0.1, 100.0, 30.0).pause(100.0) == 30.0
    assert POLITE.after_response(503, 0.1, 100.0, 30.0).pause(120.0) == 10.0
    assert POLITE.after_response(503, 0.1, 100.0, 0.0).pause(100.0) == 1.0
    assert POLITE.after_response(503, 0.1, 100.0, 1e9).pause(100.0) == MAX_RETRY_AFTER
    assert POLITE.after_response(301, 0.1, 100.0, 30.0).pause(100.0) == 0
    assert POLITE.after_response(200, 0.1, 100.0, 30.0).pause(100.0) == 0


def test_responses_to_concurrent_requests_are_one_strike() -> None:
    pace = POLITE.after_response(429, 0.5, 100.0)
    for at in (100.1, 100.2, 100.3):
        pace = pace.after_response(429, 0.5, at, 7.0)
    assert (pace.strikes, pace.delay, pace.until) == (1, 1.0, 107.3)


def test_slowness_does_not_count_with_several_lanes() -> None:
    pace = Throttle(0.125, lanes=8)
    assert pace.after_response(200, 5.0, 100.0).delay == 0.125
    assert pace.after_response(429, 5.0, 100.0).delay == 1.0
    assert pace.after_response(429, 0.5, 100.0, 30.0).pause(110.0) == 20.0


@pytest.mark.parametrize(("asked", "delay"), [(0.1, 0.5), (10.0, 10.0), (3600.0, MAX_DELAY)])
def test_the_crawl_delay_is_a_floor(asked: float, delay: float) -> None:
    assert POLITE.at_least(asked).delay == delay


@pytest.mark.parametrize(
    ("settings", "used", "reached"),
    [
        ({}, (10**9, 10**15, 1e9), ""),
        ({"max_pages": 10}, (9, 0, 0), ""),
        ({"max_pages": 1000}, (1000, 0, 0), "max_pages"),
        ({"max_megabytes": 0.5}, (0, 499_999, 0), ""),
        ({"max_megabytes": 0.5}, (0, 500_000, 0), "max_megabytes"),
        ({"max_minutes": 30}, (0, 0, 1800), "max_minutes"),
    ],
)
def test_spent_names_the_limit_that_is_reached(
    settings: dict[str, float], used: tuple[int, int, float], reached: str
) -> None:
    reason = RunLimits.of(settings).reached_limit(*used)
    assert bool(reason) == bool(reached)
    assert reached in reason
