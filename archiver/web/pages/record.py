"""The record of a capture as it is stored: a WARC file by itself."""

from __future__ import annotations

from archiver.web.answer import Asked, Sent
from archiver.web.captured import allow, record_of
from archiver.web.named import capture_row_of


def page(asked: Asked) -> Sent:
    row = capture_row_of(asked.db, asked.named["number"])
    allow(asked.db, row)
    return Sent(record_of(asked.folder, row), "application/warc", headers={
        "content-disposition": f'attachment; filename="capture-{row["id"]}.warc.gz"'})
