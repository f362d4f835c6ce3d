"""Running a search over an archive: hits in order, duplicates folded, and counts per facet."""

from __future__ import annotations

import json
import math
import time
import unicodedata
from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Any

import tantivy
from sqlite_utils import Database

from archiver.errors import ArticleNotFound, BadQuery
from archiver.fields import BY_NAME, HIT_FIELDS, WEIGHTS
from archiver.fields import FACETS as FACETED
from archiver.search.index_document import WAYS, WRITTEN, fold_name, index_schema, index_texts, way, written
from archiver.search.index_searcher import Searcher
from archiver.search.open_index import open_searcher
from archiver.search.query import SORTS, Query, filter_terms, filters_of
from archiver.search.query_compiler import TooManyPrefixes, compile_query, ranks, stem_forms
from archiver.search.query_tree import And, Form, Near, Node, Not, Or, SimilarTo, Span, Term, distance_km
from archiver.search.ranking import Best, Fold, Match, Sort, by_recency, count_hits, in_order, top_hits
from archiver.search.ranking import collapse as fold
from archiver.search.snippets import highlight_terms, snippet
from archiver.search.words import lookup, split_into_words

if TYPE_CHECKING:  # the names of the columns cost no index
    pass

# More like this: what other articles are about the same thing, by the words that tell an article from others.

MOST_WORDS = 25
_MOST_LOOKED_UP = 600
_IN_TITLE = 4
"""A word of the title counts as one that stands so often in the text."""
_SHARE = 0.1
"""A word that more than a tenth of all articles have tells nothing of one; of few articles, a third of them."""
_FEW = 40
_NEEDED = 0.2
"""Of the words of an article so many are in one that is about the same thing."""


def similar_articles(db: Database, searcher: Searcher, number: int, *, near_copies: bool = False) -> Node:
    """What is about the same thing as an article, without it, those with the same text and, unless `near_copies`, those
    of its cluster. Raises ArticleNotFound."""
    row = next(
        iter(
            db.query(
                "select id, title, body, description, duplicate_of, cluster_id from articles where id = ?", [number]
            )
        ),
        None,
    )
    if row is None:
        raise ArticleNotFound(str(number))
    telling = telling_words(searcher, row["title"] or "", row["body"] or row["description"] or "")
    needed = max(min(2, len(telling)), round(len(telling) * _NEEDED))
    group = row["duplicate_of"] or number
    apart = [Span("id", number, number)]
    if not near_copies:
        apart += [
            Span("group", group, group),
            *([Span("cluster", row["cluster_id"], row["cluster_id"])] if row["cluster_id"] else []),
        ]
    return And((SimilarTo(number, telling, needed), *(Not(span) for span in apart)))


def telling_words(searcher: Searcher, title: str, body: str) -> tuple[Form, ...]:
    """The words that tell a text from others, those that tell most first; each as much as it stands out in it."""
    counts = Counter(_plain(body))
    for word in set(_plain(title)):
        counts[word] += _IN_TITLE
    every = searcher.num_docs
    most = max(every * _SHARE, min(every / 3, _FEW))
    rated = []
    for word, count in counts.most_common(_MOST_LOOKED_UP):
        others = max(searcher.doc_freq("body", word), searcher.doc_freq("title", word))
        if 1 < others <= most:
            much = 1 + math.log(count)
            rated.append((much * math.log(1 + every / others), much, word))
    rated.sort(key=lambda one: (-one[0], one[2]))
    return tuple(Form(word, much) for _, much, word in rated[:MOST_WORDS])


def _plain(text: str) -> Iterator[str]:
    """Without numbers and single letters, which tell little."""
    return (word for word in split_into_words(text) if len(word) > 1 and not word.isdigit())


# What of a query depends on the words that an index has: the forms of a word, the words that tell an article.


def expand_query(node: Node, db: Database, searcher: Searcher, fold: Fold) -> Node:
    """The tree with the forms of its words and the words of what is to be like an article. Raises ArticleNotFound."""
    if isinstance(node, And | Or):
        return replace(node, items=tuple(expand_query(item, db, searcher, fold) for item in node.items))
    if isinstance(node, Not):
        return Not(expand_query(node.item, db, searcher, fold))
    if isinstance(node, Term):
        return _in_all_forms(node, node.column, searcher)
    if isinstance(node, Near):
        return replace(node, terms=tuple(_in_all_forms(term, node.column, searcher) for term in node.terms))
    if isinstance(node, SimilarTo):
        return similar_articles(db, searcher, node.article, near_copies=fold == "none")
    return node


