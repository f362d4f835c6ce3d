"""Clusters of near-duplicates, and the source of each cluster: the member from which the other members were copied.

The tables of near-duplicates hold the links between articles (`near_duplicates`), MinHash signatures and LSH bands.

A cluster is a connected component of the graph of `near_duplicates`, so it does not depend on the order in which its
members were added. IDs are stable: when two clusters are merged, the older ID is kept. All functions that write
expect to run inside the caller's transaction, except `rebuild`.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import combinations
from typing import Any

from sqlite_utils import Database

from archiver.articles.near_duplicates import (
    SKETCH_VERSION,
    ClusterMember,
    NearDuplicate,
    UnionFind,
    Wording,
    are_series,
    differ_only_in_numbers,
    find_source,
    minhash,
    near_duplicate,
    wording_of,
)
from archiver.storage.connection import writing
from archiver.storage.pages import last_rowid, moment
from archiver.urls import urlkey

# -- LSH bands, which show which articles may be near-duplicates of an article

COMMON = 32
"""If at least this many articles have a key, the key is common. It then yields no candidates and is not stored for
further articles."""
OF_A_CLUSTER = 8
"""A member of a cluster is stored under a key only if fewer articles than this have the key. Otherwise these articles
stand for the member. Thus the keys of a story with hundreds of copies do not become common."""
LEAST_MET = 2
"""A candidate must share at least this many keys."""


def lsh_candidates(db: Database, article_id: int, keys: Sequence[int], most: int) -> tuple[list[int], Counter[int]]:
    """Returns the articles that may be near-duplicates of an article, given its LSH keys. Returns at most `most`
    articles. Each shares at least two keys with the article, and those with the most shared keys come first.

    Also returns the number of other articles per key. Keys that very many articles have are ignored.
    """
    if not keys:
        return [], Counter()
    rows = db.conn.execute(_ARTICLES_WITH, [json.dumps(keys)]).fetchall()
    held = Counter(key for key, other in rows if other != article_id)
    shared = Counter(other for key, other in rows if other != article_id and held[key] < COMMON)
    # Ties are broken by age, so that the result does not depend on the order of the rows.
    found = sorted((-keys_shared, other) for other, keys_shared in shared.items() if keys_shared >= LEAST_MET)
    return [other for _, other in found[:most]], held


def enter_minhash(db: Database, article_id: int, keys: Sequence[int], held: Counter[int], *, clustered: bool) -> None:
    """Stores the LSH keys of an article, and records that the article was compared (even if it has no keys). `held` is
    the number of articles per key as `lsh_candidates` returned it.
    """
    db.execute(_ENTER_SIGNATURE, [article_id, SKETCH_VERSION])
    most = OF_A_CLUSTER if clustered else COMMON
    fresh = sorted({key for key in keys if held[key] < most})
    db.conn.executemany(_ENTER_BAND, [(key, article_id) for key in fresh])


_ARTICLES_WITH = "select key, article_id from lsh_bands where key in (select value from json_each(?))"
_ENTER_SIGNATURE = (
    "insert into minhash_signatures (article_id, version) values (?, ?) on conflict (article_id) "
    "do update set version = excluded.version"
)
_ENTER_BAND = "insert into lsh_bands (key, article_id) values (?, ?) on conflict do nothing"


def remove_minhash(db: Database, article_id: int, body: str) -> None:
    """Deletes the LSH keys of an article. `body` is the text from which they were computed."""
    if not db.execute("select 1 from minhash_signatures where article_id = ?", [article_id]).fetchone():
        return
    db.conn.executemany(
        "delete from lsh_bands where key = ? and article_id = ?",
        [(key, article_id) for key in minhash(wording_of(body))],
    )
    db.execute("delete from minhash_signatures where article_id = ?", [article_id])


def remove_all_minhashes(db: Database) -> None:
    db.execute("delete from lsh_bands")
    db.execute("delete from minhash_signatures")


def missing_minhashes(db: Database) -> int:
    """Returns the number of articles that were never compared with other articles, or only with another version of the
    signature.
    """
    articles = int(db.execute("select count(*) from articles").fetchone()[0])
    return articles - int(
        db.execute("select count(*) from minhash_signatures where version = ?", [SKETCH_VERSION]).fetchone()[0]
    )


# -- links

_MAX_CANDIDATES = 8
_ALMOST_WHOLE = 0.95
_ENOUGH = 3
"""If an article has this many links to one cluster, it need not be compared with the other members."""
Links = dict[int, tuple["_Text", NearDuplicate]]


@dataclass(frozen=True, slots=True)
class _Text:
    """The text of an article with its site and cluster, to be compared with other articles."""

    id: int
    cluster: int | None
    site: str
    title: str
    body: str

    @property
    def words(self) -> Wording:
        return wording_of(self.body)


def link(db: Database, article_id: int) -> tuple[set[int], set[int]]:
    """Compares an article with the articles that may be its near-duplicates, stores its links to those that are, and
    stores its LSH keys.

    Returns the IDs of the linked articles, and the IDs of articles that lost a link because they proved to be issues of
    a series. Calling this again changes nothing.
    """
    *text, digest = db.execute(
        "select cluster_id, site, title, body, content_digest from articles where id = ?", [article_id]
    ).fetchone()
    own = _Text(article_id, *text)
    keys = minhash(own.words)
    found, held = lsh_candidates(db, article_id, keys, _MAX_CANDIDATES)
    if keys and digest:
        # An article with the same text as many others is linked only with the first of them.
        found = list(dict.fromkeys([*_first_with_same_text(db, article_id, digest), *found]))
    links, seen = _compare(own, _texts(db, found))
    unlinked = _drop_series(db, own, links, seen)
    for other, (_, likeness) in links.items():
        _store_link(db, article_id, other, likeness)
    enter_minhash(db, article_id, keys, held, clustered=bool(links))
    return set(links), unlinked


def linked_with(db: Database, article_ids: Collection[int]) -> set[int]:
    """Returns the IDs of the articles that are linked with any of these articles, excluding these articles."""
    out: set[int] = set()
    for article_id in article_ids:
        out |= {
            row[0]
            for row in db.execute(
                "select other_id from near_duplicates where article_id = ? "
                "union select article_id from near_duplicates where other_id = ?",
                [article_id, article_id],
            )
        }
    return out - set(article_ids)


def unlink(db: Database, article_ids: Iterable[int]) -> None:
    """Deletes all near-duplicate links of these articles."""
    for article_id in article_ids:
        db.execute("delete from near_duplicates where article_id = ?", [article_id])
        db.execute("delete from near_duplicates where other_id = ?", [article_id])


def unlink_compared(db: Database, article_id: int) -> None:
    """Deletes an article's near-duplicate links to articles that have already been compared again."""
    db.execute(
        "delete from near_duplicates where article_id = ? and other_id in (select article_id from minhash_signatures)",
        [article_id],
    )
    db.execute(
        "delete from near_duplicates where other_id = ? and article_id in (select article_id from minhash_signatures)",
        [article_id],
    )


