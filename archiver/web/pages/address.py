"""The captures of one address of the web; with a time before it, those until then."""

from __future__ import annotations

from archiver.store.mementos import captures_of_address, time_of
from archiver.web.answer import Answer, Asked
from archiver.web.named import MANY
from archiver.web.replay.place import address, place_of, stamp_of


def page(asked: Asked) -> Answer:
    where = place_of(asked)
    rows = captures_of_address(asked.db, where.url)[::-1]
    at = where.at
    # A stamp has seconds.
    first = next((n for n, row in enumerate(rows) if time_of(row).replace(microsecond=0) <= at), 0) if at else 0
    shown = rows[first:first + MANY]

    def link(to: int) -> str:
        return address(asked, f"captures/{stamp_of(rows[to])}/" if to > 0 else "captures/", where.url)

    return Answer("address.html", {
        "url": where.url, "rows": [(row, stamp_of(row), []) for row in shown], "total": len(rows), "first": first,
        "earlier": link(first + MANY) if rows[first + MANY:] else "", "later": link(first - MANY) if first else ""})
