"""A query as the database takes it: an FTS5 MATCH expression (https://sqlite.org/fts5.html, section 3) and, for the
rest, SQL. Each value is bound, none is written into the text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from archiver.search.facts import like
from archiver.search.grammar import parse
from archiver.search.terms import Either, Every, Fact, Near, Node, Substring, Term, Without
from archiver.store.migrations import FTS_COLUMNS


@dataclass(frozen=True, slots=True)
class Condition:
    """A query as the database takes it.

    `match` is the FTS5 expression that ranks ("" where nothing in the query can rank); `where` a
    condition on the table alias `a` with `values` for its marks ("" where there is none);
    `substrings` the texts looked for by substring, for order and snippet.
    """

    match: str = ""
    where: str = ""
    values: tuple[Any, ...] = ()
    substrings: tuple[str, ...] = field(default=())


def compile_query(text: str) -> Condition:
    """`parse`, then the condition for the database."""
    node = parse(text)
    if node is None:
        return Condition()
    items = node.items if isinstance(node, Every) else (node,)
    ranked = [item for item in items if _indexed(item)]
    rest = [item for item in items if not _indexed(item)]
    excluded = [item.item for item in rest if isinstance(item, Without) and _indexed(item.item)] if ranked else []
    match = " AND ".join(_match(item) for item in ranked)
    if excluded:
        match = f"({match}) NOT ({' OR '.join(_match(item) for item in excluded)})"
        rest = [item for item in rest if not (isinstance(item, Without) and _indexed(item.item))]
    parts = [_where(item) for item in rest]
    return Condition(
        match=match,
        where=" and ".join(sql for sql, _ in parts),
        values=tuple(value for _, values in parts for value in values),
        substrings=tuple(_wanted(node)),
    )


def _indexed(node: Node) -> bool:
    """Whether FTS5 can answer the whole of it: its NOT takes two sides."""
    if isinstance(node, Term | Near):
        return True
    if isinstance(node, Either):
        return all(_indexed(item) for item in node.items)
    if isinstance(node, Every):
        plain = [item for item in node.items if not isinstance(item, Without)]
        negated = [item.item for item in node.items if isinstance(item, Without)]
        return bool(plain) and all(_indexed(item) for item in (*plain, *negated))
    return False


def _match(node: Node) -> str:
    if isinstance(node, Term):
        return f"{node.column} : {_quoted(node)}" if node.column else _quoted(node)
    if isinstance(node, Near):
        near = f"NEAR({' '.join(_quoted(term) for term in node.terms)}, {node.distance})"
        return f"{node.column} : {near}" if node.column else near
    if isinstance(node, Either):
        return "(" + " OR ".join(_match(item) for item in node.items) + ")"
    assert isinstance(node, Every)
    plain = " AND ".join(_match(item) for item in node.items if not isinstance(item, Without))
    negated = " OR ".join(_match(item.item) for item in node.items if isinstance(item, Without))
    return f"(({plain}) NOT ({negated}))" if negated else f"({plain})"


def _quoted(term: Term) -> str:
    return '"' + term.text.replace('"', '""') + '"' + ("*" if term.prefix else "")


def _where(node: Node) -> tuple[str, tuple[Any, ...]]:
    if _indexed(node):
        return "a.id in (select rowid from articles_fts where articles_fts match ?)", (_match(node),)
    if isinstance(node, Substring):
        columns = (node.column,) if node.column else FTS_COLUMNS
        pattern = f"%{like(node.text)}%"
        sql = " or ".join(f"a.{column} like ? escape '\\'" for column in columns)
        return f"({sql})", (pattern,) * len(columns)
    if isinstance(node, Without):
        sql, values = _where(node.item)
        # What is unknown (NULL) is not so: without this, it would be neither so nor not so.
        return f"not ifnull(({sql}), 0)", values
    if isinstance(node, Fact):
        return f"({node.sql})", node.values
    assert isinstance(node, Every | Either)
    parts = [_where(item) for item in node.items]
    joined = (" and " if isinstance(node, Every) else " or ").join(sql for sql, _ in parts)
    return f"({joined})", tuple(value for _, values in parts for value in values)


def _wanted(node: Node) -> Iterator[str]:
    if isinstance(node, Substring):
        yield node.text
    elif isinstance(node, Every | Either):
        for item in node.items:
            yield from _wanted(item)
