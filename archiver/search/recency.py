"""Newer first among what is as good: a hit's score halves with each half-life that has passed since its publication.

    score x 2^(-age / half-life)            age in days from the moment of publication to now, 0 for one to come

Over all that match, not over a first page: the best of one band of time after another are read, the newest band first,
until no article that is older, or worse in its band, can be better than those that are shown (a threshold, as in Fagin,
Lotem and Naor, 2003). Since all scores halve alike as time goes by, the order is the same on any day. Articles without
a date come last, by score.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, log2
from typing import Any

from tantivy import FieldType, Occur, Order, Query

from archiver.search.index.schema import schema
from archiver.search.index.searcher import Searcher
from archiver.search.order import Match, Sort, in_order, with_numbers

HALF_LIFE_DAYS = 365.0
_DAY = 86_400
_FIELD = "published_at"
_FIRST = 500
"""Where no more are found they are all read: a band is a look at the whole index."""
_BAND = 1 / 8
"""The first band, in half-lives: what is as good at its two ends differs by a twelfth."""
_SPARE = 180
"""So many more than are wanted are read of a band."""
_WIDEST = 2**61
"""In seconds: the index has numbers of 64 bits."""


def by_recency(searcher: Searcher, query: Query, half_life: float, now: int, *, first: int, last: int
               ) -> list[Match]:
    """The articles from `first` to before `last`; their `key` is the logarithm of the score with its age (minus
    infinity without a date) and the score itself, `half_life` is in days, `now` in Unix seconds. Those that are equal
    come by score, then by number, originals first."""
    if last <= first:
        return []
    reach = max(_FIRST, 2 * last)
    best = _scored(searcher, query, reach)
    if len(best) < reach:
        return _ranked(searcher, best, half_life, now)[first:last]
    aged = _Aged(searcher, query, half_life, now)
    dated = aged.dated(_rounded(best[0]), last)
    if len(dated) < last:
        no_date = Query.boolean_query([(Occur.Must, query), (Occur.MustNot, Query.exists_query(_FIELD))])
        dated += [replace(match, key=(-inf, match.key)) for match in
                  in_order(searcher, no_date, Sort("", down=True), first=0, last=last - len(dated))]
    return dated[first:last]


@dataclass(frozen=True, slots=True)
class _Band:
    """A stretch of time that begins at `low`: how many of its articles were `read`, and the best so far."""

    low: int
    read: int
    ranked: list[Match]


@dataclass(frozen=True, slots=True)
class _Aged:
    searcher: Searcher
    query: Query
    half_life: float
    now: int

    def dated(self, best: float, last: int) -> list[Match]:
        """The first `last` of those with a date, of which none has a better score than `best`."""
        ranked: list[Match] = []
        high: int | None = None
        width = int(min(self.half_life * _DAY * _BAND, _WIDEST))
        while True:
            newest = self.now if high is None else high
            band = self._with_band(ranked, max(newest - width, -_WIDEST), high, last)
            ranked, high, width = band.ranked, band.low - 1, newest - band.low
            beyond = self._worth(best, high) - ranked[-1].key[0] if len(ranked) == last else inf
            if beyond < 0:
                return ranked
            if not band.read:
                older = self.searcher.search(self._between(None, high), limit=1, order_by_field=_FIELD,
                                             order=Order.Desc).hits
                if not older:
                    return ranked
                high = int(older[0][0])
            if beyond < inf:  # as far as one of the best score could be among them
                width = max(width, int(min(beyond * self.half_life * _DAY, _WIDEST)) + 1)
            elif band.read < _SPARE / 4:
                width = max(width, _DAY) * 4
            width = min(width, _WIDEST)

    def _with_band(self, ranked: list[Match], low: int, high: int | None, last: int) -> _Band:
        """The band up to `high` that begins at `low` or later, and the first `last` of it and of what was ranked
        before: what was not read of the band is not among them."""
        most = last + _SPARE
        while True:
            some = _scored(self.searcher, self._between(low, high), most)
            both = sorted([*ranked, *_ranked(self.searcher, some, self.half_life, self.now)], key=_turn)[:last]
            newest = self.now if high is None else high
            if len(some) < most or (len(both) == last and
                                    both[-1].key[0] > self._worth(_rounded(some[-1]), newest)):
                return _Band(low, len(some), both)
            if newest - low > _DAY:
                low = (low + newest) // 2
            else:
                most *= 4

    def _between(self, low: int | None, high: int | None) -> Query:
        time = Query.range_query(schema(), _FIELD, FieldType.Integer, low, high)
        return Query.boolean_query([(Occur.Must, self.query), (Occur.Must, Query.const_score_query(time, 0.0))])

    def _worth(self, score: float, published: int) -> float:
        return _worth(score, published, self.half_life, self.now)


def _scored(searcher: Searcher, query: Query, most: int) -> list[Match]:
    return with_numbers(searcher, list(searcher.search(query, limit=min(most, searcher.num_docs)).hits))


def _ranked(searcher: Searcher, found: list[Match], half_life: float, now: int) -> list[Match]:
    """With the logarithm of the score with its age as their key (no score is too small for it), and the score."""
    times: Any = searcher.fast_field_values("published_at", [match.address for match in found])
    out = [Match(match.id, match.group, (_worth(score := _rounded(match), at, half_life, now), score), match.address)
           for match, at in zip(found, times, strict=True)]
    return sorted(out, key=_turn)


def _turn(match: Match) -> tuple[float, float, bool, int]:
    worth, score = match.key
    return (-worth, -score, *match.turn)


def _rounded(match: Match) -> float:
    """The index adds up a score in the order that is fastest: its last digits are not always the same."""
    return round(float(match.key), 4)


def _worth(score: float, published: int | None, half_life: float, now: int) -> float:
    if published is None or score <= 0:
        return -inf
    return log2(score) - max(0, now - published) / _DAY / half_life
