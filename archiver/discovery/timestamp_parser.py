"""Parses the times that feeds, sitemaps and APIs write: RFC 3339, W3C-DTF, ISO 8601, RFC 822, asctime, and other forms
that programs write.

A result is never more precise than the text. `zoned` is False for a time whose zone is missing, unknown or ambiguous.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

from archiver.model.lazy_regex import lazy_regex
from archiver.model.words import month_number


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A time as a source writes it. `precision` is year, month, day, minute or second. `zoned` is True if the text has
    a zone; otherwise `at` is the written time taken as UTC.
    """

    at: datetime
    precision: str
    zoned: bool


@dataclass(frozen=True, slots=True)
class _Day:
    """A date as written, in numbers. `month` and `day` are None if they are not written."""

    year: int
    month: int | None = None
    day: int | None = None


@dataclass(frozen=True, slots=True)
class _Clock:
    """A time of day on the 24-hour clock. `second` is None if it is not written."""

    hour: int
    minute: int
    second: int | None = None


@dataclass(frozen=True, slots=True)
class _Zone:
    """A written time zone as its offset from UTC in minutes; None for a name that is unknown or ambiguous."""

    minutes: int | None = None


_FIRST_YEAR, _LAST_YEAR = 1980, 2100
"""The first and last plausible year. Programs write other years for "no date" ("0001-01-01")."""
_MAX_LENGTH = 100


def parse_timestamp(text: str) -> Timestamp | None:
    """Parses a time. Returns None if the text is not a time, if it is a date that can be read in two ways (3/4/2024),
    or if its year is outside 1980 to 2100.
    """
    written = " ".join(text[:_MAX_LENGTH].split())
    text = written
    if not written.isascii():
        text = _EAST_ASIAN.sub(r"\1-\2-\3 ", unicodedata.normalize("NFKC", written))
    if not any(c.isdecimal() for c in text):
        return None
    try:
        found = _iso(text) or _epoch(text) or _short_iso(text) or _in_words(text)
    except (ValueError, OverflowError):
        return None
    if found and not found.zoned and found.precision in ("minute", "second") and _KOREAN.search(written):
        return replace(found, at=found.at.replace(tzinfo=_KOREAN_TIME), zoned=True)
    return found


_NO_DATE = lazy_regex(r"(?<![+\d-])000[01]\b|^[0\s:-]*$")


def is_unreadable_time(text: str) -> bool:
    """Returns True if a text is not empty and cannot be read as a time, unless it is what programs write for "no date"
    ("0001-01-01T00:00:00Z", "0000-00-00").
    """
    return parse_timestamp(text) is None and not _NO_DATE.search(text.strip())


def parse_time(text: str) -> datetime | None:
    """Returns the time that `parse_timestamp` parses, without its precision; None if it parses none. The time is aware,
    and in UTC if the text has no zone.
    """
    found = parse_timestamp(text)
    return found.at if found else None


# ISO 8601 and its profiles RFC 3339 and W3C-DTF.

_ISO = lazy_regex(
    r"(?P<year>\d{4})(?:-(?P<month>0?\d{1,2})(?:-(?P<day>0?\d{1,2}))?|(?P<m>\d\d)(?P<d>\d\d)?)?"
    r"(?:[T ]+(?:(?P<hour>\d{1,2}):(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:[.,]\d+)?)?"
    r"|(?<=T)(?P<H>\d\d)(?P<M>\d\d)(?P<S>\d\d)?)\s*(?P<zone>\S.*)?"
    r"|\s*(?P<day_zone>Z|[+-]\d\d:\d\d))?",
    re.IGNORECASE,
)
# The forms of ISO 8601:1988 with a two-digit year: YY-MM-DD, YYMMDD, -YY-MM, -YYMM, and YYDDD with the day of the year.
_SHORT_DATE = lazy_regex(r"(\d\d)(-?)(\d\d)\2(\d\d)|-(\d\d)-?(\d\d)")
_ORDINAL = lazy_regex(r"(\d\d)(\d{3})")
_EPOCH = lazy_regex(r"(1\d{9})(?:\d{3})?(?:\.\d+)?")


