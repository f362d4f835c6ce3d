"""One item of a feed: the same questions to RSS, Atom and JSON, and the lead made of the answers."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urljoin

from lxml import etree

from archiver.discovery.feed_geo import geotags
from archiver.discovery.markup import plain_text
from archiver.discovery.when import parse_time
from archiver.items import GeoTag, Lead, PageKind, Source, Target
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
"""Namespace (in lower case) to the prefix used here; what is in none of them, or in RSS's own, has no prefix."""

_BLOGGER_ID = re.compile(r"tag:blogger\.com,1999:blog-\d+\.post-(\d+)")
_WORDPRESS_GUID = re.compile(r"[?&](?:p|page_id)=(\d+)(?:&|$|#)")
_COMMENT_LINK = re.compile(r"#(?:comment-?\d+|c\d{6,})$|[?&]showComment=", re.IGNORECASE)
_MAIL_NAME = re.compile(r"\S+@\S+\s*\((.+)\)\s*$")
_MAIL = re.compile(r"\S+@\S+\.\S+")
_CUT_OFF = re.compile(r"(?:\[?(?:…|\.\.\.)\]?|→|»)\s*$")
_APPEARED = re.compile(r"<p>(?:(?!</?p\b).)*</p>\s*$", re.DOTALL | re.IGNORECASE)
_HREF = re.compile(r"<a\b[^>]*?\bhref\s*=\s*[\"']([^\"']+)", re.IGNORECASE)
_MEDIA = ("media:content", "media:thumbnail")
_FULL_TEXT = 600


class Item(Protocol):
    """What is asked of an item, whatever the feed is written in. Times as written, addresses absolute."""

    language: str

    def link(self) -> str | None: ...
    def guid(self) -> str: ...
    def title(self) -> str: ...
    def authors(self) -> list[str]: ...
    def published(self) -> str: ...
    def modified(self) -> str: ...
    def categories(self) -> list[str]: ...
    def tags(self) -> list[str]: ...
    def content(self) -> str: ...
    def summary(self) -> str: ...
    def image(self) -> str | None: ...
    def geotags(self) -> tuple[GeoTag, ...]: ...
    def platform_id(self) -> str: ...
    def is_reply(self) -> bool: ...


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
        """The text of the first of these elements that has some."""
        return next((t for t in (inner(e) for e in self.all(*names)) if t), "")

    def base(self, element: etree._Element) -> str:
        """The base of relative addresses (XML Base): that of the nearest ancestors, else the feed's address."""
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
        """The Atom link of this relation (in RSS too)."""
        for e in self.all("link", "atom:link", "atom10:link"):
            if (e.get("rel") or "alternate").lower().rpartition("/")[2] == rel and e.get("href"):
                return normalize(e.get("href") or "", self.base(e))
        return None

    def link(self) -> str | None:
        original = self.text("feedburner:origlink")
        if original and (found := normalize(original, self.url)):
            return found
        for e in self.all("link"):  # Atom: an alternate in HTML first, RSS: the text
            kind, rel = e.get("type") or "text/html", e.get("rel") or "alternate"
            if e.get("href") and rel == "alternate" and "html" in kind:
                return normalize(e.get("href") or "", self.base(e))
            if not e.get("href") and (t := inner(e)) and (found := normalize(t, self.base(e))):
                return found
        if found := self.link_rel("alternate"):
            return found
        for e in self.all("guid"):
            if (e.get("isPermaLink") or e.get("ispermalink") or "true").lower() != "false":
                return normalize(inner(e))
        about = self.element.get("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about")
        return normalize(about) if about else normalize(self.text("id"))

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


class JsonItem:
    """An item of a JSON Feed 1.0 or 1.1."""

    def __init__(self, row: dict[str, Any], url: str) -> None:
        self.row = row
        self.url = url
        self.language = self._text("language")

    def _text(self, name: str) -> str:
        value = self.row.get(name)
        return str(value).strip() if isinstance(value, (str, int)) else ""

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
        return ()

    def platform_id(self) -> str:
        return ""

    def is_reply(self) -> bool:
        return False


