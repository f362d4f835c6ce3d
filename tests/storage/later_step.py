"""Simulates a later release: the program with one more migration."""

from __future__ import annotations

import pytest
from sqlite_utils import Database

from archiver.storage import schema

NAME = "m999_later"


def add_step(monkeypatch: pytest.MonkeyPatch, *changes: str) -> None:
    """Add a step that makes the table `later` and runs these SQL statements, until the end of the test."""

    def m999_later(db: Database) -> None:
        for statement in ("create table later (id integer primary key, word text not null)", *changes):
            db.execute(statement)

    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, m999_later))


NEW_COLUMN = "alter table articles add column later text"
NEW_VIEW = "create view titles as select id, title from articles"
