"""Running a search over an archive: hits in order, duplicates folded, and counts per facet."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import tantivy
from sqlite_utils import Database
from tantivy import Occur

from archiver.search.filters import Query
from archiver.search.index.schema import WRITTEN, schema
from archiver.search.index.values import texts
from archiver.search.names import beginning, written
from archiver.search.order import count
from archiver.search.plan import Found, Plan, ordered, planned, window
from archiver.search.snippet import snippet, wanted

FACETS = ("site", "author", "category", "tag", "language", "place", "credit", "year")
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
    _found: dict[int, Found]

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
    size = 2 * most if len(plans) == 1 else _EVERY
    asked = {name: {"terms": {"field": name, "size": size, "segment_size": _EVERY,
                              "order": {"_key": "desc"} if name == "year" else {"_count": "desc"}}} for name in FACETS}
    found: dict[str, dict[str, Counter[str]]] = {name: defaultdict(Counter) for name in FACETS}
    for plan in plans:
        for name, told in plan.searcher.aggregate(plan.found, asked).items():
            for bucket in told["buckets"]:
                form, value = _value(name, bucket["key"])
                found[name][form][value] += int(bucket["doc_count"])
    return {name: _first(plans, name, forms, most) for name, forms in found.items()}


def _value(name: str, key: str | float) -> tuple[str, str]:
    """A value as compared, and how it is written."""
    text = key if isinstance(key, str) else str(int(key))
    return written(text) if name in WRITTEN else (text, text)


def _first(plans: Sequence[Plan], name: str, forms: dict[str, Counter[str]], most: int) -> list[tuple[str, int]]:
    """The most frequent values, each as most articles write it."""
    if name == "year":
        return [(form, forms[form].total()) for form in sorted(forms, key=int, reverse=True)[:most]]
    shown = sorted(forms, key=lambda form: (-forms[form].total(), form))[:most]
    if name in WRITTEN and len(plans) == 1:
        for form in shown:
            forms[form].update(dict(_rarely(plans[0], name, form, forms[form])))
    values = ((min(ways, key=lambda way: (-ways[way], way)), ways.total()) for ways in map(forms.__getitem__, shown))
    return sorted(values, key=lambda pair: (-pair[1], pair[0]))


def _rarely(plan: Plan, name: str, form: str, known: Collection[str]) -> Iterator[tuple[str, int]]:
    """Further ways in which a value is written, each by so few articles that it is not among the first."""
    for entry, _ in plan.searcher.terms_with_prefix(name, beginning(form)):
        _, way = written(entry)
        if way not in known:
            same = tantivy.Query.term_query(schema(), name, entry, "basic")
            yield way, count(plan.searcher, tantivy.Query.boolean_query([(Occur.Must, plan.found), (Occur.Must, same)]))


# -- what a hit shows -------------------------------------------------------------------------


def hits_of(plan: Plan, page: list[Found]) -> Iterator[Hit]:
    db = plan.db
    ids = json.dumps([found.id for found in page])
    rows = {row["id"]: row for row in db.query(
        "select id, url, site, title, authors, published, published_precision, categories, tags, language, gone_at, "
        "duplicate_of, cluster_id, body, description from articles where id in (select value from json_each(?))",
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
            **{name: row[name] for name in ("id", "url", "site", "title", "published", "published_precision",
                                            "language", "gone_at", "duplicate_of", "cluster_id")},
            authors=tuple(texts(row["authors"])), categories=tuple(texts(row["categories"])),
            tags=tuple(texts(row["tags"])),
            copies=tuple(n for n in copies.get(found.group, []) if n != found.id),
            folded=beneath.get(found.id, ()),
            score=round(found.score, 4) if found.score is not None else None,
            distance_km=round(found.distance, 3) if found.distance is not None else None,
            snippet=shown, marks=marks,
        )


def _beneath(plan: Plan, page: list[Found]) -> dict[int, tuple[Beneath, ...]]:
    numbers = {found.id: plan.beneath[found.id] for found in page if found.id in plan.beneath}
    ids = json.dumps([number for many in numbers.values() for number in many])
    rows = {row[0]: Beneath(*row) for row in plan.db.execute(
        "select id, site, title, published from articles where id in (select value from json_each(?))", [ids])}
    return {top: tuple(rows[number] for number in many if number in rows) for top, many in numbers.items()}
