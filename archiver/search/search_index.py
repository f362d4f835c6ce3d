"""The search index of an archive: updates, searches (`Searcher` wraps tantivy's), checks against the archive and for
damaged files.

If an update is killed at any moment, the next update repeats it.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import secrets
import sqlite3
import zlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from ctypes import CDLL
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, WeakSet

import tantivy
from tantivy import DocAddress, Order, Query

from archiver.maintenance.verify_database import VerifyFinding, limit_findings
from archiver.model.errors import ArchiveLocked, ArchiveNotWritable, ArchiverError, IndexDamaged, IndexMissing
from archiver.model.lazy_regex import lazy_regex
from archiver.search.index_documents import FORMAT, document_rows, index_document, index_schema
from archiver.storage import Database
from archiver.storage.database import is_writable, open_archive
from archiver.storage.full_text import delete_index_files, index_folder, index_locked
from archiver.storage.schema import pending_migrations
from archiver.storage.transactions import writing

# Integrity of the index files.

_META = "meta.json"
LISTS = (_META, ".managed.json")
"""The files that list the other files of the index."""
_PART = lazy_regex(r"([0-9a-f]{32})\.(?:(\d+)\.)?(\w+)")
_MAGIC = 1337
_LOOKS = 3
_TAIL, _PIECE = 8, 1 << 20

Stamps = dict[str, tuple[int, int]]
"""Maps a file name to its size in bytes and its modification time in nanoseconds."""


def file_stamps(folder: Path) -> Stamps:
    return {path.name: _stamp(path) for path in _segment_files(folder)}


def damaged_file(folder: Path, known: Stamps | None = None) -> str:
    """Returns the name of the first damaged index file, or "" if all files are intact. Files whose size and
    modification time equal those in `known` are not checked; None means that all are checked. Raises OSError.
    """
    for _ in range(_LOOKS):
        try:
            return _first_damaged(folder, known or {})
        except FileNotFoundError:
            continue  # another process has merged segments and deleted this file
    return _first_damaged(folder, known or {})


def _first_damaged(folder: Path, known: Stamps) -> str:
    try:
        parts = _segment_files(folder)
    except ValueError:
        return _META
    return next(
        (path.name for path in parts if known.get(path.name, ()) != _stamp(path) and not _has_valid_checksum(path)), ""
    )


def _stamp(path: Path) -> tuple[int, int]:
    seen = path.stat()
    return seen.st_size, seen.st_mtime_ns


def _segment_files(folder: Path) -> list[Path]:
    """Returns the files of the index's segments. Other files in the folder, which belong to a running or killed writer,
    are ignored. Raises ValueError if the list of segments cannot be parsed.
    """
    meta = folder / _META
    if not meta.exists():
        return []
    try:
        entered = {
            one["segment_id"].replace("-", ""): (one["deletes"] or {}).get("opstamp")
            for one in json.loads(meta.read_bytes())["segments"]
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{_META}: {error!r}") from error
    return sorted(
        path
        for path in folder.iterdir()
        if (found := _PART.fullmatch(path.name))
        and found[1] in entered
        and (found[2] is None or int(found[2]) == entered[found[1]])
    )


def _has_valid_checksum(path: Path) -> bool:
    """Returns True if an index file's content has the checksum that its footer states. The file is read, not
    memory-mapped, because truncating a mapped file would crash the process.
    """
    ends = path.stat().st_size - _TAIL
    with path.open("rb") as handle:
        handle.seek(max(0, ends))
        tail = handle.read(_TAIL)
        ends -= int.from_bytes(tail[:4], "little")
        if len(tail) < _TAIL or int.from_bytes(tail[4:], "little") != _MAGIC or ends < 0:
            return False
        handle.seek(ends)
        try:
            expected = json.loads(handle.read()[:-_TAIL])["crc"]
        except (ValueError, KeyError, TypeError):
            return False
        handle.seek(0)
        found = 0
        while ends > 0 and (piece := handle.read(min(_PIECE, ends))):
            found, ends = zlib.crc32(piece, found), ends - len(piece)
        return bool(ends == 0 and found == expected)


# The state of an index: the database to which it belongs, and the changes that it lacks.

_FILE = "archiver.json"


@dataclass(frozen=True, slots=True)
class Changes:
    """The articles that changed since the last index update. `ids` are in order of change; `last` is the sequence
    number of the latest change.
    """

    ids: tuple[int, ...]
    last: int


def is_migrated(db: Database) -> bool:
    """Returns False if the database was written by an earlier release and has pending migrations, otherwise True. The
    index of a database with pending migrations must not be updated, because opening the database for writing would
    migrate it.
    """
    return not pending_migrations(db)


def is_index_of(db: Database, folder: Path) -> bool:
    """Returns True if the index in a folder was made from this database and has the current format."""
    state = index_state(folder)
    return state.get("format") == FORMAT and state.get("token") in update_tokens(db).values()


def index_state(folder: Path) -> dict[str, Any]:
    """Returns the content of an index's state file; {} if it is missing or invalid."""
    try:
        state = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def recorded_stamps(folder: Path) -> Stamps:
    """Returns, from the state file of an index, the size and modification time that each index file had when the index
    was last written.
    """
    files = index_state(folder).get("files")
    return {name: tuple(stamp) for name, stamp in files.items()} if isinstance(files, dict) else {}


