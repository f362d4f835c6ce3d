"""Counts everything a query matches: histograms and trends over time, and a map grid of places. Draws the counts as SVG
or PNG.

A period is written as in the query language: 2023, 2023-07 or 2023-07-14. An article belongs to the period of the
publication date on its page, in the page's own time zone. Internally, a period is an integer that grows by one: the
year, the number of months since the year 0, or the number of days since 1970.

Drawings are SVG 1.1, without style sheets or scripts. Files and web pages use the same drawing. Lines differ in dash
pattern as well as in colour (the palette of Okabe and Ito, which is safe for colour blindness). A missing value is not
drawn as zero: it leaves a gap in the line. Periods without any archived article are hatched.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from itertools import groupby
from math import floor, hypot, sqrt
from pathlib import PurePath
from typing import Any, Literal
from xml.sax.saxutils import escape

import tantivy

from archiver.errors import BadQuery, ExtraMissing
from archiver.lazy_regex import lazy_regex
from archiver.search.index_refresh_searcher_and_check import Searcher
from archiver.search.index_schema_and_documents import site_and_parents
from archiver.search.points_boxes_and_circles import Box
from archiver.search.query_parser import parse_query
from archiver.search.query_tree_and_predicates import And, Key, Node, Or, Span
from archiver.search.query_with_filters_and_sort import Query, filter_terms
from archiver.search.search_hits_facets_and_similar_articles import Plan, plan_query
from archiver.search.sorting_recency_and_duplicate_folding import Sort, sorted_matches
from archiver.storage import Database

MAX_PERIODS = 20_000
"""The maximum number of periods in one result."""
_DAY = 86_400
_EPOCH = date(1970, 1, 1)
_MAX_BUCKETS = 65_000
_TERMS = {"size": _MAX_BUCKETS, "segment_size": _MAX_BUCKETS}
_FEW_MONTHS, _MANY_MONTHS = 2, 60


@dataclass(frozen=True, slots=True)
class PeriodUnit:
    """A unit of time by which articles are counted: year, month or day.

    - `aggregation`: how tantivy groups articles by this unit.
    - `of_key`: converts tantivy's key of a group to a period number.
    - `of_day`: converts a date to a period number.
    - `name`: formats a period number, such as 2023-07.
    """

    aggregation: dict[str, Any]
    of_key: Callable[[float], int]
    of_day: Callable[[date], int]
    name: Callable[[int], str]


UNITS: dict[str, PeriodUnit] = {
    "year": PeriodUnit({"terms": {"field": "year", **_TERMS}}, int, lambda day: day.year, "{:04}".format),
    "month": PeriodUnit(
        {"terms": {"field": "month", **_TERMS}},
        lambda key: int(key) // 100 * 12 + int(key) % 100 - 1,
        lambda day: day.year * 12 + day.month - 1,
        lambda n: f"{n // 12:04}-{n % 12 + 1:02}",
    ),
    "day": PeriodUnit(
        {"histogram": {"field": "published", "interval": _DAY, "min_doc_count": 1}},
        lambda key: int(key) // _DAY,
        lambda day: (day - _EPOCH).days,
        lambda n: (_EPOCH + timedelta(days=n)).isoformat(),
    ),
}


def count_periods(plan: Plan, unit: str) -> dict[int, int]:
    """Returns a dict from period number (see the module) to the number of matching articles. `unit` is year, month or
    day. Periods without articles are left out.
    """
    return plan.searcher.cached((unit, plan.key), lambda: _count_by_unit(plan.searcher, plan.found, UNITS[unit]))


def sum_period_counts(plans: Iterable[Plan], unit: str) -> Counter[int]:
    """Returns the sum of `count_periods` over several archives: a count for each period number. `unit` is year, month
    or day.
    """
    out = Counter[int]()
    for plan in plans:
        out.update(count_periods(plan, unit))
    return out


def _count_by_unit(searcher: Searcher, query: tantivy.Query, unit: PeriodUnit) -> dict[int, int]:
    buckets = searcher.aggregate(query, {"by": unit.aggregation})["by"]["buckets"]
    return {unit.of_key(bucket["key"]): int(bucket["doc_count"]) for bucket in buckets}


def choose_unit(plans: Iterable[Plan], requested: str = "", bounds: Collection[date] = ()) -> str:
    """Returns the requested unit, or chooses one by the time span: days for up to two months, months for up to sixty,
    otherwise years.

    The time span is from the earliest to the latest of the matches and the dates in `bounds`. If `bounds` is empty, it
    is only the number of months with matches, so that a single article dated 1970 does not change the unit. Raises
    BadQuery for an unknown unit.
    """
    if requested:
        if requested not in UNITS:
            raise BadQuery(requested, f"articles are counted by {', '.join(UNITS)}", what="period")
        return requested
    by_month = sum_period_counts(plans, "month")
    numbers = [*by_month, *(UNITS["month"].of_day(day) for day in bounds)] or [0]
    span = max(numbers) - min(numbers) + 1
    months = span if bounds else len(by_month)
    if months <= _FEW_MONTHS and span * 31 <= MAX_PERIODS:
        return "day"
    return "month" if months <= _MANY_MONTHS and span <= MAX_PERIODS else "year"


def period_range(unit: str, numbers: Collection[int], bounds: Iterable[date] = ()) -> range:
    """Returns the range of period numbers that covers the period numbers in `numbers` and the dates in `bounds`.

    Raises BadQuery if this range contains more than MAX_PERIODS periods.
    """
    ends = [*numbers, *(UNITS[unit].of_day(day) for day in bounds)]
    out = range(min(ends), max(ends) + 1) if ends else range(0)
    if len(out) > MAX_PERIODS:
        raise BadQuery(
            f"by {unit}",
            f"from {UNITS[unit].name(out[0])} to {UNITS[unit].name(out[-1])} there are {len(out):,} periods, but at "
            f"most {MAX_PERIODS:,} can be shown; choose a longer unit or narrow the dates",
        )
    return out


@lru_cache(maxsize=16)
def period_names(unit: str, numbers: range) -> tuple[str, ...]:
    """Returns the name of each period number, such as 2023-07. The names are cached, because a histogram by day needs
    thousands of them.
    """
    return tuple(map(UNITS[unit].name, numbers))


def date_of_seconds(seconds: int) -> date:
    """Converts Unix seconds (possibly negative) to a UTC date, limited to the years 1 to 9999."""
    first, last = (int(datetime(*day, tzinfo=UTC).timestamp()) for day in ((1, 1, 1), (9999, 12, 31)))
    return _EPOCH + timedelta(days=max(first, min(seconds, last)) // _DAY)


# The scope of a query: the sites and the time span to which it is limited.

_SITE = ("at:", "site:")
_PUBLISHED = ("published", "published_at")


def scope_of_query(nodes: Iterable[Node | None]) -> tuple[Node, ...]:
    """Returns the scope of a query: the conditions that limit all results to certain sites or publication times.
    `nodes` are the conditions of the query, all of which must match; None stands for no condition.
    """
    return tuple(node for node in _conjuncts(nodes) if _is_site(node) or _is_time(node))


def scope_dates(scope: Iterable[Node]) -> list[date]:
    """Returns the start and end dates that are named in the scope of a query (see `scope_of_query`)."""
    spans = [node for node in _conjuncts(scope) if isinstance(node, Span)]
    return [date_of_seconds(end) for span in spans for end in (span.low, span.high) if end is not None]


def archived_until(plan: Plan, scope: Iterable[Node]) -> str | None:
    """Returns the day (UTC) up to which the sites in a query's scope are archived, or None if this is unknown.

    This is the day of the last crawl of one of these sites, or of the newest article that `plan` matches, whichever is
    later.
    """
    site_nodes = [node for node in scope if _is_site(node)]
    names = [
        name
        for (name,) in plan.db.execute("select name from sites")
        if all(_scope_includes_site(node, name) for node in site_nodes)
    ]
    crawled = plan.db.execute(
        "select max(coalesce(r.finished_at, r.started_at)) from runs r join sites s on s.id = r.site_id "
        "where s.name in (select value from json_each(?))",
        [json.dumps(names)],
    ).fetchone()[0]
    seen = plan.searcher.cached(
        ("seen", plan.key),
        lambda: plan.searcher.aggregate(plan.found, {"seen": {"max": {"field": "seen_at"}}})["seen"]["value"],
    )
    days = [crawled[:10]] if crawled else []
    days += [date_of_seconds(int(seen)).isoformat()] if seen is not None else []
    return max(days, default=None)


def _conjuncts(nodes: Iterable[Node | None]) -> Iterator[Node]:
    for node in nodes:
        if isinstance(node, And):
            yield from _conjuncts(node.items)
        elif node is not None:
            yield node


def _is_site(node: Node) -> bool:
    if isinstance(node, Or):
        return all(_is_site(item) for item in node.items)
    return isinstance(node, Key) and node.value.startswith(_SITE)


def _is_time(node: Node) -> bool:
    return isinstance(node, Span) and node.field in _PUBLISHED


def _scope_includes_site(node: Node, name: str) -> bool:
    if isinstance(node, Or):
        return any(_scope_includes_site(item, name) for item in node.items)
    assert isinstance(node, Key)
    return node.value in (f"at:{name}", *(f"site:{one}" for one in site_and_parents(name.lower())))


# Histogram: the number of matches in each year, month or day, and the periods for which nothing is archived.

State = Literal["matched", "none", "unarchived", "ahead"]
STATES: dict[State, str] = {
    "matched": "articles match",
    "none": "articles archived, no match",
    "unarchived": "nothing archived",
    "ahead": "not crawled yet",
}


@dataclass(frozen=True, slots=True)
class Period:
    """One bar of a histogram: a period with its article counts.

    `period` is 2023, 2023-07 or 2023-07-14, as in the query term `date:`. `articles` is the number of matches, with
    duplicates folded as the query requests; `archived` is the number of all articles of the sites in that period,
    including duplicates.
    """

    period: str
    articles: int
    archived: int
    state: State


@dataclass(frozen=True, slots=True)
class Histogram:
    """The number of matching articles in each period. The periods cover all archived articles of the sites, and all
    dates in the query.

    `total` is the number of matches; `undated` is the number of matches without a date, which are in no period.
    `looked_until` is the day (UTC) up to which the sites are archived, or None if they were never crawled.
    """

    unit: str
    periods: tuple[Period, ...]
    total: int
    undated: int
    looked_until: str | None


def histogram(db: Database, query: Query, unit: str = "") -> Histogram:
    """Returns a histogram of all matches of a query, regardless of the query's limit. `unit` is year, month, day, or ""
    to choose one automatically (`choose_unit`). Raises BadQuery, SiteNotFound or IndexMissing.
    """
    return histogram_of_plans([plan_query(db, query)], unit)


def histogram_of_plans(plans: Sequence[Plan], unit: str = "") -> Histogram:
    """Returns one histogram for a query that was planned for several archives. `unit` is as for `histogram`. Raises
    BadQuery or IndexMissing.
    """
    everything, last_days, days = [], set(), set[date]()
    for plan in plans:
        scope = scope_of_query((plan.node, *filter_terms(plan.db, plan.query)))
        in_scope = plan_query(plan.db, Query(fold="none"), And(scope) if scope else None)
        everything.append(in_scope)
        last_days.add(archived_until(in_scope, scope))
        days.update(scope_dates(scope))
    unit = choose_unit(everything, unit, days)
    archived, found = sum_period_counts(everything, unit), sum_period_counts(plans, unit)
    last = max((day for day in last_days if day), default=None)
    numbers = period_range(unit, archived, days)
    periods = tuple(
        _period(name, found[n], archived[n], last) for n, name in zip(numbers, period_names(unit, numbers), strict=True)
    )
    total = sum(plan.total for plan in plans)
    return Histogram(unit, periods, total, total - found.total(), last)


def _period(name: str, articles: int, archived: int, last: str | None) -> Period:
    state: State = (
        "matched"
        if articles
        else "none"
        if archived
        else "ahead"
        if last is None or name > last[: len(name)]
        else "unarchived"
    )
    return Period(name, articles, archived, state)


# Trend: the share of archived articles that contain a term, over time.

MAX_TERMS = 12


@dataclass(frozen=True, slots=True)
class Series:
    """One term of a trend: for each period, the number of articles that match the term, and their share of all articles
    of the period (None for a period without articles). `total` includes articles without a date.
    """

    term: str
    articles: tuple[int, ...]
    shares: tuple[float | None, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Trend:
    """The frequencies of several terms over the same periods, one `Series` per term. `archived` is the number of
    articles in each period, matching or not; shares are relative to it. `undated` is the number of articles without a
    date, which are in no period.
    """

    unit: str
    periods: tuple[str, ...]
    archived: tuple[int, ...]
    series: tuple[Series, ...]
    undated: int


def trend(db: Database, query: Query, terms: tuple[str, ...], unit: str = "") -> Trend:
    """Computes for each term and period the share of articles that match it, among all articles that `query` matches.
    The query's limit is ignored.

    Each term is a query of its own. `unit` is year, month, day or "", as for `histogram`. Raises BadQuery (also if
    there is no term, an empty term, or more than MAX_TERMS), SiteNotFound or IndexMissing.
    """
    return trend_over_archives([(db, query)], terms, unit)


def trend_over_archives(archives: Sequence[tuple[Database, Query]], terms: tuple[str, ...], unit: str = "") -> Trend:
    """Computes one trend over several archives, each given with its own query. `terms` and `unit` are as for `trend`,
    and so are the errors.
    """
    if not 0 < len(terms) <= MAX_TERMS:
        raise BadQuery(" ".join(terms), f"a trend has 1 to {MAX_TERMS} terms")
    unfolded = [plan_query(db, replace(query, fold="none")) for db, query in archives]
    days = {
        day for plan in unfolded for day in scope_dates(scope_of_query((plan.node, *filter_terms(plan.db, plan.query))))
    }
    unit = choose_unit(unfolded, unit, days)
    archived = sum_period_counts(unfolded, unit)
    numbers = period_range(unit, archived, days)
    series = []
    for term in terms:
        node = parse_query(term, stem=any(query.stem for _, query in archives))
        if node is None:
            raise BadQuery(term, "a trend term is a word, a phrase or a field such as author:name")
        found = [plan_query(plan.db, plan.query, node) for plan in unfolded]
        counts = sum_period_counts(found, unit)
        series.append(
            Series(
                term,
                tuple(counts[n] for n in numbers),
                tuple(counts[n] / archived[n] if n in archived else None for n in numbers),
                sum(plan.total for plan in found),
            )
        )
    return Trend(
        unit,
        period_names(unit, numbers),
        tuple(archived[n] for n in numbers),
        tuple(series),
        sum(plan.total for plan in unfolded) - archived.total(),
    )


# Map: the places of the matching articles, counted in the cells of a grid.

MAX_NAMES = 3
MAP_WIDTH = 350.0
"""The width of the smallest map in CSS pixels, for which spots and names are placed. A wider map has more room."""
_HALF_NUMBER, _MOST_JOINED = 5.0, 4
"""Half the width of the number in a spot, in CSS pixels; the maximum width and height of a spot in cells."""
_MIN_DEGREES = 24.0
_MARGIN = 0.08


def spot_radius(articles: int, most: int) -> float:
    """Returns the radius of a spot in CSS pixels. `most` is the number of articles of the largest spot."""
    return round(5 + 9 * sqrt(articles / most), 1)


@dataclass(frozen=True, slots=True)
class GridCell:
    """One or more adjoining grid cells that contain at least one place of a matching article. `latitude` and
    `longitude` are the mean position of the places, in degrees; `names` holds the names of those with the most
    articles. `places` is the number of different places.
    """

    latitude: float
    longitude: float
    box: Box
    articles: int
    names: tuple[str, ...]
    places: int = 1

    @property
    def name(self) -> str:
        """Returns the places in words: "Lisbon", "3 places near Lisbon"; "" if none of them has a name."""
        if self.places == 1 or not self.names:
            return next(iter(self.names), "")
        return f"{self.places:,} places near {self.names[0]}"


@dataclass(frozen=True, slots=True)
class GeoGrid:
    """The places of matching articles, counted in the cells of a map grid.

    `located` is the number of matches that have a place. Of these, only the newest are counted; `shown` is their
    number. `view` is the map's bounding box (W, S, E, N), twice as wide as high; if west is greater than east, it
    crosses the antimeridian.
    """

    spots: tuple[GridCell, ...]
    located: int
    shown: int
    view: Box


def geo_grid(db: Database, query: Query, most: int, columns: int = 24) -> GeoGrid:
    """Counts the places of the newest `most` matching articles on a grid of `columns` columns.

    Raises BadQuery, SiteNotFound or IndexMissing.
    """
    plan = plan_query(db, query, Key("has:geo"))
    newest = sorted_matches(plan.searcher, plan.found, Sort("published_at", down=True), first=0, last=most)
    found = db.execute(
        "select article_id, latitude, longitude, placename from geotags where role <> 'publisher' and typeof(latitude) "
        "in ('real', 'integer') and typeof(longitude) in ('real', 'integer') and article_id in "
        "(select value from json_each(?))",
        [json.dumps([entry.id for entry in newest])],
    ).fetchall()
    view = bounding_view([(row[1], row[2]) for row in found])
    width = (view[2] - view[0]) % 360 or 360.0
    return GeoGrid(
        tuple(_spots(found, view, width / columns, MAP_WIDTH / width)), plan.total, min(most, plan.total), view
    )


@dataclass(frozen=True)
class _Block:
    """A rectangle of grid cells with the places in it: article ID, latitude, degrees east of the map's edge, and name.
    The cells are numbered from the southwest; `last` is the cell in the northeast.
    """

    first: tuple[int, int]
    last: tuple[int, int]
    rows: tuple[tuple[int, float, float, str | None], ...]

    @cached_property
    def articles(self) -> int:
        return len({row[0] for row in self.rows})

    @cached_property
    def middle(self) -> tuple[float, float]:
        """The mean latitude of the places, and their mean distance from the map's western edge, in degrees."""
        count = len(self.rows)
        return sum(row[1] for row in self.rows) / count, sum(row[2] for row in self.rows) / count

    def overlaps(self, other: _Block) -> bool:
        """Returns True if the two have a cell in common."""
        return all(self.first[n] <= other.last[n] and other.first[n] <= self.last[n] for n in (0, 1))

    def joined(self, others: Iterable[_Block]) -> _Block:
        every = [self, *others]
        return _Block(
            (min(one.first[0] for one in every), min(one.first[1] for one in every)),
            (max(one.last[0] for one in every), max(one.last[1] for one in every)),
            tuple(row for one in every for row in one.rows),
        )


