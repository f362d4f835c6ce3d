"""Gives access to the items of RSS, Atom and JSON feeds, including their geo-tags, through one set of methods."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

from lxml import etree

from archiver.items import GeoTag
from archiver.urls import normalize

# Places in feeds: GeoRSS (simple, GML), W3C Basic Geo, Dublin Core and JSON, all in WGS 84.

_Children = dict[str, list[etree._Element]]
_NUMBER = re.compile(r"[-+]?\d{1,3}(?:\.\d{1,15})?")
_SHAPES = ("georss:point", "georss:circle", "georss:box", "georss:line", "georss:polygon")
_GML = ("pos", "poslist", "lowercorner", "uppercorner")
_DCMI = re.compile(r"(\w+)\s*=\s*([^;]+)")
_JSON_HOLDERS = ("_geo", "geo", "_location", "location", "_place", "place", "coordinates")
_JSON_DEGREES = (("latitude", "longitude"), ("lat", "lon"), ("lat", "lng"), ("lat", "long"))


def feed_geotags(children: _Children) -> tuple[GeoTag, ...]:
    """Returns the geo-tags among the child elements of a feed item (`XmlItem.children`), without coordinates that are
    out of range or 0,0.

    Of a GeoRSS box, line or polygon the middle of its bounds is used, of a circle its centre.
    """
    name = _first(children, "georss:featurename")
    found = [*_georss(children, name), *_gml(children, name), *_basic_geo(children, name)]
    if name and not found:
        found.append(GeoTag(None, None, name, source="georss"))
    for key in ("dcterms:spatial", "dc:coverage"):
        found = found or [tag for e in children.get(key, ()) if (tag := _dublin_core(_text(e), key))]
    return tuple({(t.latitude, t.longitude): t for t in reversed(found)}.values())[::-1]


def _georss(children: _Children, name: str) -> list[GeoTag]:
    """Returns the GeoRSS geo-tags of an item, from the first shape in _SHAPES that yields any. (Blogger writes both a
    point and the box around it.)
    """
    for key in _SHAPES:
        texts = [_text(e) for e in children.get(key, ())]
        if key == "georss:circle":
            texts = [" ".join(t.replace(",", " ").split()[:2]) for t in texts]
        if found := [tag for t in texts if (tag := _of(t, name, "georss"))]:
            return found
    return []


def _gml(children: _Children, name: str) -> Iterator[GeoTag]:
    for where in children.get("georss:where", ()):
        texts = [_text(e) for e in where.iter() if str(e.tag).rpartition("}")[2].lower() in _GML]
        if tag := _of(" ".join(texts[:2]), name, "georss"):
            yield tag


def _basic_geo(children: _Children, name: str) -> Iterator[GeoTag]:
    for scope in [children, *(_keyed(point) for point in children.get("geo:point", ()))]:
        lat, lon = _first(scope, "geo:lat"), _first(scope, "geo:long") or _first(scope, "geo:lon")
        if lat and lon and (tag := _of(f"{lat} {lon}", name, "w3c-geo")):
            yield tag


def json_geotag(row: dict[str, Any]) -> tuple[GeoTag, ...]:
    """Returns the geo-tag of a JSON feed item, from a latitude and longitude in an extension object or in the item
    itself; () if it has none.
    """
    for holder in (*(row.get(k) for k in _JSON_HOLDERS), row):
        if not isinstance(holder, dict):
            continue
        for lat_key, lon_key in _JSON_DEGREES:
            lat, lon = holder.get(lat_key), holder.get(lon_key)
            if isinstance(lat, (int, float, str)) and isinstance(lon, (int, float, str)):
                name = holder.get("name") if holder is not row else ""
                tag = _of(f"{lat} {lon}", name if isinstance(name, str) else "", "json")
                if tag:
                    return (tag,)
    return ()


def _dublin_core(text: str, source: str) -> GeoTag | None:
    """Parses a Dublin Core place as a geo-tag: a DCMI Point ("east=..; north=..; name=..") or the name of a place."""
    given = {k.lower(): v.strip() for k, v in _DCMI.findall(text)}
    if "north" in given and "east" in given:
        return _of(f"{given['north']} {given['east']}", given.get("name", ""), source)
    name = given.get("name", "") or ("" if given else text)
    named = 1 < len(name) <= 80 and not re.search(r"\d|https?:", name)
    return GeoTag(None, None, name, source=source) if named else None


def _keyed(element: etree._Element) -> dict[str, list[etree._Element]]:
    return {f"geo:{str(c.tag).rpartition('}')[2].rpartition(':')[2].lower()}": [c] for c in element}


def _first(children: dict[str, list[etree._Element]], key: str) -> str:
    return next((t for e in children.get(key, ()) if (t := _text(e))), "")


def _text(element: etree._Element) -> str:
    return " ".join("".join(str(t) for t in element.itertext())[:10_000].split())


def _of(text: str, name: str, source: str) -> GeoTag | None:
    written = _NUMBER.findall(text)
    numbers = [float(n) for n in written]
    if len(numbers) < 2:
        return None
    lats, lons = numbers[0::2], numbers[1::2]
    lat, lon = (min(lats) + max(lats)) / 2, (min(lons) + max(lons)) / 2
    if not (-90 <= lat <= 90 and -180 <= lon <= 180) or (lat == 0 and lon == 0):
        return None
    # The precision of the numbers as written; unknown for the middle of a shape.
    precision = 10.0 ** -max(len(n.partition(".")[2]) for n in written) if len(numbers) == 2 else None
    return GeoTag(round(lat, 7), round(lon, 7), name[:300], source=source, precision=precision)


# Items of RSS and Atom feeds.

_XML_BASE = "{http://www.w3.org/XML/1998/namespace}base"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
NAMESPACES = {
    "http://www.w3.org/2005/atom": "atom",
    "http://purl.org/atom/ns#": "atom",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://purl.org/dc/terms/": "dcterms",
    "http://purl.org/rss/1.0/modules/content/": "content",
    "http://rssnamespace.org/feedburner/ext/1.0": "feedburner",
    "http://www.itunes.com/dtds/podcast-1.0.dtd": "itunes",
    "http://search.yahoo.com/mrss/": "media",
    "http://search.yahoo.com/mrss": "media",
    "http://www.georss.org/georss": "georss",
    "http://www.opengis.net/gml": "gml",
    "http://www.w3.org/2003/01/geo/wgs84_pos#": "geo",
    "http://purl.org/syndication/thread/1.0": "thr",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#": "rdf",
    "com-wordpress:feed-additions:1": "wp",
    "http://www.w3.org/1999/xhtml": "xhtml",
    "http://purl.org/rss/1.0/": "rss",
    "http://my.netscape.com/rdf/simple/0.9/": "rss",
    "http://channel.netscape.com/rdf/simple/0.9/": "rss",
    "http://backend.userland.com/rss2": "rss",
}
"""The prefix used here for each namespace (in lower case). Elements in other namespaces have none."""
_MEDIA = ("media:content", "media:thumbnail")


class XmlItem:
    """An RSS <item>, an Atom <entry>, or the channel of a feed.

    Its methods take element names as "prefix:local", without a prefix for the feed's own namespace (`core`).
    """

    def __init__(self, element: etree._Element, url: str, core: str) -> None:
        self.element = element
        self.url = url
        self.language = element.get(_XML_LANG) or ""
        self.children: dict[str, list[etree._Element]] = {}
        for child in element:
            self.children.setdefault(qualified_name(child, core), []).append(child)

    def all(self, *names: str) -> list[etree._Element]:
        return [e for name in names for e in self.children.get(name, ())]

    def text(self, *names: str) -> str:
        """Returns the text of the first element with one of these names that has a text, else ""."""
        return next((t for t in (inner_text(e) for e in self.all(*names)) if t), "")

    def base(self, element: etree._Element) -> str:
        """Returns the base URL for relative addresses in an element (XML Base): its own or its ancestors' xml:base,
        else the feed's URL.
        """
        bases = [e.get(_XML_BASE) for e in (element, *element.iterancestors())]
        url = self.url
        for base in reversed(bases):
            if base:
                try:
                    url = urljoin(url, base.strip())
                except ValueError:
                    continue
        return url

    def link_rel(self, rel: str) -> str | None:
        """Returns the address of the Atom link with this `rel` (RSS feeds have such links, too), or None."""
        for e in self.all("link", "atom:link", "atom10:link"):
            if (e.get("rel") or "alternate").lower().rpartition("/")[2] == rel and e.get("href"):
                return normalize(e.get("href") or "", self.base(e))
        return None

    def raw_links(self) -> list[str]:
        """Returns the item's link addresses as written in the feed, with their fragments."""
        links = [e for e in self.all("link") if (e.get("rel") or "alternate") == "alternate"]
        return [inner_text(e) or e.get("href") or "" for e in links]

    def link(self) -> str | None:
        """Returns the address of the post: FeedBurner's original link, else the item's link, else a permanent guid,
        else the RDF or Atom id; None if it has none.
        """
        original = self.text("feedburner:origlink")
        if original and (found := normalize(original, self.url)):
            return found
        if (own := self._own_link()) is not None:
            return own or None
        if found := self.link_rel("alternate"):
            return found
        for e in self.all("guid"):
            if (e.get("isPermaLink") or e.get("ispermalink") or "true").lower() != "false":
                return normalize(inner_text(e))
        about = self.element.get("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about")
        return normalize(about) if about else normalize(self.text("id"))

    def _own_link(self) -> str | None:
        """Returns the item's Atom link to an HTML page ("" if its address is invalid) or its RSS link, whichever comes
        first; None without a usable link.
        """
        for e in self.all("link"):
            kind, rel = e.get("type") or "text/html", e.get("rel") or "alternate"
            if e.get("href") and rel == "alternate" and "html" in kind:
                return normalize(e.get("href") or "", self.base(e)) or ""
            if not e.get("href") and (t := inner_text(e)) and (found := normalize(t, self.base(e))):
                return found
        return None

    def guid(self) -> str:
        return self.text("guid", "id", "atom:id", "dc:identifier")[:1000]

    def title(self) -> str:
        return self.text("title", "dc:title", "media:title")

    def authors(self) -> list[str]:
        names = [inner_text(e) for e in self.all("dc:creator")]
        for e in self.all("author", "atom:author"):
            parts = [inner_text(c) for c in e if qualified_name(c, "").rpartition(":")[2] == "name"]
            names += parts if len(e) else [inner_text(e)]
        return names or [inner_text(e) for e in self.all("itunes:author", "dc:contributor")]

    def published(self) -> str:
        return self.text(
            "pubdate",
            "published",
            "atom:published",
            "issued",
            "dcterms:issued",
            "dc:date",
            "dcterms:created",
            "created",
        )

    def modified(self) -> str:
        return self.text("updated", "atom:updated", "modified", "dcterms:modified")

    def categories(self) -> list[str]:
        found = [
            e.get("label") or e.get("term") or inner_text(e)
            for e in self.all("category", "dc:subject")
            if "#kind" not in (e.get("scheme") or "")
        ]
        return [c for c in found if c]

    def tags(self) -> list[str]:
        return [t for e in self.all("media:keywords", "itunes:keywords") for t in inner_text(e).split(",")]

    def content(self) -> str:
        for e in self.all("content:encoded", "content", "xhtml:body", "xhtml:div"):
            if (e.get("type") or "html").lower() in ("html", "text/html", "xhtml", "application/xhtml+xml", "text"):
                return inner_text(e, markup=True)
        return ""

    def summary(self) -> str:
        return next(
            (
                t
                for e in self.all("description", "summary", "dc:description", "media:description")
                if (t := inner_text(e, markup=True))
            ),
            "",
        )

    def image(self) -> str | None:
        groups = [c for g in self.all("media:group") for c in g if qualified_name(c, "") in _MEDIA]
        for e in [*self.all("media:content"), *self.all("media:thumbnail"), *groups, *self.all("enclosure")]:
            kind = f"{e.get('medium') or ''} {e.get('type') or ''}"
            if "thumbnail" in str(e.tag) or "image" in kind:
                return normalize(e.get("url") or "", self.base(e))
        return None

    def geotags(self) -> tuple[GeoTag, ...]:
        return feed_geotags(self.children)

    def platform_id(self) -> str:
        number = self.text("wp:post-id", "post-id")
        return f"wordpress:{number}" if number.isdecimal() else ""

    def is_reply(self) -> bool:
        return bool(self.all("thr:in-reply-to"))


