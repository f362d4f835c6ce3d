"""Times relative to the capture: "3 hours ago", "hace 2 días", "vor 3 Tagen", "2日前"."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from archiver.extraction.days.datetext import plain
from archiver.extraction.days.moment import Moment

# The stems of the words for each unit, all languages in one row; longer words with such a beginning mean the same.
_UNITS = {
    "minute": r"min\w*|λεπτ\w*|минут\w*|мин|хвилин\w*|phút|menit|dakika|dk|دقيق\w*|دقائق|دقیقه|דקות|דקה|perc\w*|"
              r"मिनट|นาที|分钟|分鐘|分|분",
    "hour": r"hours?|hrs?|h|std\.?|stunden?|heures?|horas?|or[ae]|uur|uren|годин\w*|час\w*|ч|godzin\w*|hodin\w*|"
            r"saat|sa|giờ|tiếng|jam|ساع\w*|שעות|שעה|שעתיים|timm\w*|time[rn]?|tunti\w*|tuntia|ώρ\w*|óra|órája|ore|घंटे|घंटा|"
            r"ชั่วโมง|小时|小時|時間|时间|시간",
    "day": r"days?|d|tag(?:en?)?|jours?|días?|dias?|giorn[oi]|dag(?:en|ar|er)?|дн(?:я|ей|і|ів)|день|dni|dny|dnem|dzień|"
           r"gün|ngày|hari|أيام|يوما?|يومين|روز|ימים|יום|יומיים|päivää|ημέρ\w*|μέρ\w*|napja|nappal|zile|दिन|วัน|天|日|일",
    "week": r"weeks?|w|wochen?|semaines?|semanas?|settiman[ae]|we(?:ek|ken)|недел\w*|тиж\w*|tygod\w*|týdn\w*|hafta|"
            r"tuần|minggu|أسابيع|أسبوع\w*|هفته|שבועות|שבוע|veck\w*|uker?|uger?|viikko\w*|εβδομάδ\w*|hete|săptămân\w*|"
            r"हफ़्ते|हफ्ते|सप्ताह|สัปดาห์|周|週間?|星期|주일?",
    "month": r"months?|mos?|monat(?:en?)?|mois|mes(?:es)?|m[eê]s(?:es)?|mes[ei]|maand(?:en)?|месяц\w*|місяц\w*|"
             r"miesi\w*|měsíc\w*|ay|tháng|bulan|أشهر|شهر\w*|ماه|חודשים|חודש|månad\w*|måned\w*|kuukau\w*|μήν\w*|hónap\w*|"
             r"lun[iă]\w*|महीने|เดือน|个月|個月|か月|ヶ月|カ月|개월|달",
    "year": r"years?|yrs?|y|jahr(?:en?)?|ans?|années?|años?|anos?|ann[oi]|jaar|года?|лет|рок\w*|lata?|rok\w*|let|yıl|"
            r"năm|tahun|سنوات|سنة|عام\w*|سال|שנים|שנה|år|vuotta|χρόνια|έτη|éve|ani|साल|ปี|年|년",
}  # fmt: skip
_UNIT = "|".join(f"(?P<{name}>{words})" for name, words in _UNITS.items())
_ONE = (r"an?|one|ein(?:e[rmn]?)?|une?|un[ao]?|uma?|een|один|одну|jeden|jedn[uo]|bir|một|satu|se(?=jam|hari)|en|et|ett|"
        r"μία|ένα|egy")  # fmt: skip
_BEFORE = (r"vor|il\s+y\s+a|hace|há|fa|منذ|قبل|לפני|för|for|siden|πριν(?:\s+από)?|před|acum|pred")
_AFTER = (r"ago|atrás|atras|fa|geleden|назад|тому|temu|önce|trước|(?:yang\s+)?lalu|پیش|قبل|पहले|ที่แล้ว|前|以前|전|sitten|"
          r"sedan|siden|ezelőtt")  # fmt: skip
_AGO = re.compile(
    rf"(?<!\w)(?:(?P<before>{_BEFORE})\s+)?(?:(?P<number>\d{{1,3}})\s*|(?P<one>{_ONE})\s+)(?:{_UNIT})"
    rf"(?:\s*(?P<after>{_AFTER}))?(?!\w)",
    re.IGNORECASE,
)
_DAYS = (
    (0, re.compile(r"^\W*(?:just now|today|heute|aujourd['’]hui|hoy|hoje|oggi|vandaag|сегодня|сьогодні|dzisiaj|dziś|"
                   r"dnes|bugün|hôm nay|hari ini|اليوم|امروز|היום|idag|i dag|tänään|σήμερα|आज|วันนี้|今天|今日|本日|"
                   r"오늘|刚刚|剛剛|방금|たった今|vừa xong)(?!\w)", re.IGNORECASE)),
    (1, re.compile(r"^\W*(?:yesterday|gestern|hier|ayer|ontem|ieri|gisteren|вчера|вчора|wczoraj|včera|dün|hôm qua|"
                   r"kemarin|أمس|دیروز|אתמול|igår|i går|eilen|χθες|χτες|tegnap|कल|เมื่อวาน|昨天|昨日|어제)(?!\w)",
                   re.IGNORECASE)),
)  # fmt: skip
_MINUTES = {"minute": 1, "hour": 60, "day": 1_440, "week": 10_080, "month": 43_830, "year": 525_960}
# "A week ago" is any of several days, possibly in two months.
_PRECISION = {"week": "month"}
# Letters beside a relative time ("at 14:05 Uhr", "Posted ... by Ada Byrne"); with more it is part of a sentence.
_LONGEST, _CLOCK_LETTERS, _BESIDE = 80, 8, 40
_MONTH_OR_YEAR = ("month", "year")


def relative(text: str, captured_at: datetime) -> Moment | None:
    """The moment of a relative time in a short text, counted back from the capture (aware).

    Its precision is its unit: "3 hours ago" is an hour, "2 days ago" a day, "2 weeks ago" only a month. None if the
    text has no such time; a bare "3 days" is a duration.
    """
    text = plain(text)
    if not text or len(text) > _LONGEST:
        return None
    for days, pattern in _DAYS:
        m = pattern.match(text)
        if m and sum(c.isalpha() for c in text[m.end() :]) <= _CLOCK_LETTERS:
            return _cut(captured_at - timedelta(days=days), "day")
    for m in _AGO.finditer(text):
        unit = next((name for name in _UNITS if m[name]), None)
        if unit and (m["before"] or m["after"]) and len(text) - len(m[0]) <= _BESIDE:
            return _before(captured_at, int(m["number"] or 1), unit)
    return None


def _before(at: datetime, number: int, unit: str) -> Moment | None:
    """A time that is some units before another, with the precision of the unit; None before the year 1."""
    try:
        return _cut(at - timedelta(minutes=number * _MINUTES[unit]), _PRECISION.get(unit, unit))
    except OverflowError:
        return None


def _cut(at: datetime, precision: str) -> Moment:
    """The start of a time's minute, hour, day, month or year."""
    at = at.replace(second=0, microsecond=0)
    if precision != "minute":
        at = at.replace(minute=0)
    if precision not in ("minute", "hour"):
        at = at.replace(hour=0)
    if precision in _MONTH_OR_YEAR:
        at = at.replace(day=1)
    if precision == "year":
        at = at.replace(month=1)
    return Moment(at, precision, True)
