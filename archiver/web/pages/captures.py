"""The captures of an article: of its addresses, and of what its versions were read from."""

from __future__ import annotations

from archiver.store import records
from archiver.store.mementos import captures_of_article
from archiver.web.answer import Answer, Asked
from archiver.web.named import article_of
from archiver.web.replay.place import stamp_of


def page(asked: Asked) -> Answer:
    number = article_of(asked)
    record, rows = records.record(asked.db, number), captures_of_article(asked.db, number)
    read: dict[int, list[int]] = {}
    for revision, capture in asked.db.execute("select revision, capture_id from revisions where article_id = ? and "
                                              "capture_id is not null order by revision", [number]):
        read.setdefault(capture, []).append(revision)
    return Answer("captures.html", {
        "article": record, "now": record, "versions": records.revisions(asked.db, number), "tab": "captures",
        "rows": [(row, stamp_of(row), read.get(row["id"], [])) for row in rows]}, rows)
