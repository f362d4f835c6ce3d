"""Terms of a query that are no words: what is so of an article, by the name that stands before the colon.

    site:blog.example.org   of this site, or of one below it (example.org has blog.example.org and example.org/news too)
    language:en             en includes en-GB; language:none has no language
    date:2023-07..2023-08   published in these months; date:2023, date:..2023-07-14, date:2023-07..; also
                            modified:, seen: (first archived) and gone:
    near:50.45,30.52~100km  with a place so near (25 km where none is said; mi for miles); box:W,S,E,N
    place:lisbon            with a place of this name, or in a region of this name
    credit:reuters          that names this agency or outlet as its source
    changed:title           with a version in which this was changed after publication; changed:any
    is:gone has:geo         see `IS` and `HAS`
    id:7 cluster:3          by number; url:/2024/05/ any of its addresses has these letters in it
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from archiver.errors import BadQuery
from archiver.fields import FIELDS
from archiver.search.names import folded
from archiver.search.places import DEFAULT_KM, box, in_box, in_circle, point
from archiver.search.terms import Fact
from archiver.search.times import between

_MILE_KM = 1.609344

IS: dict[str, str] = {
    "gone": "a.gone_at is not null",
    "duplicate": "a.duplicate_of is not null",
    "copy": "a.cluster_id is not null and a.id <> (select source_id from clusters where id = a.cluster_id)",
    "source": "a.id = (select source_id from clusters where id = a.cluster_id)",
    "edited": "a.revision > 1",
}
"""`is:copy` is a near copy of a text that is from elsewhere, `is:source` the one that near copies come from."""

_LISTED = "json_array_length(a.{}) > 0"
_FILLED = "a.{} <> ''"
HAS: dict[str, str] = {
    "geo": "exists (select 1 from geotags where article_id = a.id and role <> 'publisher')",
    "date": "a.published is not null",
    "author": _LISTED.format("authors"), "category": _LISTED.format("categories"), "tag": _LISTED.format("tags"),
    "credit": _LISTED.format("credits"), "image": _FILLED.format("image"), "language": _FILLED.format("language"),
    "description": _FILLED.format("description"), "body": _FILLED.format("body"),
    "copy": "a.cluster_id is not null or a.duplicate_of is not null "
            "or exists (select 1 from articles d where d.duplicate_of = a.id)",
}
"""What `has:` may be followed by."""

SINGULAR: dict[str, str] = {"author": "authors", "category": "categories", "tag": "tags", "geo": "geotags",
                            "text": "body", "date": "published"}
_CHANGING = tuple(f.name for f in FIELDS if f.meaning)


def in_language(*tags: str) -> Fact:
    """Basic filtering of RFC 4647, section 3.3.1: "en" also takes en-GB."""
    sql = " or ".join("lower(a.language) = ? or lower(a.language) like ? || '-%'" for _ in tags)
    return Fact(sql, tuple(tag.lower().replace("_", "-") for tag in tags for _ in (1, 2)))


def _language(value: str) -> Fact:
    return Fact("ifnull(a.language, '') = ''") if value.lower() == "none" else in_language(value)


def _site(value: str) -> Fact:
    name = re.sub(r"^https?://", "", value.lower()).rstrip("/")
    below = (f"{like(name)}/%", f"%.{like(name)}", f"%.{like(name)}/%")
    return Fact("a.site in (select name from sites where lower(name) = ?"
                + " or name like ? escape '\\'" * 3 + ")", (name, *below))


def like(text: str) -> str:
    """A text as part of a LIKE pattern with the escape character \\, where it means itself."""
    return re.sub(r"([%_\\])", r"\\\1", text)


def _dated(column: str) -> Callable[[str], Fact]:
    def fact(value: str) -> Fact:
        since, dots, until = value.partition("..")
        if dots and not (since or until):
            raise BadQuery(value, "a period has a beginning, an end or both: 2023-07.., ..2023-08 or 2023-07..2023-08")
        return between(column, since or None, (until if dots else since) or None)

    return fact


def _near(value: str) -> Fact:
    where, _, reach = value.partition("~")
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(km|mi)?", reach.lower())
    if reach and not found:
        raise BadQuery(value, "a distance is written ~100km or ~60mi")
    km = float(found[1]) * (_MILE_KM if found[2] == "mi" else 1) if found else DEFAULT_KM
    return in_circle(*point(where), km)


def _place(value: str) -> Fact:
    words = "instr(' ' || folded(replace({}, ',', ' ')) || ' ', ' ' || ? || ' ') > 0"
    return Fact("a.id in (select article_id from geotags where role <> 'publisher' and "
                f"({words.format('placename')} or {words.format('region')}))", (folded(value),) * 2)


def _credit(value: str) -> Fact:
    return Fact("a.credits <> '[]' and exists (select 1 from json_each(a.credits) "
                "where instr(' ' || folded(value) || ' ', ' ' || ? || ' ') > 0)", (folded(value),))


def _changed(value: str) -> Fact:
    name = SINGULAR.get(value.lower(), value.lower())
    if name not in (*_CHANGING, "any"):
        raise BadQuery(value, f"what can change is any, {', '.join(_CHANGING)}")
    edits = "select article_id from revisions where revision > 1"
    if name == "any":
        return Fact(f"a.id in ({edits})")
    return Fact(f"a.id in ({edits} and exists (select 1 from json_each(changed) where value = ?))", (name,))


def _one_of(table: Mapping[str, str], word: str) -> Callable[[str], Fact]:
    def fact(value: str) -> Fact:
        sql = table.get(value.lower())
        if sql is None:
            raise BadQuery(value, f"{word} is followed by {', '.join(table)}")
        return Fact(sql)

    return fact


def _numbered(column: str) -> Callable[[str], Fact]:
    def fact(value: str) -> Fact:
        if not re.fullmatch("[0-9]{1,18}", value):
            raise BadQuery(value, "it is a number")
        return Fact(f"{column} = ?", (int(value),))

    return fact


def _url(value: str) -> Fact:
    return Fact("a.id in (select article_id from addresses where url like ? escape '\\')", (f"%{like(value)}%",))


FACTS: dict[str, Callable[[str], Fact]] = {
    "site": _site, "language": _language, "lang": _language, "place": _place, "credit": _credit,
    "date": _dated("a.published"), "modified": _dated("a.modified"), "seen": _dated("a.first_seen"),
    "gone": _dated("a.gone_at"), "near": _near, "box": lambda value: in_box(box(value)), "changed": _changed,
    "is": _one_of(IS, "is:"), "has": _one_of({**HAS, "place": HAS["geo"]}, "has:"),
    "id": _numbered("a.id"), "cluster": _numbered("a.cluster_id"), "url": _url,
}
"""By name: a value as a condition on the table alias `a`. Each raises BadQuery for a value that it cannot read; they
need the SQL functions `folded` and `distance_km`."""