def _iso(text: str) -> Timestamp | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    part = match.groupdict()
    month, day = part["month"] or part["m"], part["day"] or part["d"]
    written = _Day(int(part["year"]), int(month) if month else None, int(day) if day else None)
    hour, minute = part["hour"] or part["H"], part["minute"] or part["M"]
    if hour is None or minute is None:
        return _timestamp(written, None, _parse_zone(part["day_zone"] or ""))
    zone = _parse_zone(part["zone"] or "")
    if zone is None and part["zone"]:
        return None
    second = part["second"] or part["S"]
    return _timestamp(written, _Clock(int(hour), int(minute), int(second) if second else None), zone)


def _short_iso(text: str) -> Timestamp | None:
    if match := _SHORT_DATE.fullmatch(text):
        year, _, month, day, year_of_month, month_of_year = match.groups()
        written = _Day(
            _full_year(year or year_of_month), int(month or month_of_year), int(day) if day is not None else None
        )
        return _timestamp(written, None, None)
    match = _ORDINAL.fullmatch(text)
    if match is None or not 1 <= int(match[2]) <= 366:
        return None
    at = date(_full_year(match[1]), 1, 1) + timedelta(days=int(match[2]) - 1)
    return _timestamp(_Day(at.year, at.month, at.day), None, None)


def _epoch(text: str) -> Timestamp | None:
    match = _EPOCH.fullmatch(text)
    return Timestamp(datetime.fromtimestamp(int(match[1]), UTC), "second", True) if match else None


def _full_year(text: str) -> int:
    """Returns the year in a text. A two-digit year is taken as a year from 1970 to 2069."""
    year = int(text)
    return year if len(text) > 2 else year + (2000 if year < 70 else 1900)


def _timestamp(day: _Day, clock: _Clock | None, zone: _Zone | None) -> Timestamp | None:
    """Returns the timestamp of a date and a time of day; None if either does not exist, or if the year is implausible.
    If `clock` is None, the timestamp is the start of the day; if `zone` is None, it is in UTC. 24:00:00 becomes the
    start of the next day (ISO 8601), and a leap second becomes the second before it.
    """
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        return None
    month, number = (1 if n is None else n for n in (day.month, day.day))
    midnight = datetime(day.year, month, number, tzinfo=_timezone_of(zone))
    if clock is None:
        return Timestamp(midnight, "day" if day.day else "month" if day.month else "year", False)
    if day.day is None or clock.hour > 24 or clock.minute > 59 or (clock.second or 0) > 60:
        return None
    if clock.hour == 24 and (clock.minute or clock.second):
        return None
    at = midnight + timedelta(hours=clock.hour, minutes=clock.minute, seconds=min(clock.second or 0, 59))
    return Timestamp(at, "minute" if clock.second is None else "second", zone is not None and zone.minutes is not None)


def _timezone_of(zone: _Zone | None) -> timezone:
    return timezone(timedelta(minutes=zone.minutes)) if zone and zone.minutes else UTC


# RFC 822, and all other forms with words or with a different order.

_EAST_ASIAN = lazy_regex(r"(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日일号號]?")
_KOREAN = lazy_regex(r"[년월일]|오전|오후")
_KOREAN_TIME = timezone(timedelta(hours=9))  # Korea has one time zone and no daylight saving time
_CLOCK = lazy_regex(
    r"(?P<part>오전|오후|上午|下午|午前|午後)?\s*(?<![\d:])(?P<hour>\d{1,2}):(?P<minute>\d{1,2})"
    r"(?::(?P<second>\d{1,2})(?:[.,]\d+)?)?(?![\d:])\s*(?P<half>[ap]\.?\s?m\b\.?|[πμ]\.?\s?μ\b\.?)?",
    re.IGNORECASE,
)
_AFTERNOON = frozenset(("pm", "μμ", "오후", "下午", "午後"))
_MORNING = frozenset(("am", "πμ", "오전", "上午", "午前"))
_OFFSET = r"(?:(?:Etc/)?(?:GMT|UTC|UT)\s?)?[+-]\s?\d{1,2}(?::?\d\d)?(?![\d:])"
_AFTER_CLOCK = lazy_regex(
    rf"\s*(?P<zone>{_OFFSET}|[A-Za-z][A-Za-z_]*(?:/[A-Za-z_]+)*)?\s*(?:\((?P<comment>[^()]*)\))?", re.IGNORECASE
)
_NUMBERS = lazy_regex(r"(\d{1,4})\s?([/.-])\s?(\d{1,2})\s?\2\s?(\d{4}|\d{1,2})\.?(?!\d)")
_TOKEN = lazy_regex(r"\d+|[^\W\d_]+")
# Besides the month, these words may follow the first number of a date.
_FILLERS = frozenset((
    "t", "st", "nd", "rd", "th", "of", "the", "at", "de", "del", "di", "den", "der", "am", "um", "uhr", "à", "a", "las",
    "le", "el", "h", "kl", "klo", "om", "o", "na", "г", "года", "р", "року", "mon", "tue", "wed", "thu", "fri", "sat",
    "sun", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
))  # fmt: skip


