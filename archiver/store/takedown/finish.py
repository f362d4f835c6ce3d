"""From a removal that is entered to one that is done: records, rows, and what the database file itself still held."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from sqlite_utils import Database

from archiver.errors import ArchiveLocked
from archiver.store.ledger import stamp
from archiver.store.search_folder import forget
from archiver.store.takedown.purge import begin, purge
from archiver.store.takedown.warcs import Told, erase, settle
from archiver.store.tombstones import pending
from archiver.store.transaction import writing

_FTS = "articles_fts"


def remove(db: Database, archive: Path, article_ids: Iterable[int], reason: str, requested_by: str, told: Told) -> int:
    """Take articles out, and whatever removal was stopped half-way; returns how many records went.

    Expects that nothing else writes the archive. Raises a fault of its place, ArchiveLocked where another program reads
    on for too long; the removal is entered then, and `finish` goes on. What was removed before is passed over.
    """
    now = stamp(datetime.now(UTC))
    with writing(db):
        for number in article_ids:
            if db.execute("select 1 from articles where id = ?", [number]).fetchone():
                begin(db, number, reason, requested_by, now)
    return finish(db, archive, told)


def finish(db: Database, archive: Path, told: Told = lambda what, number, of: None) -> int:
    """Go on with every removal that is entered and not done; as `remove`."""
    settle(db, archive.parent)
    waiting = pending(db)
    if not waiting:
        return 0
    erased = erase(db, archive.parent, waiting, told)
    with writing(db):
        for one in waiting:
            purge(db, one)
    told("the database", 0, 1)
    clear(db, archive)
    with writing(db):
        for one in waiting:
            db.execute("update tombstones set erased_at = ? where id = ?", [stamp(datetime.now(UTC)), one.id])
    return erased


def clear(db: Database, archive: Path) -> None:
    """Leave in the database's file nothing but what it says: a deleted row lies in it until its place is needed.

    The full-text index keeps the words of deleted rows until its segments are merged ('optimize'); pages that are free,
    and what is unused of others, are gone with VACUUM; the write-ahead log has all that was written lately. The search
    index goes as a whole, and is made anew at the next search.
    """
    forget(archive)
    with writing(db):
        db.execute(f"insert into {_FTS} ({_FTS}) values ('optimize')")
    try:
        db.execute("vacuum")
        busy = db.execute("pragma wal_checkpoint(truncate)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise
        busy = 1
    if busy:
        raise ArchiveLocked(str(archive))
