"""Years of other calendars."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.extraction.date_parser import civil_year, from_solar, han_number


@pytest.mark.parametrize(
    ("solar", "day"),
    [
        ((1403, 1, 1), date(2024, 3, 20)),
        ((1404, 1, 1), date(2025, 3, 21)),
        ((1399, 12, 30), date(2021, 3, 20)),
        ((1357, 11, 22), date(1979, 2, 11)),
        ((1300, 1, 1), date(1921, 3, 21)),
    ],
)
def test_days_of_the_solar_year(solar: tuple[int, int, int], day: date) -> None:
    assert from_solar(*solar) == day


def test_impossible_days_are_rejected() -> None:
    assert from_solar(1400, 12, 30) is None
    assert from_solar(1400, 7, 31) is None
    assert from_solar(1400, 13, 1) is None


@given(st.integers(1300, 1429))
def test_years_follow_one_another_without_a_gap(year: int) -> None:
    first, following = from_solar(year, 1, 1), from_solar(year + 1, 1, 1)
    last = from_solar(year, 12, 30) or from_solar(year, 12, 29)
    assert first is not None
    assert following is not None
    assert last is not None
    assert following - last == timedelta(days=1)
    assert (first.month, first.day) in ((3, 20), (3, 21), (3, 22))


def test_years_and_numbers() -> None:
    assert (civil_year(2567), civil_year(2024)) == (2024, 2024)
    assert [han_number(t) for t in ("二〇二四", "二十一", "十", "元", "5", "月")] == [2024, 21, 10, 1, 5, None]
