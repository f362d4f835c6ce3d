"""Writes every response to WARC as it came off the wire.

Stands between the redirect middleware (600) and the cookies (700), so that it sees redirects and
bodies that are still content-encoded; the decoded body would be another payload than the server sent.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from scrapy.crawler import Crawler
from scrapy.http import Request, Response

from archiver.capture.exchange import Exchange, Headers, Original
from archiver.capture.requisite import not_wanted
from archiver.errors import ArchiverError
from archiver.items import PageKind

if TYPE_CHECKING:
    from archiver.spiders.errand import Errand
    from archiver.spiders.session import CrawlSession


_PAGES = (PageKind.POST, PageKind.PART, PageKind.UNKNOWN)


class CaptureMiddleware:
    """Puts the capture of a response into `request.meta["capture"]`.

    `request.meta["original"]`, where the spider set it, is the record of the same address's last
    payload: a 304 or an equal digest then makes a revisit record. Nothing is captured outside of a crawl session, nor
    what is no post and names one that was taken out of the archive.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_response(self, request: Request, response: Response) -> Response:
        spider: Any = self._crawler.spider
        session: CrawlSession | None = getattr(spider, "session", None)
        if "cached" in response.flags or session is None:
            return response
        exchange = _exchange(request, response)
        if errand := request.meta.get("errand"):
            return self._of_errand(request, response, exchange, errand)
        original: Original | None = request.meta.get("original")
        if original and exchange.status != 304 and exchange.digest != original.digest:
            original = None
        if exchange.status == 304 and original is None:
            return response
        job = request.meta.get("job")
        if job is not None and job.kind not in _PAGES and session.names_removed(exchange):
            return response
        try:
            request.meta["capture"] = session.capture(exchange, original)
        except ArchiverError as fault:
            # What cannot be kept as evidence is not read: its page is still due.
            spider.halt(fault)
            raise
        return response

    def _of_errand(self, request: Request, response: Response, exchange: Exchange, errand: Errand) -> Response:
        """An image, stylesheet or font: written only where it is one, and once whatever address it has."""
        spider: Any = self._crawler.spider
        if exchange.status == 200:
            coding = b",".join(response.headers.getlist("Content-Encoding")).decode("latin-1")
            request.meta["objection"] = not_wanted(errand.kind, exchange.media_type, exchange.body, coding)
        if request.meta.get("objection"):
            return response
        try:
            request.meta["capture"] = spider.session.requisites.capture(exchange, errand)
        except ArchiverError as fault:
            spider.halt(fault)
            raise
        return response


def _exchange(request: Request, response: Response) -> Exchange:
    return Exchange(
        url=response.url, at=datetime.now(UTC), method=request.method,
        request_headers=_pairs(request.headers), status=response.status, reason=_reason(response),
        response_headers=_pairs(response.headers), body=response.body, protocol=response.protocol or "HTTP/1.1",
        ip=str(response.ip_address or ""), cut="download_stopped" in response.flags,
        via=next(reversed(request.meta.get("redirect_urls") or ()), ""), seconds=request.meta.get("download_latency"),
    )


def _pairs(headers: object) -> Headers:
    return tuple((name, value) for name, values in headers.items() for value in values)  # type: ignore[attr-defined]


def _reason(response: Response) -> str:
    from http import HTTPStatus

    try:
        return HTTPStatus(response.status).phrase
    except ValueError:
        return ""
