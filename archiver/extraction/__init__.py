"""Turns a page into an article: parses it once, collects candidates for each field, and chooses among them."""

from __future__ import annotations

from datetime import datetime

from archiver.items import Article


def extract(html: bytes | str, url: str, captured_at: datetime | None = None) -> Article:
    """Extracts an article from one page as served from `url`. Uses neither the network nor an archive.

    `captured_at` (aware) is when the page was fetched: "3 hours ago" is counted back from it, and no post is published
    later. Bytes are decoded by their declaration and content. Never raises for what the page contains; a page that is
    not a post has a `kind` other than "post", and the fields that were found. Times are aware datetimes, in UTC if the
    page gives no zone.
    """
    from archiver.extraction.article import extract_page
    from archiver.extraction.page import parse_page

    return extract_page(parse_page(html, url, captured_at=captured_at))
