"""What an index found, in an order that is the same whenever and wherever it was made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import tantivy
from tantivy import Occur, Order, Query

from archiver.search.index.schema import TURN, schema
from archiver.search.index.searcher import Searcher

Ranked = tuple[Any, tantivy.DocAddress]
"""What it was ordered by, and where it is."""

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
class Entry:
    """`key` is what it was ordered by: a score, a number, a text or None."""

    id: int
    group: int
    key: Any
    address: tantivy.DocAddress

    @property
    def turn(self) -> tuple[bool, int]:
        """Its place among those with the same key: originals first, then by number."""
        return self.group != self.id, self.id


def count(searcher: Searcher, query: Query) -> int:
    return best_of(searcher, query, 1)[1]


def best_of(searcher: Searcher, query: Query, most: int = BEST) -> tuple[list[Ranked], int]:
    """The best by score, and how many there are."""
    found: Any = searcher.search(query, limit=most, count=True)  # its type does not tell of `count`
    return rounded(found.hits), int(found.count)


def numbered(searcher: Searcher, ids: Sequence[int]) -> Query:
    """The articles of these numbers. A set is compared with every article of the index; where the numbers are few it
    takes less to look each of them up."""
    if len(ids) > _FEW_NUMBERS or len(ids) * _FEW > searcher.num_docs:
        return Query.term_set_query(schema(), "id", ids)
    return Query.boolean_query([(Occur.Should, Query.term_query(schema(), "id", number, "basic")) for number in ids])


def in_order(searcher: Searcher, query: Query, field: str, *, down: bool, first: int, last: int,
             best: list[Ranked] | None = None, total: int | None = None) -> list[Entry]:
    """The articles from `first` to before `last`, by a field of the index or, where it is "", by score; `best` and
    `total` are what `best_of` said of this query.

    Those without a value come last, upwards and downwards; those with the same come by number, originals first: also
    where a hundred thousand have one rank, so that no page repeats what stands on another.
    """
    last = min(last, searcher.num_docs)
    if last <= first:
        return []
    if total is None:  # what is in the order of a field need not be counted
        total = 0 if field else count(searcher, query)
    if not field and not down:  # the worst first: the index cannot do that
        every = with_numbers(searcher, _best(searcher, query, "", down=True, most=searcher.num_docs))
        return sorted(every, key=lambda entry: (entry.key, entry.turn))[first:last]
    hits: list[Ranked] = []
    for spare in _SPARE if not field else _SPARE[:1]:
        hits = best[:last + spare] if best and not field and min(last + spare, total) <= len(best) else \
            _best(searcher, query, field, down=down, most=last + spare)
        ends = _end(hits, last)
        if len(hits) < last + spare or ends < len(hits):
            begins = _begin(hits[:ends])
            same = _first_by_turn(searcher, hits[begins:ends], last - begins)
            return _by_turn(with_numbers(searcher, hits[:begins] + same))[first:last]
        if spare == _SPARE[0] and not field and not _begin(hits):  # all that were read have one rank
            same = _of_score_soon(searcher, query, hits[0][0], last, total)
            if same:
                return _by_turn(with_numbers(searcher, _first_by_turn(searcher, same, last)))[first:]
    begins = _begin(hits)
    equals = _equals(searcher, query, field, hits[-1][0], hits[begins:], last - begins, total)
    return _by_turn(with_numbers(searcher, hits[:begins]) + equals)[first:last]


def _best(searcher: Searcher, query: Query, field: str, *, down: bool, most: int) -> list[Ranked]:
    most = max(1, min(most, searcher.num_docs))
    if field:
        hits: list[Ranked] = searcher.search(query, limit=most, order_by_field=field,
                                            order=Order.Desc if down else Order.Asc).hits
        return hits
    return rounded(searcher.search(query, limit=most).hits)


def rounded(hits: Iterable[Ranked]) -> list[Ranked]:
    """With scores of which only those digits are left that are the same at any time."""
    return [(round(score, _DIGITS), address) for score, address in hits]


def _end(hits: list[Ranked], last: int) -> int:
    """Where those end that have the key of the one before `last`."""
    ends = min(last, len(hits))
    while 0 < ends < len(hits) and hits[ends][0] == hits[ends - 1][0]:
        ends += 1
    return ends


def _begin(hits: list[Ranked]) -> int:
    """Where those begin that have the key of the last."""
    begins = len(hits)
    while begins and hits[begins - 1][0] == hits[-1][0]:
        begins -= 1
    return begins


def _first_by_turn(searcher: Searcher, hits: list[Ranked], most: int) -> list[Ranked]:
    if len(hits) <= most:
        return hits
    turns = field_values(searcher, TURN, [address for _, address in hits])
    return [hits[place] for place in sorted(range(len(hits)), key=turns.__getitem__)[:most]]


def _by_turn(entries: list[Entry]) -> list[Entry]:
    """In the order of their keys, which they have already, and within one by their turn."""
    places: dict[Any, int] = {}
    return sorted(entries, key=lambda entry: (places.setdefault(entry.key, len(places)), entry.turn))


def _equals(searcher: Searcher, query: Query, field: str, key: Any, known: list[Ranked], most: int,
            total: int) -> list[Entry]:
    """Of the articles with this key those whose turn is first; `known` are some of them, and at least `most`."""
    if not field:
        return _of_score(searcher, query, key, known, most, total)
    if key is None:
        equal = [(Occur.Must, query), (Occur.MustNot, Query.exists_query(field))]
    elif isinstance(key, str):
        equal = [(Occur.Must, query), (Occur.Must, Query.term_query(schema(), field, key, "basic"))]
    else:
        equal = [(Occur.Must, query),
                 (Occur.Must, Query.range_query(schema(), field, tantivy.FieldType.Integer, key, key))]
    return [replace(entry, key=key) for entry in
            with_numbers(searcher, _turns(searcher, Query.boolean_query(equal), most))]


def _of_score_soon(searcher: Searcher, query: Query, score: float, most: int, total: int) -> list[Ranked]:
    """All hits of this score up to some turn, which are enough; none where it would take longer to find them.

    A score cannot be asked for. Where hits are spread evenly over the turns, and most of them have it, a guess will do.
    """
    reach = most * _SHARE
    found = _best(searcher, _up_to(query, searcher.num_docs * reach // max(total, 1)), "", down=True, most=2 * reach)
    same = [hit for hit in found if hit[0] == score]
    return same if len(same) >= most and (len(found) < 2 * reach or found[-1][0] < score) else []


def _of_score(searcher: Searcher, query: Query, score: float, known: list[Ranked], most: int, total: int
              ) -> list[Entry]:
    """The articles whose turn is first are asked for, until enough of them have this score."""
    reach = 2 * most * max(2, total // len(known))
    while True:
        turns = _turns(searcher, query, reach)
        same = [hit for hit in _best(searcher, _up_to(query, turns[-1][0]), "", down=True, most=len(turns))
                if hit[0] == score]
        if len(same) < most and len(turns) < reach:  # all of them: a last digit was another this time
            same = known
        if len(same) >= most:
            return with_numbers(searcher, _first_by_turn(searcher, same, most))
        reach *= 4


def _up_to(query: Query, turn: int) -> Query:
    turns = Query.range_query(schema(), TURN, tantivy.FieldType.Integer, None, turn)
    return Query.boolean_query([(Occur.Must, query), (Occur.Must, Query.const_score_query(turns, 0.0))])


def _turns(searcher: Searcher, query: Query, most: int) -> list[Ranked]:
    hits: list[Ranked] = searcher.search(query, limit=max(1, min(most, searcher.num_docs)), order_by_field=TURN,
                                        order=Order.Asc).hits
    return hits


def with_groups(searcher: Searcher, query: Query, most: int
                ) -> tuple[list[int], list[int], list[tantivy.DocAddress]]:
    """The numbers, the groups and the places of all that a query finds, which are `most` at most, by number."""
    if not most:
        return [], [], []
    hits = searcher.search(query, limit=most, order_by_field="id", order=Order.Asc).hits
    addresses = [address for _, address in hits]
    return [number for number, _ in hits], field_values(searcher, "group", addresses), addresses


def entries(searcher: Searcher, query: Query) -> list[Entry]:
    """All that a query finds, by number, which is the `key` too."""
    found = with_groups(searcher, query, count(searcher, query))
    return [Entry(number, group, number, address) for number, group, address in zip(*found, strict=True)]


def with_numbers(searcher: Searcher, hits: Iterable[Ranked]) -> list[Entry]:
    keys, addresses = zip(*hits, strict=True) if hits else ((), ())
    return [Entry(*row) for row in zip(field_values(searcher, "id", addresses),
                                       field_values(searcher, "group", addresses), keys, addresses, strict=True)]


def field_values(searcher: Searcher, field: str, addresses: Iterable[tantivy.DocAddress]) -> list[Any]:
    """A number of each of these entries of the index; None where it has none."""
    return list(searcher.fast_field_values(field, list(addresses)))
