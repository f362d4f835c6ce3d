"""HTTP redirects that Scrapy follows by itself: those of robots.txt and tdmrep.json, and of requests made by hand."""

from __future__ import annotations

from typing import Self

from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.redirect import RedirectMiddleware
from scrapy.http import Request, Response


class PlainRedirectMiddleware(RedirectMiddleware):
    """Scrapy's middleware without its search for a RefererMiddleware: no request here carries a Referer.

    Pages of a crawl have `dont_redirect`: each address of a redirect is a row of its own in the pages table.
    """

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        middleware = cls(crawler.settings)
        middleware.crawler = crawler
        return middleware

    def handle_referer(self, request: Request, response: Response) -> None:
        request.headers.pop("Referer", None)
