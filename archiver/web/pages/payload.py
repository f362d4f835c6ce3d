"""What a capture holds, as a download: the payload with its content coding undone."""

from __future__ import annotations

from archiver.web.answer import Asked, Sent
from archiver.web.captured import stored
from archiver.web.named import capture_row_of
from archiver.web.payload import sent


def page(asked: Asked) -> Sent:
    return sent(stored(asked.db, asked.folder, capture_row_of(asked.db, asked.named["number"])), download=True)
