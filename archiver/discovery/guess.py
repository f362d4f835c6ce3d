"""The usual addresses of feeds and sitemaps, for sites that declare none. Each guess costs a request."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from archiver.items import PageKind, Source, Target
from archiver.urls import Scope, normalize

_SITEMAPS = ("sitemap.xml", "sitemap_index.xml", "wp-sitemap.xml", "sitemap-index.xml", "post-sitemap.xml",
             "sitemap.xml.gz", "sitemap.txt")
_FEEDS = ("feed/", "feed.xml", "atom.xml", "rss.xml", "index.xml", "feeds/posts/default", "rss/", "feed.json",
          "feed/index.html")
_ROOT_SITEMAPS = _SITEMAPS[:3]
_BLOGGER_FIRST = ("feeds/posts/default",)


def guesses(start_url: str, scope: Scope) -> tuple[Target, ...]:
    """Well-known addresses, likeliest first: sitemaps and feeds of the site's folder, then sitemaps of the host's root.

    Sitemaps of the root may list pages outside the scope. `source` is SEED, as no page linked to them.
    """
    parts = urlsplit(start_url)
    root = f"{parts.scheme}://{parts.netloc}/"
    folder = urljoin(root, scope.path)
    feeds: tuple[str, ...] = _FEEDS
    if scope.host.partition(":")[0].endswith(".blogspot.com"):
        feeds = _BLOGGER_FIRST + tuple(f for f in _FEEDS if f not in _BLOGGER_FIRST)
    rows: list[tuple[str, PageKind]] = []
    for sitemap, feed in zip(_SITEMAPS, feeds, strict=False):
        rows += [(urljoin(folder, sitemap), PageKind.SITEMAP), (urljoin(folder, feed), PageKind.FEED)]
    rows += [(urljoin(folder, feed), PageKind.FEED) for feed in feeds[len(_SITEMAPS):]]
    if folder != root:
        rows += [(urljoin(root, name), PageKind.SITEMAP) for name in _ROOT_SITEMAPS]
    found: dict[str, Target] = {}
    for url, kind in rows:
        address = normalize(url)
        if address:
            found.setdefault(address, Target(address, Source.SEED, kind))
    return tuple(found.values())
