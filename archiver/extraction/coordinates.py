"""Parses geographic positions: decimal degrees, degrees with minutes and seconds in many languages, and addresses of
map services.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from urllib.parse import parse_qs, unquote, urlsplit

from archiver.lazy_regex import lazy_regex

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


def parse_degrees(text: str | None) -> float | None:
    """Parses one coordinate, such as "10.5", "10,5", "10° 30' 0'' S", "-10.5" or "西经 10.5". Returns it in degrees, or
    None if the text is not a coordinate.
    """
    found = parse_degrees_with_precision(text)
    return found[0] if found else None


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


def as_dms(degrees: float, axis: str = "NS") -> str:
    """Returns a coordinate in degrees, minutes and seconds with two decimals, such as 10°30'0.00"N. `axis` is "NS" for
    a latitude, "EW" for a longitude.
    """
    hundredths = round(abs(degrees) * 360_000)
    whole, rest = divmod(hundredths, 360_000)
    minutes, rest = divmod(rest, 6_000)
    return f"{whole}°{minutes}'{rest / 100:.2f}\"{axis[0] if degrees >= 0 else axis[1]}"


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
