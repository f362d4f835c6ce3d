"""Reads the items of RSS, Atom and JSON feeds, including their geo-tags, through the same set of methods.

Titles and names are converted to plain text. The feed's type attribute says whether they are HTML; without this
attribute, their form decides.
"""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import urljoin

from lxml import etree

from archiver.discovery.feed_geotags import feed_geotags, json_geotag
from archiver.discovery.safe_xml_and_json_parsing import plain_text, replace_controls
from archiver.items import GeoTag
from archiver.markup import lazy_regex
from archiver.urls import normalize

# Titles. RSS does not say whether a title is HTML. Many titles are HTML, and many are plain text with angle brackets
# ("List<T>").

_HIDDEN = lazy_regex(r"<(script|style|template)\b[^<>]*>.*?</\1\s*>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_INLINE = (
    "a|abbr|acronym|b|bdi|bdo|big|center|cite|code|del|dfn|em|font|i|ins|kbd|mark|nobr|q|s|samp|small|span|strike|strong|"
    "sub|sup|tt|u|var"
)
_BLOCK = "div|h[1-6]|li|ol|p|section|ul"
_PAIR = lazy_regex(rf"<({_INLINE}|{_BLOCK})(?:\s[^<>]*)?>(?=(.*?)</\1\s*>)", re.DOTALL | re.IGNORECASE)
_FORMATTING = lazy_regex(rf"</?(?:{_INLINE})(?:\s[^<>]*)?/?>", re.IGNORECASE)
_BREAK = lazy_regex(rf"</?(?:{_BLOCK}|br|wbr|hr|img)(?:\s[^<>]*)?/?>", re.IGNORECASE)
_VOID = lazy_regex(r"<(?:br|wbr|hr)\s*/?>|<img\s[^<>]*>", re.IGNORECASE)
_HTML_TAG = lazy_regex(
    rf"<![^<>]*>|</?(?:{_INLINE}|{_BLOCK}|applet|area|article|aside|audio|base|basefont|blink|blockquote|body|br|button|canvas|caption|col|"
    "colgroup|data|datalist|dd|details|dialog|dir|dl|dt|embed|fieldset|figcaption|figure|footer|form|frame|frameset|"
    "head|header|hgroup|hr|html|iframe|img|input|label|legend|link|main|map|marquee|menu|meta|meter|nav|noscript|object|"
    "optgroup|option|output|param|picture|pre|progress|rp|rt|ruby|script|select|slot|source|style|summary|svg|table|"
    r"tbody|td|template|textarea|tfoot|th|thead|time|title|tr|track|video|wbr)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_MAX_TITLE = 1_000


def title_text(source: str, kind: str = "") -> str:
    """Returns a title as one line of plain text of at most 1,000 characters.

    If `kind` is "text", angle brackets are text. If it is "html", the tags of known elements are markup, and other
    words in angle brackets are text. If it is "" (unknown), the title is taken for HTML if it contains a line break
    element, an image, or the start and end tag of an element that formats text, as in "<em>one</em>". Entities are
    decoded in all three cases, since many programs escape plain text twice.
    """
    text = source[: _MAX_TITLE * 8]
    if "<" in text and kind != "text":
        text = _HIDDEN.sub(" ", text)
        if kind == "html":
            text = _HTML_TAG.sub(lambda m: "" if _FORMATTING.fullmatch(m[0]) else " ", text)
        elif _VOID.search(text) or _PAIR.search(text):
            text = _BREAK.sub(" ", _FORMATTING.sub("", text))
    if "&" in text:
        text = html.unescape(html.unescape(text))
    return " ".join(replace_controls(text).split())[:_MAX_TITLE]


# Names of authors. Where RSS requires an e-mail address, many feeds contain a name.

_MAIL = lazy_regex(
    r"(?:mailto:\s*)?[\w.+%'-]+(?:@|\s*(?:\[at\]|\(at\)|\{at\})\s*|\s+at\s+(?=[\w-]+(?:\.|\s+dot\s|\s*[\[(]dot)))"
    r"[\w-]+(?:(?:\.|\s*(?:\[dot\]|\(dot\))\s*|\s+dot\s+)[\w-]+)*",
    re.IGNORECASE,
)
_TAG_WITH_MAIL = lazy_regex(r"<([^<>\s]+@[^<>\s]+)>")
_EMPTY_BRACKETS = lazy_regex(r"\(\s*\)|<\s*>|\[\s*\]|\{\s*\}")
_IN_BRACKETS = lazy_regex(r"[(\[<]([^()\[\]<>]*)[)\]>]")
_AROUND_NAME = ' \t"“”„«»,;:|/–—-'


def person_name(source: str) -> str:
    """Returns the name of a person without an e-mail address and the punctuation around it; "" if the text contains no
    name. Understands "mail (Name)", "Name (mail)", '"Name" <mail>', "mail, Name", "mailto:mail" and "name at
    host.example".
    """
    text = plain_text(_TAG_WITH_MAIL.sub(r" \1 ", html.unescape(source[:1_000])), 300)
    bare = _MAIL.sub(" ", text)
    if bare != text:
        bare = _EMPTY_BRACKETS.sub(" ", bare).strip(_AROUND_NAME)
        if not _IN_BRACKETS.sub("", bare).strip(_AROUND_NAME):
            bare = ", ".join(name for m in _IN_BRACKETS.finditer(bare) if (name := m[1].strip(_AROUND_NAME)))
    elif len(bare) > 1 and bare[0] == bare[-1] == '"':
        bare = bare[1:-1]
    name = " ".join(bare.split())
    return name if any(c.isalnum() for c in name) else ""


# Items of RSS and Atom feeds.

_XML_BASE = "{http://www.w3.org/XML/1998/namespace}base"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
NAMESPACES = {
    "http://www.w3.org/2005/atom": "atom",
    "http://purl.org/atom/ns#": "atom",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://purl.org/dc/elements/1.0/": "dc",
    "http://purl.org/dc/terms/": "dcterms",
    "http://purl.org/rss/1.0/modules/content/": "content",
    "http://rssnamespace.org/feedburner/ext/1.0": "feedburner",
    "http://www.itunes.com/dtds/podcast-1.0.dtd": "itunes",
    "http://search.yahoo.com/mrss/": "media",
    "http://search.yahoo.com/mrss": "media",
    "http://www.georss.org/georss": "georss",
    "http://www.opengis.net/gml": "gml",
    "http://www.opengis.net/gml/3.2": "gml",
    "http://www.w3.org/2003/01/geo/wgs84_pos#": "geo",
    "http://purl.org/syndication/thread/1.0": "thr",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#": "rdf",
    "com-wordpress:feed-additions:1": "wp",
    "http://www.w3.org/1999/xhtml": "xhtml",
    "http://purl.org/rss/1.0/": "rss",
    "http://my.netscape.com/rdf/simple/0.9/": "rss",
    "http://channel.netscape.com/rdf/simple/0.9/": "rss",
    "http://purl.org/rss/1.0/modules/rss091#": "rss",
    "http://my.netscape.com/publish/formats/rss-0.91.dtd": "rss",
    "http://backend.userland.com/rss": "rss",
    "http://backend.userland.com/rss2": "rss",
    "http://backend.userland.com/rss091": "rss",
    "http://blogs.law.harvard.edu/tech/rss": "rss",
}
"""The prefix that this program uses for each namespace (in lower case). Elements in other namespaces have the prefix
"other".
"""
_MEDIA = ("media:content", "media:thumbnail")
_NAMES = ("name", "atom:name")
# Matches a scheme or domain that says that a category is a tag (".../types#tag", ".../tag/", "post_tag"), but not
# "tag:" URIs.
_TAG_SCHEME = lazy_regex(r"(?:^|[/#:_])tags?(?:[/#?]|$)", re.IGNORECASE)


class XmlItem:
    """An item of an XML feed: an RSS <item> or an Atom <entry>. The channel of a feed is read in the same way.

    Its methods take element names as "prefix:local", or only "local" in the feed's own namespaces (`own`).
    """

    def __init__(self, element: etree._Element, url: str, own: frozenset[str]) -> None:
        self.element = element
        self.url = url
        self.own = own
        self.language = element.get(_XML_LANG) or ""
        self.children: dict[str, list[etree._Element]] = {}
        for child in element:
            self.children.setdefault(qualified_name(child, own), []).append(child)

    def all(self, *names: str) -> list[etree._Element]:
        return [e for name in names for e in self.children.get(name, ())]

    def text(self, *names: str) -> str:
        """Returns the text of the first non-empty element with one of these names; "" if there is none."""
        return next((t for t in (inner_text(e) for e in self.all(*names)) if t), "")

    def base(self, element: etree._Element) -> str:
        """Returns the base URL for relative addresses in an element (XML Base): the xml:base of the element and its
        ancestors, or else the feed's URL.
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
        """Returns the address of the Atom link with this `rel` (RSS feeds contain such links, too); None if there is
        none.
        """
        for e in self.all("link", "atom:link", "atom10:link"):
            if (e.get("rel") or "alternate").lower().rpartition("/")[2] == rel and e.get("href"):
                return normalize(e.get("href") or "", self.base(e))
        return None

    def raw_links(self) -> list[str]:
        """Returns the item's link addresses as written in the feed, with their fragments."""
        links = [e for e in self.all("link") if (e.get("rel") or "alternate") == "alternate"]
        return [inner_text(e) or e.get("href") or "" for e in links]

    def link(self) -> str | None:
        """Returns the address of the post. It is the first of these that the item contains: FeedBurner's original link,
        the item's link, a permanent guid, the RDF or Atom id. Returns None if the item contains none of them.
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
        first. Returns None if there is no usable link.
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
        found = (self._title_of(e) for e in self.all("title", "dc:title", "media:title"))
        return next((title for title in found if title), "")

    def _title_of(self, element: etree._Element) -> str:
        """Returns the text of a title by its type: text, html or xhtml (RFC 4287, section 3.1.1), or MIME types as in
        Atom 0.3. Without a type, an Atom title is text; an RSS title may be text or HTML.
        """
        kind = (element.get("type") or "").lower()
        for hidden in element.iter("{*}script", "{*}style"):
            hidden.text = ""
        if len(element) or "xhtml" in kind or kind in ("text", "plain", "text/plain"):
            return title_text(inner_text(element), "text")
        if "html" in kind:
            return title_text(inner_text(element), "html")
        is_atom = NAMESPACES.get(_namespace(element)) == "atom" and element.get("mode") is None
        return title_text(inner_text(element), "text" if is_atom else "")

    def authors(self) -> list[str]:
        names = [inner_text(e) for e in self.all("dc:creator", "dc:author")]
        for e in self.all("author", "atom:author"):
            parts = [inner_text(c) for c in e if qualified_name(c, self.own) in _NAMES]
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
        """Returns the item's terms that the feed does not mark as tags. Some of them may be tags, since few feeds
        distinguish categories from tags.
        """
        return [text for text, is_tag in self._terms() if not is_tag]

    def tags(self) -> list[str]:
        """Returns the terms that the feed marks as tags, and the keywords."""
        keywords = [t for e in self.all("media:keywords", "itunes:keywords") for t in inner_text(e).split(",")]
        return [text for text, is_tag in self._terms() if is_tag] + keywords

    def _terms(self) -> list[tuple[str, bool]]:
        """Returns the item's terms. The second value of each pair is True if the term's scheme or domain says that it
        is a tag.
        """
        found = []
        for e in self.all("category", "dc:subject"):
            scheme = f"{e.get('scheme') or ''} {e.get('domain') or ''}".strip()
            text = e.get("label") or e.get("term") or inner_text(e)
            if text and "#kind" not in scheme:
                found.append((text, _TAG_SCHEME.search(scheme) is not None))
        return found

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
        groups = [c for g in self.all("media:group") for c in g if qualified_name(c, self.own) in _MEDIA]
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


def own_namespaces(root: etree._Element, core: str) -> frozenset[str]:
    """Returns the namespaces, in lower case, whose elements belong to the feed's format: the empty namespace, those of
    the format (`core` is "rss" or "atom"), and the namespace of the root element, unless that is RDF.
    """
    known = {space for space, prefix in NAMESPACES.items() if prefix == core}
    space = _namespace(root)
    return frozenset({"", *known} | (set() if NAMESPACES.get(space) == "rdf" else {space}))


def qualified_name(element: etree._Element, own: frozenset[str]) -> str:
    """Returns the name of an element as "prefix:local" in lower case, or only "local" if its namespace is one of the
    feed's own (`own`). Because of the prefix, an element of an extension is never taken for an element of the feed's
    format.
    """
    if not isinstance(element.tag, str):
        return ""
    space = _namespace(element)
    local = element.tag.rpartition("}")[2].lower()
    return local if space in own else f"{NAMESPACES.get(space, 'other')}:{local}"


def _namespace(element: etree._Element) -> str:
    tag = element.tag
    return tag[1:].rpartition("}")[0].lower() if isinstance(tag, str) and tag.startswith("{") else ""


def inner_text(element: etree._Element, markup: bool = False) -> str:
    """Returns the text of an element and its descendants or, if `markup` is True, its content as HTML."""
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
        return title_text(self._text("title"))

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
