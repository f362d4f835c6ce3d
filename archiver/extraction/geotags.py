"""Finds the geo-tags of a post in a page's markup (meta elements, microformats, microdata, RDFa, JSON-LD, maps and map
links), each place once, and finds the place of a site's publisher.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from lxml.etree import XPath
from lxml.etree import _Element as Element

from archiver.extraction.metadata import Node, is_article_item, item_of, types
from archiver.extraction.normalization import clean_text, element_line, fold_text
from archiver.extraction.page import Page
from archiver.extraction.post_locator import Post
from archiver.model.items import Evidence, GeoTag, Mark, SourceHint, format_degrees
from archiver.model.lazy_regex import lazy_regex

# Rough bounds of countries, which are enough to distinguish latitude from longitude if a page names its region.

# Each entry is an ISO 3166-1 code and the country's bounds in whole degrees: south, west, north, east. For a country
# with remote parts, these are the bounds of its mainland.
_BOUNDS = """
AE 22 51 27 57; AF 29 60 39 75; AL 39 19 43 22; AR -56 -74 -21 -53; AT 46 9 50 18; AU -44 112 -10 154; AZ 38 44 42 51
BA 42 15 46 20; BD 20 88 27 93; BE 49 2 52 7; BG 41 22 45 29; BO -23 -70 -9 -57; BR -34 -74 6 -34; BY 51 23 57 33
CA 41 -142 84 -52; CH 45 5 48 11; CL -56 -76 -17 -66; CN 18 73 54 135; CO -5 -80 13 -66; CU 19 -85 24 -74
CY 34 32 36 35; CZ 48 12 52 19; DE 47 5 56 16; DK 54 8 58 16; DZ 18 -9 38 12; EC -6 -82 2 -75; EE 57 21 60 29
EG 21 24 32 37; ES 27 -19 44 5; ET 3 32 15 48; FI 59 19 71 32; FR 41 -6 52 10; GB 49 -9 61 2; GE 41 39 44 47
GH 4 -4 12 2; GR 34 19 42 30; HR 42 13 47 20; HU 45 16 49 23; ID -12 95 7 142; IE 51 -11 56 -5; IL 29 34 34 36
IN 6 68 36 98; IQ 29 38 38 49; IR 25 44 40 64; IS 63 -25 67 -13; IT 35 6 48 19; JO 29 34 34 40; JP 24 122 46 154
KE -5 33 6 42; KH 10 102 15 108; KR 33 124 39 132; KW 28 46 31 49; KZ 40 46 56 88; LA 13 100 23 108; LB 33 35 35 37
LK 5 79 10 82; LT 53 20 57 27; LU 49 5 51 7; LV 55 20 59 29; MA 27 -14 36 0; MD 45 26 49 31; MM 9 92 29 102
MX 14 -119 33 -86; MY 0 99 8 120; NG 4 2 14 15; NL 50 3 54 8; NO 57 4 72 32; NP 26 80 31 89; NZ -48 166 -34 179
PE -19 -82 0 -68; PH 4 116 22 127; PK 23 60 38 78; PL 48 14 55 25; PS 31 34 33 36; PT 30 -32 43 -6; QA 24 50 27 52
RO 43 20 49 30; RS 42 18 47 24; RU 41 19 82 180; SA 16 34 33 56; SE 55 10 70 25; SG 1 103 2 105; SI 45 13 47 17
SK 47 16 50 23; SY 32 35 38 43; TH 5 97 21 106; TN 30 7 38 12; TR 35 25 43 45; TW 21 118 27 123; UA 44 22 53 41
US 18 -180 72 -66; UY -35 -59 -30 -53; UZ 37 55 46 74; VE 0 -74 13 -59; VN 8 102 24 110; YE 12 41 19 55
ZA -35 16 -22 33
"""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounding box of a country, in whole degrees."""

    south: int
    west: int
    north: int
    east: int

    def holds(self, latitude: float, longitude: float) -> bool:
        return self.south <= latitude <= self.north and self.west <= longitude <= self.east


BOUNDS: dict[str, Bounds] = {}
for _row in _BOUNDS.replace("\n", ";").split(";"):
    if _row.strip():
        _code, *_country_degrees = _row.split()
        BOUNDS[_code] = Bounds(*map(int, _country_degrees))


def is_swapped(latitude: float, longitude: float, region: str) -> bool:
    """Returns True if a position is outside its country, but would be inside if latitude and longitude were exchanged.

    `region` is an ISO 3166 code such as "DE" or "DE-BE".
    """
    bounds = BOUNDS.get(region[:2].upper()) if len(region) == 2 or region[2:3] in ("-", "_") else None
    return bounds is not None and not bounds.holds(latitude, longitude) and bounds.holds(longitude, latitude)


@dataclass(frozen=True, slots=True)
class Position:
    """A position in degrees of WGS 84, north and east positive, with the precision in which it was written.

    `precision` is in degrees, like Darwin Core's coordinatePrecision: 0.0001 for four decimals, 1/3600 for seconds.
    It is None if unknown.
    """

    latitude: float
    longitude: float
    precision: float | None = None

    @property
    def is_possible(self) -> bool:
        return abs(self.latitude) <= 90 and abs(self.longitude) <= 180


# The words for the compass directions, before or after a number. "O" means west in Romance languages, but east in
# Germanic ones.
_SIDES: tuple[tuple[str, str], ...] = (
    (
        "N",
        r"north(?:ern)?|nord|norte|noord|kuzey|с\.?\s?ш\.?|сев\w*\.?\s+широт\w+|пн\.?\s?ш\.?|北[纬緯]|북위|"
        r"شمال(?:اً|ا|ًا)?|צפון|(?:vĩ\s+độ\s+)?bắc",
    ),
    (
        "S",
        r"south(?:ern)?|süd|sud|sur|sul|zuid|güney|ю\.?\s?ш\.?|юж\w*\.?\s+широт\w+|пд\.?\s?ш\.?|南[纬緯]|남위|"
        r"جنوب(?:اً|ا|ًا)?|דרום|(?:vĩ\s+độ\s+)?nam",
    ),
    (
        "E",
        r"east(?:ern)?|ost|est|este|leste|oost|doğu|в\.?\s?д\.?|вост\w*\.?\s+долгот\w+|сх\.?\s?д\.?|东经|東[経經]|"
        r"동경|شرق(?:اً|ا|ًا)?|מזרח|(?:kinh\s+độ\s+)?đông",
    ),
    (
        "W",
        r"west(?:ern)?|ouest|oeste|ovest|batı|з\.?\s?д\.?|зап\w*\.?\s+долгот\w+|зх\.?\s?д\.?|西[经經経]|서경|"
        r"غرب(?:اً|ا|ًا)?|מערב|(?:kinh\s+độ\s+)?tây",
    ),
)
_SIDE = tuple((letter, lazy_regex(rf"(?<![^\W\d_])(?:{words})(?![^\W\d_])", re.IGNORECASE)) for letter, words in _SIDES)
_EAST_O = ("de", "nl", "da", "nb", "nn", "no", "sv", "af")
_SIGNS = str.maketrans(
    {
        "−": "-",
        "–": "-",
        "º": "°",
        "˚": "°",
        "度": "°",
        "′": "'",
        "’": "'",
        "‘": "'",
        "´": "'",
        "`": "'",
        "分": "'",
        "″": '"',
        "”": '"',
        "“": '"',
        "„": '"',
        "秒": '"',
        "٫": ".",
        "،": ",",
        "，": ",",
        "；": ";",
        "、": ",",
        "Ø": "O",
    }
)
_LABEL = lazy_regex(r"\b(?P<what>lat(?:itude|\.)?|lon(?:gitude|\.)?|lng|long)\s*[:=]?\s*", re.IGNORECASE)
_GEO, _END = lazy_regex(r"^(?:geo:|loc:)\s*", re.IGNORECASE), lazy_regex(r"\s*[,;]?\s*$")
_WKT = lazy_regex(r"POINT\s*\(\s*(-?\d{1,3}(?:\.\d+)?) (-?\d{1,3}(?:\.\d+)?)", re.IGNORECASE)
_COORDINATE = (
    r"(?P<d{0}>[+-]?\d{{1,3}}(?:[.,]\d{{1,15}})?)(?:\s*(?:°|deg\b|d\b)?(?:(?:(?<=[°dg])\s*|[\s:]+)"
    r"(?P<m{0}>\d{{1,2}}(?:[.,]\d{{1,9}})?)\s*(?:['m:]|(?=\s)|$|(?=[NSEW]))(?:\s*(?P<s{0}>\d{{1,2}}(?:[.,]\d{{1,9}})?)"
    r"\s*(?:\"|''|s\b)?)?)?)"
)
_SEPARATOR = r"\s*(?:[,;/|~]|\s)\s*"
_TAIL = r"(?:\s*[,;]\s*-?\d+(?:\.\d+)?\s*[a-z]*)?"
_DECIMAL = r"(?P<d{0}>[+-]?\d{{1,3}}(?:[.,]\d{{1,15}})?)\s*°?(?P<m{0}>)(?P<s{0}>)"


