"""Searches one archive: returns sorted hits with duplicates folded, facet counts, and similar articles."""

from __future__ import annotations

import json
import math
import unicodedata
from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import inf
from typing import Any

import tantivy

from archiver.model.errors import ArticleNotFound, BadQuery
from archiver.model.fields import BY_NAME, HIT_FIELDS
from archiver.model.fields import FACETS as FACETED
from archiver.model.words import did_you_mean
from archiver.search.frequent_words import frequent_words
from archiver.search.geo_areas import distance_km
from archiver.search.index_documents import (
    FOLDED_NAMES,
    SPELLINGS,
    fold_name,
    index_schema,
    index_texts,
    spelling_entry,
    spelling_in_entry,
)
from archiver.search.query import SORTS, Query, filter_terms, ranking_terms
from archiver.search.query_compiler import TooManyPrefixes, compile_query, has_ranking_terms
from archiver.search.query_tree import And, Form, Node, Not, Or, SimilarTo, Span
from archiver.search.search_index import Searcher, open_searcher
from archiver.search.snippets import highlight_terms, snippet
from archiver.search.sorting import (
    Best,
    Fold,
    Match,
    Sort,
    count_hits,
    fold_duplicates,
    sorted_matches,
    top_hits,
)
from archiver.search.word_splitting import split_into_words
from archiver.storage import Database

# Similar articles: articles on the same topic, found by the words that distinguish an article from others.

MAX_WORDS = 25
_MAX_LOOKED_UP = 600
_TITLE_BOOST = 4
"""For choosing the distinctive words of an article, a word in the title counts as much as this many occurrences in the
text."""
_MAX_SHARE = 0.1
"""A word that occurs in more than this share of all articles is never distinctive. In small archives, the limit is a
third."""
_SMALL_ARCHIVE = 40
_MIN_SHARED = 0.2
"""Another article is similar only if it contains at least this share of the distinctive words."""


def similar_articles_query(db: Database, searcher: Searcher, number: int, *, near_copies: bool = False) -> Node:
    """Returns a query for articles on the same topic as the article with ID `number`.

    The query excludes the article itself and, unless `near_copies` is True, its duplicates and the members of its
    cluster. Raises ArticleNotFound.
    """
    row = next(
        iter(
            db.query(
                "select id, title, body, description, language, duplicate_of, cluster_id from articles where id = ?",
                [number],
            )
        ),
        None,
    )
    if row is None:
        raise ArticleNotFound(str(number))
    title, body = row["title"] or "", row["body"] or row["description"] or ""
    words = distinctive_words(searcher, title, body, row["language"])
    needed = max(min(2, len(words)), round(len(words) * _MIN_SHARED))
    group = row["duplicate_of"] or number
    excluded = [Span("id", number, number)]
    if not near_copies:
        excluded += [
            Span("group", group, group),
            *([Span("cluster", row["cluster_id"], row["cluster_id"])] if row["cluster_id"] else []),
        ]
    marked = _words_to_mark(words, title, body)
    return And((SimilarTo(number, words, needed, marked), *(Not(span) for span in excluded)))


_MARKED = 15
_LONG_WORD = 6
_SHORT_WORD = 3


def _words_to_mark(words: Sequence[Form], title: str, body: str) -> tuple[str, ...]:
    """Returns at most fifteen of the distinctive words of an article, those that show its topic: first the words that
    are in its title or occur several times, then long words.

    In an archive of a few dozen articles, any word that happens to be in few of them ranks as distinctive. So words of
    up to three ASCII letters are left out (he, man, old), and so are words of up to five letters, unless they are in
    the title or repeated.
    """
    counts, in_title = Counter(split_into_words(body)), set(split_into_words(title))
    own = [form.word for form in words if len(form.word) > _SHORT_WORD or not form.word.isascii()]
    telling = [word for word in own if word in in_title or counts[word] > 1]
    long = [word for word in own if len(word) >= _LONG_WORD or not word.isascii()]
    return tuple(dict.fromkeys((*telling, *long)))[:_MARKED] or tuple(own) or tuple(form.word for form in words)


