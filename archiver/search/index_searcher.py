"""What answers of an index: tantivy's searcher, which names an index that turns out to be damaged."""

from __future__ import annotations

import json
import os
import re
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
from archiver.search.index_document import FORMAT, document_rows
from archiver.search.words import split_into_words
from archiver.storage.connection import is_writable, writing
from archiver.storage.migrations import migrations

# The files of an index on the disk: whether they are as they were written.

_META = "meta.json"
LISTS = (_META, ".managed.json")
"""What tells of the others."""
_PART = re.compile(r"([0-9a-f]{32})\.(?:(\d+)\.)?(\w+)")
_MAGIC = 1337
_LOOKS = 3
_TAIL, _PIECE = 8, 1 << 20

Stamps = dict[str, tuple[int, int]]
"""By the name of a file its size and the time of its last change, in nanoseconds."""


def file_stamps(folder: Path) -> Stamps:
    return {path.name: _stamp(path) for path in _parts(folder)}


def damaged_file(folder: Path, known: Stamps | None = None) -> str:
    """The name of the first file that is not as it was written, "" where none is. Those that have their stamp are not
    read, nor are any where `known` has none of it. Raises OSError."""
    for _ in range(_LOOKS):
        try:
            return _first_damaged(folder, known or {})
        except FileNotFoundError:
            continue  # another process has entered other segments meanwhile, and taken this one away
    return _first_damaged(folder, known or {})


def _first_damaged(folder: Path, known: Stamps) -> str:
    try:
        parts = _parts(folder)
    except ValueError:
        return _META
    return next((path.name for path in parts if known.get(path.name, ()) != _stamp(path) and not _is_whole(path)), "")


def _stamp(path: Path) -> tuple[int, int]:
    seen = path.stat()
    return seen.st_size, seen.st_mtime_ns


def _parts(folder: Path) -> list[Path]:
    """The files of the segments that are entered in the index. What else lies there is being written by another
    process, or was when that was killed: nothing is read from it. Raises ValueError where that cannot be read."""
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


def _is_whole(path: Path) -> bool:
    """Read, not mapped: a mapped file that is cut meanwhile ends the process."""
    ends = path.stat().st_size - _TAIL
    with path.open("rb") as handle:
        handle.seek(max(0, ends))
        tail = handle.read(_TAIL)
        ends -= int.from_bytes(tail[:4], "little")
        if len(tail) < _TAIL or int.from_bytes(tail[4:], "little") != _MAGIC or ends < 0:
            return False
        handle.seek(ends)
        try:
            told = json.loads(handle.read()[:-_TAIL])["crc"]
        except (ValueError, KeyError, TypeError):
            return False
        handle.seek(0)
        found = 0
        while ends > 0 and (piece := handle.read(min(_PIECE, ends))):
            found, ends = zlib.crc32(piece, found), ends - len(piece)
        return bool(ends == 0 and found == told)


# Whether an index and a database belong together, and what the one does not know of the other yet.

_FILE = "archiver.json"


@dataclass(frozen=True, slots=True)
class Changes:
    """Articles that changed since, in their order, up to the note `last`."""

    ids: tuple[int, ...]
    last: int


def is_migrated(db: Database) -> bool:
    """False for an archive of an earlier release: writing its index would open the archive to write, and migrate it."""
    return not migrations.pending(db)


def belongs(db: Database, folder: Path) -> bool:
    """Whether the index in a folder is one of this database and of today's format."""
    said = pending_changes(folder)
    return said.get("format") == FORMAT and said.get("token") in tokens(db).values()


def pending_changes(folder: Path) -> dict[str, Any]:
    """What stands in the file beside an index; {} where there is none, or none that can be read."""
    try:
        said = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def recorded_state(folder: Path) -> Stamps:
    """The files of an index as they were when it was last written."""
    said = pending_changes(folder).get("files")
    return {name: tuple(stamp) for name, stamp in said.items()} if isinstance(said, dict) else {}


def disown(folder: Path) -> None:
    """The index in a folder is no longer anybody's, so that it is made anew; where it cannot be written it stays."""
    with suppress(OSError):
        (folder / _FILE).unlink()


def tokens(db: Database) -> dict[str, str]:
    return dict(db.execute("select key, value from search_index_state where key in ('token', 'under_way')").fetchall())


def is_behind(db: Database) -> bool:
    return bool(db.execute("select exists (select 1 from search_index_pending)").fetchone()[0])


def changes(db: Database) -> Changes:
    rows = db.execute("select id, seq from search_index_pending order by seq").fetchall()
    return Changes(tuple(row[0] for row in rows), rows[-1][1] if rows else 0)


def begin(db: Database) -> str:
    """A new token; from now on an index that has it is one of this database."""
    token = secrets.token_hex(16)
    with writing(db):
        db.execute("insert or replace into search_index_state (key, value) values ('under_way', ?)", [token])
    return token


def written(folder: Path, token: str, common: Collection[str], articles: int) -> None:
    """The index in a folder is as the database was at this token: said there first, on the disk. It has the pairs of
    these `common` words, which were found when so many `articles` were there."""
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
    for name in LISTS:  # the index keeps these to its owner, whoever may read the others
        with suppress(FileNotFoundError):
            (folder / name).chmod(new.stat().st_mode & 0o666)
    new.replace(folder / _FILE)