def _in_all_forms(term: Term, column: str, searcher: Searcher) -> Term:
    if not term.stem:
        return term
    tokens, begun = lookup(term.text)
    if begun:  # half of a run, in a script that has no such forms
        return term
    return replace(term, forms=tuple(stem_forms(searcher, token, (column,) if column else WEIGHTS) for token in tokens))


# A query over an index: all that is to be shown, in which order, with what is folded beneath it.

_MAX_LIMIT = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Shown:
    """What is to be shown of a query: `node` is what was typed, `found` finds all that is shown, `beneath` is what is
    folded beneath some of it. `best` are the first by score where the query ranks, and how many are shown."""

    node: Node | None
    found: tantivy.Query
    beneath: Mapping[int, Sequence[int]]
    best: Best


@dataclass(frozen=True, slots=True)
class Plan:
    """A query over the index of one archive. `key` tells it from others of its index."""

    db: Database
    searcher: Searcher
    query: Query
    key: Hashable
    shown: Shown

    @property
    def node(self) -> Node | None:
        return self.shown.node

    @property
    def found(self) -> tantivy.Query:
        return self.shown.found

    @property
    def beneath(self) -> Mapping[int, Sequence[int]]:
        return self.shown.beneath

    @property
    def total(self) -> int:
        return self.shown.best.total


def planned(db: Database, query: Query, more: Node | None = None) -> Plan:
    """`more` narrows it further. Hits, facets and histogram of one query are made of one plan, which an index that is
    open remembers. Raises BadQuery, SiteNotFound, ArticleNotFound, IndexMissing or IndexDamaged."""
    filters = filter_terms(db, query)
    node = filters_of(db, query)
    asked = open_searcher(db)
    key = (node, more, tuple(filters), query.folding)
    try:
        shown = asked.remembered(key, lambda: _shown(db, asked, query.folding, node, more, filters))
    except (TooManyPrefixes, ValueError) as error:
        if isinstance(error, ValueError) and "expansions" not in str(error):
            raise
        raise BadQuery(query.text, "too many words begin so: write more of their beginning") from error
    return Plan(db, asked, query, key, shown)


def _shown(
    db: Database, asked: Searcher, folding: Fold, node: Node | None, more: Node | None, filters: list[Node]
) -> Shown:
    node, more = (expand_query(one, db, asked, folding) if one is not None else None for one in (node, more))
    parts = tuple(part for part in (node, more, *filters) if part is not None)
    for function in (distance_km, fold_name):
        db.register_function(function, deterministic=True, replace=True)
    every = compile_query(And(parts) if parts else None, db, asked)
    shown = fold(asked, every, folding)
    best = (
        top_hits(asked, shown.query) if ranks(node) else Best([], count_hits(asked, every) - shown.left_out)
    )  # all articles are soon counted
    return Shown(node, shown.query, shown.beneath, best)


def window(query: Query) -> tuple[int, int]:
    if query.offset < 0 or (query.limit is not None and query.limit < 0):
        raise BadQuery(query.text, "limit and offset cannot be negative")
    return query.offset, query.offset + min(query.limit if query.limit is not None else _MAX_LIMIT, _MAX_LIMIT)


def order_of(plan: Plan) -> Sort:
    """By what (a key of SORTS) the matches of a plan are ordered. Raises BadQuery."""
    name = plan.query.sort.removeprefix("-")
    if name and name not in SORTS:
        raise BadQuery(
            f"sort by {plan.query.sort}", f"it can be sorted by {', '.join(SORTS)}, with - before it downwards"
        )
    down = plan.query.sort.startswith("-")
    if not name:
        name, down = ("relevance", False) if ranks(plan.node) else ("date", True)
    if name == "relevance" and not ranks(plan.node):
        name, down = "date", not down
    return Sort(name, down != (name == "relevance"))


def ordered(plan: Plan, first: int, last: int) -> Iterator[Match]:
    """The matches of a plan from `first` to before `last`, with their scores and distances. Raises BadQuery."""
    by = order_of(plan)
    if by.field == "distance":
        yield from _by_distance(plan, by, first, last)
        return
    if by.field == "relevance" and plan.query.recent is not None:
        found = by_recency(plan.searcher, plan.found, plan.query.recent, int(time.time()), first=first, last=last)
    else:
        found = in_order(
            plan.searcher, plan.found, Sort(SORTS[by.field], by.down), first=first, last=last, known=plan.shown.best
        )
    distances = _distances(plan, [match.id for match in found])
    scored = by.field == "relevance"
    for one in found:
        score = None if not scored else 2 ** one.key[0] if isinstance(one.key, tuple) else one.key
        yield Match(one.id, one.group, one.key, one.address, score, distances.get(one.id))


