"""Years of other calendars: Buddhist, Japanese, of the Republic of China, and the Persian solar year."""

from __future__ import annotations

from datetime import date, timedelta

# The year before the first of each era, so that year n of the era is n years later.
ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925, "大正": 1911, "明治": 1867, "民國": 1911, "民国": 1911}
_BUDDHIST, _BUDDHIST_YEARS = 543, range(2_440, 2_650)
# Higher numbers are years of the Islamic lunar calendar, whose days cannot be computed.
_SOLAR_YEARS = range(1_300, 1_430)
# Years in which the 33-year cycle of leap years is broken (after Borkowski, The Persian calendar for 3000 years).
_BREAKS = (1_210, 1_635)
_HAN_DIGITS = {c: n for n, c in enumerate("〇一二三四五六七八九")} | {"○": 0, "零": 0, "元": 1}


def civil_year(year: int) -> int:
    """The year of the common era; a Buddhist year, as written in Thailand, is 543 ahead."""
    return year - _BUDDHIST if year in _BUDDHIST_YEARS else year


def is_solar(year: int) -> bool:
    """Whether a number can be a year of the Persian solar calendar."""
    return year in _SOLAR_YEARS


def from_solar(year: int, month: int, day: int) -> date | None:
    """The Gregorian day of a day in the Persian solar calendar; None if there is no such day.

    The first of Farvardin is 21 March or the day before or after; leap years follow the 33-year cycle, which agrees
    with the observed calendar from 1210 to 1634.
    """
    if not (_BREAKS[0] <= year < _BREAKS[1] and 1 <= month <= 12 and 1 <= day <= _length(year, month)):
        return None
    before = 31 * (month - 1) if month <= 7 else 186 + 30 * (month - 7)
    cycles, rest = divmod(year - _BREAKS[0], 33)
    # 1210/1/1 was 21 March 1831.
    days = cycles * 12_053 + rest * 365 + _leaps(rest) + before + day - 1
    return date(1_831, 3, 21) + timedelta(days=days)


def _leaps(years: int) -> int:
    """The number of leap years among the first `years` of a cycle that began with year 1210."""
    return sum(_is_leap(_BREAKS[0] + n) for n in range(years))


def _is_leap(year: int) -> bool:
    return year % 33 in (1, 5, 9, 13, 17, 22, 26, 30)


def _length(year: int, month: int) -> int:
    return 31 if month <= 6 else 30 if month < 12 or _is_leap(year) else 29


def han_number(text: str) -> int | None:
    """A number in Han digits, positional (二〇二四) or with tens (二十一); None if it is neither."""
    if text.isdigit():
        return int(text)
    if any(c not in _HAN_DIGITS and c != "十" for c in text) or not text:
        return None
    if "十" not in text:
        return int("".join(str(_HAN_DIGITS[c]) for c in text)) if len(text) > 1 else _HAN_DIGITS[text]
    tens, _, ones = text.partition("十")
    if len(tens) > 1 or len(ones) > 1:
        return None
    return 10 * (_HAN_DIGITS[tens] if tens else 1) + (_HAN_DIGITS[ones] if ones else 0)
