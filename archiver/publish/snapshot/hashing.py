"""Hashes of words in a row, of many texts at a time.

A hash is a sum of powers of an odd number, modulo 2 to the 64th, so that those of all runs of a text follow from its
running sum, which Arrow makes in columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

from archiver.publish.formats.columns import arrow
from archiver.publish.snapshot.spans import plain

BATCH = 1 << 17
"""Bytes of text that are best hashed at a time."""
_BASE = 6364136223846793005
_INVERSE = pow(_BASE, -1, 1 << 64)
_MASK = (1 << 64) - 1
_VALUES = tuple(int.from_bytes(sha256(bytes([byte])).digest()[:8], "big") for byte in range(256))
_SPACE = 32


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of words, as columns (arrays of Arrow): the hash of each, the number of its text, and the places in `data`
    of the spaces before and after it."""

    hashes: Any
    texts: Any
    starts: Any
    ends: Any


class Texts:
    """Some texts, as `spans.plain` makes them, none of them empty. `data` has them with a NUL for a word between."""

    def __init__(self, texts: Sequence[bytes]) -> None:
        pa, _ = arrow()
        import pyarrow.compute as pc

        self.data = b" %b " % b" \0 ".join(texts)
        powers, self._inverses = _powers(max(BATCH, 1 << len(self.data).bit_length()))
        signs = pa.Array.from_buffers(pa.uint8(), len(self.data), [None, pa.py_buffer(self.data)])
        self._spaces = pc.indices_nonzero(pc.equal(signs, pa.scalar(_SPACE, pa.uint8())))
        values = pa.array(_VALUES, pa.uint64()).take(signs)
        self._sums = pc.cumulative_sum(pc.multiply(values, powers.slice(0, len(self.data)))).take(self._spaces)
        borders = pc.cumulative_sum(pc.cast(pc.equal(signs, pa.scalar(0, pa.uint8())), pa.uint32()))
        self._numbers = borders.take(self._spaces)

    def runs(self, words: int) -> Runs:
        """Every so many words in a row of one text."""
        import pyarrow.compute as pc

        count = max(len(self._spaces) - words, 0)
        first, last = (slice(0, count), slice(len(self._spaces) - count, None))
        starts, ends, number = self._spaces[first], self._spaces[last], self._numbers[first]
        hashes = pc.multiply(pc.subtract(self._sums[last], self._sums[first]), self._inverses.take(starts))
        within = pc.equal(number, self._numbers[last])
        return Runs(hashes.filter(within), number.filter(within), starts.filter(within), ends.filter(within))


def of_text(text: str, words: int) -> list[int]:
    """The hashes of the runs of a short text."""
    data = plain(text)
    if data.count(b" ") + 1 < words:
        return []
    total, power, inverse = 0, 1, 1
    sums: list[tuple[int, int]] = []
    for byte in b" %b " % data:
        total += _VALUES[byte] * power
        if byte == _SPACE:
            sums.append((total, inverse))
        power, inverse = power * _BASE & _MASK, inverse * _INVERSE & _MASK
    return [(sums[at + words][0] - sums[at][0]) * sums[at][1] & _MASK for at in range(len(sums) - words)]


class Bitmap:
    """Which 64-bit hashes may be among some: all of these are, and few others."""

    _MOST_BITS = 27

    def __init__(self, hashes: Any) -> None:
        pa, _ = arrow()
        import pyarrow.compute as pc

        self._count = len(hashes)
        order = min(self._MOST_BITS, max(10, len(hashes).bit_length() + 6))
        self._shift = pa.scalar(64 - order, pa.uint64())
        bits = bytearray(1 << order - 3)
        for at in range(0, len(hashes), BATCH):
            for bit in pc.shift_right(hashes[at:at + BATCH], self._shift).to_pylist():
                bits[bit >> 3] |= 1 << (bit & 7)
        self._bits = pa.Array.from_buffers(pa.bool_(), 1 << order, [None, pa.py_buffer(bits)])

    def __len__(self) -> int:
        return self._count

    def may_have(self, hashes: Any) -> Any:
        """By hash whether it may be one, as an array of booleans."""
        import pyarrow.compute as pc

        return self._bits.take(pc.shift_right(hashes, self._shift))


@cache
def _powers(count: int) -> tuple[Any, Any]:
    """The powers of the base and of its inverse, for so many places."""
    pa, _ = arrow()
    import pyarrow.compute as pc

    out = []
    for base in (_BASE, _INVERSE):
        found = pa.array([1], pa.uint64())
        while len(found) < count:
            further = pa.scalar(pow(base, len(found), 1 << 64), pa.uint64())
            found = pa.concat_arrays([found, pc.multiply(found, further)])
        out.append(found)
    return out[0], out[1]
