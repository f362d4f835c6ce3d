"""Folding: of articles that are copies of one another a search shows one, and tells which are beneath it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import tantivy
from tantivy import Occur, Query

from archiver.record.joined import Joined
from archiver.search.index.schema import COPY, FIRST, KEYS, schema
from archiver.search.index.searcher import Searcher
from archiver.search.match import key_query
from archiver.search.order import Match, field_values, matches, numbered, with_groups

Fold = Literal["text", "cluster", "none"]
FOLDS: dict[Fold, str] = {
    "text": "of articles with the same text one is shown, the original where it matches, else the first",
    "cluster": "of near copies, too, one is shown: what they come from where it matches, else the first",
    "none": "each is shown",
}


@dataclass(frozen=True, slots=True)
class Folded:
    """`query` is what is left to be shown, `beneath` which of what matches was left out, by the article shown for it;
    `left_out` is how many that are."""

    query: Query
    beneath: Mapping[int, Sequence[int]]
    left_out: int


def folded(searcher: Searcher, query: Query, fold: Fold) -> Folded:
    """What a query finds, folded: its total, its facets and its pages are all made from the query that comes back.

    One that is shown stands for all that match and are of its text or (`cluster`) of its cluster; articles of one text
    that are in different clusters make these one.
    """
    if fold == "none":
        return Folded(query, {}, 0)
    return _by_cluster(searcher, query) if fold == "cluster" else _by_text(searcher, query)


def _by_text(searcher: Searcher, query: Query) -> Folded:
    same = Query.term_set_query(schema(), KEYS, [COPY, FIRST])
    # A frequent word has tens of thousands of copies: what is done for each of them is what a search of it takes.
    found = with_groups(searcher, _and(query, same), sum(searcher.doc_freq(KEYS, key) for key in (COPY, FIRST)))
    copies = [pair for pair in zip(found.ids, found.groups, strict=True) if pair[0] != pair[1]]
    if not copies:
        return Folded(query, {}, 0)
    originals = set(found.ids) - {number for number, _ in copies}
    beneath: dict[int, list[int]] = {}
    alone: dict[int, list[int]] = {}
    for number, group in copies:
        texts = beneath if group in originals else alone
        if group in texts:
            texts[group].append(number)
        else:
            texts[group] = [number]
    for first, *others in alone.values():  # of copies alone the first
        if others:
            beneath[first] = others
    shown = [alike[0] for alike in alone.values()]
    return Folded(_without(searcher, query, beneath, shown), beneath, len(copies) - len(shown))


def _without(searcher: Searcher, query: Query, beneath: Mapping[int, list[int]], shown: list[int]) -> Query:
    """A query without some of its copies, or without all but those that are `shown`: whichever are fewer to name."""
    if not beneath:
        return query
    if len(beneath) <= len(shown) and len(left_out := [number for many in beneath.values() for number in many]
                                          ) <= len(shown):
        apart = numbered(searcher, left_out)
    elif not shown:
        apart = key_query(COPY)
    else:
        apart = Query.boolean_query([(Occur.Must, key_query(COPY)), (Occur.MustNot, numbered(searcher, shown))])
    return Query.boolean_query([(Occur.Must, query), (Occur.MustNot, apart)])


def _by_cluster(searcher: Searcher, query: Query) -> Folded:
    members = _having(searcher, query, Query.range_query(schema(), "cluster", tantivy.FieldType.Integer, 1, None))
    if not members:
        return _by_text(searcher, query)
    copies = _having(searcher, query, key_query(COPY))
    alike = {entry.id: entry for entry in (*copies, *members)}
    if copies:
        alike |= {entry.id: entry for entry in _having(searcher, query, key_query(FIRST))}
    sources = {entry.id for entry in _having(searcher, query, key_query("is:source"))}
    clusters = _clusters(searcher, members)
    beneath = {}
    for together in _together(alike.values(), clusters):
        if len(together) > 1:
            first = min(together, key=lambda e: (e.id not in sources, e.turn))
            beneath[first.id] = tuple(sorted(entry.id for entry in together if entry is not first))
    if not beneath:
        return Folded(query, {}, 0)
    left_out = [number for numbers in beneath.values() for number in numbers]
    return Folded(Query.boolean_query([(Occur.Must, query), (Occur.MustNot, numbered(searcher, left_out))]), beneath,
                  len(left_out))


def _having(searcher: Searcher, query: Query, what: Query) -> list[Match]:
    return matches(searcher, _and(query, what))


def _and(query: Query, what: Query) -> Query:
    return Query.boolean_query([(Occur.Must, query), (Occur.Must, what)])


def _clusters(searcher: Searcher, members: list[Match]) -> dict[int, int]:
    """The cluster of each of the entries, by its number."""
    return dict(zip((entry.id for entry in members),
                    field_values(searcher, "cluster", [entry.address for entry in members]), strict=True))


def _together(alike: Iterable[Match], clusters: dict[int, int]) -> list[list[Match]]:
    """The entries by text, and texts by cluster."""
    texts: dict[int, list[Match]] = defaultdict(list)
    for entry in alike:
        texts[entry.group].append(entry)
    joined = Joined[int]()
    of_cluster: dict[int, int] = {}
    for group, same in texts.items():
        for entry in same:
            if (cluster := clusters.get(entry.id)) is not None:
                joined.join(group, of_cluster.setdefault(cluster, group))
    return [[entry for group in groups for entry in texts[group]] for groups in joined.groups(texts)]
