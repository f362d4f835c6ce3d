"""Updates the search index of an archive, searches it (`Searcher` wraps tantivy's), and checks it against the archive.

If an update is killed at any moment, the next update repeats it.
"""

from __future__ import annotations

import gc
import logging
import sqlite3
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from ctypes import CDLL
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, WeakSet

import tantivy
from tantivy import DocAddress, Order, Query

from archiver.errors import ArchiveLocked, ArchiveNotWritable, ArchiverError, IndexDamaged, IndexMissing
from archiver.maintenance.verify_database import VerifyFinding, limit_findings
from archiver.search import index_state
from archiver.search.index_documents import document_rows, index_document, index_schema
from archiver.storage import Database
from archiver.storage.database import is_writable, open_archive
from archiver.storage.full_text import delete_index_files, index_folder, index_locked

# Updating and rebuilding the index.

_BATCH = 100
_HEAP_BYTES = 24 << 20
"""The bytes of memory in which tantivy collects documents. With less memory, tantivy merges more segments, which takes
even more memory in the end."""
_CACHE_KILOBYTES = 2_000
"""The size in KiB of SQLite's page cache for an update. It is small because an update reads most pages only once."""
_LARGE_UPDATE = 1_000
"""If at least this many articles are updated, unused memory is first returned to the system."""

Progress = Callable[[int, int], None]
"""A function that is called with the number of indexed articles and the total."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The result of an index update: the number of indexed articles, and True if the index was rebuilt. `damaged`
    describes the damage found in the previous index; "" if there was none.
    """

    articles: int
    rebuilt: bool
    damaged: str = ""


def refresh_index(db: Database, archive: Path, *, rebuild: bool = False, progress: Progress | None = None) -> Refreshed:
    """Updates an archive's search index with the articles that changed. Rebuilds it if `rebuild` is True, or if it is
    missing, is damaged, or was made from another archive. `progress` is called with the number of articles indexed so
    far and their total.

    `db` must be open for writing. Only one process updates at a time; other processes wait up to 30 s and then skip the
    update. Raises OSError if the folder cannot be written.
    """
    folder = index_folder(archive)
    folder.mkdir(exist_ok=True)
    with index_locked(folder) as acquired:
        if not acquired:
            return Refreshed(0, rebuilt=False)
        damage = "" if rebuild or not index_state.is_index_of(db, folder) else _find_damage(folder)
        rebuild = rebuild or bool(damage) or not index_state.is_index_of(db, folder)
        if not rebuild and not index_state.is_behind(db):
            return Refreshed(0, rebuilt=False)
        changed = index_state.pending_changes(db)
        if rebuild or len(changed.ids) >= _LARGE_UPDATE:
            _return_unused_memory()
        token = index_state.begin_update(db)
        done = None if rebuild else _write_documents(folder, db, changed.ids, rebuild=False, progress=progress)
        if done is None:
            damage = damage if rebuild else index_state.damaged_file(folder) or "it cannot be written to"
            delete_index_files(folder)
            ids = [row[0] for row in db.execute("select id from articles order by id")]
            done = _write_documents(folder, db, ids, rebuild=True, progress=progress)
            rebuild = True
        index_state.write_state(folder, token)
        index_state.finish_update(db, token, changed.last)
        return Refreshed(done or 0, rebuild, damage)


def refresh_archive(archive: Path, *, rebuild: bool = False, progress: Progress | None = None) -> Refreshed:
    """Opens the archive at a path and updates its search index, with the same parameters as `refresh_index`. Raises the
    errors of `open_archive`, such as ArchiveNotFound, and ArchiveNotWritable.
    """
    db = open_archive(archive)
    try:
        db.execute(f"PRAGMA cache_size=-{_CACHE_KILOBYTES}")
        return refresh_index(db, archive, rebuild=rebuild, progress=progress)
    except OSError as error:
        raise ArchiveNotWritable(str(archive), error.strerror or str(error)) from error
    finally:
        db.close()


def refresh_after_writing(archive: Path, progress: Progress | None = None) -> str:
    """Updates the search index after a crawl or an import. `progress` is called with the number of articles indexed so
    far and their total. Returns a message if the index was damaged or could not be updated, otherwise "".

    Raises no error, so that a crawl does not fail because of the index. The next search tries the update again.
    """
    try:
        return damage_sentence(refresh_archive(archive, progress=progress))
    except ArchiverError as error:
        return f"The search index is not up to date yet: {error}"


