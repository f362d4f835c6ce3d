"""The search page: what was asked for, what was found, and where it lies among sites, times and places."""

from __future__ import annotations

import unicodedata
from dataclasses import asdict, replace
from typing import IO

from markupsafe import Markup
from sqlite_utils import Database

from archiver.errors import BadQuery
from archiver.search.aggregations import MAX_TERMS, UNITS, Trend, trend
from archiver.search.chart import trend_svg
from archiver.search.citations import STYLES, cited
from archiver.search.concordance import MAX_WIDTH, WIDTH, concordance
from archiver.search.engine import as_values, planned, run
from archiver.search.engine import facets as count_facets
from archiver.search.query import Query, query_as_options
from archiver.search.ranking import FOLDS
from archiver.search.saved_search import (
    WHY,
    feed,
    find_saved_search,
    last_reported,
    peek_saved_search,
    saved_search_states,
)
from archiver.search.snippets import highlight_line, highlight_terms
from archiver.storage.article_tables.records import records
from archiver.web.archive_access import cached, counted
from archiver.web.downloads import KINDS, found_ids
from archiver.web.query_arguments import (
    LONG,
    MANY,
    CannotAnswer,
    Download,
    PageRequest,
    PageResponse,
    RawResponse,
    SearchLinks,
    args_of,
    collected_articles,
    fingerprint,
    offset_of,
    query_of,
    search_link,
)
from archiver.web.views import densest_window, facet_links, histogram_bars, instead, map_view, narrowings

SORTS = (
    ("", "Best first"),
    ("-date", "Newest first"),
    ("date", "Oldest first"),
    ("title", "By title"),
    ("site", "By site"),
    ("-added", "Last archived first"),
    ("distance", "Nearest first"),
)
_UNITS = ("year", "month", "day")
VALUES, MORE_VALUES, MOST_VALUES = 10, 50, 10_000
"""So many values a facet shows, on wish, and at most as JSON."""
_FIELDS = ("since", "until", "near", "within", "bbox", "sort", "fold", "stem", "recent", "by", "q")
"""What the form has fields for; the rest of a search goes with it unseen."""


def search_page(asked: PageRequest) -> PageResponse:
    query = query_of(asked)
    if asked.one("by") not in ("", *_UNITS):
        raise BadQuery(f"by {asked.one('by')}", f"articles are counted by {', '.join(_UNITS)}")
    found = run(asked.db, query)
    values = _values(asked)
    counts = cached(asked.db, "facets", (counted(query), values), lambda: count_facets(asked.db, query, values))
    links = SearchLinks(asked, query)
    narrowed, narrowing = narrowings(query, links), facet_links(query, counts, links)
    chart = histogram_bars(asked, query, asked.one("by"), links)
    if asked.form == "json":
        return PageResponse(
            "search.html",
            {},
            {
                "total": found.total,
                "offset": query.offset,
                "hits": [as_values(hit) for hit in found.hits],
                "facets": {name: dict(values) for name, values in counts.items()},
                "histogram": asdict(chart.found),
            },
        )
    in_titles = highlight_terms(planned(asked.db, query).node, "title")
    return PageResponse(
        "search.html",
        {
            "query": query,
            "found": found,
            "titles": {
                hit.id: highlight_line(unicodedata.normalize("NFC", hit.title or ""), in_titles) for hit in found.hits
            },
            "facets": narrowing,
            "chart": chart,
            "map": map_view(asked, query, links),
            "links": links,
            "narrowings": narrowed,
            "pages": _pages(asked, query, found.total),
            "hidden": [pair for pair in args_of(query) if pair[0] not in (*_FIELDS, "offset")],
            "args": asked.args,
            "sorts": [pair for pair in SORTS if pair[0] != "distance" or query.near],
            "folds": FOLDS,
            "kinds": KINDS,
            "export": [pair for pair in args_of(query) if pair[0] not in ("limit", "offset")],
            "twin": asked.link("/search.json", args_of(query)),
            "options": query_as_options(query),
            "instead": () if found.total else instead(asked, query),
            "more": asked.link("/search", [*args_of(query), ("values", MORE_VALUES)])
            if values < MORE_VALUES and any(len(one) >= values for one in counts.values()) and not links.long
            else "",
            "others": [
                (label, search_link(asked, query, path))
                for label, path in (("Over time", "/trends"), ("In context", "/concordance"))
                if query.text
            ],
        },
        None,
    )


def _values(asked: PageRequest) -> int:
    """How many values of each facet are wanted."""
    text = asked.one("values", str(VALUES))
    if not (text.isascii() and text.isdigit() and int(text[:9])):
        raise BadQuery(f"values {text}", "it is a whole number from 1 on")
    return min(int(text[:9]), MOST_VALUES if asked.form == "json" else MORE_VALUES)


