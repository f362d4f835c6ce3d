"""Reads the dates that lists show beside their links, for posts whose own pages show none."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from archiver.discovery import page_links
from archiver.discovery.url_patterns import page_number
from archiver.extraction.listing_dates import listed_dates
from archiver.extraction.page import Page
from archiver.learning.stored_pages import parse_captured_page
from archiver.model.items import ListedDate
from archiver.model.urls import Scope
from archiver.storage import Database
from archiver.storage.sources import lists_fetched_since, store_listed_dates
from archiver.storage.transactions import writing


def read_lists(
    db: Database, folder: Path, site_id: int, scope: Scope, since: datetime, *, of_undated: bool = False
) -> None:
    """Stores the dates beside the links of the lists that were fetched since a time. If `of_undated` is True, only the
    lists are read that show pages without a date.
    """
    lists = lists_fetched_since(db, site_id, since, of_undated=of_undated)
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
