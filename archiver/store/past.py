"""Entering readings of the past: what a post was at a time before (or after) all that is stored of it.

Whatever the order in which captures are entered, the archive is the same: versions stand in the order of their
captures, first and last times are the earliest and the latest, and an answer (gone, moved) counts for posts that are
entered later, too.
All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from archiver.items import Article
from archiver.record.identity import changed_fields, is_part, is_stub
from archiver.record.timeline import Changed, Placed, Sighting, Version, plainly, run_of, weave
from archiver.store.articles import Change, Stored, claim, find, overwrite, store_article, touch
from archiver.store.ledger import moment, stamp
from archiver.store.parts import parts_of
from archiver.store.past_answers import ways_to
from archiver.store.versions import article_from_row, article_row, edited_fields, rewrite_revision, write_revision
from archiver.urls import urlkey

Bare = Callable[[int | None, str], Sequence[Article]]
"""What today's ways of reading make of a capture (its number and address), without what feeds and APIs tell; () where
it cannot be read."""
_NEVER = "9999"
_LISTS = ("authors", "categories", "tags", "credits", "geotags")
_NEWEST = ("url", "canonical_url", "modified", "image")
"""Fields that an article has of its last reading, whether that was a new version or not."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one capture says of a post. `at` is when it was captured, `extractor` who read it."""

    article: Article
    at: datetime
    capture_id: int | None
    digest: str
    extractor: str


def enter(db: Database, site: str, reading: Reading, bare: Bare) -> Stored:
    """Enter a reading at its time: a new article, a version of one that is there, or the proof that it was seen.

    What differs from a version that another way of reading made (a crawl with its feeds, say) is no edit where the
    version's capture, read as this one was, has it too.
    """
    article = reading.article
    ways = {way.url: way for way in ways_to(db, urlkey(article.url))}
    stored = _entered(db, site, reading, list(ways), bare)
    for url in stored.aliases:
        if url in ways:
            db.execute("update addresses set first_seen = ? where urlkey = ?", [stamp(ways[url].first), urlkey(url)])
    return stored


def _entered(db: Database, site: str, reading: Reading, ways: list[str], bare: Bare) -> Stored:
    article = reading.article
    row = find(db, site, article, ways)
    if row is None:
        return store_article(db, site, article, redirects=ways, at=reading.at, capture_id=reading.capture_id,
                             run_id=None, run_started=reading.at, extractor=reading.extractor)
    if parts_of(db, row["urlkey"]):
        # Of a post of several pages this shows one.
        reading = replace(reading, article=replace(article, body=row["body"]))
    if stamp(reading.at) > row["last_seen"]:
        return _newest(db, site, row, reading, ways, bare)
    return _older(db, row, reading, bare)


def _newest(db: Database, site: str, row: dict[str, Any], reading: Reading, ways: list[str], bare: Bare) -> Stored:
    """A reading later than all that is stored, as a live one is entered; a better reading of the same is left alone."""
    before, article = _current(db, row), reading.article
    version = _as_version(reading)
    if plainly(before, version) and not is_stub(row["body"], article.body) and not _edits(db, bare)(before, version):
        touch(db, row["id"], reading.at)
        db.execute("update articles set gone_at = ? where id = ? and ? > ?",
                   [row["gone_at"], row["id"], row["gone_at"], stamp(reading.at)])
        claim(db, row["id"], [article.url], "copy", reading.at)
        return Stored(row["id"], Change.UNCHANGED)
    stored = store_article(
        db, site, article, redirects=ways, at=reading.at, capture_id=reading.capture_id, run_id=None,
        run_started=reading.at, extractor=reading.extractor, reread=lambda old: bare(old["capture_id"], old["url"]))
    if row["gone_at"] and row["gone_at"] > stamp(reading.at):
        db.execute("update articles set gone_at = ? where id = ?", [row["gone_at"], row["id"]])
    return stored


