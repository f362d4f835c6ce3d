"""What was read once more, put in the place of what is stored; and the record of each re-extraction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from archiver.store.anew.outcome import Outcome, Version, seen
from archiver.store.anew.request import Request, key_of
from archiver.store.articles import overwrite
from archiver.store.evidence_form import unpacked
from archiver.store.evidence_kinds import stored
from archiver.store.ledger import last_rowid, stamp
from archiver.store.transaction import writing
from archiver.store.versions import rewrite_revision


@dataclass(slots=True)
class Tally:
    """What a re-extraction came to so far. `fields`: by field the number of versions whose value differs."""

    articles: int = 0
    versions: int = 0
    changed: int = 0
    without_capture: int = 0
    unreadable: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    fields: dict[str, int] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        self.articles += 1
        self.versions += len(outcome.versions)
        self.changed += outcome.differs
        self.without_capture += outcome.without_capture
        self.unreadable += outcome.unreadable
        self.left += outcome.left
        for version in outcome.versions:
            for name in version.differs:
                self.fields[name] = self.fields.get(name, 0) + 1


@dataclass(frozen=True, slots=True)
class Begun:
    """A re-extraction: its number, when it began, and how many articles it had looked at when it was stopped."""

    id: int
    started_at: str
    done: int


def begin(db: Database, request: Request, version: str, at: datetime) -> Begun:
    """Enter a re-extraction, or take up the last one where that was stopped and asked for the same."""
    key = key_of(db, request)
    with writing(db):
        last = next(iter(db.query("select * from reextractions order by id desc limit 1")), None)
        if last and not last["finished_at"] and (last["request"], last["version"]) == (key, version):
            done = db.execute("select count(*) from articles where reextraction_id = ?", [last["id"]]).fetchone()[0]
            return Begun(last["id"], last["started_at"], done)
        db.table("reextractions").insert({"started_at": stamp(at), "version": version, "request": key})
        return Begun(last_rowid(db), stamp(at), 0)


def finish(db: Database, number: int, tally: Tally, at: datetime) -> None:
    with writing(db):
        db.table("reextractions").update(number, {
            "finished_at": stamp(at), "changed": tally.changed, "unreadable": len(tally.unreadable),
            "articles": db.execute("select count(*) from articles where reextraction_id = ?", [number]).fetchone()[0]})


def write(db: Database, outcomes: Sequence[Outcome], begun: Begun) -> list[Outcome]:
    """Write these in one transaction. Returns those that were not written, since the article has been written by a
    crawl after it was read: they are to be read again."""
    stale = []
    with writing(db):
        for outcome in outcomes:
            row = next(iter(db.query("select * from articles where id = ?", [outcome.article_id])), None)
            if row is None:
                continue
            if seen(row) != outcome.seen:
                stale.append(outcome)
                continue
            for version in outcome.versions:
                (_write_current if version.is_current else _write_past)(db, row, version, begun)
            for key, text in outcome.parts:
                db.execute("update article_parts set text = ? where urlkey = ?", [text, key])
            db.execute("update articles set reextraction_id = ? where id = ?", [begun.id, row["id"]])
    return stale


def _write_current(db: Database, row: dict[str, Any], version: Version, begun: Begun) -> None:
    whole = version.extractor is not None
    read_at = begun.started_at if whole else row["read_at"]
    evidence = unpacked(version.evidence)
    if version.article is not None:
        overwrite(db, row, version.article, version.extractor, evidence=evidence, read_at=read_at)
        rewrite_revision(db, row["id"], version.revision, version.article)
    else:
        db.table("articles").update(row["id"], {
            "evidence": stored(db, evidence, row), "read_at": read_at,
            "extractor": version.extractor if whole else row["extractor"]})
    _write_edit(db, row["id"], version)


def _write_past(db: Database, row: dict[str, Any], version: Version, begun: Begun) -> None:
    if version.article is not None:
        rewrite_revision(db, row["id"], version.revision, version.article)
    extractor, read_at = ("", "") if version.extractor is None else (version.extractor, begun.started_at)
    db.execute("update revisions set evidence = ?, extractor = coalesce(nullif(?, ''), extractor), "
               "read_at = coalesce(nullif(?, ''), read_at) where article_id = ? and revision = ?",
               [version.evidence, extractor, read_at, row["id"], version.revision])
    _write_edit(db, row["id"], version)


def _write_edit(db: Database, article_id: int, version: Version) -> None:
    if version.changed is not None:
        db.execute("update revisions set changed = ? where article_id = ? and revision = ?",
                   [json.dumps(list(version.changed)), article_id, version.revision])
