"""Histograms over a real archive: their counts, and their output if there is nothing to count."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.archive import Archive
from archiver.model.errors import BadQuery, SiteNotFound
from archiver.search.histogram import (
    MAX_PERIODS,
    UNITS,
    Histogram,
    date_of_seconds,
    period_range,
)
from archiver.storage.database import open_archive
from tests.archive_fixture import make_archive
from tests.search.writing import archive_with_a_frequent_prefix

SOME = ("", "tide", "lamp", "quay OR 学习", "-fog", "is:gone", "site:harbour.example tide", "date:2024", "untimely")
EVERY_UNIT = st.sampled_from(tuple(UNITS))


@pytest.fixture(scope="module")
def read(archive_file: Path) -> Iterator[Archive]:
    with Archive(archive_file) as opened:
        yield opened


def shown(found: Histogram) -> list[tuple[str, int, str]]:
    return [(p.period, p.articles, p.state) for p in found.periods]


# -- histogram --------------------------------------------------------------------------------


def test_no_match_differs_from_nothing_archived(read: Archive) -> None:
    found = read.histogram("tide", site="harbour.example", unit="month")
    assert shown(found) == [
        ("2023-12", 0, "none"),
        ("2024-01", 0, "unarchived"),
        ("2024-02", 0, "unarchived"),
        ("2024-03", 1, "matched"),
        ("2024-04", 1, "matched"),
        ("2024-05", 0, "none"),
    ]
    assert (found.total, found.undated, found.looked_until) == (2, 0, "2024-06-01")


def test_the_requested_time_is_shown_and_periods_after_the_last_crawl(read: Archive) -> None:
    found = shown(read.histogram("tide", since="2024-02", until="2024-08-15", unit="month"))
    assert found == [
        ("2024-02", 0, "unarchived"),
        ("2024-03", 1, "matched"),
        ("2024-04", 1, "matched"),
        ("2024-05", 0, "none"),
        ("2024-06", 0, "unarchived"),
        ("2024-07", 0, "ahead"),
        ("2024-08", 0, "ahead"),
    ]
    assert shown(read.histogram("tide date:2024-02..2024-08", unit="month")) == found


def test_articles_of_other_sites_do_not_count_as_archived(read: Archive) -> None:
    asked = {"unit": "year", "since": "2021", "until": "2023"}
    assert shown(read.histogram("tide", site="notes.example/blog", **asked)) == [
        ("2021", 0, "unarchived"),
        ("2022", 0, "none"),
        ("2023", 0, "unarchived"),
    ]
    assert shown(read.histogram("tide site:notes.example", **asked)) == shown(
        read.histogram("tide", site="notes.example/blog", **asked)
    )
    assert shown(read.histogram("tide", **asked))[2] == ("2023", 0, "none")


@pytest.mark.parametrize("text", ["tide OR site:notes.example", "tide -site:harbour.example", "tide author:ada"])
def test_only_terms_that_all_results_share_limit_the_scope(read: Archive, text: str) -> None:
    assert sum(p.archived for p in read.histogram(text, unit="year").periods) == 5


def test_a_site_never_crawled_has_no_last_day(read: Archive) -> None:
    found = read.histogram(site="quiet.example", since="2020", until="2020", unit="year")
    assert shown(found) == [("2020", 0, "ahead")]
    assert found.looked_until is None
    assert read.histogram(site="quiet.example").periods == ()


def test_copies_are_folded_as_in_hits(read: Archive) -> None:
    assert shown(read.histogram("lamp", unit="year")) == [
        ("2022", 0, "none"),
        ("2023", 1, "matched"),
        ("2024", 0, "none"),
    ]
    assert [p.articles for p in read.histogram("lamp", unit="year", duplicates=True).periods] == [0, 1, 1]


@given(text=st.sampled_from(SOME), unit=EVERY_UNIT, fold=st.sampled_from(("text", "cluster", "none")))
def test_a_histogram_counts_what_a_search_finds(read: Archive, text: str, unit: str, fold: str) -> None:
    found = read.histogram(text, unit=unit, fold=fold)
    assert found.total == read.results(text, fold=fold).total
    assert sum(p.articles for p in found.periods) + found.undated == found.total
    assert all(p.articles <= p.archived for p in found.periods)
    if fold == "none":
        for p in found.periods[:3] + found.periods[-3:]:
            assert (
                read.results(f"({text}) date:{p.period}" if text else f"date:{p.period}", duplicates=True).total
                == p.articles
            )


def test_the_unit_is_chosen_by_the_archived_months(read: Archive, tmp_path: Path) -> None:
    assert read.histogram("tide").unit == "month"
    assert read.histogram("tide", since="2024-03", until="2024-04").unit == "day"
    file = make_archive(tmp_path / "archive.db")
    db = open_archive(file)
    db.execute("update articles set published = '0001-01-01T00:00:00+00:00' where id = 2")
    db.conn.commit()
    db.close()
    with Archive(file) as archive:
        assert archive.histogram().unit == "year"  # two thousand years have too many months
        with pytest.raises(BadQuery, match=r"0001-01-01.*2024-05-02.*20,000"):
            archive.histogram(unit="day")


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"unit": "week"}, BadQuery),
        ({"site": "nowhere.example"}, SiteNotFound),
        ({"since": "soon"}, BadQuery),
    ],
)
def test_an_impossible_histogram_is_an_error(read: Archive, more: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        read.histogram("tide", **more)


@given(days=st.lists(st.dates(), min_size=1, max_size=5), unit=EVERY_UNIT)
def test_a_period_range_is_complete_and_contains_its_days(days: list[date], unit: str) -> None:
    made = UNITS[unit]
    numbers = [made.of_day(day) for day in days]
    assert all(day.isoformat().startswith(made.name(number)) for day, number in zip(days, numbers, strict=True))
    if max(numbers) - min(numbers) >= MAX_PERIODS:
        with pytest.raises(BadQuery):
            period_range(unit, (), days)
    else:
        assert list(period_range(unit, (), days)) == list(range(min(numbers), max(numbers) + 1))


@given(st.integers(-(2**62), 2**62))
def test_any_number_of_seconds_has_a_day(seconds: int) -> None:
    assert date.min <= date_of_seconds(seconds) <= date.max


def test_a_too_frequent_prefix_is_an_error(tmp_path: Path) -> None:
    file = archive_with_a_frequent_prefix(tmp_path / "archive.db")
    with Archive(file) as archive, pytest.raises(BadQuery):
        archive.histogram('"old w"*')
