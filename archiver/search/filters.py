"""What narrows a search: who, where, when, in which section; and how it is ordered.

Filters of one kind widen each other (two authors: either), filters of different kinds narrow.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlite_utils import Database

from archiver.errors import BadQuery
from archiver.store.sites import find_site

DEFAULT_KM = 25.0
EARTH_KM = 6371.0088
# Letters that are letters of their own and not a base letter with a mark, as people type them without one.
_PLAIN = str.maketrans({"đ": "d", "ð": "d", "ø": "o", "ł": "l", "ı": "i", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe",
                        "þ": "th", "’": "'", "`": "'"})
_FACETS = {"author": ("authors", "article_authors", "author_id"),
           "category": ("categories", "article_categories", "category_id"),
           "tag": ("tags", "article_tags", "tag_id")}
SORTS: dict[str, str] = {
    "relevance": "", "date": "a.published", "modified": "a.modified", "title": "a.title collate nocase",
    "site": "a.site", "added": "a.id", "distance": "distance",
}


@dataclass(frozen=True, slots=True)
class Query:
    """One search. `text` is in the language of `archiver.search.query`; empty means every article.

    `since` and `until` are a year, a month, a day (both ends included, by the page's own clock) or
    a full ISO 8601 time. `near` is (latitude, longitude), `within` kilometres around it (25 where
    it is None), `bbox` (west, south, east, north) in degrees; west greater than east crosses the
    antimeridian. `sort` is a key of SORTS, with "-" before it downwards; "" is by relevance where
    there is text and newest first where there is none. `duplicates` unfolds articles with the same
    text. `limit` None is no limit.
    """

    text: str = ""
    site: tuple[str, ...] = ()
    author: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    near: tuple[float, float] | None = None
    within: float | None = None
    bbox: tuple[float, float, float, float] | None = None
    sort: str = ""
    limit: int | None = 20
    offset: int = 0
    duplicates: bool = False


def folded(name: str) -> str:
    """A name as compared: no case, no diacritics, single spaces."""
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_PLAIN))
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).translate(_PLAIN).split())


def conditions(db: Database, query: Query) -> tuple[list[str], list[Any]]:
    """Conditions on the table alias `a` and the values for their marks.

    Raises BadQuery, and SiteNotFound for a site the archive does not have.
    """
    parts: list[str] = []
    values: list[Any] = []
    if query.site:
        names = [find_site(db, name)["name"] for name in query.site]
        parts.append(f"a.site in ({','.join('?' * len(names))})")
        values += names
    for kind, (table, link, key) in _FACETS.items():
        wanted = getattr(query, kind)
        if wanted:
            ids = _named(db, table, wanted)
            parts.append(f"a.id in (select article_id from {link} where {key} in (select value from json_each(?)))")
            values.append(json.dumps(ids))
    if query.language:
        # Basic filtering of RFC 4647, section 3.3.1: "en" also takes en-GB.
        parts.append("(" + " or ".join("lower(a.language) = ? or lower(a.language) like ? || '-%'"
                                       for _ in query.language) + ")")
        values += [tag.lower().replace("_", "-") for tag in query.language for _ in (1, 2)]
    for sql, value in _times(query):
        parts.append(sql)
        values.append(value)
    for sql, given in _places(query):
        parts.append(sql)
        values += given
    return parts, values


def _named(db: Database, table: str, wanted: Iterable[str]) -> list[int]:
    keys = {folded(name) for name in wanted}
    return [row[0] for row in db.execute(f"select id, name from {table}") if folded(row[1]) in keys]


# -- time -------------------------------------------------------------------------------------


def _times(query: Query) -> list[tuple[str, str]]:
    out: list[tuple[str, str]] = []
    if query.since:
        start, _, exact = period(query.since)
        out.append(("julianday(a.published) >= julianday(?)" if exact else "a.published >= ?", start))
    if query.until:
        _, end, exact = period(query.until)
        out.append(("julianday(a.published) <= julianday(?)" if exact else "a.published < ?", end))
    if query.since and query.until and period(query.since)[0] >= period(query.until)[1]:
        raise BadQuery(f"{query.since} to {query.until}", "its end lies before its beginning")
    return out


def period(text: str) -> tuple[str, str, bool]:
    """A year, month or day as [first day, day after the last); a full time as itself twice and True.

    Raises BadQuery.
    """
    typed = text.strip()
    try:
        if found := re.fullmatch(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?", typed):
            year, month, day = (int(part) if part else None for part in found.groups())
            assert year is not None
            start = date(year, month or 1, day or 1)
            if day:
                end = start + timedelta(days=1)
            else:
                end = date(year + (not month or month == 12), (month or 12) % 12 + 1, 1)
            return start.isoformat(), end.isoformat(), False
        moment = datetime.fromisoformat(typed).isoformat()
    except (ValueError, OverflowError):
        raise BadQuery(text, "a date is written 2024, 2024-05, 2024-05-31 or 2024-05-31T18:00+02:00") from None
    return moment, moment, True


# -- place ------------------------------------------------------------------------------------


def point(text: str) -> tuple[float, float]:
    """ "LAT,LON" in degrees. Raises BadQuery."""
    latitude, longitude = _degrees(text, 2, "a place is written LAT,LON in degrees, for example 48.85,2.35")
    if abs(latitude) > 90 or abs(longitude) > 180:
        swapped = abs(longitude) <= 90 and abs(latitude) <= 180
        raise BadQuery(text, "latitudes lie between -90 and 90, longitudes between -180 and 180"
                             + ("; the latitude comes first" if swapped else ""))
    return latitude, longitude


def box(text: str) -> tuple[float, float, float, float]:
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
    h = (math.sin((b - a) / 2) ** 2
         + math.cos(a) * math.cos(b) * math.sin(math.radians(lon2 - lon1) / 2) ** 2)
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(h)))


def around(latitude: float, longitude: float, km: float) -> tuple[float, float, float, float]:
    """The box (W, S, E, N) that holds the circle; west greater than east where it crosses the antimeridian."""
    angle = km / EARTH_KM
    south, north = latitude - math.degrees(angle), latitude + math.degrees(angle)
    if south <= -90 or north >= 90 or angle >= math.pi / 2:
        return -180.0, max(south, -90.0), 180.0, min(north, 90.0)
    spread = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(latitude)))))
    if spread >= 180:
        return -180.0, south, 180.0, north
    return (longitude - spread + 540) % 360 - 180, south, (longitude + spread + 540) % 360 - 180, north


# A publisher's own address stands on every page of a site and says nothing of the post.
_PLACE = "select article_id from geotags where role <> 'publisher' and latitude between ? and ? and "


def _in_box(bounds: tuple[float, float, float, float]) -> tuple[str, list[Any]]:
    west, south, east, north = bounds
    across = "longitude between ? and ?" if west <= east else "(longitude >= ? or longitude <= ?)"
    return _PLACE + across, [south, north, west, east]


def _places(query: Query) -> list[tuple[str, list[Any]]]:
    out: list[tuple[str, list[Any]]] = []
    if query.within is not None and query.near is None:
        raise BadQuery(f"within {query.within:g} km", "it needs --near LAT,LON to say of what")
    if query.sort.lstrip("-") == "distance" and query.near is None:
        raise BadQuery("sort by distance", "it needs --near LAT,LON to say from where")
    if query.near is not None:
        km = DEFAULT_KM if query.within is None else query.within
        if not km > 0:
            raise BadQuery(f"within {km:g} km", "the distance must be greater than 0")
        sql, values = _in_box(around(*query.near, km))
        out.append((f"a.id in ({sql} and distance_km(latitude, longitude, ?, ?) <= ?)",
                    [*values, *query.near, km]))
    if query.bbox is not None:
        sql, values = _in_box(query.bbox)
        out.append((f"a.id in ({sql})", values))
    return out
