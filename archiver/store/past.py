"""Entering readings of the past: what a post was at a time before (or after) all that is stored of it.

Whatever the order in which captures are entered, the archive is the same: versions stand in the order of their
captures, first and last times are the earliest and the latest, and an answer (gone, moved) counts for posts that are
entered later, too. All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from archiver.fields import LATEST, LINKS
from archiver.items import Article
from archiver.record.identity import is_part, is_stub, meaning_digest
from archiver.record.timeline import Placed, Version, plainly, run_of, weave
from archiver.store import clusters
from archiver.store.addresses import claim
from archiver.store.articles import Change, Observation, Stored, store_article, touch
from archiver.store.history import count_again
from archiver.store.identification import find
from archiver.store.ledger import moment, stamp
from archiver.store.parts import parts_of
from archiver.store.past_answers import ways_to
from archiver.store.past_versions import Bare, edits, seen_again, versions_of, write
from archiver.store.versions import article_from_row, article_row
from archiver.urls import urlkey

MOST_RETURNS = 40
"""Versions of an article that may repeat an earlier one where captures show them: a site that served two headlines in
turn shows no more by its thousandth capture."""
_WRITTEN = (Placed.INSERTED, Placed.EXTENDED)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one capture says of a post. `at` is when it was captured, `extractor` who read it. `whole`: of a post of
    several pages this has the text of all."""

    article: Article
    at: datetime
    capture_id: int | None
    digest: str
    extractor: str
    whole: bool = False


def enter(db: Database, site: str, reading: Reading, bare: Bare) -> Stored:
    """Enter a reading at its time: a new article, a version of one that is there, or the proof that it was seen.

    What differs from a version that another way of reading made (a crawl with its feeds, say) is no edit where the
    version's capture, read as this one was, has it too.
    """
    ways = {way.url: way for way in ways_to(db, urlkey(reading.article.url))}
    stored = _entered(db, site, reading, list(ways), bare)
    for url in stored.aliases:
        if url in ways:
            db.execute("update article_urls set first_seen = ? where urlkey = ?", [stamp(ways[url].first), urlkey(url)])
    return stored


def _entered(db: Database, site: str, reading: Reading, ways: list[str], bare: Bare) -> Stored:
    article = reading.article
    row = find(db, site, article, ways)
    if row is None:
        return store_article(db, site, article, _observed(reading, ways))
    if not reading.whole and parts_of(db, row["urlkey"]):
        # Of a post of several pages this shows one.
        reading = replace(reading, article=replace(article, body=row["body"]))
    if stamp(reading.at) > row["last_seen"]:
        return _newest(db, site, row, reading, ways, bare)
    return _woven(db, row, reading, bare)


def _newest(db: Database, site: str, row: dict[str, Any], reading: Reading, ways: list[str], bare: Bare) -> Stored:
    """A reading later than all that is stored, as a live one is entered; a better reading of the same is left alone.

    A post that returns to what it said is kept as it was captured, up to MOST_RETURNS; after that, as by a crawl, it is
    counted (`record.returns`).
    """
    version = _as_version(reading)
    before = Version(moment(row["last_seen"]) or datetime.min, article_from_row(row), row["capture_id"],
                     number=row["revision"], extractor=row["extractor"])
    differs = plainly(before, version) and not is_stub(row["body"], reading.article.body)
    if differs and not edits(db, bare)(before, version):
        _seen(db, row, reading.at)
        claim(db, row["id"], [reading.article.url], "copy", reading.at)
        return Stored(row["id"], Change.UNCHANGED)
    stands = db.execute("select max(revision) from revisions where article_id = ?", [row["id"]]).fetchone()[0]
    if differs and stands == row["revision"] and urlkey(reading.article.url) == row["urlkey"] and (
            _said(db, row, reading.article) and _returns(db, row) < MOST_RETURNS):
        stored = _woven(db, row, reading, bare)
        _seen(db, row, reading.at)
        return stored
    stored = store_article(db, site, reading.article, _observed(reading, ways),
                           reread=lambda old: bare(old["capture_id"], old["url"]))
    _still_gone(db, row, reading.at)
    return stored


def _observed(reading: Reading, ways: list[str]) -> Observation:
    return Observation(reading.at, reading.at, reading.capture_id, None, tuple(ways), reading.extractor)


def _said(db: Database, row: dict[str, Any], article: Article) -> int | None:
    """The last version that says what this reading says."""
    found = db.execute("select max(revision) from revisions where article_id = ? and meaning_digest = ?",
                       [row["id"], meaning_digest(article)]).fetchone()
    return int(found[0]) if found[0] else None


