"""Places in a page's elements: microformats, microdata and RDFa, and maps and map links in the post."""

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
_ADDRESS_PARTS = frozenset(("locality", "p-locality", "region", "p-region", "country-name", "p-country-name"))
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
"""Elements of a card that are read."""
_NAME_CLASSES = frozenset(("fn", "p-name", "org", "locality"))
_CARDS = frozenset(("vcard", "h-card", "location", "p-location", "vevent"))
_LONGITUDES = frozenset(("longitude", "geo:long", "schema:longitude"))
_FRAME_SOURCES = ("src", "data-src", "data-lazy-src", "data-litespeed-src")
_TRACKS = re.compile(r"\.(?:kml|kmz|gpx|geojson)(?:$|[?#])", re.IGNORECASE)


def role_of(post: Post, el: Element) -> str | None:
    """Whose place an element gives: the post's ("content"), the author's or the publisher's.

    None for comments, sidebars and other posts.
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
    """Whom an element describes by its class or its microdata: "author", "publisher" or "" for neither."""
    item = f"{el.get('itemprop') or ''} {el.get('itemtype') or ''}".lower()
    kinds = item.split()
    if "author" in kinds or item.endswith("/person") or not _AUTHOR.isdisjoint((el.get("class") or "").lower().split()):
        return "author"
    return "publisher" if "publisher" in kinds or item.endswith(("localbusiness", "organization")) else ""


def _is_in_holder(post: Post, el: Element) -> bool:
    return post.holder is not None and any(a is post.holder for a in el.iterancestors())


def of_microformats(page: Page, post: Post) -> Iterator[GeoTag]:
    """geo, h-geo and the formats that contain them, and the post's own adr."""
    language = page.language or ""
    for lat_class, lon_class, holders, source in _FORMATS:
        for el in (e for name in holders for e in page.index.with_class(name)[:_MOST]):
            if (place := _of_card(el, lat_class, lon_class, language)) and (role := role_of(post, el)):
                yield tag(place, _around(el), "", role, source)
    for el in (e for name in ("adr", "h-adr", "p-adr") for e in page.index.with_class(name)[:_MOST]):
        if _is_in_holder(post, el) and (parts := _address(el)) and role_of(post, el) == "content":
            yield GeoTag(None, None, ", ".join(parts), "", "content", "adr")


def _address(el: Element) -> list[str]:
    """Town, region and country of an address, each once."""
    parts = [line(e) for e in islice(el.iter("*"), _INSIDE) if _ADDRESS_PARTS & set((e.get("class") or "").split())]
    return list(dict.fromkeys(filter(None, parts)))


def _of_card(el: Element, lat_class: str, lon_class: str, language: str) -> Position | None:
    """The position in a card: of its latitude and longitude, else in a title or a text of a card that holds no more."""
    inner = list(islice(el.iter("*"), _INSIDE))
    lat, lon = _first_of_class(inner, lat_class), _first_of_class(inner, lon_class)
    if lat is not None and lon is not None:
        return halves(lat, lon)
    classes = el.get("class") or ""
    if "card" in classes or "location" in classes:
        return None
    texts = [el.get("title"), *(e.get("title") or e.get("value") for e in inner if e.tag in ("abbr", "data")), line(el)]
    return next((p for t in texts if (p := position(t, language))), None)


def _first_of_class(elements: list[Element], name: str) -> str | None:
    return next((_value(e) for e in elements if name in (e.get("class") or "").split()), None)


def of_properties(page: Page, post: Post) -> Iterator[GeoTag]:
    """Microdata and RDFa: latitude and longitude of one item, and places with only a name."""
    for attribute, source in (("itemprop", "microdata"), ("property", "rdfa")):
        for el in _having(page, attribute, "latitude", "geo:lat", "schema:latitude"):
            longitude = _longitude_beside(el, attribute)
            role = role_of(post, el) if longitude is not None else None
            if role == "content" and attribute == "itemprop" and not _in_article(el):
                role = "publisher"
            if role and longitude is not None and (p := halves(_value(el), _value(longitude))):
                yield tag(p, _around(el), "", role, source)
    for el in _having(page, "itemprop", "contentLocation", "locationCreated", "spatialCoverage", "dateline"):
        name = clean(el.get("content")) or _name_in(el)
        if 1 < len(name) <= 80 and not post.is_noise(el):
            kinds = (el.get("itemprop") or "").split()
            role = "content" if "contentLocation" in kinds or "spatialCoverage" in kinds else "dateline"
            yield GeoTag(None, None, name, "", role, "microdata")