def _spots(
    found: Iterable[tuple[int, float, float, str | None]], view: Box, size: float, scale: float
) -> Iterable[GridCell]:
    """Yields the spots of a map with cells of `size` degrees, drawn at `scale` pixels for each degree."""
    west, south = view[0], view[1]
    cells: dict[tuple[int, int], list[tuple[int, float, float, str | None]]] = {}
    for row in found:
        east_of = (row[2] - west) % 360
        cells.setdefault((floor(east_of / size), floor((row[1] - south) / size)), []).append(
            (row[0], row[1], east_of, row[3])
        )
    blocks = _join_covered([_Block(cell, cell, tuple(rows)) for cell, rows in cells.items()], scale)
    for block in sorted(blocks, key=lambda one: one.first):
        names = Counter(row[3] for row in block.rows if row[3])
        unnamed = {(row[1], row[2]) for row in block.rows if not row[3]} if not names else ()
        latitude, east_of = block.middle
        yield GridCell(
            round(latitude, 4),
            round(_normalized_longitude(west + east_of), 4),
            (
                round(_normalized_longitude(west + block.first[0] * size), 4),
                round(max(south + block.first[1] * size, -90), 4),
                round(_normalized_longitude(west + (block.last[0] + 1) * size), 4),
                round(min(south + (block.last[1] + 1) * size, 90), 4),
            ),
            block.articles,
            tuple(name for name, _ in names.most_common(MAX_NAMES)),
            len(names) or len(unnamed),
        )


