"""One search over several archives, as shards are: each is asked, and what they find is one list.

Totals, facets and periods are exact sums, and orders by date, title and whatever else an article has are exact. In the
order by relevance a word is as rare as it is in all archives together; only how long a text is, is held against the
texts of its own archive (the average length in BM25), so that a score can differ from that in one merged archive.

Numbers of articles are those of their archives. What is folded in an archive is; texts that several archives have are
folded, too, and with `cluster` near copies among what is left.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sqlite_utils import Database
from tantivy import Occur
from tantivy import Query as Asked

from archiver.articles.near_duplicates import UnionFind, are_numbered, minhash, near_duplicate, wording_of
from archiver.errors import BadQuery, SiteNotFound
from archiver.search.engine import Hit, Plan, hits_of, order_of, ordered, planned, window
from archiver.search.open_index import held
from archiver.search.query import Query
from archiver.search.ranking import Match, matches, numbered, top_hits
from archiver.storage.article_tables.near_duplicate_links import COMMON, LEAST_MET
from archiver.storage.sites import find_site

MOST_COMPARED = 5_000
"""So many articles of several archives are compared with one another for near copies."""


@dataclass(frozen=True, slots=True)
class Shard:
    """An archive that is asked together with others; `name` is its path as it was given."""

    name: str
    db: Database


@dataclass(frozen=True, slots=True)
class CopyElsewhere:
    """A copy in another archive, which is folded beneath a hit."""

    archive: str
    id: int
    url: str
    site: str
    title: str
    published: str | None


@dataclass(frozen=True, slots=True)
class FederatedHit:
    """A hit, which archive it is of, and its copies in others."""

    archive: str
    hit: Hit
    elsewhere: tuple[CopyElsewhere, ...]


@dataclass(frozen=True, slots=True)
class FederatedPage:
    """A query over all archives that have what it asks about: a plan of each, by name."""

    shards: tuple[Shard, ...]
    plans: tuple[Plan, ...]
    beneath: dict[tuple[int, int], tuple[tuple[int, int], ...]]
    """By shard and number of an article that is shown: the same of its copies in other archives."""

    @property
    def total(self) -> int:
        return sum(plan.total for plan in self.plans)


@contextmanager
def federate(shards: Sequence[Shard], query: Query) -> Iterator[FederatedPage]:
    """While the block lasts the archives' indexes count the words of all. Raises BadQuery, SiteNotFound where no
    archive has the site, IndexMissing or IndexDamaged."""
    if query.like is not None:
        raise BadQuery(f"like {query.like}", "it names an article of one archive: ask that one alone")
    with held([shard.db for shard in shards]) as asked:
        for one in asked:
            one.ask_beside(asked)
        try:
            asks = list(shards_having(shards, query))
            kept = tuple(shard for shard, _ in asks)
            plans = tuple(planned(shard.db, own) for shard, own in asks)
            yield FederatedPage(kept, *_folded(kept, plans, query))
        finally:
            for one in asked:
                one.ask_beside(())


def shards_having(shards: Sequence[Shard], query: Query) -> Iterator[tuple[Shard, Query]]:
    """Those that have one of the sites that are asked about, each asked about its own. Raises SiteNotFound where none
    has one of them."""
    refused: dict[str, SiteNotFound] = {}
    known: set[str] = set()
    for shard in shards:
        own = []
        for name in query.site:
            try:
                own.append(find_site(shard.db, name)["name"])
                known.add(name)
            except SiteNotFound as error:
                refused.setdefault(name, error)
        if own or not query.site:
            yield shard, replace(query, site=tuple(own))
    if unknown := [error for name, error in refused.items() if name not in known]:
        raise unknown[0]


def federated_page(one: FederatedPage) -> tuple[FederatedHit, ...]:
    """The page of hits that the query asks for, of all archives in one order; what is equal comes by archive."""
    if not one.plans:
        return ()
    first, last = window(one.plans[0].query)
    down = order_of(one.plans[0]).down
    rows = [(shard, found) for shard, plan in enumerate(one.plans) for found in ordered(plan, 0, last)]
    with_key = sorted((row for row in rows if row[1].key is not None), key=lambda row: row[1].key, reverse=down)
    page = [*with_key, *(row for row in rows if row[1].key is None)][first:last]
    by_shard: dict[int, list[Match]] = defaultdict(list)
    for shard, found in page:
        by_shard[shard].append(found)
    hits = {(shard, hit.id): hit for shard, founds in by_shard.items() for hit in hits_of(one.plans[shard], founds)}
    return tuple(
        FederatedHit(one.shards[shard].name, hits[shard, found.id], _elsewhere(one, shard, found.id))
        for shard, found in page
        if (shard, found.id) in hits
    )


def _elsewhere(one: FederatedPage, shard: int, number: int) -> tuple[CopyElsewhere, ...]:
    return tuple(
        CopyElsewhere(one.shards[other].name, *row)
        for other, copy in one.beneath.get((shard, number), ())
        for row in one.shards[other].db.execute(
            "select id, url, site, title, published from articles where id = ?", [copy]
        )
    )


# -- copies in several archives ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Copy:
    """An article that its archive shows. The one that was published first stands for the others."""

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
    groups = list(texts.values())
    if query.folding == "cluster":
        groups = _near(shards, groups)
    beneath: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {}
    left_out: dict[int, list[int]] = defaultdict(list)
    for group in groups:
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
    found = Asked.boolean_query([(Occur.Must, plan.found), (Occur.MustNot, numbered(plan.searcher, ids))])
    shown = replace(plan.shown, found=found, best=top_hits(plan.searcher, found))
    return replace(plan, key=(plan.key, tuple(ids)), shown=shown)


def _shown(number: int, shard: Shard, plan: Plan) -> Iterator[_Copy]:
    ids = json.dumps([match.id for match in matches(plan.searcher, plan.found)])
    for row in shard.db.execute(
        "select id, coalesce(content_digest, ''), coalesce(published, ''), first_seen from articles "
        "where id in (select value from json_each(?))",
        [ids],
    ):
        yield _Copy(number, *row)


@dataclass(frozen=True, slots=True)
class _Text:
    shard: int
    site: str
    title: str
    body: str


def _near(shards: Sequence[Shard], groups: list[list[_Copy]]) -> list[list[_Copy]]:
    """Groups of one text each, those that are near copies of one another and of different archives in one."""
    if len(groups) > MOST_COMPARED:
        raise BadQuery(
            "fold cluster",
            f"near copies in several archives are looked for among {MOST_COMPARED:,} "
            f"articles at most, and this finds {len(groups):,}: narrow it, or fold by text",
        )
    joined = UnionFind[int]()
    texts: list[_Text] = []
    having: dict[int, list[int]] = defaultdict(list)
    for number, group in enumerate(groups):
        text = _text(shards, group[0])
        met: dict[int, int] = defaultdict(int)
        for key in minhash(wording_of(text.body)):
            if len(having[key]) < COMMON:
                for other in having[key]:
                    met[other] += 1
            having[key].append(number)
        for other, times in met.items():
            if times >= LEAST_MET and joined.top(other) != joined.top(number) and _alike(texts[other], text):
                joined.join(number, other)
        texts.append(text)
    return [[copy for number in together for copy in groups[number]] for together in joined.groups(range(len(groups)))]


def _text(shards: Sequence[Shard], copy: _Copy) -> _Text:
    row = shards[copy.shard].db.execute("select site, title, body from articles where id = ?", [copy.id]).fetchone()
    return _Text(copy.shard, *(value or "" for value in row or ("", "", "")))


def _alike(one: _Text, other: _Text) -> bool:
    """As an archive judges its own, which has judged those that are both in it."""
    if one.shard == other.shard:
        return False
    one_site = one.site == other.site
    return near_duplicate(wording_of(one.body), wording_of(other.body), one_site=one_site) is not None and not (
        one_site and are_numbered((one.title, one.body), (other.title, other.body))
    )
