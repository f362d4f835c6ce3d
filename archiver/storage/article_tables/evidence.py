"""The evidence of the version that stands, as `articles.evidence` holds it: what posts of a site share is stored once.

The list has for each candidate (`evidence_form` tells of what it consists) one of

- a number: it won, its value is what the article says in that field, and the number's row in `evidence_kinds` has the
  field, the source, the locator and the confidence;
- `[number, won, value]`, and what names another reading behind it. A value that is a number counts the characters
  of what the article says in that field: long values are kept shortened;
- all of it in the form of `evidence_form`, as `revisions.evidence` has it: for a post's own URL, for instance, which
  no other post shares.

A number is given once and stays.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from sqlite_utils import Database

from archiver.extraction.explain import explain
from archiver.fields import BY_NAME, EVIDENCE
from archiver.items import Article, Evidence

# How a candidate for a field is stored in `revisions.evidence`, and in `articles.evidence` where it is not in
# `evidence_kinds`.

READING = ("extractor", "capture_id", "read_at")
"""What names a reading: who read, from which capture, and when."""
FORM = ("field", "source", "locator", "confidence", "won", "value", *READING)
_ALWAYS = FORM[: FORM.index("value") + 1]
as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

Entry = dict[str, Any]


def unpack_evidence(text: str | None) -> list[Entry]:
    """The entries of a text in this form, by name; `won` and READING only where they are there."""
    return [evidence_as_dict(one) for one in json.loads(text or "[]")]


def pack_evidence(entries: Iterable[Entry]) -> str:
    """Entries as they are stored, JSON."""
    return as_json([evidence_as_list(one) for one in entries])


def evidence_as_list(one: Entry) -> list[Any]:
    """An entry as a list, in the order of FORM."""
    names = _ALWAYS if one.keys().isdisjoint(READING) else FORM
    return [one.get(name, 0 if name == "won" else None) for name in names]


def evidence_as_dict(values: list[Any]) -> Entry:
    """The inverse of `listed`."""
    entry = dict(zip(FORM, values, strict=False))
    if not entry.get("won"):
        entry.pop("won", None)
    return {name: value for name, value in entry.items() if value is not None or name not in READING}


_KIND = ("field", "source", "locator", "confidence")
_LISTS = tuple(name for name in EVIDENCE if BY_NAME[name].shape == "texts")
_PLAIN = tuple(name for name in EVIDENCE if BY_NAME[name].shape in ("text", "time") and name != "body")

Kind = tuple[str, str, str, float | None]
_known: WeakKeyDictionary[Database, dict[Kind, int]] = WeakKeyDictionary()


def encode_evidence(db: Database, entries: Iterable[Entry], row: Mapping[str, Any]) -> str | None:
    """Entries as they stand beside the columns of `row` in `articles`, JSON; None where there are none."""
    out = [_stored(db, one, row) for one in entries]
    return as_json(out) if out else None


def decode_evidence(db: Database, row: Mapping[str, Any]) -> list[Entry]:
    """The entries of a row of `articles`."""
    entries = json.loads(row.get("evidence") or "[]")
    numbers = {one if isinstance(one, int) else one[0] for one in entries if _has_number(one)}
    kinds = (
        {
            number: kind
            for number, *kind in db.execute(
                f"select id, {', '.join(_KIND)} from evidence_kinds where id in (select value from json_each(?))",
                [json.dumps(sorted(numbers))],
            )
        }
        if numbers
        else {}
    )
    found = [_told(one, kinds, row) if _has_number(one) else evidence_as_dict(one) for one in entries]
    return [one for one in found if one is not None]


def forget_evidence_kinds(db: Database) -> None:
    """A transaction was undone, and with it numbers that were given in it."""
    _known.pop(db, None)


def _stored(db: Database, one: Entry, row: Mapping[str, Any]) -> int | list[Any]:
    if one["locator"] and one["locator"] in row["url"]:
        return evidence_as_list(one)
    field, value, won = one["field"], one["value"], one.get("won", 0)
    number = _number(db, (field, one["source"], one["locator"], one["confidence"]))
    reading = [] if one.keys().isdisjoint(READING) else evidence_as_list(one)[len(_KIND) + 2 :]
    says = _says(field, row) if won and value else ""
    if value and says.startswith(value):
        if says == value and not reading:
            return number
        value = len(value)
    return [number, won, value, *reading]


def _told(one: int | list[Any], kinds: Mapping[int, list[Any]], row: Mapping[str, Any]) -> Entry | None:
    """None where another program took the number's row away, which `verify` tells of."""
    number, won, value, *reading = (one, 1, None) if isinstance(one, int) else one
    if number not in kinds:
        return None
    field, *kind = kinds[number]
    if isinstance(one, int) or isinstance(value, int):
        value = _says(field, row)[:value]
    return evidence_as_dict([field, *kind, won, value, *reading])


def _has_number(one: Any) -> bool:
    return isinstance(one, int) or (isinstance(one, list) and isinstance(one[0], int))


def _says(field: str, row: Mapping[str, Any]) -> str:
    """What an article says in a field, in the words of evidence; "" where these cannot be told from the row."""
    if field in _PLAIN:
        return row[field] or ""
    if field == "body":
        return f"{len(row['body'])} characters"
    return ", ".join(json.loads(row[field] or "[]")) if field in _LISTS else ""


