"""Clusters as they are read: a cluster with its members, the clusters there are, and what one article is in them."""

from __future__ import annotations

from typing import Any

from sqlite_utils import Database

from archiver.errors import ClusterNotFound
from archiver.store.records import find_article

Cluster = dict[str, Any]
_COLUMNS = "id, source_id, reason, size, since"
_MEMBERS = """
    select id, site, url, title, published, published_precision, gone_at from articles where cluster_id = ?
    order by id = ? desc, published is null, datetime(published), id"""
_LINKS = """
    select article_id, other_id, similarity, reason from near_duplicates
    where article_id in (select id from articles where cluster_id = ?) order by similarity desc, other_id"""


def cluster(db: Database, number: int) -> Cluster:
    """The cluster with this number, or that into which it was merged: id, source_id, reason, size, since, members.

    A member has id, site, url, title, published, published_precision, gone_at; `similarity` (0 to 1) to `near`, which
    is the source where it was compared with that, else the member that it is most like, and `how` it is like that.
    The source comes first.
    Raises ClusterNotFound.
    """
    asked = number
    while (row := db.execute("select merged_into, size from clusters where id = ?", [number]).fetchone()) and row[0]:
        number = row[0]
    if row is None or not row[1]:
        raise ClusterNotFound(str(asked), dissolved=row is not None)
    return _whole(db, next(iter(db.query(f"select {_COLUMNS} from clusters where id = ?", [number]))))


def _whole(db: Database, found: Cluster) -> Cluster:
    source = found["source_id"]
    near: dict[int, tuple[int, float, str]] = {}
    for one, other, similarity, reason in db.execute(_LINKS, [found["id"]]):
        for own, there in ((one, other), (other, one)):
            if own not in near or (there == source and near[own][0] != source):
                near[own] = there, similarity, reason
    members = [{**row, **dict(zip(("near", "similarity", "how"), near.get(row["id"], (None, None, None)), strict=True))}
               for row in db.query(_MEMBERS, [found["id"], source])]
    return {**found, "members": members}


def cluster_of(db: Database, article_id: int) -> Cluster | None:
    """The cluster that an article is in, as `cluster` gives it."""
    row = db.execute("select cluster_id from articles where id = ?", [article_id]).fetchone()
    return cluster(db, row[0]) if row and row[0] else None


def find_cluster(db: Database, what: str) -> Cluster:
    """A cluster by its number, or by any address of one of its members. Raises ClusterNotFound, ArticleNotFound."""
    text = what.strip()
    if text.isascii() and text.isdigit():
        return cluster(db, int(text[:18]))
    found = cluster_of(db, find_article(db, text))
    if found is None:
        raise ClusterNotFound(text)
    return found


def clusters(db: Database, site: str | None = None, limit: int | None = None) -> list[Cluster]:
    """The clusters, the largest first: id, source_id, reason, size, since, and the source's site, url and title.

    With `site` only those that have a member of it.
    """
    where = "and exists (select 1 from articles m where m.cluster_id = c.id and m.site = ?)" if site else ""
    return list(db.query(
        f"select c.id, c.source_id, c.reason, c.size, c.since, a.site, a.url, a.title from clusters c "
        f"left join articles a on a.id = c.source_id where c.merged_into is null and c.size > 1 {where} "
        "order by c.size desc, c.id limit ?", [*([site] if site else []), -1 if limit is None else limit]))
