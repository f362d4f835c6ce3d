"""Refuses addresses that lead off the public internet by their spelling alone, and posts that lie outside the site."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from scrapy.crawler import Crawler
from scrapy.http import Request

from archiver.frontier.reach import Permission, objection_to_url
from archiver.handlers.refusal import Refusal, private_address
from archiver.items import Outcome

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

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        given = getattr(self._crawler.spider, "permission", None) or Permission()
        if reason := objection_to_url(request.url, given):
            raise private_address(reason)
        job, session = request.meta.get("job"), getattr(self._crawler.spider, "session", None)
        if job is None or job.is_source or session is None or session.scope.contains(request.url):
            return
        if urlsplit(request.url).hostname not in _FORWARDERS:
            raise Refusal(Outcome.OUT_OF_SCOPE, "scope", f"it lies outside {session.scope.name}")
