"""The sites of the archive."""

from __future__ import annotations

from archiver.store import missing
from archiver.store.sites import list_sites
from archiver.web.answer import Answer, Asked


def page(asked: Asked) -> Answer:
    found = list_sites(asked.db)
    return Answer("sites.html", {"sites": [(site, missing.count(asked.db, site["id"])) for site in found]}, found)
