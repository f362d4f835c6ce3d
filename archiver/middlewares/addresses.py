"""Refuses addresses that by their spelling alone lead off the public internet, before anything is asked for."""

from __future__ import annotations

from typing import Self

from scrapy.crawler import Crawler
from scrapy.http import Request

from archiver.frontier.reach import Permission, objection_to_url
from archiver.handlers.refusal import private_address


class AddressMiddleware:
    """Stands before the one for robots.txt, whose own requests and redirects pass here too.

    It is what holds where a proxy resolves the names; what a name leads to is checked where the connection is made.
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
