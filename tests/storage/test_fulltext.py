"""The full-text index during a batch: its articles are indexed at the end, and other connections are not blocked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from archiver.maintenance.archive_verification_and_repair import repair, verify
from archiver.storage.archive_opening import open_archive
from archiver.storage.full_text_index_and_saved_searches import batch_indexing
from archiver.storage.transactions import writing

INSERT = (
    "insert into articles (id, url, site, title, body, authors, revision, first_seen, last_seen, urlkey) "
    "values (?, ?, 'quay.example', ?, ?, '[]', 1, '2024', '2024', ?)"
)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    opened = open_archive(tmp_path / "archive.db", create=True)
    yield opened
    opened.close()


def enter(db: Database | sqlite3.Connection, number: int, body: str) -> None:
    url = f"https://quay.example/{number}"
    db.execute(INSERT, [number, url, f"Title {number}", body, url])


def found(db: Database | sqlite3.Connection, words: str) -> list[int]:
    rows = db.execute("select rowid from articles_fts where articles_fts match ? order by 1", [words])
    return [row[0] for row in rows]


def is_sound(db: Database) -> bool:
    """Return True if FTS5's integrity check finds that the index matches the articles."""
    try:
        db.execute("insert into articles_fts (articles_fts, rank) values ('integrity-check', 1)")
    except sqlite3.DatabaseError:
        return False
    return db.execute("select count(*) from fts_pending").fetchone() == (0,)


def test_inserts_updates_and_deletes_in_a_batch_are_indexed(db: Database) -> None:
    enter(db, 1, "an anchor")
    enter(db, 2, "a buoy")
    with writing(db), batch_indexing(db):
        enter(db, 3, "a capstan")
        enter(db, 4, "a derrick")
        enter(db, 5, "an eddy")
        enter(db, 7, "a grapnel")
        assert found(db, "capstan") == []
        db.execute("update articles set body = 'a fender' where id = 4")
        db.execute("update articles set body = 'a gangway' where id = 1")
        db.execute("delete from articles where id in (5, 7)")
        enter(db, 7, "an eddy once more")
        db.execute("delete from articles where id = 2")
        with batch_indexing(db):  # a batch within a batch
            enter(db, 6, "a hawser")
        assert found(db, "hawser") == []
    words = ("anchor", "buoy", "capstan", "derrick", "eddy", "grapnel", "fender", "gangway", '"a hawser"')
    assert {word: found(db, word) for word in words if found(db, word)} == {
        "capstan": [3],
        "eddy": [7],
        "fender": [4],
        "gangway": [1],
        '"a hawser"': [6],
    }
    assert is_sound(db)


def test_a_failed_write_in_a_batch_leaves_nothing(db: Database) -> None:
    with writing(db), batch_indexing(db):
        enter(db, 1, "an anchor")
        with pytest.raises(ZeroDivisionError), writing(db):
            enter(db, 2, "a buoy")
            raise ZeroDivisionError
        enter(db, 3, "a capstan")
    assert (found(db, "anchor"), found(db, "buoy"), found(db, "capstan")) == ([1], [], [3])
    with pytest.raises(ZeroDivisionError), writing(db), batch_indexing(db):
        enter(db, 4, "a derrick")
        raise ZeroDivisionError
    assert found(db, "derrick") == []
    assert is_sound(db)
    enter(db, 5, "an eddy")
    assert found(db, "eddy") == [5]
    assert is_sound(db)


def test_rows_written_by_another_program_are_found(db: Database, tmp_path: Path) -> None:
    """While a batch is open, another program can read; before and after it, also write. No mark of the batch
    remains.
    """
    with closing(sqlite3.connect(tmp_path / "archive.db", isolation_level=None, timeout=0)) as other:
        enter(other, 1, "an anchor")
        with writing(db), batch_indexing(db):
            enter(db, 2, "a buoy")
            assert other.execute("select count(*) from fts_pending").fetchone() == (0,)
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                enter(other, 3, "a capstan")
        enter(other, 3, "a capstan")
        other.execute("update articles set body = 'a derrick' where id = 2")
        other.execute("delete from articles where id = 1")
        assert [found(other, word) for word in ("anchor", "buoy", "capstan", "derrick")] == [[], [], [3], [2]]
    assert is_sound(db)


def test_a_leftover_batch_mark_is_repaired(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    db = open_archive(archive, create=True)
    db.execute(f"insert into fts_pending values ({-1 << 63})")
    enter(db, 1, "an anchor")
    db.close()
    findings = verify(archive).findings
    assert "index-lacks" in [finding.kind for finding in findings]
    repair(archive, findings)
    with closing(sqlite3.connect(archive)) as again:
        assert found(again, "anchor") == [1]
        enter(again, 2, "a buoy")
        assert found(again, "buoy") == [2]
