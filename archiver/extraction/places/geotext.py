"""Positions as people write them: decimal degrees (point or comma), degrees-minutes-seconds, in many languages."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Position:
    """Degrees in WGS 84, north and east positive, and their precision as written.

    `precision` is in degrees, as Darwin Core's coordinatePrecision: 0.0001 for four decimals, 1/3600 for seconds;
    None if unknown.
    """

    latitude: float
    longitude: float
    precision: float | None = None


# The words for the four sides, before or after a number. "O" is west in Romance languages and east in Germanic ones.
_SIDES: tuple[tuple[str, str], ...] = (
    ("N", r"north(?:ern)?|nord|norte|noord|kuzey|с\.?\s?ш\.?|сев\w*\.?\s+широт\w+|пн\.?\s?ш\.?|北[纬緯]|북위|"
          r"شمال(?:اً|ا|ًا)?|צפון|(?:vĩ\s+độ\s+)?bắc"),
    ("S", r"south(?:ern)?|süd|sud|sur|sul|zuid|güney|ю\.?\s?ш\.?|юж\w*\.?\s+широт\w+|пд\.?\s?ш\.?|南[纬緯]|남위|"
          r"جنوب(?:اً|ا|ًا)?|דרום|(?:vĩ\s+độ\s+)?nam"),
    ("E", r"east(?:ern)?|ost|est|este|leste|oost|doğu|в\.?\s?д\.?|вост\w*\.?\s+долгот\w+|сх\.?\s?д\.?|东经|東[経經]|"
          r"동경|شرق(?:اً|ا|ًا)?|מזרח|(?:kinh\s+độ\s+)?đông"),
    ("W", r"west(?:ern)?|ouest|oeste|ovest|batı|з\.?\s?д\.?|зап\w*\.?\s+долгот\w+|зх\.?\s?д\.?|西[经經経]|서경|"
          r"غرب(?:اً|ا|ًا)?|מערב|(?:kinh\s+độ\s+)?tây"),
)
_SIDE = tuple((letter, re.compile(rf"(?<![^\W\d_])(?:{words})(?![^\W\d_])", re.IGNORECASE)) for letter, words in _SIDES)
_EAST_O = ("de", "nl", "da", "nb", "nn", "no", "sv", "af")
_SIGNS = str.maketrans(
    {"−": "-", "–": "-", "º": "°", "˚": "°", "度": "°", "′": "'", "’": "'", "‘": "'", "´": "'", "`": "'", "分": "'",
     "″": '"', "”": '"', "“": '"', "„": '"', "秒": '"', "٫": ".", "،": ",", "，": ",", "；": ";", "、": ",", "Ø": "O"}
)
_LABEL = re.compile(r"\b(?P<what>lat(?:itude|\.)?|lon(?:gitude|\.)?|lng|long)\s*[:=]?\s*", re.IGNORECASE)
_GEO, _END = re.compile(r"^(?:geo:|loc:)\s*", re.IGNORECASE), re.compile(r"\s*[,;]?\s*$")
_WKT = re.compile(r"POINT\s*\(\s*(-?\d{1,3}(?:\.\d+)?) (-?\d{1,3}(?:\.\d+)?)", re.IGNORECASE)
_COORDINATE = (
    r"(?P<d{0}>[+-]?\d{{1,3}}(?:[.,]\d{{1,15}})?)(?:\s*(?:°|deg\b|d\b)?(?:(?:(?<=[°dg])\s*|[\s:]+)"
    r"(?P<m{0}>\d{{1,2}}(?:[.,]\d{{1,9}})?)\s*(?:['m:]|(?=\s)|$|(?=[NSEW]))(?:\s*(?P<s{0}>\d{{1,2}}(?:[.,]\d{{1,9}})?)"
    r"\s*(?:\"|''|s\b)?)?)?)"
)
_SEPARATOR = r"\s*(?:[,;/|~]|\s)\s*"
_TAIL = r"(?:\s*[,;]\s*-?\d+(?:\.\d+)?\s*[a-z]*)?"
_DECIMAL = r"(?P<d{0}>[+-]?\d{{1,3}}(?:[.,]\d{{1,15}})?)\s*°?(?P<m{0}>)(?P<s{0}>)"


def _pair(first: str, second: str) -> tuple[re.Pattern[str], ...]:
    one, two = first.format(1), second.format(2)
    return (
        re.compile(rf"(?P<h1>[NSEW])\s*{one}{_SEPARATOR}?(?P<h2>[NSEW])\s*{two}"),
        re.compile(rf"{one}\s*(?P<h1>[NSEW]){_SEPARATOR}?{two}\s*(?P<h2>[NSEW])"),
        re.compile(rf"{one}{_SEPARATOR}{two}{_TAIL}(?P<h1>)(?P<h2>)"),
    )


_PAIRS = (*_pair(_DECIMAL, _DECIMAL), *_pair(_COORDINATE, _COORDINATE))
_SINGLE = re.compile(rf"(?P<h1>[NSEW])?\s*{_COORDINATE.format(1)}\s*(?P<h2>[NSEW])?")


def checked(lat: float, lon: float, precision: float | None = None) -> Position | None:
    """A position within WGS 84's ranges, else None. The numbers are swapped if the first can only be a longitude."""
    if abs(lat) > 90 >= abs(lon) and abs(lat) <= 180:
        lat, lon = lon, lat
    if not (abs(lat) <= 90 and abs(lon) <= 180):
        return None
    return Position(round(lat, 7), round(lon, 7), precision)


