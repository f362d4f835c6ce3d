"""Which passages of withheld texts something else of a dataset has too: a headline that another article quotes.

Passages are compared by their hashes. Two that have the same by chance would leave one headline out that might have
been given; none is given that may not be.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from archiver.publish.formats.columns import arrow
from archiver.publish.snapshot.hashing import BATCH, Bitmap, Texts, of_text
from archiver.publish.snapshot.spans import RUN, plain

_SOUGHT = 4_000_000
"""Passages that are looked for in one reading of the texts, at 8 bytes and some more in what finds them."""
_HELD = 500_000


class Shown:
    """Passages that may not be told, by their hashes in ascending order."""

    def __init__(self, found: Iterable[int] = ()) -> None:
        self._found = array("Q", found)

    def __bool__(self) -> bool:
        return bool(self._found)

    def repeats(self, text: object) -> bool:
        """Whether it is a text that has one of them."""
        if not self._found or not isinstance(text, str) or (len(text) < 2 * RUN - 1 and text.isascii()):
            return False
        return any(map(self._has, of_text(text, RUN)))

    def _has(self, passage: int) -> bool:
        at = bisect_left(self._found, passage)
        return at < len(self._found) and self._found[at] == passage


def shown(told: Iterable[str], withheld: Callable[[], Iterator[str]]) -> Shown:
    """The passages of `told` that stand in withheld texts; these are read as often as it takes to look for so many
    passages in bounded memory: once, where less than four millions are told."""
    pa, _ = arrow()
    found = [part for sought in _sought(told) for part in _standing(sought, withheld())]
    return Shown(pa.chunked_array(found, pa.uint64()).unique().sort().to_pylist() if found else ())


def hashed(texts: Iterable[str]) -> Iterator[Any]:
    """The hashes of all passages of texts of any length, as arrays of whole batches."""
    batch: list[bytes] = []
    size = 0
    for text in texts:
        for piece in _pieces(plain(text)):
            if batch and size + len(piece) + 4 > BATCH:
                yield Texts(batch).runs(RUN)[0]
                batch, size = [], 0
            batch.append(piece)
            size += len(piece) + 3
    if batch:
        yield Texts(batch).runs(RUN)[0]


def _pieces(data: bytes) -> Iterator[bytes]:
    """A text in pieces of half a batch at most; the next begins with the last seven words of that before."""
    most = BATCH // 2
    while len(data) > most:
        end = max(data.rfind(b" ", 0, most), 0) or most
        yield data[:end]
        start = end
        for _ in range(RUN - 1):
            start = max(data.rfind(b" ", 0, start), 0)
        data = data[start or end:].strip()
    if data:
        yield data


def _sought(told: Iterable[str]) -> Iterator[Any]:
    """The passages that are told, each once, so many at a time as are looked for together."""
    pa, _ = arrow()
    parts: list[Any] = []
    size = 0
    for part in hashed(told):
        parts.append(part)
        size += len(part)
        if size > _SOUGHT:
            parts = [pa.chunked_array(parts).unique()]
            size = len(parts[0])
            if size > _SOUGHT // 2:
                yield parts[0]
                parts, size = [], 0
    if size:
        yield pa.chunked_array(parts).unique()


def _standing(sought: Any, texts: Iterable[str]) -> Iterator[Any]:
    """Those of the passages that stand in the texts: a bitmap tells which may be, and these are looked up together."""
    bitmap = Bitmap(sought)
    held: list[Any] = []
    size = 0
    for part in hashed(texts):
        held.append(part.filter(bitmap.may_have(part)))
        size += len(held[-1])
        if size > _HELD:
            yield _common(held, sought)
            held, size = [], 0
    if size:
        yield _common(held, sought)


def _common(parts: list[Any], sought: Any) -> Any:
    pa, _ = arrow()
    import pyarrow.compute as pc

    found = pa.chunked_array(parts).unique()
    return found.filter(pc.is_in(found, value_set=sought))
