"""The search page: what was asked for, what was found, and where it lies among sites, times and places."""

from __future__ import annotations

import unicodedata
from dataclasses import asdict, replace

from archiver.errors import BadQuery
from archiver.search.asked import as_options
from archiver.search.filters import Query
from archiver.search.fold import FOLDS
from archiver.search.plan import planned
from archiver.search.run import facets as count_facets
from archiver.search.run import run
from archiver.search.snippet import line, wanted
from archiver.search.values import as_values
from archiver.web.answer import Answer, Asked
from archiver.web.asking import Links, args_of, query_of, search_link
from archiver.web.bars import bars
from archiver.web.exports import KINDS
from archiver.web.facets import facets, instead, narrowings
from archiver.web.kept import counted, kept
from archiver.web.mapped import mapped

SORTS = (("", "Best first"), ("-date", "Newest first"), ("date", "Oldest first"), ("title", "By title"),
         ("site", "By site"), ("-added", "Last archived first"), ("distance", "Nearest first"))
_UNITS = ("year", "month", "day")
VALUES, MORE_VALUES, MOST_VALUES = 10, 50, 10_000
"""So many values a facet shows, on wish, and at most as JSON."""
_FIELDS = ("since", "until", "near", "within", "bbox", "sort", "fold", "stem", "recent", "by", "q")
"""What the form has fields for; the rest of a search goes with it unseen."""


def page(asked: Asked) -> Answer:
    query = query_of(asked)
    if asked.one("by") not in ("", *_UNITS):
        raise BadQuery(f"by {asked.one('by')}", f"articles are counted by {', '.join(_UNITS)}")
    found = run(asked.db, query)
    values = _values(asked)
    counts = kept(asked.db, "facets", (counted(query), values), lambda: count_facets(asked.db, query, values))
    links = Links(asked, query)
    narrowed, narrowing = narrowings(query, links), facets(query, counts, links)
    chart = bars(asked, query, asked.one("by"), links)
    if asked.form == "json":
        return Answer("search.html", {}, {
            "total": found.total, "offset": query.offset, "hits": [as_values(hit) for hit in found.hits],
            "facets": {name: dict(values) for name, values in counts.items()}, "histogram": asdict(chart.found)})
    in_titles = wanted(planned(asked.db, query).node, "title")
    return Answer("search.html", {
        "query": query, "found": found, "titles": {
            hit.id: line(unicodedata.normalize("NFC", hit.title or ""), in_titles) for hit in found.hits},
        "facets": narrowing, "chart": chart, "map": mapped(asked, query, links), "links": links,
        "narrowings": narrowed, "pages": _pages(asked, query, found.total),
        "hidden": [pair for pair in args_of(query) if pair[0] not in (*_FIELDS, "offset")], "args": asked.args,
        "sorts": [pair for pair in SORTS if pair[0] != "distance" or query.near], "folds": FOLDS, "kinds": KINDS,
        "export": [pair for pair in args_of(query) if pair[0] not in ("limit", "offset")],
        "twin": asked.link("/search.json", args_of(query)), "options": as_options(query),
        "instead": () if found.total else instead(asked, query),
        "more": asked.link("/search", [*args_of(query), ("values", MORE_VALUES)]) if values < MORE_VALUES and any(
            len(one) >= values for one in counts.values()) and not links.long else "",
        "others": [(label, search_link(asked, query, path)) for label, path in (
            ("Over time", "/trends"), ("In context", "/concordance")) if query.text]}, None)


def _values(asked: Asked) -> int:
    """How many values of each facet are wanted."""
    text = asked.one("values", str(VALUES))
    if not (text.isascii() and text.isdigit() and int(text[:9])):
        raise BadQuery(f"values {text}", "it is a whole number from 1 on")
    return min(int(text[:9]), MOST_VALUES if asked.form == "json" else MORE_VALUES)


def _pages(asked: Asked, query: Query, total: int) -> dict[str, object]:
    size = query.limit or 1
    number, last = query.offset // size + 1, max(1, -(-total // size))

    def link(to: int) -> str:
        return asked.link("/search", args_of(replace(query, offset=(to - 1) * size)))

    return {"number": number, "last": last, "before": link(number - 1) if number > 1 else "",
            "after": link(number + 1) if number < last else ""}
