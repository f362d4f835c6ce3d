"""Decides whether two texts are near-duplicates, and why, and whether three are a series from one template.

The measure is how much of a text is in passages that the other also has. An edited copy shares passages throughout,
with small gaps where words were changed; a text that quotes another shares some and continues with its own.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from math import sqrt

from archiver.record.wording import HAN, SPACED, THAI, Wording

# A gap this small between two shared passages is an edit within one passage.
_GAPS = {script: re.compile(b"(?<=\1)\0{1,%d}(?=\1)" % script.gap) for script in (SPACED, HAN, THAI)}
_SHORT_PASSAGES, _LONG_PASSAGES, _SHORT_SHARED = 0.6, 0.5, 0.35
_WHOLE, _WHOLE_OF = 0.85, 0.25
_LIST = 0.85
_LEAST_NUMBERS, _OTHER_NUMBERS = 8, 0.6
_SERIES_AT_MOST, _SERIES, _IN_GAPS = 0.85, 0.3, 0.7
_NUMBER = re.compile(r"\d+(?:[.:/-]\d+)*")


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two near-duplicates: `similarity` is the share of their words (0 to 1) in word sequences of both; `reason`
    says why in words."""

    similarity: float
    reason: str


@dataclass(frozen=True, slots=True)
class _Cover:
    """The words of a text that are in another's shingles: `shared` of `size`, `passages` with small gaps filled;
    `before` and `after` count the words before the first and after the last passage."""

    size: int
    shared: int
    passages: int
    before: int
    after: int


def _cover(text: Wording, other: Wording) -> _Cover:
    width, there = text.script.shingle, other.unique
    begins = int.from_bytes(bytes(map(there.__contains__, text.shingles)), "little")
    shared = 0
    for at in range(width):  # one byte per word: all words of a shared shingle are set at once
        shared |= begins << 8 * at
    size = len(text.words)
    flags = shared.to_bytes(size, "little")
    filled = _GAPS[text.script].sub(lambda gap: b"\1" * len(gap[0]), flags)
    return _Cover(size, flags.count(1), filled.count(1), filled.find(1), size - 1 - filled.rfind(1))


def near_copies(a: Wording, b: Wording, *, one_site: bool = False) -> Likeness | None:
    """What makes two texts near-duplicates; None if they are not. Their order makes no difference.

    Posts of one site have phrases in common, so they must share more.
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
    """Whether two posts (title and text) are issues of a series: their titles differ only in numbers ("Release 1.5.4",
    "Release 1.6.1"; "2017 in review", "2018 in review"), and these are in their texts too."""
    if _NUMBER.sub("0", a[0].casefold()) != _NUMBER.sub("0", b[0].casefold()):
        return False
    there = [(x, y) for x, y in zip(_NUMBER.findall(a[0]), _NUMBER.findall(b[0]), strict=True) if x != y]
    return bool(there) and all(_has(a[1], x) and _has(b[1], y) for x, y in there)


def _has(text: str, number: str) -> bool:
    return re.search(rf"(?<![\d.]){re.escape(number)}(?!\d|\.\d)", text) is not None


def are_series(a: Wording, b: Wording, c: Wording, *, one_site: bool) -> bool:
    """Whether three texts that look like near-duplicates were made from one template, or share boilerplate.

    Edits of a story change each copy in other places, so three copies have less in common than two. The frame of a
    template stays: the third has what two of them share, though much differs. If all differences are in one place
    (another introduction to the same story), only posts of one site are a series.
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
