"""Writes every response to WARC as it came off the wire.

Stands between the redirect middleware (600) and the cookies (700), so that it sees redirects and
bodies that are still content-encoded; the decoded body would be another payload than the server sent.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Request, Response
from slugify import slugify

from archiver import __version__
from archiver.capture.exchange import Exchange, Headers, Original
from archiver.capture.writer import WarcWriter


class CaptureMiddleware:
    """Puts the capture of a response into `request.meta["capture"]`.

    `request.meta["original"]`, where the spider set it, is the record of the same address's last
    payload: a 304 or an equal digest then makes a revisit record.
    """

    def __init__(self, crawler: Crawler) -> None:
        archive = crawler.settings.get("ARCHIVE_PATH")
        if not archive:
            raise NotConfigured("ARCHIVE_PATH is not set: nothing is captured")
        self._root = Path(archive).parent
        self._crawler = crawler
        self._writer: WarcWriter | None = None
        crawler.signals.connect(self._closed, signal=signals.spider_closed)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_response(self, request: Request, response: Response) -> Response:
        if "cached" in response.flags:
            return response
        exchange = _exchange(request, response)
        original: Original | None = request.meta.get("original")
        if original and exchange.status != 304 and exchange.digest != original.digest:
            original = None
        if exchange.status == 304 and original is None:
            return response
        request.meta["capture"] = self._open().write(exchange, original)
        return response

    def _open(self) -> WarcWriter:
        if self._writer is None:
            name = getattr(self._crawler.spider, "site_name", "") or "site"
            self._writer = WarcWriter(self._root, slugify(name), f"archiver/{__version__}", f"crawl of {name}")
        return self._writer

    def _closed(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _exchange(request: Request, response: Response) -> Exchange:
    return Exchange(
        url=response.url, at=datetime.now(UTC), method=request.method,
        request_headers=_pairs(request.headers), status=response.status, reason=_reason(response),
        response_headers=_pairs(response.headers), body=response.body, protocol=response.protocol or "HTTP/1.1",
        ip=str(response.ip_address or ""),
    )


def _pairs(headers: object) -> Headers:
    return tuple((name, value) for name, values in headers.items() for value in values)  # type: ignore[attr-defined]


def _reason(response: Response) -> str:
    from http import HTTPStatus

    try:
        return HTTPStatus(response.status).phrase
    except ValueError:
        return ""
