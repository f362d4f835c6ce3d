"""Two versions of an article side by side."""

from __future__ import annotations

import difflib
from typing import Any

from archiver.fields import FIELDS

_COMPARED = tuple(f.name for f in FIELDS if f.meaning or f.name in ("description", "language", "image", "url",
                                                                    "canonical_url", "modified", "credits"))


def changed_values(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The fields that differ between two records, in the table's order, each as (before, after)."""
    return {name: (before[name], after[name]) for name in _COMPARED if before[name] != after[name]}


def unified(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The texts as a unified diff, paragraph by paragraph; empty where they are equal."""
    return list(difflib.unified_diff(
        _lines(before), _lines(after), f"revision {before['revision']}", f"revision {after['revision']}", lineterm=""))


def _lines(record: dict[str, Any]) -> list[str]:
    return [record["title"], "", *record["body"].split("\n")]