def _longitude_beside(el: Element, attribute: str) -> Element | None:
    """The element with the longitude that belongs to a latitude; <head> may have those of several things."""
    holder = el.getparent()
    if holder is None or (el.tag == "meta" and holder.tag == "head"):
        return None
    inner = islice(holder.iter("*"), _INSIDE)
    return next((e for e in inner if not _LONGITUDES.isdisjoint((e.get(attribute) or "").split())), None)


def _having(page: Page, attribute: str, *names: str) -> list[Element]:
    return [e for n in names for e in page.index.select(f"[{attribute}~={n}]")][:_MOST]


def _name_in(el: Element) -> str:
    inner = list(islice(el.iter("*"), _INSIDE))
    for e in inner:
        if {"name", "addressLocality"} & set((e.get("itemprop") or "").split()):
            return clean(e.get("content")) or line(e)
    return "" if any(e.get("itemprop") for e in inner[1:]) else line(el)


def _in_article(el: Element) -> bool:
    """Whether a property's item, or one around it, is an article, or at least no business and no person."""
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
    """The name of the place whose card contains a position."""
    for at in islice(el.iterancestors(), 4):
        if at.get("itemscope") is None and _CARDS.isdisjoint((at.get("class") or "").split()):
            continue
        for e in islice(at.iter("*"), _INSIDE):
            classes, kinds = (e.get("class") or "").split(), (e.get("itemprop") or "").split()
            if "name" in kinds or not _NAME_CLASSES.isdisjoint(classes):
                return clean(e.get("content")) or line(e)
    return ""


def of_maps(page: Page, post: Post) -> Iterator[GeoTag]:
    """The map link in the post's location line, and maps in its text: links, frames, elements and scripts."""
    for a, _ in post.select(_LOCATION, anywhere=False)[:1]:
        if p := of_map_link(a.get("href") or ""):
            yield tag(p, line(a)[:200], "", "content", "map link")
    if post.body is None:
        return
    links, is_cut = _map_links(post, post.body)
    yield from links
    if not is_cut:
        yield from _map_elements(post, post.body)
        yield from _map_scripts(post.body)


def _map_links(post: Post, body: Element) -> tuple[list[GeoTag], bool]:
    """The positions of map links and frames, and whether there are more than are read."""
    found: list[GeoTag] = []
    for el in islice(body.iter("a", "iframe", "img"), _MOST_LINKS):
        href = _frame_source(el) if el.tag == "iframe" else el.get("href") or el.get("src") or ""
        if href and (p := of_map_link(href)) and not post.is_noise(el):
            found.append(tag(p, "", "", "content", "map link"))
            if len(found) >= _MOST:
                return found, True
    return found, False


def _frame_source(el: Element) -> str:
    return next((v for k in _FRAME_SOURCES if (v := el.get(k)) and v != "about:blank"), "")


def _map_elements(post: Post, body: Element) -> Iterator[GeoTag]:
    for el in _with_data(body):
        pairs = [halves(el.get(a), el.get(b)) for a, b in _DATA] + [position(el.get(k)) for k in _DATA_WHOLE]
        if (p := next(filter(None, pairs), None)) and not post.is_noise(el):
            yield tag(p, clean(el.get("data-title") or el.get("data-name")), "", "content", "map element")


def _map_scripts(body: Element) -> Iterator[GeoTag]:
    for script in islice(body.iter("script"), _MOST):
        for m in islice(_SCRIPT.finditer((script.text or "")[:50_000]), _MOST):
            if p := position(f"{m[1] or m[3]};{m[2] or m[4]}"):
                yield tag(p, "", "", "content", "map script")


def _with_data(body: Element) -> list[Element]:
    found = _WITH_DATA(body)
    return [e for e in found[:_MOST] if isinstance(e, Element)] if isinstance(found, list) else []


def kml_links(page: Page, post: Post) -> list[str]:
    """The post's links to files of places and tracks (KML, KMZ, GPX, GeoJSON): evidence, which is not fetched."""
    if post.body is None:
        return []
    found = [page.join(a.get("href")) for a in islice(post.body.iter("a"), _MOST_LINKS)
             if _TRACKS.search(a.get("href") or "")]
    return list(dict.fromkeys(u for u in found if u))[:_MOST]
