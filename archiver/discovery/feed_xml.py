"""The items of RSS and Atom feeds, read by namespace and name."""

from __future__ import annotations

from urllib.parse import urljoin

from lxml import etree

from archiver.discovery.feed_geo import geotags
from archiver.items import GeoTag
from archiver.urls import normalize

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
"""The prefix used here for each namespace (in lower case); elements in no known namespace have none."""
_MEDIA = ("media:content", "media:thumbnail")


class XmlItem:
    """An <item> or <entry>, or the channel. Elements are named "prefix:local"; the feed's own have no prefix."""

    def __init__(self, element: etree._Element, url: str, core: str) -> None:
        self.element = element
        self.url = url
        self.language = element.get(_XML_LANG) or ""
        self.children: dict[str, list[etree._Element]] = {}
        for child in element:
            self.children.setdefault(key_of(child, core), []).append(child)

    def all(self, *names: str) -> list[etree._Element]:
        return [e for name in names for e in self.children.get(name, ())]

    def text(self, *names: str) -> str:
        """The text of the first of these elements that has a text."""
        return next((t for t in (inner(e) for e in self.all(*names)) if t), "")

    def base(self, element: etree._Element) -> str:
        """The base of relative addresses (XML Base): of the element or its nearest ancestors, else the feed's own."""
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
        """The Atom link with this relation, which RSS feeds also use."""
        for e in self.all("link", "atom:link", "atom10:link"):
            if (e.get("rel") or "alternate").lower().rpartition("/")[2] == rel and e.get("href"):
                return normalize(e.get("href") or "", self.base(e))
        return None

    def raw_links(self) -> list[str]:
        """The addresses as written, with their fragments."""
        links = [e for e in self.all("link") if (e.get("rel") or "alternate") == "alternate"]
        return [inner(e) or e.get("href") or "" for e in links]

    def link(self) -> str | None:
        """The address of the post: FeedBurner's original, the item's link, a permanent guid, else an RDF or Atom id."""
        original = self.text("feedburner:origlink")
        if original and (found := normalize(original, self.url)):
            return found
        if (own := self._own_link()) is not None:
            return own or None
        if found := self.link_rel("alternate"):
            return found
        for e in self.all("guid"):
            if (e.get("isPermaLink") or e.get("ispermalink") or "true").lower() != "false":
                return normalize(inner(e))
        about = self.element.get("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about")
        return normalize(about) if about else normalize(self.text("id"))

    def _own_link(self) -> str | None:
        """The first Atom link to an HTML page ("" if it is no address), or RSS link with an address."""
        for e in self.all("link"):
            kind, rel = e.get("type") or "text/html", e.get("rel") or "alternate"
            if e.get("href") and rel == "alternate" and "html" in kind:
                return normalize(e.get("href") or "", self.base(e)) or ""
            if not e.get("href") and (t := inner(e)) and (found := normalize(t, self.base(e))):
                return found
        return None

    def guid(self) -> str:
        return self.text("guid", "id", "atom:id", "dc:identifier")[:1000]

    def title(self) -> str:
        return self.text("title", "dc:title", "media:title")

    def authors(self) -> list[str]:
        names = [inner(e) for e in self.all("dc:creator")]
        for e in self.all("author", "atom:author"):
            parts = [inner(c) for c in e if key_of(c, "").rpartition(":")[2] == "name"]
            names += parts if len(e) else [inner(e)]
        return names or [inner(e) for e in self.all("itunes:author", "dc:contributor")]

    def published(self) -> str:
        return self.text("pubdate", "published", "atom:published", "issued", "dcterms:issued", "dc:date",
                         "dcterms:created", "created")

    def modified(self) -> str:
        return self.text("updated", "atom:updated", "modified", "dcterms:modified")

    def categories(self) -> list[str]:
        found = [e.get("label") or e.get("term") or inner(e) for e in self.all("category", "dc:subject")
                 if "#kind" not in (e.get("scheme") or "")]
        return [c for c in found if c]

    def tags(self) -> list[str]:
        return [t for e in self.all("media:keywords", "itunes:keywords") for t in inner(e).split(",")]

    def content(self) -> str:
        for e in self.all("content:encoded", "content", "xhtml:body", "xhtml:div"):
            if (e.get("type") or "html").lower() in ("html", "text/html", "xhtml", "application/xhtml+xml", "text"):
                return inner(e, markup=True)
        return ""

    def summary(self) -> str:
        return next((t for e in self.all("description", "summary", "dc:description", "media:description")
                     if (t := inner(e, markup=True))), "")

    def image(self) -> str | None:
        groups = [c for g in self.all("media:group") for c in g if key_of(c, "") in _MEDIA]
        for e in [*self.all("media:content"), *self.all("media:thumbnail"), *groups, *self.all("enclosure")]:
            kind = f"{e.get('medium') or ''} {e.get('type') or ''}"
            if "thumbnail" in str(e.tag) or "image" in kind:
                return normalize(e.get("url") or "", self.base(e))
        return None

    def geotags(self) -> tuple[GeoTag, ...]:
        return geotags(self.children)

    def platform_id(self) -> str:
        number = self.text("wp:post-id", "post-id")
        return f"wordpress:{number}" if number.isdecimal() else ""

    def is_reply(self) -> bool:
        return bool(self.all("thr:in-reply-to"))


def key_of(element: etree._Element, core: str) -> str:
    """ "prefix:local" in lower case, without a prefix in the feed's own namespace `core` or in none."""
    tag = element.tag
    if not isinstance(tag, str):
        return ""
    space, _, local = tag[1:].rpartition("}") if tag.startswith("{") else ("", "", tag)
    prefix = NAMESPACES.get(space.lower(), "")
    name = local.lower()
    return name if not prefix or prefix == core else f"{prefix}:{name}"


def inner(element: etree._Element, markup: bool = False) -> str:
    """The text of an element; with `markup`, XHTML in it as HTML."""
    if len(element) == 0:
        return (element.text or "").strip()
    if not markup:
        return "".join(str(t) for t in element.itertext()).strip()
    out = [element.text or ""]
    out += [etree.tostring(c, encoding="unicode", method="html") for c in element if isinstance(c.tag, str)]
    return "".join(out).replace(' xmlns="http://www.w3.org/1999/xhtml"', "").strip()
