"""Opens a search index on disk, detects damaged index files (`Searcher` wraps tantivy's), and records from which
database the index was made and which changed articles it does not contain yet.
"""

from __future__ import annotations

import json
import os
import secrets
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import tantivy
from sqlite_utils import Database
from tantivy import DocAddress, Order, Query

from archiver.errors import IndexDamaged
from archiver.lazy_regex import lazy_regex
from archiver.search.index_schema_and_documents import FORMAT, document_rows
from archiver.search.word_splitting import split_into_words
from archiver.storage.archive_opening_and_transactions import is_writable, writing
from archiver.storage.schema_and_migrations import migrations

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
    return not migrations.pending(db)


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
    """Returns the tokens of the last finished index update and of an unfinished update, as stored in the database."""
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


def write_state(folder: Path, token: str, common: Collection[str], articles: int) -> None:
    """Writes the state file of an index and syncs it to disk, before the database records the update as finished.

    `token` is the token from `begin_update`. `common` are the common words whose pairs are indexed. `articles` is the
    number of articles from which these words were determined.
    """
    new = folder / f"{_FILE}.new"
    with new.open("w", encoding="utf-8") as out:
        json.dump(
            {
                "format": FORMAT,
                "token": token,
                "articles": articles,
                "common": sorted(common),
                "files": file_stamps(folder),
            },
            out,
            ensure_ascii=False,
        )
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


# Common words. For a phrase of common words, positions would be compared in almost every article. So pairs of common
# words are indexed.

SAMPLE = 2_000
MOST = 500
SHARE = 0.05
"""A word is common if it occurs in at least this share of the articles."""
MIN_ARTICLES = 1_000
"""Pairs of common words are indexed only if an archive has at least this many articles. With fewer articles, all
phrases are fast enough without pairs."""
_GROWN, _QUICKLY = 10, 50_000


def common_words(db: Database, ids: Sequence[int]) -> frozenset[str]:
    """Returns the words that occur in the most articles, determined from a sample of the articles with these IDs.
    Returns an empty set if there are few articles.
    """
    if len(ids) < MIN_ARTICLES:
        return frozenset()
    sample = ids[:: max(1, len(ids) // SAMPLE)][:SAMPLE]
    counts: Counter[str] = Counter()
    for row in document_rows(db, sample):
        counts.update(set(split_into_words(row["body"] or "")))
    return frozenset(word for word, count in counts.most_common(MOST) if count >= SHARE * len(sample))


def needs_new_common_words(articles: int, found_in: int, changed: int) -> bool:
    """Returns True if an index should be rebuilt to determine its common words again. There are two conditions. The
    archive must have grown tenfold since they were determined. And the rebuild must take only seconds, or hardly longer
    than the pending update.

    `articles` is the number of articles now, `found_in` their number when the common words were determined, and
    `changed` the number of articles to update.
    """
    return articles >= max(MIN_ARTICLES, _GROWN * found_in) and (articles <= _QUICKLY or 2 * changed >= articles)


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

    `folder` is None for an index in memory. `common` are the common words whose pairs are indexed. `federated_with` are
    the searchers of the other archives in a federated search, whose word frequencies are added to those of this index.
    Every method may raise IndexDamaged; the index is then rebuilt before the next search.
    """

    __slots__ = ("_cache", "_folder", "_inner", "common", "federated_with", "is_intact")

    def __init__(self, index: tantivy.Index, folder: Path | None = None, common: frozenset[str] = frozenset()) -> None:
        self._inner, self._folder = index.searcher(), folder
        self.is_intact, self.common = True, common
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
        if self._folder is not None and (name := damaged_file(self._folder)):
            self.is_intact = False
            mark_for_rebuild(self._folder)
            raise IndexDamaged(str(self._folder), name) from error
