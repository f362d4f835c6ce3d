"""Facets as links: each value narrows the search, or widens it again where it narrows it already."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import sqrt
from typing import Any

from archiver.errors import BadQuery
from archiver.fields import OPTIONS
from archiver.search.aggregations import STATES, GeoGrid, Histogram, Period, geo_grid, histogram
from archiver.search.query import Query
from archiver.search.query_tree import Box
from archiver.web.archive_access import cached, counted
from archiver.web.query_arguments import PageRequest, SearchLinks, search_link

# Which of many periods are shown: a page that says it is of the year 9998 does not make a line of all others.


def densest_window(found: Sequence[int], archived: Sequence[int], most: int) -> tuple[int, int]:
    """Where to begin and to end, of so many periods in a row at `most`: where most is found, of these where most is
    archived, of these the last; without empty ones at their ends. All, where there are no more."""
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


# A histogram as bars that are links, drawn by the template in units of its own.

MOST = 180
"""So many bars are told apart on a screen; of more, a longer unit is taken."""
HEIGHT = 100
_LONGER = {"day": "month", "month": "year", "year": "year"}


@dataclass(frozen=True, slots=True)
class Bar:
    """Of one period: `at` is its place from the left, `height` of HEIGHT; `href` leaves this period alone."""

    period: str
    at: int
    height: float
    articles: int
    said: str
    state: str
    href: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Periods together of which nothing is archived, or that were not looked at yet."""

    at: int
    length: int
    said: str
    state: str


@dataclass(frozen=True, slots=True)
class Bars:
    """`periods` is how many are drawn. `before` and `after` are what is found in those that are left out."""

    found: Histogram
    bars: tuple[Bar, ...]
    gaps: tuple[Gap, ...]
    periods: int
    first: str
    last: str
    top: int
    before: int
    after: int


def histogram_bars(asked: PageRequest, query: Query, unit: str = "", links: SearchLinks | None = None) -> Bars:
    """The histogram of a query, by a unit that its bars can be told apart in. Raises what `histogram` does."""
    found = cached(asked.db, "histogram", (counted(query), unit), lambda: _counted(asked, query, unit))
    start, end = densest_window([one.articles for one in found.periods], [one.archived for one in found.periods], MOST)
    drawn = found.periods[start:end]
    top = max((period.articles for period in drawn), default=0)
    link = (links or SearchLinks(asked, query)).of(len(drawn))
    made, gaps = [], []
    for at, period in enumerate(drawn):
        if period.archived:
            said = f"{period.articles:,} of {period.archived:,} archived"
            made.append(
                Bar(
                    period.period,
                    at,
                    max(2.0, HEIGHT * period.articles / top) if period.articles else 0.0,
                    period.articles,
                    said,
                    period.state,
                    link(replace(query, since=period.period, until=period.period)),
                )
            )
    for state, places in groupby(enumerate(drawn), key=lambda pair: "" if pair[1].archived else pair[1].state):
        if state:
            gaps.append(_gap(list(places)))
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


def _gap(places: list[tuple[int, Period]]) -> Gap:
    first, last = places[0][1], places[-1][1]
    span = first.period if len(places) == 1 else f"{first.period} to {last.period}"
    return Gap(places[0][0], len(places), f"{span}: {STATES[first.state]}", first.state)


def _counted(asked: PageRequest, query: Query, unit: str) -> Histogram:
    for longer in _units(unit):
        try:
            found = histogram(asked.db, query, longer)
        except BadQuery:
            if longer == "year":
                raise
            continue
        if len(found.periods) <= MOST or found.unit == "year":
            return found
    return histogram(asked.db, query, "year")


def _units(unit: str) -> Iterator[str]:
    yield unit
    yield from ("month", "year") if unit in ("", "day") else ("year",) if unit == "month" else ()


# The map of what was found: spots that are links, over an outline that is shipped. Nothing is loaded from elsewhere.

MOST_DOTS = 2_000
"""Of so many articles the places are shown; each takes a look into the archive."""


@dataclass(frozen=True, slots=True)
class MapDot:
    x: float
    y: float
    radius: float
    said: str
    href: str


@dataclass(frozen=True, slots=True)
class Map:
    """`view` is the viewBox; `shifts` are where the outline is drawn, for a view across the antimeridian twice."""

    found: GeoGrid
    view: tuple[float, float, float, float]
    shifts: tuple[int, ...]
    dots: tuple[MapDot, ...]


def map_view(asked: PageRequest, query: Query, links: SearchLinks, most: int = MOST_DOTS) -> Map | None:
    """None where nothing that was found has a place. Raises what `spots` does."""
    found = cached(asked.db, "spots", (counted(query), most), lambda: geo_grid(asked.db, query, most))
    if not found.spots:
        return None
    view, shifts = canvas(found.view)
    most_articles = max(spot.articles for spot in found.spots)
    link, dots = links.of(len(found.spots)), []
    for spot in sorted(found.spots, key=lambda s: -s.articles):
        names = ", ".join(spot.names)
        dots.append(
            MapDot(
                *position(found.view, spot.latitude, spot.longitude),
                round(view[2] * (0.006 + 0.014 * sqrt(spot.articles / most_articles)), 1),
                f"{spot.articles:,} {'article' if spot.articles == 1 else 'articles'}{f': {names}' if names else ''}",
                link(replace(query, bbox=spot.box, near=None)),
            )
        )
    return Map(found, view, shifts, tuple(dots))


