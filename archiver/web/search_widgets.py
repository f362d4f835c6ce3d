"""Builds the parts of a search page: bar chart, map, facets and active filters, each with links that refine the
search.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import sqrt
from typing import Any

from archiver.errors import BadQuery
from archiver.fields import OPTIONS
from archiver.items import format_degrees
from archiver.search.histograms_and_trends import STATES, GeoGrid, Histogram, Period, geo_grid, histogram
from archiver.search.query import Query
from archiver.search.query_tree import Box
from archiver.web.archive_access import get_cached, strip_paging
from archiver.web.web_requests import ArchiveRequest, SearchLinks, make_search_link

# The shown periods: an article dated 9998 must not squeeze all others into one bar.


def densest_window(found: Sequence[int], archived: Sequence[int], most: int) -> tuple[int, int]:
    """Returns the (start, end) of the `most` consecutive periods with the most matches (`found`), without empty periods
    at either end; the whole range if it has at most `most` periods.

    If several windows have equally many matches, the number of archived articles decides; after that, the latest window
    is chosen.
    """
    if len(archived) <= most:
        return 0, len(archived)
    sums = [sum(values[:most]) for values in (found, archived)]
    best, at = (sums[0], sums[1], 0), 0
    for start in range(1, len(archived) - most + 1):
        for n, values in enumerate((found, archived)):
            sums[n] += values[start + most - 1] - values[start - 1]
        if (sums[0], sums[1], start) > best:
            best, at = (sums[0], sums[1], start), start
    filled = [n for n in range(at, at + most) if archived[n] or found[n]]
    return (filled[0], filled[-1] + 1) if filled else (at, at + most)


# The bar chart.

MAX_BARS = 180
"""At most this many bars can be distinguished on a screen. If there would be more bars, a longer unit is chosen."""
HEIGHT = 100
_LONGER = {"day": "month", "month": "year", "year": "year"}


@dataclass(frozen=True, slots=True)
class Bar:
    """The bar of a period in a chart. `at` is its position from the left, and `height` is relative to HEIGHT. `href`
    links to a search in this period only.
    """

    period: str
    at: int
    height: float
    articles: int
    label: str
    state: str
    href: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap in a chart: consecutive periods from which nothing is archived, or that have not been crawled yet."""

    at: int
    length: int
    label: str
    state: str


@dataclass(frozen=True, slots=True)
class Bars:
    """A bar chart. `periods` is the number of periods drawn; `before` and `after` are the numbers of matches in earlier
    and later periods.
    """

    found: Histogram
    bars: tuple[Bar, ...]
    gaps: tuple[Gap, ...]
    periods: int
    first: str
    last: str
    top: int
    before: int
    after: int


def build_bars(request: ArchiveRequest, query: Query, unit: str = "", links: SearchLinks | None = None) -> Bars:
    """Builds the bar chart of a query's matches over time. `unit` is year, month, day, or "" to choose one; if it gives
    more than MAX_BARS bars, only the periods with the most matches are drawn. `links` makes the links of the bars; None
    if no other part of the page has links to searches. Raises BadQuery, SiteNotFound or IndexMissing.
    """
    found = get_cached(
        request.db, "histogram", (strip_paging(query), unit), lambda: _count_articles(request, query, unit)
    )
    start, end = densest_window(
        [one.articles for one in found.periods], [one.archived for one in found.periods], MAX_BARS
    )
    drawn = found.periods[start:end]
    top = max((period.articles for period in drawn), default=0)
    link = (links or SearchLinks(request, query)).reserve(len(drawn))
    made, gaps = [], []
    for at, period in enumerate(drawn):
        if period.archived:
            label = f"{period.articles:,} of {period.archived:,} archived"
            made.append(
                Bar(
                    period.period,
                    at,
                    max(2.0, HEIGHT * period.articles / top) if period.articles else 0.0,
                    period.articles,
                    label,
                    period.state,
                    link(replace(query, since=period.period, until=period.period)),
                )
            )
    for state, places in groupby(enumerate(drawn), key=lambda pair: "" if pair[1].archived else pair[1].state):
        if state:
            gaps.append(_build_gap(list(places)))
    return Bars(
        found,
        tuple(made),
        tuple(gaps),
        len(drawn),
        drawn[0].period if drawn else "",
        drawn[-1].period if drawn else "",
        top,
        sum(one.articles for one in found.periods[:start]),
        sum(one.articles for one in found.periods[end:]),
    )


