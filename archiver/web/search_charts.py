"""Builds the bar chart and the map of a search page, with links that refine the search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from unicodedata import east_asian_width

from archiver.api.search import PERIOD_STATES, Box, Histogram, Period, Query, histogram
from archiver.model.errors import BadQuery
from archiver.model.items import format_degrees
from archiver.web.archive_connections import get_cached, strip_paging
from archiver.web.geo_grid import MAP_WIDTH, GeoGrid, geo_grid, spot_radius
from archiver.web.template_rendering import name_period
from archiver.web.web_requests import ArchiveRequest, SearchLinks

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


# Axes. Positions are percentages of the plot's width, so that the plot fits any screen without distorting text.

PLOT = 100
"""The height of a plot between its lowest and its highest gridline, in CSS pixels."""
_WIDE_LABELS = 10
_EDGE = 4
"""A label that is nearer to an edge than this percentage of the width is set beside its position."""
_STEPS = {
    "year": (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000),
    "month": (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1_200),
    "day": (1, 2, 7, 14, 28, 56, 112, 364, 728),
}


@dataclass(frozen=True, slots=True)
class Label:
    """A label of an axis at a position: a percentage on the x axis, CSS pixels from the top on the y axis. `anchor` is
    its SVG text-anchor. A `minor` label is left out on a narrow screen.
    """

    at: float
    text: str
    anchor: str = "middle"
    minor: bool = False


def label_periods(unit: str, periods: Sequence[str]) -> tuple[Label, ...]:
    """Returns the labels of an x axis for consecutive periods: at most ten, at round years, months or days."""
    step = next((one for one in _STEPS[unit] if len(periods) / one <= _WIDE_LABELS), len(periods) or 1)
    if unit == "day":
        places = [*range(0, len(periods), step)]
    else:
        numbers = [_period_number(period) for period in periods]
        places = [n for n, number in enumerate(numbers) if number % step == 0] or [0]
    labels = []
    for nth, n in enumerate(places):
        at = 100 * (n + 0.5) / len(periods)
        text = periods[n][:4] if unit == "month" and step % 12 == 0 else name_period(periods[n])
        half = 50 / len(periods)
        anchor, at = ("start", at - half) if at < _EDGE else ("end", at + half) if at > 100 - _EDGE else ("middle", at)
        labels.append(Label(round(at, 3), text, anchor, nth % 2 == 1))
    return tuple(labels)


def _period_number(period: str) -> int:
    year, _, month = period.partition("-")
    return int(year) * 12 + int(month) - 1 if month else int(year)


def label_values(top: float) -> tuple[Label, ...]:
    """Returns the labels of a y axis of articles that ends at `top`: there, in the middle and at 0. A value that is no
    whole number has no text.
    """
    values = [(part, top * part / 2) for part in (2, 1, 0)]
    return tuple(Label(PLOT * (1 - part / 2), f"{n:,.0f}" if n == int(n) else "", "end") for part, n in values)


def round_up(value: float) -> float:
    """Rounds a value up to the next 1, 2 or 5 times a power of ten, for the top of an axis."""
    power = 10.0**-6
    while True:
        for times in (1, 2, 5):
            if power * times >= value * 0.999999:
                return power * times
        power *= 10


# The bar chart.

MAX_BARS = 120
"""At most this many bars can be distinguished on a screen. If there would be more bars, a longer unit is chosen."""
HEIGHT = PLOT


@dataclass(frozen=True, slots=True)
class Bar:
    """The bar of a period in a chart. `at` and `width` are percentages of the plot's width, `height` is relative to
    HEIGHT. `href` links to a search in this period only.
    """

    period: str
    at: float
    width: float
    height: float
    articles: int
    label: str
    state: str
    href: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap in a chart: consecutive periods from which nothing is archived, or that have not been crawled yet. `at` and
    `length` are percentages of the plot's width.
    """

    at: float
    length: float
    label: str
    state: str