def _returns(db: Database, row: dict[str, Any]) -> int:
    """How many versions of an article repeat an earlier one."""
    return int(db.execute("select count(same_as) from revisions where article_id = ?", [row["id"]]).fetchone()[0])


def _seen(db: Database, row: dict[str, Any], at: datetime) -> None:
    touch(db, row["id"], at)
    _still_gone(db, row, at)


def _still_gone(db: Database, row: dict[str, Any], at: datetime) -> None:
    """A tombstone later than what was seen stays."""
    if row["gone_at"] and row["gone_at"] > stamp(at):
        db.execute("update articles set gone_at = ? where id = ?", [row["gone_at"], row["id"]])


def _woven(db: Database, row: dict[str, Any], reading: Reading, bare: Bare) -> Stored:
    """A reading of any time among the versions that are stored."""
    article_id, version = row["id"], _as_version(reading)
    aliases = _address(db, row, reading)
    versions = versions_of(db, row)
    again = seen_again(db, row, versions, version, bare)
    woven, placed = weave(versions, version, again, edits(db, bare))
    if placed is Placed.INSERTED and (said := _said(db, row, reading.article)) and _returns(db, row) >= MOST_RETURNS:
        count_again(db, article_id, said, reading.at)
        placed = Placed.COUNTED
    elif placed in _WRITTEN:
        write(db, row, versions, woven, version)
    elif placed is Placed.WITHIN and again is None and run_of(versions, version) == len(versions) - 1:
        own = {name: value for name, value in article_row(reading.article).items() if name in LATEST}
        db.table("articles").update(article_id, own)
    db.execute("update articles set first_seen = min(first_seen, ?) where id = ?", [stamp(reading.at), article_id])
    db.execute("update article_urls set first_seen = min(first_seen, ?) where urlkey = ?",
               [stamp(reading.at), urlkey(reading.article.url)])
    if placed is Placed.INSERTED:
        changed = next((v.changed for v in woven if v.capture == reading.capture_id and v.at == reading.at), ())
        return Stored(article_id, Change.REVISED, changed, aliases)
    return Stored(article_id, Change.STUB if placed is Placed.STUB else Change.UNCHANGED, aliases=aliases)


def _address(db: Database, row: dict[str, Any], reading: Reading) -> tuple[str, ...]:
    """Enter the address that a post had then. Where nothing says that it has moved since, the older is its own."""
    url, here, there = reading.article.url, urlkey(reading.article.url), row["urlkey"]
    if here == there or is_part(here, there):
        return ()
    settled = (row["canonical_url"] and urlkey(row["canonical_url"]) == there) or row["post_id"] or db.execute(
        "select 1 from article_urls where urlkey = ? and article_id = ?", [here, row["id"]]).fetchone()
    added = claim(db, row["id"], [url], "moved" if settled else "copy", reading.at)
    if not settled and added and stamp(reading.at) < row["first_seen"]:
        db.execute("update article_urls set kind = 'copy' where urlkey = ?", [there])
        db.execute("update article_urls set kind = 'url' where urlkey = ?", [here])
        db.execute("update articles set url = ?, urlkey = ? where id = ?", [url, here, row["id"]])
        row.update(url=url, urlkey=here)
    return tuple(added)


def _as_version(reading: Reading) -> Version:
    return Version(reading.at, reading.article, reading.capture_id, reading.digest, extractor=reading.extractor)


def absorb(db: Database, into: int, other: int, bare: Bare) -> None:
    """Two articles turn out to be one post that has moved: the versions and addresses of `other` go to `into`."""
    rows = {row["id"]: row for row in db.query("select * from articles where id in (?, ?)", [into, other])}
    gone = rows[other]
    db.execute("update captures set article_id = ? where article_id = ?", [into, other])
    for version in versions_of(db, gone):
        row = next(iter(db.query("select * from articles where id = ?", [into])))
        versions = versions_of(db, row)
        fresh = replace(version, number=0, changed=())
        woven, placed = weave(versions, fresh, seen_again(db, row, versions, fresh, bare))
        if placed in _WRITTEN:
            write(db, row, versions, woven, fresh)
    db.execute("update articles set first_seen = min(first_seen, ?), last_seen = max(last_seen, ?) where id = ?",
               [gone["first_seen"], gone["last_seen"], into])
    db.execute("update article_urls set article_id = ?, kind = 'moved' where article_id = ?", [into, other])
    db.execute("update pages set article_id = ? where article_id = ?", [into, other])
    clusters.leave(db, [other])
    for table in (*(link.table_of_links for link in LINKS), "geotags", "revisions"):
        db.execute(f"delete from {table} where article_id = ?", [other])
    db.execute("update articles set duplicate_of = null where duplicate_of = ?", [other])
    db.execute("delete from articles where id = ?", [other])
