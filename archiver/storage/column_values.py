"""Values as the field table says they are: another program may have written anything into the archive.

What is of another shape is left out, so that one wrong value does not keep all others from whoever reads or exports
them; `archiver verify` tells of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from archiver.fields import GEOTAG_KEYS, Shape

_DEGREES = frozenset({"latitude", "longitude", "precision"})


def stored_time(text: object) -> datetime | None:
    """A time in ISO 8601, in UTC where it names no zone; None for what is none."""
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)


def stored_object(text: object) -> dict[str, Any]:
    """The object of a column that has JSON in it; {} for what is none."""
    found = _read(text)
    return found if isinstance(found, dict) else {}


def settings_of(value: object) -> dict[str, Any]:
    """A site's own settings. One whose settings cannot be read is crawled only where it is named: they may have said
    that, or how long to wait."""
    return stored_object(value) or ({} if value in (None, "", "{}", {}) else {"crawl": False})


def stored_texts(value: object) -> list[str]:
    found = _read(value)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _time(value: object) -> str | None:
    return value if isinstance(value, str) and stored_time(value) else None


def _geotags(value: object) -> list[dict[str, Any]]:
    found = _read(value)
    return (
        [
            {key: (_degree if key in _DEGREES else _text)(one.get(key)) for key in GEOTAG_KEYS}
            for one in found
            if isinstance(one, dict)
        ]
        if isinstance(found, list)
        else []
    )


def _degree(value: object) -> float | None:
    return value if isinstance(value, int | float) and isfinite(value) else None


def _read(value: object) -> object:
    """JSON where it is a text, which is no JSON now and then."""
    if not isinstance(value, str | bytes):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return None


SHAPED: dict[Shape, Callable[[object], Any]] = {
    "text": _text,
    "integer": _integer,
    "time": _time,
    "texts": stored_texts,
    "geotags": _geotags,
}
"""By shape: what a value is as one of that shape, None or [] where it is none."""
