"""Relative times."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.extraction.date_parser import is_relative_time, relative_time

NOW = datetime(2024, 5, 20, 13, 45, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "iso", "precision"),
    [
        ("5 min ago", "2024-05-20T13:40", "minute"),
        ("3 hours ago", "2024-05-20T10:00", "hour"),
        ("an hour ago", "2024-05-20T12:00", "hour"),
        ("yesterday", "2024-05-19T00:00", "day"),
        ("gestern, 14:05", "2024-05-19T00:00", "day"),
        ("hace 2 días", "2024-05-18T00:00", "day"),
        ("vor 3 Tagen", "2024-05-17T00:00", "day"),
        ("il y a 3 jours", "2024-05-17T00:00", "day"),
        ("há 2 dias", "2024-05-18T00:00", "day"),
        ("3 giorni fa", "2024-05-17T00:00", "day"),
        ("3 дня назад", "2024-05-17T00:00", "day"),
        ("3 gün önce", "2024-05-17T00:00", "day"),
        ("3 giờ trước", "2024-05-20T10:00", "hour"),
        ("2日前", "2024-05-18T00:00", "day"),
        ("3小时前", "2024-05-20T10:00", "hour"),
        ("3일 전", "2024-05-17T00:00", "day"),
        ("منذ 3 أيام", "2024-05-17T00:00", "day"),
        ("۳ روز پیش", "2024-05-17T00:00", "day"),
        ("לפני 3 ימים", "2024-05-17T00:00", "day"),
        ("3 วันที่แล้ว", "2024-05-17T00:00", "day"),
        ("2 weeks ago", "2024-05-01T00:00", "month"),
        ("hace un año", "2023-01-01T00:00", "year"),
        ("2 years, 4 months ago", "2022-01-01T00:00", "year"),
        ("1 day, 3 hours ago", "2024-05-19T00:00", "day"),
        ("vor 1 Jahr und 2 Monaten", "2023-01-01T00:00", "year"),
        ("hace 2 años, 1 mes", "2022-01-01T00:00", "year"),
        ("2 года, 4 месяца назад", "2022-01-01T00:00", "year"),
        ("2年4か月前", "2022-01-01T00:00", "year"),
    ],
)
def test_relative_times_are_resolved(text: str, iso: str, precision: str) -> None:
    found = relative_time(text, NOW)
    assert found is not None
    assert (found.at.isoformat()[:16], found.precision) == (iso, precision)


@pytest.mark.parametrize(
    "text",
    ["", "5 min read", "3 days", "for 3 people", "3 May 2020", "Today is my birthday.", "today's offers in our shop"],
)
def test_texts_that_are_not_relative_times(text: str) -> None:
    assert relative_time(text, NOW) is None


@pytest.mark.parametrize(
    ("text", "is_relative"),
    [
        ("\n  2\xa0years, 4\xa0months ago ", True),
        ("(3 days ago)", True),
        ("2日前", True),
        ("3 days", False),
        ("What I learned 3 years ago", False),
        ("", False),
    ],
)
def test_a_text_that_is_only_a_relative_time(text: str, is_relative: bool) -> None:
    assert is_relative_time(text) is is_relative


@given(st.text(alphabet="0123456789 agohurdysminvTen日前일전", max_size=30))
def test_a_relative_time_is_not_in_the_future(text: str) -> None:
    found = relative_time(text, NOW)
    assert found is None or found.at <= NOW
