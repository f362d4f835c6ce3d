"""The database of an archive copied while others write it, by SQLite's backup interface.

The copy is of one moment: a read transaction holds it, which in a database with a write-ahead log keeps nobody from
writing (https://www.sqlite.org/wal.html, section 2.2). Without that transaction every commit of another program would
begin the copy anew.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlite_utils import Database

from archiver.capture.index import sync_folder
from archiver.errors import ArchiverError, BackupRefused, DiskFull
from archiver.store.connect import open_archive
from archiver.store.faults import fault_of, free_bytes

_PAGES = 500
_SIDES = ("-wal", "-shm", "-journal")
Progress = Callable[[str, int, int], None]
"""What is copied, how much of it is done, and how much it is."""


@contextmanager
def copying(archive: Path, target: Path, progress: Progress, *, force: bool = False) -> Iterator[Database]:
    """A copy of the archive as it is now, open to be read, which takes its place at `target` at the end of the block:
    whole or not at all. What stands there until then must be an earlier backup of the archive, but with `force`.

    Raises BackupRefused, DiskFull, and what `open_archive` does.
    """
    source = open_archive(archive, read_only=True)
    part = target.with_name(f".{target.name}.partial")
    try:
        _refuse(source, archive, target, force=force)
        _make_folder(target)
        with _alone(part, target):
            try:
                _copy(source, part, target, progress)
                copy = Database(part)
                try:
                    yield copy
                finally:
                    copy.close()
                _put(part, target)
            finally:
                for left in (part, *(part.with_name(part.name + side) for side in _SIDES)):
                    left.unlink(missing_ok=True)
    except (OSError, sqlite3.Error) as error:
        raise _fault(error, target) from error
    finally:
        source.close()


def _copy(source: Database, part: Path, target: Path, progress: Progress) -> None:
    if source.execute("pragma journal_mode").fetchone()[0] == "wal":
        source.execute("begin")
    size = source.execute("select page_count * page_size from pragma_page_count, pragma_page_size").fetchone()[0]
    source.execute("select count(*) from sqlite_master").fetchone()
    if free_bytes(target) < size:
        raise DiskFull(str(target.parent), free_bytes(target))
    into = sqlite3.connect(part)
    try:
        source.conn.backup(into, pages=_PAGES, sleep=0.01,
                           progress=lambda status, left, pages: progress("the database", pages - left, pages))
        if source.conn.in_transaction:
            source.rollback()
        # One file, without a log beside it, until it is written to again.
        into.execute("pragma journal_mode = delete")
    finally:
        into.close()


def _put(part: Path, target: Path) -> None:
    """The copy in its place, on the disk before its name is (fsync(2))."""
    with part.open("rb") as handle:
        os.fsync(handle.fileno())
    _close_log(target)
    part.replace(target)
    sync_folder(target.parent)


def _close_log(target: Path) -> None:
    """A log beside what is replaced would be taken for one of the copy: what it holds goes into its own database."""
    logs = [file for side in _SIDES if (file := target.with_name(target.name + side)).exists()]
    if not logs:
        return
    with suppress(sqlite3.DatabaseError):  # what is written over with --force may be anything
        old = sqlite3.connect(target)
        old.execute("pragma wal_checkpoint(truncate)").fetchone()
        old.close()
    if any(file.exists() for file in logs):
        raise BackupRefused(str(target), "another program has it open: close it there")


@contextmanager
def _alone(part: Path, target: Path) -> Iterator[None]:
    """One backup into a file at a time. What one that was killed left is written over."""
    path = part.with_name(f"{part.name}.lock")
    try:
        lock = path.open("wb")
    except OSError as error:
        raise BackupRefused(str(target), error.strerror or str(error)) from error
    with lock as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupRefused(str(target), "another backup is being written to it: let that end") from error
        part.unlink(missing_ok=True)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _make_folder(target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)


def _refuse(source: Database, archive: Path, target: Path, *, force: bool) -> None:
    if target.is_dir():
        raise BackupRefused(str(target), "it is a folder: name a file in it, archive.db for one")
    if not target.exists():
        return
    if target.samefile(archive):
        raise BackupRefused(str(target), "it is the archive itself")
    if force:
        return
    why = _no_backup(source, target)
    if why:
        raise BackupRefused(str(target), f"{why}: name another file, or add --force to write over it")


def _no_backup(source: Database, target: Path) -> str:
    """Why what stands at `target` is no earlier state of the archive; "" where it is one."""
    try:
        other = open_archive(target, read_only=True)
    except ArchiverError:
        return "it is no archive"
    try:
        if _born(other) != _born(source):
            return "it is another archive"
        for table in ("runs", "imports", "reextractions"):
            for number, at in other.execute(f"select id, started_at from {table} order by id desc limit 1"):
                if not source.execute(f"select 1 from {table} where id = ? and started_at = ?",
                                      [number, at]).fetchone():
                    return "what was done there last is not in this archive"
        return ""
    except sqlite3.Error as error:
        return f"it cannot be read ({error})"
    finally:
        other.close()


def _born(db: Database) -> object:
    """When the first step of its schema was made, to the microsecond: no two archives share it but by a copy."""
    return db.execute("select applied_at from _sqlite_migrations order by rowid limit 1").fetchone()


def _fault(error: OSError | sqlite3.Error, target: Path) -> ArchiverError:
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError) and free_bytes(target) > 1 << 20:
        return BackupRefused(str(target), error.strerror or str(error))
    return fault_of(error, target)