def _join_covered(cells: list[_Block], scale: float) -> Iterator[_Block]:
    """Joins cells to blocks if the spot of one would cover that of another. Yields the blocks, those with the most
    articles first. A block is a rectangle, and so small that a map full of places has more than one spot.
    """
    most = max((cell.articles for cell in cells), default=1)
    rest = sorted(cells, key=lambda one: (-one.articles, one.first))
    done: list[_Block] = []
    while rest:
        block, *rest = rest
        while grown := _grow(block, rest, done, (scale, most)):
            block = grown
            rest = [one for one in rest if not one.overlaps(block)]
        done.append(block)
    yield from done


def _grow(block: _Block, rest: list[_Block], done: list[_Block], drawn: tuple[float, int]) -> _Block | None:
    """Returns a block joined with the first block in `rest` whose spot would overlap its own, and with all blocks in
    the rectangle around both. Returns None if there is none. The rectangle must not be too large, and must not overlap
    a block in `done`. `drawn` is the scale, and the number of articles of the largest cell.
    """
    scale, most = drawn
    latitude, east_of = block.middle
    radius = spot_radius(min(block.articles, most), most)
    farthest = (spot_radius(most, most) + _HALF_NUMBER) / scale
    for other in rest:
        up, across = other.middle[0] - latitude, other.middle[1] - east_of
        if abs(up) > farthest or abs(across) > farthest:
            continue
        if hypot(up, across) * scale >= max(radius, spot_radius(other.articles, most)) + _HALF_NUMBER:
            continue
        around = block.joined([other])
        if any(around.last[n] - around.first[n] >= _MOST_JOINED for n in (0, 1)) or any(map(around.overlaps, done)):
            continue
        return block.joined(one for one in rest if one.overlaps(around))
    return None


