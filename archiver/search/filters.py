"""What narrows a search: who, where, when, in which section; and how it is ordered.

Filters of one kind widen each other (two authors: either), filters of different kinds narrow.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from archiver.errors import BadQuery
from archiver.search.facts import in_language
from archiver.search.names import folded
from archiver.search.places import DEFAULT_KM, in_box, in_circle
from archiver.search.terms import Fact
from archiver.search.times import between
from archiver.store.sites import find_site

_FACETS = {"author": ("authors", "article_authors", "author_id"),
           "category": ("categories", "article_categories", "category_id"),
           "tag": ("tags", "article_tags", "tag_id")}
SORTS: dict[str, str] = {
    "relevance": "", "date": "a.published", "modified": "a.modified", "title": "a.title collate nocase",
    "site": "a.site", "added": "a.id", "distance": "distance",
}


@dataclass(frozen=True, slots=True)
class Query:
    """One search. `text` is in the language of `archiver.search.grammar`; empty means every article.

    `since` and `until` are a year, a month, a day (both ends included, by the page's own clock) or
    a full ISO 8601 time. `near` is (latitude, longitude), `within` kilometres around it (25 where
    it is None), `bbox` (west, south, east, north) in degrees; west greater than east crosses the
    antimeridian. `sort` is a key of SORTS, with "-" before it downwards; "" is by relevance where
    there is text and newest first where there is none. `duplicates` unfolds articles with the same
    text. `limit` None is no limit.
    """

    text: str = ""
    site: tuple[str, ...] = ()
    author: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    near: tuple[float, float] | None = None
    within: float | None = None
    bbox: tuple[float, float, float, float] | None = None
    sort: str = ""
    limit: int | None = 20
    offset: int = 0
    duplicates: bool = False


def conditions(db: Database, query: Query) -> tuple[list[str], list[Any]]:
    """Conditions on the table alias `a` and the values for their marks.

    Raises BadQuery, and SiteNotFound for a site the archive does not have.
    """
    parts: list[str] = []
    values: list[Any] = []
    if query.site:
        names = [find_site(db, name)["name"] for name in query.site]
        parts.append(f"a.site in ({','.join('?' * len(names))})")
        values += names
    for kind, (table, link, key) in _FACETS.items():
        wanted = getattr(query, kind)
        if wanted:
            ids = _named(db, table, wanted)
            parts.append(f"a.id in (select article_id from {link} where {key} in (select value from json_each(?)))")
            values.append(json.dumps(ids))
    for fact in _facts(query):
        parts.append(f"({fact.sql})")
        values += fact.values
    return parts, values


def _facts(query: Query) -> Iterator[Fact]:
    if query.language:
        yield in_language(*query.language)
    if query.since or query.until:
        yield between("a.published", query.since, query.until)
    if query.near is None:
        if query.within is not None:
            raise BadQuery(f"within {query.within:g} km", "it needs --near LAT,LON to say of what")
        if query.sort.lstrip("-") == "distance":
            raise BadQuery("sort by distance", "it needs --near LAT,LON to say from where")
    else:
        yield in_circle(*query.near, DEFAULT_KM if query.within is None else query.within)
    if query.bbox is not None:
        yield in_box(query.bbox)


def _named(db: Database, table: str, wanted: Iterable[str]) -> list[int]:
    keys = {folded(name) for name in wanted}
    return [row[0] for row in db.execute(f"select id, name from {table}") if folded(row[1]) in keys]
