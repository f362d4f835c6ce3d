"""The archive, opened for captures of others: its WARC file, its tables, and what one batch is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from archiver import __version__
from archiver.capture.damage import Problem
from archiver.capture.mend import Mended, mend, unfinished
from archiver.capture.writer import WarcWriter
from archiver.errors import ArchiverError
from archiver.imports.reading import Read
from archiver.imports.writing import PastWriter, Source
from archiver.store import imports
from archiver.store.connect import open_archive
from archiver.store.imports import Tally
from archiver.store.locks import lock_site
from archiver.store.lost import forget_lost
from archiver.store.transaction import writing


class Opened:
    """Opens the archive (it is made where there is none) for one writer of this `prefix` at a time, by which its WARC
    files are named. Raises what `open_archive` raises, and ArchiveInUse where another is running."""

    def __init__(self, archive: Path, prefix: str, description: str, now: datetime, *, known_sites: bool) -> None:
        self.archive, self._prefix = archive, prefix
        self.db = open_archive(archive, create=True)
        try:
            self._lock = lock_site(archive, prefix)
        except ArchiverError:
            self.db.close()
            raise
        self.warc = WarcWriter(archive.parent, prefix, f"archiver {__version__}", description)
        self.writer = PastWriter(self.db, archive.parent, self.warc, now, known_sites=known_sites)
        self._sealed = False

    def mend(self) -> None:
        """Cut back what a run that died had copied and not entered, and finish its files."""
        ends = imports.ends(self.db)
        folder = self.archive.parent
        for file in unfinished(folder / "warc", self._prefix):
            with file.open("r+b") as handle:
                handle.truncate(min(ends.get(f"warc/{file.name}", 0), file.stat().st_size))
            mend(file, self._forget)

    def _forget(self, mended: Mended) -> None:
        with writing(self.db):
            forget_lost(self.db, mended.file, mended.records)

    def enter(self, results: Iterable[Read | Problem], source: Source, tally: Tally, problems: list[Problem],
              before: Tally, place: tuple[int, int] | None) -> Tally:
        """Write a batch inside the caller's transaction: the captures, what they came to, and how far the import is.

        `tally` and `problems` of the batch are added to. Returns `before` with the batch.
        """
        for one in results:
            if isinstance(one, Problem):
                tally.mended += one.kept
                tally.damaged += not one.kept
                problems.append(one)
            elif (problem := self.writer.write(one, source, tally)) is not None:
                problems.append(problem)
        total = Tally(**asdict(before))
        total.add(tally)
        assert source.import_id is not None
        imports.reach(self.db, source.import_id, place, total, map(as_json, problems), self.warc.end)
        self.warc.sync()
        return total

    def seal(self) -> None:
        """All is written: finish the WARC file. Raises OSError."""
        self.warc.close()
        self._sealed = True

    def close(self) -> None:
        """Let go of all. What was not written is read again by the next run."""
        self.warc.abandon()
        if not self._sealed:
            with suppress(ArchiverError, OSError, sqlite3.Error):
                self.mend()
        self.db.close()
        self._lock.close()


def as_json(problem: Problem) -> dict[str, Any]:
    """A problem as the table `imports` keeps it."""
    return {"kind": problem.kind.value, "offset": problem.offset, "url": problem.url, "detail": problem.detail}
