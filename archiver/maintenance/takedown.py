"""The records of removed posts, taken out of the WARC files: what shows them is left out when a file is written anew.

A file that is written anew gets another name, and its rows are moved to it in one transaction: a kill at any moment
leaves each row pointing to its record, and one file too many, which `settle` deletes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slugify import slugify
from sqlite_utils import Database

from archiver.errors import ArchiveLocked, ArchiverError, UnreadableInput
from archiver.fields import LINKS
from archiver.maintenance.takedown_scope import (
    QuoteDetector,
    addresses_of,
    own_captures,
    own_requisites,
    payloads_of,
    texts_of,
)
from archiver.maintenance.verify_captures import is_written
from archiver.storage.article_tables import clusters
from archiver.storage.article_tables.articles import settle_duplicates
from archiver.storage.article_tables.records import identifier
from archiver.storage.capture_recovery import forget_lost
from archiver.storage.connection import fault_of, is_fault, open_archive, opened, writing
from archiver.storage.full_text import forget_index
from archiver.storage.locks import lock_all
from archiver.storage.pages import last_rowid, stamp
from archiver.storage.tombstones import Tombstone, pending_takedowns, tombstones
from archiver.urls import urlkey
from archiver.warc.gzip_records import read_record
from archiver.warc.warc_files import (
    MovedRecord,
    delete_warc,
    free_name,
    records_with_fields,
    revisit_as_response,
    rewrite_warc,
)

Told = Callable[[str, int, int], None]
"""Told which file is read, its number, and of how many."""


@dataclass
class Sought:
    """What is looked for in the files: the removed posts' addresses, payloads and words. `own` are the numbers of their
    captures, `files` the names of the files that may show them."""

    ids: set[int]
    keys: set[str]
    digests: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)
    own: set[int] = field(default_factory=set)
    sites: set[str] = field(default_factory=set)
    words: QuoteDetector = field(default_factory=lambda: QuoteDetector(()))
    files: list[str] = field(default_factory=list)


def erase_records(
    db: Database, folder: Path, removals: Iterable[Tombstone], told: Told, texts: Iterable[tuple[str, str]] = ()
) -> int:
    """Take the records of these posts out of the archive's files; returns how many were. `texts` are titles and texts
    of theirs that the archive itself does not have.

    Everything at an address of theirs goes, what has their payload, and answers of their sites that show eight words in
    a row of their text: feeds, APIs, lists. What proves another article stays; where it is a revisit record of a
    payload that goes, the payload is put into it first. Writes in transactions of its own. Raises OSError.
    """
    sought = _sought(db, removals, texts)
    for name, changes in _completed(db, folder, sought).items():
        _rewrite(db, folder, name, changes)
    erased = 0
    files = _files(db, folder, sought)
    for number, name in enumerate(files):
        told(name, number, len(files))
        changes = _changes(db, folder, name, sought)
        if changes:
            _rewrite(db, folder, name, changes)
            erased += len(changes)
    return erased


def delete_unfinished_rewrites(db: Database, folder: Path) -> None:
    """Delete what a rewriting that was killed has left."""
    for old, new, done in db.execute("select old_file, new_file, done from warc_rewrites").fetchall():
        delete_warc(folder / (old if done else new))
        with writing(db):
            db.execute("delete from warc_rewrites where old_file = ?", [old])


def _sought(db: Database, removals: Iterable[Tombstone], more: Iterable[tuple[str, str]]) -> Sought:
    out, texts = Sought(set(), set()), list(more)
    for one in removals:
        out.sites.add(one.site)
        rows = db.execute("select urlkey, url from tombstone_urls where tombstone_id = ?", [one.id]).fetchall()
        own = own_captures(db, one.article_id, [url for _, url in rows])
        out.own |= own
        out.keys |= {key for key, _ in rows}
        out.digests |= {
            row[0] for row in db.execute("select digest from tombstone_payloads where tombstone_id = ?", [one.id])
        }
        if one.article_id is not None:
            out.ids.add(one.article_id)
            texts += list(texts_of(db, one.article_id))
    out.shared = payloads_of(db, out.own, shared=True)
    out.words = QuoteDetector(texts)
    return out


def _files(db: Database, folder: Path, sought: Sought) -> list[str]:
    """The files that may show the posts: those of their captures, and where their words are known all of their sites."""
    found = {
        row[0]
        for row in db.execute(
            "select distinct warc_file from captures where id in (select value from json_each(?)) or digest in "
            "(select value from json_each(?))",
            [json.dumps(sorted(sought.own)), json.dumps(sorted(sought.digests))],
        )
    }
    for site in sorted(sought.sites) if sought.words else ():
        found |= {f"warc/{file.name}" for file in (folder / "warc").glob(f"{slugify(site)}-*.warc.gz")}
        found |= {
            row[0]
            for row in db.execute(
                "select distinct warc_file from captures where run_id in (select r.id from runs r join sites s on "
                "s.id = r.site_id where s.name = ?)",
                [site],
            )
        }
    return sorted(name for name in found if (folder / name).exists() and not is_written(folder / name))


def _completed(db: Database, folder: Path, sought: Sought) -> dict[str, dict[int, bytes]]:
    """The revisit records of other articles whose payload goes, each with the payload in it: one for each payload."""
    out: dict[str, dict[int, bytes]] = {}
    own = json.dumps(sorted(sought.own))
    for digest in sorted(sought.shared):
        rows = list(
            db.query(
                "select *, id in (select value from json_each(?)) as goes from captures where digest = ? and status = 200 "
                "order by record_type = 'response' desc, id",
                [own, digest],
            )
        )
        if any(row["record_type"] == "response" and not row["goes"] for row in rows):
            continue
        heir = next((row for row in rows if not row["goes"] and urlkey(row["url"]) not in sought.keys), None)
        source = next((row for row in rows if row["record_type"] == "response"), None)
        if heir is None or source is None:
            continue
        with suppress(UnreadableInput, ValueError):
            payload = read_record(folder / source["warc_file"], source["warc_offset"], source["warc_length"]).payload
            data = revisit_as_response(folder / heir["warc_file"], heir["warc_offset"], payload)
            out.setdefault(heir["warc_file"], {})[heir["warc_offset"]] = data
    return out


def _changes(db: Database, folder: Path, name: str, sought: Sought) -> dict[int, bytes]:
    """The offsets of the records of a file that go."""
    rows = {
        offset: number
        for number, offset in db.execute("select id, warc_offset from captures where warc_file = ?", [name])
    }
    gone: dict[int, bytes] = {}
    went: set[str] = set()
    stays: set[str] = set()
    for member, fields in records_with_fields(folder / name):
        kind, url = fields.get("warc-type", ""), fields.get("warc-target-uri", "")
        identity, beside = fields.get("warc-record-id", ""), fields.get("warc-concurrent-to", "")
        if kind in ("response", "revisit", "resource"):
            goes = _goes(db, folder / name, member, fields, rows.get(member.offset), sought)
            (went if goes else stays).add(identity)
        else:
            goes = kind != "warcinfo" and (beside in went or (beside not in stays and _key(url) in sought.keys))
        if goes:
            gone[member.offset] = b""
    return gone


def _goes(db: Database, file: Path, member: Any, fields: dict[str, str], row: int | None, sought: Sought) -> bool:
    if row in sought.own:
        return True
    key = _key(fields.get("warc-target-uri", ""))
    if _is_of_another(db, key, row, sought):
        return False
    if key in sought.keys or fields.get("warc-payload-digest", "") in sought.digests:
        return True
    if fields.get("warc-type") == "revisit" or not sought.words:
        return False
    try:
        response = read_record(file, member.offset, member.length)
    except UnreadableInput:
        return False
    return sought.words.shown_in(response.body, response.content_type)


def _is_of_another(db: Database, key: str, row: int | None, sought: Sought) -> bool:
    """Whether a record proves another article, or stands at the address of one."""
    ids = json.dumps(sorted(sought.ids))
    return (
        db.execute(
            "select 1 from article_urls where urlkey = :key and article_id not in (select value from json_each(:ids)) "
            "union "
            "select 1 from revisions where capture_id = :row and article_id not in (select value from json_each(:ids)) "
            "union select 1 from articles where capture_id = :row and id not in (select value from json_each(:ids))",
            {"key": key, "row": row, "ids": ids},
        ).fetchone()
        is not None
    )


def _key(url: str) -> str:
    try:
        return urlkey(url) if url else ""
    except ValueError:  # a record of another program may be of an address that is none
        return ""


def _rewrite(db: Database, folder: Path, name: str, changes: dict[int, bytes]) -> None:
    old = folder / name
    new = free_name(old)
    told = f"warc/{new.name}"
    with writing(db):
        db.execute("insert into warc_rewrites (old_file, new_file) values (?, ?)", [name, told])
    moved = rewrite_warc(old, new, changes)
    with writing(db):
        _move_rows(db, name, told, moved, changes, new.stat().st_size)
        db.execute("update warc_rewrites set done = 1 where old_file = ?", [name])
    delete_unfinished_rewrites(db, folder)


def _move_rows(
    db: Database, name: str, new: str, moved: list[MovedRecord], changes: dict[int, bytes], size: int
) -> None:
    rows = {
        offset: number
        for number, offset in db.execute("select id, warc_offset from captures where warc_file = ?", [name])
    }
    gone = [rows[offset] for offset, data in changes.items() if not data and offset in rows]
    for number in gone:
        db.execute(
            "update pages set capture_id = null, etag = null, last_modified = null where capture_id = ?", [number]
        )
        db.execute("update articles set capture_id = null where capture_id = ?", [number])
        db.execute("update revisions set capture_id = null where capture_id = ?", [number])
        db.execute("delete from usage_statements where capture_id = ?", [number])
        db.execute("delete from captures where id = ?", [number])
    for one in moved:
        if one.before in rows:
            db.execute(
                "update captures set warc_offset = ?, warc_length = ?, record_type = case when ? "
                "then 'response' else record_type end where id = ?",
                [one.offset, one.length, one.before in changes, rows[one.before]],
            )
    db.execute("update captures set warc_file = ? where warc_file = ?", [new, name])
    forget_lost(db, new, frozenset((one.offset, one.length) for one in moved))
    db.execute("update imports set warc_file = ?, warc_end = ? where warc_file = ?", [new, size, name])


# Taking the rows of a post out of the database, and leaving the tombstone.


def begin_takedown(db: Database, article_id: int, reason: str, requested_by: str, at: str) -> Tombstone:
    """Keep a post out from now on. Its text goes with `purge`, when its records are gone."""
    row = next(iter(db.query("select * from articles where id = ?", [article_id])))
    urls = addresses_of(db, row)
    payloads = payloads_of(db, own_captures(db, article_id, urls))
    db.table("tombstones").insert(
        {
            "article_id": article_id,
            "site": row["site"],
            "url": row["url"],
            "post_id": row["post_id"],
            "guid": row["guid"],
            "content_digest": row["content_digest"],
            "reason": reason,
            "requested_by": requested_by or None,
            "removed_at": at,
            "record_id": identifier(db, article_id),
        }
    )
    number = last_rowid(db)
    enter_tombstone(db, number, urls, payloads)
    return tombstones(db, "id = ?", [number])[0]


def enter_tombstone(db: Database, tombstone_id: int, urls: Iterable[str], payloads: Iterable[str]) -> None:
    """Enter what is kept out; pages that are in the ledger already are touched, so that they know."""
    for url in urls:
        db.execute(
            "insert into tombstone_urls (urlkey, url, tombstone_id) values (?, ?, ?) on conflict do nothing",
            [urlkey(url), url, tombstone_id],
        )
        db.execute("update pages set source_hints = null where urlkey = ?", [urlkey(url)])
    for digest in payloads:
        db.execute(
            "insert into tombstone_payloads (digest, tombstone_id) values (?, ?) on conflict do nothing",
            [digest, tombstone_id],
        )


def purge_article(db: Database, removal: Tombstone) -> None:
    """Take out the article of a removal, if it is there, with all that was made of it."""
    article_id = removal.article_id
    row = next(iter(db.query("select * from articles where id = ?", [article_id])), None)
    keys = json.dumps(
        [key for (key,) in db.execute("select urlkey from tombstone_urls where tombstone_id = ?", [removal.id])]
    )
    among = "in (select value from json_each(?))"
    db.execute(f"delete from article_parts where urlkey {among} or post_urlkey {among}", [keys, keys])
    db.execute(f"delete from historical_responses where urlkey {among}", [keys])
    db.execute(
        "delete from unresolved_revisits where url in (select url from tombstone_urls where tombstone_id = ?)",
        [removal.id],
    )
    db.execute(f"update pages set redirect_urlkey = null where urlkey {among}", [keys])
    if row is None or article_id is None:
        return
    db.conn.executemany(
        "delete from requisites where id = ?", [(number,) for number, _ in own_requisites(db, article_id)]
    )
    clusters.leave_clusters(db, [article_id])
    for link in LINKS:
        names = json.dumps(
            [
                number
                for (number,) in db.execute(
                    f"select {link.key} from {link.table_of_links} where article_id = ?", [article_id]
                )
            ]
        )
        db.execute(f"delete from {link.table_of_links} where article_id = ?", [article_id])
        db.execute(
            f"delete from {link.table} where id {among} and not exists (select 1 from {link.table_of_links} l "
            f"where l.{link.key} = {link.table}.id)",
            [names],
        )
    for table in ("geotags", "article_urls", "revisions"):
        db.execute(f"delete from {table} where article_id = ?", [article_id])
    db.execute("update captures set article_id = null, secondary = null where article_id = ?", [article_id])
    db.execute("update pages set article_id = null where article_id = ?", [article_id])
    db.execute("update articles set duplicate_of = null where duplicate_of = ?", [article_id])
    db.execute("delete from articles where id = ?", [article_id])
    settle_duplicates(db, row["content_digest"])


# From a removal that is entered to one that is done: records, rows, and what the database file itself still held.

_FTS = "articles_fts"


def remove_articles(
    db: Database, archive: Path, article_ids: Iterable[int], reason: str, requested_by: str, told: Told
) -> int:
    """Take articles out, and whatever removal was stopped half-way; returns how many records went.

    Expects that nothing else writes the archive. Raises a fault of its place, ArchiveLocked where another program reads
    on for too long; the removal is entered then, and `finish` goes on. What was removed before is passed over.
    """
    now = stamp(datetime.now(UTC))
    with writing(db):
        for number in article_ids:
            if db.execute("select 1 from articles where id = ?", [number]).fetchone():
                begin_takedown(db, number, reason, requested_by, now)
    return finish_takedowns(db, archive, told)


def finish_takedowns(db: Database, archive: Path, told: Told = lambda what, number, of: None) -> int:
    """Go on with every removal that is entered and not done; as `remove`."""
    delete_unfinished_rewrites(db, archive.parent)
    waiting = pending_takedowns(db)
    if not waiting:
        return 0
    erased = erase_records(db, archive.parent, waiting, told)
    with writing(db):
        for one in waiting:
            purge_article(db, one)
    told("the database", 0, 1)
    overwrite_free_pages(db, archive)
    with writing(db):
        for one in waiting:
            db.execute("update tombstones set erased_at = ? where id = ?", [stamp(datetime.now(UTC)), one.id])
    return erased


def overwrite_free_pages(db: Database, archive: Path) -> None:
    """Leave in the database's file nothing but what it says: a deleted row lies in it until its place is needed.

    The full-text index keeps the words of deleted rows until its segments are merged ('optimize'); pages that are free,
    and what is unused of others, are gone with VACUUM; the write-ahead log has all that was written lately. The search
    index goes as a whole, and is made anew at the next search.
    """
    forget_index(archive)
    with writing(db):
        db.execute(f"insert into {_FTS} ({_FTS}) values ('optimize')")
    try:
        db.execute("vacuum")
        busy = db.execute("pragma wal_checkpoint(truncate)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise
        busy = 1
    if busy:
        raise ArchiveLocked(str(archive))


# Removals that were stopped half-way, or that a crawl met again: finished before anything else is written.


@contextmanager
def archive_without_writers(archive: Path, task: str) -> Iterator[Database]:
    """The archive, with every crawl and import kept from it. Raises ArchiveInUse where one is running, what
    `open_archive` does, and a fault of the archive's place as what `fault_of` makes of it."""
    db = open_archive(archive)
    locks = []
    try:
        locks += lock_all(archive, task)
        yield db
    except (sqlite3.Error, OSError) as error:
        if is_fault(error):
            raise fault_of(error, archive) from error
        raise
    finally:
        db.close()
        for one in locks:
            one.close()


def finish_pending_takedowns(archive: Path, say: Callable[[str], None]) -> None:
    """Finish the removals that wait. Where that is not possible now they wait on, and `say` gets a sentence on it."""
    with opened(archive) as db:
        waits = bool(pending_takedowns(db)) or db.execute("select 1 from warc_rewrites").fetchone() is not None
    if not waits:
        return
    try:
        with archive_without_writers(archive, "remove") as db:
            finish_takedowns(db, archive)
    except ArchiverError as error:
        say(f"A removal is not finished yet: {error}")
