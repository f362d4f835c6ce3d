"""Helpers for tests of merging: archives written as by a crawl, and merges in this process."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from archiver.maintenance.merge_archives import MergeResult
from archiver.maintenance.merge_archives import merge_archive as merge_into
from archiver.maintenance.takedown import archive_without_writers
from archiver.model.items import Capture, Outcome
from archiver.storage.database import open_archive
from tests.proved_archive import QUAY, START, Run, page, text


@dataclass(frozen=True)
class Seen:
    """A fetch of post `number` on some day, which shows text number `wording`. 0: the post is gone; -1: the server
    responds that nothing changed.
    """

    day: int
    number: int
    wording: int


@cache
def empty() -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "archive.db"
        db = open_archive(file, create=True)
        db.execute("pragma wal_checkpoint(truncate)")
        db.close()
        return file.read_bytes()


def make(folder: Path, visits: Sequence[Seen], second: int = 0) -> Path:
    """Create the archive of a machine that fetched these pages, one run per day. `second` distinguishes machines."""
    folder.mkdir(parents=True)
    archive = folder / "archive.db"
    archive.write_bytes(empty())
    shown: dict[int, Capture] = {}
    for day in sorted({visit.day for visit in visits}):
        at = START + timedelta(days=day, seconds=600 * second)
        with Run(archive, QUAY, at) as run:
            for visit in sorted((v for v in visits if v.day == day), key=lambda v: v.number):
                _visit(run, visit, shown)
    return archive


def _visit(run: Run, visit: Seen, shown: dict[int, Capture]) -> None:
    url = f"{QUAY}{visit.number}"
    if visit.wording == 0:
        run.visit(url, Outcome.GONE, run.capture(url, b"gone", 410))
    elif visit.wording < 0:
        if visit.number in shown:
            run.visit(url, Outcome.UNCHANGED, run.capture(url, b"", 304, shown[visit.number]))
    else:
        body = page(
            f"Day {visit.number}", [*text(visit.number), f"Wording {visit.wording} of the keeper."], visit.number
        )
        shown[visit.number] = run.post(url, body)


def copy(archive: Path, folder: Path) -> Path:
    shutil.copytree(archive.parent, folder)
    return folder / archive.name


def merge(into: Path, other: Path) -> MergeResult:
    open_archive(into, create=True).close()
    with archive_without_writers(into) as db:
        return merge_into(db, into, other)


def day(number: int) -> datetime:
    return START + timedelta(days=number)