def _normalized_longitude(longitude: float) -> float:
    """Returns a longitude normalized to the range -180 to 180."""
    return longitude if -180 <= longitude <= 180 else (longitude + 180) % 360 - 180


def bounding_view(points: list[tuple[float, float]]) -> Box:
    """Returns a bounding box with a margin around these (latitude, longitude) points, twice as wide as high. Returns
    the box of the whole Earth if there are no points, or if they are spread over most of the Earth.
    """
    if not points:
        return -180.0, -90.0, 180.0, 90.0
    west, spread = _narrowest_range([longitude for _, longitude in points])
    low, high = min(p[0] for p in points), max(p[0] for p in points)
    width = max(spread, 2 * (high - low), _MIN_DEGREES) * (1 + 2 * _MARGIN)
    if width > 240:
        return -180.0, -90.0, 180.0, 90.0
    middle, height = west + spread / 2, width / 2
    south = max(-90.0, min((low + high) / 2 - height / 2, 90 - height))
    return _normalized_longitude(middle - width / 2), south, _normalized_longitude(middle + width / 2), south + height


def _narrowest_range(longitudes: list[float]) -> tuple[float, float]:
    """Returns the western end and the width of the narrowest range that contains all longitudes, in degrees."""
    ordered = sorted(set(longitudes))
    gaps = [((ordered[(n + 1) % len(ordered)] - one) % 360, n) for n, one in enumerate(ordered)]
    widest, before = max(gaps)
    return (ordered[(before + 1) % len(ordered)], 360 - widest) if len(ordered) > 1 else (ordered[0], 0.0)


