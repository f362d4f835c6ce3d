"""Asks again only for what changed: If-None-Match and If-Modified-Since (RFC 9110, section 13.1)."""

from __future__ import annotations

from typing import Self

from scrapy.crawler import Crawler
from scrapy.http import Request


class ConditionalRequestMiddleware:
    """Sends the validators that the ledger holds of a page: `meta["etag"]` and `meta["last_modified"]`."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls()

    def process_request(self, request: Request) -> None:
        if request.meta.get("etag"):
            request.headers["If-None-Match"] = request.meta["etag"]
        if request.meta.get("last_modified"):
            request.headers["If-Modified-Since"] = request.meta["last_modified"]
