"""Parses sitemaps (sitemaps.org 0.9): index, urlset, text, gzip, the news namespace, and feeds used as sitemaps."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from lxml import etree

from archiver.discovery.feeds import looks_like_feed, parse_feed, title_text
from archiver.discovery.safe_parsing import MAX_TARGETS, decode, inflate, parse_document, plain_text
from archiver.discovery.timestamp_parser import parse_time, parse_timestamp
from archiver.discovery.url_patterns import kind_by_address, kind_of_sitemap
from archiver.model.items import DiscoveredURL, DiscoverySource, GeoTag, PageKind, SourceHint
from archiver.model.lazy_regex import lazy_regex
from archiver.model.urls import normalize

_ROOT = lazy_regex(rb"<(?:\w+:)?(urlset|sitemapindex)\b", re.IGNORECASE)
_ENTRIES = tuple(f"{{*}}{form(name)}" for name in ("url", "sitemap") for form in (str, str.title, str.upper))


@dataclass(frozen=True, slots=True)
class Sitemap:
    """The parsed content of one sitemap: the addresses of pages (`targets`), and the further sitemaps of an index
    (`children`, of kind SITEMAP).

    Only the entries of news sitemaps contain source hints. `is_sitemap` is False if the body is not a sitemap. `is_cut`
    is True if the sitemap was not read to its end because it exceeds the limits for one document (MAX_TARGETS,
    MAX_TAGS).
    """

    targets: tuple[DiscoveredURL, ...] = ()
    children: tuple[DiscoveredURL, ...] = ()
    is_sitemap: bool = False
    is_cut: bool = False


def looks_like_sitemap(body: bytes) -> bool:
    """Returns True if the body of a response is an XML sitemap, regardless of its address and content type. Text
    sitemaps are not recognized.
    """
    start = inflate(body[:65_536], limit=4_096)[:4_096].replace(b"\x00", b"")
    return bool(_ROOT.search(start)) and b"<html" not in start.lower()


def parse_sitemap(body: bytes, url: str) -> Sitemap:
    """Parses the body of the sitemap at `url`. Never raises. Returns the readable part of broken XML. Reads at most 64
    MB of decompressed data and 100,000 addresses.

    The kind of a discovered URL is POST if its entry is in the news namespace; otherwise the sitemap's file name
    determines it. `lastmod` is aware, in UTC if the sitemap gives no zone.
    """
    body = inflate(body)
    if looks_like_feed(body):
        feed = parse_feed(body, url)
        return Sitemap(
            tuple(replace(t, source=DiscoverySource.SITEMAP) for t in feed.targets),
            is_sitemap=bool(feed.targets),
            is_cut=feed.is_cut,
        )
    if b"<" not in body[:1_000].replace(b"\x00", b""):
        return _text_sitemap(body, url)
    root, is_cut = parse_document(body)
    if root is None:
        return Sitemap()
    found = _xml_sitemap(root, url)
    return replace(found, is_cut=is_cut or len(found.targets) + len(found.children) >= MAX_TARGETS)


def _xml_sitemap(root: etree._Element, url: str) -> Sitemap:
    kind = kind_of_sitemap(url)
    pages: dict[str, DiscoveredURL] = {}
    children: dict[str, DiscoveredURL] = {}
    known = _local_name(root) in ("urlset", "sitemapindex")
    for element in root.iter(*_ENTRIES):
        name = _local_name(element)
        if name not in ("url", "sitemap"):
            continue
        known = True
        fields: dict[str, str] = {}
        news: etree._Element | None = None
        for child in element:
            local = _local_name(child)
            if local in ("loc", "lastmod"):
                fields.setdefault(local, "".join(str(t) for t in child.itertext()).strip())
            elif local == "news":
                news = child
        address = normalize(fields.get("loc", ""), url)
        if not address:
            continue
        lastmod = parse_time(fields.get("lastmod", ""))
        if name == "sitemap":
            if address != url:
                children.setdefault(
                    address, DiscoveredURL(address, DiscoverySource.SITEMAP, PageKind.SITEMAP, url, lastmod)
                )
        else:
            hint = _news_hint(news) if news is not None else None
            own = PageKind.POST if hint else _kind_of(address, kind)
            pages.setdefault(address, DiscoveredURL(address, DiscoverySource.SITEMAP, own, url, lastmod, hint))
        if len(pages) + len(children) >= MAX_TARGETS:
            break
    return Sitemap(tuple(pages.values()), tuple(children.values()), known)


def _kind_of(address: str, kind: PageKind) -> PageKind:
    """Returns the kind of a listed page: the sitemap's `kind` or, if that is UNKNOWN, the kind that the address shows.
    The home page is always UNKNOWN, since it is the first entry even in sitemaps of posts.
    """
    if kind is PageKind.UNKNOWN:
        return kind_by_address(address)
    parts = urlsplit(address)
    return kind if parts.query or parts.path != "/" else PageKind.UNKNOWN


def _local_name(element: etree._Element) -> str:
    """Returns the local name of an element in the sitemap or news namespace; names in other namespaces (image:loc) get
    the prefix "other:".
    """
    tag = element.tag
    if not isinstance(tag, str):
        return ""
    space, _, local = tag[1:].rpartition("}") if tag.startswith("{") else ("", "", tag)
    prefix, _, name = local.lower().rpartition(":")
    if (space and "/schemas/sitemap-" in space and "sitemap-news" not in space) or (prefix and prefix != "news"):
        return f"other:{name}"
    return name


def _news_hint(news: etree._Element) -> SourceHint:
    """Returns the source hint from elements in Google's news namespace (title, publication_date, language, keywords,
    places).
    """
    fields: dict[str, str] = {}
    for element in news.iter(etree.Element):
        fields.setdefault(_local_name(element), "".join(str(t) for t in element.itertext()).strip())
    place = plain_text(fields.get("geo_locations", ""), 300)
    published = parse_timestamp(fields.get("publication_date", ""))
    return SourceHint(
        title=title_text(fields.get("title", "")),
        published=published.at if published else None,
        published_precision=published.precision if published and published.precision != "second" else "",
        published_unzoned=published is not None and not published.zoned,
        tags=tuple(dict.fromkeys(t for k in fields.get("keywords", "").split(",")[:100] if (t := plain_text(k, 200)))),
        geotags=(GeoTag(None, None, place, source="news-sitemap"),) if place else (),
        language=fields.get("language", "")[:35],
    )


def _text_sitemap(body: bytes, url: str) -> Sitemap:
    """Parses a text sitemap, which has one address per line. The body counts as a sitemap if at least half of its lines
    are addresses.
    """
    lines = [line.strip() for line in decode(body).splitlines() if line.strip()]
    kind = kind_of_sitemap(url)
    found: dict[str, DiscoveredURL] = {}
    good = 0
    for line in lines[:MAX_TARGETS]:
        address = normalize(line) if line.lower().startswith(("http://", "https://")) else None
        if address:
            good += 1
            found.setdefault(address, DiscoveredURL(address, DiscoverySource.SITEMAP, _kind_of(address, kind), url))
    if not good or good * 2 < len(lines[:MAX_TARGETS]):
        return Sitemap()
    return Sitemap(tuple(found.values()), is_sitemap=True, is_cut=len(lines) > MAX_TARGETS)
