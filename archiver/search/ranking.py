"""What an index finds, in an order that is always and everywhere the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, log2
from typing import Any, Literal

import tantivy
from tantivy import FieldType, Occur, Order, Query

from archiver.articles.near_duplicates import UnionFind
from archiver.search.index_document import COPY, FIRST, KEYS, TURN, index_schema
from archiver.search.index_searcher import Searcher
from archiver.search.query_compiler import key_query

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


def count_hits(searcher: Searcher, query: Query) -> int:
    return top_hits(searcher, query, 1).total


def top_hits(searcher: Searcher, query: Query, most: int = BEST) -> Best:
    found: Any = searcher.search(query, limit=most, count=True)  # its type does not tell of `count`
    return Best(rounded(found.hits), int(found.count))


def numbered(searcher: Searcher, ids: Sequence[int]) -> Query:
    """The articles of these numbers. A set is compared with every article of the index; where the numbers are few it
    takes less to look each of them up."""
    if len(ids) > _FEW_NUMBERS or len(ids) * _FEW > searcher.num_docs:
        return Query.term_set_query(index_schema(), "id", ids)
    return Query.boolean_query(
        [(Occur.Should, Query.term_query(index_schema(), "id", number, "basic")) for number in ids]
    )


def in_order(
    searcher: Searcher, query: Query, sort: Sort, *, first: int, last: int, known: Best | None = None
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
        known = Best([], 0 if sort.field else count_hits(searcher, query))
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
        hits: list[Pair] = searcher.search(
            query, limit=most, order_by_field=sort.field, order=Order.Desc if sort.down else Order.Asc
        ).hits
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
        equal = [(Occur.Must, query), (Occur.Must, Query.term_query(index_schema(), field, key, "basic"))]
    else:
        equal = [
            (Occur.Must, query),
            (Occur.Must, Query.range_query(index_schema(), field, tantivy.FieldType.Integer, key, key)),
        ]
    return [
        replace(match, key=key) for match in with_numbers(searcher, _turns(searcher, Query.boolean_query(equal), most))
    ]


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
    turns = Query.range_query(index_schema(), TURN, tantivy.FieldType.Integer, None, turn)
    return Query.boolean_query([(Occur.Must, query), (Occur.Must, Query.const_score_query(turns, 0.0))])


def _turns(searcher: Searcher, query: Query, most: int) -> list[Pair]:
    hits: list[Pair] = searcher.search(
        query, limit=max(1, min(most, searcher.num_docs)), order_by_field=TURN, order=Order.Asc
    ).hits
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
    found = with_groups(searcher, query, count_hits(searcher, query))
    return [
        Match(number, group, number, address)
        for number, group, address in zip(found.ids, found.groups, found.addresses, strict=True)
    ]


def with_numbers(searcher: Searcher, hits: Iterable[Pair]) -> list[Match]:
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
    """A number of each of these entries of the index; None where it has none."""
    return list(searcher.fast_field_values(field, list(addresses)))


# Folding: of articles that are copies of one another a search shows one, and tells which are beneath it.

Fold = Literal["text", "cluster", "none"]
FOLDS: dict[Fold, str] = {
    "text": "of articles with the same text one is shown, the original where it matches, else the first",
    "cluster": "of near copies, too, one is shown: what they come from where it matches, else the first",
    "none": "each is shown",
}


@dataclass(frozen=True, slots=True)
class CollapsedHits:
    """`query` is what is left to be shown, `beneath` which of what matches was left out, by the article shown for it;
    `left_out` is how many that are."""

    query: Query
    beneath: Mapping[int, Sequence[int]]
    left_out: int


def collapse(searcher: Searcher, query: Query, fold: Fold) -> CollapsedHits:
    """What a query finds, folded: its total, its facets and its pages are all made from the query that comes back.

    One that is shown stands for all that match and are of its text or (`cluster`) of its cluster; articles of one text
    that are in different clusters make these one.
    """
    if fold == "none":
        return CollapsedHits(query, {}, 0)
    return _by_cluster(searcher, query) if fold == "cluster" else _by_text(searcher, query)


def _by_text(searcher: Searcher, query: Query) -> CollapsedHits:
    same = Query.term_set_query(index_schema(), KEYS, [COPY, FIRST])
    # A frequent word has tens of thousands of copies: what is done for each of them is what a search of it takes.
    found = with_groups(searcher, _and(query, same), sum(searcher.doc_freq(KEYS, key) for key in (COPY, FIRST)))
    copies = [pair for pair in zip(found.ids, found.groups, strict=True) if pair[0] != pair[1]]
    if not copies:
        return CollapsedHits(query, {}, 0)
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
    return CollapsedHits(_without(searcher, query, beneath, shown), beneath, len(copies) - len(shown))


def _without(searcher: Searcher, query: Query, beneath: Mapping[int, list[int]], shown: list[int]) -> Query:
    """A query without some of its copies, or without all but those that are `shown`: whichever are fewer to name."""
    if not beneath:
        return query
    if len(beneath) <= len(shown) and len(left_out := [number for many in beneath.values() for number in many]) <= len(
        shown
    ):
        apart = numbered(searcher, left_out)
    elif not shown:
        apart = key_query(COPY)
    else:
        apart = Query.boolean_query([(Occur.Must, key_query(COPY)), (Occur.MustNot, numbered(searcher, shown))])
    return Query.boolean_query([(Occur.Must, query), (Occur.MustNot, apart)])


def _by_cluster(searcher: Searcher, query: Query) -> CollapsedHits:
    members = _having(searcher, query, Query.range_query(index_schema(), "cluster", tantivy.FieldType.Integer, 1, None))
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
        return CollapsedHits(query, {}, 0)
    left_out = [number for numbers in beneath.values() for number in numbers]
    return CollapsedHits(
        Query.boolean_query([(Occur.Must, query), (Occur.MustNot, numbered(searcher, left_out))]),
        beneath,
        len(left_out),
    )


def _having(searcher: Searcher, query: Query, what: Query) -> list[Match]:
    return matches(searcher, _and(query, what))


def _and(query: Query, what: Query) -> Query:
    return Query.boolean_query([(Occur.Must, query), (Occur.Must, what)])


def _clusters(searcher: Searcher, members: list[Match]) -> dict[int, int]:
    """The cluster of each of the entries, by its number."""
    return dict(
        zip(
            (entry.id for entry in members),
            field_values(searcher, "cluster", [entry.address for entry in members]),
            strict=True,
        )
    )


def _together(alike: Iterable[Match], clusters: dict[int, int]) -> list[list[Match]]:
    """The entries by text, and texts by cluster."""
    texts: dict[int, list[Match]] = defaultdict(list)
    for entry in alike:
        texts[entry.group].append(entry)
    joined = UnionFind[int]()
    of_cluster: dict[int, int] = {}
    for group, same in texts.items():
        for entry in same:
            if (cluster := clusters.get(entry.id)) is not None:
                joined.join(group, of_cluster.setdefault(cluster, group))
    return [[entry for group in groups for entry in texts[group]] for groups in joined.groups(texts)]


# Newer first among what is as good: a hit's score halves with each half-life that has passed since its publication.

HALF_LIFE_DAYS = 365.0
_DAY = 86_400
_FIELD = "published_at"
_FIRST = 500
"""Where no more are found they are all read: a band is a look at the whole index."""
_BAND = 1 / 8
"""The first band, in half-lives: what is as good at its two ends differs by a twelfth."""
_SPARE_CANDIDATES = 180
"""So many more than are wanted are read of a band."""
_WIDEST = 2**61
"""In seconds: the index has numbers of 64 bits."""


def by_recency(searcher: Searcher, query: Query, half_life: float, now: int, *, first: int, last: int) -> list[Match]:
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
        dated += [
            replace(match, key=(-inf, match.key))
            for match in in_order(searcher, no_date, Sort("", down=True), first=0, last=last - len(dated))
        ]
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
                older = self.searcher.search(
                    self._between(None, high), limit=1, order_by_field=_FIELD, order=Order.Desc
                ).hits
                if not older:
                    return ranked
                high = int(older[0][0])
            if beyond < inf:  # as far as one of the best score could be among them
                width = max(width, int(min(beyond * self.half_life * _DAY, _WIDEST)) + 1)
            elif band.read < _SPARE_CANDIDATES / 4:
                width = max(width, _DAY) * 4
            width = min(width, _WIDEST)

    def _with_band(self, ranked: list[Match], low: int, high: int | None, last: int) -> _Band:
        """The band up to `high` that begins at `low` or later, and the first `last` of it and of what was ranked
        before: what was not read of the band is not among them."""
        most = last + _SPARE_CANDIDATES
        while True:
            some = _scored(self.searcher, self._between(low, high), most)
            both = sorted([*ranked, *_ranked(self.searcher, some, self.half_life, self.now)], key=_turn)[:last]
            newest = self.now if high is None else high
            if len(some) < most or (len(both) == last and both[-1].key[0] > self._worth(_rounded(some[-1]), newest)):
                return _Band(low, len(some), both)
            if newest - low > _DAY:
                low = (low + newest) // 2
            else:
                most *= 4

    def _between(self, low: int | None, high: int | None) -> Query:
        time = Query.range_query(index_schema(), _FIELD, FieldType.Integer, low, high)
        return Query.boolean_query([(Occur.Must, self.query), (Occur.Must, Query.const_score_query(time, 0.0))])

    def _worth(self, score: float, published: int) -> float:
        return _worth(score, published, self.half_life, self.now)


def _scored(searcher: Searcher, query: Query, most: int) -> list[Match]:
    return with_numbers(searcher, list(searcher.search(query, limit=min(most, searcher.num_docs)).hits))


def _ranked(searcher: Searcher, found: list[Match], half_life: float, now: int) -> list[Match]:
    """With the logarithm of the score with its age as their key (no score is too small for it), and the score."""
    times: Any = searcher.fast_field_values("published_at", [match.address for match in found])
    out = [
        Match(match.id, match.group, (_worth(score := _rounded(match), at, half_life, now), score), match.address)
        for match, at in zip(found, times, strict=True)
    ]
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
