"""Folding: of articles that are copies of one another a search shows one, and tells which are beneath it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import tantivy
from tantivy import Occur, Query

from archiver.search.index.schema import KEYS, schema
from archiver.search.order import Entry, entries, field_values, numbered

Fold = Literal["text", "cluster", "none"]
FOLDS: dict[Fold, str] = {
    "text": "of articles with the same text one is shown, the original where it matches, else the first",
    "cluster": "of near copies, too, one is shown: what they come from where it matches, else the first",
    "none": "each is shown",
}


@dataclass(frozen=True, slots=True)
class Folded:
    """`query` is what is left to be shown, `beneath` which of what matches was left out, by the article shown for it.
    """

    query: Query
    beneath: dict[int, tuple[int, ...]]


def folded(searcher: tantivy.Searcher, query: Query, fold: Fold) -> Folded:
    """What a query finds, folded: its total, its facets and its pages are all made from the query that comes back.

    One that is shown stands for all that match and are of its text or (`cluster`) of its cluster; articles of one text
    that are in different clusters make these one.
    """
    if fold == "none":
        return Folded(query, {})
    copies = _having(searcher, query, _key("is:duplicate"))
    members = _having(searcher, query, Query.range_query(schema(), "cluster", tantivy.FieldType.Integer, 1, None)
                      ) if fold == "cluster" else []
    alike = {entry.id: entry for entry in (*copies, *members)}
    if not alike:
        return Folded(query, {})
    groups = sorted({entry.group for entry in alike.values()} - set(alike))
    if groups:
        alike |= {entry.id: entry for entry in
                  _having(searcher, query, numbered(searcher, groups))}
    sources = {entry.id for entry in _having(searcher, query, _key("is:source"))} if members else set()
    clusters = _clusters(searcher, query, members)
    beneath = {}
    for together in _together(alike.values(), clusters):
        first = min(together, key=lambda e: (e.id not in sources, e.group != e.id, e.id))
        if len(together) > 1:
            beneath[first.id] = tuple(sorted(entry.id for entry in together if entry is not first))
    if not beneath:
        return Folded(query, {})
    left_out = [number for numbers in beneath.values() for number in numbers]
    return Folded(Query.boolean_query([(Occur.Must, query),
                                       (Occur.MustNot, numbered(searcher, left_out))]), beneath)


def _key(name: str) -> Query:
    return Query.term_query(schema(), KEYS, name, "basic")


def _having(searcher: tantivy.Searcher, query: Query, what: Query) -> list[Entry]:
    return entries(searcher, Query.boolean_query([(Occur.Must, query), (Occur.Must, what)]))


def _clusters(searcher: tantivy.Searcher, query: Query, members: list[Entry]) -> dict[int, int]:
    """The cluster of each of the entries, by its number."""
    return dict(zip((entry.id for entry in members),
                    field_values(searcher, "cluster", [entry.address for entry in members]), strict=True))


def _together(alike: Iterable[Entry], clusters: dict[int, int]) -> list[list[Entry]]:
    """The entries by text, and texts by cluster."""
    texts: dict[int, list[Entry]] = defaultdict(list)
    for entry in alike:
        texts[entry.group].append(entry)
    root = {group: group for group in texts}

    def find(group: int) -> int:
        while root[group] != group:
            root[group] = root[root[group]]
            group = root[group]
        return group

    of_cluster: dict[int, int] = {}
    for group, same in texts.items():
        for entry in same:
            if (cluster := clusters.get(entry.id)) is not None:
                root[find(group)] = find(of_cluster.setdefault(cluster, group))
    out: dict[int, list[Entry]] = defaultdict(list)
    for group, same in texts.items():
        out[find(group)] += same
    return list(out.values())
