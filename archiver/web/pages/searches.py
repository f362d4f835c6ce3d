"""Saved searches, each with what it finds now and how much of that is new."""

from __future__ import annotations

from archiver.search.asked import as_options
from archiver.search.saved import standings
from archiver.web.answer import Answer, Asked
from archiver.web.asking import search_link
from archiver.web.kept import kept


def page(asked: Asked) -> Answer:
    found = kept(asked.db, "standings", None, lambda: standings(asked.db))
    data = [{"name": one.saved.name, "query": as_options(one.saved.query), "saved_at": one.saved.saved_at,
             "ran_at": one.saved.ran_at, "total": one.total, "new": one.new, "error": one.error} for one in found]
    rows = [{**row, "href": _link(asked, one.saved.name),
             "all": "" if one.error else search_link(asked, one.saved.query)}
            for row, one in zip(data, found, strict=True)]
    return Answer("searches.html", {"searches": rows}, data)


def _link(asked: Asked, name: str) -> str:
    return asked.link(f"/searches/{name}", [("_format", "html" if name.endswith(".json") else "")])