def mark_for_rebuild(folder: Path) -> None:
    """Deletes the state file of an index, so that the next search rebuilds the index. Does nothing if the folder is
    read-only.
    """
    with suppress(OSError):
        (folder / _FILE).unlink()


def update_tokens(db: Database) -> dict[str, str]:
    """Returns the tokens of index updates that the database stores, by key: `token` (the last finished update) and
    `under_way` (an unfinished one).
    """
    return dict(db.execute("select key, value from search_index_state where key in ('token', 'under_way')").fetchall())


def is_behind(db: Database) -> bool:
    return bool(db.execute("select exists (select 1 from search_index_pending)").fetchone()[0])


def pending_changes(db: Database) -> Changes:
    rows = db.execute("select id, seq from search_index_pending order by seq").fetchall()
    return Changes(tuple(row[0] for row in rows), rows[-1][1] if rows else 0)


def begin_update(db: Database) -> str:
    """Starts an index update: creates a token, stores it in the database and returns it. The same token in the index's
    state file later proves that the index was made from this database.
    """
    token = secrets.token_hex(16)
    with writing(db):
        db.execute("insert or replace into search_index_state (key, value) values ('under_way', ?)", [token])
    return token


def write_state(folder: Path, token: str) -> None:
    """Writes the state file of an index and syncs it to disk, before the database records the update as finished.
    `token` is the token from `begin_update`.
    """
    new = folder / f"{_FILE}.new"
    with new.open("w", encoding="utf-8") as out:
        json.dump({"format": FORMAT, "token": token, "files": file_stamps(folder)}, out, ensure_ascii=False)
        out.flush()
        os.fsync(out.fileno())
    for name in LISTS:  # tantivy makes these files readable for their owner only
        with suppress(FileNotFoundError):
            (folder / name).chmod(new.stat().st_mode & 0o666)
    new.replace(folder / _FILE)


