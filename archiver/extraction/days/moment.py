"""A moment as written, and how machines write one: ISO 8601, RFC 5322, JavaScript, epoch seconds, dates in URLs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

from archiver.extraction.days.calendars import civil_year, from_solar, is_solar
from archiver.extraction.days.datewords import month
from archiver.extraction.text import clean

FIRST_YEAR, LAST_YEAR = 1970, 2100
"""The years believed in visible text; a declared date may be older, as in a newspaper's own archive."""
_FIRST_DECLARED = 1800
# What databases store instead of "no date".
_EMPTY_DAYS = {(1970, 1, 1), (1969, 12, 31), (1900, 1, 1), (1899, 12, 30), (1899, 12, 31)}


@dataclass(frozen=True, slots=True)
class DateParts:
    """The numbers of a date as written. `hour` and `second` are None where not given; `zone` is the text."""

    year: int
    month: int
    day: int
    hour: int | None = None
    minute: int = 0
    second: int | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class AddressDate:
    """The date in the path of an address; `day` is None if there is only a month."""

    year: int
    month: int
    day: int | None = None

    @property
    def date(self) -> date | None:
        """The calendar day; None where the address has only a month, or a day that does not exist."""
        if self.day is None:
            return None
        try:
            return date(self.year, self.month, self.day)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time as written. `zoned`: a time zone was given; without one, `at` is in UTC by convention."""

    at: datetime
    precision: str
    zoned: bool

    @property
    def day(self) -> date:
        """The calendar day in the moment's own zone."""
        return self.at.date()

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


def make(parts: DateParts, *, first: int = FIRST_YEAR) -> Moment | None:
    """A moment from its numbers; None if there is no such day or its year is before `first`.

    Buddhist and Persian solar years are converted.
    """
    year, month_number, day = parts.year, parts.month, parts.day
    if is_solar(year):
        if (civil := from_solar(year, month_number, day)) is None:
            return None
        year, month_number, day = civil.year, civil.month, civil.day
    year = civil_year(year)
    is_midnight = not parts.hour and not parts.minute
    if not first <= year <= LAST_YEAR or (is_midnight and (year, month_number, day) in _EMPTY_DAYS):
        return None
    tz = _zone(parts.zone)
    try:
        at = datetime(year, month_number, day, parts.hour or 0, parts.minute, parts.second or 0, tzinfo=tz or UTC)
    except ValueError:
        return None
    precision = "day" if parts.hour is None else "minute" if parts.second is None else "second"
    return Moment(at, precision, tz is not None)


def machine(text: str | None) -> Moment | None:
    """A date as a machine writes it: ISO 8601 (also with a space), 20240131, RFC 5322, JavaScript, epoch seconds.

    The epoch may be in milliseconds too. What databases write for "no date" (1970-01-01, 0001-01-01) gives None.
    """
    text = clean(text).translate(DIGITS)
    if (m := ISO.match(text)) or (m := _COMPACT.match(text)):
        y, mo, d, h, mi, s, zone = m.groups()
        parts = DateParts(int(y), int(mo), int(d), int(h) if h else None, int(mi or 0), int(s) if s else None, zone)
        return make(parts, first=_FIRST_DECLARED)
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
    seconds = int(second) if second else None
    parts = DateParts(int(year), number, int(day), int(hour), int(minute), seconds, zone)
    return make(parts, first=_FIRST_DECLARED)


_URL_DAY = re.compile(
    r"/((?:19|20)\d{2})[/-](\d{1,2})[/-](\d{1,2})(?=[/._-]|$)|/((?:19|20)\d{2})(\d{2})(\d{2})(?=[/._-]|$)"
)
_URL_MONTH = re.compile(r"/((?:19|20)\d{2})[/-](\d{1,2})(?=/)")


def of_url(path: str) -> AddressDate | None:
    """The date in the path of an address, if there is one."""
    if m := _URL_DAY.search(path):
        y, mo, d = (int(g) for g in m.groups() if g)
        if 1 <= mo <= 12 and 1 <= d <= 31:
            return AddressDate(y, mo, d)
    if (m := _URL_MONTH.search(path)) and 1 <= int(m[2]) <= 12:
        return AddressDate(int(m[1]), int(m[2]))
    return None