_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_DASHES = ("", "6 3", "2 3", "8 3 2 3", "12 4", "4 2")
_WIDTH, _HEIGHT = 760, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 16, 34, 30
_LINE = 20
_MOST_LABELS = 8
_STEPS = {
    "year": (1, 2, 5, 10, 20, 50, 100, 500, 1_000),
    "month": (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1_200),
    "day": (1, 2, 5, 10, 15, 30, 60, 90, 180, 365, 730, 3_650),
}
# Characters that XML 1.0 (section 2.2) does not allow, and characters that change the direction of the text after them.
_UNSAFE = lazy_regex("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")

Encoder = Callable[[str], bytes]


def trend_svg(trend: Trend) -> str:
    """Returns the SVG of a trend as a line chart with one line for each term and a legend."""
    top = round_up(max((share for one in trend.series for share in one.shares if share), default=0.0) or 0.01)
    frame = _Frame(trend.unit, trend.periods, top, _HEIGHT + _LINE * len(trend.series))
    parts = list(frame.hatched("" if archived else STATES["unarchived"] for archived in trend.archived))
    parts += frame.axes(_percent)
    for number, one in enumerate(trend.series):
        stroke = f'stroke="{_COLOURS[number % len(_COLOURS)]}" stroke-width="2" fill="none"'
        if dashes := _DASHES[number % len(_DASHES)]:
            stroke += f' stroke-dasharray="{dashes}"'
        parts += _series_line(frame, one.shares, stroke, radius=3 + 2 * number)
        y = _HEIGHT + _LINE * number + 6
        parts.append(f'<line x1="{_LEFT}" y1="{y}" x2="{_LEFT + 36}" y2="{y}" {stroke}/>')
        parts.append(_text(_LEFT + 44, y + 4, f"{_with_isolated_direction(_shortened(one.term))} ({one.total:,})"))
    shown = ", ".join(_with_isolated_direction(one.term) for one in trend.series)
    return frame.drawn(f"Share of archived articles by {trend.unit}: {shown}", parts)


