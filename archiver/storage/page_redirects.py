"""Redirects in the pages table: chains, loops, and the addresses that redirect to a page.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

import json
from datetime import datetime

from archiver.articles.decision import LOOP, LOOP_RULE
from archiver.items import DiscoverySource
from archiver.storage import Database
from archiver.storage import pages_and_source_hints as pages
from archiver.storage.pages_and_source_hints import EPOCH, stamp
from archiver.urls import urlkey


def redirect_chain(db: Database, key: str) -> list[str]:
    """Returns the urlkeys to which the redirects from the urlkey `key` lead, in order, up to the first repetition."""
    seen: dict[str, None] = {}
    while (target := pages.redirect_target(db, key)) and target not in seen:
        key = target
        seen[key] = None
    return list(seen)


def closes_redirect_loop(db: Database, key: str, target: str, crawl_started: datetime) -> bool:
    """Returns True if a redirect from the urlkey `key` to `target` closes a loop with redirects in the pages table that
    were found since the crawl began.

    If some were found earlier, these pages are made due and False is returned: a site whose posts are back at their old
    addresses redirects from the new ones, which the archive knows only as the targets of redirects from the old ones.
    """
    if key == target or key not in (chain := redirect_chain(db, target)):
        return False
    stale = db.execute(
        "update pages set due_at = ?, reason = ? where urlkey in (select value from json_each(?)) and urlkey <> ? "
        "and fetched_at < ?",
        [
            EPOCH,
            "a page to which it redirected redirects to it now",
            json.dumps([target, *chain]),
            key,
            stamp(crawl_started),
        ],
    )
    return not stale.rowcount


def fail_redirect_loop(db: Database, key: str) -> int:
    """Marks the other pages of the redirect loop that contains `key` as failed; returns how many were not failed
    before.
    """
    others = [other for other in redirect_chain(db, key) if other != key]
    return sum(
        db.execute(
            "update pages set outcome = 'failed', rule = ?, reason = ?, attempts = attempts + 1 "
            "where urlkey = ? and outcome <> 'failed'",
            [LOOP_RULE, LOOP, other],
        ).rowcount
        for other in others
    )


REDIRECTING = (DiscoverySource.REDIRECT, DiscoverySource.SEED)
"""Sources that report the target of a redirect."""


def redirected_from(db: Database, page_id: int, most: int) -> tuple[str, ...]:
    """Returns the urlkeys whose redirects led to this page, the nearest first; at most `most`."""
    found: list[str] = []
    current: int | None = page_id
    while current is not None and len(found) < most:
        row = db.execute(
            "select found_on from page_sources where page_id = ? and source in ('redirect', 'seed') "
            "and found_on <> '' order by source",
            [current],
        ).fetchone()
        key = urlkey(row[0]) if row else ""
        if not key or key in found:
            break
        found.append(key)
        before = db.execute("select id from pages where urlkey = ?", [key]).fetchone()
        current = before[0] if before else None
    return tuple(found)
