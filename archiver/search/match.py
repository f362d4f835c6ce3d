"""The tree of a query as the index takes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import permutations

import tantivy
from sqlite_utils import Database
from tantivy import Occur, Query

from archiver.errors import BadQuery
from archiver.search.index.schema import KEYS, NUMBERS, TEXTS, WEIGHTS, schema
from archiver.search.terms import Either, Every, Key, Near, Node, Rows, Span, Term, Without
from archiver.search.words import lookup

MOST_NEAR = 4
"""So many words and phrases can stand in one NEAR: each order of them is asked for."""


def compiled(node: Node | None, db: Database) -> Query:
    """A query for the index; None is every article. Facts do not change the rank. Raises BadQuery."""
    if node is None:
        return Query.all_query()
    if isinstance(node, Every):
        return _every(node, db)
    if isinstance(node, Either):
        return Query.boolean_query([(Occur.Should, compiled(item, db)) for item in node.items])
    if isinstance(node, Without):
        return _every(Every((node,)), db)
    if isinstance(node, Term):
        return _in_columns(node.column, lambda column: _term(column, node.text, prefix=node.prefix))
    if isinstance(node, Near):
        return _in_columns(node.column, lambda column: _near(column, node))
    if isinstance(node, Key):
        return _unranked(Query.term_query(schema(), KEYS, node.value.encode("utf-8", "replace").decode(), "basic"))
    if isinstance(node, Span):
        return _unranked(_span(node))
    assert isinstance(node, Rows)
    ids = sorted({row[0] for row in db.execute(node.sql, node.values) if row[0] is not None})
    return _unranked(Query.term_set_query(schema(), "id", ids)) if ids else Query.empty_query()


def ranks(node: Node | None) -> bool:
    """Whether the words of a query put what they find in an order."""
    if isinstance(node, Every | Either):
        return any(ranks(item) for item in node.items)
    return isinstance(node, Term | Near)


def _every(node: Every, db: Database) -> Query:
    parts = [(Occur.MustNot, compiled(item.item, db)) if isinstance(item, Without) else (Occur.Must, compiled(item, db))
             for item in node.items]
    if all(occur == Occur.MustNot for occur, _ in parts):
        parts.append((Occur.Must, _unranked(Query.all_query())))
    return Query.boolean_query(parts)


def _unranked(query: Query) -> Query:
    return Query.const_score_query(query, 0.0)


def _span(node: Span) -> Query:
    assert node.field in NUMBERS
    return Query.range_query(schema(), node.field, tantivy.FieldType.Integer, node.low, node.high)


def _in_columns(column: str, query: Callable[[str], Query]) -> Query:
    """What is asked of one column, or of all that have a weight."""
    if column:
        assert column in TEXTS
        return query(column)
    return Query.boolean_query([(Occur.Should, Query.boost_query(query(name), weight))
                                for name, weight in WEIGHTS.items()])


def _term(column: str, text: str, *, prefix: bool) -> Query:
    tokens, begun = lookup(text)
    if not tokens:
        return Query.empty_query()
    if prefix or begun:
        if len(tokens) == 1:
            return Query.regex_query(schema(), column, re.escape(tokens[0]) + ".*")
        return _patterns(column, [(tokens, True)], 0)  # a phrase_prefix_query looks for fifty words, and no more
    return _row(column, tokens, 0)


def _row(column: str, tokens: list[str], slop: int) -> Query:
    if len(tokens) == 1:
        return Query.term_query(schema(), column, tokens[0], "freq")
    return Query.phrase_query(schema(), column, list(tokens), slop)


def _near(column: str, node: Near) -> Query:
    if len(node.terms) > MOST_NEAR:
        raise BadQuery(" NEAR ".join(term.text for term in node.terms),
                       f"NEAR takes at most {MOST_NEAR} words or phrases")
    found = [(tokens, begun or term.prefix) for term in node.terms for tokens, begun in (lookup(term.text),)]
    orders = [_patterns(column, order, node.distance) if any(prefix for _, prefix in order)
              else _row(column, _joined(tokens for tokens, _ in order), node.distance) for order in permutations(found)]
    near = Query.boolean_query([(Occur.Should, query) for query in orders])
    phrases = [_row(column, tokens, 0) for tokens, prefix in found if len(tokens) > 1 and not prefix]
    return Query.boolean_query([(Occur.Must, query) for query in (near, *phrases)])


def _patterns(column: str, row: Iterable[tuple[list[str], bool]], slop: int) -> Query:
    """Words in a row, some of them beginnings."""
    patterns = [re.escape(token) + ".*" * (prefix and place == len(tokens))
                for tokens, prefix in row for place, token in enumerate(tokens, start=1)]
    return Query.regex_phrase_query(schema(), column, list(patterns), slop)


def _joined(rows: Iterable[list[str]]) -> list[str]:
    return [token for row in rows for token in row]
