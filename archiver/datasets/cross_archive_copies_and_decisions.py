"""Finds the copies of a text across several archives that are published together as one dataset, and applies the
strictest decision about any of them to all. The archives are not merged.

Equal texts are found by their digests. Near-duplicates are found as within one archive: texts that share some of the
MinHash keys which each archive stores are compared word by word.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby
from typing import Any

from archiver.articles.near_duplicates_and_cluster_source import (
    SKETCH_VERSION,
    UnionFind,
    minhash,
    near_duplicate,
    wording_of,
)
from archiver.datasets.publication_rules_tiers_and_licences import (
    Decision,
    PublicationRules,
    Reason,
    Tier,
    limit_decision,
)
from archiver.datasets.snapshot_request_selection_and_statistics import (
    NEWEST,
    choose_articles,
    decide_tiers,
    duplicate_groups,
    latest_time,
)
from archiver.storage import Database
from archiver.storage.article_tables.near_duplicate_clusters import COMMON, LEAST_MET

ArticleKey = tuple[int, int]
"""Identifies an article in several archives: the index of its archive, and its number in that archive."""
Groups = list[list[ArticleKey]]


@dataclass(frozen=True, slots=True)
class _Copy:
    """A row of `temp.considered`, which is an article that a dataset contains or a copy of such an article."""

    place: ArticleKey
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


def consider_copies(
    dbs: Sequence[Database], selected: Sequence[Iterable[int] | None], cutoff: str, *, folding: str = "none"
) -> list[list[ArticleKey]]:
    """Adds copies of the chosen articles in other archives to `temp.considered`, and sets the duplicates and clusters
    of all articles across the archives. Copies are equal texts and near-duplicates.

    `choose_articles` must have chosen the `selected` articles before: for each archive the IDs, or None for all its
    articles. `folding` is "none", "text" or "cluster": with "text", only one of several equal texts stays chosen; with
    "cluster", only one of all copies. Returns the groups of copies that are in more than one archive.
    """
    texts = _equal_texts(dbs, cutoff) if len(dbs) > 1 else []
    near = _near_texts(dbs, cutoff) if len(dbs) > 1 else []
    entered: dict[int, list[int]] = {}
    while more := _missing_copies(dbs, [*texts, *near]):  # repeats, because the new copies may have copies, too
        for archive, numbers in more.items():
            entered.setdefault(archive, []).extend(numbers)
            choose_articles(dbs[archive], selected[archive], cutoff, entered[archive])
    return _set_duplicates(dbs, texts, near, folding)


def _equal_texts(dbs: Sequence[Database], cutoff: str) -> Groups:
    """Returns the groups of articles with equal text that are in more than one archive. Articles that were first seen
    after the cut-off are left out.
    """
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


def _near_texts(dbs: Sequence[Database], cutoff: str) -> Groups:
    """Returns the pairs of articles in two archives that are near-duplicates, as of the cut-off.

    Two articles are compared if they share as many MinHash keys as within one archive. A key that very many articles
    have belongs to a common phrase and is ignored.
    """
    shared: Counter[tuple[ArticleKey, ArticleKey]] = Counter()
    for _, found in groupby(heapq.merge(*(_keys(db, number, cutoff) for number, db in enumerate(dbs))), lambda x: x[0]):
        places = sorted({place for _, place in found})
        if len(places) <= COMMON:
            shared.update((one, other) for one, other in combinations(places, 2) if one[0] != other[0])
    pairs = sorted(pair for pair, keys in shared.items() if keys >= LEAST_MET)
    return [[*pair] for pair in pairs if _are_near_duplicates(dbs, *pair)]


def _keys(db: Database, number: int, cutoff: str) -> Iterator[tuple[int, ArticleKey]]:
    """Yields the MinHash keys of all articles of an archive as (key, article), in ascending order. Keys that the
    archive has not stored, because the article is new or the algorithm has changed, are computed.
    """
    seen = "substr(coalesce(a.first_seen, ''), 1, 19) <= ?"
    stored = db.execute(
        "select b.key, b.article_id from lsh_bands b join minhash_signatures s on s.article_id = b.article_id "
        f"and s.version = ? join articles a on a.id = b.article_id where {seen} order by 1, 2",
        [SKETCH_VERSION, cutoff or NEWEST],
    )
    missing = db.execute(
        f"select a.id, a.body from articles a where {seen} and not exists (select 1 from minhash_signatures s where "
        "s.article_id = a.id and s.version = ?)",
        [cutoff or NEWEST, SKETCH_VERSION],
    )
    computed = sorted((key, article) for article, body in missing for key in set(minhash(wording_of(body or ""))))
    for key, article in heapq.merge(stored, computed):
        yield key, (number, article)


def _are_near_duplicates(dbs: Sequence[Database], one: ArticleKey, other: ArticleKey) -> bool:
    """Returns True if two articles, each given as the index of its archive and its ID, are near-duplicates and their
    texts are not equal.
    """
    (site, body, digest), (other_site, other_body, other_digest) = (
        dbs[archive].execute("select site, body, content_digest from articles where id = ?", [number]).fetchone()
        for archive, number in (one, other)
    )
    if digest is not None and digest == other_digest:
        return False
    texts = wording_of(body or ""), wording_of(other_body or "")
    return near_duplicate(*texts, one_site=site == other_site) is not None


def _missing_copies(dbs: Sequence[Database], texts: Groups) -> dict[int, list[int]]:
    """Returns the articles that are not in `temp.considered` yet although another article of their group is: their IDs
    by the index of their archive. `texts` are groups of articles with equal or nearly equal texts.
    """
    out: dict[int, list[int]] = {}
    for group in texts:
        considered = [_is_considered(dbs[archive], number) for archive, number in group]
        for (archive, number), known in zip(group, considered, strict=True):
            if any(considered) and not known:
                out.setdefault(archive, []).append(number)
    return out


def _is_considered(db: Database, number: int) -> bool:
    return db.execute("select 1 from temp.considered where article_id = ?", [number]).fetchone() is not None


def _set_duplicates(dbs: Sequence[Database], texts: Groups, near: Groups, folding: str) -> list[list[ArticleKey]]:
    """Sets `duplicate_of`, `cluster_id` and `split_key` of the equal texts (`texts`) and near-duplicates (`near`)
    across all archives, as `choose_articles` does within one archive. `folding` is as in `consider_copies`. Returns the
    groups of copies that are in more than one archive.
    """
    texts, near = (
        [group for group in groups if all(_is_considered(dbs[archive], number) for archive, number in group)]
        for groups in (texts, near)
    )
    for group in texts:
        _set_original(dbs, group, fold=folding != "none")
    equal_ones = {place for group in texts for place in group}
    linked = {place for group in near for place in group}
    if not equal_ones and not linked:
        return []
    own = _groups_by_article(dbs, equal_ones | linked)
    find = UnionFind((own[group[0]][0], own[place][0]) for group in (*texts, *near) for place in group[1:]).top
    whole: dict[ArticleKey, set[ArticleKey]] = {}
    for members in own.values():
        whole.setdefault(find(members[0]), set()).update(members)
    out = sorted(map(sorted, whole.values()))
    for places in out:
        if folding == "cluster":
            _set_original(dbs, places, fold=True)
        _set_cluster(dbs, places, equal_ones, linked)
    return out


def _set_original(dbs: Sequence[Database], group: Sequence[ArticleKey], *, fold: bool) -> None:
    """Makes the chosen copy of `group` that was published first the original of the other copies. If `fold` is True,
    only the original stays chosen.
    """
    chosen = sorted(
        (copy for copy in _read(dbs, group) if copy.chosen),
        key=lambda copy: (copy.published is None, copy.published or "", copy.first_seen, copy.id),
    )
    for copy in chosen:
        if fold:
            _set(dbs, copy.place, "chosen", int(copy is chosen[0]))
        else:
            _set(dbs, copy.place, "duplicate_of", None if copy is chosen[0] else chosen[0].id)


def _set_cluster(
    dbs: Sequence[Database], places: list[ArticleKey], equal_ones: set[ArticleKey], linked: set[ArticleKey]
) -> None:
    copies = _read(dbs, places)
    near = [
        copy
        for copy in copies
        if copy.cluster is not None
        or copy.place in linked
        or (copy.place in equal_ones and not _is_short(dbs, copy.place))
    ]
    for copy in copies:
        _set(dbs, copy.place, "split_key", min(copies, key=lambda one: one.seen).id)
    for copy in near if len(near) > 1 else ():
        _set(dbs, copy.place, "cluster_id", min(near, key=lambda one: one.seen).id)


def _groups_by_article(dbs: Sequence[Database], places: set[ArticleKey]) -> Mapping[ArticleKey, list[ArticleKey]]:
    """Returns, for each of the articles `places`, the list of its copies in its own archive, including the article
    itself. The articles of a group share one list.
    """
    out: dict[ArticleKey, list[ArticleKey]] = {}
    for archive, db in enumerate(dbs):
        for group in duplicate_groups(db):
            members = [(archive, number) for number in group]
            if not places.isdisjoint(members):
                out.update(dict.fromkeys(members, members))
    return {**{place: [place] for place in places}, **out}


def apply_strictest(
    dbs: Sequence[Database],
    copies: list[list[ArticleKey]],
    decided: Sequence[dict[int, Decision]],
    reasons: Counter[tuple[str, str]],
) -> None:
    """Applies the strictest publication decision on any copy of a text to all its copies. Thus a text that may not be
    published from one archive is not published from any other.

    - `copies`: the groups of copies.
    - `decided`: for each archive, the decisions by article ID; they are changed in place.
    - `reasons`: the number of chosen articles by tier and reason; they are changed in place.
    """
    for places in copies:
        found = _read(dbs, places)
        least = min(Tier(copy.tier or 0) for copy in found)
        site = min(copy.site for copy in found if copy.tier == least)
        fewest = min(decided[archive][number].characters for archive, number in places)
        for copy in found:
            archive, number = copy.place
            before = decided[archive][number]
            after = limit_decision(before, least, f"its copy on {site} is limited to {least.label}", fewest)
            if after is before:
                continue
            decided[archive][number] = after
            _set(dbs, copy.place, "tier", int(least))
            _set(dbs, copy.place, "reason", after.label[1])
            _set(dbs, copy.place, "characters", after.characters)
            if copy.chosen:
                reasons[before.label] -= 1
                reasons[after.label] += 1


def explain_decision(dbs: Sequence[Database], place: ArticleKey, rules: PublicationRules, cutoff: str = "") -> Decision:
    """Returns the publication decision on one article with all its reasons. `place` is the index of the article's
    archive and the article's ID; `cutoff` is "" for the latest time in the archives.
    """
    selected = [[place[1]] if archive == place[0] else [] for archive in range(len(dbs))]
    for db, ids in zip(dbs, selected, strict=True):
        choose_articles(db, ids, cutoff)
    copies = consider_copies(dbs, selected, cutoff)
    at = cutoff or max(map(latest_time, dbs))
    decided = [
        decide_tiers(
            db, rules, at, {number for group in [*copies, [place]] for one, number in group if one == archive}
        )[1]
        for archive, db in enumerate(dbs)
    ]
    apply_strictest(dbs, copies, decided, Counter())
    # An article that was first seen after the cut-off has no decision.
    late = Decision(Tier.REFERENCE, reasons=(Reason(Tier.REFERENCE, "it was not in the archive at the cut-off"),))
    return decided[place[0]].get(place[1], late)


def _read(dbs: Sequence[Database], places: Sequence[ArticleKey]) -> list[_Copy]:
    return [
        _Copy(
            place,
            *dbs[place[0]]
            .execute(
                "select id, site, first_seen, published, chosen, cluster, tier from temp.considered "
                "where article_id = ?",
                [place[1]],
            )
            .fetchone(),
        )
        for place in places
    ]


def _set(dbs: Sequence[Database], place: ArticleKey, column: str, value: Any) -> None:
    dbs[place[0]].execute(f"update temp.considered set {column} = ? where article_id = ?", [value, place[1]])


def _is_short(dbs: Sequence[Database], place: ArticleKey) -> bool:
    """Returns True if the body of the article `place` is too short to have near-duplicates."""
    [body] = dbs[place[0]].execute("select body from articles where id = ?", [place[1]]).fetchone()
    return wording_of(body or "").is_short
