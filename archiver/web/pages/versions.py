"""The versions of an article, and the headlines it has had."""

from __future__ import annotations

from archiver.search.compare import stood_before
from archiver.store import records
from archiver.web.answer import Answer, Asked
from archiver.web.named import article_of


def page(asked: Asked) -> Answer:
    number = article_of(asked)
    record, versions = records.record(asked.db, number), records.revisions(asked.db, number)
    titles = [(one, {v["revision"]: v["title"] for v in versions}.get(one["previous"]))
              for one in versions if one["previous"] is None or "title" in one["changed"]]
    return Answer("versions.html", {
        "article": record, "now": record, "versions": versions, "titles": titles, "tab": "versions",
        "before": stood_before(versions, record["revision"])}, versions)
