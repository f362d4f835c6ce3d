"""A moment as it was written, and machines' forms of it: ISO 8601, RFC 5322, JavaScript's, epochs, addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from archiver.extraction.days.calendars import civil_year, from_solar, is_solar
from archiver.extraction.days.datewords import month
from archiver.extraction.text import clean

FIRST_YEAR, LAST_YEAR = 1970, 2100
"""What a text that people read may be dated; a declaration may be older, as in a newspaper's own archive."""
_FIRST_DECLARED = 1800
# What databases store where nothing was stored.
_EMPTY_DAYS = {(1970, 1, 1), (1969, 12, 31), (1900, 1, 1), (1899, 12, 30), (1899, 12, 31)}


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time as it was written. `zoned`: the zone was said; without one `at` is in UTC by convention."""

    at: datetime
    precision: str
    zoned: bool

    @property
    def day(self) -> tuple[int, int, int]:
        return self.at.year, self.at.month, self.at.day

    def __str__(self) -> str:
        """ISO 8601."""
        return self.at.isoformat()


ISO = re.compile(
    r"(?<!\d)(\d{4})-(\d{1,2})-(\d{1,2})(?:[T_ ]{1,2}(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*(Z|UTC|GMT|"
    r"[+-]\d{2}:?\d{2}|[+-]\d{2})?(?!\d))?",
    re.IGNORECASE,
)
_COMPACT = re.compile(r"^(\d{4})(\d{2})(\d{2})(?:T?(\d{2})(\d{2})(\d{2})?(Z)?)?$")
_RFC822 = re.compile(
    r"(\d{1,2})\s+([A-Za-z]{3})[a-z]*\s+(\d{4})\s+(\d{2}):(\d{2})(?::(\d{2}))?\s*(GMT|UTC|Z|[A-Z]{3,4}|[+-]\d{4})?"
)
_JAVASCRIPT = re.compile(
    r"^[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d{1,2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) (?:GMT|UTC)?([+-]\d{4})?"
)
_ZONES = {
    "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "cet": 1, "cest": 2,
    "msk": 3, "jst": 9, "kst": 9, "bst": 1,
}  # fmt: skip
DIGITS = {
    zero + n: str(n)
    for zero in map(ord, "٠۰०০੦૦୦௦౦೦൦๐໐༠၀០᠐０")
    for n in range(10)
}  # fmt: skip


def _zone(text: str | None) -> timezone | None:
    if not text:
        return None
    t = text.strip("() ").upper()
    if t.lower() in _ZONES:
        return timezone(timedelta(hours=_ZONES[t.lower()]))
    m = re.fullmatch(r"(?:GMT|UTC)?\s?([+-])\s?(\d{1,2}):?(\d{2})?", t)
    if m:
        minutes = int(m[2]) * 60 + int(m[3] or 0)
        return timezone(timedelta(minutes=minutes if m[1] == "+" else -minutes)) if minutes < 1_440 else None
    return UTC if t in ("Z", "UTC", "GMT") else None


def make(
    y: int, mo: int, d: int, h: int | None = None, mi: int = 0, s: int | None = None, zone: str | None = None,
    *, first: int = FIRST_YEAR,
) -> Moment | None:  # fmt: skip
    """A moment from its numbers, of our era, a Buddhist or a Persian solar year; None where there is no such day.

    `h` and `s` None where no hour or second was said; `zone` as written; `first`: the earliest year believed.
    """
    if is_solar(y):
        if (civil := from_solar(y, mo, d)) is None:
            return None
        y, mo, d = civil.year, civil.month, civil.day
    y = civil_year(y)
    if not first <= y <= LAST_YEAR or ((y, mo, d) in _EMPTY_DAYS and not h and not mi):
        return None
    tz = _zone(zone)
    try:
        at = datetime(y, mo, d, h or 0, mi, s or 0, tzinfo=tz or UTC)
    except ValueError:
        return None
    precision = "day" if h is None else "minute" if s is None else "second"
    return Moment(at, precision, tz is not None)


def machine(text: str | None) -> Moment | None:
    """A date in a machine's form: ISO 8601 (also with a space), 20240131, RFC 5322, JavaScript's, epoch (milli)seconds.

    What databases write for no date at all (1970-01-01, 0001-01-01) gives None.
    """
    text = clean(text).translate(DIGITS)
    if (m := ISO.match(text)) or (m := _COMPACT.match(text)):
        y, mo, d, h, mi, s, zone = m.groups()
        return make(int(y), int(mo), int(d), int(h) if h else None, int(mi or 0), int(s) if s else None, zone,
                     first=_FIRST_DECLARED)  # fmt: skip
    if m := _RFC822.search(text):
        day, name, year, hour, minute, second, zone = m.groups()
    elif m := _JAVASCRIPT.match(text):
        name, day, year, hour, minute, second, zone = m.groups()
    elif re.fullmatch(r"1\d{9}(\d{3})?", text):
        return Moment(datetime.fromtimestamp(int(text[:10]), UTC), "second", True)
    else:
        return None
    number = month(name)
    if number is None:
        return None
    s = int(second) if second else None
    return make(int(year), number, int(day), int(hour), int(minute), s, zone, first=_FIRST_DECLARED)


_URL_DAY = re.compile(
    r"/((?:19|20)\d{2})[/-](\d{1,2})[/-](\d{1,2})(?=[/._-]|$)|/((?:19|20)\d{2})(\d{2})(\d{2})(?=[/._-]|$)"
)
_URL_MONTH = re.compile(r"/((?:19|20)\d{2})[/-](\d{1,2})(?=/)")


def of_url(path: str) -> tuple[int, int, int | None] | None:
    """The date an address carries: (year, month, day), the day None where it has only a month."""
    if m := _URL_DAY.search(path):
        y, mo, d = (int(g) for g in m.groups() if g)
        if 1 <= mo <= 12 and 1 <= d <= 31:
            return y, mo, d
    if (m := _URL_MONTH.search(path)) and 1 <= int(m[2]) <= 12:
        return int(m[1]), int(m[2]), None
    return None
