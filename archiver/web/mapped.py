"""The map of what was found: spots that are links, over an outline that is shipped. Nothing is loaded from elsewhere.

It is drawn in tenths of a degree, longitude to the right and latitude downwards, as `static/world.svg` is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

from archiver.search.filters import Query
from archiver.search.places import Box
from archiver.search.spots import Spots, spots
from archiver.web.answer import Asked
from archiver.web.asking import Links
from archiver.web.kept import counted, kept

MOST = 2_000
"""Of so many articles the places are shown; each takes a look into the archive."""


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    radius: float
    said: str
    href: str


@dataclass(frozen=True, slots=True)
class Map:
    """`view` is the viewBox; `shifts` are where the outline is drawn, for a view across the antimeridian twice."""

    found: Spots
    view: tuple[float, float, float, float]
    shifts: tuple[int, ...]
    dots: tuple[Dot, ...]


def mapped(asked: Asked, query: Query, links: Links, most: int = MOST) -> Map | None:
    """None where nothing that was found has a place. Raises what `spots` does."""
    found = kept(asked.db, "spots", (counted(query), most), lambda: spots(asked.db, query, most))
    if not found.spots:
        return None
    view, shifts = canvas(found.view)
    most_articles = max(spot.articles for spot in found.spots)
    link, dots = links.of(len(found.spots)), []
    for spot in sorted(found.spots, key=lambda s: -s.articles):
        names = ", ".join(spot.names)
        dots.append(Dot(
            *position(found.view, spot.latitude, spot.longitude),
            round(view[2] * (0.006 + 0.014 * sqrt(spot.articles / most_articles)), 1),
            f"{spot.articles:,} {'article' if spot.articles == 1 else 'articles'}{f': {names}' if names else ''}",
            link(replace(query, bbox=spot.box, near=None))))
    return Map(found, view, shifts, tuple(dots))


def canvas(box: Box) -> tuple[tuple[float, float, float, float], tuple[int, ...]]:
    """The viewBox of a box of the Earth, and where the outline is drawn for it."""
    west, south, east, north = box
    width = ((east - west) % 360 or 360.0) * 10
    return ((round(west * 10, 1), round(-north * 10, 1), round(width, 1), round((north - south) * 10, 1)),
            (0, 3600) if west * 10 + width > 1800 else (0,))


def position(box: Box, latitude: float, longitude: float) -> tuple[float, float]:
    """Where a place is drawn for a box that it lies in."""
    return round(box[0] * 10 + (longitude - box[0]) % 360 * 10, 1), round(-latitude * 10, 1)
