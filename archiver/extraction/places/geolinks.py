"""The position in a link or a frame of a map service: a table with one row per service."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, unquote, urlsplit

from archiver.extraction.places.geotext import Position, checked, position

_NUM = r"([+-]?\d{1,3}(?:\.\d{1,15})?)"
_PAIR = re.compile(rf"{_NUM}\s*(?:,|%2C|_|~|\s)\s*{_NUM}")
_AROUND_PAIR = re.compile(r"^(?:loc:|ll\.|location:)|^[^|]*\|(?=[^|]*$)|\s*\(.*\)$|^color:\w+\|")
_METRES_A_DEGREE = 111_320.0


@dataclass(frozen=True, slots=True)
class Service:
    """How a service writes positions into addresses, surest notation first.

    `pairs`: two query parameters with one number each; `patterns`: searched in path, query and fragment, with True
    where the longitude comes first; `queries`: parameters with both numbers, with True likewise. `only`: a parameter
    and the value that it must have, for services whose own grid is not WGS 84.
    """

    host: str
    path: str = ""
    patterns: tuple[tuple[str, bool], ...] = ()
    queries: tuple[tuple[str, bool], ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    only: tuple[str, str] | None = None


def _plainly(*names: str) -> tuple[tuple[str, bool], ...]:
    return tuple((n, False) for n in names)


def _turned(*names: str) -> tuple[tuple[str, bool], ...]:
    return tuple((n, True) for n in names)


_GOOGLE_PATTERNS = (
    (rf"!3d{_NUM}!4d{_NUM}", False),
    (rf"!2d{_NUM}!3d{_NUM}", True),
    (rf"/@{_NUM},{_NUM}(?:,|/|$|\?)", False),
    (rf"[?&]q=[^&#]*@{_NUM},{_NUM}(?:[&#]|$)", False),
    (rf"/(?:place|search|dir)/(?:[^?#]*/)?{_NUM},\+?{_NUM}(?:[/?#]|$)", False),
)
_GOOGLE_QUERIES = _plainly("q", "query", "ll", "center", "cbll", "viewpoint", "destination", "daddr", "markers", "sll")
SERVICES = (
    Service(r"(?:^|\.)maps\.google\.[a-z.]+$", patterns=_GOOGLE_PATTERNS, queries=_GOOGLE_QUERIES),
    Service(r"(?:^|\.)google\.[a-z.]+$", r"^/maps", _GOOGLE_PATTERNS, _GOOGLE_QUERIES),
    Service(r"^maps\.googleapis\.com$|^maps\.app\.goo\.gl$|^goo\.gl$", patterns=_GOOGLE_PATTERNS,
            queries=_GOOGLE_QUERIES),
    Service(
        r"(?:^|\.)(?:openstreetmap\.(?:org|de|fr)|osm\.org|opentopomap\.org|cyclosm\.org)$",
        patterns=((rf"#(?:marker|map)=\d{{1,2}}(?:\.\d+)?/{_NUM}/{_NUM}", False),),
        queries=_plainly("marker"),
        pairs=(("mlat", "mlon"), ("lat", "lon")),
    ),
    Service(r"(?:^|\.)osmand\.net$", pairs=(("lat", "lon"),), queries=_plainly("pin")),
    Service(r"(?:^|\.)bing\.com$", queries=_plainly("cp", "where1", "center"),
            patterns=((rf"point\.{_NUM}_{_NUM}", False),)),
    Service(r"^maps\.apple\.com$", queries=_plainly("coordinate", "ll", "q", "center", "sll", "daddr")),
    Service(
        r"(?:^|\.)(?:yandex\.[a-z.]+|ya\.ru)$",
        r"maps|1\.x|map-widget|^/$|^/v\d",
        queries=_turned("whatshere[point]", "pt", "poi[point]", "ll"),
    ),
    Service(r"(?:^|\.)2gis\.[a-z.]+$", patterns=((rf"(?:geo/(?:\d+/)?|center/|[?&]m=){_NUM}(?:,|%2C){_NUM}", True),)),
    Service(r"(?:^|\.)map\.baidu\.com$", queries=_plainly("location", "latlng"), only=("coord_type", "wgs84")),
    Service(r"^uri\.amap\.com$", queries=_turned("position", "to"), only=("coordinate", "wgs84")),
    Service(r"(?:^|\.)waze\.com$", queries=_plainly("ll", "to", "latlng"), pairs=(("lat", "lon"),)),
    Service(r"^(?:share|wego|www)\.here\.com$", patterns=((rf"/(?:l|r)/(?:[^?#]*/)?{_NUM},{_NUM}", False),),
            queries=_plainly("map")),
    Service(r"(?:^|\.)mapy\.(?:cz|com)$", pairs=(("y", "x"),)),
    Service(r"^map\.kakao\.com$", patterns=((rf"/link/(?:map|to)/[^?#]*,{_NUM},{_NUM}", False),)),
    Service(r"^map\.naver\.com$", pairs=(("lat", "lng"),)),
    Service(r"^geohack\.(?:toolforge|wmflabs)\.org$|^tools\.wmflabs\.org$", queries=_plainly("params")),
)
"""Baidu's and Amap's own grids (BD-09, GCJ-02) are off by some hundred metres: only addresses in WGS 84 are read."""


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A service with its expressions compiled."""

    service: Service
    host: re.Pattern[str]
    path: re.Pattern[str]
    patterns: tuple[tuple[re.Pattern[str], bool], ...]