def _build_gap(places: list[tuple[int, Period]]) -> Gap:
    first, last = places[0][1], places[-1][1]
    span = first.period if len(places) == 1 else f"{first.period} to {last.period}"
    return Gap(places[0][0], len(places), f"{span}: {STATES[first.state]}", first.state)


def _count_articles(request: ArchiveRequest, query: Query, unit: str) -> Histogram:
    for longer in _coarser_units(unit):
        try:
            found = histogram(request.db, query, longer)
        except BadQuery:
            if longer == "year":
                raise
            continue
        if len(found.periods) <= MAX_BARS or found.unit == "year":
            return found
    return histogram(request.db, query, "year")


def _coarser_units(unit: str) -> Iterator[str]:
    yield unit
    yield from ("month", "year") if unit in ("", "day") else ("year",) if unit == "month" else ()


# The map. Its outline is a static file; nothing is loaded from elsewhere.

MAX_MAPPED = 2_000
"""A map shows the places of at most this many articles, because each article needs a look-up in the archive."""


@dataclass(frozen=True, slots=True)
class MapDot:
    x: float
    y: float
    radius: float
    label: str
    href: str


@dataclass(frozen=True, slots=True)
class Map:
    """A map of search results. `view` is the SVG viewBox. `shifts` are the x offsets at which the outline of the land
    is drawn: two if the view crosses the antimeridian.
    """

    found: GeoGrid
    view: tuple[float, float, float, float]
    shifts: tuple[int, ...]
    dots: tuple[MapDot, ...]


def build_map(request: ArchiveRequest, query: Query, links: SearchLinks, most: int = MAX_MAPPED) -> Map | None:
    """Builds the map of the newest `most` results of a query that have a place; None if no result has one. `links`
    makes the links of the dots. Raises BadQuery, SiteNotFound or IndexMissing.
    """
    found = get_cached(request.db, "spots", (strip_paging(query), most), lambda: geo_grid(request.db, query, most))
    if not found.spots:
        return None
    view, shifts = map_canvas(found.view)
    most_articles = max(spot.articles for spot in found.spots)
    link, dots = links.reserve(len(found.spots)), []
    for spot in sorted(found.spots, key=lambda s: -s.articles):
        names = ", ".join(spot.names)
        dots.append(
            MapDot(
                *map_position(found.view, spot.latitude, spot.longitude),
                round(view[2] * (0.006 + 0.014 * sqrt(spot.articles / most_articles)), 1),
                f"{spot.articles:,} {'article' if spot.articles == 1 else 'articles'}{f': {names}' if names else ''}",
                link(replace(query, bbox=spot.box, near=None)),
            )
        )
    return Map(found, view, shifts, tuple(dots))


def map_canvas(box: Box) -> tuple[tuple[float, float, float, float], tuple[int, ...]]:
    """Returns the SVG viewBox for a box of the Earth, and the x offsets at which the outline of the land is drawn."""
    west, south, east, north = box
    width = ((east - west) % 360 or 360.0) * 10
    return (
        (round(west * 10, 1), round(-north * 10, 1), round(width, 1), round((north - south) * 10, 1)),
        (0, 3600) if west * 10 + width > 1800 else (0,),
    )


def map_position(box: Box, latitude: float, longitude: float) -> tuple[float, float]:
    """Returns the SVG coordinates of a place on the map of the Earth, at ten units per degree.

    The box (W, S, E, N) matters only at the antimeridian: a place west of the box is drawn 360 degrees further east, so
    that x is never west of it.
    """
    return round(box[0] * 10 + (longitude - box[0]) % 360 * 10, 1), round(-latitude * 10, 1)


# Facets and filters.

