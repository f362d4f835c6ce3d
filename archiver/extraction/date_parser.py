"""Parses dates: those that people write in many languages, those that machines write, those in addresses, and times
relative to the capture.

A result is never more precise than the text.

The tables contain the abbreviated months and the labels of dates in many languages; `date_candidates` and
`visible_dates` use them, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache

from archiver.extraction.normalization import clean_text
from archiver.model.lazy_regex import lazy_regex
from archiver.model.words import MONTHS, month_number, solar_month_number, vietnamese_month_number

# Thai abbreviations of months. They contain dots, so they are replaced before a date is parsed.
THAI_SHORT = {
    "ม.ค.": 1, "ก.พ.": 2, "มี.ค.": 3, "เม.ย.": 4, "พ.ค.": 5, "มิ.ย.": 6,
    "ก.ค.": 7, "ส.ค.": 8, "ก.ย.": 9, "ต.ค.": 10, "พ.ย.": 11, "ธ.ค.": 12,
}  # fmt: skip

# Words that label the date of the last change.
MODIFIED = lazy_regex(
    r"(?:last\s+)?(?:updat|modif|edited|revis|reviewed)|last\s+changed?\b|"
    r"aktualisier|geändert|letzte\s+änderung|überarbeitet|stand\s*:|mis(?:e)? à jour|modifié|actualisée?\b|"
    r"actuali[tz]+a[td]|aggiornat|atualizad|modificad|обновл[её]н|изменен|оновлено|змінено|обновен|актуализиран|"
    r"ažuriran|ажуриран|izm[ij]+enjen|posodobljen|atnaujint|atjaunots|uuendatud|muudetud|"
    r"cập nhật|更新|最后修改|最後修改|最后编辑|最後編輯|編集日|改訂|수정|업데이트|güncelle|değiştiril|yenilən|"
    r"zaktualizowan|aktualizacj|bijgewerkt|gewijzigd|تحديث|آخر تعديل|"
    r"آخرین ویرایش|به‌روزرسانی|بروزرسانی|اپ ڈیٹ|עודכן|diperbarui|diubah|dikemas\s?kini|uppdatera|ändrad|oppdatert|"
    r"endret|opdateret|ændret|päivitetty|muokattu|aktualiz(?:ov|ácia)|upraven[oé]|frissít|módosít|"
    r"ενημερώθηκε|τελευταία ενημέρωση|τροποποι|แก้ไขล่าสุด|อัปเดต|อัพเดท|ปรับปรุง|अपडेट|अद्यतन|আপডেট|হালনাগাদ|"
    r"புதுப்பிக்கப்பட்ட|అప్‌డేట్|განახლებ|թարմացվ|жаңартыл",
    re.IGNORECASE,
)
# Words that label the date of publication.
PUBLISHED = lazy_regex(
    r"\b(?:publi(?:shed|sh\s+date|cation\s+date|ée?|ca[dt][oa]|cerad|ziert)|date\s+of\s+publication|posted|"
    r"post\s+(?:date|time)|created|released?|written\s+on|originally|uploaded|"
    r"veröffentlicht|erschienen|erstellt|gepostet|geschrieben\s+(?:am|von|und)|eingestellt\s+am|"
    r"pubblicat[oa]|postato|inserito\s+il|data\s+di\s+pubblicazione|fecha\s+de\s+publicaci[oó]n|"
    r"data\s+de\s+publicaç[aã]o|postad[oa]|date\s+de\s+publication|mise?\s+en\s+ligne|paru\s+le|rédigé\s+(?:le|par)|"
    r"geplaatst|gepubliceerd|opublikowan|dodan[oy]|data\s+publikacji|udgivet|offentliggjort|oprettet|publisert|"
    r"lagt\s+ut|postat|julkaistu|luotu|avaldatud|paskelbta|publikuota|publicēts|"
    r"опубликован\w*|опубліковано|оприлюднено|апублікавана|публикуван\w*|размещен[оа]?|добавлен[оа]?|"
    r"дата\s+публикации|дата\s+публікації|objavljen\w*|објављен\w*|жариялан\w*|"
    r"yayın(?:lanma|landı)?|yayımlan\w*|eklen(?:me|di)\w*|dərc|ngày\s+đăng|đăng\s+(?:ngày|lúc)|xuất\s+bản|"
    r"diterbitkan|dipublikasikan|disiarkan|diposting|közzétéve|megjelent|létrehozva|publikován[oy]|publikované|"
    r"zveřejněno|zverejnené|uverejnené|vydáno|δημοσιεύ\w*|αναρτήθηκε\w*)|"
    r"发布|發布|发表|發表|发佈|發佈|刊登|发稿|發稿|录入|投稿日|公開日|掲載|配信|作成日|登録日|작성일|입력|등록|게시|승인|"
    r"نشر|تاريخ|انتشار|منتشر|تاریخ|شائع|פורסם|פורסמה|תאריך|"
    r"เผยแพร่|โพสต์|प्रकाशित|প্রকাশ|வெளியிட|ప్రచురించ|გამოქვეყნ|հրապարակվ",
    re.IGNORECASE,
)
# Words that, right before a date, label it as the day of something other than publication: the day on which a journal
# received or accepted a paper, that of an event, the last day of something, or the day on which a quoted page was read.
# "Submitted" is not among them, since some systems write it in the sense of "posted".
SENT = lazy_regex(
    r"(?:\b(?:received|accepted|eingegangen|angenommen|reçue?|acceptée?|recibido|aceptado|recebido|aceite|aceito|ricevuto|"
    r"accettato|when|wann|quand|cu[aá]ndo|quando|termin|deadline|когда|поступила(?:\s+в\s+редакцию)?|"
    r"принята\s+к\s+(?:публикации|печати)|"
    r"until|till|valid\s+(?:to|through)|bis(?:\s+zum)?|jusqu['’]au|hasta|até|fino\s+al|entro\s+il|tot(?:\s+en\s+met)?|"
    r"t/m|do\s+dnia|до|til(?:l)?\s+(?:og|och)\s+med|indtil|până\s+(?:la|pe)|μέχρι|έως|đến\s+(?:hết\s+)?ngày|hingga|"
    r"sampai|retrieved|accessed|last\s+visited|abgerufen|aufgerufen|consultée?s?|consultad[oa]|consultat[oa]|acess(?:o|ado)|"
    r"geraadpleegd|dostęp|data\s+dostępu|citováno|hämtad|hentet|besøgt|viitattu|erişim(?:\s+tarihi)?|дата\s+обращения|"
    r"проверено|дата\s+звернення|посетен|truy\s+cập|diakses)"
    r"(?:\s+(?:on|am|le|el|em|il|op|dnia|den|ngày|pada))?|"
    r"收稿日?期?|录用日?期?|接受日期|受付日?|受理日?|開催日時?|(?<!(?-i:[\u3400-\u9fff]))日時|행사일|접수일?|게재확정일?|截[至止](?:日期)?|访问日期|檢索於|检索于|"
    r"閲覧日?|접속일|تاریخ\s+دسترسی|حتى|تا\s+تاریخ)[\s:：]*$",
    re.IGNORECASE,
)
# Words before or after a date that label it as the day on which the site or its publisher was founded, as many footers
# say. Those before it may be followed by a word such as "on".
_FOUNDED = (
    r"founded|established|incorporated|gegründet|gründung|fond[ée]e?|fundad[ao]|fondat[ao]|opgericht|założon\w+|"
    r"založen\w*|grundad\w*|grundlagt|grunnlagt|stiftet|perustettu|alapít\w+|înființat\w*|osnovan\w*|ustanovljen\w*|"
    r"įkurt\w*|dibināt\w*|asutatud|ιδρύθηκε|основан\w*|заснован\w*|kuruluş\w*|kuruldu|kurulmuştur|əsası\s+qoyul\w+|"
    r"thành\s+lập|didirikan|ditubuhkan|(?:成立|创立|創立|创刊|創刊|创办|創辦|建站|設立|創業|開設)[于於日]?|"
    r"창간일?|창립일?|설립일?|تأسس\w*|تأسيس|تاسیس|נוסד\w*|הוקמ?ם?ה?|ก่อตั้ง(?:เมื่อ)?|स्थाप(?:ित|ना)|প্রতিষ্ঠ(?:িত|া)|"
    r"நிறுவப்பட்ட\w*|დაარსდა|հիմնադրվ\w+"
)
FOUNDED_BEFORE = lazy_regex(
    rf"(?:^|\W)(?:{_FOUNDED})(?:\s+(?:in|on|am|im|le|el|em|il|op|w|den|dne|la|vào|ngày|pada|в|на|στις|में))*[\s:：]*$",
    re.IGNORECASE,
)
FOUNDED_AFTER = lazy_regex(rf"[\s(]*(?:tarihinde\s+|jén\s+|年?に?)?(?:{_FOUNDED})(?:$|\W)", re.IGNORECASE)
# Words that label the date of first publication if there is also another date.
FIRST = lazy_regex(
    r"\b(?:originally|first)\s+(?:published|posted|appeared)|\b(?:ursprünglich|erstmals|initialement|originalmente|"
    r"originariamente|oorspronkelijk|первоначально|впервые\s+опубликован)",
    re.IGNORECASE,
)


# Years of other calendars: Buddhist, Japanese, of the Republic of China, and the Persian solar year.

# The year before the first year of each era. Year n of the era is n years later.
ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925, "大正": 1911, "明治": 1867, "民國": 1911, "民国": 1911}
_BUDDHIST, _BUDDHIST_YEARS = 543, range(2_440, 2_650)
_FIRST_SHORT_BUDDHIST = 40
"""The lowest year of two digits that is Buddhist on Thai pages: 40 stands for 2540, which is 1997. Lower ones are years
of the common era: 12 stands for 2012."""
# Years of the Persian solar calendar. Higher numbers are years of the Islamic lunar calendar, which cannot be converted
# by calculation.
_SOLAR_YEARS = range(1_300, 1_430)
# Years in which the 33-year cycle of leap years is broken (Borkowski, The Persian calendar for 3000 years).
_BREAKS = (1_210, 1_635)
_HAN_DIGITS = {c: n for n, c in enumerate("〇一二三四五六七八九")} | {"○": 0, "零": 0, "元": 1}


def civil_year(year: int) -> int:
    """Returns the year of the common era for a year as written, which may be Buddhist: 543 is subtracted from a
    Buddhist year.
    """
    return year - _BUDDHIST if year in _BUDDHIST_YEARS else year


def is_solar_year(year: int) -> bool:
    """Returns True if a year can be a year of the Persian solar calendar."""
    return year in _SOLAR_YEARS


def from_solar(year: int, month: int, day: int) -> date | None:
    """Converts a day of the Persian solar calendar to the Gregorian calendar. Returns None if there is no such day.

    The first of Farvardin is 20, 21 or 22 March. Leap years follow the 33-year cycle, which agrees with the observed
    calendar from 1210 to 1634.
    """
    if not (_BREAKS[0] <= year < _BREAKS[1] and 1 <= month <= 12 and 1 <= day <= _days_in_month(year, month)):
        return None
    before = 31 * (month - 1) if month <= 7 else 186 + 30 * (month - 7)
    cycles, rest = divmod(year - _BREAKS[0], 33)
    # The day 1210/1/1 was 21 March 1831.
    days = cycles * 12_053 + rest * 365 + _leap_years(rest) + before + day - 1
    return date(1_831, 3, 21) + timedelta(days=days)


def _leap_years(years: int) -> int:
    """Returns the number of leap years among the first `years` Persian years from 1210 on."""
    return sum(_is_leap(_BREAKS[0] + n) for n in range(years))


def _is_leap(year: int) -> bool:
    return year % 33 in (1, 5, 9, 13, 17, 22, 26, 30)


def _days_in_month(year: int, month: int) -> int:
    return 31 if month <= 6 else 30 if month < 12 or _is_leap(year) else 29


def han_number(text: str) -> int | None:
    """Parses a number in ASCII or Han digits. Han digits may be written by position (二〇二四) or with a word for ten
    (二十一). Returns None for any other text.
    """
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


# Dates as machines write them: ISO 8601, RFC 5322, JavaScript, epoch seconds, dates in URLs.

FIRST_YEAR, LAST_YEAR = 1970, 2100
"""The first and last year that are accepted in visible text. A declared date may be older, as in a newspaper's own
archive."""
_FIRST_DECLARED = 1800
# Days that databases store in place of "no date".
_EMPTY_DAYS = {(1970, 1, 1), (1969, 12, 31), (1900, 1, 1), (1899, 12, 30), (1899, 12, 31)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZERO_DATE = lazy_regex(
    r"\s*(?:0{1,4}[-/.]?0|0{3}1[-/.]?01[-/.]?01|\w*,?\s*(?:0?1 jan|jan\w*\.? 0?1,?) 0*1\b)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class DateParts:
    """The numbers of a date as written. `hour` and `second` are None if they are not given. `zone` is the time zone as
    written.
    """

    year: int
    month: int
    day: int
    hour: int | None = None
    minute: int = 0
    second: int | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class AddressDate:
    """The date in the path of an address; `day` is None if the address contains only year and month."""

    year: int
    month: int
    day: int | None = None

    @property
    def date(self) -> date | None:
        """The calendar day; None if the address contains only a month, or a day that does not exist."""
        if self.day is None:
            return None
        try:
            return date(self.year, self.month, self.day)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Moment:
    """A day or a time, with its precision ("second", "minute", "hour", "day", "month" or "year"). If its time zone is
    unknown, `zoned` is False and `at` is the written time, taken as UTC.
    """

    at: datetime
    precision: str
    zoned: bool

    @property
    def day(self) -> date:
        """The calendar day in the moment's own time zone."""
        return self.at.date()

    def __str__(self) -> str:
        """Returns the moment in ISO 8601."""
        return self.at.isoformat()