def damage_sentence(done: Refreshed) -> str:
    """Returns a message that the index was damaged and has been rebuilt; "" if the index was intact."""
    if not done.damaged:
        return ""
    return f"The search index was damaged ({done.damaged}). It has been rebuilt from the archive."


def _return_unused_memory() -> None:
    """Returns unused memory to the system, if the C library can do this (glibc can). Otherwise the memory of a finished
    crawl would be occupied in addition to the memory for indexing.
    """
    gc.collect()
    if trim := getattr(CDLL(None), "malloc_trim", None):
        trim(0)


def _write_documents(
    folder: Path, db: Database, ids: Sequence[int], *, rebuild: bool, progress: Progress | None
) -> int | None:
    """Adds articles to the index in `folder` and returns their number. Returns None if the existing index cannot be
    written to. If `rebuild` is True, the index is a new, empty one.

    Raises OSError if a new index cannot be written.
    """
    try:
        fill_index(tantivy.Index(index_schema(), path=str(folder)), db, ids, rebuild=rebuild, progress=progress)
    except ValueError as error:  # tantivy raises no other exception
        if rebuild:
            raise OSError(str(error)) from error
        return None
    return len(ids)


def _find_damage(folder: Path) -> str:
    """Returns a description of an index's damage; "" if the index is intact. Files that are unchanged since the last
    update are not read.
    """
    known = index_state.recorded_stamps(folder)
    try:
        if name := index_state.damaged_file(folder, known):
            return name
        open_index_in(folder).searcher()
    except (ValueError, OSError) as error:
        return str(error)
    if index_state.file_stamps(folder) != known:
        # The index was copied, or its last update was killed at the end. Once the new stamps are stored, its files are
        # not read again.
        index_state.write_state(folder, index_state.index_state(folder)["token"])
    return ""


def fill_index(
    index: tantivy.Index,
    db: Database,
    ids: Sequence[int],
    *,
    rebuild: bool,
    progress: Progress | None = None,
) -> None:
    """Adds the documents of these articles to an index, or replaces them. If `rebuild` is True, the index must be
    empty. `progress` is called with the number of articles indexed so far and their total.
    """
    writer = index.writer(heap_size=_HEAP_BYTES, num_threads=1)
    for start in range(0, len(ids), _BATCH):
        batch = ids[start : start + _BATCH]
        if not rebuild:
            for number in batch:
                writer.delete_documents_by_term("id", number)
        for row in document_rows(db, batch):
            writer.add_document(index_document(row))
        if progress:
            progress(min(start + _BATCH, len(ids)), len(ids))
    writer.commit()
    writer.wait_merging_threads()


# Opening and searching an index.

_T = TypeVar("_T")
_CACHE_SIZE = 16


def open_index_in(folder: Path) -> tantivy.Index:
    """Opens the index in a folder, without tantivy's background thread that reloads it after writes by other processes.
    Raises ValueError.
    """
    index = tantivy.Index.open(str(folder))
    index.config_reader("manual", 0)
    return index


@contextmanager
def openable_folder(folder: Path) -> Iterator[Path]:
    """Yields, for the duration of the `with` block, a folder in which an index can be opened. Raises OSError.

    Opening creates a lock file in the folder. For a read-only folder, a temporary folder with links to the index's
    files is yielded instead; the links are no longer needed once the files are open.
    """
    if is_writable(folder):
        yield folder
        return
    with TemporaryDirectory(prefix="archiver-search-") as links:
        for file in folder.iterdir():
            if file.suffix != ".lock":
                (Path(links) / file.name).symlink_to(file.absolute())
        yield Path(links)


