"""How a candidate of a field stands in `articles.evidence` and `revisions.evidence`, and the views that lay it out.

A list of its values in the order of FORM, for their names would take more room than they do; what is not there is null,
and left out at the end. Releases up to 0.2.0 wrote objects: both are read. The statements are of migration m016, and
released: a later step drops what it changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from archiver.store.provenance_views import PROVENANCE_VIEWS

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


def named(values: list[Any] | Entry) -> Entry:
    """The inverse of `listed`; an entry that has its names already stays as it is."""
    if isinstance(values, dict):
        return values
    entry = dict(zip(FORM, values, strict=False))
    if not entry.get("won"):
        entry.pop("won", None)
    return {name: value for name, value in entry.items() if value is not None or name not in READING}


def _of_both_forms(view: str) -> str:
    return re.sub(r"json_extract\(e\.value, '\$\.(\w+)'\)",
                  lambda told: f"coalesce({told[0]}, json_extract(e.value, '$[{FORM.index(told[1])}]'))", view)


VIEWS = {name: _of_both_forms(view) for name, view in PROVENANCE_VIEWS.items() if "e.value" in view}
_plain = "json_extract(e.value, '$.{}')".format
_ARRAY = ", ".join(f"coalesce({_plain(name)}, 0)" if name == "won" else _plain(name) for name in _ALWAYS)
SHORTENED = tuple(f"""
    update {table} set evidence = (
        select json_group_array(case when coalesce({', '.join(map(_plain, READING))}) is null then json_array({_ARRAY})
                                else json_array({_ARRAY}, {', '.join(map(_plain, READING))}) end)
        from json_each({table}.evidence) e)
    where json_valid(evidence) and json_type(evidence, '$[0]') = 'object'""" for table in ("articles", "revisions"))
"""Evidence of earlier releases as it is stored now."""
