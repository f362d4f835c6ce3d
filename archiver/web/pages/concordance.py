"""Each place where words stand, with what is around it."""

from __future__ import annotations

from dataclasses import asdict, replace

from archiver.errors import BadQuery
from archiver.search.concordance import MOST_WIDTH, WIDTH, concordance
from archiver.web.answer import Answer, Asked
from archiver.web.asking import args_of, query_of, search_link

LINES = 100
SORTS = (("", "Newest first"), ("date", "Oldest first"), ("left", "By the words before"),
         ("right", "By the words after"))


def page(asked: Asked) -> Answer:
    query = query_of(asked)
    query = replace(query, limit=LINES if not asked.one("limit") else query.limit)
    text = asked.one("width", str(WIDTH))
    if not (text.isascii() and text.isdigit()):
        raise BadQuery(f"width {text}", f"a width is a number of characters from 0 to {MOST_WIDTH}")
    found = concordance(asked.db, query, min(int(text[:4]), MOST_WIDTH + 1)) if query.text else None
    lines = [asdict(one) for one in found.lines] if found else []
    if asked.form == "json":
        return Answer("concordance.html", {}, lines)
    args = [pair for pair in args_of(query) if pair[0] not in ("limit", "offset")] + [("width", text)]
    size = query.limit or LINES

    def link(offset: int) -> str:
        return asked.link("/concordance", [*args, ("offset", offset)])

    return Answer("concordance.html", {
        "query": query, "found": found, "lines": lines, "width": text, "sorts": SORTS,
        "before": link(max(query.offset - size, 0)) if query.offset else "",
        "after": link(query.offset + size) if found and found.more else "",
        "hidden": [pair for pair in args if pair[0] not in ("q", "since", "until", "sort", "width")],
        "articles": search_link(asked, replace(query, limit=20, sort="")),
        "twin": asked.link("/concordance.json", args)}, None)
