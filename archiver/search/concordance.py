"""Concordance (keyword in context): every place where what was searched for stands, with what is around it.

One line for each place in a title or a body, in every script; the description stands for a body that is not there, as
in snippets. Before and after are so in the order of reading: what is before a word of Arabic is set to its right.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import islice
from typing import Any, Literal

from sqlite_utils import Database

from archiver.errors import BadQuery
from archiver.fields import BY_NAME
from archiver.search.engine import ordered, planned
from archiver.search.query import Query
from archiver.search.snippets import highlight_terms, occurrences
from archiver.search.words import split_into_words

WIDTH = 40
MOST_WIDTH = 500
MOST_READ = 2_000
"""So many articles are read where all of their lines are to be sorted by what is around the word."""
BY_CONTEXT: dict[str, str] = {"left": "by the words before, the nearest first", "right": "by the words after"}
_FIELDS = ("title", "body")
_FIRST_PART, _BATCH = 20, 500


@dataclass(frozen=True, slots=True)
class Line:
    """One place: `before` and `after` have at most `width` characters of the same text, white space as one blank.

    `direction` is that of the keyword's letters; `field` is title or body; `id` to `published_precision` are the
    article's.
    """

    id: int
    url: str
    site: str
    title: str
    published: str | None
    published_precision: str | None
    field: str
    before: str
    keyword: str
    after: str
    direction: Literal["ltr", "rtl"]


_ABOUT = tuple(f.name for f in fields(Line) if f.name in BY_NAME)


@dataclass(frozen=True, slots=True)
class Concordance:
    """`more` tells that there are lines beyond the limit. `articles` match; of these `read` were gone through: all
    where `more` is false, unless the lines are sorted by context and the articles are more than MOST_READ."""

    lines: tuple[Line, ...]
    more: bool
    articles: int
    read: int


def concordance(db: Database, query: Query, width: int = WIDTH) -> Concordance:
    """The lines from the query's offset to its limit, of articles folded as the query says.

    The query's `sort` orders the articles, newest first where it is ""; "left" or "right" (BY_CONTEXT, with "-" before
    it backwards) orders the lines of the newest MOST_READ articles instead. Raises BadQuery, also for a query without
    a word to look for, SiteNotFound or IndexMissing.
    """
    if not 0 <= width <= MOST_WIDTH:
        raise BadQuery(f"width {width}", f"a width is a number of characters from 0 to {MOST_WIDTH}")
    if query.offset < 0 or (query.limit is not None and query.limit < 0):
        raise BadQuery(query.text, "limit and offset cannot be negative")
    by = query.sort.removeprefix("-") if query.sort.removeprefix("-") in BY_CONTEXT else ""
    plan = planned(db, replace(query, sort="-date" if by or not query.sort else query.sort))
    rows = {field: highlight_terms(plan.node, field) for field in _FIELDS}
    if not any(rows.values()):
        raise BadQuery(query.text, "a concordance needs a word that stands in titles or texts")
    read = 0

    def lines() -> Iterator[Line]:
        nonlocal read
        last = min(plan.total, MOST_READ) if by else plan.total
        for start, end in _parts(last):
            ids = [found.id for found in ordered(plan, start, end)]
            for at in range(0, len(ids), _BATCH):
                for article in _articles(db, ids[at : at + _BATCH]):
                    read += 1
                    yield from _lines(article, rows, width)

    last = None if query.limit is None else query.offset + query.limit + 1
    every = iter(sorted(lines(), key=_key(by), reverse=query.sort.startswith("-"))) if by else lines()
    page = list(islice(every, query.offset, last))
    more = query.limit is not None and len(page) > query.limit
    return Concordance(tuple(page[: query.limit]), more, plan.total, read)


def _parts(last: int) -> Iterator[tuple[int, int]]:
    """From 0 to `last` in parts, each four times as large as the one before it: a page needs few articles, and to order
    all of them takes no more than to order them once and a third."""
    start, size = 0, _FIRST_PART
    while start < last:
        yield start, min(start + size, last)
        start, size = start + size, size * 4


def _articles(db: Database, ids: list[int]) -> Iterator[dict[str, Any]]:
    found = {
        row["id"]: row
        for row in db.query(
            f"select {', '.join(_ABOUT)}, body, description from articles where id in (select value from json_each(?))",
            [json.dumps(ids)],
        )
    }
    return (found[number] for number in ids if number in found)


def _lines(article: dict[str, Any], rows: dict[str, Any], width: int) -> Iterator[Line]:
    texts = {"title": article["title"], "body": article["body"] or article["description"]}
    about = {name: article[name] for name in _ABOUT}
    for field, text in texts.items():
        flat = " ".join(unicodedata.normalize("NFC", text or "").split())
        for start, end, _ in occurrences(flat, rows[field]) if rows[field] else ():
            yield Line(
                **about,
                field=field,
                before=_whole(flat[max(0, start - width) : start]),
                keyword=flat[start:end],
                after=flat[end : end + width],
                direction=_direction(flat[start:end]),
            )


def _whole(text: str) -> str:
    """A text cut at its beginning, without the marks of a letter that was cut off."""
    while text and unicodedata.category(text[0])[0] == "M":
        text = text[1:]
    return text


def _direction(text: str) -> Literal["ltr", "rtl"]:
    """Of the first letter that has one (Unicode's bidirectional algorithm, UAX #9, rules P2 and P3)."""
    for letter in text:
        kind = unicodedata.bidirectional(letter)
        if kind in ("L", "R", "AL"):
            return "ltr" if kind == "L" else "rtl"
    return "ltr"


def _key(by: str) -> Any:
    if by == "left":
        return lambda line: (
            split_into_words(line.before)[::-1],
            split_into_words(line.keyword),
            line.published or "",
            line.id,
        )
    return lambda line: (split_into_words(line.after), split_into_words(line.keyword), line.published or "", line.id)
