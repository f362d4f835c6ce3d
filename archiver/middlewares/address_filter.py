"""Scrapy middleware that refuses requests to private network addresses, and requests for posts outside the site."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from scrapy.crawler import Crawler
from scrapy.http import Request

from archiver.extensions.crawl_archive import ArchiveExtension
from archiver.handlers.http_handler import Refusal, permission_of, refuse_private_address
from archiver.items import Outcome
from archiver.politeness.address_policy import objection_to_url
from archiver.spiders.page_request import page_of

# Feeds may list addresses on these hosts, which redirect to the posts' own addresses.
_FORWARDERS = frozenset({"feeds.feedburner.com", "feeds2.feedburner.com", "feedproxy.google.com", "feedpress.me"})


class AddressMiddleware:
    """Refuses requests to addresses that are not public, and to pages outside the site.

    It comes before the robots.txt middleware, so that it sees that middleware's requests and redirects, too. If a proxy
    resolves host names, this is the only check; otherwise the address is checked again when the connection is made.
    Discovery sources may be on other hosts. A post that a source reports on another host is refused. It would be stored
    as a post of this site, and a list of such posts would direct the crawl at somebody else's server.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._archive = crawler.get_extension(ArchiveExtension)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        if reason := objection_to_url(request.url, permission_of(self._crawler, request)):
            raise refuse_private_address(reason, request)
        page = page_of(request)
        if page is None or page.is_source or self._archive is None or self._archive.run.scope.contains(request.url):
            return
        if urlsplit(request.url).hostname not in _FORWARDERS:
            raise Refusal(Outcome.OUT_OF_SCOPE, "scope", f"it is outside {self._archive.run.scope.name}")
