"""Removes from each record the values that its tier withholds, and published values that quote a withheld text.

A headline, for example, may quote a passage of another article whose text is withheld. Such quotations are found by
comparing hashes of passages. If two different passages have the same hash, a value may be removed unnecessarily, but a
withheld passage is never published.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import IO, Any

from archiver.datasets.export_formats_and_parquet_tables import import_arrow
from archiver.datasets.publication_rules_tiers_and_licences import Tier
from archiver.fields import BY_NAME, QUOTING, published_from

PASSAGE_WORDS = 8
"""The number of words of a passage, large enough that two texts do not share a passage by chance."""
MOST_PASSAGES = 12
"""The sketch of a text has at most this many passages."""
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


def count_words_and_sentences(text: str) -> tuple[int, int]:
    """Counts the words of a text and the ends of its sentences. A sentence ends at punctuation, in any script. A text
    without any has one sentence, an empty text none.
    """
    if not text.strip():
        return 0, 0
    plain = text
    if not text.isascii():
        for sign in _OTHER_ENDS:
            if sign in plain:
                plain = plain.replace(sign, ". ")
        for sign in _OTHER_CLOSING:
            if sign in plain:
                plain = plain.replace(sign, '"')
    import numpy as np

    signs = np.frombuffer(b" %b " % plain.encode("utf-8", "replace").translate(_SIGNS), np.uint8)
    stops = np.flatnonzero(signs == _STOP)
    ends = stops[signs[stops + 1] == _SPACE_OR_CLOSING]
    # Several stops with spaces between them are one end.
    sentences = len(ends) - int(np.count_nonzero(ends[1:] - ends[:-1] == 2))
    if not text.isascii():
        return count_words(text), sentences or 1
    is_letter = signs == _LETTER
    return int(np.count_nonzero(is_letter[1:] > is_letter[:-1])), sentences or 1


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


def runs(tokens: list[str]) -> Iterator[str]:
    """Yields all passages of a text: every sequence of PASSAGE_WORDS adjacent words, joined by spaces."""
    return (" ".join(tokens[at : at + PASSAGE_WORDS]) for at in range(len(tokens) - PASSAGE_WORDS + 1))


def sketch(tokens: list[str]) -> str:
    """Returns the sketch of a text, by which the text can be recognized: the hashes (64 bits, hexadecimal) of up to
    twelve passages of eight words, spread evenly over the text.

    Returns "" if the text is shorter than a passage. `rehydrate.py` looks for the same hashes in the pages it fetches.
    """
    last = len(tokens) - PASSAGE_WORDS
    if last < 0:
        return ""
    places = sorted({last * number // (MOST_PASSAGES - 1) for number in range(MOST_PASSAGES)})
    return " ".join(
        hashlib.sha256(" ".join(tokens[at : at + PASSAGE_WORDS]).encode("utf-8", "replace")).hexdigest()[:16]
        for at in places
    )


# Polynomial rolling hashes of runs (sequences) of words, for many texts at a time.

BATCH_BYTES = 1 << 17
"""This many bytes of text are hashed at a time, because hashing is fastest at this size."""
_BASE = 6364136223846793005
_INVERSE = pow(_BASE, -1, 1 << 64)
_MASK = (1 << 64) - 1
_VALUES = tuple(int.from_bytes(sha256(bytes([byte])).digest()[:8], "big") for byte in range(256))
_SPACE = 32
_HASH_BYTES = 8


@dataclass(frozen=True, slots=True)
class Runs:
    """All sequences of a given number of adjacent words (runs) in some texts, as four Arrow arrays with one entry for
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
    """A batch of texts prepared for hashing their runs of words. The texts come from `plain_words`, and none is empty.
    `data` contains all of them, with a NUL character as a separate word between two texts.
    """

    def __init__(self, texts: Sequence[bytes]) -> None:
        pa, _ = import_arrow()
        import pyarrow.compute as pc

        self.data = b" %b " % b" \0 ".join(texts)
        powers, self._inverses = _powers(max(BATCH_BYTES, 1 << len(self.data).bit_length()))
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
    """A fast filter for a set of 64-bit hashes. It accepts every hash that is in the set, and only few other hashes."""

    _MOST_BITS = 27

    def __init__(self, hashes: Any) -> None:
        pa, _ = import_arrow()
        import pyarrow.compute as pc

        self._count = len(hashes)
        order = min(self._MOST_BITS, max(10, len(hashes).bit_length() + 6))
        self._shift = pa.scalar(64 - order, pa.uint64())
        bits = bytearray(1 << order - 3)
        for at in range(0, len(hashes), BATCH_BYTES):
            for bit in pc.shift_right(hashes[at : at + BATCH_BYTES], self._shift).to_pylist():
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


