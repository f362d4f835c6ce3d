"""Finds and marks the search terms in a text, and cuts the snippet that shows them.

Splitting a whole text into words takes a millisecond, which is too slow for the twenty hits of a page. Therefore terms
are found by comparing characters, if every character of the text corresponds to exactly one character in the index. In
other texts, only the parts that may contain a term are split into words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

from archiver.model.lazy_regex import lazy_regex
from archiver.search.query_tree import And, Near, Node, Or, SimilarTo, Term
from archiver.search.word_splitting import (
    MAX_WORD,
    is_run_letter,
    lookup_words,
    normalized_text,
    searchable_text,
    split_into_words,
    words_with_places,
)

SearchTerm = tuple[tuple[str, ...], bool]
"""A search term: its adjacent words, and True if the last one is a prefix."""
Place = tuple[int, int, int]
"""The start and end of an occurrence, and the number of the search term (its row) that occurs there."""

_PIECE = 400
"""A text is read in pieces of at least this many characters. Each piece ends at a space."""
_BLANK = lazy_regex(r"\s")


def find_occurrences(text: str, rows: Sequence[SearchTerm]) -> list[Place]:
    """Finds all occurrences of the search terms in a one-line text, in order and without overlaps. `rows` are the terms
    from `highlight_terms`.
    """
    normalized = normalized_text(text)
    found = list(_in_normalized(normalized, rows) if normalized is not None else _in_pieces(text, rows))
    found.sort(key=lambda place: (place[0], -place[1]))
    kept: list[Place] = []
    for one in found:
        if not kept or one[0] >= kept[-1][1]:
            kept.append(one)
    return kept


def _in_normalized(normalized: str, rows: Sequence[SearchTerm]) -> Iterator[Place]:
    text = f" {normalized} "
    for number, (row, is_prefix) in enumerate(rows):
        whole = _term_pattern(row, is_prefix)
        first = f" {row[0]}" if len(row) > 1 or is_prefix or len(row[0]) >= MAX_WORD else f" {row[0]} "
        at = text.find(first)
        while at >= 0:
            if match := whole.match(text, at + 1):
                yield at, match.end() - 1, number
            at = text.find(first, at + 1)


@lru_cache(maxsize=1_000)
def _term_pattern(row: tuple[str, ...], is_prefix: bool) -> re.Pattern[str]:
    """Returns a regular expression that matches a search term, given as its words (`row`), in a normalized text, from
    the first letter of its first word. If `is_prefix` is True, the last word may continue.
    """
    return re.compile(
        " +".join(
            re.escape(word) + (r"\S*" if len(word) >= MAX_WORD or (is_prefix and last) else r"(?!\S)")
            for word, last in zip(row, [False] * (len(row) - 1) + [True], strict=True)
        )
    )


def _in_pieces(text: str, rows: Sequence[SearchTerm]) -> Iterator[Place]:
    firsts = {row[0] for row, _ in rows}
    longest = max((len(row) for row, _ in rows), default=1)
    pieces = list(_pieces(text))
    is_candidate = [
        any(first in seen for first in firsts) for seen in (searchable_text(text[start:end]) for start, end in pieces)
    ]
    number = 0
    while number < len(pieces):
        if not is_candidate[number]:
            number += 1
            continue
        last = number
        while last + 1 < len(pieces) and is_candidate[last + 1]:
            last += 1
        start, end = pieces[number][0], _end_after_words(text, pieces, last, longest - 1)
        for a, b, row in occurrences_among_words(text[start:end], rows):
            if a + start < pieces[last][1]:
                yield a + start, b + start, row
        number = last + 1


def _end_after_words(text: str, pieces: list[tuple[int, int]], last: int, more: int) -> int:
    """Returns the position up to which a text must be read so that at least `more` words after piece number `last` are
    included. `pieces` are the (start, end) of the parts into which spaces divide the text; the position is always the
    end of one of them.
    """
    while more > 0 and last + 1 < len(pieces):
        last += 1
        more -= len(split_into_words(text[slice(*pieces[last])]))
    return pieces[last][1]


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    while start < len(text):
        blank = _BLANK.search(text, start + _PIECE)
        end = blank.end() if blank else len(text)
        yield start, end
        start = end


def occurrences_among_words(text: str, rows: Sequence[SearchTerm]) -> Iterator[Place]:
    """Splits a text into words, and yields the occurrences of the search terms among them. `rows` are the terms from
    `highlight_terms`. Occurrences may overlap.
    """
    placed = words_with_places(text)
    tokens = placed.words
    exact = {row[0] for row, is_prefix in rows if len(row) > 1 or not is_prefix}
    begins = tuple({row[0] for row, is_prefix in rows if len(row) == 1 and is_prefix})
    firsts = [place for place, token in enumerate(tokens) if token in exact or token.startswith(begins)]
    for number, (row, is_prefix) in enumerate(rows):
        last = len(row) - 1
        for position in firsts:
            here = tuple(tokens[position : position + len(row)])
            if here == row or (is_prefix and here[:last] == row[:last] and "".join(here[last:]).startswith(row[last])):
                begin, end = placed.place(position + last)
                if is_prefix and len(row[last]) == 1 and len(tokens[position + last]) == 2 and is_run_letter(row[last]):
                    # Only the first letter of the pair belongs to the match.
                    second = placed.place(position + last + 1)[0]
                    end = second if second > begin else end
                yield placed.place(position)[0], end, number


# Snippets.

SNIPPET_LENGTH = 240
"""The length of a snippet in characters, without the ellipses."""

_LEAD = 60
Marks = tuple[tuple[int, int], ...]


def highlight_terms(node: Node | None, column: str = "body") -> tuple[SearchTerm, ...]:
    """Returns the search terms of a query (`node`) to highlight in the body or another column; excluded terms are left
    out.
    """
    return tuple(dict.fromkeys(_terms(node, ("", column))))


def _terms(node: Node | None, columns: tuple[str, str]) -> Iterator[SearchTerm]:
    if isinstance(node, Term) and node.column in columns:
        tokens, is_prefix = lookup_words(node.text)
        if tokens:
            yield tuple(tokens), is_prefix or node.prefix
    elif isinstance(node, Near) and node.column in columns:
        for term in node.terms:
            yield from _terms(term, columns)
    elif isinstance(node, SimilarTo):
        for word in node.marked or [form.word for form in node.words]:
            yield (word,), False
    elif isinstance(node, And | Or):
        for item in node.items:
            yield from _terms(item, columns)


def snippet(text: str, rows: Sequence[SearchTerm]) -> tuple[str, Marks]:
    """Cuts the passage with the most search terms from a text; if several passages have equally many, the first one.
    Returns it as one line, with the (start, end) of each term in it.

    `rows` are the terms from `highlight_terms`. If the text contains none of them, the snippet is the beginning of
    the text.
    """
    flat = " ".join(text.split())
    found = find_occurrences(flat, rows) if rows else []
    start, end = _window(flat, found)
    lead = "…" if start else ""
    shown = lead + flat[start:end] + (_ellipsis_after(flat[start:end]) if end < len(flat) else "")
    shift = len(lead) - start
    return shown, tuple((a + shift, b + shift) for a, b, _ in found if start <= a and b <= end)


def _ellipsis_after(text: str) -> str:
    """Returns the ellipsis after a text that is cut off, with a space if the text ends with a sentence."""
    return " …" if text.endswith((".", "!", "?", "…", "。", "！", "？", "؟", "।")) else "…"


def highlight_line(text: str, rows: Sequence[SearchTerm]) -> tuple[str, Marks]:
    """Returns a complete text, such as a title, as one line, with the (start, end) of each search term in it. `rows`
    are the terms from `highlight_terms`.
    """
    flat = " ".join(text.split())
    return flat, tuple((start, end) for start, end, _ in find_occurrences(flat, rows)) if rows else ()


def _window(text: str, found: list[Place]) -> tuple[int, int]:
    best, start, ahead = (0, 0), 0, 0
    inside: Counter[int] = Counter()
    for at, _, number in found:
        while ahead < len(found) and found[ahead][1] <= at + SNIPPET_LENGTH - _LEAD:
            inside[found[ahead][2]] += 1
            ahead += 1
        worth = (len(inside), inside.total())
        if worth > best:
            best, start = worth, at
        inside[number] -= 1
        if inside[number] <= 0:
            del inside[number]
    start = max(0, min(start - _LEAD, len(text) - SNIPPET_LENGTH))
    if found and start:
        start = _next_word_start(text, start)
    end = min(len(text), start + SNIPPET_LENGTH)
    if end < len(text) and (cut := text.rfind(" ", end - 40, end)) > start:
        end = max(cut, *(b for a, b, _ in found if a < end), 0) if any(a < end < b for a, b, _ in found) else cut
    return start, end


def _next_word_start(text: str, start: int) -> int:
    """Returns the position of the next start of a word, or `start` if there is none within about 30 characters."""
    found = re.compile(r"\s\S").search(text, start - 1, start + 30)
    return found.end() - 1 if found else start
