"""Clusters of near-duplicates, and the source of each cluster: the member from which the other members were copied.

The tables of near-duplicates hold the links between articles (`near_duplicates`) and their MinHash signatures as LSH
keys. A key is the hash of an LSH band: articles that share keys are probably similar.

A cluster is a connected component of the graph of `near_duplicates`, so it does not depend on the order in which its
members were added. IDs are stable: when two clusters are merged, the older ID is kept. All functions that write expect
to run inside the caller's transaction, except `rebuild`.
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

from archiver.articles.article_comparison import repeats_text
from archiver.articles.near_duplicates import (
    COPY_SIMILARITY,
    SKETCH_VERSION,
    ClusterMember,
    NearDuplicate,
    SitePost,
    UnionFind,
    Wording,
    are_series,
    differ_only_in_numbers,
    find_second_addresses,
    find_source,
    last_step,
    minhash,
    near_duplicate,
    wording_of,
)
from archiver.model.urls import names_second_form, urlkey_or_empty
from archiver.storage import Database
from archiver.storage.pages import last_rowid, moment
from archiver.storage.transactions import writing

# -- LSH bands, which show which articles may be near-duplicates of an article

COMMON = 32
"""An LSH key is common if at least this many articles have it. A common key yields no candidates, and is not stored for
further articles."""
OF_A_CLUSTER = 8
"""An LSH key of an article in a cluster is stored only if fewer articles than this have it. So a story with hundreds of
copies does not make its keys common, and each copy still finds the first ones."""
LEAST_MET = 2
"""A candidate for a near-duplicate of an article must share at least this many LSH keys with it."""


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
    the number of other articles per key, from `lsh_candidates`. `clustered` is True if the article is in a cluster, in
    which case keys that several articles have are not stored again.
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
"""Once an article has this many links to one cluster, it is not compared with the other members."""
Links = dict[int, tuple["ArticleText", NearDuplicate]]


@dataclass(frozen=True, slots=True)
class ArticleText:
    """The text of an article with its site and cluster, to be compared with other articles. A new article has no
    cluster yet.
    """

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
    # An article with the same text as many others is linked only with the first of them.
    return _link(db, ArticleText(article_id, *text), _first_with_same_text(db, article_id, digest) if digest else [])


def _link(db: Database, own: ArticleText, first: list[int]) -> tuple[set[int], set[int]]:
    """Does what `link` does for the article `own`, and compares it with the articles `first` before all others."""
    keys = minhash(own.words)
    found, held = lsh_candidates(db, own.id, keys, _MAX_CANDIDATES)
    links, seen = _compare(own, _texts(db, list(dict.fromkeys([*first, *found])) if keys else []))
    unlinked = _drop_series(db, own, links, seen)
    _store_links(db, own.id, {other: likeness for other, (_, likeness) in links.items()})
    enter_minhash(db, own.id, keys, held, clustered=bool(links))
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
    """Deletes the links of an article to the articles that `rebuild` has already compared again, because it is about to
    compare this article with them.
    """
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


def _texts(db: Database, ids: list[int]) -> Iterable[ArticleText]:
    """Yields the texts of articles in this order; an article that another program deleted is left out."""
    query = (
        "select a.id, a.cluster_id, a.site, a.title, a.body from json_each(?) j cross join articles a "
        "on a.id = j.value order by j.key"
    )
    return (ArticleText(*row) for row in db.conn.execute(query, [json.dumps(ids)])) if ids else ()


def _compare(own: ArticleText, others: Iterable[ArticleText]) -> tuple[Links, list[ArticleText]]:
    """Compares an article with other articles. Returns links to its near-duplicates, and all articles that it was
    compared with.
    """
    out: Links = {}
    seen: list[ArticleText] = []
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


def _drop_series(db: Database, own: ArticleText, links: Links, seen: list[ArticleText]) -> set[int]:
    """Removes from `links`, the links of the article `own`, the articles that are other issues of the same series and
    not near-duplicates, if most of the compared articles (`seen`) confirm that. Also deletes the stored links between
    such issues. Returns the IDs of the articles that lost a stored link.
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


