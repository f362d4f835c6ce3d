"""Articles, their addresses and their revisions: one post is one row, whatever it is called.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlite_utils import Database

from archiver.articles.identity import (
    changed_fields,
    content_digest,
    is_part,
    is_stub,
    meaning_digest,
    shows_nothing_of,
)
from archiver.fields import LATEST
from archiver.items import Article
from archiver.storage.article_tables import clusters
from archiver.storage.article_tables.evidence import Entry, decode_evidence, encode_evidence, entries, mixed
from archiver.storage.article_tables.identification import (
    article_where,
    claim,
    enter_addresses,
    find_article_of,
    promote,
    redirecting,
)
from archiver.storage.article_tables.revisions import (
    Reread,
    article_from_row,
    article_row,
    count_again,
    edited_fields,
    last_revision,
    rewrite_revision,
    said_before,
    store_superseded,
    was_ruled,
    write_facets,
    write_revision,
)
from archiver.storage.capture_recovery import prove
from archiver.storage.pages import insert_row, stamp
from archiver.storage.tombstones import next_article_id
from archiver.urls import urlkey

# Articles with one text: the earliest published is the original, the others are its duplicates.

_ORDER = "order by datetime(published) is null, datetime(published), id"


def settle_duplicates(db: Database, digest: str | None, newcomer: int | None = None) -> bool:
    """Name the original of the articles with this text digest. Returns whether there are several.

    With `newcomer` the others are settled: it is set beside their original only, since a notice may be repeated
    thousands of times.
    """
    if not digest:
        return False
    if newcomer is not None:
        other = db.execute(
            "select ifnull(duplicate_of, id) from articles where content_digest = ? and id <> ? limit 1",
            [digest, newcomer],
        ).fetchone()
        if other is None:
            return False
        pair = [newcomer, other[0]]
        first = db.execute(
            f"select id from articles where id in (?, ?) and content_digest = ? {_ORDER} limit 1", [*pair, digest]
        ).fetchone()
        if first[0] == other[0]:
            db.execute("update articles set duplicate_of = ? where id = ?", pair[::-1])
            return True
    ids = [row[0] for row in db.execute(f"select id from articles where content_digest = ? {_ORDER}", [digest])]
    for article_id in ids:
        original = None if article_id == ids[0] else ids[0]
        db.execute(
            "update articles set duplicate_of = ? where id = ? and duplicate_of is not ?",
            [original, article_id, original],
        )
    return len(ids) > 1


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


@dataclass(frozen=True, slots=True)
class Observation:
    """When and how a page was read. `redirects` are the addresses that led to it; `extractor` says who read it, None
    where the reading was put together from what is stored. `run_started` is when that crawl began."""

    at: datetime
    run_started: datetime
    capture_id: int | None = None
    run_id: int | None = None
    redirects: tuple[str, ...] = ()
    extractor: str | None = None


def store_article(
    db: Database,
    site: str,
    article: Article,
    observed: Observation,
    *,
    reread: Reread = lambda row: (),
    completes: bool = False,
) -> Stored:
    """Enter one reading: a new article, a new revision of one that is there, or nothing but a last-seen time.

    What differs from a stored reading of another extractor may be no edit: `reread` reads the stored article's capture
    as today. `completes`: the stored text lacked pages that could not be read then; that they are there now is no edit
    either.
    """
    row = find_article_of(db, site, article, observed.redirects)
    return store_identified(db, row, site, article, observed, reread=reread, completes=completes)


def store_identified(
    db: Database,
    row: dict[str, Any] | None,
    site: str,
    article: Article,
    observed: Observation,
    *,
    reread: Reread = lambda row: (),
    completes: bool = False,
) -> Stored:
    """Like `store_article`, for a reading whose stored article (`row`; None: it is new) has already been identified."""
    if row is None:
        return _insert(db, site, article, observed)
    met = _Met(db, row, article_from_row(row), article, observed)
    return met.as_stub() or met.as_gone() or met.as_copy() or met.stored(reread, completes=completes)


@dataclass(frozen=True, slots=True)
class _Met:
    """A reading of an article that is there: `row` and `old` are what is stored of it."""

    db: Database
    row: dict[str, Any]
    old: Article
    article: Article
    observed: Observation

    @property
    def id(self) -> int:
        return int(self.row["id"])

    @property
    def has_moved(self) -> bool:
        return bool(urlkey(self.article.url) != self.row["urlkey"])

    def as_stub(self) -> Stored | None:
        if is_stub(self.old.body, self.article.body):
            mark_seen(self.db, self.id, self.observed.at)
            return Stored(self.id, Change.STUB)
        return None

    def as_gone(self) -> Stored | None:
        if self.has_moved or not shows_nothing_of(self.old, self.article):
            return None
        gone = mark_gone(self.db, self.row["urlkey"], self.observed.at)
        return Stored(self.id, Change.GONE, ("gone_at",) if gone else ())

    def as_copy(self) -> Stored | None:
        """A second address of a post that has not moved: an alias, and no news of the post."""
        if not self.has_moved:
            return None
        here = urlkey(self.article.url)
        part = is_part(here, self.row["urlkey"])
        if not part and _is_move(self.db, self.row, self.article, self.observed.run_started):
            return None
        urls = [self.article.url, *self.observed.redirects, *redirecting(self.db, here)]
        aliases = [] if part else claim(self.db, self.id, urls, "copy", self.observed.at)
        mark_seen(self.db, self.id, self.observed.at)
        return Stored(self.id, Change.COPY, aliases=tuple(aliases))

    def stored(self, reread: Reread, *, completes: bool) -> Stored:
        """The reading is of the post at its own address: what it says is what the article is now."""
        aliases = enter_addresses(self.db, self.id, self.article, self.observed.redirects, self.observed.at)
        if self.has_moved:
            aliases.append(self.row["url"])
        changed = changed_fields(self.old, self.article)
        edited = self._edited(changed, reread, completes=completes)
        if edited:
            return self._revised(edited, tuple(aliases))
        if changed and (completes or self.article.read_by or not was_ruled(self.row["extractor"])):
            return self._reread(changed, tuple(aliases))
        return self._unchanged(tuple(aliases))

    def _edited(self, changed: tuple[str, ...], reread: Reread, *, completes: bool) -> tuple[str, ...]:
        """Those of the changed fields that the site has edited."""
        extractor, edited = self.observed.extractor, changed
        if changed and extractor is not None and extractor != self.row["extractor"] and (readings := reread(self.row)):
            edited = edited_fields(decode_evidence(self.db, self.row), self.article, changed, readings)
        if (
            completes
            and edited == ("body",)
            and (set(self.old.body.split("\n\n")) < set(self.article.body.split("\n\n")))
        ):
            return ()
        return edited

    @property
    def _seen(self) -> dict[str, Any]:
        return {"last_seen": stamp(self.observed.at), "gone_at": None}

    def _reread(self, changed: tuple[str, ...], aliases: tuple[str, ...]) -> Stored:
        seen = self.observed
        overwrite(self.db, self.row, self.article, seen.extractor, **self._seen, read_at=stamp(seen.at))
        rewrite_revision(self.db, self.id, self.row["revision"], self.article)
        prove(self.db, self.id, seen.capture_id)
        return Stored(self.id, Change.REEXTRACTED, changed, aliases)

    def _unchanged(self, aliases: tuple[str, ...]) -> Stored:
        db, row, article, seen = self.db, self.row, self.article, self.observed
        prove(db, self.id, seen.capture_id)
        kept = {k: v for k, v in article_row(article).items() if k in LATEST}
        fresh = [name for name in LATEST if name != "url" and kept[name] != row[name]]
        if fresh:
            mix = mixed(
                decode_evidence(db, row), article, fresh, other=(seen.extractor, seen.capture_id, stamp(seen.at))
            )
            kept["evidence"] = encode_evidence(db, mix, row | kept)
        db.table("articles").update(
            self.id,
            {
                **kept,
                **self._seen,
                "urlkey": urlkey(article.url),
                "post_id": article.post_id or row["post_id"],
                "guid": article.guid or row["guid"],
            },
        )
        return Stored(self.id, Change.UNCHANGED, aliases=aliases)

    def _revised(self, edited: tuple[str, ...], aliases: tuple[str, ...]) -> Stored:
        """A new version, or an earlier one that says the same and is the current one again."""
        db, row, article, observed = self.db, self.row, self.article, self.observed
        store_superseded(db, row)
        back = said_before(db, row, article, observed.at)
        again = back is not None and back.counted
        number = back.of if back and again else last_revision(db, self.id) + 1
        overwrite(
            db,
            row,
            article,
            observed.extractor,
            **self._seen,
            revision=number,
            capture_id=observed.capture_id or row["capture_id"],
            read_at=stamp(observed.at),
        )
        if again:
            count_again(db, self.id, number, observed.at)
            rewrite_revision(db, self.id, number, article)
            return Stored(self.id, Change.REVERTED, edited, aliases, back=number)
        write_revision(
            db,
            self.id,
            number,
            article,
            edited,
            observed.at,
            observed.capture_id,
            observed.run_id,
            previous=row["revision"],
            same_as=back.of if back else None,
        )
        return Stored(self.id, Change.REVISED, edited, aliases)


def replace_reading(db: Database, before: Article, after: Article, extractor: str) -> bool:
    """Put another reading of the same page in the place of one that is stored as `before`; no revision comes of it.

    False, and nothing is done, where the archive says otherwise than `before` did.
    """
    row = article_where(db, "urlkey = ? and gone_at is null", [urlkey(before.url)])
    if row is None or changed_fields(article_from_row(row), before):
        return False
    overwrite(db, row, after, extractor)
    rewrite_revision(db, row["id"], row["revision"], after)
    return True


def overwrite(
    db: Database,
    row: dict[str, Any],
    article: Article,
    extractor: str | None,
    *,
    evidence: list[Entry] | None = None,
    **more: Any,
) -> None:
    """The current state of an article, its facets and its duplicates, as a reading has them. `evidence` of several
    readings; None: this one's own, or what is stored where it keeps none."""
    article_id, digest = row["id"], content_digest(article.body)
    if evidence is None:
        evidence = entries(article) if article.evidence else decode_evidence(db, row)
    now = article_row(article)
    db.table("articles").update(
        article_id,
        {
            **now,
            "urlkey": urlkey(article.url),
            "content_digest": digest or None,
            "post_id": article.post_id or row["post_id"],
            "guid": article.guid or row["guid"],
            "meaning_digest": meaning_digest(article),
            "evidence": encode_evidence(db, evidence, now),
            "extractor": row["extractor"] if extractor is None else extractor,
            **more,
        },
    )
    if digest != row["content_digest"]:
        db.execute("update articles set duplicate_of = null where id = ?", [article_id])
    for text in {digest, row["content_digest"]}:
        settle_duplicates(db, text)
    write_facets(db, article_id, article)
    clusters.update_cluster(db, article_id, was=row["body"] if digest != row["content_digest"] else None)


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
        "order by p.fetched_at desc limit 1",
        [row[0], key],
    ).fetchone()
    if other:
        promote(db, row[0], other[0])
        return None
    db.execute("update articles set gone_at = ? where id = ?", [stamp(at), row[0]])
    return int(row[0])


