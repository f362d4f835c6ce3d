"""Folded duplicates: hits and the copies beneath them are all matches in every folding, and all counts agree."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from archiver.archive import Archive, make_query
from archiver.search.search_hits import matching_ids, run_query
from archiver.search.sorting import FOLDS
from archiver.storage.database import open_archive
from tests.search.writing import beside, write

STORY = "The ferry ran aground at low water off the mole."


@pytest.fixture
def db(tmp_path: Path, archive_file: Path) -> Iterator[Database]:
    with closing(open_archive(shutil.copy(archive_file, tmp_path / "archive.db"))) as opened:
        yield opened


def store_clusters(db: Database, sources: dict[int, int | None], members: dict[int, int]) -> None:
    """Store clusters with their sources, and assign articles to them."""
    with beside(db) as other:
        for number, source in sources.items():
            other.execute("insert into clusters (id, source_id, size, since) values (?, ?, 0, '')", [number, source])
        for article, number in members.items():
            other.execute("update articles set cluster_id = ? where id = ?", [number, article])


def stories(db: Database, count: int = 5) -> None:
    for number in range(7, 7 + count):
        write(db, number, f"Ferry {number}", f"{STORY} Told by {number}.")


def folded(db: Database, text: str = "ferry", **more: Any) -> dict[int, list[int]]:
    return {hit.id: [one.id for one in hit.folded] for hit in run_query(db, make_query(text, limit=None, **more)).hits}


def test_a_cluster_is_shown_by_its_source_with_the_others_beneath(db: Database) -> None:
    stories(db)
    store_clusters(db, {1: 9}, {7: 1, 8: 1, 9: 1})
    assert folded(db, fold="cluster") == {9: [7, 8], 10: [], 11: []}
    assert set(folded(db)) == set(folded(db, fold="none")) == {7, 8, 9, 10, 11}
    assert folded(db, "ferry 8", fold="cluster") == {8: []}  # a source that does not match is not shown
    assert folded(db, "ferry -9", fold="cluster") == {7: [8], 10: [], 11: []}
    hit = run_query(db, make_query("ferry", fold="cluster", limit=1, sort="added")).hits[0]
    assert [(one.id, one.site, one.title) for one in hit.folded] == [
        (7, "harbour.example", "Ferry 7"),
        (8, "harbour.example", "Ferry 8"),
    ]


def test_clusters_that_share_a_text_are_merged(db: Database) -> None:
    stories(db)
    with beside(db) as other:
        other.execute("update articles set duplicate_of = 8 where id = 9")
        other.execute("update articles set duplicate_of = 10 where id = 11")
    store_clusters(db, {1: None, 2: 9}, {7: 1, 8: 1, 9: 2, 10: 2})
    assert folded(db, fold="cluster") == {9: [7, 8, 10, 11]}
    assert folded(db) == {7: [], 8: [9], 10: [11]}


def test_a_cluster_without_known_source_shows_its_first_original(db: Database) -> None:
    stories(db)
    with beside(db) as other:
        other.execute("update articles set duplicate_of = 8 where id = 7")
    store_clusters(db, {1: None}, {7: 1, 8: 1, 9: 1})
    assert folded(db, fold="cluster") == {8: [7, 9], 10: [], 11: []}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.integers(0, 3), min_size=8, max_size=8),
    st.lists(st.integers(0, 4), min_size=8, max_size=8),
    st.sets(st.integers(7, 14)),
)
def test_every_count_agrees(
    tmp_path_factory: pytest.TempPathFactory, archive_file: Path, groups: list[int], texts: list[int], sources: set[int]
) -> None:
    file = Path(shutil.copy(archive_file, tmp_path_factory.mktemp("law") / "archive.db"))
    with closing(open_archive(file)) as db:
        stories(db, 8)
        members = {7 + index: group for index, group in enumerate(groups) if group}
        store_clusters(
            db,
            {
                group: min((n for n in sources if members.get(n) == group), default=None)
                for group in set(members.values())
            },
            members,
        )
        with beside(db) as other:
            for index, text in enumerate(texts):
                other.execute(
                    "update articles set duplicate_of = nullif(?, id) where id = ?", [7 + texts.index(text), 7 + index]
                )
    with Archive(file) as archive:
        every = set(folded(archive.db, fold="none"))
        assert every == set(range(7, 15))
        for fold in FOLDS:
            shown = folded(archive.db, fold=fold)
            beneath = [number for numbers in shown.values() for number in numbers]
            assert set(shown) | set(beneath) == every
            assert len(shown) + len(beneath) == len(every)
            query = make_query("ferry", fold=fold)
            assert run_query(archive.db, query).total == len(shown)
            assert set(matching_ids(archive.db, make_query("ferry", fold=fold, limit=None))) == set(shown)
            counts = archive.facets("ferry", fold=fold)
            assert sum(count for _, count in counts["site"]) == len(shown)
