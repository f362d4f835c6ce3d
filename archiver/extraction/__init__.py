"""Turns a page into an article: decodes and parses once, collects candidates per field, and chooses in one place."""

from __future__ import annotations

from datetime import datetime

from archiver.items import Article


def extract(html: bytes | str, url: str, captured_at: datetime | None = None) -> Article:
    """Reads one page as served from `url`: pure, no network, no archive.

    `captured_at` (aware) is when it was fetched: "3 hours ago" is counted back from it, and no post is published
    later. Bytes are decoded by their declaration and content. Never raises for what the page contains; a page that is
    no post has another `kind` than "post", and the fields that were found. Times are aware datetimes, in UTC if the
    page gives no zone.
    """
    from archiver.extraction.article import extract_page
    from archiver.extraction.page import parse_page

    return extract_page(parse_page(html, url, captured_at=captured_at))
