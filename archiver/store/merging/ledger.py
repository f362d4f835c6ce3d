"""What another archive knows of addresses: the newer knowledge of a page wins, who told of it is joined.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

from typing import Any

from sqlite_utils import Database

from archiver.store.ledger import last_rowid
from archiver.store.merging.captures import Captures
from archiver.store.tellers import place

Row = dict[str, Any]
_VISIT = ("url", "kind", "outcome", "reason", "rule", "status", "etag", "last_modified", "redirect_urlkey",
          "fetched_at", "changed_at", "due_at", "attempts", "source_hints")


def merge_page(db: Database, theirs: Database, row: Row, site_id: int, article_id: int | None,
               captures: Captures) -> None:
    """Enter a page there (its row). What was fetched later is what is known of it; of two that were never fetched the
    one that is not due by itself (a rule set it aside) stays so only where both are."""
    own = next(iter(db.query("select * from pages where urlkey = ?", [row["urlkey"]])), None)
    if own is None:
        db.table("pages").insert({**{k: v for k, v in row.items() if k != "id"}, "site_id": site_id,
                                  "article_id": article_id, "capture_id": captures.of(row["capture_id"])})
        page_id = last_rowid(db)
    else:
        page_id = own["id"]
        news = {k: v for k, v in _joined(own, row, article_id, captures).items() if own[k] != v}
        if news:
            db.execute(f"update pages set {', '.join(f'{name} = :{name}' for name in news)} where id = :id",
                       {**news, "id": page_id})
    _merge_sources(db, theirs, row["id"], page_id)


def _joined(own: Row, row: Row, article_id: int | None, captures: Captures) -> Row:
    values: Row = {
        "found_at": min(own["found_at"], row["found_at"]), "priority": min(own["priority"], row["priority"]),
        "lastmod": max(filter(None, (own["lastmod"], row["lastmod"])), default=None),
        "source_hints": own["source_hints"] or row["source_hints"]}
    newer = (row["fetched_at"] or "") > (own["fetched_at"] or "") or (
        not row["fetched_at"] and not own["fetched_at"] and own["due_at"] is None and row["due_at"] is not None)
    if newer:
        capture = captures.of(row["capture_id"])
        values |= {name: row[name] for name in _VISIT} | {
            "source_hints": row["source_hints"] or own["source_hints"], "capture_id": capture or own["capture_id"],
            "article_id": article_id or own["article_id"]}
        if capture is None and own["capture_id"] != capture:
            values |= {"etag": None, "last_modified": None}  # what they are of is not here
    elif article_id and not own["article_id"]:
        values["article_id"] = article_id
    return values


def _merge_sources(db: Database, theirs: Database, their_id: int, page_id: int) -> None:
    for row in theirs.query("select * from page_sources where page_id = ?", [their_id]):
        found_on, found_on_page_id = place(db, row["found_on"] or "")
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
            {**row, "page": page_id, "found_on": found_on, "found_on_page_id": found_on_page_id})
