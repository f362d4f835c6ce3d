"""The schema of a new archive is the one that the steps make, down to the last word."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from archiver.store.connect import open_archive
from archiver.store.fresh import make_schema
from archiver.store.migrations import migrations


def held(db: Database) -> dict[str, Any]:
    """All that the database remembers of its schema, and all rows but the times of the steps."""
    schema = db.execute("select type, name, tbl_name, sql from sqlite_master").fetchall()
    out: dict[str, Any] = {"schema": sorted(schema, key=repr)}
    for name in (name for kind, name, *_ in schema if kind == "table"):
        columns = [row[1] for row in db.execute(f'pragma table_info("{name}")') if row[1] != "applied_at"]
        out[name] = sorted(db.execute(f"select {', '.join(columns)} from \"{name}\"").fetchall(), key=repr)
    return out


def test_it_is_what_the_steps_make(tmp_path: Path) -> None:
    stepped = Database(tmp_path / "stepped.db")
    migrations.apply(stepped)
    made = open_archive(tmp_path / "made.db", create=True)
    assert held(made) == held(stepped)
    assert migrations.pending(made) == []
    assert len(migrations.applied(made)) == len(migrations._migrations)
    assert made.execute("pragma integrity_check").fetchone() == ("ok",)
    made.close()
    stepped.close()


def test_what_holds_something_is_left_as_it_is(tmp_path: Path) -> None:
    db = Database(tmp_path / "a.db")
    migrations.apply(db, stop_before="m012_captures_elsewhere")
    before = held(db)
    assert not make_schema(db)
    assert held(db) == before
    db.close()
    db = open_archive(tmp_path / "a.db")
    assert not migrations.pending(db)
    assert not make_schema(db)
    db.close()


def test_what_fails_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    db = Database(tmp_path / "a.db")
    db.execute("pragma max_page_count = 40")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        make_schema(db)
    assert not db.conn.in_transaction
    assert db.execute("select count(*) from sqlite_master").fetchone() == (0,)
    assert not (tmp_path / "a.db").stat().st_size
    db.execute("pragma max_page_count = 100000")
    assert make_schema(db)
    db.close()
