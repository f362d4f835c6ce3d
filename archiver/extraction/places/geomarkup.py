"""Places in a page's elements: microformats, microdata and RDFa, maps and map links inside the post."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from lxml.etree import XPath
from lxml.etree import _Element as Element

from archiver.extraction.page import Page
from archiver.extraction.places.geolinks import of_map_link
from archiver.extraction.places.geometa import halves, tag
from archiver.extraction.places.geotext import Position, position
from archiver.extraction.scope import Post
from archiver.extraction.structured import is_article_item, item_of
from archiver.extraction.text import clean, line
from archiver.items import GeoTag

_FORMATS = (
    ("latitude", "longitude", ("geo",), "geo-microformat"),
    ("p-latitude", "p-longitude", ("h-geo", "p-geo", "u-geo", "h-card", "h-adr", "p-location"), "h-geo"),
)
_ADDRESS_PARTS = ("locality", "p-locality", "region", "p-region", "country-name", "p-country-name")
_DATA = (("data-lat", "data-lng"), ("data-lat", "data-lon"), ("data-lat", "data-long"),
         ("data-latitude", "data-longitude"), ("data-map-lat", "data-map-lng"), ("data-center-lat", "data-center-lng"))
_DATA_WHOLE = ("data-latlng", "data-coordinates", "data-center", "data-latlon", "data-geo")
_WITH_DATA = XPath("descendant-or-self::*[" + " or ".join(
    f"@{name}" for name in dict.fromkeys([*(a for a, _ in _DATA), *_DATA_WHOLE])) + "]")
_NUM = r"(-?\d{1,3}\.\d{2,15})"
_SCRIPT = re.compile(
    rf"(?:L\.(?:marker|circle)|setView|LatLng|latLng|mapCenter)\s*\(\s*\[?\s*{_NUM}\s*,\s*{_NUM}|"
    rf"\blat['\"]?\s*:\s*['\"]?{_NUM}['\"]?\s*,\s*['\"]?(?:lng|lon)['\"]?\s*:\s*['\"]?{_NUM}"
)
_AUTHOR = frozenset(("author", "p-author", "byline", "author-box", "post-author", "vcard-author"))
_CONTACT = re.compile(r"(?:^|[\s_-])(?:contact|address|impressum|imprint|store|office|organi[sz]ation|publisher)"
                      r"(?:$|[\s_-])", re.IGNORECASE)
_LOCATION = (".post-location a", ".entry-location a", ".post-geo a", ".geo-location a")
_MOST_LINKS = 2_000
_MOST = 50
_INSIDE = 60
"""Elements of a card that are looked at."""


def role_of(post: Post, el: Element) -> str | None:
    """Whose place an element tells: the post's, its author's, the publisher's; None for comments, sidebars and
    other posts."""
    footer = False
    for at in (el, *el.iterancestors()):
        if at is post.holder or at is post.body:
            break
        names = (at.get("class") or "").lower().split()
        item = f"{at.get('itemprop') or ''} {at.get('itemtype') or ''}".lower()
        if _AUTHOR & set(names) or "author" in item.split() or item.endswith("/person"):
            return "author"
        if "publisher" in item.split() or item.endswith(("localbusiness", "organization")):
            return "publisher"
        if at.tag in ("footer", "address") or _CONTACT.search(f"{at.get('class') or ''} {at.get('id') or ''}"):
            footer = footer or at.tag == "footer" or post.holder is None or not any(
                a is post.holder for a in at.iterancestors())
        if at.tag in ("aside", "nav"):
            return None
    if footer:
        return "publisher"
    return None if post.is_noise(el) else "content"


def of_microformats(page: Page, post: Post) -> Iterator[GeoTag]:
    """geo, h-geo and what embeds them; adr of the post itself."""
    index = page.index
    language = page.language or ""
    for lat_class, lon_class, holders, source in _FORMATS:
        for name in holders:
            for el in index.with_class(name)[:_MOST]:
                if (place := _of_card(el, lat_class, lon_class, language)) and (role := role_of(post, el)):
                    yield tag(place, _around(el), "", role, source)
    for name in ("adr", "h-adr", "p-adr"):
        for el in index.with_class(name)[:_MOST]:
            if post.holder is None or all(a is not post.holder for a in el.iterancestors()):
                continue
            parts = [t for e in islice(el.iter("*"), _INSIDE)
                     if set(_ADDRESS_PARTS) & set((e.get("class") or "").split()) and (t := line(e))]
            if parts and role_of(post, el) == "content":
                yield GeoTag(None, None, ", ".join(dict.fromkeys(parts)), "", "content", "adr")


def _of_card(el: Element, lat_class: str, lon_class: str, language: str) -> Position | None:
    inner = list(islice(el.iter("*"), _INSIDE))
    lat = next((_value(e) for e in inner if lat_class in (e.get("class") or "").split()), None)
    lon = next((_value(e) for e in inner if lon_class in (e.get("class") or "").split()), None)
    if lat is not None and lon is not None:
        return halves(lat, lon)
    if "card" in (el.get("class") or "") or "location" in (el.get("class") or ""):
        return None
    texts = [el.get("title"), *(e.get("title") or e.get("value") for e in inner if e.tag in ("abbr", "data")), line(el)]
    return next((p for t in texts if (p := position(t, language))), None)


def of_properties(page: Page, post: Post) -> Iterator[GeoTag]:
    """Microdata and RDFa: latitude and longitude of one item, and places that are only named."""
    for attribute in ("itemprop", "property"):
        for lat_el in _having(page, attribute, "latitude", "geo:lat", "schema:latitude"):
            holder = lat_el.getparent()
            lon_el = next((e for e in islice(holder.iter("*"), _INSIDE) if holder is not None
                           and {"longitude", "geo:long", "schema:longitude"} & set((e.get(attribute) or "").split())),
                          None) if holder is not None else None
            if lon_el is None or (lat_el.tag == "meta" and holder is not None and holder.tag == "head"):
                continue
            role = role_of(post, lat_el)
            if role == "content" and attribute == "itemprop" and not _in_article(lat_el):
                role = "publisher"
            if role and (p := halves(_value(lat_el), _value(lon_el))):
                yield tag(p, _around(lat_el), "", role, "microdata" if attribute == "itemprop" else "rdfa")
    for el in _having(page, "itemprop", "contentLocation", "locationCreated", "spatialCoverage", "dateline"):
        name = clean(el.get("content")) or _name_in(el)
        if 1 < len(name) <= 80 and not post.is_noise(el):
            kinds = (el.get("itemprop") or "").split()
            role = "content" if {"contentLocation", "spatialCoverage"} & set(kinds) else "dateline"
            yield GeoTag(None, None, name, "", role, "microdata")


def _having(page: Page, attribute: str, *names: str) -> list[Element]:
    return [e for n in names for e in page.index.select(f"[{attribute}~='{n}']")][:_MOST]


def _name_in(el: Element) -> str:
    inner = list(islice(el.iter("*"), _INSIDE))
    for e in inner:
        if {"name", "addressLocality"} & set((e.get("itemprop") or "").split()):
            return clean(e.get("content")) or line(e)
    return "" if any(e.get("itemprop") for e in inner[1:]) else line(el)


def _in_article(el: Element) -> bool:
    """Whether a property's item, or one around it, is an article (or it is in none at all that says otherwise)."""
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


