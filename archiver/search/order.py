"""What an index finds, in an order that is always and everywhere the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import tantivy
from tantivy import Occur, Order, Query

from archiver.search.index.schema import TURN, schema
from archiver.search.index.searcher import Searcher

Pair = tuple[Any, tantivy.DocAddress]
"""What tantivy returns for an article: what it was ordered by, and where it is in the index. Thousands of them may be
compared for a page of 20, so that only those that are left become a `Match`."""

BEST = 200
"""So many of the best are looked up together with how many there are."""
_SPARE = (180, 3_000)
"""So many more than are wanted are read at first, and then: most that have the rank of the last one are among them."""
_SHARE = 64
"""Among so many hits for one that is wanted those that have its rank are looked for, where most seem to have it."""
_DIGITS = 4
"""Of a score so many count: it is added up in the order that is fastest, and its last ones are not always the same."""
_FEW = 50
_FEW_NUMBERS = 300
"""One number in so many articles is looked up as fast as it is found in a set, and no more than so many (measured at
100,000 and at 200,000)."""


@dataclass(frozen=True, slots=True)
class Match:
    """An article that a query finds. `key` is what it is ordered by: a score (with its age as a logarithm), a distance,
    a number, a text; None where it has none. `score` and `distance` (in km) are set where the query has them."""

    id: int
    group: int
    key: Any
    address: tantivy.DocAddress
    score: float | None = None
    distance: float | None = None

    @property
    def turn(self) -> tuple[bool, int]:
        """Its place among those with the same key: originals first, then by number."""
        return self.group != self.id, self.id


@dataclass(frozen=True, slots=True)
class Sort:
    """By a field of the index, or where it is "" by score; `down`: the greatest value first."""

    field: str
    down: bool


@dataclass(frozen=True, slots=True)
class Best:
    """The first that a query finds by score, and how many it finds in all."""

    first: list[Pair]
    total: int


def count(searcher: Searcher, query: Query) -> int:
    return best_of(searcher, query, 1).total


def best_of(searcher: Searcher, query: Query, most: int = BEST) -> Best:
    found: Any = searcher.search(query, limit=most, count=True)  # its type does not tell of `count`
    return Best(rounded(found.hits), int(found.count))


def numbered(searcher: Searcher, ids: Sequence[int]) -> Query:
    """The articles of these numbers. A set is compared with every article of the index; where the numbers are few it
    takes less to look each of them up."""
    if len(ids) > _FEW_NUMBERS or len(ids) * _FEW > searcher.num_docs:
        return Query.term_set_query(schema(), "id", ids)
    return Query.boolean_query([(Occur.Should, Query.term_query(schema(), "id", number, "basic")) for number in ids])


def in_order(searcher: Searcher, query: Query, sort: Sort, *, first: int, last: int, known: Best | None = None
             ) -> list[Match]:
    """The articles from `first` to before `last`. `known` is what `best_of` returned for this query.

    Those without a value come last, upwards and downwards; those with the same come by number, originals first: also
    where a hundred thousand have one rank, so that no page repeats what another has.
    """
    last = min(last, searcher.num_docs)
    if last <= first:
        return []
    if not sort.field and not sort.down:  # the worst first: the index cannot do that
        every = with_numbers(searcher, _best(searcher, query, Sort("", down=True), searcher.num_docs))
        return sorted(every, key=lambda match: (match.key, match.turn))[first:last]
    if known is None:  # a count is needed for scores only
        known = Best([], 0 if sort.field else count(searcher, query))
    return _first(_Wanted(searcher, query, sort, last, known))[first:last]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The first `last` articles of a query are wanted in an order."""

    searcher: Searcher
    query: Query
    sort: Sort
    last: int
    known: Best

    def read(self, most: int) -> list[Pair]:
        """The first `most` in the order of the index, which leaves open which of those with equal keys comes first."""
        best = self.known
        if best.first and not self.sort.field and min(most, best.total) <= len(best.first):
            return best.first[:most]
        return _best(self.searcher, self.query, self.sort, most)


def _first(wanted: _Wanted) -> list[Match]:
    """What is wanted, and perhaps more of the last key. A few more are read than are wanted: mostly all that have the
    key of the last one are among them. Where they are not, they are looked up by their key."""
    searcher, last = wanted.searcher, wanted.last
    hits: list[Pair] = []
    for spare in _SPARE[:1] if wanted.sort.field else _SPARE:
        hits = wanted.read(last + spare)
        ends = _end(hits, last)
        if len(hits) < last + spare or ends < len(hits):
            begins = _begin(hits[:ends])
            same = _first_by_turn(searcher, hits[begins:ends], last - begins)
            return _by_turn(with_numbers(searcher, hits[:begins] + same))
        if spare == _SPARE[0] and not wanted.sort.field and not _begin(hits):  # all that were read have one rank
            same = _of_score_soon(wanted, hits[0][0])
            if same:
                return _by_turn(with_numbers(searcher, _first_by_turn(searcher, same, last)))
    begins = _begin(hits)
    equals = _equals(wanted, hits[-1][0], hits[begins:], last - begins)
    return _by_turn(with_numbers(searcher, hits[:begins]) + equals)


def _best(searcher: Searcher, query: Query, sort: Sort, most: int) -> list[Pair]:
    most = max(1, min(most, searcher.num_docs))
    if sort.field:
        hits: list[Pair] = searcher.search(query, limit=most, order_by_field=sort.field,
                                           order=Order.Desc if sort.down else Order.Asc).hits
        return hits
    return rounded(searcher.search(query, limit=most).hits)


