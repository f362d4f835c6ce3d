"""The captures of an article: of its addresses, and of what its versions were read from. Its JSON has them all."""

from __future__ import annotations

from archiver.store import records
from archiver.store.mementos import captures_of_article
from archiver.web.answer import Answer, Asked
from archiver.web.named import MANY, article_of, offset_of
from archiver.web.replay.place import stamp_of


def page(asked: Asked) -> Answer:
    number = article_of(asked)
    record, rows = records.record(asked.db, number), captures_of_article(asked.db, number)
    read: dict[int, list[int]] = {}
    for revision, capture in asked.db.execute("select revision, capture_id from revisions where article_id = ? and "
                                              "capture_id is not null order by revision", [number]):
        read.setdefault(capture, []).append(revision)
    first = offset_of(asked)
    shown = rows[::-1][first:first + MANY]

    def link(to: int) -> str:
        return asked.link(f"/article/{number}/captures", [("offset", to or None)])

    return Answer("captures.html", {
        "article": record, "now": record, "versions": records.revisions(asked.db, number), "tab": "captures",
        "rows": [(row, stamp_of(row), read.get(row["id"], [])) for row in shown], "total": len(rows), "first": first,
        "earlier": link(first + MANY) if rows[first + MANY:] else "",
        "later": link(max(first - MANY, 0)) if first else ""}, rows)
