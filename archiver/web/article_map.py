"""The map on the page of an article: the places that the article names."""

from __future__ import annotations

from typing import Any

from archiver.web.geo_grid import bounding_view
from archiver.web.search_charts import MapDot, map_canvas, map_position
from archiver.web.web_requests import ArchiveRequest


def build_map(request: ArchiveRequest, record: dict[str, Any]) -> dict[str, Any]:
    """Returns the places of an article for the template, and a map of the places that have coordinates (None if no
    place has).
    """
    places = [tag for tag in record["geotags"] if tag["latitude"] is not None]
    if not places:
        return {"places": [tag for tag in record["geotags"] if tag["placename"]], "map": None}
    box = bounding_view([(tag["latitude"], tag["longitude"]) for tag in places])
    view, shifts = map_canvas(box)
    dots = [
        MapDot(
            *map_position(box, tag["latitude"], tag["longitude"]),
            round(view[2] * 0.022, 1),
            tag["placename"] or f"{tag['latitude']}, {tag['longitude']}",
            request.link("/search", [("near", f"{tag['latitude']},{tag['longitude']}"), ("within", 50)]),
        )
        for tag in places
    ]
    return {"places": list(record["geotags"]), "map": {"view": view, "shifts": shifts, "dots": dots}}
