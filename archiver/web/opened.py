"""The archive as the pages read it: opened for reading by each thread, with a limit to how long a page may ask it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlite_utils import Database

from archiver.search.index.opened import leave_as_it_is
from archiver.store.connect import open_archive

T = TypeVar("T")
THREADS = 3
DOWNLOADS = 2
"""So many files are written at a time; others wait."""
SECONDS = 5.0
"""So long may one page ask the database; what takes longer is broken off (sqlite3.OperationalError: interrupted)."""
_STEPS = 5_000
"""The clock is looked at after so many steps of SQLite's machine, a fraction of a millisecond."""


class Archive:
    """`asked` runs a function in one of a few threads, which each have the archive open."""

    def __init__(self, path: Path, seconds: float = SECONDS) -> None:
        self.path, self.seconds = path, seconds
        self._own = threading.local()
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="page")
        self.downloads = ThreadPoolExecutor(DOWNLOADS, thread_name_prefix="download")

    def asked(self, function: Callable[[Database], T]) -> T:
        """What a function says of the archive; called in a thread of `pool`."""
        db = self._db()
        with _limited(db, self.seconds):
            return function(db)

    def without_limit(self, function: Callable[[Database], T]) -> T:
        """The same, however long it takes; called in a thread of `downloads`."""
        return function(self._db())

    def _db(self) -> Database:
        if not hasattr(self._own, "db"):
            self._own.db = open_archive(self.path, read_only=True)
            leave_as_it_is(self._own.db)
        db: Database = self._own.db
        return db


@contextmanager
def _limited(db: Database, seconds: float) -> Iterator[None]:
    until = time.monotonic() + seconds
    db.conn.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    try:
        yield
    finally:
        db.conn.set_progress_handler(None, 0)