ISO = lazy_regex(
    r"(?<!\d)(\d{4})-(\d{1,2})-(\d{1,2})(?:[T_ ]{1,2}(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*(Z|UTC|GMT|"
    r"[+-]\d{2}:?\d{2}|[+-]\d{2})?(?!\d))?",
    re.IGNORECASE,
)
_COMPACT = lazy_regex(r"^(\d{4})(\d{2})(\d{2})(?:T?(\d{2})(\d{2})(\d{2})?(Z)?)?$")
_RFC822 = lazy_regex(
    r"(\d{1,2})\s+([A-Za-z]{3})[a-z]*\s+(\d{4})\s+(\d{2}):(\d{2})(?::(\d{2}))?\s*(GMT|UTC|Z|[A-Z]{3,4}|[+-]\d{4})?"
)
_JAVASCRIPT = lazy_regex(
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


def _parse_zone(text: str | None) -> timezone | None:
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


def make_moment(parts: DateParts, *, first: int = FIRST_YEAR) -> Moment | None:
    """Returns the moment that the numbers of a date give. Buddhist and Persian solar years are converted.

    Returns None if the day does not exist, if its year is before `first`, or for a date that databases store for "no
    date", such as 1970-01-01.
    """
    year, month_number, day = parts.year, parts.month, parts.day
    if is_solar_year(year):
        if (civil := from_solar(year, month_number, day)) is None:
            return None
        year, month_number, day = civil.year, civil.month, civil.day
    year = civil_year(year)
    is_midnight = not parts.hour and not parts.minute
    if not first <= year <= LAST_YEAR or (is_midnight and (year, month_number, day) in _EMPTY_DAYS):
        return None
    tz = _parse_zone(parts.zone)
    try:
        at = datetime(year, month_number, day, parts.hour or 0, parts.minute, parts.second or 0, tzinfo=tz or UTC)
    except ValueError:
        return None
    if at == _EPOCH and parts.hour is not None:  # the Unix time 0 means "no date", in whatever zone it is written
        return None
    precision = "day" if parts.hour is None else "minute" if parts.second is None else "second"
    return Moment(at, precision, tz is not None)


def is_zero_date(text: str) -> bool:
    """Returns True if a text is what programs write for "no date", such as 0000-00-00, 0001-01-01 or midnight of
    1970-01-01.
    """
    text = clean_text(text)
    if _ZERO_DATE.match(text):
        return True
    m = ISO.match(text)
    return m is not None and int(m[1]) in (1899, 1900, 1969, 1970) and machine_date(text) is None


def machine_date(text: str | None) -> Moment | None:
    """Parses a date written by a machine: ISO 8601 (with "T" or a space), 20240131, RFC 5322, JavaScript, or epoch
    seconds or milliseconds.

    Returns None for any other text, and for what databases write for "no date" (1970-01-01, 0001-01-01).
    """
    text = clean_text(text).translate(DIGITS)
    if (m := ISO.match(text)) or (m := _COMPACT.match(text)):
        y, mo, d, h, mi, s, zone = m.groups()
        parts = DateParts(int(y), int(mo), int(d), int(h) if h else None, int(mi or 0), int(s) if s else None, zone)
        return make_moment(parts, first=_FIRST_DECLARED)
    if m := _RFC822.search(text):
        day, name, year, hour, minute, second, zone = m.groups()
    elif m := _JAVASCRIPT.match(text):
        name, day, year, hour, minute, second, zone = m.groups()
    elif re.fullmatch(r"1\d{9}(\d{3})?", text):
        return Moment(datetime.fromtimestamp(int(text[:10]), UTC), "second", True)
    else:
        return None
    number = month_number(name)
    if number is None:
        return None
    seconds = int(second) if second else None
    parts = DateParts(int(year), number, int(day), int(hour), int(minute), seconds, zone)
    return make_moment(parts, first=_FIRST_DECLARED)


# A day is a whole segment of the path ("/2014/05/16/", "/2014-05-16.html", "/2014/0516/"), or it is at the start of a
# slug together with its year and month ("/2014-05-16-slug"). The 3 in "/2014/05/3-reasons" is not a day. The month may
# be a word ("/2014/may/16/"). Sections may stand between year and month ("/2014/WORLD/europe/05/16/"), and programs for
# newspapers put a letter before the day ("/t20140516_1234.html").
_URL_MONTHS = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    "nov(?:ember)?|dec(?:ember)?"
)
_STEP_END = r"(?=/|$|\.\w{2,5}$)"
_URL_DAYS = tuple(
    lazy_regex(pattern, re.IGNORECASE)
    for pattern in (
        rf"/((?:19|20)\d\d)/(\d{{1,2}})[/-](\d{{1,2}}){_STEP_END}",
        r"/((?:19|20)\d\d)-(\d{1,2})-(\d{1,2})(?=[/._-]|$)",
        r"/((?:19|20)\d\d)(0[1-9]|1[0-2])([0-2]\d|3[01])(?=[/._-]|$)",
        r"/t((?:19|20)\d\d)(0[1-9]|1[0-2])([0-2]\d|3[01])_\d+\.",
        rf"/((?:19|20)\d\d)[/-]({_URL_MONTHS})[/-](\d{{1,2}}){_STEP_END}",
        rf"/((?:19|20)\d\d)-(\d\d)/(\d\d){_STEP_END}",
        r"/((?:19|20)\d\d)/(0[1-9]|1[0-2])([0-2]\d|3[01])(?=/)",
        rf"/((?:19|20)\d\d)(?:/[a-z][a-z.]*){{1,2}}/(\d\d)/(\d\d){_STEP_END}",
    )
)
_URL_MONTH = lazy_regex(
    rf"/((?:19|20)\d\d)[/-](?:(\d{{1,2}})|({_URL_MONTHS})){_STEP_END}|/((?:19|20)\d\d)(0[1-9]|1[0-2])(?=/)",
    re.IGNORECASE,
)


