"""Takedowns of another archive: what was removed there is removed here, what was removed here does not come from there.

All functions that write expect to run inside the caller's transaction.
"""

from __future__ import annotations

import json
from typing import Any

from sqlite_utils import Database

from archiver.store.ledger import EPOCH, last_rowid
from archiver.store.takedown.plan import addresses_of
from archiver.store.takedown.purge import ban
from archiver.store.tombstones import allow, removals
from archiver.urls import urlkey

Row = dict[str, Any]


def merge_removals(db: Database, theirs: Database) -> int:
    """Enter the removals there; those of which something is here wait to be finished. Returns how many are new.

    One that was taken back there, after it had come here, is taken back here.
    """
    new = 0
    for row in theirs.query("select * from tombstones order by id"):
        same = removals(db, "site = ? and url = ? and removed_at = ?", [row["site"], row["url"], row["removed_at"]])
        if same:
            if row["allowed_at"] and not same[0].allowed_at:
                allow(db, same[0], row["allowed_at"], EPOCH)
            continue
        if not row["allowed_at"]:
            _enter(db, theirs, row)
            new += 1
    return new


def _enter(db: Database, theirs: Database, row: Row) -> None:
    urls = [url for (url,) in theirs.execute("select url from tombstone_urls where tombstone_id = ?", [row["id"]])]
    payloads = [one for (one,) in theirs.execute("select digest from tombstone_payloads where tombstone_id = ?",
                                                 [row["id"]])]
    own = _article(db, row, urls)
    if own is not None:
        urls = list(dict.fromkeys([*urls, *addresses_of(db, own)]))
    here = own is not None or any(db.execute(
        "select 1 from captures where url in (?, ?) union all "
        "select 1 from pages where urlkey = ? and source_hints is not null",
        [f"http://{tail}", f"https://{tail}", urlkey(url)]).fetchone()
        for url in urls for tail in [url.partition("://")[2]])
    db.table("tombstones").insert({**{k: v for k, v in row.items() if k != "id"},
                                 "article_id": own["id"] if own else None,
                                 "erased_at": None if here else row["erased_at"] or row["removed_at"]})
    ban(db, last_rowid(db), urls, payloads)


def _article(db: Database, row: Row, urls: list[str]) -> Row | None:
    """The article here that was removed there."""
    for where, values in (
            ("id in (select article_id from article_urls where urlkey in (select value from json_each(?)))",
             [json.dumps([urlkey(url) for url in urls])]),
            ("site = ? and (post_id = ? or guid = ? or content_digest = ?)",
             [row["site"], row["post_id"], row["guid"], row["content_digest"]])):
        found = next(iter(db.query(f"select * from articles where {where} order by id limit 1", values)), None)
        if found is not None:
            return found
    return None


def mark(db: Database, numbers: set[int]) -> None:
    """Of these removals something came with a WARC file."""
    db.conn.executemany("update tombstones set erased_at = null where id = ?", [(number,) for number in numbers])
