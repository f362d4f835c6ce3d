"""Where in a text the words stand that a search looks for.

To cut a whole text into words takes a millisecond, and a page of results has twenty. So it is looked where they can
stand: in a text of which each letter is one in the index, too, by its letters; in others in the stretches that have the
letters of a word somewhere.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice, product

from archiver.search.query_tree import And, Near, Node, Or, SimilarTo, Term
from archiver.search.words import (
    MAX_WORD,
    is_run,
    lookup,
    normalized_text,
    split_into_words,
    spotted,
    words_with_places,
)

Row = tuple[tuple[str, ...], bool]
"""Words in a row; whether the last is only the beginning of one."""
Place = tuple[int, int, int]
"""Start, end and the number of the row."""

_STRETCH = 400
"""So many letters are looked at together, and then up to the next blank."""
_BLANK = re.compile(r"\s")


def occurrences(text: str, rows: Sequence[Row]) -> list[Place]:
    """Where the rows stand in a text of one line, by their beginnings; none within another."""
    even = normalized_text(text)
    found = list(_in_letters(even, rows) if even is not None else _in_stretches(text, rows))
    found.sort(key=lambda place: (place[0], -place[1]))
    kept: list[Place] = []
    for one in found:
        if not kept or one[0] >= kept[-1][1]:
            kept.append(one)
    return kept


def _in_letters(even: str, rows: Sequence[Row]) -> Iterator[Place]:
    text = f" {even} "
    for number, (row, begun) in enumerate(rows):
        whole = _pattern(row, begun)
        first = f" {row[0]}" if len(row) > 1 or begun or len(row[0]) >= MAX_WORD else f" {row[0]} "
        at = text.find(first)
        while at >= 0:
            if match := whole.match(text, at + 1):
                yield at, match.end() - 1, number
            at = text.find(first, at + 1)


@lru_cache(maxsize=1_000)
def _pattern(row: tuple[str, ...], begun: bool) -> re.Pattern[str]:
    """A row in an evened text, from the first letter of its first word on."""
    return re.compile(
        " +".join(
            re.escape(word) + (r"\S*" if len(word) >= MAX_WORD or (begun and last) else r"(?!\S)")
            for word, last in zip(row, [False] * (len(row) - 1) + [True], strict=True)
        )
    )


def _in_stretches(text: str, rows: Sequence[Row]) -> Iterator[Place]:
    firsts = {row[0] for row, _ in rows}
    longest = max((len(row) for row, _ in rows), default=1)
    pieces = list(_pieces(text))
    there = [any(first in seen for first in firsts) for seen in (spotted(text[start:end]) for start, end in pieces)]
    number = 0
    while number < len(pieces):
        if not there[number]:
            number += 1
            continue
        last = number
        while last + 1 < len(pieces) and there[last + 1]:
            last += 1
        start, end = pieces[number][0], _reach(text, pieces, last, longest - 1)
        for a, b, row in in_words(text[start:end], rows):
            if a + start < pieces[last][1]:
                yield a + start, b + start, row
        number = last + 1


def _reach(text: str, pieces: list[tuple[int, int]], last: int, more: int) -> int:
    """The end of the piece by which so many more words have come."""
    while more > 0 and last + 1 < len(pieces):
        last += 1
        more -= len(split_into_words(text[slice(*pieces[last])]))
    return pieces[last][1]


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    while start < len(text):
        blank = _BLANK.search(text, start + _STRETCH)
        end = blank.end() if blank else len(text)
        yield start, end
        start = end


def in_words(text: str, rows: Sequence[Row]) -> Iterator[Place]:
    """Where the rows stand among all words of a text; one may lie within another."""
    there = words_with_places(text)
    tokens = there.words
    exact = {row[0] for row, begun in rows if len(row) > 1 or not begun}
    begins = tuple({row[0] for row, begun in rows if len(row) == 1 and begun})
    firsts = [place for place, token in enumerate(tokens) if token in exact or token.startswith(begins)]
    for number, (row, begun) in enumerate(rows):
        last = len(row) - 1
        for position in firsts:
            here = tuple(tokens[position : position + len(row)])
            if here == row or (begun and here[:last] == row[:last] and "".join(here[last:]).startswith(row[last])):
                begin, end = there.place(position + last)
                if begun and len(row[last]) == 1 and len(tokens[position + last]) == 2 and is_run(row[last]):
                    second = there.place(position + last + 1)[0]  # of a pair the first letter alone
                    end = second if second > begin else end
                yield there.place(position)[0], end, number


# The stretch of a text that shows what was searched for, with the places of it.

LETTERS = 240
"""So long is a snippet, in characters, without the signs that it was cut."""

_LEAD = 60
_MOST_ROWS = 500
"""Of a phrase in all its forms so many are looked for."""
Marks = tuple[tuple[int, int], ...]


def highlight_terms(node: Node | None, column: str = "body") -> tuple[Row, ...]:
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
    elif isinstance(node, SimilarTo):
        for form in node.words:
            yield (form.word,), False
    elif isinstance(node, And | Or):
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


def highlight_line(text: str, rows: Sequence[Row]) -> tuple[str, Marks]:
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