@lru_cache(maxsize=4_096)
def url_date(path: str) -> AddressDate | None:
    """Returns the date in the path of an address; None if the path contains no date."""
    if "19" not in path and "20" not in path:
        return None
    for pattern in _URL_DAYS:
        if m := pattern.search(path):
            year, month, day = int(m[1]), _url_month(m[2]), int(m[3])
            if 1 <= month <= 12 and 1 <= day <= 31:
                return AddressDate(year, month, day)
    if m := _URL_MONTH.search(path):
        year, month = int(m[1] or m[4]), _url_month(m[2] or m[3] or m[5])
        return AddressDate(year, month) if 1 <= month <= 12 else None
    return None


def _url_month(text: str) -> int:
    return int(text) if text.isdigit() else month_number(text) or 0


_HAN = "0-9〇○零一二三四五六七八九十廿卅"
_CJK = lazy_regex(
    rf"({'|'.join(ERAS)})?\s*(元|[{_HAN}]{{1,4}})\s*[年년]\s*([{_HAN}]{{1,3}})\s*[月월]\s*([{_HAN}]{{1,3}})\s*[日号號일]?"
)
_YMD = lazy_regex(r"(?<![\d/.])(\d{4})\s?[/.]\s?(\d{1,2})\s?[/.]\s?(\d{1,2})(?![\d])")
# A date with a dot between its numbers must not have a slash after it, since 9.5/10 is a rating.
_DMY = lazy_regex(
    r"(?<![\d/.])(\d{1,2})(?:\s?/\s?|(?:\.\s?|-)(?!\d{1,2}\s?/))(\d{1,2})(?:\s?/\s?|\.\s?|-)(\d{4}|\d{2})(?![\d/])"
)
# A year of the Republic of China: 113-05-12.
_MINGUO = lazy_regex(r"(?<![\d/.-])(1[0-3]\d)([-/.])(\d{1,2})\2(\d{1,2})(?![\d/.-])")
_VI_MONTH = r"(\d{1,2}|mười hai|mười một|một|hai|ba|tư|năm|sáu|bảy|tám|chín|mười|giêng|chạp)"
_VI = lazy_regex(rf"(?:ngày\s+)?(\d{{1,2}})\s*(?:,\s*)?tháng\s+{_VI_MONTH}\s*(?:,|năm)*\s*(\d{{4}})", re.IGNORECASE)
_VI_MONTH_FIRST = lazy_regex(rf"tháng\s+{_VI_MONTH}\s+(\d{{1,2}})\s*,\s*(\d{{4}})", re.IGNORECASE)
_WORD = r"([^\s\d,،.;:/|()\[\]{}<>\"–—-]{2,20}(?:\s(?:الثاني|الأول|الاول))?)"
_DAY_FIRST = lazy_regex(
    r"(?<![\d:.])(\d{1,2})(?:st|nd|rd|th|er|ère|º|ª|°|\.|\s?-?(?:ое|го|е|а)(?!\w))?(?:\s*[,،]?\s+|[-/. ]?)"
    r"(?:de\s+|of\s+|den\s+|d['’]\s?|ta['’]\s?|ב|ខែ\s?)?"
    + _WORD
    + r"(?:\s?[/(]\s?[^\W\d_]{2,15}\)?)?"  # another name of the same month: "5 آذار/مارس 2012"
    + r"\.?[\s,،]*(?:de\s+|del\s+|do\s+|พ\.ศ\.\s*|ឆ្នាំ\s?)?[-/., ]?\s*"
    + r"(?:(\d{4})(?!\d)|['’](\d{2})(?!\d)|(?<=[-/])(\d{2})(?![\d:.]))",
    re.IGNORECASE,
)
_DAY_YEAR = lazy_regex(
    r"[\s.,/-](\d{1,2})(?:st|nd|rd|th|º|er)?(?:\s*[,،၊]\s*|\s+|[-/.])(?:de\s+)?(?:(\d{4})(?!\d)|['’](\d{2})(?!\d))",
    re.IGNORECASE,
)
_WORD_BEFORE = lazy_regex(r"(?<![^\W\d_])" + _WORD + r"[\s.,/-]*$")
_YEAR_FIRST = lazy_regex(
    r"(?<!\d)(\d{4})(?:e?ko\b)?[\s.,/-]+(?:m\.\s*)?" + _WORD + r"\.?[\s.,/-]+(\d{1,2})(?![\d:])", re.IGNORECASE
)
# Latvian, Kazakh and Uzbek: "2024. gada 5. marts", "2024 ж. 5 наурыз", "2024-yil 5-mart".
_YEAR_DAY = lazy_regex(r"(?<!\d)(\d{4})[.-]?\s*(?:gada|ж\.|жылғы|жылы|yil)\s+(\d{1,2})[.-]?\s*" + _WORD, re.IGNORECASE)
_MONGOLIAN = lazy_regex(r"(?<!\d)(\d{4})\s*оны\s+(\d{1,2})(?:-?\w{1,2})?\s+сарын\s+(\d{1,2})", re.IGNORECASE)
_THAI_SHORT_YEAR = lazy_regex(r"(?<![\d:.])(\d{1,2})\s*([\u0e00-\u0e4e]{4,12})\s*(\d{2})(?![\d:.])")
_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
_ROMAN_MONTH = lazy_regex(r"(?<![\d:.])(\d{1,2})\s?[\s./-]\s?([IVX]{1,4})\s?[\s./-]\s?((?:19|20)\d\d)(?!\d)")
# As many programs write a time: "Mon Mar 5 10:30:00 EST 2012".
_TIME_BEFORE_YEAR = lazy_regex(
    r"\b([A-Z][a-z]{2}) {1,2}(\d{1,2})(?= \d\d:\d\d(?::\d\d)?(?: [A-Z]{3,4}| [+-]\d{4})? (\d{4})(?!\d))"
)
_MONTH_YEAR = lazy_regex(r"^(?:de\s+)?" + _WORD + r"\.?,?\s+(?:de\s+)?(\d{4})$", re.IGNORECASE)
_CLOCK = lazy_regex(
    r"(?P<part>上午|下午|午前|午後|오전|오후|晚上|凌晨|早上)?\s*(?<![\d:.])(?P<h>\d{1,2})"
    # "12.30" is a time only if a word before or after it says so.
    r"(?:\s?[:hH点點時时시]\s?|(?<=\b(?:kl|om|um)\s\d\d)\.|(?<=\b(?:ore|klo|kl\.)\s\d\d)\.|(?<=\balle\s\d\d)\.|"
    r"\.(?=\d\d\s?(?:Uhr|uur|WI(?:B|TA?)|GMT|BST|CES?T|E[DS]T|[ap]\.?m)\b))(?P<m>\d{2})(?!\d)"
    r"(?:[:分분]\s?(?P<s>\d{2})[秒초]?|[分분])?(?:\s?h(?:oras|rs?|s)?(?!\w))?\s*"
    r"(?P<half>a\.?m\.?|p\.?m\.?|ص|م|SA|CH|π\.?μ\.?|μ\.?μ\.?|pagi|petang|malam)?(?!\w)\s*"
    r"(?P<zone>\(?(?:GMT|UTC)\s?[+-]?\s?\d{0,2}:?\d{0,2}\)?|Z(?!\w)|[+-]\d{2}:?\d{2}(?!\d)|E[SD]T|C[SE]?[SD]?T|P[SD]T|"
    r"M[SD]T|CEST|CET|MSK|JST|KST|IST|BST)?",
    re.IGNORECASE,
)
_AFTERNOON = frozenset(("pm", "ch", "م", "μμ", "petang", "malam", "下午", "午後", "오후", "晚上"))
_MORNING = frozenset(("am", "sa", "ص", "πμ", "pagi", "上午", "午前", "오전", "凌晨", "早上"))
# Languages whose months are in the tables. For texts in these languages, dateparser would find no date that the tables
# miss.
_KNOWN = frozenset(re.split(
    r"\s+",
    "en es fr de pt it ca nl ru uk be bg sr pl cs sk sl hr bs tr az sv da no nb nn is fi et lt lv id ms ar fa ur he ro "
    "hu el th hi bn ta ka hy zh ja ko vi te ml kn gu mr pa si my km lo kk uz mn sq mk gl eu cy ga sw tl af mt lb eo",
))  # fmt: skip
_WITH_YEAR = lazy_regex(r"(?<!\d)\d{4}(?!\d)")
_WITH_DAY = lazy_regex(r"(?<!\d)\d{1,2}(?!\d)")
# Languages in which a date of three short numbers begins with the year, and those in which it begins with the month.
_YEAR_FIRST_LANGS = ("zh", "ja", "ko")
_MONTH_FIRST_LANGS = ("en-US", "en-PH", "fil", "tl")


