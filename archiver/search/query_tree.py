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

import math
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime, timedelta
from typing import Any

from sqlite_utils import Database

from archiver.errors import BadQuery
from archiver.fields import ASKED_FOR, LINKS, MEANING

# The tree of a query: what stands at its leaves, and how the leaves are joined.


@dataclass(frozen=True, slots=True)
class Form:
    """A word of the index, and how much it counts beside others that are looked for in its place."""

    word: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Term:
    """Words in a row; `column` is "" for all columns of `archiver.fields` that have a weight.

    With `stem` each is looked for in all its forms. Which these are is found out of an index
    (`archiver.search.engine`), and stands in `forms`: those of each word, in the order of the words.
    """

    text: str
    column: str = ""
    prefix: bool = False
    stem: bool = False
    forms: tuple[tuple[Form, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Near:
    """Terms of one column with at most `distance` other words between the first and the last of them."""

    terms: tuple[Term, ...]
    distance: int
    column: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """One of the keys of an article (`archiver.search.index_document.keys`), such as is:gone or language:en."""

    value: str


@dataclass(frozen=True, slots=True)
class Span:
    """A number of an article lies between `low` and `high`, both included; None is open."""

    field: str
    low: int | None
    high: int | None


@dataclass(frozen=True, slots=True)
class ByRows:
    """The articles whose numbers an SQL statement selects; it may use the functions `folded` and `distance_km`."""

    sql: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class InBox:
    """That an article has a place in a box (west, south, east, north; west greater than east crosses the antimeridian)
    and, where there is a circle, within its kilometres (latitude, longitude, km)."""

    box: tuple[float, float, float, float]
    circle: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class SimilarTo:
    """What has at least `needed` of the `words` that tell an article, by its number, from others; which these are is
    found out of an index (`archiver.search.engine`)."""

    article: int
    words: tuple[Form, ...] = ()
    needed: int = 1


@dataclass(frozen=True, slots=True)
class And:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    item: Node


Node = Term | Near | Key | Span | ByRows | InBox | SimilarTo | And | Or | Not


# Dates as people write them, and the term that a time of an article lies between two of them.

_LAST = datetime.max.isoformat()
"""The end of the last day, which no day comes after."""


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `start` to before `end`; where it `is_moment`, both are that time."""

    start: str
    end: str
    is_moment: bool = False


def parse_period(text: str) -> Period:
    """What a year, a month, a day or a full time in ISO 8601 stands for. Raises BadQuery."""
    typed = text.strip()
    try:
        if found := re.fullmatch(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?", typed):
            return _days(*(int(part) if part else None for part in found.groups()))
        moment = datetime.fromisoformat(typed).isoformat()
    except (ValueError, OverflowError):
        raise BadQuery(text, "a date is written 2024, 2024-05, 2024-05-31 or 2024-05-31T18:00+02:00") from None
    return Period(moment, moment, is_moment=True)


def _days(year: int | None, month: int | None, day: int | None) -> Period:
    """Raises ValueError and OverflowError for what no calendar has."""
    assert year is not None
    start = date(year, month or 1, day or 1)
    if year == MAXYEAR and (not month or (month, day or 31) == (12, 31)):
        return Period(start.isoformat(), _LAST)
    end = start + timedelta(days=1) if day else date(year + (not month or month == 12), (month or 12) % 12 + 1, 1)
    return Period(start.isoformat(), end.isoformat())


def time_term(field: str, since: str | None, until: str | None) -> Node:
    """That a time lies in the days from `since` to `until`, both included, None being open.

    A year, month or day is compared as the page wrote it, by its own clock (the index's number `field`); a full time
    as a moment (the number `field` with _at). Raises BadQuery.
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
        raise BadQuery(f"{since} to {until}", "its end lies before its beginning")
    return spans[0] if len(spans) == 1 else And(tuple(spans))


def local_seconds(text: str) -> int:
    """A date or time in ISO 8601 as seconds since 1970-01-01T00:00:00 by its own clock."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def utc_seconds(text: str) -> int:
    """A date or time in ISO 8601 as a moment, in Unix seconds; without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    return math.floor((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


# Points, boxes and circles on the Earth as people write them, and the term that an article has a place there.

DEFAULT_KM = 25.0
EARTH_KM = 6371.0088
Box = tuple[float, float, float, float]
"""West, south, east, north; west greater than east crosses the antimeridian."""


def parse_point(text: str) -> tuple[float, float]:
    """ "LAT,LON" in degrees. Raises BadQuery."""
    latitude, longitude = _degrees(text, 2, "a place is written LAT,LON in degrees, for example 48.85,2.35")
    if abs(latitude) > 90 or abs(longitude) > 180:
        swapped = abs(longitude) <= 90 and abs(latitude) <= 180
        raise BadQuery(
            text,
            "latitudes lie between -90 and 90, longitudes between -180 and 180"
            + ("; the latitude comes first" if swapped else ""),
        )
    return latitude, longitude


def box(text: str) -> Box:
    """ "W,S,E,N" in degrees, as GeoJSON orders it (RFC 7946, section 5). Raises BadQuery."""
    west, south, east, north = _degrees(text, 4, "a box is written W,S,E,N in degrees, for example 5.9,45.8,10.5,47.8")
    if max(abs(west), abs(east)) > 180 or max(abs(south), abs(north)) > 90:
        raise BadQuery(text, "west and east lie between -180 and 180, south and north between -90 and 90")
    if south > north:
        raise BadQuery(text, "its south lies north of its north; the order is W,S,E,N")
    return west, south, east, north


def _degrees(text: str, count: int, how: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise BadQuery(text, how) from None
    if len(numbers) != count or not all(math.isfinite(n) for n in numbers):
        raise BadQuery(text, how)
    return numbers


def distance_km(lat1: float | None, lon1: float | None, lat2: float, lon2: float) -> float | None:
    """Great-circle distance by the haversine formula on a sphere of the Earth's mean radius; None without a place."""
    if lat1 is None or lon1 is None:
        return None
    a, b = math.radians(lat1), math.radians(lat2)
    h = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(math.radians(lon2 - lon1) / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(h)))


def circle_term(latitude: float, longitude: float, km: float) -> Box:
    """The box (W, S, E, N) that holds the circle; west greater than east where it crosses the antimeridian."""
    angle = km / EARTH_KM
    south, north = latitude - math.degrees(angle), latitude + math.degrees(angle)
    if south <= -90 or north >= 90 or angle >= math.pi / 2:
        return -180.0, max(south, -90.0), 180.0, min(north, 90.0)
    spread = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(latitude)))))
    if spread >= 180:
        return -180.0, south, 180.0, north
    return (longitude - spread + 540) % 360 - 180, south, (longitude + spread + 540) % 360 - 180, north


def in_circle(latitude: float, longitude: float, km: float) -> InBox:
    """That an article has a place within `km` kilometres. Raises BadQuery for a distance that is none."""
    if not km > 0 or not math.isfinite(km):
        raise BadQuery(f"within {km:g} km", "the distance must be greater than 0")
    return InBox(circle_term(latitude, longitude, km), (latitude, longitude, km))


def points(db: Database, where: InBox) -> list[str]:
    """The keys of the index for all places of an archive that lie there: many articles share a place."""
    west, south, east, north = where.box
    across = "longitude between ? and ?" if west <= east else "(longitude >= ? or longitude <= ?)"
    found = db.execute(
        "select distinct latitude, longitude from geotags where latitude between ? and ? and " + across,
        (south, north, west, east),
    )
    if where.circle is None:
        return [key_of(*point) for point in found]
    latitude, longitude, km = where.circle
    return [
        key_of(*point)
        for point in found
        if (distance := distance_km(point[0], point[1], latitude, longitude)) is not None and distance <= km
    ]


def key_of(latitude: float, longitude: float) -> str:
    """The key of the index that an article with a place there has."""
    return f"point:{latitude + 0.0!r},{longitude + 0.0!r}"  # as floats, and no -0.0


_MILE_KM = 1.609344

IS = ("gone", "duplicate", "copy", "source", "edited")
"""`is:copy` is a near copy of a text that is from elsewhere, `is:source` the one that near copies come from."""

HAS = ("geo", "place", "date", *ASKED_FOR, "copy")
"""What `has:` may be followed by."""

SINGULAR: dict[str, str] = {
    **{link.word: link.table for link in LINKS},
    "geo": "geotags",
    "text": "body",
    "date": "published",
}


def language_term(tag: str) -> Key:
    """Basic filtering of RFC 4647, section 3.3.1: "en" also takes en-GB."""
    return Key(f"language:{tag.lower().replace('_', '-')}")


def _site(value: str) -> Key:
    return Key(f"site:{re.sub('^https?://', '', value.lower()).rstrip('/')}")


def _dated(field: str) -> Callable[[str], Node]:
    def fact(value: str) -> Node:
        since, dots, until = value.partition("..")
        if dots and not (since or until):
            raise BadQuery(value, "a period has a beginning, an end or both: 2023-07.., ..2023-08 or 2023-07..2023-08")
        return time_term(field, since or None, (until if dots else since) or None)

    return fact


def _near(value: str) -> InBox:
    where, _, reach = value.partition("~")
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(km|mi)?", reach.lower())
    if reach and not found:
        raise BadQuery(value, "a distance is written ~100km or ~60mi")
    km = float(found[1]) * (_MILE_KM if found[2] == "mi" else 1) if found else DEFAULT_KM
    return in_circle(*parse_point(where), km)


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


def _like(value: str) -> SimilarTo:
    if not re.fullmatch("[0-9]{1,18}", value):
        raise BadQuery(value, "it is followed by the number of an article")
    return SimilarTo(int(value))


def _url(value: str) -> ByRows:
    escaped = re.sub(r"([%_\\])", r"\\\1", value)
    return ByRows(
        "select id from articles where url like ?1 escape '\\' union all select article_id from article_urls "
        "where kind is not 'url' and url like ?1 escape '\\'",
        (f"%{escaped}%",),
    )


FACTS: dict[str, Callable[[str], Node]] = {
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
    "box": lambda value: InBox(box(value)),
    "changed": _changed,
    "is": _one_of(IS, "is"),
    "has": _one_of(HAS, "has"),
    "id": _numbered("id"),
    "cluster": _numbered("cluster"),
    "url": _url,
    "like": _like,
}
"""By name: a value as a term of the query. Each raises BadQuery for a value that it cannot read."""