def _store_links(db: Database, article_id: int, links: Mapping[int, NearDuplicate]) -> None:
    """Stores the links of an article. `links` maps the IDs of its near-duplicates to the comparisons. Each link is one
    row, with the higher ID first.
    """
    if not links:
        return
    db.conn.executemany(
        "insert into near_duplicates (article_id, other_id, similarity, reason) values (?, ?, ?, ?) "
        "on conflict (article_id, other_id) do update set similarity = excluded.similarity, "
        "reason = excluded.reason",
        [
            (max(article_id, other), min(article_id, other), likeness.similarity, likeness.reason)
            for other, likeness in links.items()
        ],
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
        _join_cluster(db, article_id, *link(db, article_id))
        return
    lost = linked_with(db, [article_id])
    unlink(db, [article_id])
    linked, unlinked = link(db, article_id)
    touched = {article_id, *linked, *unlinked, *_compare_again(db, lost - linked)}
    _regroup(db, {before, *_clusters_of(db, touched)}, touched)


def _join_cluster(db: Database, article_id: int, linked: set[int], unlinked: set[int]) -> None:
    """Puts an article that has no cluster into the cluster of the articles that it was linked with (`linked`). Articles
    that lost their link with it (`unlinked`) leave their clusters.
    """
    if unlinked:
        _regroup(db, _clusters_of(db, {article_id, *linked, *unlinked}), {article_id, *linked})
    elif linked:
        _add_to_cluster(db, article_id, linked)


def assign_clusters(db: Database, new: Sequence[ArticleText]) -> None:
    """Puts new articles, whose texts no other article has, into the clusters of their near-duplicates, one after the
    other. Articles without candidates for near-duplicates are stored together, because that is faster.
    """
    alone = _ArticlesWithoutCandidates(db)
    keys = [minhash(one.words) for one in new]
    alone.read(key for own in keys for key in own)
    for one, own in zip(new, keys, strict=True):
        if not alone.add(one.id, own):
            alone.write()
            _join_cluster(db, one.id, *_link(db, one, []))
            alone.read(own)
    alone.write()


class _ArticlesWithoutCandidates:
    """New articles that need not be compared with others, because no stored article shares enough LSH keys with them.
    `read` must be called with their LSH keys before they are added.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._articles: dict[int, list[int]] = {}
        self._signatures: list[tuple[int, int]] = []
        self._bands: list[tuple[int, int]] = []

    def read(self, keys: Iterable[int]) -> None:
        """Reads which articles have these keys."""
        for key, article_id in self._db.conn.execute(_ARTICLES_WITH, [json.dumps(list(keys))]):
            articles = self._articles.setdefault(key, [])
            if article_id not in articles:
                articles.append(article_id)

    def add(self, article_id: int, keys: Sequence[int]) -> bool:
        """Adds a new article; returns False if it has candidates and is therefore not added."""
        own, articles = set(keys), self._articles
        held = {key: found for key in own if (found := articles.get(key)) is not None}
        shared = Counter(other for found in held.values() if len(found) < COMMON for other in found)
        if shared and max(shared.values()) >= LEAST_MET:
            return False
        self._signatures.append((article_id, SKETCH_VERSION))
        for key in own:
            found = held.get(key)
            if found is None:
                articles[key] = [article_id]
            elif len(found) < COMMON:
                found.append(article_id)
            else:
                continue
            self._bands.append((key, article_id))
        return True

    def write(self) -> None:
        """Stores the LSH keys of the articles that were added."""
        if self._signatures:
            self._db.conn.executemany(_ENTER_SIGNATURE, self._signatures)
            self._db.conn.executemany(_ENTER_BAND, sorted(self._bands))
            self._signatures.clear()
            self._bands.clear()


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
    """Compares the articles `ids`, each of which has lost a near-duplicate, again with all others. Returns the IDs of
    these articles and of those whose link to one of them was added or removed.
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
    grown = db.conn.execute(
        "update articles set cluster_id = ? where id in (select value from json_each(?)) and cluster_id is null",
        [cluster, json.dumps([article_id, *linked])],
    ).rowcount
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
    `part_of` maps article IDs to components, `had` to the clusters before the split.

    This is the component that contains the cluster's source or, if no component does, the cluster's oldest member.
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
    """Returns the connected components of these articles under their near-duplicate links, each as a sorted list of
    IDs. The components are sorted, too.
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
    query = "select distinct cluster_id from articles where id in (select value from json_each(?))"
    return {row[0] for row in db.conn.execute(query, [json.dumps(list(ids))]) if row[0]}


def _update_size_and_source(db: Database, cluster: int) -> None:
    """Updates the stored size and source of a cluster."""
    db.execute(
        "update clusters set merged_into = null, size = (select count(*) from articles where cluster_id = ?) "
        "where id = ?",
        [cluster, cluster],
    )
    _choose_source(db, cluster, _oldest_members(db, cluster))


def _oldest_members(db: Database, cluster: int) -> list[int]:
    """Returns the IDs of the members that were published first. The IDs themselves say nothing about that, since a
    crawl begins with the newest posts.
    """
    return [
        row[0]
        for row in db.execute(
            "select id from articles where cluster_id = ? order by published is null, published, id limit ?",
            [cluster, _MOST_WEIGHED],
        )
    ]


def _choose_source(db: Database, cluster: int, ids: Iterable[int]) -> None:
    """Chooses the source of a cluster (the member from which the others were copied) among these members, and stores
    it.
    """
    source, reason = find_source(_load_members(db, sorted(ids)))
    db.execute("update clusters set source_id = ?, reason = ? where id = ?", [source, reason, cluster])


def _load_members(db: Database, ids: Sequence[int]) -> list[ClusterMember]:
    """Returns the articles with these IDs, which are sorted, as members of a cluster."""
    wanted = [json.dumps(ids)]
    keys: defaultdict[int, set[str]] = defaultdict(set)
    for number, key in db.conn.execute(
        "select article_id, urlkey from article_urls where article_id in (select value from json_each(?))", wanted
    ):
        keys[number].add(key)
    rows = db.conn.execute(
        "select a.id, site, first_seen, published, published_precision, canonical_url, credits, "
        "case when instr(body, '://') then body end from json_each(?) j cross join articles a on a.id = j.value "
        "order by a.id",
        wanted,
    )
    return [_member(row, frozenset(keys[row[0]])) for row in rows]


def _member(row: Sequence[Any], keys: frozenset[str]) -> ClusterMember:
    number, site, first_seen, published, precision, canonical, credits, body = row
    addresses = _ADDRESS.findall(body)[:_MOST_ADDRESSES] if body else ()
    seen, day = moment(first_seen), moment(published)
    if day is not None and day.tzinfo is None:
        day = day.replace(tzinfo=UTC)
    assert seen is not None
    return ClusterMember(
        number,
        site,
        keys,
        seen,
        day,
        precision,
        urlkey_or_empty(canonical or ""),
        frozenset(filter(None, map(urlkey_or_empty, addresses))),
        tuple(json.loads(credits or "[]")),
    )


# -- second addresses of posts

COPY = "copy"
"""The rule in `withdrawn_articles` of posts that are another address of a post of their site."""
_IS_LIVE_OR_COPY = f"""a.gone_at is null and not exists (select 1 from withdrawn_articles w
    where w.article_id = a.id and w.rule is not '{COPY}')"""
_SIMILAR = f"""select a.id, n.other_id from articles a cross join near_duplicates n on n.article_id = a.id
    where a.site = :site and n.similarity >= {COPY_SIMILARITY} and {_IS_LIVE_OR_COPY}
    union select a.id, a.duplicate_of from articles a
    where a.site = :site and a.duplicate_of is not null and {_IS_LIVE_OR_COPY}"""
_SITE_POSTS = f"""select a.id, a.url, a.urlkey, a.title, a.published, coalesce(a.canonical_url, ''),
    coalesce((select f.form_id from pages p join page_forms f on f.page_id = p.id where p.urlkey = a.urlkey), 0),
    exists (select 1 from pages p join page_discoveries d on d.page_id = p.id
        where p.urlkey = a.urlkey and d.source in ('feed', 'sitemap', 'api')),
    exists (select 1 from pages p join page_discoveries d on d.page_id = p.id
        where p.urlkey = a.urlkey and d.source = 'listing')
    from json_each(:ids) j cross join articles a on a.id = j.value where a.site = :site and {_IS_LIVE_OR_COPY}"""
_LINKED = f"""select a.id, a.url, b.id, b.url from articles a join pages p on p.urlkey = a.urlkey
    join page_discoveries d on d.page_id = p.id join pages q on q.id = d.found_on_page_id
    join articles b on b.id = q.article_id where a.site = ? and b.id <> a.id and {_IS_LIVE_OR_COPY}"""


def second_addresses(db: Database, site: str) -> dict[int, int]:
    """Returns which articles of a site are only second addresses of its other articles, as {ID: ID of the other
    article}: print, AMP and mobile versions, and pages that repeat posts of other forms.
    """
    pairs = {(one, other) for one, other in db.execute(_SIMILAR, {"site": site})}
    pairs |= _linked_copies(db, site)
    if not pairs:
        return {}
    ids = json.dumps(sorted({number for pair in pairs for number in pair}))
    posts = {row[0]: _site_post(row) for row in db.execute(_SITE_POSTS, {"ids": ids, "site": site})}
    known = ((posts[one], posts[other]) for one, other in sorted(pairs) if one in posts and other in posts)
    found = find_second_addresses(known, lambda: _count_groups(db, site))
    withdrawn = {row[0] for row in db.execute("select article_id from withdrawn_articles")} if found else set()
    return {one: other for one, other in found.items() if one not in withdrawn and other not in withdrawn}


def _linked_copies(db: Database, site: str) -> set[tuple[int, int]]:
    """Returns the articles whose URLs name a print version or the like, or end as that of an article that links to
    them, each with this article, if one of their texts repeats the other. This finds copies of texts that are too short
    for the clusters, too.
    """
    pairs = {
        (one, other)
        for one, url, other, linked_from in db.execute(_LINKED, [site])
        if names_second_form(url) or last_step(url) == last_step(linked_from)
    }
    return {
        (one, other)
        for one, other in pairs
        if repeats_text(
            *(db.execute("select body from articles where id = ?", [n]).fetchone()[0] for n in (one, other))
        )
    }


def _site_post(row: Sequence[Any]) -> SitePost:
    number, url, key, title, published, canonical, form, is_given, is_listed = row
    day = moment(published)
    return SitePost(
        number,
        url,
        key,
        title,
        day.date() if day else None,
        urlkey_or_empty(canonical),
        form,
        bool(is_given),
        bool(is_listed),
    )


def _count_groups(db: Database, site: str) -> Counter[str]:
    """Returns the number of a site's articles in each group of pages (see `SitePost`)."""
    rows = db.execute(
        "select a.id, a.url, a.urlkey, coalesce((select f.form_id from pages p join page_forms f on f.page_id = p.id "
        f"where p.urlkey = a.urlkey), 0) from articles a where a.site = ? and {_IS_LIVE_OR_COPY}",
        [site],
    )
    posts = (SitePost(number, url, key, "", form=form) for number, url, key, form in rows)
    return Counter(group for post in posts for group in post.groups)


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