_BUFFER_ROWS = 2_000_000
"""At most this many passages of 8 bytes are kept in memory before they are written to a file."""
_SHARE_BITS = 6
"""Passages are divided by this many leading bits of their hashes, and one share of them is compared at a time."""


CUT = "[…]"
"""Stands in a published text where a passage of a withheld text was."""
_MAX_CUTS = 5
_PIECE = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")


def _word_spans(text: str) -> list[tuple[int, int]]:
    """Returns the range (start, end) of each word of a text, in the order of `words_of_text`. Words that are written
    together, as in "state-of-the-art", have the same range.
    """
    return [found.span() for found in _PIECE.finditer(text) for _ in words_of_text(found[0])]


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Joins ranges (start, end) that overlap. The ranges are in ascending order."""
    out: list[tuple[int, int]] = []
    for start, end in spans:
        if out and start <= out[-1][1]:
            out[-1] = out[-1][0], max(end, out[-1][1])
        else:
            out.append((start, end))
    return out


class LeakedPassages:
    """The passages that must not be published because they are from withheld texts. They are stored as hashes in
    ascending order.

    `in_full` is True if the passages are removed from all records, and False if records of the tier full keep them.
    """

    def __init__(self, found: Any = None, *, in_full: bool = True) -> None:
        """`found` are the hashes of the passages, as an Arrow array in ascending order; None if there are no passages.
        If `in_full` is False, records of the tier full keep the passages.
        """
        self.in_full = in_full
        self._found = array("Q")
        if found is not None and len(found):
            start = found.offset * self._found.itemsize
            self._found.frombytes(found.buffers()[1][start : start + len(found) * self._found.itemsize])

    def __bool__(self) -> bool:
        return bool(self._found)

    def occur_in(self, text: object) -> bool:
        """Returns True if a value is a text that contains any of the passages."""
        if not self._found or not isinstance(text, str) or (len(text) < 2 * PASSAGE_WORDS - 1 and text.isascii()):
            return False
        return any(map(self._has, run_hashes(text, PASSAGE_WORDS)))

    def cut_from(self, text: str) -> str | None:
        """Returns a text with each of the passages replaced by `CUT`; None if no word is left, or if the places of the
        passages cannot be found.
        """
        for _ in range(_MAX_CUTS):
            if not self.occur_in(text):
                return text if count_words(text) else None
            spans = _word_spans(text)
            hits = [at for at, passage in enumerate(run_hashes(text, PASSAGE_WORDS)) if self._has(passage)]
            if len(spans) != len(words_of_text(text)):
                return None
            for start, end in reversed(_joined((spans[at][0], spans[at + PASSAGE_WORDS - 1][1]) for at in hits)):
                text = f"{text[:start]}{CUT}{text[end:]}"
        return None

    def _has(self, passage: int) -> bool:
        at = bisect_left(self._found, passage)
        return at < len(self._found) and self._found[at] == passage


def leaked_passages(
    published: Iterable[str],
    withheld: Iterable[str],
    folder: Path,
    *,
    in_full: bool = True,
    buffer_rows: int = _BUFFER_ROWS,
) -> LeakedPassages:
    """Returns the passages of the texts to be published (`published`) that also occur in the `withheld` texts. If
    `in_full` is False, records of the tier full keep these passages.

    Each text is read once. At most `buffer_rows` hashes are kept in memory; the others go into unnamed temporary files
    in `folder`.
    """
    pa, _ = import_arrow()
    import pyarrow.compute as pc

    given, kept = _Passages(published, folder, buffer_rows), _Passages(withheld, folder, buffer_rows)
    found = []
    for number in range(1 << _SHARE_BITS):
        both = pa.concat_arrays([given.share(number), kept.share(number)]).sort()
        found.append(both[1:].filter(pc.equal(both[1:], both[:-1])) if len(both) > 1 else both[:0])
    try:
        return LeakedPassages(pa.concat_arrays(found), in_full=in_full)
    finally:
        found.clear()
        pa.default_memory_pool().release_unused()


class _Passages:
    """The distinct passages of some texts, as hashes in shares by their leading bits."""

    def __init__(self, texts: Iterable[str], folder: Path, buffer_rows: int) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._spilled: list[tuple[int, tuple[int, ...]]] = []
        parts: list[Any] = []
        for part in passage_hashes(texts):
            parts.append(part)
            if sum(map(len, parts)) > buffer_rows:
                self._spill(merge_distinct(parts))
        self._last = _split_by_leading_bits(merge_distinct(parts))

    def _spill(self, hashes: Any) -> None:
        """Writes ascending hashes to the temporary file."""
        self._file = self._file or tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
        bounds = (0, *accumulate(map(len, _split_by_leading_bits(hashes))))
        self._spilled.append((self._file.seek(0, os.SEEK_END), bounds))
        start = hashes.offset * _HASH_BYTES
        self._file.write(hashes.buffers()[1][start : start + len(hashes) * _HASH_BYTES])

    def share(self, number: int) -> Any:
        """Returns one share of the hashes, each once, in ascending order."""
        pa, _ = import_arrow()
        parts = [self._last[number]]
        for start, bounds in self._spilled:
            assert self._file is not None
            self._file.seek(start + bounds[number] * _HASH_BYTES)
            count = bounds[number + 1] - bounds[number]
            data = pa.py_buffer(self._file.read(count * _HASH_BYTES))
            parts.append(pa.Array.from_buffers(pa.uint64(), count, [None, data]))
        return merge_distinct(parts)


def merge_distinct(parts: list[Any]) -> Any:
    """Merges arrays of hashes into one without duplicates, in ascending order. Sorting takes less memory than Arrow's
    `unique`.
    """
    pa, _ = import_arrow()
    import pyarrow.compute as pc

    every = pa.concat_arrays(parts) if parts else pa.array([], pa.uint64())
    parts.clear()
    every = every.sort()
    if len(every) < 2:
        return every
    return every.filter(pa.concat_arrays([pa.array([True]), pc.not_equal(every[1:], every[:-1])]))


def passage_hashes(texts: Iterable[str]) -> Iterator[Any]:
    """Yields the hashes of all passages of some texts, one array per batch. Texts may have any length."""
    batch: list[bytes] = []
    size = 0
    for text in texts:
        for piece in _pieces(plain_words(text)):
            if batch and size + len(piece) + 4 > BATCH_BYTES:
                yield HashedTexts(batch).runs(PASSAGE_WORDS).hashes
                batch, size = [], 0
            batch.append(piece)
            size += len(piece) + 3
    if batch:
        yield HashedTexts(batch).runs(PASSAGE_WORDS).hashes


def _pieces(data: bytes) -> Iterator[bytes]:
    """Splits a long text into pieces of at most half a batch. Each piece begins with the last seven words of the
    previous one, so that no passage is lost at the border.
    """
    most = BATCH_BYTES // 2
    while len(data) > most:
        end = max(data.rfind(b" ", 0, most), 0) or most
        yield data[:end]
        start = end
        for _ in range(PASSAGE_WORDS - 1):
            start = max(data.rfind(b" ", 0, start), 0)
        data = data[start or end :].strip()
    if data:
        yield data


def _split_by_leading_bits(hashes: Any) -> list[Any]:
    """Splits an ascending array of hashes by their leading bits into shares."""
    pa, _ = import_arrow()
    import pyarrow.compute as pc

    shares = pc.shift_right(hashes, pa.scalar(64 - _SHARE_BITS, pa.uint64()))
    counts = {one["values"]: one["counts"] for one in pc.value_counts(shares).to_pylist()}
    out, start = [], 0
    for share in range(1 << _SHARE_BITS):
        out.append(hashes[start : start + counts.get(share, 0)])
        start += counts.get(share, 0)
    return out


# The values of a record that each tier publishes. Below the tier full, no value may quote a withheld text.

_REFERENCE = frozenset(
    {
        *published_from("reference"),
        "captured_at",
        "payload_digest",
        "content_digest",
        "sketch",
        "tier",
        "tier_reason",
        "licence",
        "licence_source",
        "published_at",
        "published_date",
        "language_detected",
        "language_score",
        "words",
        "word_unit",
        "characters",
        "sentences",
        "flags",
        "split",
        "observed_at",
        "changed",
        "previous",
        "same_as",
    }
)
AUTHOR_FIELDS = frozenset(("authors", "author_organizations"))
_TEXTS = (*QUOTING, "author_organizations", "excerpt")
_TEXTS_IN_FULL = (*_TEXTS, *(name for name in published_from("full") if BY_NAME[name].shape in ("text", "texts")))
_LISTS = frozenset(name for name in BY_NAME if BY_NAME[name].shape == "texts") | AUTHOR_FIELDS
WORDS = 25
SHARE = 5
"""An excerpt contains at most one fifth of the text (and at most `WORDS` words)."""


def redact(record: dict[str, Any], tier: Tier, leaked: LeakedPassages) -> dict[str, Any]:
    """Returns a record (of `articles` or `revisions`) without the values that its tier withholds, and without the
    `leaked` passages. Below the tier full, a value that contains one is left out; in a record of the tier full, the
    passage is cut from the value.
    """
    if tier is Tier.FULL:
        return _without_passages(record, _TEXTS_IN_FULL, leaked, leaked.cut_from) if leaked.in_full else record
    if tier is Tier.REFERENCE:
        out = {name: value if name in _REFERENCE else [] if name in _LISTS else None for name, value in record.items()}
    else:
        out = {**record, **{name: [] if name in _LISTS else None for name in published_from("full") if name in record}}
        if "excerpt" in out:
            has_excerpt = tier is Tier.EXCERPT
            out["excerpt"] = first_words(record["body"]) if has_excerpt else None
            for name in published_from("excerpt"):
                out[name] = first_words(record[name], 1) if has_excerpt else None
    return _without_passages(out, _TEXTS, leaked, lambda text: None)


def _without_passages(
    record: dict[str, Any], names: Iterable[str], leaked: LeakedPassages, change: Callable[[str], str | None]
) -> dict[str, Any]:
    """Returns a record in whose fields `names` the leaked passages no longer occur: a text that contains one is
    replaced by what `change` returns for it, and an item of a list that contains one is left out.
    """
    if not leaked:
        return record
    out = dict(record)
    for name in names:
        value = out.get(name)
        if isinstance(value, list):
            out[name] = [one for one in value if not leaked.occur_in(one)]
            if leaked.occur_in(" ".join(map(str, out[name]))):  # short values may form a passage together
                out[name] = []
        elif isinstance(value, str) and leaked.occur_in(value):
            out[name] = change(value)
    return out


def first_words(text: str | None, share: int = SHARE) -> str | None:
    """Returns the beginning of a text as an excerpt: at most `WORDS` words and at most 1/`share` of its characters.
    Returns None if no word fits, or if there is no text (None).
    """
    if not text:
        return None
    most = min(10 * WORDS, len(text) // share)
    out, count = "", 0
    for piece in re.finditer(r"\S+\s*", text):
        if count == WORDS or piece.end() > most:
            break
        out, count = text[: piece.end()], count + 1
    if not count and share > 1 and not text.isascii():  # the text is in a script without spaces
        out = text[: min(most, 2 * WORDS)]
    out = " ".join(out.split())
    return f"{out} …" if out and len(out) < len(text.strip()) else out or None


# E-mail addresses and telephone numbers in texts.
