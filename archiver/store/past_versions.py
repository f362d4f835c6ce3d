"""The versions of an article as runs in the order of its captures: read, and written with another run among them.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from archiver.fields import LATEST
from archiver.items import Article
from archiver.record.identity import changed_fields, is_stub, meaning_digest
from archiver.record.timeline import Changed, Sighting, Version, plainly, run_of
from archiver.store.articles import overwrite
from archiver.store.evidence_form import packed
from archiver.store.ledger import moment, stamp
from archiver.store.provenance import entries
from archiver.store.versions import (
    article_from_revision,
    article_from_row,
    edited_fields,
    rewrite_revision,
    set_aside,
    settle,
    versions,
    write_revision,
)
from archiver.urls import urlkey

Bare = Callable[[int | None, str], Sequence[Article]]
"""What today's ways of reading make of a capture (its number and address), without what feeds and APIs tell; () where
it cannot be read."""
_NEVER = "9999"


def versions_of(db: Database, row: dict[str, Any]) -> list[Version]:
    """The versions of an article (its row), in the order of their times."""
    rows = versions(db, "r.article_id = ? order by r.observed_at, r.revision", [row["id"]],
                    "(select c.digest from captures c where c.id = r.capture_id) as digest")
    return [Version(moment(r["observed_at"]) or datetime.min, article_from_revision(r), r["capture_id"],
                    r["digest"] or "", r["revision"], tuple(json.loads(r["changed"] or "[]")),
                    row["extractor"] if r["revision"] == row["revision"] else r["extractor"]) for r in rows]


def edits(db: Database, bare: Bare) -> Changed:
    """What was edited between two versions, of which one may have been read in another way than the other."""

    def changed(before: Version, after: Version) -> tuple[str, ...]:
        differs = plainly(before, after)
        new, old = (after, before) if not after.number else (before, after)
        if not differs or not old.number or _alike(db, old, new):
            return differs
        readings = bare(old.capture, old.article.url)
        return edited_fields((), new.article, differs, readings) if readings else differs

    return changed


def _alike(db: Database, stored: Version, reading: Version) -> bool:
    """Whether a stored version was read as the reading is: from an import, by the same extractor as far as known."""
    if stored.extractor is not None and stored.extractor != reading.extractor:
        return False
    row = db.execute("select import_id from captures where id = ?", [stored.capture]).fetchone()
    return row is not None and row[0] is not None


def seen_again(db: Database, row: dict[str, Any], versions: Sequence[Version], version: Version,
               bare: Bare) -> Sighting | None:
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
        [row["id"], stamp(version.at), until, *urls, stamp(version.at), until]).fetchone()
    if found:
        # What an import read of it is read once more: its words may be others, though they mean the same.
        shown = bare(found[1], found[3])[:1] if found[3] else ()
        same = [one for one in shown if not changed_fields(versions[n].article, one)]
        return Sighting(moment(found[0]) or version.at, found[1], found[2] or "", same[0] if same else None)
    if n + 1 < len(versions) or row["last_seen"] <= stamp(version.at) or db.execute(
            "select 1 from captures where article_id = ? and secondary and captured_at = ?",
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
    numbers = {v.number: n for n, v in enumerate(after, 1) if v.number}
    set_aside(db, row)
    for number in stored.keys() - numbers.keys():
        db.execute("delete from revisions where article_id = ? and revision = ?", [article_id, number])
    _prove_no_more(db, article_id, before, reading)
    db.execute("update revisions set revision = -revision where article_id = ?", [article_id])
    for number, version in enumerate(after, 1):
        if version.number:
            _move(db, article_id, number, version, stored[version.number].article)
        else:
            write_revision(db, article_id, number, version.article, version.changed, version.at, version.capture, None)
            _told_by(db, article_id, number, version)
    _chain(db, article_id, after, numbers)
    if row["revision"] != before[-1].number and row["revision"] in numbers:
        # The post had returned to an earlier version, which stands.
        db.execute("update articles set revision = ? where id = ?", [numbers[row["revision"]], article_id])
    else:
        _stand(db, row, before, after[-1], len(after), numbers, reading)
    settle(db, article_id)


def _move(db: Database, article_id: int, number: int, version: Version, was: Article) -> None:
    db.execute("update revisions set revision = ?, observed_at = ?, changed = ?, capture_id = ? "
               "where article_id = ? and revision = ?",
               [number, stamp(version.at), json.dumps(list(version.changed)), version.capture, article_id,
                -version.number])
    if version.article is not was:
        rewrite_revision(db, article_id, number, version.article)
        _told_by(db, article_id, number, version)


def _told_by(db: Database, article_id: int, number: int, version: Version) -> None:
    """Who read a version, and the candidates of its fields, as far as its reading has them."""
    evidence = packed(entries(version.article)) if version.article.evidence else None
    db.execute("update revisions set extractor = ?, read_at = ?, evidence = coalesce(?, evidence) "
               "where article_id = ? and revision = ?",
               [version.extractor, stamp(version.at), evidence, article_id, number])


def _chain(db: Database, article_id: int, after: Sequence[Version], numbers: dict[int, int]) -> None:
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
        db.execute("update revisions set previous = ?, same_as = ? where article_id = ? and revision = ?",
                   [previous, said.get(digest), article_id, number])
        said[digest] = number


def _stand(db: Database, row: dict[str, Any], before: Sequence[Version], last: Version, number: int,
           numbers: dict[int, int], reading: Version) -> None:
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


def _prove_no_more(db: Database, article_id: int, before: Sequence[Version], reading: Version) -> None:
    """Captures that show a stub of a whole text that was there before them, as is known now, prove no version."""
    for n, version in enumerate(before):
        until = before[n + 1].order if n + 1 < len(before) else None
        if until is not None and reading.order >= until:
            continue
        if not is_stub(reading.article.body, version.article.body):
            return
        db.execute("update captures set secondary = 1 where article_id = ? and captured_at >= ? and captured_at > ? "
                   "and captured_at < ?", [article_id, stamp(version.at), stamp(reading.at),
                                           stamp(until[0]) if until else _NEVER])


def version_at(db: Database, row: dict[str, Any], at: datetime) -> Article | None:
    """What an article (its row) said at a time: its version of then, else its first."""
    versions = versions_of(db, row)
    found = [v for v in versions if v.at <= at] or versions[:1]
    return found[-1].article if found else None
