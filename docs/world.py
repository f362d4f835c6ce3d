"""Draws archiver/web/static/world.svg: land and borders, from Natural Earth's 1:110m countries (public domain).

    python docs/world.py naturalearth_lowres.shp        needs shapely, which nothing else here does

The file is kept in the package; this says how it was made. It is drawn in degrees times ten, longitude to the right and
latitude downwards (plate carrée), so that a map of any part of the world is a viewBox of it.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from shapely import LineString, Polygon, coverage_simplify, unary_union
from shapely.ops import linemerge

TO = Path(__file__).parents[1] / "archiver" / "web" / "static" / "world.svg"
SIMPLER = 0.35
"""The area, in degrees to the power of a half, of corners that are left out."""
LEAST = 0.3
"""Islands of fewer square degrees are left out."""


def shapes(data: bytes) -> Iterator[list[Polygon]]:
    """The polygons of each record (ESRI Shapefile Technical Description, 1998: type 5), their holes left out."""
    at = 100
    while at < len(data):
        length = struct.unpack(">i", data[at + 4 : at + 8])[0] * 2
        record = data[at + 8 : at + 8 + length]
        at += 8 + length
        if struct.unpack("<i", record[:4])[0] != 5:
            continue
        parts, points = struct.unpack("<2i", record[36:44])
        starts = [*struct.unpack(f"<{parts}i", record[44 : 44 + 4 * parts]), points]
        flat = struct.unpack(f"<{points * 2}d", record[44 + 4 * parts : 44 + 4 * parts + 16 * points])
        rows = list(zip(flat[::2], flat[1::2], strict=True))
        yield [Polygon(rows[a:b]).buffer(0) for a, b in pairwise(starts)]


def path(rows: list[tuple[float, float]], end: str) -> str:
    whole = [(round(x * 10), round(-y * 10)) for x, y in rows]
    out, last = f"M{whole[0][0]} {whole[0][1]}l", whole[0]
    steps = []
    for point in whole[1:-1] if end else whole[1:]:
        if point != last:
            x, y = point[0] - last[0], point[1] - last[1]
            steps.append(f"{x}{y if y < 0 else f' {y}'}")
            last = point
    return (
        out + "".join(step if step.startswith("-") or not n else f" {step}" for n, step in enumerate(steps)) + end
        if steps
        else ""
    )


def main(file: str) -> None:
    countries = [unary_union([p for p in many if p.area > LEAST / 3]) for many in shapes(Path(file).read_bytes())]
    countries = list(coverage_simplify(countries, SIMPLER))
    land = unary_union([country.buffer(0.01) for country in countries])
    coast = [p for p in land.geoms if p.area > LEAST]
    shared = [a.intersection(b) for n, a in enumerate(countries) for b in countries[n + 1 :] if a.touches(b)]
    lines = [line for one in shared for line in getattr(one, "geoms", [one]) if isinstance(line, LineString)]
    merged = linemerge(lines)
    outline = "".join(path(list(ring.coords), "z") for p in coast for ring in (p.exterior, *p.interiors))
    borders = "".join(path(list(line.coords), "") for line in getattr(merged, "geoms", [merged]))
    TO.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1800 -900 3600 1800">'
        f'<path id="land" d="{outline}"/><path id="borders" fill="none" d="{borders}"/></svg>\n',
        encoding="ascii",
    )
    print(TO.stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1])
