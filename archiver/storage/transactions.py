"""Write transactions, which wait for other programs, and read transactions."""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from archiver.errors import (
    ArchiveDamaged,
    ArchiveLocked,
    ArchiveMoved,
    ArchiveNotWritable,
    ArchiverError,
    DiskFull,
    FileInTheWay,
)
from archiver.storage import Database
from archiver.storage.field_evidence import forget_evidence_kinds

BUSY_SECONDS = 30.0
PATIENCE = 60.0
"""The number of seconds for which a crawl waits for another program to release the database before it gives up."""


_RETRY_SECONDS = 0.25


_RETRY_SOON = f"PRAGMA busy_timeout = {int(_RETRY_SECONDS * 1000)}"


_RETRY_LONG = f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}"


_NOTICE_AFTER = 2.0


notice = logging.getLogger("archiver.notice")


_SHUTDOWN_PATIENCE = 3.0
"""Once the program is shutting down, it waits for locks for at most this many seconds in total. Crawls that end
together write their last pages one after another."""


_deadline: list[float] = []


def stop_waiting_for_locks() -> None:
    """Limits how long this process still waits for database locks, because it is shutting down."""
    if not _deadline:
        _deadline.append(time.monotonic() + _SHUTDOWN_PATIENCE)


@contextmanager
def writing(db: Database, patience: float = PATIENCE, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Runs the block in a write transaction, or in a savepoint if a transaction is open; commits it at the end, rolls
    it back on an error.

    Raises ArchiveLocked if another program holds the lock for longer than `patience` seconds, which `clock` measures.
    The lock is taken at the beginning (BEGIN IMMEDIATE), because a transaction that reads first cannot continue once
    another program has written, however long it waits.
    """
    if db.conn.in_transaction:
        try:
            with db.atomic():
                yield
        except BaseException:
            forget_evidence_kinds(db)
            raise
        return
    _begin_immediate(db, patience, clock)
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        forget_evidence_kinds(db)
        raise


def _begin_immediate(db: Database, patience: float, clock: Callable[[], float]) -> None:
    begun, notified = clock(), False
    db.conn.execute(_RETRY_SOON)
    try:
        while True:
            try:
                db.conn.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                waited = clock() - begun
                locked = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
                if not locked:
                    raise
                if waited >= patience or (_deadline and time.monotonic() >= _deadline[0]):
                    raise ArchiveLocked(display_path(db), waited) from error
                if waited >= _NOTICE_AFTER and not notified:
                    notified = True
                    notice.warning(
                        "%s is locked by another program; this one waits for up to %.0f seconds",
                        display_path(db),
                        patience,
                    )
    finally:
        db.conn.execute(_RETRY_LONG)


def display_path(db: Database) -> str:
    """Returns the path of a database for messages. If the database is inside the working directory, the path is
    relative to that directory.
    """
    path = Path(next((row[2] for row in db.execute("PRAGMA database_list")), ""))
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def path_of(db: Database) -> Path:
    """Returns the path of an open archive."""
    return Path(db.execute("select file from pragma_database_list where name = 'main'").fetchone()[0])


@contextmanager
def read_transaction(db: Database) -> Iterator[None]:
    """Context manager that holds a read transaction, so that all reads in the block see the same state of the
    database.
    """
    db.execute("begin")
    db.execute("select count(*) from sqlite_master").fetchone()
    try:
        yield
    finally:
        if db.conn.in_transaction:
            db.rollback()


FULL_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# bytes; if less space is free, an I/O error is taken for a full disk, since SQLite may report it in this way
_NEARLY_FULL = 256 * 1024
_PRIMARY = 0xFF
_ENVIRONMENT_CODES = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_AUTH,
}


def is_environment_error(error: BaseException) -> bool:
    """Returns True if an error was caused by the disk or the database and not by the data to be written."""
    if isinstance(error, sqlite3.Error):
        return _error_code(error) & _PRIMARY in _ENVIRONMENT_CODES
    return isinstance(error, OSError | ArchiverError)


def environment_error(error: sqlite3.Error | OSError, archive: Path) -> ArchiverError:
    """Translates an error of the disk or the database into an ArchiverError. `archive` is the file of the archive that
    was being read or written.
    """
    if isinstance(error, OSError):
        subject = str(error.filename or archive.parent)
        if error.errno in FULL_ERRORS:
            return DiskFull(str(archive.parent), free_bytes(archive))
        if in_the_way := file_in_the_way(archive):
            return FileInTheWay(str(archive), str(in_the_way))
        if isinstance(error, FileNotFoundError):
            return ArchiveMoved(subject)
        return ArchiveNotWritable(subject, error.strerror or str(error))
    kind = _error_code(error) & _PRIMARY
    if kind == sqlite3.SQLITE_FULL or (
        kind in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and free_bytes(archive) < _NEARLY_FULL
    ):
        return DiskFull(str(archive.parent), free_bytes(archive))
    if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return ArchiveLocked(str(archive))
    if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return ArchiveDamaged(str(archive), str(error))
    return ArchiveNotWritable(str(archive), str(error))


def file_in_the_way(archive: Path) -> Path | None:
    """Returns the file that has the name of a folder in the path of an archive; None if there is none."""
    return next((one for one in archive.parents if one.is_file()), None)


def free_bytes(path: Path) -> int:
    """Returns the free space in the folder of `path`, in bytes; 0 if it cannot be determined."""
    try:
        space = os.statvfs(path.parent)
    except OSError:
        return 0
    return space.f_bavail * space.f_frsize


def _error_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) or 0


@contextmanager
def archive_faults(archive: Path) -> Iterator[None]:
    """Context manager that converts errors of the disk or the database to ArchiverErrors whose message names the path
    of the archive.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise environment_error(error, archive) from error
