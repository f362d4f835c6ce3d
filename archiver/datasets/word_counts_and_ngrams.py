"""Counts the words and sentences of a text, and n-grams over all articles of each year and language in bounded memory.

N-grams that occur in few articles are left out. Thus no text can be reconstructed from the n-grams, and names that only
one or two texts mention do not appear.

N-grams are counted by 64-bit hashes of their year, language, length and words. In about one of a hundred datasets of a
million articles, two n-grams have the same hash and are counted as one. Texts and hashes are kept in temporary files.
At the end the texts are read again to find the words of the n-grams that remain.
"""

from __future__ import annotations

import heapq
import re
import tempfile
import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import accumulate, chain
from pathlib import Path
from typing import IO, Any

from archiver.datasets.export_formats_and_parquet_tables import import_arrow

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
        self.replace(parts, count)

    def replace(self, parts: Iterable[Any], count: int) -> None:
        """Makes this a filter for other hashes, which are fewer."""
        self._count = count
        self._is_set[:] = False
        for hashes in parts:
            self._is_set[hashes >> self._shift] = True

    def __len__(self) -> int:
        return self._count

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


# N-grams.

MAX_N = 5
"""An n-gram has at most this many words."""
MIN_ARTICLES = 5
"""N-grams that occur in fewer articles than this are left out."""
_BUFFER_ROWS = 1_000_000
"""At most this many rows are kept in memory before they are written to a file. Each row is the count of an n-gram in an
article, and takes about 24 bytes.
"""
_PART_BITS = 11
"""The hashes are divided into parts by this many bits at their beginning."""
_ADDED_ROWS = 250_000
"""The counts of neighbouring parts with about this many rows are added up at a time."""
_QUERY_ROWS = 2_000_000
"""One pass over the texts searches for the words of at most this many n-grams."""
_MAX_BYTES = 1 << 22
"""Only the words within this many bytes at the beginning of a text are counted."""