def _pair_patterns(first: str, second: str) -> tuple[re.Pattern[str], ...]:
    one, two = first.format(1), second.format(2)
    return (
        lazy_regex(rf"(?P<h1>[NSEW])\s*{one}{_SEPARATOR}?(?P<h2>[NSEW])\s*{two}"),
        lazy_regex(rf"{one}\s*(?P<h1>[NSEW]){_SEPARATOR}?{two}\s*(?P<h2>[NSEW])"),
        lazy_regex(rf"{one}{_SEPARATOR}{two}{_TAIL}(?P<h1>)(?P<h2>)"),
    )


_PAIRS = (*_pair_patterns(_DECIMAL, _DECIMAL), *_pair_patterns(_COORDINATE, _COORDINATE))
_SINGLE = lazy_regex(rf"(?P<h1>[NSEW])?\s*{_COORDINATE.format(1)}\s*(?P<h2>[NSEW])?")


def _plain_text(text: str | None, language: str = "") -> str:
    """Returns the first 200 characters of a text with ASCII digits and signs, and with N, S, E and W in place of the
    words for compass directions; "" for None. `language` decides whether "O" means east or west.
    """
    text = (text or "")[:200].translate(_SIGNS)
    if not text.isascii():
        text = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)
    if any(c.isalpha() for c in text):
        for letter, words in _SIDE:
            text = words.sub(letter, text)
        text = re.sub(r"(?<![^\W\d_])[Oo](?![^\W\d_])", "E" if language[:2].lower() in _EAST_O else "W", text)
        text = re.sub(r"(?<![^\W\d_])[nsew](?![^\W\d_])", lambda m: m[0].upper(), text)
    return re.sub(r"\s+", " ", text).strip()


def parse_degrees_with_precision(text: str | None) -> tuple[float, float] | None:
    """Parses one coordinate. Returns it and the precision with which it is written, both in degrees; None if the text
    is not a coordinate.
    """
    m = _SINGLE.fullmatch(_plain_text(text))
    if m is None:
        return None
    found = _degrees(m, "1")
    side = m["h1"] or m["h2"] or ""
    return (-found[0] if found and side in "SW" and side else found[0], found[1]) if found else None


def _degrees(m: re.Match[str], n: str) -> tuple[float, float] | None:
    parts = [(m[k + n] or "").replace(",", ".") for k in "dms"]
    if any("." in p for p, finer in pairwise(parts) if finer):
        return None  # only the last number may have decimals: "10.5° 30'" is not a coordinate
    d, minutes, seconds = (float(p or 0) for p in parts)
    if minutes >= 60 or seconds >= 60:
        return None
    value = abs(d) + minutes / 60 + seconds / 3600
    last, unit = next((p, u) for p, u in zip(reversed(parts), (3600, 60, 1), strict=True) if p)
    precision = 10.0 ** -len(last.partition(".")[2]) / unit
    return -value if parts[0].startswith("-") else value, precision


def parse_position(text: str | None, language: str = "") -> Position | None:
    """Parses a text with a latitude and a longitude; returns None if the text is not a position. The position may be
    an impossible one.

    Examples are "10.5;106.7", "10,5 ; 106,7", "10°30'N 106°42'E", "geo:10.5,106.7", "lat: 10.5, lon: 106.7",
    "北纬10°30′ 东经106°42′". `language` (BCP 47) decides whether "O" means east or west.
    """
    if not text or not any(c.isdecimal() for c in text[:200]):
        return None
    plain = _GEO.sub("", _plain_text(text, language)).strip(" ()[].,;")
    if m := _WKT.fullmatch(plain):
        return parse_position(f"{m[2]};{m[1]}")
    labels = [m["what"][:2].lower() for m in _LABEL.finditer(plain)]
    if labels:
        if sorted(labels) not in (["la", "lo"], ["la", "ln"]):
            return None
        plain = _END.sub("", _LABEL.sub("", plain))
    for pattern in _PAIRS:
        m = pattern.fullmatch(plain)
        if m and (first := _degrees(m, "1")) and (second := _degrees(m, "2")):
            return _from_pair(first, second, (m["h1"], m["h2"]), longitude_first=bool(labels) and labels[0] != "la")
    return None


def _from_pair(
    first: tuple[float, float], second: tuple[float, float], sides: tuple[str, str], longitude_first: bool
) -> Position | None:
    """Returns the position given by two coordinates (`first` and `second`), each in degrees with its precision.

    `sides` are the compass letters of the two, "" if missing; without letters, `longitude_first` decides which of them
    is the longitude. Returns None if the letters contradict each other, such as N and S.
    """
    if any(sides) and not (set(sides) & {"N", "S"} and set(sides) & {"E", "W"}):
        return None
    one, two = (-v[0] if side and side in "SW" else v[0] for v, side in zip((first, second), sides, strict=True))
    if longitude_first or (sides[0] and sides[0] in "EW"):
        one, two = two, one
    return Position(round(one, 7), round(two, 7), min(first[1], second[1]))


def centre_of_bounds(text: str | None, turned: bool = False) -> Position | None:
    """Returns the centre of the bounding box of a line, box or polygon, which is given as "lat lon lat lon ..." or, if
    `turned` is True, as "lon lat lon lat ...". Returns None if the count of numbers is odd. The position may be an
    impossible one.
    """
    numbers = [float(n) for n in re.findall(r"[+-]?\d{1,3}(?:\.\d{1,15})?", (text or "")[:20_000])]
    if len(numbers) < 2 or len(numbers) % 2:
        return None
    lats, lons = (numbers[1::2], numbers[0::2]) if turned else (numbers[0::2], numbers[1::2])
    return Position(round((min(lats) + max(lats)) / 2, 7), round((min(lons) + max(lons)) / 2, 7))


# Positions in the addresses of links and frames of map services: a table with one row per service.

_NUM = r"([+-]?\d{1,3}(?:\.\d{1,15})?)"
_PAIR = lazy_regex(rf"{_NUM}\s*(?:,|%2C|_|~|\s)\s*{_NUM}")
_AROUND_PAIR = lazy_regex(r"^(?:loc:|ll\.|location:)|^[^|]*\|(?=[^|]*$)|\s*\(.*\)$|^color:\w+\|")
_METRES_A_DEGREE = 111_320.0