def _first_with_same_text(db: Database, article_id: int, digest: str) -> list[int]:
    return [
        row[0]
        for row in db.execute(
            "select id from articles a where content_digest = ? and id <> ? and exists "
            "(select 1 from minhash_signatures s where s.article_id = a.id) order by id limit 1",
            [digest, article_id],
        )
    ]


def _texts(db: Database, ids: list[int]) -> Iterable[_Text]:
    """Yields the texts of articles, loaded one at a time, so that texts that need not be compared are not loaded."""
    for number in ids:
        row = db.execute("select cluster_id, site, title, body from articles where id = ?", [number]).fetchone()
        if row is not None:  # None: another program deleted the article
            yield _Text(number, *row)


def _compare(own: _Text, others: Iterable[_Text]) -> tuple[Links, list[_Text]]:
    """Compares an article with other articles. Returns links to its near-duplicates, and all articles that it was
    compared with.
    """
    out: Links = {}
    seen: list[_Text] = []
    clusters: Counter[int] = Counter()
    for other in others:
        if other.cluster and clusters[other.cluster] >= _ENOUGH:
            continue
        seen.append(other)
        one_site = own.site == other.site
        likeness = near_duplicate(own.words, other.words, one_site=one_site)
        if likeness is not None and not (
            one_site
            and likeness.similarity < _ALMOST_WHOLE
            and differ_only_in_numbers((own.title, own.body), (other.title, other.body))
        ):
            out[other.id] = other, likeness
            clusters[other.cluster or 0] += 1
    return out, seen


def _drop_series(db: Database, own: _Text, links: Links, seen: list[_Text]) -> set[int]:
    """Removes from `links` the articles that are not near-duplicates but other issues of the same series, if most of
    the compared articles confirm that. Also deletes the stored links between these issues. Returns the articles that
    lost a stored link.
    """
    if not links or len(seen) < 2:
        return set()
    series = [
        (x.id, y.id)
        for x, y in combinations(seen, 2)
        if (x.id in links or y.id in links)
        and are_series(own.words, x.words, y.words, one_site=own.site == x.site == y.site)
    ]
    votes = Counter(number for pair in series for number in pair)
    for number in [number for number in links if 2 * votes[number] >= len(seen) - 1]:
        del links[number]
    unlinked = set()
    for x, y in series:
        if (
            x not in links
            and y not in links
            and db.execute(
                "delete from near_duplicates where article_id = ? and other_id = ? returning 1", [max(x, y), min(x, y)]
            ).fetchone()
        ):
            unlinked |= {x, y}
    return unlinked