@lru_cache(maxsize=4_096)
def visible_date(text: str, language: str = "", loose: bool = False) -> Moment | None:
    """Returns the first date in a short visible text, with the time of day written next to it; None if the text
    contains no date.

    `language` (BCP 47) decides the order of day and month in 3/4/2021. If `loose` is True and no rule of this module
    matches, the dateparser library is tried, which knows more languages than the tables of month names.
    """
    text = plain_date_text(text)
    if "年" not in text and not any(c.isdigit() for c in text):
        return None
    found = _first_date(text, language)
    if found is None:
        known = language[:2].lower() in _KNOWN or not (_WITH_YEAR.search(text) and _WITH_DAY.search(text))
        return None if known or not loose or len(text) > 60 else _by_dateparser(text, language)
    end = found.end
    if m := ISO.match(text, found.start):
        if m[4]:
            return make_moment(DateParts(*found.numbers, int(m[4]), int(m[5]), int(m[6]) if m[6] else None, m[7]))
        end = m.end()
    clock = _find_clock(text, found.start, end, language)
    timed = make_moment(_with_clock(found, clock)) if clock else None
    return timed or make_moment(DateParts(*found.numbers))


def _with_clock(found: _WrittenDate, clock: re.Match[str]) -> DateParts:
    """Returns the numbers of a date and of the time of day next to it, which is converted to the 24-hour clock. `clock`
    is the match of that time.
    """
    hour = int(clock["h"])
    half = (clock["half"] or clock["part"] or "").lower().replace(".", "")
    if half in _AFTERNOON and hour < 12:
        hour += 12
    elif half in _MORNING and hour == 12:
        hour = 0
    return DateParts(*found.numbers, hour, int(clock["m"]), int(clock["s"]) if clock["s"] else None, clock["zone"])