def distinctive_words(searcher: Searcher, title: str, body: str, language: str | None = None) -> tuple[Form, ...]:
    """Returns the words that distinguish a text from the other articles (by tf-idf), best first. The weight of a word
    grows with its frequency in the text. Frequent words of the language are left out.
    """
    common = frequent_words(language)
    counts = Counter(word for word in _content_words(body) if word not in common)
    for word in set(_content_words(title)) - common:
        counts[word] += _TITLE_BOOST
    total = searcher.num_docs
    most = max(total * _MAX_SHARE, min(total / 3, _SMALL_ARCHIVE))
    rated = []
    for word, count in counts.most_common(_MAX_LOOKED_UP):
        articles = max(searcher.doc_freq("body", word), searcher.doc_freq("title", word))
        if 1 < articles <= most:
            weight = 1 + math.log(count)
            rated.append((weight * math.log(1 + total / articles), weight, word))
    rated.sort(key=lambda one: (-one[0], one[2]))
    return tuple(Form(word, weight) for _, weight, word in rated[:MAX_WORDS])


def _content_words(text: str) -> Iterator[str]:
    """Yields the words of a text except numbers and single letters, which say little about its topic."""
    return (word for word in split_into_words(text) if len(word) > 1 and not word.isdigit())


# Query expansion: the parts of a query that depend on the words of the index.


def expand_query(node: Node, db: Database, searcher: Searcher, fold: Fold) -> Node:
    """Returns a copy of a query tree, completed with words from the index: the distinctive words of the article in each
    SimilarTo node. If `fold` is "none", similar articles include the copies of
    the article. Raises ArticleNotFound.
    """
    if isinstance(node, And | Or):
        return replace(node, items=tuple(expand_query(item, db, searcher, fold) for item in node.items))
    if isinstance(node, Not):
        return Not(expand_query(node.item, db, searcher, fold))
    if isinstance(node, SimilarTo):
        return similar_articles_query(db, searcher, node.article, near_copies=fold == "none")
    return node


# The plan of a query: what it matches, how duplicates are folded, and the order.

_MAX_LIMIT = 1_000_000_000


@dataclass(frozen=True, slots=True)
class FoldedMatches:
    """The matches of a query after duplicates are folded.

    - `node`: the tree of the query's text, without its filters.
    - `found`: an index query that matches the articles that are shown.
    - `beneath`: maps the ID of a shown article to the IDs folded beneath it.
    - `best`: the number of articles that are shown and, if the query ranks by relevance, the best hits.
    """

    node: Node | None
    found: tantivy.Query
    beneath: Mapping[int, Sequence[int]]
    best: Best


@dataclass(frozen=True, slots=True)
class Plan:
    """A query compiled for the index of one archive, with its matches already found. `key` identifies the plan in the
    searcher's cache.
    """

    db: Database
    searcher: Searcher
    query: Query
    key: Hashable
    shown: FoldedMatches

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


def plan_query(db: Database, query: Query, more: Node | None = None) -> Plan:
    """Compiles a query for the index of an archive and finds its matches. If `more` is given, it is an additional
    condition.

    Hits, facets and histogram of a query share one plan, which is cached as long as the index stays open. Raises
    BadQuery, SiteNotFound, ArticleNotFound, IndexMissing or IndexDamaged.
    """
    filters = filter_terms(db, query)
    node = ranking_terms(db, query)
    searcher = open_searcher(db)
    key = (node, more, tuple(filters), query.folding)
    try:
        shown = searcher.cached(key, lambda: _fold_matches(db, searcher, query.folding, node, more, filters))
    except (TooManyPrefixes, ValueError) as error:
        if isinstance(error, ValueError) and "expansions" not in str(error):
            raise
        raise BadQuery(query.text, "too many words match the prefix; add more letters before the *") from error
    return Plan(db, searcher, query, key, shown)


def _fold_matches(
    db: Database, searcher: Searcher, folding: Fold, node: Node | None, more: Node | None, filters: list[Node]
) -> FoldedMatches:
    node, more = (expand_query(one, db, searcher, folding) if one is not None else None for one in (node, more))
    parts = tuple(part for part in (node, more, *filters) if part is not None)
    for function in (distance_km, fold_name):
        db.register_function(function)
    matching = compile_query(And(parts) if parts else None, db, searcher)
    shown = fold_duplicates(searcher, matching, folding)
    best = (
        top_hits(searcher, shown.query)
        if has_ranking_terms(node)
        else Best([], count_hits(searcher, matching) - shown.left_out)
    )  # without ranking, all matches are counted, which is cheap
    return FoldedMatches(node, shown.query, shown.beneath, best)


