"""What pages need to be shown, of another archive: the later visit counts, who needs it is joined.

All functions but `make_numbers` expect to run inside the caller's transaction, on one connection.
"""

from __future__ import annotations

from typing import Any

from sqlite_utils import Database

from archiver.store.merging.captures import Captures

Row = dict[str, Any]
_VISIT = ("outcome", "rule", "reason", "status", "media_type", "bytes", "width", "height", "capture_id", "etag",
          "last_modified", "fetched_at", "due_at", "attempts")


def make_numbers(db: Database) -> None:
    """An empty table, as long as the connection lasts, of which requisite here one there is."""
    db.execute("create temp table if not exists merged_requisites (theirs integer primary key, ours integer)")
    db.execute("delete from merged_requisites")


def merge_requisite(db: Database, row: Row, site_id: int, captures: Captures) -> None:
    """Enter one (its row there), or what is known of it there where that is newer."""
    values = {k: v for k, v in row.items() if k != "id"} | {
        "site_id": site_id, "capture_id": captures.of(row["capture_id"])}
    own = next(iter(db.query("select * from requisites where site_id = ? and url = ?", [site_id, row["url"]])), None)
    if own is None:
        db.execute(f"insert into requisites ({', '.join(values)}) values ({', '.join(f':{n}' for n in values)})",
                   values)
        number = int(db.execute("select last_insert_rowid()").fetchone()[0])
    else:
        number = own["id"]
        newer = (row["fetched_at"] or "") > (own["fetched_at"] or "")
        news = {name: min(own[name], row[name]) for name in ("wanted", "depth", "hops", "found_at")} | (
            {name: values[name] for name in _VISIT} if newer else {})
        db.execute(f"update requisites set {', '.join(f'{name} = :{name}' for name in news)} where id = :id",
                   {**news, "id": number})
    db.execute("insert into merged_requisites values (?, ?)", [row["id"], number])


def link_requisites(db: Database, theirs: Database) -> None:
    """Which articles need what, and what a stylesheet or a redirect leads to."""
    for article, requisite, role in theirs.execute("select article_id, requisite_id, role from article_requisites"):
        db.execute("insert or ignore into article_requisites (article_id, requisite_id, role) select a.ours, r.ours, ? "
                   "from merged_articles a, merged_requisites r where a.theirs = ? and r.theirs = ? "
                   "and a.ours is not null", [role, article, requisite])
    for parent, requisite in theirs.execute("select parent_id, requisite_id from requisite_parts"):
        db.execute("insert or ignore into requisite_parts (parent_id, requisite_id) select p.ours, r.ours from "
                   "merged_requisites p, merged_requisites r where p.theirs = ? and r.theirs = ?", [parent, requisite])