def _find_clock(text: str, start: int, end: int, language: str) -> re.Match[str] | None:
    """Returns the match of the time of day next to the date between the positions `start` and `end`, after it or else
    before it; None if there is none. A time that belongs to the next date does not count.
    """
    after = _CLOCK.search(text, end, end + 40)
    between = text[end : after.start()] if after else ""
    is_of_another = PUBLISHED.search(between) or MODIFIED.search(between)
    if after and not is_of_another and not (any(c.isdigit() for c in between) and _first_date(between, language)):
        return after
    return _CLOCK.search(text, max(0, start - 25), start)


@lru_cache(maxsize=4_096)  # menus repeat on each page, and several readers ask about a line
def text_around_date(text: str, language: str = "") -> tuple[str, str] | None:
    """Returns a text in two parts: the text before its first date, and the text after that date and its time of day.
    Returns None if the text contains no date. Digits in the returned texts are ASCII.
    """
    text = plain_date_text(text)
    found = _first_date(text, language)
    if found is None:
        return None
    end = found.end
    if m := ISO.match(text, found.start):
        end = max(end, m.end())
    clock = _find_clock(text, found.start, end, language)
    return text[: found.start], text[max(end, clock.end() if clock else end) :]


def plain_date_text(text: str) -> str:
    """Returns a text as one line of at most 300 characters, with ASCII digits and with Thai months written in full."""
    text = clean_text(text).translate(DIGITS)[:300]
    if "ค." in text or "ย." in text or "พ." in text:
        for name, number in THAI_SHORT.items():
            text = text.replace(name, f" {_THAI[number]} ")
    return text


