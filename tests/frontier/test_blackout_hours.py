"""Blackout hours: what is parsed, and when they begin and end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.frontier.cadence import parse_blackout

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
TIMES = st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))
HOURS = st.sampled_from(
    [
        "08:00-18:00",
        "22:00-06:00 Europe/Berlin",
        "mon-fri 09:30-17:00 America/New_York",
        "sat 00:00-24:00",
        "fri-mon 20:00-04:00 Asia/Kolkata",
    ]
)


def at(hour: float, day: int = 0) -> datetime:
    return MONDAY + timedelta(days=day, hours=hour)


@pytest.mark.parametrize(
    ("text", "moment", "end"),
    [
        ("08:00-18:00", at(7.99), None),
        ("08:00-18:00", at(8), at(18)),
        ("08:00-18:00", at(18), None),
        ("22:00-06:00", at(23), at(6, day=1)),
        ("22:00-06:00", at(3), at(6)),
        ("08:00-18:00 Europe/Berlin", at(7), at(17)),
        ("08:00-18:00 Europe/Berlin", at(6, day=30), at(16, day=30)),  # summer time
        ("mon-fri 08:00-18:00", at(9, day=5), None),
        ("fri-mon 08:00-18:00", at(9, day=6), at(18, day=6)),
        ("fri-mon 08:00-18:00", at(9, day=2), None),
        ("fri 22:00-06:00", at(3, day=5), at(6, day=5)),
    ],
)
def test_the_end_of_a_blackout(text: str, moment: datetime, end: datetime | None) -> None:
    assert parse_blackout(text).end_of(moment) == end


@given(HOURS, TIMES)
def test_a_time_is_in_a_blackout_until_its_end_and_not_at_its_end(text: str, moment: datetime) -> None:
    hours = parse_blackout(text)
    end = hours.end_of(moment)
    assert end is None or (hours.end_of(end - timedelta(seconds=1)), hours.end_of(end)) == (end, None)


@given(HOURS, TIMES)
def test_the_next_blackout_begins_later(text: str, moment: datetime) -> None:
    hours = parse_blackout(text)
    begin = hours.next_begin(moment)
    assert begin > moment
    assert hours.end_of(begin) is not None


@pytest.mark.parametrize("text", ["mon-fri 08:00-18:00 Europe/Berlin", "22:00-06:00 UTC", "sat 00:00-24:00 UTC"])
def test_hours_are_written_as_they_are_parsed(text: str) -> None:
    assert str(parse_blackout(text)) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("always", "write hours as"),
        ("08:00-25:00", "'25:00' is not a time of day"),
        ("08:00-08:00", "begin and end at the same time"),
        ("xyz 08:00-18:00", "'xyz' is not a day"),
        ("08:00-18:00 Europe/Nowhere", "there is no time zone 'Europe/Nowhere'"),
    ],
)
def test_mistakes_in_hours_are_named(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_blackout(text)