def _number(db: Database, kind: Kind) -> int:
    known = _known.get(db)
    if known is None:
        known = _known[db] = {}
    if (number := known.get(kind)) is None:
        found = f"select id from evidence_kinds where {_SAME}"
        row = db.execute(found, kind).fetchone()
        if row is None:
            db.execute(f"insert into evidence_kinds ({', '.join(_KIND)}) values (?, ?, ?, ?)", kind)
            row = db.execute(found, kind).fetchone()
        number = known[kind] = int(row[0])
    return number


# -- the same in SQL --------------------------------------------------------------------------

_SAME = "field = ? and source = ? and locator = ? and ifnull(confidence, -1) = ifnull(?, -1)"
_of_list = "(select group_concat(j.value, ', ') from json_each(iif(json_valid(a.{0}), a.{0}, '[]')) j)".format


def _says_sql(field: str) -> str:
    plain = " ".join(f"when '{name}' then a.{name}" for name in _PLAIN)
    lists = " ".join(f"when '{name}' then {_of_list(name)}" for name in _LISTS)
    return f"case {field} {plain} when 'body' then length(a.body) || ' characters' {lists} end"


NUMBER = (
    "case e.type when 'integer' then e.value when 'array' then "
    "iif(json_type(e.value, '$[0]') = 'integer', json_extract(e.value, '$[0]'), null) end"
)
"""The number of an entry `e` (of json_each) in `evidence_kinds`; null where it stands by itself."""
FROM_ENTRIES = f"json_each(a.evidence) e left join evidence_kinds k on k.id = {NUMBER}"
"""The entries `e` of an article `a`, each with its row of `evidence_kinds`, if it has one, as `k`."""


def entry_column(name: str) -> str:
    """A value (of FORM) of an entry from FROM_ENTRIES."""
    return f"iif(k.id is null, json_extract(e.value, '$[{FORM.index(name)}]'), {_of_kind(name)})"


def _of_kind(name: str) -> str:
    """A column of an entry `e` whose row of `evidence_kinds` is `k`."""
    place = FORM.index(name) - len(_KIND) + 1
    if name in _KIND:
        return f"k.{name}"
    if name == "won":
        return f"iif(e.type = 'integer', 1, json_extract(e.value, '$[{place}]'))"
    if name == "value":
        says = _says_sql("k.field")
        return (
            f"case when e.type = 'integer' then {says} when json_type(e.value, '$[{place}]') = 'integer' "
            f"then substr({says}, 1, json_extract(e.value, '$[{place}]')) "
            f"else json_extract(e.value, '$[{place}]') end"
        )
    return f"json_extract(e.value, '$[{place}]')"


# Where each value of an article comes from: its evidence as it is stored, with the winners marked.

_EVIDENCE = ("field", "value", "source", "locator", "confidence")


def entries(article: Article) -> list[Entry]:
    """The evidence of a reading, its winners marked."""
    said = {name: getattr(article, name) for name in (*EVIDENCE, "url")}
    found: list[Entry] = [{k: getattr(one, k) for k in _EVIDENCE} for one in article.evidence]
    by_field: dict[str, list[int]] = {}
    for n, one in enumerate(article.evidence):
        by_field.setdefault(one.field, []).append(n)
    weighed = {name for name, places in by_field.items() if len(places) > 1}
    explained = (
        {e.field: e for e in explain(said, [e for e in article.evidence if e.field in weighed])} if weighed else {}
    )
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
            found.append(
                {
                    "field": name,
                    "value": _words(said[name])[:80],
                    "source": "",
                    "locator": "",
                    "confidence": None,
                    "won": 1,
                }
            )
    return found


def evidence_from(stored: Iterable[Entry]) -> tuple[Evidence, ...]:
    """The candidates that are stored, as the reading had them."""
    return tuple(Evidence(**{k: one[k] for k in _EVIDENCE}) for one in stored if one["source"])


def mixed(
    stored: Iterable[Entry],
    reading: Article,
    fields: Collection[str],
    *,
    own: tuple[Any, ...] | None = None,
    other: tuple[Any, ...] | None = None,
) -> list[Entry]:
    """Stored evidence in which these fields are told by another reading. One of the two is the row's own from now on:
    the other's entries get its name (READING), `own` for those that stay, `other` for those that come.
    """
    kept = [_named(one, own) for one in stored if one["field"] not in fields]
    return kept + [_named(one, other) for one in entries(reading) if one["field"] in fields]


def readers(stored: Iterable[Entry], row: tuple[Any, ...]) -> dict[str, tuple[Any, ...]]:
    """Who read each field's value: READING by field, `row` where the entry names no other."""
    return {
        one["field"]: tuple(one.get(k, mine) or None for k, mine in zip(READING, row, strict=True))
        for one in stored
        if one.get("won")
    }


def _words(value: Any) -> str:
    if not isinstance(value, tuple):
        return value.isoformat() if isinstance(value, datetime) else str(value)
    return ", ".join(value) if isinstance(value[0], str) else f"{len(value)} places"


def _named(one: Entry, reading: tuple[Any, ...] | None) -> Entry:
    """What is not known of a reading is "", for without a word the row's own reading is meant."""
    if reading is None or not one.get("won") or "read_at" in one:
        return one
    return one | {key: value or "" for key, value in zip(READING, reading, strict=True)}
