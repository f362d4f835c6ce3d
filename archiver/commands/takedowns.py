"""Removals that were stopped half-way, or that a crawl met again: finished before anything else is written."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from archiver.errors import ArchiverError
from archiver.store.connect import open_archive, opened
from archiver.store.faults import fault_of, is_fault
from archiver.store.locks import lock_all
from archiver.store.takedown.finish import finish
from archiver.store.tombstones import pending


@contextmanager
def alone(archive: Path, task: str) -> Iterator[Database]:
    """The archive, with every crawl and import kept from it. Raises ArchiveInUse where one is running, what
    `open_archive` does, and a fault of the archive's place as what `fault_of` makes of it."""
    db = open_archive(archive)
    locks = []
    try:
        locks += lock_all(archive, task)
        yield db
    except (sqlite3.Error, OSError) as error:
        if is_fault(error):
            raise fault_of(error, archive) from error
        raise
    finally:
        db.close()
        for one in locks:
            one.close()


def finish_waiting(archive: Path, say: Callable[[str], None]) -> None:
    """Finish the removals that wait. Where that is not possible now they wait on, and `say` gets a sentence on it."""
    with opened(archive) as db:
        waits = bool(pending(db)) or db.execute("select 1 from warc_rewrites").fetchone() is not None
    if not waits:
        return
    try:
        with alone(archive, "remove") as db:
            finish(db, archive)
    except ArchiverError as error:
        say(f"A removal is not finished yet: {error}")