def histogram_svg(found: Histogram) -> str:
    """Returns the SVG of a histogram as a bar chart. A period with archived articles but no match has a short grey mark
    in place of a bar.
    """
    top = round_up(max((period.articles for period in found.periods), default=0) or 1)
    frame = _Frame(found.unit, [period.period for period in found.periods], top, _HEIGHT)
    parts = list(frame.hatched("" if period.archived else STATES[period.state] for period in found.periods))
    parts += frame.axes(_whole)
    for number, period in enumerate(found.periods):
        if not period.archived:
            continue
        height = frame.y(0) - frame.y(period.articles) if period.articles else 1.5
        colour = _COLOURS[0] if period.articles else "#888888"
        label = f"{period.articles:,} of {period.archived:,}" if period.articles else STATES["none"]
        parts.append(
            f'<rect x="{frame.x(number):.2f}" y="{frame.y(0) - height:.2f}" width="{frame.step * 0.86:.2f}" '
            f'height="{height:.2f}" fill="{colour}"><title>{period.period}: {label}</title></rect>'
        )
    return frame.drawn(f"{found.total:,} articles by {found.unit}", parts)


def chart_encoder(file: str) -> Encoder:
    """Returns a function that encodes an SVG drawing for a file, by the file's ending: .svg unchanged, .png at twice
    the size.

    Raises BadQuery if the file does not end in .svg or .png, ExtraMissing if the PNG renderer is not installed.
    """
    ending = PurePath(file).suffix.lower()
    if ending == ".svg":
        return lambda svg: svg.encode()
    if ending != ".png":
        raise BadQuery(file, "the file name must end in .svg or .png", what="name of the chart")
    try:
        import resvg_py
    except ImportError as error:
        raise ExtraMissing("A picture in PNG", "plot") from error
    return lambda svg: bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=2))


