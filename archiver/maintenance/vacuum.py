"""Giving back the space that an archive does not need: of rows that are gone, and of an index made in many pieces."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from archiver.errors import ArchiveBusy, NoRoom
from archiver.storage.connection import fault_of, free_bytes, open_archive, writing
from archiver.storage.locks import lock_files

PATIENCE_MS = 5_000
"""How long the transaction of another program is waited for."""
_MARGIN = 16 << 20
_ANALYSED = 1_000


@dataclass(frozen=True, slots=True)
class Freed:
    """Bytes of the database and its log, before and after."""

    before: int
    after: int


def vacuum(archive: Path, progress: Callable[[str], None]) -> Freed:
    """Merge the full-text index, write the database anew without gaps, and note what the query planner goes by.

    SQLite does it in transactions, so that a kill leaves all as it was before or as it is after; and in the file
    itself, so that a program which has it open goes on with it. Raises ArchiveBusy where a crawl or an import writes
    it, NoRoom where the disk has not twice the room that the result takes, and what `open_archive` does.
    """
    held = holder(archive)
    if held:
        raise ArchiveBusy(str(archive), held)
    # The sorted copy is made where there is known to be room, and not in the system's folder for small things.
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
            raise NoRoom(str(archive.parent), free_bytes(archive), needed)
        progress("merging the full-text index")
        with writing(db, PATIENCE_MS / 1_000):
            db.execute("insert into articles_fts (articles_fts) values ('optimize')")
        progress("writing the database anew")
        db.execute("vacuum")
        progress("looking at what the indexes hold")
        db.execute(f"pragma analysis_limit = {_ANALYSED}")
        db.execute("pragma optimize = 0x10002")
        db.execute("pragma wal_checkpoint(truncate)").fetchone()
    except sqlite3.Error as error:
        raise _told(error, archive) from error
    finally:
        db.close()
    return Freed(before, _size(archive))


def holder(archive: Path) -> str:
    """Who crawls or imports into an archive, by the locks of its sites; "" where nobody does."""
    for path in lock_files(archive):
        with path.open("rb") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return f"process {handle.read(100).decode(errors='replace').strip() or 'unknown'}"
    return ""


def _told(error: sqlite3.Error, archive: Path) -> Exception:
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return ArchiveBusy(str(archive), "another program")
    return fault_of(error, archive)


def _size(archive: Path) -> int:
    log = archive.with_name(f"{archive.name}-wal")
    return archive.stat().st_size + (log.stat().st_size if log.exists() else 0)
