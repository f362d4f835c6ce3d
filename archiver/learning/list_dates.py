"""Reads the dates that the lists of a site show beside their links, from stored captures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from archiver.discovery import page_links_and_well_known_urls as link_reader
from archiver.discovery.url_classifier_and_patterns import page_number
from archiver.extraction.page_parsing_and_javascript_check import Page
from archiver.extraction.visible_dates import dates_of_entries
from archiver.items import ListedDate
from archiver.learning.captured_pages import parse_captured_page
from archiver.storage import Database
from archiver.storage.listed_values import store_listed_dates
from archiver.storage.transactions import writing
from archiver.urls import Scope, urlkey


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
    return _listed_dates(link_reader.parse_links(page.index, page.url, scope, "", latest_year), page)


def _listed_dates(links: link_reader.PageLinks, page: Page) -> tuple[ListedDate, ...]:
    dates = dates_of_entries(page, [*links.titles, *links.others], is_continued=(page_number(page.url) or 1) > 1)
    return tuple(ListedDate(urlkey(at), date) for at, date in dates.items())
