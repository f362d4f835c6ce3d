"""Reads the pages of stored captures: the response in its WARC record, and the page parsed from it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from archiver.articles.post_verdicts import SiteVerdicts
from archiver.extraction.page import Page, parse_page
from archiver.extraction.page_classifier import page_form
from archiver.extraction.site_rules import SiteRules
from archiver.model.errors import UnreadableInput
from archiver.model.items import PageKind, SourceHint
from archiver.model.urls import urlkey
from archiver.storage import Database
from archiver.storage.captures import find_payload_row
from archiver.storage.pages import hint_of_capture, late_hint, latest_hint, moment
from archiver.storage.stored_rules import rules_valid_at
from archiver.warc.warc_records import StoredResponse, compute_payload_digest, read_record


def read_response(db: Database, folder: Path, capture_id: int | None) -> tuple[StoredResponse, dict[str, Any]] | None:
    """Reads the response of the capture `capture_id`, and returns the response with its row of `captures`. For a
    revisit record, reads the response to which it refers (WARC/1.1, section 6.7). Returns None if there is no such
    capture (`capture_id` may be None), or if it cannot be read. `folder` is the archive's folder.
    """
    row = find_payload_row(db, capture_id)
    if row is None:
        return None
    try:
        return read_record(folder / row["warc_file"], row["warc_offset"], row["warc_length"]), row
    except UnreadableInput:
        return None


def read_verified_response(db: Database, folder: Path, capture_id: int) -> tuple[StoredResponse, dict[str, Any]]:
    """Reads the response of a capture like `read_response`, and checks its payload against the stored digest. Raises
    UnreadableInput if the response is missing, cannot be read or does not match.
    """
    row = find_payload_row(db, capture_id)
    if row is None:
        raise UnreadableInput(f"Capture {capture_id}", "the response that it refers to is not in the archive")
    response = read_record(folder / row["warc_file"], row["warc_offset"], row["warc_length"])
    digest = row["digest"] or ""
    if digest.startswith("sha1:") and compute_payload_digest(response.payload) != digest:
        raise UnreadableInput(
            f"{folder / row['warc_file']} at {row['warc_offset']}", "its payload does not match its digest"
        )
    return response, row


def parse_captured_page(db: Database, folder: Path, capture_id: int | None, url: str) -> Page | None:
    """Returns the parsed HTML page of the capture `capture_id`, with the capture's time as the time at which it was
    seen; None if there is no such capture (`capture_id` may be None), or if it cannot be read.
    """
    found = read_response(db, folder, capture_id)
    if found is None:
        return None
    response, row = found
    return parse_page(response.body, url, response.content_type, moment(row["captured_at"]))


def hint_then_or_latest(db: Database, row: dict[str, Any]) -> SourceHint | None:
    """Returns the source hint with which an article was extracted from its capture. If this hint is unknown, or if a
    later hint of the page contains more, returns the page's latest hint. Returns None if the page has no hint.
    """
    key = urlkey(row["url"])
    return late_hint(db, key, row["capture_id"]) or hint_of_capture(db, row["capture_id"]) or latest_hint(db, key)


class RulesByTime:
    """Looks up the site rules that were valid at a given time, and parses each set of rules only once."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._turns: dict[int, list[datetime]] = {}
        self._known: dict[tuple[int, int], SiteRules | None] = {}

    def at(self, site_id: int, at: datetime) -> SiteRules | None:
        if site_id not in self._turns:
            times = self._db.execute(
                "select since from site_rules where site_id = :site union "
                "select until from site_rules where site_id = :site",
                {"site": site_id},
            )
            self._turns[site_id] = sorted(t for (text,) in times if (t := moment(text)) is not None)
        key = site_id, bisect_right(self._turns[site_id], at)
        if key not in self._known:
            self._known[key] = rules_valid_at(self._db, site_id, at)
        return self._known[key]


_MAX_COUNTER_EXAMPLES = 15
"""At most this many pages that are not posts are used as counter-examples when rules are learned."""


def pages_without_post(db: Database, folder: Path, site_id: int) -> Iterator[tuple[Page, PageKind, str]]:
    """Yields captured pages of a site that are no posts, with their kinds and the rules that decided them."""
    rows = db.query(
        "select url, capture_id, kind, rule from pages where site_id = ? and outcome = 'not-article' and kind in "
        "('listing', 'page') and capture_id is not null order by id limit ?",
        [site_id, _MAX_COUNTER_EXAMPLES],
    )
    for row in list(rows):
        if (page := parse_captured_page(db, folder, row["capture_id"], row["url"])) is not None:
            yield page, PageKind(row["kind"]), row["rule"] or ""


def pages_certain_without_post(db: Database, folder: Path, site_id: int, verdicts: SiteVerdicts) -> Iterator[Page]:
    """Yields captured pages that are certainly no posts: those that have the form of the site's posts are left out."""
    for page, kind, rule in pages_without_post(db, folder, site_id):
        if verdicts.post_form_of(page_form(page), kind, rule) is None:
            yield page
