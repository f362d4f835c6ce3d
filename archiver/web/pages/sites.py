"""The sites of the archive."""

from __future__ import annotations

from datetime import UTC, datetime

from archiver.store import missing
from archiver.store.health.known import health_of
from archiver.store.sites import list_sites
from archiver.web.answer import Answer, Asked


def page(asked: Asked) -> Answer:
    found = list_sites(asked.db)
    now = datetime.now(UTC)
    rows = [(site, missing.count(asked.db, site["id"]), health_of(asked.db, site, now).state) for site in found]
    return Answer("sites.html", {"sites": rows}, found)