_THAI = {n: name for name, n in MONTHS.items() if "\u0e00" <= name[0] <= "\u0e7f"}


@dataclass(frozen=True, slots=True)
class _WrittenDate:
    """A date found in a text: year, month and day as written, and the positions in the text where it starts and
    ends.
    """

    numbers: tuple[int, int, int]
    start: int
    end: int


def _first_date(text: str, language: str) -> _WrittenDate | None:
    """Returns the first date in a text; None if there is none. A date with its month in words is preferred to a date of
    numbers only, whose order may be ambiguous.
    """
    spelled = min(_spelled_dates(text, language), key=lambda f: f.start, default=None)
    return spelled or _numeric_date(text, language)


def _full_year(text: str | None, short: str | None = None) -> int:
    return int(text) if text else 2000 + int(short or 0)


def _spelled_dates(text: str, language: str) -> Iterator[_WrittenDate]:
    """Yields the dates in a text whose month is a word ("3 May 2024") or is marked by a sign ("5月3日"). They are
    in the order of the notations that are tried, not of their positions in the text.
    """
    yield from _east_asian(text)
    if "th" in text or "Th" in text or "TH" in text:
        yield from _vietnamese(text)
    for m in _DAY_FIRST.finditer(text):
        year = _full_year(m[3], m[4] or m[5])
        number = solar_month_number(m[2]) if is_solar_year(year) else month_number(m[2], language)
        yield from _date_of_match(year, number, int(m[1]), m)
    for m in _DAY_YEAR.finditer(text):
        if before := _WORD_BEFORE.search(text, max(0, m.start() - 25), m.start() + 1):
            number = month_number(before[1], language)
            yield from _date_of_match(_full_year(m[2], m[3]), number, int(m[1]), m, before.start())
    for m in _YEAR_FIRST.finditer(text):
        yield from _date_of_match(int(m[1]), month_number(m[2], language), int(m[3]), m)
    for m in _YEAR_DAY.finditer(text):
        yield from _date_of_match(int(m[1]), month_number(m[3], language), int(m[2]), m)
    yield from _rarely_spelled(text, language)


def _rarely_spelled(text: str, language: str) -> Iterator[_WrittenDate]:
    """Yields the dates in rare notations: Mongolian months, Thai years of two digits, Roman numerals for months, and a
    time of day before the year.
    """
    if "сарын" in text:
        for m in _MONGOLIAN.finditer(text):
            yield from _date_of_match(int(m[1]), int(m[2]), int(m[3]), m)
    if language[:2] == "th":
        for m in _THAI_SHORT_YEAR.finditer(text):
            yield from _date_of_match(_thai_year(int(m[3])), month_number(m[2]), int(m[1]), m)
    for m in _ROMAN_MONTH.finditer(text):
        if m[2] in _ROMAN:
            yield from _date_of_match(int(m[3]), 1 + _ROMAN.index(m[2]), int(m[1]), m)
    for m in _TIME_BEFORE_YEAR.finditer(text):
        yield from _date_of_match(int(m[3]), month_number(m[1]), int(m[2]), m)


