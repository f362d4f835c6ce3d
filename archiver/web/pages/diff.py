"""Two versions of an article word by word, as `archiver diff --html` writes them."""

from __future__ import annotations

from markupsafe import Markup

from archiver.record.worddiff import Op, Piece
from archiver.search.compare import as_data, edited_texts, stood_before
from archiver.search.comparison import direction, edited, marked
from archiver.store import records
from archiver.web.answer import Answer, Asked
from archiver.web.named import article_of, version_of


def page(asked: Asked) -> Answer:
    number = article_of(asked)
    db = asked.db
    now, versions = records.record(db, number), records.revisions(db, number)
    after = records.revision_record(db, number, version_of(asked, "to") or now["revision"])
    before = records.revision_record(db, number, version_of(asked, "from") or stood_before(versions, after["revision"]))
    texts = edited_texts(before, after)
    said = {name: texts.get(name) or (Piece(Op.EQUAL, after[name] or ""),) for name in ("title", "body")}
    return Answer("diff.html", {
        "article": now, "now": now, "versions": versions, "tab": "versions", "before": before, "after": after,
        "dir": direction(after["language"], after["title"] + after["body"]),
        "seen": {v["revision"]: v["observed_at"] for v in versions},
        # Escaped where it is made.
        "title": Markup(marked(said["title"])), "body": Markup(marked(said["body"], paragraphs=True)),
        "fields": [(name, Markup(cell)) for name, cell in edited(before, after)],
    }, as_data(before, after) | {"url": now["url"]})
