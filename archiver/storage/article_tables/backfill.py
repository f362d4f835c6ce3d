"""The versions of an article as runs in the order of its captures: read, and written with another run among them.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from archiver.articles.identity import changed_fields, is_part, is_stub, meaning_digest
from archiver.articles.revision_history import (
    Changed,
    Placement,
    RevisionRun,
    Sighting,
    differs_plainly,
    insert_reading,
    run_of,
)
from archiver.fields import LATEST, LINKS
from archiver.items import Article
from archiver.storage.article_tables import clusters
from archiver.storage.article_tables.article_parts import parts_of
from archiver.storage.article_tables.articles import Change, Observation, Stored, mark_seen, overwrite, store_article
from archiver.storage.article_tables.evidence import entries, pack_evidence
from archiver.storage.article_tables.historical_captures import ways_to
from archiver.storage.article_tables.identification import claim, find_article_of
from archiver.storage.article_tables.revisions import (
    NewRevision,
    article_from_revision,
    article_from_row,
    article_row,
    count_revert,
    edited_fields,
    revision_rows,
    rewrite_revision,
    shorten_current,
    store_superseded,
    write_revision,
)
from archiver.storage.pages import moment, stamp
from archiver.urls import urlkey

Bare = Callable[[int | None, str], Sequence[Article]]
"""What today's ways of reading make of a capture (its number and address), without what feeds and APIs tell; () where
it cannot be read."""
_NEVER = "9999"


def versions_of(db: Database, row: dict[str, Any]) -> list[RevisionRun]:
    """The versions of an article (its row), in the order of their times."""
    rows = revision_rows(
        db,
        "r.article_id = ? order by r.observed_at, r.revision",
        [row["id"]],
        "(select c.digest from captures c where c.id = r.capture_id) as digest",
    )
    return [
        RevisionRun(
            moment(r["observed_at"]) or datetime.min,
            article_from_revision(r),
            r["capture_id"],
            r["digest"] or "",
            r["revision"],
            tuple(json.loads(r["changed"] or "[]")),
            row["extractor"] if r["revision"] == row["revision"] else r["extractor"],
        )
        for r in rows
    ]


def edits(db: Database, bare: Bare) -> Changed:
    """What was edited between two versions, of which one may have been read in another way than the other."""

    def changed(before: RevisionRun, after: RevisionRun) -> tuple[str, ...]:
        differs = differs_plainly(before, after)
        new, old = (after, before) if not after.number else (before, after)
        if not differs or not old.number or _alike(db, old, new):
            return differs
        readings = bare(old.capture, old.article.url)
        return edited_fields((), new.article, differs, readings) if readings else differs

    return changed


def _alike(db: Database, stored: RevisionRun, reading: RevisionRun) -> bool:
    """Whether a stored version was read as the reading is: from an import, by the same extractor as far as known."""
    if stored.extractor is not None and stored.extractor != reading.extractor:
        return False
    row = db.execute("select import_id from captures where id = ?", [stored.capture]).fetchone()
    return row is not None and row[0] is not None


def seen_again(
    db: Database, row: dict[str, Any], versions: Sequence[RevisionRun], version: RevisionRun, bare: Bare
) -> Sighting | None:
    """When the run that a reading falls into was seen next, behind the reading and before the next run."""
    n = run_of(versions, version)
    if n is None:
        return None
    until = stamp(versions[n + 1].at) if n + 1 < len(versions) else _NEVER
    urls = [url for (url,) in db.execute("select url from article_urls where article_id = ?", [row["id"]])]
    urls += [_other_scheme(url) for url in urls]
    marks = ",".join("?" * len(urls))
    between = "captured_at > ? and captured_at < ?"
    found = db.execute(
        f"select captured_at, id, digest, url from captures where article_id = ? and secondary is null and {between} "
        f"union all select captured_at, id, digest, null from captures where url in ({marks}) and import_id is null "
        f"and status in (200, 304) and {between} order by 1, 3 limit 1",
        [row["id"], stamp(version.at), until, *urls, stamp(version.at), until],
    ).fetchone()
    if found:
        # What an import read of it is read once more: its words may be others, though they mean the same.
        shown = bare(found[1], found[3])[:1] if found[3] else ()
        same = [one for one in shown if not changed_fields(versions[n].article, one)]
        return Sighting(moment(found[0]) or version.at, found[1], found[2] or "", same[0] if same else None)
    if (
        n + 1 < len(versions)
        or row["last_seen"] <= stamp(version.at)
        or db.execute(
            "select 1 from captures where article_id = ? and secondary and captured_at = ?",
            [row["id"], row["last_seen"]],
        ).fetchone()
    ):
        return None  # what was seen last was a stub
    return Sighting(moment(row["last_seen"]) or version.at, versions[n].capture, versions[n].digest)


def _other_scheme(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{'http' if scheme == 'https' else 'https'}://{rest}"


def write(
    db: Database, row: dict[str, Any], before: Sequence[RevisionRun], after: Sequence[RevisionRun], reading: RevisionRun
) -> None:
    """Put versions in the place of those that are stored, after `reading` was entered; the article is as the last."""
    article_id = row["id"]
    stored = {v.number: v for v in before}
    numbers = {v.number: n for n, v in enumerate(after, 1) if v.number}
    store_superseded(db, row)
    for number in stored.keys() - numbers.keys():
        db.execute("delete from revisions where article_id = ? and revision = ?", [article_id, number])
    _prove_no_more(db, article_id, before, reading)
    db.execute("update revisions set revision = -revision where article_id = ?", [article_id])
    for number, version in enumerate(after, 1):
        if version.number:
            _move(db, article_id, number, version, stored[version.number].article)
        else:
            new = NewRevision(number, version.article, version.at, version.changed, version.capture)
            write_revision(db, article_id, new)
            _told_by(db, article_id, number, version)
    _chain(db, article_id, after, numbers)
    if row["revision"] != before[-1].number and row["revision"] in numbers:
        # The post had returned to an earlier version, which stands.
        db.execute("update articles set revision = ? where id = ?", [numbers[row["revision"]], article_id])
    else:
        _stand(db, row, before, after[-1], len(after), numbers, reading)
    shorten_current(db, article_id)


def _move(db: Database, article_id: int, number: int, version: RevisionRun, was: Article) -> None:
    db.execute(
        "update revisions set revision = ?, observed_at = ?, changed = ?, capture_id = ? "
        "where article_id = ? and revision = ?",
        [number, stamp(version.at), json.dumps(list(version.changed)), version.capture, article_id, -version.number],
    )
    if version.article is not was:
        rewrite_revision(db, article_id, number, version.article)
        _told_by(db, article_id, number, version)


def _told_by(db: Database, article_id: int, number: int, version: RevisionRun) -> None:
    """Who read a version, and the candidates of its fields, as far as its reading has them."""
    evidence = pack_evidence(entries(version.article)) if version.article.evidence else None
    db.execute(
        "update revisions set extractor = ?, read_at = ?, evidence = coalesce(?, evidence) "
        "where article_id = ? and revision = ?",
        [version.extractor, stamp(version.at), evidence, article_id, number],
    )


def _chain(db: Database, article_id: int, after: Sequence[RevisionRun], numbers: dict[int, int]) -> None:
    """Which version stood before each, and which earlier one it repeats. The number before, but for one that came
    while the post had returned to an earlier one: that stays, where nothing new stands between."""
    said: dict[str, int] = {}
    known = dict(db.execute("select revision, previous from revisions where article_id = ?", [article_id]).fetchall())
    for number, version in enumerate(after, 1):
        digest = meaning_digest(version.article)
        previous = number - 1 or None
        told = known.get(number)
        if version.number and number > 1 and after[number - 2].number and told in numbers:
            previous = numbers[told] if numbers[told] < number else previous
        db.execute(
            "update revisions set previous = ?, same_as = ? where article_id = ? and revision = ?",
            [previous, said.get(digest), article_id, number],
        )
        said[digest] = number


def _stand(
    db: Database,
    row: dict[str, Any],
    before: Sequence[RevisionRun],
    last: RevisionRun,
    number: int,
    numbers: dict[int, int],
    reading: RevisionRun,
) -> None:
    """The current state of the article, which is that of its last version."""
    facts: dict[str, Any] = {"revision": number, "capture_id": last.capture or row["capture_id"]}
    if last.article is before[-1].article:
        db.table("articles").update(row["id"], facts)
        return
    now = article_from_row(row)
    is_last = last.article is reading.article and not last.number
    if (is_last or before[-1].number not in numbers) and urlkey(last.article.url) == row["urlkey"]:
        now = last.article  # what was read after it were stubs, and have no say
    newest = replace(last.article, **{name: getattr(now, name) for name in LATEST if getattr(now, name)})
    overwrite(db, row, newest, last.extractor, **facts, read_at=stamp(last.at))


def _prove_no_more(db: Database, article_id: int, before: Sequence[RevisionRun], reading: RevisionRun) -> None:
    """Captures that show a stub of a whole text that was there before them, as is known now, prove no version."""
    for n, version in enumerate(before):
        until = before[n + 1].order if n + 1 < len(before) else None
        if until is not None and reading.order >= until:
            continue
        if not is_stub(reading.article.body, version.article.body):
            return
        db.execute(
            "update captures set secondary = 1 where article_id = ? and captured_at >= ? and captured_at > ? "
            "and captured_at < ?",
            [article_id, stamp(version.at), stamp(reading.at), stamp(until[0]) if until else _NEVER],
        )


def version_at(db: Database, row: dict[str, Any], at: datetime) -> Article | None:
    """What an article (its row) said at a time: its version of then, else its first."""
    versions = versions_of(db, row)
    found = [v for v in versions if v.at <= at] or versions[:1]
    return found[-1].article if found else None


# Entering readings of the past: what a post was at a time before (or after) all that is stored of it.

MOST_RETURNS = 40
"""Versions of an article that may repeat an earlier one where captures show them: a site that served two headlines in
turn shows no more by its thousandth capture."""
_WRITTEN = (Placement.INSERTED, Placement.EXTENDED)


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
    row = find_article_of(db, site, article, ways)
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
    before = RevisionRun(
        moment(row["last_seen"]) or datetime.min,
        article_from_row(row),
        row["capture_id"],
        number=row["revision"],
        extractor=row["extractor"],
    )
    differs = differs_plainly(before, version) and not is_stub(row["body"], reading.article.body)
    if differs and not edits(db, bare)(before, version):
        _seen(db, row, reading.at)
        claim(db, row["id"], [reading.article.url], "copy", reading.at)
        return Stored(row["id"], Change.UNCHANGED)
    stands = db.execute("select max(revision) from revisions where article_id = ?", [row["id"]]).fetchone()[0]
    if (
        differs
        and stands == row["revision"]
        and urlkey(reading.article.url) == row["urlkey"]
        and (_said(db, row, reading.article) and _returns(db, row) < MOST_RETURNS)
    ):
        stored = _woven(db, row, reading, bare)
        _seen(db, row, reading.at)
        return stored
    stored = store_article(
        db, site, reading.article, _observed(reading, ways), reread=lambda old: bare(old["capture_id"], old["url"])
    )
    _still_gone(db, row, reading.at)
    return stored


def _observed(reading: Reading, ways: list[str]) -> Observation:
    return Observation(reading.at, reading.at, reading.capture_id, None, tuple(ways), reading.extractor)


def _said(db: Database, row: dict[str, Any], article: Article) -> int | None:
    """The last version that says what this reading says."""
    found = db.execute(
        "select max(revision) from revisions where article_id = ? and meaning_digest = ?",
        [row["id"], meaning_digest(article)],
    ).fetchone()
    return int(found[0]) if found[0] else None


def _returns(db: Database, row: dict[str, Any]) -> int:
    """How many versions of an article repeat an earlier one."""
    return int(db.execute("select count(same_as) from revisions where article_id = ?", [row["id"]]).fetchone()[0])


def _seen(db: Database, row: dict[str, Any], at: datetime) -> None:
    mark_seen(db, row["id"], at)
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
    woven, placed = insert_reading(versions, version, again, edits(db, bare))
    if placed is Placement.INSERTED and (said := _said(db, row, reading.article)) and _returns(db, row) >= MOST_RETURNS:
        count_revert(db, article_id, said, reading.at)
        placed = Placement.COUNTED
    elif placed in _WRITTEN:
        write(db, row, versions, woven, version)
    elif placed is Placement.WITHIN and again is None and run_of(versions, version) == len(versions) - 1:
        own = {name: value for name, value in article_row(reading.article).items() if name in LATEST}
        db.table("articles").update(article_id, own)
    db.execute("update articles set first_seen = min(first_seen, ?) where id = ?", [stamp(reading.at), article_id])
    db.execute(
        "update article_urls set first_seen = min(first_seen, ?) where urlkey = ?",
        [stamp(reading.at), urlkey(reading.article.url)],
    )
    if placed is Placement.INSERTED:
        changed = next((v.changed for v in woven if v.capture == reading.capture_id and v.at == reading.at), ())
        return Stored(article_id, Change.REVISED, changed, aliases)
    return Stored(article_id, Change.STUB if placed is Placement.STUB else Change.UNCHANGED, aliases=aliases)


def _address(db: Database, row: dict[str, Any], reading: Reading) -> tuple[str, ...]:
    """Enter the address that a post had then. Where nothing says that it has moved since, the older is its own."""
    url, here, there = reading.article.url, urlkey(reading.article.url), row["urlkey"]
    if here == there or is_part(here, there):
        return ()
    settled = (
        (row["canonical_url"] and urlkey(row["canonical_url"]) == there)
        or row["post_id"]
        or db.execute("select 1 from article_urls where urlkey = ? and article_id = ?", [here, row["id"]]).fetchone()
    )
    added = claim(db, row["id"], [url], "moved" if settled else "copy", reading.at)
    if not settled and added and stamp(reading.at) < row["first_seen"]:
        db.execute("update article_urls set kind = 'copy' where urlkey = ?", [there])
        db.execute("update article_urls set kind = 'url' where urlkey = ?", [here])
        db.execute("update articles set url = ?, urlkey = ? where id = ?", [url, here, row["id"]])
        row.update(url=url, urlkey=here)
    return tuple(added)


def _as_version(reading: Reading) -> RevisionRun:
    return RevisionRun(reading.at, reading.article, reading.capture_id, reading.digest, extractor=reading.extractor)


def absorb(db: Database, into: int, other: int, bare: Bare) -> None:
    """Two articles turn out to be one post that has moved: the versions and addresses of `other` go to `into`."""
    rows = {row["id"]: row for row in db.query("select * from articles where id in (?, ?)", [into, other])}
    gone = rows[other]
    db.execute("update captures set article_id = ? where article_id = ?", [into, other])
    for version in versions_of(db, gone):
        row = next(iter(db.query("select * from articles where id = ?", [into])))
        versions = versions_of(db, row)
        fresh = replace(version, number=0, changed=())
        woven, placed = insert_reading(versions, fresh, seen_again(db, row, versions, fresh, bare))
        if placed in _WRITTEN:
            write(db, row, versions, woven, fresh)
    db.execute(
        "update articles set first_seen = min(first_seen, ?), last_seen = max(last_seen, ?) where id = ?",
        [gone["first_seen"], gone["last_seen"], into],
    )
    db.execute("update article_urls set article_id = ?, kind = 'moved' where article_id = ?", [into, other])
    db.execute("update pages set article_id = ? where article_id = ?", [into, other])
    clusters.leave_clusters(db, [other])
    for table in (*(link.table_of_links for link in LINKS), "geotags", "revisions"):
        db.execute(f"delete from {table} where article_id = ?", [other])
    db.execute("update articles set duplicate_of = null where duplicate_of = ?", [other])
    db.execute("delete from articles where id = ?", [other])
