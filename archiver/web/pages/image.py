"""The lead image of an article, from its capture."""

from __future__ import annotations

from archiver.capture.asked import NotCaptured
from archiver.store.requisite_reports import lead_image
from archiver.web.answer import Asked, Sent
from archiver.web.captured import stored
from archiver.web.named import article_of
from archiver.web.payload import sent


def page(asked: Asked) -> Sent:
    number = article_of(asked)
    found = lead_image(asked.db, number)
    if found is None:
        raise NotCaptured(str(number), f"No image of article {number} is known of.")
    if found["capture"] is None:
        raise NotCaptured(found["url"])
    capture = found["capture"]
    row = next(iter(asked.db.query("select * from captures where warc_file = ? and warc_offset = ? and digest = ?",
                                   [capture["warc_file"], capture["warc_offset"], capture["digest"]])))
    return sent(stored(asked.db, asked.folder, row))