def _pages(asked: PageRequest, query: Query, total: int) -> dict[str, object]:
    size = query.limit or 1
    number, last = query.offset // size + 1, max(1, -(-total // size))

    def link(to: int) -> str:
        return asked.link("/search", args_of(replace(query, offset=(to - 1) * size)))

    return {
        "number": number,
        "last": last,
        "before": link(number - 1) if number > 1 else "",
        "after": link(number + 1) if number < last else "",
    }


# Each place where words stand, with what is around it.

LINES = 100
CONCORDANCE_SORTS = (
    ("", "Newest first"),
    ("date", "Oldest first"),
    ("left", "By the words before"),
    ("right", "By the words after"),
)


def concordance_page(asked: PageRequest) -> PageResponse:
    query = query_of(asked)
    query = replace(query, limit=LINES if not asked.one("limit") else query.limit)
    text = asked.one("width", str(WIDTH))
    if not (text.isascii() and text.isdigit()):
        raise BadQuery(f"width {text}", f"a width is a number of characters from 0 to {MAX_WIDTH}")
    found = concordance(asked.db, query, min(int(text[:4]), MAX_WIDTH + 1)) if query.text else None
    lines = [asdict(one) for one in found.lines] if found else []
    if asked.form == "json":
        return PageResponse("concordance.html", {}, lines)
    args = [pair for pair in args_of(query) if pair[0] not in ("limit", "offset")] + [("width", text)]
    size = query.limit or LINES

    def link(offset: int) -> str:
        return asked.link("/concordance", [*args, ("offset", offset)])

    return PageResponse(
        "concordance.html",
        {
            "query": query,
            "found": found,
            "lines": lines,
            "width": text,
            "sorts": CONCORDANCE_SORTS,
            "before": link(max(query.offset - size, 0)) if query.offset else "",
            "after": link(query.offset + size) if found and found.more else "",
            "hidden": [pair for pair in args if pair[0] not in ("q", "since", "until", "sort", "width")],
            "articles": search_link(asked, replace(query, limit=20, sort="")),
            "twin": asked.link("/concordance.json", args),
        },
        None,
    )


# How large a share of what was archived says something, over time: a picture, and the table of it.

_EMPTY_FIELDS = 3
MOST = 400
"""So many periods a page shows; its JSON has all."""
_TREND_FIELDS = ("q", "since", "until", "limit", "offset", "sort", "fold")


def trends_page(asked: PageRequest) -> PageResponse:
    query = query_of(asked)
    terms = asked.many("term")
    if not terms and query.text:  # come from a search: its words over time, among what else it was narrowed to
        terms, query = (query.text,), replace(query, text="")
    unit = asked.one("by")
    found = trend(asked.db, query, terms, unit) if terms else None
    if asked.form == "json":
        return PageResponse("trends.html", {}, asdict(found) if found else {"series": []})
    shown = _shown(found) if found else None
    empty = min(_EMPTY_FIELDS if not terms else 2, MAX_TERMS - len(terms))
    return PageResponse(
        "trends.html",
        {
            "found": found,
            "picture": Markup(trend_svg(shown)) if shown and shown.periods else "",
            "query": query,
            "fields": [*terms, *[""] * empty],
            "unit": unit,
            "units": tuple(UNITS),
            "rows": _rows(shown) if shown else (),
            "hidden_periods": len(found.periods) - len(shown.periods) if found and shown else 0,
            "hidden": [pair for pair in args_of(query) if pair[0] not in _TREND_FIELDS],
            "searches": [
                (one.term, search_link(asked, replace(query, text=_both(query.text, one.term), fold="none")))
                for one in found.series
            ]
            if found
            else (),
            "twin": asked.link("/trends.json", [*args_of(query), ("by", unit), *(("term", term) for term in terms)]),
        },
        None,
    )


def _shown(found: Trend) -> Trend:
    """The periods that matter, where there are too many for a page."""
    start, end = densest_window(
        [sum(one.articles[n] for one in found.series) for n in range(len(found.periods))], found.archived, MOST
    )
    series = (replace(one, articles=one.articles[start:end], shares=one.shares[start:end]) for one in found.series)
    return replace(found, periods=found.periods[start:end], archived=found.archived[start:end], series=tuple(series))


def _both(text: str, term: str) -> str:
    """A query for what two find together."""
    return f"({text}) ({term})" if text else term


def _rows(found: Trend) -> list[tuple[str, int, list[tuple[int, str]]]]:
    """By period: its name, what is archived of it, for each term the articles and their share."""
    return [
        (period, found.archived[n], [(one.articles[n], _percent(one.shares[n])) for one in found.series])
        for n, period in enumerate(found.periods)
    ]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share * 100:.3g} %"


# Saved searches, each with what it finds now and how much of that is new.