_COMPILED = tuple(
    _Compiled(s, re.compile(s.host), re.compile(s.path), tuple((re.compile(p), turned) for p, turned in s.patterns))
    for s in SERVICES
)
SIGNS = (
    "map", "google.", "goo.gl", "osm", "bing.com", "yandex", "//ya.ru", "2gis", "baidu", "waze", "here.com", "geohack",
    "\ngeo:",
)
"""Parts of the addresses of map services, in lower case; a line break marks the start of the address."""
_GEOHACK = re.compile(r"^([\d._-]+[NS]_[\d._-]+[EW])", re.IGNORECASE)


def of_map_link(href: str) -> Position | None:
    """The position in an address of a map service or in a geo: URI (RFC 5870); None if there is none."""
    if len(href) > 4_000 or not any(sign in f"\n{href.lower()}" for sign in SIGNS):
        return None
    if href[:4].lower() == "geo:":
        return _geo_uri(href)
    try:
        parts = urlsplit(href.strip())
        host = (parts.hostname or "").lower()
        query = parse_qs(parts.query, max_num_fields=60)
    except ValueError:
        return None
    for one in _COMPILED:
        if not one.host.search(host) or not one.path.search(parts.path or "/"):
            continue
        only = one.service.only
        if only and only[1] not in query.get(only[0], [""])[0].lower():
            return None
        return _read(one, unquote(f"{parts.path}?{parts.query}#{parts.fragment}"), query)
    return None


def _read(compiled: _Compiled, whole: str, query: Mapping[str, list[str]]) -> Position | None:
    """The position that a service wrote into an address. `whole`: path, query and fragment, without escapes."""
    for lat_key, lon_key in compiled.service.pairs:
        if lat_key in query and lon_key in query:
            return position(f"{query[lat_key][0]};{query[lon_key][0]}")
    for pattern, turned in compiled.patterns:
        if m := pattern.search(whole):
            return _of(m[1], m[2], turned)
    for key, turned in compiled.service.queries:
        for value in query.get(key, ()):
            if key == "params":
                m = _GEOHACK.match(value)
                return position(m[1].replace("_", " ")) if m else None
            if m := _PAIR.match(_AROUND_PAIR.sub("", value).replace("~", ",")):
                return _of(m[1], m[2], turned)
    return None


def _of(first: str, second: str, turned: bool) -> Position | None:
    found = position(f"{second};{first}" if turned else f"{first};{second}")
    # A service never swaps its numbers: a pair that fits only if swapped is no position.
    return found if found and found.latitude == round(float(second if turned else first), 7) else None


def _geo_uri(href: str) -> Position | None:
    point, *parameters = href[4:].partition("?")[0].split(";")
    given = dict(p.partition("=")[::2] for p in parameters)
    numbers = point.split(",")
    if given.get("crs", "wgs84").lower() != "wgs84" or len(numbers) not in (2, 3):
        return None
    try:
        found = checked(float(numbers[0]), float(numbers[1]))
        uncertain = float(given["u"]) / _METRES_A_DEGREE if "u" in given else None
    except ValueError:
        return None
    if found is None or found.latitude != round(float(numbers[0]), 7):
        return None
    exact = position(f"{numbers[0]};{numbers[1]}")
    return replace(found, precision=uncertain if uncertain is not None else exact.precision if exact else None)