def _older(db: Database, row: dict[str, Any], reading: Reading, bare: Bare) -> Stored:
    """A reading of a time before the post was last seen."""
    article_id, version = row["id"], _as_version(reading)
    aliases = _address(db, row, reading)
    versions = versions_of(db, article_id)
    again = _again(db, row, versions, version, bare)
    woven, placed = weave(versions, version, again, _edits(db, bare))
    if placed in (Placed.INSERTED, Placed.EXTENDED):
        write(db, row, versions, woven, version)
    elif placed is Placed.WITHIN and again is None and run_of(versions, version) == len(versions) - 1:
        own = {name: value for name, value in article_row(reading.article).items() if name in _NEWEST}
        db.table("articles").update(article_id, own)
    db.execute("update articles set first_seen = min(first_seen, ?) where id = ?", [stamp(reading.at), article_id])
    db.execute("update addresses set first_seen = min(first_seen, ?) where urlkey = ?",
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
        "select 1 from addresses where urlkey = ? and article_id = ?", [here, row["id"]]).fetchone()
    added = claim(db, row["id"], [url], "moved" if settled else "copy", reading.at)
    if not settled and added and stamp(reading.at) < row["first_seen"]:
        db.execute("update addresses set kind = 'copy' where urlkey = ?", [there])
        db.execute("update addresses set kind = 'url' where urlkey = ?", [here])
        db.execute("update articles set url = ?, urlkey = ? where id = ?", [url, here, row["id"]])
        row.update(url=url, urlkey=here)
    return tuple(added)


def _as_version(reading: Reading) -> Version:
    return Version(reading.at, reading.article, reading.capture_id, reading.digest, extractor=reading.extractor)


def _current(db: Database, row: dict[str, Any]) -> Version:
    return Version(moment(row["last_seen"]) or datetime.min, article_from_row(row), row["capture_id"],
                   number=row["revision"], extractor=row["extractor"])


def _edits(db: Database, bare: Bare) -> Changed:
    """What was edited between two versions, of which one may have been read in another way than the other."""

    def changed(before: Version, after: Version) -> tuple[str, ...]:
        differs = plainly(before, after)
        new, old = (after, before) if not after.number else (before, after)
        if not differs or not old.number or _alike(db, old, new):
            return differs
        readings = bare(old.capture, old.article.url)
        return edited_fields({"evidence": None}, new.article, differs, readings) if readings else differs

    return changed


def _alike(db: Database, stored: Version, reading: Version) -> bool:
    """Whether a stored version was read as the reading is: from an import, by the same extractor as far as known."""
    if stored.extractor is not None and stored.extractor != reading.extractor:
        return False
    row = db.execute("select import_id from captures where id = ?", [stored.capture]).fetchone()
    return row is not None and row[0] is not None


def versions_of(db: Database, article_id: int) -> list[Version]:
    """The versions of an article, in the order of their times."""
    rows = db.query(
        "select r.revision, r.observed_at, r.changed, r.content, r.capture_id, c.digest from revisions r "
        "left join captures c on c.id = r.capture_id where r.article_id = ? order by r.revision", [article_id])
    return [Version(moment(row["observed_at"]) or datetime.min, article_of(row["content"]), row["capture_id"],
                    row["digest"] or "", row["revision"], tuple(json.loads(row["changed"] or "[]"))) for row in rows]


def article_of(content: str) -> Article:
    """A version's content (`revisions.content`) as an article."""
    row = json.loads(content)
    return article_from_row({**row, **{name: json.dumps(row[name]) for name in _LISTS}})


def _again(db: Database, row: dict[str, Any], versions: Sequence[Version], version: Version,
           bare: Bare) -> Sighting | None:
    """When the run that a reading falls into was seen next, behind the reading and before the next run."""
    n = run_of(versions, version)
    if n is None:
        return None
    until = stamp(versions[n + 1].at) if n + 1 < len(versions) else _NEVER
    urls = [url for (url,) in db.execute("select url from addresses where article_id = ?", [row["id"]])]
    urls += [_other_scheme(url) for url in urls]
    marks = ",".join("?" * len(urls))
    between = "captured_at > ? and captured_at < ?"
    found = db.execute(
        f"select captured_at, id, digest, url from captures where article_id = ? and aside is null and {between} union all "
        f"select captured_at, id, digest, null from captures where url in ({marks}) and import_id is null and "
        f"status in (200, 304) and {between} order by 1, 3 limit 1",
        [row["id"], stamp(version.at), until, *urls, stamp(version.at), until]).fetchone()
    if found:
        # What an import read of it is read once more: its words may be others, though they mean the same.
        shown = bare(found[1], found[3])[:1] if found[3] else ()
        same = [one for one in shown if not changed_fields(versions[n].article, one)]
        return Sighting(moment(found[0]) or version.at, found[1], found[2] or "", same[0] if same else None)
    if n + 1 < len(versions) or row["last_seen"] <= stamp(version.at) or db.execute(
            "select 1 from captures where article_id = ? and aside and captured_at = ?",
            [row["id"], row["last_seen"]]).fetchone():
        return None  # what was seen last was a stub
    return Sighting(moment(row["last_seen"]) or version.at, versions[n].capture, versions[n].digest)