def qualified_name(element: etree._Element, core: str) -> str:
    """Returns the name of an element as "prefix:local" in lower case; only "local" in the feed's own namespace `core`
    and in unknown ones.
    """
    tag = element.tag
    if not isinstance(tag, str):
        return ""
    space, _, local = tag[1:].rpartition("}") if tag.startswith("{") else ("", "", tag)
    prefix = NAMESPACES.get(space.lower(), "")
    name = local.lower()
    return name if not prefix or prefix == core else f"{prefix}:{name}"


def inner_text(element: etree._Element, markup: bool = False) -> str:
    """Returns the text of an element; with `markup`, its child elements are kept as HTML."""
    if len(element) == 0:
        return (element.text or "").strip()
    if not markup:
        return "".join(str(t) for t in element.itertext()).strip()
    out = [element.text or ""]
    out += [etree.tostring(c, encoding="unicode", method="html") for c in element if isinstance(c.tag, str)]
    return "".join(out).replace(' xmlns="http://www.w3.org/1999/xhtml"', "").strip()


# Items of JSON feeds (https://www.jsonfeed.org/version/1.1/).


class JsonItem:
    """An item of a JSON Feed 1.0 or 1.1, with the same methods as `XmlItem`."""

    def __init__(self, row: dict[str, Any], url: str) -> None:
        self.row = row
        self.url = url
        self.language = self._text("language")

    def _text(self, name: str) -> str:
        value = self.row.get(name)
        return str(value).strip() if isinstance(value, (str, int)) else ""

    def raw_links(self) -> list[str]:
        return [self._text("url")]

    def link(self) -> str | None:
        return normalize(self._text("url"), self.url) if self._text("url") else normalize(self._text("id"))

    def guid(self) -> str:
        return self._text("id")[:1000]

    def title(self) -> str:
        return self._text("title")

    def authors(self) -> list[str]:
        people = self.row.get("authors") or [self.row.get("author")]
        people = people if isinstance(people, list) else [people]
        return [str(p["name"]) for p in people if isinstance(p, dict) and isinstance(p.get("name"), str)]

    def published(self) -> str:
        return self._text("date_published")

    def modified(self) -> str:
        return self._text("date_modified")

    def categories(self) -> list[str]:
        return []

    def tags(self) -> list[str]:
        tags = self.row.get("tags")
        return [t for t in tags if isinstance(t, str)] if isinstance(tags, list) else []

    def content(self) -> str:
        return self._text("content_html") or self._text("content_text")

    def summary(self) -> str:
        return self._text("summary")

    def image(self) -> str | None:
        return normalize(self._text("image"), self.url) if self._text("image") else None

    def geotags(self) -> tuple[GeoTag, ...]:
        return json_geotag(self.row)

    def platform_id(self) -> str:
        return ""

    def is_reply(self) -> bool:
        return False
