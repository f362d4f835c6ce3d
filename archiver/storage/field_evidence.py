"""Evidence: the candidates for each field of an article, which of them were chosen, and how they are stored.

`revisions.evidence` stores each candidate as a list of the values named in `FORM`. `won` is 1 for a chosen candidate.
`articles.evidence` is shorter: what the posts of a site share is stored once, in a row of `evidence_kinds` with the
field, the source, the locator and the confidence. Each entry of `articles.evidence` is one of these:

- the ID of a row of `evidence_kinds`, if the candidate was chosen and its value is the article's value;
- `[id, won, value]`, followed by the values of `EXTRACTION` if the candidate comes from another extraction. If `value`
  is an integer, it is the length of a prefix of the article's value, because long values are stored truncated;
- the list of `FORM`, if no other post shares its locator, for example because the locator contains the post's URL.

The IDs of `evidence_kinds` never change.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from archiver.model.fields import BY_NAME, EVIDENCE
from archiver.model.items import PAGE_OBJECT_KEPT, UNCONFIRMED, Article, Evidence
from archiver.storage import Database

# -- the form of `revisions.evidence`

EXTRACTION = ("extractor", "capture_id", "read_at")
"""The values that identify an extraction: the extractor's version, the ID of the capture, and the time."""
FORM = ("field", "source", "locator", "confidence", "won", "value", *EXTRACTION)
_ALWAYS = FORM[: FORM.index("value") + 1]
# Without spaces, which would be a tenth of the marks of a text.
compact_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

Entry = dict[str, Any]


def unpack_evidence(text: str | None) -> list[Entry]:
    """Decodes the JSON of `revisions.evidence` (None: no evidence): returns its candidates as dicts with the keys of
    FORM. The keys `won` and those of EXTRACTION are missing if they are not set.
    """
    return [evidence_as_dict(one) for one in json.loads(text or "[]")]


def pack_evidence(entries: Iterable[Entry]) -> str:
    """Encodes candidates as the JSON of `revisions.evidence`."""
    return compact_json([evidence_as_list(one) for one in entries])


def evidence_as_list(one: Entry) -> list[Any]:
    """Returns the values of a candidate as a list, in the order of FORM."""
    names = _ALWAYS if one.keys().isdisjoint(EXTRACTION) else FORM
    return [one.get(name, 0 if name == "won" else None) for name in names]


def evidence_as_dict(values: list[Any]) -> Entry:
    """Returns the candidate for a list of values in the order of FORM: the inverse of `evidence_as_list`."""
    entry = dict(zip(FORM, values, strict=False))
    if not entry.get("won"):
        entry.pop("won", None)
    return {name: value for name, value in entry.items() if value is not None or name not in EXTRACTION}


# -- the form of `articles.evidence`

_KIND = ("field", "source", "locator", "confidence")
_LISTS = tuple(name for name in EVIDENCE if BY_NAME[name].shape == "texts")
_PLAIN = tuple(name for name in EVIDENCE if BY_NAME[name].shape in ("text", "time") and name != "body")

Kind = tuple[str, str, str, float | None]
_known: WeakKeyDictionary[Database, dict[Kind, int]] = WeakKeyDictionary()


def encode_evidence(db: Database, entries: Iterable[Entry], row: Mapping[str, Any]) -> str | None:
    """Encodes candidates as the JSON of `articles.evidence`, relative to the article's values in `row`; None if the
    list is empty.
    """
    kinds, url = _known_kinds(db), row["url"]
    stored = [(one, None if _has_own_locator(one, url) else _kind_of(one)) for one in entries]
    if new := [kind for _, kind in stored if kind is not None and kind not in kinds]:
        _find_kinds(db, kinds, dict.fromkeys(new))
    out = [evidence_as_list(one) if kind is None else _encode(one, kinds[kind], row) for one, kind in stored]
    return compact_json(out) if out else None


def decode_evidence(db: Database, row: Mapping[str, Any]) -> list[Entry]:
    """Decodes the evidence in a row of `articles`: returns its candidates as dicts."""
    entries = json.loads(row.get("evidence") or "[]")
    numbers = {one if isinstance(one, int) else one[0] for one in entries if _has_number(one)}
    kinds = _kinds_of(db, numbers)
    found = [_decode(one, kinds, row) if _has_number(one) else evidence_as_dict(one) for one in entries]
    return [one for one in found if one is not None]


