"""The places a page names of itself: metas, microformats, schema.org, map links, and what the source told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from lxml.etree import _Element as Element

from archiver.extraction.geotext import Position, checked, number, of_map_link, position
from archiver.extraction.page import Page
from archiver.extraction.scope import Post
from archiver.extraction.structured import is_article_item, item_of
from archiver.extraction.text import clean, folded, line
from archiver.items import GeoTag, Lead

_NEAR = 0.0005
_SCHEMA = (
    ("contentLocation", "content"),
    ("spatialCoverage", "content"),
    ("spatial", "content"),
    ("locationCreated", "dateline"),
    ("location", "content"),
)


def geotags(page: Page, post: Post, lead: Lead | None) -> tuple[GeoTag, ...]:
    """Every place once, in the order of trust: metas, microformats, schema.org, the source's, map links.

    Equal positions (within some 50 m) are one place, its name and region filled from whichever
    form has them. What is out of range is no place; 0,0 is one only where the page names it too, since
    it is what forms hold that nobody filled in.
    """
    found = [
        *_metas(page),
        *_microformats(page, post),
        *_schema(page),
        *(lead.geotags if lead else ()),
        *_maps(page, post),
    ]
    return merged(found)


def merged(found: list[GeoTag]) -> tuple[GeoTag, ...]:
    out: list[GeoTag] = []
    for tag in found:
        at = next((n for n, have in enumerate(out) if _same(have, tag)), None)
        if at is None:
            out.append(tag)
        else:
            have = out[at]
            if have.latitude is None and tag.latitude is not None:
                have = replace(have, latitude=tag.latitude, longitude=tag.longitude)
            out[at] = replace(have, placename=have.placename or tag.placename, region=have.region or tag.region)
    out = [t for t in out if t.placename or (t.latitude, t.longitude) not in ((0, 0), (None, None))]
    placed = [t for t in out if t.latitude is not None]
    loose = [t for t in out if t.latitude is None]
    if len(placed) == 1 and len(loose) == 1 and not placed[0].placename and placed[0].role == loose[0].role:
        return (replace(placed[0], placename=loose[0].placename, region=placed[0].region or loose[0].region),)
    return tuple(out)


def _same(a: GeoTag, b: GeoTag) -> bool:
    if a.latitude is not None and b.latitude is not None and a.longitude is not None and b.longitude is not None:
        return abs(a.latitude - b.latitude) < _NEAR and abs(a.longitude - b.longitude) < _NEAR
    return bool(a.placename) and folded(a.placename) == folded(b.placename)


def _metas(page: Page) -> Iterator[GeoTag]:
    data = page.data
    placename = data.meta_first(
        "geo.placename", "geo.place", "geo_address", "og:locality", "place:location:name", "dc.coverage.placename"
    )
    region = data.meta_first("geo.region", "geo.country", "og:region")
    places: list[tuple[Position, str]] = []
    for key in ("geo.position", "icbm", "dc.coverage.x-geo", "geo.point", "dc.coverage.spatial"):
        places += [(p, key if key != "icbm" else "ICBM") for v in data.meta(key) if (p := position(v))]
    for lat_key, lon_key in (
        ("place:location:latitude", "place:location:longitude"),
        ("og:latitude", "og:longitude"),
        ("geo_latitude", "geo_longitude"),
        ("geo.latitude", "geo.longitude"),
        ("latitude", "longitude"),
        ("geo.lat", "geo.long"),
    ):
        for a, b in zip(data.meta(lat_key), data.meta(lon_key), strict=False):
            lat, lon = number(a), number(b)
            if lat is not None and lon is not None and (p := checked(lat, lon)):
                places.append((p, lat_key))
    for (lat, lon), source in places:
        yield GeoTag(lat, lon, placename, region, "content", source)
    if not places and placename:
        yield GeoTag(None, None, placename, region, "content", "geo.placename")


def _microformats(page: Page, post: Post) -> Iterator[GeoTag]:
    index = page.index
    for lat_class, lon_class, holders, source in (
        ("latitude", "longitude", ("geo",), "geo-microformat"),
        ("p-latitude", "p-longitude", ("h-geo", "h-card", "h-adr", "p-geo", "p-location", "u-geo"), "h-geo"),
    ):
        for name in holders:
            for el in index.with_class(name):
                if _foreign(post, el):
                    continue
                lat = next(
                    (number(_value(e)) for e in el.iter("*") if lat_class in (e.get("class") or "").split()), None
                )
                lon = next(
                    (number(_value(e)) for e in el.iter("*") if lon_class in (e.get("class") or "").split()), None
                )
                place = (
                    checked(lat, lon)
                    if lat is not None and lon is not None
                    else position(el.get("title")) or position(line(el))
                )
                if place is None:
                    for inner in el.iter("abbr", "data"):
                        place = place or position(inner.get("title") or inner.get("value"))
                if place:
                    yield GeoTag(*place, _around(el), "", "content", source)
    for lat_el in index.select("[itemprop~=latitude]"):
        holder = lat_el.getparent()
        lon_el = next(
            (
                e
                for e in (holder.iter("*") if holder is not None else ())
                if "longitude" in (e.get("itemprop") or "").split()
            ),
            None,
        )
        if lon_el is None or _foreign(post, lat_el) or not _in_article(lat_el):
            continue
        lat, lon = number(_value(lat_el)), number(_value(lon_el))
        if lat is not None and lon is not None and (p := checked(lat, lon)):
            yield GeoTag(*p, _around(lat_el), "", "content", "microdata")
    for name in ("adr", "h-adr", "p-adr"):
        for el in index.with_class(name):
            if not _foreign(post, el) and post.holder is not None and any(a is post.holder for a in el.iterancestors()):
                place_name = ", ".join(
                    t
                    for c in ("locality", "p-locality", "region", "p-region", "country-name", "p-country-name")
                    for e in el.iter("*")
                    if c in (e.get("class") or "").split()
                    if (t := line(e))
                )
                if place_name:
                    yield GeoTag(None, None, place_name, "", "content", "adr")


def _value(el: Element) -> str:
    for inner in el.iter("*"):
        if "value-title" in (inner.get("class") or "").split() and inner.get("title"):
            return clean(inner.get("title"))
    return clean(el.get("content") or el.get("title") or el.get("value") or el.get("data-value")) or line(el)


def _around(el: Element) -> str:
    """The name of the place whose card holds a position."""
    at = el.getparent()
    for _ in range(4):
        if at is None:
            return ""
        if {"vcard", "h-card", "location", "p-location", "vevent"} & set((at.get("class") or "").split()) or at.get(
            "itemscope"
        ) is not None:
            for e in at.iter("*"):
                if {"fn", "p-name", "org", "locality"} & set((e.get("class") or "").split()) or "name" in (
                    e.get("itemprop") or ""
                ).split():
                    return clean(e.get("content")) or line(e)
        at = at.getparent()
    return ""


def _foreign(post: Post, el: Element) -> bool:
    """Whether an element stands where the site speaks of itself or of other posts."""
    at: Element | None = el
    while at is not None:
        if (
            at.tag in ("footer", "aside", "nav")
            and at is not post.holder
            and not any(p.tag == "article" for p in at.iterancestors())
        ):
            return True
        at = at.getparent()
    return post.is_noise(el)


def _in_article(el: Element) -> bool:
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


def _schema(page: Page) -> Iterator[GeoTag]:
    data = page.data
    node = data.article(page.addresses)
    if node is None:
        pages = data.of_type("webpage", "blogposting", "article", "event")
        node = pages[0] if len(pages) == 1 else None
    for key, role in _SCHEMA:
        for value in data.resolve((node or {}).get(key)):
            yield from _place(page, value, role, f"schema.org {key}")


def _place(page: Page, value: Any, role: str, source: str) -> Iterator[GeoTag]:
    if isinstance(value, str):
        if (p := position(value)) is not None:
            yield GeoTag(*p, "", "", role, source)
        elif 1 < len(clean(value)) < 80:
            yield GeoTag(None, None, clean(value), "", role, source)
        return
    if not isinstance(value, dict):
        return
    data = page.data
    name = next(iter(data.texts(value, "name")), "")
    region = ""
    for address in data.resolve(value.get("address")):
        if isinstance(address, dict):
            region = next(iter(data.texts(address, "addressRegion", "addressCountry")), "")
            name = name or next(iter(data.texts(address, "addressLocality")), "")
        elif isinstance(address, str):
            name = name or clean(address)
    for geo in [*data.resolve(value.get("geo")), value]:
        if isinstance(geo, dict):
            lat = number(next(iter(data.texts(geo, "latitude")), ""))
            lon = number(next(iter(data.texts(geo, "longitude")), ""))
            if lat is not None and lon is not None and (p := checked(lat, lon)):
                yield GeoTag(*p, name, region, role, source)
                return
    if name:
        yield GeoTag(None, None, name, region, role, source)


def _maps(page: Page, post: Post) -> Iterator[GeoTag]:
    if post.body is None:
        return
    for n, el in enumerate(post.body.iter("a", "iframe")):
        href = el.get("href") or el.get("src") or el.get("data-src") or ""
        if n > 2_000:
            return
        if href and (p := of_map_link(href)):
            yield GeoTag(*p, "", "", "content", "map link")