def _store_link(db: Database, article_id: int, other: int, likeness: NearDuplicate) -> None:
    """Stores the link between two near-duplicates as one row, with the higher ID first."""
    db.execute(
        "insert into near_duplicates (article_id, other_id, similarity, reason) values (?, ?, ?, ?) "
        "on conflict (article_id, other_id) do update set similarity = excluded.similarity, "
        "reason = excluded.reason",
        [max(article_id, other), min(article_id, other), likeness.similarity, likeness.reason],
    )


_MOST_WEIGHED = 64
_MOST_ADDRESSES = 20
_ADDRESS = re.compile(r"https?://[^\s<>\"'()\[\]]+[\w/]")


def assign_cluster(db: Database, article_id: int, was: str | None = None) -> None:
    """Puts an article into the cluster of its near-duplicates, if it has any. The article is new, or its text has
    changed from the old text `was`.

    The cost does not depend on the size of the archive. A cluster that was connected only through this article is
    split.
    """
    before = None
    if was is not None:
        before = db.execute("select cluster_id from articles where id = ?", [article_id]).fetchone()[0]
        remove_minhash(db, article_id, was)
    if before is None:
        linked, unlinked = link(db, article_id)
        if unlinked:
            _regroup(db, _clusters_of(db, {article_id, *linked, *unlinked}), {article_id, *linked})
        elif linked:
            _add_to_cluster(db, article_id, linked)
        return
    lost = linked_with(db, [article_id])
    unlink(db, [article_id])
    linked, unlinked = link(db, article_id)
    touched = {article_id, *linked, *unlinked, *_compare_again(db, lost - linked)}
    _regroup(db, {before, *_clusters_of(db, touched)}, touched)


def assign_clusters(db: Database, new: Sequence[tuple[int, str]]) -> None:
    """Puts new articles, given by ID and body, into the clusters of their near-duplicates, in order, as
    `assign_cluster` does for one. Articles without candidates are entered together.
    """
    keys = {article_id: minhash(wording_of(body)) for article_id, body in new}
    left = list(keys)
    while left:
        alone = _enter_alone(db, {number: keys[number] for number in left})
        if alone < len(left):
            assign_cluster(db, left[alone])
        left = left[alone + 1 :]


def _enter_alone(db: Database, keys: Mapping[int, Sequence[int]]) -> int:
    """Stores the LSH keys of new articles, by ID, up to the first that has candidates for near-duplicates. Returns how
    many articles that are.
    """
    wanted = json.dumps(sorted({key for some in keys.values() for key in some}))
    held: Counter[int] = Counter()
    articles: defaultdict[int, list[int]] = defaultdict(list)
    for key, article_id in db.conn.execute(_ARTICLES_WITH, [wanted]):
        articles[key].append(article_id)
        held[key] += 1
    done: list[int] = []
    bands: list[tuple[int, int]] = []
    for article_id, own in keys.items():
        fresh = sorted({key for key in own if held[key] < COMMON})
        shared = Counter(other for key in fresh for other in articles[key])
        if shared and max(shared.values()) >= LEAST_MET:
            break
        done.append(article_id)
        for key in fresh:
            bands.append((key, article_id))
            articles[key].append(article_id)
            held[key] += 1
    db.conn.executemany(_ENTER_SIGNATURE, [(article_id, SKETCH_VERSION) for article_id in done])
    db.conn.executemany(_ENTER_BAND, bands)
    return len(done)


def update_cluster(db: Database, article_id: int, *, was: str | None) -> None:
    """Updates the cluster of an edited article. If the article's text has changed from the old text `was`, updates its
    links; otherwise only chooses the cluster's source again.
    """
    if was is not None:
        assign_cluster(db, article_id, was)
        return
    for cluster in _clusters_of(db, [article_id]):
        source = db.execute("select source_id from clusters where id = ?", [cluster]).fetchone()[0]
        _choose_source(db, cluster, {article_id, *([source] if source else ()), *_oldest_members(db, cluster)})


