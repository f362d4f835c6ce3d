"""The versions of an article, and the headlines it has had; a hundred a page, its JSON has all."""

from __future__ import annotations

from archiver.search.compare import stood_before
from archiver.store import records
from archiver.web.answer import Answer, Asked
from archiver.web.named import MANY, article_of, offset_of


def page(asked: Asked) -> Answer:
    number = article_of(asked)
    record, versions = records.record(asked.db, number), records.revisions(asked.db, number)
    said = {one["revision"]: one["title"] for one in versions}
    first = offset_of(asked)
    shown = versions[::-1][first:first + MANY]
    titles = [(one, said.get(one["previous"])) for one in reversed(shown)
              if one["previous"] is None or "title" in one["changed"]]

    def link(to: int) -> str:
        return asked.link(f"/article/{number}/versions", [("offset", to or None)])

    return Answer("versions.html", {
        "article": record, "now": record, "versions": versions, "shown": shown, "titles": titles,
        "tab": "versions", "first": first, "earlier": link(first + MANY) if versions[first + MANY:] else "",
        "later": link(max(first - MANY, 0)) if first else "",
        "before": stood_before(versions, record["revision"])}, versions)