def _in_words(text: str) -> Timestamp | None:
    """Parses a date in words or numbers, with or without a time of day before or after it. Returns None for any other
    text.
    """
    match = _CLOCK.search(text)
    if match is None:
        return _timestamp(written, None, None) if (written := _day_in_words(text, is_timed=False)) else None
    after = _AFTER_CLOCK.match(text, match.end())
    assert after is not None  # every part of the expression is optional
    zone_text, rest = after["zone"] or "", text[after.end() :]
    if month_number(zone_text) and not _is_zone_name(zone_text):
        zone_text, rest = "", text[match.end() :]
    zone = _parse_zone(zone_text or after["comment"] or "")
    half = re.sub(r"[.\s]", "", match["half"] or match["part"] or "").lower()
    written = _day_in_words(f"{text[: match.start()]} {rest}", is_timed=True, is_american=half in ("am", "pm"))
    if written is None:
        return None
    hour = int(match["hour"])
    if half in _AFTERNOON and hour < 12:
        hour += 12
    elif half in _MORNING and hour == 12:
        hour = 0
    clock = _Clock(hour, int(match["minute"]), int(match["second"]) if match["second"] else None)
    if zone is not None and zone_text.lower() in _AMERICAN and zone.minutes is not None and written.day:
        is_summer = _is_american_summer(date(written.year, written.month or 1, written.day))
        zone = replace(zone, minutes=zone.minutes + 60 * is_summer)
    return _timestamp(written, clock, zone)


def _day_in_words(text: str, *, is_timed: bool, is_american: bool = False) -> _Day | None:
    """Parses a date of three numbers, or of two numbers and the name of a month. Returns None for any other text.

    `is_timed` is True if the text also contained a time of day; otherwise, a year and the name of a month are enough.
    `is_american` is True if that time was on the 12-hour clock. Unknown words may precede the date; after its first
    number, only month names and `_FILLERS` may follow.
    """
    if match := _NUMBERS.search(text):
        return _numeric_day(match, is_american) if not _TOKEN.search(text, match.end()) else None
    tokens = _TOKEN.findall(text)
    first = next((n for n, token in enumerate(tokens) if token.isdecimal()), len(tokens))
    numbers = [token for token in tokens if token.isdecimal()]
    words = [(n, token.lower()) for n, token in enumerate(tokens) if not token.isdecimal()]
    months = [number for _, word in words if (number := month_number(word))]
    others = (n for n, word in words if not month_number(word) and word not in _FILLERS)
    if not months or any(n > first for n in others):
        return None
    month = months[-1]  # an earlier match is a weekday, since "mar" also means Tuesday
    if len(numbers) == 1 and len(numbers[0]) == 4 and not is_timed:
        return _Day(int(numbers[0]), month)
    if len(numbers) != 2:
        return None
    day, year = (numbers[1], numbers[0]) if len(numbers[0]) == 4 else (numbers[0], numbers[1])
    return _Day(_full_year(year), month, int(day)) if len(year) in (2, 4) and len(day) <= 2 else None


