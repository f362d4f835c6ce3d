"""Dates as people write them, and the condition that a stored time lies between two of them."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from archiver.errors import BadQuery
from archiver.search.terms import Fact


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
            if day:
                end = start + timedelta(days=1)
            else:
                end = date(year + (not month or month == 12), (month or 12) % 12 + 1, 1)
            return start.isoformat(), end.isoformat(), False
        moment = datetime.fromisoformat(typed).isoformat()
    except (ValueError, OverflowError):
        raise BadQuery(text, "a date is written 2024, 2024-05, 2024-05-31 or 2024-05-31T18:00+02:00") from None
    return moment, moment, True


def between(column: str, since: str | None, until: str | None) -> Fact:
    """That a column's time lies in the days from `since` to `until`, both included, None being open.

    A year, month or day is compared as the page wrote it, by its own clock; a full time as a moment. Raises BadQuery.
    """
    parts: list[str] = []
    values: list[str] = []
    start, end = "", ""
    if since:
        start, _, exact = period(since)
        parts.append(f"julianday({column}) >= julianday(?)" if exact else f"{column} >= ?")
        values.append(start)
    if until:
        _, end, exact = period(until)
        parts.append(f"julianday({column}) <= julianday(?)" if exact else f"{column} < ?")
        values.append(end)
    if start and end and (start > end or (start == end and not exact)):
        raise BadQuery(f"{since} to {until}", "its end lies before its beginning")
    return Fact(" and ".join(parts), tuple(values))
