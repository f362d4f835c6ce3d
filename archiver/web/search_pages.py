"""The web pages related to search: results and saved searches."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from archiver.api.captures import captured_lead_image
from archiver.api.feeds import (
    NEW_RESULT_REASONS,
    atom_feed,
    find_saved_search,
    last_reported,
    peek_saved_search,
    saved_search_states,
)
from archiver.api.records import VERSION_COUNT
from archiver.api.search import (
    FOLDS,
    Hit,
    Query,
    Sort,
    count_facets,
    has_ranking_terms,
    highlight_line,
    highlight_terms,
    hit_as_dict,
    plan_query,
    query_as_options,
    run_query,
    sort_order,
)
from archiver.model.errors import BadQuery
from archiver.model.fields import OPTIONS
from archiver.web.archive_connections import get_cached, strip_paging
from archiver.web.collection_pages import DOWNLOAD_FORMATS
from archiver.web.safe_replay import build_memento_url, format_timestamp
from archiver.web.search_charts import build_bars, build_map
from archiver.web.search_filters import (
    MAX_VALUES,
    VALUES,
    Facet,
    build_facets,
    example_terms,
    give_advice,
    list_active_filters,
    name_article,
    show_titles,
    sites_in,
)
from archiver.web.site_names import identify_sites
from archiver.web.web_requests import (
    MAX_HITS,
    PAGE_SIZE,
    ArchiveRequest,
    PageResponse,
    RawResponse,
    SearchLinks,
    format_query,
    make_reading_link,
    make_search_link,
    parse_query,
)

SORTS = (
    ("", "Relevance"),
    ("-date", "Newest"),
    ("date", "Oldest"),
    ("title", "Title"),
    ("site", "Site"),
    ("-added", "Recently archived"),
    ("distance", "Distance"),
)
_MAIN_SORTS = ("relevance", "-date", "date")
"""The orders that are shown above the results. The others are in the filters."""
_PAGE_SIZES = (PAGE_SIZE, 50, MAX_HITS)
_UNITS = ("year", "month", "day")
_FIELDS = ("since", "until", "near", "within", "bbox", "sort", "fold", "stem", "recent", "by", "q")
"""The arguments of a search URL for which the search form has a visible field. Other arguments become hidden fields of
the form."""
_ARGUMENTS = (*_FIELDS, *OPTIONS, "like", "limit", "offset", "values", "more", "facet", "find")
"""All arguments that a search page understands."""


_MOST_FOLDED = 50
"""A hit lists at most this many of the articles that are folded beneath it."""
_MOST_NEW = 100
"""The page of a saved search shows at most this many new results."""


def search_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page with the results of a search, their chart, map and facets."""
    query = parse_query(request)
    if request.one("by") not in ("", *_UNITS):
        raise BadQuery(f"by {request.one('by')}", f"articles are counted by {', '.join(_UNITS)}")
    found = run_query(request.db, query)
    links = SearchLinks(request, query)
    advice = give_advice(request, query, found.total, _ARGUMENTS)
    if request.form == "json":
        values = _parse_value_count(request)
        counts = get_cached(
            request.db, "facets", (strip_paging(query), values), lambda: count_facets(request.db, query, values)
        )
        return PageResponse(
            "search.html",
            {},
            {
                "total": found.total,
                "offset": query.offset,
                "hits": [hit_as_dict(hit) for hit in found.hits],
                "facets": {name: dict(values) for name, values in counts.items()},
                "histogram": asdict(build_bars(request, query, request.one("by"), links).found),
                **advice.as_dict(),
            },
        )
    active = list_active_filters(request.db, query, links)
    facets = build_facets(request, query, links) if found.total or query != Query(query.text, limit=query.limit) else ()
    identities = identify_sites(request, [*_sites_of(found.hits), *sites_in(facets, active)])
    facets, active = show_titles(facets, active, {name: one.title for name, one in identities.items()})
    plan = plan_query(request.db, query)
    in_titles = highlight_terms(plan.node, "title")
    return PageResponse(
        "search.html",
        {
            "query": query,
            "found": found,
            "most_folded": _MOST_FOLDED,
            "titles": {
                hit.id: highlight_line(unicodedata.normalize("NFC", hit.title or ""), in_titles) for hit in found.hits
            },
            "reading": {
                hit.id: make_reading_link(request, query, hit.id, query.offset + n)
                for n, hit in enumerate(found.hits, 1)
            },
            "extras": load_extras(request, [hit.id for hit in found.hits]),
            "identities": identities,
            "main_language": _main_language(facets),
            "heading": query.text or (f"Similar to {name_article(request.db, query.like)}" if query.like else ""),
            "facets": facets,
            "chart": build_bars(request, query, request.one("by"), links) if found.total else None,
            "map": build_map(request, query, links) if found.total else None,
            "links": links,
            "active_filters": active,
            "advice": advice,
            "search_link": partial(make_search_link, request),
            "pages": _build_paging(request, query, found.total),
            "orders": _list_orders(request, query, sort_order(plan), has_ranking_terms(plan.node)),
            "sizes": [
                (size, make_search_link(request, replace(query, limit=size)), size == query.limit)
                for size in _PAGE_SIZES
                if found.total > _PAGE_SIZES[0]
            ],
            "hidden": [pair for pair in format_query(query) if pair[0] not in (*_FIELDS, "offset")],
            "args": request.args,
            "sorts": [pair for pair in SORTS if pair[0] != "distance" or query.near],
            "folds": FOLDS,
            "kinds": DOWNLOAD_FORMATS,
            "export": [pair for pair in format_query(query) if pair[0] not in ("limit", "offset")],
            "twin": request.link("/search.json", format_query(query)),
            "options": query_as_options(query),
            "examples": () if found.total else example_terms(request.db),
        },
        None,
    )