def canvas(box: Box) -> tuple[tuple[float, float, float, float], tuple[int, ...]]:
    """The viewBox of a box of the Earth, and where the outline is drawn for it."""
    west, south, east, north = box
    width = ((east - west) % 360 or 360.0) * 10
    return (
        (round(west * 10, 1), round(-north * 10, 1), round(width, 1), round((north - south) * 10, 1)),
        (0, 3600) if west * 10 + width > 1800 else (0,),
    )


def position(box: Box, latitude: float, longitude: float) -> tuple[float, float]:
    """Where a place is drawn for a box that it lies in."""
    return round(box[0] * 10 + (longitude - box[0]) % 360 * 10, 1), round(-latitude * 10, 1)


LABELS = {
    "site": "Site",
    "year": "Year",
    "author": "Author",
    "category": "Category",
    "tag": "Tag",
    "language": "Language",
    "place": "Place",
    "credit": "Source named",
}


@dataclass(frozen=True, slots=True)
class Value:
    """`href` narrows by it, or no longer does where it is `active`; "" where there is no room for it."""

    text: str
    articles: int
    href: str
    active: bool


@dataclass(frozen=True, slots=True)
class Facet:
    name: str
    label: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Something that narrows the search: what it is called, and the address without it; "" where there is no room."""

    label: str
    text: str
    href: str


def facet_links(query: Query, counts: dict[str, list[tuple[str, int]]], links: SearchLinks) -> tuple[Facet, ...]:
    """Those that have a value, in the order of LABELS."""
    link = links.of(sum(map(len, counts.values())))
    return tuple(
        Facet(name, label, tuple(_value(query, name, *pair, link) for pair in counts[name]))
        for name, label in LABELS.items()
        if counts.get(name)
    )


def _value(query: Query, name: str, text: str, articles: int, link: Callable[[Query], str]) -> Value:
    other, active = _toggled(query, name, text)
    return Value(text, articles, link(other), active)


def _toggled(query: Query, name: str, text: str) -> tuple[Query, bool]:
    if name in OPTIONS:
        there: tuple[str, ...] = getattr(query, name)
        active = text in there
        return _with(query, name, tuple(v for v in there if v != text) if active else (*there, text)), active
    if name == "year":
        active = query.since == query.until == text
        return replace(query, since=None if active else text, until=None if active else text), active
    fact = f'{name}:"{" ".join(text.replace(chr(34), " ").split())}"'
    if fact in query.text:
        return replace(query, text=" ".join(query.text.replace(fact, " ").split())), True
    return replace(query, text=f"{query.text} {fact}".strip()), False


def _with(query: Query, name: str, value: Any) -> Query:
    changed: dict[str, Any] = {name: value}
    return replace(query, **changed)


_SINGLE: tuple[tuple[str, str, Callable[[Query], str]], ...] = (
    ("since", "Since", lambda q: q.since or ""),
    ("until", "Until", lambda q: q.until or ""),
    ("near", "Near", lambda q: f"{q.near[0]:g}, {q.near[1]:g}, within {q.within or 25:g} km" if q.near else ""),
    ("bbox", "In the box", lambda q: ", ".join(f"{n:g}" for n in q.bbox) if q.bbox else ""),
    ("like", "Like article", lambda q: str(q.like) if q.like is not None else ""),
)


def instead(asked: PageRequest, query: Query) -> tuple[tuple[str, str], ...]:
    """What else to ask where nothing matches: a label and an address each."""
    found = []
    words = query.text.split()
    if (
        len(words) > 1
        and all(word[0].isalnum() and not re.search(r'[":()*|]', word) for word in words)
        and not ({"OR", "NOT", "AND"} & set(words) or any(word.startswith("NEAR") for word in words))
    ):
        found.append(("any of these words", search_link(asked, replace(query, text=" OR ".join(words)))))
    if query.text and any(_narrowing(query)):
        found.append(("the same in all of the archive", search_link(asked, Query(query.text, stem=query.stem))))
    if query.text and not query.stem:
        found.append(("English words in all their forms", search_link(asked, replace(query, stem=True))))
    return tuple(found)


def narrowings(query: Query, links: SearchLinks) -> tuple[Narrowing, ...]:
    """Whatever narrows a query beside its text."""
    found = tuple(_narrowing(query))
    link = links.of(len(found))
    return tuple(Narrowing(label, text, link(_without(query, name, text))) for name, label, text in found)


def _narrowing(query: Query) -> Iterable[tuple[str, str, str]]:
    """The name, the label and the text of each."""
    for name in OPTIONS:
        yield from ((name, LABELS[name], text) for text in getattr(query, name))
    yield from ((name, label, text) for name, label, shown in _SINGLE if (text := shown(query)))


def _without(query: Query, name: str, text: str) -> Query:
    there = getattr(query, name)
    return _with(query, name, tuple(value for value in there if value != text) if name in OPTIONS else None)
