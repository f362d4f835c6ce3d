"""Reads the pages of stored captures: the response in its WARC record, and the page parsed from it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archiver.discovery import page_links
from archiver.discovery.url_patterns import page_number
from archiver.extraction.article import extract_page
from archiver.extraction.page import Page, parse_page
from archiver.extraction.site_rules import SiteConstants, SiteRules
from archiver.extraction.visible_dates import listed_dates
from archiver.learning.rule_induction import (
    MIN_POSTS,
    Sample,
    learn_with_constants,
    read_without_constants,
    reports_whole_post,
    text_f1,
)
from archiver.model.errors import UnreadableInput
from archiver.model.items import Article, ListedDate, PageKind, SourceHint
from archiver.model.urls import Scope, urlkey
from archiver.storage import Database
from archiver.storage.articles import article_from_row
from archiver.storage.captures import find_payload_row
from archiver.storage.pages import hint_of_capture, late_hint, latest_hint, moment
from archiver.storage.sites import end_of_last_template, rules_valid_at
from archiver.storage.sources import store_listed_dates
from archiver.storage.transactions import writing
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


_SAME_TEXT = 0.9
"""Two texts that are so similar (see `text_f1`) are the text of one post."""


@dataclass(frozen=True, slots=True)
class RelearnedRules:
    """Site rules learned from stored captures. `since` is the time of the first of these captures that the rules fit;
    None if the rules fit all of them.
    """

    rules: SiteRules
    since: datetime | None


def relearn_site_rules(db: Database, folder: Path, site: dict[str, Any], most: int) -> RelearnedRules | None:
    """Learns site rules from the newest captures of a site's posts, at most `most`; returns None if the posts have no
    common template. The known constants of the site are kept.

    If enough of these captures are newer than the last one that today's rules fit, the site was redesigned, and only
    the newer ones are used.
    """
    read = list(_read_newest_captures(db, folder, site["name"], most))
    valid = rules_valid_at(db, site["id"])
    newest = _of_newest_template(read, valid, moment(end_of_last_template(db, site["id"])))
    rules = learn_with_constants(
        [one.sample for one in newest],
        lambda constants: [one.without_constants(constants) for one in newest],
        (page for page, *_ in pages_without_post(db, folder, site["id"])),
        valid.constants if valid is not None else SiteConstants(),
    )
    if rules is None or not rules.fields:
        return None
    fits = [(one.captured_at, one.fits(rules)) for one in read]
    since = (
        None if all(fit for _, fit in fits) else min((at for at, fit in fits if fit and at is not None), default=None)
    )
    return RelearnedRules(rules, since)


@dataclass(frozen=True, slots=True)
class _ReadCapture:
    """The newest capture of a stored post, as a sample from which rules are learned, with its source hint. If
    extraction finds another text in it than the stored one, as after a redesign, `stored` is the stored article, whose
    values the rules have to find; otherwise None.
    """

    sample: Sample
    hint: SourceHint | None
    stored: Article | None

    @property
    def captured_at(self) -> datetime | None:
        return self.sample.page.captured_at

    def without_constants(self, constants: SiteConstants) -> Sample:
        sample = read_without_constants(self.sample, self.hint, constants)
        return replace(sample, article=_with_stored_values(sample.article, self.stored))

    def fits(self, rules: SiteRules) -> bool:
        """Returns True if the capture is read by the rules, which find its text."""
        page = self.sample.page.without_rules()
        found = extract_page(page, self.hint, PageKind.POST, rules=replace(rules, version="new"))
        return found.read_by == "new" and text_f1(found.body, self.sample.article.body) >= _SAME_TEXT


def _with_stored_values(article: Article, stored: Article | None) -> Article:
    if stored is None:
        return article
    return replace(stored, kind=article.kind, kind_rule=article.kind_rule, platform=article.platform, evidence=())


def _of_newest_template(
    read: list[_ReadCapture], valid: SiteRules | None, ended: datetime | None
) -> list[_ReadCapture]:
    """Returns the captures of the site's newest template. These are newer than the last capture that the rules `valid`
    fit (None: no rules), and than the end of the last template (`ended`, None: no earlier template). If they are too
    few, returns all captures.
    """
    fitted = [one.captured_at for one in read if valid is not None and one.fits(valid)]
    last = max((at for at in (*fitted, ended) if at is not None), default=None)
    newer = [one for one in read if last is not None and one.captured_at is not None and one.captured_at > last]
    return newer if len(newer) >= MIN_POSTS else read


_NEWEST_CAPTURES = (
    "select a.*, case when p.outcome in ('archived', 'unchanged', 'held') then coalesce(p.capture_id, a.capture_id) "
    "else a.capture_id end as newest_capture_id from articles a left join pages p on p.urlkey = a.urlkey "
    "where a.site = ? and a.gone_at is null and a.capture_id is not null "
    "order by coalesce(p.fetched_at, a.last_seen) desc, a.id desc limit ?"
)
"""SQL: the articles of a site with the last captures of their pages, those that were fetched last first. The last
capture may be newer than that of the current revision: after a redesign, a page shows the same post by another
template, or is held."""


def _read_newest_captures(db: Database, folder: Path, name: str, most: int) -> Iterator[_ReadCapture]:
    for row in list(db.query(_NEWEST_CAPTURES, [name, most])):
        if (page := parse_captured_page(db, folder, row["newest_capture_id"], row["url"])) is None:
            continue
        hint = hint_then_or_latest(db, row)
        by_api = hint is not None and hint.from_api
        article, stored = extract_page(page, hint, PageKind.POST), article_from_row(row)
        known = None if text_f1(article.body, stored.body) >= _SAME_TEXT else stored
        sample = Sample(page, _with_stored_values(article, known), reports_whole_post(hint), by_api)
        yield _ReadCapture(sample, hint, known)


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


def read_lists(db: Database, folder: Path, scope: Scope, lists: Sequence[tuple[str, int]]) -> None:
    """Stores the dates beside the links of lists, which are given as URL and capture."""
    pages = [page for url, capture in lists if (page := parse_captured_page(db, folder, capture, url)) is not None]
    found = [read_list_dates(page, scope) for page in pages]
    with writing(db):
        for dates in filter(None, found):
            store_listed_dates(db, dates)


def read_list_dates(page: Page, scope: Scope) -> tuple[ListedDate, ...]:
    """Returns the dates that a page of a site shows beside its links; `scope` is the scope of the site."""
    latest_year = (page.captured_at or datetime.now(UTC)).year + 1
    if page.root is None:
        return ()
    links = page_links.parse_links(page.index, page.url, scope, "", latest_year)
    return listed_dates(page, [*links.titles, *links.others], is_continued=(page_number(page.url) or 1) > 1)
