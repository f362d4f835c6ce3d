"""Hits for programs: the same names and values in the commands, the web pages' JSON and what is exported."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the names of the columns cost no index
    from archiver.search.run import Hit

COLUMNS = ("id", "url", "site", "title", "authors", "published", "published_precision", "categories", "tags",
           "language", "gone_at", "duplicate_of", "cluster_id", "copies", "folded", "score", "distance_km", "snippet")


def as_values(hit: Hit) -> dict[str, Any]:
    """A hit as a plain dict of COLUMNS."""
    return {name: value for name, value in asdict(hit).items() if name in COLUMNS}
