"""The web pages related to search: results, concordance, trends, saved searches and exports."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import IO

from markupsafe import Markup
from sqlite_utils import Database

from archiver.errors import BadQuery
from archiver.fields import FIELDS
from archiver.search.citations import STYLES, build_citation
from archiver.search.concordance import MAX_WIDTH, WIDTH, concordance
from archiver.search.engine import count_facets, hit_as_dict, matching_ids, plan_query, run
from archiver.search.histograms_and_trends import MAX_TERMS, UNITS, Trend, trend, trend_svg
from archiver.search.query import Query, query_as_options
from archiver.search.saved_search import (
    WHY,
    atom_feed,
    find_saved_search,
    last_reported,
    peek_saved_search,
    saved_search_states,
)
from archiver.search.snippets import highlight_line, highlight_terms
from archiver.search.sorting_and_folding import FOLDS
from archiver.storage.article_tables.article_records import records
from archiver.web.archive_access import get_cached, strip_paging
from archiver.web.search_widgets import (
    build_bars,
    build_map,
    densest_window,
    link_facets,
    list_active_filters,
    suggest_searches,
)
from archiver.web.web_requests import (
    ArchiveRequest,
    CannotAnswer,
    Download,
    PageResponse,
    RawResponse,
    SearchLinks,
    collected_articles,
    format_query,
    make_reading_link,
    make_search_link,
    parse_query,
)

SORTS = (
    ("", "Relevance"),
    ("-date", "Newest first"),
    ("date", "Oldest first"),
    ("title", "Title"),
    ("site", "Site"),
    ("-added", "Recently archived"),
    ("distance", "Distance"),
)
_UNITS = ("year", "month", "day")
VALUES, MORE_VALUES, MAX_VALUES = 10, 50, 10_000
"""The number of values shown for a facet: by default, after "Show more", and at most in JSON."""
_FIELDS = ("since", "until", "near", "within", "bbox", "sort", "fold", "stem", "recent", "by", "q")
"""The arguments of a search URL for which the search form has a visible field. Other arguments become hidden fields of
the form."""


def search_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page with the results of a search, their chart, map and facets."""
    query = parse_query(request)
    if request.one("by") not in ("", *_UNITS):
        raise BadQuery(f"by {request.one('by')}", f"articles are counted by {', '.join(_UNITS)}")
    found = run(request.db, query)
    values = _parse_value_count(request)
    counts = get_cached(
        request.db, "facets", (strip_paging(query), values), lambda: count_facets(request.db, query, values)
    )
    links = SearchLinks(request, query)
    narrowed, narrowing = list_active_filters(query, links), link_facets(query, counts, links)
    chart = build_bars(request, query, request.one("by"), links)
    if request.form == "json":
        return PageResponse(
            "search.html",
            {},
            {
                "total": found.total,
                "offset": query.offset,
                "hits": [hit_as_dict(hit) for hit in found.hits],
                "facets": {name: dict(values) for name, values in counts.items()},
                "histogram": asdict(chart.found),
            },
        )
    in_titles = highlight_terms(plan_query(request.db, query).node, "title")
    return PageResponse(
        "search.html",
        {
            "query": query,
            "found": found,
            "titles": {
                hit.id: highlight_line(unicodedata.normalize("NFC", hit.title or ""), in_titles) for hit in found.hits
            },
            "reading": {
                hit.id: make_reading_link(request, query, hit.id, query.offset + n)
                for n, hit in enumerate(found.hits, 1)
            },
            "facets": narrowing,
            "chart": chart,
            "map": build_map(request, query, links),
            "links": links,
            "active_filters": narrowed,
            "pages": _build_paging(request, query, found.total),
            "hidden": [pair for pair in format_query(query) if pair[0] not in (*_FIELDS, "offset")],
            "args": request.args,
            "sorts": [pair for pair in SORTS if pair[0] != "distance" or query.near],
            "folds": FOLDS,
            "kinds": EXPORT_FORMATS,
            "export": [pair for pair in format_query(query) if pair[0] not in ("limit", "offset")],
            "twin": request.link("/search.json", format_query(query)),
            "options": query_as_options(query),
            "suggestions": () if found.total else suggest_searches(request, query),
            "more": request.link("/search", [*format_query(query), ("values", MORE_VALUES)])
            if values < MORE_VALUES and any(len(one) >= values for one in counts.values()) and not links.is_long
            else "",
            "others": [
                (label, make_search_link(request, query, path))
                for label, path in (("Trend", "/trends"), ("Concordance", "/concordance"))
                if query.text
            ],
        },
        None,
    )


