"""One capture: what was asked and answered, where its record lies, and whether it is what its digests say."""

from __future__ import annotations

from typing import Any

from archiver.capture.asked import CaptureUnreadable
from archiver.store.captured import capture_row
from archiver.store.rights import rights_of
from archiver.web.answer import Answer, Asked
from archiver.web.captured import Stored, allow, prove, stored
from archiver.web.named import capture_row_of
from archiver.web.payload import media_type
from archiver.web.replay.place import stamp_of


def page(asked: Asked) -> Answer:
    row = capture_row_of(asked.db, asked.named["number"])
    allow(asked.db, row)
    wrong, found = _proof(asked, row)
    response = found.response if found else None
    source = capture_row(asked.db, row["id"])
    articles = list(asked.db.query(
        "select id, title, site from articles where id in (select article_id from revisions where capture_id = :id "
        "union select id from articles where capture_id = :id) order by id limit 5", {"id": row["id"]}))
    data = {**{name: value for name, value in row.items() if name != "secondary"}, "stored_in": source and source["id"],
            "sound": not wrong, "wrong": wrong, "headers": response and [list(pair) for pair in response.headers],
            "size": response and len(response.body), "usage_statements": rights_of(asked.db, row["id"])}
    return Answer("capture.html", {
        "row": row, "source": source, "stamp": stamp_of(row), "wrong": wrong, "response": response,
        "kind": media_type(response.content_type) if response else "", "articles": articles,
        "rights": data["usage_statements"], "size": data["size"]}, data)


def _proof(asked: Asked, row: dict[str, Any]) -> tuple[str, Stored | None]:
    """What is wrong with the record, a phrase, "" where all its digests are those of its bytes; and what it holds."""
    try:
        proved = prove(asked.folder, row)
        found = stored(asked.db, asked.folder, row)
    except CaptureUnreadable as error:
        return str(error), None
    if proved.wrong:
        return f"Its record is damaged: {proved.wrong}. 'archiver verify' tells what else is, and what to do.", found
    if proved.capture is None or proved.capture.digest != row["digest"] or proved.capture.url != row["url"]:
        return "Another record stands where it should: 'archiver verify' tells what to do.", found
    return "", found