def finish(db: Database, token: str, last: int) -> None:
    """The changes up to `last` are in the index."""
    with writing(db):
        db.execute("delete from search_index_pending where seq <= ?", [last])
        db.execute("insert or replace into search_index_state (key, value) values ('token', ?)", [token])
        db.execute("delete from search_index_state where key = 'under_way'")


# The common words of an archive: of a phrase of them each place of each in almost all articles would be looked at.

SAMPLE = 2_000
MOST = 500
SHARE = 0.05
"""A word is common that stands in so many of the articles."""
FEWEST = 1_000
"""In fewer articles all phrases are fast."""
_GROWN, _QUICKLY = 10, 50_000


def common_words(db: Database, ids: Sequence[int]) -> frozenset[str]:
    """The most common words of texts, by a sample of the articles of these numbers."""
    if len(ids) < FEWEST:
        return frozenset()
    sample = ids[:: max(1, len(ids) // SAMPLE)][:SAMPLE]
    counts: Counter[str] = Counter()
    for row in document_rows(db, sample):
        counts.update(set(split_into_words(row["body"] or "")))
    return frozenset(word for word, count in counts.most_common(MOST) if count >= SHARE * len(sample))


def has_outgrown(articles: int, found_in: int, changed: int) -> bool:
    """Whether the common words of an index are to be found anew, of so many articles: there are ten times as many as
    they were found in, and to make the index anew takes some seconds, or hardly longer than what is to be done anyway.
    """
    return articles >= max(FEWEST, _GROWN * found_in) and (articles <= _QUICKLY or 2 * changed >= articles)


_T = TypeVar("_T")
_REMEMBERED = 16


def index_in(folder: Path) -> tantivy.Index:
    """Without the thread that would read the index anew in the background whenever another process has written it.
    Raises ValueError."""
    index = tantivy.Index.open(str(folder))
    index.config_reader("manual", 0)
    return index


@contextmanager
def place_of(folder: Path) -> Iterator[Path]:
    """Where the index in a folder can be opened: that is done under a lock, which is a file beside it. Where none can
    be written it is a folder of links to its files, which are needed no more when they are open. Raises OSError."""
    if is_writable(folder):
        yield folder
        return
    with TemporaryDirectory(prefix="archiver-search-") as links:
        for file in folder.iterdir():
            if file.suffix != ".lock":
                (Path(links) / file.name).symlink_to(file.absolute())
        yield Path(links)


class Searcher:
    """An index as it was at one moment; `folder` is None of one in memory, `common` are the words of which it has the
    pairs, `beside` are the indexes of other archives that are asked together with it: how rare a word is, is then
    counted over all. Every method raises IndexDamaged, and the index is then made anew before it is asked again."""

    __slots__ = ("_folder", "_inner", "_remembered", "beside", "common", "is_whole")

    def __init__(self, index: tantivy.Index, folder: Path | None = None, common: frozenset[str] = frozenset()) -> None:
        self._inner, self._folder = index.searcher(), folder
        self.is_whole, self.common = True, common
        self._remembered: dict[Hashable, Any] = {}
        self.beside: tuple[Searcher, ...] = ()

    @property
    def num_docs(self) -> int:
        return self._inner.num_docs

    @property
    def all(self) -> tuple[Searcher, ...]:
        return self, *self.beside

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
        return self._asked(
            lambda: self._inner.search(query, limit=limit, count=count, order_by_field=order_by_field, order=order)
        )

    def aggregate(self, query: Query, asked: dict[str, Any]) -> dict[str, Any]:
        return self._asked(lambda: self._inner.aggregate(query, asked))

    def fast_field_values(self, field: str, addresses: list[DocAddress]) -> Sequence[Any]:
        return self._asked(lambda: self._inner.fast_field_values(field, addresses))

    def doc_freq(self, field: str, value: str) -> int:
        return self._asked(lambda: self._inner.doc_freq(field, value))

    def terms_with_prefix(self, field: str, prefix: str) -> list[tuple[str, int]]:
        return self._asked(lambda: self._inner.terms_with_prefix(field, prefix))

    def remembered(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """What was made for this key, if it was one of the last that were asked for; else it is made now."""
        found: _T = self._remembered.pop(key) if key in self._remembered else make()
        self._remembered[key] = found
        if len(self._remembered) > _REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        return found

    def ask_beside(self, others: Sequence[Searcher]) -> None:
        """From now on it is asked together with these."""
        self.beside = tuple(other for other in others if other is not self)
        self._remembered.clear()

    def forget(self) -> None:
        self._remembered.clear()

    def _asked(self, ask: Callable[[], _T]) -> _T:
        try:
            return ask()
        except ValueError as error:  # tantivy's only kind; a panic of its is no Exception at all
            if "expansions" not in str(error):  # of a phrase in which too many words begin so: the query's fault
                self._tell_damage(error)
            raise
        except BaseException as error:
            if type(error).__name__ == "PanicException":
                self._tell_damage(error)
            raise

    def _tell_damage(self, error: BaseException) -> None:
        if self._folder is not None and (name := damaged_file(self._folder)):
            self.is_whole = False
            disown(self._folder)
            raise IndexDamaged(str(self._folder), name) from error
