"""Running a search over an archive: hits in order, duplicates folded, and counts per facet."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlite_utils import Database

from archiver.errors import BadQuery
from archiver.fields import BY_NAME
from archiver.search.compile import Condition, compile_query
from archiver.search.facts import like
from archiver.search.filters import SORTS, Query, conditions
from archiver.search.names import folded
from archiver.search.places import distance_km
from archiver.store.migrations import FTS_COLUMNS

FACETS = ("site", "author", "category", "tag", "language", "year")
_RANK = f"bm25({', '.join(str(BY_NAME[c].weight) for c in FTS_COLUMNS)})"
_ON, _OFF = "\x02", "\x03"
_SNIPPET_WORDS = 32
_SNIPPET_LETTERS = 180
_MAX_LIMIT = 1_000_000


@dataclass(frozen=True, slots=True)
class Hit:
    """One article that a search found.

    `marks` are (start, end) in `snippet` of what was searched for. `score` is greater for better
    hits, None where nothing in the query ranks; `distance_km` from the query's `near`. `copies` are the
    numbers of other articles with the same text.
    """

    id: int
    url: str
    site: str
    title: str
    authors: tuple[str, ...]
    published: str | None
    published_precision: str | None
    categories: tuple[str, ...]
    tags: tuple[str, ...]
    language: str | None
    gone_at: str | None
    duplicate_of: int | None
    cluster_id: int | None
    copies: tuple[int, ...]
    score: float | None
    distance_km: float | None
    snippet: str
    marks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Results:
    """A page of hits; `total` counts all that match, folded as the query says."""

    hits: tuple[Hit, ...]
    total: int


@dataclass(frozen=True, slots=True)
class _Found:
    id: int
    group: int
    score: float | None
    distance: float | None


def run(db: Database, query: Query) -> Results:
    """The hits of a query. Raises BadQuery or SiteNotFound."""
    first, last = _window(query)
    page: list[_Found] = []
    total = 0
    for total, found in enumerate(_found(db, query), start=1):
        if first < total <= last:
            page.append(found)
    return Results(tuple(_hits(db, compile_query(query.text), page)), total)


def matching_ids(db: Database, query: Query) -> Iterator[int]:
    """The numbers of the articles that match, in order, within the query's offset and limit."""
    first, last = _window(query)
    return (found.id for found in islice(_found(db, query), first, last))


def facets(db: Database, query: Query, most: int = 10) -> dict[str, list[tuple[str, int]]]:
    """How many matching articles have each site, author, category, tag, language and year, most frequent first.

    Counts over all that match, whatever the query's limit; years are in their own order, newest first.
    """
    ids = json.dumps([found.id for found in _found(db, query)])
    out: dict[str, list[tuple[str, int]]] = {}
    for name in FACETS:
        order = "1 desc" if name == "year" else "2 desc, 1"
        rows = db.execute(f"with hit(id) as (select value from json_each(?)) {_COUNTS[name]} "
                          f"group by 1 order by {order} limit ?", [ids, most])
        out[name] = [(str(value), count) for value, count in rows]
    return out


def _linked(table: str, link: str, key: str) -> str:
    return (f"select t.name, count(*) from hit join {link} l on l.article_id = hit.id "
            f"join {table} t on t.id = l.{key}")


_COUNTS = {
    "site": "select a.site, count(*) from hit join articles a using (id)",
    "author": _linked("authors", "article_authors", "author_id"),
    "category": _linked("categories", "article_categories", "category_id"),
    "tag": _linked("tags", "article_tags", "tag_id"),
    "language": "select a.language, count(*) from hit join articles a using (id) where a.language <> ''",
    "year": "select substr(a.published, 1, 4), count(*) from hit join articles a using (id) where a.published <> ''",
}


def _window(query: Query) -> tuple[int, int]:
    if query.offset < 0 or (query.limit is not None and query.limit < 0):
        raise BadQuery(query.text, "limit and offset cannot be negative")
    return query.offset, query.offset + min(query.limit if query.limit is not None else _MAX_LIMIT, _MAX_LIMIT)


def _found(db: Database, query: Query) -> Iterator[_Found]:
    """All that match, in order; of articles with the same text only the first."""
    sql, values = _statement(db, query, compile_query(query.text))
    rows = db.conn.execute(sql, values)
    if query.duplicates:
        yield from (_Found(*row) for row in rows)
        return
    originals = {row[0] for row in db.execute("select distinct duplicate_of from articles where duplicate_of > 0")}
    seen: set[int] = set()
    for row in rows:
        found = _Found(*row)
        if found.group in originals:
            if found.group in seen:
                continue
            seen.add(found.group)
        yield found


