"""Times as feeds, sitemaps and APIs write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

_ISO = re.compile(
    r"(\d{4})-?(\d\d)?-?(\d\d)?"
    r"(?:[T ]+(\d\d?):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?)?\s*(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?\s*",
    re.IGNORECASE,
)
_YEAR_ONE = re.compile(r"(?<![+\d-])000\d\b")  # email.utils takes these for the year 2001; "+0000" is a zone
_EARLIEST = 1980


def parse_time(text: str) -> datetime | None:
    """RFC 3339 / W3C-DTF ("2024-05-01T10:00:00+02:00", "2024-05-01") or RFC 822 as an aware datetime.

    A time without a zone is in UTC, a day is its 00:00. None if it is no time, and for the placeholders of programs for
    "no date" (years before 1980, as in "0001-01-01").
    """
    text = " ".join(text[:100].split())
    if not text:
        return None
    try:
        found = _iso(text) or (None if _YEAR_ONE.search(text) else parsedate_to_datetime(text))
        if found is None:
            return None
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        found.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError, AttributeError):
        return None
    return found if found.year >= _EARLIEST else None


def _iso(text: str) -> datetime | None:
    match = _ISO.fullmatch(text)
    if not match:
        return None
    year, month, day, hour, minute, second, zone = match.groups()
    return datetime(int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0),
                    min(int(second or 0), 59), tzinfo=_zone(zone or "Z"))


def _zone(text: str) -> timezone:
    if text[0] not in "+-":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)
