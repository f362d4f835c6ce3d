"""What points to what, where SQLite does not watch it; and the clusters against their members."""

from __future__ import annotations

from collections.abc import Iterator

from sqlite_utils import Database

from archiver.store import evidence_kinds
from archiver.store.checks.finding import Finding, counted, first_of
from archiver.urls import urlkey

_REBUILD = "Run 'archiver verify --repair': it makes the clusters anew from the links."
_SKETCH = "Run 'archiver clusters --rebuild': it makes the index of near copies anew."
_LOST = ("Article {0} was deleted by another program: take it back from a backup, or crawl the site again with "
         "'archiver crawl SITE --full'.")


def references(db: Database) -> Iterator[Finding]:
    """References that are no foreign keys, and articles that nothing leads to."""
    yield from first_of(
        Finding("row-dangling", f"page {url}", f"The page {url} belongs to article {number}, which is not there",
                _LOST.format(number))
        for url, number in db.execute(
            "select url, article_id from pages p where article_id is not null "
            "and not exists (select 1 from articles a where a.id = p.article_id)"))
    yield from first_of(
        Finding("page-unproved", f"page {url}", f"The page {url} is said to be archived, and belongs to no article",
                "Run 'archiver verify --repair': it follows the page's address to its article.", "pages")
        for (url,) in db.execute("select url from pages where article_id is null and kind = 'post' "
                                 "and outcome in ('archived', 'unchanged')"))
    yield from first_of(
        Finding("gone-before-seen", f"article {number}", f"Article {number} ({url}) is said to be gone since {gone}, "
                f"and was first seen at {seen}", "Another program wrote it: crawl the site again with 'archiver crawl "
                "SITE --full', which finds out whether the post is there.")
        for number, url, gone, seen in db.execute(
            "select id, url, gone_at, first_seen from articles where gone_at < first_seen"))
    yield from first_of(
        Finding("versions-missing", f"article {number}", f"Article {number} has no versions",
                "Take the rows of 'revisions' back from a backup.")
        for (number,) in db.execute("select id from articles a where not exists "
                                    "(select 1 from revisions r where r.article_id = a.id)"))
    yield from first_of(
        Finding("address-missing", f"article {number}", f"No address leads to article {number} ({url})",
                "Take the rows of 'aliases' back from a backup, or crawl the site again.")
        for number, url in db.execute("select id, url from articles a where not exists "
                                      "(select 1 from article_urls d where d.article_id = a.id)"))
    yield from first_of(
        Finding("row-dangling", f"article {number}", f"Who told a value of article {number} ({url}) is not known any "
                f"more: {kind} is not in evidence_kinds", "Take the rows of 'evidence_kinds' back from a backup, or "
                "run 'archiver reextract'.")
        for number, url, kind in db.execute(
            f"select a.id, a.url, {evidence_kinds.NUMBER} as kind from articles a, "
            "json_each(iif(json_valid(a.evidence), a.evidence, '[]')) e "
            "where kind not in (select id from evidence_kinds)"))


def proofs(db: Database) -> Iterator[Finding]:
    """Articles whose capture is of another page: of an address that leads nowhere, or is another article's and proves
    that one. An address that a site gave to another post later is none of these."""
    db.register_function(_key, deterministic=True, replace=True)
    yield from first_of(
        Finding("capture-strange", f"article {number}", f"The capture of article {number} ({url}) is of {captured}, "
                "which is no address of it", "Another program changed capture_id: write back that of its version.")
        for number, url, captured in db.execute(
            "select a.id, a.url, c.url from articles a join captures c on c.id = a.capture_id where c.url <> a.url "
            "and not exists (select 1 from article_urls d where d.article_id = a.id and d.urlkey = _key(c.url)) "
            "and (not exists (select 1 from article_urls d where d.urlkey = _key(c.url)) or exists (select 1 from "
            "article_urls d join revisions r on r.article_id = d.article_id where d.urlkey = _key(c.url) "
            "and r.capture_id = c.id))"))


def _key(url: object) -> str:
    try:
        return urlkey(str(url))
    except ValueError:
        return ""


def removals(db: Database) -> Iterator[Finding]:
    """Removals that were stopped half-way, and removed posts that are there again."""
    for (url,) in db.execute("select url from tombstones where erased_at is null and allowed_at is null"):
        yield Finding("removal-unfinished", f"article {url}", f"Of {url}, which was removed, something may still be in "
                      "a file of the archive", "Run 'archiver remove --finish'.")
    yield from first_of(
        Finding("removed-again", f"article {number}", f"Article {number} has the address {url} of a post that was "
                "removed", f"Run 'archiver remove {number}', or 'archiver remove --allow {url}' to keep it.")
        for number, url in db.execute(
            "select d.article_id, d.url from article_urls d join tombstone_urls r on r.urlkey = d.urlkey join "
            "tombstones m on m.id = r.tombstone_id where m.erased_at is not null"))


def clusters(db: Database) -> Iterator[Finding]:
    """Sizes and sources of the clusters, members without a cluster, links across clusters, entries without a sketch."""
    yield from first_of(
        Finding("cluster-differs", f"cluster {number}",
                f"Cluster {number} is said to have {counted(size, 'member')} and has {members}", _REBUILD, "clusters")
        for number, size, members in db.execute(
            "select c.id, c.size, count(a.id) from clusters c left join articles a on a.cluster_id = c.id "
            "group by c.id having c.size <> count(a.id)"))
    yield from first_of(
        Finding("cluster-differs", f"article {number}", f"Article {number} is in cluster {cluster}, which is not there",
                _REBUILD, "clusters")
        for number, cluster in db.execute("select id, cluster_id from articles where cluster_id is not null "
                                          "and cluster_id not in (select id from clusters)"))
    yield from first_of(
        Finding("cluster-differs", f"cluster {number}", f"The source of cluster {number}, article {source}, is no "
                "member of it", _REBUILD, "clusters")
        for number, source in db.execute("select c.id, c.source_id from clusters c join articles a on a.id = "
                                         "c.source_id where a.cluster_id is not c.id"))
    yield from first_of(
        Finding("cluster-differs", f"article {one}", f"Articles {one} and {other} are near copies and not in one "
                "cluster", _REBUILD, "clusters")
        for one, other in db.execute(
            "select n.article_id, n.other_id from near_duplicates n join articles a on a.id = n.article_id "
            "join articles b on b.id = n.other_id where a.cluster_id is not b.cluster_id or a.cluster_id is null"))
    yield from first_of(
        Finding("sketch-missing", f"article {number}", f"Article {number} is in the index of near copies without its "
                "sketch", _SKETCH)
        for (number,) in db.execute(
            "select distinct b.article_id from lsh_bands b join articles a on a.id = b.article_id "
            "where not exists (select 1 from minhash_signatures s where s.article_id = b.article_id)"))