def _sites_of(hits: Iterable[Hit]) -> list[str]:
    """Returns the names of the sites of hits and of the articles that are folded beneath them."""
    return [name for hit in hits for name in (hit.site, *(one.site for one in hit.folded[:_MOST_FOLDED]))]


def _parse_value_count(request: ArchiveRequest) -> int:
    """Returns how many values of each facet the request wants. Raises BadQuery if the argument is invalid."""
    text = request.one("values", str(VALUES))
    if not (text.isascii() and text.isdigit() and int(text[:9])):
        raise BadQuery(f"values {text}", "it must be a whole number greater than 0")
    return min(int(text[:9]), MAX_VALUES)


def _list_orders(request: ArchiveRequest, query: Query, current: Sort, is_ranked: bool) -> list[tuple[str, str, bool]]:
    """Returns the orders to choose above the results: (label, URL, True for the current one)."""
    names = {name or "relevance": label for name, label in SORTS}
    shown = [name for name in _MAIN_SORTS if is_ranked or name != "relevance"]
    own = f"{'-' * (current.down and current.field != 'relevance')}{current.field}"
    if own not in shown and own in names:
        shown.append(own)
    return [
        (names[name], make_search_link(request, replace(query, sort="" if name == "relevance" else name)), name == own)
        for name in shown
    ]


def _main_language(facets: Sequence[Facet]) -> str:
    """Returns the name of the language in which most of the found articles are written; "" if there is none."""
    return next((facet.values[0].text for facet in facets if facet.name == "language" and facet.values), "")


_LARGEST_IMAGE = 500_000
"""A lead image with more bytes is not shown in a list of results, where images have the size of a stamp."""
_SMALLEST_IMAGE = 48


@dataclass(frozen=True, slots=True)
class HitExtras:
    """What a list of results shows of an article beside its hit: its number of versions, the URL of its capture on this
    server ("" if it has none), and whether its lead image is captured and large enough to be seen.
    """

    versions: int
    capture: str
    has_image: bool


