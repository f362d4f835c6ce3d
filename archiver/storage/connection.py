"""Opening an archive: the SQLite file, its schema brought up to date, and clear refusals."""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from archiver.errors import (
    ArchiveDamaged,
    ArchiveLocked,
    ArchiveMoved,
    ArchiveNotFound,
    ArchiveNotWritable,
    ArchiverError,
    ArchiveTooNew,
    ArchiveUnreleased,
    DiskFull,
    NotAnArchive,
)
from archiver.storage.article_tables.evidence import forget_evidence_kinds
from archiver.storage.migrations import UNRELEASED, lend_tables, make_schema, migrations

# What goes wrong with the place an archive lies in, as errors that name it: SQLite's and the system's words in ours.

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NEARLY_FULL = 256 * 1024  # bytes; SQLite reports some full disks as errors of input and output
_PRIMARY = 0xFF
_OF_THE_MACHINE = {
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


def is_fault(error: BaseException) -> bool:
    """Whether an error is of the place the archive lies in, and not of what was to be written there."""
    if isinstance(error, sqlite3.Error):
        return _code(error) & _PRIMARY in _OF_THE_MACHINE
    return isinstance(error, OSError | ArchiverError)


def fault_of(error: sqlite3.Error | OSError, archive: Path) -> ArchiverError:
    """The error as one sentence that tells what to do. `archive` is the file that was written when it came."""
    if isinstance(error, OSError):
        subject = str(error.filename or archive.parent)
        if error.errno in _FULL:
            return DiskFull(str(archive.parent), free_bytes(archive))
        if isinstance(error, FileNotFoundError):
            return ArchiveMoved(subject)
        return ArchiveNotWritable(subject, error.strerror or str(error))
    kind = _code(error) & _PRIMARY
    if kind == sqlite3.SQLITE_FULL or (
        kind in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and free_bytes(archive) < _NEARLY_FULL
    ):
        return DiskFull(str(archive.parent), free_bytes(archive))
    if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return ArchiveLocked(str(archive))
    if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return ArchiveDamaged(str(archive), str(error))
    return ArchiveNotWritable(str(archive), str(error))


def free_bytes(path: Path) -> int:
    """What a program may still write where `path` lies; 0 where that cannot be told."""
    try:
        space = os.statvfs(path.parent)
    except OSError:
        return 0
    return space.f_bavail * space.f_frsize


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) or 0


_BUSY_SECONDS = 30.0
_STATEMENTS = 512
"""To write a page takes more than the hundred different statements that Python keeps ready."""
_LOG_PAGES = 8_000
"""The log goes into the database when it has so many pages (32 MB): the pages of indexes that each batch writes to are
then copied once for many batches. What is committed is in the log, and as safe there."""
_CACHE_KILOBYTES = 32_000
"""What a writer holds of the database: the places that a new row goes to in a dozen indexes lie far apart."""


def open_archive(path: str | os.PathLike[str], *, create: bool = False, read_only: bool = False) -> Database:
    """The archive at `path`, at this version's schema.

    With `create`, a missing file (and its folder) is made. With `read_only`, nothing is written,
    not even a migration: tables that later steps add are there, and empty. Raises ArchiveNotFound, NotAnArchive,
    ArchiveTooNew, ArchiveUnreleased, ArchiveNotWritable, or what else `faults.fault_of` makes of the place it lies in.

    What is promised at a power cut (`synchronous=NORMAL` with a write-ahead log): the database is whole, and as it was
    at one of its last commits.
    """
    file = Path(path)
    if not file.exists() and not create:
        raise ArchiveNotFound(str(file))
    if file.is_dir():
        raise NotAnArchive(str(file), "it is a folder")
    if create:
        _make_writable(file)
    db = Database(_connect(file, read_only=read_only))
    try:
        _check(db, file, empty=not read_only)
        if not read_only:
            db.conn.execute("PRAGMA synchronous=NORMAL")
            make_schema(db)  # before there is a log, so that where there is no room for it the file is as it was
            db.conn.execute("PRAGMA journal_mode=WAL")
            db.conn.execute(f"PRAGMA cache_size=-{_CACHE_KILOBYTES}")
            db.conn.execute(f"PRAGMA wal_autocheckpoint={_LOG_PAGES}")
            if migrations.pending(db):
                migrations.apply(db)
        elif migrations.pending(db):
            lend_tables(db)
    except sqlite3.Error as error:
        db.close()
        raise fault_of(error, file) from error
    except BaseException:
        db.close()
        raise
    return db


