"""The folder of a worker on its own disk: one worker's at a time."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from archiver.errors import ArchiverError

SCANS = "scans"
"""Beside the folder for shards: WARC files that are scanned for sites."""


class WorkplaceTaken(ArchiverError):
    def __init__(self, folder: str, why: str) -> None:
        super().__init__(folder, f"{folder} cannot be worked in ({why}): name another folder with --work.")


@contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """The folder for shards, which nobody else uses while the block lasts. Raises WorkplaceTaken."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("ab")
    except OSError as error:
        raise WorkplaceTaken(str(folder), error.strerror or str(error)) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise WorkplaceTaken(str(folder), "another worker does") from error
        shutil.rmtree(folder / SCANS, ignore_errors=True)  # a killed worker leaves files that it has fetched
        yield folder / "shards"
