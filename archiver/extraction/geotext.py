"""Positions as they are written: decimal degrees (point or comma), degrees-minutes-seconds, map addresses."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

Position = tuple[float, float]

_NUM = r"[+-]?\d{1,3}(?:\.\d+)?"
_DMS = re.compile(
    r"(?P<h1>[NSEWO])?\s*(?P<d>\d{1,3}(?:[.,]\d+)?)\s*[°ºd:]\s*(?:(?P<m>\d{1,2}(?:[.,]\d+)?)\s*[′'’m:]?\s*)?(?:(?P<s>\d{1,2}(?:[.,]\d+)?)\s*[″\"”s]?\s*)?(?P<h2>[NSEWO])?",
    re.IGNORECASE,
)
_HEMI = re.compile(rf"([NS])?\s*({_NUM})\s*°?\s*([NS])?\s*[,;/ ]\s*([EWO])?\s*({_NUM})\s*°?\s*([EWO])?", re.IGNORECASE)


def checked(lat: float, lon: float) -> Position | None:
    """A position within WGS 84's ranges, else None; one whose first number can only be a longitude is turned round."""
    if abs(lat) > 90 >= abs(lon) and abs(lat) <= 180:
        lat, lon = lon, lat
    if abs(lat) > 90 or abs(lon) > 180 or lat != lat or lon != lon:
        return None
    return round(lat, 7), round(lon, 7)


def number(text: str | None) -> float | None:
    """One coordinate: "10.5", "10,5", "10° 30' 0\\" S", "-10.5"."""
    text = (text or "").strip().replace("−", "-").replace("\u2009", "")
    if re.fullmatch(r"[+-]?\d{1,3}(?:[.,]\d+)?", text):
        return float(text.replace(",", "."))
    m = re.fullmatch(rf"([NSEWO])?\s*({_NUM})\s*°?\s*([NSEWO])?", text.replace(",", "."), re.IGNORECASE)
    if m and (m[1] or m[3]):
        value = float(m[2])
        return -value if (m[1] or m[3]).upper() in "SWO" else value
    m = _DMS.fullmatch(text)
    return _degrees(m) if m else None


def _degrees(m: re.Match[str]) -> float | None:
    d, mi, s = (float((m[k] or "0").replace(",", ".")) for k in ("d", "m", "s"))
    if mi >= 60 or s >= 60:
        return None
    value = d + mi / 60 + s / 3600
    return -value if (m["h1"] or m["h2"] or "N").upper() in "SWO" else value


def position(text: str | None) -> Position | None:
    """Latitude and longitude from one text: "10.5;106.7", "10,5 ; 106,7", "10°30'N 106°42'E", "geo:10.5,106.7"."""
    text = (text or "").strip().replace("−", "-")[:200]
    text = re.sub(r"^geo:", "", text)
    if not any(c.isdigit() for c in text):
        return None
    if "°" in text or "º" in text or re.search(r"\d['′]", text):
        found = [m for m in _DMS.finditer(text) if m["h1"] or m["h2"] or "°" in m[0] or "º" in m[0]]
        values = [_degrees(m) for m in found]
        if len(values) == 2 and values[0] is not None and values[1] is not None:
            hemispheres = [(m["h2"] or m["h1"] or "").upper() for m in found]
            if hemispheres[0] in tuple("EWO") and hemispheres[1] in ("N", "S"):
                return checked(values[1], values[0])
            return checked(values[0], values[1])
        return None
    for separator in (";", r"\s*/\s*", r"\s+"):
        parts = [p for p in re.split(separator, text) if p.strip(" ,")]
        if (
            len(parts) == 2
            and (a := number(parts[0].strip(" ,"))) is not None
            and (b := number(parts[1].strip(" ,"))) is not None
        ):
            return checked(a, b)
    parts = text.split(",")
    if len(parts) in (2, 3) and (a := number(parts[0])) is not None and (b := number(parts[1])) is not None:
        return checked(a, b)
    if (
        len(parts) == 4
        and (a := number(",".join(parts[:2]))) is not None
        and (b := number(",".join(parts[2:]))) is not None
    ):
        return checked(a, b)
    m = _HEMI.fullmatch(text)
    if m and (m[1] or m[3]) and (m[4] or m[6]):
        lat = -float(m[2]) if (m[1] or m[3]).upper() == "S" else float(m[2])
        lon = -float(m[5]) if (m[4] or m[6]).upper() in "WO" else float(m[5])
        return checked(lat, lon)
    return None


_AT = re.compile(rf"/@({_NUM}),({_NUM})(?:,|/|$)")
_PIN = re.compile(rf"!3d({_NUM})!4d({_NUM})")
_EMBED = re.compile(rf"!2d({_NUM})!3d({_NUM})")
_HASH = re.compile(rf"map=\d{{1,2}}/({_NUM})/({_NUM})")


def of_map_link(href: str) -> Position | None:
    """The position a link or frame of a map service shows: Google, OpenStreetMap, Bing, Apple, and geo: addresses "
    "(RFC 5870)."""
    if href.startswith("geo:"):
        return position(href.partition("?")[0].partition(";")[0])
    try:
        url = urlsplit(unquote(href))
    except ValueError:
        return None
    host, query = (url.hostname or "").lower(), parse_qs(url.query)
    google = (
        (re.search(r"(^|\.)google\.[a-z.]+$", host)
        and ("maps" in host or "/maps" in url.path))
        or host in ("goo.gl", "maps.app.goo.gl")
    )
    if google:
        whole = url.path + "?" + url.query
        for pattern, turned in ((_PIN, False), (_EMBED, True), (_AT, False)):
            if m := pattern.search(whole):
                a, b = float(m[1]), float(m[2])
                return checked(b, a) if turned else checked(a, b)
        return next(
            (
                p
                for k in ("q", "query", "ll", "center", "sll", "destination", "daddr")
                for v in query.get(k, ())
                if (p := position(v.removeprefix("loc:")))
            ),
            None,
        )
    if host.endswith("openstreetmap.org"):
        pair = (query.get("mlat") or query.get("lat") or [""])[0], (query.get("mlon") or query.get("lon") or [""])[0]
        if (a := number(pair[0])) is not None and (b := number(pair[1])) is not None:  # type: ignore[assignment]
            return checked(a, b)
        if query.get("marker"):
            return position(query["marker"][0])
        m = _HASH.search(url.fragment)
        return checked(float(m[1]), float(m[2])) if m else None
    if host.endswith("bing.com") and query.get("cp"):
        return position(query["cp"][0].replace("~", ";"))
    if host == "maps.apple.com":
        return next((p for k in ("ll", "q", "sll") for v in query.get(k, ()) if (p := position(v))), None)
    return None
