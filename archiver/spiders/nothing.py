"""Pages of 200 that show nothing of their own: a wall, what the site shows for any address, a list's page once more."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from archiver.discovery.listing import Links
from archiver.discovery.nowhere import Nowhere, look_of
from archiver.discovery.shapes import series_of
from archiver.discovery.wall import wall_of
from archiver.extraction.page import Page
from archiver.items import Outcome, Visit
from archiver.spiders.job import Job
from archiver.urls import urlkey

SOFT_404 = "soft-404"


def shows_nothing(page: Page, visit: Visit, job: Job, nowhere: Nowhere | None) -> Visit | None:
    """The visit of a page that shows a wall, or what the site shows for any address; None for a page of its own."""
    wall = wall_of(page.root, page.head_title)
    if wall:
        return replace(visit, outcome=Outcome.REFUSED, kind=job.kind, rule=wall, reason=f"a {wall} stands before it")
    if not job.is_seed and nowhere is not None and nowhere.look is not None and nowhere.is_like(
            look_of(page.root, page.head_title, visit.final_url)):
        return replace(visit, outcome=Outcome.GONE, kind=job.kind, rule=SOFT_404, reason=nowhere.reason)
    return None


def shown(links: Links | None, page: Page) -> str:
    """The digest of what a page of a list leads to and says, numbers aside; "" for a page of no list.

    Links to the list's other pages are left out. A post may stand where pagers do, by the names around it.
    """
    series = series_of(page.url)
    if not series or links is None:
        return ""
    others = sorted({urlkey(t.url) for t in (*links.links, *links.next_pages) if series_of(t.url) != series})
    said = [word for word in look_of(page.root, "", page.url).words if not word.isdecimal()]
    return hashlib.blake2b("\n".join([*others, *said]).encode(), digest_size=12).hexdigest()
