"""Bringing the index up to the database, or making it anew.

It may be killed at any moment: what was under way is then done again.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary, WeakSet

import tantivy
from sqlite_utils import Database
from tantivy import Query

from archiver.errors import ArchiveLocked, ArchiveNotWritable, ArchiverError, IndexMissing
from archiver.maintenance.verify_database import VerifyFinding, first_of
from archiver.search import index_searcher
from archiver.search.index_document import document_rows, index_document, index_schema
from archiver.search.index_searcher import Searcher, common_words, has_outgrown, index_in, place_of
from archiver.storage.connection import is_writable, open_archive
from archiver.storage.full_text import clear_index_folder, index_folder, index_locked

_BATCH = 1_000
_HEAP_BYTES = 128 << 20

Progress = Callable[[int, int], None]
"""Is told how many articles of how many are in the index."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """`damaged` tells what of the index that was there was not as it had been written."""

    articles: int
    anew: bool
    damaged: str = ""


def refresh_index(db: Database, archive: Path, *, anew: bool = False, progress: Progress | None = None) -> Refreshed:
    """Put what changed in the archive into its index; all of it with `anew`, or where there is none of this archive.

    `db` is open for writing. One process at a time does this, others wait up to 30 s and then leave it to that one.
    Raises OSError where the folder cannot be written.
    """
    folder = index_folder(archive)
    folder.mkdir(exist_ok=True)
    with index_locked(folder) as mine:
        if not mine:
            return Refreshed(0, anew=False)
        damage = "" if anew or not index_searcher.belongs(db, folder) else _damage(folder)
        anew = anew or bool(damage) or not index_searcher.belongs(db, folder)
        if not anew and not index_searcher.is_behind(db):
            return Refreshed(0, anew=False)
        changed = index_searcher.changes(db)
        said = index_searcher.pending_changes(folder)
        there = _articles(db)
        anew = anew or has_outgrown(there, said.get("articles", 0), len(changed.ids))
        token = index_searcher.begin(db)
        common, of = frozenset(said.get("common", ())), said.get("articles", 0)
        done = None if anew else _filled(folder, db, changed.ids, common, anew=False, progress=progress)
        if done is None:
            damage = damage if anew else index_searcher.damaged_file(folder) or "it cannot be written to"
            clear_index_folder(folder)
            ids = [row[0] for row in db.execute("select id from articles order by id")]
            common, of = common_words(db, ids), there
            done = _filled(folder, db, ids, common, anew=True, progress=progress)
            anew = True
        index_searcher.written(folder, token, common, of)
        index_searcher.finish(db, token, changed.last)
        return Refreshed(done or 0, anew, damage)


def refresh_archive(archive: Path, *, anew: bool = False, progress: Progress | None = None) -> Refreshed:
    """`refresh` for the archive at a path. Raises what `open_archive` does, and ArchiveNotWritable."""
    db = open_archive(archive)
    try:
        return refresh_index(db, archive, anew=anew, progress=progress)
    except OSError as error:
        raise ArchiveNotWritable(str(archive), error.strerror or str(error)) from error
    finally:
        db.close()


def refresh_after_writing(archive: Path, progress: Progress | None = None) -> str:
    """`refresh_archive` after a crawl or an import, which does not fail where this does: the next search tries again.
    Returns a sentence where the index was damaged or is not up to date, else ""."""
    try:
        return damage_sentence(refresh_archive(archive, progress=progress))
    except ArchiverError as error:
        return f"The search index is not up to date yet: {error}"


def damage_sentence(done: Refreshed) -> str:
    if not done.damaged:
        return ""
    return f"The search index was damaged ({done.damaged}): it was made anew from the archive."


def _articles(db: Database) -> int:
    """How many there are, or a little more: to count a million takes as long as to find in it."""
    return int(db.execute("select ifnull(max(id), 0) from articles").fetchone()[0])


def _filled(
    folder: Path, db: Database, ids: Sequence[int], common: Collection[str], *, anew: bool, progress: Progress | None
) -> int | None:
    """How many articles were put into the index of a folder; None where what is there is damaged.

    Raises OSError where a new one cannot be written.
    """
    try:
        fill_index(tantivy.Index(index_schema(), path=str(folder)), db, ids, common, anew=anew, progress=progress)
    except ValueError as error:  # tantivy's only kind
        if anew:
            raise OSError(str(error)) from error
        return None
    return len(ids)


def _damage(folder: Path) -> str:
    """What of an index is not as it was written; "" where nothing is that shows without reading all of it."""
    known = index_searcher.recorded_state(folder)
    try:
        if name := index_searcher.damaged_file(folder, known):
            return name
        index_in(folder).searcher()
    except (ValueError, OSError) as error:
        return str(error)
    if (
        index_searcher.file_stamps(folder) != known
    ):  # copied, or killed right before its last step: its files are not read again
        said = index_searcher.pending_changes(folder)
        index_searcher.written(folder, said["token"], said["common"], said["articles"])
    return ""


def fill_index(
    index: tantivy.Index,
    db: Database,
    ids: Sequence[int],
    common: Collection[str] = (),
    *,
    anew: bool,
    progress: Progress | None = None,
) -> None:
    """The entries of these articles in place of those they had, with their pairs of common words."""
    writer = index.writer(heap_size=_HEAP_BYTES, num_threads=1)
    for start in range(0, len(ids), _BATCH):
        batch = ids[start : start + _BATCH]
        if not anew:
            for number in batch:
                writer.delete_documents_by_term("id", number)
        for row in document_rows(db, batch):
            writer.add_document(index_document(row, common))
        if progress:
            progress(min(start + _BATCH, len(ids)), len(ids))
    writer.commit()
    writer.wait_merging_threads()


# The index of an archive that is open, brought up to date before it is asked.

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


def open_searcher(db: Database, progress: Progress | None = None) -> Searcher:
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
    found = [open_searcher(db) for db in dbs]
    _HELD.update(zip(dbs, found, strict=True))
    try:
        yield found
    finally:
        for db in dbs:
            _HELD.pop(db, None)


def _version(db: Database) -> int:
    return int(db.execute("pragma data_version").fetchone()[0])


def _on_disk(db: Database, archive: Path, progress: Progress | None) -> Searcher | None:
    folder = index_folder(archive)
    try:
        if not index_searcher.is_migrated(db):
            return None  # to read an archive of an earlier release does not bring it up to date
        if db not in _LEFT and is_writable(archive) and is_writable(archive.parent):
            writable = open_archive(archive)
            try:
                done = refresh_index(writable, archive, progress=progress)
                if done.damaged:
                    _LOG.warning("The search index in %s was damaged (%s) and was made anew.", folder, done.damaged)
            finally:
                writable.close()
        elif index_searcher.damaged_file(folder, index_searcher.recorded_state(folder)) or (
            db not in _LEFT and index_searcher.is_behind(db)
        ):
            return None
        said = index_searcher.pending_changes(folder)
        with place_of(folder) as place:
            found = Searcher(index_in(place), folder, frozenset(said.get("common", ())))
        # Where another process has made it anew meanwhile, these are no longer its common words.
        return (
            found
            if index_searcher.belongs(db, folder)
            and index_searcher.pending_changes(folder).get("token") == said.get("token")
            else None
        )
    except (sqlite3.OperationalError, ArchiveLocked, OSError, ValueError):
        return None  # a folder that cannot be written, or no whole index


def _in_memory(db: Database, archive: Path) -> Searcher:
    ids = [row[0] for row in db.execute("select id from articles order by id limit ?", [IN_MEMORY + 1])]
    if len(ids) > IN_MEMORY:
        raise IndexMissing(str(archive), _damaged(index_folder(archive)))
    index = tantivy.Index(index_schema())
    fill_index(index, db, ids, anew=True)
    index.reload()
    return Searcher(index)


def _damaged(folder: Path) -> str:
    try:
        return index_searcher.damaged_file(folder, index_searcher.recorded_state(folder))
    except OSError:
        return ""


# The index beside an archive against the archive: which articles it lacks, has too many of, or has as they were.

_REMEDY = "Run 'archiver verify --repair', or 'archiver index --rebuild': it is made anew from the archive."


def check_index(db: Database, archive: Path, *, quick: bool = False) -> Iterator[VerifyFinding]:
    """What is wrong with the index of an archive. What it does not know yet, and an index that there is not, are no
    findings: it is brought up to date before it is asked. Nor is one that this user may not read. `quick` compares the
    numbers of the articles alone.
    """
    folder = index_folder(archive)
    if not index_searcher.is_migrated(db) or not index_searcher.belongs(db, folder):
        return
    try:
        damage = index_searcher.damaged_file(folder, index_searcher.recorded_state(folder) if quick else None)
        with place_of(folder) as place:
            there = {} if damage else _entries(Searcher(index_in(place), folder))
    except PermissionError:
        return
    except (ValueError, OSError) as error:
        damage = str(error)
    if damage:
        yield VerifyFinding(
            "search-index-damaged",
            folder.name,
            f"The search index is not as it was written: {damage}",
            _REMEDY,
            "search",
        )
        return
    behind = set(index_searcher.changes(db).ids)
    ids = [row[0] for row in db.execute("select id from articles order by id")]
    yield from _told(
        sorted(set(there) - set(ids) - behind), "strange", "The search index has an article {0} that is not there"
    )
    yield from _told(
        (number for number in ids if number not in there and number not in behind),
        "lacks",
        "Article {0} is not in the search index: no search finds it",
    )
    if not quick:
        stamps = (
            (row["id"], row["stamp"])
            for start in range(0, len(ids), _BATCH)
            for row in document_rows(db, ids[start : start + _BATCH])
        )
        yield from _told(
            (number for number, stamp in stamps if number not in behind and there.get(number, stamp) != stamp),
            "differs",
            "The search index has article {0} as it was before",
        )


def _told(numbers: Iterable[int], kind: str, sentence: str) -> Iterator[VerifyFinding]:
    return first_of(
        (
            VerifyFinding(f"search-index-{kind}", f"article {number}", sentence.format(number), _REMEDY, "search")
            for number in numbers
        ),
        20,
    )


def _entries(searcher: Searcher) -> dict[int, int]:
    """The stamp of each article that the index has."""
    addresses = [address for _, address in searcher.search(Query.all_query(), limit=max(searcher.num_docs, 1)).hits]
    return dict(
        zip(searcher.fast_field_values("id", addresses), searcher.fast_field_values("stamp", addresses), strict=True)
    )
