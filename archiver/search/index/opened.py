"""The index of an archive that is open, brought up to date before it is asked."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakKeyDictionary, WeakSet

import tantivy
from sqlite_utils import Database

from archiver.errors import ArchiveLocked, IndexMissing
from archiver.search.index import files, state
from archiver.search.index.refresh import Progress, fill, refresh
from archiver.search.index.schema import schema
from archiver.search.index.searcher import Searcher, index_in, place_of
from archiver.store.connect import is_writable, open_archive
from archiver.store.search_folder import folder_of

_LOG = logging.getLogger(__name__)

IN_MEMORY = 50_000
"""Of an archive that cannot be written beside, so many articles are indexed in memory, which takes some seconds."""

_OPENED: WeakKeyDictionary[Database, tuple[int, Searcher]] = WeakKeyDictionary()
"""With each the state of the database that the index was looked at in (SQLite's data_version)."""
_HELD: WeakKeyDictionary[Database, Searcher] = WeakKeyDictionary()
_LEFT: WeakSet[Database] = WeakSet()


def leave_as_it_is(db: Database) -> None:
    """From now on no search of this open archive writes, not even the index: it answers as the index is, if that is of
    this database at all."""
    _LEFT.add(db)


def searcher(db: Database, progress: Progress | None = None) -> Searcher:
    """What answers of an open archive: as it was when it was last written to, if that can be had.

    Raises IndexMissing where there is no index, none can be written and the archive is too large for one in memory.
    """
    archive = Path(db.execute("select file from pragma_database_list where name = 'main'").fetchone()[0])
    if db in _HELD:
        return _HELD[db]
    version, found = _OPENED.get(db, (None, None))
    if found is None or version != _version(db) or not found.is_whole:
        found = _on_disk(db, archive, progress) or _in_memory(db, archive)
        _OPENED[db] = (_version(db), found)
    return found


@contextmanager
def held(dbs: Sequence[Database]) -> Iterator[list[Searcher]]:
    """What answers of some open archives; while the block lasts it is the same, whatever is written meanwhile.

    Raises what `searcher` does."""
    found = [searcher(db) for db in dbs]
    _HELD.update(zip(dbs, found, strict=True))
    try:
        yield found
    finally:
        for db in dbs:
            _HELD.pop(db, None)


def _version(db: Database) -> int:
    return int(db.execute("pragma data_version").fetchone()[0])


def _on_disk(db: Database, archive: Path, progress: Progress | None) -> Searcher | None:
    folder = folder_of(archive)
    try:
        if not state.is_migrated(db):
            return None  # to read an archive of an earlier release does not bring it up to date
        if db not in _LEFT and is_writable(archive) and is_writable(archive.parent):
            writable = open_archive(archive)
            try:
                done = refresh(writable, archive, progress=progress)
                if done.damaged:
                    _LOG.warning("The search index in %s was damaged (%s) and was made anew.", folder, done.damaged)
            finally:
                writable.close()
        elif files.damaged(folder, state.known(folder)) or (db not in _LEFT and state.is_behind(db)):
            return None
        said = state.told(folder)
        with place_of(folder) as place:
            found = Searcher(index_in(place), folder, frozenset(said.get("common", ())))
        # Where another process has made it anew meanwhile, these are no longer its common words.
        return found if state.belongs(db, folder) and state.told(folder).get("token") == said.get("token") else None
    except (sqlite3.OperationalError, ArchiveLocked, OSError, ValueError):
        return None  # a folder that cannot be written, or no whole index


def _in_memory(db: Database, archive: Path) -> Searcher:
    ids = [row[0] for row in db.execute("select id from articles order by id limit ?", [IN_MEMORY + 1])]
    if len(ids) > IN_MEMORY:
        raise IndexMissing(str(archive), _damaged(folder_of(archive)))
    index = tantivy.Index(schema())
    fill(index, db, ids, anew=True)
    index.reload()
    return Searcher(index)


def _damaged(folder: Path) -> str:
    try:
        return files.damaged(folder, state.known(folder))
    except OSError:
        return ""
