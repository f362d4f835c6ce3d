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
from typing import Any

import tantivy

from archiver.errors import BadQuery
from archiver.search.index.searcher import Searcher

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


Asked = Iterable[tuple[Searcher, tantivy.Query]]
"""What is counted, in one index or in several together."""


def counted(asked: Asked, unit: str) -> Counter[int]:
    """How many of the articles that are found are of each period that has any."""
    out = Counter[int]()
    for searcher, query in asked:
        found = searcher.aggregate(query, {"by": UNITS[unit].asked})["by"]["buckets"]
        out.update({UNITS[unit].of_key(bucket["key"]): int(bucket["doc_count"]) for bucket in found})
    return out


def unit_for(found: Asked, asked: str = "", bounds: Collection[date] = ()) -> str:
    """The unit that was asked for, or the one in which the articles of a query are seen best: days where they are of
    two months at most, months to sixty, years beyond.

    Months without an article do not count, unless they lie within the `bounds` that were asked for: one article with a
    date of 1970 leaves the others as they were. Raises BadQuery for a unit that there is not.
    """
    if asked:
        if asked not in UNITS:
            raise BadQuery(f"by {asked}", f"articles are counted by {', '.join(UNITS)}")
        return asked
    months = list(counted(found, "month"))
    numbers = [*months, *(UNITS["month"].of_day(day) for day in bounds)] or [0]
    span = max(numbers) - min(numbers) + 1
    many = span if bounds else len(months)
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


def day_of(seconds: int) -> date:
    """The day of a time in seconds since 1970, before and after it. The first or last day there is for one beyond."""
    first, last = (int(datetime(*day, tzinfo=UTC).timestamp()) for day in ((1, 1, 1), (9999, 12, 31)))
    return _EPOCH + timedelta(days=max(first, min(seconds, last)) // _DAY)