LABELS = {
    "site": "Site",
    "year": "Year",
    "author": "Author",
    "category": "Category",
    "tag": "Tag",
    "language": "Language",
    "place": "Place",
    "credit": "Credited source",
}


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value of a facet with its number of articles. `href` links to the search with this value as a filter or, if the
    value is `active`, without it. `href` is "" if the page has no room for the link.
    """

    text: str
    articles: int
    href: str
    active: bool


@dataclass(frozen=True, slots=True)
class Facet:
    name: str
    label: str
    values: tuple[FacetValue, ...]


@dataclass(frozen=True, slots=True)
class ActiveFilter:
    """A filter that the search uses. `href` links to the search without it; "" if the page has no room for the link."""

    label: str
    text: str
    href: str


def link_facets(query: Query, counts: dict[str, list[tuple[str, int]]], links: SearchLinks) -> tuple[Facet, ...]:
    """Returns the non-empty facets of a search with a link for each value, in the fixed order of the page."""
    link = links.reserve(sum(map(len, counts.values())))
    return tuple(
        Facet(name, label, tuple(_build_value(query, name, *pair, link) for pair in counts[name]))
        for name, label in LABELS.items()
        if counts.get(name)
    )


def _build_value(query: Query, name: str, text: str, articles: int, link: Callable[[Query], str]) -> FacetValue:
    other, active = _toggle_value(query, name, text)
    return FacetValue(text, articles, link(other), active)


def _toggle_value(query: Query, name: str, text: str) -> tuple[Query, bool]:
    if name in OPTIONS:
        selected: tuple[str, ...] = getattr(query, name)
        active = text in selected
        return _replace_filter(
            query, name, tuple(v for v in selected if v != text) if active else (*selected, text)
        ), active
    if name == "year":
        active = query.since == query.until == text
        return replace(query, since=None if active else text, until=None if active else text), active
    term = f'{name}:"{" ".join(text.replace(chr(34), " ").split())}"'
    if term in query.text:
        return replace(query, text=" ".join(query.text.replace(term, " ").split())), True
    return replace(query, text=f"{query.text} {term}".strip()), False


def _replace_filter(query: Query, name: str, value: Any) -> Query:
    changed: dict[str, Any] = {name: value}
    return replace(query, **changed)


_SINGLE: tuple[tuple[str, str, Callable[[Query], str]], ...] = (
    ("since", "Since", lambda q: q.since or ""),
    ("until", "Until", lambda q: q.until or ""),
    (
        "near",
        "Near",
        lambda q: f"{format_degrees(*q.near, between=', ')}, within {q.within or 25:g} km" if q.near else "",
    ),
    ("bbox", "Box", lambda q: format_degrees(*q.bbox, between=", ") if q.bbox else ""),
    ("like", "Similar to article", lambda q: str(q.like) if q.like is not None else ""),
)


def suggest_searches(request: ArchiveRequest, query: Query) -> tuple[tuple[str, str], ...]:
    """Returns other searches to try if nothing matches, as (label, URL) pairs."""
    found = []
    words = query.text.split()
    if (
        len(words) > 1
        and all(word[0].isalnum() and not re.search(r'[":()*|]', word) for word in words)
        and not ({"OR", "NOT", "AND"} & set(words) or any(word.startswith("NEAR") for word in words))
    ):
        found.append(("any of these words", make_search_link(request, replace(query, text=" OR ".join(words)))))
    if query.text and any(_list_filters(query)):
        found.append(("the same without filters", make_search_link(request, Query(query.text, stem=query.stem))))
    if query.text and not query.stem:
        found.append(("all forms of English words", make_search_link(request, replace(query, stem=True))))
    return tuple(found)


def list_active_filters(query: Query, links: SearchLinks) -> tuple[ActiveFilter, ...]:
    """Returns the filters of a query (all but its text), each with a link to the search without it."""
    found = tuple(_list_filters(query))
    link = links.reserve(len(found))
    return tuple(ActiveFilter(label, text, link(_remove_filter(query, name, text))) for name, label, text in found)


def _list_filters(query: Query) -> Iterable[tuple[str, str, str]]:
    """Yields the name, label and text of each filter that a query uses."""
    for name in OPTIONS:
        yield from ((name, LABELS[name], text) for text in getattr(query, name))
    yield from ((name, label, text) for name, label, shown in _SINGLE if (text := shown(query)))


def _remove_filter(query: Query, name: str, text: str) -> Query:
    selected = getattr(query, name)
    return _replace_filter(
        query, name, tuple(value for value in selected if value != text) if name in OPTIONS else None
    )