def finish_update(db: Database, token: str, last: int) -> None:
    """Records in the database that the index update with this token (from `begin_update`) is finished and contains all
    changes up to the sequence number `last`.
    """
    with writing(db):
        db.execute("delete from search_index_pending where seq <= ?", [last])
        db.execute("insert or replace into search_index_state (key, value) values ('token', ?)", [token])
        db.execute("delete from search_index_state where key = 'under_way'")


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
        damage = "" if rebuild or not is_index_of(db, folder) else _find_damage(folder)
        rebuild = rebuild or bool(damage) or not is_index_of(db, folder)
        if not rebuild and not is_behind(db):
            return Refreshed(0, rebuilt=False)
        changed = pending_changes(db)
        if rebuild or len(changed.ids) >= _LARGE_UPDATE:
            _return_unused_memory()
        token = begin_update(db)
        done = None if rebuild else _write_documents(folder, db, changed.ids, rebuild=False, progress=progress)
        if done is None:
            damage = damage if rebuild else damaged_file(folder) or "it cannot be written to"
            delete_index_files(folder)
            ids = [row[0] for row in db.execute("select id from articles order by id")]
            done = _write_documents(folder, db, ids, rebuild=True, progress=progress)
            rebuild = True
        write_state(folder, token)
        finish_update(db, token, changed.last)
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
    known = recorded_stamps(folder)
    try:
        if name := damaged_file(folder, known):
            return name
        open_index_in(folder).searcher()
    except (ValueError, OSError) as error:
        return str(error)
    if file_stamps(folder) != known:
        # The index was copied, or its last update was killed at the end. Once the new stamps are stored, its files are
        # not read again.
        write_state(folder, index_state(folder)["token"])
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

    `folder` is None for an index in memory. Every method may raise IndexDamaged; the index is then rebuilt before the
    next search.
    """

    __slots__ = ("_cache", "_folder", "_inner", "is_intact")

    def __init__(self, index: tantivy.Index, folder: Path | None = None) -> None:
        self._inner, self._folder = index.searcher(), folder
        self.is_intact = True
        self._cache: dict[Hashable, Any] = {}

    @property
    def num_docs(self) -> int:
        return self._inner.num_docs

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

    def forget(self) -> None:
        """Drops what earlier queries have left in memory."""
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
        if self._folder is not None and (name := damaged_file(self._folder)):
            self.is_intact = False
            mark_for_rebuild(self._folder)
            raise IndexDamaged(str(self._folder), name) from error


# The index of an open archive, updated before each search.

_LOG = logging.getLogger(__name__)

IN_MEMORY = 50_000
"""If the index cannot be written, an archive with at most this many articles is indexed in memory, which takes several
seconds."""

_OPENED: WeakKeyDictionary[Database, tuple[int, Searcher]] = WeakKeyDictionary()
"""The searcher of each open archive, with the state of the database it was opened for (SQLite's data_version)."""
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
    version, found = _OPENED.get(db, (None, None))
    if found is None or version != _version(db) or not found.is_intact:
        found = _on_disk(db, archive, progress) or _in_memory(db, archive)
        _OPENED[db] = (_version(db), found)
    return found


def _version(db: Database) -> int:
    return int(db.execute("pragma data_version").fetchone()[0])


def _on_disk(db: Database, archive: Path, progress: Progress | None) -> Searcher | None:
    folder = index_folder(archive)
    try:
        if not is_migrated(db):
            return None  # the archive is of an earlier release, and reading it must not migrate it
        if db not in _NOT_UPDATED and is_writable(archive) and is_writable(archive.parent):
            writable = open_archive(archive)
            try:
                done = refresh_index(writable, archive, progress=progress)
                if done.damaged:
                    _LOG.warning("The search index in %s was damaged (%s) and has been rebuilt.", folder, done.damaged)
            finally:
                writable.close()
        elif damaged_file(folder, recorded_stamps(folder)) or (db not in _NOT_UPDATED and is_behind(db)):
            return None
        with openable_folder(folder) as place:
            found = Searcher(open_index_in(place), folder)
        return found if is_index_of(db, folder) else None
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
        return damaged_file(folder, recorded_stamps(folder))
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
    if not is_migrated(db) or not is_index_of(db, folder):
        return
    try:
        damage = damaged_file(folder, recorded_stamps(folder) if quick else None)
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
    behind = set(pending_changes(db).ids)
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