def edited_at(db: Database, article_id: int | None) -> datetime | None:
    """When an article's newest edit was first seen; None where it was never edited."""
    row = db.execute(
        "select max(observed_at) from revisions where article_id = ? and revision > 1", [article_id]
    ).fetchone()
    return datetime.fromisoformat(row[0]) if row[0] else None


def mark_seen(db: Database, article_id: int, at: datetime) -> None:
    """The post was seen in place, unchanged."""
    db.execute("update articles set last_seen = ?, gone_at = null where id = ?", [stamp(at), article_id])


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
    if (
        row["gone_at"]
        or db.execute(
            "select 1 from pages where urlkey = ? and redirect_urlkey = ? union all "
            "select 1 from historical_responses where urlkey = ? and kind = 'redirect' and target = ?",
            [there, here, there, here],
        ).fetchone()
    ):
        return True
    return bool(article.post_id) and row["last_seen"] < stamp(run_started)


def _insert(db: Database, site: str, article: Article, observed: Observation) -> Stored:
    digest, seen = content_digest(article.body), stamp(observed.at)
    now = article_row(article)
    row = {
        "id": next_article_id(db),
        **now,
        "site": site,
        "revision": 1,
        "first_seen": seen,
        "last_seen": seen,
        "urlkey": urlkey(article.url),
        "post_id": article.post_id or None,
        "guid": article.guid or None,
        "platform": article.platform or None,
        "content_digest": digest or None,
        "meaning_digest": meaning_digest(article),
        "capture_id": observed.capture_id,
        "evidence": encode_evidence(db, entries(article), now) if article.evidence else None,
        "extractor": observed.extractor,
        "read_at": seen,
    }
    article_id = insert_row(db, "articles", row)
    aliases = enter_addresses(db, article_id, article, observed.redirects, observed.at, new=True)
    write_facets(db, article_id, article, new=True)
    write_revision(db, article_id, 1, article, (), observed.at, observed.capture_id, observed.run_id, stands=row)
    shares_text = settle_duplicates(db, digest, article_id)
    clusters.assign_cluster(db, article_id)
    return Stored(article_id, Change.NEW, aliases=tuple(aliases), shares_text=shares_text)
