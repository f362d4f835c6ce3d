"""Articles, their addresses and their revisions: one post is one row, whatever it is called.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlite_utils import Database

from archiver.items import Article
from archiver.record.identity import (
    changed_fields,
    content_digest,
    is_part,
    is_stub,
    meaning_digest,
    same_post,
    shows_nothing_of,
)
from archiver.store import clusters
from archiver.store.addresses import claim, enter_addresses, promote, redirecting
from archiver.store.duplicates import settle_duplicates
from archiver.store.evidence_form import Entry
from archiver.store.evidence_kinds import stored, told
from archiver.store.history import count_again, last_revision, said_before
from archiver.store.ledger import insert_row, stamp
from archiver.store.lost import prove
from archiver.store.provenance import entries, mixed
from archiver.store.takedown.bans import next_number
from archiver.store.versions import (
    UNVERSIONED,
    Reread,
    article_from_row,
    article_row,
    edited_fields,
    rewrite_revision,
    set_aside,
    was_ruled,
    write_facets,
    write_revision,
)
from archiver.urls import urlkey


class Change(StrEnum):
    """What storing a reading did to the archive. REEXTRACTED: the post is unchanged, its extraction is another.
    REVERTED: it repeats an earlier revision, which is the current one again (`record.returns`).
    """

    NEW = "new"
    REVISED = "revised"
    UNCHANGED = "unchanged"
    REEXTRACTED = "reextracted"
    REVERTED = "reverted"
    STUB = "stub"
    GONE = "gone"
    COPY = "copy"


@dataclass(frozen=True, slots=True)
class Stored:
    """`aliases` are addresses that this reading added; `shares_text`: a new article's text is another's too.

    `back`: the version that stands again, of a post that REVERTED to it.
    """

    article_id: int
    change: Change
    changed: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    shares_text: bool = False
    back: int = 0


def store_article(db: Database, site: str, article: Article, *, redirects: Iterable[str], at: datetime,
                  capture_id: int | None, run_id: int | None, run_started: datetime, extractor: str | None = None,
                  reread: Reread = lambda row: (), completes: bool = False) -> Stored:
    """Enter one reading: a new article, a new revision of one that is there, or nothing but a last-seen time.

    `extractor` says who read it; None where it was put together from what is stored. What differs from a stored
    reading of another extractor may be no edit: `reread` reads the stored article's capture as today. `completes`: the
    stored text lacked pages that could not be read then; that they are there now is no edit either.
    """
    row = find(db, site, article, redirects)
    if row is None:
        return _insert(db, site, article, redirects, at, capture_id, run_id, extractor)
    old = article_from_row(row)
    article_id: int = row["id"]
    if is_stub(old.body, article.body):
        touch(db, article_id, at)
        return Stored(article_id, Change.STUB)
    moved = urlkey(article.url) != row["urlkey"]
    if not moved and shows_nothing_of(old, article):
        gone = mark_gone(db, row["urlkey"], at)
        return Stored(article_id, Change.GONE, ("gone_at",) if gone else ())
    part = moved and is_part(urlkey(article.url), row["urlkey"])
    if part or (moved and not _is_move(db, row, article, run_started)):
        # A second address of a post that stands where it stood: an alias, and no news of the post.
        urls = [article.url, *redirects, *redirecting(db, urlkey(article.url))]
        aliases = [] if part else claim(db, article_id, urls, "copy", at)
        touch(db, article_id, at)
        return Stored(article_id, Change.COPY, aliases=tuple(aliases))
    aliases = enter_addresses(db, article_id, article, redirects, at)
    if moved:
        aliases.append(row["url"])
    changed = edited = changed_fields(old, article)
    seen: dict[str, Any] = {"last_seen": stamp(at), "gone_at": None}
    if changed and extractor is not None and extractor != row["extractor"] and (readings := reread(row)):
        edited = edited_fields(told(db, row), article, changed, readings)
    if completes and edited == ("body",) and set(old.body.split("\n\n")) < set(article.body.split("\n\n")):
        edited = ()
    if changed and not edited and (completes or article.read_by or not was_ruled(row["extractor"])):
        overwrite(db, row, article, extractor, **seen, read_at=stamp(at))
        rewrite_revision(db, article_id, row["revision"], article)
        prove(db, article_id, capture_id)
        return Stored(article_id, Change.REEXTRACTED, changed, tuple(aliases))
    if not edited:
        prove(db, article_id, capture_id)
        kept = {k: v for k, v in article_row(article).items() if k in UNVERSIONED}
        fresh = [name for name in ("canonical_url", "modified", "image") if kept[name] != row[name]]
        if fresh:
            mix = mixed(told(db, row), article, fresh, other=(extractor, capture_id, stamp(at)))
            kept["evidence"] = stored(db, mix, row | kept)
        db.table("articles").update(article_id, {
            **kept, **seen, "urlkey": urlkey(article.url),
            "post_id": article.post_id or row["post_id"], "guid": article.guid or row["guid"],
        })
        return Stored(article_id, Change.UNCHANGED, aliases=tuple(aliases))
    set_aside(db, row)
    back = said_before(db, row, article, at)
    again = back is not None and back.counted
    number = back.of if back and again else last_revision(db, article_id) + 1
    overwrite(db, row, article, extractor, **seen, revision=number, capture_id=capture_id or row["capture_id"],
               read_at=stamp(at))
    if again:
        count_again(db, article_id, number, at)
        rewrite_revision(db, article_id, number, article)
        return Stored(article_id, Change.REVERTED, edited, tuple(aliases), back=number)
    write_revision(db, article_id, number, article, edited, at, capture_id, run_id, previous=row["revision"],
                   same_as=back.of if back else None)
    return Stored(article_id, Change.REVISED, edited, tuple(aliases))


def read_anew(db: Database, before: Article, after: Article, extractor: str) -> bool:
    """Put another reading of the same page in the place of one that is stored as `before`; no revision comes of it.

    False, and nothing is done, where the archive says otherwise than `before` did.
    """
    row = _one(db, "urlkey = ? and gone_at is null", [urlkey(before.url)])
    if row is None or changed_fields(article_from_row(row), before):
        return False
    overwrite(db, row, after, extractor)
    rewrite_revision(db, row["id"], row["revision"], after)
    return True


def overwrite(db: Database, row: dict[str, Any], article: Article, extractor: str | None, *,
              evidence: list[Entry] | None = None, **more: Any) -> None:
    """The current state of an article, its facets and its duplicates, as a reading has them. `evidence` of several
    readings; None: this one's own, or what is stored where it keeps none."""
    article_id, digest = row["id"], content_digest(article.body)
    if evidence is None:
        evidence = entries(article) if article.evidence else told(db, row)
    now = article_row(article)
    db.table("articles").update(article_id, {
        **now, "urlkey": urlkey(article.url), "content_digest": digest or None,
        "post_id": article.post_id or row["post_id"], "guid": article.guid or row["guid"],
        "meaning_digest": meaning_digest(article), "evidence": stored(db, evidence, now),
        "extractor": row["extractor"] if extractor is None else extractor, **more,
    })
    if digest != row["content_digest"]:
        db.execute("update articles set duplicate_of = null where id = ?", [article_id])
    for text in {digest, row["content_digest"]}:
        settle_duplicates(db, text)
    write_facets(db, article_id, article)
    clusters.follow(db, article_id, was=row["body"] if digest != row["content_digest"] else None)