def result_range(query: Query) -> tuple[int, int]:
    """Returns the range of results selected by a query's offset and limit, as (first, end) with the end excluded.
    Raises BadQuery if the offset or the limit is negative.
    """
    if query.offset < 0 or (query.limit is not None and query.limit < 0):
        raise BadQuery(query.text, "limit and offset cannot be negative")
    return query.offset, query.offset + min(query.limit if query.limit is not None else _MAX_LIMIT, _MAX_LIMIT)


def sort_order(plan: Plan) -> Sort:
    """Returns the order in which the matches of a plan are sorted. Without a sort key in the query, this is relevance,
    or the date if the query has no words. Raises BadQuery for an unknown sort key.
    """
    name = plan.query.sort.removeprefix("-")
    if name and name not in SORTS:
        raise BadQuery(
            plan.query.sort,
            f"the sort keys are {', '.join(SORTS)}; put - before one for descending order{did_you_mean(name, SORTS)}",
            what="sort order",
        )
    down = plan.query.sort.startswith("-")
    if not name:
        name, down = ("relevance", False) if has_ranking_terms(plan.node) else ("date", True)
    if name == "relevance" and not has_ranking_terms(plan.node):
        name, down = "date", not down
    return Sort(name, down != (name == "relevance"))


def ordered_matches(plan: Plan, first: int, last: int) -> Iterator[Match]:
    """Yields the matches of a plan from position `first` up to (not including) `last` in the query's sort order, with
    scores and distances. Raises BadQuery.
    """
    by = sort_order(plan)
    if by.field == "distance":
        yield from _by_distance(plan, by, first, last)
        return
    found = sorted_matches(
        plan.searcher, plan.found, Sort(SORTS[by.field], by.down), first=first, last=last, known=plan.shown.best
    )
    distances = _distances(plan, [match.id for match in found])
    scored = by.field == "relevance"
    for one in found:
        yield Match(one.id, one.group, one.key, one.address, one.key if scored else None, distances.get(one.id))


def _by_distance(plan: Plan, by: Sort, first: int, last: int) -> Iterator[Match]:
    found = sorted_matches(plan.searcher, plan.found, Sort("id", down=False), first=0, last=plan.total)
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
"""The fields whose values are counted over the results of a search."""
_MAX_BUCKETS = 65_000
"""At most this many values of a facet are counted in each segment of the index. With a lower limit, a value could be
missing from the counts of some segments, and its total would be too low."""


@dataclass(frozen=True, slots=True)
class FoldedArticle:
    """An article folded beneath a hit: another copy of the hit's text that also matches the query."""

    id: int
    site: str
    title: str
    published: str | None


@dataclass(frozen=True, slots=True)
class Hit:
    """One article that a search found.

    - `marks`: the (start, end) of the search terms in `snippet`.
    - `score`: the relevance (greater is better); None if the query does not rank by relevance.
    - `distance_km`: the distance from the query's `near`.
    - `copies`: the IDs of all other articles with the same text.
    - `folded`: the matching articles that are folded beneath this one. The hits and their folded articles together are
      all matches.
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
    folded: tuple[FoldedArticle, ...]
    score: float | None
    distance_km: float | None
    snippet: str
    marks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Results:
    """One page of hits. `total` is the number of all matches, with duplicates folded as the query requests."""

    hits: tuple[Hit, ...]
    total: int


def run_query(db: Database, query: Query) -> Results:
    """Runs a query and returns the page of hits that its offset and limit select. Raises BadQuery, SiteNotFound or
    IndexMissing.
    """
    first, last = result_range(query)
    plan = plan_query(db, query)
    return Results(tuple(load_hits(plan, list(ordered_matches(plan, first, last)))), plan.total)


@dataclass(frozen=True, slots=True)
class Listing:
    """All matches of a query, regardless of its limit. `beneath` maps the ID of each match, in sort order, to the IDs
    of the copies folded beneath it.
    """

    beneath: dict[int, Sequence[int]]
    _plan: Plan
    _found: dict[int, Match]

    def hits(self, ids: Collection[int]) -> tuple[Hit, ...]:
        """Returns the hits for some of the matches, loaded from the archive, in the query's sort order."""
        selected = set(ids)
        return tuple(load_hits(self._plan, [found for number, found in self._found.items() if number in selected]))


def list_matches(db: Database, query: Query) -> Listing:
    """Lists all matches of a query. Raises BadQuery, SiteNotFound or IndexMissing."""
    plan = plan_query(db, query)
    found = {one.id: one for one in ordered_matches(plan, 0, plan.total)}
    return Listing({number: plan.beneath.get(number, ()) for number in found}, plan, found)


