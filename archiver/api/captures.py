"""Captures, their usage statements and requisites, and the tombstones that keep removed posts out. For the web pages,
imports and datasets.
"""

from __future__ import annotations

from archiver.storage.captures import (
    HistoricalRedirect,
    RemovedURLs,
    find_payload_row,
    is_payload_removed,
    keep_url_out,
    link_capture_to_article,
    redirects_to,
    store_usage_statements,
    tombstone_at,
    tombstone_of,
    tombstones,
    usage_statements_of,
)
from archiver.storage.requisites import NEEDED_CAPTURES_QUERY, captured_lead_image

__all__ = [
    "NEEDED_CAPTURES_QUERY",
    "HistoricalRedirect",
    "RemovedURLs",
    "captured_lead_image",
    "find_payload_row",
    "is_payload_removed",
    "keep_url_out",
    "link_capture_to_article",
    "redirects_to",
    "store_usage_statements",
    "tombstone_at",
    "tombstone_of",
    "tombstones",
    "usage_statements_of",
]
