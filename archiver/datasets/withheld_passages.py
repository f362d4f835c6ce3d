"""Keeps withheld texts out of a dataset: removes from each record the values that its tier does not publish, and the
published values that quote a withheld text.

For example, a headline may quote a passage of another article whose text is withheld. Passages are compared by their
hashes. A hash collision may remove a value that could have been published; it never publishes a value that must not be.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from archiver.datasets.parquet import import_arrow
from archiver.datasets.passage_hashes import BATCH, RUN, Bitmap, HashedTexts, plain_words, run_hashes
from archiver.datasets.publication_rules import Tier
from archiver.fields import BY_NAME, QUOTING, published_from

_QUERY_ROWS = 2_000_000
"""At most this many passages are searched for in one pass over the texts. Each takes 8 bytes of memory; the bitmap
takes more."""
_BUFFER_ROWS = 1_000_000
"""At most this many candidate passages are buffered before they are looked up."""
_SHARE_BITS = 4
"""Hashes are divided by this many leading bits, and one share is looked up at a time, because Arrow's hash table of two
million takes 100 MB."""


class LeakedPassages:
    """A set of passages that must not be published because they are from withheld texts, stored as hashes in ascending
    order.
    """

    def __init__(self, found: Any = None) -> None:
        """Stores the hashes of the passages, which are an Arrow array in ascending order. None means that there are no
        passages.
        """
        self._found = array("Q")
        if found is not None and len(found):
            start = found.offset * self._found.itemsize
            self._found.frombytes(found.buffers()[1][start : start + len(found) * self._found.itemsize])

    def __bool__(self) -> bool:
        return bool(self._found)

    def occur_in(self, text: object) -> bool:
        """Returns True if a value is a text that contains any of the passages."""
        if not self._found or not isinstance(text, str) or (len(text) < 2 * RUN - 1 and text.isascii()):
            return False
        return any(map(self._has, run_hashes(text, RUN)))

    def _has(self, passage: int) -> bool:
        at = bisect_left(self._found, passage)
        return at < len(self._found) and self._found[at] == passage


def leaked_passages(published: Iterable[str], withheld: Callable[[], Iterator[str]]) -> LeakedPassages:
    """Returns the passages of the texts to be published that also occur in withheld texts.

    `withheld` yields the withheld texts. It is called once for every two million passages of `published`, so that
    memory stays bounded.
    """
    pa, _ = import_arrow()
    found = [
        merge_distinct(list(_passages_in_texts(passages, withheld()))) for passages in _distinct_passages(published)
    ]
    try:
        return LeakedPassages(merge_distinct(found))
    finally:
        found.clear()
        pa.default_memory_pool().release_unused()


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
            if batch and size + len(piece) + 4 > BATCH:
                yield HashedTexts(batch).runs(RUN).hashes
                batch, size = [], 0
            batch.append(piece)
            size += len(piece) + 3
    if batch:
        yield HashedTexts(batch).runs(RUN).hashes


def _pieces(data: bytes) -> Iterator[bytes]:
    """Splits a long text into pieces of at most half a batch. Each piece begins with the last seven words of the
    previous one, so that no passage is lost at the border.
    """
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


def _distinct_passages(published: Iterable[str]) -> Iterator[Any]:
    """Yields the hashes of all distinct passages of some texts, in arrays of up to about _QUERY_ROWS."""
    parts: list[Any] = []
    size = 0
    for part in passage_hashes(published):
        parts.append(part)
        size += len(part)
        if size > _QUERY_ROWS:
            parts = [merge_distinct(parts)]
            size = len(parts[0])
            if size > _QUERY_ROWS // 2:
                yield parts[0]
                parts, size = [], 0
    if size:
        yield merge_distinct(parts)


def _passages_in_texts(passages: Any, texts: Iterable[str]) -> Iterator[Any]:
    """Yields the hashes in `passages` whose passages occur in the texts. A bitmap filters candidates, which are then
    looked up in bulk.
    """
    bitmap = Bitmap(passages)
    shares = _split_by_leading_bits(passages)
    candidates: list[Any] = []
    size = 0
    for part in passage_hashes(texts):
        candidates.append(part.filter(bitmap.may_contain(part)))
        size += len(candidates[-1])
        if size > _BUFFER_ROWS:
            yield from _common(candidates, shares)
            candidates, size = [], 0
    if size:
        yield from _common(candidates, shares)


def _common(parts: list[Any], shares: list[Any]) -> Iterator[Any]:
    import pyarrow.compute as pc

    for own, others in zip(_split_by_leading_bits(merge_distinct(parts)), shares, strict=True):
        if len(own) and len(others):
            yield own.filter(pc.is_in(own, value_set=others))


def _split_by_leading_bits(hashes: Any) -> list[Any]:
    """Splits an ascending array of hashes by their leading bits into sixteen parts."""
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
"""An excerpt has at most 25 words, and at most a fifth of the text."""


def redact(record: dict[str, Any], tier: Tier, leaked: LeakedPassages) -> dict[str, Any]:
    """Returns a record (of `articles` or `revisions`) without the values that its tier withholds. Below the tier full,
    values that contain one of the `leaked` passages are removed as well.
    """
    if tier is Tier.FULL:
        return record
    if tier is Tier.REFERENCE:
        out = {name: value if name in _REFERENCE else [] if name in _LISTS else None for name, value in record.items()}
    else:
        out = {**record, **{name: [] if name in _LISTS else None for name in published_from("full") if name in record}}
        if "excerpt" in out:
            has_excerpt = tier is Tier.EXCERPT
            out["excerpt"] = first_words(record["body"]) if has_excerpt else None
            for name in published_from("excerpt"):
                out[name] = first_words(record[name], 1) if has_excerpt else None
    if leaked:
        for name in _TEXTS:
            value = out.get(name)
            if isinstance(value, list):
                out[name] = [one for one in value if not leaked.occur_in(one)]
                if leaked.occur_in(" ".join(out[name])):  # short values may form a passage together
                    out[name] = []
            elif leaked.occur_in(value):
                out[name] = None
    return out


def first_words(text: str | None, share: int = SHARE) -> str | None:
    """Returns the beginning of a text as an excerpt: at most `WORDS` words and at most 1/`share` of its characters;
    None if that is empty.
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
