"""The records of removed posts, taken out of the WARC files: what shows them is left out when a file is written anew.

A file that is written anew gets another name, and its rows are moved to it in one transaction: a kill at any moment
leaves each row pointing to its record, and one file too many, which `settle` deletes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slugify import slugify
from sqlite_utils import Database

from archiver.capture.read import read_record
from archiver.capture.rewrite import Moved, as_response, delete, free_name, records, write_anew
from archiver.errors import UnreadableInput
from archiver.store.checks.warcs import is_written
from archiver.store.lost import forget_lost
from archiver.store.takedown.plan import own_captures, payloads_of, texts_of
from archiver.store.takedown.shown import Words
from archiver.store.tombstones import Removal
from archiver.store.transaction import writing
from archiver.urls import urlkey

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
    words: Words = field(default_factory=lambda: Words(()))
    files: list[str] = field(default_factory=list)


def erase(db: Database, folder: Path, removals: Iterable[Removal], told: Told,
          texts: Iterable[tuple[str, str]] = ()) -> int:
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


def settle(db: Database, folder: Path) -> None:
    """Delete what a rewriting that was killed has left."""
    for old, new, done in db.execute("select old_file, new_file, done from warc_rewrites").fetchall():
        delete(folder / (old if done else new))
        with writing(db):
            db.execute("delete from warc_rewrites where old_file = ?", [old])


def _sought(db: Database, removals: Iterable[Removal], more: Iterable[tuple[str, str]]) -> Sought:
    out, texts = Sought(set(), set()), list(more)
    for one in removals:
        out.sites.add(one.site)
        rows = db.execute("select urlkey, url from tombstone_urls where tombstone_id = ?", [one.id]).fetchall()
        own = own_captures(db, one.article_id, [url for _, url in rows])
        out.own |= own
        out.keys |= {key for key, _ in rows}
        out.digests |= {row[0] for row in db.execute("select digest from tombstone_payloads where tombstone_id = ?",
                                                     [one.id])}
        if one.article_id is not None:
            out.ids.add(one.article_id)
            texts += list(texts_of(db, one.article_id))
    out.shared = payloads_of(db, out.own, shared=True)
    out.words = Words(texts)
    return out


def _files(db: Database, folder: Path, sought: Sought) -> list[str]:
    """The files that may show the posts: those of their captures, and where their words are known all of their sites.
    """
    found = {row[0] for row in db.execute(
        "select distinct warc_file from captures where id in (select value from json_each(?)) or digest in "
        "(select value from json_each(?))", [json.dumps(sorted(sought.own)), json.dumps(sorted(sought.digests))])}
    for site in sorted(sought.sites) if sought.words else ():
        found |= {f"warc/{file.name}" for file in (folder / "warc").glob(f"{slugify(site)}-*.warc.gz")}
        found |= {row[0] for row in db.execute(
            "select distinct warc_file from captures where run_id in (select r.id from runs r join sites s on "
            "s.id = r.site_id where s.name = ?)", [site])}
    return sorted(name for name in found if (folder / name).exists() and not is_written(folder / name))


def _completed(db: Database, folder: Path, sought: Sought) -> dict[str, dict[int, bytes]]:
    """The revisit records of other articles whose payload goes, each with the payload in it: one for each payload."""
    out: dict[str, dict[int, bytes]] = {}
    own = json.dumps(sorted(sought.own))
    for digest in sorted(sought.shared):
        rows = list(db.query(
            "select *, id in (select value from json_each(?)) as goes from captures where digest = ? and status = 200 "
            "order by record_type = 'response' desc, id", [own, digest]))
        if any(row["record_type"] == "response" and not row["goes"] for row in rows):
            continue
        heir = next((row for row in rows if not row["goes"] and urlkey(row["url"]) not in sought.keys), None)
        source = next((row for row in rows if row["record_type"] == "response"), None)
        if heir is None or source is None:
            continue
        with suppress(UnreadableInput, ValueError):
            payload = read_record(folder / source["warc_file"], source["warc_offset"], source["warc_length"]).payload
            data = as_response(folder / heir["warc_file"], heir["warc_offset"], payload)
            out.setdefault(heir["warc_file"], {})[heir["warc_offset"]] = data
    return out


def _changes(db: Database, folder: Path, name: str, sought: Sought) -> dict[int, bytes]:
    """The offsets of the records of a file that go."""
    rows = {offset: number for number, offset in db.execute(
        "select id, warc_offset from captures where warc_file = ?", [name])}
    gone: dict[int, bytes] = {}
    went: set[str] = set()
    stays: set[str] = set()
    for member, fields in records(folder / name):
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
    return db.execute(
        "select 1 from article_urls where urlkey = :key and article_id not in (select value from json_each(:ids)) "
        "union "
        "select 1 from revisions where capture_id = :row and article_id not in (select value from json_each(:ids)) "
        "union select 1 from articles where capture_id = :row and id not in (select value from json_each(:ids))",
        {"key": key, "row": row, "ids": ids}).fetchone() is not None


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
    moved = write_anew(old, new, changes)
    with writing(db):
        _move_rows(db, name, told, moved, changes, new.stat().st_size)
        db.execute("update warc_rewrites set done = 1 where old_file = ?", [name])
    settle(db, folder)


def _move_rows(db: Database, name: str, new: str, moved: list[Moved], changes: dict[int, bytes], size: int) -> None:
    rows = {offset: number for number, offset in db.execute(
        "select id, warc_offset from captures where warc_file = ?", [name])}
    gone = [rows[offset] for offset, data in changes.items() if not data and offset in rows]
    for number in gone:
        db.execute("update pages set capture_id = null, etag = null, last_modified = null where capture_id = ?",
                   [number])
        db.execute("update articles set capture_id = null where capture_id = ?", [number])
        db.execute("update revisions set capture_id = null where capture_id = ?", [number])
        db.execute("delete from usage_statements where capture_id = ?", [number])
        db.execute("delete from captures where id = ?", [number])
    for one in moved:
        if one.before in rows:
            db.execute("update captures set warc_offset = ?, warc_length = ?, record_type = case when ? "
                       "then 'response' else record_type end where id = ?",
                       [one.offset, one.length, one.before in changes, rows[one.before]])
    db.execute("update captures set warc_file = ? where warc_file = ?", [new, name])
    forget_lost(db, new, frozenset((one.offset, one.length) for one in moved))
    db.execute("update imports set warc_file = ?, warc_end = ? where warc_file = ?", [new, size, name])