@dataclass(frozen=True, slots=True)
class Bars:
    """A bar chart. `periods` is the number of periods drawn; `before` and `after` are the numbers of matches in earlier
    and later periods. `found` is what was counted, `across` and `up` are the labels of the axes.
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
    across: tuple[Label, ...] = ()
    up: tuple[Label, ...] = ()


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
    highest = round_up(top or 1)
    link = (links or SearchLinks(request, query)).reserve(len(drawn))
    made, gaps = [], []
    each = 100 / max(len(drawn), 1)
    for at, period in enumerate(drawn):
        if period.archived:
            made.append(
                Bar(
                    period.period,
                    round(at * each, 3),
                    round(each, 3),
                    round(max(2.0, HEIGHT * period.articles / highest), 1) if period.articles else 0.0,
                    period.articles,
                    f"{period.articles:,} of {period.archived:,} archived",
                    period.state,
                    link(replace(query, since=period.period, until=period.period)),
                )
            )
    for state, places in groupby(enumerate(drawn), key=lambda pair: "" if pair[1].archived else pair[1].state):
        if state:
            gaps.append(_build_gap(list(places), each))
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
        label_periods(found.unit, [one.period for one in drawn]) if drawn else (),
        label_values(highest),
    )


def _build_gap(places: list[tuple[int, Period]], each: float) -> Gap:
    first, last = places[0][1], places[-1][1]
    names = name_period(first.period), name_period(last.period)
    span = names[0] if len(places) == 1 else " to ".join(names)
    return Gap(
        round(places[0][0] * each, 3),
        round(len(places) * each, 3),
        f"{span}: {PERIOD_STATES[first.state]}",
        first.state,
    )


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
    """A spot on a map, in SVG units of the map. `name` is written beside the spot if there is room for it; `articles`
    is the number of its articles as text.
    """

    x: float
    y: float
    radius: float
    label: str
    href: str
    name: str = ""
    articles: str = ""
    left: bool = False
    minor: bool = False


@dataclass(frozen=True, slots=True)
class Map:
    """A map of search results. `view` is the SVG viewBox. `shifts` are the x offsets at which the outline of the land
    is drawn: two if the view crosses the antimeridian. `places` is the number of different places.
    """

    found: GeoGrid
    view: tuple[float, float, float, float]
    shifts: tuple[int, ...]
    dots: tuple[MapDot, ...]
    places: int


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
        where = spot.name or format_degrees(spot.latitude, spot.longitude, between=", ")
        dots.append(
            MapDot(
                *map_position(found.view, spot.latitude, spot.longitude),
                spot_radius(spot.articles, most_articles),
                f"{spot.articles:,} {'article' if spot.articles == 1 else 'articles'}: {where}",
                link(replace(query, bbox=spot.box, near=None)),
                spot.name,
                f"{spot.articles:,}",
            )
        )
    return Map(found, view, shifts, tuple(_label_dots(view, dots)), sum(spot.places for spot in found.spots))


_LETTER, _LINE, _MOST_LETTERS = 6.6, 15.0, 26
"""The width of a letter and the height of a line in CSS pixels, which are assumed for placing names; the maximum length
of a name in letters."""
_MAJOR = 4
"""The number of names that are also shown on a narrow screen."""


def _label_dots(view: tuple[float, float, float, float], dots: Sequence[MapDot]) -> Iterator[MapDot]:
    """Yields the dots of a map, most articles first. A dot keeps its name if the name overlaps no other name and no
    larger dot.
    """
    scale = MAP_WIDTH / view[2]
    taken: list[tuple[float, float, float, float]] = []
    named = 0
    for dot in dots:
        x, y = (dot.x - view[0]) * scale, (dot.y - view[1]) * scale
        length = _LETTER * sum(2 if east_asian_width(letter) in "WF" else 1 for letter in dot.name)
        left = x + dot.radius + length > MAP_WIDTH
        start = x - dot.radius - 3 - length if left else x + dot.radius + 3
        box = (start, y - _LINE / 2, start + length, y + _LINE / 2)
        fits = start >= 0 and 0 < len(dot.name) <= _MOST_LETTERS and not any(_overlap(box, other) for other in taken)
        taken.append((x - dot.radius, y - dot.radius, x + dot.radius, y + dot.radius))
        if fits:
            taken.append(box)
            named += 1
        yield replace(dot, name=dot.name if fits else "", left=left, minor=named > _MAJOR)


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


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
