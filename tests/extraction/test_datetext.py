"""Dates as pages write them."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.extraction import date_parser
from archiver.extraction.date_parser import (
    FIRST_YEAR,
    LAST_YEAR,
    AddressDate,
    day_in_month,
    is_zero_date,
    machine_date,
    url_date,
    visible_date,
)


@pytest.mark.parametrize(
    ("text", "language", "iso", "precision"),
    [
        ("domingo, 21 de noviembre de 2010", "es", "2010-11-21T00:00:00+00:00", "day"),
        ("ኖቬምበር 12, 2024", "am", "2024-11-12T00:00:00+00:00", "day"),
        ("መስከረም 12, 2024", "ti", "2024-09-12T00:00:00+00:00", "day"),
        ("12 ئازار 2024", "ckb", "2024-03-12T00:00:00+00:00", "day"),
        ("ଅଗଷ୍ଟ 12, 2024", "or", "2024-08-12T00:00:00+00:00", "day"),
        ("12 maarso 2024", "so", "2024-03-12T00:00:00+00:00", "day"),
        ("12 январ 2024", "tg", "2024-01-12T00:00:00+00:00", "day"),
        ("17/08/2020", "vi", "2020-08-17T00:00:00+00:00", "day"),
        ("Thứ bảy, 12/3/2022, 10:05 (GMT+7)", "vi", "2022-03-12T10:05:00+07:00", "minute"),
        ("13 Tháng Ba, 2021", "vi", "2021-03-13T00:00:00+00:00", "day"),
        ("Tháng Bảy 15, 2020", "vi", "2020-07-15T00:00:00+00:00", "day"),
        ("Posted on: Sat 20 June 2026 by Someone", "en", "2026-06-20T00:00:00+00:00", "day"),
        ("May.12.2024", "en", "2024-05-12T00:00:00+00:00", "day"),
        ("မေ ၁၂၊ ၂၀၂၄", "my", "2024-05-12T00:00:00+00:00", "day"),
        ("113-05-12", "zh-TW", "2024-05-12T00:00:00+00:00", "day"),
        ("12/05/2024 a les 18:34h", "ca", "2024-05-12T18:34:00+00:00", "minute"),
        ("12.05.2024 18:34 hs", "es", "2024-05-12T18:34:00+00:00", "minute"),
        ("12 Mei 2024, 6:34 petang", "ms", "2024-05-12T18:34:00+00:00", "minute"),
        ("12/05/2024 06:34 μ.μ.", "el", "2024-05-12T18:34:00+00:00", "minute"),
        ("March 3rd, 2020 at 4:05 pm", "en-US", "2020-03-03T16:05:00+00:00", "minute"),
        ("3/4/2021", "en-US", "2021-03-04T00:00:00+00:00", "day"),
        ("3/4/2021", "en-GB", "2021-04-03T00:00:00+00:00", "day"),
        ("25/4/2021", "en-US", "2021-04-25T00:00:00+00:00", "day"),
        ("2023年7月27日 10:33", "zh", "2023-07-27T10:33:00+00:00", "minute"),
        ("2021/03/04(木) 09:10", "ja", "2021-03-04T09:10:00+00:00", "minute"),
        ("2020. 3. 4.", "ko", "2020-03-04T00:00:00+00:00", "day"),
        ("2020년 3월 4일", "ko", "2020-03-04T00:00:00+00:00", "day"),
        ("١٢ مارس ٢٠٢٠", "ar", "2020-03-12T00:00:00+00:00", "day"),
        ("21 בנובמבר 2010", "he", "2010-11-21T00:00:00+00:00", "day"),
        ("12 марта 2021 г., 15:04", "ru", "2021-03-12T15:04:00+00:00", "minute"),
        ("27. Juli 2023, 14:05 Uhr", "de", "2023-07-27T14:05:00+00:00", "minute"),
        ("1er janvier 2020", "fr", "2020-01-01T00:00:00+00:00", "day"),
        ("il 3 marzo 2014", "it", "2014-03-03T00:00:00+00:00", "day"),
        ("5 Ekim 2020", "tr", "2020-10-05T00:00:00+00:00", "day"),
        ("3 października 2019", "pl", "2019-10-03T00:00:00+00:00", "day"),
        ("21-Nov-2010", "", "2010-11-21T00:00:00+00:00", "day"),
        ("12-Mar-21", "en", "2021-03-12T00:00:00+00:00", "day"),
        ("Mar 12, '21", "en", "2021-03-12T00:00:00+00:00", "day"),
        ("Sept. 5, 2021", "en", "2021-09-05T00:00:00+00:00", "day"),
        ("Wednesday 5th of May 2021", "en", "2021-05-05T00:00:00+00:00", "day"),
        ("4/24/2000 12:00:00 AM", "en-US", "2000-04-24T00:00:00+00:00", "second"),
        ("17 EKİM 2021", "tr", "2021-10-17T00:00:00+00:00", "day"),
        ("5 d’abril de 2020", "ca", "2020-04-05T00:00:00+00:00", "day"),
        ("5 listopada 2020", "pl", "2020-11-05T00:00:00+00:00", "day"),
        ("5. listopada 2020.", "hr", "2020-10-05T00:00:00+00:00", "day"),
        ("2024 m. gegužės 1 d.", "lt", "2024-05-01T00:00:00+00:00", "day"),
        ("2024. gada 1. maijs", "lv", "2024-05-01T00:00:00+00:00", "day"),
        ("2024. május 1.", "hu", "2024-05-01T00:00:00+00:00", "day"),
        ("5 كانون الثاني 2021", "ar", "2021-01-05T00:00:00+00:00", "day"),
        ("5 জানুয়ারি ২০২১", "bn", "2021-01-05T00:00:00+00:00", "day"),
        ("۱۴۰۳/۰۲/۱۵ - ۱۲:۳۰", "fa", "2024-05-04T12:30:00+00:00", "minute"),
        ("۳۰ اسفند ۱۳۹۹", "fa", "2021-03-20T00:00:00+00:00", "day"),
        ("12 มี.ค. 2567", "th", "2024-03-12T00:00:00+00:00", "day"),
        ("12/03/2567", "th", "2024-03-12T00:00:00+00:00", "day"),
        ("令和元年5月1日", "ja", "2019-05-01T00:00:00+00:00", "day"),
        ("民國113年5月1日", "zh-TW", "2024-05-01T00:00:00+00:00", "day"),
        ("二〇二四年五月二十一日", "zh", "2024-05-21T00:00:00+00:00", "day"),
        ("2021年5月3日 下午3:45", "zh", "2021-05-03T15:45:00+00:00", "minute"),
        ("3 May 1974", "en", "1974-05-03T00:00:00+00:00", "day"),
        ("5 మార్చి 2012", "te", "2012-03-05T00:00:00+00:00", "day"),
        ("2012 മാർച്ച് 5", "ml", "2012-03-05T00:00:00+00:00", "day"),
        ("5 ಮಾರ್ಚ್ 2012", "kn", "2012-03-05T00:00:00+00:00", "day"),
        ("5 માર્ચ 2012", "gu", "2012-03-05T00:00:00+00:00", "day"),
        ("५ मार्च २०१२", "mr", "2012-03-05T00:00:00+00:00", "day"),
        ("5 ਮਾਰਚ 2012", "pa", "2012-03-05T00:00:00+00:00", "day"),
        ("2012 මාර්තු 5", "si", "2012-03-05T00:00:00+00:00", "day"),
        ("5 မတ်လ 2012", "my", "2012-03-05T00:00:00+00:00", "day"),
        ("ថ្ងៃទី5 ខែមីនា ឆ្នាំ2012", "km", "2012-03-05T00:00:00+00:00", "day"),
        ("5 ມີນາ 2012", "lo", "2012-03-05T00:00:00+00:00", "day"),
        ("2012 ж. 5 наурыз", "kk", "2012-03-05T00:00:00+00:00", "day"),
        ("2012-yil 5-mart", "uz", "2012-03-05T00:00:00+00:00", "day"),
        ("2012 оны 3-р сарын 05", "mn", "2012-03-05T00:00:00+00:00", "day"),
        ("2012ko martxoaren 5a", "eu", "2012-03-05T00:00:00+00:00", "day"),
        ("5 Mawrth 2012", "cy", "2012-03-05T00:00:00+00:00", "day"),
        ("5 Machi 2012", "sw", "2012-03-05T00:00:00+00:00", "day"),
        ("Marso 5, 2012", "tl", "2012-03-05T00:00:00+00:00", "day"),
        ("5 ta’ Marzu 2012", "mt", "2012-03-05T00:00:00+00:00", "day"),
        ("5 آذار/مارس 2012", "ar", "2012-03-05T00:00:00+00:00", "day"),
        ("5 آذار (مارس) 2012", "ar", "2012-03-05T00:00:00+00:00", "day"),
        ("5 มี.ค. 55", "th", "2012-03-05T00:00:00+00:00", "day"),
        ("05/03/55", "th", "2012-03-05T00:00:00+00:00", "day"),
        ("12-03-05", "zh", "2012-03-05T00:00:00+00:00", "day"),
        ("12.03.05", "ko", "2012-03-05T00:00:00+00:00", "day"),
        ("5.III.2012", "pl", "2012-03-05T00:00:00+00:00", "day"),
        ("5 มี.ค. 12", "th", "2012-03-05T00:00:00+00:00", "day"),
        ("2012年3月5日（月）10時30分", "ja", "2012-03-05T10:30:00+00:00", "minute"),
        ("2012年3月5日09时12分33秒", "zh", "2012-03-05T09:12:33+00:00", "second"),
        ("2012년 3월 5일 10시 30분", "ko", "2012-03-05T10:30:00+00:00", "minute"),
        ("Mon Mar 05 10:30:00 EST 2012", "en", "2012-03-05T10:30:00-05:00", "second"),
        ("Mon 5 Mar 2012 10.30 GMT", "en", "2012-03-05T10:30:00+00:00", "minute"),
    ],
)
def test_visible_dates_are_parsed(text: str, language: str, iso: str, precision: str) -> None:
    found = visible_date(text, language)
    assert found is not None
    assert (found.at.isoformat(), found.precision) == (iso, precision)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no date",
        "Aug 14",
        "14:05",
        "version 2.10.3",
        "99/99/2020",
        "1 of 12 2000 pages",
        "12 March 20:30",
        "1445/08/12",
        "۳۰ اسفند ۱۴۰۰",
        "31 June 2020",
        "3 May 1874",
        "9.5/10 of 80 votes",
    ],
)
def test_texts_that_are_not_dates(text: str) -> None:
    assert visible_date(text, "en") is None


@pytest.mark.parametrize(
    ("text", "asked"), [("Printed by the pilots since 1998", False), ("12 of something 2024", True), ("May 12", False)]
)
def test_dateparser_is_asked_only_for_texts_with_a_year_and_a_day(
    text: str, asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes a second to load, and ten milliseconds for a text of unknown language."""
    calls: list[str] = []
    monkeypatch.setattr(date_parser, "_by_dateparser", lambda text, language: calls.append(text))
    visible_date.cache_clear()
    assert visible_date(text, "", True) is None
    assert calls == [text] * asked


