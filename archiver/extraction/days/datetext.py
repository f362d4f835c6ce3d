"""Dates as people read them, in many languages, never more exact than said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache

from archiver.extraction.days.calendars import ERAS, han_number, is_solar
from archiver.extraction.days.datewords import MONTHS, THAI_SHORT, month, solar_month, vietnamese_month
from archiver.extraction.days.moment import DIGITS, FIRST_YEAR, ISO, LAST_YEAR, Moment, make
from archiver.extraction.text import clean

_HAN = "0-9〇○零一二三四五六七八九十廿卅"
_CJK = re.compile(
    rf"({'|'.join(ERAS)})?\s*(元|[{_HAN}]{{1,4}})\s*[年년]\s*([{_HAN}]{{1,3}})\s*[月월]\s*([{_HAN}]{{1,3}})\s*[日号號일]?"
)
_YMD = re.compile(r"(?<![\d/.])(\d{4})\s?[/.]\s?(\d{1,2})\s?[/.]\s?(\d{1,2})(?![\d])")
# No point before a slash: 9.5/10 is a mark that something got.
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
# Languages whose months the tables have: what is not found in them is not there.
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
    if m := ISO.match(text, start):
        if m[4]:
            return make(y, mo, d, int(m[4]), int(m[5]), int(m[6]) if m[6] else None, m[7])
        end = m.end()
    clock = _clock(text, start, end, language)
    if clock:
        h, mi = int(clock["h"]), int(clock["m"])
        half = (clock["half"] or clock["part"] or "").lower().replace(".", "")
        if half in _AFTERNOON and h < 12:
            h += 12
        elif half in _MORNING and h == 12:
            h = 0
        if made := make(y, mo, d, h, mi, int(clock["s"]) if clock["s"] else None, clock["zone"]):
            return made
    return make(y, mo, d)


def _clock(text: str, start: int, end: int, language: str) -> re.Match[str] | None:
    """The time of day beside a date that stands from `start` to `end`; not that of the next date."""
    after = _CLOCK.search(text, end, end + 40)
    between = text[end : after.start()] if after else ""
    if after and not (any(c.isdigit() for c in between) and _first(between, language)):
        return after
    return _CLOCK.search(text, max(0, start - 25), start)


def span(text: str, language: str = "") -> tuple[str, str] | None:
    """What stands before the first date of a text and after it and its time of day; None where it has no date.

    Both are in European digits.
    """
    text = plain(text)
    found = _first(text, language)
    if found is None:
        return None
    _, start, end = found
    if m := ISO.match(text, start):
        end = max(end, m.end())
    clock = _clock(text, start, end, language)
    return text[:start], text[max(end, clock.end() if clock else end) :]


def plain(text: str) -> str:
    """A text of at most 300 characters on one line, its digits European, Thai month names whole."""
    text = clean(text).translate(DIGITS)[:300]
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
    for pattern in (ISO, _YMD):
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
    made = make(int(m[2]), number, 1) if m and number else None
    return Moment(made.at, "month", False) if made else None
