"""Builds a concordance (keyword in context): every occurrence of the search terms, with the text around it.

Each occurrence in a title or a body is one line. An article without a body is searched in its description instead, as
in snippets. "Before" and "after" follow the reading order: in Arabic, the text before a word is printed to its right.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import islice
from typing import Any, Literal

from archiver.errors import BadQuery
from archiver.fields import BY_NAME
from archiver.search.query_with_filters_and_sort import Query
from archiver.search.search_hits_facets_and_similar_articles import ordered_matches, plan_query
from archiver.search.snippets_and_highlighting import find_occurrences, highlight_terms
from archiver.search.word_splitting import is_run_letter, split_into_words
from archiver.storage import Database

WIDTH = 40
MAX_WIDTH = 500
MAX_READ = 2_000
"""If lines are sorted by context, only the newest matching articles are searched for occurrences, at most this many."""
BY_CONTEXT: dict[str, str] = {"left": "by the words before, nearest first", "right": "by the words after"}
_FIELDS = ("title", "body")
_FIRST_BATCH, _BATCH = 20, 500


@dataclass(frozen=True, slots=True)
class ConcordanceLine:
    """One occurrence of a search term with its context.

    - `before`, `after`: at most `width` characters of the text around the keyword, cut at words, with white space
      collapsed.
    - `direction`: the text direction of the keyword.
    - `field`: title or body.

    The fields from `id` to `published_precision` are fields of the article.
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


_ARTICLE_FIELDS = tuple(f.name for f in fields(ConcordanceLine) if f.name in BY_NAME)


@dataclass(frozen=True, slots=True)
class Concordance:
    """One page of concordance lines. `more` is True if there are further lines after this page.

    `articles` is the number of matching articles. `read` is the number of articles in which occurrences were looked
    for. If `more` is False, all matching articles were searched, unless the lines are sorted by context and more than
    MAX_READ articles match.
    """

    lines: tuple[ConcordanceLine, ...]
    more: bool
    articles: int
    read: int


def concordance(db: Database, query: Query, width: int = WIDTH) -> Concordance:
    """Lists the occurrences of a query's terms in the matching articles, from the query's offset up to its limit, with
    duplicates folded as the query requests. `width` is the number of characters of context before and after a term.

    The query's `sort` orders the articles ("" means newest first). If it is "left" or "right" (BY_CONTEXT; "-" reverses
    the order), the lines of the newest MAX_READ articles are sorted by the words before or after the term. Raises
    BadQuery (also for a query without words), SiteNotFound or IndexMissing.
    """
    if not 0 <= width <= MAX_WIDTH:
        raise BadQuery(f"width {width}", f"the width must be 0 to {MAX_WIDTH} characters")
    if query.offset < 0 or (query.limit is not None and query.limit < 0):
        raise BadQuery(query.text, "limit and offset cannot be negative")
    by = query.sort.removeprefix("-") if query.sort.removeprefix("-") in BY_CONTEXT else ""
    plan = plan_query(db, replace(query, sort="-date" if by or not query.sort else query.sort))
    rows = {field: highlight_terms(plan.node, field) for field in _FIELDS}
    if not any(rows.values()):
        raise BadQuery(query.text, "a concordance needs a word to look for in titles or texts")
    read = 0

    def lines() -> Iterator[ConcordanceLine]:
        nonlocal read
        last = min(plan.total, MAX_READ) if by else plan.total
        for start, end in _growing_batches(last):
            ids = [found.id for found in ordered_matches(plan, start, end)]
            for at in range(0, len(ids), _BATCH):
                for article in _articles(db, ids[at : at + _BATCH]):
                    read += 1
                    yield from _lines(article, rows, width)

    last = None if query.limit is None else query.offset + query.limit + 1
    in_order = iter(sorted(lines(), key=_context_sort_key(by), reverse=query.sort.startswith("-"))) if by else lines()
    page = list(islice(in_order, query.offset, last))
    more = query.limit is not None and len(page) > query.limit
    return Concordance(tuple(page[: query.limit]), more, plan.total, read)


def _growing_batches(last: int) -> Iterator[tuple[int, int]]:
    """Yields consecutive (start, end) ranges that cover the positions 0 to `last`. Each range is four times as large as
    the one before.

    To read the matches in a range, the index must sort all matches up to its end. Usually the first range is enough.
    Even if all ranges are read, this takes only a third more time than sorting all matches once.
    """
    start, size = 0, _FIRST_BATCH
    while start < last:
        yield start, min(start + size, last)
        start, size = start + size, size * 4


def _articles(db: Database, ids: list[int]) -> Iterator[dict[str, Any]]:
    found = {
        row["id"]: row
        for row in db.query(
            f"select {', '.join(_ARTICLE_FIELDS)}, body, description from articles "
            "where id in (select value from json_each(?))",
            [json.dumps(ids)],
        )
    }
    return (found[number] for number in ids if number in found)


def _lines(article: dict[str, Any], rows: dict[str, Any], width: int) -> Iterator[ConcordanceLine]:
    texts = {"title": article["title"], "body": article["body"] or article["description"]}
    article_fields = {name: article[name] for name in _ARTICLE_FIELDS}
    for field, text in texts.items():
        flat = " ".join(unicodedata.normalize("NFC", text or "").split())
        for start, end, _ in find_occurrences(flat, rows[field]) if rows[field] else ():
            yield ConcordanceLine(
                **article_fields,
                field=field,
                before=_words_before(flat, start, width),
                keyword=flat[start:end],
                after=_words_after(flat, end, width),
                direction=text_direction(flat[start:end]),
            )


def _words_before(text: str, end: int, width: int) -> str:
    """Returns at most `width` characters of a text up to position `end`, without a word that would be cut. A word is
    cut only if nothing else would be left, or in a script without spaces between words.
    """
    start = max(0, end - width)
    at = start
    if 0 < start < end and not text[start - 1].isspace():
        while at < end and not text[at].isspace() and not is_run_letter(text[at]):
            at += 1
    return _without_leading_marks(text[at:end].lstrip() if start and text[at:end].strip() else text[start:end])


def _words_after(text: str, start: int, width: int) -> str:
    """Returns at most `width` characters of a text from position `start`, without a word that would be cut, as in
    `_words_before`.
    """
    end = at = min(len(text), start + width)
    if start < end < len(text) and not text[end].isspace():
        while at > start and not text[at - 1].isspace() and not is_run_letter(text[at - 1]):
            at -= 1
    return text[start:at].rstrip() if end < len(text) and text[start:at].strip() else text[start:end]


def _without_leading_marks(text: str) -> str:
    """Removes combining marks at the start of a text that was cut off after their base letter."""
    while text and unicodedata.category(text[0])[0] == "M":
        text = text[1:]
    return text


def text_direction(text: str) -> Literal["ltr", "rtl"]:
    """Returns the text direction of the first letter that has a direction (UAX #9, rules P2 and P3); "ltr" if no letter
    has a direction.
    """
    for letter in text:
        kind = unicodedata.bidirectional(letter)
        if kind in ("L", "R", "AL"):
            return "ltr" if kind == "L" else "rtl"
    return "ltr"


def _context_sort_key(by: str) -> Any:
    if by == "left":
        return lambda line: (
            split_into_words(line.before)[::-1],
            split_into_words(line.keyword),
            line.published or "",
            line.id,
        )
    return lambda line: (split_into_words(line.after), split_into_words(line.keyword), line.published or "", line.id)
