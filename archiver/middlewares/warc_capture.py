"""Scrapy middleware that makes requests conditional, and writes each response to WARC as it was transferred.

It runs between the redirect middleware (600) and the cookies middleware (700). There it sees redirects, and bodies that
are still content-encoded. A decoded body would not be the payload that the server sent.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Self

from scrapy.crawler import Crawler
from scrapy.http import Request, Response

from archiver.discovery.page_requisites import type_mismatch
from archiver.errors import ArchiverError
from archiver.extensions.shared_crawl_state import ArchiveExtension
from archiver.items import Capture, PageKind
from archiver.spiders.page_request import FetchNotes, PageRequest, RequisiteRequest, notes_of, purpose_of
from archiver.storage.archive_opening_and_transactions import environment_error
from archiver.warc.warc_records import Exchange, Headers

_PAGES = (PageKind.POST, PageKind.PART, PageKind.UNKNOWN)


class CaptureMiddleware:
    """Adds a page's stored validators to its request (RFC 9110, section 13.1), writes the response to WARC, and adds
    the capture to the request's notes (FetchNotes).

    A response with status 304, or with the same payload digest as the last one, becomes a revisit record. A feed,
    sitemap or other list that mentions a removed post is not written. Without an archive, nothing is written.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._archive = crawler.get_extension(ArchiveExtension)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        purpose = purpose_of(request)
        if purpose is None:
            return
        conditions = purpose.conditions(request.url)
        if conditions.etag:
            request.headers["If-None-Match"] = conditions.etag
        if conditions.last_modified:
            request.headers["If-Modified-Since"] = conditions.last_modified

    def process_response(self, request: Request, response: Response) -> Response:
        archive = self._archive
        if archive is None or "cached" in response.flags:
            return response
        notes = notes_of(request)
        notes.capture, notes.objection = None, ""
        try:
            notes.capture = self._capture(archive, request, response, notes)
        except sqlite3.Error as error:
            fault = environment_error(error, archive.run.archive)
            archive.halt(fault)
            raise fault from error
        except ArchiverError as fault:
            # A response that cannot be captured is not parsed, and its page remains due.
            archive.halt(fault)
            raise
        return response

    def _capture(
        self, archive: ArchiveExtension, request: Request, response: Response, notes: FetchNotes
    ) -> Capture | None:
        purpose, exchange = purpose_of(request), _exchange(request, response)
        if isinstance(purpose, RequisiteRequest):
            return self._capture_requisite(archive, response, exchange, purpose, notes)
        original = purpose.conditions(request.url).original if purpose is not None else None
        if original and exchange.status != 304 and exchange.digest != original.digest:
            original = None
        if exchange.status == 304 and original is None:
            return None
        if isinstance(purpose, PageRequest) and purpose.kind not in _PAGES and archive.run.mentions_removed(exchange):
            return None
        return archive.run.capture(exchange, original)

    def _capture_requisite(
        self,
        archive: ArchiveExtension,
        response: Response,
        exchange: Exchange,
        requisite: RequisiteRequest,
        notes: FetchNotes,
    ) -> Capture | None:
        """Writes the response for a requisite, and returns its capture. Returns None if the response has the wrong
        type, or a status that is not stored. The same payload is written only once.
        """
        if exchange.status == 200:
            coding = b",".join(response.headers.getlist("Content-Encoding")).decode("latin-1")
            notes.objection = type_mismatch(requisite.kind, exchange.media_type, exchange.body, coding)
        return None if notes.objection else archive.run.requisites.capture(exchange, requisite)


def _exchange(request: Request, response: Response) -> Exchange:
    return Exchange(
        url=response.url,
        at=datetime.now(UTC),
        method=request.method,
        request_headers=_pairs(request.headers),
        status=response.status,
        reason=_reason(response),
        response_headers=_pairs(response.headers),
        body=response.body,
        protocol=response.protocol or "HTTP/1.1",
        ip=str(response.ip_address or ""),
        cut="download_stopped" in response.flags,
        via=next(reversed(request.meta.get("redirect_urls") or ()), ""),
        seconds=request.meta.get("download_latency"),
    )


def _pairs(headers: object) -> Headers:
    return tuple((name, value) for name, values in headers.items() for value in values)  # type: ignore[attr-defined]


def _reason(response: Response) -> str:
    try:
        return HTTPStatus(response.status).phrase
    except ValueError:
        return ""
