"""Dates as pages write them: machine forms and visible ones in many languages, never more exact than said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

from archiver.extraction.calendars import ERAS, civil_year, from_solar, han_number, is_solar
from archiver.extraction.datewords import MONTHS, THAI_SHORT, month, solar_month, vietnamese_month
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


_ISO = re.compile(
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
_HAN = "0-9〇○零一二三四五六七八九十廿卅"
_CJK = re.compile(
    rf"({'|'.join(ERAS)})?\s*(元|[{_HAN}]{{1,4}})\s*[年년]\s*([{_HAN}]{{1,3}})\s*[月월]\s*([{_HAN}]{{1,3}})\s*[日号號일]?"
)
_YMD = re.compile(r"(?<![\d/.])(\d{4})\s?[/.]\s?(\d{1,2})\s?[/.]\s?(\d{1,2})(?![\d])")
_DMY = re.compile(r"(?<![\d/.])(\d{1,2})(?:\s?/\s?|\.\s?|-)(\d{1,2})(?:\s?/\s?|\.\s?|-)(\d{4}|\d{2})(?![\d/])")
_VI_MONTH = r"(\d{1,2}|mười hai|mười một|một|hai|ba|tư|năm|sáu|bảy|tám|chín|mười|giêng|chạp)"
_VI = re.compile(
    rf"(?:ngày\s+)?(\d{{1,2}})\s*(?:,\s*)?tháng\s+{_VI_MONTH}\s*(?:,|năm)*\s*(\d{{4}})", re.IGNORECASE
)
_VI_MONTH_FIRST = re.compile(rf"tháng\s+{_VI_MONTH}\s+(\d{{1,2}})\s*,\s*(\d{{4}})", re.IGNORECASE)
_WORD = r"([^\s\d,،.;:/|()\[\]{}<>\"–—-]{2,20}(?:\s(?:الثاني|الأول|الاول))?)"
_DAY_FIRST = re.compile(
    r"(?<![\d:.])(\d{1,2})(?:st|nd|rd|th|er|ère|º|ª|°|\.|\s?-?(?:ое|го|е|а)(?!\w))?(?:\s*[,،]?\s+|[-/. ]?)"
    r"(?:de\s+|of\s+|den\s+|d['’]\s?|ב)?"
    + _WORD
    + r"\.?[\s,،]*(?:de\s+|del\s+|do\s+|พ\.ศ\.\s*)?[-/., ]?\s*"
    + r"(?:(\d{4})(?!\d)|['’](\d{2})(?!\d)|(?<=[-/])(\d{2})(?![\d:.]))",
    re.IGNORECASE,
)
_DAY_YEAR = re.compile(
    r"[\s.,/-](\d{1,2})(?:st|nd|rd|th|º|er)?(?:\s*[,،]\s*|\s+|[-/])(?:de\s+)?(?:(\d{4})(?!\d)|['’](\d{2})(?!\d))",
    re.IGNORECASE,
)
_WORD_BEFORE = re.compile(r"(?<![^\W\d_])" + _WORD + r"[\s.,/-]*$")
_YEAR_FIRST = re.compile(
    r"(?<!\d)(\d{4})[\s.,/-]+(?:m\.\s*)?" + _WORD + r"\.?[\s.,/-]+(\d{1,2})(?![\d:])", re.IGNORECASE
)
_LATVIAN = re.compile(r"(?<!\d)(\d{4})\.?\s*gada\s+(\d{1,2})\.?\s*" + _WORD, re.IGNORECASE)
_MONTH_YEAR = re.compile(r"^(?:de\s+)?" + _WORD + r"\.?,?\s+(?:de\s+)?(\d{4})$", re.IGNORECASE)
_CLOCK = re.compile(
    r"(上午|下午|午前|午後|오전|오후|晚上|凌晨|早上)?\s*(?<![\d:.])(\d{1,2})\s?[:hH点點時时시]\s?(\d{2})(?!\d)(?:[:分]\s?(\d{2}))?"
    r"\s*(a\.?m\.?|p\.?m\.?|ص|م|SA|CH)?(?!\w)\s*"
    r"(\(?(?:GMT|UTC)\s?[+-]?\s?\d{0,2}:?\d{0,2}\)?|Z(?!\w)|[+-]\d{2}:?\d{2}(?!\d)|E[SD]T|C[SE]?[SD]?T|P[SD]T|"
    r"M[SD]T|CEST|CET|MSK|JST|KST|IST|BST)?",
    re.IGNORECASE,
)
_AFTERNOON = frozenset(("pm", "ch", "م", "下午", "午後", "오후", "晚上"))
_MORNING = frozenset(("am", "sa", "ص", "上午", "午前", "오전", "凌晨", "早上"))
_ZONES = {
    "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "cet": 1, "cest": 2,
    "msk": 3, "jst": 9, "kst": 9, "bst": 1,
}  # fmt: skip
_DIGITS = {
    zero + n: str(n)
    for zero in map(ord, "٠۰०০੦૦୦௦౦೦൦๐໐༠၀០᠐０")
    for n in range(10)
}  # fmt: skip
# Languages whose months the tables have: what is not found in them is not there.
_KNOWN = frozenset(re.split(
    r"\s+",
    "en es fr de pt it ca nl ru uk be bg sr pl cs sk sl hr bs tr az sv da no nb nn is fi et lt lv id ms ar fa ur he ro "
    "hu el th hi bn ta ka hy zh ja ko vi",
))  # fmt: skip
_WITH_YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")
# Languages whose all-number dates put the month first.
_MONTH_FIRST_LANGS = ("en-US", "en-PH", "fil", "tl")


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
    y: int, mo: int, d: int, h: int | None = None, mi: int = 0, s: int | None = None, zone: str | None = None,
    *, first: int = FIRST_YEAR,
) -> Moment | None:  # fmt: skip
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
    text = clean(text).translate(_DIGITS)
    if (m := _ISO.match(text)) or (m := _COMPACT.match(text)):
        y, mo, d, h, mi, s, zone = m.groups()
        return _make(int(y), int(mo), int(d), int(h) if h else None, int(mi or 0), int(s) if s else None, zone,
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
    return _make(int(year), number, int(day), int(hour), int(minute), s, zone, first=_FIRST_DECLARED)


@lru_cache(maxsize=4_096)
def visible(text: str, language: str = "", loose: bool = False) -> Moment | None:
    """The first date in a short visible text, with the time of day that stands beside it.

    `language` (BCP 47) decides the order of 3/4/2021. `loose` asks dateparser too where no
    rule here knows the form; pinned to the page's language where it is known.
    """
    text = plain(text)
    if "年" not in text and not any(c.isdigit() for c in text):
        return None
    found = _first(text, language)
    if found is None:
        known = language[:2].lower() in _KNOWN or not _WITH_YEAR.search(text)
        return None if known or not loose or len(text) > 60 else _by_dateparser(text, language)
    (y, mo, d), start, end = found
    if m := _ISO.match(text, start):
        if m[4]:
            return _make(y, mo, d, int(m[4]), int(m[5]), int(m[6]) if m[6] else None, m[7])
        end = m.end()
    clock = _CLOCK.search(text, end, end + 40) or _CLOCK.search(text, max(0, start - 25), start)
    if clock:
        h, mi = int(clock[2]), int(clock[3])
        half = (clock[5] or clock[1] or "").lower().replace(".", "")
        if half in _AFTERNOON and h < 12:
            h += 12
        elif half in _MORNING and h == 12:
            h = 0
        if made := _make(y, mo, d, h, mi, int(clock[4]) if clock[4] else None, clock[6]):
            return made
    return _make(y, mo, d)


def span(text: str, language: str = "") -> tuple[str, str] | None:
    """What stands before and after the first date of a text (in plain digits); None where it has none."""
    text = plain(text)
    found = _first(text, language)
    return (text[: found[1]], text[found[2] :]) if found else None


def plain(text: str) -> str:
    """A text of at most 300 characters on one line, its digits European, Thai month names whole."""
    text = clean(text).translate(_DIGITS)[:300]
    if "ค." in text or "ย." in text or "พ." in text:
        for name, number in THAI_SHORT.items():
            text = text.replace(name, f" {_THAI[number]} ")
    return text


_THAI = {n: name for name, n in MONTHS.items() if "\u0e00" <= name[0] <= "\u0e7f"}
Found = tuple[tuple[int, int, int], int, int]


def _first(text: str, language: str) -> Found | None:
    """The date that stands first; spelled out before all numbers, whose order may be in doubt."""
    spelled = min(_spelled(text, language), key=lambda f: f[1], default=None)
    return spelled or _numeric(text, language)


def _year(text: str | None, short: str | None = None) -> int:
    return int(text) if text else 2000 + int(short or 0)


def _spelled(text: str, language: str) -> Iterator[Found]:
    def found(y: int, mo: int | None, d: int, m: re.Match[str], start: int | None = None) -> Iterator[Found]:
        if mo and 1 <= mo <= 12 and 1 <= d <= 31:
            yield (y, mo, d), m.start() if start is None else start, m.end()

    for m in _CJK.finditer(text):
        written, number, day = (han_number(g) or 0 for g in m.groups()[1:])
        base = ERAS.get(m[1] or "", ERAS["民國"] if 80 <= written <= 199 else 0)
        yield from found(base + written if base or written > 1_900 else 0, number, day, m)
    if "th" in text or "Th" in text or "TH" in text:
        for m in _VI.finditer(text):
            yield from found(int(m[3]), vietnamese_month(m[2]), int(m[1]), m)
        for m in _VI_MONTH_FIRST.finditer(text):
            yield from found(int(m[3]), vietnamese_month(m[1]), int(m[2]), m)
    for m in _DAY_FIRST.finditer(text):
        year = _year(m[3], m[4] or m[5])
        mo = solar_month(m[2]) if is_solar(year) else month(m[2], language)
        yield from found(year, mo, int(m[1]), m)
    for m in _DAY_YEAR.finditer(text):
        if before := _WORD_BEFORE.search(text, max(0, m.start() - 25), m.start() + 1):
            yield from found(_year(m[2], m[3]), month(before[1], language), int(m[1]), m, before.start())
    for m in _YEAR_FIRST.finditer(text):
        yield from found(int(m[1]), month(m[2], language), int(m[3]), m)
    for m in _LATVIAN.finditer(text):
        yield from found(int(m[1]), month(m[3], language), int(m[2]), m)


def _numeric(text: str, language: str) -> Found | None:
    for pattern in (_ISO, _YMD):
        if (m := pattern.search(text)) and 1 <= int(m[2]) <= 12 and 1 <= int(m[3]) <= 31:
            return (int(m[1]), int(m[2]), int(m[3])), m.start(), m.end()
    for m in _DMY.finditer(text):
        a, b, y = int(m[1]), int(m[2]), int(m[3])
        y += 2000 if y < 70 else 1900 if y < 100 else 0
        month_first = "." not in m[0] and language in _MONTH_FIRST_LANGS
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
    m = _MONTH_YEAR.match(plain(text))
    number = month(m[1], language) if m else None
    made = _make(int(m[2]), number, 1) if m and number else None
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
