"""Rebuilds the database file of an archive in one of two ways: rebuilds damaged indexes from the tables, or rewrites
the whole file without unused space (`archiver vacuum`).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from archiver.errors import ArchiveBusy, NotEnoughSpace
from archiver.maintenance.database_damage import find_database_damage
from archiver.maintenance.verify_database import FTS, migrated_like
from archiver.storage.connection import environment_error, free_bytes, open_archive, opened, writing
from archiver.storage.locks import lock_holder
from archiver.storage.pages import delete_unused_hints


def rebuild_damaged(archive: Path) -> list[str]:
    """Rebuilds the damaged indexes, and the full-text index if it is damaged, in one transaction. Returns a phrase for
    each rebuilt index. Does nothing if a table that cannot be rebuilt is damaged, because a backup must then be
    restored.

    SQLite cannot drop an index that it cannot read. Therefore the indexes are deleted from the schema table, and VACUUM
    then removes their pages from the file. Raises ArchiveLocked and sqlite3.Error.
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
            _delete_from_schema(db, names)
            for statement in statements.values():
                db.execute(statement)
            if FTS in names:
                db.execute(f"insert into {FTS} ({FTS}) values ('rebuild')")
                db.execute("delete from fts_pending")
        left = _vacuum(db)
    return [f"{name} was rebuilt from its table{left}" for name in sorted(names)]


def _read_statements(db: Database, names: set[str]) -> dict[str, str]:
    """Returns, by name, the SQL statements with which a new archive creates these indexes and tables."""
    fresh = migrated_like(db)
    try:
        rows = fresh.execute("select name, sql from sqlite_master where sql is not null").fetchall()
    finally:
        fresh.close()
    return {name: sql for name, sql in rows if name in names}


def _delete_from_schema(db: Database, names: set[str]) -> None:
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
    """Rewrites the file without unused pages (VACUUM). Returns "" if this was done; otherwise words to add to a
    message, which say how to do it later.
    """
    try:
        db.execute("vacuum")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL):
            raise
        return f" ('archiver vacuum' removes the damaged pages: {error})"
    return ""


PATIENCE_MS = 5_000
"""Milliseconds to wait for another program's transaction."""
_MARGIN = 16 << 20
_ANALYSED = 1_000


@dataclass(frozen=True, slots=True)
class VacuumResult:
    """The size of the database and its write-ahead log in bytes, before and after compacting."""

    before: int
    after: int


def vacuum(archive: Path, progress: Callable[[str], None]) -> VacuumResult:
    """Compacts an archive: merges the segments of the full-text index, deletes source hints that were not used for any
    extraction, rewrites the database without gaps, and updates the query planner's statistics.

    If the process is killed, the file is either in its old or in its new state, because SQLite works in transactions.
    Other programs can keep the file open meanwhile. Raises ArchiveBusy if a crawl or an import is writing,
    NotEnoughSpace if the disk has less free space than twice the size of the result, and the errors of `open_archive`.
    """
    writer = lock_holder(archive)
    if writer:
        raise ArchiveBusy(str(archive), writer)
    # SQLite's temporary copy goes to the archive's disk, which was checked for space; /tmp may be too small.
    os.environ.setdefault("SQLITE_TMPDIR", str(archive.resolve().parent))
    db = open_archive(archive)
    try:
        before = _size(archive)
        db.execute(f"pragma busy_timeout = {PATIENCE_MS}")
        pages, free, size = (
            db.execute(f"pragma {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        needed = 2 * (pages - free) * size + _MARGIN
        if free_bytes(archive) < needed:
            raise NotEnoughSpace(str(archive.parent), free_bytes(archive), needed)
        progress("merging the full-text index")
        with writing(db, PATIENCE_MS / 1_000):
            db.execute("insert into articles_fts (articles_fts) values ('optimize')")
            delete_unused_hints(db)
        progress("rewriting the database")
        db.execute("vacuum")
        progress("analysing the indexes")
        db.execute(f"pragma analysis_limit = {_ANALYSED}")
        db.execute("pragma optimize = 0x10002")
        db.execute("pragma wal_checkpoint(truncate)").fetchone()
    except sqlite3.Error as error:
        raise _convert_error(error, archive) from error
    finally:
        db.close()
    return VacuumResult(before, _size(archive))


def _convert_error(error: sqlite3.Error, archive: Path) -> Exception:
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return ArchiveBusy(str(archive), "another program")
    return environment_error(error, archive)


def _size(archive: Path) -> int:
    log = archive.with_name(f"{archive.name}-wal")
    return archive.stat().st_size + (log.stat().st_size if log.exists() else 0)
