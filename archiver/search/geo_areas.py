"""Parses the points and boxes of a query, and computes distances and the bounds of circles."""

from __future__ import annotations

import math

from archiver.model.errors import BadQuery

DEFAULT_RADIUS_KM = 25.0
"""The radius of the area around a position, if a query gives none."""
EARTH_KM = 6371.0088
Box = tuple[float, float, float, float]
"""West, south, east and north in degrees. If west is greater than east, the box crosses the antimeridian."""


def parse_point(text: str) -> tuple[float, float]:
    """Parses "LAT,LON" in degrees. Raises BadQuery."""
    latitude, longitude = _degrees(text, 2, "use LAT,LON in degrees, for example 48.85,2.35")
    if abs(latitude) > 90 or abs(longitude) > 180:
        swapped = abs(longitude) <= 90 and abs(latitude) <= 180
        raise BadQuery(
            text,
            "the latitude must be -90 to 90 and the longitude -180 to 180"
            + ("; the latitude comes first" if swapped else ""),
            what="point",
        )
    return latitude, longitude


def parse_box(text: str) -> Box:
    """Parses a bounding box "W,S,E,N" in degrees, the order of GeoJSON (RFC 7946, section 5). Raises BadQuery."""
    west, south, east, north = _degrees(text, 4, "use W,S,E,N in degrees, for example 5.9,45.8,10.5,47.8")
    if max(abs(west), abs(east)) > 180 or max(abs(south), abs(north)) > 90:
        raise BadQuery(text, "west and east must be -180 to 180, south and north -90 to 90", what="box")
    if south > north:
        raise BadQuery(text, "south is greater than north; the order is W,S,E,N", what="box")
    return west, south, east, north


def _degrees(text: str, count: int, message: str) -> tuple[float, ...]:
    numbers: tuple[float, ...]
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != count or not all(math.isfinite(n) for n in numbers):
        raise BadQuery(text, message, what="point" if count == 2 else "box")
    return numbers


def distance_km(lat1: float | None, lon1: float | None, lat2: float, lon2: float) -> float | None:
    """Returns the great-circle distance between two points in km (haversine formula with the Earth's mean radius); None
    if a coordinate is None.
    """
    if lat1 is None or lon1 is None:
        return None
    a, b = math.radians(lat1), math.radians(lat2)
    h = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(math.radians(lon2 - lon1) / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(h)))


def circle_bounds(latitude: float, longitude: float, km: float) -> Box:
    """Returns the bounding box (W, S, E, N) of a circle; west is greater than east if it crosses the antimeridian."""
    angle = km / EARTH_KM
    south, north = latitude - math.degrees(angle), latitude + math.degrees(angle)
    if south <= -90 or north >= 90 or angle >= math.pi / 2:
        return -180.0, max(south, -90.0), 180.0, min(north, 90.0)
    spread = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(latitude)))))
    if spread >= 180:
        return -180.0, south, 180.0, north
    return (longitude - spread + 540) % 360 - 180, south, (longitude + spread + 540) % 360 - 180, north


def point_key(latitude: float, longitude: float) -> str:
    """Returns the index key of articles with a place at this point."""
    return f"point:{latitude + 0.0!r},{longitude + 0.0!r}"  # adding 0.0 turns integers into floats and -0.0 into 0.0
