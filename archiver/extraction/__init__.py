"""A page to an article: decode and parse once, then candidates per field and one place that chooses."""

from __future__ import annotations

from datetime import datetime

from archiver.items import Article


def extract(html: bytes | str, url: str, captured_at: datetime | None = None) -> Article:
    """Reads one page as served from `url`: pure, no network, no archive.

    `captured_at` (aware) is when it was fetched: "3 hours ago" is counted from it, and no post is published
    later. Bytes are decoded by what they say and are. Never raises for what the page holds; a page that is
    no post has another `kind` than "post" and its fields as far as they were found. Times are aware
    datetimes, in UTC where the page told no zone.
    """
    from archiver.extraction.article import extract_page
    from archiver.extraction.page import parse

    return extract_page(parse(html, url, captured_at=captured_at))