def _parse_value_count(request: ArchiveRequest) -> int:
    """Returns how many values of each facet the request wants. Raises BadQuery if the argument is invalid."""
    text = request.one("values", str(VALUES))
    if not (text.isascii() and text.isdigit() and int(text[:9])):
        raise BadQuery(f"values {text}", "it must be a whole number greater than 0")
    return min(int(text[:9]), MAX_VALUES if request.form == "json" else MORE_VALUES)


def _build_paging(request: ArchiveRequest, query: Query, total: int) -> dict[str, object]:
    size = query.limit or 1
    number, last = query.offset // size + 1, max(1, -(-total // size))

    def link(to: int) -> str:
        return request.link("/search", format_query(replace(query, offset=(to - 1) * size)))

    return {
        "number": number,
        "last": last,
        "before": link(number - 1) if number > 1 else "",
        "after": link(number + 1) if number < last else "",
    }


# Concordance.

LINES = 100
CONCORDANCE_SORTS = (
    ("", "Newest first"),
    ("date", "Oldest first"),
    ("left", "Words before"),
    ("right", "Words after"),
)


def concordance_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page with every occurrence of the search terms in context."""
    query = parse_query(request)
    query = replace(query, limit=LINES if not request.one("limit") else query.limit)
    text = request.one("width", str(WIDTH))
    if not (text.isascii() and text.isdigit()):
        raise BadQuery(f"width {text}", f"the width must be 0 to {MAX_WIDTH} characters")
    found = concordance(request.db, query, min(int(text[:4]), MAX_WIDTH + 1)) if query.text else None
    lines = [asdict(one) for one in found.lines] if found else []
    if request.form == "json":
        return PageResponse("concordance.html", {}, lines)
    args = [pair for pair in format_query(query) if pair[0] not in ("limit", "offset")] + [("width", text)]
    size = query.limit or LINES

    def link(offset: int) -> str:
        return request.link("/concordance", [*args, ("offset", offset)])

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
            "articles": make_search_link(request, replace(query, limit=20, sort="")),
            "twin": request.link("/concordance.json", args),
        },
        None,
    )


# Trends.

_EMPTY_FIELDS = 3
MAX_PERIODS = 400
"""A page shows at most this many periods; the JSON contains all of them."""
_TREND_FIELDS = ("q", "since", "until", "limit", "offset", "sort", "fold")


def trends_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page that shows the share of articles that match each term over time, as a chart and a table."""
    query = parse_query(request)
    terms = request.many("term")
    if not terms and query.text:  # for a link from a search, the search text becomes the term, and the filters stay
        terms, query = (query.text,), replace(query, text="")
    unit = request.one("by")
    found = trend(request.db, query, terms, unit) if terms else None
    if request.form == "json":
        return PageResponse("trends.html", {}, asdict(found) if found else {"series": []})
    shown = _densest_periods(found) if found else None
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
            "rows": _build_table(shown) if shown else (),
            "hidden_periods": len(found.periods) - len(shown.periods) if found and shown else 0,
            "hidden": [pair for pair in format_query(query) if pair[0] not in _TREND_FIELDS],
            "searches": [
                (
                    one.term,
                    make_search_link(request, replace(query, text=_combine_texts(query.text, one.term), fold="none")),
                )
                for one in found.series
            ]
            if found
            else (),
            "twin": request.link(
                "/trends.json", [*format_query(query), ("by", unit), *(("term", term) for term in terms)]
            ),
        },
        None,
    )


def _densest_periods(found: Trend) -> Trend:
    """Limits a trend to the consecutive periods with the most matches, if the trend has too many periods for a page."""
    start, end = densest_window(
        [sum(one.articles[n] for one in found.series) for n in range(len(found.periods))], found.archived, MAX_PERIODS
    )
    series = (replace(one, articles=one.articles[start:end], shares=one.shares[start:end]) for one in found.series)
    return replace(found, periods=found.periods[start:end], archived=found.archived[start:end], series=tuple(series))


def _combine_texts(text: str, term: str) -> str:
    """Returns the text of a query that requires both a search text and a term."""
    return f"({text}) ({term})" if text else term


