"""What today's ways of reading make of a stored capture, without what feeds and APIs told of its post."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database

from archiver.extraction.article import extract_page
from archiver.items import Article, PageKind
from archiver.record.validate import validated
from archiver.store.captured import page_of
from archiver.store.past_versions import Bare
from archiver.store.rules import rules_at
from archiver.store.scopes import Sites


def bare_readings(db: Database, folder: Path, sites: Sites, now: datetime) -> Bare:
    """Reads captures by the rules of their day, by those of today, and as any site's; () of one that cannot be read.
    """

    def bare(capture_id: int | None, url: str) -> Sequence[Article]:
        site = sites.of(url)
        first = page_of(db, folder, capture_id, url)
        if first is None:
            return ()
        known = [rules_at(db, site.id, first.captured_at), rules_at(db, site.id)] if site else []
        rules = list({r.version: r for r in known if r is not None}.values())
        out = []
        for one in (*rules, None):
            page = page_of(db, folder, capture_id, url)
            if page is not None:
                article = extract_page(page, None, PageKind.POST, rules=one)
                out.append(validated(article, page.captured_at or now)[0])
        return out

    return bare
