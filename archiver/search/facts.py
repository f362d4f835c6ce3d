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
    like:7                  about the same thing as article 7
    id:7 cluster:3          by number; url:/2024/05/ any of its addresses has these letters in it
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from archiver.errors import BadQuery
from archiver.fields import ASKED_FOR, LINKS, MEANING
from archiver.search.places import DEFAULT_KM, box, in_circle, point
from archiver.search.terms import Around, Key, Like, Node, Rows, Span, Term
from archiver.search.times import between

_MILE_KM = 1.609344

IS = ("gone", "duplicate", "copy", "source", "edited")
"""`is:copy` is a near copy of a text that is from elsewhere, `is:source` the one that near copies come from."""

HAS = ("geo", "place", "date", *ASKED_FOR, "copy")
"""What `has:` may be followed by."""

SINGULAR: dict[str, str] = {**{link.word: link.table for link in LINKS}, "geo": "geotags", "text": "body",
                            "date": "published"}


def in_language(tag: str) -> Key:
    """Basic filtering of RFC 4647, section 3.3.1: "en" also takes en-GB."""
    return Key(f"language:{tag.lower().replace('_', '-')}")


def _site(value: str) -> Key:
    return Key(f"site:{re.sub('^https?://', '', value.lower()).rstrip('/')}")


def _dated(field: str) -> Callable[[str], Node]:
    def fact(value: str) -> Node:
        since, dots, until = value.partition("..")
        if dots and not (since or until):
            raise BadQuery(value, "a period has a beginning, an end or both: 2023-07.., ..2023-08 or 2023-07..2023-08")
        return between(field, since or None, (until if dots else since) or None)

    return fact


def _near(value: str) -> Around:
    where, _, reach = value.partition("~")
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(km|mi)?", reach.lower())
    if reach and not found:
        raise BadQuery(value, "a distance is written ~100km or ~60mi")
    km = float(found[1]) * (_MILE_KM if found[2] == "mi" else 1) if found else DEFAULT_KM
    return in_circle(*point(where), km)


def _changed(value: str) -> Key:
    name = SINGULAR.get(value.lower(), value.lower())
    if name not in (*MEANING, "any"):
        raise BadQuery(value, f"what can change is any, {', '.join(MEANING)}")
    return Key(f"changed:{name}")


def _one_of(words: Collection[str], name: str) -> Callable[[str], Key]:
    def fact(value: str) -> Key:
        if value.lower() not in words:
            raise BadQuery(value, f"{name}: is followed by {', '.join(words)}")
        return Key(f"{name}:{value.lower()}")

    return fact


def _numbered(field: str) -> Callable[[str], Span]:
    def fact(value: str) -> Span:
        if not re.fullmatch("[0-9]{1,18}", value):
            raise BadQuery(value, "it is a number")
        return Span(field, int(value), int(value))

    return fact


def _like(value: str) -> Like:
    if not re.fullmatch("[0-9]{1,18}", value):
        raise BadQuery(value, "it is followed by the number of an article")
    return Like(int(value))


def _url(value: str) -> Rows:
    escaped = re.sub(r"([%_\\])", r"\\\1", value)
    return Rows("select id from articles where url like ?1 escape '\\' union all select article_id from article_urls "
                "where kind is not 'url' and url like ?1 escape '\\'", (f"%{escaped}%",))


FACTS: dict[str, Callable[[str], Node]] = {
    "site": _site, "language": in_language, "lang": in_language,
    "place": lambda value: Term(value, "places"), "credit": lambda value: Term(value, "credits"),
    "date": _dated("published"), "modified": _dated("modified"), "seen": _dated("seen"), "gone": _dated("gone"),
    "near": _near, "box": lambda value: Around(box(value)), "changed": _changed,
    "is": _one_of(IS, "is"), "has": _one_of(HAS, "has"),
    "id": _numbered("id"), "cluster": _numbered("cluster"), "url": _url, "like": _like,
}
"""By name: a value as a term of the query. Each raises BadQuery for a value that it cannot read."""
