"""The schema of the search index, and the conversion of an article into an index document.

The database may have been written by any program, so values that cannot be parsed are treated as missing.
"""

from __future__ import annotations

import json
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
from itertools import filterfalse
from typing import Any

import tantivy

from archiver.model.fields import (
    BY_NAME,
    HAS_FIELDS,
    INDEXED,
    LINKS,
    LIST_FIELDS_BY_QUERY_NAME,
    MEANING,
    PAGE_LISTS,
    WEIGHTS,
)
from archiver.search.geo_areas import point_key
from archiver.search.query_tree import HAS, IS, local_seconds, utc_seconds
from archiver.search.word_splitting import split_into_words
from archiver.storage import Database

# Names are compared in folded form, so that spelling variants of a name are equal.

# Letters without a Unicode decomposition, and how people type them without diacritics.
_PLAIN = str.maketrans(
    {
        "đ": "d",
        "ð": "d",
        "ø": "o",
        "ł": "l",
        "ı": "i",
        "ħ": "h",
        "ŧ": "t",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "’": "'",
        "`": "'",
    }
)


_SEPARATOR = "\t"


def fold_name(name: str) -> str:
    """Returns a name in folded form for comparison: case-folded, without diacritics, and with single spaces."""
    if name.isascii():  # faster way with the same result
        return " ".join(name.lower().replace("`", "'").split())
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_PLAIN))
    return " ".join("".join(filterfalse(unicodedata.combining, plain)).translate(_PLAIN).split())


def spellings_by_folded_name(names: Iterable[str]) -> dict[str, str]:
    """Returns a dict that maps the folded form of each name to the name itself. Of several names with the same folded
    form, only the first is kept, so that an article is counted once per name.
    """
    spellings: dict[str, str] = {}
    for name in names:
        spellings.setdefault(fold_name(name), name)
    return spellings


def spelling_entry(field: str, folded: str, name: str = "") -> str:
    """Returns the value of the index field SPELLINGS for a name: the name's field, its folded form and its spelling. If
    `name` is "", returns the prefix that the values for all spellings of the folded form share.
    """
    return _SEPARATOR.join((field, folded, name))


def spelling_in_entry(entry: str) -> str:
    """Extracts the spelling from an entry made by `spelling_entry`."""
    return entry.split(_SEPARATOR, 2)[2]


# Tolerant readers of database values.

MAX_NAME_LENGTH = 5_000
"""A name with more characters than this is cut, because the index rejects terms of more than 65,530 bytes."""


