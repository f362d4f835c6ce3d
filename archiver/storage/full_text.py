"""The folder of the search index beside an archive: where it is, who may write it, and taking it off the disk."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from archiver.fields import WEIGHTS

# The full-text index `articles_fts`: triggers index each article as it is written, or those of a batch at its end.

COLUMNS = ("body", *(name for name in WEIGHTS if name != "body"))
"""In the order in which FTS5 has them: what stands in its first column takes two bytes less for each word of a text."""
TOKENIZER = "unicode61 remove_diacritics 2"
MARK = -1 << 63  # a number that no article has

_names = ", ".join(COLUMNS)


@contextmanager
def entered_together(db: Database) -> Iterator[None]:
    """Articles that come meanwhile are found by their words at its end. Expects to run inside the caller's transaction,
    which an error undoes."""
    if not db.execute("insert into fts_pending (id) values (?) on conflict do nothing", [MARK]).rowcount:
        yield  # in a batch that does so already
        return
    yield
    db.execute(
        f"insert into articles_fts (rowid, {_names}) select id, {_names} from articles "
        "where id in (select id from fts_pending) order by id"
    )
    db.execute("delete from fts_pending")


_WAIT_SECONDS = 30.0
_LOCK = "archiver.lock"
_OURS = re.compile(r"[0-9a-f]{32}\..*|meta\.json|\.managed\.json|\.tantivy-.*|\.tmp.*|archiver\.json(\.new)?")


def index_folder(archive: Path) -> Path:
    """The folder of an archive's index, named as SQLite names its own files beside a database."""
    return archive.with_name(archive.name + "-search")


def forget_index(archive: Path) -> None:
    """Take the index off the disk, so that nothing of a removed text stays in it; it is made anew when it is needed.

    Raises OSError.
    """
    folder = index_folder(archive)
    if folder.exists():
        with index_locked(folder):
            clear_index_folder(folder)


def clear_index_folder(folder: Path) -> None:
    """Empty it of what belongs to an index, but for the lock. What else somebody put there stays."""
    for file in folder.iterdir():
        if _OURS.fullmatch(file.name) and not file.is_dir():
            file.unlink()


@contextmanager
def index_locked(folder: Path) -> Iterator[bool]:
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