@dataclass(frozen=True, slots=True)
class MapService:
    """How a map service writes positions into its addresses.

    - `pairs`: pairs of query parameters that hold one number each.
    - `patterns`: regular expressions for path, query and fragment, each with True if the longitude comes first.
    - `queries`: query parameters that hold both numbers, each with True if the longitude comes first.
    - `only`: a parameter and the value that it must have, for services whose own coordinates are not WGS 84.

    The notations are tried in the order `pairs`, `patterns`, `queries`, and within each of them in the given order,
    most reliable first.
    """

    host: str
    path: str = ""
    patterns: tuple[tuple[str, bool], ...] = ()
    queries: tuple[tuple[str, bool], ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    only: tuple[str, str] | None = None


def _latitude_first(*names: str) -> tuple[tuple[str, bool], ...]:
    return tuple((n, False) for n in names)


def _longitude_first(*names: str) -> tuple[tuple[str, bool], ...]:
    return tuple((n, True) for n in names)


_GOOGLE_PATTERNS = (
    (rf"!3d{_NUM}!4d{_NUM}", False),
    (rf"!2d{_NUM}!3d{_NUM}", True),
    (rf"/@{_NUM},{_NUM}(?:,|/|$|\?)", False),
    (rf"[?&]q=[^&#]*@{_NUM},{_NUM}(?:[&#]|$)", False),
    (rf"/(?:place|search|dir)/(?:[^?#]*/)?{_NUM},\+?{_NUM}(?:[/?#]|$)", False),
)
_GOOGLE_QUERIES = _latitude_first(
    "q", "query", "ll", "center", "cbll", "viewpoint", "destination", "daddr", "markers", "sll"
)
SERVICES = (
    MapService(r"(?:^|\.)maps\.google\.[a-z.]+$", patterns=_GOOGLE_PATTERNS, queries=_GOOGLE_QUERIES),
    MapService(r"(?:^|\.)google\.[a-z.]+$", r"^/maps", _GOOGLE_PATTERNS, _GOOGLE_QUERIES),
    MapService(
        r"^maps\.googleapis\.com$|^maps\.app\.goo\.gl$|^goo\.gl$", patterns=_GOOGLE_PATTERNS, queries=_GOOGLE_QUERIES
    ),
    MapService(
        r"(?:^|\.)(?:openstreetmap\.(?:org|de|fr)|osm\.org|opentopomap\.org|cyclosm\.org)$",
        patterns=((rf"#(?:marker|map)=\d{{1,2}}(?:\.\d+)?/{_NUM}/{_NUM}", False),),
        queries=_latitude_first("marker"),
        pairs=(("mlat", "mlon"), ("lat", "lon")),
    ),
    MapService(r"(?:^|\.)osmand\.net$", pairs=(("lat", "lon"),), queries=_latitude_first("pin")),
    MapService(
        r"(?:^|\.)bing\.com$",
        queries=_latitude_first("cp", "where1", "center"),
        patterns=((rf"point\.{_NUM}_{_NUM}", False),),
    ),
    MapService(r"^maps\.apple\.com$", queries=_latitude_first("coordinate", "ll", "q", "center", "sll", "daddr")),
    MapService(
        r"(?:^|\.)(?:yandex\.[a-z.]+|ya\.ru)$",
        r"maps|1\.x|map-widget|^/$|^/v\d",
        queries=_longitude_first("whatshere[point]", "pt", "poi[point]", "ll"),
    ),
    MapService(
        r"(?:^|\.)2gis\.[a-z.]+$", patterns=((rf"(?:geo/(?:\d+/)?|center/|[?&]m=){_NUM}(?:,|%2C){_NUM}", True),)
    ),
    MapService(
        r"(?:^|\.)map\.baidu\.com$", queries=_latitude_first("location", "latlng"), only=("coord_type", "wgs84")
    ),
    MapService(r"^uri\.amap\.com$", queries=_longitude_first("position", "to"), only=("coordinate", "wgs84")),
    MapService(r"(?:^|\.)waze\.com$", queries=_latitude_first("ll", "to", "latlng"), pairs=(("lat", "lon"),)),
    MapService(
        r"^(?:share|wego|www)\.here\.com$",
        patterns=((rf"/(?:l|r)/(?:[^?#]*/)?{_NUM},{_NUM}", False),),
        queries=_latitude_first("map"),
    ),
    MapService(r"(?:^|\.)mapy\.(?:cz|com)$", pairs=(("y", "x"),)),
    MapService(r"^map\.kakao\.com$", patterns=((rf"/link/(?:map|to)/[^?#]*,{_NUM},{_NUM}", False),)),
    MapService(r"^map\.naver\.com$", pairs=(("lat", "lng"),)),
    MapService(r"^geohack\.(?:toolforge|wmflabs)\.org$|^tools\.wmflabs\.org$", queries=_latitude_first("params")),
)
"""The map services. For Baidu and Amap, only addresses in WGS 84 are read, since their own coordinates (BD-09, GCJ-02)
are off by several hundred metres."""


@dataclass(frozen=True, slots=True)
class _CompiledService:
    """A map service (see `MapService`) with its regular expressions compiled."""

    service: MapService
    host: re.Pattern[str]
    path: re.Pattern[str]
    patterns: tuple[tuple[re.Pattern[str], bool], ...]


_COMPILED = tuple(
    _CompiledService(
        s, lazy_regex(s.host), lazy_regex(s.path), tuple((lazy_regex(p), turned) for p, turned in s.patterns)
    )
    for s in SERVICES
)
SIGNS = (
    "map",
    "google.",
    "goo.gl",
    "osm",
    "bing.com",
    "yandex",
    "//ya.ru",
    "2gis",
    "baidu",
    "waze",
    "here.com",
    "geohack",
    "\ngeo:",
)
"""Every address of a map service contains one of these, in lower case. A line break stands for the start of the
address.
"""
_GEOHACK = lazy_regex(r"^([\d._-]+[NS]_[\d._-]+[EW])", re.IGNORECASE)


def map_link_position(href: str) -> Position | None:
    """Returns the position in an address of a map service or in a geo: URI (RFC 5870); None if the address contains no
    position.
    """
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
        return _position_in_address(one, unquote(f"{parts.path}?{parts.query}#{parts.fragment}"), query)
    return None


def _position_in_address(compiled: _CompiledService, whole: str, query: Mapping[str, list[str]]) -> Position | None:
    """Returns the position in an address of the map service `compiled`; None if the address contains no position.
    `whole` is the path, query and fragment, unescaped. `query` is the parsed query.
    """
    for lat_key, lon_key in compiled.service.pairs:
        if lat_key in query and lon_key in query:
            return parse_position(f"{query[lat_key][0]};{query[lon_key][0]}")
    for pattern, turned in compiled.patterns:
        if m := pattern.search(whole):
            return _position_of_pair(m[1], m[2], turned)
    for key, turned in compiled.service.queries:
        for value in query.get(key, ()):
            if key == "params":
                m = _GEOHACK.match(value)
                return parse_position(m[1].replace("_", " ")) if m else None
            if m := _PAIR.match(_AROUND_PAIR.sub("", value).replace("~", ",")):
                return _position_of_pair(m[1], m[2], turned)
    return None


def _position_of_pair(first: str, second: str, turned: bool) -> Position | None:
    return parse_position(f"{second};{first}" if turned else f"{first};{second}")


def _geo_uri(href: str) -> Position | None:
    point, *parameters = href[4:].partition("?")[0].split(";")
    given = dict(p.partition("=")[::2] for p in parameters)
    numbers = point.split(",")
    if given.get("crs", "wgs84").lower() != "wgs84" or len(numbers) not in (2, 3):
        return None
    found = parse_position(f"{numbers[0]};{numbers[1]}")
    try:
        uncertain = float(given["u"]) / _METRES_A_DEGREE if "u" in given else None
    except ValueError:
        return None
    return replace(found, precision=uncertain) if found and uncertain is not None else found


# Places in <meta> elements, and in custom fields that a theme shows.

_WHOLE = ("geo.position", "icbm", "geo.point", "geo:position", "dc.coverage.x-geo", "geo.coordinates", "geo")
_HALVES = (
    ("place:location:latitude", "place:location:longitude"),
    ("og:latitude", "og:longitude"),
    ("og:location:latitude", "og:location:longitude"),
    ("geo_latitude", "geo_longitude"),
    ("geo.latitude", "geo.longitude"),
    ("geo:lat", "geo:long"),
    ("geo:latitude", "geo:longitude"),
    ("geo.lat", "geo.long"),
    ("geo.lat", "geo.lon"),
    ("latitude", "longitude"),
)
_NAMES = (
    "geo.placename",
    "geo.place",
    "geo.locality",
    "geo_address",
    "og:locality",
    "place:location:name",
    "dc.coverage.placename",
)
_REGIONS = ("geo.region", "geo.country", "og:region", "og:country-name")
_DUBLIN_CORE = ("dcterms.spatial", "dc.coverage.spatial", "dc.coverage", "dcterms.coverage", "dc.spatial")
_OF_BUSINESS = ("og:phone_number", "og:street-address", "business:contact_data:street_address", "og:postal-code")
_BUSINESS_TYPES = lazy_regex(r"^(?:business|restaurant|company|place|hotel|website|organization)\b", re.IGNORECASE)
_OPEN_GRAPH = frozenset(("place:location:latitude", "og:latitude", "og:location:latitude"))
_BOX = ("southlimit", "westlimit", "northlimit", "eastlimit")
_DCMI = lazy_regex(r"(\w+)\s*=\s*([^;]+)")
_NOWHERE = lazy_regex(
    r"^(?:world(?:wide)?|global|international|earth|internet|n/?a|none|null|all|everywhere|weltweit|mondial|[\W\d_]+)$",
    re.IGNORECASE,
)


def geo_metas(page: Page) -> Iterator[GeoTag]:
    """Yields the places in meta elements, positions first.

    The position in Open Graph has the role "publisher" if the page also gives the address of a business. If the page
    gives a region, and a position lies in this region only after its latitude and longitude are exchanged, they are
    exchanged.
    """
    data = page.data
    name = next((n for n in data.meta(*_NAMES) if not _NOWHERE.match(n)), "")
    region = data.meta_first(*_REGIONS)
    of_business = _is_business_address(page)
    places = _positions(page)
    for p, source in places:
        if p.is_possible and is_swapped(p.latitude, p.longitude, region):
            p = replace(p, latitude=p.longitude, longitude=p.latitude)
        role = "publisher" if of_business and source in _OPEN_GRAPH else "content"
        yield make_geotag(p, name if role == "content" or not data.meta("geo.placename") else "", region, role, source)
    if not places and name and not of_business:
        yield GeoTag(None, None, name, region, "content", "geo.placename")
    for key in _DUBLIN_CORE:
        for value in data.meta(key):
            if (found := dublin_core(value, key)) is not None:
                yield found


def _positions(page: Page) -> list[tuple[Position, str]]:
    """Returns the positions in single meta elements ("ICBM") and in pairs of meta elements (latitude and longitude),
    each with its source.
    """
    data = page.data
    language = page.language or ""
    whole = [
        (p, "ICBM" if key == "icbm" else key)
        for key in _WHOLE
        for v in data.meta(key)
        if (p := parse_position(v, language))
    ]
    return whole + [
        (p, lat_key)
        for lat_key, lon_key in _HALVES
        for lat, lon in zip(data.meta(lat_key), data.meta(lon_key), strict=False)
        if (p := split_position(lat, lon))
    ]


def _is_business_address(page: Page) -> bool:
    """Returns True if the place in the page's Open Graph data is the site's business address, not the place of the
    post. This is so in two cases:

    - The page is on Squarespace, which puts the owner's address there on every page.
    - The data include a telephone number, a street address, or a type such as "restaurant".
    """
    data = page.data
    return page.platform.name == "squarespace" or bool(
        data.meta(*_OF_BUSINESS) or _BUSINESS_TYPES.match(data.meta_first("og:type"))
    )


def make_geotag(p: Position, name: str, region: str, role: str, source: str) -> GeoTag:
    return GeoTag(p.latitude, p.longitude, name, region, role, source, p.precision)


def split_position(lat: str | None, lon: str | None) -> Position | None:
    """Returns the position with the latitude `lat` and the longitude `lon`, given as separate texts; None if one of
    them is missing or no number. The position may be an impossible one.
    """
    a, b = parse_degrees_with_precision(lat), parse_degrees_with_precision(lon)
    return Position(round(a[0], 7), round(b[0], 7), min(a[1], b[1])) if a and b else None


def dublin_core(text: str, source: str) -> GeoTag | None:
    """Parses a Dublin Core spatial coverage into a geo-tag. The text may be a DCMI Point ("east=..; north=..;
    name=.."), a DCMI Box, a position, or the name of a place. Returns None if the text contains neither a position nor
    a place name.
    """
    given = {k.lower(): v.strip() for k, v in _DCMI.findall(text)}
    name = given.get("name", "")
    if "east" in given and "north" in given:
        p = split_position(given["north"], given["east"])
        return make_geotag(p, name, "", "content", source) if p else None
    if set(_BOX) <= set(given):
        p = centre_of_bounds(" ".join(given[k] for k in _BOX))
        return make_geotag(p, name, "", "content", source) if p else None
    if (p := parse_position(text)) and (p.is_possible or "." in text):
        return make_geotag(p, "", "", "content", source)
    text = name or clean_text(text)
    return GeoTag(None, None, text, "", "content", source) if _is_place_name(text) else None


def _is_place_name(text: str) -> bool:
    return "=" not in text and 1 < len(text) <= 80 and not _NOWHERE.match(text) and not text.startswith("http")


_FIELD = lazy_regex(r"^(geo_latitude|geo_longitude|geo_address|geo_public|latitude|longitude)\s*:?$", re.IGNORECASE)


def geo_custom_fields(page: Page, post: Post) -> Iterator[GeoTag]:
    """Yields the place that WordPress shows in a post's list of custom fields, as in "geo_latitude: 10.5"."""
    fields = _custom_fields(page, post)
    if p := split_position(fields.get("latitude"), fields.get("longitude")):
        yield make_geotag(p, fields.get("address", ""), "", "content", "geo_latitude")


def _custom_fields(page: Page, post: Post) -> dict[str, str]:
    fields: dict[str, str] = {}
    for key in page.index.with_class("post-meta-key"):
        if post.is_noise(key) or not (m := _FIELD.match(element_line(key))):
            continue
        value, beside = clean_text(key.tail), key.getnext()
        if not value and beside is not None:
            value = element_line(beside)
        fields.setdefault(m[1].lower().removeprefix("geo_"), value)
    return fields


_PRIVATE = frozenset(("0", "false", "no", "private"))


def _is_private(page: Page, post: Post) -> bool:
    """Returns True if the page says that the place of its post is not public: `geo_public` of WordPress's geodata is 0,
    in a meta element or in a custom field.
    """
    stated = (*page.data.meta("geo_public", "geo.public"), _custom_fields(page, post).get("public", ""))
    return any(value.strip().lower() in _PRIVATE for value in stated)


_FORMATS = (
    ("latitude", "longitude", ("geo",), "geo-microformat"),
    ("p-latitude", "p-longitude", ("h-geo", "p-geo", "u-geo", "h-card", "h-adr", "p-location"), "h-geo"),
)
_ADDRESS_PARTS = frozenset(("locality", "p-locality", "region", "p-region", "country-name", "p-country-name"))
_DATA = (
    ("data-lat", "data-lng"),
    ("data-lat", "data-lon"),
    ("data-lat", "data-long"),
    ("data-latitude", "data-longitude"),
    ("data-map-lat", "data-map-lng"),
    ("data-center-lat", "data-center-lng"),
)
_DATA_WHOLE = ("data-latlng", "data-coordinates", "data-center", "data-latlon", "data-geo")
_WITH_DATA = XPath(
    "descendant-or-self::*["
    + " or ".join(f"@{name}" for name in dict.fromkeys([*(a for a, _ in _DATA), *_DATA_WHOLE]))
    + "]"
)
_GEO_NUM = r"(-?\d{1,3}\.\d{2,15})"
_SCRIPT = lazy_regex(
    rf"(?:L\.(?:marker|circle)|setView|LatLng|latLng|mapCenter)\s*\(\s*\[?\s*{_GEO_NUM}\s*,\s*{_GEO_NUM}|"
    rf"\blat['\"]?\s*:\s*['\"]?{_GEO_NUM}['\"]?\s*,\s*['\"]?(?:lng|lon)['\"]?\s*:\s*['\"]?{_GEO_NUM}"
)
_AUTHOR = frozenset(("author", "p-author", "byline", "author-box", "post-author", "vcard-author"))
_CONTACT = lazy_regex(
    r"(?:^|[\s_-])(?:contact|address|impressum|imprint|store|office|organi[sz]ation|publisher)"
    r"(?:$|[\s_-])",
    re.IGNORECASE,
)
_LOCATION = (".post-location a", ".entry-location a", ".post-geo a", ".geo-location a")
_MAX_LINKS = 2_000
_MAX_COUNT = 50
_INSIDE = 60
"""At most this many elements inside a card (an element that describes a place or person) are read."""
_NAME_CLASSES = frozenset(("fn", "p-name", "org", "locality"))
_CARDS = frozenset(("vcard", "h-card", "location", "p-location", "vevent"))
_LONGITUDES = frozenset(("longitude", "geo:long", "schema:longitude"))
_FRAME_SOURCES = ("src", "data-src", "data-lazy-src", "data-litespeed-src")
_TRACKS = lazy_regex(r"\.(?:kml|kmz|gpx|geojson)(?:$|[?#])", re.IGNORECASE)


def place_role(post: Post, el: Element) -> str | None:
    """Returns the role of the place in an element: "content" for a place of the post, "author" or "publisher". Returns
    None if the place is in comments, a sidebar or another post.
    """
    in_footer = False
    for at in (el, *el.iterancestors()):
        if at is post.holder or at is post.body:
            break
        if owner := _owner(at):
            return owner
        if at.tag == "footer":
            in_footer = True
        elif at.tag == "address" or _CONTACT.search(f"{at.get('class') or ''} {at.get('id') or ''}"):
            in_footer = in_footer or not _is_in_holder(post, at)
        if at.tag in ("aside", "nav"):
            return None
    if in_footer:
        return "publisher"
    return None if post.is_noise(el) else "content"


def _owner(el: Element) -> str:
    """Returns "author" or "publisher" if the class or the microdata of an element says that it describes the post's
    author or publisher; otherwise "".
    """
    item = f"{el.get('itemprop') or ''} {el.get('itemtype') or ''}".lower()
    kinds = item.split()
    if "author" in kinds or item.endswith("/person") or not _AUTHOR.isdisjoint((el.get("class") or "").lower().split()):
        return "author"
    return "publisher" if "publisher" in kinds or item.endswith(("localbusiness", "organization")) else ""


def _is_in_holder(post: Post, el: Element) -> bool:
    return post.holder is not None and any(a is post.holder for a in el.iterancestors())


def geo_microformats(page: Page, post: Post) -> Iterator[GeoTag]:
    """Yields the places in geo and h-geo microformats, in h-cards with a position, and in the post's own addresses
    (adr).
    """
    language = page.language or ""
    for lat_class, lon_class, holders, source in _FORMATS:
        for el in (e for name in holders for e in page.index.with_class(name)[:_MAX_COUNT]):
            if (place := _position_in_card(el, lat_class, lon_class, language)) and (role := place_role(post, el)):
                yield make_geotag(place, _name_around(el), "", role, source)
    for el in (e for name in ("adr", "h-adr", "p-adr") for e in page.index.with_class(name)[:_MAX_COUNT]):
        if _is_in_holder(post, el) and (parts := _address_parts(el)) and place_role(post, el) == "content":
            yield GeoTag(None, None, ", ".join(parts), "", "content", "adr")


def _address_parts(el: Element) -> list[str]:
    """Returns the town, region and country in a microformats address, each once."""
    parts = [
        element_line(e) for e in islice(el.iter("*"), _INSIDE) if _ADDRESS_PARTS & set((e.get("class") or "").split())
    ]
    return list(dict.fromkeys(filter(None, parts)))


def _position_in_card(el: Element, lat_class: str, lon_class: str, language: str) -> Position | None:
    """Returns the position in a microformat's element; None if it has none. It is given by the elements with the
    classes for latitude and longitude (`lat_class`, `lon_class`) or, without these, by a `title`, a value or the text
    of the element.

    In a card or location, only elements with these classes count, since its text contains other data as well.
    """
    inner = list(islice(el.iter("*"), _INSIDE))
    lat, lon = _first_of_class(inner, lat_class), _first_of_class(inner, lon_class)
    if lat is not None and lon is not None:
        return split_position(lat, lon)
    classes = el.get("class") or ""
    if "card" in classes or "location" in classes:
        return None
    texts = [
        el.get("title"),
        *(e.get("title") or e.get("value") for e in inner if e.tag in ("abbr", "data")),
        element_line(el),
    ]
    return next((p for t in texts if (p := parse_position(t, language))), None)


def _first_of_class(elements: list[Element], name: str) -> str | None:
    return next((_value_of(e) for e in elements if name in (e.get("class") or "").split()), None)


def geo_properties(page: Page, post: Post) -> Iterator[GeoTag]:
    """Yields the places in microdata and RDFa: first those with a position, then places with only a name."""
    for attribute, source in (("itemprop", "microdata"), ("property", "rdfa")):
        for el in _elements_with(page, attribute, "latitude", "geo:lat", "schema:latitude"):
            longitude = _longitude_beside(el, attribute)
            role = place_role(post, el) if longitude is not None else None
            if role == "content" and attribute == "itemprop" and not _is_in_article(el):
                role = "publisher"
            if role and longitude is not None and (p := split_position(_value_of(el), _value_of(longitude))):
                yield make_geotag(p, _name_around(el), "", role, source)
    for el in _elements_with(page, "itemprop", "contentLocation", "locationCreated", "spatialCoverage", "dateline"):
        name = clean_text(el.get("content")) or _name_in(el)
        if 1 < len(name) <= 80 and not post.is_noise(el):
            kinds = (el.get("itemprop") or "").split()
            role = "content" if "contentLocation" in kinds or "spatialCoverage" in kinds else "dateline"
            yield GeoTag(None, None, name, "", role, "microdata")


def _longitude_beside(el: Element, attribute: str) -> Element | None:
    """Returns the element with the longitude that belongs to `el`, an element with a latitude; None if there is none,
    or if `el` is in <head>.
    """
    holder = el.getparent()
    if holder is None or (el.tag == "meta" and holder.tag == "head"):
        return None
    inner = islice(holder.iter("*"), _INSIDE)
    return next((e for e in inner if not _LONGITUDES.isdisjoint((e.get(attribute) or "").split())), None)


def _elements_with(page: Page, attribute: str, *names: str) -> list[Element]:
    return [e for n in names for e in page.index.select(f"[{attribute}~='{n}']")][:_MAX_COUNT]


def _name_in(el: Element) -> str:
    inner = list(islice(el.iter("*"), _INSIDE))
    for e in inner:
        if {"name", "addressLocality"} & set((e.get("itemprop") or "").split()):
            return clean_text(e.get("content")) or element_line(e)
    return "" if any(e.get("itemprop") for e in inner[1:]) else element_line(el)


def _is_in_article(el: Element) -> bool:
    """Returns True if an element is in the microdata of an article, or in microdata of which no item is a business,
    organization or person. The innermost item that is one of these decides. Returns False for an element outside of
    microdata.
    """
    at = item_of(el)
    outermost: Element | None = None
    while at is not None:
        outermost = at
        if is_article_item(at):
            return True
        kind = (at.get("itemtype") or "").rsplit("/", 1)[-1].lower()
        if kind in ("localbusiness", "organization", "person"):
            return False
        at = item_of(at)
    return outermost is not None


def _value_of(el: Element) -> str:
    for inner in islice(el.iter("*"), _INSIDE):
        if "value-title" in (inner.get("class") or "").split() and inner.get("title"):
            return clean_text(inner.get("title"))
    return clean_text(el.get("content") or el.get("title") or el.get("value") or el.get("data-value")) or element_line(
        el
    )


def _name_around(el: Element) -> str:
    """Returns the name of the place whose position is in `el`, from the card around the element; "" if there is
    none.
    """
    for at in islice(el.iterancestors(), 4):
        if at.get("itemscope") is None and _CARDS.isdisjoint((at.get("class") or "").split()):
            continue
        for e in islice(at.iter("*"), _INSIDE):
            classes, kinds = (e.get("class") or "").split(), (e.get("itemprop") or "").split()
            if "name" in kinds or not _NAME_CLASSES.isdisjoint(classes):
                return clean_text(e.get("content")) or element_line(e)
    return ""


def geo_maps(page: Page, post: Post) -> Iterator[GeoTag]:
    """Yields the place to which the post's location line links, then the places on maps in its text. A map may be a
    link, a frame, an element with coordinates, or a script.
    """
    for a, _ in post.select(_LOCATION, anywhere=False)[:1]:
        if p := map_link_position(a.get("href") or ""):
            yield make_geotag(p, element_line(a)[:200], "", "content", "map link")
    if post.body is None:
        return
    links, is_cut = _map_links(post, post.body)
    yield from links
    if not is_cut:
        yield from _map_elements(post, post.body)
        yield from _map_scripts(post.body)


def _map_links(post: Post, body: Element) -> tuple[list[GeoTag], bool]:
    """Returns the places to which map links and map frames in the body lead. The second value is True if there are so
    many (`_MAX_COUNT`) that the rest of the body was not searched.
    """
    found: list[GeoTag] = []
    for el in islice(body.iter("a", "iframe", "img"), _MAX_LINKS):
        href = _frame_source(el) if el.tag == "iframe" else el.get("href") or el.get("src") or ""
        if href and (p := map_link_position(href)) and not post.is_noise(el):
            found.append(make_geotag(p, "", "", "content", "map link"))
            if len(found) >= _MAX_COUNT:
                return found, True
    return found, False


def _frame_source(el: Element) -> str:
    return next((v for k in _FRAME_SOURCES if (v := el.get(k)) and v != "about:blank"), "")


def _map_elements(post: Post, body: Element) -> Iterator[GeoTag]:
    for el in _elements_with_data(body):
        pairs = [split_position(el.get(a), el.get(b)) for a, b in _DATA] + [
            parse_position(el.get(k)) for k in _DATA_WHOLE
        ]
        if (p := next(filter(None, pairs), None)) and not post.is_noise(el):
            yield make_geotag(p, clean_text(el.get("data-title") or el.get("data-name")), "", "content", "map element")


def _map_scripts(body: Element) -> Iterator[GeoTag]:
    for script in islice(body.iter("script"), _MAX_COUNT):
        for m in islice(_SCRIPT.finditer((script.text or "")[:50_000]), _MAX_COUNT):
            if p := parse_position(f"{m[1] or m[3]};{m[2] or m[4]}"):
                yield make_geotag(p, "", "", "content", "map script")


def _elements_with_data(body: Element) -> list[Element]:
    found = _WITH_DATA(body)
    return [e for e in found[:_MAX_COUNT] if isinstance(e, Element)] if isinstance(found, list) else []


def kml_links(page: Page, post: Post) -> list[str]:
    """Returns the post's links to files of places and tracks (KML, KMZ, GPX, GeoJSON), which are not fetched."""
    if post.body is None:
        return []
    found = [
        page.join(a.get("href")) for a in islice(post.body.iter("a"), _MAX_LINKS) if _TRACKS.search(a.get("href") or "")
    ]
    return list(dict.fromkeys(u for u in found if u))[:_MAX_COUNT]


# Places in JSON-LD: those that an article is about, where it was written, and where its publisher is.

_OWN = (
    ("contentLocation", "content", True),
    ("spatialCoverage", "content", True),
    ("spatial", "content", True),
    ("locationCreated", "dateline", True),
    ("dateline", "dateline", True),
    ("location", "content", True),
    ("about", "content", False),
    ("itemReviewed", "content", False),
    ("mainEntity", "content", False),
)
"""Properties of a JSON-LD article that name places. Each row contains the property, the role of its places, and True if
a place counts even if it has only a name and no position."""
_PEOPLE = (("author", "author"), ("creator", "author"), ("publisher", "publisher"), ("sourceOrganization", "publisher"))
_ADDRESSES = ("location", "homeLocation", "workLocation", "areaServed")
_PLACES = lazy_regex(r"(?:place|landmark|attraction|landform|city|country|park|beach|museum|mountain|river|lake)", re.I)
_SHAPES = ("box", "polygon", "line", "circle")
_NO_PLACES = frozenset(("geocoordinates", "geoshape", "person"))
_MAX_NODES = 300
_MAX_BESIDE = 5
"""If a page has more organizations with positions than this, it is a directory, and none of them is taken for its
publisher."""


def geo_json_ld(page: Page) -> Iterator[GeoTag]:
    """Yields the places of the JSON-LD article, then the places of its author and publisher, then the places of
    organizations.
    """
    data = page.data
    node = data.article(page.addresses)
    if node is None:
        pages = data.of_type("webpage", "blogposting", "article", "event")
        node = pages[0] if len(pages) == 1 else None
    given: Node = node or {}
    for key, role, named in _OWN:
        for value in data.resolve(given.get(key)):
            yield from _geotags_of_place(page, value, role, f"schema.org {key}", named)
    for key, role in _PEOPLE:
        for someone in data.resolve(given.get(key)):
            for value in _addresses_of(page, someone):
                yield from _geotags_of_place(page, value, role, f"schema.org {key}", False)
    for other, kinds in _organisations(page, node):
        role = "content" if node is None and _is_subject(page, other, kinds) else "publisher"
        yield from _geotags_of_place(page, other, role, "schema.org " + min(kinds), False)


def _addresses_of(page: Page, someone: Any) -> list[Any]:
    """Returns the JSON-LD values that may contain the place of a person or organization: its own object and those of
    its addresses. Returns [] if `someone` is not an object.
    """
    if not isinstance(someone, dict):
        return []
    return [someone, *(v for key in _ADDRESSES for v in page.data.resolve(someone.get(key)))]


def _organisations(page: Page, article: Node | None) -> list[tuple[Node, set[str]]]:
    """Returns the JSON-LD nodes other than `article` that have a position, each with its types. Returns [] if there are
    more than _MAX_BESIDE of them, as in a directory.
    """
    found = [
        (other, kinds)
        for other in page.data.nodes[:_MAX_NODES]
        if other is not article and "geo" in other and (kinds := types(other)) and not kinds & _NO_PLACES
    ]
    return found if len(found) <= _MAX_BESIDE else []


def _is_subject(page: Page, node: Node, kinds: set[str]) -> bool:
    """Returns True if a page without an article node is about the place `node` (of the types `kinds`), because its
    title contains the place's name. A place with the name of the site does not count.
    """
    names = {fold_text(n) for n in page.data.texts(node, "name")} - {""}
    title = fold_text(page.head_title)
    return (
        any(_PLACES.search(k) for k in kinds)
        and any(n in title for n in names)
        and not names & {fold_text(n) for n in page.data.names_of_site()}
    )


def _geotags_of_place(page: Page, value: Any, role: str, source: str, named: bool) -> Iterator[GeoTag]:
    """Yields the geo-tag of a place in JSON-LD, which may be an object or a text. A place without a position is yielded
    only if `named` is True and it has a name.
    """
    if isinstance(value, str):
        if (p := parse_position(value)) is not None:
            yield make_geotag(p, "", "", role, source)
        elif named and (name := _clean_name(value)):
            yield GeoTag(None, None, name, "", role, source)
    elif isinstance(value, dict):
        name, region = _name_and_region(page, value)
        if p := _position_of(page, value):
            yield make_geotag(p, name[:200], region[:80], role, source)
        elif named and 1 < len(name) < 200:
            yield GeoTag(None, None, name, region[:80], role, source)


def _name_and_region(page: Page, place: Node) -> tuple[str, str]:
    data = page.data
    name, region = next(iter(data.texts(place, "name")), ""), ""
    for address in data.resolve(place.get("address")):
        if isinstance(address, dict):
            region = next(iter(data.texts(address, "addressRegion", "addressCountry")), "")
            name = name or next(iter(data.texts(address, "addressLocality")), "")
        elif isinstance(address, str):
            name = name or clean_text(address)
    return name, region


def _clean_name(text: str) -> str:
    """Returns a place's name without a remark in brackets: "NEW JERSEY" for "NEW JERSEY (WABC)".

    Returns "" if the text contains digits, an address or more than seven words, since such a text is not a name.
    """
    text = clean_text(text).partition("(")[0].strip(" ,-–—:")
    return text if 1 < len(text) < 80 and len(text.split()) <= 7 and not re.search(r"\d|https?:", text) else ""


def _position_of(page: Page, place: Node) -> Position | None:
    """Returns the position of a JSON-LD place: its own position, the centre of its shape, or the position in the
    address of its map; None if it has none.
    """
    data = page.data
    for geo in [*data.resolve(place.get("geo")), place]:
        if isinstance(geo, str):
            found = parse_position(geo)
        elif isinstance(geo, dict):
            lat, lon = (next(iter(data.texts(geo, k)), "") for k in ("latitude", "longitude"))
            found = split_position(lat, lon) or _middle_of_shape(page, geo)
        else:
            continue
        if found:
            return found
    return next((p for u in data.texts(place, "hasMap", "map") if (p := map_link_position(u))), None)


def _middle_of_shape(page: Page, geo: Node) -> Position | None:
    for key in _SHAPES:
        text = " ".join(page.data.texts(geo, key))
        if key == "circle":  # a circle is its centre and a radius
            text = " ".join(re.split(r"[\s,]+", text)[:2])
        if text and (found := centre_of_bounds(text)):
            return found
    return None


# A check whether a page can contain a place. It takes a tenth of the time that the full search takes, and misses no
# place.

# Parts of the names of meta elements and properties, regardless of case.
_META_NAMES = (
    "geo",
    "icbm",
    "lat",
    "locality",
    "location",
    "coverage",
    "spatial",
    "country",
    "region",
    "place",
    "dateline",
)
_CLASSES = (
    ".geo",
    ".h-geo",
    ".p-geo",
    ".u-geo",
    ".h-card",
    ".p-location",
    ".adr",
    ".h-adr",
    ".p-adr",
    ".latitude",
    ".p-latitude",
    ".post-meta-key",
    ".post-location",
    ".entry-location",
    ".post-geo",
    ".geo-location",
)
# These words are enough for subjects, authors and publishers, too, since only their positions count.
_JSON = ('"geo"', "latitude", "map", "contentlocation", "spatial", "locationcreated", "dateline", '"location"')
_DATA_MARKS = ("-lat", "data-coord", "data-center", "data-geo")
_MAP_CALL = lazy_regex(r"L\.(?:marker|circle)|setView|[lL]atLng|mapCenter|\blat\b")


def may_have_geotags(page: Page, body: Element | None) -> bool:
    """Returns False if the page certainly has no geo-tags, so that it need not be searched. This check is cheap. `body`
    is the element of the post's text, None if unknown.
    """
    index = page.index
    names = [
        *page.data.meta_names(),
        *(el.get("itemprop") or "" for el in index.select("[itemprop]")),
        *(el.get("property") or "" for el in index.select("[property]")),
    ]
    return bool(
        _has_word(_META_NAMES, " ".join(names))
        or index.present(_CLASSES)
        or (page.data.nodes and _has_word(_JSON, _json_ld_text(page)))
        or (body is not None and _may_have_map(page, body))
    )


def _has_word(words: tuple[str, ...], text: str) -> bool:
    text = text.lower()
    return any(word in text for word in words)


def _json_ld_text(page: Page) -> str:
    return " ".join(s.text or "" for s in page.index.tag("script") if "ld+json" in (s.get("type") or ""))


def _may_have_map(page: Page, body: Element) -> bool:
    """Returns True if the text may have a map: a map link, a frame, an element with coordinates, or a map script."""
    links = [el.get("href") or el.get("src") or "" for el in islice(body.iter("a", "img"), _MAX_LINKS)]
    return (
        _has_word(SIGNS, "\n" + "\n".join(links))
        or next(body.iter("iframe"), None) is not None
        or any(_MAP_CALL.search((s.text or "")[:50_000]) for s in body.iter("script"))
        or any(name in page.text for name in _DATA_MARKS)
    )


# The places of a site: a place on most of its posts is the place of the publisher, not of the posts.

PlaceKey = tuple[float, float] | str
_MIN_POSTS = 5
_SHARE = 0.6
_OF_POST = frozenset(("content", "dateline"))


def place_key(tag: GeoTag) -> PlaceKey:
    """Returns a key that is equal for all geo-tags of one place. It consists of the position, rounded to about 10 m,
    or, without a position, of the name as `fold_text` returns it.
    """
    if tag.latitude is not None and tag.longitude is not None:
        return round(tag.latitude, 4), round(tag.longitude, 4)
    return fold_text(tag.placename)


def format_place_key(key: PlaceKey) -> str:
    """Returns a place key in the form used in site rules: "50.45,30.52" or the folded name."""
    return key if isinstance(key, str) else format_degrees(*key)


def parse_place_key(name: str) -> PlaceKey:
    """Returns the place key of a place in site rules. This is the inverse of `format_place_key`."""
    latitude, comma, longitude = name.partition(",")
    try:
        return (float(latitude), float(longitude)) if comma else fold_text(name)
    except ValueError:
        return fold_text(name)


def publisher_places(pages: Iterable[tuple[GeoTag, ...]], posts: int) -> frozenset[PlaceKey]:
    """Returns the places that a site's template puts on its posts, such as the capital of its country. A place belongs
    to the template if it is on at least five posts and on at least 60 % of all posts.

    `pages` contains the geo-tags of each post. `posts` is the number of posts, including those without a place.
    """
    counts: Counter[PlaceKey] = Counter()
    for tags in pages:
        counts.update({key for t in tags if t.role in _OF_POST and (key := place_key(t))})
    return frozenset(key for key, n in counts.items() if n >= _MIN_POSTS and n >= _SHARE * posts)


def with_publisher_role(tags: tuple[GeoTag, ...], places: frozenset[PlaceKey]) -> tuple[GeoTag, ...]:
    """Returns the geo-tags; those at one of `places` (from `publisher_places`) have the role "publisher"."""
    return tuple(replace(t, role="publisher") if t.role in _OF_POST and place_key(t) in places else t for t in tags)


_NEAR = 0.0005
_MAX_GEOTAGS = 100
_DECLARED = frozenset(("geo.position", "ICBM", "og:latitude", "place:location:latitude", "geo_latitude"))
_SAMPLES = frozenset(
    (
        (-34.397, 150.644),  # the example in Google's documentation
        (37.4419, -122.1419),  # an older example in Google's documentation
        (40.7207559, -74.0007613),  # Squarespace's default
        (37.09024, -95.712891),  # what geocoders return for "United States"
        (39.8283, -98.5795),
        (51.505, -0.09),  # the example in Leaflet's documentation
    )
)
"""Positions that nobody has chosen, because they are examples or default values."""


def geotags(page: Page, post: Post, hint: SourceHint | None, dateline: str = "") -> tuple[GeoTag, ...]:
    """Returns every place of a post once, from the most trusted notation to the least.

    The order is meta elements, microformats, schema.org, the source hint, and maps in the text. Positions within about
    50 m of each other are one place, whose name, region and precision are taken from any notation that gives them.
    Well-known example positions are left out, and also the position 0,0 without a name, since empty forms contain it.
    Of a place with an impossible position, only the name is kept. If the page or the API declares the place private,
    only the places of its author and publisher are left, and the dateline of the text. A position that the page also
    gives for its publisher has the role "publisher", unless it is also in the text. `dateline` is the place in the
    dateline of the text.
    """
    if dateline or (hint is not None and hint.geotags) or may_have_geotags(page, post.body):
        return _collect(page, post, hint, dateline)
    return ()


def _collect(page: Page, post: Post, hint: SourceHint | None, dateline: str) -> tuple[GeoTag, ...]:
    found = [
        *geo_metas(page),
        *geo_custom_fields(page, post),
        *geo_microformats(page, post),
        *geo_properties(page, post),
        *geo_json_ld(page),
        *(hint.geotags if hint else ()),
        *geo_maps(page, post),
        GeoTag(None, None, dateline, role="dateline", source="dateline"),
    ]
    found = [*found[:_MAX_GEOTAGS], *found[_MAX_GEOTAGS:][-1:]]
    if _is_private(page, post) or any(t.role == "private" for t in found):
        post.answers["is private"] = True
        kept = [t for t in found if t.role in ("author", "publisher") or t.source == "dateline"]
        hidden = [t for t in found if t not in kept]
        found = [t for t in kept if not any(_is_same_place(t, one) for one in hidden)]
    impossible = [t for t in found if not Position(t.latitude or 0, t.longitude or 0).is_possible]
    post.answers["impossible positions"] = impossible
    return merge_geotags(
        [replace(t, latitude=None, longitude=None, precision=None) if t in impossible else t for t in found]
    )


def public_markup(post: Post, markup: tuple[Mark, ...]) -> tuple[Mark, ...]:
    """Returns the markup of a post without its links to positions on maps, if its place is declared private. Call this
    after `geotags`.
    """
    if not post.answers.get("is private"):
        return markup
    return tuple(mark for mark in markup if not (map_link_position(mark.value) or map_link_position(mark.link)))


IMPOSSIBLE_POSITION = "impossible position, left out"
"""The locator of the evidence of an impossible position."""


def geotag_evidence(page: Page, post: Post, tags: tuple[GeoTag, ...]) -> list[Evidence]:
    """Returns evidence for each of the places, for each impossible position that was left out, and for each file of
    places (such as a GPX track) to which the post links.
    """
    rows = []
    for t in tags:
        where = f"{t.latitude}, {t.longitude}" if t.latitude is not None else ""
        text = " ".join(filter(None, (where, t.placename, t.region)))
        rows.append(Evidence("geotags", f"{text} ({t.role})", t.source, "", 0.6 if t.role == "content" else 0.5))
    impossible = {(t.latitude, t.longitude): t.source for t in reversed(post.answers.get("impossible positions", ()))}
    rows += [
        Evidence("geotags", f"{latitude}, {longitude}", source, IMPOSSIBLE_POSITION, 0.0)
        for (latitude, longitude), source in impossible.items()
    ]
    return rows + [Evidence("geotags", url[:300], "link", "file of places", 0.2) for url in kml_links(page, post)]


def merge_geotags(found: list[GeoTag]) -> tuple[GeoTag, ...]:
    """Merges geo-tags of the same place until each place occurs once. Merging is repeated because a place without a
    position may get one in a merge, and may then be the same as another place.
    """
    before, out = tuple(found), _merge_once(found)
    while len(out) < len(before):
        before, out = out, _merge_once(list(out))
    return out


def _merge_once(found: list[GeoTag]) -> tuple[GeoTag, ...]:
    out: list[GeoTag] = []
    for tag in filter(_is_deliberate, found):
        at = next((n for n, have in enumerate(out) if _is_same_place(have, tag)), None)
        if at is None:
            out.append(tag)
        else:
            out[at] = _complete(out[at], tag)
    out = [t for t in out if t.placename or (t.latitude, t.longitude) not in ((0, 0), (None, None))]
    return _join_name_and_position(out) or tuple(out)


def _complete(have: GeoTag, tag: GeoTag) -> GeoTag:
    """Returns the geo-tag `have`, with its missing position, name, region or precision taken from `tag`, another
    notation of the same place.
    """
    if have.latitude is None and tag.latitude is not None:
        have = replace(have, latitude=tag.latitude, longitude=tag.longitude, precision=tag.precision)
    return replace(
        have,
        placename=have.placename or tag.placename,
        region=have.region or tag.region,
        precision=min((p for p in (have.precision, tag.precision) if p is not None), default=None),
        role="publisher" if tag.role == "publisher" and have.source in _DECLARED else have.role,
    )


def _join_name_and_position(tags: list[GeoTag]) -> tuple[GeoTag, ...]:
    """Returns one geo-tag made of two: a position without a name, and a name without a position. Returns () unless
    there is exactly one of each and they have the same role.
    """
    placed = [t for t in tags if t.latitude is not None]
    loose = [t for t in tags if t.latitude is None]
    if len(placed) != 1 or len(loose) != 1 or placed[0].placename or placed[0].role != loose[0].role:
        return ()
    return (replace(placed[0], placename=loose[0].placename, region=placed[0].region or loose[0].region),)


def _is_deliberate(tag: GeoTag) -> bool:
    """Returns True if somebody chose the position of a geo-tag: it is no known example, not the same number twice, and
    no corner of the map. A geo-tag without a position must have a name.
    """
    lat, lon = tag.latitude, tag.longitude
    if lat is None or lon is None:
        return bool(tag.placename)
    if any(abs(lat - a) < 1e-4 and abs(lon - b) < 1e-4 for a, b in _SAMPLES):
        return False
    return not (lat == lon != 0) and not (abs(lat) == 90 and abs(lon) in (0, 90, 180))


def _is_same_place(a: GeoTag, b: GeoTag) -> bool:
    if a.latitude is not None and b.latitude is not None and a.longitude is not None and b.longitude is not None:
        return abs(a.latitude - b.latitude) < _NEAR and abs(a.longitude - b.longitude) < _NEAR
    return bool(a.placename) and fold_text(a.placename) == fold_text(b.placename)
