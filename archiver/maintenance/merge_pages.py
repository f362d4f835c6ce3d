"""What another archive knows of addresses: the newer knowledge of a page wins, who told of it is joined.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from archiver.maintenance.takedown import enter_tombstone
from archiver.maintenance.takedown_scope import addresses_of
from archiver.storage import saved_searches as stored
from archiver.storage.page_discoveries import discovery_place
from archiver.storage.pages import EPOCH, last_rowid
from archiver.storage.tombstones import allow_again, payload_removed, tombstone_at, tombstones
from archiver.urls import urlkey
from archiver.warc.warc_files import file_digest, finish_transfer, transfer_warc
from archiver.warc.writer import index_of

# Captures of another archive as rows of this one. A capture is the same where address, time and payload are.


class Captures:
    """`files` gives for the name of a WARC file there its name here; a capture of a file that is in none is not
    entered. `runs` and `imports` give numbers here for those there. `new` counts what was entered; `removed` are the
    numbers of removals whose records came with a file, to be erased from it."""

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

    def known(self, row: Row) -> int | None:
        """The number that a capture there (its row) has here; None where it is new."""
        found = self._db.execute(
            "select id from captures where url = ? and captured_at = ? and +digest is ? limit 1",
            [row["url"], row["captured_at"], row["digest"]],
        ).fetchone()
        return int(found[0]) if found else None

    def enter(self, row: Row) -> int | None:
        """The number of a capture here, entered where it is new; None where its file was not brought."""
        number = self.known(row)
        if number is not None or row["warc_file"] not in self._files:
            return number
        self._db.table("captures").insert(
            {
                **{k: v for k, v in row.items() if k not in ("id", "article_id", "secondary")},
                "warc_file": self._files[row["warc_file"]],
                "run_id": self._runs.get(row["run_id"] or 0),
                "import_id": self._imports.get(row["import_id"] or 0),
            }
        )
        number = last_rowid(self._db)
        self._db.conn.executemany(
            "insert into usage_statements (capture_id, source, agent, name, value) values (?, ?, ?, ?, ?)",
            [
                (number, *right)
                for right in self._theirs.execute(
                    "select source, agent, name, value from usage_statements where capture_id = ? order by id",
                    [row["id"]],
                )
            ],
        )
        self.new += 1
        self._erase_if_removed(row)
        return number

    def of(self, number: int | None) -> int | None:
        """The number here of a capture by its number there."""
        row = next(iter(self._theirs.query("select * from captures where id = ?", [number])), None)
        return self.enter(row) if row else None

    def _erase_if_removed(self, row: Row) -> None:
        removal = tombstone_at(self._db, urlkey(row["url"]))
        if removal is not None:
            self.removed.add(removal.id)
        elif row["digest"] and payload_removed(self._db, row["digest"]):
            self.removed.add(
                self._db.execute(
                    "select tombstone_id from tombstone_payloads where digest = ?", [row["digest"]]
                ).fetchone()[0]
            )


# Which WARC files of another archive this one needs, and under which names it has them.

Told = Callable[[str, int, int], None]


def bring_files(
    db: Database, theirs: Database, folder: Path, other: Path, told: Told
) -> tuple[dict[str, str], list[str]]:
    """Bring the WARC files of `other` (the other archive's folder) into `folder`: the name here of each that has
    something new, and the names there of those that cannot be had.

    A file whose captures are all known is not needed. One that is here already, by whatever name, is known by its
    bytes. Raises OSError where the disk refuses.
    """
    names: dict[str, str] = {}
    lost: list[str] = []
    sizes: dict[int, list[Path]] = defaultdict(list)
    for file in sorted((folder / "warc").glob("*.warc.gz")):
        sizes[file.stat().st_size].append(file)
    wanted = sorted(
        {row[0] for row in theirs.execute("select distinct warc_file from captures")}
        | {f"warc/{file.name}" for file in (other / "warc").glob("*.warc.gz")}
    )
    for number, name in enumerate(wanted):
        told("WARC files", number, len(wanted))
        if not _has_news(db, theirs, name):
            continue
        source = other / name
        if Path(name).is_absolute() or ".." in Path(name).parts or not source.is_file():
            lost.append(name)
            continue
        own = _same(source, sizes[source.stat().st_size])
        if own is None:
            own = transfer_warc(source, folder / "warc")
            if not own.exists():  # no whole record was in it
                continue
            sizes[own.stat().st_size].append(own)
        elif not index_of(own).exists():
            finish_transfer(own, index_of(source))
        names[name] = f"warc/{own.name}"
    return names, lost


def _has_news(db: Database, theirs: Database, name: str) -> bool:
    """Whether a file has a capture that is not known here, or none that any row points to."""
    rows = 0
    for row in theirs.execute("select url, captured_at, digest from captures where warc_file = ?", [name]):
        rows += 1
        if (
            db.execute("select 1 from captures where url = ? and captured_at = ? and +digest is ?", row).fetchone()
            is None
        ):
            return True
    return rows == 0


def _same(source: Path, candidates: list[Path]) -> Path | None:
    if not candidates:
        return None
    digest = file_digest(source)
    return next((file for file in candidates if file_digest(file) == digest), None)


Row = dict[str, Any]
_VISIT = (
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
    "source_hints",
)


def merge_page(
    db: Database, theirs: Database, row: Row, site_id: int, article_id: int | None, captures: Captures
) -> None:
    """Enter a page there (its row). What was fetched later is what is known of it; of two that were never fetched the
    one that is not due by itself (a rule set it aside) stays so only where both are."""
    own = next(iter(db.query("select * from pages where urlkey = ?", [row["urlkey"]])), None)
    if own is None:
        db.table("pages").insert(
            {
                **{k: v for k, v in row.items() if k != "id"},
                "site_id": site_id,
                "article_id": article_id,
                "capture_id": captures.of(row["capture_id"]),
            }
        )
        page_id = last_rowid(db)
    else:
        page_id = own["id"]
        news = {k: v for k, v in _joined(own, row, article_id, captures).items() if own[k] != v}
        if news:
            db.execute(
                f"update pages set {', '.join(f'{name} = :{name}' for name in news)} where id = :id",
                {**news, "id": page_id},
            )
    _merge_sources(db, theirs, row["id"], page_id)


def _joined(own: Row, row: Row, article_id: int | None, captures: Captures) -> Row:
    values: Row = {
        "found_at": min(own["found_at"], row["found_at"]),
        "priority": min(own["priority"], row["priority"]),
        "lastmod": max(filter(None, (own["lastmod"], row["lastmod"])), default=None),
        "source_hints": own["source_hints"] or row["source_hints"],
    }
    newer = (row["fetched_at"] or "") > (own["fetched_at"] or "") or (
        not row["fetched_at"] and not own["fetched_at"] and own["due_at"] is None and row["due_at"] is not None
    )
    if newer:
        capture = captures.of(row["capture_id"])
        values |= {name: row[name] for name in _VISIT} | {
            "source_hints": row["source_hints"] or own["source_hints"],
            "capture_id": capture or own["capture_id"],
            "article_id": article_id or own["article_id"],
        }
        if capture is None and own["capture_id"] != capture:
            values |= {"etag": None, "last_modified": None}  # what they are of is not here
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


# What pages need to be shown, of another archive: the later visit counts, who needs it is joined.

_FETCHED_COLUMNS = (
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


def make_numbers(db: Database) -> None:
    """An empty table, as long as the connection lasts, of which requisite here one there is."""
    db.execute("create temp table if not exists merged_requisites (theirs integer primary key, ours integer)")
    db.execute("delete from merged_requisites")


def merge_requisite(db: Database, row: Row, site_id: int, captures: Captures) -> None:
    """Enter one (its row there), or what is known of it there where that is newer."""
    values = {k: v for k, v in row.items() if k != "id"} | {
        "site_id": site_id,
        "capture_id": captures.of(row["capture_id"]),
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
            {name: values[name] for name in _FETCHED_COLUMNS} if newer else {}
        )
        db.execute(
            f"update requisites set {', '.join(f'{name} = :{name}' for name in news)} where id = :id",
            {**news, "id": number},
        )
    db.execute("insert into merged_requisites values (?, ?)", [row["id"], number])


def link_requisites(db: Database, theirs: Database) -> None:
    """Which articles need what, and what a stylesheet or a redirect leads to."""
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


# Saved searches of another archive: those whose name is free here come, with what they have told of.


def merge_searches(db: Database, theirs: Database) -> tuple[int, list[str]]:
    """How many came, and the names of those that did not because another search has the name here.

    Of a search that came, articles that were here already and that it never told of are new at its next run.
    """
    came, kept_out = 0, []
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
        came += 1
    return came, kept_out


# Takedowns of another archive: what was removed there is removed here, what was removed here does not come from
# there.


def merge_removals(db: Database, theirs: Database) -> int:
    """Enter the removals there; those of which something is here wait to be finished. Returns how many are new.

    One that was taken back there, after it had come here, is taken back here.
    """
    new = 0
    for row in theirs.query("select * from tombstones order by id"):
        same = tombstones(db, "site = ? and url = ? and removed_at = ?", [row["site"], row["url"], row["removed_at"]])
        if same:
            if row["allowed_at"] and not same[0].allowed_at:
                allow_again(db, same[0], row["allowed_at"], EPOCH)
            continue
        if not row["allowed_at"]:
            _enter(db, theirs, row)
            new += 1
    return new


def _enter(db: Database, theirs: Database, row: Row) -> None:
    urls = [url for (url,) in theirs.execute("select url from tombstone_urls where tombstone_id = ?", [row["id"]])]
    payloads = [
        one for (one,) in theirs.execute("select digest from tombstone_payloads where tombstone_id = ?", [row["id"]])
    ]
    own = _article(db, row, urls)
    if own is not None:
        urls = list(dict.fromkeys([*urls, *addresses_of(db, own)]))
    here = own is not None or any(
        db.execute(
            "select 1 from captures where url in (?, ?) union all "
            "select 1 from pages where urlkey = ? and source_hints is not null",
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


def _article(db: Database, row: Row, urls: list[str]) -> Row | None:
    """The article here that was removed there."""
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


def mark(db: Database, numbers: set[int]) -> None:
    """Of these removals something came with a WARC file."""
    db.conn.executemany("update tombstones set erased_at = null where id = ?", [(number,) for number in numbers])
