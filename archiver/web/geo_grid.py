"""The places of the articles that a search finds, counted in the cells of a map grid."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import floor, hypot, sqrt

from archiver.api.database import Database
from archiver.api.search import Box, Key, Query, Sort, plan_query, sorted_matches

MAX_NAMES = 3
MAP_WIDTH = 350.0
"""The width of the smallest map in CSS pixels, for which spots and names are placed. A wider map has more room."""
_HALF_NUMBER, _MOST_JOINED = 5.0, 4
"""Half the width of the number in a spot, in CSS pixels; the maximum width and height of a spot in cells."""
_MIN_DEGREES = 24.0
_MARGIN = 0.08


def spot_radius(articles: int, most: int) -> float:
    """Returns the radius of a spot in CSS pixels. `most` is the number of articles of the largest spot."""
    return round(5 + 9 * sqrt(articles / most), 1)


@dataclass(frozen=True, slots=True)
class GridCell:
    """One or more adjoining grid cells that contain at least one place of a matching article. `latitude` and
    `longitude` are the mean position of the places, in degrees; `names` holds the names of those with the most
    articles. `places` is the number of different places.
    """

    latitude: float
    longitude: float
    box: Box
    articles: int
    names: tuple[str, ...]
    places: int = 1

    @property
    def name(self) -> str:
        """Returns the places in words: "Lisbon", "3 places near Lisbon"; "" if none of them has a name."""
        if self.places == 1 or not self.names:
            return next(iter(self.names), "")
        return f"{self.places:,} places near {self.names[0]}"


@dataclass(frozen=True, slots=True)
class GeoGrid:
    """The places of matching articles, counted in the cells of a map grid.

    `located` is the number of matches that have a place. Of these, only the newest are counted; `shown` is their
    number. `view` is the map's bounding box (W, S, E, N), twice as wide as high; if west is greater than east, it
    crosses the antimeridian.
    """

    spots: tuple[GridCell, ...]
    located: int
    shown: int
    view: Box


def geo_grid(db: Database, query: Query, most: int, columns: int = 24) -> GeoGrid:
    """Counts the places of the newest `most` matching articles on a grid of `columns` columns.

    Raises BadQuery, SiteNotFound or IndexMissing.
    """
    plan = plan_query(db, query, Key("has:geo"))
    newest = sorted_matches(plan.searcher, plan.found, Sort("published_at", down=True), first=0, last=most)
    found = db.execute(
        "select article_id, latitude, longitude, placename from geotags where role <> 'publisher' and typeof(latitude) "
        "in ('real', 'integer') and typeof(longitude) in ('real', 'integer') and article_id in "
        "(select value from json_each(?))",
        [json.dumps([entry.id for entry in newest])],
    ).fetchall()
    view = bounding_view([(row[1], row[2]) for row in found])
    width = (view[2] - view[0]) % 360 or 360.0
    return GeoGrid(
        tuple(_spots(found, view, width / columns, MAP_WIDTH / width)), plan.total, min(most, plan.total), view
    )


@dataclass(frozen=True)
class _Block:
    """A rectangle of grid cells with the places in it: article ID, latitude, degrees east of the map's edge, and name.
    The cells are numbered from the southwest; `last` is the cell in the northeast.
    """

    first: tuple[int, int]
    last: tuple[int, int]
    rows: tuple[tuple[int, float, float, str | None], ...]

    @cached_property
    def articles(self) -> int:
        return len({row[0] for row in self.rows})

    @cached_property
    def middle(self) -> tuple[float, float]:
        """The mean latitude of the places, and their mean distance from the map's western edge, in degrees."""
        count = len(self.rows)
        return sum(row[1] for row in self.rows) / count, sum(row[2] for row in self.rows) / count

    def overlaps(self, other: _Block) -> bool:
        """Returns True if the two have a cell in common."""
        return all(self.first[n] <= other.last[n] and other.first[n] <= self.last[n] for n in (0, 1))

    def joined(self, others: Iterable[_Block]) -> _Block:
        every = [self, *others]
        return _Block(
            (min(one.first[0] for one in every), min(one.first[1] for one in every)),
            (max(one.last[0] for one in every), max(one.last[1] for one in every)),
            tuple(row for one in every for row in one.rows),
        )