@dataclass(frozen=True, slots=True)
class _Frame:
    unit: str
    periods: Sequence[str]
    top: float
    height: int

    @property
    def step(self) -> float:
        return (_WIDTH - _LEFT - _RIGHT) / max(len(self.periods), 1)

    def x(self, number: float) -> float:
        return _LEFT + self.step * number

    def y(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * value / self.top

    def hatched(self, reasons: Iterable[str]) -> Iterator[str]:
        """Yields a hatched rectangle for each stretch of periods without data. `reasons` has one label per period; ""
        means that the period has data.
        """
        for reason, places in groupby(enumerate(reasons), key=lambda pair: pair[1]):
            if reason:
                numbers = [number for number, _ in places]
                first, last = numbers[0], numbers[-1]
                label = self.periods[first] if first == last else f"{self.periods[first]} to {self.periods[last]}"
                yield (
                    f'<rect x="{self.x(first):.2f}" y="{_TOP}" width="{self.step * (last - first + 1):.2f}" '
                    f'height="{_HEIGHT - _BOTTOM - _TOP}" fill="url(#nothing)"><title>{label}: {reason}'
                    "</title></rect>"
                )

    def axes(self, label: Callable[[float], str]) -> Iterator[str]:
        for part in range(3):
            value = self.top * part / 2
            y = self.y(value)
            yield (
                f'<line x1="{_LEFT}" y1="{y:.2f}" x2="{_WIDTH - _RIGHT}" y2="{y:.2f}" stroke="#888888" '
                f'stroke-width="{0.4 if part else 1}"/>'
            )
            yield _text(_LEFT - 6, y + 4, label(value), "end")
        every = next((s for s in _STEPS[self.unit] if len(self.periods) / s <= _MOST_LABELS), len(self.periods) or 1)
        for number in range(0, len(self.periods), every):
            yield _text(
                self.x(number + 0.5),
                _HEIGHT - _BOTTOM + 16,
                self.periods[number],
                "start" if number == 0 and self.step < 50 else "middle",
            )

    def drawn(self, title: str, parts: Iterable[str]) -> str:
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {self.height}" width="{_WIDTH}" '
            f'height="{self.height}" role="img" font-family="DejaVu Sans, Noto Sans, sans-serif" font-size="12">\n'
            f"<title>{escape(title)}</title>\n"
            '<defs><pattern id="nothing" width="6" height="6" patternUnits="userSpaceOnUse">'
            '<path d="M0 6 L6 0" stroke="#bbbbbb" stroke-width="1"/></pattern></defs>\n'
            f'<rect width="{_WIDTH}" height="{self.height}" fill="#ffffff"/>\n'
            f"{_text(_LEFT, 18, _shortened(title))}\n" + "\n".join(parts) + "\n</svg>\n"
        )


