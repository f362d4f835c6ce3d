"""Extracts articles from pages: parses a page once, collects candidates for each field, and chooses among them."""

from __future__ import annotations

from datetime import datetime

from archiver.model.items import Article


def extract(html: bytes | str, url: str, captured_at: datetime | None = None) -> Article:
    """Extracts an article from the HTML of one page, as served from `url`. Uses neither the network nor an archive.

    `captured_at` (aware) is when the page was fetched. Relative dates such as "3 hours ago" are counted back from it,
    and a publication date after it is not accepted. The encoding of bytes is taken from its declaration and from the
    bytes themselves. Never raises because of what the page contains. If the page is not a post, `kind` is not "post"
    and only the fields that were found are set. Times are aware datetimes, in UTC if the page gives no zone.
    """
    from archiver.extraction.article import extract_page, garbage_collection_paused
    from archiver.extraction.page import parse_page

    with garbage_collection_paused():
        return extract_page(parse_page(html, url, captured_at=captured_at))
