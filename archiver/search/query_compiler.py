"""Compiles a query tree into a tantivy query."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import Any

import tantivy
from tantivy import Occur, Query

from archiver.model.fields import LIST_FIELDS_BY_QUERY_NAME, WEIGHTS
from archiver.search.index_documents import KEYS, NUMBERS, TEXTS, fold_name, index_schema
from archiver.search.query_tree import (
    And,
    ByRows,
    InBox,
    Key,
    Name,
    Near,
    Node,
    Not,
    Or,
    SimilarTo,
    Span,
    Term,
    place_keys_in_area,
)
from archiver.search.search_index import Searcher
from archiver.search.word_splitting import lookup_words
from archiver.storage import Database

_LIKE_WEIGHTS = (("title", 2.0), ("body", 1.0))
_MAX_PREFIX_MATCHES = 2_000_000
"""The maximum number of (word, article) pairs that a prefix within a phrase may match. Matching so many takes about a
second, and tantivy cannot be interrupted."""


class TooManyPrefixes(Exception):
    """Raised if a prefix (word*) within a phrase or NEAR matches too many words to be searched in reasonable time."""


def compile_query(node: Node | None, db: Database, searcher: Searcher) -> Query:
    """Compiles a query tree into a tantivy query; None matches every article.

    Only terms, NEAR and `like:` affect the score; keys, ranges, boxes and SQL conditions only filter. Raises
    TooManyPrefixes.
    """
    if node is None:
        return Query.all_query()
    if isinstance(node, And):
        return _and(node, db, searcher)
    if isinstance(node, Or):
        return Query.boolean_query([(Occur.Should, compile_query(item, db, searcher)) for item in node.items])
    if isinstance(node, Not):
        return _and(And((node,)), db, searcher)
    if isinstance(node, Term):
        return _in_columns(node.column, lambda column: _term(column, node, searcher))
    if isinstance(node, Near):
        return _in_columns(node.column, lambda column: _near(column, node, searcher))
    if isinstance(node, SimilarTo):
        return _similar(node)
    if isinstance(node, Key):
        return _unranked(key_query(node.value))
    if isinstance(node, Name):
        return _unranked(_name(node, searcher))
    if isinstance(node, Span):
        return _unranked(_span(node))
    if isinstance(node, InBox):
        return _unranked(_one_of(KEYS, place_keys_in_area(db, node)))
    assert isinstance(node, ByRows)
    return _unranked(_one_of("id", [row[0] for row in db.execute(node.sql, node.values) if row[0] is not None]))


def key_query(value: str) -> Query:
    return Query.term_query(index_schema(), KEYS, value.encode("utf-8", "replace").decode(), "basic")


def _name(node: Name, searcher: Searcher) -> Query:
    key = f"{node.kind}:{fold_name(node.value)}"
    if searcher.doc_freq(KEYS, key):
        return key_query(key)
    column = LIST_FIELDS_BY_QUERY_NAME[node.kind]
    return _term(column, Term(node.value, column), searcher)


def _one_of(field: str, values: Iterable[Any]) -> Query:
    terms = sorted(set(values))
    return Query.term_set_query(index_schema(), field, terms) if terms else Query.empty_query()


def has_ranking_terms(node: Node | None) -> bool:
    """Returns True if a query contains words, NEAR or `like:`, so that its results have a relevance score. Returns
    False for None, which matches every article.
    """
    if isinstance(node, And | Or):
        return any(has_ranking_terms(item) for item in node.items)
    return isinstance(node, Term | Near | SimilarTo)


def _and(node: And, db: Database, searcher: Searcher) -> Query:
    parts = [
        (Occur.MustNot, compile_query(item.item, db, searcher))
        if isinstance(item, Not)
        else (Occur.Must, compile_query(item, db, searcher))
        for item in node.items
    ]
    if all(occur == Occur.MustNot for occur, _ in parts):
        parts.append((Occur.Must, _unranked(Query.all_query())))
    return Query.boolean_query(parts)


def _unranked(query: Query) -> Query:
    return Query.const_score_query(query, 0.0)


def _span(node: Span) -> Query:
    assert node.field in NUMBERS
    return Query.range_query(index_schema(), node.field, tantivy.FieldType.Integer, node.low, node.high)


def _in_columns(column: str, query: Callable[[str], Query]) -> Query:
    """Returns a query that searches one column or, if `column` is "", all columns with a search weight together.
    `query` returns the query for a given column.
    """
    if column:
        assert column in TEXTS
        return query(column)
    return Query.boolean_query(
        [(Occur.Should, Query.boost_query(query(name), weight)) for name, weight in WEIGHTS.items()]
    )


Place = tuple[int, str, bool]
"""The position of a word among adjacent words, the word, and True if it is a prefix."""


def _words_of_term(term: Term) -> tuple[list[str], bool]:
    """Returns the words of a term, and whether the last word is a prefix."""
    words, is_prefix = lookup_words(term.text)
    return list(words), is_prefix or term.prefix


def _places(row: list[str], is_prefix: bool) -> list[Place]:
    return [(at, word, is_prefix and at == len(row) - 1) for at, word in enumerate(row)]


def _term(column: str, term: Term, searcher: Searcher) -> Query:
    row, is_prefix = _words_of_term(term)
    if not row:
        return Query.empty_query()
    if len(row) > 1:
        return _positioned_words(column, _places(row, is_prefix), 0, searcher)
    if is_prefix:
        # The same as a regular expression, whose automaton would take megabytes of memory for each prefix and field.
        return Query.fuzzy_term_query(index_schema(), column, row[0], distance=0, prefix=True)
    return Query.term_query(index_schema(), column, row[0], "freq")


def _near(column: str, node: Near, searcher: Searcher) -> Query:
    """Returns a query for articles in which the terms of a NEAR occur with at most `distance` other words between the
    first and the last of them.

    The query requires each pair of terms to be near each other, with a phrase represented by its rarest word. For more
    than two words, a single phrase query (with slop) is not used: it takes seconds in long texts with few distinct
    words, it matches other articles if occurrences are counted, and it excludes hardly any article that the pairs
    match.
    """
    found = [_words_of_term(term) for term in node.terms]
    every = sum(len(row) for row, _ in found)
    rarest = [(len(row), _rarest_word(column, row, is_prefix, searcher)) for row, is_prefix in found]
    pairs = [
        Query.boost_query(
            _near_pair(column, one, other, node.distance + every - one[0] - other[0], searcher), 1 / (len(found) - 1)
        )
        for one, other in combinations(rarest, 2)
    ]
    phrases = [
        _positioned_words(column, _places(row, is_prefix), 0, searcher) for row, is_prefix in found if len(row) > 1
    ]
    return Query.boolean_query([(Occur.Must, query) for query in (*pairs, *phrases)])


def _near_pair(column: str, one: tuple[int, Place], other: tuple[int, Place], most: int, searcher: Searcher) -> Query:
    """Returns a query for two terms in either order with at most `most` words between them. Each term is given as the
    number of its words and one word that represents it.

    If the first term comes first, the second starts after it by at most `most` words plus the length of the first term.
    If the second term comes first, it starts before the first by at most `most` words plus its own length. So the start
    of the second term lies in a range around the start of the first. The query asks for the middle of this range with a
    tolerance (slop) of half its length, or for both middles if the length is odd.
    """
    (length, (at, word, is_prefix)), (length_2, (at_2, word_2, is_prefix_2)) = one, other
    middles = {(length - length_2) // 2, (length - length_2 + 1) // 2}
    return Query.boolean_query(
        [
            (
                Occur.Should,
                _positioned_words(
                    column,
                    [(length_2 + at, word, is_prefix), (length_2 + at_2 + middle, word_2, is_prefix_2)],
                    most + (length + length_2) // 2,
                    searcher,
                ),
            )
            for middle in middles
        ]
    )


def _rarest_word(column: str, row: list[str], is_prefix: bool, searcher: Searcher) -> Place:
    """Returns the word of the phrase `row` that the fewest articles contain, with its position. If `is_prefix` is True,
    the last word is a prefix. It is chosen only if there is no other word, because its frequency is unknown.
    """
    return min(
        _places(row, is_prefix)[: len(row) - is_prefix] or _places(row, is_prefix),
        key=lambda place: searcher.doc_freq(column, place[1]),
    )


def _positioned_words(column: str, places: Sequence[Place], slop: int, searcher: Searcher) -> Query:
    """Returns a query for words at given positions relative to each other (`places`), with a tolerance of `slop` words.
    Raises TooManyPrefixes.

    The frequency of a prefix is not known to the index. It is scored like a word that no article contains.
    """
    prefixes = [word for _, word, is_prefix in places if is_prefix]
    if not prefixes:
        return Query.phrase_query(index_schema(), column, [(at, word) for at, word, _ in places], slop)
    if sum(count for word in prefixes for _, count in searcher.terms_with_prefix(column, word)) > _MAX_PREFIX_MATCHES:
        raise TooManyPrefixes(column)
    patterns: list[str | tuple[int, str]] = [(at, re.escape(word) + ".*" * prefix) for at, word, prefix in places]
    return Query.regex_phrase_query(index_schema(), column, patterns, slop)


def _similar(node: SimilarTo) -> Query:
    """Returns a query for articles that contain at least `needed` of the distinctive words in their title or body."""
    if not node.words:
        return Query.empty_query()
    return Query.boolean_query(
        [
            (
                Occur.Should,
                Query.boost_query(
                    Query.boolean_query(
                        [
                            (
                                Occur.Should,
                                Query.boost_query(Query.term_query(index_schema(), column, form.word, "freq"), weight),
                            )
                            for column, weight in _LIKE_WEIGHTS
                        ]
                    ),
                    form.weight,
                ),
            )
            for form in node.words
        ],
        minimum_number_should_match=node.needed,
    )
