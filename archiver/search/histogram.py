"""A histogram of everything a query matches: the number of articles in each year, month or day.

A period is written as in the query language: 2023, 2023-07 or 2023-07-14. An article belongs to the period of the
publication date on its page, in the page's own time zone. Internally, a period is an integer that grows by one: the
year, the number of months since the year 0, or the number of days since 1970.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

import tantivy

from archiver.model.errors import BadQuery
from archiver.search.index_documents import site_and_parents
from archiver.search.query import Query, filter_terms
from archiver.search.query_tree import And, Key, Node, Or, Span
from archiver.search.search_hits import Plan, plan_query
from archiver.search.search_index import Searcher
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


def _count_by_unit(searcher: Searcher, query: tantivy.Query, unit: PeriodUnit) -> dict[int, int]:
    buckets = searcher.aggregate(query, {"by": unit.aggregation})["by"]["buckets"]
    return {unit.of_key(bucket["key"]): int(bucket["doc_count"]) for bucket in buckets}


def choose_unit(plan: Plan, requested: str = "", bounds: Collection[date] = ()) -> str:
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
    by_month = count_periods(plan, "month")
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
PERIOD_STATES: dict[State, str] = {
    "matched": "articles match",
    "none": "articles archived, no match",
    "unarchived": "nothing archived",
    "ahead": "not crawled yet",
}
"""What is known of a period, with the words that people read."""


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
    plan = plan_query(db, query)
    scope = scope_of_query((plan.node, *filter_terms(db, query)))
    in_scope = plan_query(db, Query(fold="none"), And(scope) if scope else None)
    days = scope_dates(scope)
    unit = choose_unit(in_scope, unit, days)
    archived, found = count_periods(in_scope, unit), count_periods(plan, unit)
    last = archived_until(in_scope, scope)
    numbers = period_range(unit, archived, days)
    periods = tuple(
        _period(name, found.get(n, 0), archived.get(n, 0), last)
        for n, name in zip(numbers, period_names(unit, numbers), strict=True)
    )
    return Histogram(unit, periods, plan.total, plan.total - sum(found.values()), last)


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
