"""Places in <meta> elements and in custom fields that a theme shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from archiver.extraction.page import Page
from archiver.extraction.places.countries import is_turned
from archiver.extraction.places.geotext import Position, checked, measured, middle, position
from archiver.extraction.scope import Post
from archiver.extraction.text import clean, line
from archiver.items import GeoTag

_WHOLE = ("geo.position", "icbm", "geo.point", "geo:position", "dc.coverage.x-geo", "geo.coordinates", "geo")
_HALVES = (
    ("place:location:latitude", "place:location:longitude"),
    ("og:latitude", "og:longitude"),
    ("og:location:latitude", "og:location:longitude"),
    ("geo_latitude", "geo_longitude"),
    ("geo.latitude", "geo.longitude"),
    ("geo:lat", "geo:long"),
    ("geo:latitude", "geo:longitude"),
    ("geo.lat", "geo.long"),
    ("geo.lat", "geo.lon"),
    ("latitude", "longitude"),
)
_NAMES = (
    "geo.placename", "geo.place", "geo.locality", "geo_address", "og:locality", "place:location:name",
    "dc.coverage.placename",
)
_REGIONS = ("geo.region", "geo.country", "og:region", "og:country-name")
_DUBLIN_CORE = ("dcterms.spatial", "dc.coverage.spatial", "dc.coverage", "dcterms.coverage", "dc.spatial")
_OF_BUSINESS = ("og:phone_number", "og:street-address", "business:contact_data:street_address", "og:postal-code")
_BUSINESS_TYPES = re.compile(r"^(?:business|restaurant|company|place|hotel|website|organization)\b", re.IGNORECASE)
_OPEN_GRAPH = frozenset(("place:location:latitude", "og:latitude", "og:location:latitude"))
_BOX = ("southlimit", "westlimit", "northlimit", "eastlimit")
_DCMI = re.compile(r"(\w+)\s*=\s*([^;]+)")
_NOWHERE = re.compile(
    r"^(?:world(?:wide)?|global|international|earth|internet|n/?a|none|null|all|everywhere|weltweit|mondial|[\W\d_]+)$",
    re.IGNORECASE,
)


def of_metas(page: Page) -> Iterator[GeoTag]:
    """Places in meta elements, positions first. `geo_public` = 0 hides all, as WordPress's geodata standard says.

    OpenGraph's position is the publisher's if the page also gives the address of the business. Numbers that fit the
    named region only if swapped are swapped.
    """
    data = page.data
    if data.meta_first("geo_public", "geo.public") == "0":
        return
    name = next((n for n in data.meta(*_NAMES) if not _NOWHERE.match(n)), "")
    region = data.meta_first(*_REGIONS)
    of_business = _is_of_business(page)
    places = _positions(page)
    for p, source in places:
        if is_turned(p.latitude, p.longitude, region):
            p = replace(p, latitude=p.longitude, longitude=p.latitude)
        role = "publisher" if of_business and source in _OPEN_GRAPH else "content"
        yield tag(p, name if role == "content" or not data.meta("geo.placename") else "", region, role, source)
    if not places and name and not of_business:
        yield GeoTag(None, None, name, region, "content", "geo.placename")
    for key in _DUBLIN_CORE:
        for value in data.meta(key):
            if (found := dublin_core(value, key)) is not None:
                yield found


def _positions(page: Page) -> list[tuple[Position, str]]:
    """Each position in a meta element, or in a pair of them, with its source."""
    data = page.data
    language = page.language or ""
    whole = [(p, "ICBM" if key == "icbm" else key)
             for key in _WHOLE for v in data.meta(key) if (p := position(v, language))]
    return whole + [
        (p, lat_key)
        for lat_key, lon_key in _HALVES
        for lat, lon in zip(data.meta(lat_key), data.meta(lon_key), strict=False)
        if (p := halves(lat, lon))
    ]


def _is_of_business(page: Page) -> bool:
    """Whether OpenGraph describes a business: where Squarespace puts the site's owner, or beside an address."""
    data = page.data
    return page.platform.name == "squarespace" or bool(
        data.meta(*_OF_BUSINESS) or _BUSINESS_TYPES.match(data.meta_first("og:type"))
    )


def tag(p: Position, name: str, region: str, role: str, source: str) -> GeoTag:
    return GeoTag(p.latitude, p.longitude, name, region, role, source, p.precision)


def halves(lat: str | None, lon: str | None) -> Position | None:
    """A position given as two separate numbers."""
    a, b = measured(lat), measured(lon)
    return checked(a[0], b[0], min(a[1], b[1])) if a and b else None


def dublin_core(text: str, source: str) -> GeoTag | None:
    """A spatial coverage: DCMI Point ("east=..; north=..; name=.."), DCMI Box, a bare position, or a place's name."""
    given = {k.lower(): v.strip() for k, v in _DCMI.findall(text)}
    name = given.get("name", "")
    if "east" in given and "north" in given:
        p = halves(given["north"], given["east"])
        return tag(p, name, "", "content", source) if p else None
    if set(_BOX) <= set(given):
        p = middle(" ".join(given[k] for k in _BOX))
        return tag(p, name, "", "content", source) if p else None
    if p := position(text):
        return tag(p, "", "", "content", source)
    text = name or clean(text)
    return GeoTag(None, None, text, "", "content", source) if _is_place_name(text) else None


def _is_place_name(text: str) -> bool:
    return "=" not in text and 1 < len(text) <= 80 and not _NOWHERE.match(text) and not text.startswith("http")


_FIELD = re.compile(r"^(geo_latitude|geo_longitude|geo_address|geo_public|latitude|longitude)\s*:?$", re.IGNORECASE)


def of_custom_fields(page: Page, post: Post) -> Iterator[GeoTag]:
    """A place in WordPress's list of custom fields: "geo_latitude: 10.5"."""
    fields: dict[str, str] = {}
    for key in page.index.with_class("post-meta-key"):
        if post.is_noise(key) or not (m := _FIELD.match(line(key))):
            continue
        fields.setdefault(m[1].lower().removeprefix("geo_"), clean(key.tail))
    if fields.get("public") == "0":
        return
    if p := halves(fields.get("latitude"), fields.get("longitude")):
        yield tag(p, fields.get("address", ""), "", "content", "geo_latitude")
