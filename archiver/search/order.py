"""What an index found, in an order that is the same whenever and wherever it was made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import tantivy
from tantivy import Occur, Order, Query

from archiver.search.index.schema import schema

_MOST_TIES = 20_000
_FEW = 50
"""One number in so many articles is looked up as fast as it is found in a set (measured at 100,000)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`key` is what it was ordered by: a score, a number, a text or None."""

    id: int
    group: int
    key: Any
    address: tantivy.DocAddress


def count(searcher: tantivy.Searcher, query: Query) -> int:
    found: Any = searcher.search(query, limit=1, count=True)  # its type does not tell of `count`
    return int(found.count)


def numbered(searcher: tantivy.Searcher, ids: Sequence[int]) -> Query:
    """The articles of these numbers. A set is compared with every article of the index; where the numbers are few it
    takes less to look each of them up."""
    if len(ids) * _FEW > searcher.num_docs:
        return Query.term_set_query(schema(), "id", ids)
    return Query.boolean_query([(Occur.Should, Query.term_query(schema(), "id", number, "basic")) for number in ids])


def in_order(searcher: tantivy.Searcher, query: Query, field: str, *, down: bool, first: int, last: int) -> list[Entry]:
    """The articles from `first` to before `last`, by a field of the index or, where it is "", by score.

    Those without a value come last, upwards and downwards; those with the same come by number, originals first.
    """
    if last <= first:
        return []
    wanted, every = last, searcher.num_docs
    while True:
        limit = min(wanted + 1, max(every, 1))
        hits = searcher.search(query, limit=limit, count=False, order_by_field=field or None,
                               order=Order.Desc if down else Order.Asc).hits if field else \
            _by_score(searcher, query, limit, down=down)
        whole = len(hits) < limit or limit >= every or wanted >= last + _MOST_TIES
        found = with_numbers(searcher, hits)
        if whole or found[last - 1].key != found[-1].key:
            return [entry for _, same in groupby(found, key=lambda entry: entry.key)
                    for entry in sorted(same, key=lambda entry: (entry.group != entry.id, entry.id))][first:last]
        wanted = wanted * 4 + 100


def _by_score(searcher: tantivy.Searcher, query: Query, limit: int, *, down: bool) -> list[Any]:
    if down:
        return list(searcher.search(query, limit=limit, count=False).hits)
    every = searcher.search(query, limit=max(searcher.num_docs, 1), count=False).hits
    return list(reversed(every))[:limit]


def entries(searcher: tantivy.Searcher, query: Query) -> list[Entry]:
    """All that a query finds, in no order that is told."""
    number = count(searcher, query)
    return with_numbers(searcher, searcher.search(query, limit=number, count=False).hits) if number else []


def with_numbers(searcher: tantivy.Searcher, hits: Iterable[tuple[Any, tantivy.DocAddress]]) -> list[Entry]:
    keys, addresses = zip(*hits, strict=True) if hits else ((), ())
    return [Entry(*row) for row in zip(field_values(searcher, "id", addresses),
                                       field_values(searcher, "group", addresses), keys, addresses, strict=True)]


def field_values(searcher: tantivy.Searcher, field: str, addresses: Iterable[tantivy.DocAddress]) -> list[Any]:
    """A number of each of these entries of the index; None where it has none."""
    return list(searcher.fast_field_values(field, list(addresses)))