def mark_gone(db: Database, key: str, at: datetime) -> int | None:
    """Tombstone the article whose current address has this urlkey; its number, or None where there is none to mark.

    An old address of a moved post that stops answering says nothing of the post; and a post that
    still answers at another of its addresses has moved there.
    """
    row = db.execute("select id from articles where urlkey = ? and gone_at is null", [key]).fetchone()
    if not row:
        return None
    other = db.execute(
        "select a.urlkey from article_urls a join pages p on p.urlkey = a.urlkey where a.article_id = ? and a.urlkey "
        "<> ? "
        "and a.kind = 'copy' and p.outcome in ('archived', 'unchanged', 'duplicate') and p.redirect_urlkey is null "
        "order by p.fetched_at desc limit 1", [row[0], key]).fetchone()
    if other:
        promote(db, row[0], other[0])
        return None
    db.execute("update articles set gone_at = ? where id = ?", [stamp(at), row[0]])
    return int(row[0])


def edited_at(db: Database, article_id: int | None) -> datetime | None:
    """When an article's newest edit was first seen; None where it was never edited."""
    row = db.execute("select max(observed_at) from revisions where article_id = ? and revision > 1",
                     [article_id]).fetchone()
    return datetime.fromisoformat(row[0]) if row[0] else None


def touch(db: Database, article_id: int, at: datetime) -> None:
    """The post was seen in place, unchanged."""
    db.execute("update articles set last_seen = ?, gone_at = null where id = ?", [stamp(at), article_id])


