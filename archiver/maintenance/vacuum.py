"""Compacts an archive (`archiver vacuum`): rewrites its database file without unused space."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from archiver.errors import ArchiveBusy, NotEnoughSpace
from archiver.storage.archive_opening_and_transactions import environment_error, free_bytes, open_archive, writing
from archiver.storage.locks import lock_holder
from archiver.storage.pages import delete_unused_hints

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
