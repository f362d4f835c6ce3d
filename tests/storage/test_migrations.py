"""The schema of an archive: creation in one transaction, migrations, and refused versions."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from archiver.model.due_reasons import remarks_from_json
from archiver.model.errors import ArchiveTooNew, ArchiveUnreleased
from archiver.storage import Database
from archiver.storage.database import open_archive
from archiver.storage.schema import (
    MIGRATIONS,
    UNRELEASED,
    follow_field_table,
    m001_schema_0_3_0,
    make_schema,
    migrations,
    pending_migrations,
)
from tests.archive_fixture import make_archive
from tests.storage.later_step import NAME, add_step


def schema_and_rows(db: Database) -> dict[str, Any]:
    """Return the schema and all rows of the database, except the times of the migrations."""
    schema = db.execute("select type, name, tbl_name, sql from sqlite_master").fetchall()
    out: dict[str, Any] = {"schema": sorted(schema, key=repr)}
    for name in (name for kind, name, *_ in schema if kind == "table"):
        columns = [row[1] for row in db.execute(f'pragma table_info("{name}")') if row[1] != "applied_at"]
        out[name] = sorted(db.execute(f'select {", ".join(columns)} from "{name}"').fetchall(), key=repr)
    return out


def test_a_new_archive_has_the_schema_of_the_migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_step(monkeypatch)
    with closing(Database(sqlite3.connect(tmp_path / "stepped.db"))) as stepped:
        migrations().apply(stepped.sqlite_utils)
        with closing(open_archive(tmp_path / "made.db", create=True)) as made:
            assert schema_and_rows(made) == schema_and_rows(stepped)
            assert not pending_migrations(made)
            assert made.table("later").exists()
            assert made.execute("pragma integrity_check").fetchone() == ("ok",)


def test_a_database_with_content_is_not_changed() -> None:
    with closing(Database(sqlite3.connect(":memory:"))) as db:
        db.execute("create table other (word text)")
        before = schema_and_rows(db)
        assert not make_schema(db)
        assert schema_and_rows(db) == before


FORMER_REASONS = {
    "feed says it changed at 2024-06-01T00:00:00+00:00": ("updated", "feed", ""),
    "https://a.example/ no longer lists it": ("delisted", "https://a.example/", ""),
    "https://a.example/ lists it again": ("listed again", "https://a.example/", ""),
    "sampled, because no source says when posts are edited": ("sample", None, ""),
    "run 12 was undone": ("undone run", "12", ""),
    "revised: body": (None, None, "revised: body"),
}
FORMER_REMARKS = {
    "revised: body; https://a.example/ no longer lists it, but it is still online": {"delisted": "https://a.example/"},
    "page 2, 3 of it could not be read": {"unread parts": "2, 3"},
    "it is not a post: listing address; only a script or a form requests its further pages": {"hidden pages": ""},
}


def test_reasons_of_0_3_0_become_codes(tmp_path: Path) -> None:
    reasons = [*FORMER_REASONS, *FORMER_REMARKS]
    with closing(Database(sqlite3.connect(tmp_path / "old.db", isolation_level=None))) as db:
        migrations().apply(db.sqlite_utils, stop_before="m007_codes_for_due_pages")
        db.execute(
            "insert into sites (id, name, host, path, start_url, added_at) "
            "values (1, 'a.example', 'a.example', '/', 'https://a.example/', '')"
        )
        for number, reason in enumerate(reasons):
            db.execute(
                "insert into pages (site_id, url, urlkey, kind, outcome, reason, found_at, due_at) "
                "values (1, ?1, ?1, 'post', 'unchanged', ?2, '', '1970')",
                [str(number), reason],
            )
    with closing(open_archive(tmp_path / "old.db")) as db:
        rows = db.execute("select reason, due_for, due_by, remarks from pages order by id").fetchall()
    due, remarked = rows[: len(FORMER_REASONS)], rows[len(FORMER_REASONS) :]
    assert [(due_for, by, reason) for reason, due_for, by, _ in due] == [*FORMER_REASONS.values()]
    assert {reason: remarks_from_json(remarks) for reason, _, _, remarks in remarked} == FORMER_REMARKS


def test_a_failed_schema_creation_leaves_nothing(tmp_path: Path) -> None:
    with closing(Database(sqlite3.connect(tmp_path / "a.db"))) as db:
        db.execute("pragma max_page_count = 40")
        with pytest.raises(sqlite3.OperationalError, match="full"):
            make_schema(db)
        assert not db.conn.in_transaction
        assert db.execute("select count(*) from sqlite_master").fetchone() == (0,)
        assert not (tmp_path / "a.db").stat().st_size
        db.execute("pragma max_page_count = 100000")
        assert make_schema(db)


def test_a_read_only_archive_has_empty_tables_for_pending_migrations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_archive(tmp_path / "a.db", create=True).close()
    add_step(monkeypatch)
    before = (tmp_path / "a.db").read_bytes()
    with closing(open_archive(tmp_path / "a.db", read_only=True)) as db:
        assert db.execute("select count(*) from later").fetchone() == (0,)
        assert "later" not in db.table_names()
    assert (tmp_path / "a.db").read_bytes() == before


def test_opening_an_archive_for_writing_applies_pending_migrations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_archive(tmp_path / "a.db", create=True).close()
    add_step(monkeypatch)
    with closing(open_archive(tmp_path / "a.db")) as db:
        assert "later" in db.table_names()


@pytest.mark.parametrize("read_only", [False, True])
def test_an_archive_of_a_newer_version_is_refused(tmp_path: Path, read_only: bool) -> None:
    create_changed_archive(
        tmp_path / "a.db", f"insert into _sqlite_migrations (migration_set, name) values ('archiver', '{NAME}')"
    )
    before = (tmp_path / "a.db").read_bytes()
    with pytest.raises(ArchiveTooNew, match=NAME):
        open_archive(tmp_path / "a.db", read_only=read_only)
    assert (tmp_path / "a.db").read_bytes() == before


@pytest.mark.parametrize("read_only", [False, True])
def test_an_archive_of_an_unreleased_version_is_refused_with_a_command_to_run(tmp_path: Path, read_only: bool) -> None:
    create_changed_archive(
        tmp_path / "a.db", f"update _sqlite_migrations set name = '{UNRELEASED}' where name like 'm001%'"
    )
    before = (tmp_path / "a.db").read_bytes()
    with pytest.raises(ArchiveUnreleased, match=r"archiver import .*/warc.* --archive NEW"):
        open_archive(tmp_path / "a.db", read_only=read_only)
    assert (tmp_path / "a.db").read_bytes() == before


def create_changed_archive(file: Path, statement: str) -> None:
    """Create an archive and change its list of applied migrations by this statement."""
    with closing(open_archive(file, create=True)) as db:
        db.execute("pragma journal_mode = delete").fetchone()
        db.execute(statement)


def test_what_is_made_from_the_field_table_is_made_again(tmp_path: Path) -> None:
    file = make_archive(tmp_path / "a.db")
    with closing(open_archive(file)) as db:
        before = schema_and_rows(db)["schema"]
        for statement in ("drop trigger search_index_article_au", "drop view headlines"):
            db.execute(statement)
        with db.atomic():
            follow_field_table(db)
        assert schema_and_rows(db)["schema"] == before


def test_what_channels_knew_of_a_finding_becomes_one_fault(tmp_path: Path) -> None:
    with closing(Database(sqlite3.connect(tmp_path / "a.db"))) as db:
        m001_schema_0_3_0(db)
        row = "'notes.example', 'failed', '', 'red', 'It failed.', '2026-01-01', 3, null, null, '[3]', 0, 0, null"
        for channel, sent in (("command", "'green', null"), ("mail", "'red', '2026-01-02'")):
            db.execute(f"insert into faults values ('{channel}', {row}, {sent}, 0, null, null, 2, '', 2, 0, null)")
        db.execute(
            "insert into notifications (at, channel, policy, changes) values ('2026-01-02', 'mail', 'desk', '[]')"
        )
        for migration in MIGRATIONS[1:6]:
            migration(db)
        assert db.execute(
            "select site, code, sent_level, sent_at, first_run, sent_sentence from faults"
        ).fetchall() == [("notes.example", "failed", "red", "2026-01-02", 3, "")]
        assert db.execute("select channel, outcome from notifications").fetchall() == [("mail (desk)", "due")]