def _statement(db: Database, query: Query, text: Condition) -> tuple[str, list[Any]]:
    parts, values = conditions(db, query)
    if text.where:
        parts.append(f"({text.where})")
        values += text.values
    source = "articles a"
    if text.match:
        source = "articles_fts f join articles a on a.id = f.rowid"
        parts = ["f.articles_fts match ?", "f.rank match ?", *parts]
        values = [text.match, _RANK, *values]
    distance, before = "null", []
    for function in (distance_km, folded):
        db.register_function(function, deterministic=True, replace=True)
    if query.near is not None:
        distance = ("(select min(distance_km(latitude, longitude, ?, ?)) from geotags where article_id = a.id "
                    "and role <> 'publisher')")
        before = [*query.near]
    order, after = _order(query, text)
    sql = (f"select a.id, ifnull(a.duplicate_of, a.id), {'-f.rank' if text.match else 'null'}, {distance} as distance "
           f"from {source}{' where ' + ' and '.join(parts) if parts else ''} order by {order}")
    return sql, [*before, *values, *after]


def _order(query: Query, text: Condition) -> tuple[str, list[Any]]:
    name = query.sort.removeprefix("-")
    if name and name not in SORTS:
        raise BadQuery(f"sort by {query.sort}", f"it can be sorted by {', '.join(SORTS)}, with - before it downwards")
    if not name:
        name, down = ("relevance", False) if text.match or text.substrings else ("date", True)
    else:
        down = query.sort.startswith("-")
    newest = "a.published is null, a.published desc, a.id"
    if name != "relevance":
        column = SORTS[name]
        return f"{column} is null, {column} {'desc' if down else 'asc'}, a.duplicate_of is not null, a.id", []
    if text.match:
        return f"f.rank {'desc' if down else 'asc'}, a.duplicate_of is not null, a.id", []
    # Nothing ranks: those with the text in their title come first, then the newest.
    patterns = [f"%{like(wanted)}%" for wanted in text.substrings]
    titles = " + ".join("(a.title like ? escape '\\')" for _ in patterns)
    return (f"{titles} desc, {newest}" if patterns else newest), patterns


# -- what a hit shows -------------------------------------------------------------------------


def _hits(db: Database, text: Condition, page: list[_Found]) -> Iterator[Hit]:
    ids = json.dumps([found.id for found in page])
    rows = {row["id"]: row for row in db.query(
        "select id, url, site, title, authors, published, published_precision, categories, tags, language, gone_at, "
        "duplicate_of, cluster_id, body, description from articles where id in (select value from json_each(?))",
        [ids])}
    snippets = dict(db.execute(
        f"select rowid, snippet(articles_fts, {FTS_COLUMNS.index('body')}, ?, ?, '…', ?) from articles_fts "
        "where articles_fts match ? and rowid in (select value from json_each(?))",
        [_ON, _OFF, _SNIPPET_WORDS, text.match, ids]).fetchall()) if text.match else {}
    groups = json.dumps([found.group for found in page])
    copies: dict[int, list[int]] = {}
    for number, group in db.execute(
        "select id, ifnull(duplicate_of, id) from articles where duplicate_of in (select value from json_each(?)) "
        "or id in (select value from json_each(?)) order by id", [groups, groups],
    ):
        copies.setdefault(group, []).append(number)
    for found in page:
        row = rows[found.id]
        snippet, marks = _snippet(snippets.get(found.id), row, text.substrings)
        yield Hit(
            **{name: row[name] for name in ("id", "url", "site", "title", "published", "published_precision",
                                            "language", "gone_at", "duplicate_of", "cluster_id")},
            authors=tuple(json.loads(row["authors"] or "[]")), categories=tuple(json.loads(row["categories"] or "[]")),
            tags=tuple(json.loads(row["tags"] or "[]")),
            copies=tuple(n for n in copies.get(found.group, []) if n != found.id),
            score=round(found.score, 4) if found.score is not None else None,
            distance_km=round(found.distance, 3) if found.distance is not None else None,
            snippet=snippet, marks=marks,
        )


def _snippet(
    marked: str | None, row: dict[str, Any], substrings: tuple[str, ...]
) -> tuple[str, tuple[tuple[int, int], ...]]:
    if marked and _ON in marked:
        return _unmarked(" ".join(marked.split()))
    body = " ".join(unicodedata.normalize("NFC", row["body"] or row["description"] or "").split())
    for wanted in substrings:
        at = body.casefold().find(wanted.casefold())
        if at >= 0:
            start = max(0, at - _SNIPPET_LETTERS // 3)
            cut = body[start:start + _SNIPPET_LETTERS]
            lead = "…" if start else ""
            at = at - start + len(lead)
            return (lead + cut + ("…" if start + _SNIPPET_LETTERS < len(body) else ""),
                    ((at, at + len(wanted)),))
    if len(body) <= _SNIPPET_LETTERS:
        return body, ()
    cut = body[:_SNIPPET_LETTERS]
    return (cut.rsplit(" ", 1)[0] if " " in cut[_SNIPPET_LETTERS // 2:] else cut) + "…", ()


def _unmarked(marked: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    text, marks, start = "", [], 0
    for piece in re.split(f"([{_ON}{_OFF}])", marked):
        if piece == _ON:
            start = len(text)
        elif piece == _OFF:
            marks.append((start, len(text)))
        else:
            text += piece
    return text, tuple(marks)