@pytest.mark.parametrize(
    ("text", "iso", "precision", "zoned"),
    [
        ("2020-03-04", "2020-03-04T00:00:00+00:00", "day", False),
        ("2020-03-04T05:06", "2020-03-04T05:06:00+00:00", "minute", False),
        ("2020-03-04 05:06:07 +0700", "2020-03-04T05:06:07+07:00", "second", True),
        ("2020-03-04T05:06:07.123Z", "2020-03-04T05:06:07+00:00", "second", True),
        ("20200304", "2020-03-04T00:00:00+00:00", "day", False),
        ("Wed, 04 Mar 2020 05:06:07 -0500", "2020-03-04T05:06:07-05:00", "second", True),
        ("1583298367", "2020-03-04T05:06:07+00:00", "second", True),
        ("Wed Mar 04 2020 05:06:07 GMT+0100 (CET)", "2020-03-04T05:06:07+01:00", "second", True),
        ("1931-03-04", "1931-03-04T00:00:00+00:00", "day", False),
    ],
)
def test_machine_readable_dates_are_parsed(text: str, iso: str, precision: str, zoned: bool) -> None:
    found = machine_date(text)
    assert found is not None
    assert (found.at.isoformat(), found.precision, found.zoned) == (iso, precision, zoned)


def test_dates_in_urls_are_parsed() -> None:
    assert url_date("/blog/2019/02/04/a-post/") == AddressDate(2019, 2, 4)
    assert url_date("/2019/02/a-post") == AddressDate(2019, 2)
    assert url_date("/a/20190204/1.html") == AddressDate(2019, 2, 4)
    assert url_date("/2019/99/99/") is None
    assert url_date("/item-12345678901") is None


