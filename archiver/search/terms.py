"""The tree of a query: what stands at its leaves, and how the leaves are joined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Form:
    """A word of the index, and how much it counts beside others that are looked for in its place."""

    word: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Term:
    """Words in a row; `column` is "" for all columns of `archiver.fields` that have a weight.

    With `stem` each is looked for in all its forms. Which these are is found out of an index
    (`archiver.search.expand`), and stands in `forms`: those of each word, in the order of the words.
    """

    text: str
    column: str = ""
    prefix: bool = False
    stem: bool = False
    forms: tuple[tuple[Form, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Near:
    """Terms of one column with at most `distance` other words between the first and the last of them."""

    terms: tuple[Term, ...]
    distance: int
    column: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """One of the keys of an article (`archiver.search.index.document.keys`), such as is:gone or language:en."""

    value: str


@dataclass(frozen=True, slots=True)
class Span:
    """A number of an article lies between `low` and `high`, both included; None is open."""

    field: str
    low: int | None
    high: int | None


@dataclass(frozen=True, slots=True)
class Rows:
    """The articles whose numbers an SQL statement selects; it may use the functions `folded` and `distance_km`."""

    sql: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Around:
    """That an article has a place in a box (west, south, east, north; west greater than east crosses the antimeridian)
    and, where there is a circle, within its kilometres (latitude, longitude, km)."""

    box: tuple[float, float, float, float]
    circle: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Like:
    """What has at least `needed` of the `words` that tell an article, by its number, from others; which these are is
    found out of an index (`archiver.search.similar`)."""

    article: int
    words: tuple[Form, ...] = ()
    needed: int = 1


@dataclass(frozen=True, slots=True)
class Every:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Without:
    item: Node


Node = Term | Near | Key | Span | Rows | Around | Like | Every | Either | Without
