"""Where a snapshot is built, and how it is put in the place of its folder: as a whole, or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from archiver.publish.refusals import SnapshotRefused


def true_place(out: Path) -> Path:
    """Where a folder is in truth: where a link leads is replaced, and not the link."""
    return Path(os.path.realpath(out))


def refused(out: Path, error: OSError | sqlite3.Error) -> SnapshotRefused:
    full = (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)) or (
        isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL)
    if full:
        return SnapshotRefused(str(out), "the disk is full; make room, then publish again")
    return SnapshotRefused(str(out), getattr(error, "strerror", None) or str(error))


@contextmanager
def aside(out: Path) -> Iterator[Path]:
    """A folder beside the one that is asked for; gone afterwards, unless it was moved. What an earlier build that was
    killed has left is taken away; another that is running keeps this one out."""
    whole = true_place(out)
    folder = whole.parent / f".{whole.name}.unfinished"
    mark = whole.parent / f".{whole.name}.lock"
    try:
        lock = os.open(mark, os.O_CREAT | os.O_RDWR, 0o666)
    except OSError as error:
        raise refused(out, error) from error
    try:
        # Before what is taken away below: until it is locked, folder and lock are another build's.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        if isinstance(error, BlockingIOError):
            raise SnapshotRefused(str(out), "another build of it is running; wait until it ends") from error
        raise refused(out, error) from error
    try:
        _recover(folder, whole)
        folder.mkdir()
        yield folder
    except OSError as error:
        raise refused(out, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            mark.unlink()
        os.close(lock)


def _old(folder: Path) -> Path:
    """Where what was there lies while the folder takes its place."""
    return folder.with_name(f"{folder.name}.old")


def _recover(folder: Path, out: Path) -> None:
    """Take away what a build that was killed has left; what it had put aside goes back where nothing took its place."""
    old = _old(folder)
    if old.exists() and not out.exists():
        old.replace(out)
    for left in (folder, old):
        shutil.rmtree(left, ignore_errors=True)


def put(folder: Path, out: Path, rename: Callable[[Path, Path], object] = os.replace) -> None:
    """Put the whole folder in the place of the one that is asked for; what was there stays until it is."""
    if not out.exists():
        rename(folder, out)
        return
    old = _old(folder)
    rename(out, old)
    try:
        rename(folder, out)
    except OSError:
        rename(old, out)
        raise
    shutil.rmtree(old, ignore_errors=True)
