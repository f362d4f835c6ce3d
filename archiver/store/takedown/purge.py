"""Taking the rows of a post out of the database, and leaving the tombstone.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from sqlite_utils import Database

from archiver.fields import LINKS
from archiver.store import clusters
from archiver.store.duplicates import settle_duplicates
from archiver.store.ledger import last_rowid
from archiver.store.record_ids import identifier
from archiver.store.takedown.plan import addresses_of, own_captures, own_requisites, payloads_of
from archiver.store.tombstones import Removal, removals
from archiver.urls import urlkey


def begin(db: Database, article_id: int, reason: str, requested_by: str, at: str) -> Removal:
    """Keep a post out from now on. Its text goes with `purge`, when its records are gone."""
    row = next(iter(db.query("select * from articles where id = ?", [article_id])))
    urls = addresses_of(db, row)
    payloads = payloads_of(db, own_captures(db, article_id, urls))
    db.table("tombstones").insert({
        "article_id": article_id, "site": row["site"], "url": row["url"], "post_id": row["post_id"],
        "guid": row["guid"], "content_digest": row["content_digest"], "reason": reason,
        "requested_by": requested_by or None, "removed_at": at, "record_id": identifier(db, article_id)})
    number = last_rowid(db)
    ban(db, number, urls, payloads)
    return removals(db, "id = ?", [number])[0]


def ban(db: Database, tombstone_id: int, urls: Iterable[str], payloads: Iterable[str]) -> None:
    """Enter what is kept out; pages that are in the ledger already are touched, so that they know."""
    for url in urls:
        db.execute("insert into tombstone_urls (urlkey, url, tombstone_id) values (?, ?, ?) on conflict do nothing",
                   [urlkey(url), url, tombstone_id])
        db.execute("update pages set source_hints = null where urlkey = ?", [urlkey(url)])
    for digest in payloads:
        db.execute("insert into tombstone_payloads (digest, tombstone_id) values (?, ?) on conflict do nothing",
                   [digest, tombstone_id])


def purge(db: Database, removal: Removal) -> None:
    """Take out the article of a removal, if it is there, with all that was made of it."""
    article_id = removal.article_id
    row = next(iter(db.query("select * from articles where id = ?", [article_id])), None)
    keys = json.dumps([key for (key,) in db.execute("select urlkey from tombstone_urls where tombstone_id = ?",
                                                    [removal.id])])
    among = "in (select value from json_each(?))"
    db.execute(f"delete from article_parts where urlkey {among} or post_urlkey {among}", [keys, keys])
    db.execute(f"delete from historical_responses where urlkey {among}", [keys])
    db.execute("delete from unresolved_revisits where url in (select url from tombstone_urls where tombstone_id = ?)",
               [removal.id])
    db.execute(f"update pages set redirect_urlkey = null where urlkey {among}", [keys])
    if row is None or article_id is None:
        return
    db.conn.executemany("delete from requisites where id = ?",
                        [(number,) for number, _ in own_requisites(db, article_id)])
    clusters.leave(db, [article_id])
    for link in LINKS:
        names = json.dumps([number for (number,) in db.execute(
            f"select {link.key} from {link.table_of_links} where article_id = ?", [article_id])])
        db.execute(f"delete from {link.table_of_links} where article_id = ?", [article_id])
        db.execute(f"delete from {link.table} where id {among} and not exists (select 1 from {link.table_of_links} l "
                   f"where l.{link.key} = {link.table}.id)", [names])
    for table in ("geotags", "article_urls", "revisions"):
        db.execute(f"delete from {table} where article_id = ?", [article_id])
    db.execute("update captures set article_id = null, secondary = null where article_id = ?", [article_id])
    db.execute("update pages set article_id = null where article_id = ?", [article_id])
    db.execute("update articles set duplicate_of = null where duplicate_of = ?", [article_id])
    db.execute("delete from articles where id = ?", [article_id])
    settle_duplicates(db, row["content_digest"])
