"""Blackout hours: the times of the week in which a site is not crawled."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from archiver.lazy_regex import lazy_regex

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


_FORM = lazy_regex(
    r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? )?"
    r"(?P<begin>\d{1,2}:\d\d) ?- ?(?P<end>\d{1,2}:\d\d)(?: (?P<zone>[a-z][\w/+-]*))?",
    re.IGNORECASE,
)


_WEEK = 7


@dataclass(frozen=True, slots=True)
class BlackoutHours:
    """The blackout hours of a site: the time from `begin` to `end` on some days (0 is Monday) in a time zone. If `end`
    is before `begin`, the hours end on the next day.
    """

    begin: time
    end: time
    days: tuple[int, ...]
    zone: ZoneInfo

    def __str__(self) -> str:
        first, last = _DAYS[self.days[0]], _DAYS[self.days[-1]]
        days = "" if len(self.days) == _WEEK else f"{first} " if first == last else f"{first}-{last} "
        end = "24:00" if self.end == time() else f"{self.end:%H:%M}"
        return f"{days}{self.begin:%H:%M}-{end} {self.zone.key}"

    def end_of(self, at: datetime) -> datetime | None:
        """Returns when the blackout at this time ends, in UTC; None if there is no blackout at this time."""
        return next((end for begin, end in self._around(at) if begin <= at < end), None)

    def next_begin(self, at: datetime) -> datetime:
        """Returns when the next blackout after this time begins, in UTC."""
        return next(begin for begin, _ in self._around(at) if begin > at)

    def _around(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yields the start and end of each blackout from the day before this time to eight days after it."""
        today = at.astimezone(self.zone).date()
        for day in (today + timedelta(days=n) for n in range(-1, _WEEK + 2)):
            if day.weekday() in self.days:
                yield (
                    self._moment(day, self.begin),
                    self._moment(day if self.begin < self.end else day + timedelta(days=1), self.end),
                )

    def _moment(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, self.zone).astimezone(UTC)


@lru_cache(maxsize=256)  # cached because thousands of sites may share a group's setting
def parse_blackout(text: str) -> BlackoutHours:
    """Parses blackout hours: "08:00-18:00", "mon-fri 08:00-18:00 Europe/Berlin". Raises ValueError with a reason that a
    person can act on.
    """
    match = _FORM.fullmatch(" ".join(text.split()))
    if not match:
        raise ValueError("write hours as 08:00-18:00, 22:00-06:00 Europe/Berlin, or mon-fri 08:00-18:00 Europe/Berlin")
    begin, end = _parse_time(match["begin"]), _parse_time(match["end"])
    if begin == end and match["end"] != "24:00":
        raise ValueError("its hours begin and end at the same time: crawl=no stops all crawls of a site")
    return BlackoutHours(begin, end, _parse_days(match["first"], match["last"]), _parse_zone(match["zone"] or "UTC"))


def _parse_time(text: str) -> time:
    try:
        hour, minute = map(int, text.split(":"))
        return time(hour % 24 if (hour, minute) == (24, 0) else hour, minute)
    except ValueError:
        raise ValueError(f"{text!r} is not a time of day") from None


def _parse_days(first: str | None, last: str | None) -> tuple[int, ...]:
    if first is None:
        return tuple(range(_WEEK))
    for name in (first, last or first):
        if name.lower() not in _DAYS:
            raise ValueError(f"{name!r} is not a day: use {', '.join(_DAYS)}")
    begin, end = _DAYS.index(first.lower()), _DAYS.index((last or first).lower())
    return tuple((begin + n) % _WEEK for n in range((end - begin) % _WEEK + 1))


def _parse_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ValueError(f"there is no time zone {name!r}") from error
    except KeyError as error:
        raise ValueError(
            f"there is no time zone {name!r} on this machine: use a name such as Europe/Berlin, or UTC"
        ) from error
