"""Which passages of withheld texts something else of a dataset has too: a headline that another article quotes.

Passages are compared by hashes: sums of powers of an odd number, modulo 2 to the 64th, so that those of a whole text
follow from its running sum. All are counted in columns, a hundred kilobytes of text at a time. Two passages that have
the same hash by chance would leave one headline out that might have been given; none is given that may not be.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from hashlib import sha256
from typing import Any

from archiver.publish.formats.columns import arrow
from archiver.publish.snapshot.spans import RUN, plain

_BASE = 6364136223846793005
_INVERSE = pow(_BASE, -1, 1 << 64)
_MASK = (1 << 64) - 1
_VALUES = tuple(int.from_bytes(sha256(bytes([byte])).digest()[:8], "big") for byte in range(256))
_SPACE = 32
_BATCH = 1 << 17
"""Bytes of text that are hashed at a time."""
_SOUGHT = 4_000_000
"""Passages that are looked for in one reading of the texts, at 8 bytes and some more in what finds them."""
_MOST_BITS = 27
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
        return any(map(self._has, hashes(text)))

    def _has(self, passage: int) -> bool:
        at = bisect_left(self._found, passage)
        return at < len(self._found) and self._found[at] == passage


def shown(told: Iterable[str], withheld: Callable[[], Iterator[str]]) -> Shown:
    """The passages of `told` that stand in withheld texts; these are read as often as it takes to look for so many
    passages in bounded memory: once, where less than four millions are told."""
    pa, _ = arrow()
    found = [part for sought in _sought(told) for part in _standing(sought, withheld())]
    return Shown(pa.chunked_array(found, pa.uint64()).unique().sort().to_pylist() if found else ())


def hashes(text: str) -> list[int]:
    """The hashes of a short text's passages."""
    total, power, inverse = 0, 1, 1
    sums: list[tuple[int, int]] = []
    for byte in b" %b " % plain(text):
        total += _VALUES[byte] * power
        if byte == _SPACE:
            sums.append((total, inverse))
        power, inverse = power * _BASE & _MASK, inverse * _INVERSE & _MASK
    return [(sums[at + RUN][0] - sums[at][0]) * sums[at][1] & _MASK for at in range(len(sums) - RUN)]


def hashed(texts: Iterable[str]) -> Iterator[Any]:
    """The same of many texts of any length, as arrays of whole batches."""
    batch: list[bytes] = []
    size = 0
    for text in texts:
        for piece in _pieces(plain(text)):
            if size + len(piece) + 4 > _BATCH:
                yield _together(batch)
                batch, size = [], 0
            batch.append(piece)
            size += len(piece) + 3
    if batch:
        yield _together(batch)


def _pieces(data: bytes) -> Iterator[bytes]:
    """A text in pieces of half a batch at most; the next begins with the last seven words of that before."""
    most = _BATCH // 2
    while len(data) > most:
        end = max(data.rfind(b" ", 0, most), 0) or most
        yield data[:end]
        start = end
        for _ in range(RUN - 1):
            start = max(data.rfind(b" ", 0, start), 0)
        data = data[start or end:].strip()
    if data:
        yield data


def _together(batch: list[bytes]) -> Any:
    """The hashes of some texts; those of passages that would go from one to the next are left out."""
    pa, _ = arrow()
    import pyarrow.compute as pc

    data = b" %b " % b" \0 ".join(batch)
    powers, inverses = _powers()
    signs = pa.Array.from_buffers(pa.uint8(), len(data), [None, pa.py_buffer(data)])
    sums = pc.cumulative_sum(pc.multiply(pa.array(_VALUES, pa.uint64()).take(signs), powers.slice(0, len(data))))
    spaces = pc.indices_nonzero(pc.equal(signs, pa.scalar(_SPACE, pa.uint8())))
    count = max(len(spaces) - RUN, 0)
    first, last = spaces.slice(0, count), spaces.slice(min(RUN, len(spaces)))
    out = pc.multiply(pc.subtract(sums.take(last), sums.take(first)), inverses.take(first))
    if len(batch) == 1:
        return out
    borders = pc.cumulative_sum(pc.cast(pc.equal(signs, pa.scalar(0, pa.uint8())), pa.uint32()))
    return out.filter(pc.equal(borders.take(first), borders.take(last)))


@cache
def _powers() -> tuple[Any, Any]:
    """The powers of the base and of its inverse, for every place in a batch."""
    pa, _ = arrow()
    import pyarrow.compute as pc

    out = []
    for base in (_BASE, _INVERSE):
        found = pa.array([1], pa.uint64())
        while len(found) < _BATCH:
            further = pa.scalar(pow(base, len(found), 1 << 64), pa.uint64())
            found = pa.concat_arrays([found, pc.multiply(found, further)])
        out.append(found)
    return out[0], out[1]


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
    pa, _ = arrow()
    import pyarrow.compute as pc

    order = min(_MOST_BITS, max(10, len(sought).bit_length() + 6))
    place = pa.scalar(64 - order, pa.uint64())
    bits = bytearray(1 << order - 3)
    for at in range(0, len(sought), _BATCH):
        for bit in pc.shift_right(sought.slice(at, _BATCH), place).to_pylist():
            bits[bit >> 3] |= 1 << (bit & 7)
    bitmap = pa.Array.from_buffers(pa.bool_(), 1 << order, [None, pa.py_buffer(bits)])
    held: list[Any] = []
    size = 0
    for part in hashed(texts):
        held.append(part.filter(bitmap.take(pc.shift_right(part, place))))
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