class Ngrams:
    """Counts the n-grams of articles by year and language: call `add` for each article, then read `rows`. Data that
    does not fit into memory goes into unnamed temporary files in `folder`.
    """

    def __init__(self, longest: int, folder: Path, buffer_rows: int = _BUFFER_ROWS) -> None:
        self._longest, self._folder, self._buffer_rows = longest, folder, buffer_rows
        self._groups: dict[tuple[str, str], int] = {}
        self._salts: list[list[int]] = []
        self._batch: list[bytes] = []
        self._group_of: list[int] = []
        self._size = 0
        self._texts = _TextFile(folder)
        self._counts = _CountFile(folder)
        self._buffer: list[Any] = []
        self._rows = 0

    def add(self, year: str, language: str, tokens: Sequence[str]) -> None:
        """Adds the words of one article (`tokens`) to the counts of its year and language."""
        group = self._groups.setdefault((year, language), len(self._groups))
        if group == len(self._salts):
            self._salts.append(
                [
                    int.from_bytes(sha256(f"{year}\t{language}\t{n}".encode()).digest()[:8], "big")
                    for n in range(self._longest + 1)
                ]
            )
        text = " ".join(tokens).encode()
        if len(text) > _MAX_BYTES:
            text = text[: text.rfind(b" ", 0, _MAX_BYTES)]
        if not text:
            return
        if self._batch and self._size + len(text) > BATCH_BYTES - 8:
            self._count()
        self._batch.append(text)
        self._group_of.append(group)
        self._size += len(text) + 3

    def _count(self) -> None:
        """Counts the n-grams of each article in the current batch, and writes the batch's texts to the temporary
        file.
        """
        pa, _ = import_arrow()
        texts = HashedTexts(self._batch)
        number, key = [], []
        for n in range(1, self._longest + 1):
            runs = texts.runs(n)
            number.append(pa.array(runs.texts))
            key.append(pa.array(self._keyed(runs.hashes, runs.texts, self._group_of, n)))
        table = pa.table({"text": pa.chunked_array(number), "key": pa.chunked_array(key)})
        table = table.group_by(["text", "key"], use_threads=False).aggregate([([], "count_all")])
        self._buffer.append(table.select(["key", "count_all"]).rename_columns(["key", "times"]))
        self._rows += len(table)
        self._texts.add(self._batch, self._group_of)
        self._batch, self._group_of, self._size = [], [], 0
        if self._rows > self._buffer_rows:
            self._spill()

    def _keyed(self, hashes: Any, number: Any, of: Sequence[int], n: int) -> Any:
        """Mixes year, language and n-gram length `n` into hashes, so that each combination is counted separately.
        `number` contains the index of the text of each hash; `of` contains the group (year and language) of each text.
        """
        import numpy as np

        return hashes + np.array([self._salts[group][n] for group in of], np.uint64)[number]

    def _spill(self) -> None:
        pa, _ = import_arrow()
        self._counts.add(pa.concat_tables(self._buffer))
        self._buffer, self._rows = [], 0

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yields the rows of the table `ngrams`, sorted by year, language, n and words."""
        if self._batch:
            self._count()
        if self._buffer:
            self._spill()
        names = dict(enumerate(sorted(self._groups)))
        ranks = {self._groups[group]: rank for rank, group in names.items()}
        runs, lines = [], list[str]()
        for wanted in map(_WantedNgrams, self._counts.kept(_QUERY_ROWS)):
            for found in self._find_words(wanted, ranks):
                lines += found
                if (
                    len(lines) > self._buffer_rows // 8
                ):  # several batches are merged into one file, to limit the number of open files
                    runs.append(_SortedLines(self._folder, lines))
                    lines = []
        runs.append(_SortedLines(self._folder, lines))
        for line in heapq.merge(*runs, key=lambda line: line.rsplit("\t", 2)[0]):
            rank, n, ngram, articles, times = line.rstrip("\n").split("\t")
            year, language = names[int(rank)]
            yield {
                "year": year,
                "language": language,
                "n": int(n),
                "ngram": ngram,
                "articles": int(articles),
                "occurrences": int(times),
            }

    def _find_words(self, wanted: _WantedNgrams, ranks: dict[int, int]) -> Iterator[list[str]]:
        """Reads all texts again to find the words of the `wanted` n-grams. `ranks` gives the place of each group (year
        and language) in the order of the rows. Yields lists of lines for the table `ngrams`, each line with the words
        and counts of an n-gram.
        """
        for data, of in self._texts:
            texts = HashedTexts(data)
            for n in range(1, self._longest + 1):
                runs = texts.runs(n)
                places, at = wanted.find(self._keyed(runs.hashes, runs.texts, of, n))
                columns = (
                    runs.texts[at],
                    runs.starts[at],
                    runs.ends[at],
                    wanted.articles[places],
                    wanted.times[places],
                )
                yield [
                    f"{ranks[of[text]]:06}\t{n}\t{texts.data[start + 1 : end].decode()}\t{articles}\t{times}\n"
                    for text, start, end, articles, times in zip(*(one.tolist() for one in columns), strict=True)
                ]
            if not wanted.left:
                return


class _WantedNgrams:
    """The n-grams whose words are sought, with their counts `articles` and `times` in ascending order of their hashes.
    `left` is the number of those that were not found yet.
    """

    def __init__(self, kept: Any) -> None:
        """`kept` is a table with the hash (`key`) and the counts of each n-gram."""
        import numpy as np

        keys = kept["key"].to_numpy()
        order = np.argsort(keys)
        self._keys = keys[order]
        self.articles, self.times = (kept[name].to_numpy()[order] for name in ("articles", "times"))
        self._is_missing = np.ones(len(keys), bool)
        self.left = len(keys)
        self._accepted = HashFilter([self._keys], self.left)

    def find(self, hashes: Any) -> tuple[Any, Any]:
        """Returns the n-grams that were not found before and occur among some hashes, as two arrays: their places in
        the order of all hashes, and the position in `hashes` at which each of them occurs first.
        """
        import numpy as np

        candidates = np.flatnonzero(self._accepted.may_contain(hashes))
        hashes = hashes[candidates]
        distinct = merge_distinct([hashes])
        places = np.minimum(np.searchsorted(self._keys, distinct), len(self._keys) - 1)
        is_new = (self._keys[places] == distinct) & self._is_missing[places]
        new, places = distinct[is_new], places[is_new]
        first = np.zeros(len(new), np.int64)
        if len(new):
            numbers = np.minimum(np.searchsorted(new, hashes), len(new) - 1)
            matches = np.flatnonzero(new[numbers] == hashes)[::-1]
            first[numbers[matches]] = candidates[matches]  # in reverse order, so that the first occurrence remains
            self._is_missing[places] = False
            self.left -= len(new)
            if self.left < _REBUILT * len(self._accepted):
                self._accepted.replace([self._keys[self._is_missing]], self.left)
        return places, first


_REBUILT = 0.8
"""The filter of the wanted n-grams is made again if only this share of its n-grams is still sought."""


def merge_distinct(parts: list[Any]) -> Any:
    """Merges arrays of hashes into one without duplicates, in ascending order, and empties the list."""
    import numpy as np

    every = np.concatenate(parts) if parts else np.zeros(0, np.uint64)
    parts.clear()
    every.sort()  # in place, which takes less memory than `numpy.unique`
    return every[np.concatenate(([True], every[1:] != every[:-1]))] if len(every) else every


class _TextFile:
    """A temporary file with batches of texts and the group (year and language) of each text."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._sizes: list[tuple[array[int], array[int]]] = []

    def add(self, batch: list[bytes], of: list[int]) -> None:
        self._file = self._file or tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
        self._file.writelines(batch)
        self._sizes.append((array("L", map(len, batch)), array("L", of)))

    def __iter__(self) -> Iterator[tuple[list[bytes], Sequence[int]]]:
        """Yields the batches in the order in which they were added: the texts of each, and the group of each text."""
        if self._file is not None:
            self._file.seek(0)
            for sizes, of in self._sizes:
                yield [self._file.read(size) for size in sizes], of