def forget_evidence_kinds(db: Database) -> None:
    """Clears the cached IDs of `evidence_kinds`. This is called after a rollback, because the cache may contain IDs
    inserted in that transaction.
    """
    _known.pop(db, None)
    _kinds_by_id.pop(db, None)


def _has_own_locator(one: Entry, url: str) -> bool:
    """Returns True if no other post has this candidate's locator, because it contains the post's own URL.
    `evidence_kinds` has no row for such a candidate.
    """
    return one["source"] == UNCONFIRMED or bool(one["locator"] and one["locator"] in url)


def _kind_of(one: Entry) -> Kind:
    return one["field"], one["source"], one["locator"], one["confidence"]


def _encode(one: Entry, number: int, row: Mapping[str, Any]) -> int | list[Any]:
    field, value, won = one["field"], one["value"], one.get("won", 0)
    extraction = [] if one.keys().isdisjoint(EXTRACTION) else evidence_as_list(one)[len(_KIND) + 2 :]
    stored = _article_value(field, row) if won and value else ""
    if stored and stored.startswith(value):
        if stored == value and not extraction:
            return number
        value = len(value)
    return [number, won, value, *extraction]


def _decode(one: int | list[Any], kinds: Mapping[int, list[Any]], row: Mapping[str, Any]) -> Entry | None:
    """Decodes one entry of `articles.evidence`. Returns None if another program deleted its row of `evidence_kinds`,
    which `archiver verify` reports.
    """
    number, won, value, *extraction = (one, 1, None) if isinstance(one, int) else one
    if number not in kinds:
        return None
    field, *kind = kinds[number]
    if isinstance(one, int) or isinstance(value, int):
        value = _article_value(field, row)[:value]
    return evidence_as_dict([field, *kind, won, value, *extraction])


def _has_number(one: Any) -> bool:
    return isinstance(one, int) or (isinstance(one, list) and isinstance(one[0], int))


def _article_value(field: str, row: Mapping[str, Any]) -> str:
    """Returns the article's value of a field in the text form used for evidence; "" if the row does not determine the
    value.
    """
    if field in _PLAIN:
        return row[field] or ""
    if field == "body":
        return f"{len(row['body'])} characters"
    return ", ".join(json.loads(row[field] or "[]")) if field in _LISTS else ""


_MOST_KINDS = 20_000
_kinds_by_id: WeakKeyDictionary[Database, dict[int, list[Any]]] = WeakKeyDictionary()


def _kinds_of(db: Database, numbers: Collection[int]) -> dict[int, list[Any]]:
    """Returns rows of `evidence_kinds` by ID, at least those with these IDs that exist."""
    known = _kinds_by_id.get(db)
    if known is None or len(known) > _MOST_KINDS:
        known = _kinds_by_id[db] = {}
    if missing := [number for number in numbers if number not in known]:
        query = f"select id, {', '.join(_KIND)} from evidence_kinds where id in (select value from json_each(?))"
        known |= {number: kind for number, *kind in db.conn.execute(query, [json.dumps(sorted(missing))])}
    return known


def _known_kinds(db: Database) -> dict[Kind, int]:
    """Returns the IDs of `evidence_kinds` that this process has read or written."""
    known = _known.get(db)
    if known is None or len(known) > _MOST_KINDS:
        known = _known[db] = {}
    return known


def _find_kinds(db: Database, known: dict[Kind, int], kinds: Iterable[Kind]) -> None:
    """Adds the IDs of more rows of `evidence_kinds` to `known`. Inserts the rows that are missing."""
    wanted = list(kinds)
    found = db.conn.execute(_FIND_KINDS, [compact_json(wanted)]).fetchall()
    known |= {wanted[place]: number for place, number in found}
    for kind in wanted:
        if kind not in known:
            known[kind] = int(db.conn.execute(_INSERT_KIND, kind).lastrowid or 0)


# -- decoding in SQL

_FIND_KINDS = """select j.key, k.id from json_each(?) j cross join evidence_kinds k
    on k.field = j.value ->> 0 and k.source = j.value ->> 1 and k.locator = j.value ->> 2
    and ifnull(k.confidence, -1) = ifnull(j.value ->> 3, -1)"""