def _series_line(frame: _Frame, shares: Sequence[float | None], stroke: str, radius: int) -> Iterator[str]:
    """Yields the SVG line through the values of a series (`shares`), broken where a value is missing (None). An
    isolated value is drawn as a ring with this radius; rings of different radii remain visible even if they have the
    same centre.
    """
    for is_gap, places in groupby(enumerate(shares), key=lambda pair: pair[1] is None):
        points = [] if is_gap else [(frame.x(n + 0.5), frame.y(share)) for n, share in places if share is not None]
        if len(points) == 1:
            yield f'<circle cx="{points[0][0]:.2f}" cy="{points[0][1]:.2f}" r="{radius}" {stroke}/>'
        elif points:
            yield f'<polyline points="{" ".join(f"{x:.2f},{y:.2f}" for x, y in points)}" {stroke}/>'


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.2f}" y="{y:.2f}" text-anchor="{anchor}" fill="#222222">{escape(text)}</text>'


def _shortened(text: str) -> str:
    """Returns a text, shortened with an ellipsis to 100 characters, which fit the width of the picture."""
    return text if len(text) < 100 else text[:99] + "…"


def _with_isolated_direction(term: str) -> str:
    """Puts Unicode isolate characters around a term, so that its text direction does not affect the text around it
    (FIRST STRONG ISOLATE, section 2.4.3 of Unicode Standard Annex 9).
    """
    return f"\u2068{_UNSAFE.sub('', term)}\u2069"


def round_up(value: float) -> float:
    """Rounds a value up to the next 1, 2 or 5 times a power of ten, for the top of an axis."""
    power = 10.0**-6
    while True:
        for times in (1, 2, 5):
            if power * times >= value * 0.999999:
                return power * times
        power *= 10


def _percent(value: float) -> str:
    return f"{value * 100:.4g} %"


def _whole(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
