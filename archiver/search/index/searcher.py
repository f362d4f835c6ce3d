"""What answers of an index: tantivy's searcher, which names an index that turns out to be damaged."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import tantivy
from tantivy import DocAddress, Order, Query

from archiver.errors import IndexDamaged
from archiver.search.index import files, state
from archiver.store.connect import is_writable

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

    def __init__(self, index: tantivy.Index, folder: Path | None = None,
                 common: frozenset[str] = frozenset()) -> None:
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

    def search(self, query: Query, *, limit: int, count: bool = False, order_by_field: str | None = None,
               order: Order = Order.Desc) -> Any:
        return self._asked(lambda: self._inner.search(query, limit=limit, count=count, order_by_field=order_by_field,
                                                      order=order))

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
        if self._folder is not None and (name := files.damaged(self._folder)):
            self.is_whole = False
            state.disown(self._folder)
            raise IndexDamaged(str(self._folder), name) from error