_INSERT_KIND = f"insert into evidence_kinds ({', '.join(_KIND)}) values (?, ?, ?, ?)"
_of_list = "(select group_concat(j.value, ', ') from json_each(iif(json_valid(a.{0}), a.{0}, '[]')) j)".format


def _article_value_sql(field: str) -> str:
    plain = " ".join(f"when '{name}' then a.{name}" for name in _PLAIN)
    lists = " ".join(f"when '{name}' then {_of_list(name)}" for name in _LISTS)
    return f"case {field} {plain} when 'body' then length(a.body) || ' characters' {lists} end"


NUMBER = (
    "case e.type when 'integer' then e.value when 'array' then "
    "iif(json_type(e.value, '$[0]') = 'integer', json_extract(e.value, '$[0]'), null) end"
)
"""SQL: the ID in `evidence_kinds` of an entry `e` (of json_each), null if the entry has none."""
FROM_ENTRIES = f"json_each(a.evidence) e left join evidence_kinds k on k.id = {NUMBER}"
"""SQL: the entries `e` of an article `a`, each with its row `k` of `evidence_kinds`, if it has one."""


def entry_column(name: str) -> str:
    """Returns SQL for one value (a name in FORM) of a candidate from FROM_ENTRIES."""
    return f"iif(k.id is null, json_extract(e.value, '$[{FORM.index(name)}]'), {_kind_column(name)})"


def _kind_column(name: str) -> str:
    """Returns SQL for one value of a candidate `e` that has a row `k` of `evidence_kinds`."""
    place = FORM.index(name) - len(_KIND) + 1
    if name in _KIND:
        return f"k.{name}"
    if name == "won":
        return f"iif(e.type = 'integer', 1, json_extract(e.value, '$[{place}]'))"
    if name == "value":
        stored = _article_value_sql("k.field")
        return (
            f"case when e.type = 'integer' then {stored} when json_type(e.value, '$[{place}]') = 'integer' "
            f"then substr({stored}, 1, json_extract(e.value, '$[{place}]')) "
            f"else json_extract(e.value, '$[{place}]') end"
        )
    return f"json_extract(e.value, '$[{place}]')"


# -- the evidence of an extracted article, with the chosen candidates marked as `won`

_EVIDENCE = ("field", "value", "source", "locator", "confidence")


def evidence_from(stored: Iterable[Entry]) -> tuple[Evidence, ...]:
    """Returns stored candidates as `Evidence` values, as the extraction produced them."""
    return tuple(Evidence(**{k: one[k] for k in _EVIDENCE}) for one in stored if one["source"])


def mark_unconfirmed(stored: Iterable[Entry], fields: Collection[str], since: str) -> list[Entry]:
    """Returns the stored evidence with one entry for each of `fields` that says since when the page no longer shows the
    field. An entry that is already stored keeps its time; a new one has the time `since` (ISO 8601, UTC). Such entries
    for other fields are left out.
    """
    before = {one["field"]: one for one in stored if one["source"] == UNCONFIRMED}
    kept = [one for one in stored if one["source"] != UNCONFIRMED]
    mark: Entry = {"source": UNCONFIRMED, "locator": "", "confidence": 0.0, "value": since}
    return kept + [before.get(name, {"field": name, **mark}) for name in fields]


def kept_values(article: Article) -> tuple[Evidence, ...]:
    """Returns the `PAGE_OBJECT_KEPT` evidence of an article: one for each field that keeps the value of a page object
    that no longer returns one.
    """
    return tuple(one for one in article.evidence if one.source == PAGE_OBJECT_KEPT)


def has_unconfirmed(row: Mapping[str, Any]) -> bool:
    """Returns True if, according to the evidence in this row of `articles`, some field's value is no longer on the
    page.
    """
    return f'"{UNCONFIRMED}"' in (row["evidence"] or "")


def readers(stored: Iterable[Entry], row: tuple[Any, ...]) -> dict[str, tuple[Any, ...]]:
    """Returns, for each field, the extraction from which its value came, as the values of EXTRACTION. They are those of
    the chosen candidate or, if it has none of its own, those in `row`.
    """
    return {
        one["field"]: tuple(one.get(k, mine) or None for k, mine in zip(EXTRACTION, row, strict=True))
        for one in stored
        if one.get("won")
    }
