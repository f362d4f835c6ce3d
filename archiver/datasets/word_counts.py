"""Counts the words and sentences of texts, and hashes their runs of words, for finding passages that texts share."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

# The words and sentences of a text.

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_UNSPACED_RUN = re.compile(f"[{UNSPACED}]+")
_WORD = re.compile(f"[{UNSPACED}]|[^ {UNSPACED}]+")
SEPARATORS = re.compile(r"[\W_]+")
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


_LETTER, _STOP, _SPACE_OR_CLOSING, _OTHER = 97, 46, 32, 44
_SIGNS = bytes(
    _LETTER
    if n > 127 or chr(n).isalnum()
    else _STOP
    if chr(n) in ".!?"
    else _SPACE_OR_CLOSING
    if chr(n).isspace() or chr(n) in "\"')]"
    else _OTHER
    for n in range(256)
)
"""Translates the bytes of a text to their kinds: letters and digits, ends of sentences, spaces and signs that close a
quotation or a bracket, and others."""
_OTHER_ENDS = "…。！？｡।॥؟۔።՞։"
_OTHER_CLOSING = "”’»“«"  # the last two close quotations in German


def count_words_and_sentences(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Returns for each text the number of its words and of the ends of its sentences. A sentence ends at punctuation,
    in any script. A text without any has one sentence, an empty text none.
    """
    out: list[tuple[int, int]] = []
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size > BATCH_BYTES:
            out += _count_batch(batch)
            batch, size = [], 0
    return out + _count_batch(batch) if batch else out


def _count_batch(texts: Sequence[str]) -> list[tuple[int, int]]:
    import numpy as np

    framed = [b" %b " % _with_plain_signs(text).encode("utf-8", "replace") for text in texts]
    signs = np.frombuffer(b"".join(framed).translate(_SIGNS), np.uint8)
    bounds = np.cumsum([0, *map(len, framed)])
    is_letter = signs == _LETTER
    words = _count_between(bounds, np.flatnonzero(is_letter[1:] > is_letter[:-1]))
    stops = np.flatnonzero(signs == _STOP)
    ends = stops[signs[stops + 1] == _SPACE_OR_CLOSING]
    # Several stops with spaces between them are one end.
    repeated = ends[1:][ends[1:] - ends[:-1] == 2]
    sentences = _count_between(bounds, ends) - _count_between(bounds, repeated)
    return [
        (count if text.isascii() else count_words(text), found or 1) if text and not text.isspace() else (0, 0)
        for text, count, found in zip(texts, words.tolist(), sentences.tolist(), strict=True)
    ]


def _with_plain_signs(text: str) -> str:
    """Returns a text with ASCII signs in the place of other signs that end sentences or close quotations."""
    if not text.isascii():
        for sign in _OTHER_ENDS:
            if sign in text:
                text = text.replace(sign, ". ")
        for sign in _OTHER_CLOSING:
            if sign in text:
                text = text.replace(sign, '"')
    return text


def _count_between(bounds: Any, positions: Any) -> Any:
    """Returns how many of some ascending positions lie between each two neighbours of `bounds`, as a NumPy array."""
    import numpy as np

    return np.diff(np.searchsorted(positions, bounds))


def word_unit(text: str, words: int) -> str:
    """Returns "characters" if more than half of the words of a text are characters of scripts without spaces, otherwise
    "words". `words` is the number of its words.
    """
    if text.isascii():
        return "words"
    return "characters" if 2 * sum(map(len, _UNSPACED_RUN.findall(text))) > words else "words"


def plain_words(text: str) -> bytes:
    """Returns the normalized words of a text separated by single spaces, in UTF-8 (`words_of_text`)."""
    found = _spaced(text)
    return b" ".join(found.split()) if isinstance(found, bytes) else " ".join(_WORD.findall(found)).encode("utf-8")


def spaced_words(text: str) -> bytes:
    """Returns the normalized words of a text in UTF-8, separated by one or more spaces. For HashedTexts this is as good
    as `plain_words`, and faster.
    """
    found = _spaced(text)
    return found if isinstance(found, bytes) else " ".join(_WORD.findall(found)).encode("utf-8")


def _spaced(text: str) -> bytes | str:
    """Returns a text in normalized form, with all characters except letters and digits replaced by spaces.

    Returns UTF-8 bytes, or a string if the text contains a script without spaces. For speed, ASCII is translated as
    bytes, and each distinct other character is tested once.
    """
    if text.isascii():
        return text.lower().encode("ascii").translate(_SPACES)
    normalized = unicodedata.normalize("NFKC", text).casefold()
    data = normalized.encode("utf-8", "replace").translate(_SPACES)
    others = data.translate(None, _ASCII).decode("utf-8")
    if _UNSPACED_RUN.search(others):
        return SEPARATORS.sub(" ", normalized)
    for character in set(others):
        if not character.isalnum():
            data = data.replace(character.encode("utf-8"), b" ")
    return data


