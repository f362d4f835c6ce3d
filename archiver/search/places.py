"""Points, boxes and circles on the Earth as people write them, and the term that an article has a place there.

Degrees are WGS 84.
"""

from __future__ import annotations

import math

from sqlite_utils import Database

from archiver.errors import BadQuery
from archiver.search.terms import Around

DEFAULT_KM = 25.0
EARTH_KM = 6371.0088
Box = tuple[float, float, float, float]
"""West, south, east, north; west greater than east crosses the antimeridian."""


def point(text: str) -> tuple[float, float]:
    """ "LAT,LON" in degrees. Raises BadQuery."""
    latitude, longitude = _degrees(text, 2, "a place is written LAT,LON in degrees, for example 48.85,2.35")
    if abs(latitude) > 90 or abs(longitude) > 180:
        swapped = abs(longitude) <= 90 and abs(latitude) <= 180
        raise BadQuery(text, "latitudes lie between -90 and 90, longitudes between -180 and 180"
                             + ("; the latitude comes first" if swapped else ""))
    return latitude, longitude


def box(text: str) -> Box:
    """ "W,S,E,N" in degrees, as GeoJSON orders it (RFC 7946, section 5). Raises BadQuery."""
    west, south, east, north = _degrees(text, 4, "a box is written W,S,E,N in degrees, for example 5.9,45.8,10.5,47.8")
    if max(abs(west), abs(east)) > 180 or max(abs(south), abs(north)) > 90:
        raise BadQuery(text, "west and east lie between -180 and 180, south and north between -90 and 90")
    if south > north:
        raise BadQuery(text, "its south lies north of its north; the order is W,S,E,N")
    return west, south, east, north


def _degrees(text: str, count: int, how: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise BadQuery(text, how) from None
    if len(numbers) != count or not all(math.isfinite(n) for n in numbers):
        raise BadQuery(text, how)
    return numbers


def distance_km(lat1: float | None, lon1: float | None, lat2: float, lon2: float) -> float | None:
    """Great-circle distance by the haversine formula on a sphere of the Earth's mean radius; None without a place."""
    if lat1 is None or lon1 is None:
        return None
    a, b = math.radians(lat1), math.radians(lat2)
    h = (math.sin((b - a) / 2) ** 2
         + math.cos(a) * math.cos(b) * math.sin(math.radians(lon2 - lon1) / 2) ** 2)
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(h)))


def around(latitude: float, longitude: float, km: float) -> Box:
    """The box (W, S, E, N) that holds the circle; west greater than east where it crosses the antimeridian."""
    angle = km / EARTH_KM
    south, north = latitude - math.degrees(angle), latitude + math.degrees(angle)
    if south <= -90 or north >= 90 or angle >= math.pi / 2:
        return -180.0, max(south, -90.0), 180.0, min(north, 90.0)
    spread = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(latitude)))))
    if spread >= 180:
        return -180.0, south, 180.0, north
    return (longitude - spread + 540) % 360 - 180, south, (longitude + spread + 540) % 360 - 180, north


def in_circle(latitude: float, longitude: float, km: float) -> Around:
    """That an article has a place within `km` kilometres. Raises BadQuery for a distance that is none."""
    if not km > 0 or not math.isfinite(km):
        raise BadQuery(f"within {km:g} km", "the distance must be greater than 0")
    return Around(around(latitude, longitude, km), (latitude, longitude, km))


def points(db: Database, where: Around) -> list[str]:
    """The keys of the index for all places of an archive that lie there: many articles share a place."""
    west, south, east, north = where.box
    across = "longitude between ? and ?" if west <= east else "(longitude >= ? or longitude <= ?)"
    found = db.execute("select distinct latitude, longitude from geotags where latitude between ? and ? and " + across,
                       (south, north, west, east))
    if where.circle is None:
        return [key_of(*point) for point in found]
    latitude, longitude, km = where.circle
    return [key_of(*point) for point in found
            if (distance := distance_km(point[0], point[1], latitude, longitude)) is not None and distance <= km]


def key_of(latitude: float, longitude: float) -> str:
    """The key of the index that an article with a place there has."""
    return f"point:{latitude + 0.0!r},{longitude + 0.0!r}"  # as floats, and no -0.0
