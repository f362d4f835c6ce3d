"""One transaction that writes, and patience with other programs that do."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from archiver.errors import ArchiveLocked
from archiver.store.evidence_kinds import forget

PATIENCE = 60.0
"""Seconds for which another program may hold the archive before a crawl ends."""
_LOOK_EVERY = 0.25
_SAY_AFTER = 2.0
_notice = logging.getLogger("archiver.notice")
_HURRIED = 3.0
"""Seconds for which locks are waited for, all in all, once the program is to end: crawls that end together write
their last pages in turn."""
_until: list[float] = []


def hurry() -> None:
    """The program is to end: from now on nobody waits long for a lock."""
    if not _until:
        _until.append(time.monotonic() + _HURRIED)


@contextmanager
def writing(db: Database, patience: float = PATIENCE, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """A transaction, or a part of the one that is open. Raises ArchiveLocked where another program writes for too long.

    The lock is taken at the beginning (BEGIN IMMEDIATE): a transaction that reads first and then finds that another
    program has written cannot go on, however long it waits.
    """
    if db.conn.in_transaction:
        try:
            with db.atomic():
                yield
        except BaseException:
            forget(db)
            raise
        return
    _begin(db, patience, clock)
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        forget(db)
        raise


def _begin(db: Database, patience: float, clock: Callable[[], float]) -> None:
    begun, said = clock(), False
    before = db.execute("PRAGMA busy_timeout").fetchone()[0]
    db.execute(f"PRAGMA busy_timeout = {int(_LOOK_EVERY * 1000)}")
    try:
        while True:
            try:
                db.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                waited = clock() - begun
                locked = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
                if not locked:
                    raise
                if waited >= patience or (_until and time.monotonic() >= _until[0]):
                    raise ArchiveLocked(_name(db), waited) from error
                if waited >= _SAY_AFTER and not said:
                    said = True
                    _notice.warning("%s is locked by another program; the crawl waits for up to %.0f seconds",
                                    _name(db), patience)
    finally:
        db.execute(f"PRAGMA busy_timeout = {before}")


def _name(db: Database) -> str:
    """The file of a database, as short as it can be said from here."""
    path = Path(next((row[2] for row in db.execute("PRAGMA database_list")), ""))
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
