"""The full-text table for SQL: made on request, and taken out of archives of 0.3.0, which kept it up to date."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from archiver.cli.main import cli
from archiver.maintenance.takedown import overwrite_free_pages
from archiver.maintenance.verification import verify
from archiver.model.errors import ArchiveTooOld
from archiver.storage import Database
from archiver.storage.database import open_archive
from archiver.storage.full_text import FTS, make_fts
from archiver.storage.schema import migrations, pending_migrations
from tests.archive_fixture import make_archive
from tests.runner import Runner

INSERT = (
    "insert into articles (id, url, site, title, body, authors, revision, first_seen, last_seen, urlkey) "
    "values (?, ?, 'quay.example', ?, ?, '[]', 1, '2024', '2024', ?)"
)


def found(db: Database | sqlite3.Connection, words: str) -> list[int]:
    rows = db.execute("select rowid from articles_fts where articles_fts match ? order by 1", [words])
    return [row[0] for row in rows]


def names(db: Database) -> set[str]:
    return {name for (name,) in db.execute("select name from sqlite_master where name like '%fts%'")}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return make_archive(tmp_path / "archive.db")


def test_a_new_archive_has_no_full_text_table(archive: Path) -> None:
    with closing(open_archive(archive, read_only=True)) as db:
        assert names(db) == set()


def test_the_full_text_table_is_made_anew_each_time_it_is_asked_for(archive: Path) -> None:
    for title in ("Fog", "Mist"):
        with closing(open_archive(archive)) as db:
            db.execute("update articles set title = ? where id = 2", [title])
        made = Runner().invoke(cli, ["index", "--fts", "--json", "--archive", str(archive)])
        assert made.exit_code == 0, made.output
        with closing(open_archive(archive, read_only=True)) as db:
            assert json.loads(made.stdout)["fts"] == db.execute("select count(*) from articles").fetchone()[0]
            assert found(db, f"title:{title}") == [2]
    assert [one for one in verify(archive, quick=True).findings if "fts" in one.subject] == []


def test_removed_texts_are_in_no_full_text_table(archive: Path) -> None:
    with closing(open_archive(archive)) as db:
        make_fts(db)
        overwrite_free_pages(db, archive)
        assert names(db) == set()


def test_an_archive_of_0_3_0_loses_its_full_text_table_and_no_article(tmp_path: Path) -> None:
    file = tmp_path / "old.db"
    with closing(Database(sqlite3.connect(file, isolation_level=None))) as db:
        migrations().apply(db.sqlite_utils, stop_before="m004_fts_on_request")
        db.execute(INSERT, [1, "https://quay.example/1", "Title 1", "an anchor", "https://quay.example/1"])
        assert found(db, "anchor") == [1]
        assert pending_migrations(db)
    before = file.read_bytes()
    with pytest.raises(ArchiveTooOld):
        open_archive(file, read_only=True)
    assert file.read_bytes() == before, "an archive that is only read is not changed"
    with closing(open_archive(file)) as db:
        assert names(db) == set()
        assert db.execute("select title, body from articles").fetchall() == [("Title 1", "an anchor")]
        db.execute(INSERT, [2, "https://quay.example/2", "Title 2", "a buoy", "https://quay.example/2"])
        db.execute("delete from articles where id = 1")
        make_fts(db)
        assert (found(db, "anchor"), found(db, "buoy"), FTS in names(db)) == ([], [2], True)
