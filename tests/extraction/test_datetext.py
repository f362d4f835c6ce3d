"""Dates as pages write them."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.extraction.datetext import machine, of_url, visible


@pytest.mark.parametrize(
    ("text", "language", "iso", "precision"),
    [
        ("domingo, 21 de noviembre de 2010", "es", "2010-11-21T00:00:00+00:00", "day"),
        ("17/08/2020", "vi", "2020-08-17T00:00:00+00:00", "day"),
        ("Thứ bảy, 12/3/2022, 10:05 (GMT+7)", "vi", "2022-03-12T10:05:00+07:00", "minute"),
        ("13 Tháng Ba, 2021", "vi", "2021-03-13T00:00:00+00:00", "day"),
        ("Tháng Bảy 15, 2020", "vi", "2020-07-15T00:00:00+00:00", "day"),
        ("Posted on: Sat 20 June 2026 by Someone", "en", "2026-06-20T00:00:00+00:00", "day"),
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
    ],
)
def test_visible(text: str, language: str, iso: str, precision: str) -> None:
    found = visible(text, language)
    assert found is not None
    assert (found.at.isoformat(), found.precision) == (iso, precision)


@pytest.mark.parametrize(
    "text", ["", "no date", "Aug 14", "14:05", "version 2.10.3", "99/99/2020", "1 of 12 2000 pages"]
)
def test_what_is_no_date(text: str) -> None:
    assert visible(text, "en") is None


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
    ],
)
def test_machine(text: str, iso: str, precision: str, zoned: bool) -> None:
    found = machine(text)
    assert found is not None
    assert (found.at.isoformat(), found.precision, found.zoned) == (iso, precision, zoned)


def test_address_dates() -> None:
    assert of_url("/blog/2019/02/04/a-post/") == (2019, 2, 4)
    assert of_url("/2019/02/a-post") == (2019, 2, None)
    assert of_url("/a/20190204/1.html") == (2019, 2, 4)
    assert of_url("/2019/99/99/") is None
    assert of_url("/item-12345678901") is None


@given(st.text(max_size=80))
def test_never_raises(text: str) -> None:
    visible(text, "en")
    machine(text)
    of_url(text)


@given(st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2099, 12, 31)))
def test_an_iso_time_is_read_as_written(at: datetime) -> None:
    found = machine(at.strftime("%Y-%m-%dT%H:%M:%S+00:00"))
    assert found is not None
    assert found.at.replace(tzinfo=None) == at.replace(microsecond=0)