def rounded(hits: Iterable[Pair]) -> list[Pair]:
    """With scores of which only those digits are left that are the same at any time."""
    return [(round(score, _DIGITS), address) for score, address in hits]


def _end(hits: list[Pair], last: int) -> int:
    """Where those end that have the key of the one before `last`."""
    ends = min(last, len(hits))
    while 0 < ends < len(hits) and hits[ends][0] == hits[ends - 1][0]:
        ends += 1
    return ends


def _begin(hits: list[Pair]) -> int:
    """Where those begin that have the key of the last."""
    begins = len(hits)
    while begins and hits[begins - 1][0] == hits[-1][0]:
        begins -= 1
    return begins


def _first_by_turn(searcher: Searcher, hits: list[Pair], most: int) -> list[Pair]:
    if len(hits) <= most:
        return hits
    turns = field_values(searcher, TURN, [address for _, address in hits])
    return [hits[place] for place in sorted(range(len(hits)), key=turns.__getitem__)[:most]]


def _by_turn(matches: list[Match]) -> list[Match]:
    """In the order of their keys, which they have already, and within one by their turn."""
    places: dict[Any, int] = {}
    return sorted(matches, key=lambda match: (places.setdefault(match.key, len(places)), match.turn))


def _equals(wanted: _Wanted, key: Any, known: list[Pair], most: int) -> list[Match]:
    """Of the articles with this key those whose turn is first; `known` are some of them, and at least `most`."""
    searcher, query, field = wanted.searcher, wanted.query, wanted.sort.field
    if not field:
        return _of_score(wanted, key, known, most)
    if key is None:
        equal = [(Occur.Must, query), (Occur.MustNot, Query.exists_query(field))]
    elif isinstance(key, str):
        equal = [(Occur.Must, query), (Occur.Must, Query.term_query(schema(), field, key, "basic"))]
    else:
        equal = [(Occur.Must, query),
                 (Occur.Must, Query.range_query(schema(), field, tantivy.FieldType.Integer, key, key))]
    return [replace(match, key=key) for match in
            with_numbers(searcher, _turns(searcher, Query.boolean_query(equal), most))]


def _of_score_soon(wanted: _Wanted, score: float) -> list[Pair]:
    """All hits of this score up to some turn, which are enough; none where it would take longer to find them.

    A score cannot be asked for. Where hits are spread evenly over the turns, and most of them have it, a guess will do.
    """
    searcher, most = wanted.searcher, wanted.last
    reach = most * _SHARE
    near = _up_to(wanted.query, searcher.num_docs * reach // max(wanted.known.total, 1))
    found = _best(searcher, near, Sort("", down=True), 2 * reach)
    same = [hit for hit in found if hit[0] == score]
    return same if len(same) >= most and (len(found) < 2 * reach or found[-1][0] < score) else []


def _of_score(wanted: _Wanted, score: float, known: list[Pair], most: int) -> list[Match]:
    """The articles whose turn is first are asked for, until enough of them have this score."""
    searcher = wanted.searcher
    reach = 2 * most * max(2, wanted.known.total // len(known))
    while True:
        turns = _turns(searcher, wanted.query, reach)
        found = _best(searcher, _up_to(wanted.query, turns[-1][0]), Sort("", down=True), len(turns))
        same = [hit for hit in found if hit[0] == score]
        if len(same) < most and len(turns) < reach:  # all of them: a last digit was another this time
            same = known
        if len(same) >= most:
            return with_numbers(searcher, _first_by_turn(searcher, same, most))
        reach *= 4


def _up_to(query: Query, turn: int) -> Query:
    turns = Query.range_query(schema(), TURN, tantivy.FieldType.Integer, None, turn)
    return Query.boolean_query([(Occur.Must, query), (Occur.Must, Query.const_score_query(turns, 0.0))])


def _turns(searcher: Searcher, query: Query, most: int) -> list[Pair]:
    hits: list[Pair] = searcher.search(query, limit=max(1, min(most, searcher.num_docs)), order_by_field=TURN,
                                        order=Order.Asc).hits
    return hits


@dataclass(frozen=True, slots=True)
class Numbers:
    """All that a query finds, by number: numbers, groups and addresses of articles, each a column of its own."""

    ids: list[int]
    groups: list[int]
    addresses: list[tantivy.DocAddress]


def with_groups(searcher: Searcher, query: Query, most: int) -> Numbers:
    """`most`: how many there are at most."""
    if not most:
        return Numbers([], [], [])
    hits = searcher.search(query, limit=most, order_by_field="id", order=Order.Asc).hits
    addresses = [address for _, address in hits]
    return Numbers([number for number, _ in hits], field_values(searcher, "group", addresses), addresses)


def matches(searcher: Searcher, query: Query) -> list[Match]:
    """All that a query finds, by number, which is the `key` too."""
    found = with_groups(searcher, query, count(searcher, query))
    return [Match(number, group, number, address) for number, group, address in
            zip(found.ids, found.groups, found.addresses, strict=True)]


def with_numbers(searcher: Searcher, hits: Iterable[Pair]) -> list[Match]:
    keys, addresses = zip(*hits, strict=True) if hits else ((), ())
    return [Match(*row) for row in zip(field_values(searcher, "id", addresses),
                                       field_values(searcher, "group", addresses), keys, addresses, strict=True)]


def field_values(searcher: Searcher, field: str, addresses: Iterable[tantivy.DocAddress]) -> list[Any]:
    """A number of each of these entries of the index; None where it has none."""
    return list(searcher.fast_field_values(field, list(addresses)))
