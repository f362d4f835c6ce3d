"""Newer hits come first among equally good ones: over all matches, and the same on any day."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import inf, log2
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.archive import Archive
from archiver.model.errors import BadQuery
from archiver.search.query_compiler import compile_query
from archiver.search.query_tree import Term
from archiver.search.search_index import open_searcher
from archiver.search.sorting import count_hits, ids_query, rank_by_recency
from archiver.storage.database import open_archive

NOW = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp())
COUNT = 300


@pytest.fixture(scope="module")
def dated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """Articles that contain "tide" one to six times, over ten years, some on the same day and some undated; most of
    those that contain "calm" are undated.
    """
    file = tmp_path_factory.mktemp("recency") / "archive.db"
    db = open_archive(file, create=True)
    choice = Random(5)
    with db.atomic():
        for number in range(1, COUNT + 1):
            day = datetime(2025, 3, 1, tzinfo=UTC) - timedelta(days=choice.randrange(120) * 30)
            db["articles"].insert(
                {
                    "id": number,
                    "url": f"https://a.example/{number}",
                    "urlkey": str(number),
                    "site": "a.example",
                    "title": "",
                    "body": "tide " * choice.randrange(1, 7)
                    + "sea " * choice.randrange(12)
                    + "calm " * (number % 17 == 0 or number % 60 == 1),
                    "revision": 1,
                    "published": None if number % 17 == 0 else day.isoformat(),
                    "first_seen": "2025-01-01",
                    "last_seen": "2025-01-01",
                    "geotags": "[]",
                    "credits": "[]",
                    "authors": "[]",
                    "categories": "[]",
                    "tags": json.dumps(["odd"] if number % 2 else []),
                }
            )
    db.close()
    with Archive(file) as archive:
        yield archive


def expected_order(archive: Archive, half_life: float, word: str = "tide") -> list[int]:
    scores = {hit.id: hit.score for hit in archive.results(word, limit=None).hits}
    dates = dict(archive.db.execute("select id, published from articles").fetchall())

    def key(number: int) -> tuple[float, float, int]:
        score = scores[number] or 0.0
        if dates[number] is None:
            return inf, -score, number
        age = max(0.0, NOW - datetime.fromisoformat(dates[number]).timestamp()) / 86_400
        return age / half_life - log2(score), -score, number

    return sorted(scores, key=key)


@given(
    half_life=st.sampled_from((0.01, 1, 30, 365, 100_000, 1e306)),
    first=st.integers(0, COUNT),
    length=st.integers(0, 40),
)
def test_all_matches_are_ordered(dated: Archive, half_life: float, first: int, length: int) -> None:
    asked = open_searcher(dated.db)
    found = rank_by_recency(
        asked, compile_query(Term("tide"), dated.db, asked), half_life, NOW, first=first, last=first + length
    )
    assert [entry.id for entry in found] == expected_order(dated, half_life)[first : first + length]


@given(last=st.integers(1, 22))
def test_undated_articles_come_last(dated: Archive, last: int) -> None:
    asked = open_searcher(dated.db)
    found = rank_by_recency(asked, compile_query(Term("calm"), dated.db, asked), 30, NOW, first=0, last=last)
    assert [entry.id for entry in found] == expected_order(dated, 30, "calm")[:last]


@given(later=st.integers(0, 10**9), half_life=st.sampled_from((30, 365)))
def test_the_order_is_the_same_on_any_day(dated: Archive, later: int, half_life: float) -> None:
    asked, query = open_searcher(dated.db), compile_query(Term("tide"), dated.db, open_searcher(dated.db))
    start = NOW + 100 * 86_400  # after the last of them was published
    one, other = (rank_by_recency(asked, query, half_life, now, first=0, last=30) for now in (start, start + later))
    assert [entry.id for entry in one] == [entry.id for entry in other]


def test_pages_are_contiguous_and_scores_include_age(dated: Archive) -> None:
    whole = dated.results("tide", recent=365, limit=40).hits
    assert dated.results("tide", recent=365, limit=20, offset=20).hits == whole[20:]
    plain = {hit.id: hit.score for hit in dated.results("tide", limit=None).hits}
    assert all((hit.score or 0) < (plain[hit.id] or 0) for hit in whole)
    assert [hit.score for hit in whole] == sorted((hit.score for hit in whole), reverse=True)
    assert [hit.id for hit in whole] != [hit.id for hit in dated.results("tide", limit=40).hits]


def test_recent_is_for_ranking(dated: Archive) -> None:
    assert dated.results(recent=365).hits == dated.results().hits  # without search terms the newest come first anyway
    for more in (
        {"recent": 0},
        {"recent": -1},
        {"recent": inf},
        {"recent": float("nan")},
        {"recent": 30, "sort": "date"},
        {"recent": 30, "sort": "-relevance"},
    ):
        with pytest.raises(BadQuery):
            dated.results("tide", **more)


@pytest.mark.parametrize("many", [0, 1, 3, 290])
def test_few_and_many_ids_are_found(dated: Archive, many: int) -> None:
    asked = open_searcher(dated.db)
    assert count_hits(asked, ids_query(asked, [*range(5, 5 + many), 10**6])) == many