def _by_distance(plan: Plan, by: Sort, first: int, last: int) -> Iterator[Match]:
    found = in_order(plan.searcher, plan.found, Sort("id", down=False), first=0, last=plan.total)
    distances = _distances(plan, [match.id for match in found])
    sign = -1 if by.down else 1
    for one in sorted(found, key=lambda match: (distances.get(match.id, inf) * sign, match.id))[first:last]:
        distance = distances.get(one.id)
        yield Match(one.id, one.group, distance, one.address, None, distance)


def _distances(plan: Plan, ids: list[int]) -> dict[int, float]:
    if plan.query.near is None:
        return {}
    return dict(
        plan.db.execute(
            "select article_id, min(distance_km(latitude, longitude, ?, ?)) from geotags where role <> 'publisher' "
            "and article_id in (select value from json_each(?)) group by 1",
            [*plan.query.near, json.dumps(ids)],
        ).fetchall()
    )


FACETS = (*FACETED, "year")
_EVERY = 65_000
"""So many values of a part of the index are counted: with fewer, a total over several parts lacks some."""


@dataclass(frozen=True, slots=True)
class Beneath:
    """An article that a hit is shown for, too: a copy of it that matches as well."""

    id: int
    site: str
    title: str
    published: str | None


@dataclass(frozen=True, slots=True)
class Hit:
    """One article that a search found.

    `marks` are (start, end) in `snippet` of what was searched for. `score` is greater for better
    hits, None where nothing in the query ranks; `distance_km` from the query's `near`. `copies` are the
    numbers of other articles with the same text; `folded` are those that match and are not shown by themselves, by the
    query's fold: hits and what is beneath them are all that matches.
    """

    id: int
    url: str
    site: str
    title: str
    authors: tuple[str, ...]
    published: str | None
    published_precision: str | None
    categories: tuple[str, ...]
    tags: tuple[str, ...]
    language: str | None
    gone_at: str | None
    duplicate_of: int | None
    cluster_id: int | None
    copies: tuple[int, ...]
    folded: tuple[Beneath, ...]
    score: float | None
    distance_km: float | None
    snippet: str
    marks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Results:
    """A page of hits; `total` counts all that match, folded as the query says."""

    hits: tuple[Hit, ...]
    total: int


def run(db: Database, query: Query) -> Results:
    """The hits of a query. Raises BadQuery, SiteNotFound or IndexMissing."""
    first, last = window(query)
    plan = planned(db, query)
    return Results(tuple(hits_of(plan, list(ordered(plan, first, last)))), plan.total)


@dataclass(frozen=True, slots=True)
class Listing:
    """All that a query finds, whatever its limit: in order, by number, with the numbers folded beneath each."""

    beneath: dict[int, Sequence[int]]
    _plan: Plan
    _found: dict[int, Match]

    def hits(self, ids: Collection[int]) -> tuple[Hit, ...]:
        """What is to be shown of some of them, in the query's order."""
        wanted = set(ids)
        return tuple(hits_of(self._plan, [found for number, found in self._found.items() if number in wanted]))


def listing(db: Database, query: Query) -> Listing:
    """Raises what `run` does."""
    plan = planned(db, query)
    found = {one.id: one for one in ordered(plan, 0, plan.total)}
    return Listing({number: plan.beneath.get(number, ()) for number in found}, plan, found)


def matching_ids(db: Database, query: Query) -> Iterator[int]:
    """The numbers of the articles that match, in order, within the query's offset and limit."""
    first, last = window(query)
    return (found.id for found in ordered(planned(db, query), first, last))


def facets(db: Database, query: Query, most: int = 10) -> dict[str, list[tuple[str, int]]]:
    """How many matching articles each of FACETS has, most frequent first.

    Counts over all that match, whatever the query's limit; years are in their own order, newest first.
    """
    return facets_of([planned(db, query)], most)


def facets_of(plans: Sequence[Plan], most: int = 10) -> dict[str, list[tuple[str, int]]]:
    """The same over several archives. All values are counted, so that sums over them lack none."""
    size = most if len(plans) == 1 else _EVERY
    asked = {
        name: {
            "terms": {
                "field": name,
                "size": size,
                "segment_size": _EVERY,
                "order": {"_key": "desc"} if name == "year" else {"_count": "desc"},
            }
        }
        for name in FACETS
    }
    sums: dict[str, Counter[str]] = {name: Counter() for name in FACETS}
    for plan in plans:
        for name, found in plan.searcher.aggregate(plan.found, asked).items():
            sums[name].update({_value(bucket["key"]): int(bucket["doc_count"]) for bucket in found["buckets"]})
    return {name: _first(plans, name, counts, most) for name, counts in sums.items()}