def key_of(element: etree._Element, core: str) -> str:
    """ "prefix:local" in lower case; no prefix for the feed's own namespace `core` and for none."""
    tag = element.tag
    if not isinstance(tag, str):
        return ""
    space, _, local = tag[1:].rpartition("}") if tag.startswith("{") else ("", "", tag)
    prefix = NAMESPACES.get(space.lower(), "")
    name = local.lower()
    return name if not prefix or prefix == core else f"{prefix}:{name}"


def inner(element: etree._Element, markup: bool = False) -> str:
    """The text of an element; with `markup`, XHTML inside it as HTML."""
    if len(element) == 0:
        return (element.text or "").strip()
    if not markup:
        return "".join(str(t) for t in element.itertext()).strip()
    out = [element.text or ""]
    out += [etree.tostring(c, encoding="unicode", method="html") for c in element if isinstance(c.tag, str)]
    return "".join(out).strip()


def is_comment(item: Item) -> bool:
    """An item that answers a post (RFC 4685) or whose address is a place among the comments."""
    return item.is_reply() or bool(_COMMENT_LINK.search(item.guid())) or (
        isinstance(item, XmlItem) and any(_COMMENT_LINK.search(inner(e)) for e in item.all("link")))


def target_of(item: Item, url: str, language: str) -> Target | None:
    """The post an item speaks of; None where it has no address."""
    address = item.link()
    if not address:
        return None
    guid = item.guid()
    published, modified = parse_time(item.published()), parse_time(item.modified())
    content, summary = item.content(), item.summary()
    if not content and _is_full(summary):
        content, summary = summary, ""
    protected = "post-password-form" in content
    lead = Lead(
        title=plain_text(item.title(), 1_000),
        authors=_names(item.authors()),
        published=published,
        modified=modified,
        categories=_unique(plain_text(c, 300) for c in item.categories()[:200]),
        tags=_unique(plain_text(t, 300) for t in item.tags()[:200]),
        geotags=item.geotags(),
        guid=guid,
        post_id=item.platform_id() or post_id_of(guid),
        body_html="" if protected else without_credit_line(content, address),
        description=plain_text(without_credit_line(summary, address), 2_000),
        image=item.image() or "",
        language=item.language or language,
        protected=protected,
    )
    kind = PageKind.POST if published else PageKind.UNKNOWN
    return Target(address, Source.FEED, kind, url, _later(published, modified), lead)


def post_id_of(guid: str) -> str:
    """The platform's own number in a guid or Atom id: "wordpress:123" of "...?p=123", "blogger:2" of "...post-2"."""
    if match := _BLOGGER_ID.search(guid):
        return f"blogger:{match.group(1)}"
    if guid.startswith("http") and (match := _WORDPRESS_GUID.search(guid)):
        return f"wordpress:{match.group(1)}"
    return ""


def without_credit_line(markup: str, address: str) -> str:
    """Without the last paragraph that WordPress adds in feeds ("The post ... appeared first on ...")."""
    match = _APPEARED.search(markup, max(0, len(markup) - 2_000))
    if not match:
        return markup
    links = _HREF.findall(match.group(0))
    if len(links) == 2 and normalize(links[0].replace("&amp;", "&"), address) == address:
        return markup[: match.start()].rstrip()
    return markup


def _is_full(summary: str) -> bool:
    """RSS has one element for an excerpt and for the whole post: told apart by length, paragraphs and a cut end."""
    if len(summary) < _FULL_TEXT or not re.search(r"<(?:p|br)\b", summary, re.IGNORECASE):
        return False
    text = plain_text(summary, 1_000_000)
    return len(text) >= _FULL_TEXT and not _CUT_OFF.search(text)


def _names(names: list[str]) -> tuple[str, ...]:
    found = []
    for name in names[:50]:
        text = plain_text(name, 300)
        match = _MAIL_NAME.match(text)
        text = match.group(1).strip() if match else text
        found.append("" if _MAIL.fullmatch(text) else text)
    return _unique(found)


def _unique(texts: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(t for t in texts if t))


def _later(*times: datetime | None) -> datetime | None:
    return max((t for t in times if t), default=None)
