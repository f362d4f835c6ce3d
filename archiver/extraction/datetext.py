"""Dates as pages write them: machine forms and visible ones in many languages, never more exact than said."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

from archiver.extraction.text import clean
from archiver.extraction.words import MONTHS

FIRST_YEAR, LAST_YEAR = 1990, 2100


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time as it was written. `zoned`: the zone was said; without one `at` is in UTC by convention."""

    at: datetime
    precision: str
    zoned: bool

    @property
    def day(self) -> tuple[int, int, int]:
        return self.at.year, self.at.month, self.at.day


_ISO = re.compile(
    r"(?<!\d)(\d{4})-(\d{1,2})-(\d{1,2})(?:[T_ ]{1,2}(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*(Z|UTC|GMT|"
    r"[+-]\d{2}:?\d{2}|[+-]\d{2})?(?!\d))?",
    re.IGNORECASE,
)
_COMPACT = re.compile(r"^(\d{4})(\d{2})(\d{2})(?:T?(\d{2})(\d{2})(\d{2})?(Z)?)?$")
_CJK = re.compile(r"(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日号號일]?")
_YMD = re.compile(r"(?<![\d/.])(\d{4})\s?[/.]\s?(\d{1,2})\s?[/.]\s?(\d{1,2})(?![\d])")
_DMY = re.compile(r"(?<![\d/.])(\d{1,2})(?:\s?/\s?|\.\s?|-)(\d{1,2})(?:\s?/\s?|\.\s?|-)(\d{4}|\d{2})(?![\d/])")
_VI = re.compile(
    r"(?:ngày\s+)?(\d{1,2})\s*(?:,\s*)?tháng\s+(\d{1,2}|một|hai|ba|tư|năm|sáu|bảy|tám|chín|mười|mười một|"
    r"mười hai)\s*(?:,|năm)*\s*(\d{4})",
    re.IGNORECASE,
)
_VI_MONTH_FIRST = re.compile(
    r"tháng\s+(\d{1,2}|mười hai|mười một|một|hai|ba|tư|năm|sáu|bảy|tám|chín|mười)\s+(\d{1,2})\s*,\s*(\d{4})",
    re.IGNORECASE,
)
_VI_WORDS = {
    "một": 1,
    "hai": 2,
    "ba": 3,
    "tư": 4,
    "năm": 5,
    "sáu": 6,
    "bảy": 7,
    "tám": 8,
    "chín": 9,
    "mười": 10,
    "mười một": 11,
    "mười hai": 12,
}
_NAME = "(" + "|".join(sorted((re.escape(n) for n in MONTHS), key=len, reverse=True)) + ")"
_DAY_FIRST = re.compile(
    r"(?<![\d:])(\d{1,2})(?:st|nd|rd|th|er|º|ª|\.|\s?-?ое)?(?:\s*,?\s+|[-/. ]?)(?:de\s+|d['’]\s?|ב)?"
    + _NAME
    + r"\.?(?!\w)[\s,]*(?:de\s+|del\s+|do\s+)?[-/., ]?\s*(\d{4})(?!\d)",
    re.IGNORECASE,
)
_MONTH_FIRST = re.compile(
    r"(?<!\w)" + _NAME + r"\.?\s+(\d{1,2})(?:st|nd|rd|th|º)?(?:\s*,\s*|\s+)(?:de\s+)?(\d{4})(?!\d)", re.IGNORECASE
)
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})[\s.,-]+" + _NAME + r"\.?[\s-]+(\d{1,2})(?!\d)", re.IGNORECASE)
_MONTH_YEAR = re.compile(r"^(?:de\s+)?" + _NAME + r"\.?,?\s+(?:de\s+)?(\d{4})$", re.IGNORECASE)
_CLOCK = re.compile(
    r"(?<![\d:.])(\d{1,2})\s?[:hH点點時时]\s?(\d{2})(?!\d)(?:[:分]\s?(\d{2}))?\s*(a\.?m\.?|p\.?m\.?|ص|م|SA|CH)?\s*"
    r"(\(?(?:GMT|UTC)\s?[+-]?\s?\d{0,2}:?\d{0,2}\)?|Z(?!\w)|[+-]\d{2}:?\d{2}(?!\d)|E[SD]T|C[SE]?[SD]?T|P[SD]T|"
    r"M[SD]T|CEST|CET|MSK|JST|KST|IST|BST)?",
    re.IGNORECASE,
)
_ZONES = {
    "est": -5,
    "edt": -4,
    "cst": -6,
    "cdt": -5,
    "mst": -7,
    "mdt": -6,
    "pst": -8,
    "pdt": -7,
    "cet": 1,
    "cest": 2,
    "msk": 3,
    "jst": 9,
    "kst": 9,
    "bst": 1,
}
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹०१२३४५६७८९０１２３４５６７８９", "0123456789" * 4)
# Languages whose all-number dates put the month first.
_MONTH_FIRST_LANGS = ("en-US", "en-PH", "fil")
_RFC822 = re.compile(
    r"(\d{1,2})\s+([A-Za-z]{3})[a-z]*\s+(\d{4})\s+(\d{2}):(\d{2})(?::(\d{2}))?\s*(GMT|UTC|Z|[A-Z]{3,4}|[+-]\d{4})?"
)


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


def _make(
    y: int, mo: int, d: int, h: int | None = None, mi: int = 0, s: int | None = None, zone: str | None = None
) -> Moment | None:
    if not FIRST_YEAR <= y <= LAST_YEAR:
        return None
    tz = _zone(zone)
    try:
        at = datetime(y, mo, d, h or 0, mi, s or 0, tzinfo=tz or UTC)
    except ValueError:
        return None
    precision = "day" if h is None else "minute" if s is None else "second"
    return Moment(at, precision, tz is not None)