def _plain(text: str | None, language: str = "") -> str:
    """The text with ASCII digits and signs, and with the four sides as N, S, E and W."""
    text = (text or "")[:200].translate(_SIGNS)
    if not text.isascii():
        text = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)
    if any(c.isalpha() for c in text):
        for letter, words in _SIDE:
            text = words.sub(letter, text)
        text = re.sub(r"(?<![^\W\d_])[Oo](?![^\W\d_])", "E" if language[:2].lower() in _EAST_O else "W", text)
        text = re.sub(r"(?<![^\W\d_])[nsew](?![^\W\d_])", lambda m: m[0].upper(), text)
    return re.sub(r"\s+", " ", text).strip()


def number(text: str | None) -> float | None:
    """One coordinate in degrees: "10.5", "10,5", "10° 30' 0\\" S", "-10.5", "西经 10.5"."""
    found = measured(text)
    return found[0] if found else None


def measured(text: str | None) -> tuple[float, float] | None:
    """One coordinate and its precision, both in degrees."""
    m = _SINGLE.fullmatch(_plain(text))
    if m is None:
        return None
    found = _degrees(m, "1")
    side = m["h1"] or m["h2"] or ""
    return (-found[0] if found and side in "SW" and side else found[0], found[1]) if found else None


def _degrees(m: re.Match[str], n: str) -> tuple[float, float] | None:
    parts = [(m[k + n] or "").replace(",", ".") for k in "dms"]
    if any("." in p for p, finer in pairwise(parts) if finer):
        return None  # "10.5° 30'" is not a coordinate
    d, minutes, seconds = (float(p or 0) for p in parts)
    if minutes >= 60 or seconds >= 60:
        return None
    value = abs(d) + minutes / 60 + seconds / 3600
    last, unit = next((p, u) for p, u in zip(reversed(parts), (3600, 60, 1), strict=True) if p)
    precision = 10.0 ** -len(last.partition(".")[2]) / unit
    return -value if parts[0].startswith("-") else value, precision


def position(text: str | None, language: str = "") -> Position | None:
    """Latitude and longitude from one text: "10.5;106.7", "10,5 ; 106,7", "10°30'N 106°42'E", "geo:10.5,106.7",
    "lat: 10.5, lon: 106.7", "北纬10°30′ 东经106°42′". `language` (BCP 47) decides what "O" means."""
    if not text or not any(c.isdecimal() for c in text[:200]):
        return None
    plain = _GEO.sub("", _plain(text, language)).strip(" ()[].,;")
    if m := _WKT.fullmatch(plain):
        return position(f"{m[2]};{m[1]}")
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
    """The position of two coordinates, each in degrees with its precision; None if their sides contradict."""
    if any(sides) and not (set(sides) & {"N", "S"} and set(sides) & {"E", "W"}):
        return None
    one, two = (-v[0] if side and side in "SW" else v[0] for v, side in zip((first, second), sides, strict=True))
    if longitude_first or (sides[0] and sides[0] in "EW"):
        one, two = two, one
    return checked(one, two, min(first[1], second[1]))


def middle(text: str | None, turned: bool = False) -> Position | None:
    """The middle of the bounds of a list "lat lon lat lon ..." (`turned`: "lon lat ..."): a line, box or polygon."""
    numbers = [float(n) for n in re.findall(r"[+-]?\d{1,3}(?:\.\d{1,15})?", (text or "")[:20_000])]
    if len(numbers) < 2 or len(numbers) % 2:
        return None
    lats, lons = (numbers[1::2], numbers[0::2]) if turned else (numbers[0::2], numbers[1::2])
    return checked((min(lats) + max(lats)) / 2, (min(lons) + max(lons)) / 2)


def as_dms(degrees: float, axis: str = "NS") -> str:
    """A coordinate in degrees, minutes and seconds with two decimals: 10°30'0.00"N. `axis`: "NS" or "EW"."""
    hundredths = round(abs(degrees) * 360_000)
    whole, rest = divmod(hundredths, 360_000)
    minutes, rest = divmod(rest, 6_000)
    return f"{whole}°{minutes}'{rest / 100:.2f}\"{axis[0] if degrees >= 0 else axis[1]}"
