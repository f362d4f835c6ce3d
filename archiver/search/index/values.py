"""Values of a database that any program may have written to: what cannot be read is as if it were not there."""

from __future__ import annotations

import json
from typing import Any

MOST_LETTERS = 5_000
"""So much of a name is kept: the index takes none of more than 65,530 bytes."""


def text(value: Any) -> str:
    """A text of letters that there are: half a surrogate pair (`\\ud800` in JSON) is none."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def number(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def texts(value: Any) -> list[str]:
    """The texts of a JSON array."""
    return [text(one)[:MOST_LETTERS] for one in _array(value) if isinstance(one, str) and one]


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a JSON array."""
    return [one for one in _array(value) if isinstance(one, dict)]


def _array(value: Any) -> list[Any]:
    try:
        found = json.loads(value or "[]")
    except (TypeError, ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []
