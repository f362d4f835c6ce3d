"""Compares two texts word by word: which words were removed, and which were added.

As in Bram Cohen's patience diff (known from bzr), the texts are first aligned at anchors: words that occur exactly once
in each text. Anchors are found in O(n log n). They keep a moved sentence in one piece, which a shortest edit script
would split at common words. Only the short stretches between anchors are compared in full.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from archiver.model.lazy_regex import lazy_regex

# In scripts without spaces between words, each character with its combining marks counts as a word.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003134f"
)
_SIGNS = (
    "\u0300-\u036f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e"
    "\u17b4-\u17d3\u3099\u309a"
)
_WORD = lazy_regex(
    rf"[{_UNSPACED}][{_SIGNS}]*"
    rf"|(?:(?![{_UNSPACED}])[\w{_SIGNS}])+(?:['’.,](?:(?![{_UNSPACED}])\w)+)*"  # such as it's, 4,500, U.S
    r"|\s+|.",
    re.DOTALL,
)
_COSTLY = 4_000
"""A stretch between anchors is compared in full if that takes at most this many steps (see `_cost`)."""
_RUN = 4
_MAX_DEPTH = 12
_MAX_WORDS = 200_000
"""If two texts together have more words than this (counted as five letters each), they are only compared paragraph by
paragraph."""


class DiffOp(StrEnum):
    """Whether a piece of a diff is in both texts, only in the old one (delete), or only in the new one (insert)."""

    EQUAL = "equal"
    DELETE = "delete"
    INSERT = "insert"


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a comparison: a stretch of text that is in both texts (equal), only in the old text (delete) or only
    in the new text (insert).
    """

    op: DiffOp
    text: str


def split_words(text: str) -> list[str]:
    """Splits a text into words, spaces and punctuation marks. Joined together, these parts are the text again."""
    return _WORD.findall(text)


def word_diff(old: str, new: str) -> tuple[Piece, ...]:
    """Returns the word-by-word comparison of two texts, as pieces in the order of the texts.

    All pieces except insertions form the old text; all pieces except deletions form the new text. Deleted words precede
    the words that replace them. The time is bounded: texts of 10,000 words that have nothing in common take a few
    tenths of a second. Never raises.
    """
    if old == new:
        return (Piece(DiffOp.EQUAL, old),) if old else ()
    paragraphs = re.compile(r"\n+|[^\n]+").findall if len(old) + len(new) > _MAX_WORDS * 5 else split_words
    return tuple(_pieces(_join_steps(_diff_steps(paragraphs(old), paragraphs(new)))))


def is_equal(pieces: Iterable[Piece]) -> bool:
    """Returns True if the pieces of a comparison show no edit."""
    return all(piece.op is DiffOp.EQUAL for piece in pieces)


