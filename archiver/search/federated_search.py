"""Federated search: runs one search over several archives, such as shards, and merges the results into one list.

Totals, facets and periods are exact sums, and sorting by date, title or another field is exact. For relevance, word
frequencies are counted over all archives together. Only the average text length in BM25 is taken from each archive, so
a score can differ slightly from the score in a single merged archive. Each archive has its own article IDs. Each
archive folds its own duplicates; articles with equal texts across archives are folded as well, near-duplicates are not.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from tantivy import Occur
from tantivy import Query as TantivyQuery

from archiver.model.errors import BadQuery, SiteNotFound
from archiver.search.query import Query
from archiver.search.search_hits import Hit, Plan, load_hits, ordered_matches, plan_query, result_range, sort_order
from archiver.search.search_index import hold_searchers
from archiver.search.sorting import Match, ids_query, matches_by_id, top_hits
from archiver.storage import Database
from archiver.storage.sites import site_with_page


@dataclass(frozen=True, slots=True)
class Shard:
    """One of the archives in a federated search. `name` is the archive's path as the user gave it."""

    name: str
    db: Database


@dataclass(frozen=True, slots=True)
class CopyElsewhere:
    """An article in another archive that is a copy of a hit and is folded beneath it."""

    archive: str
    id: int
    url: str
    site: str
    title: str
    published: str | None


@dataclass(frozen=True, slots=True)
class FederatedHit:
    """A hit of a federated search with its archive and its copies in other archives."""

    archive: str
    hit: Hit
    elsewhere: tuple[CopyElsewhere, ...]


@dataclass(frozen=True, slots=True)
class FederatedQuery:
    """A query planned for several archives. `shards` are the archives that contain any of the requested sites, with a
    plan for each in `plans`.
    """

    shards: tuple[Shard, ...]
    plans: tuple[Plan, ...]
    beneath: dict[tuple[int, int], tuple[tuple[int, int], ...]]
    """Maps the (shard, ID) of each shown article to the (shard, ID) pairs of its copies in other archives."""

    @property
    def total(self) -> int:
        return sum(plan.total for plan in self.plans)


@contextmanager
def plan_federated_query(shards: Sequence[Shard], query: Query) -> Iterator[FederatedQuery]:
    """Plans a query over several archives, and yields it for the duration of the `with` block. Within the block, every
    archive's index ranks words by their frequency in all archives together.

    Raises BadQuery, SiteNotFound if no archive has a requested site, IndexMissing or IndexDamaged.
    """
    if query.like is not None:
        raise BadQuery(f"like {query.like}", "the ID belongs to one archive; search that archive alone")
    with hold_searchers([shard.db for shard in shards]) as searchers:
        for searcher in searchers:
            searcher.federate_with(searchers)
        try:
            selected = list(shards_with_sites(shards, query))
            kept = tuple(shard for shard, _ in selected)
            plans = tuple(plan_query(shard.db, own) for shard, own in selected)
            yield FederatedQuery(kept, *_folded(kept, plans, query))
        finally:
            for searcher in searchers:
                searcher.federate_with(())


def shards_with_sites(shards: Sequence[Shard], query: Query) -> Iterator[tuple[Shard, Query]]:
    """Yields the archives that contain any of the query's sites, each with the query restricted to the sites in this
    archive. Raises SiteNotFound for a site that is in no archive.
    """
    missing: dict[str, SiteNotFound] = {}
    known: set[str] = set()
    for shard in shards:
        own = []
        for name in query.site:
            try:
                own.append(site_with_page(shard.db, name))
                known.add(name)
            except SiteNotFound as error:
                missing.setdefault(name, error)
        if own or not query.site:
            yield shard, replace(query, site=tuple(own))
    if unknown := [error for name, error in missing.items() if name not in known]:
        raise unknown[0]


def load_federated_page(one: FederatedQuery) -> tuple[FederatedHit, ...]:
    """Loads the page of hits that the query's offset and limit select, sorted over all archives. Ties are ordered by
    archive.
    """
    if not one.plans:
        return ()
    first, last = result_range(one.plans[0].query)
    down = sort_order(one.plans[0]).down
    rows = [(shard, found) for shard, plan in enumerate(one.plans) for found in ordered_matches(plan, 0, last)]
    with_key = sorted((row for row in rows if row[1].key is not None), key=lambda row: row[1].key, reverse=down)
    page = [*with_key, *(row for row in rows if row[1].key is None)][first:last]
    by_shard: dict[int, list[Match]] = defaultdict(list)
    for shard, found in page:
        by_shard[shard].append(found)
    hits = {(shard, hit.id): hit for shard, founds in by_shard.items() for hit in load_hits(one.plans[shard], founds)}
    return tuple(
        FederatedHit(one.shards[shard].name, hits[shard, found.id], _elsewhere(one, shard, found.id))
        for shard, found in page
        if (shard, found.id) in hits
    )


def _elsewhere(one: FederatedQuery, shard: int, number: int) -> tuple[CopyElsewhere, ...]:
    return tuple(
        CopyElsewhere(one.shards[other].name, *row)
        for other, copy in one.beneath.get((shard, number), ())
        for row in one.shards[other].db.execute(
            "select id, url, site, title, published from articles where id = ?", [copy]
        )
    )


# -- duplicates across archives ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Copy:
    """A match of the query in one archive, which may be a copy of matches in other archives. Copies are sorted by
    `turn`: the first one, which was published first, is shown, and the others are folded beneath it.
    """

    shard: int
    id: int
    digest: str
    published: str
    first_seen: str

    @property
    def turn(self) -> tuple[bool, str, str, int, int]:
        return not self.published, self.published, self.first_seen, self.shard, self.id


def _folded(
    shards: Sequence[Shard], plans: Sequence[Plan], query: Query
) -> tuple[tuple[Plan, ...], dict[tuple[int, int], tuple[tuple[int, int], ...]]]:
    if query.folding == "none" or sum(plan.total > 0 for plan in plans) < 2:
        return tuple(plans), {}
    texts: dict[str, list[_Copy]] = defaultdict(list)
    for number, (shard, plan) in enumerate(zip(shards, plans, strict=True)):
        for copy in _shown(number, shard, plan):
            texts[copy.digest or f"{number} {copy.id}"].append(copy)
    beneath: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {}
    left_out: dict[int, list[int]] = defaultdict(list)
    for group in texts.values():
        if len(group) < 2:
            continue
        top, *others = sorted(group, key=lambda copy: copy.turn)
        below = [
            (copy.shard, number) for copy in others for number in (copy.id, *plans[copy.shard].beneath.get(copy.id, ()))
        ]
        beneath[top.shard, top.id] = tuple(below)
        for copy in others:
            left_out[copy.shard].append(copy.id)
    return tuple(_without(plan, left_out.get(number, [])) for number, plan in enumerate(plans)), beneath


def _without(plan: Plan, ids: list[int]) -> Plan:
    if not ids:
        return plan
    found = TantivyQuery.boolean_query([(Occur.Must, plan.found), (Occur.MustNot, ids_query(plan.searcher, ids))])
    shown = replace(plan.shown, found=found, best=top_hits(plan.searcher, found))
    return replace(plan, key=(plan.key, tuple(ids)), shown=shown)


def _shown(number: int, shard: Shard, plan: Plan) -> Iterator[_Copy]:
    ids = json.dumps([match.id for match in matches_by_id(plan.searcher, plan.found)])
    for row in shard.db.execute(
        "select id, coalesce(content_digest, ''), coalesce(published, ''), first_seen from articles "
        "where id in (select value from json_each(?))",
        [ids],
    ):
        yield _Copy(number, *row)
