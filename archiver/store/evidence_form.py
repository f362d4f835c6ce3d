"""How a candidate for a field is stored in `revisions.evidence`, and in `articles.evidence` where it is not in
`evidence_kinds`.

It is a list of its values in the order of FORM, since the names would take more room than the values. Missing values
are null, and left out at the end.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

READING = ("extractor", "capture_id", "read_at")
"""What names a reading: who read, from which capture, and when."""
FORM = ("field", "source", "locator", "confidence", "won", "value", *READING)
_ALWAYS = FORM[:FORM.index("value") + 1]
as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

Entry = dict[str, Any]


def unpacked(text: str | None) -> list[Entry]:
    """The entries of a text in this form, by name; `won` and READING only where they are there."""
    return [named(one) for one in json.loads(text or "[]")]


def packed(entries: Iterable[Entry]) -> str:
    """Entries as they are stored, JSON."""
    return as_json([listed(one) for one in entries])


def listed(one: Entry) -> list[Any]:
    """An entry as a list, in the order of FORM."""
    names = _ALWAYS if one.keys().isdisjoint(READING) else FORM
    return [one.get(name, 0 if name == "won" else None) for name in names]


def named(values: list[Any]) -> Entry:
    """The inverse of `listed`."""
    entry = dict(zip(FORM, values, strict=False))
    if not entry.get("won"):
        entry.pop("won", None)
    return {name: value for name, value in entry.items() if value is not None or name not in READING}
