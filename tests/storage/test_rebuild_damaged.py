"""Indexes with damaged pages are rebuilt from their tables; a damaged table is left for a backup."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from archiver.maintenance.database_damage import DatabaseDamage
from archiver.maintenance.verification import rebuild_damaged, verify
from archiver.storage.database import open_archive
from archiver.storage.full_text import make_fts
from tests.damage import damage_table
from tests.killed_call import KilledCall, assert_killed
from tests.proved_archive import make
from tests.runner import in_process


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return make(tmp_path / "own")


@pytest.mark.parametrize(
    "names",
    [
        ("idx_captures_digest",),
        ("idx_pages_urlkey", "idx_articles_urlkey", "idx_revisions_article_id"),
    ],
)
def test_damaged_indexes_are_rebuilt(names: tuple[str, ...], archive: Path) -> None:
    with closing(sqlite3.connect(archive)) as db:
        known = {row[0] for row in db.execute("select name from sqlite_master")}
    for name in sorted(known & set(names)):
        damage_table(archive, name)
    assert verify(archive).findings
    assert in_process("verify", "--repair", "--archive", str(archive)).exit_code == 0
    with closing(sqlite3.connect(archive)) as db:
        assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert {row[0] for row in db.execute("select name from sqlite_master")} == known


def test_a_damaged_full_text_table_is_deleted(archive: Path) -> None:
    with closing(open_archive(archive)) as db:
        make_fts(db)
    damage_table(archive, "articles_fts_data")
    damage_table(archive, "idx_captures_url")
    assert verify(archive).findings
    repaired = in_process("verify", "--repair", "--archive", str(archive))
    assert repaired.exit_code == 0
    assert "archiver index --fts" in repaired.stdout
    with closing(sqlite3.connect(archive)) as db:
        assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert not db.execute("select name from sqlite_master where name like 'articles_fts%'").fetchall()


def test_entries_that_an_index_lacks_are_added(archive: Path) -> None:
    """Another program changes a row while the schema lacks the index, as a lost page of it does."""
    name = "idx_pages_site_id_priority_due_at"
    with closing(sqlite3.connect(archive)) as db:
        row = db.execute("select * from sqlite_master where name = ?", [name]).fetchone()
        db.execute("pragma writable_schema = on")
        db.execute("delete from sqlite_master where name = ?", [name])
        db.commit()
    with closing(sqlite3.connect(archive)) as db:
        db.execute("update pages set priority = 9 where id = 1")
        db.execute("pragma writable_schema = on")
        db.execute("insert into sqlite_master values (?, ?, ?, ?, ?)", row)
        db.commit()
    assert [finding.mend for finding in verify(archive).findings] == ["damaged"]
    assert in_process("verify", "--repair", "--archive", str(archive)).exit_code == 0


def test_what_can_be_rebuilt() -> None:
    def derived(message: str, *pages: tuple[int, str], table: str = "captures") -> tuple[str, ...]:
        return DatabaseDamage(table, pages, message, 4096).derived

    assert derived("malformed", (3, "idx_a"), (4, "idx_b"), (5, "idx_a")) == ("idx_a", "idx_b")
    assert derived("malformed", (3, "idx_a"), (4, "captures")) == derived("malformed") == ()
    assert derived("malformed", (3, "sqlite_autoindex_captures_1")) == ()
    assert derived("row 3 missing from index idx_a; wrong # of entries in index idx_a") == ("idx_a",)
    assert derived("row 3 missing from index idx_a; NULL value in captures.url") == ()
    assert derived("malformed", table="articles_fts_data") == ("articles_fts",)


@pytest.mark.parametrize("table", ["captures", "articles", "aliases"])
def test_a_damaged_table_is_not_touched(table: str, archive: Path) -> None:
    damage_table(archive, table)
    damage_table(archive, "idx_captures_digest")
    before = archive.read_bytes()
    assert rebuild_damaged(archive) == []
    assert archive.read_bytes() == before


@pytest.mark.parametrize(
    "moment",
    [
        KilledCall("verification", "_delete_from_schema", 1, True),
        KilledCall("verification", "_vacuum", 1, False),
    ],
    ids=str,
)
def test_a_killed_rebuild_is_finished_by_the_next(moment: KilledCall, archive: Path) -> None:
    damage_table(archive, "idx_captures_digest")
    damage_table(archive, "idx_pages_urlkey")
    assert_killed(moment, rebuild_damaged, archive)
    in_process("verify", "--repair", "--archive", str(archive))
    assert verify(archive).findings == []
