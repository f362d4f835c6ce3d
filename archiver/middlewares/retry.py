"""Scrapy middleware that retries failed requests: at once after an error, or after the pause that a busy host asked
for.
"""

from __future__ import annotations

from typing import Self

from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.retry import RetryMiddleware
from scrapy.http import Request, Response

from archiver.extensions.crawl_archive import ArchiveExtension
from archiver.extensions.throttle_slots import ThrottleExtension, host_of
from archiver.handlers.http_handler import HostBusy, RunEnded, tls_problem
from archiver.politeness.throttle import BUSY


class BusyMiddleware(RetryMiddleware):
    """Scrapy's RetryMiddleware, except that it does not retry at a host that was given up (raises HostBusy) or in a run
    that is ending (raises RunEnded).

    A retry comes after the pages that are ready, and after its host's pause (see `ThrottleExtension`).
    """

    _archive: ArchiveExtension | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        middleware = super().from_crawler(crawler)
        middleware._archive = crawler.get_extension(ArchiveExtension)
        return middleware

    def process_request(self, request: Request) -> None:
        if self._archive is not None and self._archive.ending is not None:
            raise RunEnded("the run ended")
        if why := self._given_up(request):
            raise HostBusy(why)

    def process_response(self, request: Request, response: Response, spider: object = None) -> Request | Response:
        if response.status in BUSY and (why := self._given_up(request)):
            raise HostBusy(why)
        return super().process_response(request, response)

    def process_exception(
        self, request: Request, exception: Exception, spider: object = None
    ) -> Request | Response | None:
        # A retry does not help if the certificate is the problem.
        return None if tls_problem(exception) else super().process_exception(request, exception)

    def _given_up(self, request: Request) -> str:
        throttle = self.crawler.get_extension(ThrottleExtension)
        return throttle.given_up(host_of(request)) if throttle else ""
