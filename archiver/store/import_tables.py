"""The tables of what imports bring, as migration 14 makes them. A released step is never edited."""

from __future__ import annotations

from sqlite_utils import Database


def make_import_tables(db: Database) -> None:
    """Of an archive that has none; expects to run inside the caller's transaction."""
    # One row a file of records that was read in. `member` and `inner` are the place from which a broken import goes on,
    # `warc_file` and `warc_end` where the records that belong to it end.
    db.table("imports").create(
        {"id": int, "name": str, "digest": str, "size": int, "options": str, "member": int, "inner": int,
         "counts": str, "problems": str, "started_at": str, "finished_at": str, "outcome": str, "warc_file": str,
         "warc_end": int},
        pk="id", not_null={"name", "digest", "size", "options", "member", "inner", "started_at"},
        defaults={"member": 0, "inner": 0, "counts": "{}", "problems": "[]"},
    )
    db.table("imports").create_index(["digest"])
    # Which import a capture came by, and which article it shows: the proof of when a version was seen. `aside`: it
    # shows a stub of it, or the same text at another address, and proves no version.
    db.table("captures").add_column("import_id", int)
    db.table("captures").add_column("article_id", int)
    db.table("captures").add_column("aside", int)
    db.execute("create index idx_captures_article_id on captures (article_id) where article_id is not null")
    # Pages that were read and are no posts, by a digest of their address and payload: none is read twice.
    db.table("past_pages").create({"key": int, "kind": str}, pk="key")
    # What addresses answered in the past in place of a page; it counts for posts that come to light later, too.
    db.table("past_answers").create(
        {"urlkey": str, "kind": str, "target": str, "at": str, "url": str, "import_id": int},
        pk=("urlkey", "kind", "target", "at"), not_null={"url"},
    )
    db.table("past_answers").create_index(["target"])
    # Revisit records whose original has not come to light yet.
    db.table("past_revisits").create(
        {"id": int, "url": str, "at": str, "digest": str, "refers_url": str, "refers_at": str, "not_modified": int,
         "import_id": int, "place": str},
        pk="id", not_null={"url", "at", "digest"},
    )
    db.table("past_revisits").create_index(["url", "at", "digest"], unique=True)
    db.table("sites").create_index(["host"])
