"""Reads the geo-tags of feed items: GeoRSS (Simple and GML), W3C Basic Geo, Dublin Core and JSON.

All positions are in WGS 84. If a part of a position is not a number or is out of range, the whole position is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

from lxml import etree

from archiver.items import GeoTag
from archiver.lazy_regex import lazy_regex

_Children = dict[str, list[etree._Element]]
_Pair = tuple[float, float]  # latitude, longitude

_MAX_TEXT = 10_000
_SHAPES = ("georss:point", "georss:circle", "georss:box", "georss:line", "georss:polygon")
_DCMI = lazy_regex(r"(\w+)\s*=\s*([^;]+)")
_JSON_HOLDERS = ("_geo", "geo", "_location", "location", "_place", "place", "coordinates")
_JSON_DEGREES = (("latitude", "longitude"), ("lat", "lon"), ("lat", "lng"), ("lat", "long"))


def feed_geotags(children: _Children) -> tuple[GeoTag, ...]:
    """Returns the geo-tags of a feed item, given its child elements by name (`XmlItem.children`). Positions out of
    range and the position 0,0 are left out.

    The position of a GeoRSS box, line or polygon is the middle of its bounds, and the position of a circle is its
    centre.
    """
    name = _first(children, "georss:featurename")
    found = [*_georss(children, name), *_gml(children, name), *_basic_geo(children, name)]
    if name and not found:
        found.append(GeoTag(None, None, name, source="georss"))
    for key in ("dcterms:spatial", "dc:coverage"):
        found = found or [tag for e in children.get(key, ()) if (tag := _dublin_core(_text(e), key))]
    return tuple({(t.latitude, t.longitude): t for t in reversed(found)}.values())[::-1]


def json_geotag(row: dict[str, Any]) -> tuple[GeoTag, ...]:
    """Returns the geo-tag of a JSON feed item, from a latitude and longitude in an extension object or in the item
    itself; () if the item has neither.
    """
    for holder in (*(row.get(k) for k in _JSON_HOLDERS), row):
        if not isinstance(holder, dict):
            continue
        for lat_key, lon_key in _JSON_DEGREES:
            lat, lon = holder.get(lat_key), holder.get(lon_key)
            if isinstance(lat, (int, float, str)) and isinstance(lon, (int, float, str)):
                name = holder.get("name") if holder is not row else ""
                tag = _point((str(lat), str(lon)), name if isinstance(name, str) else "", "json")
                if tag:
                    return (tag,)
    return ()


def _georss(children: _Children, name: str) -> list[GeoTag]:
    """Returns the GeoRSS geo-tags of an item, with the place name `name`. If the item contains several kinds of shapes,
    only the first kind in _SHAPES is read, because Blogger writes both a point and the box around it.
    """
    for key in _SHAPES:
        found = [tag for e in children.get(key, ()) if (tag := _georss_shape(key, _ordinates(_text(e)), name))]
        if found:
            return found
    return []


def _georss_shape(key: str, written: list[str], name: str) -> GeoTag | None:
    if key in ("georss:point", "georss:circle"):  # the third number is a height, or the radius
        is_whole = len(written) in (2, 3) and None not in map(_number, written)
        return _point(written[:2], name, "georss") if is_whole else None
    pairs = _pairs(written, 2)
    if key == "georss:box":
        return _box(pairs, name) if len(pairs) == 2 else None
    return _middle(pairs, name)


def _basic_geo(children: _Children, name: str) -> Iterator[GeoTag]:
    for scope in [children, *(_keyed(point) for point in children.get("geo:point", ()))]:
        lat, lon = _first(scope, "geo:lat"), _first(scope, "geo:long") or _first(scope, "geo:lon")
        if lat and lon and (tag := _point((lat.replace(",", "."), lon.replace(",", ".")), name, "w3c-geo")):
            yield tag


def _dublin_core(text: str, source: str) -> GeoTag | None:
    """Returns the geo-tag of a Dublin Core place, which is a DCMI Point ("east=..; north=..; name=..") or the name of a
    place; None if it is neither.
    """
    given = {k.lower(): v.strip() for k, v in _DCMI.findall(text)}
    if "north" in given and "east" in given:
        return _point((given["north"], given["east"]), given.get("name", ""), source)
    name = given.get("name", "") or ("" if given else text)
    named = 1 < len(name) <= 80 and not re.search(r"\d|https?:", name)
    return GeoTag(None, None, name, source=source) if named else None


def _keyed(element: etree._Element) -> _Children:
    return {f"geo:{str(c.tag).rpartition('}')[2].rpartition(':')[2].lower()}": [c] for c in element}


def _first(children: _Children, key: str) -> str:
    return next((t for e in children.get(key, ()) if (t := _text(e))), "")


def _text(element: etree._Element) -> str:
    return " ".join("".join(str(t) for t in element.itertext())[:_MAX_TEXT].split())


# GML: positions, with their reference system and number of dimensions, which may be attributes of an ancestor.

_GML_HOLDERS = ("georss:where", "gml:point", "gml:linestring", "gml:polygon", "gml:envelope")
_GML_POSITIONS = ("pos", "poslist")
_GML_CORNERS = ("lowercorner", "uppercorner")
# Names of reference systems in degrees on (nearly) the WGS 84 ellipsoid. In EPSG's systems the latitude is first, in
# OGC's the longitude.
_LATITUDE_FIRST = lazy_regex(r"(?:^|\D)(?:4326|4979|4258|4269)$|^(?:urn:)?wgs[ _:-]?84$", re.IGNORECASE)
_LONGITUDE_FIRST = lazy_regex(r"CRS:?84h?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Frame:
    """How the numbers of a GML position are to be read. `dimension` is how many numbers a point has (2, or 3 with the
    height); 0 if unknown.
    """

    dimension: int = 0
    longitude_first: bool = False


def _gml(children: _Children, name: str) -> Iterator[GeoTag]:
    for key in _GML_HOLDERS:
        for holder in children.get(key, ()):
            if tag := _gml_place(holder, name):
                yield tag


def _gml_place(where: etree._Element, name: str) -> GeoTag | None:
    """Returns the geo-tag of a georss:where or GML element: its point, the middle of its envelope, or the middle of all
    its positions. Returns None if a position cannot be read.
    """
    corners, points, whole = [], [], []
    for element in where.iter(etree.Element):
        local = str(element.tag).rpartition("}")[2].rpartition(":")[2].lower()
        if local not in (*_GML_POSITIONS, *_GML_CORNERS):
            continue
        written, frame = _ordinates(_text(element)), _frame(element)
        if frame is None:
            return None
        is_list = local == "poslist"
        pairs = _pairs(written, frame.dimension or _dimension(written, is_list), frame.longitude_first)
        if not pairs:
            return None
        if local in _GML_CORNERS:
            corners += pairs
        else:
            points += pairs
            whole.append(written[1::-1] if frame.longitude_first else written[:2])
    if len(corners) == 2:
        return _box(corners, name)
    return _point(whole[0], name, "georss") if len(points) == 1 else _middle(points, name)


def _dimension(written: list[str], is_list: bool) -> int:
    """Returns how many numbers each point of an element has if the element does not say so: 2, or 3 if 2 is impossible.
    `written` are the numbers in the element; `is_list` is True if it may contain several points.
    """
    return 3 if len(written) == 3 or (is_list and len(written) % 2 and len(written) % 3 == 0) else 2


def _frame(element: etree._Element) -> _Frame | None:
    """Returns how to read the numbers of a GML position, as the attributes of its element or of the elements around it
    say. Returns None if the position is not in degrees of WGS 84.
    """
    scope = [element, *element.iterancestors()]
    dimension = next((d for e in scope if (d := e.get("srsDimension") or e.get("dimension"))), "")
    system = next((s for e in scope if (s := e.get("srsName"))), "").strip()
    number = int(dimension) if dimension in ("2", "3") else 0
    if _LONGITUDE_FIRST.search(system):
        return _Frame(number, longitude_first=True)
    return _Frame(number) if not system or _LATITUDE_FIRST.search(system) else None


# Numbers.

_NUMBER = lazy_regex(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?")
_DECIMAL_COMMA = lazy_regex(r"[-+]?\d+,\d+")


def _ordinates(text: str) -> list[str]:
    """Splits the text of a position at spaces and commas into numbers, as written.

    Commas are decimal signs if every number contains a comma and no number contains a dot ("50,1 8,6").
    """
    words = text.split()
    if len(words) > 1 and all(map(_DECIMAL_COMMA.fullmatch, words)):
        return [word.replace(",", ".") for word in words]
    return text.replace(",", " ").split()


def _number(written: str) -> float | None:
    return float(written) if _NUMBER.fullmatch(written) and len(written) <= 40 else None


def _pairs(written: Sequence[str], dimension: int, longitude_first: bool = False) -> list[_Pair]:
    """Returns the numbers `written` as positions (latitude, longitude), without heights. `dimension` is how many
    numbers each position has, and `longitude_first` is True if the longitude comes first in the list. Returns [] if a
    position is invalid, or if some numbers are left over at the end.
    """
    if not written or len(written) % dimension:
        return []
    found: list[_Pair] = []
    for at in range(0, len(written), dimension):
        numbers = [_number(one) for one in written[at : at + dimension]]
        first, second = numbers[0], numbers[1]
        if first is None or second is None or None in numbers:
            return []
        lat, lon = (second, first) if longitude_first else (first, second)
        if not (-90 <= lat <= 90 and -180 <= lon <= 180):
            return []
        found.append((lat, lon))
    return found


def _point(written: Sequence[str], name: str, source: str) -> GeoTag | None:
    """Returns the geo-tag of a latitude and a longitude, given as texts, with the precision with which they are
    written; None if they are invalid.
    """
    pairs = _pairs([one.strip() for one in written], 2)
    if len(pairs) != 1:
        return None
    return _geotag(pairs[0], name, source, 10.0 ** -max(_decimals(one) for one in written))


def _decimals(written: str) -> int:
    """Returns the number of decimal places of a number: 2 for "10.25" and for "1.025e1"."""
    exponent = Decimal(written.strip()).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _middle(pairs: list[_Pair], name: str) -> GeoTag | None:
    """Returns the geo-tag of the middle of the bounds of a line or polygon, even if it crosses the 180th meridian.
    Returns None if there are fewer than two positions.
    """
    if len(pairs) < 2:
        return None
    lats, lons = [lat for lat, _ in pairs], [pairs[0][1]]
    for (_, before), (_, after) in pairwise(pairs):
        step = after - before
        crosses = 180 < abs(step) < 360
        lons.append(lons[-1] + (step - 360 * (1 if step > 0 else -1) if crosses else step))
    return _geotag((_half(lats), _half(lons)), name, "georss")


def _box(corners: list[_Pair], name: str) -> GeoTag | None:
    """Returns the geo-tag of the middle of a box given by its lower (south-west) and upper (north-east) corner; None if
    it is 0,0.

    If the western longitude exceeds the eastern longitude by more than 180 degrees, the box crosses the 180th meridian.
    If the excess is smaller, the corners were written in the wrong order.
    """
    (south, west), (north, east) = corners
    return _geotag((_half([south, north]), _half([west, east + 360 if west - east > 180 else east])), name, "georss")


def _half(numbers: list[float]) -> float:
    return (min(numbers) + max(numbers)) / 2


def _geotag(place: _Pair, name: str, source: str, precision: float | None = None) -> GeoTag | None:
    """Returns the geo-tag of a position; None for 0,0, which programs write for "no place". `precision` is None if it
    is unknown, as for the middle of a shape.
    """
    lat, lon = place
    lon = lon - 360 if lon > 180 else lon + 360 if lon < -180 else lon
    if lat == 0 and lon == 0:
        return None
    return GeoTag(round(lat, 7), round(lon, 7), name[:300], source=source, precision=precision)
