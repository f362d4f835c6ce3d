"""Two versions of an article side by side."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from typing import Any

from archiver.fields import BY_NAME, COMPARED, PROSE
from archiver.record.worddiff import Piece, set_diff, word_diff

Record = dict[str, Any]


def changed_values(before: Record, after: Record) -> dict[str, tuple[Any, Any]]:
    """The fields that differ between two records, in the table's order, each as (before, after)."""
    return {name: (before[name], after[name]) for name in COMPARED if before[name] != after[name]}


def edited_texts(before: Record, after: Record) -> dict[str, tuple[Piece, ...]]:
    """The texts that differ (title, body, description), word by word."""
    return {name: word_diff(before[name] or "", after[name] or "") for name in PROSE
            if (before[name] or "") != (after[name] or "")}


def edited_lists(before: Record, after: Record) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """The lists that differ (authors, categories, tags, geotags, credits): what came in, what was taken out.

    A list in another order has neither.
    """
    out = {}
    for name, (old, new) in changed_values(before, after).items():
        if BY_NAME[name].is_list:
            out[name] = set_diff([as_text(v) for v in old or ()], [as_text(v) for v in new or ()])
    return out


def as_text(value: Any) -> str:
    """One entry of a list in words: a name, or a place with its position."""
    if isinstance(value, str):
        return value
    name = ", ".join(part for part in (value.get("placename"), value.get("region")) if part)
    if value.get("latitude") is None:
        return name or json.dumps(value, ensure_ascii=False)
    position = f"{value['latitude']:g},{value['longitude']:g}"
    return f"{name} ({position})" if name else position


def operations(before: Record, after: Record) -> dict[str, Any]:
    """For programs: `{field: [{op, text}]}` of texts, `{field: {added, removed}}` of lists; op is equal, delete or
    insert, and the pieces that are not inserted are the old text, those not deleted the new."""
    texts = {name: [{"op": str(piece.op), "text": piece.text} for piece in pieces]
             for name, pieces in edited_texts(before, after).items()}
    lists = {name: {"added": list(came), "removed": list(went)}
             for name, (came, went) in edited_lists(before, after).items()}
    return {**texts, **lists}


def as_data(before: Record, after: Record) -> dict[str, Any]:
    """The whole comparison of two versions of one article, ready for JSON: id, url, from, to, changed, operations,
    diff."""
    return {
        "id": after["id"], "url": after["url"], "from": before["revision"], "to": after["revision"],
        "changed": {name: {"before": old, "after": new} for name, (old, new) in changed_values(before, after).items()},
        "operations": operations(before, after), "diff": "\n".join(unified(before, after)),
    }


def stood_before(versions: Sequence[Record], number: int) -> int:
    """The version that stood before this one (rows as `store.records.revisions` gives them); 1 for the first."""
    previous = next((one["previous"] for one in versions if one["revision"] == number), None)
    return int(previous or max(1, number - 1))


def unified(before: Record, after: Record) -> list[str]:
    """The texts as a unified diff, paragraph by paragraph; empty where they are equal."""
    return list(difflib.unified_diff(
        _lines(before), _lines(after), f"revision {before['revision']}", f"revision {after['revision']}", lineterm=""))


def _lines(record: Record) -> list[str]:
    return [record["title"], "", *record["body"].split("\n")]
