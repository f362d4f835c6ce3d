"""What led to a page by redirects, as the ledger remembers it."""

from __future__ import annotations

from sqlite_utils import Database

from archiver.urls import urlkey


def came_from(db: Database, page_id: int, most: int) -> tuple[str, ...]:
    """The urlkeys of the addresses that redirected to this page, the nearest first; at most `most`."""
    found: list[str] = []
    own: int | None = page_id
    while own is not None and len(found) < most:
        row = db.execute("select found_on from page_sources where page_id = ? and source in ('redirect', 'seed') "
                         "and found_on <> '' order by source", [own]).fetchone()
        key = urlkey(row[0]) if row else ""
        if not key or key in found:
            break
        found.append(key)
        before = db.execute("select id from pages where urlkey = ?", [key]).fetchone()
        own = before[0] if before else None
    return tuple(found)