def machine(text: str | None) -> Moment | None:
    """A date in a machine's form: ISO 8601 (also with a space), 20240131, RFC 5322, epoch seconds or milliseconds."""
    text = clean(text).translate(_DIGITS)
    if m := _ISO.match(text):
        y, mo, d, h, mi, s, zone = m.groups()
        return _make(int(y), int(mo), int(d), int(h) if h else None, int(mi or 0), int(s) if s else None, zone)
    if m := _COMPACT.match(text):
        y, mo, d, h, mi, s, zone = m.groups()
        return _make(int(y), int(mo), int(d), int(h) if h else None, int(mi or 0), int(s) if s else None, zone)
    if m := _RFC822.search(text):
        month = MONTHS.get(m[2].lower())
        if month:
            return _make(int(m[3]), month, int(m[1]), int(m[4]), int(m[5]), int(m[6]) if m[6] else None, m[7])
    if re.fullmatch(r"1\d{9}(\d{3})?", text):
        return Moment(datetime.fromtimestamp(int(text[:10]), UTC), "second", True)
    return None


@lru_cache(maxsize=4_096)
def visible(text: str, language: str = "", loose: bool = False) -> Moment | None:
    """The first date in a short visible text, with the time of day that stands beside it.

    `language` (BCP 47) decides the order of 3/4/2021. `loose` asks dateparser too where no
    rule here knows the form; pinned to the page's language where it is known.
    """
    text = clean(text).translate(_DIGITS)[:300]
    if not any(c.isdigit() for c in text):
        return None
    found = _spelled(text) or _numeric(text, language)
    if found is None:
        return _by_dateparser(text, language) if loose and len(text) < 60 else None
    (y, mo, d), start, end = found
    if m := _ISO.match(text, start):
        if m[4]:
            return _make(y, mo, d, int(m[4]), int(m[5]), int(m[6]) if m[6] else None, m[7])
        end = m.end()
    clock = _CLOCK.search(text, end, end + 40) or _CLOCK.search(text, max(0, start - 25), start)
    if clock:
        h, mi = int(clock[1]), int(clock[2])
        half = (clock[4] or "").lower().replace(".", "")
        if half in ("pm", "ch", "م") and h < 12:
            h += 12
        elif half in ("am", "sa", "ص") and h == 12:
            h = 0
        if made := _make(y, mo, d, h, mi, int(clock[3]) if clock[3] else None, clock[5]):
            return made
    return _make(y, mo, d)


Found = tuple[tuple[int, int, int], int, int]


def _spelled(text: str) -> Found | None:
    best: Found | None = None
    for pattern, order in (
        (_CJK, "ymd"),
        (_VI, "dvy"),
        (_VI_MONTH_FIRST, "vdy"),
        (_DAY_FIRST, "dny"),
        (_MONTH_FIRST, "ndy"),
        (_YEAR_FIRST, "ynd"),
    ):
        m = pattern.search(text)
        if not m or (best and m.start() >= best[1]):
            continue
        part = dict(zip(order, m.groups(), strict=True))
        month = (
            MONTHS.get(part["n"].lower(), 0)
            if "n" in part
            else _VI_WORDS.get(part["v"].lower()) or int(part["v"])
            if "v" in part
            else int(part["m"])
        )
        if 1 <= month <= 12 and 1 <= int(part["d"]) <= 31:
            best = (int(part["y"]), month, int(part["d"])), m.start(), m.end()
    return best


def _numeric(text: str, language: str) -> Found | None:
    for pattern in (_ISO, _YMD):
        if (m := pattern.search(text)) and 1 <= int(m[2]) <= 12 and 1 <= int(m[3]) <= 31:
            return (int(m[1]), int(m[2]), int(m[3])), m.start(), m.end()
    for m in _DMY.finditer(text):
        a, b, y = int(m[1]), int(m[2]), int(m[3])
        y += 2000 if y < 70 else 1900 if y < 100 else 0
        month_first = "/" in m[0] and (language in _MONTH_FIRST_LANGS or (language == "en" and b > 12))
        d, mo = (b, a) if (month_first and a <= 12) or b > 12 else (a, b)
        if 1 <= mo <= 12 and 1 <= d <= 31:
            return (y, mo, d), m.start(), m.end()
    return None


def _by_dateparser(text: str, language: str) -> Moment | None:
    import dateparser

    settings = {
        "STRICT_PARSING": True,
        "RETURN_AS_TIMEZONE_AWARE": True,
        "TIMEZONE": "UTC",
        "RELATIVE_BASE": datetime(2000, 1, 1),
        "PARSERS": ["absolute-time"],
    }
    languages = [language.split("-")[0].lower()] if language else None
    try:
        at = dateparser.parse(text, languages=languages, settings=settings)
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError):
        # An unknown language, or text that its locale tables trip over: no date either way.
        return None
    if at is None or not FIRST_YEAR <= at.year <= LAST_YEAR:
        return None
    return Moment(at.replace(hour=0, minute=0, second=0, microsecond=0), "day", False)


def month_only(text: str, language: str = "") -> Moment | None:
    """ "May 2019" and nothing else."""
    m = _MONTH_YEAR.match(clean(text).translate(_DIGITS))
    made = _make(int(m[2]), MONTHS[m[1].lower()], 1) if m else None
    return Moment(made.at, "month", False) if made else None


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
