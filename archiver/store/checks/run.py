"""Verifying an archive: the checks of the database, then the articles and the WARC files on all cores.

Everything is read, in read transactions and on read-only connections: a crawl that writes meanwhile is not kept from
it, and what it writes is not told of.
"""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlite_utils import Database

from archiver.store.checks import captures, readings
from archiver.store.checks.finding import Finding
from archiver.store.checks.table import CHECKS
from archiver.store.checks.warcs import Examined, Job, examine
from archiver.store.connect import open_archive, opened
from archiver.store.faults import fault_of

_SPAWN_AT = 32 << 20
"""Bytes to be read from which on other processes are worth their start."""
_ARTICLES_A_TASK = 200
T = TypeVar("T")
R = TypeVar("R")
Progress = Callable[[str, int, int], None]
"""Called with what is done now, how much of it, and of how many."""


@dataclass(slots=True)
class Verified:
    """What was looked at, and what was found."""

    findings: list[Finding] = field(default_factory=list)
    articles: int = 0
    files: int = 0
    records: int = 0


def verify(archive: Path, *, ids: Sequence[int] | None = None, quick: bool = False, reread: bool = False,
           progress: Progress = lambda what, done, of: None) -> Verified:
    """Hold an archive against itself. With `ids` only these articles and their captures; `quick`: the database alone;
    `reread`: also what today's extraction reads in each capture.

    Raises what `open_archive` does.
    """
    out = Verified()
    files = captures.files_at(archive.parent)
    with opened(archive, read_only=True) as db:
        size = archive.stat().st_size + sum((archive.parent / name).stat().st_size for name in files
                                            if (archive.parent / name).exists())
        with _snapshot(db), _pool(size if ids is None else 0) as pool:
            if ids is None:
                out.findings += _database(db, archive, progress)
            numbers = list(ids) if ids is not None else _guarded(archive, lambda: readings.ids_of(db), [])
            out.articles = len(numbers)
            _articles(archive, numbers, reread, pool, out, progress)
            if not quick:
                try:
                    _files(db, archive.parent, files, ids, pool, out, progress)
                except sqlite3.Error as error:
                    out.findings.append(_unreadable(archive, "captures", error))
    return out


def _database(db: Database, archive: Path, progress: Progress) -> list[Finding]:
    found: list[Finding] = []
    tables = {*db.table_names(), *db.view_names()}
    for number, check in enumerate(CHECKS):
        progress("the database", number, len(CHECKS))
        if set(check.needs) <= tables:
            try:
                found += check.run(db)
            except sqlite3.Error as error:
                found.append(_unreadable(archive, check.name, error))
    return found


def _unreadable(archive: Path, what: str, error: sqlite3.Error) -> Finding:
    if isinstance(error, sqlite3.OperationalError) and "no such" in str(error):
        return Finding("check-impossible", what, f"The check '{what}' cannot be made: {error}",
                       "Another program changed the schema: put a backup in its place.")
    return Finding("database-damaged", what, f"The check '{what}' cannot be made: {error}",
                   str(fault_of(error, archive)))


def _guarded(archive: Path, read: Callable[[], list[int]], otherwise: list[int]) -> list[int]:
    try:
        return read()
    except sqlite3.Error:
        return otherwise  # told of by the checks before


def _articles(archive: Path, ids: Sequence[int], reread: bool, pool: Executor | None, out: Verified,
              progress: Progress) -> None:
    tasks = [(archive, list(ids[at:at + _ARTICLES_A_TASK]), reread) for at in range(0, len(ids), _ARTICLES_A_TASK)]
    for number, found in enumerate(_each(pool, _check_articles, tasks)):
        progress("articles", min((number + 1) * _ARTICLES_A_TASK, len(ids)), len(ids))
        out.findings += found


def _check_articles(task: tuple[Path, list[int], bool]) -> list[Finding]:
    archive, ids, wish = task
    db = open_archive(archive, read_only=True)
    try:
        with _snapshot(db):
            found = list(readings.articles(db, ids))
            return found + (list(readings.reread(db, archive.parent, ids)) if wish else [])
    except sqlite3.Error as error:
        return [_unreadable(archive, f"articles {ids[0]} to {ids[-1]}", error)]
    finally:
        db.close()


def _files(db: Database, folder: Path, files: dict[str, bool], ids: Sequence[int] | None, pool: Executor | None,
           out: Verified, progress: Progress) -> None:
    jobs: Iterable[Job] = captures.jobs(db, folder, files) if ids is None else captures.jobs_of(db, folder, ids)
    examined: list[Examined] = []
    for one in _each(pool, examine, jobs):
        examined.append(one)
        out.files += 1
        out.records += one.records
        progress("WARC files", out.files, max(out.files, len(files)) if ids is None else out.files)
    out.findings += captures.told(db, examined)
    if ids is None:
        out.findings += captures.strangers(db, folder, files)


def _each(pool: Executor | None, work: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
    """The results in the order of the tasks, of which only a few are under way: their rows are not all held at once."""
    if pool is None:
        yield from map(work, tasks)
        return
    waiting: deque[Future[Any]] = deque()
    for task in tasks:
        waiting.append(pool.submit(work, task))
        if len(waiting) > 2 * (os.cpu_count() or 1):
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


@contextmanager
def _pool(size: int) -> Iterator[Executor | None]:
    if size < _SPAWN_AT or (os.cpu_count() or 1) < 2:
        yield None
        return
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@contextmanager
def _snapshot(db: Database) -> Iterator[None]:
    """All that is read within is of one moment."""
    db.execute("begin")
    db.execute("select count(*) from sqlite_master").fetchone()
    try:
        yield
    finally:
        if db.conn.in_transaction:
            db.rollback()
