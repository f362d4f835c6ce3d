"""An article as the index has it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import tantivy
from sqlite_utils import Database

from archiver.fields import ASKED_FOR, BY_NAME, INDEXED, LINKS, LIST_WORDS, MEANING, PAGE_LISTS, WEIGHTS
from archiver.search.facts import HAS, IS
from archiver.search.index.schema import COPY, FIRST, KEYS, PAIRED, SORTED_TITLE, TURN, WAYS
from archiver.search.index.values import number, objects, text, texts
from archiver.search.names import counted_as, folded, way
from archiver.search.places import key_of
from archiver.search.times import local_seconds, utc_seconds
from archiver.search.words import words

Row = dict[str, Any]

COLUMNS = ("id", *INDEXED)
_NUMBERS = ("duplicate_of", "cluster_id", "source_id")
_TIMES = {"published": "published", "modified": "modified", "seen": "first_seen", "gone": "gone_at"}
_TEXTS = tuple(name for name in WEIGHTS if BY_NAME[name].shape == "text" and name not in PAIRED)
_TITLE_LETTERS = 60
_COPIES_FROM = (1 << 62) - 1
"""Added to the number of a copy, which so has its turn after all originals."""


def _has(name: str) -> Callable[[Row], bool]:
    return lambda row: bool(row[name])


_FLAGS: dict[str, Callable[[Row], bool]] = {
    "is:gone": lambda row: bool(row["gone_at"]),
    "is:duplicate": lambda row: bool(row["duplicate_of"]),
    "is:copy": lambda row: bool(row["source_id"]) and row["source_id"] != row["id"],
    "is:source": lambda row: row["source_id"] == row["id"],
    "is:edited": lambda row: row["revision"] > 1,
    "has:geo": lambda row: bool(row["geotags"]),
    "has:place": lambda row: any(tag.get("placename") for tag in row["geotags"]),
    "has:date": lambda row: bool(row["published"]),
    **{f"has:{word}": _has(name) for word, name in ASKED_FOR.items()},
    "has:copy": lambda row: bool(row["cluster_id"] or row["duplicate_of"] or row["duplicated"]),
}
assert set(_FLAGS) == {f"is:{name}" for name in IS} | {f"has:{name}" for name in HAS}


def rows(db: Database, ids: Sequence[int]) -> Iterator[Row]:
    """The articles of these numbers that there are, each with its `changed` fields, whether it is `duplicated`, and
    the `source_id` of its cluster; `stamp` is a digest of all of it.

    One at a time: a text may have megabytes. What another program wrote there and no reader understands counts as not
    there.
    """
    wanted = json.dumps(ids)
    among = "in (select value from json_each(?))"
    changed: dict[int, set[str]] = {}
    for article, name in db.execute(
        "select distinct r.article_id, e.value from revisions r, "
        "json_each(case when json_valid(r.changed) then r.changed else '[]' end) e "
        f"where r.revision > 1 and r.article_id {among}", [wanted],
    ):
        if isinstance(name, str):
            changed.setdefault(article, set()).add(name)
    duplicated = {row[0] for row in db.execute(
        f"select distinct duplicate_of from articles where duplicate_of {among}", [wanted])}
    for row in db.query(f"select {', '.join('a.' + name for name in COLUMNS)}, (select source_id "
                        "from clusters where id = a.cluster_id) as source_id from articles a "
                        f"where a.id {among} order by a.id", [wanted]):
        row |= {"changed": sorted(changed.get(row["id"], ())), "duplicated": row["id"] in duplicated}
        row["stamp"] = zlib.crc32(repr([row[name] for name in sorted(row)]).encode("utf-8", "surrogatepass"))
        yield _readable(row)


def _readable(row: Row) -> Row:
    plain = {name: text(row[name]) for name in INDEXED if name not in (*PAGE_LISTS, "geotags", *_NUMBERS, "revision")}
    return {**row, **plain, **{name: texts(row[name]) for name in PAGE_LISTS}, **{n: number(row[n]) for n in _NUMBERS},
            "revision": number(row["revision"]) or 1,
            "geotags": [tag for tag in objects(row["geotags"]) if tag.get("role") != "publisher"]}


def document(row: Row, common: Collection[str] = ()) -> tantivy.Document:
    """The entry of a row that `rows` made; pairs are those of the `common` words."""
    fields: dict[str, Any] = {name: _words(row[name]) for name in _TEXTS}
    for name, pairs in PAIRED.items():
        tokens = words(row[name]) if row[name] else []
        fields |= {name: " ".join(tokens), pairs: paired(tokens, common) if common else ""}
    for name in PAGE_LISTS:
        fields[name] = [_words(value) for value in row[name]]
    places = list(dict.fromkeys(place for tag in row["geotags"] for name in ("placename", "region")
                                if (place := text(tag.get(name)))))
    named = {word: row[name] for word, name in LIST_WORDS.items()}
    named["place"] = [place for tag in row["geotags"] if (place := text(tag.get("placename")))]
    counted = {name: counted_as(values) for name, values in named.items()}
    fields |= {
        "places": [_words(place) for place in places], KEYS: sorted(set(keys(row))),
        SORTED_TITLE: folded(row["title"])[:_TITLE_LETTERS], "site": row["site"],
        "language": row["language"] or None, **numbers(row),
        **{name: list(ways) for name, ways in counted.items()},
        WAYS: [way(name, form, value) for name, ways in counted.items() for form, value in ways.items()],
    }
    return tantivy.Document(**{name: value for name, value in fields.items() if value not in (None, [], "")})


def paired(tokens: Sequence[str], common: Collection[str]) -> str:
    """The pairs of common words that stand in a row, with a sign between the two that no word has."""
    return " ".join(f"{one}_{next_one}" for one, next_one in pairwise(tokens) if one in common and next_one in common)


def _words(text: str | None) -> str:
    return " ".join(words(text)) if text else ""


def numbers(row: Row) -> dict[str, int]:
    group = row["duplicate_of"] or row["id"]
    turn = row["id"] if group == row["id"] else min(row["id"], _COPIES_FROM) + _COPIES_FROM
    out = {"id": row["id"], "group": group, TURN: turn, "stamp": row["stamp"]}
    if row["cluster_id"]:
        out["cluster"] = row["cluster_id"]
    for name, column in _TIMES.items():
        try:
            out[name], out[f"{name}_at"] = local_seconds(row[column]), utc_seconds(row[column])
        except ValueError:
            continue  # none, or none that there is: 0000-00-00
        if name == "published":
            day = datetime.fromisoformat(row[column])
            out["year"], out["month"] = day.year, day.year * 100 + day.month
    return out


def keys(row: Row) -> Iterator[str]:
    """What is so of an article, as `archiver.search.facts` and `filters` ask for it."""
    yield from (name for name, so in _FLAGS.items() if so(row))
    if (row["duplicate_of"] or row["id"]) != row["id"]:
        yield COPY
    elif row["duplicated"]:
        yield FIRST
    for link in LINKS:
        yield from (f"{link.word}:{folded(value)}" for value in row[link.table])
    tag = (row["language"] or "none").lower().replace("_", "-")
    yield from (f"language:{start}" for start in _heads(tag.split("-"), "-"))
    yield f"at:{row['site']}"
    yield from (f"site:{name}" for name in sites(row["site"].lower()))
    yield from (f"changed:{name}" for name in row["changed"] if name in MEANING)
    if row["revision"] > 1:
        yield "changed:any"
    for place in row["geotags"]:
        latitude, longitude = place.get("latitude"), place.get("longitude")
        if isinstance(latitude, int | float) and isinstance(longitude, int | float):
            yield key_of(latitude, longitude)


def sites(name: str) -> Iterator[str]:
    """A site and those it lies below: blog.example.org/news, blog.example.org, example.org/news, example.org, ..."""
    host, *path = name.split("/")
    labels = host.split(".")
    for start in range(len(labels)):
        yield from _heads([".".join(labels[start:]), *path], "/")


def _heads(parts: Iterable[str], sign: str) -> Iterator[str]:
    """a-b-c as a, a-b, a-b-c."""
    whole = ""
    for part in parts:
        whole = f"{whole}{sign}{part}" if whole else part
        yield whole