class Searcher:
    """Searches a snapshot of an index.

    `folder` is None for an index in memory. `federated_with` are the searchers of the other archives in a federated
    search, whose word frequencies are added to those of this index. Every method may raise IndexDamaged; the index is
    then rebuilt before the next search.
    """

    __slots__ = ("_cache", "_folder", "_inner", "federated_with", "is_intact")

    def __init__(self, index: tantivy.Index, folder: Path | None = None) -> None:
        self._inner, self._folder = index.searcher(), folder
        self.is_intact = True
        self._cache: dict[Hashable, Any] = {}
        self.federated_with: tuple[Searcher, ...] = ()

    @property
    def num_docs(self) -> int:
        return self._inner.num_docs

    @property
    def all(self) -> tuple[Searcher, ...]:
        return self, *self.federated_with

    @property
    def num_segments(self) -> int:
        return self._inner.num_segments

    def search(
        self,
        query: Query,
        *,
        limit: int,
        count: bool = False,
        order_by_field: str | None = None,
        order: Order = Order.Desc,
    ) -> Any:
        return self._checked(
            lambda: self._inner.search(query, limit=limit, count=count, order_by_field=order_by_field, order=order)
        )

    def aggregate(self, query: Query, asked: dict[str, Any]) -> dict[str, Any]:
        return self._checked(lambda: self._inner.aggregate(query, asked))

    def fast_field_values(self, field: str, addresses: list[DocAddress]) -> Sequence[Any]:
        return self._checked(lambda: self._inner.fast_field_values(field, addresses))

    def doc_freq(self, field: str, value: str) -> int:
        return self._checked(lambda: self._inner.doc_freq(field, value))

    def terms_with_prefix(self, field: str, prefix: str) -> list[tuple[str, int]]:
        return self._checked(lambda: self._inner.terms_with_prefix(field, prefix))

    def cached(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """Returns the cached value for a key. If there is no cached value, calls `make` and caches its result. Only the
        most recently used values are kept.
        """
        found: _T = self._cache.pop(key) if key in self._cache else make()
        self._cache[key] = found
        if len(self._cache) > _CACHE_SIZE:
            del self._cache[next(iter(self._cache))]
        return found

    def federate_with(self, others: Sequence[Searcher]) -> None:
        """Makes later searches count word frequencies over the indexes of these searchers as well. Clears the cache."""
        self.federated_with = tuple(other for other in others if other is not self)
        self._cache.clear()

    def forget(self) -> None:
        self._cache.clear()

    def _checked(self, ask: Callable[[], _T]) -> _T:
        try:
            return ask()
        except ValueError as error:  # tantivy raises no other exception: its panics are not subclasses of Exception
            # If the prefix of a phrase matches too many words, the index is not at fault.
            if "expansions" not in str(error):
                self._raise_if_damaged(error)
            raise
        except BaseException as error:
            if type(error).__name__ == "PanicException":
                self._raise_if_damaged(error)
            raise

    def _raise_if_damaged(self, error: BaseException) -> None:
        if self._folder is not None and (name := index_state.damaged_file(self._folder)):
            self.is_intact = False
            index_state.mark_for_rebuild(self._folder)
            raise IndexDamaged(str(self._folder), name) from error


# The index of an open archive, updated before each search.

_LOG = logging.getLogger(__name__)

IN_MEMORY = 50_000
"""If the index cannot be written, an archive with at most this many articles is indexed in memory, which takes several
seconds."""

_OPENED: WeakKeyDictionary[Database, tuple[int, Searcher]] = WeakKeyDictionary()
"""The searcher of each open archive, with the state of the database it was opened for (SQLite's data_version)."""
_HELD: WeakKeyDictionary[Database, Searcher] = WeakKeyDictionary()
_NOT_UPDATED: WeakSet[Database] = WeakSet()


def disable_updates(db: Database) -> None:
    """Makes searches of this open archive leave the index as it is. They use the existing index if it was made from
    this database.
    """
    _NOT_UPDATED.add(db)


def open_searcher(db: Database, progress: Progress | None = None) -> Searcher:
    """Returns the searcher of an open archive, after updating the index if it can be written. If it cannot be written
    and is missing or outdated, a small archive is indexed in memory. `progress` is called with the number of articles
    indexed so far and their total.

    Raises IndexMissing if there is no usable index and the archive is too large to index in memory.
    """
    archive = Path(db.execute("select file from pragma_database_list where name = 'main'").fetchone()[0])
    if db in _HELD:
        return _HELD[db]
    version, found = _OPENED.get(db, (None, None))
    if found is None or version != _version(db) or not found.is_intact:
        found = _on_disk(db, archive, progress) or _in_memory(db, archive)
        _OPENED[db] = (_version(db), found)
    return found


@contextmanager
def hold_searchers(dbs: Sequence[Database]) -> Iterator[list[Searcher]]:
    """Opens the searchers of several archives, and yields them for the duration of the `with` block. All searches
    within the block use these searchers, even if an archive changes meanwhile.

    Raises IndexMissing if an archive has no usable index and is too large to index in memory.
    """
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
        if not index_state.is_migrated(db):
            return None  # the archive is of an earlier release, and reading it must not migrate it
        if db not in _NOT_UPDATED and is_writable(archive) and is_writable(archive.parent):
            writable = open_archive(archive)
            try:
                done = refresh_index(writable, archive, progress=progress)
                if done.damaged:
                    _LOG.warning("The search index in %s was damaged (%s) and has been rebuilt.", folder, done.damaged)
            finally:
                writable.close()
        elif index_state.damaged_file(folder, index_state.recorded_stamps(folder)) or (
            db not in _NOT_UPDATED and index_state.is_behind(db)
        ):
            return None
        with openable_folder(folder) as place:
            found = Searcher(open_index_in(place), folder)
        return found if index_state.is_index_of(db, folder) else None
    except (sqlite3.OperationalError, ArchiveLocked, OSError, ValueError):
        return None  # the folder cannot be written, or the index is incomplete


def _in_memory(db: Database, archive: Path) -> Searcher:
    ids = [row[0] for row in db.execute("select id from articles order by id limit ?", [IN_MEMORY + 1])]
    if len(ids) > IN_MEMORY:
        raise IndexMissing(str(archive), _damaged(index_folder(archive)))
    index = tantivy.Index(index_schema())
    fill_index(index, db, ids, rebuild=True)
    index.reload()
    return Searcher(index)


def _damaged(folder: Path) -> str:
    try:
        return index_state.damaged_file(folder, index_state.recorded_stamps(folder))
    except OSError:
        return ""


# Verification: finds articles that are missing from the index, and surplus or outdated index entries.

_REMEDY = "Run 'archiver verify --repair' or 'archiver index --rebuild' to rebuild it from the archive."


def check_index(db: Database, archive: Path, *, quick: bool = False) -> Iterator[VerifyFinding]:
    """Yields the differences between an archive and its search index as findings. If `quick` is True, only the IDs of
    the articles are compared.

    A missing index and changes that are not indexed yet are not reported, because the next search updates the index. An
    index that the user has no permission to read is not reported either.
    """
    folder = index_folder(archive)
    if not index_state.is_migrated(db) or not index_state.is_index_of(db, folder):
        return
    try:
        damage = index_state.damaged_file(folder, index_state.recorded_stamps(folder) if quick else None)
        with openable_folder(folder) as place:
            indexed = {} if damage else _stamps(Searcher(open_index_in(place), folder))
    except PermissionError:
        return
    except (ValueError, OSError) as error:
        damage = str(error)
    if damage:
        yield VerifyFinding(
            "search-index-damaged",
            folder.name,
            f"The search index is damaged: {damage}",
            _REMEDY,
            "search",
        )
        return
    behind = set(index_state.pending_changes(db).ids)
    ids = [
        row[0]
        for row in db.execute(
            "select id from articles where id not in (select article_id from withdrawn_articles) order by id"
        )
    ]
    yield from _findings(
        sorted(set(indexed) - set(ids) - behind),
        "strange",
        "The search index has article {0}, which is not in the archive",
    )
    yield from _findings(
        (number for number in ids if number not in indexed and number not in behind),
        "lacks",
        "Article {0} is missing from the search index",
    )
    if not quick:
        stamps = (
            (row["id"], row["stamp"])
            for start in range(0, len(ids), _BATCH)
            for row in document_rows(db, ids[start : start + _BATCH])
        )
        yield from _findings(
            (number for number, stamp in stamps if number not in behind and indexed.get(number, stamp) != stamp),
            "differs",
            "The search index has an outdated state of article {0}",
        )


def _findings(numbers: Iterable[int], kind: str, sentence: str) -> Iterator[VerifyFinding]:
    return limit_findings(
        (
            VerifyFinding(f"search-index-{kind}", f"article {number}", sentence.format(number), _REMEDY, "search")
            for number in numbers
        ),
        20,
    )


def _stamps(searcher: Searcher) -> dict[int, int]:
    """Returns the stamp (digest of the indexed data) of each article in an index, by article ID."""
    addresses = [address for _, address in searcher.search(Query.all_query(), limit=max(searcher.num_docs, 1)).hits]
    return dict(
        zip(searcher.fast_field_values("id", addresses), searcher.fast_field_values("stamp", addresses), strict=True)
    )
