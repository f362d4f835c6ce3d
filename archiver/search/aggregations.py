"""Years, months and days that articles were published in, counted by the index.

A period is written as the query language takes it: 2023, 2023-07, 2023-07-14; an article is of the period that its page
wrote, by its own clock. Inside, a period is a number, one more for the next: the year, the months or the days since the
year 0 or 1970.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from math import floor
from typing import Any, Literal

import tantivy
from sqlite_utils import Database

from archiver.errors import BadQuery
from archiver.search.engine import Plan, planned
from archiver.search.index_document import sites
from archiver.search.index_searcher import Searcher
from archiver.search.query import Query, filter_terms
from archiver.search.query_parser import parse_query
from archiver.search.query_tree import And, Box, Key, Node, Or, Span
from archiver.search.ranking import Sort, in_order

MOST = 20_000
"""So many periods one answer has at most."""
_DAY = 86_400
_EPOCH = date(1970, 1, 1)
_EVERY = 65_000
_TERMS = {"size": _EVERY, "segment_size": _EVERY}
_FEW_MONTHS, _MANY_MONTHS = 2, 60


@dataclass(frozen=True, slots=True)
class PeriodUnit:
    """`asked` is the aggregation that counts by it, `number` makes a number of a key that it answers, or of a day."""

    asked: dict[str, Any]
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
    """How many of the articles that a query finds are of each period that has any."""
    return plan.searcher.remembered((unit, plan.key), lambda: _counted(plan.searcher, plan.found, UNITS[unit]))


def counted_in(plans: Iterable[Plan], unit: str) -> Counter[int]:
    """The same of several archives together."""
    out = Counter[int]()
    for plan in plans:
        out.update(count_periods(plan, unit))
    return out


def _counted(searcher: Searcher, query: tantivy.Query, unit: PeriodUnit) -> dict[int, int]:
    found = searcher.aggregate(query, {"by": unit.asked})["by"]["buckets"]
    return {unit.of_key(bucket["key"]): int(bucket["doc_count"]) for bucket in found}


def unit_for(plans: Iterable[Plan], asked: str = "", bounds: Collection[date] = ()) -> str:
    """The unit that was asked for, or the one in which what was found is seen best: days where the articles are of
    two months at most, months to sixty, years beyond.

    Months without an article do not count, unless they lie within the `bounds` that were asked for: one article with a
    date of 1970 leaves the others as they were. Raises BadQuery for a unit that there is not.
    """
    if asked:
        if asked not in UNITS:
            raise BadQuery(f"by {asked}", f"articles are counted by {', '.join(UNITS)}")
        return asked
    there = counted_in(plans, "month")
    numbers = [*there, *(UNITS["month"].of_day(day) for day in bounds)] or [0]
    span = max(numbers) - min(numbers) + 1
    many = span if bounds else len(there)
    if many <= _FEW_MONTHS and span * 31 <= MOST:
        return "day"
    return "month" if many <= _MANY_MONTHS and span <= MOST else "year"


def row(unit: str, numbers: Collection[int], bounds: Iterable[date] = ()) -> range:
    """Every period from the first to the last of `numbers` and of those that `bounds` lie in.

    Raises BadQuery where they are more than MOST."""
    ends = [*numbers, *(UNITS[unit].of_day(day) for day in bounds)]
    out = range(min(ends), max(ends) + 1) if ends else range(0)
    if len(out) > MOST:
        raise BadQuery(
            f"by {unit}",
            f"from {UNITS[unit].name(out[0])} to {UNITS[unit].name(out[-1])} there are "
            f"{len(out):,} of them, more than {MOST:,}: count by a longer one, or narrow the "
            "time",
        )
    return out


@lru_cache(maxsize=16)
def names(unit: str, numbers: range) -> tuple[str, ...]:
    """What each of a row of periods is called: twenty years have 7,305 days, which every histogram by day names."""
    return tuple(map(UNITS[unit].name, numbers))


def day_of(seconds: int) -> date:
    """The day of a time in seconds since 1970, before and after it. The first or last day there is for one beyond."""
    first, last = (int(datetime(*day, tzinfo=UTC).timestamp()) for day in ((1, 1, 1), (9999, 12, 31)))
    return _EPOCH + timedelta(days=max(first, min(seconds, last)) // _DAY)


# What part of an archive a query asks about: the sites and the time that all its results are of.

_SITE = ("at:", "site:")
_PUBLISHED = ("published", "published_at")


def scope_of_query(nodes: Iterable[Node | None]) -> tuple[Node, ...]:
    """Those terms of a query that all its results meet and that are of sites and times of publication alone."""
    return tuple(node for node in _all(nodes) if _is_site(node) or _is_time(node))


def scope_dates(within: Iterable[Node]) -> list[date]:
    """The days between which the times of a part lie, as far as it says them."""
    spans = [node for node in _all(within) if isinstance(node, Span)]
    return [day_of(end) for span in spans for end in (span.low, span.high) if end is not None]


def looked_until(plan: Plan, within: Iterable[Node]) -> str | None:
    """When the archive last took something in of the sites of a part, as a day (UTC): its last crawl, or the last time
    that an article (`plan` finds them) was archived first. None where it never did."""
    asked = [node for node in within if _is_site(node)]
    names = [name for (name,) in plan.db.execute("select name from sites") if all(_has(node, name) for node in asked)]
    crawled = plan.db.execute(
        "select max(coalesce(r.finished_at, r.started_at)) from runs r join sites s on s.id = r.site_id "
        "where s.name in (select value from json_each(?))",
        [json.dumps(names)],
    ).fetchone()[0]
    seen = plan.searcher.remembered(
        ("seen", plan.key),
        lambda: plan.searcher.aggregate(plan.found, {"seen": {"max": {"field": "seen_at"}}})["seen"]["value"],
    )
    days = [crawled[:10]] if crawled else []
    days += [day_of(int(seen)).isoformat()] if seen is not None else []
    return max(days, default=None)


def _all(nodes: Iterable[Node | None]) -> Iterator[Node]:
    for node in nodes:
        if isinstance(node, And):
            yield from _all(node.items)
        elif node is not None:
            yield node


def _is_site(node: Node) -> bool:
    if isinstance(node, Or):
        return all(_is_site(item) for item in node.items)
    return isinstance(node, Key) and node.value.startswith(_SITE)


def _is_time(node: Node) -> bool:
    return isinstance(node, Span) and node.field in _PUBLISHED


def _has(node: Node, name: str) -> bool:
    if isinstance(node, Or):
        return any(_has(item, name) for item in node.items)
    assert isinstance(node, Key)
    return node.value in (f"at:{name}", *(f"site:{one}" for one in sites(name.lower())))


# How many articles a query finds in each year, month or day; and where the archive has none that it could find.

State = Literal["matched", "none", "unarchived", "ahead"]
STATES: dict[State, str] = {
    "matched": "articles match",
    "none": "articles are archived, none matches",
    "unarchived": "nothing archived",
    "ahead": "not looked at yet",
}


@dataclass(frozen=True, slots=True)
class Period:
    """`period` is 2023, 2023-07 or 2023-07-14, as date: takes it; `articles` match (folded as the query says) of
    `archived`, which are all that the archive has of these sites then, copies too."""

    period: str
    articles: int
    archived: int
    state: State


@dataclass(frozen=True, slots=True)
class Histogram:
    """Every period from the first to the last, of which the archive has an article or which the query names.

    `total` articles match, as `run` counts them, `undated` of them without a date and so in no period. `looked_until`
    is the day (UTC) on which the archive last took something in of these sites, None where it never did.
    """

    unit: str
    periods: tuple[Period, ...]
    total: int
    undated: int
    looked_until: str | None


def histogram(db: Database, query: Query, unit: str = "") -> Histogram:
    """The histogram of all that a query finds, whatever its limit. `unit` is year, month or day; "" takes the one that
    suits what is archived. Raises BadQuery, SiteNotFound or IndexMissing."""
    return histogram_of([planned(db, query)], unit)


def histogram_of(plans: Sequence[Plan], unit: str = "") -> Histogram:
    """The same of one query over several archives. Raises what `histogram` does."""
    everything, looked, days = [], set(), set[date]()
    for plan in plans:
        within = scope_of_query((plan.node, *filter_terms(plan.db, plan.query)))
        every = planned(plan.db, Query(fold="none"), And(within) if within else None)
        everything.append(every)
        looked.add(looked_until(every, within))
        days.update(scope_dates(within))
    unit = unit_for(everything, unit, days)
    archived, found = counted_in(everything, unit), counted_in(plans, unit)
    last = max((day for day in looked if day), default=None)
    numbers = row(unit, archived, days)
    periods = tuple(
        _period(name, found[n], archived[n], last) for n, name in zip(numbers, names(unit, numbers), strict=True)
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


# How large a share of what was archived says something, over time.

MOST_TERMS = 12


@dataclass(frozen=True, slots=True)
class Series:
    """One term: how many articles have it in each period, and which share of the archived that is; None in a period of
    which none is archived. `total` counts those without a date, too."""

    term: str
    articles: tuple[int, ...]
    shares: tuple[float | None, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Trend:
    """The terms over the same periods; `archived` is what each is a share of, `undated` how many of these have no
    date and are in no period."""

    unit: str
    periods: tuple[str, ...]
    archived: tuple[int, ...]
    series: tuple[Series, ...]
    undated: int


def trend(db: Database, query: Query, asked: tuple[str, ...], unit: str = "") -> Trend:
    """The share that each of the terms `asked` has, each a query by itself, of what `query` finds, whatever its limit.

    `unit` as for `archiver.search.aggregations.histogram`. Raises BadQuery (also for no term, an empty one, or more than
    MOST_TERMS), SiteNotFound or IndexMissing.
    """
    return trend_of([(db, query)], asked, unit)


def trend_of(archives: Sequence[tuple[Database, Query]], asked: tuple[str, ...], unit: str = "") -> Trend:
    """The same over several archives, each with what is asked of it. Raises what `trend` does."""
    if not 0 < len(asked) <= MOST_TERMS:
        raise BadQuery(" ".join(asked), f"a trend has 1 to {MOST_TERMS} terms")
    whole = [planned(db, replace(query, fold="none")) for db, query in archives]
    days = {
        day for plan in whole for day in scope_dates(scope_of_query((plan.node, *filter_terms(plan.db, plan.query))))
    }
    unit = unit_for(whole, unit, days)
    archived = counted_in(whole, unit)
    numbers = row(unit, archived, days)
    series = []
    for term in asked:
        node = parse_query(term, stem=any(query.stem for _, query in archives))
        if node is None:
            raise BadQuery(term, "a term of a trend is a word, a phrase or a fact")
        found = [planned(plan.db, plan.query, node) for plan in whole]
        counts = counted_in(found, unit)
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
        names(unit, numbers),
        tuple(archived[n] for n in numbers),
        tuple(series),
        sum(plan.total for plan in whole) - archived.total(),
    )


# Where on the Earth the places are of what a query finds: spots of a grid, with how many articles each has.

MOST_NAMES = 3
_LEAST_DEGREES = 24.0
_AROUND = 0.08


@dataclass(frozen=True, slots=True)
class GridCell:
    """A cell of the grid, as a box, that has places: `latitude` and `longitude` are their mean, `names` the first
    few of them."""

    latitude: float
    longitude: float
    box: Box
    articles: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GeoGrid:
    """`located` articles match and have a place; of these the newest `shown` were looked at. `view` is a box (W, S, E,
    N) twice as wide as high that has all spots; west greater than east crosses the antimeridian."""

    spots: tuple[GridCell, ...]
    located: int
    shown: int
    view: Box


def geo_grid(db: Database, query: Query, most: int, columns: int = 24) -> GeoGrid:
    """The places of the newest `most` articles that a query finds, on a grid of so many columns over the view of them.
    Raises what `archiver.search.engine.run` does."""
    plan = planned(db, query, Key("has:geo"))
    newest = in_order(plan.searcher, plan.found, Sort("published_at", down=True), first=0, last=most)
    found = db.execute(
        "select article_id, latitude, longitude, placename from geotags where role <> 'publisher' and typeof(latitude) "
        "in ('real', 'integer') and typeof(longitude) in ('real', 'integer') and article_id in "
        "(select value from json_each(?))",
        [json.dumps([entry.id for entry in newest])],
    ).fetchall()
    view = view_of([(row[1], row[2]) for row in found])
    width = (view[2] - view[0]) % 360 or 360.0
    return GeoGrid(tuple(_spots(found, view, width / columns)), plan.total, min(most, plan.total), view)


def _spots(found: Iterable[tuple[int, float, float, str | None]], view: Box, size: float) -> Iterable[GridCell]:
    west, south = view[0], view[1]
    cells: dict[tuple[int, int], list[tuple[int, float, float, str | None]]] = {}
    for row in found:
        east_of = (row[2] - west) % 360
        cells.setdefault((floor(east_of / size), floor((row[1] - south) / size)), []).append(
            (row[0], row[1], east_of, row[3])
        )
    for (column, line), rows in sorted(cells.items()):
        names = tuple(dict.fromkeys(row[3] for row in rows if row[3]))[:MOST_NAMES]
        yield GridCell(
            round(sum(row[1] for row in rows) / len(rows), 4),
            round(_degrees(west + sum(row[2] for row in rows) / len(rows)), 4),
            (
                round(_degrees(west + column * size), 4),
                round(max(south + line * size, -90), 4),
                round(_degrees(west + (column + 1) * size), 4),
                round(min(south + (line + 1) * size, 90), 4),
            ),
            len({row[0] for row in rows}),
            names,
        )


def _degrees(longitude: float) -> float:
    """Between -180 and 180."""
    return longitude if -180 <= longitude <= 180 else (longitude + 180) % 360 - 180


def view_of(points: list[tuple[float, float]]) -> Box:
    """The box around points, twice as wide as high, with some room; the whole Earth for none, or for much of it."""
    if not points:
        return -180.0, -90.0, 180.0, 90.0
    west, spread = _narrowest([longitude for _, longitude in points])
    low, high = min(p[0] for p in points), max(p[0] for p in points)
    width = max(spread, 2 * (high - low), _LEAST_DEGREES) * (1 + 2 * _AROUND)
    if width > 240:
        return -180.0, -90.0, 180.0, 90.0
    middle, height = west + spread / 2, width / 2
    south = max(-90.0, min((low + high) / 2 - height / 2, 90 - height))
    return _degrees(middle - width / 2), south, _degrees(middle + width / 2), south + height


def _narrowest(longitudes: list[float]) -> tuple[float, float]:
    """Where the narrowest stretch begins that has all of them, eastwards, and how wide it is."""
    there = sorted(set(longitudes))
    gaps = [((there[(n + 1) % len(there)] - one) % 360, n) for n, one in enumerate(there)]
    widest, after = max(gaps)
    return (there[(after + 1) % len(there)], 360 - widest) if len(there) > 1 else (there[0], 0.0)
