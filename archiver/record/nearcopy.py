"""Whether two texts are near copies of each other, and why; whether three are a series made from one template.

The measure is how much of a text stands in passages that the other has too. An edited copy shares passages all over,
with small gaps where words were changed; a text that quotes another shares some and goes on with its own.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from math import sqrt

from archiver.record.wording import HAN, SPACED, THAI, Wording

# What lies between two shared passages that are so close is an edit within one passage.
_GAPS = {script: re.compile(b"(?<=\1)\0{1,%d}(?=\1)" % script.gap) for script in (SPACED, HAN, THAI)}
_SHORT_PASSAGES, _LONG_PASSAGES, _SHORT_SHARED = 0.6, 0.5, 0.35
_WHOLE, _WHOLE_OF = 0.85, 0.25
_LIST = 0.85
_LEAST_NUMBERS, _OTHER_NUMBERS = 8, 0.6
_SERIES_AT_MOST, _SERIES, _IN_GAPS = 0.85, 0.3, 0.7
_NUMBER = re.compile(r"\d+(?:[.:/-]\d+)*")


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two near copies: `similarity` is the share of their words (0 to 1) that stand in word sequences of both;
    `reason` says it to a person."""

    similarity: float
    reason: str


@dataclass(frozen=True, slots=True)
class _Cover:
    """Which words of a text stand in another's shingles: `shared` of `size`, `passages` with small gaps filled;
    `before` and `after` words stand before the first and after the last passage."""

    size: int
    shared: int
    passages: int
    before: int
    after: int


def _cover(text: Wording, other: Wording) -> _Cover:
    width, there = text.script.shingle, other.unique
    begins = int.from_bytes(bytes(map(there.__contains__, text.shingles)), "little")
    shared = 0
    for at in range(width):  # one byte a word: all words of a shared shingle are set at once
        shared |= begins << 8 * at
    size = len(text.words)
    flags = shared.to_bytes(size, "little")
    filled = _GAPS[text.script].sub(lambda gap: b"\1" * len(gap[0]), flags)
    return _Cover(size, flags.count(1), filled.count(1), filled.find(1), size - 1 - filled.rfind(1))


def near_copies(a: Wording, b: Wording, *, one_site: bool = False) -> Likeness | None:
    """What makes two texts near copies; None where they are not. The order of the two makes no difference.

    Posts of one site have habits in common, so that more of them must be shared.
    """
    if a.is_short or b.is_short or a.script is not b.script:
        return None
    short, long = sorted((_cover(a, b), _cover(b, a)), key=lambda one: (one.size, one.shared, one.passages))
    if short.shared < a.script.shared:
        return None
    similarity = (short.shared + long.shared) / (short.size + long.size)
    if one_site and similarity < a.script.habits and not _is_contained(short, long):
        return None
    if a.is_list or b.is_list:
        # Lists of the same things share most words without being copies.
        if min(short.shared / short.size, long.shared / long.size) < _LIST:
            return None
    elif not _is_contained(short, long) and not _is_edited(short, long):
        return None
    if similarity < 1 and _other_numbers(a, b):
        return None
    return Likeness(round(similarity, 4), _reason(short, long, similarity, a, b))


def _is_contained(short: _Cover, long: _Cover) -> bool:
    return short.shared >= _WHOLE * short.size and long.passages >= _WHOLE_OF * long.size


def _is_edited(short: _Cover, long: _Cover) -> bool:
    return (short.passages >= _SHORT_PASSAGES * short.size and long.passages >= _LONG_PASSAGES * long.size
            and short.shared >= _SHORT_SHARED * short.size)


def _other_numbers(a: Wording, b: Wording) -> bool:
    """Whether the same sentences report other figures: a weather report, a table of results, a price list."""
    fewer, more = sorted((a.numbers, b.numbers), key=len)
    if len(fewer) < _LEAST_NUMBERS:
        return False
    same = (Counter(fewer) & Counter(more)).total()
    return len(fewer) - same >= _OTHER_NUMBERS * len(fewer)


def _reason(short: _Cover, long: _Cover, similarity: float, a: Wording, b: Wording) -> str:
    if a.words == b.words:
        return "the same words"
    share = f"shares {min(99, int(similarity * 100))} % of its word sequences"
    if short.shared < 0.95 * short.size:
        return share
    own = max(1, long.size - long.passages)
    if long.size == short.size or own < 3:
        return share
    if long.before >= 0.6 * own:
        return "contained whole, with another intro"
    if long.after >= 0.6 * own:
        return "contained whole, with another end"
    return "contained whole, with passages of its own"


def are_numbered(a: tuple[str, str], b: tuple[str, str]) -> bool:
    """Whether two posts (title and text) are numbers of a series: their titles differ in numbers only ("Release 1.5.4",
    "Release 1.6.1"; "2017 in review", "2018 in review"), and these stand in their texts, too."""
    if _NUMBER.sub("0", a[0].casefold()) != _NUMBER.sub("0", b[0].casefold()):
        return False
    there = [(x, y) for x, y in zip(_NUMBER.findall(a[0]), _NUMBER.findall(b[0]), strict=True) if x != y]
    return bool(there) and all(_has(a[1], x) and _has(b[1], y) for x, y in there)


def _has(text: str, number: str) -> bool:
    return re.search(rf"(?<![\d.]){re.escape(number)}(?!\d|\.\d)", text) is not None


def are_series(a: Wording, b: Wording, c: Wording, *, one_site: bool) -> bool:
    """Whether three texts that look like near copies are made from one template, or share one boilerplate.

    Edits of a story hit each copy in other places, so that three copies have less in common than two of them. The
    frame of a template stays: what two share the third has too, though much differs. Where what differs is all in
    one place (another intro to the same story), only one site's own posts are a series.
    """
    pairs = [len(x.unique & y.unique) for x, y in ((a, b), (a, c), (b, c))]
    least = min(len(a.unique), len(b.unique), len(c.unique))
    most = max(pairs)
    if not least or not min(pairs) or most > _SERIES_AT_MOST * least:
        return False
    common = len(a.unique & b.unique & c.unique) / most
    expected = sqrt(sum(pairs) / 3 / least)
    if common < expected + _SERIES * (1 - expected):
        return False
    return one_site or _is_scattered(a, b)


def _is_scattered(a: Wording, b: Wording) -> bool:
    cover = _cover(a, b)
    return cover.size - cover.passages < _IN_GAPS * (cover.size - cover.shared)
