"""Copies of one text in several archives that are published together without being merged.

Equal texts are found by their digests. Near copies are told within each archive alone: whoever looks for them over all
looks at every text's sketch.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlite_utils import Database

from archiver.articles.near_duplicates import UnionFind, wording_of
from archiver.datasets.publication_rules import Decision, PublicationRules, Reason, Tier, capped
from archiver.datasets.selection import NEWEST, choose_articles, decide_tiers, groups, newest

Place = tuple[int, int]
"""The number of an archive among those that are asked, and that of an article in it."""
Equal = list[list[Place]]


@dataclass(frozen=True, slots=True)
class _Copy:
    place: Place
    id: str
    site: str
    first_seen: str
    published: str | None
    chosen: int
    cluster: int | None
    tier: int | None

    @property
    def seen(self) -> tuple[str, str]:
        return self.first_seen[:19], self.id


def consider_archive(
    dbs: Sequence[Database], wanted: Sequence[Iterable[int] | None], cutoff: str, *, fold: bool = False
) -> list[list[Place]]:
    """Of articles that `choose` has entered as `wanted`, consider the copies in other archives, too, and name all. All
    groups of copies that are in several. `fold`: of equal texts only one stays chosen."""
    texts = _equal(dbs, cutoff) if len(dbs) > 1 else []
    entered: dict[int, list[int]] = {}
    while more := _beside(dbs, texts):  # these may have copies of their own
        for archive, numbers in more.items():
            entered.setdefault(archive, []).extend(numbers)
            choose_articles(dbs[archive], wanted[archive], cutoff, entered[archive])
    return _name(dbs, texts, fold)


def _equal(dbs: Sequence[Database], cutoff: str) -> Equal:
    """The articles with one text, as far as several archives had it at the cut-off."""
    rows = heapq.merge(
        *(
            db.execute(
                "select content_digest, ?, id from articles where content_digest is not null and "
                "substr(coalesce(first_seen, ''), 1, 19) <= ? order by 1, 3",
                [number, cutoff or NEWEST],
            )
            for number, db in enumerate(dbs)
        )
    )
    found = ([(archive, article) for _, archive, article in group] for _, group in groupby(rows, lambda row: row[0]))
    return [group for group in found if len({archive for archive, _ in group}) > 1]


def _beside(dbs: Sequence[Database], texts: Equal) -> dict[int, list[int]]:
    """By archive the copies of considered articles that are not considered themselves."""
    out: dict[int, list[int]] = {}
    for group in texts:
        there = [_is_considered(dbs[archive], number) for archive, number in group]
        for (archive, number), known in zip(group, there, strict=True):
            if any(there) and not known:
                out.setdefault(archive, []).append(number)
    return out


def _is_considered(db: Database, number: int) -> bool:
    return db.execute("select 1 from temp.considered where article_id = ?", [number]).fetchone() is not None


def _name(dbs: Sequence[Database], texts: Equal, fold: bool) -> list[list[Place]]:
    """Name what equal texts are copies of, their clusters and what decides on their splits, over all archives, as
    `choose` does it in one. All groups of copies that are in several."""
    texts = [group for group in texts if all(_is_considered(dbs[archive], number) for archive, number in group)]
    for group in texts:
        _name_copies(dbs, group, fold)
    equal_ones = {place for group in texts for place in group}
    if not equal_ones:
        return []
    own = _groups(dbs, equal_ones)
    find = UnionFind((own[group[0]][0], own[place][0]) for group in texts for place in group[1:]).top
    whole: dict[Place, set[Place]] = {}
    for members in own.values():
        whole.setdefault(find(members[0]), set()).update(members)
    out = sorted(map(sorted, whole.values()))
    for places in out:
        _name_cluster(dbs, places, equal_ones)
    return out


def _name_copies(dbs: Sequence[Database], group: Sequence[Place], fold: bool) -> None:
    """The copy that was published first is the original of the chosen; with `fold` it alone stays chosen."""
    chosen = sorted(
        (copy for copy in _read(dbs, group) if copy.chosen),
        key=lambda copy: (copy.published is None, copy.published or "", copy.first_seen, copy.id),
    )
    for copy in chosen:
        if fold:
            _set(dbs, copy.place, "chosen", int(copy is chosen[0]))
        else:
            _set(dbs, copy.place, "duplicate_of", None if copy is chosen[0] else chosen[0].id)


def _name_cluster(dbs: Sequence[Database], places: list[Place], equal_ones: set[Place]) -> None:
    copies = _read(dbs, places)
    near = [
        copy
        for copy in copies
        if copy.cluster is not None or (copy.place in equal_ones and not _is_short(dbs, copy.place))
    ]
    for copy in copies:
        _set(dbs, copy.place, "split_key", min(copies, key=lambda one: one.seen).id)
    for copy in near if len(near) > 1 else ():
        _set(dbs, copy.place, "cluster_id", min(near, key=lambda one: one.seen).id)


def _groups(dbs: Sequence[Database], places: set[Place]) -> Mapping[Place, list[Place]]:
    """By article all that are copies of it in its own archive, itself among them, the same list for each."""
    out: dict[Place, list[Place]] = {}
    for archive, db in enumerate(dbs):
        for group in groups(db):
            members = [(archive, number) for number in group]
            if not places.isdisjoint(members):
                out.update(dict.fromkeys(members, members))
    return {**{place: [place] for place in places}, **out}


def bind(
    dbs: Sequence[Database],
    copies: list[list[Place]],
    decided: Sequence[dict[int, Decision]],
    reasons: Counter[tuple[str, str]],
) -> None:
    """A text that may not leave one archive does not leave another: the strictest decision holds for all copies."""
    for places in copies:
        found = _read(dbs, places)
        least = min(Tier(copy.tier or 0) for copy in found)
        site = min(copy.site for copy in found if copy.tier == least)
        for copy in found:
            archive, number = copy.place
            before = decided[archive][number]
            after = capped(before, least, f"its copy on {site} gives {least.label}")
            if after is before:
                continue
            decided[archive][number] = after
            _set(dbs, copy.place, "tier", int(least))
            if copy.chosen:
                reasons[before.label] -= 1
                reasons[after.label] += 1


def explain(dbs: Sequence[Database], place: Place, rules: PublicationRules, cutoff: str = "") -> Decision:
    """The decision on one article, with every statement that had a say."""
    wanted = [[place[1]] if archive == place[0] else [] for archive in range(len(dbs))]
    for db, ids in zip(dbs, wanted, strict=True):
        choose_articles(db, ids, cutoff)
    copies = consider_archive(dbs, wanted, cutoff)
    at = cutoff or max(map(newest, dbs))
    decided = [
        decide_tiers(
            db, rules, at, {number for group in [*copies, [place]] for one, number in group if one == archive}
        )[1]
        for archive, db in enumerate(dbs)
    ]
    bind(dbs, copies, decided, Counter())
    # It may have been first seen after the cut-off.
    late = Decision(Tier.REFERENCE, reasons=(Reason(Tier.REFERENCE, "it was not there at the cut-off"),))
    return decided[place[0]].get(place[1], late)


def _read(dbs: Sequence[Database], places: Sequence[Place]) -> list[_Copy]:
    return [
        _Copy(
            place,
            *dbs[place[0]]
            .execute(
                "select id, site, first_seen, published, chosen, cluster, tier from temp.considered where article_id = ?",
                [place[1]],
            )
            .fetchone(),
        )
        for place in places
    ]


def _set(dbs: Sequence[Database], place: Place, column: str, value: Any) -> None:
    dbs[place[0]].execute(f"update temp.considered set {column} = ? where article_id = ?", [value, place[1]])


def _is_short(dbs: Sequence[Database], place: Place) -> bool:
    """Whether a text is too short to be a near copy of any."""
    [body] = dbs[place[0]].execute("select body from articles where id = ?", [place[1]]).fetchone()
    return wording_of(body or "").is_short
