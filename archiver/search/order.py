"""What an index found, in an order that is the same whenever and wherever it was made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import tantivy
from tantivy import Occur, Order, Query

from archiver.search.index.schema import TURN, schema
from archiver.search.index.searcher import Searcher

Found = tuple[Any, tantivy.DocAddress]
"""What it was ordered by, and where it is."""

_SPARE = (180, 3_000)
"""So many more than are wanted are read at first, and then: most that have the rank of the last one are among them."""
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
    found: Any = searcher.search(query, limit=1, count=True)  # its type does not tell of `count`
    return int(found.count)


def numbered(searcher: Searcher, ids: Sequence[int]) -> Query:
    """The articles of these numbers. A set is compared with every article of the index; where the numbers are few it
    takes less to look each of them up."""
    if len(ids) > _FEW_NUMBERS or len(ids) * _FEW > searcher.num_docs:
        return Query.term_set_query(schema(), "id", ids)
    return Query.boolean_query([(Occur.Should, Query.term_query(schema(), "id", number, "basic")) for number in ids])


def in_order(searcher: Searcher, query: Query, field: str, *, down: bool, first: int, last: int) -> list[Entry]:
    """The articles from `first` to before `last`, by a field of the index or, where it is "", by score.

    Those without a value come last, upwards and downwards; those with the same come by number, originals first: also
    where a hundred thousand have one rank, so that no page repeats what stands on another.
    """
    last = min(last, searcher.num_docs)
    if last <= first:
        return []
    if not field and not down:  # the worst first: the index cannot do that
        every = with_numbers(searcher, _best(searcher, query, "", down=True, most=searcher.num_docs))
        return sorted(every, key=lambda entry: (entry.key, entry.turn))[first:last]
    hits: list[Found] = []
    for spare in _SPARE if not field else _SPARE[:1]:
        hits = _best(searcher, query, field, down=down, most=last + spare)
        ends = _end(hits, last)
        if len(hits) < last + spare or ends < len(hits):
            begins = _begin(hits[:ends])
            same = _first_by_turn(searcher, hits[begins:ends], last - begins)
            return _by_turn(with_numbers(searcher, hits[:begins] + same))[first:last]
    begins = _begin(hits)
    equals = _equals(searcher, query, field, hits[-1][0], hits[begins:], last - begins)
    return _by_turn(with_numbers(searcher, hits[:begins]) + equals)[first:last]


def _best(searcher: Searcher, query: Query, field: str, *, down: bool, most: int) -> list[Found]:
    most = max(1, min(most, searcher.num_docs))
    if field:
        hits: list[Found] = searcher.search(query, limit=most, order_by_field=field,
                                            order=Order.Desc if down else Order.Asc).hits
        return hits
    return rounded(searcher.search(query, limit=most).hits)


def rounded(hits: Iterable[Found]) -> list[Found]:
    """With scores of which only those digits are left that are the same at any time."""
    return [(round(score, _DIGITS), address) for score, address in hits]


def _end(hits: list[Found], last: int) -> int:
    """Where those end that have the key of the one before `last`."""
    ends = min(last, len(hits))
    while 0 < ends < len(hits) and hits[ends][0] == hits[ends - 1][0]:
        ends += 1
    return ends


def _begin(hits: list[Found]) -> int:
    """Where those begin that have the key of the last."""
    begins = len(hits)
    while begins and hits[begins - 1][0] == hits[-1][0]:
        begins -= 1
    return begins


def _first_by_turn(searcher: Searcher, hits: list[Found], most: int) -> list[Found]:
    if len(hits) <= most:
        return hits
    turns = field_values(searcher, TURN, [address for _, address in hits])
    return [hits[place] for place in sorted(range(len(hits)), key=turns.__getitem__)[:most]]


def _by_turn(entries: list[Entry]) -> list[Entry]:
    """In the order of their keys, which they have already, and within one by their turn."""
    places: dict[Any, int] = {}
    return sorted(entries, key=lambda entry: (places.setdefault(entry.key, len(places)), entry.turn))


def _equals(searcher: Searcher, query: Query, field: str, key: Any, known: list[Found], most: int
            ) -> list[Entry]:
    """Of the articles with this key those whose turn is first; `known` are some of them, and at least `most`."""
    if not field:
        return _of_score(searcher, query, key, known, most)
    if key is None:
        same = [(Occur.Must, query), (Occur.MustNot, Query.exists_query(field))]
    elif isinstance(key, str):
        same = [(Occur.Must, query), (Occur.Must, Query.term_query(schema(), field, key, "basic"))]
    else:
        same = [(Occur.Must, query),
                (Occur.Must, Query.range_query(schema(), field, tantivy.FieldType.Integer, key, key))]
    return [replace(entry, key=key) for entry in
            with_numbers(searcher, _turns(searcher, Query.boolean_query(same), most))]


def _of_score(searcher: Searcher, query: Query, score: float, known: list[Found], most: int) -> list[Entry]:
    """A score cannot be asked for: the articles whose turn is first are, until enough of them have it."""
    reach = 2 * most * max(2, count(searcher, query) // len(known))
    while True:
        turns = _turns(searcher, query, reach)
        first = Query.range_query(schema(), TURN, tantivy.FieldType.Integer, None, turns[-1][0])
        some = Query.boolean_query([(Occur.Must, query), (Occur.Must, Query.const_score_query(first, 0.0))])
        same = [hit for hit in _best(searcher, some, "", down=True, most=len(turns)) if hit[0] == score]
        if len(same) < most and len(turns) < reach:  # all of them: a last digit was another this time
            same = known
        if len(same) >= most:
            return with_numbers(searcher, _first_by_turn(searcher, same, most))
        reach *= 4


def _turns(searcher: Searcher, query: Query, most: int) -> list[Found]:
    hits: list[Found] = searcher.search(query, limit=max(1, min(most, searcher.num_docs)), order_by_field=TURN,
                                        order=Order.Asc).hits
    return hits


def among(searcher: Searcher, query: Query, ids: Sequence[int]) -> Query:
    """What of a query is among some articles, with its scores."""
    some = Query.const_score_query(numbered(searcher, ids), 0.0)
    return Query.boolean_query([(Occur.Must, query), (Occur.Must, some)])


def entries(searcher: Searcher, query: Query) -> list[Entry]:
    """All that a query finds, by number, which is the `key` too."""
    number = count(searcher, query)
    if not number:
        return []
    hits = searcher.search(query, limit=number, order_by_field="id", order=Order.Asc).hits
    groups = field_values(searcher, "group", [address for _, address in hits])
    return [Entry(key, group, key, address) for (key, address), group in zip(hits, groups, strict=True)]


def with_numbers(searcher: Searcher, hits: Iterable[Found]) -> list[Entry]:
    keys, addresses = zip(*hits, strict=True) if hits else ((), ())
    return [Entry(*row) for row in zip(field_values(searcher, "id", addresses),
                                       field_values(searcher, "group", addresses), keys, addresses, strict=True)]


def field_values(searcher: Searcher, field: str, addresses: Iterable[tantivy.DocAddress]) -> list[Any]:
    """A number of each of these entries of the index; None where it has none."""
    return list(searcher.fast_field_values(field, list(addresses)))
