"""Places in feeds: GeoRSS (simple, GML) and the W3C's Basic Geo vocabulary. Degrees are WGS 84."""

from __future__ import annotations

import re

from lxml import etree

from archiver.items import GeoTag

_NUMBER = re.compile(r"[-+]?\d{1,3}(?:\.\d{1,15})?")


def geotags(children: dict[str, list[etree._Element]]) -> tuple[GeoTag, ...]:
    """The places among an item's children, keyed as in `feed_item`. Out-of-range and 0,0 degrees are left out.

    A GeoRSS box, line or polygon gives the middle of its bounds.
    """
    found: list[GeoTag] = []
    name = _first(children, "georss:featurename")
    for key in ("georss:point", "georss:box", "georss:line", "georss:polygon"):
        if not found:  # Blogger writes a point and the box around it
            found = [tag for e in children.get(key, ()) if (tag := _of(_text(e), name, "georss"))]
    for where in children.get("georss:where", ()):
        for e in where.iter():
            local = str(e.tag).rpartition("}")[2].lower()
            if local in ("pos", "poslist", "lowercorner") and (tag := _of(_text(e), name, "georss")):
                found.append(tag)
                break
    for scope in [children, *(_keyed(point) for point in children.get("geo:point", ()))]:
        lat, lon = _first(scope, "geo:lat"), _first(scope, "geo:long") or _first(scope, "geo:lon")
        if lat and lon and (tag := _of(f"{lat} {lon}", name, "w3c-geo")):
            found.append(tag)
    if name and not found:
        found.append(GeoTag(None, None, name, source="georss"))
    return tuple({(t.latitude, t.longitude): t for t in reversed(found)}.values())[::-1]


def _keyed(element: etree._Element) -> dict[str, list[etree._Element]]:
    return {f"geo:{str(c.tag).rpartition('}')[2].rpartition(':')[2].lower()}": [c] for c in element}


def _first(children: dict[str, list[etree._Element]], key: str) -> str:
    return next((t for e in children.get(key, ()) if (t := _text(e))), "")


def _text(element: etree._Element) -> str:
    return " ".join("".join(str(t) for t in element.itertext())[:10_000].split())


def _of(text: str, name: str, source: str) -> GeoTag | None:
    numbers = [float(n) for n in _NUMBER.findall(text)]
    if len(numbers) < 2:
        return None
    lats, lons = numbers[0::2], numbers[1::2]
    lat, lon = (min(lats) + max(lats)) / 2, (min(lons) + max(lons)) / 2
    if not (-90 <= lat <= 90 and -180 <= lon <= 180) or (lat == 0 and lon == 0):
        return None
    return GeoTag(round(lat, 7), round(lon, 7), name[:300], source=source)
