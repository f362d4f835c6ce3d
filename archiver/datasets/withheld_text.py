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
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from archiver.datasets.publication_rules import LONGEST_EXCERPT, Tier
from archiver.datasets.word_counts import (
    BATCH_BYTES,
    UNSPACED,
    HashedTexts,
    HashFilter,
    count_words,
    merge_distinct,
    run_hashes,
    spaced_words,
    words_of_text,
)
from archiver.model.fields import BY_NAME, QUOTING, published_from

PASSAGE_WORDS = 8
"""The number of words of a passage, large enough that two texts do not share a passage by chance."""
MOST_PASSAGES = 12
"""The sketch of a text has at most this many passages."""


def runs(tokens: list[str]) -> Iterator[str]:
    """Yields all passages of a text: every sequence of PASSAGE_WORDS adjacent words, joined by spaces."""
    return (" ".join(tokens[at : at + PASSAGE_WORDS]) for at in range(len(tokens) - PASSAGE_WORDS + 1))


def sketch(tokens: list[str]) -> str:
    """Returns the sketch of a text, by which the text can be recognized: the hashes (64 bits, hexadecimal) of up to
    twelve passages of eight words, spread evenly over the text.

    Returns "" if the text is shorter than a passage.
    """
    last = len(tokens) - PASSAGE_WORDS
    if last < 0:
        return ""
    places = sorted({last * number // (MOST_PASSAGES - 1) for number in range(MOST_PASSAGES)})
    return " ".join(
        hashlib.sha256(" ".join(tokens[at : at + PASSAGE_WORDS]).encode("utf-8", "replace")).hexdigest()[:16]
        for at in places
    )


# Passages of withheld texts in other records.

_HASH_BYTES = 8
_BUFFER_ROWS = 2_000_000
"""At most this many passages of 8 bytes are kept in memory before they are written to a file."""
_SHARE_BITS = 8
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
        """`found` are the hashes of the passages, as a NumPy array in ascending order; None if there are no passages.
        If `in_full` is False, records of the tier full keep the passages.
        """
        self.in_full = in_full
        self._found = array("Q")
        if found is not None:
            self._found.frombytes(found.tobytes())

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
    fewer: Iterable[str],
    more: Iterable[str],
    folder: Path,
    *,
    in_full: bool = True,
    buffer_rows: int = _BUFFER_ROWS,
) -> LeakedPassages:
    """Returns the passages that the texts to be published and the withheld texts have in common. `fewer` are those of
    the two that have fewer passages, and `more` are the others. If `in_full` is False, records of the tier full keep
    these passages.

    Each text is read once. At most `buffer_rows` hashes are kept in memory; the others go into unnamed temporary files
    in `folder`. Of `more`, hardly any passages are kept that the texts in `fewer` do not have.
    """
    import numpy as np

    first = _Passages(passage_hashes(fewer), folder, buffer_rows)
    accepted = HashFilter(first.shares(), len(first))
    second = _Passages((hashes[accepted.may_contain(hashes)] for hashes in passage_hashes(more)), folder, buffer_rows)
    common = [
        np.intersect1d(one, other, assume_unique=True)
        for one, other in zip(first.shares(), second.shares(), strict=True)
    ]
    return LeakedPassages(np.concatenate(common), in_full=in_full)


class _Passages:
    """The distinct passages of some texts, as hashes in shares by their leading bits. Its length is the number of
    distinct hashes, and more if some of them went into the temporary file.
    """

    def __init__(self, found: Iterable[Any], folder: Path, buffer_rows: int) -> None:
        """`found` are arrays of hashes."""
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._spilled: list[tuple[int, Sequence[int]]] = []
        parts: list[Any] = []
        self._count = rows = 0
        for part in found:
            parts.append(part)
            rows += len(part)
            if rows > buffer_rows:
                self._spill(merge_distinct(parts))
                rows = 0
        self._last = merge_distinct(parts)
        self._bounds = _bounds_of_shares(self._last)
        self._count += len(self._last)

    def __len__(self) -> int:
        return self._count

    def _spill(self, hashes: Any) -> None:
        """Writes ascending hashes to the temporary file."""
        self._file = self._file or tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
        self._spilled.append((self._file.seek(0, os.SEEK_END), _bounds_of_shares(hashes)))
        self._file.write(hashes.tobytes())
        self._count += len(hashes)

    def shares(self) -> Iterator[Any]:
        """Yields the shares of the hashes in order. In each, every hash is contained once, in ascending order."""
        import numpy as np

        for number in range(1 << _SHARE_BITS):
            parts = [self._last[self._bounds[number] : self._bounds[number + 1]]]
            for start, bounds in self._spilled:
                assert self._file is not None
                self._file.seek(start + bounds[number] * _HASH_BYTES)
                data = self._file.read((bounds[number + 1] - bounds[number]) * _HASH_BYTES)
                parts.append(np.frombuffer(data, np.uint64))
            yield merge_distinct(parts)


def passage_hashes(texts: Iterable[str]) -> Iterator[Any]:
    """Yields the hashes of all passages of some texts, one array per batch. Texts may have any length."""
    batch: list[bytes] = []
    size = 0
    for text in texts:
        for piece in _pieces(spaced_words(text)):
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
    if len(data) > most:
        data = b" ".join(data.split())
    while len(data) > most:
        end = max(data.rfind(b" ", 0, most), 0) or most
        yield data[:end]
        start = end
        for _ in range(PASSAGE_WORDS - 1):
            start = max(data.rfind(b" ", 0, start), 0)
        data = data[start or end :].strip()
    if data:
        yield data


def _bounds_of_shares(hashes: Any) -> Sequence[int]:
    """Returns where each share of an ascending array of hashes begins, by their leading bits, and where the last one
    ends.
    """
    import numpy as np

    firsts = np.arange(1 << _SHARE_BITS, dtype=np.uint64) << np.uint64(64 - _SHARE_BITS)
    bounds: list[int] = [*np.searchsorted(hashes, firsts).tolist(), len(hashes)]
    return bounds


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


def redact(
    record: dict[str, Any], tier: Tier, leaked: LeakedPassages, characters: int = LONGEST_EXCERPT
) -> dict[str, Any]:
    """Returns a record (of `articles` or `revisions`) without the values that its tier withholds, and without the
    `leaked` passages. Below the tier full, a value that contains such a passage is left out; in a record of the tier
    full, the passage is cut from the value. An excerpt and a description have at most `characters` characters.
    """
    if tier is Tier.FULL:
        return _without_passages(record, _TEXTS_IN_FULL, leaked, leaked.cut_from) if leaked.in_full else record
    if tier is Tier.REFERENCE:
        out = {name: value if name in _REFERENCE else [] if name in _LISTS else None for name, value in record.items()}
    else:
        out = {**record, **{name: [] if name in _LISTS else None for name in published_from("full") if name in record}}
        if "excerpt" in out:
            has_excerpt = tier is Tier.EXCERPT
            out["excerpt"] = first_words(record["body"], characters=characters) if has_excerpt else None
            for name in published_from("excerpt"):
                out[name] = first_words(record[name], 1, characters) if has_excerpt else None
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


def first_words(text: str | None, share: int = SHARE, characters: int = LONGEST_EXCERPT) -> str | None:
    """Returns the beginning of a text as an excerpt: at most `WORDS` words, at most `characters` characters with the
    mark of omission, and at most 1/`share` of its characters. Returns None if no word fits, or if there is no text
    (None).
    """
    if not text:
        return None
    room = characters if characters == LONGEST_EXCERPT or len(text) <= characters else max(characters - 2, 0)
    most = min(room, len(text) // share)
    out, count = "", 0
    for piece in re.finditer(r"\S+\s*", text):
        if count == WORDS or piece.end() > most:
            break
        out, count = text[: piece.end()], count + 1
    if not count and share > 1 and not text.isascii():  # the text is in a script without spaces
        out = text[: min(most, 2 * WORDS)]
    out = " ".join(out.split())
    return f"{out} …" if out and len(out) < len(text.strip()) else out or None


def parts_beyond(text: str, excerpt: str) -> Iterator[str]:
    """Yields the parts of a text that together have all its passages which its excerpt does not have."""
    tokens, allowed = words_of_text(text), set(runs(words_of_text(excerpt)))
    firsts = {run.partition(" ")[0] for run in allowed}
    count, start = len(tokens) - PASSAGE_WORDS + 1, 0
    for at in range(count):
        if tokens[at] in firsts and " ".join(tokens[at : at + PASSAGE_WORDS]) in allowed:
            if at > start:
                yield " ".join(tokens[start : at + PASSAGE_WORDS - 1])
            start = at + 1
    if start < count:
        yield " ".join(tokens[start:])
