"""Dates as people write them, and the term that a time of an article lies between two of them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime, timedelta

from archiver.errors import BadQuery
from archiver.search.terms import Every, Node, Span

_LAST = datetime.max.isoformat()
"""The end of the last day, which no day comes after."""


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `start` to before `end`; where it `is_moment`, both are that time."""

    start: str
    end: str
    is_moment: bool = False


def period(text: str) -> Period:
    """What a year, a month, a day or a full time in ISO 8601 stands for. Raises BadQuery."""
    typed = text.strip()
    try:
        if found := re.fullmatch(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?", typed):
            return _days(*(int(part) if part else None for part in found.groups()))
        moment = datetime.fromisoformat(typed).isoformat()
    except (ValueError, OverflowError):
        raise BadQuery(text, "a date is written 2024, 2024-05, 2024-05-31 or 2024-05-31T18:00+02:00") from None
    return Period(moment, moment, is_moment=True)


def _days(year: int | None, month: int | None, day: int | None) -> Period:
    """Raises ValueError and OverflowError for what no calendar has."""
    assert year is not None
    start = date(year, month or 1, day or 1)
    if year == MAXYEAR and (not month or (month, day or 31) == (12, 31)):
        return Period(start.isoformat(), _LAST)
    end = start + timedelta(days=1) if day else date(year + (not month or month == 12), (month or 12) % 12 + 1, 1)
    return Period(start.isoformat(), end.isoformat())


def between(field: str, since: str | None, until: str | None) -> Node:
    """That a time lies in the days from `since` to `until`, both included, None being open.

    A year, month or day is compared as the page wrote it, by its own clock (the index's number `field`); a full time
    as a moment (the number `field` with _at). Raises BadQuery.
    """
    spans: list[Node] = []
    first = period(since) if since else None
    last = period(until) if until else None
    if first:
        spans.append(Span(f"{field}_at", utc_seconds(first.start), None) if first.is_moment
                     else Span(field, local_seconds(first.start), None))
    if last:
        spans.append(Span(f"{field}_at", None, utc_seconds(last.end)) if last.is_moment
                     else Span(field, None, local_seconds(last.end) - (last.end != _LAST)))
    if first and last and (first.start > last.end or (first.start == last.end and not last.is_moment)):
        raise BadQuery(f"{since} to {until}", "its end lies before its beginning")
    return spans[0] if len(spans) == 1 else Every(tuple(spans))


def local_seconds(text: str) -> int:
    """A date or time in ISO 8601 as seconds since 1970-01-01T00:00:00 by its own clock."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def utc_seconds(text: str) -> int:
    """A date or time in ISO 8601 as a moment, in Unix seconds; without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    return math.floor((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