# Polynomial rolling hashes of runs (sequences) of words, for many texts at a time.

BATCH_BYTES = 1 << 17
"""This many bytes of text are hashed at a time, because hashing is fastest at this size."""
_BASE = 6364136223846793005
_INVERSE = pow(_BASE, -1, 1 << 64)
_MASK = (1 << 64) - 1
_VALUES = tuple(int.from_bytes(sha256(bytes([byte])).digest()[:8], "big") for byte in range(256))
_SPACE = 32


@dataclass(frozen=True, slots=True)
class Runs:
    """All sequences of a given number of adjacent words (runs) in some texts, as four NumPy arrays with one entry for
    each run:

    - the hash of the run;
    - the index of its text;
    - the position, in `HashedTexts.data`, of the space before the run;
    - the position of the space after the run.
    """

    hashes: Any
    texts: Any
    starts: Any
    ends: Any


class HashedTexts:
    """A batch of texts prepared for hashing their runs of words. The texts come from `plain_words` or `spaced_words`.
    `data` contains all of them with single spaces, and a NUL character as a separate word between two texts.
    """

    def __init__(self, texts: Sequence[bytes]) -> None:
        import numpy as np

        codes = np.frombuffer(b" %b " % b" \0 ".join(texts), np.uint8)
        is_space = codes == _SPACE
        is_repeated = is_space[1:] & is_space[:-1]
        if is_repeated.any():
            codes = codes[1:][~is_repeated]
            codes = np.concatenate((codes[:0], [np.uint8(_SPACE)], codes))
            is_space = codes == _SPACE
        self.data = codes.tobytes()
        powers, self._inverses = _powers(max(BATCH_BYTES, 1 << len(codes).bit_length()))
        self._spaces = np.flatnonzero(is_space)
        self._sums = np.cumsum(_values()[codes] * powers[: len(codes)])[self._spaces]
        borders = np.searchsorted(self._spaces, np.flatnonzero(codes == 0))
        lengths = np.diff(borders, prepend=0, append=len(self._spaces))
        self._numbers = np.repeat(np.arange(len(lengths), dtype=np.uint32), lengths)

    def runs(self, words: int) -> Runs:
        """Returns all runs of `words` adjacent words that lie within one text."""
        count = max(len(self._spaces) - words, 0)
        first, last = slice(0, count), slice(len(self._spaces) - count, None)
        within = self._numbers[first] == self._numbers[last]
        starts, ends = self._spaces[first][within], self._spaces[last][within]
        hashes = (self._sums[last] - self._sums[first])[within] * self._inverses[starts]
        return Runs(hashes, self._numbers[first][within], starts, ends)


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


class HashFilter:
    """A fast filter for a set of 64-bit hashes. It accepts every hash that is in the set, and few other hashes."""

    _MOST_BITS = 25

    def __init__(self, parts: Iterable[Any], count: int) -> None:
        """`parts` are NumPy arrays with the hashes, and `count` is their number."""
        import numpy as np

        order = min(self._MOST_BITS, max(10, count.bit_length() + 6))
        self._shift = np.uint64(64 - order)
        self._is_set = np.zeros(1 << order, bool)
        for hashes in parts:
            self._is_set[hashes >> self._shift] = True

    def may_contain(self, hashes: Any) -> Any:
        """Returns a NumPy array with True for each hash that may be in the set, and False for each other hash."""
        return self._is_set[hashes >> self._shift]


@cache
def _values() -> Any:
    """Returns `_VALUES` as a NumPy array."""
    import numpy as np

    return np.array(_VALUES, np.uint64)


@cache
def _powers(count: int) -> tuple[Any, Any]:
    """Returns the first `count` powers of the rolling hash's base and of its inverse, modulo 2^64."""
    import numpy as np

    factors = (np.full(count, base, np.uint64) for base in (_BASE, _INVERSE))
    powers, inverses = (np.concatenate(([np.uint64(1)], np.multiply.accumulate(one[1:]))) for one in factors)
    return powers, inverses


def merge_distinct(parts: list[Any]) -> Any:
    """Merges arrays of hashes into one without duplicates, in ascending order, and empties the list."""
    import numpy as np

    every = np.concatenate(parts) if parts else np.zeros(0, np.uint64)
    parts.clear()
    every.sort()  # in place, which takes less memory than `numpy.unique`
    return every[np.concatenate(([True], every[1:] != every[:-1]))] if len(every) else every