def find(db: Database, site: str, article: Article, redirects: Iterable[str]) -> dict[str, Any] | None:
    """The article that this reading is of: by the platform's number or guid, by address, by title, time and text."""
    by_number = [("site = ? and post_id = ?", article.post_id), ("site = ? and guid = ?", article.guid)]
    for where, value in by_number:
        if value:
            row = _one(db, where, [site, value])
            if row:
                return row
    row = _at_address(db, urlkey(article.url))
    if row and not _another_post(row, article):
        return row
    for url in (*redirects, *redirecting(db, urlkey(article.url))):
        row = _at_address(db, urlkey(url))
        if row and not _another_post(row, article):
            return row
    if article.canonical_url and urlkey(article.canonical_url) != urlkey(article.url):
        row = _at_address(db, urlkey(article.canonical_url))
        if row and not _another_post(row, article) and same_post_or_text(article_from_row(row), article):
            return row
    digest = content_digest(article.body)
    if digest:
        for candidate in _all(db, "content_digest = ? and site = ? order by id", [digest, site]):
            if same_post(article_from_row(candidate), article):
                return candidate
    return None


def same_post_or_text(a: Article, b: Article) -> bool:
    """A declared canonical is believed only where the content agrees: the same post, or the same text or title."""
    digest = content_digest(a.body)
    same_text = bool(digest) and digest == content_digest(b.body)
    return same_text or same_post(a, b) or (bool(a.title) and a.title == b.title)


def _another_post(row: dict[str, Any], article: Article) -> bool:
    """An address that a platform gave to another post: both have numbers, and the numbers differ."""
    return bool(article.post_id and row["post_id"] and article.post_id != row["post_id"])


def _is_move(db: Database, row: dict[str, Any], article: Article, run_started: datetime) -> bool:
    """Whether the reading's address is the post's own now, not a second way to it.

    The address the page declares as canonical wins; then an old address that redirects here or is
    gone; then, for a post known by its number, the later run.
    """
    here, there = urlkey(article.url), row["urlkey"]
    if article.canonical_url:
        declared = urlkey(article.canonical_url)
        if declared in (here, there):
            return declared == here
    if row["canonical_url"] and urlkey(row["canonical_url"]) == here:
        return True
    if row["gone_at"] or db.execute(
            "select 1 from pages where urlkey = ? and redirect_urlkey = ? union all "
            "select 1 from historical_responses where urlkey = ? and kind = 'redirect' and target = ?",
            [there, here, there, here]).fetchone():
        return True
    return bool(article.post_id) and row["last_seen"] < stamp(run_started)


def _one(db: Database, where: str, values: list[Any]) -> dict[str, Any] | None:
    return next(_all(db, f"{where} order by id limit 1", values), None)


def _all(db: Database, where: str, values: list[Any]) -> Iterator[dict[str, Any]]:
    cursor = db.execute(f"select * from articles where {where}", values)
    for row in cursor:
        yield dict(zip((column[0] for column in cursor.description), row, strict=True))


def _at_address(db: Database, key: str) -> dict[str, Any] | None:
    return _one(db, "id = (select article_id from article_urls where urlkey = ?)", [key])


def _insert(db: Database, site: str, article: Article, redirects: Iterable[str], at: datetime,
            capture_id: int | None, run_id: int | None, extractor: str | None) -> Stored:
    digest = content_digest(article.body)
    now = article_row(article)
    row = {
        "id": next_number(db), **now, "site": site, "revision": 1,
        "first_seen": stamp(at), "last_seen": stamp(at), "urlkey": urlkey(article.url),
        "post_id": article.post_id or None, "guid": article.guid or None, "platform": article.platform or None,
        "content_digest": digest or None, "meaning_digest": meaning_digest(article), "capture_id": capture_id,
        "evidence": stored(db, entries(article), now) if article.evidence else None, "extractor": extractor,
        "read_at": stamp(at),
    }
    article_id = insert_row(db, "articles", row)
    aliases = enter_addresses(db, article_id, article, redirects, at, new=True)
    write_facets(db, article_id, article, new=True)
    write_revision(db, article_id, 1, article, (), at, capture_id, run_id, stands=row)
    shares_text = settle_duplicates(db, digest, article_id)
    clusters.place(db, article_id)
    return Stored(article_id, Change.NEW, aliases=tuple(aliases), shares_text=shares_text)
