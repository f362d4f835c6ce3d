"""Opening an archive: the SQLite file, its schema brought up to date, and clear refusals."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from archiver.errors import ArchiveNotFound, ArchiveNotWritable, ArchiveTooNew, ArchiveUnreleased, NotAnArchive
from archiver.store.faults import fault_of
from archiver.store.migrations import UNRELEASED, lend_tables, make_schema, migrations

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
