"""The nodes of a query tree, and the predicates on articles that a query can contain (NAME:VALUE).

site:blog.example.org   of this site or a site below it (example.org includes blog.example.org and
                        example.org/news)
language:en             en includes en-GB; language:none has no language
date:2023-07..2023-08   published in these months; date:2023, date:..2023-07-14, date:2023-07..; also
                        modified:, seen: (first archived) and gone:
near:50.45,30.52~100km  with a place within this distance (default: 25 km; mi for miles); box:W,S,E,N
place:lisbon            with a place or region of this name
credit:reuters          names this agency or outlet as its source
changed:title           with a revision that changed this field after publication; changed:any
is:gone has:geo         see `IS` and `HAS`
like:7                  on the same topic as article 7
id:7 cluster:3          by ID; url:/2024/05/ one of its URLs contains this text
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime, timedelta
from typing import Any

from archiver.model.errors import BadQuery
from archiver.model.fields import ACCESS, HAS_FIELDS, LINKS, MEANING
from archiver.model.words import did_you_mean
from archiver.search.geo_areas import DEFAULT_RADIUS_KM, circle_bounds, distance_km, parse_box, parse_point, point_key
from archiver.storage import Database

# The nodes of the tree.


@dataclass(frozen=True, slots=True)
class Form:
    """A distinctive word of an article, as it occurs in the index, with its weight."""

    word: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Term:
    """Matches a word, or a phrase of adjacent words. If `column` is "", searches all fields of `archiver.model.fields`
    that have a search weight. If `prefix` is True, the last word may continue.
    """

    text: str
    column: str = ""
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Near:
    """Matches if several terms occur in one field with at most `distance` other words between the first and the last of
    them.
    """

    terms: tuple[Term, ...]
    distance: int
    column: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """Matches articles that have the key `value` in the index, such as is:gone or language:en.
    `archiver.search.index_documents.index_keys` lists the keys of an article.
    """

    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """Matches articles with this author, category or tag (`kind`). If no article of the archive has exactly this name,
    matches names that contain its words: "Tom" then finds Tom Ashdown.
    """

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Span:
    """Matches if a numeric index field is between `low` and `high`, inclusive; None means that there is no limit."""

    field: str
    low: int | None
    high: int | None


@dataclass(frozen=True, slots=True)
class ByRows:
    """Matches the articles whose IDs an SQL statement selects. The statement may call the functions `fold_name` and
    `distance_km`.
    """

    sql: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class InBox:
    """Matches articles with a place in a box and, if a circle is given, also in the circle. The box is (west, south,
    east, north); it crosses the antimeridian if west is greater than east. The circle is (latitude, longitude, radius
    in km).
    """

    box: tuple[float, float, float, float]
    circle: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class SimilarTo:
    """Matches articles on the same topic as the article with a given ID: those that contain at least `needed` of its
    distinctive words. `archiver.search.search_hits` takes these `words` from an index, best
    first. `marked` are the words that snippets mark.
    """

    article: int
    words: tuple[Form, ...] = ()
    needed: int = 1
    marked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class And:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    item: Node


Node = Term | Near | Key | Name | Span | ByRows | InBox | SimilarTo | And | Or | Not


# Dates and periods.

_LAST = datetime.max.isoformat()
"""The end of the last day that Python supports, as an ISO 8601 time."""


@dataclass(frozen=True, slots=True)
class Period:
    """A period from the date `start` up to (not including) the date `end`. If `is_moment` is True, the period is a
    point in time, and `start` and `end` are equal.
    """

    start: str
    end: str
    is_moment: bool = False


def parse_period(text: str) -> Period:
    """Parses a year, a month, a day or a full ISO 8601 time. Raises BadQuery."""
    typed = text.strip()
    try:
        if found := re.fullmatch(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?", typed):
            return _calendar_period(*(int(part) if part else None for part in found.groups()))
        moment = datetime.fromisoformat(typed).isoformat()
    except (ValueError, OverflowError):
        raise BadQuery(text, "use 2024, 2024-05, 2024-05-31 or 2024-05-31T18:00+02:00") from None
    return Period(moment, moment, is_moment=True)


def _calendar_period(year: int | None, month: int | None, day: int | None) -> Period:
    """Returns the period of a year, a month or a single day: `month` and `day` are None for a year, and `day` is None
    for a month. Raises ValueError or OverflowError for a date that does not exist.
    """
    assert year is not None
    start = date(year, month or 1, day or 1)
    if year == MAXYEAR and (not month or (month, day or 31) == (12, 31)):
        return Period(start.isoformat(), _LAST)
    end = start + timedelta(days=1) if day else date(year + (not month or month == 12), (month or 12) % 12 + 1, 1)
    return Period(start.isoformat(), end.isoformat())


def time_term(field: str, since: str | None, until: str | None) -> Node:
    """Returns a node that matches if an article's time is between `since` and `until`, inclusive; None means that there
    is no limit.

    A year, month or day is compared with the page's local time (index field `field`), a full time with the moment in
    UTC (index field `field` with the suffix _at). Raises BadQuery.
    """
    spans: list[Node] = []
    first = parse_period(since) if since else None
    last = parse_period(until) if until else None
    if first:
        spans.append(
            Span(f"{field}_at", utc_seconds(first.start), None)
            if first.is_moment
            else Span(field, local_seconds(first.start), None)
        )
    if last:
        spans.append(
            Span(f"{field}_at", None, utc_seconds(last.end))
            if last.is_moment
            else Span(field, None, local_seconds(last.end) - (last.end != _LAST))
        )
    if first and last and (first.start > last.end or (first.start == last.end and not last.is_moment)):
        raise BadQuery(f"{since} to {until}", "the end is before the start", what="period")
    return spans[0] if len(spans) == 1 else And(tuple(spans))


def local_seconds(text: str) -> int:
    """Converts an ISO 8601 date or time to seconds since 1970-01-01T00:00:00 local time, ignoring its time zone."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def utc_seconds(text: str) -> int:
    """Converts an ISO 8601 date or time to Unix seconds; a time without a zone is taken as UTC."""
    moment = datetime.fromisoformat(text)
    return math.floor((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def in_circle(latitude: float, longitude: float, km: float) -> InBox:
    """Returns a node that matches articles with a place within `km` kilometres of a point. Raises BadQuery for an
    invalid distance.
    """
    if not km > 0 or not math.isfinite(km):
        raise BadQuery(f"{km:g} km", "the distance must be greater than 0", what="distance")
    return InBox(circle_bounds(latitude, longitude, km), (latitude, longitude, km))


def place_keys_in_area(db: Database, where: InBox) -> list[str]:
    """Returns the index keys of all distinct places in an archive that are within an area."""
    west, south, east, north = where.box
    across = "longitude between ? and ?" if west <= east else "(longitude >= ? or longitude <= ?)"
    found = db.execute(
        "select distinct latitude, longitude from geotags where latitude between ? and ? and " + across,
        (south, north, west, east),
    )
    if where.circle is None:
        return [point_key(*point) for point in found]
    latitude, longitude, km = where.circle
    return [
        point_key(*point)
        for point in found
        if (distance := distance_km(point[0], point[1], latitude, longitude)) is not None and distance <= km
    ]


_MILE_KM = 1.609344

IS = ("gone", "duplicate", "copy", "source", "edited")
"""The values of `is:`. A `copy` is a near-duplicate of an earlier article; a `source` is the original of
near-duplicates."""

HAS = ("geo", "place", "date", *HAS_FIELDS, "copy")
"""The values of `has:`. A `copy` is a duplicate or near-duplicate."""

SINGULAR: dict[str, str] = {
    **{link.word: link.table for link in LINKS},
    "geo": "geotags",
    "text": "body",
    "date": "published",
}


def language_term(tag: str) -> Key:
    """Returns a node that matches a language and its regional variants: "en" also matches en-GB (basic filtering, RFC
    4647, section 3.3.1).
    """
    return Key(f"language:{tag.lower().replace('_', '-')}")


def _site(value: str) -> Key:
    return Key(f"site:{re.sub('^https?://', '', value.lower()).rstrip('/')}")


def _dated(field: str) -> Callable[[str], Node]:
    def parse(value: str) -> Node:
        since, dots, until = value.partition("..")
        if dots and not (since or until):
            raise BadQuery(value, "a period needs a start or an end: 2023-07.., ..2023-08 or 2023-07..2023-08")
        return time_term(field, since or None, (until if dots else since) or None)

    return parse


def _near(value: str) -> InBox:
    where, _, reach = value.partition("~")
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(km|mi)?", reach.lower())
    if reach and not found:
        raise BadQuery(value, "write the distance as ~100km or ~60mi")
    km = float(found[1]) * (_MILE_KM if found[2] == "mi" else 1) if found else DEFAULT_RADIUS_KM
    return in_circle(*parse_point(where), km)


def _changed(value: str) -> Key:
    name = SINGULAR.get(value.lower(), value.lower())
    if name not in (*MEANING, "any"):
        question = did_you_mean(name, ("any", *SINGULAR, *MEANING))
        raise BadQuery(value, f"the possible values are any, {', '.join(MEANING)}{question}")
    return Key(f"changed:{name}")


def _one_of(words: Collection[str], name: str) -> Callable[[str], Key]:
    def parse(value: str) -> Key:
        if value.lower() not in words:
            raise BadQuery(value, f"{name}: takes one of these values: {', '.join(words)}{did_you_mean(value, words)}")
        return Key(f"{name}:{value.lower()}")

    return parse


def _numbered(field: str) -> Callable[[str], Span]:
    def parse(value: str) -> Span:
        if not re.fullmatch("[0-9]{1,18}", value):
            raise BadQuery(value, "it must be a number")
        return Span(field, int(value), int(value))

    return parse


def _like(value: str) -> SimilarTo:
    if not re.fullmatch("[0-9]{1,18}", value):
        raise BadQuery(value, "it takes the ID of an article")
    return SimilarTo(int(value))


def _stem(value: str) -> Node:
    raise BadQuery(value, "there is no stem: any more; use the beginning of the word (report*) or OR")


def _url(value: str) -> ByRows:
    escaped = re.sub(r"([%_\\])", r"\\\1", value)
    return ByRows(
        "select id from articles where url like ?1 escape '\\' union all select article_id from article_urls "
        "where kind is not 'url' and url like ?1 escape '\\'",
        (f"%{escaped}%",),
    )


PREDICATES: dict[str, Callable[[str], Node]] = {
    "site": _site,
    "language": language_term,
    "lang": language_term,
    "place": lambda value: Term(value, "places"),
    "credit": lambda value: Term(value, "credits"),
    "date": _dated("published"),
    "modified": _dated("modified"),
    "seen": _dated("seen"),
    "gone": _dated("gone"),
    "near": _near,
    "box": lambda value: InBox(parse_box(value)),
    "changed": _changed,
    "is": _one_of(IS, "is"),
    "has": _one_of(HAS, "has"),
    "access": _one_of(ACCESS, "access"),
    "id": _numbered("id"),
    "cluster": _numbered("cluster"),
    "url": _url,
    "like": _like,
    "stem": _stem,
}
"""Maps the name of each predicate to the function that parses its value into a node. The function raises BadQuery for
an invalid value."""