@pytest.mark.parametrize(
    ("path", "day"),
    [
        ("/2014/05/16/a-post/", 16),
        ("/2014/05/16.html", 16),
        ("/2014-05-16-a-post/", 16),
        ("/2014/05/16-maggio-in-piazza/", None),
        ("/2014/05/3-reasons-to-wait", None),
    ],
)
def test_the_day_of_an_address_is_a_whole_step(path: str, day: int | None) -> None:
    assert url_date(path) == AddressDate(2014, 5, day)


@pytest.mark.parametrize(
    "path",
    [
        "/gn/2012/03-05/3719000.shtml",
        "/2012-03/05/content_123.htm",
        "/n/2012/0305/c1001-17300001.html",
        "/xwzx/201203/t20120305_1234567.html",
        "/a/20120305/000123.htm",
        "/world/2012/mar/05/a-post",
        "/blog/2012/march/05/a-post/",
        "/2012/WORLD/europe/03/05/a.post/index.html",
    ],
)
def test_an_address_has_its_day_in_many_forms(path: str) -> None:
    assert url_date(path) == AddressDate(2012, 3, 5)


@pytest.mark.parametrize("path", ["/blog/2012/03", "/2012/mar/a-post", "/201203/a-post.html"])
def test_an_address_has_its_month_in_many_forms(path: str) -> None:
    assert url_date(path) == AddressDate(2012, 3)


