"""Running a search over an archive: hits in order, duplicates folded, and counts per facet."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import tantivy
from sqlite_utils import Database

from archiver.fields import BY_NAME, HIT_FIELDS
from archiver.fields import FACETS as FACETED
from archiver.search.filters import Query
from archiver.search.index.schema import WAYS, WRITTEN, schema
from archiver.search.index.values import texts
from archiver.search.names import way, written
from archiver.search.order import Match, count
from archiver.search.plan import Plan, ordered, planned, window
from archiver.search.snippet import snippet, wanted

FACETS = (*FACETED, "year")
_EVERY = 65_000
"""So many values of a part of the index are counted: with fewer, a total over several parts lacks some."""


@dataclass(frozen=True, slots=True)
class Beneath:
    """An article that a hit is shown for, too: a copy of it that matches as well."""

    id: int
    site: str
    title: str
    published: str | None


@dataclass(frozen=True, slots=True)
class Hit:
    """One article that a search found.

    `marks` are (start, end) in `snippet` of what was searched for. `score` is greater for better
    hits, None where nothing in the query ranks; `distance_km` from the query's `near`. `copies` are the
    numbers of other articles with the same text; `folded` are those that match and are not shown by themselves, by the
    query's fold: hits and what is beneath them are all that matches.
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
    folded: tuple[Beneath, ...]
    score: float | None
    distance_km: float | None
    snippet: str
    marks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Results:
    """A page of hits; `total` counts all that match, folded as the query says."""

    hits: tuple[Hit, ...]
    total: int


def run(db: Database, query: Query) -> Results:
    """The hits of a query. Raises BadQuery, SiteNotFound or IndexMissing."""
    first, last = window(query)
    plan = planned(db, query)
    return Results(tuple(hits_of(plan, list(ordered(plan, first, last)))), plan.total)


@dataclass(frozen=True, slots=True)
class Listing:
    """All that a query finds, whatever its limit: in order, by number, with the numbers folded beneath each."""

    beneath: dict[int, Sequence[int]]
    _plan: Plan
    _found: dict[int, Match]

    def hits(self, ids: Collection[int]) -> tuple[Hit, ...]:
        """What is to be shown of some of them, in the query's order."""
        wanted = set(ids)
        return tuple(hits_of(self._plan, [found for number, found in self._found.items() if number in wanted]))


def listing(db: Database, query: Query) -> Listing:
    """Raises what `run` does."""
    plan = planned(db, query)
    found = {one.id: one for one in ordered(plan, 0, plan.total)}
    return Listing({number: plan.beneath.get(number, ()) for number in found}, plan, found)


def matching_ids(db: Database, query: Query) -> Iterator[int]:
    """The numbers of the articles that match, in order, within the query's offset and limit."""
    first, last = window(query)
    return (found.id for found in ordered(planned(db, query), first, last))


def facets(db: Database, query: Query, most: int = 10) -> dict[str, list[tuple[str, int]]]:
    """How many matching articles each of FACETS has, most frequent first.

    Counts over all that match, whatever the query's limit; years are in their own order, newest first.
    """
    return facets_of([planned(db, query)], most)


def facets_of(plans: Sequence[Plan], most: int = 10) -> dict[str, list[tuple[str, int]]]:
    """The same over several archives. All values are counted, so that sums over them lack none."""
    size = most if len(plans) == 1 else _EVERY
    asked = {name: {"terms": {"field": name, "size": size, "segment_size": _EVERY,
                              "order": {"_key": "desc"} if name == "year" else {"_count": "desc"}}} for name in FACETS}
    sums: dict[str, Counter[str]] = {name: Counter() for name in FACETS}
    for plan in plans:
        for name, found in plan.searcher.aggregate(plan.found, asked).items():
            sums[name].update({_value(bucket["key"]): int(bucket["doc_count"]) for bucket in found["buckets"]})
    return {name: _first(plans, name, counts, most) for name, counts in sums.items()}


def _value(key: str | float) -> str:
    return key if isinstance(key, str) else str(int(key))


def _first(plans: Sequence[Plan], name: str, counts: Counter[str], most: int) -> list[tuple[str, int]]:
    if name == "year":
        return sorted(counts.items(), key=lambda pair: -int(pair[0]))[:most]
    shown = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:most]
    if name not in WRITTEN:
        return shown
    return sorted(((_written(plans, name, form), number) for form, number in shown),
                  key=lambda pair: (-pair[1], pair[0]))


def _written(plans: Sequence[Plan], name: str, form: str) -> str:
    """A value as most articles of the archives write it, found or not."""
    ways: Counter[str] = Counter()
    entries = [(plan.searcher, entry) for plan in plans
               for entry, _ in plan.searcher.terms_with_prefix(WAYS, way(name, form))]
    if len(entries) == 1:
        return written(entries[0][1])
    for searcher, entry in entries:
        ways[written(entry)] += count(searcher, tantivy.Query.term_query(schema(), WAYS, entry, "basic"))
    return min(ways, key=lambda value: (-ways[value], value), default=form)


# -- what a hit shows -------------------------------------------------------------------------


def hits_of(plan: Plan, page: list[Match]) -> Iterator[Hit]:
    db = plan.db
    ids = json.dumps([found.id for found in page])
    rows = {row["id"]: row for row in db.query(
        f"select {', '.join(HIT_FIELDS)}, body, description from articles "
        "where id in (select value from json_each(?))",
        [ids])}
    rows_wanted = wanted(plan.node)
    groups = json.dumps([found.group for found in page])
    copies: dict[int, list[int]] = {}
    for number, group in db.execute(
        "select id, ifnull(duplicate_of, id) from articles where duplicate_of in (select value from json_each(?)) "
        "or id in (select value from json_each(?)) order by id", [groups, groups],
    ):
        copies.setdefault(group, []).append(number)
    beneath = _beneath(plan, page)
    for found in page:
        row = rows.get(found.id)
        if row is None:  # taken out since it was looked up
            continue
        shown, marks = snippet(unicodedata.normalize("NFC", row["body"] or row["description"] or ""), rows_wanted)
        yield Hit(
            **_fields(row),
            copies=tuple(n for n in copies.get(found.group, []) if n != found.id),
            folded=beneath.get(found.id, ()),
            score=round(found.score, 4) if found.score is not None else None,
            distance_km=round(found.distance, 3) if found.distance is not None else None,
            snippet=shown, marks=marks,
        )


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    """The fields of the record that a hit has."""
    return {name: tuple(texts(row[name])) if BY_NAME[name].is_list else row[name] for name in HIT_FIELDS}


def _beneath(plan: Plan, page: list[Match]) -> dict[int, tuple[Beneath, ...]]:
    numbers = {found.id: plan.beneath[found.id] for found in page if found.id in plan.beneath}
    ids = json.dumps([number for many in numbers.values() for number in many])
    rows = {row[0]: Beneath(*row) for row in plan.db.execute(
        "select id, site, title, published from articles where id in (select value from json_each(?))", [ids])}
    return {top: tuple(rows[number] for number in many if number in rows) for top, many in numbers.items()}
