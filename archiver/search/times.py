"""Dates as people write them, and the term that a time of an article lies between two of them."""

from __future__ import annotations

import math
import re
from datetime import MAXYEAR, UTC, date, datetime, timedelta

from archiver.errors import BadQuery
from archiver.search.terms import Every, Node, Span

_LAST = datetime.max.isoformat()
"""The end of the last day, which no day comes after."""


def period(text: str) -> tuple[str, str, bool]:
    """A year, month or day as [first day, day after the last); a full time as itself twice and True.

    Raises BadQuery.
    """
    typed = text.strip()
    try:
        if found := re.fullmatch(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?", typed):
            year, month, day = (int(part) if part else None for part in found.groups())
            assert year is not None
            start = date(year, month or 1, day or 1)
            if year == MAXYEAR and (not month or (month, day or 31) == (12, 31)):
                return start.isoformat(), _LAST, False
            if day:
                end = start + timedelta(days=1)
            else:
                end = date(year + (not month or month == 12), (month or 12) % 12 + 1, 1)
            return start.isoformat(), end.isoformat(), False
        moment = datetime.fromisoformat(typed).isoformat()
    except (ValueError, OverflowError):
        raise BadQuery(text, "a date is written 2024, 2024-05, 2024-05-31 or 2024-05-31T18:00+02:00") from None
    return moment, moment, True


def between(field: str, since: str | None, until: str | None) -> Node:
    """That a time lies in the days from `since` to `until`, both included, None being open.

    A year, month or day is compared as the page wrote it, by its own clock (the index's number `field`); a full time
    as a moment (the number `field` with _at). Raises BadQuery.
    """
    spans: list[Node] = []
    first = last = ""
    if since:
        first, _, exact = period(since)
        spans.append(Span(f"{field}_at", utc_seconds(first), None) if exact
                     else Span(field, local_seconds(first), None))
    if until:
        _, last, exact = period(until)
        spans.append(Span(f"{field}_at", None, utc_seconds(last)) if exact
                     else Span(field, None, local_seconds(last) - (last != _LAST)))
    if first and last and (first > last or (first == last and not exact)):
        raise BadQuery(f"{since} to {until}", "its end lies before its beginning")
    return spans[0] if len(spans) == 1 else Every(tuple(spans))


def local_seconds(text: str) -> int:
    """A date or time in ISO 8601 as seconds since 1970-01-01T00:00:00 by its own clock."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def utc_seconds(text: str) -> int:
    """A date or time in ISO 8601 as a moment, in Unix seconds; without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    return math.floor((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
