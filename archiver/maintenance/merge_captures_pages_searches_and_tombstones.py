"""Merges captures, WARC files, pages, requisites, saved searches and tombstones of another archive into this one.

If both archives contain a page or a requisite, the result of the later fetch is kept. All functions except `copy_files`
run inside the caller's transaction.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from archiver.maintenance.takedown import enter_tombstone, find_urls_of_post
from archiver.storage import full_text_index_and_saved_searches as stored
from archiver.storage.page_discoveries_counts_and_source_trust import discovery_place
from archiver.storage.pages_and_source_hints import EPOCH, insert_row, last_rowid
from archiver.storage.run_records_and_statistics import current_site_names
from archiver.storage.tombstones import allow_again, is_payload_removed, tombstone_at, tombstones
from archiver.urls import urlkey
from archiver.warc.warc_and_cdxj_writer import index_of
from archiver.warc.warc_repair_rewriting_and_digests import compute_file_digest, finish_transfer, transfer_warc

# Captures.


class CaptureMerge:
    """Enters captures of the other archive into this one. Two captures are the same if URL, time and payload digest are
    equal.

    - `files`: maps the name of each copied WARC file in the other archive to its name in this one. Captures in other
      files are not entered.
    - `runs`, `imports`: map IDs in the other archive to IDs in this one.
    - `new`: the number of captures entered so far.
    - `removed`: the IDs of tombstones whose posts have records in a copied file. These records must be erased.
    """

    def __init__(
        self,
        db: Database,
        theirs: Database,
        files: Mapping[str, str],
        runs: Mapping[int, int],
        imports: Mapping[int, int],
    ) -> None:
        self._db, self._theirs, self._files, self._runs, self._imports = db, theirs, files, runs, imports
        self.new = 0
        self.removed: set[int] = set()

    def find_known(self, row: Row) -> int | None:
        """Returns the ID in this archive of a capture of the other archive, given as its row; None if the capture is
        not in this archive.
        """
        found = self._db.execute(
            "select id from captures where url = ? and captured_at = ? and +digest is ? limit 1",
            [row["url"], row["captured_at"], row["digest"]],
        ).fetchone()
        return int(found[0]) if found else None

    def enter(self, row: Row) -> int | None:
        """Enters a capture of the other archive, given as its row, unless the capture is already in this archive.
        Returns its ID in this archive; None if its WARC file was not copied.
        """
        number = self.find_known(row)
        if number is not None or row["warc_file"] not in self._files:
            return number
        self._db.table("captures").insert(
            {
                **{k: v for k, v in row.items() if k not in ("id", "article_id", "hint_id", "secondary")},
                "warc_file": self._files[row["warc_file"]],
                "run_id": self._runs.get(row["run_id"] or 0),
                "import_id": self._imports.get(row["import_id"] or 0),
            }
        )
        number = last_rowid(self._db)
        self._db.conn.executemany(
            "insert into usage_statements (capture_id, source, agent, name, value) values (?, ?, ?, ?, ?)",
            [
                (number, *statement)
                for statement in self._theirs.execute(
                    "select source, agent, name, value from usage_statements where capture_id = ? order by id",
                    [row["id"]],
                )
            ],
        )
        self.new += 1
        self._erase_if_removed(row)
        return number

    def enter_by_id(self, number: int | None) -> int | None:
        """Does the same as `enter` for a capture that is given by its ID in the other archive. Returns None if the ID
        is unknown or None.
        """
        row = next(iter(self._theirs.query("select * from captures where id = ?", [number])), None)
        return self.enter(row) if row else None

    def _erase_if_removed(self, row: Row) -> None:
        tombstone = tombstone_at(self._db, urlkey(row["url"]))
        if tombstone is not None:
            self.removed.add(tombstone.id)
        elif row["digest"] and is_payload_removed(self._db, row["digest"]):
            self.removed.add(
                self._db.execute(
                    "select tombstone_id from tombstone_payloads where digest = ?", [row["digest"]]
                ).fetchone()[0]
            )


# WARC files.

Progress = Callable[[str, int, int], None]


def copy_files(
    db: Database, theirs: Database, folder: Path, other: Path, progress: Progress
) -> tuple[dict[str, str], list[str]]:
    """Copies the WARC files with new captures from the other archive's folder (`other`) into this archive's (`folder`).
    Returns a dict from each file's name in the other archive to its name in this one, and the names of files that are
    missing in the other archive's folder.

    A file whose captures are all in this archive is not copied. A file that is already in this archive, under whatever
    name, is recognized by its digest. Raises OSError.
    """
    names: dict[str, str] = {}
    lost: list[str] = []
    sizes: dict[int, list[Path]] = defaultdict(list)
    for file in sorted((folder / "warc").glob("*.warc.gz")):
        sizes[file.stat().st_size].append(file)
    all_names = sorted(
        {row[0] for row in theirs.execute("select distinct warc_file from captures")}
        | {f"warc/{file.name}" for file in (other / "warc").glob("*.warc.gz")}
    )
    for number, name in enumerate(all_names):
        progress("WARC files", number, len(all_names))
        if not _has_new_captures(db, theirs, name):
            continue
        source = other / name
        if Path(name).is_absolute() or ".." in Path(name).parts or not source.is_file():
            lost.append(name)
            continue
        own = _find_same_file(source, sizes[source.stat().st_size])
        if own is None:
            own = transfer_warc(source, folder / "warc")
            if not own.exists():  # the copied file contained no complete record
                continue
            sizes[own.stat().st_size].append(own)
        elif not index_of(own).exists():
            finish_transfer(own, index_of(source))
        names[name] = f"warc/{own.name}"
    return names, lost


def _has_new_captures(db: Database, theirs: Database, name: str) -> bool:
    """Returns True if a WARC file of the other archive contains a capture that this archive lacks, or if no row of
    `captures` refers to the file.
    """
    rows = 0
    for row in theirs.execute("select url, captured_at, digest from captures where warc_file = ?", [name]):
        rows += 1
        if (
            db.execute("select 1 from captures where url = ? and captured_at = ? and +digest is ?", row).fetchone()
            is None
        ):
            return True
    return rows == 0


def _find_same_file(source: Path, candidates: list[Path]) -> Path | None:
    if not candidates:
        return None
    digest = compute_file_digest(source)
    return next((file for file in candidates if compute_file_digest(file) == digest), None)


# Pages.

Row = dict[str, Any]
_FETCH_COLUMNS = (
    "url",
    "kind",
    "outcome",
    "reason",
    "rule",
    "status",
    "etag",
    "last_modified",
    "redirect_urlkey",
    "fetched_at",
    "changed_at",
    "due_at",
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
        db.table("pages").insert(
            {
                **{k: v for k, v in row.items() if k not in ("id", "listed")},
                "site_id": site_id,
                "article_id": article_id,
                "capture_id": captures.enter_by_id(row["capture_id"]),
            }
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


# Saved searches.


def merge_searches(db: Database, theirs: Database) -> tuple[int, list[str]]:
    """Copies the saved searches of the other archive with the matches that they have reported. Returns the number of
    copied searches, and the names of searches that were left out because this archive contains a search with the same
    name and a different query.

    When a copied search runs next, it also reports matches among the articles that only this archive had.
    """
    copied, kept_out = 0, []
    for row in stored.saved_search_rows(theirs):
        own = stored.saved_search_rows(db, row.key)
        if own:
            if own[0].query != row.query:
                kept_out.append(row.name)
            continue
        number = stored.insert_saved_search(
            db,
            stored.NewSearch(
                row.name, row.key, row.uuid, row.query, row.saved_at, stored.ArchiveMark(0, 0), row.ran_at
            ),
        )
        db.conn.executemany(
            "insert or ignore into saved_search_hits (article_id, search_id, found_at, reason) "
            "select ours, ?, ?, ? from merged_articles where theirs = ? and ours is not null",
            (
                (number, at, why, article)
                for article, at, why in theirs.execute(
                    "select article_id, found_at, reason from saved_search_hits where search_id = ?", [row.id]
                )
            ),
        )
        copied += 1
    return copied, kept_out


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
    db.table("tombstones").insert(
        {
            **{k: v for k, v in row.items() if k != "id"},
            "article_id": own["id"] if own else None,
            "erased_at": None if here else row["erased_at"] or row["removed_at"],
        }
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
