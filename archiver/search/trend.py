"""How large a share of what was archived says something, over time.

The share of a period is that of the articles of it that the query leaves (its text and its filters: all of the archive
where there is none). Every article counts where it was published, copies too, as `search --all` shows them; else the
share would depend on which of two copies is shown. A period of which nothing is left has no share: a gap, no zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlite_utils import Database

from archiver.errors import BadQuery
from archiver.search.filters import Query, terms
from archiver.search.grammar import parse
from archiver.search.periods import counted_in, names, row, unit_for
from archiver.search.plan import planned
from archiver.search.within import bounds, part

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

    `unit` as for `archiver.search.histogram.histogram`. Raises BadQuery (also for no term, an empty one, or more than
    MOST_TERMS), SiteNotFound or IndexMissing.
    """
    return trend_of([(db, query)], asked, unit)


def trend_of(archives: Sequence[tuple[Database, Query]], asked: tuple[str, ...], unit: str = "") -> Trend:
    """The same over several archives, each with what is asked of it. Raises what `trend` does."""
    if not 0 < len(asked) <= MOST_TERMS:
        raise BadQuery(" ".join(asked), f"a trend has 1 to {MOST_TERMS} terms")
    whole = [planned(db, replace(query, fold="none")) for db, query in archives]
    days = {day for plan in whole for day in bounds(part((plan.node, *terms(plan.db, plan.query))))}
    unit = unit_for(whole, unit, days)
    archived = counted_in(whole, unit)
    numbers = row(unit, archived, days)
    series = []
    for term in asked:
        node = parse(term, stem=any(query.stem for _, query in archives))
        if node is None:
            raise BadQuery(term, "a term of a trend is a word, a phrase or a fact")
        found = [planned(plan.db, plan.query, node) for plan in whole]
        counts = counted_in(found, unit)
        series.append(Series(
            term, tuple(counts[n] for n in numbers),
            tuple(counts[n] / archived[n] if n in archived else None for n in numbers),
            sum(plan.total for plan in found)))
    return Trend(unit, names(unit, numbers), tuple(archived[n] for n in numbers),
                 tuple(series), sum(plan.total for plan in whole) - archived.total())
