"""The stretch of a text that shows what was searched for, with the places of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice, product

from archiver.search.occurrences import Place, Row, occurrences
from archiver.search.terms import Either, Every, Like, Near, Node, Term
from archiver.search.words import lookup

LETTERS = 240
"""So long is a snippet, in characters, without the signs that it was cut."""

_LEAD = 60
_MOST_ROWS = 500
"""Of a phrase in all its forms so many are looked for."""
Marks = tuple[tuple[int, int], ...]


def wanted(node: Node | None, column: str = "body") -> tuple[Row, ...]:
    """What a query looks for in bodies (or in another column of the index), not what it excludes: rows of words;
    whether the last is only a beginning."""
    return tuple(dict.fromkeys(_wanted(node, ("", column))))


def _wanted(node: Node | None, columns: tuple[str, str]) -> Iterator[Row]:
    if isinstance(node, Term) and node.column in columns:
        tokens, begun = lookup(node.text)
        if node.forms:
            for row in islice(product(*node.forms), _MOST_ROWS):
                yield tuple(form.word for form in row), False
        elif tokens:
            yield tuple(tokens), begun or node.prefix
    elif isinstance(node, Near) and node.column in columns:
        for term in node.terms:
            yield from _wanted(term, columns)
    elif isinstance(node, Like):
        for form in node.words:
            yield (form.word,), False
    elif isinstance(node, Every | Either):
        for item in node.items:
            yield from _wanted(item, columns)


def snippet(text: str, rows: Sequence[Row]) -> tuple[str, Marks]:
    """A stretch of a text on one line, and the (start, end) in it of what `wanted` told: the stretch that has most of
    it, the first of several; the beginning of the text where it has none."""
    flat = " ".join(text.split())
    found = occurrences(flat, rows) if rows else []
    start, end = _window(flat, found)
    lead = "…" if start else ""
    shown = lead + flat[start:end] + ("…" if end < len(flat) else "")
    shift = len(lead) - start
    return shown, tuple((a + shift, b + shift) for a, b, _ in found if start <= a and b <= end)


def line(text: str, rows: Sequence[Row]) -> tuple[str, Marks]:
    """All of a text on one line, a title, and the (start, end) in it of what `wanted` told."""
    flat = " ".join(text.split())
    return flat, tuple((start, end) for start, end, _ in occurrences(flat, rows)) if rows else ()


def _window(text: str, found: list[Place]) -> tuple[int, int]:
    best, start, ahead = (0, 0), 0, 0
    inside: Counter[int] = Counter()
    for at, _, number in found:
        while ahead < len(found) and found[ahead][1] <= at + LETTERS - _LEAD:
            inside[found[ahead][2]] += 1
            ahead += 1
        worth = (len(inside), inside.total())
        if worth > best:
            best, start = worth, at
        inside[number] -= 1
        if inside[number] <= 0:
            del inside[number]
    start = max(0, min(start - _LEAD, len(text) - LETTERS))
    if found and start:
        start = _boundary(text, start)
    end = min(len(text), start + LETTERS)
    if end < len(text) and (cut := text.rfind(" ", end - 40, end)) > start:
        end = max(cut, *(b for a, b, _ in found if a < end), 0) if any(a < end < b for a, b, _ in found) else cut
    return start, end


def _boundary(text: str, start: int) -> int:
    """The next beginning of a word, where one is near."""
    found = re.compile(r"\s\S").search(text, start - 1, start + 30)
    return found.end() - 1 if found else start
