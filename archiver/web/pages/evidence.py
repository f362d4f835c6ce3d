"""Why each field of an article has its value: all candidates, the one that won, and who read it."""

from __future__ import annotations

from archiver.extraction.explain import as_data, explain
from archiver.store import records
from archiver.store.requisite_reports import lead_image
from archiver.web.answer import Answer, Asked
from archiver.web.named import article_of, version_of


def page(asked: Asked) -> Answer:
    number, revision = article_of(asked), version_of(asked, "revision")
    db = asked.db
    record = records.record(db, number) if revision is None else records.revision_record(db, number, revision)
    why = explain(record, records.evidence(db, number, revision))
    readers = records.readers(db, number, revision)
    data = {**record, "image_capture": lead_image(db, number),
            "evidence": {name: {**one, **readers.get(name, {})} for name, one in as_data(why).items()}}
    spoken = [one for one in why if one.chosen or one.candidates]
    return Answer("evidence.html", {
        "article": record, "now": record, "versions": records.revisions(db, number), "tab": "evidence",
        "fields": [(one, list(zip(one.candidates, one.won, strict=True))) for one in spoken],
        "silent": [one.field for one in why if one not in spoken], "readers": readers}, data)
