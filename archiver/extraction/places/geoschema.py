"""Places in JSON-LD: what an article is about, where it was written, and where its publisher is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from archiver.extraction.page import Page
from archiver.extraction.places.geolinks import of_map_link
from archiver.extraction.places.geometa import halves, tag
from archiver.extraction.places.geotext import Position, middle, position
from archiver.extraction.structured import Node, types
from archiver.extraction.text import clean, folded
from archiver.items import GeoTag

_OWN = (
    ("contentLocation", "content", True),
    ("spatialCoverage", "content", True),
    ("spatial", "content", True),
    ("locationCreated", "dateline", True),
    ("dateline", "dateline", True),
    ("location", "content", True),
    ("about", "content", False),
    ("itemReviewed", "content", False),
    ("mainEntity", "content", False),
)
"""Property, role, and whether a place without a position counts too."""
_PEOPLE = (("author", "author"), ("creator", "author"), ("publisher", "publisher"), ("sourceOrganization", "publisher"))
_ADDRESSES = ("location", "homeLocation", "workLocation", "areaServed")
_PLACES = re.compile(r"(?:place|landmark|attraction|landform|city|country|park|beach|museum|mountain|river|lake)", re.I)
_SHAPES = ("box", "polygon", "line", "circle")
_NO_PLACES = frozenset(("geocoordinates", "geoshape", "person"))
_MOST_NODES = 300
_MOST_BESIDE = 5
"""More organisations with positions are those of a directory, not the publisher."""


def of_json_ld(page: Page) -> Iterator[GeoTag]:
    """Places of the article first, then of its author and publisher, then of the organisations beside it."""
    data = page.data
    node = data.article(page.addresses)
    if node is None:
        pages = data.of_type("webpage", "blogposting", "article", "event")
        node = pages[0] if len(pages) == 1 else None
    given: Node = node or {}
    for key, role, named in _OWN:
        for value in data.resolve(given.get(key)):
            yield from _place(page, value, role, f"schema.org {key}", named)
    for key, role in _PEOPLE:
        for someone in data.resolve(given.get(key)):
            for value in _addresses_of(page, someone):
                yield from _place(page, value, role, f"schema.org {key}", False)
    for other, kinds in _organisations(page, node):
        role = "content" if node is None and _is_subject(page, other, kinds) else "publisher"
        yield from _place(page, other, role, "schema.org " + min(kinds), False)


def _addresses_of(page: Page, someone: Any) -> list[Any]:
    """What may hold the place of a person or an organisation: they themselves, and their addresses."""
    if not isinstance(someone, dict):
        return []
    return [someone, *(v for key in _ADDRESSES for v in page.data.resolve(someone.get(key)))]


def _organisations(page: Page, article: Node | None) -> list[tuple[Node, set[str]]]:
    """The other nodes with a position, and their types; none if there are as many as in a directory."""
    found = [
        (other, kinds)
        for other in page.data.nodes[:_MOST_NODES]
        if other is not article and "geo" in other and (kinds := types(other)) and not kinds & _NO_PLACES
    ]
    return found if len(found) <= _MOST_BESIDE else []


def _is_subject(page: Page, node: Node, kinds: set[str]) -> bool:
    """Whether a page that declares no article is about a place: its title names the place, which is not the site."""
    names = {folded(n) for n in page.data.texts(node, "name")} - {""}
    title = folded(page.head_title)
    return (
        any(_PLACES.search(k) for k in kinds)
        and any(n in title for n in names)
        and not names & {folded(n) for n in page.data.names_of_site()}
    )


def _place(page: Page, value: Any, role: str, source: str, named: bool) -> Iterator[GeoTag]:
    """A place from an object or a text; `named`: a name without a position is enough."""
    if isinstance(value, str):
        if (p := position(value)) is not None:
            yield tag(p, "", "", role, source)
        elif named and (name := _name(value)):
            yield GeoTag(None, None, name, "", role, source)
    elif isinstance(value, dict):
        name, region = _name_and_region(page, value)
        if p := _position(page, value):
            yield tag(p, name[:200], region[:80], role, source)
        elif named and 1 < len(name) < 200:
            yield GeoTag(None, None, name, region[:80], role, source)


def _name_and_region(page: Page, place: Node) -> tuple[str, str]:
    data = page.data
    name, region = next(iter(data.texts(place, "name")), ""), ""
    for address in data.resolve(place.get("address")):
        if isinstance(address, dict):
            region = next(iter(data.texts(address, "addressRegion", "addressCountry")), "")
            name = name or next(iter(data.texts(address, "addressLocality")), "")
        elif isinstance(address, str):
            name = name or clean(address)
    return name, region


def _name(text: str) -> str:
    """A place's name: "NEW JERSEY (WABC)" without the station; a text with numbers or many words is a remark."""
    text = clean(text).partition("(")[0].strip(" ,-–—:")
    return text if 1 < len(text) < 80 and len(text.split()) <= 7 and not re.search(r"\d|https?:", text) else ""


def _position(page: Page, place: Node) -> Position | None:
    """The position of a place: its own, that of its shape, or that of its map."""
    data = page.data
    for geo in [*data.resolve(place.get("geo")), place]:
        if isinstance(geo, str):
            found = position(geo)
        elif isinstance(geo, dict):
            lat, lon = (next(iter(data.texts(geo, k)), "") for k in ("latitude", "longitude"))
            found = halves(lat, lon) or _middle_of_shape(page, geo)
        else:
            continue
        if found:
            return found
    return next((p for u in data.texts(place, "hasMap", "map") if (p := of_map_link(u))), None)


def _middle_of_shape(page: Page, geo: Node) -> Position | None:
    for key in _SHAPES:
        text = " ".join(page.data.texts(geo, key))
        if key == "circle":  # a middle and a radius
            text = " ".join(re.split(r"[\s,]+", text)[:2])
        if text and (found := middle(text)):
            return found
    return None