def searches_page(asked: PageRequest) -> PageResponse:
    found = cached(asked.db, "standings", None, lambda: saved_search_states(asked.db))
    data = [
        {
            "name": one.saved.name,
            "query": query_as_options(one.saved.query),
            "saved_at": one.saved.saved_at,
            "ran_at": one.saved.ran_at,
            "total": one.total,
            "new": one.new,
            "error": one.error,
        }
        for one in found
    ]
    rows = [
        {**row, "href": _link(asked, one.saved.name), "all": "" if one.error else search_link(asked, one.saved.query)}
        for row, one in zip(data, found, strict=True)
    ]
    return PageResponse("searches.html", {"searches": rows}, data)


def _link(asked: PageRequest, name: str) -> str:
    return asked.link(f"/searches/{name}", [("_format", "html" if name.endswith(".json") else "")])


# One saved search: what it finds that it had not told of yet. Looking tells of nothing: that does the command.


def saved_search_page(asked: PageRequest) -> PageResponse:
    news = peek_saved_search(asked.db, asked.named["name"])
    saved = news.saved
    data = {
        "name": saved.name,
        "query": query_as_options(saved.query),
        "since": news.since,
        "total": news.total,
        "new": [{**as_values(one.hit), "reason": one.why} for one in news.new],
    }
    return PageResponse(
        "saved_search.html",
        {
            "saved": saved,
            "options": query_as_options(saved.query),
            "news": news,
            "why": WHY,
            "all": search_link(asked, saved.query),
            "feed": asked.link(f"/searches/{saved.name}/feed"),
        },
        data,
    )


# What runs of a saved search told of, as an Atom feed (RFC 4287).

_ENTRIES = 100


def feed_page(asked: PageRequest) -> RawResponse:
    saved = find_saved_search(asked.db, asked.named["name"])
    return RawResponse(
        feed(
            saved,
            last_reported(asked.db, saved.name, _ENTRIES),
            own_url=asked.origin + asked.link(f"/searches/{saved.name}/feed"),
        ),
        "application/atom+xml; charset=utf-8",
    )


# What is on the screen as a file: `?as=csv` with the arguments of a search, or with `id=` those of a collection.


def export_page(asked: PageRequest) -> Download:
    if (name := asked.one("as")) not in KINDS:
        raise CannotAnswer(f"export as {name}", f"it can be exported as {', '.join(KINDS)}")
    kind = KINDS[name]
    named = asked.many("id")
    ids = collected_articles(asked.db, named).ids if named else found_ids(asked.db, query_of(asked))

    def write(db: Database, out: IO[bytes]) -> None:
        kind.write(db, ids, out)

    return Download(write, kind.media_type, f"{'collection' if named else 'search'}.{kind.ending}")


# A collection: what a reader has picked, as an address that lists it, to be kept, shared, exported and cited; a
# hundred a page. With `without`, an article is taken out of it: so the whole stands once on its page, and not in a
# link of each article.


def collection_page(asked: PageRequest) -> PageResponse | RawResponse:
    chosen = collected_articles(asked.db, asked.many("id"))
    name, out = asked.one("name"), asked.many("without")
    style = asked.one("style") if asked.one("style") in STYLES else ""
    first = offset_of(asked)
    if out:
        rest = [("id", number) for number in chosen.ids if str(number) not in out]
        there = asked.link("/collection", [("name", name), *rest, ("style", style), ("offset", first or None)])
        return RawResponse("", "text/plain; charset=utf-8", 302, {"location": there})
    found = list(records(asked.db, chosen.ids))
    whole = fingerprint(found)
    if asked.form == "json":
        return PageResponse(
            "collection.html",
            {},
            {"name": name, "fingerprint": whole, "articles": found, "missing": list(chosen.missing)},
        )
    first = min(first, max(len(found) - 1, 0) // MANY * MANY)  # the last of a page may have been taken out
    shown = found[first : first + MANY]
    # Its address, which is cited, names each by itself; what the page repeats is as short as can be.
    address = asked.link("/collection", [("name", name), *(("id", one["id"]) for one in found)])
    args = [("name", name), ("id", ",".join(str(one["id"]) for one in found))]

    def link(to: int) -> str:
        return asked.link("/collection", [*args, ("style", style), ("offset", to or None)])

    return PageResponse(
        "collection.html",
        {
            "name": name,
            "articles": found,
            "shown": shown,
            "first": first,
            "long": len(address) > LONG,
            "missing": chosen.missing,
            "fingerprint": whole,
            "kinds": KINDS,
            "args": args,
            "kept": [*args, ("style", style), ("offset", first or None)],
            "before": link(max(first - MANY, 0)) if first else "",
            "after": link(first + MANY) if found[first + MANY :] else "",
            "address": asked.origin + address,
            "style": style,
            "styles": tuple(STYLES),
            "references": STYLES[style]([cited(one) for one in shown]) if style else "",
        },
        None,
    )
