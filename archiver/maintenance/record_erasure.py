"""Removes the WARC records of posts, and records that quote their texts.

WARC records are removed by rewriting their file without them, under a new name. One transaction then changes all rows
of `captures` from the old file to the new one. If the process is killed, each row still points to its record, and at
most one surplus file is left, which `delete_unfinished_rewrites` deletes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slugify import slugify

from archiver.maintenance.quote_detector import QuoteDetector
from archiver.maintenance.takedown_scope import find_own_captures, find_payloads, find_urls_of_post, read_texts
from archiver.maintenance.verify_captures import is_being_written
from archiver.model.errors import UnreadableInput
from archiver.model.urls import urlkey, urlkey_or_empty
from archiver.storage import Database
from archiver.storage.capture_recovery import forget_lost
from archiver.storage.captures import Tombstone
from archiver.storage.transactions import writing
from archiver.warc.warc_file_maintenance import (
    MovedRecord,
    delete_warc,
    find_free_name,
    read_records_with_fields,
    revisit_as_response,
    rewrite_warc,
)
from archiver.warc.warc_records import StoredResponse, read_record

Changes = dict[str, dict[int, bytes]]
"""By WARC file and offset, the new content of a record; b"" for a record that is removed."""
Progress = Callable[[str, int, int], None]
"""A function that is called with the name of the file being read, its index, and the number of files."""


@dataclass
class ErasureScope:
    """The scope of a takedown: what it erases from the WARC files.

    - `ids`: the IDs of the removed articles.
    - `keys`: the urlkeys of their URLs.
    - `digests`: the digests of their payloads.
    - `own`: the IDs of the articles' captures.
    - `sites`: the names of the articles' sites.
    - `words`: detects quotes of the articles' texts.
    - `sources`: the URLs of plain texts that consist of the articles, such as their sources in Markdown. They are
      collected while the records are searched.
    """

    ids: set[int]
    keys: set[str]
    digests: set[str] = field(default_factory=set)
    own: set[int] = field(default_factory=set)
    sites: set[str] = field(default_factory=set)
    words: QuoteDetector = field(default_factory=lambda: QuoteDetector(()))
    sources: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class PageLosingCaptures:
    """A page that is not removed and loses captures, because they quote a removed post or repeat one that does.
    `captures` is how many it loses, and `left` how many it keeps.
    """

    url: str
    captures: int
    left: int


@dataclass(frozen=True, slots=True)
class Erasure:
    """What a takedown erases from the WARC files: the number of records, and the other pages that lose captures."""

    records: int = 0
    pages: tuple[PageLosingCaptures, ...] = ()


def erase_records(
    db: Database, folder: Path, removals: Iterable[Tombstone], progress: Progress, texts: Iterable[tuple[str, str]] = ()
) -> Erasure:
    """Removes the WARC records of posts with these tombstones from the archive's files; returns what was removed.
    `texts` holds further titles and texts of these posts, which are not in the archive's database.

    A record is removed if it has a URL or a payload of one of the posts. Feeds, API responses and listings of a post's
    site are also removed if they quote eight consecutive words of the post. A record on which another article depends
    is kept. If revisit records of other pages repeat a removed payload, one of them is first turned into a response
    with this payload; if the payload quotes a post, they are removed too, unless another article depends on them. A
    plain text that consists of a post, such as its source in Markdown, is kept out of the archive from then on. Uses
    its own transactions. Raises OSError.
    """
    removals = list(removals)
    scope = _erasure_scope(db, removals, texts)
    first, changes = _plan_changes(db, folder, scope, progress)
    erasure = _summarize(db, [first, changes], scope)
    for name, of_file in first.items():
        new, places = _rewrite(db, folder, name, of_file)
        if name in changes:
            changes[new] = {places[offset]: data for offset, data in changes.pop(name).items()}
    for name, of_file in changes.items():
        _rewrite(db, folder, name, of_file)
    if scope.sources and removals:
        with writing(db):
            enter_tombstone(db, removals[0].id, sorted(scope.sources), ())
    return erasure


def preview_erasure(db: Database, folder: Path, article_ids: Collection[int]) -> Erasure:
    """Returns what the takedown of these articles would remove from the WARC files (see `erase_records`)."""
    scope, texts = ErasureScope(set(), set()), []
    for number in article_ids:
        row = next(iter(db.query("select * from articles where id = ?", [number])))
        urls = find_urls_of_post(db, row)
        own = find_own_captures(db, number, urls)
        scope.sites.add(row["site"])
        scope.ids.add(number)
        scope.own |= own
        scope.keys |= {urlkey(url) for url in urls}
        scope.digests |= find_payloads(db, own)
        texts += list(read_texts(db, number))
    scope.words = QuoteDetector(texts)
    return _summarize(db, _plan_changes(db, folder, scope), scope)


def _summarize(db: Database, plan: Iterable[Changes], scope: ErasureScope) -> Erasure:
    records, lost = 0, Counter[str]()
    for changes in plan:
        for name, of_file in changes.items():
            removed = [offset for offset, data in of_file.items() if not data]
            records += len(removed)
            lost.update(
                url
                for number, url in db.execute(
                    "select id, url from captures where warc_file = ? and warc_offset in "
                    "(select value from json_each(?))",
                    [name, json.dumps(removed)],
                )
                if number not in scope.own and urlkey_or_empty(url) not in scope.keys
            )
    pages = (
        PageLosingCaptures(
            url, count, db.execute("select count(*) from captures where url = ?", [url]).fetchone()[0] - count
        )
        for url, count in sorted(lost.items())
    )
    return Erasure(records, tuple(pages))


def delete_unfinished_rewrites(db: Database, folder: Path) -> None:
    """Deletes the surplus files that are left if the process was killed while it rewrote WARC files. If the database
    already points to the new file, this is the old file, otherwise the new one.
    """
    for old, new, done in db.execute("select old_file, new_file, done from warc_rewrites").fetchall():
        delete_warc(folder / (old if done else new))
        with writing(db):
            db.execute("delete from warc_rewrites where old_file = ?", [old])


def _erasure_scope(db: Database, removals: Iterable[Tombstone], more: Iterable[tuple[str, str]]) -> ErasureScope:
    out, texts = ErasureScope(set(), set()), list(more)
    for one in removals:
        out.sites.add(one.site)
        rows = db.execute("select urlkey, url from tombstone_urls where tombstone_id = ?", [one.id]).fetchall()
        own = find_own_captures(db, one.article_id, [url for _, url in rows])
        out.own |= own
        out.keys |= {key for key, _ in rows}
        out.digests |= {
            row[0] for row in db.execute("select digest from tombstone_payloads where tombstone_id = ?", [one.id])
        }
        if one.article_id is not None:
            out.ids.add(one.article_id)
            texts += list(read_texts(db, one.article_id))
    out.words = QuoteDetector(texts)
    return out


def _files_to_search(db: Database, folder: Path, scope: ErasureScope) -> list[str]:
    """Returns the names of the WARC files that may contain the posts: the files of their captures and, if their texts
    are known, all files of their sites.
    """
    found = {
        row[0]
        for row in db.execute(
            "select distinct warc_file from captures where id in (select value from json_each(?)) or digest in "
            "(select value from json_each(?))",
            [json.dumps(sorted(scope.own)), json.dumps(sorted(scope.digests))],
        )
    }
    for site in sorted(scope.sites) if scope.words else ():
        found |= {f"warc/{file.name}" for file in (folder / "warc").glob(f"{slugify(site)}-*.warc.gz")}
        found |= {
            row[0]
            for row in db.execute(
                "select distinct warc_file from captures where run_id in (select r.id from runs r join sites s on "
                "s.id = r.site_id where s.name = ?)",
                [site],
            )
        }
    return sorted(name for name in found if (folder / name).exists() and not is_being_written(folder / name))


def _plan_changes(
    db: Database, folder: Path, scope: ErasureScope, progress: Progress = lambda what, number, of: None
) -> tuple[Changes, Changes]:
    """Returns what changes in the WARC files. The first changes must be made before the second: they concern revisit
    records in other files than those of their originals, which are found only as long as the originals are there.
    """
    changes: Changes = {}
    files = _files_to_search(db, folder, scope)
    for number, name in enumerate(files):
        progress(name, number, len(files))
        if found := _find_removals(db, folder, name, scope):
            changes[name] = found
    first: Changes = {}
    removed = {(name, offset) for name, of_file in changes.items() for offset in of_file}
    for digest in _removed_payloads(db, changes):
        rows = list(
            db.query(
                "select * from captures where digest = ? order by record_type = 'response' desc, status = 304, id",
                [digest],
            )
        )
        rest = [row for row in rows if (row["warc_file"], row["warc_offset"]) not in removed]
        if not rest or rest[0]["record_type"] == "response":
            continue
        response = _read_or_none(folder, rows[0])
        is_quote = (
            response is None
            or digest in scope.digests
            or scope.words.is_quoted_in(response.body, response.content_type)
        )
        kept = [
            row
            for row in rest
            if not is_quote or _belongs_to_kept_article(db, urlkey_or_empty(row["url"]), row["id"], scope)
        ]
        if response is None or not kept or kept[0]["status"] == 304:
            kept = []  # a 304 response has no header fields that describe the payload
        originals = {row["warc_file"] for row in rows if row not in rest}
        for row in rest:
            name, offset = row["warc_file"], row["warc_offset"]
            if row in kept[1:] or not (folder / name).exists():
                continue
            data = revisit_as_response(folder / name, offset, response.payload) if row in kept and response else b""
            (changes if originals == {name} else first).setdefault(name, {})[offset] = data
    for name, of_file in (*changes.items(), *first.items()):
        _add_companions(folder / name, of_file)
    return first, changes


def _removed_payloads(db: Database, changes: Changes) -> set[str]:
    return {
        digest
        for name, of_file in changes.items()
        for (digest,) in db.execute(
            "select distinct digest from captures where warc_file = ? and record_type = 'response' and warc_offset in "
            "(select value from json_each(?))",
            [name, json.dumps(list(of_file))],
        )
    }


def _read_or_none(folder: Path, row: dict[str, Any]) -> StoredResponse | None:
    with suppress(UnreadableInput):
        return read_record(folder / row["warc_file"], row["warc_offset"], row["warc_length"])
    return None


def _find_removals(db: Database, folder: Path, name: str, scope: ErasureScope) -> dict[int, bytes]:
    """Returns the offsets of the records that must be removed from a WARC file, each mapped to b"", as `rewrite_warc`
    expects.
    """
    rows = {
        offset: number
        for number, offset in db.execute("select id, warc_offset from captures where warc_file = ?", [name])
    }
    removed: dict[int, bytes] = {}
    removed_ids: set[str] = set()
    kept_ids: set[str] = set()
    for member, fields in read_records_with_fields(folder / name):
        kind, url = fields.get("warc-type", ""), fields.get("warc-target-uri", "")
        record_id, concurrent_to = fields.get("warc-record-id", ""), fields.get("warc-concurrent-to", "")
        if kind in ("response", "revisit", "resource"):
            remove = _is_removed(db, folder / name, member, fields, rows.get(member.offset), scope)
            (removed_ids if remove else kept_ids).add(record_id)
        else:
            remove = kind != "warcinfo" and (
                concurrent_to in removed_ids or (concurrent_to not in kept_ids and urlkey_or_empty(url) in scope.keys)
            )
        if remove:
            removed[member.offset] = b""
    return removed


def _add_companions(file: Path, changes: dict[int, bytes]) -> None:
    """Adds the requests and metadata of removed captures to the records that are removed from a file."""
    removed_ids = set()
    for member, fields in read_records_with_fields(file):
        if changes.get(member.offset) == b"":
            removed_ids.add(fields.get("warc-record-id", ""))
        elif fields.get("warc-concurrent-to", "") in removed_ids:
            changes[member.offset] = b""


def _is_removed(
    db: Database, file: Path, member: Any, fields: dict[str, str], row: int | None, scope: ErasureScope
) -> bool:
    if row in scope.own:
        return True
    key = urlkey_or_empty(fields.get("warc-target-uri", ""))
    if _belongs_to_kept_article(db, key, row, scope):
        return False
    if key in scope.keys or fields.get("warc-payload-digest", "") in scope.digests:
        return True
    if fields.get("warc-type") == "revisit" or not scope.words:
        return False
    try:
        response = read_record(file, member.offset, member.length)
    except UnreadableInput:
        return False
    is_quoted = scope.words.is_quoted_in(response.body, response.content_type)
    if (
        is_quoted
        and _is_plain_text(response.body, response.content_type)
        and scope.words.is_mostly(response.body, response.content_type)
    ):
        scope.sources.add(response.url)
    return is_quoted


def _is_plain_text(body: bytes, content_type: str) -> bool:
    """Returns True if a response is plain text, such as text/plain or text/markdown, and not a feed or JSON, which some
    servers send as text/plain. A crawl can do without plain text, since it has no links to pages.
    """
    kind, _, subtype = content_type.partition(";")[0].strip().lower().partition("/")
    return kind == "text" and subtype not in ("html", "xml") and not body.lstrip().startswith((b"<", b"{", b"["))


def _belongs_to_kept_article(db: Database, key: str, row: int | None, scope: ErasureScope) -> bool:
    """Returns True if a record belongs to an article that is not removed: it is a capture of the article, or its URL is
    one of the article's URLs. `key` is the urlkey of the record, and `row` is the ID of its capture, None if the record
    has none.
    """
    ids = json.dumps(sorted(scope.ids))
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


def _rewrite(db: Database, folder: Path, name: str, changes: dict[int, bytes]) -> tuple[str, dict[int, int]]:
    """Rewrites a WARC file. Returns its new name, and the new offset of each record by its old one."""
    old = folder / name
    new = find_free_name(old)
    new_name = f"warc/{new.name}"
    with writing(db):
        db.execute("insert into warc_rewrites (old_file, new_file) values (?, ?)", [name, new_name])
    moved = rewrite_warc(old, new, changes)
    with writing(db):
        _move_rows(db, name, new_name, moved, changes, new.stat().st_size)
        db.execute("update warc_rewrites set done = 1 where old_file = ?", [name])
    delete_unfinished_rewrites(db, folder)
    return new_name, {one.before: one.offset for one in moved}


def _move_rows(
    db: Database, name: str, new: str, moved: list[MovedRecord], changes: dict[int, bytes], size: int
) -> None:
    rows = {
        offset: number
        for number, offset in db.execute("select id, warc_offset from captures where warc_file = ?", [name])
    }
    removed = [rows[offset] for offset, data in changes.items() if not data and offset in rows]
    for number in removed:
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
    db.execute("update sites set warc_file = ? where warc_file = ?", [new, name])
    forget_lost(db, new, frozenset((one.offset, one.length) for one in moved))
    db.execute("update imports set warc_file = ?, warc_end = ? where warc_file = ?", [new, size, name])


def enter_tombstone(db: Database, tombstone_id: int, urls: Iterable[str], payloads: Iterable[str]) -> None:
    """Stores the URLs and payload digests of a removed post with its tombstone, so that they are kept out of the
    archive, and deletes the source hints of those URLs.
    """
    for url in urls:
        db.execute(
            "insert into tombstone_urls (urlkey, url, tombstone_id) values (?, ?, ?) on conflict do nothing",
            [urlkey(url), url, tombstone_id],
        )
        db.execute("delete from source_hints where page_id in (select id from pages where urlkey = ?)", [urlkey(url)])
    for digest in payloads:
        db.execute(
            "insert into tombstone_payloads (digest, tombstone_id) values (?, ?) on conflict do nothing",
            [digest, tombstone_id],
        )


def remove_orphans(db: Database, folder: Path) -> int:
    """Removes the revisit records whose original is not in the archive, as takedowns of version 0.3.0 left them.
    Returns how many WARC records were removed; 0 for an archive without takedowns. No other program may write to the
    archive meanwhile. Raises OSError.
    """
    changes: Changes = {}
    for name, offset in db.execute(
        "select warc_file, warc_offset from captures r where record_type = 'revisit' and exists (select 1 from "
        "tombstones) and not exists (select 1 from captures o where o.digest = r.digest and o.record_type = 'response')"
    ).fetchall():
        if (folder / name).exists():
            changes.setdefault(name, {})[offset] = b""
    for name, of_file in changes.items():
        _add_companions(folder / name, of_file)
        _rewrite(db, folder, name, of_file)
    return sum(map(len, changes.values()))