def _thai_year(short: int) -> int:
    """Returns the year of the common era for a year of two digits on a Thai page: 2012 for 55 (the Buddhist year 2555),
    but also for 12.
    """
    return civil_year(2_500 + short) if short >= _FIRST_SHORT_BUDDHIST else 2_000 + short


def _date_of_match(
    year: int, number: int | None, day: int, m: re.Match[str], start: int | None = None
) -> Iterator[_WrittenDate]:
    """Yields the date with this year, month (`number`, None if unknown) and day, if month and day are in range. Its
    position is that of the match `m`, but it begins at `start` if this is given.
    """
    if number and 1 <= number <= 12 and 1 <= day <= 31:
        yield _WrittenDate((year, number, day), m.start() if start is None else start, m.end())


def _east_asian(text: str) -> Iterator[_WrittenDate]:
    for m in _CJK.finditer(text):
        written, number, day = (han_number(g) or 0 for g in m.groups()[1:])
        base = ERAS.get(m[1] or "", ERAS["民國"] if 80 <= written <= 199 else 0)
        yield from _date_of_match(base + written if base or written > 1_900 else 0, number, day, m)


def _vietnamese(text: str) -> Iterator[_WrittenDate]:
    for m in _VI.finditer(text):
        yield from _date_of_match(int(m[3]), vietnamese_month_number(m[2]), int(m[1]), m)
    for m in _VI_MONTH_FIRST.finditer(text):
        yield from _date_of_match(int(m[3]), vietnamese_month_number(m[1]), int(m[2]), m)


def _numeric_date(text: str, language: str) -> _WrittenDate | None:
    for pattern in (ISO, _YMD):
        m = pattern.search(text)
        if m and (written := next(_date_of_match(int(m[1]), int(m[2]), int(m[3]), m), None)):
            return written
    if language[:2] == "zh":
        for m in _MINGUO.finditer(text):
            if written := next(_date_of_match(ERAS["民國"] + int(m[1]), int(m[3]), int(m[4]), m), None):
                return written
    for m in _DMY.finditer(text):
        first, second, year = int(m[1]), int(m[2]), int(m[3])
        if len(m[3]) == 2 and language[:2] in _YEAR_FIRST_LANGS and second <= 12 and year <= 31:
            first, year = year, first  # "12-03-05" is 5 March 2012
        if year < 100:
            year = _thai_year(year) if language[:2] == "th" else year + (2_000 if year < 70 else 1_900)
        month_first = "." not in m[0] and language in _MONTH_FIRST_LANGS and first <= 12
        day, number = (second, first) if month_first or second > 12 else (first, second)
        if written := next(_date_of_match(year, number, day, m), None):
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
        # Either dateparser does not know the language, or the text breaks its tables. In both cases there is no date.
        return None
    if at is None or not FIRST_YEAR <= at.year <= LAST_YEAR:
        return None
    return Moment(at.replace(hour=0, minute=0, second=0, microsecond=0), "day", False)


def parse_month_and_year(text: str, language: str = "") -> Moment | None:
    """Parses a text that consists of month and year, such as "May 2019"; returns None for any other text."""
    m = _MONTH_YEAR.match(plain_date_text(text))
    number = month_number(m[1], language) if m else None
    made = make_moment(DateParts(int(m[2]), number, 1)) if m and number else None
    return Moment(made.at, "month", False) if made else None


def day_in_month(text: str, month: AddressDate, language: str = "") -> Moment | None:
    """Returns the first date in a text that is a day of the given month, written without a year: "LONDON, March 5
    (Reuters)", "03-05 09:12". Returns None if there is no such date.
    """
    text = plain_date_text(text)
    for m in _DAY_WITHOUT_YEAR.finditer(text):
        name, day = (m["name"], m["day"]) if m["name"] else (m["name2"], m["day2"])
        number = int(m["number"]) if m["number"] else month_number(name or "", language)
        day = m["day3"] if m["number"] else day
        if number == month.month and day:
            return make_moment(DateParts(month.year, month.month, int(day)))
    return None


_DAY_WITHOUT_YEAR = lazy_regex(
    r"(?<![\w.])(?:(?P<name>[^\W\d_]{3,12})\.?\s+(?P<day>\d{1,2})(?![\w:]|[.,]\d)|"
    r"(?P<day2>\d{1,2})(?:\.|st|nd|rd|th)?\s+(?:de\s+)?(?P<name2>[^\W\d_]{3,12})(?!\w)|"
    r"(?P<number>\d{1,2})(?:\s?月\s?|월\s?|[-/])(?P<day3>\d{1,2})(?!\d))"
)


# Times relative to the capture: "3 hours ago", "hace 2 días", "vor 3 Tagen", "2日前".

# The words for each unit in all languages. A stem followed by \w* stands for all words that begin with it.
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
_BEFORE = r"vor|il\s+y\s+a|hace|há|fa|منذ|قبل|לפני|för|for|siden|πριν(?:\s+από)?|před|acum|pred"
_AFTER = (r"ago|atrás|atras|fa|geleden|назад|тому|temu|önce|trước|(?:yang\s+)?lalu|پیش|قبل|पहले|ที่แล้ว|前|以前|전|sitten|"
          r"sedan|siden|ezelőtt")  # fmt: skip
