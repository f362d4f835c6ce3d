"""The archive that is merged: opened without changing it, at this version's schema."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from archiver.errors import MergeRefused
from archiver.store.connect import open_archive
from archiver.store.migrations import migrations

_COPY = ".merging-"


def refuse_itself(path: Path, into: Path) -> None:
    """Raise MergeRefused where both are one archive."""
    if path.exists() and into.exists() and path.samefile(into):
        raise MergeRefused(str(path), "it is this archive itself")


@contextmanager
def opened(path: Path, into: Path) -> Iterator[Database]:
    """The archive at `path`, all that is read of it of one moment. One of an earlier release is read from a copy
    that is brought up to date, beside the archive `into`.

    Raises MergeRefused where both are one archive, and what `open_archive` does: ArchiveNotFound, NotAnArchive,
    ArchiveTooNew.
    """
    refuse_itself(path, into)
    db = open_archive(path, read_only=True)
    try:
        if not migrations.pending(db):
            yield from _read(db)
            return
        for left in into.parent.glob(f"{_COPY}*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=_COPY, dir=into.parent) as folder:
            copy = Path(folder) / "archive.db"
            with Database(copy) as made:
                db.conn.backup(made.conn)
            today = open_archive(copy)
            try:
                yield from _read(today)
            finally:
                today.close()
    finally:
        db.close()


def _read(db: Database) -> Iterator[Database]:
    db.execute("begin")
    db.execute("select count(*) from sqlite_master").fetchone()
    try:
        yield db
    finally:
        if db.conn.in_transaction:
            db.rollback()
