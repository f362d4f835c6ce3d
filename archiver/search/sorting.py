"""Sorts the matches of a query, and folds duplicates.

The sort order is total and reproducible, so that no article appears on two pages of a result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import tantivy
from tantivy import FieldType, Occur, Order, Query

from archiver.articles.near_duplicates import UnionFind
from archiver.search.index_documents import COPY, FIRST, KEYS, TURN, index_schema
from archiver.search.query_compiler import key_query
from archiver.search.search_index import Searcher

Pair = tuple[Any, tantivy.DocAddress]
"""A hit as tantivy returns it: its sort key and its address in the index. Thousands of hits may have to be compared for
a page of 20; only the hits that are shown are converted to a `Match`."""

BEST = 200
"""The count of all hits is requested from tantivy together with this many of the best hits, since both take one
search."""
_SPARE = 180
"""How many hits are read in addition to the requested ones, in order to find all hits with the same sort key as the
last requested hit."""
_DIGITS = 4
"""Scores are rounded to this many digits after the decimal point, because tantivy does not always add them up in the
same order."""
_LOOKUP_RATIO = 50
_MAX_LOOKUPS = 300
"""IDs are looked up one by one if there are at most this many, and no more than one for every _LOOKUP_RATIO articles.
For so few IDs this is faster than a query for a set of IDs (measured with 100,000 and 200,000 articles)."""


@dataclass(frozen=True, slots=True)
class Match:
    """An article that matches a query, before its fields are loaded.

    `key` is the value by which the match is sorted: a number, a text, a distance or a score; None if the article has no
    such value. `score` and `distance` (in km) are set if the query ranks by relevance or contains a place.
    """

    id: int
    group: int
    key: Any
    address: tantivy.DocAddress
    score: float | None = None
    distance: float | None = None

    @property
    def turn(self) -> tuple[bool, int]:
        """Returns a key that orders matches with equal sort keys: originals before duplicates, and then by ID. The
        index field `turn` has the same order.
        """
        return self.group != self.id, self.id


@dataclass(frozen=True, slots=True)
class Sort:
    """A sort order by a field of the index, or by relevance score if `field` is "". `down` is True for a descending
    order.
    """

    field: str
    down: bool


@dataclass(frozen=True, slots=True)
class Best:
    """The best hits of a query by score, and the number of all its hits."""

    first: list[Pair]
    total: int


def count_hits(searcher: Searcher, query: Query) -> int:
    return top_hits(searcher, query, 1).total


def top_hits(searcher: Searcher, query: Query, most: int = BEST) -> Best:
    found: Any = searcher.search(query, limit=most, count=True)  # tantivy's type stubs lack `count`
    return Best(round_scores(found.hits), int(found.count))


def ids_query(searcher: Searcher, ids: Sequence[int]) -> Query:
    """Returns a query for the articles with these IDs. A few IDs are looked up one by one, because a query for a set of
    IDs checks every article of the index.
    """
    if len(ids) > _MAX_LOOKUPS or len(ids) * _LOOKUP_RATIO > searcher.num_docs:
        return Query.term_set_query(index_schema(), "id", ids)
    return Query.boolean_query(
        [(Occur.Should, Query.term_query(index_schema(), "id", number, "basic")) for number in ids]
    )


def sorted_matches(
    searcher: Searcher, query: Query, sort: Sort, *, first: int, last: int, known: Best | None = None
) -> list[Match]:
    """Returns the matches of a query from position `first` up to (not including) `last` in a sort order. `known` may be
    the result of `top_hits` for this query.

    Articles without a value come last in ascending and in descending order. Matches with equal values are ordered by
    `Match.turn`, even if there are 100,000 of them, so that no page repeats a match of another page.
    """
    last = min(last, searcher.num_docs)
    if last <= first:
        return []
    if not sort.field and not sort.down:  # tantivy cannot sort by ascending score
        all_matches = hits_to_matches(searcher, _best(searcher, query, Sort("", down=True), searcher.num_docs))
        return sorted(all_matches, key=lambda match: (match.key, match.turn))[first:last]
    if known is None:  # the count is needed only when sorting by score
        known = Best([], 0 if sort.field else count_hits(searcher, query))
    return _matches_with_ties(_SortRequest(searcher, query, sort, last, known))[first:last]


@dataclass(frozen=True, slots=True)
class _SortRequest:
    """A request for the first `last` matches of a query in a sort order."""

    searcher: Searcher
    query: Query
    sort: Sort
    last: int
    known: Best

    def read(self, most: int) -> list[Pair]:
        """Returns the first `most` hits as tantivy sorts them. Hits with equal sort keys are in no particular order."""
        best = self.known
        if best.first and not self.sort.field and min(most, best.total) <= len(best.first):
            return best.first[:most]
        return _best(self.searcher, self.query, self.sort, most)


def _matches_with_ties(request: _SortRequest) -> list[Match]:
    """Returns the requested matches in order. Further matches may follow that have the same sort key as the last one.

    To sort matches with equal keys by `Match.turn`, all of them must be read. Usually it is enough to read a few hits
    more than requested. Otherwise those with the same value of a field are looked up by it; those with the same score
    are found by reading more.
    """
    searcher, last = request.searcher, request.last
    most = last + _SPARE
    while True:
        hits = request.read(most)
        ends = _ties_end(hits, last)
        if len(hits) < most or ends < len(hits):
            begins = _ties_start(hits[:ends])
            same = _first_ties(searcher, hits[begins:ends], last - begins)
            return _sort_ties(hits_to_matches(searcher, hits[:begins] + same))
        if request.sort.field:
            begins = _ties_start(hits)
            equals = _matches_with_key(request, hits[-1][0], last - begins)
            return _sort_ties(hits_to_matches(searcher, hits[:begins]) + equals)
        most *= 8


def _best(searcher: Searcher, query: Query, sort: Sort, most: int) -> list[Pair]:
    most = max(1, min(most, searcher.num_docs))
    if sort.field:
        hits: list[Pair] = searcher.search(
            query, limit=most, order_by_field=sort.field, order=Order.Desc if sort.down else Order.Asc
        ).hits
        return hits
    return round_scores(searcher.search(query, limit=most).hits)


def round_scores(hits: Iterable[Pair]) -> list[Pair]:
    """Rounds the scores of hits to _DIGITS digits, which are the same each time the query is run."""
    return [(round(score, _DIGITS), address) for score, address in hits]


def _ties_end(hits: list[Pair], last: int) -> int:
    """Returns the index after the last hit that has the same sort key as hit `last` - 1."""
    ends = min(last, len(hits))
    while 0 < ends < len(hits) and hits[ends][0] == hits[ends - 1][0]:
        ends += 1
    return ends


def _ties_start(hits: list[Pair]) -> int:
    """Returns the index of the first hit that has the same sort key as the last hit."""
    begins = len(hits)
    while begins and hits[begins - 1][0] == hits[-1][0]:
        begins -= 1
    return begins


def _first_ties(searcher: Searcher, hits: list[Pair], most: int) -> list[Pair]:
    if len(hits) <= most:
        return hits
    turns = field_values(searcher, TURN, [address for _, address in hits])
    return [hits[place] for place in sorted(range(len(hits)), key=turns.__getitem__)[:most]]


def _sort_ties(matches: list[Match]) -> list[Match]:
    """Sorts matches with equal sort keys: originals before duplicates, and then by ID. The order of matches with
    different sort keys is kept.
    """
    places: dict[Any, int] = {}
    return sorted(matches, key=lambda match: (places.setdefault(match.key, len(places)), match.turn))


def _matches_with_key(request: _SortRequest, key: Any, most: int) -> list[Match]:
    """Returns the first `most` matches with this value in the field of the sort order, ordered by `Match.turn`."""
    searcher, query, field = request.searcher, request.query, request.sort.field
    if key is None:
        equal = [(Occur.Must, query), (Occur.MustNot, Query.exists_query(field))]
    elif isinstance(key, str):
        equal = [(Occur.Must, query), (Occur.Must, Query.term_query(index_schema(), field, key, "basic"))]
    else:
        equal = [
            (Occur.Must, query),
            (Occur.Must, Query.range_query(index_schema(), field, FieldType.Integer, key, key)),
        ]
    hits: list[Pair] = searcher.search(
        Query.boolean_query(equal), limit=max(1, min(most, searcher.num_docs)), order_by_field=TURN, order=Order.Asc
    ).hits
    return [replace(match, key=key) for match in hits_to_matches(searcher, hits)]


@dataclass(frozen=True, slots=True)
class MatchColumns:
    """All matches of a query, ordered by ID, as three lists of the same length: IDs, groups, and addresses in the
    index. The group of an article is the ID of the original of its text, so that all articles with the same text have
    the same group.
    """

    ids: list[int]
    groups: list[int]
    addresses: list[tantivy.DocAddress]


def matches_with_groups(searcher: Searcher, query: Query, most: int) -> MatchColumns:
    """Returns all matches of a query, each with its group of duplicates. `most` must be at least the number of
    matches.
    """
    if not most:
        return MatchColumns([], [], [])
    hits = searcher.search(query, limit=most, order_by_field="id", order=Order.Asc).hits
    addresses = [address for _, address in hits]
    return MatchColumns([number for number, _ in hits], field_values(searcher, "group", addresses), addresses)


def matches_by_id(searcher: Searcher, query: Query) -> list[Match]:
    """Returns all matches of a query, ordered by ID. The `key` of each match is its ID."""
    found = matches_with_groups(searcher, query, count_hits(searcher, query))
    return [
        Match(number, group, number, address)
        for number, group, address in zip(found.ids, found.groups, found.addresses, strict=True)
    ]


def hits_to_matches(searcher: Searcher, hits: Iterable[Pair]) -> list[Match]:
    keys, addresses = zip(*hits, strict=True) if hits else ((), ())
    return [
        Match(*row)
        for row in zip(
            field_values(searcher, "id", addresses),
            field_values(searcher, "group", addresses),
            keys,
            addresses,
            strict=True,
        )
    ]


def field_values(searcher: Searcher, field: str, addresses: Iterable[tantivy.DocAddress]) -> list[Any]:
    """Returns the values of a numeric index field for some documents; None where a value is missing."""
    return list(searcher.fast_field_values(field, list(addresses)))


# Folding: if there are several copies, a search shows one of them, and the others beneath it.

Fold = Literal["text", "cluster", "none"]
FOLDS: dict[Fold, str] = {
    "text": "show one of several articles with the same text: the original if it matches, else the first",
    "cluster": "also show one of several near-duplicates: their source if it matches, else the first",
    "none": "show every article",
}
"""The ways in which articles with the same text are shown once, with the words that people read."""


@dataclass(frozen=True, slots=True)
class FoldedQuery:
    """The matches of a query after duplicates are folded.

    `query` matches the articles that are shown, `beneath` maps the ID of a shown article to the IDs folded beneath
    it, and `left_out` is the number of folded articles.
    """

    query: Query
    beneath: Mapping[int, Sequence[int]]
    left_out: int


def fold_duplicates(searcher: Searcher, query: Query, fold: Fold) -> FoldedQuery:
    """Folds the duplicates among the matches of a query. Total, facets and pages are all computed from the returned
    query.

    `fold` is "text", "cluster" or "none". With "text", only one of all matches with the same text is shown. With
    "cluster", only one of all matches in the same cluster is shown, and clusters that share a text are merged. With
    "none", all matches are shown.
    """
    if fold == "none":
        return FoldedQuery(query, {}, 0)
    return _by_cluster(searcher, query) if fold == "cluster" else _by_text(searcher, query)


def _by_text(searcher: Searcher, query: Query) -> FoldedQuery:
    same = Query.term_set_query(index_schema(), KEYS, [COPY, FIRST])
    # A frequent word matches tens of thousands of copies, so the work for each of them dominates the search.
    found = matches_with_groups(searcher, _and(query, same), sum(searcher.doc_freq(KEYS, key) for key in (COPY, FIRST)))
    copies = [pair for pair in zip(found.ids, found.groups, strict=True) if pair[0] != pair[1]]
    if not copies:
        return FoldedQuery(query, {}, 0)
    originals = set(found.ids) - {number for number, _ in copies}
    beneath: dict[int, list[int]] = {}
    without_original: dict[int, list[int]] = {}
    for number, group in copies:
        texts = beneath if group in originals else without_original
        if group in texts:
            texts[group].append(number)
        else:
            texts[group] = [number]
    for first, *others in without_original.values():  # if the original does not match, show the first copy
        if others:
            beneath[first] = others
    shown = [alike[0] for alike in without_original.values()]
    return FoldedQuery(_exclude_folded(searcher, query, beneath, shown), beneath, len(copies) - len(shown))


def _exclude_folded(searcher: Searcher, query: Query, beneath: Mapping[int, list[int]], shown: list[int]) -> Query:
    """Returns a query that matches the same articles except the folded ones. `beneath` maps the ID of each shown
    article to the IDs folded beneath it. Excludes either the IDs of the folded articles, or all duplicates that are not
    in `shown`, whichever list of IDs is shorter.
    """
    if not beneath:
        return query
    if len(beneath) <= len(shown) and len(left_out := [number for many in beneath.values() for number in many]) <= len(
        shown
    ):
        excluded = ids_query(searcher, left_out)
    elif not shown:
        excluded = key_query(COPY)
    else:
        excluded = Query.boolean_query([(Occur.Must, key_query(COPY)), (Occur.MustNot, ids_query(searcher, shown))])
    return Query.boolean_query([(Occur.Must, query), (Occur.MustNot, excluded)])


def _by_cluster(searcher: Searcher, query: Query) -> FoldedQuery:
    members = _having(searcher, query, Query.range_query(index_schema(), "cluster", tantivy.FieldType.Integer, 1, None))
    if not members:
        return _by_text(searcher, query)
    copies = _having(searcher, query, key_query(COPY))
    alike = {entry.id: entry for entry in (*copies, *members)}
    if copies:
        alike |= {entry.id: entry for entry in _having(searcher, query, key_query(FIRST))}
    sources = {entry.id for entry in _having(searcher, query, key_query("is:source"))}
    clusters = _cluster_ids(searcher, members)
    beneath = {}
    for together in _group_copies(alike.values(), clusters):
        if len(together) > 1:
            first = min(together, key=lambda e: (e.id not in sources, e.turn))
            beneath[first.id] = tuple(sorted(entry.id for entry in together if entry is not first))
    if not beneath:
        return FoldedQuery(query, {}, 0)
    left_out = [number for numbers in beneath.values() for number in numbers]
    return FoldedQuery(
        Query.boolean_query([(Occur.Must, query), (Occur.MustNot, ids_query(searcher, left_out))]),
        beneath,
        len(left_out),
    )


def _having(searcher: Searcher, query: Query, what: Query) -> list[Match]:
    return matches_by_id(searcher, _and(query, what))


def _and(query: Query, what: Query) -> Query:
    return Query.boolean_query([(Occur.Must, query), (Occur.Must, what)])


def _cluster_ids(searcher: Searcher, members: list[Match]) -> dict[int, int]:
    """Returns the cluster ID of each match, by article ID."""
    return dict(
        zip(
            (entry.id for entry in members),
            field_values(searcher, "cluster", [entry.address for entry in members]),
            strict=True,
        )
    )


def _group_copies(alike: Iterable[Match], clusters: dict[int, int]) -> list[list[Match]]:
    """Groups matches that have the same text or whose texts are in the same cluster. `clusters` maps article IDs to
    cluster IDs.
    """
    texts: dict[int, list[Match]] = defaultdict(list)
    for entry in alike:
        texts[entry.group].append(entry)
    merged = UnionFind[int]()
    of_cluster: dict[int, int] = {}
    for group, same in texts.items():
        for entry in same:
            if (cluster := clusters.get(entry.id)) is not None:
                merged.join(group, of_cluster.setdefault(cluster, group))
    return [[entry for group in groups for entry in texts[group]] for groups in merged.groups(texts)]
