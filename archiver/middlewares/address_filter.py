"""Refuses addresses that lead off the public internet by their spelling alone, and posts that lie outside the site."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from scrapy.crawler import Crawler
from scrapy.http import Request

from archiver.extensions.crawl_archive import ArchiveExtension
from archiver.handlers.http_handler import Refusal, permission_of, private_address
from archiver.items import Outcome
from archiver.politeness.address_policy import objection_to_url
from archiver.spiders.page_request import page_of

# They stand in feeds in place of the posts' own addresses, and lead on to them.
_FORWARDERS = frozenset({"feeds.feedburner.com", "feeds2.feedburner.com", "feedproxy.google.com", "feedpress.me"})


class AddressMiddleware:
    """Stands before the one for robots.txt, whose own requests and redirects pass here too.

    It is what holds where a proxy resolves the names; what a name leads to is checked where the connection is made.
    Sources may lie on other hosts; a post that a source names there would be stored as one of this site, and a list
    of them would turn the crawl against somebody else.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._archive = crawler.get_extension(ArchiveExtension)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        if reason := objection_to_url(request.url, permission_of(self._crawler, request)):
            raise private_address(reason, request)
        page = page_of(request)
        if page is None or page.is_source or self._archive is None or self._archive.run.scope.contains(request.url):
            return
        if urlsplit(request.url).hostname not in _FORWARDERS:
            raise Refusal(Outcome.OUT_OF_SCOPE, "scope", f"it lies outside {self._archive.run.scope.name}")
