"""The two full-text indexes of an archive: the SQLite table `articles_fts`, and the search index in a folder next to
the archive.
"""

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

# -- articles_fts: triggers index each article when it is written, or all articles of a batch at its end

COLUMNS = ("body", *(name for name in WEIGHTS if name != "body"))
"""The columns in FTS5's order. The body is first because FTS5 needs two bytes less per word for the first column."""
TOKENIZER = "unicode61 remove_diacritics 2"
MARK = -1 << 63  # marks a batch in `fts_pending`; no article has this ID

_names = ", ".join(COLUMNS)


@contextmanager
def batch_indexing(db: Database) -> Iterator[None]:
    """Delays the full-text indexing of articles written inside the block until its end, and then indexes them together.

    Expects to run inside the caller's transaction, which is rolled back on an error.
    """
    if not db.execute("insert into fts_pending (id) values (?) on conflict do nothing", [MARK]).rowcount:
        yield  # an outer block will index the articles
        return
    yield
    db.execute(
        f"insert into articles_fts (rowid, {_names}) select id, {_names} from articles "
        "where id in (select id from fts_pending) order by id"
    )
    db.execute("delete from fts_pending")


# -- the folder of the search index

_WAIT_SECONDS = 30.0
_LOCK = "archiver.lock"
_INDEX_FILE = re.compile(r"[0-9a-f]{32}\..*|meta\.json|\.managed\.json|\.tantivy-.*|\.tmp.*|archiver\.json(\.new)?")


def index_folder(archive: Path) -> Path:
    """Returns the folder of an archive's search index. Its name begins with the archive's, like the names of SQLite's
    own files.
    """
    return archive.with_name(archive.name + "-search")


def delete_search_index(archive: Path) -> None:
    """Deletes the archive's search index, so that it contains no removed text. It is rebuilt when it is needed. Raises
    OSError.
    """
    folder = index_folder(archive)
    if folder.exists():
        with index_locked(folder):
            delete_index_files(folder)


def delete_index_files(folder: Path) -> None:
    """Deletes the search index's files in this folder, except for the lock. Other files in the folder stay."""
    for file in folder.iterdir():
        if _INDEX_FILE.fullmatch(file.name) and not file.is_dir():
            file.unlink()


@contextmanager
def index_locked(folder: Path) -> Iterator[bool]:
    """Holds the lock of a search index folder during the block; yields False if the lock was not free within 30
    seconds.

    The operating system releases the lock of a process that is killed.
    """
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        deadline = time.monotonic() + _WAIT_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield True
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    yield False
                    return
                time.sleep(0.05)
    finally:
        os.close(handle)
