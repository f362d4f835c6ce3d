"""Reads articles as records (dicts in the names and order of the field table), and their revisions, evidence and
clusters.

`show --json`, `export`, search results and the Python API all return these records.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from archiver.model.errors import ArticleNotFound, ArticleRemoved, BadAddress, ClusterNotFound, RevisionNotFound
from archiver.model.fields import CAPTURE_KEYS, FIELDS, STORED
from archiver.model.items import Evidence
from archiver.model.urls import start_address, urlkey
from archiver.storage import Database
from archiver.storage.articles import FULL_CONTENT
from archiver.storage.captures import tombstone_named
from archiver.storage.columns import SHAPED, stored_object, stored_texts
from archiver.storage.field_evidence import EXTRACTION, Entry, decode_evidence, evidence_from, unpack_evidence
from archiver.storage.field_evidence import readers as readers_of
from archiver.storage.sites import find_site

# -- the ID of a post that does not depend on the archive's own IDs and does not change when the post moves

_LENGTH = 20
_NEVER = "9999-99-99T99:99:99"
_FIRST = f"""coalesce((select min(coalesce(substr(d.first_seen, 1, 19), '{_NEVER}') || ' ' || d.urlkey)
    from article_urls d where d.article_id = {{0}}), '{_NEVER} ' || a.urlkey)"""
FIRST_ADDRESS = _FIRST.format("a.id")
"""SQL expression: the time at which an article `a` was first seen, a space, and the urlkey at which it was seen
then."""


def record_id(urlkey: str) -> str:
    """Returns the archive-independent ID of the post that was first seen at this urlkey: 80 bits of the urlkey's
    SHA-256, in hexadecimal.

    If two archives first saw a post at the same URL, the post has the same ID in both.
    """
    return hashlib.sha256(urlkey.encode("utf-8", "surrogatepass")).hexdigest()[:_LENGTH]


def record_id_of_first(first: str) -> str:
    """Returns the archive-independent ID of a post. `first` is the value of the SQL expression FIRST_ADDRESS for its
    article.
    """
    return record_id(first[len(_NEVER) + 1 :])


def record_id_of(db: Database, article_id: int) -> str:
    """Returns the archive-independent ID of an article. The article must exist."""
    # With a parameter SQLite looks up the article's URLs; with `a.id` it would first materialize the whole view.
    row = db.execute(f"select {_FIRST.format(':id')} from articles a where a.id = :id", {"id": article_id}).fetchone()
    return record_id_of_first(str(row[0]))


# -- records

Record = dict[str, Any]
"""An article, or a revision of one, with a key for each field of the record."""
_SHAPED = {f.name: SHAPED[f.shape] for f in FIELDS if f.shape in SHAPED}
# Every SQLite build accepts at least 999 parameters in a statement.
_BATCH = 500


def record(db: Database, article_id: int) -> Record:
    """Returns the record of the article with this ID. Raises ArticleNotFound."""
    found = next(records(db, [article_id]), None)
    if found is None:
        raise ArticleNotFound(str(article_id))
    return found


def records(db: Database, ids: Iterable[int] | None = None) -> Iterator[Record]:
    """Yields the records of articles in the order of `ids` (default: all articles by ID), loaded in batches of 500 with
    two statements each.

    Unknown IDs are skipped.
    """
    numbers = iter(_all_ids(db)) if ids is None else iter(ids)
    while batch := list(islice(numbers, _BATCH)):
        found = _load_batch(db, batch)
        yield from (found[number] for number in batch if number in found)


def _all_ids(db: Database) -> Iterator[int]:
    last = 0
    while rows := db.execute("select id from articles where id > ? order by id limit ?", [last, _BATCH]).fetchall():
        last = rows[-1][0]
        yield from (row[0] for row in rows)


def _load_batch(db: Database, ids: list[int]) -> dict[int, Record]:
    marks = ",".join("?" * len(ids))
    columns = ", ".join(f"a.{name}" for name in STORED)
    capture = ", ".join(f"c.{name}" for name in CAPTURE_KEYS)
    aliases: dict[int, list[str]] = {}
    # All URLs but the one with the article's urlkey are aliases.
    for article_id, url in db.execute(
        f"select d.article_id, d.url from article_urls d join articles a on a.id = d.article_id "
        f"where d.article_id in ({marks}) and d.urlkey <> a.urlkey order by d.url",
        ids,
    ):
        aliases.setdefault(article_id, []).append(url)
    out: dict[int, Record] = {}
    for row in db.execute(
        f"select {columns}, {capture} from articles a left join captures c on c.id = a.capture_id "
        f"where a.id in ({marks})",
        ids,
    ):
        stored = dict(zip(STORED, row, strict=False))
        captured = dict(zip(CAPTURE_KEYS, row[len(STORED) :], strict=True))
        out[stored["id"]] = _record(stored, aliases.get(stored["id"], []), captured)
    return out


def _record(stored: Record, aliases: list[str], captured: Record) -> Record:
    extra: Record = {"aliases": aliases, "capture": _capture(captured)}
    return {f.name: _SHAPED[f.name](stored[f.name]) if f.stored else extra[f.name] for f in FIELDS}


def _capture(captured: Record) -> Record | None:
    """Returns the value of a record's key `capture` for a row with the columns of a capture; None if the article has no
    capture.
    """
    return {**captured, "captured_at": SHAPED["time"](captured["captured_at"])} if captured["digest"] else None


def revision_record(db: Database, article_id: int, number: int) -> Record:
    """Returns the record of an article as it was in revision `number` (from 1), with the capture of this revision.
    Fields that are not part of a revision (site, aliases, times seen, duplicates) have their current values. Raises
    ArticleNotFound or RevisionNotFound.
    """
    now = record(db, article_id)
    capture = ", ".join(f"c.{name}" for name in CAPTURE_KEYS)
    row = db.execute(
        f"select {FULL_CONTENT}, {capture} from revisions r join articles a on a.id = r.article_id "
        "left join captures c on c.id = r.capture_id where r.article_id = ? and r.revision = ?",
        [article_id, number],
    ).fetchone()
    if row is None:
        raise RevisionNotFound(str(article_id), number, now["revision"])
    content = stored_object(row[0])
    captured = dict(zip(CAPTURE_KEYS, row[1:], strict=True))
    then = {name: _SHAPED[name](content[name]) for name in now if name in content and name in _SHAPED}
    return {**now, **then, "revision": number, "capture": _capture(captured)}


def revisions(db: Database, article_id: int) -> list[Record]:
    """Returns the article's revisions, oldest first.

    - revision, observed_at, title, extractor.
    - changed: the names of the changed fields.
    - previous: the revision that was current before.
    - same_as: the earlier revision that it repeats.
    - seen_again, seen_again_at: how often the post reverted to it without a new revision being stored, and when it last
      did.
    - undone_at: when the revision was undone; None if it was not.
    """
    rows = db.query(
        "select r.*, a.revision as now, a.extractor as reader from revisions r join articles a "
        "on a.id = r.article_id where r.article_id = ? order by r.revision",
        [article_id],
    )
    return [_revision(row) for row in rows]


def headlines(db: Database, site: str | None = None, *, changed: bool = False) -> list[Record]:
    """Returns every headline that the articles of one site or all sites have had, by article and revision. If `changed`
    is True, only headlines that replaced an earlier one are returned.

    Keys: article_id, site, revision, observed_at, title, `previous` (the headline that it replaced; None for the first
    headline), same_as, seen_again. The view `headlines` has the same rows. Raises SiteNotFound.
    """
    name = find_site(db, site)["name"] if site is not None else None
    out: list[Record] = []
    titles: dict[int, str] = {}
    for row in db.query(
        "select r.*, a.site, a.revision as now, a.extractor as reader from revisions r join articles a "
        "on a.id = r.article_id where r.undone_at is null and (? is null or a.site = ?) "
        "order by r.article_id, r.revision",
        [name, name],
    ):
        version = _revision(row)
        if version["revision"] == 1:
            titles = {}
        titles[version["revision"]] = version["title"]
        if (version["previous"] is None and not changed) or "title" in version["changed"]:
            out.append(
                {
                    "article_id": row["article_id"],
                    "site": row["site"],
                    "revision": version["revision"],
                    "observed_at": version["observed_at"],
                    "title": version["title"],
                    "previous": titles.get(version["previous"] or 0),
                    "same_as": version["same_as"],
                    "seen_again": version["seen_again"],
                }
            )
    return out


def _revision(row: Record) -> Record:
    number = row["revision"]
    return {
        "revision": number,
        "observed_at": row["observed_at"],
        "changed": stored_texts(row["changed"]),
        "title": row["title"],
        "previous": SHAPED["integer"](row["previous"]) or number - 1 or None,
        "same_as": row["same_as"],
        "seen_again": row["seen_again"],
        "seen_again_at": row["seen_again_at"],
        "undone_at": row["undone_at"],
        "extractor": row["reader"] if number == row["now"] else row["extractor"],
    }


def evidence(db: Database, article_id: int, revision: int | None = None) -> tuple[Evidence, ...]:
    """Returns the candidates for every field that were found when the article (or this revision) was last extracted; ()
    if none are stored.
    """
    return evidence_from(_evidence_rows(db, article_id, revision)[1])


def readers(db: Database, article_id: int, revision: int | None = None) -> dict[str, Record]:
    """Returns, for each field with evidence, the extraction from which its value came, as `{extractor, capture_id,
    read_at}`. `revision` is the number of a revision; None means the current one.
    """
    row, entries = _evidence_rows(db, article_id, revision)
    own = tuple(row.get(name) for name in EXTRACTION)
    return {name: dict(zip(EXTRACTION, one, strict=True)) for name, one in readers_of(entries, own).items()}


def _evidence_rows(db: Database, article_id: int, revision: int | None) -> tuple[Record, list[Entry]]:
    """Returns the row that stores the evidence of a revision, and the decoded evidence. For the current revision
    (`revision` is None or its number), this is the row of `articles`.
    """
    now: Record = next(iter(db.query("select * from articles where id = ?", [article_id])), {})
    if revision is None or revision == now.get("revision"):
        return now, decode_evidence(db, now)
    then: Record = next(
        iter(db.query("select * from revisions where article_id = ? and revision = ?", [article_id, revision])), {}
    )
    return then, unpack_evidence(then.get("evidence"))


def find_article(db: Database, what: str | int) -> int:
    """Returns the ID of an article. `what` is its ID or any URL at which it was seen.

    The URL may lack its scheme and may have tracking parameters. Raises ArticleNotFound, or ArticleRemoved if the post
    was removed.
    """
    text = str(what).strip()
    if text.isascii() and text.isdigit():
        row = db.execute("select id from articles where id = ?", [int(text[:18])]).fetchone()
    else:
        try:
            key = urlkey(start_address(text))
        except BadAddress as error:
            raise ArticleNotFound(text) from error
        row = db.execute(
            "select article_id from article_urls where urlkey = ? "
            "union all select id from articles where urlkey = ? "
            "union all select article_id from pages where urlkey = ? and article_id is not null limit 1",
            [key, key, key],
        ).fetchone()
    if row is None:
        if removal := tombstone_named(db, text):
            raise ArticleRemoved(text, removal.explanation, allowed=removal.allowed_at is not None)
        raise ArticleNotFound(text, () if text.isdecimal() else _urls_near(db, key))
    return int(row[0])


def _urls_near(db: Database, key: str) -> list[str]:
    """Returns URLs of articles in the same folder of a site as the URL with this urlkey, which may be mistyped."""
    folder = key.rstrip("/").rpartition("/")[0] + "/"
    return [
        row[0]
        for row in db.execute(
            "select url from article_urls where urlkey >= ? and urlkey < ? and kind = 'url' limit 1000",
            [folder, f"{folder}\U0010ffff"],
        )
    ]


# -- clusters

Cluster = dict[str, Any]
_COLUMNS = "id, source_id, reason, size, since"
_MEMBERS = """
    select id, site, url, title, published, published_precision, gone_at from articles where cluster_id = ?
    order by id = ? desc, published is null, datetime(published), id"""
_LINKS = """
    select article_id, other_id, similarity, reason from near_duplicates
    where article_id in (select id from articles where cluster_id = ?) order by similarity desc, other_id"""


def cluster_by_number(db: Database, number: int) -> Cluster:
    """Returns the cluster with this ID, or the cluster into which it was merged: id, source_id, reason, size, since,
    members. Raises ClusterNotFound.

    `members` lists its articles, the source first: id, site, url, title, published, published_precision, gone_at, near,
    similarity, how. `near` is the ID of the article with which this one is compared: the source if the two are linked,
    otherwise the most similar member. `similarity` (0 to 1) and `how` are the similarity of the two and the reason for
    their link.
    """
    requested = number
    while (row := db.execute("select merged_into, size from clusters where id = ?", [number]).fetchone()) and row[0]:
        number = row[0]
    if row is None or not row[1]:
        raise ClusterNotFound(str(requested), dissolved=row is not None)
    return _add_members(db, next(iter(db.query(f"select {_COLUMNS} from clusters where id = ?", [number]))))


def _add_members(db: Database, found: Cluster) -> Cluster:
    source = found["source_id"]
    near: dict[int, tuple[int, float, str]] = {}
    for one, other, similarity, reason in db.execute(_LINKS, [found["id"]]):
        for own, there in ((one, other), (other, one)):
            if own not in near or (there == source and near[own][0] != source):
                near[own] = there, similarity, reason
    members = [
        {**row, **dict(zip(("near", "similarity", "how"), near.get(row["id"], (None, None, None)), strict=True))}
        for row in db.query(_MEMBERS, [found["id"], source])
    ]
    return {**found, "members": members}


def cluster_of(db: Database, article_id: int) -> Cluster | None:
    """Returns the cluster of an article, in the form of `cluster_by_number`; None if the article is in no cluster."""
    row = db.execute("select cluster_id from articles where id = ?", [article_id]).fetchone()
    return cluster_by_number(db, row[0]) if row and row[0] else None


def clusters(db: Database, site: str | None = None, limit: int | None = None) -> list[Cluster]:
    """Returns the clusters, largest first, without their members: id, source_id, reason, size, since, and the source's
    site, url and title.

    If `site` is given, only clusters with a member of that site are returned. `limit` is the largest number of
    clusters; None means all.
    """
    where = "and exists (select 1 from articles m where m.cluster_id = c.id and m.site = ?)" if site else ""
    return list(
        db.query(
            f"select c.id, c.source_id, c.reason, c.size, c.since, a.site, a.url, a.title from clusters c "
            f"left join articles a on a.id = c.source_id where c.merged_into is null and c.size > 1 {where} "
            "order by c.size desc, c.id limit ?",
            [*([site] if site else []), -1 if limit is None else limit],
        )
    )
