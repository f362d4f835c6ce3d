"""Where each value of an article comes from: its evidence as it is stored, with the winners marked.

`articles.evidence` (`evidence_kinds`) and `revisions.evidence` (`evidence_form`) are lists of candidates, JSON: field,
value, source, locator, confidence; `won` is 1 on those that the field's value was taken from. A value that none of them
gave alone has an entry without a source. An entry whose value is of another reading than the row's own names that
reading: extractor, capture_id and read_at stand in it. The views `provenance` and `revision_provenance` lay this out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from archiver.extraction.explain import explain
from archiver.fields import EVIDENCE
from archiver.items import Article, Evidence
from archiver.store.evidence_form import READING, Entry

_EVIDENCE = ("field", "value", "source", "locator", "confidence")


def entries(article: Article) -> list[Entry]:
    """The evidence of a reading, its winners marked."""
    said = {name: getattr(article, name) for name in (*EVIDENCE, "url")}
    found: list[Entry] = [{k: getattr(one, k) for k in _EVIDENCE} for one in article.evidence]
    by_field: dict[str, list[int]] = {}
    for n, one in enumerate(article.evidence):
        by_field.setdefault(one.field, []).append(n)
    weighed = {name for name, places in by_field.items() if len(places) > 1}
    explained = {e.field: e for e in explain(said, [e for e in article.evidence if e.field in weighed])
                 } if weighed else {}
    for name in EVIDENCE:
        if not said[name]:
            continue
        # The only candidate needs no weighing, which costs a page of learned rules as much as all the rest here.
        places = by_field.get(name, [])
        won = [True] if len(places) == 1 else list(explained[name].won) if name in weighed else []
        for place, wins in zip(places, won, strict=True):
            if wins:
                found[place]["won"] = 1
        if not any(won):
            found.append({"field": name, "value": _words(said[name])[:80], "source": "", "locator": "",
                          "confidence": None, "won": 1})
    return found


def evidence_from(stored: Iterable[Entry]) -> tuple[Evidence, ...]:
    """The candidates that are stored, as the reading had them."""
    return tuple(Evidence(**{k: one[k] for k in _EVIDENCE}) for one in stored if one["source"])


def mixed(stored: Iterable[Entry], reading: Article, fields: Collection[str], *, own: tuple[Any, ...] | None = None,
          other: tuple[Any, ...] | None = None) -> list[Entry]:
    """Stored evidence in which these fields are told by another reading. One of the two is the row's own from now on:
    the other's entries get its name (READING), `own` for those that stay, `other` for those that come.
    """
    kept = [_named(one, own) for one in stored if one["field"] not in fields]
    return kept + [_named(one, other) for one in entries(reading) if one["field"] in fields]


def readers(stored: Iterable[Entry], row: tuple[Any, ...]) -> dict[str, tuple[Any, ...]]:
    """Who read each field's value: READING by field, `row` where the entry names no other."""
    return {one["field"]: tuple(one.get(k, mine) or None for k, mine in zip(READING, row, strict=True))
            for one in stored if one.get("won")}


def _words(value: Any) -> str:
    if not isinstance(value, tuple):
        return value.isoformat() if isinstance(value, datetime) else str(value)
    return ", ".join(value) if isinstance(value[0], str) else f"{len(value)} places"


def _named(one: Entry, reading: tuple[Any, ...] | None) -> Entry:
    """What is not known of a reading is "", for without a word the row's own reading is meant."""
    if reading is None or not one.get("won") or "read_at" in one:
        return one
    return one | {key: value or "" for key, value in zip(READING, reading, strict=True)}

