"""Bringing the index up to the database, or making it anew.

It may be killed at any moment: what was under way is then done again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tantivy
from sqlite_utils import Database

from archiver.search.index import state
from archiver.search.index.document import document, rows
from archiver.search.index.schema import schema

_BATCH = 1_000
_HEAP_BYTES = 128 << 20
_WAIT_SECONDS = 30.0
_LOCK = "archiver.lock"

Progress = Callable[[int, int], None]
"""Is told how many articles of how many are in the index."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    articles: int
    anew: bool


def folder_of(archive: Path) -> Path:
    """The folder of an archive's index, named as SQLite names its own files beside a database."""
    return archive.with_name(archive.name + "-search")


def refresh(db: Database, archive: Path, *, anew: bool = False, progress: Progress | None = None) -> Refreshed:
    """Put what changed in the archive into its index; all of it with `anew`, or where there is none of this archive.

    `db` is open for writing. One process at a time does this, others wait up to 30 s and then leave it to that one.
    Raises OSError where the folder cannot be written.
    """
    folder = folder_of(archive)
    folder.mkdir(exist_ok=True)
    with _locked(folder) as mine:
        if not mine:
            return Refreshed(0, anew=False)
        anew = anew or not state.belongs(db, folder)
        if not anew and not state.is_behind(db):
            return Refreshed(0, anew=False)
        if anew:
            _clear(folder)
        changed = state.changes(db)
        ids = tuple(row[0] for row in db.execute("select id from articles order by id")) if anew else changed.ids
        token = state.begin(db)
        index = tantivy.Index(schema(), path=str(folder))
        fill(index, db, ids, anew=anew, progress=progress)
        state.written(folder, token)
        state.finish(db, token, changed.last)
        return Refreshed(len(ids), anew)


def fill(index: tantivy.Index, db: Database, ids: Sequence[int], *, anew: bool,
         progress: Progress | None = None) -> None:
    """The entries of these articles in place of those they had."""
    writer = index.writer(heap_size=_HEAP_BYTES, num_threads=1)
    for start in range(0, len(ids), _BATCH):
        batch = ids[start:start + _BATCH]
        if not anew:
            for number in batch:
                writer.delete_documents_by_term("id", number)
        for row in rows(db, batch):
            writer.add_document(document(row))
        if progress:
            progress(min(start + _BATCH, len(ids)), len(ids))
    writer.commit()
    writer.wait_merging_threads()


def forget(archive: Path) -> None:
    """Take the index off the disk, so that nothing of a removed text stays in it; it is made anew when it is needed."""
    folder = folder_of(archive)
    if folder.exists():
        with _locked(folder):
            _clear(folder)


def _clear(folder: Path) -> None:
    for file in folder.iterdir():
        if file.is_dir():
            shutil.rmtree(file)
        elif file.name != _LOCK:
            file.unlink()


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
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
