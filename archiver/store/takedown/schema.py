"""The tables of takedowns, and the triggers by which a removed address is never asked for, whoever writes the ledger.
"""

from __future__ import annotations

from sqlite_utils import Database

from archiver.store.tombstones import RULE

_REASON = """(select 'removed from this archive on ' || substr(m.removed_at, 1, 10) || ': ' || m.reason
        from removed_addresses r join removals m on m.id = r.removal_id where r.urlkey = new.urlkey)"""
_KEPT_OUT = f"""update pages set outcome = 'refused', rule = '{RULE}', reason = {_REASON}, lead = null, due_at = null,
        article_id = null, etag = null, last_modified = null, kind = 'post' where id = new.id;"""
_IS_REMOVED = "exists (select 1 from removed_addresses where urlkey = new.urlkey)"

TRIGGERS = {
    "pages_removed_ai": f"create trigger pages_removed_ai after insert on pages when {_IS_REMOVED} "
                        f"begin\n        {_KEPT_OUT}\n    end",
    "pages_removed_au": "create trigger pages_removed_au after update on pages when (new.rule is not "
                        f"'{RULE}' or new.outcome <> 'refused' or new.lead is not null or new.due_at is not null or "
                        f"new.article_id is not null) and {_IS_REMOVED} begin\n        {_KEPT_OUT}\n    end",
}


def create(db: Database) -> None:
    """Step m017. What is kept of a removed post is what it takes to know it again; of its text no more than digests."""
    db.table("removals").create(
        {"id": int, "article_id": int, "site": str, "url": str, "post_id": str, "guid": str, "content_digest": str,
         "reason": str, "requested_by": str, "removed_at": str, "erased_at": str, "allowed_at": str},
        pk="id", not_null={"site", "url", "reason", "removed_at"},
    )
    db.table("removals").create_index(["article_id"])
    db.table("removals").create_index(["site"])
    # What rests on a capture, before it is deleted: without these all articles would be read, also by SQLite itself.
    for table in ("articles", "revisions", "pages"):
        db.execute(f"create index idx_{table}_capture_id on {table} (capture_id) where capture_id is not null")
    db.table("removed_addresses").create(
        {"urlkey": str, "url": str, "removal_id": int}, pk="urlkey", not_null={"url", "removal_id"},
        foreign_keys=[("removal_id", "removals", "id")],
    )
    db.table("removed_addresses").create_index(["removal_id"])
    db.table("removed_payloads").create(
        {"digest": str, "removal_id": int}, pk="digest", not_null={"removal_id"},
        foreign_keys=[("removal_id", "removals", "id")],
    )
    db.table("removed_payloads").create_index(["removal_id"])
    # A WARC file that is written anew without some records: `done` once the rows point to the new one, whose name is
    # another, so that a kill leaves one of the two to be deleted.
    db.table("warc_rewrites").create(
        {"old_file": str, "new_file": str, "done": int}, pk="old_file", not_null={"new_file", "done"},
        defaults={"done": 0},
    )
    for sql in TRIGGERS.values():
        db.execute(sql)
