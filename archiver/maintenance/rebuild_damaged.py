"""Rebuilds damaged indexes of an archive's database from its tables, without reading the damaged pages."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlite_utils import Database

from archiver.maintenance.database_damage import find_database_damage
from archiver.maintenance.verify_database import FTS, migrated_like
from archiver.storage.connection import opened, writing


def rebuild_damaged(archive: Path) -> list[str]:
    """Rebuilds the damaged indexes, and the full-text index if it is damaged, in one transaction. Returns a phrase for
    each. Does nothing if a table that cannot be rebuilt is damaged, because a backup must then be restored.

    SQLite cannot drop what it cannot read. So the entries of the indexes are deleted from the schema, and VACUUM then
    leaves their pages out. Raises ArchiveLocked and sqlite3.Error.
    """
    with opened(archive) as db:
        damages = list(find_database_damage(db))
        names = {name for damage in damages for name in damage.derived}
        if not all(damage.derived for damage in damages) or not names:
            return []
        statements = _read_statements(db, names)
        if set(statements) != names:
            return []
        with writing(db):
            _forget(db, names)
            for statement in statements.values():
                db.execute(statement)
            if FTS in names:
                db.execute(f"insert into {FTS} ({FTS}) values ('rebuild')")
                db.execute("delete from fts_pending")
        left = _vacuum(db)
    return [f"{name} was rebuilt from its table{left}" for name in sorted(names)]


def _read_statements(db: Database, names: set[str]) -> dict[str, str]:
    """Returns the SQL that creates each of these indexes and tables in a new archive."""
    fresh = migrated_like(db)
    try:
        rows = fresh.execute("select name, sql from sqlite_master where sql is not null").fetchall()
    finally:
        fresh.close()
    return {name: sql for name, sql in rows if name in names}


def _forget(db: Database, names: set[str]) -> None:
    """Deletes indexes and the full-text index from the schema. Their pages stay in the file, unused."""
    version = db.execute("pragma schema_version").fetchone()[0]
    db.execute("pragma writable_schema = on")
    try:
        for name in names:
            if name == FTS:
                db.execute(
                    "delete from sqlite_master where type = 'table' and (name = ? or name glob ?)", [FTS, f"{FTS}_*"]
                )
            else:
                db.execute("delete from sqlite_master where type = 'index' and name = ?", [name])
        db.execute(f"pragma schema_version = {version + 1}")
    finally:
        db.execute("pragma writable_schema = reset")


def _vacuum(db: Database) -> str:
    """Rewrites the file without unused pages. Returns what is left to do, as the end of a phrase; "" if nothing is left
    to do.
    """
    try:
        db.execute("vacuum")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL):
            raise
        return f" ('archiver vacuum' removes the damaged pages: {error})"
    return ""
