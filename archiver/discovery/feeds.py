"""Parses feeds into discovered URLs with source hints: RSS 0.9x to 2.0, Atom 0.3 and 1.0 (RFC 4287), JSON Feed 1.1.

The items of all formats have the same interface (`XmlItem`, `JsonItem`). Titles and names are converted to plain text.
The feed's type attribute says whether they are HTML; without this attribute, their form decides.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import islice, pairwise
from typing import Any, Protocol
from urllib.parse import parse_qs, urljoin, urlsplit, urlunsplit

from lxml import etree

from archiver.discovery.safe_parsing import (
    MAX_TARGETS,
    decode,
    document_text,
    find_root_start,
    inflate,
    parse_document,
    parse_json,
    plain_text,
    replace_controls,
)
from archiver.discovery.timestamp_parser import Timestamp, is_unreadable_time, parse_timestamp
from archiver.discovery.url_patterns import is_comment_feed
from archiver.model.items import DiscoveredURL, DiscoverySource, GeoTag, PageKind, SourceHint
from archiver.model.lazy_regex import lazy_regex
from archiver.model.urls import normalize

# One item of a feed, with the same interface for RSS, Atom and JSON.

_BLOGGER_ID = lazy_regex(r"tag:blogger\.com,1999:blog-\d+\.post-(\d+)")
_WORDPRESS_GUID = lazy_regex(r"[?&](?:p|page_id)=(\d+)(?:&|$|#)")
_COMMENT_LINK = lazy_regex(r"#(?:comment-?\d+|c\d{6,})$|[?&]showComment=", re.IGNORECASE)
_CUT_OFF = lazy_regex(r"(?:\[?(?:…|\.\.\.)\]?|→|»)\s*$")
_APPEARED = lazy_regex(r"<p>(?:(?!</?p\b).)*</p>\s*$", re.DOTALL | re.IGNORECASE)
_HREF = lazy_regex(r"<a\b[^>]*?\bhref\s*=\s*[\"']([^\"']+)", re.IGNORECASE)
_FULL_TEXT = 600


class Item(Protocol):
    """The methods that feed items of every format have. Times are returned as written in the feed; addresses are
    absolute.
    """

    language: str

    def raw_links(self) -> list[str]: ...
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


def is_comment(item: Item) -> bool:
    """Returns True if a feed item is a comment and not a post: it is marked as a reply (RFC 4685), or its link or guid
    is the address of a comment.
    """
    return (
        item.is_reply()
        or bool(_COMMENT_LINK.search(item.guid()))
        or any(_COMMENT_LINK.search(address) for address in item.raw_links())
    )


def discovered_url_of(item: Item, url: str, language: str) -> DiscoveredURL | None:
    """Returns the post of a feed item as a discovered URL with a source hint; None if the item has no address. `url` is
    the feed's address, and `language` is its language.
    """
    address = item.link()
    if not address:
        return None
    guid = item.guid()
    published, modified = parse_timestamp(item.published()), parse_timestamp(item.modified())
    content, summary = item.content(), item.summary()
    if not content and _is_whole_post(summary):
        content, summary = summary, ""
    protected = "post-password-form" in content
    hint = SourceHint(
        title=item.title(),
        authors=_unique(map(person_name, item.authors()[:50])),
        published=published.at if published else None,
        published_precision=_precision(published),
        published_unzoned=published is not None and not published.zoned,
        modified=modified.at if modified else None,
        modified_precision=_precision(modified),
        modified_unzoned=modified is not None and not modified.zoned,
        categories=_unique(plain_text(c, 300) for c in item.categories()[:200]),
        tags=_unique(plain_text(t, 300) for t in item.tags()[:200]),
        geotags=item.geotags(),
        guid=guid,
        post_id=item.platform_id() or post_id_of(guid),
        body_html="" if protected else remove_credit_line(content, address),
        description=plain_text(remove_credit_line(summary, address), 2_000),
        image=item.image() or "",
        language=item.language or language,
        protected=protected,
    )
    kind = PageKind.POST if published else PageKind.UNKNOWN
    return DiscoveredURL(address, DiscoverySource.FEED, kind, url, _later(hint.published, hint.modified), hint)


def post_id_of(guid: str) -> str:
    """Returns the platform's ID of a post, given its guid or Atom id: "wordpress:123" for "...?p=123", "blogger:2" for
    "...post-2", and "" for other forms.
    """
    if match := _BLOGGER_ID.search(guid):
        return f"blogger:{match.group(1)}"
    if guid.startswith("http") and (match := _WORDPRESS_GUID.search(guid)):
        return f"wordpress:{match.group(1)}"
    return ""


def remove_credit_line(markup: str, address: str) -> str:
    """Returns the HTML of a feed item without the last paragraph that WordPress adds ("The post ... appeared first on
    ..."). `address` is the post's address, which this paragraph contains.
    """
    match = _APPEARED.search(markup, max(0, len(markup) - 2_000))
    if not match:
        return markup
    links = _HREF.findall(match.group(0))
    if len(links) == 2 and normalize(links[0].replace("&amp;", "&"), address) == address:
        return markup[: match.start()].rstrip()
    return markup


def _is_whole_post(summary: str) -> bool:
    """Returns True if an RSS description seems to be the whole post and not an excerpt. This is judged by its length,
    its paragraphs, and an ending such as "...".
    """
    if len(summary) < _FULL_TEXT or not re.search(r"<(?:p|br)\b", summary, re.IGNORECASE):
        return False
    text = plain_text(summary, 1_000_000)
    return len(text) >= _FULL_TEXT and not _CUT_OFF.search(text)


def _precision(time: Timestamp | None) -> str:
    """Returns the precision of a time as source hints store it, such as "day"; "" if there is no time, or if it is
    precise to the second.
    """
    return time.precision if time and time.precision != "second" else ""


def _unique(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(t for t in texts if t))


def _later(*times: datetime | None) -> datetime | None:
    return max((t for t in times if t), default=None)


# Feed documents.

_ROOT = lazy_regex(r"<([A-Za-z:]+)[\s>/]")
# lxml selects the elements by these names, which is ten times as fast as checking each element.
_ITEMS = tuple(f"{{*}}{form(name)}" for name in ("item", "entry") for form in (str, str.title, str.upper))
_ITEM_NAMES = ("item", "entry", "rss:item", "atom:entry")
_KINDS = {"rss": "rss", "feed": "atom", "rdf": "rdf", "channel": "rss"}
_JSON_VERSION = lazy_regex(r'"version"\s*:\s*"https?:\\?/\\?/jsonfeed\.org\\?/version')


@dataclass(frozen=True, slots=True)
class Feed:
    """The parsed content of one feed document.

    - `kind`: rss, rdf, atom, json, comments (a feed of comments, which has no `targets`), or "" if the body is not a
      feed.
    - `next_url`: the next page that the feed declares (RFC 5005, JSON Feed's next_url).
    - `guessed_next`: the next page that a WordPress feed usually has without declaring it. It may not exist, so it is
      fetched only if older posts are missing.
    - `unread_dates`: the number of items whose date cannot be read.
    - `is_cut`: True if the feed was not read to its end because it exceeds the limits for one document (MAX_TARGETS,
      MAX_TAGS).
    """

    targets: tuple[DiscoveredURL, ...] = ()
    next_url: str | None = None
    title: str = ""
    kind: str = ""
    home_url: str | None = None
    language: str = ""
    generator: str = ""
    guessed_next: str | None = None
    unread_dates: int = 0
    is_cut: bool = False


def looks_like_feed(body: bytes) -> bool:
    """Returns True if the body of a response is a feed, regardless of its address and content type. Only its first 4 KB
    are read.
    """
    head = inflate(body[:65_536], limit=4_096)[:4_096]
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return bool(_JSON_VERSION.search(decode(head)))
    start = document_text(head)
    at = find_root_start(start)
    match = _ROOT.match(start, at) if at >= 0 else None
    if not match:
        return False
    name = match.group(1).lower()
    if name in ("rss", "feed") or name.endswith(":feed"):
        return True
    return name == "rdf:rdf" and ("purl.org/rss/1.0" in start or "my.netscape.com/rdf" in start)


def parse_feed(body: bytes, url: str) -> Feed:
    """Parses the body of the feed at `url`. Never raises; returns an empty Feed of kind "" if the body is not a feed.

    The kind of a discovered URL is POST if its item contains a date, since static pages in a feed are often undated.
    Each discovered URL contains a source hint, and its `lastmod` is the later of the item's published and modified
    times.
    """
    if inflate(body[:65_536], limit=64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return _json_feed(body, url)
    root, is_cut = parse_document(body)
    if root is None:
        return Feed()
    kind = _KINDS.get(_local_name(root).rpartition(":")[2], "")
    if not kind:
        return Feed()
    return _xml_feed(root, url, kind, is_cut)


def _xml_feed(root: etree._Element, url: str, kind: str, is_cut: bool = False) -> Feed:
    own = own_namespaces(root, "atom" if kind == "atom" else "rss")
    channel = next((e for e in root if _local_name(e) == "channel"), root)
    meta = XmlItem(channel, url, own)
    generator = meta.text("generator", "atom:generator")
    language = meta.language or XmlItem(root, url, own).language or meta.text("language", "dc:language")
    about = Feed(
        kind="comments",
        title=meta.title(),
        home_url=meta.link(),
        language=language,
        generator=generator,
    )
    if is_comment_feed(url):
        return about
    # Items are read one by one, since a feed may have more items than should be in memory at once.
    found: dict[str, DiscoveredURL] = {}
    items = posts = unread = 0
    for element in _items(root, channel, own):
        item = XmlItem(element, url, own)
        items += 1
        if not is_comment(item):
            posts += 1
            unread += _enter(found, item, url, language)
    if items and not posts:
        return about
    following = meta.link_rel("next") or meta.link_rel("prev-archive")
    return replace(
        about,
        targets=tuple(found.values()),
        next_url=_next_page(following, url),
        kind=kind,
        guessed_next=_guessed_next(url, generator) if posts and not following else None,
        unread_dates=unread,
        is_cut=is_cut or items >= MAX_TARGETS,
    )


def _items(root: etree._Element, channel: etree._Element, own: frozenset[str]) -> Iterator[etree._Element]:
    found = (e for e in root.iter(*_ITEMS) if e is not channel and qualified_name(e, own) in _ITEM_NAMES)
    return islice(found, MAX_TARGETS)


def _local_name(element: etree._Element) -> str:
    tag = element.tag
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else ""


def _enter(found: dict[str, DiscoveredURL], item: XmlItem | JsonItem, url: str, language: str) -> bool:
    """Adds the post of a feed item to `found`, which is a dict by URL. Returns True if the item has a date of
    publication that cannot be read. `url` and `language` are those of the feed.
    """
    target = discovered_url_of(item, url, language)
    if target is None:
        return False
    found.setdefault(target.url, target)
    is_undated = target.hint is None or target.hint.published is None
    return is_undated and is_unreadable_time(item.published())


def _next_page(following: str | None, url: str) -> str | None:
    """Returns the absolute address of a feed's next page; None if the feed declares none. `following` is the declared
    address, and `url` is the feed's.

    Blogger declares an address on www.blogger.com; its host is replaced by the feed's own host.
    """
    if not following:
        return None
    there, here = urlsplit(following), urlsplit(url)
    if there.hostname in ("www.blogger.com", "blogger.com") and here.hostname != there.hostname:
        following = urlunsplit((here.scheme, here.netloc, here.path, there.query, ""))
    return None if following == url else following


def _guessed_next(url: str, generator: str) -> str | None:
    """Returns the probable address of the next page of a WordPress feed (?paged=2); None for other feeds. `generator`
    is the program that the feed names as its maker.
    """
    if "wordpress" not in generator.lower():
        return None
    parts = urlsplit(url)
    number = parse_qs(parts.query).get("paged", ["1"])[0]
    if not number.isdecimal() or len(number) > 6:
        return None
    query = re.sub(r"(?:^|&)paged=\d+", "", parts.query).strip("&")
    query = (query + "&" if query else "") + f"paged={int(number) + 1}"
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def _json_feed(body: bytes, url: str) -> Feed:
    data = parse_json(body)
    if not isinstance(data, dict) or "jsonfeed.org" not in str(data.get("version")):
        return Feed()
    rows = data.get("items")
    rows = rows[:MAX_TARGETS] if isinstance(rows, list) else []
    language, following = data.get("language"), data.get("next_url")
    home = data.get("home_page_url")
    language = language if isinstance(language, str) else ""
    found: dict[str, DiscoveredURL] = {}
    unread = sum(_enter(found, JsonItem(row, url), url, language) for row in rows if isinstance(row, dict))
    return Feed(
        targets=tuple(found.values()),
        next_url=_next_page(normalize(urljoin(url, following)), url) if isinstance(following, str) else None,
        title=title_text(str(data.get("title") or "")),
        kind="json",
        home_url=normalize(home, url) if isinstance(home, str) else None,
        language=language,
        unread_dates=unread,
        is_cut=len(rows) >= MAX_TARGETS,
    )


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
    """Returns the namespaces, in lower case, whose elements belong to the feed's format:

    - the empty namespace;
    - the namespaces of the format (`core` is "rss" or "atom");
    - the namespace of the root element, unless it is RDF.
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


_Children = dict[str, list[etree._Element]]
_Pair = tuple[float, float]  # latitude, longitude

_MAX_TEXT = 10_000
_SHAPES = ("georss:point", "georss:circle", "georss:box", "georss:line", "georss:polygon")
_DCMI = lazy_regex(r"(\w+)\s*=\s*([^;]+)")
_JSON_HOLDERS = ("_geo", "geo", "_location", "location", "_place", "place", "coordinates")
_JSON_DEGREES = (("latitude", "longitude"), ("lat", "lon"), ("lat", "lng"), ("lat", "long"))


def feed_geotags(children: _Children) -> tuple[GeoTag, ...]:
    """Returns the geo-tags of a feed item, given its child elements by name (`XmlItem.children`). Positions out of
    range and the position 0,0 are left out.

    The position of a GeoRSS box, line or polygon is the middle of its bounds, and the position of a circle is its
    centre.
    """
    name = _first(children, "georss:featurename")
    found = [*_georss(children, name), *_gml(children, name), *_basic_geo(children, name)]
    if name and not found:
        found.append(GeoTag(None, None, name, source="georss"))
    for key in ("dcterms:spatial", "dc:coverage"):
        found = found or [tag for e in children.get(key, ()) if (tag := _dublin_core(_text(e), key))]
    return tuple({(t.latitude, t.longitude): t for t in reversed(found)}.values())[::-1]


def json_geotag(row: dict[str, Any]) -> tuple[GeoTag, ...]:
    """Returns the geo-tag of a JSON feed item, from a latitude and longitude in an extension object or in the item
    itself; () if the item has neither.
    """
    for holder in (*(row.get(k) for k in _JSON_HOLDERS), row):
        if not isinstance(holder, dict):
            continue
        for lat_key, lon_key in _JSON_DEGREES:
            lat, lon = holder.get(lat_key), holder.get(lon_key)
            if isinstance(lat, (int, float, str)) and isinstance(lon, (int, float, str)):
                name = holder.get("name") if holder is not row else ""
                tag = _point((str(lat), str(lon)), name if isinstance(name, str) else "", "json")
                if tag:
                    return (tag,)
    return ()


def _georss(children: _Children, name: str) -> list[GeoTag]:
    """Returns the GeoRSS geo-tags of an item, with the place name `name`. If the item contains several kinds of shapes,
    only the first kind in _SHAPES is read, because Blogger writes both a point and the box around it.
    """
    for key in _SHAPES:
        found = [tag for e in children.get(key, ()) if (tag := _georss_shape(key, _ordinates(_text(e)), name))]
        if found:
            return found
    return []


def _georss_shape(key: str, written: list[str], name: str) -> GeoTag | None:
    if key in ("georss:point", "georss:circle"):  # the third number is a height, or the radius
        is_whole = len(written) in (2, 3) and None not in map(_number, written)
        return _point(written[:2], name, "georss") if is_whole else None
    pairs = _pairs(written, 2)
    if key == "georss:box":
        return _box(pairs, name) if len(pairs) == 2 else None
    return _middle(pairs, name)


def _basic_geo(children: _Children, name: str) -> Iterator[GeoTag]:
    for scope in [children, *(_keyed(point) for point in children.get("geo:point", ()))]:
        lat, lon = _first(scope, "geo:lat"), _first(scope, "geo:long") or _first(scope, "geo:lon")
        if lat and lon and (tag := _point((lat.replace(",", "."), lon.replace(",", ".")), name, "w3c-geo")):
            yield tag


def _dublin_core(text: str, source: str) -> GeoTag | None:
    """Returns the geo-tag of a Dublin Core place, which is a DCMI Point ("east=..; north=..; name=..") or the name of a
    place; None if it is neither.
    """
    given = {k.lower(): v.strip() for k, v in _DCMI.findall(text)}
    if "north" in given and "east" in given:
        return _point((given["north"], given["east"]), given.get("name", ""), source)
    name = given.get("name", "") or ("" if given else text)
    named = 1 < len(name) <= 80 and not re.search(r"\d|https?:", name)
    return GeoTag(None, None, name, source=source) if named else None


def _keyed(element: etree._Element) -> _Children:
    return {f"geo:{str(c.tag).rpartition('}')[2].rpartition(':')[2].lower()}": [c] for c in element}


def _first(children: _Children, key: str) -> str:
    return next((t for e in children.get(key, ()) if (t := _text(e))), "")


def _text(element: etree._Element) -> str:
    return " ".join("".join(str(t) for t in element.itertext())[:_MAX_TEXT].split())


# GML: positions, with their reference system and number of dimensions, which may be attributes of an ancestor.

_GML_HOLDERS = ("georss:where", "gml:point", "gml:linestring", "gml:polygon", "gml:envelope")
_GML_POSITIONS = ("pos", "poslist")
_GML_CORNERS = ("lowercorner", "uppercorner")
# Names of reference systems in degrees on (nearly) the WGS 84 ellipsoid. In EPSG's systems the latitude is first, in
# OGC's the longitude.
_LATITUDE_FIRST = lazy_regex(r"(?:^|\D)(?:4326|4979|4258|4269)$|^(?:urn:)?wgs[ _:-]?84$", re.IGNORECASE)
_LONGITUDE_FIRST = lazy_regex(r"CRS:?84h?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Frame:
    """How the numbers of a GML position are to be read. `dimension` is how many numbers a point has (2, or 3 with the
    height); 0 if unknown.
    """

    dimension: int = 0
    longitude_first: bool = False


def _gml(children: _Children, name: str) -> Iterator[GeoTag]:
    for key in _GML_HOLDERS:
        for holder in children.get(key, ()):
            if tag := _gml_place(holder, name):
                yield tag


def _gml_place(where: etree._Element, name: str) -> GeoTag | None:
    """Returns the geo-tag of a georss:where or GML element: its point, the middle of its envelope, or the middle of all
    its positions. Returns None if a position cannot be read.
    """
    corners, points, whole = [], [], []
    for element in where.iter(etree.Element):
        local = str(element.tag).rpartition("}")[2].rpartition(":")[2].lower()
        if local not in (*_GML_POSITIONS, *_GML_CORNERS):
            continue
        written, frame = _ordinates(_text(element)), _frame(element)
        if frame is None:
            return None
        is_list = local == "poslist"
        pairs = _pairs(written, frame.dimension or _dimension(written, is_list), frame.longitude_first)
        if not pairs:
            return None
        if local in _GML_CORNERS:
            corners += pairs
        else:
            points += pairs
            whole.append(written[1::-1] if frame.longitude_first else written[:2])
    if len(corners) == 2:
        return _box(corners, name)
    return _point(whole[0], name, "georss") if len(points) == 1 else _middle(points, name)


def _dimension(written: list[str], is_list: bool) -> int:
    """Returns how many numbers each point of an element has if the element does not say so: 2, or 3 if 2 is impossible.
    `written` are the numbers in the element; `is_list` is True if it may contain several points.
    """
    return 3 if len(written) == 3 or (is_list and len(written) % 2 and len(written) % 3 == 0) else 2


def _frame(element: etree._Element) -> _Frame | None:
    """Returns how to read the numbers of a GML position, as the attributes of its element or of the elements around it
    say. Returns None if the position is not in degrees of WGS 84.
    """
    scope = [element, *element.iterancestors()]
    dimension = next((d for e in scope if (d := e.get("srsDimension") or e.get("dimension"))), "")
    system = next((s for e in scope if (s := e.get("srsName"))), "").strip()
    number = int(dimension) if dimension in ("2", "3") else 0
    if _LONGITUDE_FIRST.search(system):
        return _Frame(number, longitude_first=True)
    return _Frame(number) if not system or _LATITUDE_FIRST.search(system) else None


# Numbers.

_NUMBER = lazy_regex(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?")
_DECIMAL_COMMA = lazy_regex(r"[-+]?\d+,\d+")


def _ordinates(text: str) -> list[str]:
    """Splits the text of a position at spaces and commas into numbers, as written.

    Commas are decimal signs if every number contains a comma and no number contains a dot ("50,1 8,6").
    """
    words = text.split()
    if len(words) > 1 and all(map(_DECIMAL_COMMA.fullmatch, words)):
        return [word.replace(",", ".") for word in words]
    return text.replace(",", " ").split()


def _number(written: str) -> float | None:
    return float(written) if _NUMBER.fullmatch(written) and len(written) <= 40 else None


def _pairs(written: Sequence[str], dimension: int, longitude_first: bool = False) -> list[_Pair]:
    """Returns the numbers `written` as positions (latitude, longitude), without heights. `dimension` is how many
    numbers each position has, and `longitude_first` is True if the longitude comes first in the list. Returns [] if a
    position is invalid, or if some numbers are left over at the end.
    """
    if not written or len(written) % dimension:
        return []
    found: list[_Pair] = []
    for at in range(0, len(written), dimension):
        numbers = [_number(one) for one in written[at : at + dimension]]
        first, second = numbers[0], numbers[1]
        if first is None or second is None or None in numbers:
            return []
        lat, lon = (second, first) if longitude_first else (first, second)
        if not (-90 <= lat <= 90 and -180 <= lon <= 180):
            return []
        found.append((lat, lon))
    return found


def _point(written: Sequence[str], name: str, source: str) -> GeoTag | None:
    """Returns the geo-tag of a latitude and a longitude, given as texts, with the precision with which they are
    written; None if they are invalid.
    """
    pairs = _pairs([one.strip() for one in written], 2)
    if len(pairs) != 1:
        return None
    return _geotag(pairs[0], name, source, 10.0 ** -max(_decimals(one) for one in written))


def _decimals(written: str) -> int:
    """Returns the number of decimal places of a number: 2 for "10.25" and for "1.025e1"."""
    exponent = Decimal(written.strip()).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _middle(pairs: list[_Pair], name: str) -> GeoTag | None:
    """Returns the geo-tag of the middle of the bounds of a line or polygon, even if it crosses the 180th meridian.
    Returns None if there are fewer than two positions.
    """
    if len(pairs) < 2:
        return None
    lats, lons = [lat for lat, _ in pairs], [pairs[0][1]]
    for (_, before), (_, after) in pairwise(pairs):
        step = after - before
        crosses = 180 < abs(step) < 360
        lons.append(lons[-1] + (step - 360 * (1 if step > 0 else -1) if crosses else step))
    return _geotag((_half(lats), _half(lons)), name, "georss")


def _box(corners: list[_Pair], name: str) -> GeoTag | None:
    """Returns the geo-tag of the middle of a box given by its lower (south-west) and upper (north-east) corner; None if
    it is 0,0.

    If the western longitude exceeds the eastern longitude by more than 180 degrees, the box crosses the 180th meridian.
    If the excess is smaller, the corners were written in the wrong order.
    """
    (south, west), (north, east) = corners
    return _geotag((_half([south, north]), _half([west, east + 360 if west - east > 180 else east])), name, "georss")


def _half(numbers: list[float]) -> float:
    return (min(numbers) + max(numbers)) / 2


def _geotag(place: _Pair, name: str, source: str, precision: float | None = None) -> GeoTag | None:
    """Returns the geo-tag of a position; None for 0,0, which programs write for "no place". `precision` is None if it
    is unknown, as for the middle of a shape.
    """
    lat, lon = place
    lon = lon - 360 if lon > 180 else lon + 360 if lon < -180 else lon
    if lat == 0 and lon == 0:
        return None
    return GeoTag(round(lat, 7), round(lon, 7), name[:300], source=source, precision=precision)
