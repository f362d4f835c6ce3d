"""How much of an answer is taken: bytes by what was asked for, and how often it may be packed."""

from __future__ import annotations

import zlib
from typing import Self

from scrapy.crawler import Crawler
from scrapy.http import Request, Response

from archiver.handlers.refusal import Refusal
from archiver.items import Outcome
from archiver.middlewares.beginning import META, Beginning
from archiver.spiders.page_request import page_of, purpose_of, requisite_of

_MOST_CODINGS = 2


class LimitsMiddleware:
    """Stands between the capture (605) and the one that undoes content codings (590).

    Sources (sitemaps, feeds, the API) may be as large as DOWNLOAD_MAXSIZE, other pages as PAGE_MAXSIZE, requisites
    as REQUISITE_MAXSIZE; all hold on the wire and again for what is unpacked. One coding is usual, two
    happen where a server packs a packed file; an answer that names more (RFC 9110, section 8.4 sets no limit) is made
    to be unpacked for ever.
    Of an answer whose beginning is enough (`Beginning`) that is unpacked here, and no length is too large for it.
    """

    def __init__(self, page_maxsize: int, requisite_maxsize: int) -> None:
        self._page_maxsize = page_maxsize
        self._requisite_maxsize = requisite_maxsize

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler.settings.getint("PAGE_MAXSIZE"), crawler.settings.getint("REQUISITE_MAXSIZE"))

    def process_request(self, request: Request) -> None:
        if META in request.meta:
            request.meta["download_maxsize"] = 0
        page = page_of(request)
        if requisite_of(request) and self._requisite_maxsize:
            request.meta.setdefault("download_maxsize", self._requisite_maxsize)
        if page is not None and not page.is_source and self._page_maxsize:
            request.meta.setdefault("download_maxsize", self._page_maxsize)

    def process_response(self, request: Request, response: Response) -> Response:
        if purpose_of(request) is None:
            return response
        codings = b",".join(response.headers.getlist("Content-Encoding")).split(b",")
        if len(codings) > _MOST_CODINGS:
            raise Refusal(Outcome.FAILED, "too-large", f"its answer says that it is packed {len(codings)} times")
        beginning: Beginning | None = request.meta.get(META)
        if beginning is None:
            return response
        names = [name for coding in codings if (name := coding.decode("latin-1").strip().lower())]
        try:
            body = beginning.unpacked(response.body, names)
        except zlib.error as error:
            raise Refusal(Outcome.FAILED, "bad-coding", "the answer is not packed as it says") from error
        headers = response.headers.copy()
        headers.pop("Content-Encoding", None)
        return response.replace(headers=headers, body=body)
