"""Merges another archive into this one: its sites, runs, imports, pages, requisites and tombstones. Its articles and
captures are merged by `merge_rows`. Each transaction leaves this archive consistent.

In this module, "theirs" is the archive that is read, and "own" is the archive into which it is merged. If both archives
contain a page or a requisite, the result of the later fetch is kept.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archiver.maintenance.capture_reader import make_reader_without_hints
from archiver.maintenance.merge_rows import (
    CaptureMerge,
    Progress,
    TheirArticle,
    add_article,
    copy_files,
    find_own_article,
    find_own_tombstone,
    merge_article,
    merge_parts,
    read_article_batches,
    read_their_article,
)
from archiver.maintenance.record_erasure import enter_tombstone, erase_records
from archiver.maintenance.takedown import finish_takedowns
from archiver.maintenance.takedown_scope import find_urls_of_post, read_texts
from archiver.model.errors import MergeRefused
from archiver.model.urls import urlkey
from archiver.storage import Database
from archiver.storage.captures import Tombstone, allow_again, keep_url_out, pending_takedowns, tombstones
from archiver.storage.database import open_archive, opened
from archiver.storage.pages import EPOCH, insert_row, last_rowid
from archiver.storage.schema import pending_migrations
from archiver.storage.sites import SiteLookup, current_site_names, moved_site
from archiver.storage.sources import discovery_place
from archiver.storage.transactions import read_transaction, writing

# Opening the other archive unchanged, at the current schema.

_COPY = ".merging-"


def refuse_itself(path: Path, into: Path) -> None:
    """Raises MergeRefused if both paths are the same archive."""
    if path.exists() and into.exists() and path.samefile(into):
        raise MergeRefused(str(path), "it is the same archive")


@contextmanager
def open_for_merge(path: Path, into: Path) -> Iterator[Database]:
    """Context manager that opens the archive at `path` in a read transaction. An archive with an older schema is copied
    into the folder of the archive `into`, and the copy is migrated and opened instead.

    Raises MergeRefused if both paths are the same archive, and the errors of `open_archive`, such as ArchiveNotFound,
    NotAnArchive and ArchiveTooNew.
    """
    refuse_itself(path, into)
    db = open_archive(path, read_only=True, to_copy=True)
    try:
        if not pending_migrations(db):
            with read_transaction(db):
                yield db
            return
        for left in into.parent.glob(f"{_COPY}*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=_COPY, dir=into.parent) as folder:
            copy = Path(folder) / "archive.db"
            with closing(sqlite3.connect(copy)) as target:
                db.conn.backup(target)
            migrated = open_archive(copy)
            try:
                with read_transaction(migrated):
                    yield migrated
            finally:
                migrated.close()
    finally:
        db.close()


# Sites, runs, imports, site rules and host files of the other archive.

IDMap = dict[int, int]
"""Maps IDs of the other archive to IDs of this one."""


def merge_sites(db: Database, theirs: Database) -> IDMap:
    """Merges the sites of the other archive (`theirs`) by name. Returns a map from each site's ID in the other archive
    to its ID in this one. For a site in both archives, the settings in this archive take precedence.
    """
    ids: IDMap = {}
    for row in theirs.query("select * from sites order by id"):
        own = next(iter(db.query("select * from sites where name = ?", [row["name"]])), None)
        own = own or moved_site(db, row["name"])
        if own is None:
            db.insert("sites", {k: v for k, v in row.items() if k not in ("id", "warc_file")})
            ids[row["id"]] = last_rowid(db)
            continue
        settings = json.loads(row["settings"] or "{}") | json.loads(own["settings"] or "{}")
        if own["settings"] == "{}" and json.loads(row["settings"] or "{}") == {"crawl": False}:
            settings = {}  # an import added the site to the other archive, but a crawl or a person added it to this one
        db.update(
            "sites",
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
        ids[row["id"]] = own["id"]
    for row in theirs.query("select * from former_sites"):
        if db.execute("select 1 from sites where name = ?", [row["name"]]).fetchone() is None:
            db.insert("former_sites", {**row, "site_id": ids[row["site_id"]]}, ignore=True)
    for site, tag in theirs.execute("select site_id, tag from site_tags"):
        db.execute("insert or ignore into site_tags (site_id, tag) values (?, ?)", [ids[site], tag])
    return ids


def _merge_rows(
    db: Database, theirs: Database, table: str, key: Sequence[str], convert: Callable[[dict[str, Any]], dict[str, Any]]
) -> IDMap:
    """Adds the rows of a table of the other archive that this archive lacks. Two rows are the same if the columns `key`
    are equal. `convert` returns a row of the other archive as this archive stores it. Returns a map from each row's ID
    in the other archive to its ID in this one.
    """
    ids: IDMap = {}
    same = " and ".join(f"{name} is :{name}" for name in key)
    for row in theirs.query(f"select * from {table} order by id"):
        values = convert({name: value for name, value in row.items() if name != "id"})
        own = db.execute(f"select id from {table} where {same}", {name: values[name] for name in key}).fetchone()
        if own is None:
            db.insert(table, values)
        ids[row["id"]] = own[0] if own else last_rowid(db)
    return ids


def merge_runs(db: Database, theirs: Database, sites: IDMap) -> IDMap:
    """Merges the crawl runs of the other archive. Returns a map from each run's ID in the other archive to its ID in
    this one. A run that never ended in the other archive is entered as interrupted.
    """

    def convert(row: dict[str, Any]) -> dict[str, Any]:
        why = "" if row["outcome"] else "the run was not finished when its archive was merged"
        return row | {
            "site_id": sites[row["site_id"]],
            "outcome": row["outcome"] or "interrupted",
            "reason": row["reason"] or why,
        }

    return _merge_rows(db, theirs, "runs", ("site_id", "started_at"), convert)


def merge_imports(db: Database, theirs: Database) -> IDMap:
    """Merges the import runs of the other archive. Returns a map from each import's ID in the other archive to its ID
    in this one. An import that was interrupted in the other archive cannot be continued in this one; the next import of
    its file starts from the beginning.
    """

    def convert(row: dict[str, Any]) -> dict[str, Any]:
        unfinished = {} if row["outcome"] else {"outcome": "limited", "member_offset": 0, "inner_offset": 0}
        return row | {"warc_file": None, "warc_end": None} | unfinished

    return _merge_rows(db, theirs, "imports", ("digest", "options", "started_at"), convert)


def merge_rules(db: Database, theirs: Database, sites: IDMap) -> IDMap:
    """Merges the site rules of the other archive. Returns a map from the ID of each version of rules in the other
    archive to its ID in this one.

    If both archives have rules for a site, the rules of this archive stay in use. The other rules are stored only
    because articles that were extracted with them refer to them.
    """
    has = {row[0]: row[1] for row in db.execute("select site_id, max(by_hand) from site_rules group by 1")}

    def convert(row: dict[str, Any]) -> dict[str, Any]:
        site, at = sites[row["site_id"]], row["learned_at"]
        is_unused = site in has and (has[site] or not row["by_hand"])
        return row | {"site_id": site} | ({"by_hand": 0, "since": at, "until": at} if is_unused else {})

    return _merge_rows(db, theirs, "site_rules", ("site_id", "toml", "learned_at"), convert)


def merge_hosts(db: Database, theirs: Database) -> None:
    """Merges the stored robots.txt and tdmrep.json files of hosts. If both archives contain a file, the copy that was
    fetched later is kept.
    """
    for row in theirs.query("select * from host_files"):
        _upsert(db, "host_files", row, ("origin", "name"), "excluded.fetched_at > host_files.fetched_at")


def merge_historical_pages(db: Database, theirs: Database, imports: IDMap) -> None:
    """Merges what past imports have stored about captures that did not become articles: pages that are not posts, other
    responses, and revisit records whose payload was not found. Later imports use these rows.
    """
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


# The merge itself.

_BATCH = 50
_ROWS = 500


@dataclass
class MergeResult:
    """The result of a merge, as counts unless stated otherwise.

    - `articles`: new articles.
    - `joined`: articles that this archive already had.
    - `revised`: those of the `joined` articles that got a new revision.
    - `removed`: posts that were left out because this archive contains their tombstones.
    - `captures`, `pages`: new captures; pages that are new or changed.
    - `lost`: the names of WARC files that the other archive lacks.
    """

    articles: int = 0
    joined: int = 0
    revised: int = 0
    removed: int = 0
    captures: int = 0
    pages: int = 0
    files: int = 0
    takedowns: int = 0
    lost: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LeftOutPost:
    """A post that a merge takes away, because it was removed from one of the archives (`removed_from`) while another
    one still has it (`archive`).
    """

    archive: str
    title: str
    url: str
    removed_from: str


def list_left_out(archive: Path, others: Sequence[Path]) -> list[LeftOutPost]:
    """Returns the posts that merging the `others` into `archive` takes away: those of `archive` first, which are
    removed from it, and then those of the others, which are not copied. Changes nothing; `archive` need not exist.
    """
    out: dict[tuple[Path, int], LeftOutPost] = {}
    paths = [path for path in (archive, *others) if path.exists()]
    with ExitStack() as stack:
        dbs = {path: stack.enter_context(opened(path, read_only=True, to_copy=True)) for path in paths}
        for path, holder in dbs.items():
            for remover, db in dbs.items():
                for row in db.query("select * from tombstones where allowed_at is null") if db is not holder else ():
                    urls = db.execute("select url from tombstone_urls where tombstone_id = ?", [row["id"]])
                    if (post := _find_article(holder, row, [url for (url,) in urls])) is not None:
                        left_out = LeftOutPost(str(path), post["title"], post["url"], str(remover))
                        out.setdefault((path, post["id"]), left_out)
    return list(out.values())


def merge_archive(
    db: Database, archive: Path, other: Path, progress: Progress = lambda what, done, of: None
) -> MergeResult:
    """Merges the archive `other` into this one. No other program may write to either archive meanwhile.

    Raises the errors of `open_for_merge`, and storage errors. What was merged before an error is kept, and repeating
    the merge continues it. In memory, it holds the captures of one post at a time, and the ID of each site and run.
    """
    with open_for_merge(other, archive) as theirs:
        merging = _Merge(db, archive, theirs, other.parent, progress)
        out = merging.run()
    if merging.removed:
        # Merged feeds and listings may quote these posts. Only the other archive contains the texts of these posts, so
        # quotes of them must be removed now.
        erase_records(db, archive.parent, merging.removed.values(), progress, merging.texts)
    if pending_takedowns(db):
        progress("tombstones", 0, 1)
        finish_takedowns(db, archive)
    return out


class _Merge:
    def __init__(self, db: Database, archive: Path, theirs: Database, folder: Path, progress: Progress) -> None:
        self._db, self._archive, self._theirs, self._other, self._progress = db, archive, theirs, folder, progress
        self._out = MergeResult()
        self.removed: dict[int, Tombstone] = {}
        self.texts: list[tuple[str, str]] = []

    def run(self) -> MergeResult:
        db, theirs, out = self._db, self._theirs, self._out
        with writing(db):
            self._sites = merge_sites(db, theirs)
            self._runs = merge_runs(db, theirs, self._sites)
            imports = merge_imports(db, theirs)
            self._rules = merge_rules(db, theirs, self._sites)
            merge_hosts(db, theirs)
            merge_historical_pages(db, theirs, imports)
            out.takedowns = merge_tombstones(db, theirs)
        names, out.lost = copy_files(db, theirs, self._archive.parent, self._other, self._progress)
        out.files = len(names)
        self._captures = CaptureMerge(db, theirs, names, self._runs, imports)
        self._without_hints = make_reader_without_hints(db, self._archive.parent, SiteLookup(db), datetime.now(UTC))
        self._articles()
        self._each_row("captures", self._capture)
        self._each_row("pages", self._page)
        self._each_row("requisites", self._requisite)
        with writing(db):
            link_requisites(db, theirs)
        out.captures = self._captures.new
        return out

    def _articles(self) -> None:
        db, done = self._db, 0
        db.execute("create temp table if not exists merged_articles (theirs integer primary key, ours integer)")
        db.execute("delete from merged_articles")
        create_requisite_ids(db)
        names = current_site_names(db)
        total = self._theirs.execute("select count(*) from articles").fetchone()[0]
        for batch in read_article_batches(self._theirs, _BATCH):
            with writing(db):
                for row in batch:
                    row["site"] = names.get(row["site"], row["site"])
                    number = self._article(read_their_article(self._theirs, row))
                    db.execute("insert into merged_articles values (?, ?)", [row["id"], number])
                reopen_takedowns(db, self._captures.removed)
            done += len(batch)
            self._progress("articles", done, total)

    def _article(self, post: TheirArticle) -> int | None:
        db, out = self._db, self._out
        if (tombstone := find_own_tombstone(db, post)) is not None:
            out.removed += 1
            self.removed[tombstone.id] = tombstone
            self.texts += read_texts(self._theirs, post.row["id"])
            for one in post.addresses:
                keep_url_out(db, tombstone, one["url"], captured=False)
            return None
        merge_parts(db, self._theirs, post.row["urlkey"])
        own = find_own_article(db, post)
        if own is None:
            out.articles += 1
            return add_article(db, self._theirs, post, self._captures, self._runs, self._rules)
        out.joined += 1
        out.revised += merge_article(
            db, self._theirs, post, own["id"], self._captures, self._without_hints, self._rules
        )
        return int(own["id"])

    def _each_row(self, table: str, enter: Callable[[dict[str, Any]], None]) -> None:
        """Calls `enter` for every row of a table of the other archive. Each transaction covers at most _ROWS rows."""
        last, done = 0, 0
        total = self._theirs.execute(f"select count(*) from {table}").fetchone()[0]
        while rows := list(
            self._theirs.query(f"select * from {table} where id > ? order by id limit ?", [last, _ROWS])
        ):
            with writing(self._db):
                for row in rows:
                    enter(row)
                reopen_takedowns(self._db, self._captures.removed)
            last, done = rows[-1]["id"], done + len(rows)
            self._progress(table, done, total)

    def _requisite(self, row: dict[str, Any]) -> None:
        merge_requisite(self._db, row, self._sites[row["site_id"]], self._captures)

    def _capture(self, row: dict[str, Any]) -> None:
        self._captures.enter(row)

    def _page(self, row: dict[str, Any]) -> None:
        found = self._db.execute("select ours from merged_articles where theirs = ?", [row["article_id"]]).fetchone()
        self._out.pages += merge_page(
            self._db, self._theirs, row, self._sites[row["site_id"]], found[0] if found else None, self._captures
        )


# Pages.

Row = dict[str, Any]
_FETCH_COLUMNS = (
    "url",
    "kind",
    "outcome",
    "reason",
    "remarks",
    "rule",
    "status",
    "etag",
    "last_modified",
    "redirect_urlkey",
    "fetched_at",
    "changed_at",
    "due_at",
    "due_for",
    "due_by",
    "attempts",
)


def merge_page(
    db: Database, theirs: Database, row: Row, site_id: int, article_id: int | None, captures: CaptureMerge
) -> bool:
    """Merges a page of the other archive, given as its row, into the pages table. Returns True if the page is new or
    changed in this archive.

    `article_id` is the ID in this archive of the article that the page shows, None if it shows none. If both archives
    have fetched the page, the result of the later fetch is kept. A page that neither archive has fetched is
    trap-excluded only if both archives have excluded it.
    """
    own = next(iter(db.query("select * from pages where urlkey = ?", [row["urlkey"]])), None)
    newer = own is None or _is_newer(own, row)
    news: Row = {}
    if own is None:
        db.insert(
            "pages",
            {
                **{k: v for k, v in row.items() if k not in ("id", "listed")},
                "site_id": site_id,
                "article_id": article_id,
                "capture_id": captures.enter_by_id(row["capture_id"]),
            },
        )
        page_id = last_rowid(db)
    else:
        page_id = own["id"]
        news = {k: v for k, v in _merge_values(own, row, article_id, captures, newer=newer).items() if own[k] != v}
        if news:
            db.execute(
                f"update pages set {', '.join(f'{name} = :{name}' for name in news)} where id = :id",
                {**news, "id": page_id},
            )
    _merge_sources(db, theirs, row["id"], page_id)
    _merge_hints(db, theirs, _SamePage(row["id"], page_id, newer), captures)
    return own is None or bool(news)


def _is_newer(own: Row, row: Row) -> bool:
    """Returns True if the other archive fetched a page (`row`) later than this one (`own`). If neither has fetched it,
    returns True if the page is due only in the other archive.
    """
    return (row["fetched_at"] or "") > (own["fetched_at"] or "") or (
        not row["fetched_at"] and not own["fetched_at"] and own["due_at"] is None and row["due_at"] is not None
    )


def _merge_values(own: Row, row: Row, article_id: int | None, captures: CaptureMerge, *, newer: bool) -> Row:
    values: Row = {
        "found_at": min(own["found_at"], row["found_at"]),
        "priority": min(own["priority"], row["priority"]),
        "lastmod": max(filter(None, (own["lastmod"], row["lastmod"])), default=None),
    }
    if newer:
        capture = captures.enter_by_id(row["capture_id"])
        values |= {name: row[name] for name in _FETCH_COLUMNS} | {
            "capture_id": capture or own["capture_id"],
            "article_id": article_id or own["article_id"],
        }
        if capture is None and own["capture_id"] != capture:
            # the page's validators belong to a response that this archive lacks
            values |= {"etag": None, "last_modified": None}
    elif article_id and not own["article_id"]:
        values["article_id"] = article_id
    return values


def _merge_sources(db: Database, theirs: Database, their_id: int, page_id: int) -> None:
    for row in theirs.query("select * from page_sources where page_id = ?", [their_id]):
        found_on, found_on_page_id = discovery_place(db, row["found_on"] or "")
        db.execute(
            "insert into page_discoveries (page_id, source, found_on, found_on_page_id, first_seen, last_seen, "
            "first_capture, "
            "last_capture) values (:page, :source, :found_on, :found_on_page_id, :first_seen, :last_seen, "
            ":first_capture, "
            ":last_capture) on conflict (page_id, source) do update set "
            "found_on = iif(excluded.last_seen > coalesce(last_seen, first_seen), excluded.found_on, found_on), "
            "found_on_page_id = iif(excluded.last_seen > coalesce(last_seen, first_seen), excluded.found_on_page_id, "
            "found_on_page_id), "
            "first_seen = min(first_seen, excluded.first_seen), "
            "last_seen = max(coalesce(last_seen, first_seen), excluded.last_seen), "
            "first_capture = min(coalesce(first_capture, excluded.first_capture), "
            "coalesce(excluded.first_capture, first_capture)), "
            "last_capture = max(coalesce(last_capture, excluded.last_capture), "
            "coalesce(excluded.last_capture, last_capture))",
            {**row, "page": page_id, "found_on": found_on, "found_on_page_id": found_on_page_id},
        )


@dataclass(frozen=True, slots=True)
class _SamePage:
    """The IDs of one page in the other archive (`there`) and in this one (`here`). `newer` is True if the other archive
    fetched the page later.
    """

    there: int
    here: int
    newer: bool


def _merge_hints(db: Database, theirs: Database, page: _SamePage, captures: CaptureMerge) -> None:
    """Merges the source hints of a page, and links them to the captures in this archive that were extracted with them.
    If both archives have hints, the latest hint of the archive that fetched the page later becomes the page's latest
    hint.
    """
    numbers: dict[int, int] = {}
    for hint in theirs.query("select * from source_hints where page_id = ? order by id", [page.there]):
        own = db.execute(
            "select id from source_hints where page_id = ? and hint = ?", [page.here, hint["hint"]]
        ).fetchone()
        number = own[0] if own else insert_row(db, "source_hints", {"page_id": page.here, "hint": hint["hint"]})
        numbers[hint["id"]] = number
        if hint["completes"] in numbers and not own:
            db.execute("update source_hints set completes = ? where id = ?", [numbers[hint["completes"]], number])
        for row in theirs.query("select * from captures where hint_id = ?", [hint["id"]]):
            # The post may have been removed from this archive together with its hint.
            db.execute(
                "update captures set hint_id = (select id from source_hints where id = ?) "
                "where id = ? and hint_id is null",
                [number, captures.find_known(row)],
            )
        latest = "page_id = ? and digests is not null"
        if hint["digests"] and (
            page.newer or not db.execute(f"select 1 from source_hints where {latest}", [page.here]).fetchone()
        ):
            db.execute(f"update source_hints set digests = null where {latest}", [page.here])
            db.execute("update source_hints set digests = ? where id = ?", [hint["digests"], number])


# Requisites.

_REQUISITE_FETCH_COLUMNS = (
    "outcome",
    "rule",
    "reason",
    "status",
    "media_type",
    "bytes",
    "width",
    "height",
    "capture_id",
    "etag",
    "last_modified",
    "fetched_at",
    "due_at",
    "attempts",
)


def create_requisite_ids(db: Database) -> None:
    """Creates an empty temporary table that maps the ID of each requisite in the other archive (`theirs`) to its ID in
    this archive (`ours`).
    """
    db.execute("create temp table if not exists merged_requisites (theirs integer primary key, ours integer)")
    db.execute("delete from merged_requisites")


def merge_requisite(db: Database, row: Row, site_id: int, captures: CaptureMerge) -> None:
    """Merges a requisite of the other archive, given as its row. If both archives contain the requisite, the result of
    the later fetch is kept.
    """
    values = {k: v for k, v in row.items() if k != "id"} | {
        "site_id": site_id,
        "capture_id": captures.enter_by_id(row["capture_id"]),
    }
    own = next(iter(db.query("select * from requisites where site_id = ? and url = ?", [site_id, row["url"]])), None)
    if own is None:
        db.execute(
            f"insert into requisites ({', '.join(values)}) values ({', '.join(f':{n}' for n in values)})", values
        )
        number = int(db.execute("select last_insert_rowid()").fetchone()[0])
    else:
        number = own["id"]
        newer = (row["fetched_at"] or "") > (own["fetched_at"] or "")
        news = {name: min(own[name], row[name]) for name in ("wanted", "depth", "hops", "found_at")} | (
            {name: values[name] for name in _REQUISITE_FETCH_COLUMNS} if newer else {}
        )
        db.execute(
            f"update requisites set {', '.join(f'{name} = :{name}' for name in news)} where id = :id",
            {**news, "id": number},
        )
    db.execute("insert into merged_requisites values (?, ?)", [row["id"], number])


def link_requisites(db: Database, theirs: Database) -> None:
    """Links the merged requisites to the articles that need them, and to the stylesheets and redirects that refer to
    them, as they are linked in the other archive (`theirs`).
    """
    for article, requisite, role in theirs.execute("select article_id, requisite_id, role from article_requisites"):
        db.execute(
            "insert or ignore into article_requisites (article_id, requisite_id, role) select a.ours, r.ours, ? "
            "from merged_articles a, merged_requisites r where a.theirs = ? and r.theirs = ? "
            "and a.ours is not null",
            [role, article, requisite],
        )
    for parent, requisite in theirs.execute("select parent_id, requisite_id from requisite_parts"):
        db.execute(
            "insert or ignore into requisite_parts (parent_id, requisite_id) select p.ours, r.ours from "
            "merged_requisites p, merged_requisites r where p.theirs = ? and r.theirs = ?",
            [parent, requisite],
        )


# Tombstones: posts that were removed from the other archive are removed from this one, too.


def merge_tombstones(db: Database, theirs: Database) -> int:
    """Copies the tombstones of the other archive (`theirs`), and returns how many are new in this archive.

    If the post of a new tombstone is in this archive, its takedown is left pending; `finish_takedowns` completes it. If
    both archives contain a tombstone and the other archive allows its post again, this archive allows the post again,
    too.
    """
    new, names = 0, current_site_names(db)
    for row in theirs.query("select * from tombstones order by id"):
        row["site"] = names.get(row["site"], row["site"])
        same = tombstones(db, "site = ? and url = ? and removed_at = ?", [row["site"], row["url"], row["removed_at"]])
        if same:
            if row["allowed_at"] and not same[0].allowed_at:
                allow_again(db, same[0], row["allowed_at"], EPOCH)
            continue
        if not row["allowed_at"]:
            _enter_their_tombstone(db, theirs, row)
            new += 1
    return new


def _enter_their_tombstone(db: Database, theirs: Database, row: Row) -> None:
    urls = [url for (url,) in theirs.execute("select url from tombstone_urls where tombstone_id = ?", [row["id"]])]
    payloads = [
        one for (one,) in theirs.execute("select digest from tombstone_payloads where tombstone_id = ?", [row["id"]])
    ]
    own = _find_article(db, row, urls)
    if own is not None:
        urls = list(dict.fromkeys([*urls, *find_urls_of_post(db, own)]))
    here = own is not None or any(
        db.execute(
            "select 1 from captures where url in (?, ?) union all "
            "select 1 from source_hints where page_id in (select id from pages where urlkey = ?)",
            [f"http://{tail}", f"https://{tail}", urlkey(url)],
        ).fetchone()
        for url in urls
        for tail in [url.partition("://")[2]]
    )
    db.insert(
        "tombstones",
        {
            **{k: v for k, v in row.items() if k != "id"},
            "article_id": own["id"] if own else None,
            "erased_at": None if here else row["erased_at"] or row["removed_at"],
        },
    )
    enter_tombstone(db, last_rowid(db), urls, payloads)


def _find_article(db: Database, row: Row, urls: list[str]) -> Row | None:
    """Returns this archive's article for a tombstone of the other archive, given as its row and URLs; None if the post
    is not in this archive.
    """
    for where, values in (
        (
            "id in (select article_id from article_urls where urlkey in (select value from json_each(?)))",
            [json.dumps([urlkey(url) for url in urls])],
        ),
        (
            "site = ? and (post_id = ? or guid = ? or content_digest = ?)",
            [row["site"], row["post_id"], row["guid"], row["content_digest"]],
        ),
    ):
        found = next(iter(db.query(f"select * from articles where {where} order by id limit 1", values)), None)
        if found is not None:
            return found
    return None


def reopen_takedowns(db: Database, tombstone_ids: set[int]) -> None:
    """Marks these takedowns as unfinished, because a copied WARC file contains records of the removed posts."""
    db.conn.executemany("update tombstones set erased_at = null where id = ?", [(number,) for number in tombstone_ids])