@pytest.mark.parametrize(
    "path",
    [
        "/2012/1105",
        "/2012/marathon/05/a-post",
        "/shop/20120399-rope.html",
        "/news/2012030512345.html",
        "/sku_20120305.html",
        "/season-2012-03-budget",
        "/2012/harbour/march/fair",
    ],
)
def test_a_number_in_an_address_is_no_day(path: str) -> None:
    assert url_date(path) is None


@pytest.mark.parametrize(
    ("text", "language", "day"),
    [
        ("LONDON, March 5 (Harbour News) - The ferry", "en", 5),
        ("5. März, 10:30 Uhr", "de", 5),
        ("3月5日 09:12", "zh", 5),
        ("03-05 09:12", "zh", 5),
        ("LONDON, April 5 (Harbour News)", "en", None),
        ("3 of 5 ferries", "en", None),
        ("March 5.5 knots", "en", None),
    ],
)
def test_a_day_without_a_year_is_one_of_the_given_month(text: str, language: str, day: int | None) -> None:
    found = day_in_month(text, AddressDate(2012, 3), language)
    assert (found and found.day) == (date(2012, 3, day) if day else None)


@pytest.mark.parametrize(
    "text",
    ["0001-01-01T00:00:00Z", "0000-00-00 00:00:00", "1970-01-01", "1970-01-01T01:00:00+01:00", "January 1, 0001"],
)
def test_what_programs_write_for_no_date_is_no_date(text: str) -> None:
    assert is_zero_date(text)
    assert machine_date(text) is None


@pytest.mark.parametrize("text", ["1970-01-02", "1970-01-01T10:20:00Z", "2001-01-01", "2000-01-01T00:00:00Z", ""])
def test_other_dates_are_not_empty(text: str) -> None:
    assert not is_zero_date(text)


@given(st.text(max_size=80))
def test_any_text_is_parsed_without_an_error(text: str) -> None:
    visible_date(text, "en")
    machine_date(text)
    url_date(text)


@pytest.mark.parametrize("text", ["1970-01-01T00:00:00Z", "0001-01-01", "1900-01-01", "2020-02-30", "12 pages"])
def test_placeholders_of_databases_are_not_dates(text: str) -> None:
    assert machine_date(text) is None


@given(
    st.dates(min_value=date(1970, 1, 2), max_value=date(2099, 12, 31)),
    st.sampled_from(["%d.%m.%Y", "%Y/%m/%d", "%d %B %Y"]),
)
def test_a_day_is_read_as_a_day(day: date, form: str) -> None:
    found = visible_date(day.strftime(form), "de")
    assert found is not None
    assert (found.at.date(), found.precision, found.zoned) == (day, "day", False)


@given(
    st.text(alphabet="0123456789/.-: 年月日 MayJune،ago令和", max_size=40), st.sampled_from(["", "en-US", "ja", "fa"])
)
def test_results_are_possible_dates(text: str, language: str) -> None:
    found = visible_date(text, language)
    if found is not None:
        assert FIRST_YEAR <= found.at.year <= LAST_YEAR
        if found.precision == "day":
            assert (found.at.hour, found.at.minute, found.at.second, found.zoned) == (0, 0, 0, False)


@given(st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2099, 12, 31)))
def test_an_iso_time_is_read_as_written(at: datetime) -> None:
    found = machine_date(at.strftime("%Y-%m-%dT%H:%M:%S+00:00"))
    assert found is not None
    assert found.at.replace(tzinfo=None) == at.replace(microsecond=0)
