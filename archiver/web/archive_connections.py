"""Read-only access to the archive for the web pages: a connection for each thread, a time limit, and a cache of
counts.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from archiver.api.database import Database, open_archive
from archiver.api.search import Query, disable_updates
from archiver.model.errors import ArchiveNotFound

# Cached counts, so that paging and sorting do not count again.

_CACHE_SIZE = 64
_CACHE: WeakKeyDictionary[Database, tuple[int, OrderedDict[Hashable, Any]]] = WeakKeyDictionary()


def get_cached(db: Database, name: str, of: Hashable, make: Callable[[], T]) -> T:
    """Returns the cached value called `name` that was computed from `of` (such as a query) in this archive. If there is
    none, calls `make` and caches what it returns.

    Values are kept until the archive or its index changes (SQLite's data_version). Exceptions are not cached.
    """
    version = int(db.execute("pragma data_version").fetchone()[0])
    known, results = _CACHE.get(db, (None, OrderedDict()))
    if known != version:
        results = OrderedDict()
        _CACHE[db] = version, results
    key = name, of
    if key not in results:
        results[key] = make()
        if len(results) > _CACHE_SIZE:
            results.popitem(last=False)
    results.move_to_end(key)
    found: T = results[key]
    return found


def strip_paging(query: Query) -> Query:
    """Returns the query without limit, offset, sorting and `recent`. Queries that match the same articles then become
    equal, so the result is used as a cache key.
    """
    return replace(query, sort="", limit=None, offset=0)


# Connections and threads.

T = TypeVar("T")
THREADS = 3
DOWNLOADS = 2
"""At most this many files are written at the same time; requests for further files wait."""
SECONDS = 5.0
"""The time limit of a page in seconds. A query that takes longer is interrupted (sqlite3.OperationalError:
interrupted).
"""
_STEPS = 5_000
"""SQLite checks the clock after this many VM instructions, which take a fraction of a millisecond."""


class PerThread(Generic[T]):
    """Opens a file once for each thread, and keeps it open. If the file is replaced, threads reopen it, so that all
    threads read the same file.
    """

    def __init__(self, path: Path, open_: Callable[[], T], close: Callable[[T], object]) -> None:
        self.path, self._open, self._close = path, open_, close
        self._own = threading.local()

    def get(self) -> T:
        """Returns the open file of the calling thread. Raises ArchiveNotFound, and the errors of opening the file."""
        try:
            found = self.path.stat()
        except FileNotFoundError as error:
            raise ArchiveNotFound(str(self.path)) from error
        which = found.st_dev, found.st_ino
        if getattr(self._own, "which", which) != which:
            self._close(self._own.opened)
            del self._own.opened, self._own.which
        if not hasattr(self._own, "opened"):
            self._own.opened = self._open()
            self._own.which = which
        opened: T = self._own.opened
        return opened


class ArchivePool:
    """Two pools of threads with read-only access to the archive: `pool` is for pages, `downloads` for the writing of
    download files.
    """

    def __init__(self, path: Path, seconds: float = SECONDS) -> None:
        self.path, self.seconds = path, seconds
        self._opened = PerThread(path, lambda: _open_read_only(path), Database.close)
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="page")
        self.downloads = ThreadPoolExecutor(DOWNLOADS, thread_name_prefix="download")

    def with_limit(self, function: Callable[[Database], T]) -> T:
        """Calls a function with the archive and returns its result, within the time limit for pages. Call this only in
        a thread of `pool`.
        """
        db = self._opened.get()
        with _limit_time(db, self.seconds):
            return function(db)

    def without_limit(self, function: Callable[[Database], T]) -> T:
        """Calls a function with the archive and returns its result, without a time limit. Call this only in a thread of
        `downloads`.
        """
        return function(self._opened.get())


def _open_read_only(path: Path) -> Database:
    db = open_archive(path, read_only=True)
    disable_updates(db)
    return db


@contextmanager
def _limit_time(db: Database, seconds: float) -> Iterator[None]:
    until = time.monotonic() + seconds
    db.conn.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    try:
        yield
    finally:
        db.conn.set_progress_handler(None, 0)


# The served archive with its host names and URL prefix.

DATABASE = "archive"
"""The name of the archive in Datasette's URLs. It is fixed and not taken from the archive's file name, so that these
URLs never clash with the URLs of our own pages."""


@dataclass(frozen=True, slots=True)
class ServedArchive:
    """An archive, and the URLs at which the server offers it.

    - `base`: the prefix of all URL paths, "/" or "/news/".
    - `hosts`: the accepted host names without port; if empty, any host name is accepted.
    - `origin`: the public scheme and host. If it is "", the scheme and host of the request are used.
    - `title`: the archive's name, which every page shows.
    - `description`: one line about the archive, for the front page.
    """

    archive: ArchivePool
    base: str = "/"
    hosts: frozenset[str] = frozenset()
    origin: str = ""
    title: str = "Web archive"
    description: str = ""


_SITES: WeakKeyDictionary[Any, ServedArchive] = WeakKeyDictionary()


def attach_served_archive(datasette: Any, site: ServedArchive) -> None:
    _SITES[datasette] = site


def get_served_archive(datasette: Any) -> ServedArchive:
    """Returns the archive that a Datasette instance serves. Raises KeyError if an instance was not created by
    `archiver.web.web_server`.
    """
    return _SITES[datasette]
