"""Translates errors of the disk and the database into the errors of archiver."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
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
