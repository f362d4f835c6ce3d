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

_SOUGHT = 2_000_000
"""Passages that are looked for in one reading of the texts, at 8 bytes and some more in what finds them."""
_HELD = 1_000_000
_SHARE_BITS = 4
"""By so many of their first bits hashes are looked up: Arrow's table of two millions at a time takes 100 MB."""


class Shown:
    """Passages that may not be told, by their hashes in ascending order."""

    def __init__(self, found: Any = None) -> None:
        """`found` is an Arrow array of them, in that order."""
        self._found = array("Q")
        if found is not None and len(found):
            start = found.offset * self._found.itemsize
            self._found.frombytes(found.buffers()[1][start:start + len(found) * self._found.itemsize])

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
    passages in bounded memory: once, where less than two millions are told."""
    pa, _ = arrow()
    found = [distinct(list(_standing(sought, withheld()))) for sought in _sought(told)]
    try:
        return Shown(distinct(found))
    finally:
        found.clear()
        pa.default_memory_pool().release_unused()


def distinct(parts: list[Any]) -> Any:
    """The hashes of some arrays in ascending order, each once: sorted, which takes less memory than `unique`."""
    pa, _ = arrow()
    import pyarrow.compute as pc

    every = pa.concat_arrays(parts) if parts else pa.array([], pa.uint64())
    parts.clear()
    every = every.sort()
    if len(every) < 2:
        return every
    return every.filter(pa.concat_arrays([pa.array([True]), pc.not_equal(every[1:], every[:-1])]))


def hashed(texts: Iterable[str]) -> Iterator[Any]:
    """The hashes of all passages of texts of any length, as arrays of whole batches."""
    batch: list[bytes] = []
    size = 0
    for text in texts:
        for piece in _pieces(plain(text)):
            if batch and size + len(piece) + 4 > BATCH:
                yield Texts(batch).runs(RUN).hashes
                batch, size = [], 0
            batch.append(piece)
            size += len(piece) + 3
    if batch:
        yield Texts(batch).runs(RUN).hashes


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
    parts: list[Any] = []
    size = 0
    for part in hashed(told):
        parts.append(part)
        size += len(part)
        if size > _SOUGHT:
            parts = [distinct(parts)]
            size = len(parts[0])
            if size > _SOUGHT // 2:
                yield parts[0]
                parts, size = [], 0
    if size:
        yield distinct(parts)


def _standing(sought: Any, texts: Iterable[str]) -> Iterator[Any]:
    """Those of the passages that stand in the texts: a bitmap tells which may be, and these are looked up together."""
    bitmap = Bitmap(sought)
    shares = _by_share(sought)
    held: list[Any] = []
    size = 0
    for part in hashed(texts):
        held.append(part.filter(bitmap.may_have(part)))
        size += len(held[-1])
        if size > _HELD:
            yield from _common(held, shares)
            held, size = [], 0
    if size:
        yield from _common(held, shares)


def _common(parts: list[Any], sought: list[Any]) -> Iterator[Any]:
    import pyarrow.compute as pc

    for own, others in zip(_by_share(distinct(parts)), sought, strict=True):
        if len(own) and len(others):
            yield own.filter(pc.is_in(own, value_set=others))


def _by_share(hashes: Any) -> list[Any]:
    """Hashes in ascending order, by their first bits."""
    pa, _ = arrow()
    import pyarrow.compute as pc

    shares = pc.shift_right(hashes, pa.scalar(64 - _SHARE_BITS, pa.uint64()))
    counts = {one["values"]: one["counts"] for one in pc.value_counts(shares).to_pylist()}
    out, start = [], 0
    for share in range(1 << _SHARE_BITS):
        out.append(hashes[start:start + counts.get(share, 0)])
        start += counts.get(share, 0)
    return out
