"""Which passages of withheld texts something else of a dataset has too: a headline that another article quotes.

Passages are compared by their hashes. Two that have the same by chance would leave one headline out that might have
been given; none is given that may not be.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from archiver.datasets.ngrams import BATCH, RUN, Bitmap, HashedTexts, of_text, plain
from archiver.datasets.parquet import arrow
from archiver.datasets.publication_rules import Tier
from archiver.fields import BY_NAME, QUOTING, published_from

_SOUGHT = 2_000_000
"""Passages that are looked for in one reading of the texts, at 8 bytes and some more in what finds them."""
_HELD = 1_000_000
_SHARE_BITS = 4
"""By so many of their first bits hashes are looked up: Arrow's table of two millions at a time takes 100 MB."""


class PublishedPassages:
    """Passages that may not be told, by their hashes in ascending order."""

    def __init__(self, found: Any = None) -> None:
        """`found` is an Arrow array of them, in that order."""
        self._found = array("Q")
        if found is not None and len(found):
            start = found.offset * self._found.itemsize
            self._found.frombytes(found.buffers()[1][start : start + len(found) * self._found.itemsize])

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


def shown(told: Iterable[str], withheld: Callable[[], Iterator[str]]) -> PublishedPassages:
    """The passages of `told` that stand in withheld texts; these are read as often as it takes to look for so many
    passages in bounded memory: once, where less than two millions are told."""
    pa, _ = arrow()
    found = [distinct(list(_standing(sought, withheld()))) for sought in _sought(told)]
    try:
        return PublishedPassages(distinct(found))
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
                yield HashedTexts(batch).runs(RUN).hashes
                batch, size = [], 0
            batch.append(piece)
            size += len(piece) + 3
    if batch:
        yield HashedTexts(batch).runs(RUN).hashes


def _pieces(data: bytes) -> Iterator[bytes]:
    """A text in pieces of half a batch at most; the next begins with the last seven words of that before."""
    most = BATCH // 2
    while len(data) > most:
        end = max(data.rfind(b" ", 0, most), 0) or most
        yield data[:end]
        start = end
        for _ in range(RUN - 1):
            start = max(data.rfind(b" ", 0, start), 0)
        data = data[start or end :].strip()
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
        out.append(hashes[start : start + counts.get(share, 0)])
        start += counts.get(share, 0)
    return out


# What of a record is written, by its tier. Below full text nothing repeats a passage of a text that is withheld.

_REFERENCE = frozenset(
    {
        *published_from("reference"),
        "captured_at",
        "payload_digest",
        "content_digest",
        "sketch",
        "tier",
        "licence",
        "words",
        "split",
        "observed_at",
        "changed",
        "previous",
        "same_as",
    }
)
_TEXTS = (*QUOTING, "excerpt")
_LISTS = frozenset(name for name in BY_NAME if BY_NAME[name].shape == "texts")
WORDS = 25
SHARE = 5
"""An excerpt has 25 words at most, and at most a fifth of the text."""


def redact(record: dict[str, Any], tier: Tier, shown: PublishedPassages) -> dict[str, Any]:
    """The record (of `articles` or `revisions`) without what its tier keeps back, and below full text without what
    repeats a passage that may not be told."""
    if tier is Tier.FULL:
        return record
    if tier is Tier.REFERENCE:
        out = {name: value if name in _REFERENCE else [] if name in _LISTS else None for name, value in record.items()}
    else:
        out = {**record, "body": None}
        if "excerpt" in out:
            given = tier is Tier.EXCERPT
            out["excerpt"] = first_words(record["body"]) if given else None
            for name in published_from("excerpt"):
                out[name] = first_words(record[name], 1) if given else None
    if shown:
        for name in _TEXTS:
            value = out.get(name)
            if isinstance(value, list):
                out[name] = [one for one in value if not shown.repeats(one)]
                if shown.repeats(" ".join(out[name])):  # of short ones, in the order of the text
                    out[name] = []
            elif shown.repeats(value):
                out[name] = None
    return out


def first_words(text: str | None, share: int = SHARE) -> str | None:
    """The beginning of a text: `WORDS` words, no more than one part in `share` of it; None where that is nothing."""
    if not text:
        return None
    most = min(10 * WORDS, len(text) // share)
    out, count = "", 0
    for piece in re.finditer(r"\S+\s*", text):
        if count == WORDS or piece.end() > most:
            break
        out, count = text[: piece.end()], count + 1
    if not count and share > 1 and not text.isascii():  # a script without spaces
        out = text[: min(most, 2 * WORDS)]
    out = " ".join(out.split())
    return f"{out} …" if out and len(out) < len(text.strip()) else out or None
