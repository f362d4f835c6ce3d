"""The archive as the pages read it: opened for reading by each thread, with a limit to how long a page may ask it."""

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

from sqlite_utils import Database

from archiver.errors import ArchiveNotFound
from archiver.search.open_index import leave_as_it_is
from archiver.search.query import Query
from archiver.storage.connection import open_archive

# What was counted once for an archive as it is: turning a page or changing the order counts nothing anew.

_MOST = 64
_KEPT: WeakKeyDictionary[Database, tuple[int, OrderedDict[Hashable, Any]]] = WeakKeyDictionary()


def cached(db: Database, name: str, of: Hashable, make: Callable[[], T]) -> T:
    """What `make` answers, as long as nobody has written to the archive since (SQLite's data_version, which also tells
    of a new index). What it raises is not kept."""
    version = int(db.execute("pragma data_version").fetchone()[0])
    known, answers = _KEPT.get(db, (None, OrderedDict()))
    if known != version:
        answers = OrderedDict()
        _KEPT[db] = version, answers
    key = name, of
    if key not in answers:
        answers[key] = make()
        if len(answers) > _MOST:
            answers.popitem(last=False)
    answers.move_to_end(key)
    found: T = answers[key]
    return found


def counted(query: Query) -> Query:
    """A query without what its counts do not depend on."""
    return replace(query, sort="", limit=None, offset=0, recent=None)


T = TypeVar("T")
THREADS = 3
DOWNLOADS = 2
"""So many files are written at a time; others wait."""
SECONDS = 5.0
"""So long may one page ask the database; what takes longer is broken off (sqlite3.OperationalError: interrupted)."""
_STEPS = 5_000
"""The clock is looked at after so many steps of SQLite's machine, a fraction of a millisecond."""


class PerThread(Generic[T]):
    """What each thread has open of a file, opened anew where another file has taken its place: a thread that went on
    with the old one would say otherwise than the next."""

    def __init__(self, path: Path, open_: Callable[[], T], close: Callable[[T], object]) -> None:
        self.path, self._open, self._close = path, open_, close
        self._own = threading.local()

    def get(self) -> T:
        """Raises ArchiveNotFound, and what opening it does."""
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
    """`asked` runs a function in one of a few threads, which each have the archive open."""

    def __init__(self, path: Path, seconds: float = SECONDS) -> None:
        self.path, self.seconds = path, seconds
        self._opened = PerThread(path, lambda: _reading(path), Database.close)
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="page")
        self.downloads = ThreadPoolExecutor(DOWNLOADS, thread_name_prefix="download")

    def asked(self, function: Callable[[Database], T]) -> T:
        """What a function says of the archive; called in a thread of `pool`."""
        db = self._opened.get()
        with _limited(db, self.seconds):
            return function(db)

    def without_limit(self, function: Callable[[Database], T]) -> T:
        """The same, however long it takes; called in a thread of `downloads`."""
        return function(self._opened.get())


def _reading(path: Path) -> Database:
    db = open_archive(path, read_only=True)
    leave_as_it_is(db)
    return db


@contextmanager
def _limited(db: Database, seconds: float) -> Iterator[None]:
    until = time.monotonic() + seconds
    db.conn.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    try:
        yield
    finally:
        db.conn.set_progress_handler(None, 0)


# What is served: an archive, under which names and addresses.

DATABASE = "archive"
"""What the archive is called in the addresses of Datasette, whatever its file is: none of them is one of ours."""


@dataclass(frozen=True, slots=True)
class ServedArchive:
    """`base` is what all addresses begin with, "/" or "/news/"; `hosts` are the names (without port) that a request may
    be for, none meaning any; `origin` is the scheme and host that readers see, "" where it is what they asked for."""

    archive: ArchivePool
    base: str = "/"
    hosts: frozenset[str] = frozenset()
    origin: str = ""


_SITES: WeakKeyDictionary[Any, ServedArchive] = WeakKeyDictionary()


def attach_served_archive(datasette: Any, site: ServedArchive) -> None:
    _SITES[datasette] = site


def served_archive(datasette: Any) -> ServedArchive:
    """Raises KeyError for a Datasette that `archiver.web.server` did not make."""
    return _SITES[datasette]
