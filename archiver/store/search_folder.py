"""The folder of the search index beside an archive: where it is, who may write it, and taking it off the disk."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_WAIT_SECONDS = 30.0
_LOCK = "archiver.lock"
_OURS = re.compile(r"[0-9a-f]{32}\..*|meta\.json|\.managed\.json|\.tantivy-.*|\.tmp.*|archiver\.json(\.new)?")


def folder_of(archive: Path) -> Path:
    """The folder of an archive's index, named as SQLite names its own files beside a database."""
    return archive.with_name(archive.name + "-search")


def forget(archive: Path) -> None:
    """Take the index off the disk, so that nothing of a removed text stays in it; it is made anew when it is needed.

    Raises OSError.
    """
    folder = folder_of(archive)
    if folder.exists():
        with locked(folder):
            clear(folder)


def clear(folder: Path) -> None:
    """Empty it of what belongs to an index, but for the lock. What else somebody put there stays."""
    for file in folder.iterdir():
        if _OURS.fullmatch(file.name) and not file.is_dir():
            file.unlink()


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Whether the lock of a folder was got within its time; the system takes it back from a process that is killed."""
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        ends = time.monotonic() + _WAIT_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield True
                return
            except BlockingIOError:
                if time.monotonic() > ends:
                    yield False
                    return
                time.sleep(0.05)
    finally:
        os.close(handle)
