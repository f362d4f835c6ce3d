"""GeoJSON (RFC 7946): a FeatureCollection, one Feature an article that names a position.

One place makes a Point, several a MultiPoint; `properties` is the whole record, its `geotags` in
the order of the points. Articles without a position are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import IO, Any


def write(records: Iterable[dict[str, Any]], out: IO[bytes]) -> int:
    out.write(b'{"type": "FeatureCollection", "features": [')
    count = 0
    for record in records:
        geometry = geometry_of(record["geotags"])
        if geometry is None:
            continue
        feature = {"type": "Feature", "id": record["id"], "geometry": geometry, "properties": record}
        out.write(b",\n" if count else b"\n")
        out.write(json.dumps(feature, ensure_ascii=False).encode("utf-8", "replace"))
        count += 1
    out.write(b"\n]}\n")
    return count


def geometry_of(geotags: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """The positions as a geometry, longitude first (section 3.1.1); None where there is none."""
    points = [[tag["longitude"], tag["latitude"]] for tag in geotags
              if tag["longitude"] is not None and tag["latitude"] is not None]
    if not points:
        return None
    return {"type": "Point", "coordinates": points[0]} if len(points) == 1 else {
        "type": "MultiPoint", "coordinates": points}
