"""Places in feeds: GeoRSS (simple, GML), W3C Basic Geo, Dublin Core, and JSON, all in WGS 84."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from archiver.items import GeoTag

_Children = dict[str, list[etree._Element]]
_NUMBER = re.compile(r"[-+]?\d{1,3}(?:\.\d{1,15})?")
_SHAPES = ("georss:point", "georss:circle", "georss:box", "georss:line", "georss:polygon")
_GML = ("pos", "poslist", "lowercorner", "uppercorner")
_DCMI = re.compile(r"(\w+)\s*=\s*([^;]+)")
_JSON_HOLDERS = ("_geo", "geo", "_location", "location", "_place", "place", "coordinates")
_JSON_DEGREES = (("latitude", "longitude"), ("lat", "lon"), ("lat", "lng"), ("lat", "long"))


def geotags(children: _Children) -> tuple[GeoTag, ...]:
    """The places among an item's children, keyed as in `feed_item`. Out-of-range and 0,0 degrees are left out.

    A GeoRSS box, line or polygon gives the middle of its bounds, a circle its centre.
    """
    name = _first(children, "georss:featurename")
    found = [*_georss(children, name), *_gml(children, name), *_basic_geo(children, name)]
    if name and not found:
        found.append(GeoTag(None, None, name, source="georss"))
    for key in ("dcterms:spatial", "dc:coverage"):
        found = found or [tag for e in children.get(key, ()) if (tag := _dublin_core(_text(e), key))]
    return tuple({(t.latitude, t.longitude): t for t in reversed(found)}.values())[::-1]


def _georss(children: _Children, name: str) -> list[GeoTag]:
    """The first kind of shape with a place, as Blogger writes a point and the box around it."""
    for key in _SHAPES:
        texts = [_text(e) for e in children.get(key, ())]
        if key == "georss:circle":
            texts = [" ".join(t.replace(",", " ").split()[:2]) for t in texts]
        if found := [tag for t in texts if (tag := _of(t, name, "georss"))]:
            return found
    return []


def _gml(children: _Children, name: str) -> Iterator[GeoTag]:
    for where in children.get("georss:where", ()):
        texts = [_text(e) for e in where.iter() if str(e.tag).rpartition("}")[2].lower() in _GML]
        if tag := _of(" ".join(texts[:2]), name, "georss"):
            yield tag


def _basic_geo(children: _Children, name: str) -> Iterator[GeoTag]:
    for scope in [children, *(_keyed(point) for point in children.get("geo:point", ()))]:
        lat, lon = _first(scope, "geo:lat"), _first(scope, "geo:long") or _first(scope, "geo:lon")
        if lat and lon and (tag := _of(f"{lat} {lon}", name, "w3c-geo")):
            yield tag


def of_json(row: dict[str, Any]) -> tuple[GeoTag, ...]:
    """The place of a JSON feed's item: latitude and longitude in an extension object or in the item itself."""
    for holder in (*(row.get(k) for k in _JSON_HOLDERS), row):
        if not isinstance(holder, dict):
            continue
        for lat_key, lon_key in _JSON_DEGREES:
            lat, lon = holder.get(lat_key), holder.get(lon_key)
            if isinstance(lat, (int, float, str)) and isinstance(lon, (int, float, str)):
                name = holder.get("name") if holder is not row else ""
                tag = _of(f"{lat} {lon}", name if isinstance(name, str) else "", "json")
                if tag:
                    return (tag,)
    return ()


def _dublin_core(text: str, source: str) -> GeoTag | None:
    """A DCMI Point ("east=..; north=..; name=..") or a place's name."""
    given = {k.lower(): v.strip() for k, v in _DCMI.findall(text)}
    if "north" in given and "east" in given:
        return _of(f"{given['north']} {given['east']}", given.get("name", ""), source)
    name = given.get("name", "") or ("" if given else text)
    named = 1 < len(name) <= 80 and not re.search(r"\d|https?:", name)
    return GeoTag(None, None, name, source=source) if named else None


def _keyed(element: etree._Element) -> dict[str, list[etree._Element]]:
    return {f"geo:{str(c.tag).rpartition('}')[2].rpartition(':')[2].lower()}": [c] for c in element}


def _first(children: dict[str, list[etree._Element]], key: str) -> str:
    return next((t for e in children.get(key, ()) if (t := _text(e))), "")


def _text(element: etree._Element) -> str:
    return " ".join("".join(str(t) for t in element.itertext())[:10_000].split())


def _of(text: str, name: str, source: str) -> GeoTag | None:
    written = _NUMBER.findall(text)
    numbers = [float(n) for n in written]
    if len(numbers) < 2:
        return None
    lats, lons = numbers[0::2], numbers[1::2]
    lat, lon = (min(lats) + max(lats)) / 2, (min(lons) + max(lons)) / 2
    if not (-90 <= lat <= 90 and -180 <= lon <= 180) or (lat == 0 and lon == 0):
        return None
    # The precision of the numbers as written; unknown for the middle of a shape.
    precision = 10.0 ** -max(len(n.partition(".")[2]) for n in written) if len(numbers) == 2 else None
    return GeoTag(round(lat, 7), round(lon, 7), name[:300], source=source, precision=precision)
