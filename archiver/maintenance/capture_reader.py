"""Reads stored captures with today's extraction. This module only reads the archive; no network is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archiver.articles.impossible_values import drop_impossible_values
from archiver.extraction.article import extract_page, garbage_collection_paused
from archiver.extraction.page import Page, parse_page
from archiver.extraction.page_classifier import Answer
from archiver.extraction.site_rules import SiteRules
from archiver.learning.stored_pages import RulesByTime, hint_then_or_latest, read_response, read_verified_response
from archiver.model.items import Article, MarkedText, PageKind, SourceHint
from archiver.model.page_rules import POST_FORM_RULE
from archiver.model.urls import urlkey
from archiver.sites.page_objects import load_page_objects
from archiver.storage import Database
from archiver.storage.articles import article_from_row, parts_of, with_body
from archiver.storage.historical_revisions import ExtractWithoutHints
from archiver.storage.pages import hint_of_capture, moment
from archiver.storage.sites import SiteLookup


class CaptureReader:
    """Extracts articles from the captures of the archive `db`, whose folder is `folder`. `late` maps capture IDs to
    source hints that were found after the capture was extracted.
    """

    def __init__(self, db: Database, folder: Path, late: Mapping[int, SourceHint] | None = None) -> None:
        self._db, self._folder, self._late = db, folder, late or {}
        self._rules = RulesByTime(db)
        self._page_objects = load_page_objects()
        self._sites = {row["name"]: row["id"] for row in db.query("select id, name from sites")}

    def page(self, site: str, capture_id: int, url: str, part_of: str = "") -> Article:
        """Extracts the article from a capture with the source hint and the site rules of the capture's time, and
        today's page object. If `part_of` (the URL of a post) is given, the capture is read as a further part of that
        post. Raises UnreadableInput.
        """
        with garbage_collection_paused():  # until the page is freed
            return self._read_page(site, capture_id, url, part_of)

    def _read_page(self, site: str, capture_id: int, url: str, part_of: str) -> Article:
        hint = self._late.get(capture_id) or hint_of_capture(self._db, capture_id)
        response, capture = read_verified_response(self._db, self._folder, capture_id)
        at = moment(capture["captured_at"])
        assert at is not None
        rules = self._rules.at(self._sites[site], at) if site in self._sites else None
        kind = PageKind.PART if part_of else PageKind.POST
        decided = None if part_of else self._decided(url)

        def read(rules: SiteRules | None) -> tuple[Article, Page]:
            page = parse_page(response.body, url, response.content_type, at)
            return extract_page(page, hint, kind, part_of=part_of, rules=rules, decided=decided), page

        article, page = read(rules)
        if article.read_by and rules is not None and (article.parts or article.part > 1):
            article, page = read(rules.by_hand())  # extract all parts of a post in the same way, as in a crawl
        return drop_impossible_values(self._page_objects.apply(article, page), at)[0]

    def judge(self, site: str, capture_id: int | None, url: str) -> tuple[Article, datetime] | None:
        """Extracts the article from a capture as a crawl does, which also decides whether the page is a post. Returns
        it with the time of the capture; None if the capture cannot be read.
        """
        found = read_response(self._db, self._folder, capture_id)
        if found is None or capture_id is None:
            return None
        response, capture = found
        at = moment(capture["captured_at"])
        assert at is not None
        page = parse_page(response.body, url, response.content_type, at)
        hint = hint_of_capture(self._db, capture_id)
        article = extract_page(page, hint, posts_only=True, rules=self._rules.at(self._sites[site], at))
        return drop_impossible_values(self._page_objects.apply(article, page), at)[0], at

    def _decided(self, url: str) -> Answer | None:
        """Returns POST and the rule of this decision, if the page with this URL counts as a post only because of its
        form. Returns None for other pages.
        """
        row = self._db.execute("select rule from pages where urlkey = ?", [urlkey(url)]).fetchone()
        return (PageKind.POST, POST_FORM_RULE) if row and row[0] == POST_FORM_RULE else None


def extract_from_capture(db: Database, folder: Path, row: dict[str, Any], site_id: int) -> list[Article]:
    """Extracts an article (a row of `articles`) from its capture with each of the site's rules, as
    `_extract_with_each_rules` does. Returns the results; [] if the capture cannot be read.

    The capture of a post of several parts shows only the first part, so the results have the stored body in this case.
    """
    _, found = _extract_with_each_rules(
        db, folder, row["capture_id"], row["url"], site_id, hint_then_or_latest(db, row)
    )
    if not parts_of(db, row["urlkey"]):
        return found
    known = article_from_row(row)
    return [with_body(article, MarkedText(known.body, known.markup)) for article in found]


def make_reader_without_hints(db: Database, folder: Path, sites: SiteLookup, now: datetime) -> ExtractWithoutHints:
    """Returns a function that extracts an article from a capture with each of the site's rules, as
    `_extract_with_each_rules` does, and always without source hints. That function returns the resulting articles; ()
    if the capture cannot be read.
    """

    def read(capture_id: int | None, url: str) -> Sequence[Article]:
        site = sites.of(url)
        at, found = _extract_with_each_rules(db, folder, capture_id, url, site.id if site else None, None)
        return [drop_impossible_values(article, at or now)[0] for article in found]

    return read


def _extract_with_each_rules(
    db: Database, folder: Path, capture_id: int | None, url: str, site_id: int | None, hint: SourceHint | None
) -> tuple[datetime | None, list[Article]]:
    """Extracts an article from a capture three times: with the site rules of the capture's time, with today's site
    rules, and without rules, each with today's page object. Returns the capture's time and the results; (None, []) if
    the capture cannot be read.
    """
    found = read_response(db, folder, capture_id)
    if found is None:
        return None, []
    response, capture = found
    at = moment(capture["captured_at"])
    by_time = RulesByTime(db)
    times = (at, datetime.now(UTC)) if at is not None else (datetime.now(UTC),)
    known = [by_time.at(site_id, time) for time in times] if site_id is not None else []
    page_objects, out = load_page_objects(), []
    for rules in (*{r.version: r for r in known if r is not None}.values(), None):
        page = parse_page(response.body, url, response.content_type, at)
        out.append(page_objects.apply(extract_page(page, hint, PageKind.POST, rules=rules), page))
    return at, out
