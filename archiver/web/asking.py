"""A search in the arguments of an address, and back: `?q=flood&site=blog.example.org&since=2023`.

Their names are those of the options of `archiver search`; `q` is its QUERY.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import partial
from typing import Any

from archiver.errors import BadQuery
from archiver.fields import OPTIONS
from archiver.search.filters import Query
from archiver.search.places import box, point
from archiver.web.answer import Asked

PAGE_SIZE = 20
MOST = 100
"""So many hits one page has at most; an export has all of them."""
ROOM = 60_000
"""So many letters the links of a chart, a map and facets take on a page."""
LONG = 1_000
ASKED = ("/", "/search", "/concordance", "/trends")
"""The pages that are asked in a form."""
LABELS = {"q": "Search for", "term": "Term", "since": "Since", "until": "Until", "near": "Near (latitude, longitude)",
          "within": "Within km", "bbox": "Box (west, south, east, north)", "sort": "Order", "fold": "Copies",
          "recent": "Newer counts more", "like": "Like article", "site": "Site", "author": "Author",
          "by": "By", "category": "Category", "tag": "Tag", "language": "Language", "width": "Letters on each side"}


def _kilometres(text: str) -> float:
    return _number(text, "a distance is a number of kilometres")


def _days(text: str) -> float:
    return _number(text, "it is a number of days")


def _number(text: str, why: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadQuery(text, why) from None


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise BadQuery(text, "it is a whole number")
    return int(text[:9])


def _yes(text: str) -> bool:
    return text not in ("0", "no", "false")


READ: dict[str, Callable[[str], Any]] = {
    "since": str, "until": str, "near": point, "within": _kilometres, "bbox": box, "sort": str, "recent": _days,
    "fold": str, "stem": _yes, "like": str, "limit": _whole, "offset": _whole,
}
"""How each argument that stands once is read. Those raise BadQuery for what they cannot read."""


def query_of(asked: Asked) -> Query:
    """What is asked for. An empty argument is none, as a form sends a field that was left empty. Raises BadQuery."""
    values: dict[str, Any] = {name: asked.many(name) for name in OPTIONS}
    values |= {name: _read(name, asked.one(name)) for name in READ if asked.one(name)}
    values["limit"] = min(values.get("limit", PAGE_SIZE), MOST)
    if values.get("near") is None:  # what is around no place is everywhere, as in a form where the place was taken out
        values.pop("within", None)
    return Query(asked.one("q"), **values)


def _read(name: str, text: str) -> Any:
    try:
        return READ[name](text)
    except BadQuery as error:
        raise BadQuery(f"{name} {text}", error.why) from None


def args_of(query: Query) -> tuple[tuple[str, str], ...]:
    """The arguments that ask for a query; what is as by default is left out."""
    return tuple(_args(query))


def search_link(asked: Asked, query: Query, path: str = "/search") -> str:
    """The address of the first page of a search. What cannot be asked for any more, an order by the distance from
    nowhere, is left out."""
    if query.near is None:
        query = replace(query, within=None, sort="" if query.sort.lstrip("-") == "distance" else query.sort)
    return asked.link(path, args_of(replace(query, offset=0)))


class Links:
    """Addresses of searches for the parts of one page, so long as there is room for them: a long query is not repeated
    in each bar of a chart. What comes first is served first."""

    def __init__(self, asked: Asked, query: Query) -> None:
        self._asked, self.each, self._room = asked, len(search_link(asked, query)), ROOM

    @property
    def long(self) -> bool:
        """Whether the query is so long that it stands once where it can."""
        return self.each > LONG

    @property
    def wanting(self) -> bool:
        """Whether a part had to do without."""
        return self._room < 0

    def of(self, number: int) -> Callable[[Query], str]:
        """What gives the addresses of a part that has so many links; "" each, where there is no room."""
        left = self._room - number * self.each
        self._room = left if left >= 0 else -1
        return partial(search_link, self._asked) if left >= 0 else lambda _: ""


def _args(query: Query) -> Iterator[tuple[str, str]]:
    for one in fields(Query):
        value = getattr(query, one.name)
        default = PAGE_SIZE if one.name == "limit" else one.default
        name = {"text": "q", "duplicates": "fold"}.get(one.name, one.name)
        if value == default or value is None:
            continue
        if name == "fold" and value is True:
            yield name, "none"
        elif name in OPTIONS:
            yield from ((name, text) for text in value)
        elif isinstance(value, tuple):
            yield name, ",".join(f"{number:.12g}" for number in value)
        elif isinstance(value, bool):
            yield name, "1"
        else:
            yield name, f"{value:.12g}" if isinstance(value, float) else str(value)