def _value(el: Element) -> str:
    for inner in islice(el.iter("*"), _INSIDE):
        if "value-title" in (inner.get("class") or "").split() and inner.get("title"):
            return clean(inner.get("title"))
    return clean(el.get("content") or el.get("title") or el.get("value") or el.get("data-value")) or line(el)


def _around(el: Element) -> str:
    """The name of the place whose card holds a position."""
    for at in islice(el.iterancestors(), 4):
        names = set((at.get("class") or "").split())
        if {"vcard", "h-card", "location", "p-location", "vevent"} & names or at.get("itemscope") is not None:
            for e in islice(at.iter("*"), _INSIDE):
                if {"fn", "p-name", "org", "locality"} & set((e.get("class") or "").split()) or "name" in (
                    e.get("itemprop") or ""
                ).split():
                    return clean(e.get("content")) or line(e)
    return ""


def of_maps(page: Page, post: Post) -> Iterator[GeoTag]:
    """The map link of the post's own location line; maps inside its text: links, frames, elements and scripts."""
    for a, _ in post.select(_LOCATION, anywhere=False)[:1]:
        if p := of_map_link(a.get("href") or ""):
            yield tag(p, line(a)[:200], "", "content", "map link")
    if post.body is None:
        return
    found = 0
    for el in islice(post.body.iter("a", "iframe", "img"), _MOST_LINKS):
        href = el.get("href") or el.get("src") or ""
        if el.tag == "iframe":
            href = next((v for k in ("src", "data-src", "data-lazy-src", "data-litespeed-src")
                         if (v := el.get(k)) and v != "about:blank"), "")
        if href and (p := of_map_link(href)) and not post.is_noise(el):
            yield tag(p, "", "", "content", "map link")
            found += 1
            if found >= _MOST:
                return
    for el in _with_data(post.body):
        pairs = [halves(el.get(a), el.get(b)) for a, b in _DATA] + [position(el.get(k)) for k in _DATA_WHOLE]
        if (p := next((x for x in pairs if x), None)) and not post.is_noise(el):
            yield tag(p, clean(el.get("data-title") or el.get("data-name")), "", "content", "map element")
    for script in islice(post.body.iter("script"), _MOST):
        for m in islice(_SCRIPT.finditer((script.text or "")[:50_000]), _MOST):
            if p := position(f"{m[1] or m[3]};{m[2] or m[4]}"):
                yield tag(p, "", "", "content", "map script")


def _with_data(body: Element) -> list[Element]:
    found = _WITH_DATA(body)
    return [e for e in found[:_MOST] if isinstance(e, Element)] if isinstance(found, list) else []


def kml_links(page: Page, post: Post) -> list[str]:
    """Links of the post to files of places and tracks (KML, KMZ, GPX, GeoJSON): evidence, which is not fetched."""
    if post.body is None:
        return []
    found = [page.join(a.get("href")) for a in islice(post.body.iter("a"), _MOST_LINKS)
             if re.search(r"\.(?:kml|kmz|gpx|geojson)(?:$|[?#])", a.get("href") or "", re.IGNORECASE)]
    return list(dict.fromkeys(u for u in found if u))[:_MOST]
