"""One site of the archive."""

from __future__ import annotations

from archiver.store.sites import find_site, list_sites
from archiver.web.answer import Answer, Asked


def page(asked: Asked) -> Answer:
    name = find_site(asked.db, asked.named["name"])["name"]
    site = next(one for one in list_sites(asked.db) if one["name"] == name)
    return Answer("site.html", {"site": site}, site)
