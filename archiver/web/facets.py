"""Facets as links: each value narrows the search, or widens it again where it narrows it already."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from archiver.fields import OPTIONS
from archiver.search.filters import Query
from archiver.web.answer import Asked
from archiver.web.asking import Links, search_link

LABELS = {"site": "Site", "year": "Year", "author": "Author", "category": "Category", "tag": "Tag",
          "language": "Language", "place": "Place", "credit": "Source named"}


@dataclass(frozen=True, slots=True)
class Value:
    """`href` narrows by it, or no longer does where it is `active`; "" where there is no room for it."""

    text: str
    articles: int
    href: str
    active: bool


@dataclass(frozen=True, slots=True)
class Facet:
    name: str
    label: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Something that narrows the search: what it is called, and the address without it; "" where there is no room."""

    label: str
    text: str
    href: str


def facets(query: Query, counts: dict[str, list[tuple[str, int]]], links: Links) -> tuple[Facet, ...]:
    """Those that have a value, in the order of LABELS."""
    link = links.of(sum(map(len, counts.values())))
    return tuple(Facet(name, label, tuple(_value(query, name, *pair, link) for pair in counts[name]))
                 for name, label in LABELS.items() if counts.get(name))


def _value(query: Query, name: str, text: str, articles: int, link: Callable[[Query], str]) -> Value:
    other, active = _toggled(query, name, text)
    return Value(text, articles, link(other), active)


def _toggled(query: Query, name: str, text: str) -> tuple[Query, bool]:
    if name in OPTIONS:
        there: tuple[str, ...] = getattr(query, name)
        active = text in there
        return _with(query, name, tuple(v for v in there if v != text) if active else (*there, text)), active
    if name == "year":
        active = query.since == query.until == text
        return replace(query, since=None if active else text, until=None if active else text), active
    fact = f'{name}:"{" ".join(text.replace(chr(34), " ").split())}"'
    if fact in query.text:
        return replace(query, text=" ".join(query.text.replace(fact, " ").split())), True
    return replace(query, text=f"{query.text} {fact}".strip()), False


def _with(query: Query, name: str, value: Any) -> Query:
    changed: dict[str, Any] = {name: value}
    return replace(query, **changed)


_SINGLE: tuple[tuple[str, str, Callable[[Query], str]], ...] = (
    ("since", "Since", lambda q: q.since or ""),
    ("until", "Until", lambda q: q.until or ""),
    ("near", "Near", lambda q: f"{q.near[0]:g}, {q.near[1]:g}, within {q.within or 25:g} km" if q.near else ""),
    ("bbox", "In the box", lambda q: ", ".join(f"{n:g}" for n in q.bbox) if q.bbox else ""),
    ("like", "Like article", lambda q: str(q.like) if q.like is not None else ""),
)


def instead(asked: Asked, query: Query) -> tuple[tuple[str, str], ...]:
    """What else to ask where nothing matches: a label and an address each."""
    found = []
    words = query.text.split()
    if len(words) > 1 and all(word[0].isalnum() and not re.search(r'[":()*|]', word) for word in words) and not (
            {"OR", "NOT", "AND"} & set(words) or any(word.startswith("NEAR") for word in words)):
        found.append(("any of these words", search_link(asked, replace(query, text=" OR ".join(words)))))
    if query.text and any(_narrowing(query)):
        found.append(("the same in all of the archive", search_link(asked, Query(query.text, stem=query.stem))))
    if query.text and not query.stem:
        found.append(("English words in all their forms", search_link(asked, replace(query, stem=True))))
    return tuple(found)


def narrowings(query: Query, links: Links) -> tuple[Narrowing, ...]:
    """Whatever narrows a query beside its text."""
    found = tuple(_narrowing(query))
    link = links.of(len(found))
    return tuple(Narrowing(label, text, link(_without(query, name, text))) for name, label, text in found)


def _narrowing(query: Query) -> Iterable[tuple[str, str, str]]:
    """The name, the label and the text of each."""
    for name in OPTIONS:
        yield from ((name, LABELS[name], text) for text in getattr(query, name))
    yield from ((name, label, text) for name, label, shown in _SINGLE if (text := shown(query)))


def _without(query: Query, name: str, text: str) -> Query:
    there = getattr(query, name)
    return _with(query, name, tuple(value for value in there if value != text) if name in OPTIONS else None)