@contextmanager
def opened(path: str | os.PathLike[str], *, create: bool = False, read_only: bool = False) -> Iterator[Database]:
    """`open_archive` for a block, which closes the archive at its end."""
    db = open_archive(path, create=create, read_only=read_only)
    try:
        yield db
    finally:
        db.close()


def is_still(file: Path) -> bool:
    """Whether to read an archive as one that nobody changes: a WAL database makes files beside itself even to be read,
    and it cannot, and none is needed."""
    log = file.with_name(file.name + "-wal")
    return not is_writable(file.parent) and not (log.exists() and log.stat().st_size)


def is_writable(path: Path) -> bool:
    """Whether this process may write to a file, or beside what is in a folder."""
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _make_writable(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            raise ArchiveNotWritable(str(file), error.strerror or str(error)) from error
        raise fault_of(error, file) from error
    if not is_writable(file.parent) or (file.exists() and not is_writable(file)):
        raise ArchiveNotWritable(str(file), "permission denied")


def _connect(file: Path, *, read_only: bool) -> sqlite3.Connection:
    options = ""
    if read_only:
        options = "?mode=ro&immutable=1" if is_still(file) else "?mode=ro"
    try:
        uri = file.resolve().as_uri() + options
        conn = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, cached_statements=_STATEMENTS)
    except sqlite3.OperationalError as error:
        raise fault_of(error, file) from error
    conn.execute("PRAGMA foreign_keys=ON")
    return conn


def _check(db: Database, file: Path, *, empty: bool) -> None:
    """Refuse a file that is no SQLite, holds something else, or was written by a newer version or by one that was never
    released; one that holds nothing, unless it may be `empty`."""
    try:
        tables = set(db.table_names())
    except sqlite3.Error as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
            raise
        raise NotAnArchive(str(file), "it is no SQLite database") from error
    if not tables and not empty:
        raise NotAnArchive(str(file), "it is empty")
    if tables and "_sqlite_migrations" not in tables:
        raise NotAnArchive(str(file), "it is the database of another program")
    known = {m.name for m in migrations._migrations}
    for applied in migrations.applied(db):
        if applied.name == UNRELEASED:
            raise ArchiveUnreleased(str(file))
        if applied.name not in known:
            raise ArchiveTooNew(str(file), applied.name)


# One transaction that writes, and patience with other programs that do.

PATIENCE = 60.0
"""Seconds for which another program may hold the archive before a crawl ends."""
_LOOK_EVERY = 0.25
_SAY_AFTER = 2.0
_notice = logging.getLogger("archiver.notice")
_HURRIED = 3.0
"""Seconds for which locks are waited for, all in all, once the program is to end: crawls that end together write
their last pages in turn."""
_until: list[float] = []


def stop_waiting_for_locks() -> None:
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
            forget_evidence_kinds(db)
            raise
        return
    _begin(db, patience, clock)
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        forget_evidence_kinds(db)
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
                    _notice.warning(
                        "%s is locked by another program; the crawl waits for up to %.0f seconds", _name(db), patience
                    )
    finally:
        db.execute(f"PRAGMA busy_timeout = {before}")


def _name(db: Database) -> str:
    """The file of a database, as short as it can be said from here."""
    path = Path(next((row[2] for row in db.execute("PRAGMA database_list")), ""))
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
