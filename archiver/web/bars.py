"""A histogram as bars that are links, drawn by the template in units of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from archiver.errors import BadQuery
from archiver.search.filters import Query
from archiver.search.histogram import STATES, Histogram, Period, histogram
from archiver.web.answer import Asked
from archiver.web.asking import Links
from archiver.web.kept import counted, kept
from archiver.web.window import densest

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


def bars(asked: Asked, query: Query, unit: str = "", links: Links | None = None) -> Bars:
    """The histogram of a query, by a unit that its bars can be told apart in. Raises what `histogram` does."""
    found = kept(asked.db, "histogram", (counted(query), unit), lambda: _counted(asked, query, unit))
    start, end = densest([one.articles for one in found.periods], [one.archived for one in found.periods], MOST)
    drawn = found.periods[start:end]
    top = max((period.articles for period in drawn), default=0)
    link = (links or Links(asked, query)).of(len(drawn))
    made, gaps = [], []
    for at, period in enumerate(drawn):
        if period.archived:
            said = f"{period.articles:,} of {period.archived:,} archived"
            made.append(Bar(period.period, at, max(2.0, HEIGHT * period.articles / top) if period.articles else 0.0,
                            period.articles, said, period.state,
                            link(replace(query, since=period.period, until=period.period))))
    for state, places in groupby(enumerate(drawn), key=lambda pair: "" if pair[1].archived else pair[1].state):
        if state:
            gaps.append(_gap(list(places)))
    return Bars(found, tuple(made), tuple(gaps), len(drawn), drawn[0].period if drawn else "",
                drawn[-1].period if drawn else "", top, sum(one.articles for one in found.periods[:start]),
                sum(one.articles for one in found.periods[end:]))


def _gap(places: list[tuple[int, Period]]) -> Gap:
    first, last = places[0][1], places[-1][1]
    span = first.period if len(places) == 1 else f"{first.period} to {last.period}"
    return Gap(places[0][0], len(places), f"{span}: {STATES[first.state]}", first.state)


def _counted(asked: Asked, query: Query, unit: str) -> Histogram:
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