def leave_clusters(db: Database, article_ids: Collection[int]) -> None:
    """Removes articles that are about to be deleted from their clusters and from the index of MinHash signatures."""
    ids = set(article_ids)
    clusters = _clusters_of(db, ids)
    lost = linked_with(db, ids)
    for number in ids:
        row = db.execute("select body from articles where id = ?", [number]).fetchone()
        if row:
            remove_minhash(db, number, row[0])
    unlink(db, ids)
    db.conn.executemany("update articles set cluster_id = null where id = ?", [(number,) for number in ids])
    db.conn.executemany("update clusters set source_id = null where source_id = ?", [(number,) for number in ids])
    touched = _compare_again(db, lost)
    _regroup(db, clusters | _clusters_of(db, touched), touched)


def regroup_all(db: Database) -> None:
    """Recomputes all clusters of near-duplicate articles from the pairs stored in `near_duplicates`."""
    ids = {
        row[0]
        for row in db.execute("select article_id from near_duplicates union select other_id from near_duplicates")
    }
    clusters = {row[0] for row in db.execute("select id from clusters where merged_into is null and size > 0")}
    _regroup(db, clusters, ids)


def _compare_again(db: Database, ids: Iterable[int]) -> set[int]:
    """Compares articles that have lost a near-duplicate with other articles again, so that they take the place of the
    lost article in the LSH index. Returns all articles whose links may have changed.
    """
    touched: set[int] = set()
    for number in sorted(ids):
        linked, unlinked = link(db, number)
        touched |= {number, *linked, *unlinked}
    return touched


def _add_to_cluster(db: Database, article_id: int, linked: Collection[int]) -> None:
    """Adds a new article to the cluster of the articles it is linked with, merging their clusters if there are
    several.
    """
    clusters = sorted(_clusters_of(db, linked))
    cluster = clusters[0] if clusters else _insert_cluster(db, article_id)
    for other in clusters[1:]:
        _merge_clusters(db, other, cluster)
    grown = sum(
        db.execute("update articles set cluster_id = ? where id = ? and cluster_id is null", [cluster, number]).rowcount
        for number in (article_id, *linked)
    )
    size, source = db.execute(
        "update clusters set size = size + ? where id = ? returning size, source_id", [grown, cluster]
    ).fetchone()
    is_grown = source and size > _MOST_WEIGHED and len(clusters) < 2
    _choose_source(db, cluster, [source, article_id] if is_grown else _oldest_members(db, cluster))


def _merge_clusters(db: Database, cluster: int, into: int) -> None:
    db.execute("update articles set cluster_id = ? where cluster_id = ?", [into, cluster])
    db.execute(
        "update clusters set size = size + (select size from clusters where id = ?) where id = ?",
        [cluster, into],
    )
    db.execute(
        "update clusters set merged_into = ?, size = 0, source_id = null, reason = null where id = ?", [into, cluster]
    )


def _regroup(db: Database, clusters: Collection[int], more: Iterable[int]) -> None:
    """Recomputes from the stored links the clusters of all members of `clusters` and of the articles `more`."""
    had: dict[int, int | None] = dict.fromkeys(more)
    for number in sorted(had):
        had[number] = db.execute("select cluster_id from articles where id = ?", [number]).fetchone()[0]
    for cluster in clusters:
        had.update((row[0], cluster) for row in db.execute("select id from articles where cluster_id = ?", [cluster]))
    parts = _components(db, had)
    part_of = {number: index for index, part in enumerate(parts) for number in part}
    claims: dict[int, list[int]] = defaultdict(list)
    for cluster in sorted(clusters):
        heir = _component_keeping_id(db, cluster, part_of, had)
        if heir is None:
            db.execute("update clusters set size = 0, source_id = null, reason = null where id = ?", [cluster])
        else:
            claims[heir].append(cluster)
    complete = []
    for number, part in enumerate(parts):
        own = claims[number]
        kept = (own[0] if own else _insert_cluster(db, part[-1])) if len(part) > 1 else None
        for cluster in own if kept is None else own[1:]:
            db.execute(
                "update clusters set merged_into = ?, size = 0, source_id = null, reason = null where id = ?",
                [kept, cluster],
            )
        db.conn.executemany(
            "update articles set cluster_id = ? where id = ? and cluster_id is not ?",
            [(kept, member, kept) for member in part],
        )
        if kept is not None:
            complete.append(kept)
    for cluster in complete:
        _update_size_and_source(db, cluster)