def index_text(value: Any) -> str:
    r"""Returns a database value as valid Unicode text: unpaired surrogates (`\ud800` in JSON) are replaced, and other
    types become "".
    """
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def index_number(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def index_texts(value: Any) -> list[str]:
    """Parses a JSON array and returns its non-empty strings; [] if the JSON is invalid."""
    return [index_text(one)[:MAX_NAME_LENGTH] for one in _array(value) if isinstance(one, str) and one]


def index_objects(value: Any) -> list[dict[str, Any]]:
    """Parses a JSON array and returns its objects; [] if the JSON is invalid."""
    return [one for one in _array(value) if isinstance(one, dict)]


def _array(value: Any) -> list[Any]:
    try:
        found = json.loads(value or "[]")
    except (TypeError, ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []


# The schema: texts to search, exact keys, numbers, and names by which articles are counted.

TEXTS: tuple[str, ...] = (*WEIGHTS, "places", *(name for name in PAGE_LISTS if name not in WEIGHTS))
TIMES: tuple[str, ...] = ("published", "modified", "seen", "gone")
"""Index fields with a time. Each time is stored twice: in seconds of local time, and, under the name with the suffix
_at, in Unix seconds."""
TURN = "turn"
NUMBERS: tuple[str, ...] = (
    "id",
    "group",
    TURN,
    "cluster",
    "year",
    "month",
    "stamp",
    *(name for time in TIMES for name in (time, f"{time}_at")),
)
"""Numeric index fields. `group` is the same number for all articles with the same text: the ID of the original. `turn`
is the order of matches with equal sort keys. `stamp` is a digest of the data from which the document was made."""
FOLDED_NAMES: tuple[str, ...] = tuple(LIST_FIELDS_BY_QUERY_NAME)
"""The fields whose values are names and are indexed in folded form (`spellings_by_folded_name`)."""
FORMAT = " ".join(("9", *TEXTS, *FOLDED_NAMES))
SPELLINGS = "ways"
"""The index field with the spellings of names. Names are counted in folded form, which is faster; a spelling is looked
up here only for the few names that are shown."""
NAMES: tuple[str, ...] = ("site", "language", *FOLDED_NAMES)
KEYS = "keys"
COPY, FIRST = "text:copy", "text:first"
"""Keys of the index: COPY marks a duplicate, and FIRST an original that has duplicates."""
SORTED_TITLE = "sorted_title"


@cache
def index_schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in TEXTS:
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="position")
    builder.add_text_field(KEYS, tokenizer_name="raw", index_option="basic")
    builder.add_text_field(SPELLINGS, tokenizer_name="raw", index_option="basic")
    builder.add_text_field(SORTED_TITLE, tokenizer_name="raw", index_option="basic", fast=True)
    for name in NAMES:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    for name in NUMBERS:
        builder.add_integer_field(name, indexed=True, fast=True)
    return builder.build()


Row = dict[str, Any]

COLUMNS = ("id", *INDEXED)
_NUMBERS = ("duplicate_of", "cluster_id")
_TIMES = {"published": "published", "modified": "modified", "seen": "first_seen", "gone": "gone_at"}
_TEXTS = tuple(name for name in WEIGHTS if BY_NAME[name].shape == "text")
_TITLE_LETTERS = 60
_COPY_OFFSET = (1 << 62) - 1
"""This number is added to the ID of a duplicate, so that its index field `turn` sorts after all originals."""


def _has(name: str) -> Callable[[Row], bool]:
    return lambda row: bool(row[name])


_FLAGS: dict[str, Callable[[Row], bool]] = {
    "is:gone": lambda row: bool(row["gone_at"]),
    "is:duplicate": lambda row: bool(row["duplicate_of"]),
    "is:copy": lambda row: row["is_source"] == 0,
    "is:source": lambda row: row["is_source"] == 1,
    "is:edited": lambda row: row["revision"] > 1,
    "has:geo": lambda row: bool(row["geotags"]),
    "has:place": lambda row: any(tag.get("placename") for tag in row["geotags"]),
    "has:date": lambda row: bool(row["published"]),
    **{f"has:{word}": _has(name) for word, name in HAS_FIELDS.items()},
    "has:copy": lambda row: bool(row["cluster_id"] or row["duplicate_of"] or row["duplicated"]),
}
assert set(_FLAGS) == {f"is:{name}" for name in IS} | {f"has:{name}" for name in HAS}


def document_rows(db: Database, ids: Sequence[int]) -> Iterator[Row]:
    """Yields the data to index for each of these articles, as a row of `articles` with additional keys. Yields one
    article at a time, because a text may have megabytes. Leaves out withdrawn articles and unknown IDs. Values that
    cannot be parsed are treated as missing.

    - `changed`: the fields changed by later revisions.
    - `duplicated`: True if the article has duplicates.
    - `is_source`: 1 for the source of a cluster, 0 for its other members, None if the cluster has no source.
    - `stamp`: a digest of the whole row.

    Nothing else in the row depends on the cluster. If a cluster gets a new source, only two documents change; the
    trigger `search_index_cluster_au` marks these two articles for the next update.
    """
    id_list = json.dumps(ids)
    among = "in (select value from json_each(?))"
    changed: dict[int, set[str]] = {}
    for article, name in db.execute(
        "select distinct r.article_id, e.value from revisions r, "
        "json_each(case when json_valid(r.changed) then r.changed else '[]' end) e "
        f"where r.revision > 1 and r.article_id {among}",
        [id_list],
    ):
        if isinstance(name, str):
            changed.setdefault(article, set()).add(name)
    duplicated = {
        row[0]
        for row in db.execute(f"select distinct duplicate_of from articles where duplicate_of {among}", [id_list])
    }
    for row in db.query(
        f"select {', '.join('a.' + name for name in COLUMNS)}, (select source_id = a.id "
        "from clusters where id = a.cluster_id) as is_source from articles a "
        f"where a.id {among} and a.id not in (select article_id from withdrawn_articles) order by a.id",
        [id_list],
    ):
        row |= {"changed": sorted(changed.get(row["id"], ())), "duplicated": row["id"] in duplicated}
        row["stamp"] = zlib.crc32(repr([row[name] for name in sorted(row)]).encode("utf-8", "surrogatepass"))
        yield _readable(row)


def _readable(row: Row) -> Row:
    plain = {
        name: index_text(row[name]) for name in INDEXED if name not in (*PAGE_LISTS, "geotags", *_NUMBERS, "revision")
    }
    return {
        **row,
        **plain,
        **{name: index_texts(row[name]) for name in PAGE_LISTS},
        **{n: index_number(row[n]) for n in _NUMBERS},
        "revision": index_number(row["revision"]) or 1,
        "geotags": [tag for tag in index_objects(row["geotags"]) if tag.get("role") != "publisher"],
    }


def index_document(row: Row) -> tantivy.Document:
    """Converts a row from `document_rows` into a document of the search index."""
    fields: dict[str, Any] = {name: _words(row[name]) for name in _TEXTS}
    for name in PAGE_LISTS:
        fields[name] = [_words(value) for value in row[name]]
    places = list(
        dict.fromkeys(
            place for tag in row["geotags"] for name in ("placename", "region") if (place := index_text(tag.get(name)))
        )
    )
    named = {word: row[name] for word, name in LIST_FIELDS_BY_QUERY_NAME.items()}
    named["place"] = [place for tag in row["geotags"] if (place := index_text(tag.get("placename")))]
    counted = {name: spellings_by_folded_name(values) for name, values in named.items()}
    fields |= {
        "places": [_words(place) for place in places],
        KEYS: sorted(set(index_keys(row))),
        SORTED_TITLE: fold_name(row["title"])[:_TITLE_LETTERS],
        "site": row["site"],
        "language": row["language"] or None,
        **numeric_fields(row),
        **{name: list(spellings) for name, spellings in counted.items()},
        SPELLINGS: [
            spelling_entry(name, folded, value)
            for name, spellings in counted.items()
            for folded, value in spellings.items()
        ],
    }
    return tantivy.Document(**{name: value for name, value in fields.items() if value not in (None, [], "")})


def _words(text: str | None) -> str:
    return " ".join(split_into_words(text)) if text else ""


def numeric_fields(row: Row) -> dict[str, int]:
    """Returns the numeric index fields (NUMBERS) of an article row; fields without a value are left out."""
    group = row["duplicate_of"] or row["id"]
    turn = row["id"] if group == row["id"] else min(row["id"], _COPY_OFFSET) + _COPY_OFFSET
    out = {"id": row["id"], "group": group, TURN: turn, "stamp": row["stamp"]}
    if row["cluster_id"]:
        out["cluster"] = row["cluster_id"]
    for name, column in _TIMES.items():
        try:
            out[name], out[f"{name}_at"] = local_seconds(row[column]), utc_seconds(row[column])
        except ValueError:
            continue  # the date is missing or invalid, such as 0000-00-00
        if name == "published":
            day = datetime.fromisoformat(row[column])
            out["year"], out["month"] = day.year, day.year * 100 + day.month
    return out


def index_keys(row: Row) -> Iterator[str]:
    """Yields the exact index keys of an article, such as is:gone or language:en, which the nodes of
    `archiver.search.query_tree` look up.
    """
    yield from (name for name, so in _FLAGS.items() if so(row))
    if (row["duplicate_of"] or row["id"]) != row["id"]:
        yield COPY
    elif row["duplicated"]:
        yield FIRST
    for link in LINKS:
        yield from (f"{link.word}:{fold_name(value)}" for value in row[link.table])
    tag = (row["language"] or "none").lower().replace("_", "-")
    yield from (f"language:{start}" for start in _joined_prefixes(tag.split("-"), "-"))
    if row["access"]:
        yield f"access:{row['access']}"
    yield f"at:{row['site']}"
    yield from (f"site:{name}" for name in site_and_parents(row["site"].lower()))
    yield from (f"changed:{name}" for name in row["changed"] if name in MEANING)
    if row["revision"] > 1:
        yield "changed:any"
    for place in row["geotags"]:
        latitude, longitude = place.get("latitude"), place.get("longitude")
        if isinstance(latitude, int | float) and isinstance(longitude, int | float):
            yield point_key(latitude, longitude)


def site_and_parents(name: str) -> Iterator[str]:
    """Yields a site's name and the names of all its parents: blog.example.org/news, blog.example.org, example.org/news,
    example.org, ...
    """
    host, *path = name.split("/")
    labels = host.split(".")
    for start in range(len(labels)):
        yield from _joined_prefixes([".".join(labels[start:]), *path], "/")


def _joined_prefixes(parts: Iterable[str], sign: str) -> Iterator[str]:
    """Yields the prefixes of a sequence of parts, joined by `sign`: "a", "a-b" and "a-b-c" for a, b, c and "-"."""
    prefix = ""
    for part in parts:
        prefix = f"{prefix}{sign}{part}" if prefix else part
        yield prefix
