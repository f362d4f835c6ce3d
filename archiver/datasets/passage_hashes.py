"""Splits texts into words for comparison, and hashes their passages, by which a text is recognized without publishing
it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

from archiver.datasets.parquet import import_arrow

RUN = 8
"""The number of words of a passage. It is so large that two texts do not share a passage by chance."""
PASSAGES = 12
"""The sketch of a text has at most this many passages."""
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_UNSPACED_RUN = re.compile(f"[{UNSPACED}]+")
_WORD = re.compile(f"[{UNSPACED}]|[^ {UNSPACED}]+")
_SEPARATORS = re.compile(r"[\W_]+")
_ASCII = bytes(range(128))
_SPACES = bytes(n if n > 127 or chr(n).isalnum() else 32 for n in range(256))
_EDGES = bytes(32 if n == 32 else 97 for n in range(256))
_OF_ASCII = _SPACES.translate(_EDGES)


def words_of_text(text: str) -> list[str]:
    """Splits a text into words for comparison: NFKC-normalized, case-folded, only letters and digits. In scripts
    without spaces each character is a word.
    """
    found = _spaced(text)
    return found.decode("utf-8").split() if isinstance(found, bytes) else _WORD.findall(found)


def count_words(text: str) -> int:
    """Counts the words of a text without splitting it, as the transitions from a separator to a letter or digit."""
    if text.isascii():
        return b" ".join((b"", text.encode("ascii"))).translate(_OF_ASCII).count(b" a")
    found = _spaced(text)
    if isinstance(found, bytes):
        return b" ".join((b"", found)).translate(_EDGES).count(b" a")
    others = _UNSPACED_RUN.split(found)
    return len(found) - sum(map(len, others)) + len(" ".join(others).split())


def plain_words(text: str) -> bytes:
    """Returns the normalized words of a text separated by single spaces, in UTF-8 (`words_of_text`)."""
    found = _spaced(text)
    return b" ".join(found.split()) if isinstance(found, bytes) else " ".join(_WORD.findall(found)).encode("utf-8")


def _spaced(text: str) -> bytes | str:
    """Normalizes a text and replaces all characters except letters and digits by spaces.

    Returns UTF-8 bytes, or a string if the text contains a script without spaces. For speed, ASCII is translated as
    bytes, and each distinct other character is tested once.
    """
    if text.isascii():
        return text.lower().encode("ascii").translate(_SPACES)
    normalized = unicodedata.normalize("NFKC", text).casefold()
    data = normalized.encode("utf-8", "replace").translate(_SPACES)
    others = data.translate(None, _ASCII).decode("utf-8")
    if _UNSPACED_RUN.search(others):
        return _SEPARATORS.sub(" ", normalized)
    for character in set(others):
        if not character.isalnum():
            data = data.replace(character.encode("utf-8"), b" ")
    return data


def runs(tokens: list[str]) -> Iterator[str]:
    """Yields all passages of a text: every sequence of RUN adjacent words, joined by spaces."""
    return (" ".join(tokens[at : at + RUN]) for at in range(len(tokens) - RUN + 1))


def sketch(tokens: list[str]) -> str:
    """Returns the sketch of a text, by which the text can be recognized: the hashes (64 bits, hexadecimal) of up to
    twelve passages of eight words, spread evenly over the text.

    Returns "" if the text is shorter than a passage. `rehydrate.py` looks for the same hashes in the pages it fetches.
    """
    last = len(tokens) - RUN
    if last < 0:
        return ""
    places = sorted({last * number // (PASSAGES - 1) for number in range(PASSAGES)})
    return " ".join(
        hashlib.sha256(" ".join(tokens[at : at + RUN]).encode("utf-8", "replace")).hexdigest()[:16] for at in places
    )


# Polynomial rolling hashes of runs (sequences) of words, for many texts at a time.

BATCH = 1 << 17
"""The number of bytes of text that are hashed at a time. This size is the fastest."""
_BASE = 6364136223846793005
_INVERSE = pow(_BASE, -1, 1 << 64)
_MASK = (1 << 64) - 1
_VALUES = tuple(int.from_bytes(sha256(bytes([byte])).digest()[:8], "big") for byte in range(256))
_SPACE = 32


@dataclass(frozen=True, slots=True)
class Runs:
    """All sequences of a given number of adjacent words (runs) in some texts, as four Arrow arrays with one entry for
    each run: the hash of the run, the index of its text, and the positions in `HashedTexts.data` of the space before
    it and the space after it.
    """

    hashes: Any
    texts: Any
    starts: Any
    ends: Any


class HashedTexts:
    """A batch of texts prepared for hashing their runs of words. The texts come from `plain_words` and none is empty;
    `data` contains them separated by NUL words.
    """

    def __init__(self, texts: Sequence[bytes]) -> None:
        pa, _ = import_arrow()
        import pyarrow.compute as pc

        self.data = b" %b " % b" \0 ".join(texts)
        powers, self._inverses = _powers(max(BATCH, 1 << len(self.data).bit_length()))
        characters = pa.Array.from_buffers(pa.uint8(), len(self.data), [None, pa.py_buffer(self.data)])
        self._spaces = pc.indices_nonzero(pc.equal(characters, pa.scalar(_SPACE, pa.uint8())))
        values = pa.array(_VALUES, pa.uint64()).take(characters)
        self._sums = pc.cumulative_sum(pc.multiply(values, powers.slice(0, len(self.data)))).take(self._spaces)
        borders = pc.cumulative_sum(pc.cast(pc.equal(characters, pa.scalar(0, pa.uint8())), pa.uint32()))
        self._numbers = borders.take(self._spaces)

    def runs(self, words: int) -> Runs:
        """Returns all runs of `words` adjacent words that lie within one text."""
        import pyarrow.compute as pc

        count = max(len(self._spaces) - words, 0)
        first, last = (slice(0, count), slice(len(self._spaces) - count, None))
        starts, ends, number = self._spaces[first], self._spaces[last], self._numbers[first]
        hashes = pc.multiply(pc.subtract(self._sums[last], self._sums[first]), self._inverses.take(starts))
        within = pc.equal(number, self._numbers[last])
        return Runs(hashes.filter(within), number.filter(within), starts.filter(within), ends.filter(within))


def run_hashes(text: str, words: int) -> list[int]:
    """Returns the hashes of all runs of `words` adjacent words in a single text. For a short text this is faster than
    HashedTexts.
    """
    data = plain_words(text)
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
    """A fast filter for a set of 64-bit hashes. It accepts every hash in the set and few other hashes."""

    _MOST_BITS = 27

    def __init__(self, hashes: Any) -> None:
        pa, _ = import_arrow()
        import pyarrow.compute as pc

        self._count = len(hashes)
        order = min(self._MOST_BITS, max(10, len(hashes).bit_length() + 6))
        self._shift = pa.scalar(64 - order, pa.uint64())
        bits = bytearray(1 << order - 3)
        for at in range(0, len(hashes), BATCH):
            for bit in pc.shift_right(hashes[at : at + BATCH], self._shift).to_pylist():
                bits[bit >> 3] |= 1 << (bit & 7)
        self._bits = pa.Array.from_buffers(pa.bool_(), 1 << order, [None, pa.py_buffer(bits)])

    def __len__(self) -> int:
        return self._count

    def may_contain(self, hashes: Any) -> Any:
        """Returns an array with True for each hash that may be in the set, and False for each other hash."""
        import pyarrow.compute as pc

        return self._bits.take(pc.shift_right(hashes, self._shift))


@cache
def _powers(count: int) -> tuple[Any, Any]:
    """Returns the first `count` powers of the rolling hash's base and of its inverse, modulo 2^64."""
    pa, _ = import_arrow()
    import pyarrow.compute as pc

    out = []
    for base in (_BASE, _INVERSE):
        found = pa.array([1], pa.uint64())
        while len(found) < count:
            further = pa.scalar(pow(base, len(found), 1 << 64), pa.uint64())
            found = pa.concat_arrays([found, pc.multiply(found, further)])
        out.append(found)
    return out[0], out[1]
