"""Opens an archive to read or write it: transactions, locks, the times that are stored, and errors of the disk. For all
packages.
"""

from __future__ import annotations

from archiver.storage import Database
from archiver.storage.database import must_open_immutable, open_archive, opened
from archiver.storage.pages import last_rowid, moment, stamp
from archiver.storage.transactions import (
    environment_error,
    free_bytes,
    is_environment_error,
    last_heartbeat,
    lock_site,
    path_of,
    writing,
)

__all__ = [
    "Database",
    "environment_error",
    "free_bytes",
    "is_environment_error",
    "last_heartbeat",
    "last_rowid",
    "lock_site",
    "moment",
    "must_open_immutable",
    "open_archive",
    "opened",
    "path_of",
    "stamp",
    "writing",
]
