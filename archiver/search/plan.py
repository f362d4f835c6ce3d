"""What a query comes to over an index: all that is to be shown of it, in which order, with what is folded beneath."""

from __future__ import annotations

import json
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import tantivy
from sqlite_utils import Database

from archiver.errors import BadQuery
from archiver.search.expand import expanded
from archiver.search.filters import SORTS, Query, asked_for, terms
from archiver.search.fold import Fold
from archiver.search.fold import folded as fold
from archiver.search.index.opened import searcher
from archiver.search.index.searcher import Searcher
from archiver.search.match import TooManyBegin, compiled, ranks
from archiver.search.names import folded
from archiver.search.order import Ranked, best_of, count, in_order
from archiver.search.places import distance_km
from archiver.search.recency import by_recency
from archiver.search.terms import Every, Node

_MAX_LIMIT = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Found:
    """`key` is what it was ordered by: a score (with its age as a logarithm), a distance, a number, a text; None where
    it has none."""

    id: int
    group: int
    score: float | None
    distance: float | None
    key: Any


@dataclass(frozen=True, slots=True)
class Plan:
    """`key` tells it from others of its index; `node` is what was typed, `found` all that is to be shown, `beneath`
    what is folded beneath some of it; `best` are the first by score."""

    db: Database
    searcher: Searcher
    query: Query
    key: Hashable
    node: Node | None
    found: tantivy.Query
    beneath: Mapping[int, Sequence[int]]
    best: list[Ranked]
    total: int


def planned(db: Database, query: Query, more: Node | None = None) -> Plan:
    """`more` narrows it further. Hits, facets and histogram of one query are made of one plan, which an index that is
    open remembers. Raises BadQuery, SiteNotFound, ArticleNotFound, IndexMissing or IndexDamaged."""
    filters = terms(db, query)
    node = asked_for(db, query)
    asked = searcher(db)
    key = (node, more, tuple(filters), query.folding)
    try:
        found = asked.remembered(key, lambda: _found(db, asked, query.folding, node, more, filters))
    except (TooManyBegin, ValueError) as error:
        if isinstance(error, ValueError) and "expansions" not in str(error):
            raise
        raise BadQuery(query.text, "too many words begin so: write more of their beginning") from error
    return Plan(db, asked, query, key, *found)


def _found(db: Database, asked: Searcher, folding: Fold, node: Node | None, more: Node | None, filters: list[Node]
           ) -> tuple[Node | None, tantivy.Query, Mapping[int, Sequence[int]], list[Ranked], int]:
    node, more = (expanded(one, db, asked, folding) if one is not None else None for one in (node, more))
    parts = tuple(part for part in (node, more, *filters) if part is not None)
    for function in (distance_km, folded):
        db.register_function(function, deterministic=True, replace=True)
    every = compiled(Every(parts) if parts else None, db, asked)
    shown = fold(asked, every, folding)
    if ranks(node):
        return node, shown.query, shown.beneath, *best_of(asked, shown.query)
    return node, shown.query, shown.beneath, [], count(asked, every) - shown.left_out  # all articles are soon counted


def window(query: Query) -> tuple[int, int]:
    if query.offset < 0 or (query.limit is not None and query.limit < 0):
        raise BadQuery(query.text, "limit and offset cannot be negative")
    return query.offset, query.offset + min(query.limit if query.limit is not None else _MAX_LIMIT, _MAX_LIMIT)


def order_of(plan: Plan) -> tuple[str, bool]:
    """By what the hits of a plan are ordered, and whether its greatest value comes first. Raises BadQuery."""
    name = plan.query.sort.removeprefix("-")
    if name and name not in SORTS:
        raise BadQuery(f"sort by {plan.query.sort}",
                       f"it can be sorted by {', '.join(SORTS)}, with - before it downwards")
    down = plan.query.sort.startswith("-")
    if not name:
        name, down = ("relevance", False) if ranks(plan.node) else ("date", True)
    if name == "relevance" and not ranks(plan.node):
        name, down = "date", not down
    return name, down != (name == "relevance")


def ordered(plan: Plan, first: int, last: int) -> Iterator[Found]:
    name, down = order_of(plan)
    if name == "distance":
        entries = in_order(plan.searcher, plan.found, "id", down=False, first=0, last=plan.total)
        distances = _distances(plan, [entry.id for entry in entries])
        entries = sorted(entries, key=lambda e: (distances.get(e.id, inf) * (-1 if down else 1), e.id))[first:last]
    elif name == "relevance" and plan.query.recent is not None:
        entries = by_recency(plan.searcher, plan.found, plan.query.recent, int(time.time()), first=first, last=last)
        distances = _distances(plan, [entry.id for entry in entries])
    else:
        entries = in_order(plan.searcher, plan.found, SORTS[name], down=down, first=first, last=last, best=plan.best,
                           total=plan.total)
        distances = _distances(plan, [entry.id for entry in entries])
    for entry in entries:
        distance = distances.get(entry.id)
        score = None if name != "relevance" else 2 ** entry.key[0] if isinstance(entry.key, tuple) else entry.key
        yield Found(entry.id, entry.group, score, distance, distance if name == "distance" else entry.key)


def _distances(plan: Plan, ids: list[int]) -> dict[int, float]:
    if plan.query.near is None:
        return {}
    return dict(plan.db.execute(
        "select article_id, min(distance_km(latitude, longitude, ?, ?)) from geotags where role <> 'publisher' "
        "and article_id in (select value from json_each(?)) group by 1",
        [*plan.query.near, json.dumps(ids)]).fetchall())
