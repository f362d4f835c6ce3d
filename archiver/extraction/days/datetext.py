"""Dates as people write them, in many languages, never more precise than written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from archiver.extraction.days.calendars import ERAS, han_number, is_solar
from archiver.extraction.days.datewords import MONTHS, THAI_SHORT, month, solar_month, vietnamese_month
from archiver.extraction.days.moment import DIGITS, FIRST_YEAR, ISO, LAST_YEAR, DateParts, Moment, make
from archiver.extraction.text import clean

_HAN = "0-9〇○零一二三四五六七八九十廿卅"
_CJK = re.compile(
    rf"({'|'.join(ERAS)})?\s*(元|[{_HAN}]{{1,4}})\s*[年년]\s*([{_HAN}]{{1,3}})\s*[月월]\s*([{_HAN}]{{1,3}})\s*[日号號일]?"
)
_YMD = re.compile(r"(?<![\d/.])(\d{4})\s?[/.]\s?(\d{1,2})\s?[/.]\s?(\d{1,2})(?![\d])")
# No point before a slash: 9.5/10 is a rating.
_DMY = re.compile(
    r"(?<![\d/.])(\d{1,2})(?:\s?/\s?|(?:\.\s?|-)(?!\d{1,2}\s?/))(\d{1,2})(?:\s?/\s?|\.\s?|-)(\d{4}|\d{2})(?![\d/])"
)
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
    r"(?P<part>上午|下午|午前|午後|오전|오후|晚上|凌晨|早上)?\s*(?<![\d:.])(?P<h>\d{1,2})"
    # "12.30" is a time only where a word says so.
    r"(?:\s?[:hH点點時时시]\s?|(?<=\b(?:kl|om|um)\s\d\d)\.|(?<=\b(?:ore|klo|kl\.)\s\d\d)\.|(?<=\balle\s\d\d)\.|"
    r"\.(?=\d\d\s?(?:Uhr|uur|WIB)\b))(?P<m>\d{2})(?!\d)"
    r"(?:[:分]\s?(?P<s>\d{2}))?\s*(?P<half>a\.?m\.?|p\.?m\.?|ص|م|SA|CH)?(?!\w)\s*"
    r"(?P<zone>\(?(?:GMT|UTC)\s?[+-]?\s?\d{0,2}:?\d{0,2}\)?|Z(?!\w)|[+-]\d{2}:?\d{2}(?!\d)|E[SD]T|C[SE]?[SD]?T|P[SD]T|"
    r"M[SD]T|CEST|CET|MSK|JST|KST|IST|BST)?",
    re.IGNORECASE,
)
_AFTERNOON = frozenset(("pm", "ch", "م", "下午", "午後", "오후", "晚上"))
_MORNING = frozenset(("am", "sa", "ص", "上午", "午前", "오전", "凌晨", "早上"))
# Languages whose months the tables have: in these, a date that is not found is not there.
_KNOWN = frozenset(re.split(
    r"\s+",
    "en es fr de pt it ca nl ru uk be bg sr pl cs sk sl hr bs tr az sv da no nb nn is fi et lt lv id ms ar fa ur he ro "
    "hu el th hi bn ta ka hy zh ja ko vi",
))  # fmt: skip
_WITH_YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")
# Languages whose all-number dates put the month first.
_MONTH_FIRST_LANGS = ("en-US", "en-PH", "fil", "tl")


@lru_cache(maxsize=4_096)
def visible(text: str, language: str = "", loose: bool = False) -> Moment | None:
    """The first date in a short visible text, with the time of day beside it.

    `language` (BCP 47) decides the order of 3/4/2021. `loose` also asks dateparser where no rule here knows the
    notation and the language of the page is not one of the tables'.
    """
    text = plain(text)
    if "年" not in text and not any(c.isdigit() for c in text):
        return None
    found = _first(text, language)
    if found is None:
        known = language[:2].lower() in _KNOWN or not _WITH_YEAR.search(text)
        return None if known or not loose or len(text) > 60 else _by_dateparser(text, language)
    end = found.end
    if m := ISO.match(text, found.start):
        if m[4]:
            return make(DateParts(*found.numbers, int(m[4]), int(m[5]), int(m[6]) if m[6] else None, m[7]))
        end = m.end()
    clock = _clock(text, found.start, end, language)
    timed = make(_with_clock(found, clock)) if clock else None
    return timed or make(DateParts(*found.numbers))


def _with_clock(found: _Written, clock: re.Match[str]) -> DateParts:
    """A date with the time of day beside it, on the 24-hour clock."""
    hour = int(clock["h"])
    half = (clock["half"] or clock["part"] or "").lower().replace(".", "")
    if half in _AFTERNOON and hour < 12:
        hour += 12
    elif half in _MORNING and hour == 12:
        hour = 0
    return DateParts(*found.numbers, hour, int(clock["m"]), int(clock["s"]) if clock["s"] else None, clock["zone"])


def _clock(text: str, start: int, end: int, language: str) -> re.Match[str] | None:
    """The time of day beside the date at `start` to `end`, unless it belongs to the next date."""
    after = _CLOCK.search(text, end, end + 40)
    between = text[end : after.start()] if after else ""
    if after and not (any(c.isdigit() for c in between) and _first(between, language)):
        return after
    return _CLOCK.search(text, max(0, start - 25), start)


def span(text: str, language: str = "") -> tuple[str, str] | None:
    """The text before its first date, and that after the date and its time of day; None if there is no date.

    Both have European digits.
    """
    text = plain(text)
    found = _first(text, language)
    if found is None:
        return None
    end = found.end
    if m := ISO.match(text, found.start):
        end = max(end, m.end())
    clock = _clock(text, found.start, end, language)
    return text[: found.start], text[max(end, clock.end() if clock else end) :]


def plain(text: str) -> str:
    """A text on one line, cut at 300 characters, with European digits and Thai month names written out."""
    text = clean(text).translate(DIGITS)[:300]
    if "ค." in text or "ย." in text or "พ." in text:
        for name, number in THAI_SHORT.items():
            text = text.replace(name, f" {_THAI[number]} ")
    return text


_THAI = {n: name for name, n in MONTHS.items() if "\u0e00" <= name[0] <= "\u0e7f"}
@dataclass(frozen=True, slots=True)
class _Written:
    """A date found in a text: year, month and day as written, and where it starts and ends."""

    numbers: tuple[int, int, int]
    start: int
    end: int


def _first(text: str, language: str) -> _Written | None:
    """The first date; one with the month spelled out before one of numbers only, whose order may be in doubt."""
    spelled = min(_spelled(text, language), key=lambda f: f.start, default=None)
    return spelled or _numeric(text, language)


def _year(text: str | None, short: str | None = None) -> int:
    return int(text) if text else 2000 + int(short or 0)


def _spelled(text: str, language: str) -> Iterator[_Written]:
    """The dates whose month is a word or a sign, one notation after another."""
    yield from _east_asian(text)
    if "th" in text or "Th" in text or "TH" in text:
        yield from _vietnamese(text)
    for m in _DAY_FIRST.finditer(text):
        year = _year(m[3], m[4] or m[5])
        number = solar_month(m[2]) if is_solar(year) else month(m[2], language)
        yield from _possible(year, number, int(m[1]), m)
    for m in _DAY_YEAR.finditer(text):
        if before := _WORD_BEFORE.search(text, max(0, m.start() - 25), m.start() + 1):
            number = month(before[1], language)
            yield from _possible(_year(m[2], m[3]), number, int(m[1]), m, before.start())
    for m in _YEAR_FIRST.finditer(text):
        yield from _possible(int(m[1]), month(m[2], language), int(m[3]), m)
    for m in _LATVIAN.finditer(text):
        yield from _possible(int(m[1]), month(m[3], language), int(m[2]), m)


def _possible(
    year: int, number: int | None, day: int, m: re.Match[str], start: int | None = None
) -> Iterator[_Written]:
    """The date at a match, if its month and day can be such."""
    if number and 1 <= number <= 12 and 1 <= day <= 31:
        yield _Written((year, number, day), m.start() if start is None else start, m.end())


def _east_asian(text: str) -> Iterator[_Written]:
    for m in _CJK.finditer(text):
        written, number, day = (han_number(g) or 0 for g in m.groups()[1:])
        base = ERAS.get(m[1] or "", ERAS["民國"] if 80 <= written <= 199 else 0)
        yield from _possible(base + written if base or written > 1_900 else 0, number, day, m)


def _vietnamese(text: str) -> Iterator[_Written]:
    for m in _VI.finditer(text):
        yield from _possible(int(m[3]), vietnamese_month(m[2]), int(m[1]), m)
    for m in _VI_MONTH_FIRST.finditer(text):
        yield from _possible(int(m[3]), vietnamese_month(m[1]), int(m[2]), m)


def _numeric(text: str, language: str) -> _Written | None:
    for pattern in (ISO, _YMD):
        m = pattern.search(text)
        if m and (written := next(_possible(int(m[1]), int(m[2]), int(m[3]), m), None)):
            return written
    for m in _DMY.finditer(text):
        first, second, year = int(m[1]), int(m[2]), int(m[3])
        year += 2000 if year < 70 else 1900 if year < 100 else 0
        month_first = "." not in m[0] and language in _MONTH_FIRST_LANGS and first <= 12
        day, number = (second, first) if month_first or second > 12 else (first, second)
        if written := next(_possible(year, number, day, m), None):
            return written
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
        # An unknown language, or a text that breaks dateparser's locale tables: no date either way.
        return None
    if at is None or not FIRST_YEAR <= at.year <= LAST_YEAR:
        return None
    return Moment(at.replace(hour=0, minute=0, second=0, microsecond=0), "day", False)


def month_only(text: str, language: str = "") -> Moment | None:
    """ "May 2019" and nothing else."""
    m = _MONTH_YEAR.match(plain(text))
    number = month(m[1], language) if m else None
    made = make(DateParts(int(m[2]), number, 1)) if m and number else None
    return Moment(made.at, "month", False) if made else None
