"""How large a share of what was archived says something, over time.

The share of a period is that of the articles of it that the query leaves (its text and its filters: all of the archive
where there is none). Every article counts where it was published, copies too, as `search --all` shows them; else the
share would depend on which of two copies is shown. A period of which nothing is left has no share: a gap, no zero.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlite_utils import Database

from archiver.errors import BadQuery
from archiver.search.filters import Query, terms
from archiver.search.grammar import parse
from archiver.search.periods import counted, names, row, unit_for
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
    if not 0 < len(asked) <= MOST_TERMS:
        raise BadQuery(" ".join(asked), f"a trend has 1 to {MOST_TERMS} terms")
    query = replace(query, fold="none")
    whole = planned(db, query)
    days = bounds(part((whole.node, *terms(db, query))))
    unit = unit_for(whole, unit, days)
    archived = counted(whole, unit)
    numbers = row(unit, archived, days)
    series = []
    for term in asked:
        node = parse(term, stem=query.stem)
        if node is None:
            raise BadQuery(term, "a term of a trend is a word, a phrase or a fact")
        found = planned(db, query, node)
        counts = counted(found, unit)
        series.append(Series(
            term, tuple(counts.get(n, 0) for n in numbers),
            tuple(counts.get(n, 0) / archived[n] if n in archived else None for n in numbers),
            found.total))
    return Trend(unit, names(unit, numbers), tuple(archived.get(n, 0) for n in numbers),
                 tuple(series), whole.total - sum(archived.values()))
