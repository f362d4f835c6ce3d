"""Merging one archive into another, part by part, in transactions that each leave both as they should be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from archiver.store.bare import bare_readings
from archiver.store.fulltext import entered_together
from archiver.store.merging import tables
from archiver.store.merging.articles import (
    Theirs,
    batches,
    merge_parts,
    own_article,
    removed_here,
    take_over,
    theirs_of,
)
from archiver.store.merging.captures import Captures
from archiver.store.merging.files import bring_files
from archiver.store.merging.ledger import merge_page
from archiver.store.merging.other import opened
from archiver.store.merging.removed import mark, merge_removals
from archiver.store.merging.requisites import link_requisites, make_numbers, merge_requisite
from archiver.store.merging.searches import merge_searches
from archiver.store.merging.woven import weave_in
from archiver.store.scopes import Sites
from archiver.store.takedown.finish import finish
from archiver.store.takedown.plan import texts_of
from archiver.store.takedown.warcs import erase
from archiver.store.tombstones import Removal, keep_out, pending
from archiver.store.transaction import writing

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
        erase(db, archive.parent, merging.removed.values(), told, merging.texts)
    if pending(db):
        told("tombstones", 0, 1)
        finish(db, archive)
    return out


class _Merge:
    def __init__(self, db: Database, archive: Path, theirs: Database, folder: Path, told: Told) -> None:
        self._db, self._archive, self._theirs, self._other, self._told = db, archive, theirs, folder, told
        self._out = Merged()
        self.removed: dict[int, Removal] = {}
        self.texts: list[tuple[str, str]] = []

    def run(self) -> Merged:
        db, theirs, out = self._db, self._theirs, self._out
        with writing(db):
            self._sites = tables.merge_sites(db, theirs)
            self._runs = tables.merge_runs(db, theirs, self._sites)
            imports = tables.merge_imports(db, theirs)
            self._rules = tables.merge_rules(db, theirs, self._sites)
            tables.merge_hosts(db, theirs)
            tables.merge_past(db, theirs, imports)
            out.takedowns = merge_removals(db, theirs)
        names, out.lost = bring_files(db, theirs, self._archive.parent, self._other, self._told)
        out.files = len(names)
        self._captures = Captures(db, theirs, names, self._runs, imports)
        self._bare = bare_readings(db, self._archive.parent, Sites(db), datetime.now(UTC))
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
        while rows := list(self._theirs.query(f"select * from {table} where id > ? order by id limit ?",
                                              [last, _ROWS])):
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
        merge_page(self._db, self._theirs, row, self._sites[row["site_id"]], found[0] if found else None,
                   self._captures)
        self._out.pages += 1
