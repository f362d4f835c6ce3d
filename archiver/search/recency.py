"""Newer first among what is as good: a hit's score halves with each half-life that has passed since its publication.

    score x 2^(-age / half-life)            age in days from the moment of publication to now, 0 for one to come

Over all that match, not over a first page: two lists are read, the best by score and the newest, as far as it takes
until no article that is in neither can be better than those that are shown (the threshold algorithm; Fagin, Lotem and
Naor, 2003). Since all scores halve alike as time goes by, the order is the same on any day. Articles without a date
come last, by score.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, log2
from typing import Any

from tantivy import Order, Query

from archiver.search.index.searcher import Searcher
from archiver.search.order import Entry, among, with_numbers

HALF_LIFE_DAYS = 365.0
_DAY = 86_400
_FIRST = 500


@dataclass(frozen=True, slots=True)
class _Ranked:
    entry: Entry
    worth: float
    """The logarithm of the score with its age: no score is too small for it."""
    score: float


def by_recency(searcher: Searcher, query: Query, half_life: float, now: int, *, first: int, last: int
               ) -> list[Entry]:
    """The articles from `first` to before `last`; their `key` is the score with its age, `half_life` is in days, `now`
    in Unix seconds. Those that are equal come by score, then by number, originals first."""
    if last <= first:
        return []
    reach = max(_FIRST, 2 * last)
    while True:
        best = _scored(searcher, query, reach)
        newest: list[tuple[Any, Any]] = list(searcher.search(query, limit=reach, count=False, order_by_field=
                                                             "published_at", order=Order.Desc).hits)
        whole = len(best) < reach
        known = {entry.id for entry, _ in best}
        more = [] if whole else [entry.id for entry in with_numbers(searcher, newest) if entry.id not in known]
        both = best + (_scored(searcher, among(searcher, query, more), len(more)) if more else [])
        ranked = _ranked(searcher, both, half_life, now)
        if whole:
            break
        beyond = _worth(round(best[-1][0].key, 4), newest[-1][0], half_life, now)
        if len(ranked) >= last and ranked[last - 1].worth > beyond:
            break
        reach *= 4
    return [replace(one.entry, key=2 ** one.worth if one.worth > -inf else 0.0) for one in ranked[first:last]]


def _scored(searcher: Searcher, query: Query, most: int) -> list[tuple[Entry, Any]]:
    hits = list(searcher.search(query, limit=most, count=False).hits)
    return list(zip(with_numbers(searcher, hits), [address for _, address in hits], strict=True))


def _ranked(searcher: Searcher, found: list[tuple[Entry, Any]], half_life: float, now: int) -> list[_Ranked]:
    times: Any = searcher.fast_field_values("published_at", [address for _, address in found])
    # The index adds up a score in the order that is fastest: its last digits are not always the same.
    out = [_Ranked(entry, _worth(round(entry.key, 4), at, half_life, now), round(entry.key, 4))
           for (entry, _), at in zip(found, times, strict=True)]
    return sorted(out, key=lambda r: (-r.worth, -r.score, r.entry.group != r.entry.id, r.entry.id))


def _worth(score: float, published: int | None, half_life: float, now: int) -> float:
    if published is None or score <= 0:
        return -inf
    return log2(score) - max(0, now - published) / _DAY / half_life