def _numeric_day(match: re.Match[str], is_american: bool) -> _Day | None:
    """Returns the day given by three numbers; None if it is unclear which is the day and which the month.

    If dots separate the numbers, the day comes first. Otherwise a number above 12 is the day. If neither is above 12,
    the month comes first if the time is on the 12-hour clock (`is_american`).
    """
    first, sign, second, third = match.groups()
    if len(first) == 4:
        return _Day(int(first), int(second), int(third))
    if len(first) > 2 or len(third) == 1:
        return None
    year, one, two = _full_year(third), int(first), int(second)
    if sign == "." or one > 12:
        return _Day(year, two, one)
    return _Day(year, one, two) if two > 12 or is_american or one == two else None


# Time zones.

# Names of time zones that have only one meaning, with their offsets in minutes. CST, EST and the like have the meaning
# of RFC 822. IST is left out because it has several (India, Israel, Ireland). So are the single letters of RFC 822,
# since RFC 5322 no longer gives them a meaning (section 4.3).
_ZONES = {
    "z": 0, "utc": 0, "ut": 0, "gmt": 0, "etc/gmt": 0, "etc/utc": 0, "wet": 0, "west": 60,
    "bst": 60, "cet": 60, "cest": 120, "met": 60, "mest": 120, "mez": 60, "mesz": 120,
    "eet": 120, "eest": 180, "sast": 120, "msk": 180, "msd": 240, "trt": 180,
    "pkt": 300, "npt": 345, "wib": 420, "ict": 420, "wita": 480, "hkt": 480, "sgt": 480, "awst": 480, "wit": 540,
    "jst": 540, "kst": 540, "acst": 570, "acdt": 630, "aest": 600, "aedt": 660, "nzst": 720, "nzdt": 780,
    "nst": -210, "ndt": -150, "ast": -240, "adt": -180, "est": -300, "edt": -240, "cst": -360, "cdt": -300,
    "mst": -420, "mdt": -360, "pst": -480, "pdt": -420, "akst": -540, "akdt": -480, "hst": -600, "brt": -180,
    "art": -180, "clt": -240, "at": -240, "et": -300, "ct": -360, "mt": -420, "pt": -480,
}  # fmt: skip
_AMERICAN = frozenset(("at", "et", "ct", "mt", "pt"))
"""Names of American time zones, such as "ET", that leave open whether standard or daylight saving time is meant. The
date decides this."""
_OFFSET_PARTS = lazy_regex(r"(?:(?:Etc/)?(?:GMT|UTC|UT)\s?)?([+-])\s?(\d{1,2})(?::?(\d\d))?", re.IGNORECASE)
_ZONE_NAME = lazy_regex(r"[A-Za-z][A-Za-z_]*(?:/[A-Za-z_]+)*")
_MAX_OFFSET = 15 * 60


def _parse_zone(text: str) -> _Zone | None:
    """Parses a time zone, which may be an offset ("+02:00", "GMT+2", "-0700") or a name; returns None for any other
    text. A comment after an offset is ignored ("+0200 (CEST)").
    """
    text = re.sub(r"\s*\([^()]*\)$", "", text).strip()
    if match := _OFFSET_PARTS.fullmatch(text):
        sign, hours, minutes = match.groups()
        total = int(hours) * 60 + int(minutes or 0)
        if total >= _MAX_OFFSET or int(minutes or 0) > 59:
            return _Zone()
        return _Zone(-total if sign == "-" else total)
    if _ZONE_NAME.fullmatch(text) and text.lower() not in _AFTERNOON | _MORNING:
        return _Zone(_ZONES.get(text.lower()))
    return None


def _is_zone_name(text: str) -> bool:
    return text.lower() in _ZONES


def _is_american_summer(day: date) -> bool:
    """Returns True if daylight saving time applies on a day in the United States, by the rules since 1987."""
    if day.year >= 2007:
        first, last = _sunday(day.year, 3, 8), _sunday(day.year, 11, 1)
    else:
        first, last = _sunday(day.year, 4, 1), _sunday(day.year, 10, 25)
    return first <= day < last


def _sunday(year: int, month: int, day: int) -> date:
    """Returns the first Sunday on or after a day."""
    start = date(year, month, day)
    return start + timedelta(days=(6 - start.weekday()) % 7)


def parse_http_date(text: str) -> datetime | None:
    """Parses an HTTP-date (RFC 9110, section 5.6.7), as in Memento-Datetime; returns None if it is invalid."""
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
