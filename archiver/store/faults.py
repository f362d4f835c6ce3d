"""What goes wrong with the place an archive lies in, as errors that name it: SQLite's and the system's words in ours.

A fault is of the machine, not of a page: the crawl ends, and every page that is not written is still due.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from archiver.errors import (
    ArchiveDamaged,
    ArchiveLocked,
    ArchiveMoved,
    ArchiveNotWritable,
    ArchiverError,
    DiskFull,
)

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NEARLY_FULL = 256 * 1024  # bytes; SQLite reports some full disks as errors of input and output
_PRIMARY = 0xFF
_OF_THE_MACHINE = {
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_AUTH,
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
    if kind == sqlite3.SQLITE_FULL or (kind in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
                                       and free_bytes(archive) < _NEARLY_FULL):
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
