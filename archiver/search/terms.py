"""The tree of a query: what stands at its leaves, and how the leaves are joined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Term:
    """Words in a row, as the index has them; `column` is "" for all of them."""

    text: str
    column: str = ""
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Near:
    """Terms of one column with at most `distance` other words between the first and the last of them."""

    terms: tuple[Term, ...]
    distance: int
    column: str = ""


@dataclass(frozen=True, slots=True)
class Substring:
    """Letters in a row, whatever stands around them."""

    text: str
    column: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is so of an article, and no word in it: a condition on the table alias `a`, with its values."""

    sql: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Every:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Without:
    item: Node


Node = Term | Near | Substring | Fact | Every | Either | Without
