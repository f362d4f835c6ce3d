"""Years, months and days that articles were published in, counted by the index.

A period is written as the query language takes it: 2023, 2023-07, 2023-07-14; an article is of the period that its page
wrote, by its own clock. Inside, a period is a number, one more for the next: the year, the months or the days since the
year 0 or 1970.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

import tantivy

from archiver.errors import BadQuery
from archiver.search.index.searcher import Searcher
from archiver.search.plan import Plan

MOST = 20_000
"""So many periods one answer has at most."""
_DAY = 86_400
_EPOCH = date(1970, 1, 1)
_EVERY = 65_000
_TERMS = {"size": _EVERY, "segment_size": _EVERY}
_FEW_MONTHS, _MANY_MONTHS = 2, 60


@dataclass(frozen=True, slots=True)
class Unit:
    """`asked` is the aggregation that counts by it, `number` makes a number of a key that it answers, or of a day."""

    asked: dict[str, Any]
    of_key: Callable[[float], int]
    of_day: Callable[[date], int]
    name: Callable[[int], str]


UNITS: dict[str, Unit] = {
    "year": Unit({"terms": {"field": "year", **_TERMS}}, int, lambda day: day.year, "{:04}".format),
    "month": Unit({"terms": {"field": "month", **_TERMS}}, lambda key: int(key) // 100 * 12 + int(key) % 100 - 1,
                  lambda day: day.year * 12 + day.month - 1, lambda n: f"{n // 12:04}-{n % 12 + 1:02}"),
    "day": Unit({"histogram": {"field": "published", "interval": _DAY, "min_doc_count": 1}},
                lambda key: int(key) // _DAY, lambda day: (day - _EPOCH).days,
                lambda n: (_EPOCH + timedelta(days=n)).isoformat()),
}


def counted(plan: Plan, unit: str) -> dict[int, int]:
    """How many of the articles that a query finds are of each period that has any."""
    return plan.searcher.remembered((unit, plan.key), lambda: _counted(plan.searcher, plan.found, UNITS[unit]))


def counted_in(plans: Iterable[Plan], unit: str) -> Counter[int]:
    """The same of several archives together."""
    out = Counter[int]()
    for plan in plans:
        out.update(counted(plan, unit))
    return out


def _counted(searcher: Searcher, query: tantivy.Query, unit: Unit) -> dict[int, int]:
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
        raise BadQuery(f"by {unit}", f"from {UNITS[unit].name(out[0])} to {UNITS[unit].name(out[-1])} there are "
                                     f"{len(out):,} of them, more than {MOST:,}: count by a longer one, or narrow the "
                                     "time")
    return out


@lru_cache(maxsize=16)
def names(unit: str, numbers: range) -> tuple[str, ...]:
    """What each of a row of periods is called: twenty years have 7,305 days, which every histogram by day names."""
    return tuple(map(UNITS[unit].name, numbers))


def day_of(seconds: int) -> date:
    """The day of a time in seconds since 1970, before and after it. The first or last day there is for one beyond."""
    first, last = (int(datetime(*day, tzinfo=UTC).timestamp()) for day in ((1, 1, 1), (9999, 12, 31)))
    return _EPOCH + timedelta(days=max(first, min(seconds, last)) // _DAY)
