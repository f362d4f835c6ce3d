"""Parses feeds into discovered URLs with source hints: RSS 0.9x to 2.0, Atom 0.3 and 1.0 (RFC 4287), JSON Feed 1.1."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Protocol
from urllib.parse import parse_qs, urljoin, urlsplit, urlunsplit

from lxml import etree

from archiver.discovery.feed_items_and_geotags import (
    JsonItem,
    XmlItem,
    own_namespaces,
    person_name,
    qualified_name,
    title_text,
)
from archiver.discovery.safe_xml_json_and_html_parsing import (
    MAX_TARGETS,
    decode,
    document_text,
    find_root_start,
    inflate,
    parse_document,
    parse_json,
    plain_text,
)
from archiver.discovery.timestamp_parser import Timestamp, is_unreadable_time, parse_timestamp
from archiver.discovery.url_classifier_and_patterns import is_comment_feed
from archiver.items import DiscoveredURL, DiscoverySource, GeoTag, PageKind, SourceHint
from archiver.markup import lazy_regex
from archiver.urls import normalize

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