class _CountFile:
    """A temporary file with the count of each n-gram in each article. It is split into parts by the first bits of the
    n-gram's hash, and a few parts are added up at a time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._spilled: list[tuple[int, array[int]]] = []

    def add(self, table: Any) -> None:
        """Adds a table with the columns `key` (a hash) and `times` (its count in one article)."""
        pa, _ = import_arrow()
        import pyarrow.compute as pc

        self._file = self._file or tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
        shift = pa.scalar(64 - _PART_BITS, pa.uint64())
        part = pc.cast(pc.shift_right(table["key"], shift), pa.uint16()).combine_chunks()
        order = pc.sort_indices(part)
        counts = {one["values"]: one["counts"] for one in pc.value_counts(part).to_pylist()}
        bounds = array("I", accumulate((counts.get(number, 0) for number in range(1 << _PART_BITS)), initial=0))
        self._spilled.append((self._file.seek(0, 2), bounds))
        for name, kind in (("key", pa.uint64()), ("times", pa.uint32())):
            self._file.write(pc.cast(table[name], kind).combine_chunks().take(order).buffers()[1])

    def kept(self, most: int) -> Iterator[Any]:
        """Yields the total counts of the n-grams that occur in at least MIN_ARTICLES articles, in tables of about
        `most` rows.
        """
        pa, _ = import_arrow()
        import pyarrow.compute as pc

        parts: list[Any] = []
        for first, last in self._spans():
            found = [one for spilled in self._spilled if (one := self._read(*spilled, first, last)) is not None]
            table = (
                pa.concat_tables(found)
                .group_by("key", use_threads=False)
                .aggregate([([], "count_all"), ("times", "sum")])
                .rename_columns(["key", "articles", "times"])
            )
            parts.append(table.filter(pc.greater_equal(table["articles"], MIN_ARTICLES)))
            if sum(map(len, parts)) > most:
                yield _joined(parts)
        if any(map(len, parts)):
            yield _joined(parts)

    def _spans(self) -> Iterator[tuple[int, int]]:
        """Yields ranges of parts, as (first, end), that together have about `_ADDED_ROWS` rows, and not none."""
        first, rows = 0, 0
        for part in range(1 << _PART_BITS):
            rows += sum(bounds[part + 1] - bounds[part] for _, bounds in self._spilled)
            if rows > _ADDED_ROWS:
                yield first, part + 1
                first, rows = part + 1, 0
        if rows:
            yield first, 1 << _PART_BITS

    def _read(self, start: int, bounds: array[int], first_part: int, end_part: int) -> Any | None:
        pa, _ = import_arrow()
        assert self._file is not None
        first, last = bounds[first_part], bounds[end_part]
        if first == last:
            return None
        columns = []
        for kind, width in ((pa.uint64(), 8), (pa.uint32(), 4)):
            self._file.seek(start + first * width)
            data = self._file.read((last - first) * width)
            columns.append(pa.Array.from_buffers(kind, last - first, [None, pa.py_buffer(data)]))
            start += bounds[-1] * width
        return pa.table(columns, ["key", "times"])


def _joined(parts: list[Any]) -> Any:
    """Joins tables into one and empties the list, so that nothing else keeps their rows in memory."""
    pa, _ = import_arrow()
    table = pa.concat_tables(parts)
    parts.clear()
    return table


class _SortedLines:
    """A temporary file of sorted lines, for merging."""

    def __init__(self, folder: Path, lines: Sequence[str]) -> None:
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n", dir=folder)  # noqa: SIM115
        self._file.writelines(sorted(lines))
        self._file.seek(0)

    def __iter__(self) -> Iterator[str]:
        return chain(self._file)
