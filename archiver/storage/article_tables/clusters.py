"""Clusters of near-duplicates, and the source of each cluster: the member from which the other members were copied.

A cluster is a connected component of the graph of `near_duplicates`, so it does not depend on the order in which its
members were added. IDs are stable: when two clusters are merged, the older ID is kept. All functions that write
expect to run inside the caller's transaction, except `rebuild`.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC
from typing import Any

from sqlite_utils import Database

from archiver.articles.near_duplicates import ClusterMember, UnionFind, find_source
from archiver.storage.article_tables import near_duplicate_links
from archiver.storage.connection import writing
from archiver.storage.pages import last_rowid, moment
from archiver.urls import urlkey

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
        near_duplicate_links.remove_minhash(db, article_id, was)
    if before is None:
        linked, unlinked = near_duplicate_links.link(db, article_id)
        if unlinked:
            _regroup(db, _clusters_of(db, {article_id, *linked, *unlinked}), {article_id, *linked})
        elif linked:
            _add_to_cluster(db, article_id, linked)
        return
    lost = near_duplicate_links.linked_with(db, [article_id])
    near_duplicate_links.unlink(db, [article_id])
    linked, unlinked = near_duplicate_links.link(db, article_id)
    touched = {article_id, *linked, *unlinked, *_compare_again(db, lost - linked)}
    _regroup(db, {before, *_clusters_of(db, touched)}, touched)


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
    lost = near_duplicate_links.linked_with(db, ids)
    for number in ids:
        row = db.execute("select body from articles where id = ?", [number]).fetchone()
        if row:
            near_duplicate_links.remove_minhash(db, number, row[0])
    near_duplicate_links.unlink(db, ids)
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
    """Compares articles that have lost a near-duplicate with other articles again, so that they take its place in the
    LSH index. Returns all articles whose links may have changed.
    """
    touched: set[int] = set()
    for number in sorted(ids):
        linked, unlinked = near_duplicate_links.link(db, number)
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

    That is the component with the cluster's source or, if there is none, the component with its oldest member.
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
    """Inserts a cluster that began when this article was last seen; returns the cluster's ID."""
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

    Needed for an archive without clusters, or with MinHash signatures of another version. Works in short
    transactions, so that a crawl can write at the same time. If it is interrupted, the clusters are as before and
    the compared articles need not be compared again. `progress` receives the number of articles done.
    """
    with writing(db):
        near_duplicate_links.remove_all_minhashes(db)
    done, last = 0, 0
    while ids := [
        row[0] for row in db.execute("select id from articles where id > ? order by id limit ?", [last, _BATCH])
    ]:
        with writing(db):
            for number in ids:
                if db.execute("select 1 from articles where id = ?", [number]).fetchone():
                    near_duplicate_links.unlink_compared(db, number)
                    near_duplicate_links.link(db, number)
        done, last = done + len(ids), ids[-1]
        progress(done)
    with writing(db):
        regroup_all(db)