def _value(key: str | float) -> str:
    return key if isinstance(key, str) else str(int(key))


def _first(plans: Sequence[Plan], name: str, counts: Counter[str], most: int) -> list[tuple[str, int]]:
    if name == "year":
        return sorted(counts.items(), key=lambda pair: -int(pair[0]))[:most]
    shown = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:most]
    if name not in WRITTEN:
        return shown
    return sorted(
        ((_written(plans, name, form), number) for form, number in shown), key=lambda pair: (-pair[1], pair[0])
    )


def _written(plans: Sequence[Plan], name: str, form: str) -> str:
    """A value as most articles of the archives write it, found or not."""
    ways: Counter[str] = Counter()
    entries = [
        (plan.searcher, entry) for plan in plans for entry, _ in plan.searcher.terms_with_prefix(WAYS, way(name, form))
    ]
    if len(entries) == 1:
        return written(entries[0][1])
    for searcher, entry in entries:
        ways[written(entry)] += count_hits(searcher, tantivy.Query.term_query(index_schema(), WAYS, entry, "basic"))
    return min(ways, key=lambda value: (-ways[value], value), default=form)


# -- what a hit shows -------------------------------------------------------------------------


def hits_of(plan: Plan, page: list[Match]) -> Iterator[Hit]:
    db = plan.db
    ids = json.dumps([found.id for found in page])
    rows = {
        row["id"]: row
        for row in db.query(
            f"select {', '.join(HIT_FIELDS)}, body, description from articles "
            "where id in (select value from json_each(?))",
            [ids],
        )
    }
    rows_wanted = highlight_terms(plan.node)
    groups = json.dumps([found.group for found in page])
    copies: dict[int, list[int]] = {}
    for number, group in db.execute(
        "select id, ifnull(duplicate_of, id) from articles where duplicate_of in (select value from json_each(?)) "
        "or id in (select value from json_each(?)) order by id",
        [groups, groups],
    ):
        copies.setdefault(group, []).append(number)
    beneath = _beneath(plan, page)
    for found in page:
        row = rows.get(found.id)
        if row is None:  # taken out since it was looked up
            continue
        shown, marks = snippet(unicodedata.normalize("NFC", row["body"] or row["description"] or ""), rows_wanted)
        yield Hit(
            **_fields(row),
            copies=tuple(n for n in copies.get(found.group, []) if n != found.id),
            folded=beneath.get(found.id, ()),
            score=round(found.score, 4) if found.score is not None else None,
            distance_km=round(found.distance, 3) if found.distance is not None else None,
            snippet=shown,
            marks=marks,
        )


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    """The fields of the record that a hit has."""
    return {name: tuple(index_texts(row[name])) if BY_NAME[name].is_list else row[name] for name in HIT_FIELDS}


def _beneath(plan: Plan, page: list[Match]) -> dict[int, tuple[Beneath, ...]]:
    numbers = {found.id: plan.beneath[found.id] for found in page if found.id in plan.beneath}
    ids = json.dumps([number for many in numbers.values() for number in many])
    rows = {
        row[0]: Beneath(*row)
        for row in plan.db.execute(
            "select id, site, title, published from articles where id in (select value from json_each(?))", [ids]
        )
    }
    return {top: tuple(rows[number] for number in many if number in rows) for top, many in numbers.items()}


# Hits as values: the same names and words in the commands, the web pages and what is exported.

COLUMNS = (*HIT_FIELDS, "copies", "folded", "score", "distance_km", "snippet")
_SHOWN = {"year": 4, "month": 7, "day": 10}


def as_values(hit: Hit) -> dict[str, Any]:
    """A hit as a plain dict of COLUMNS."""
    return {name: value for name, value in asdict(hit).items() if name in COLUMNS}


def published(moment: str | None, precision: str | None = None) -> str:
    """A date as exactly as its page said it, "undated" where it did not."""
    if not moment:
        return "undated"
    if precision in _SHOWN:
        return moment[: _SHOWN[precision]]
    return moment[:16].replace("T", " ") + (moment[19:] if len(moment) > 19 and moment[19] in "+-" else "")
