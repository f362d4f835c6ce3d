"""The captures of one address of the web: with a time before it, led on to the one that is nearest."""

from __future__ import annotations

from archiver.store.mementos import captures_of_address
from archiver.web.answer import Answer, Asked
from archiver.web.replay.place import place_of, stamp_of


def page(asked: Asked) -> Answer:
    where = place_of(asked)
    rows = captures_of_address(asked.db, where.url)
    return Answer("address.html", {"url": where.url, "rows": [(row, stamp_of(row), []) for row in rows]})