def _spots(
    found: Iterable[tuple[int, float, float, str | None]], view: Box, size: float, scale: float
) -> Iterable[GridCell]:
    """Yields the spots of a map with cells of `size` degrees, drawn at `scale` pixels for each degree."""
    west, south = view[0], view[1]
    cells: dict[tuple[int, int], list[tuple[int, float, float, str | None]]] = {}
    for row in found:
        east_of = (row[2] - west) % 360
        cells.setdefault((floor(east_of / size), floor((row[1] - south) / size)), []).append(
            (row[0], row[1], east_of, row[3])
        )
    blocks = _join_covered([_Block(cell, cell, tuple(rows)) for cell, rows in cells.items()], scale)
    for block in sorted(blocks, key=lambda one: one.first):
        names = Counter(row[3] for row in block.rows if row[3])
        unnamed = {(row[1], row[2]) for row in block.rows if not row[3]} if not names else ()
        latitude, east_of = block.middle
        yield GridCell(
            round(latitude, 4),
            round(_normalized_longitude(west + east_of), 4),
            (
                round(_normalized_longitude(west + block.first[0] * size), 4),
                round(max(south + block.first[1] * size, -90), 4),
                round(_normalized_longitude(west + (block.last[0] + 1) * size), 4),
                round(min(south + (block.last[1] + 1) * size, 90), 4),
            ),
            block.articles,
            tuple(name for name, _ in names.most_common(MAX_NAMES)),
            len(names) or len(unnamed),
        )


def _join_covered(cells: list[_Block], scale: float) -> Iterator[_Block]:
    """Joins cells to blocks if the spot of one would cover that of another. Yields the blocks, those with the most
    articles first. A block is a rectangle, and so small that a map full of places has more than one spot.
    """
    most = max((cell.articles for cell in cells), default=1)
    rest = sorted(cells, key=lambda one: (-one.articles, one.first))
    done: list[_Block] = []
    while rest:
        block, *rest = rest
        while grown := _grow(block, rest, done, (scale, most)):
            block = grown
            rest = [one for one in rest if not one.overlaps(block)]
        done.append(block)
    yield from done


def _grow(block: _Block, rest: list[_Block], done: list[_Block], drawn: tuple[float, int]) -> _Block | None:
    """Returns a block joined with the first block in `rest` whose spot would overlap its own, and with all blocks in
    the rectangle around both. Returns None if there is none. The rectangle must not be too large, and must not overlap
    a block in `done`. `drawn` is the scale, and the number of articles of the largest cell.
    """
    scale, most = drawn
    latitude, east_of = block.middle
    radius = spot_radius(min(block.articles, most), most)
    farthest = (spot_radius(most, most) + _HALF_NUMBER) / scale
    for other in rest:
        up, across = other.middle[0] - latitude, other.middle[1] - east_of
        if abs(up) > farthest or abs(across) > farthest:
            continue
        if hypot(up, across) * scale >= max(radius, spot_radius(other.articles, most)) + _HALF_NUMBER:
            continue
        around = block.joined([other])
        if any(around.last[n] - around.first[n] >= _MOST_JOINED for n in (0, 1)) or any(map(around.overlaps, done)):
            continue
        return block.joined(one for one in rest if one.overlaps(around))
    return None


def _normalized_longitude(longitude: float) -> float:
    """Returns a longitude normalized to the range -180 to 180."""
    return longitude if -180 <= longitude <= 180 else (longitude + 180) % 360 - 180


def bounding_view(points: list[tuple[float, float]]) -> Box:
    """Returns a bounding box with a margin around these (latitude, longitude) points, twice as wide as high. Returns
    the box of the whole Earth if there are no points, or if they are spread over most of the Earth.
    """
    if not points:
        return -180.0, -90.0, 180.0, 90.0
    west, spread = _narrowest_range([longitude for _, longitude in points])
    low, high = min(p[0] for p in points), max(p[0] for p in points)
    width = max(spread, 2 * (high - low), _MIN_DEGREES) * (1 + 2 * _MARGIN)
    if width > 240:
        return -180.0, -90.0, 180.0, 90.0
    middle, height = west + spread / 2, width / 2
    south = max(-90.0, min((low + high) / 2 - height / 2, 90 - height))
    return _normalized_longitude(middle - width / 2), south, _normalized_longitude(middle + width / 2), south + height


def _narrowest_range(longitudes: list[float]) -> tuple[float, float]:
    """Returns the western end and the width of the narrowest range that contains all longitudes, in degrees."""
    ordered = sorted(set(longitudes))
    gaps = [((ordered[(n + 1) % len(ordered)] - one) % 360, n) for n, one in enumerate(ordered)]
    widest, before = max(gaps)
    return (ordered[(before + 1) % len(ordered)], 360 - widest) if len(ordered) > 1 else (ordered[0], 0.0)