def _component_keeping_id(
    db: Database, cluster: int, part_of: dict[int, int], had: dict[int, int | None]
) -> int | None:
    """Returns the index of the component that keeps the ID of a split cluster; None if the cluster has no member left.

    It is the component that contains the cluster's source or, if no component does, the cluster's oldest member.
    Components with several members are preferred.
    """
    members = [number for number, before in had.items() if before == cluster]
    if not members:
        return None
    source = db.execute("select source_id from clusters where id = ?", [cluster]).fetchone()[0]
    sizes: dict[int, int] = defaultdict(int)
    for part in part_of.values():
        sizes[part] += 1
    best = min(members, key=lambda number: (sizes[part_of[number]] < 2, number != source, number))
    return part_of[best]


def _components(db: Database, ids: Collection[int]) -> list[list[int]]:
    """Returns the connected components of these articles under their near-duplicate links, as lists of IDs, sorted
    inside and out.
    """
    links = UnionFind(
        (number, other)
        for number in ids
        for (other,) in db.execute("select other_id from near_duplicates where article_id = ?", [number])
        if other in ids
    )
    return links.groups(sorted(ids))


def _insert_cluster(db: Database, article_id: int) -> int:
    """Inserts a cluster for this article and returns its ID. The cluster begins at the time when the article was last
    seen.
    """
    db.execute("insert into clusters (size, since) select 0, last_seen from articles where id = ?", [article_id])
    return last_rowid(db)


def _clusters_of(db: Database, ids: Iterable[int]) -> set[int]:
    rows = (db.execute("select cluster_id from articles where id = ?", [number]).fetchone() for number in ids)
    return {row[0] for row in rows if row and row[0]}


def _update_size_and_source(db: Database, cluster: int) -> None:
    """Updates the stored size and source of a cluster."""
    db.execute(
        "update clusters set merged_into = null, size = (select count(*) from articles where cluster_id = ?) "
        "where id = ?",
        [cluster, cluster],
    )
    _choose_source(db, cluster, _oldest_members(db, cluster))


def _oldest_members(db: Database, cluster: int) -> list[int]:
    return [
        row[0]
        for row in db.execute(
            "select id from articles where cluster_id = ? order by id limit ?", [cluster, _MOST_WEIGHED]
        )
    ]


def _choose_source(db: Database, cluster: int, ids: Iterable[int]) -> None:
    """Chooses the source of a cluster (the member from which the others were copied) among these members, and stores
    it.
    """
    source, reason = find_source([_load_member(db, number) for number in sorted(ids)])
    db.execute("update clusters set source_id = ?, reason = ? where id = ?", [source, reason, cluster])


def _load_member(db: Database, number: int) -> ClusterMember:
    row: Sequence[Any] = db.execute(
        "select site, first_seen, published, published_precision, canonical_url, credits, "
        "case when instr(body, '://') then body end from articles where id = ?",
        [number],
    ).fetchone()
    keys = frozenset(r[0] for r in db.execute("select urlkey from article_urls where article_id = ?", [number]))
    names = (
        frozenset(filter(None, map(_urlkey_or_empty, _ADDRESS.findall(row[6])[:_MOST_ADDRESSES])))
        if row[6]
        else frozenset()
    )
    published = moment(row[2])
    if published is not None and published.tzinfo is None:
        published = published.replace(tzinfo=UTC)
    first_seen = moment(row[1])
    assert first_seen is not None
    return ClusterMember(
        number,
        row[0],
        keys,
        first_seen,
        published,
        row[3],
        _urlkey_or_empty(row[4] or ""),
        names,
        tuple(json.loads(row[5] or "[]")),
    )


def _urlkey_or_empty(url: str) -> str:
    try:
        return urlkey(url) if url else ""
    except ValueError:  # the text only looks like a URL
        return ""


# -- rebuilding all clusters

_BATCH = 200


def rebuild(db: Database, progress: Callable[[int], None] = lambda done: None) -> None:
    """Compares all articles again and recomputes the clusters; a cluster that still exists keeps its ID.

    This is needed for an archive without clusters, or with MinHash signatures of another version. Transactions are
    short, so that a crawl can write at the same time. If it is interrupted, the clusters are as before and the compared
    articles need not be compared again. `progress` receives the number of articles done.
    """
    with writing(db):
        remove_all_minhashes(db)
    done, last = 0, 0
    while ids := [
        row[0] for row in db.execute("select id from articles where id > ? order by id limit ?", [last, _BATCH])
    ]:
        with writing(db):
            for number in ids:
                if db.execute("select 1 from articles where id = ?", [number]).fetchone():
                    unlink_compared(db, number)
                    link(db, number)
        done, last = done + len(ids), ids[-1]
        progress(done)
    with writing(db):
        regroup_all(db)
