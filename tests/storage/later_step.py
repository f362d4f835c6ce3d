"""Simulates a later release: the program with one more migration."""

from __future__ import annotations

import pytest
from sqlite_utils import Database, Migrations

from archiver.storage.migrations import migrations

NAME = "m999_later"


def add_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add a step that makes the table `later` and the column `sites.later`, until the end of the test."""
    monkeypatch.setattr(migrations, "_migrations", [*migrations._migrations, Migrations._Migration(NAME, m999_later)])


def m999_later(db: Database) -> None:
    db.execute("create table later (id integer primary key, word text not null)")
    db.execute("alter table sites add column later text")