def _build_table(found: Trend) -> list[tuple[str, int, list[tuple[int, str]]]]:
    """Returns the rows of a trend's table: the period, its number of archived articles, and for each term the matches
    and their share.
    """
    return [
        (period, found.archived[n], [(one.articles[n], _format_percent(one.shares[n])) for one in found.series])
        for n, period in enumerate(found.periods)
    ]


def _format_percent(share: float | None) -> str:
    return "" if share is None else f"{share * 100:.3g} %"


# Saved searches.


def searches_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page with the list of saved searches, with their numbers of matches and new matches."""
    found = get_cached(request.db, "saved searches", None, lambda: saved_search_states(request.db))
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
    """Returns the page of a saved search with its new matches. The matches count as new until `archiver searches run`
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
            "why": WHY,
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


# Exports of results and collections, in the formats of `archiver export` and `archiver cite`.


Write = Callable[[Database, Sequence[int], IO[bytes]], None]


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A format in which articles can be exported. `name` is used in URLs, `label` on pages. `ending` is the suffix of
    the file name. `write` writes the file. `columns` are the columns to choose from, if the format has any.
    """

    name: str
    label: str
    media_type: str
    ending: str
    write: Write
    columns: tuple[str, ...] = ()


def _format_writer(name: str) -> Write:
    def write(db: Database, ids: Sequence[int], out: IO[bytes]) -> None:
        from archiver.datasets.record_formats import FORMATS

        FORMATS[name].write(records(db, ids), out)

    return write


def _write_csv(db: Database, ids: Sequence[int], out: IO[bytes], columns: tuple[str, ...] = ()) -> None:
    """Writes articles as CSV that a spreadsheet can open without running anything; with all columns by default."""
    from archiver.datasets.record_formats import write_csv

    write_csv(records(db, ids), out, columns or CSV_COLUMNS, harmless=True)


def _citation_writer(name: str) -> Write:
    def write(db: Database, ids: Sequence[int], out: IO[bytes]) -> None:
        out.write(STYLES[name]([build_citation(one) for one in records(db, ids)]).encode("utf-8", "replace"))

    return write


CSV_COLUMNS = tuple(field.name for field in FIELDS)
EXPORT_FORMATS: dict[str, ExportFormat] = {
    kind.name: kind
    for kind in (
        ExportFormat("csv", "CSV", "text/csv; charset=utf-8; header=present", "csv", _write_csv, CSV_COLUMNS),
        ExportFormat("jsonl", "JSON Lines", "application/jsonl; charset=utf-8", "jsonl", _format_writer("jsonl")),
        ExportFormat("geojson", "GeoJSON", "application/geo+json; charset=utf-8", "geojson", _format_writer("geojson")),
        ExportFormat("bibtex", "BibTeX", "application/x-bibtex; charset=utf-8", "bib", _citation_writer("bibtex")),
        ExportFormat(
            "ris", "RIS", "application/x-research-info-systems; charset=utf-8", "ris", _citation_writer("ris")
        ),
        ExportFormat(
            "csl-json",
            "CSL-JSON",
            "application/vnd.citationstyles.csl+json; charset=utf-8",
            "json",
            _citation_writer("csl-json"),
        ),
    )
}


def find_ids(db: Database, query: Query) -> list[int]:
    """Returns the IDs of all results of a search, in the order of the results page and with the same duplicates folded.
    Raises BadQuery, SiteNotFound or IndexMissing.
    """
    return list(matching_ids(db, replace(query, limit=None, offset=0)))


def export_page(request: ArchiveRequest) -> Download:
    """Returns a file with the results of a search or, if the URL has arguments `id`, with the articles of a collection.
    The argument `as` selects the format, such as `as=csv`; for CSV, the arguments `column` select the columns.
    """
    if (name := request.one("as")) not in EXPORT_FORMATS:
        raise CannotAnswer(f"export as {name}", f"the formats are {', '.join(EXPORT_FORMATS)}")
    kind = EXPORT_FORMATS[name]
    columns = request.many("column")
    if unknown := next((one for one in columns if one not in kind.columns), ""):
        known = f"the columns are {', '.join(kind.columns)}" if kind.columns else "only CSV has columns to choose"
        raise CannotAnswer(f"column {unknown}", known)
    named = request.many("id")
    ids = collected_articles(request.db, named).ids if named else find_ids(request.db, parse_query(request))

    def write(db: Database, out: IO[bytes]) -> None:
        if columns:
            _write_csv(db, ids, out, columns)
        else:
            kind.write(db, ids, out)

    return Download(write, kind.media_type, f"{'collection' if named else 'search'}.{kind.ending}")
