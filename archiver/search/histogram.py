"""How many articles a query finds in each year, month or day; and where the archive has none that it could find.

What stands in an archive is no proof of what was published. So a period without a hit is one of three:

    none         articles of it are archived, and none of them matches
    unarchived   no article of it is archived, of the sites that are asked about: none was published, or none was got
    ahead        it begins after the archive last looked at these sites (or it never did): it cannot have any

The sites and the time asked about are those that all results share: `site` (and site: in the text, outside OR and NOT),
`since`, `until` (and date:). Authors, tags and words do not make a period unarchived.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from sqlite_utils import Database

from archiver.search.filters import Query, terms
from archiver.search.periods import counted_in, names, row, unit_for
from archiver.search.plan import Plan, planned
from archiver.search.terms import Every
from archiver.search.within import bounds, looked_until, part

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
        within = part((plan.node, *terms(plan.db, plan.query)))
        every = planned(plan.db, Query(fold="none"), Every(within) if within else None)
        everything.append(every)
        looked.add(looked_until(every, within))
        days.update(bounds(within))
    unit = unit_for(everything, unit, days)
    archived, found = counted_in(everything, unit), counted_in(plans, unit)
    last = max((day for day in looked if day), default=None)
    numbers = row(unit, archived, days)
    periods = tuple(_period(name, found[n], archived[n], last)
                    for n, name in zip(numbers, names(unit, numbers), strict=True))
    total = sum(plan.total for plan in plans)
    return Histogram(unit, periods, total, total - found.total(), last)


def _period(name: str, articles: int, archived: int, last: str | None) -> Period:
    state: State = "matched" if articles else "none" if archived else \
        "ahead" if last is None or name > last[:len(name)] else "unarchived"
    return Period(name, articles, archived, state)
