"""Times in feeds, sitemaps and APIs: what they mean, how precise they are, and what is not a time."""

from __future__ import annotations

import pytest

from archiver.discovery.timestamp_parser import parse_time, parse_timestamp


@pytest.mark.parametrize("zone", ["+0000", "-0000", "GMT", "Z"])
def test_a_zone_of_zeros_is_not_a_year(zone: str) -> None:
    found = parse_time(f"Wed, 01 Oct 2025 16:30:00 {zone}")
    assert found is not None
    assert found.isoformat() == "2025-10-01T16:30:00+00:00"


@pytest.mark.parametrize("text", ["Mon, 01 Jan 0001 00:00:00 +0000", "0001-01-01T00:00:00Z", "1 Jan 0001 00:00:00"])
def test_the_year_one_is_not_a_time(text: str) -> None:
    assert parse_time(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # RFC 822 and RFC 5322
        ("Tue, 07 May 2024 21:05:00 +02:00", "2024-05-07T21:05:00+02:00"),
        ("Tue, 07 May 2024 21:05:00 GMT+02:00", "2024-05-07T21:05:00+02:00"),
        ("Tue, 07 May 2024 21:05:00 UTC-3", "2024-05-07T21:05:00-03:00"),
        ("Tue, 07 May 2024 21:05:00 -7:00", "2024-05-07T21:05:00-07:00"),
        ("Tue, 07 May 2024 21:05:00 +0200 (CEST)", "2024-05-07T21:05:00+02:00"),
        ("Tue, 07 May 2024 21:05:00 Etc/GMT", "2024-05-07T21:05:00+00:00"),
        ("Tue, 07 May 24 21:05:00 GMT", "2024-05-07T21:05:00+00:00"),
        ("Tue, 7 May, 2024 21:05:00 UTC", "2024-05-07T21:05:00+00:00"),
        ("7 May 2024 24:00:00 Z", "2024-05-08T00:00:00+00:00"),
        # names of zones
        ("Tue, 07 May 2024 21:05:00 CET", "2024-05-07T21:05:00+01:00"),
        ("Tue, 07 May 2024 21:05:00 CEST", "2024-05-07T21:05:00+02:00"),
        ("Tue, 07 May 2024 21:05:00 MET", "2024-05-07T21:05:00+01:00"),
        ("Tue, 07 May 2024 21:05:00 EET", "2024-05-07T21:05:00+02:00"),
        ("Tue, 07 May 2024 21:05:00 MSK", "2024-05-07T21:05:00+03:00"),
        ("Tue, 07 May 2024 21:05:00 BST", "2024-05-07T21:05:00+01:00"),
        ("Tue, 07 May 2024 21:05:00 JST", "2024-05-07T21:05:00+09:00"),
        ("Tue, 07 May 2024 21:05:00 PST", "2024-05-07T21:05:00-08:00"),
        ("Tue, 07 May 2024 21:05:00 PT", "2024-05-07T21:05:00-07:00"),
        ("Sun, 04 Feb 2024 21:05:00 PT", "2024-02-04T21:05:00-08:00"),
        ("Sun, 10 Mar 2024 21:05:00 ET", "2024-03-10T21:05:00-04:00"),
        ("Sun, 02 Apr 2006 21:05:00 CT", "2006-04-02T21:05:00-05:00"),
        ("Sun, 29 Oct 2006 21:05:00 MT", "2006-10-29T21:05:00-07:00"),
        # the 12-hour clock
        ("Tue, 07 May 2024 9:05 PM +0200", "2024-05-07T21:05:00+02:00"),
        ("Tue, 07 May 2024 12:05 a.m. GMT", "2024-05-07T00:05:00+00:00"),
        ("5/7/2024 9:05:00 PM GMT", "2024-05-07T21:05:00+00:00"),
        # other orders
        ("Tue May 7 2024 21:05:00 GMT+0200 (CEST)", "2024-05-07T21:05:00+02:00"),
        ("Tue May 07 21:05:00 +0200 2024", "2024-05-07T21:05:00+02:00"),
        ("Tue, 2024/05/07 21:05:00 EDT", "2024-05-07T21:05:00-04:00"),
        # ISO 8601
        ("2024-5-7T9:05Z", "2024-05-07T09:05:00+00:00"),
        ("2024-05-07T24:00:00Z", "2024-05-08T00:00:00+00:00"),
        ("2024-05-07T21:05:60Z", "2024-05-07T21:05:59+00:00"),
        ("20240507T210500Z", "2024-05-07T21:05:00+00:00"),
        ("2024-005-07T21:05:00+02:00", "2024-05-07T21:05:00+02:00"),
        ("2024-05-07 21:05:00.25 -00:30", "2024-05-07T21:05:00-00:30"),
        ("1715115900", "2024-05-07T21:05:00+00:00"),
        ("1715115900000", "2024-05-07T21:05:00+00:00"),
        # other languages
        ("mar, 07 mayo 2024 21:05:00 +0200", "2024-05-07T21:05:00+02:00"),
        ("mar., 05 d\u00e9c. 2023 21:05:00 +0100", "2023-12-05T21:05:00+01:00"),
        ("Di, 07 Mai 2024 21:05:00 +0200", "2024-05-07T21:05:00+02:00"),
        ("\u03a4\u03c1\u03b9, 07 \u039c\u03b1\u03ca 2024 21:05:00 EET", "2024-05-07T21:05:00+02:00"),
        ("2024-m\u00e1jus-7T9:05+02:00", "2024-05-07T09:05:00+02:00"),
        ("\u0412\u0442, 07 \u043c\u0430\u044f 2024 21:05:00 +0300", "2024-05-07T21:05:00+03:00"),
        ("2024-05-07 \uc624\ud6c4 9:05:00", "2024-05-07T21:05:00+09:00"),
        ("2024\ub144 05\uc6d4 07\uc77c 21:05:00", "2024-05-07T21:05:00+09:00"),
        ("2024\u5e745\u67087\u65e5 \u4e0b\u53489:05:00 +0800", "2024-05-07T21:05:00+08:00"),
    ],
)
def test_a_time_with_a_zone_is_an_instant(text: str, expected: str) -> None:
    found = parse_timestamp(text)
    assert found is not None
    assert (found.at.isoformat(), found.zoned) == (expected, True)