def load_extras(request: ArchiveRequest, ids: Sequence[int]) -> dict[int, HitExtras]:
    """Returns the extras of articles by ID."""
    rows = request.db.query(
        f"select a.id, {VERSION_COUNT} as versions, a.image, c.url, c.captured_at from articles a "
        "left join captures c on c.id = a.capture_id where a.id in (select value from json_each(?))",
        [json.dumps(list(ids))],
    )
    return {
        row["id"]: HitExtras(
            row["versions"],
            build_memento_url(request, f"view/{format_timestamp(row)}/", row["url"])
            if row["captured_at"] and row["url"]
            else "",
            bool(row["image"]) and _is_seen(captured_lead_image(request.db, row["id"])),
        )
        for row in rows
    }


def _is_seen(image: dict[str, Any] | None) -> bool:
    if image is None or image["capture"] is None or not str(image["media_type"] or "").startswith("image/"):
        return False
    sizes = [image[name] for name in ("width", "height") if isinstance(image[name], int)]
    return (image["bytes"] or 0) <= _LARGEST_IMAGE and all(size >= _SMALLEST_IMAGE for size in sizes)


def _build_paging(request: ArchiveRequest, query: Query, total: int) -> dict[str, object]:
    size = query.limit or 1
    number, last = query.offset // size + 1, max(1, -(-total // size))

    def link(to: int) -> str:
        return request.link("/search", format_query(replace(query, offset=(to - 1) * size)))

    near = sorted({1, last, *range(max(number - 2, 1), min(number + 2, last) + 1)})
    numbers: list[tuple[int, str]] = []
    for before, to in zip([0, *near], near, strict=False):
        numbers += [(0, "")] * (to > before + 1) + [(to, link(to))]
    return {
        "number": number,
        "last": last,
        "first": link(1),
        "before": link(number - 1) if number > 1 else "",
        "after": link(number + 1) if number < last else "",
        "numbers": numbers,
    }


# Saved searches.


def searches_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page with the list of saved searches, with their numbers of matches and new matches."""
    found = get_cached(request.db, "saved searches", None, lambda: saved_search_states(request.db))
    data = [
        {
            "name": one.saved.name,
            "query": query_as_options(one.saved.query),
            "saved_at": one.saved.saved_at,
            "ran_at": one.saved.ran_at if one.saved.ran_at != one.saved.saved_at else None,
            "total": one.total,
            "new": one.new,
            "error": one.error,
        }
        for one in found
    ]
    rows = [
        {
            **row,
            "href": _saved_search_link(request, one.saved.name),
            "all": "" if one.error else make_search_link(request, one.saved.query),
            "feed": request.link(f"/searches/{one.saved.name}/feed"),
        }
        for row, one in zip(data, found, strict=True)
    ]
    return PageResponse("searches.html", {"searches": rows}, data)


def _saved_search_link(request: ArchiveRequest, name: str) -> str:
    return request.link(f"/searches/{name}", [("_format", "html" if name.endswith(".json") else "")])


def saved_search_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page of a saved search with its new matches. The matches count as new until `archiver search --new`
    shows them.
    """
    result = peek_saved_search(request.db, request.named["name"])
    saved = result.saved
    data = {
        "name": saved.name,
        "query": query_as_options(saved.query),
        "since": result.since,
        "total": result.total,
        "new": [{**hit_as_dict(one.hit), "reason": one.why} for one in result.new],
    }
    return PageResponse(
        "saved_search.html",
        {
            "saved": saved,
            "options": query_as_options(saved.query),
            "result": result,
            "identities": identify_sites(request, _sites_of(one.hit for one in result.new[:_MOST_NEW])),
            "most_folded": _MOST_FOLDED,
            "most_new": _MOST_NEW,
            "why": NEW_RESULT_REASONS,
            "all": make_search_link(request, saved.query),
            "feed": request.link(f"/searches/{saved.name}/feed"),
        },
        data,
    )


_ENTRIES = 100


def feed_page(request: ArchiveRequest) -> RawResponse:
    """Returns the matches that a saved search has reported as an Atom feed (RFC 4287)."""
    saved = find_saved_search(request.db, request.named["name"])
    return RawResponse(
        atom_feed(
            saved,
            last_reported(request.db, saved.name, _ENTRIES),
            own_url=request.origin + request.link(f"/searches/{saved.name}/feed"),
        ),
        "application/atom+xml; charset=utf-8",
    )