def matching_ids(db: Database, query: Query) -> Iterator[int]:
    """Returns the IDs of the articles that a query matches, in its sort order and within its offset and limit."""
    first, last = result_range(query)
    return (found.id for found in ordered_matches(plan_query(db, query), first, last))


def count_facets(db: Database, query: Query, most: int = 10) -> dict[str, list[tuple[str, int]]]:
    """Counts the matching articles for each value of each facet field (FACETS), most frequent first; years are newest
    first.

    Counts all matches, regardless of the query's limit. At most `most` values are returned for each facet.
    """
    plan = plan_query(db, query)
    aggregations = {
        name: {
            "terms": {
                "field": name,
                "size": most,
                "segment_size": _MAX_BUCKETS,
                "order": {"_key": "desc"} if name == "year" else {"_count": "desc"},
            }
        }
        for name in FACETS
    }
    counted = plan.searcher.aggregate(plan.found, aggregations)
    return {name: _facet_values(plan, name, counted[name]["buckets"], most) for name in FACETS}


def _facet_values(plan: Plan, name: str, buckets: list[dict[str, Any]], most: int) -> list[tuple[str, int]]:
    counts = [(bucket["key"], int(bucket["doc_count"])) for bucket in buckets]
    if name == "year":
        return [(str(int(year)), number) for year, number in sorted(counts, reverse=True)[:most]]
    shown = sorted(counts, key=lambda pair: (-pair[1], pair[0]))[:most]
    if name not in FOLDED_NAMES:
        return shown
    return sorted(
        ((usual_spelling(plan, name, form), number) for form, number in shown), key=lambda pair: (-pair[1], pair[0])
    )


def usual_spelling(plan: Plan, name: str, form: str) -> str:
    """Returns the most frequent spelling of a value of the facet `name`; `form` is the value in folded form. All
    articles are counted, even those that do not match the query.
    """
    entries = [entry for entry, _ in plan.searcher.terms_with_prefix(SPELLINGS, spelling_entry(name, form))]
    if len(entries) == 1:
        return spelling_in_entry(entries[0])
    spellings: Counter[str] = Counter()
    for entry in entries:
        found = tantivy.Query.term_query(index_schema(), SPELLINGS, entry, "basic")
        spellings[spelling_in_entry(entry)] += count_hits(plan.searcher, found)
    return min(spellings, key=lambda value: (-spellings[value], value), default=form)


# -- hits -------------------------------------------------------------------------------------


def load_hits(plan: Plan, page: list[Match]) -> Iterator[Hit]:
    """Yields a hit with its fields, copies and snippet for each match of a page."""
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
    highlighted = highlight_terms(plan.node)
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
        if row is None:  # the article was deleted after the search
            continue
        shown, marks = snippet(unicodedata.normalize("NFC", row["body"] or row["description"] or ""), highlighted)
        yield Hit(
            **_article_fields(row),
            copies=tuple(n for n in copies.get(found.group, []) if n != found.id),
            folded=beneath.get(found.id, ()),
            score=round(found.score, 4) if found.score is not None else None,
            distance_km=round(found.distance, 3) if found.distance is not None else None,
            snippet=shown,
            marks=marks,
        )


def _article_fields(row: dict[str, Any]) -> dict[str, Any]:
    """Returns the article fields of a hit from a row of the table `articles`, with JSON lists as tuples."""
    return {name: tuple(index_texts(row[name])) if BY_NAME[name].is_list else row[name] for name in HIT_FIELDS}


def _beneath(plan: Plan, page: list[Match]) -> dict[int, tuple[FoldedArticle, ...]]:
    numbers = {found.id: plan.beneath[found.id] for found in page if found.id in plan.beneath}
    ids = json.dumps([number for many in numbers.values() for number in many])
    rows = {
        row[0]: FoldedArticle(*row)
        for row in plan.db.execute(
            "select id, site, title, published from articles where id in (select value from json_each(?))", [ids]
        )
    }
    return {top: tuple(rows[number] for number in many if number in rows) for top, many in numbers.items()}


# Output: the names and words that commands, web pages and exports share.

COLUMNS = (*HIT_FIELDS, "copies", "folded", "score", "distance_km", "snippet")


def hit_as_dict(hit: Hit) -> dict[str, Any]:
    """Converts a hit to a dict with the keys COLUMNS."""
    return {name: value for name, value in asdict(hit).items() if name in COLUMNS}