_AND = r"and|und|et|y|e|en|og|och|ja|i|a|ve|và|dan|și|és|и|і|та|και|და|ו|و|और|และ"
# The smaller units of "2 years, 4 months ago" and "2年4か月前".
_SMALLER = rf"(?:\s*[,،、]?\s*(?:(?:{_AND})\s*)?\d{{1,2}}\s*(?:{'|'.join(_UNITS.values())}))"
_AGO = lazy_regex(
    rf"(?<!\w)(?:(?P<before>{_BEFORE})\s+)?(?:(?P<number>\d{{1,3}})\s*|(?P<one>{_ONE})\s+)(?:{_UNIT})"
    rf"(?P<smaller>{_SMALLER}{{1,2}})?(?:\s*(?P<after>{_AFTER}))?(?!\w)",
    re.IGNORECASE,
)
_NUMBER_AND_UNIT = lazy_regex(rf"(?P<number>\d+)\s*(?:{_UNIT})(?![^\W\d])", re.IGNORECASE)
_DAYS = (
    (0, lazy_regex(r"^\W*(?:just now|today|heute|aujourd['’]hui|hoy|hoje|oggi|vandaag|сегодня|сьогодні|dzisiaj|dziś|"
                   r"dnes|bugün|hôm nay|hari ini|اليوم|امروز|היום|idag|i dag|tänään|σήμερα|आज|วันนี้|今天|今日|本日|"
                   r"오늘|刚刚|剛剛|방금|たった今|vừa xong)(?!\w)", re.IGNORECASE)),
    (1, lazy_regex(r"^\W*(?:yesterday|gestern|hier|ayer|ontem|ieri|gisteren|вчера|вчора|wczoraj|včera|dün|hôm qua|"
                   r"kemarin|أمس|دیروز|אתמול|igår|i går|eilen|χθες|χτες|tegnap|कल|เมื่อวาน|昨天|昨日|어제)(?!\w)",
                   re.IGNORECASE)),
)  # fmt: skip
_MINUTES = {"minute": 1, "hour": 60, "day": 1_440, "week": 10_080, "month": 43_830, "year": 525_960}
# "A week ago" may be any of several days, even days of different months.
_PRECISION = {"week": "month"}
# Limits for texts with a relative time; longer texts are sentences. A text has at most _MAX_LENGTH characters. At most
# _CLOCK_LETTERS characters follow "yesterday" ("at 14:05 Uhr"), and at most _BESIDE characters surround "3 hours ago"
# ("Posted ... by Ada Byrne").
_MAX_LENGTH, _CLOCK_LETTERS, _BESIDE = 80, 8, 40
_MONTH_OR_YEAR = ("month", "year")


def relative_time(text: str, captured_at: datetime) -> Moment | None:
    """Parses a relative time such as "3 hours ago" in a short text, counted back from `captured_at` (aware). Returns
    None if the text contains no such time; "3 days" without "ago" is a duration.

    The precision of the result is the unit: "3 hours ago" is precise to the hour, "2 days ago" to the day, "2 weeks
    ago" only to the month. If there are several units, the largest counts, since programs round down: "2 years, 4
    months ago" may mean another month.
    """
    text = plain_date_text(text)
    if not text or len(text) > _MAX_LENGTH:
        return None
    for days, pattern in _DAYS:
        m = pattern.match(text)
        if m and sum(c.isalpha() for c in text[m.end() :]) <= _CLOCK_LETTERS:
            return _start_of_unit(captured_at - timedelta(days=days), "day")
    for m in _AGO.finditer(text):
        unit = _unit_of(m)
        if unit and (m["before"] or m["after"]) and len(text) - len(m[0]) <= _BESIDE:
            smaller = _NUMBER_AND_UNIT.finditer(m["smaller"] or "")
            minutes = int(m["number"] or 1) * _MINUTES[unit]
            minutes += sum(int(one["number"]) * _MINUTES[_unit_of(one)] for one in smaller)
            return _time_before(captured_at, minutes, _PRECISION.get(unit, unit))
    return None


def is_relative_time(text: str) -> bool:
    """Returns True if a text is a relative time, such as "3 hours ago", and nothing else."""
    text = plain_date_text(text).strip(" ()[]|·•,–—-")
    m = _AGO.fullmatch(text)
    return m is not None and bool(m["before"] or m["after"])


def _unit_of(m: re.Match[str]) -> str:
    """Returns the name of the unit in the match of a relative time, such as "hour" (a key of `_UNITS`); "" if it has
    none.
    """
    return next((name for name in _UNITS if m[name]), "")


def _time_before(at: datetime, minutes: int, precision: str) -> Moment | None:
    """Returns the time some minutes before `at`, with a precision; None if it is before the year 1."""
    try:
        return _start_of_unit(at - timedelta(minutes=minutes), precision)
    except OverflowError:
        return None


def _start_of_unit(at: datetime, precision: str) -> Moment:
    """Returns the start of the minute, hour, day, month or year that contains a time."""
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


# Matches the class names and ids that many themes use for dates, but not those for dates of an event or a form.
_NAMED = lazy_regex(
    r"(?:^|[_-]|(?<=[a-z]))(?:date(?:line|time)?|time(?:stamp)?|publish(?:ed)?|pub-?date|posted(?:-?on)?|fecha|datum|"
    r"data|ngay|thoi-?gian|tarih|tanggal|waktu|dato|datum|tempo|hora|jour|shijian|riqi|zeit)(?=$|[_-]|(?<=[a-z])[A-Z])|"
    r"(?<=[a-z])(?:Date|Time|Published|Posted)(?=$|[_A-Z-])",
)


_OTHER_TIME = lazy_regex(
    r"read|event|countdown|picker|calend|expir|delivery|opening|schedule|duration|-to-", re.IGNORECASE
)


@lru_cache(maxsize=8_192)
def names_a_date(name: str) -> bool:
    """Returns True if a class or id is commonly used for a date."""
    return len(name) < 60 and bool(_NAMED.search(name)) and not _OTHER_TIME.search(name)
