"""A query over an index: all that is to be shown, in which order, with what is folded beneath it."""

from __future__ import annotations

import json
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

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
from archiver.search.order import Best, Match, Sort, best_of, count, in_order
from archiver.search.places import distance_km
from archiver.search.recency import by_recency
from archiver.search.terms import Every, Node

_MAX_LIMIT = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Shown:
    """What is to be shown of a query: `node` is what was typed, `found` finds all that is shown, `beneath` is what is
    folded beneath some of it. `best` are the first by score where the query ranks, and how many are shown."""

    node: Node | None
    found: tantivy.Query
    beneath: Mapping[int, Sequence[int]]
    best: Best


@dataclass(frozen=True, slots=True)
class Plan:
    """A query over the index of one archive. `key` tells it from others of its index."""

    db: Database
    searcher: Searcher
    query: Query
    key: Hashable
    shown: Shown

    @property
    def node(self) -> Node | None:
        return self.shown.node

    @property
    def found(self) -> tantivy.Query:
        return self.shown.found

    @property
    def beneath(self) -> Mapping[int, Sequence[int]]:
        return self.shown.beneath

    @property
    def total(self) -> int:
        return self.shown.best.total


def planned(db: Database, query: Query, more: Node | None = None) -> Plan:
    """`more` narrows it further. Hits, facets and histogram of one query are made of one plan, which an index that is
    open remembers. Raises BadQuery, SiteNotFound, ArticleNotFound, IndexMissing or IndexDamaged."""
    filters = terms(db, query)
    node = asked_for(db, query)
    asked = searcher(db)
    key = (node, more, tuple(filters), query.folding)
    try:
        shown = asked.remembered(key, lambda: _shown(db, asked, query.folding, node, more, filters))
    except (TooManyBegin, ValueError) as error:
        if isinstance(error, ValueError) and "expansions" not in str(error):
            raise
        raise BadQuery(query.text, "too many words begin so: write more of their beginning") from error
    return Plan(db, asked, query, key, shown)


def _shown(db: Database, asked: Searcher, folding: Fold, node: Node | None, more: Node | None, filters: list[Node]
           ) -> Shown:
    node, more = (expanded(one, db, asked, folding) if one is not None else None for one in (node, more))
    parts = tuple(part for part in (node, more, *filters) if part is not None)
    for function in (distance_km, folded):
        db.register_function(function, deterministic=True, replace=True)
    every = compiled(Every(parts) if parts else None, db, asked)
    shown = fold(asked, every, folding)
    best = best_of(asked, shown.query) if ranks(node) else \
        Best([], count(asked, every) - shown.left_out)  # all articles are soon counted
    return Shown(node, shown.query, shown.beneath, best)


def window(query: Query) -> tuple[int, int]:
    if query.offset < 0 or (query.limit is not None and query.limit < 0):
        raise BadQuery(query.text, "limit and offset cannot be negative")
    return query.offset, query.offset + min(query.limit if query.limit is not None else _MAX_LIMIT, _MAX_LIMIT)


def order_of(plan: Plan) -> Sort:
    """By what (a key of SORTS) the matches of a plan are ordered. Raises BadQuery."""
    name = plan.query.sort.removeprefix("-")
    if name and name not in SORTS:
        raise BadQuery(f"sort by {plan.query.sort}",
                       f"it can be sorted by {', '.join(SORTS)}, with - before it downwards")
    down = plan.query.sort.startswith("-")
    if not name:
        name, down = ("relevance", False) if ranks(plan.node) else ("date", True)
    if name == "relevance" and not ranks(plan.node):
        name, down = "date", not down
    return Sort(name, down != (name == "relevance"))


def ordered(plan: Plan, first: int, last: int) -> Iterator[Match]:
    """The matches of a plan from `first` to before `last`, with their scores and distances. Raises BadQuery."""
    by = order_of(plan)
    if by.field == "distance":
        yield from _by_distance(plan, by, first, last)
        return
    if by.field == "relevance" and plan.query.recent is not None:
        found = by_recency(plan.searcher, plan.found, plan.query.recent, int(time.time()), first=first, last=last)
    else:
        found = in_order(plan.searcher, plan.found, Sort(SORTS[by.field], by.down), first=first, last=last,
                         known=plan.shown.best)
    distances = _distances(plan, [match.id for match in found])
    scored = by.field == "relevance"
    for one in found:
        score = None if not scored else 2 ** one.key[0] if isinstance(one.key, tuple) else one.key
        yield Match(one.id, one.group, one.key, one.address, score, distances.get(one.id))


def _by_distance(plan: Plan, by: Sort, first: int, last: int) -> Iterator[Match]:
    found = in_order(plan.searcher, plan.found, Sort("id", down=False), first=0, last=plan.total)
    distances = _distances(plan, [match.id for match in found])
    sign = -1 if by.down else 1
    for one in sorted(found, key=lambda match: (distances.get(match.id, inf) * sign, match.id))[first:last]:
        distance = distances.get(one.id)
        yield Match(one.id, one.group, distance, one.address, None, distance)


def _distances(plan: Plan, ids: list[int]) -> dict[int, float]:
    if plan.query.near is None:
        return {}
    return dict(plan.db.execute(
        "select article_id, min(distance_km(latitude, longitude, ?, ?)) from geotags where role <> 'publisher' "
        "and article_id in (select value from json_each(?)) group by 1",
        [*plan.query.near, json.dumps(ids)]).fetchall())