def _other_scheme(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{'http' if scheme == 'https' else 'https'}://{rest}"


def write(db: Database, row: dict[str, Any], before: Sequence[Version], after: Sequence[Version],
          reading: Version) -> None:
    """Put versions in the place of those that are stored, after `reading` was entered; the article is as the last."""
    article_id = row["id"]
    stored = {v.number: v for v in before}
    kept = {v.number for v in after}
    for number in stored.keys() - kept:
        db.execute("delete from revisions where article_id = ? and revision = ?", [article_id, number])
    _set_aside(db, article_id, before, reading)
    db.execute("update revisions set revision = -revision where article_id = ?", [article_id])
    for number, version in enumerate(after, 1):
        if not version.number:
            write_revision(db, article_id, number, version.article, version.changed, version.at, version.capture, None)
            continue
        db.execute("update revisions set revision = ?, observed_at = ?, changed = ?, capture_id = ? "
                   "where article_id = ? and revision = ?",
                   [number, stamp(version.at), json.dumps(list(version.changed)), version.capture, article_id,
                    -version.number])
        if version.article is not stored[version.number].article:
            rewrite_revision(db, article_id, number, version.article)
    last = after[-1]
    facts = {"revision": len(after), "capture_id": last.capture or row["capture_id"]}
    if any(last.article is version.article for version in before):
        # Seen last is what was current before, whether it was so all the time or once more.
        shown = next(version for version in before if last.article is version.article)
        if shown is before[-1]:
            db.table("articles").update(article_id, facts)
            return
    now = article_from_row(row)
    is_last = last.article is reading.article and not last.number
    if (is_last or before[-1].number not in kept) and urlkey(last.article.url) == row["urlkey"]:
        now = last.article  # what was read after it were stubs, and have no say
    newest = replace(last.article, **{name: getattr(now, name) for name in _NEWEST if getattr(now, name)})
    overwrite(db, row, newest, last.extractor, **facts)


def _set_aside(db: Database, article_id: int, before: Sequence[Version], reading: Version) -> None:
    """Captures that show a stub of a whole text that was there before them, as is known now, prove no version."""
    for n, version in enumerate(before):
        until = before[n + 1].order if n + 1 < len(before) else None
        if (until is None or reading.order < until) and is_stub(reading.article.body, version.article.body):
            db.execute("update captures set aside = 1 where article_id = ? and captured_at >= ? and captured_at > ? "
                       "and captured_at < ?", [article_id, stamp(version.at), stamp(reading.at),
                                               stamp(until[0]) if until else _NEVER])
        elif until is None or reading.order < until:
            break


def absorb(db: Database, into: int, other: int, bare: Bare) -> None:
    """Two articles turn out to be one post that has moved: the versions and addresses of `other` go to `into`."""
    rows = {row["id"]: row for row in db.query("select * from articles where id in (?, ?)", [into, other])}
    row, gone = rows[into], rows[other]
    db.execute("update captures set article_id = ? where article_id = ?", [into, other])
    for version in versions_of(db, other):
        versions = versions_of(db, into)
        fresh = replace(version, number=0, changed=(), extractor=gone["extractor"])
        woven, placed = weave(versions, fresh, _again(db, row, versions, fresh, bare))
        if placed in (Placed.INSERTED, Placed.EXTENDED):
            write(db, row, versions, woven, fresh)
    db.execute("update articles set first_seen = min(first_seen, ?), last_seen = max(last_seen, ?) where id = ?",
               [gone["first_seen"], gone["last_seen"], into])
    db.execute("update addresses set article_id = ?, kind = 'moved' where article_id = ?", [into, other])
    db.execute("update pages set article_id = ? where article_id = ?", [into, other])
    _remove(db, other)


def _remove(db: Database, article_id: int) -> None:
    for table in ("article_authors", "article_categories", "article_tags", "geotags", "revisions"):
        db.execute(f"delete from {table} where article_id = ?", [article_id])
    db.execute("update articles set duplicate_of = null where duplicate_of = ?", [article_id])
    db.execute("delete from articles where id = ?", [article_id])


def version_at(db: Database, article_id: int, at: datetime) -> Article | None:
    """What an article said at a time: its version of then, else its first."""
    versions = versions_of(db, article_id)
    found = [v for v in versions if v.at <= at] or versions[:1]
    return found[-1].article if found else None