@pytest.mark.parametrize(
    ("text", "expected", "precision"),
    [
        ("2024", "2024-01-01T00:00:00+00:00", "year"),
        ("2024-05", "2024-05-01T00:00:00+00:00", "month"),
        ("202405", "2024-05-01T00:00:00+00:00", "month"),
        ("May 2024", "2024-05-01T00:00:00+00:00", "month"),
        ("2024-05-07", "2024-05-07T00:00:00+00:00", "day"),
        ("20240507", "2024-05-07T00:00:00+00:00", "day"),
        ("24-05-07", "2024-05-07T00:00:00+00:00", "day"),
        ("240507", "2024-05-07T00:00:00+00:00", "day"),
        ("-24-05", "2024-05-01T00:00:00+00:00", "month"),
        ("24128", "2024-05-07T00:00:00+00:00", "day"),
        ("May 7, 2024", "2024-05-07T00:00:00+00:00", "day"),
        ("07 May 2024", "2024-05-07T00:00:00+00:00", "day"),
        ("Tue, 07 May 2024", "2024-05-07T00:00:00+00:00", "day"),
        ("7.5.2024", "2024-05-07T00:00:00+00:00", "day"),
        ("5/17/2024", "2024-05-17T00:00:00+00:00", "day"),
        ("17/5/2024", "2024-05-17T00:00:00+00:00", "day"),
        ("2024-05-07T21:05", "2024-05-07T21:05:00+00:00", "minute"),
        ("2024/05/07 21:05:00", "2024-05-07T21:05:00+00:00", "second"),
        ("Tue May  7 21:05:00 2024", "2024-05-07T21:05:00+00:00", "second"),
    ],
)
def test_a_time_is_as_precise_as_its_text(text: str, expected: str, precision: str) -> None:
    found = parse_timestamp(text)
    assert found is not None
    assert (found.at.isoformat(), found.precision, found.zoned) == (expected, precision, False)


@pytest.mark.parametrize("zone", ["IST", "LOCAL", "Europe/Nowhere", "A", "+99:99", "Uhr"])
def test_a_zone_that_is_not_known_is_no_zone(zone: str) -> None:
    found = parse_timestamp(f"Tue, 07 May 2024 21:05:00 {zone}")
    assert found is not None
    assert (found.at.isoformat(), found.zoned) == ("2024-05-07T21:05:00+00:00", False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "Tue, 07 May 2024 1:2:3:4 GMT",
        "Tue, 07 Foo 2024 21:05:00 GMT",
        "Tue, May x 2024 21:05:00 GMT",
        "Tue, 07 May xx 21:05:00 GMT",
        "Tue, 42 May 2024 21:05:00 GMT",
        "Tue, 07 May 2024 21:05:00 +aa:00",
        "2024-05-07T25:05:00Z",
        "2024-05-07T21:65:00Z",
        "2024-05-07T21:05:65Z",
        "2024-05-07T24:05:00Z",
        "2024-00-07",
        "2024-05-00",
        "2024-05-07-08",
        "2024-05-07T21:05:00+02:00Tail",
        "3/4/2024",
        "9999-12-31T23:59:59Z",
        "1000 metres",
        "1999 21:05:00",
    ],
)
def test_other_texts_are_not_times(text: str) -> None:
    assert parse_timestamp(text) is None
