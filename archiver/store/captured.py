"""Pages read once more from the bytes that the archive holds of them, without the network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from archiver.capture.exchange import payload_digest
from archiver.capture.read import StoredResponse, read_record
from archiver.errors import UnreadableInput
from archiver.extraction.article import extract_page
from archiver.extraction.learn import Sample, is_taught, learn
from archiver.extraction.page import Page, parse
from archiver.extraction.rules import SiteRules
from archiver.items import Article, Lead, PageKind
from archiver.store.leads import lead_from
from archiver.store.ledger import moment
from archiver.store.parts import parts_of
from archiver.store.rules import rules_at
from archiver.urls import urlkey

_OTHERS = 15


def capture_row(db: Database, capture_id: int | None) -> dict[str, Any] | None:
    """The row of the capture that has the bytes: of a revisit record the response that it repeats."""
    row = next(iter(db.query("select * from captures where id = ?", [capture_id])), None)
    if row is not None and row["record_type"] == "revisit":
        row = next(iter(db.query("select * from captures where digest = ? and record_type = 'response' "
                                 "order by id desc limit 1", [row["digest"]])), None)
    return row


def response_of(db: Database, folder: Path, capture_id: int | None) -> tuple[StoredResponse, dict[str, Any]] | None:
    """The response of a capture and its row; of a revisit record the response that it repeats (WARC/1.1, 6.7).

    None where there is none to be read. `folder` is the archive's own.
    """
    row = capture_row(db, capture_id)
    if row is None:
        return None
    try:
        return read_record(folder / row["warc_file"], row["warc_offset"], row["warc_length"]), row
    except UnreadableInput:
        return None


def proven(db: Database, folder: Path, capture_id: int) -> tuple[StoredResponse, dict[str, Any]]:
    """As `response_of`, for who must know why not: raises UnreadableInput, also where the payload is not the one that
    the capture's digest was made of."""
    row = capture_row(db, capture_id)
    if row is None:
        raise UnreadableInput(f"Capture {capture_id}", "the response that it repeats is not in the archive")
    response = read_record(folder / row["warc_file"], row["warc_offset"], row["warc_length"])
    digest = row["digest"] or ""
    if digest.startswith("sha1:") and payload_digest(response.payload) != digest:
        raise UnreadableInput(f"{folder / row['warc_file']} at {row['warc_offset']}",
                              "its payload is not what its digest says")
    return response, row


def page_of(db: Database, folder: Path, capture_id: int | None, url: str) -> Page | None:
    """A captured page, parsed as it was when it came."""
    found = response_of(db, folder, capture_id)
    if found is None:
        return None
    response, row = found
    return parse(response.body, url, response.content_type, moment(row["captured_at"]))


def lead_of(db: Database, url: str) -> Lead | None:
    """What the sources of an address last said of it."""
    row = db.execute("select source_hints from pages where urlkey = ?", [urlkey(url)]).fetchone()
    return lead_from(row[0]) if row else None


def readings(db: Database, folder: Path, row: dict[str, Any], site_id: int) -> list[Article]:
    """A stored article (a row of `articles`) as today's extraction reads its capture: by the rules of that day, by
    those of today, and as on any site. [] where the capture cannot be read.

    Of a post of several pages the capture shows one: its text is left as it is stored.
    """
    found = response_of(db, folder, row["capture_id"])
    if found is None:
        return []
    response, capture = found
    at = moment(capture["captured_at"])
    known = [rules_at(db, site_id, at), rules_at(db, site_id)]
    rules = list({r.version: r for r in known if r is not None}.values())
    lead, in_parts = lead_of(db, row["url"]), bool(parts_of(db, row["urlkey"]))
    out = []
    for one in (*rules, None):
        page = parse(response.body, row["url"], response.content_type, at)
        article = extract_page(page, lead, PageKind.POST, rules=one)
        out.append(replace(article, body=row["body"]) if in_parts else article)
    return out


def learn_again(db: Database, folder: Path, site: dict[str, Any], most: int) -> SiteRules | None:
    """The rules that the newest captures of a site's posts teach; None where they show no common template."""
    return learn(list(_samples(db, folder, site["name"], most)), list(_others(db, folder, site["id"])))


def _samples(db: Database, folder: Path, name: str, most: int) -> Iterator[Sample]:
    rows = db.query("select url, capture_id from articles where site = ? and gone_at is null "
                    "and capture_id is not null order by last_seen desc, id desc limit ?", [name, most])
    for row in list(rows):
        if (page := page_of(db, folder, row["capture_id"], row["url"])) is not None:
            lead = lead_of(db, row["url"])
            by_api = lead is not None and lead.from_api
            yield Sample(page, extract_page(page, lead, PageKind.POST), is_taught(lead), by_api)


def _others(db: Database, folder: Path, site_id: int) -> Iterator[Page]:
    rows = db.query("select url, capture_id from pages where site_id = ? and outcome = 'not-article' and kind in "
                    "('listing', 'page') and capture_id is not null order by id limit ?", [site_id, _OTHERS])
    for row in list(rows):
        if (page := page_of(db, folder, row["capture_id"], row["url"])) is not None:
            yield page
