"""Hits as values: the same names and words in the commands, the web pages and what is exported."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from archiver.fields import HIT_FIELDS

if TYPE_CHECKING:  # the names of the columns cost no index
    from archiver.search.run import Hit

COLUMNS = (*HIT_FIELDS, "copies", "folded", "score", "distance_km", "snippet")
_SHOWN = {"year": 4, "month": 7, "day": 10}


def as_values(hit: Hit) -> dict[str, Any]:
    """A hit as a plain dict of COLUMNS."""
    return {name: value for name, value in asdict(hit).items() if name in COLUMNS}


def published(moment: str | None, precision: str | None = None) -> str:
    """A date as exactly as its page said it, "undated" where it did not."""
    if not moment:
        return "undated"
    if precision in _SHOWN:
        return moment[:_SHOWN[precision]]
    return moment[:16].replace("T", " ") + (moment[19:] if len(moment) > 19 and moment[19] in "+-" else "")
