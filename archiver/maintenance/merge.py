"""Merging one archive into another, part by part, in transactions that each leave both as they should be."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from archiver.errors import MergeRefused
from archiver.maintenance.merge_articles import (
    Theirs,
    batches,
    merge_parts,
    own_article,
    removed_here,
    take_over,
    theirs_of,
    weave_in,
)
from archiver.maintenance.merge_pages import (
    Captures,
    bring_files,
    link_requisites,
    make_numbers,
    mark,
    merge_page,
    merge_removals,
    merge_requisite,
    merge_searches,
)
from archiver.maintenance.reextraction import readings_without_hints
from archiver.maintenance.takedown import erase_records, finish_takedowns
from archiver.maintenance.takedown_scope import texts_of
from archiver.storage.connection import open_archive, writing
from archiver.storage.full_text import entered_together
from archiver.storage.migrations import migrations
from archiver.storage.pages import last_rowid
from archiver.storage.sites import SiteLookup
from archiver.storage.tombstones import Tombstone, keep_out, pending_takedowns

# The archive that is merged: opened without changing it, at this version's schema.

_COPY = ".merging-"


def refuse_itself(path: Path, into: Path) -> None:
    """Raise MergeRefused where both are one archive."""
    if path.exists() and into.exists() and path.samefile(into):
        raise MergeRefused(str(path), "it is this archive itself")


@contextmanager
def opened(path: Path, into: Path) -> Iterator[Database]:
    """The archive at `path`, all that is read of it of one moment. One of an earlier release is read from a copy
    that is brought up to date, beside the archive `into`.

    Raises MergeRefused where both are one archive, and what `open_archive` does: ArchiveNotFound, NotAnArchive,
    ArchiveTooNew.
    """
    refuse_itself(path, into)
    db = open_archive(path, read_only=True)
    try:
        if not migrations.pending(db):
            yield from _read(db)
            return
        for left in into.parent.glob(f"{_COPY}*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=_COPY, dir=into.parent) as folder:
            copy = Path(folder) / "archive.db"
            with Database(copy) as made:
                db.conn.backup(made.conn)
            today = open_archive(copy)
            try:
                yield from _read(today)
            finally:
                today.close()
    finally:
        db.close()


def _read(db: Database) -> Iterator[Database]:
    db.execute("begin")
    db.execute("select count(*) from sqlite_master").fetchone()
    try:
        yield db
    finally:
        if db.conn.in_transaction:
            db.rollback()


# What another archive knows of sites, runs, imports and hosts, entered here; and which number here is which there.

Numbers = dict[int, int]


def merge_sites(db: Database, theirs: Database) -> Numbers:
    """Sites by name. What a person has set here stays, what is set there alone comes."""
    numbers: Numbers = {}
    for row in theirs.query("select * from sites order by id"):
        own = next(iter(db.query("select * from sites where name = ?", [row["name"]])), None)
        if own is None:
            db.table("sites").insert({k: v for k, v in row.items() if k != "id"})
            numbers[row["id"]] = last_rowid(db)
            continue
        settings = json.loads(row["settings"] or "{}") | json.loads(own["settings"] or "{}")
        if own["settings"] == "{}" and json.loads(row["settings"] or "{}") == {"crawl": False}:
            settings = {}  # an import made it there, a crawl or a person here
        db.table("sites").update(
            own["id"],
            {
                "settings": json.dumps(settings, ensure_ascii=False) if settings else "{}",
                "added_at": min(own["added_at"], row["added_at"]),
                **{
                    name: own[name] or row[name]
                    for name in ("platform", "soft_not_found", "soft_not_found_at", "untrusted")
                },
                "quiet_until": max(filter(None, (own["quiet_until"], row["quiet_until"])), default=None),
            },
        )
        numbers[row["id"]] = own["id"]
    for site, tag in theirs.execute("select site_id, tag from site_tags"):
        db.execute("insert or ignore into site_tags (site_id, tag) values (?, ?)", [numbers[site], tag])
    return numbers


def merge_runs(db: Database, theirs: Database, sites: Numbers) -> Numbers:
    """Runs by site and beginning. One that never ended there is one that was interrupted."""
    numbers: Numbers = {}
    for row in theirs.query("select * from runs order by id"):
        site = sites[row["site_id"]]
        own = db.execute(
            "select id from runs where site_id = ? and started_at = ?", [site, row["started_at"]]
        ).fetchone()
        if own is None:
            db.table("runs").insert(
                {
                    **{k: v for k, v in row.items() if k != "id"},
                    "site_id": site,
                    "outcome": row["outcome"] or "interrupted",
                    "reason": row["reason"] or ("" if row["outcome"] else "it was merged unfinished"),
                }
            )
        numbers[row["id"]] = own[0] if own else last_rowid(db)
    return numbers


def merge_imports(db: Database, theirs: Database) -> Numbers:
    """Imports by file, options and beginning. One that was broken off there is not taken up here: it is read anew."""
    numbers: Numbers = {}
    for row in theirs.query("select * from imports order by id"):
        key = [row["digest"], row["options"], row["started_at"]]
        own = db.execute("select id from imports where digest = ? and options is ? and started_at = ?", key).fetchone()
        if own is None:
            db.table("imports").insert(
                {
                    **{k: v for k, v in row.items() if k != "id"},
                    "warc_file": None,
                    "warc_end": None,
                    "outcome": row["outcome"] or "limited",
                    "member_offset": row["member_offset"] if row["outcome"] else 0,
                    "inner_offset": row["inner_offset"] if row["outcome"] else 0,
                }
            )
        numbers[row["id"]] = own[0] if own else last_rowid(db)
    return numbers


def merge_rules(db: Database, theirs: Database, sites: Numbers) -> Numbers:
    """The rules of sites. Where both have some, those here stay in use; the others are kept for what was read by them."""
    has = {row[0]: row[1] for row in db.execute("select site_id, max(by_hand) from site_rules group by 1")}
    numbers: Numbers = {}
    for row in theirs.query("select * from site_rules order by id"):
        site = sites[row["site_id"]]
        own = db.execute(
            "select id from site_rules where site_id = ? and toml = ? and learned_at = ?",
            [site, row["toml"], row["learned_at"]],
        ).fetchone()
        if own is None:
            kept = (
                {"by_hand": 0, "since": row["learned_at"], "until": row["learned_at"]}
                if site in has and (has[site] or not row["by_hand"])
                else {}
            )
            db.table("site_rules").insert({**{k: v for k, v in row.items() if k != "id"}, "site_id": site, **kept})
        numbers[row["id"]] = own[0] if own else last_rowid(db)
    return numbers


def merge_hosts(db: Database, theirs: Database) -> None:
    """robots.txt and tdmrep.json as they were read last."""
    for row in theirs.query("select * from host_files"):
        _upsert(db, "host_files", row, ("origin", "name"), "excluded.fetched_at > host_files.fetched_at")


def merge_past(db: Database, theirs: Database, imports: Numbers) -> None:
    """What imports read that became no article: it counts for what comes later, too."""
    for row in theirs.query("select * from historical_pages"):
        db.execute("insert into historical_pages (key, kind) values (:key, :kind) on conflict do nothing", row)
    for table in ("historical_responses", "unresolved_revisits"):
        for row in theirs.query(f"select * from {table}"):
            values = {k: v for k, v in row.items() if k != "id"} | {"import_id": imports.get(row["import_id"] or 0)}
            names = ", ".join(values)
            db.execute(
                f"insert into {table} ({names}) values ({', '.join(f':{name}' for name in values)}) "
                "on conflict do nothing",
                values,
            )


def _upsert(db: Database, table: str, row: dict[str, Any], key: tuple[str, ...], newer: str) -> None:
    names = ", ".join(row)
    others = ", ".join(f"{name} = excluded.{name}" for name in row if name not in key)
    db.execute(
        f"insert into {table} ({names}) values ({', '.join(f':{name}' for name in row)}) "
        f"on conflict ({', '.join(key)}) do update set {others} where {newer}",
        row,
    )


_BATCH = 50
_ROWS = 500
Told = Callable[[str, int, int], None]
"""Told what is done, how much of it, and of how many."""


@dataclass
class Merged:
    """What came of one archive. `articles` are those that were new, `joined` those that were here too, `revised` those
    that got another version by it; `removed` were left out, as removed here; `lost` are WARC files that it lacks;
    `searches_kept_out` are names of saved searches that another has here."""

    articles: int = 0
    joined: int = 0
    revised: int = 0
    removed: int = 0
    captures: int = 0
    pages: int = 0
    files: int = 0
    takedowns: int = 0
    searches: int = 0
    lost: list[str] = field(default_factory=list)
    searches_kept_out: list[str] = field(default_factory=list)


def merge(db: Database, archive: Path, other: Path, told: Told = lambda what, done, of: None) -> Merged:
    """Bring all that the archive `other` knows into this one. Expects that nothing else writes either.

    Raises what `opened` does, and a fault of the archive's place; what is written stays, and the next merge of the same
    goes on. Memory does not grow with either archive, but for the captures of one post and one number a site and run.
    """
    with opened(other, archive) as theirs:
        merging = _Merge(db, archive, theirs, other.parent, told)
        out = merging.run()
    if merging.removed:
        # Feeds and lists that came show their words, too; here nobody has these, so that it cannot be left for later.
        erase_records(db, archive.parent, merging.removed.values(), told, merging.texts)
    if pending_takedowns(db):
        told("tombstones", 0, 1)
        finish_takedowns(db, archive)
    return out


class _Merge:
    def __init__(self, db: Database, archive: Path, theirs: Database, folder: Path, told: Told) -> None:
        self._db, self._archive, self._theirs, self._other, self._told = db, archive, theirs, folder, told
        self._out = Merged()
        self.removed: dict[int, Tombstone] = {}
        self.texts: list[tuple[str, str]] = []

    def run(self) -> Merged:
        db, theirs, out = self._db, self._theirs, self._out
        with writing(db):
            self._sites = merge_sites(db, theirs)
            self._runs = merge_runs(db, theirs, self._sites)
            imports = merge_imports(db, theirs)
            self._rules = merge_rules(db, theirs, self._sites)
            merge_hosts(db, theirs)
            merge_past(db, theirs, imports)
            out.takedowns = merge_removals(db, theirs)
        names, out.lost = bring_files(db, theirs, self._archive.parent, self._other, self._told)
        out.files = len(names)
        self._captures = Captures(db, theirs, names, self._runs, imports)
        self._bare = readings_without_hints(db, self._archive.parent, SiteLookup(db), datetime.now(UTC))
        self._articles()
        self._rest("captures", self._capture)
        self._rest("pages", self._page)
        self._rest("requisites", self._requisite)
        with writing(db):
            link_requisites(db, theirs)
            out.searches, out.searches_kept_out = merge_searches(db, theirs)
        out.captures = self._captures.new
        return out

    def _articles(self) -> None:
        db, done = self._db, 0
        db.execute("create temp table if not exists merged_articles (theirs integer primary key, ours integer)")
        db.execute("delete from merged_articles")
        make_numbers(db)
        total = self._theirs.execute("select count(*) from articles").fetchone()[0]
        for batch in batches(self._theirs, _BATCH):
            with writing(db), entered_together(db):
                for row in batch:
                    number = self._article(theirs_of(self._theirs, row))
                    db.execute("insert into merged_articles values (?, ?)", [row["id"], number])
                mark(db, self._captures.removed)
            done += len(batch)
            self._told("articles", done, total)

    def _article(self, post: Theirs) -> int | None:
        db, out = self._db, self._out
        if (removal := removed_here(db, post)) is not None:
            out.removed += 1
            self.removed[removal.id] = removal
            self.texts += texts_of(self._theirs, post.row["id"])
            for one in post.addresses:
                keep_out(db, removal, one["url"], captured=False)
            return None
        merge_parts(db, self._theirs, post.row["urlkey"])
        own = own_article(db, post)
        if own is None:
            out.articles += 1
            return take_over(db, self._theirs, post, self._captures, self._runs, self._rules)
        out.joined += 1
        out.revised += weave_in(db, self._theirs, post, own["id"], self._captures, self._bare, self._rules)
        return int(own["id"])

    def _rest(self, table: str, enter: Callable[[dict[str, Any]], None]) -> None:
        """Every row of a table, so many in a transaction."""
        last, done = 0, 0
        total = self._theirs.execute(f"select count(*) from {table}").fetchone()[0]
        while rows := list(
            self._theirs.query(f"select * from {table} where id > ? order by id limit ?", [last, _ROWS])
        ):
            with writing(self._db):
                for row in rows:
                    enter(row)
                mark(self._db, self._captures.removed)
            last, done = rows[-1]["id"], done + len(rows)
            self._told(table, done, total)

    def _requisite(self, row: dict[str, Any]) -> None:
        merge_requisite(self._db, row, self._sites[row["site_id"]], self._captures)

    def _capture(self, row: dict[str, Any]) -> None:
        self._captures.enter(row)

    def _page(self, row: dict[str, Any]) -> None:
        found = self._db.execute("select ours from merged_articles where theirs = ?", [row["article_id"]]).fetchone()
        merge_page(
            self._db, self._theirs, row, self._sites[row["site_id"]], found[0] if found else None, self._captures
        )
        self._out.pages += 1