def set_diff(old: Sequence[str], new: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Compares two lists of names, such as authors or tags. Returns the added names in the order of the new list, and
    the removed names in the order of the old list.
    """
    return tuple(n for n in new if n not in old), tuple(n for n in old if n not in new)


_Step = tuple[DiffOp, Sequence[str]]


def _diff_steps(old: Sequence[str], new: Sequence[str]) -> Iterator[_Step]:
    """Yields the steps that turn the old words into the new ones: the common beginning, the compared middle, and the
    common end.
    """
    start = _common_prefix_length(old, new)
    end = min(_common_prefix_length(old[::-1], new[::-1]), len(old) - start, len(new) - start)
    if start:
        yield DiffOp.EQUAL, old[:start]
    yield from _diff_middle(old[start : len(old) - end], new[start : len(new) - end])
    if end:
        yield DiffOp.EQUAL, old[len(old) - end :]


def _diff_middle(old: Sequence[str], new: Sequence[str], depth: int = 0) -> Iterator[_Step]:
    """Yields the steps that turn the word sequence `old` into `new`. If a full comparison is too costly, the sequences
    are split at anchors, and the stretches between them are compared; `depth` counts how often this was done before. An
    anchor is one word or, if no single word is suitable, a sequence of `_RUN` words.
    """
    if not (old and new) or _cost(old, new) <= _COSTLY:
        yield from _diff_in_full(old, new)
        return
    anchors = (_find_anchors(old, new, 1) or _find_anchors(old, new, _RUN)) if depth < _MAX_DEPTH else []
    if not anchors:
        yield DiffOp.DELETE, old
        yield DiffOp.INSERT, new
        return
    a = b = 0
    for i, j in anchors:
        if i < a or j < b:
            continue  # this anchor is already inside the equal stretch around the previous one
        back = _common_prefix_length(old[a:i][::-1], new[b:j][::-1])
        yield from _diff_middle(old[a : i - back], new[b : j - back], depth + 1)
        length = 1
        while i + length < len(old) and j + length < len(new) and old[i + length] == new[j + length]:
            length += 1
        yield DiffOp.EQUAL, old[i - back : i + length]
        a, b = i + length, j + length
    yield from _diff_middle(old[a:], new[b:], depth + 1)


def _cost(old: Sequence[str], new: Sequence[str]) -> int:
    """Returns about how many steps difflib needs to find the longest match of two word sequences."""
    counts = Counter(new)
    return len(old) + sum(counts[word] for word in old)


def _diff_in_full(old: Sequence[str], new: Sequence[str]) -> Iterator[_Step]:
    for tag, a, z, b, y in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield DiffOp.EQUAL, old[a:z]
            continue
        yield DiffOp.DELETE, old[a:z]
        yield DiffOp.INSERT, new[b:y]


def _find_anchors(old: Sequence[str], new: Sequence[str], length: int) -> list[tuple[int, int]]:
    """Returns the anchors of two texts as (position in `old`, position in `new`) pairs. An anchor is a sequence of
    `length` words that occurs exactly once in each text.

    If anchors are in a different order in the two texts, only the longest series of them that has the same order is
    returned.
    """
    a, b = _word_sequences(old, length), _word_sequences(new, length)
    once = {run for run, n in Counter(a).items() if n == 1} & {run for run, n in Counter(b).items() if n == 1}
    place = {run: n for n, run in enumerate(b) if run in once}
    pairs = [(n, place[run]) for n, run in enumerate(a) if run in once]
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for n, (_, j) in enumerate(pairs):
        at = bisect_left(tails, j)
        before.append(ends[at - 1] if at else -1)
        if at == len(tails):
            tails.append(j)
            ends.append(n)
        else:
            tails[at], ends[at] = j, n
    out: list[tuple[int, int]] = []
    n = ends[-1] if ends else -1
    while n >= 0:
        out.append(pairs[n])
        n = before[n]
    return out[::-1]


def _word_sequences(text: Sequence[str], length: int) -> Sequence[Hashable]:
    return text if length == 1 else list(zip(*(text[n:] for n in range(length)), strict=False))


def _common_prefix_length(old: Sequence[str], new: Sequence[str]) -> int:
    return next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))


def _join_steps(steps: Iterable[_Step]) -> Iterator[tuple[DiffOp, str]]:
    """Yields the steps with adjacent steps of the same operation joined. Spaces or punctuation between two changes
    become part of the changes, which makes the diff easier to read.
    """
    out = ins = ""
    gap: str | None = None
    for op, part in steps:
        text = "".join(part)
        if not text:
            continue
        if op is DiffOp.EQUAL:
            gap = (gap or "") + text
            continue
        if gap is not None:
            if (out or ins) and "\n" not in gap and not any(c.isalnum() for c in gap):
                out, ins = out + gap, ins + gap
            else:
                yield from _change_pieces(out, ins)
                yield DiffOp.EQUAL, gap
                out = ins = ""
            gap = None
        if op is DiffOp.DELETE:
            out += text
        else:
            ins += text
    yield from _change_pieces(out, ins)
    if gap is not None:
        yield DiffOp.EQUAL, gap


def _change_pieces(out: str, ins: str) -> Iterator[tuple[DiffOp, str]]:
    if out:
        yield DiffOp.DELETE, out
    if ins:
        yield DiffOp.INSERT, ins


def _pieces(steps: Iterable[tuple[DiffOp, str]]) -> Iterator[Piece]:
    for op, text in steps:
        yield Piece(op, text)
