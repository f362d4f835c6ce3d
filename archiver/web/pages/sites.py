"""The sites of the archive, all or those with a tag."""

from __future__ import annotations

from datetime import UTC, datetime

from archiver.store import missing
from archiver.store.health.known import health_of
from archiver.store.sites import list_sites
from archiver.store.tags import tags_of_sites
from archiver.web.answer import Answer, Asked


def page(asked: Asked) -> Answer:
    tags, wanted = tags_of_sites(asked.db), asked.one("tag").lower()
    found = [{**row, "tags": list(tags.get(row["id"], ()))} for row in list_sites(asked.db)]
    found = [row for row in found if not wanted or wanted in row["tags"]]
    now = datetime.now(UTC)
    rows = [(site, missing.count(asked.db, site["id"]), health_of(asked.db, site, now).state) for site in found]
    return Answer("sites.html", {"sites": rows, "tag": wanted}, found)
