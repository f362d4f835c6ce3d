"""Where on the Earth the places are of what a query finds: spots of a grid, with how many articles each has.

A publisher's own address says nothing of a post and is no place of it, as in `archiver.search.places`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from math import floor

from sqlite_utils import Database

from archiver.search.filters import Query
from archiver.search.order import Sort, in_order
from archiver.search.places import Box
from archiver.search.plan import planned
from archiver.search.terms import Key

MOST_NAMES = 3
_LEAST_DEGREES = 24.0
_AROUND = 0.08


@dataclass(frozen=True, slots=True)
class Spot:
    """A cell of the grid, as a box, that has places: `latitude` and `longitude` are their mean, `names` the first
    few of them."""

    latitude: float
    longitude: float
    box: Box
    articles: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Spots:
    """`located` articles match and have a place; of these the newest `shown` were looked at. `view` is a box (W, S, E,
    N) twice as wide as high that has all spots; west greater than east crosses the antimeridian."""

    spots: tuple[Spot, ...]
    located: int
    shown: int
    view: Box


def spots(db: Database, query: Query, most: int, columns: int = 24) -> Spots:
    """The places of the newest `most` articles that a query finds, on a grid of so many columns over the view of them.
    Raises what `archiver.search.run.run` does."""
    plan = planned(db, query, Key("has:geo"))
    newest = in_order(plan.searcher, plan.found, Sort("published_at", down=True), first=0, last=most)
    found = db.execute(
        "select article_id, latitude, longitude, placename from geotags where role <> 'publisher' and typeof(latitude) "
        "in ('real', 'integer') and typeof(longitude) in ('real', 'integer') and article_id in "
        "(select value from json_each(?))",
        [json.dumps([entry.id for entry in newest])]).fetchall()
    view = view_of([(row[1], row[2]) for row in found])
    width = (view[2] - view[0]) % 360 or 360.0
    return Spots(tuple(_spots(found, view, width / columns)), plan.total, min(most, plan.total), view)


def _spots(found: Iterable[tuple[int, float, float, str | None]], view: Box, size: float) -> Iterable[Spot]:
    west, south = view[0], view[1]
    cells: dict[tuple[int, int], list[tuple[int, float, float, str | None]]] = {}
    for row in found:
        east_of = (row[2] - west) % 360
        cells.setdefault((floor(east_of / size), floor((row[1] - south) / size)), []).append(
            (row[0], row[1], east_of, row[3]))
    for (column, line), rows in sorted(cells.items()):
        names = tuple(dict.fromkeys(row[3] for row in rows if row[3]))[:MOST_NAMES]
        yield Spot(
            round(sum(row[1] for row in rows) / len(rows), 4),
            round(_degrees(west + sum(row[2] for row in rows) / len(rows)), 4),
            (round(_degrees(west + column * size), 4), round(max(south + line * size, -90), 4),
             round(_degrees(west + (column + 1) * size), 4), round(min(south + (line + 1) * size, 90), 4)),
            len({row[0] for row in rows}), names)


def _degrees(longitude: float) -> float:
    """Between -180 and 180."""
    return longitude if -180 <= longitude <= 180 else (longitude + 180) % 360 - 180


def view_of(points: list[tuple[float, float]]) -> Box:
    """The box around points, twice as wide as high, with some room; the whole Earth for none, or for much of it."""
    if not points:
        return -180.0, -90.0, 180.0, 90.0
    west, spread = _narrowest([longitude for _, longitude in points])
    low, high = min(p[0] for p in points), max(p[0] for p in points)
    width = max(spread, 2 * (high - low), _LEAST_DEGREES) * (1 + 2 * _AROUND)
    if width > 240:
        return -180.0, -90.0, 180.0, 90.0
    middle, height = west + spread / 2, width / 2
    south = max(-90.0, min((low + high) / 2 - height / 2, 90 - height))
    return _degrees(middle - width / 2), south, _degrees(middle + width / 2), south + height


def _narrowest(longitudes: list[float]) -> tuple[float, float]:
    """Where the narrowest stretch begins that has all of them, eastwards, and how wide it is."""
    there = sorted(set(longitudes))
    gaps = [((there[(n + 1) % len(there)] - one) % 360, n) for n, one in enumerate(there)]
    widest, after = max(gaps)
    return (there[(after + 1) % len(there)], 360 - widest) if len(there) > 1 else (there[0], 0.0)
