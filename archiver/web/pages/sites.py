"""The sites of the archive: all, those with a tag, those with letters in their name; a hundred a page."""

from __future__ import annotations

from datetime import UTC, datetime

from archiver.store import missing
from archiver.store.health.known import health_of
from archiver.store.sites import list_sites
from archiver.store.tags import tags_of_sites
from archiver.web.answer import Answer, Asked
from archiver.web.named import offset_of

PAGE_SIZE = 100


def page(asked: Asked) -> Answer:
    tags, tag, letters = tags_of_sites(asked.db), asked.one("tag").lower(), asked.one("q").lower()
    names = [name for number, name in asked.db.execute("select id, name from sites order by name").fetchall()
             if (not tag or tag in tags.get(number, ())) and letters in name.lower()]
    first = offset_of(asked)
    shown = names if asked.form == "json" else names[first:first + PAGE_SIZE]
    found = [{**row, "tags": list(tags.get(row["id"], ()))} for row in list_sites(asked.db, set(shown))]
    if asked.form == "json":
        return Answer("sites.html", {}, found)
    now = datetime.now(UTC)
    rows = [(site, missing.count(asked.db, site["id"]), health_of(asked.db, site, now).state) for site in found]

    def link(to: int) -> str:
        return asked.link("/sites", [("tag", tag), ("q", letters), ("offset", to or None)])

    return Answer("sites.html", {
        "sites": rows, "total": len(names), "tag": tag, "letters": letters, "first": first,
        "many": len(names) > PAGE_SIZE or letters, "before": link(max(first - PAGE_SIZE, 0)) if first else "",
        "after": link(first + PAGE_SIZE) if first + PAGE_SIZE < len(names) else ""})
