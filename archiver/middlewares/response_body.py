"""The first bytes of an answer that need not be read to its end, however long it is and however it is packed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from scrapy import Spider, signals
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.httpcompression import HttpCompressionMiddleware
from scrapy.exceptions import StopDownload
from scrapy.http import Request, Response

from archiver.handlers.http_handler import Refusal
from archiver.items import Outcome
from archiver.spiders.page_request import page_of, purpose_of, requisite_of
from archiver.warc.payload import Decoding, decode_content

# Undoes content codings as Scrapy does, and tells a page that ends too early from a whole one.

_GZIP = ("gzip", "x-gzip")
# What zlib says where the data are all there and only the sum or the length behind them is missing: some servers leave
# these eight bytes out.
_SUMS = ("incorrect data check", "incorrect length check")


class UnpackingMiddleware(HttpCompressionMiddleware):
    """In the place of Scrapy's own. Refuses what is cut off; the next crawl asks for it again."""

    def process_response(
        self, request: Request, response: Response, spider: Spider | None = None
    ) -> Request | Response:
        packed = response.body
        coding = b",".join(response.headers.getlist("Content-Encoding")).decode("latin-1").strip().lower()
        out = super().process_response(request, response)
        if purpose_of(request) is None or not isinstance(out, Response):
            return out
        if coding and packed and is_cut_off(packed, coding, len(out.body)):
            raise Refusal(Outcome.FAILED, "truncated", "the answer was cut off before its end")
        return out


def is_cut_off(packed: bytes, coding: str, size: int) -> bool:
    """Whether a packed body ends too early. `size` is what it unpacks to; gzip has that at its end, so that a whole one
    is not unpacked twice."""
    if coding in _GZIP:
        return int.from_bytes(packed[-4:], "little") != size % (1 << 32) and _is_cut_gzip(packed)
    return decode_content(packed, coding, size + 1)[1] is Decoding.CUT


def _is_cut_gzip(packed: bytes) -> bool:
    unpacker = zlib.decompressobj(31)
    try:
        unpacker.decompress(packed)
        if unpacker.eof:
            return False
        unpacker.decompress(bytes(8))
    except zlib.error as error:
        return not any(sum_ in str(error) for sum_ in _SUMS)
    return True


META = "beginning"
"""The key of a request's meta whose value is the `Beginning` that is read of its answer."""

_STEP = 16 * 1024


class Beginning:
    """Bytes of a body that are taken: about as many on the wire, at most so many unpacked. The rest is not awaited.

    One serves one request and those that follow from it (redirects, further tries), one after the other.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._request: Request | None = None
        self._received = 0

    @contextmanager
    def watching(self, crawler: Crawler) -> Iterator[None]:
        """While downloads that have this in their meta are under way."""
        crawler.signals.connect(self.received, signals.bytes_received)
        try:
            yield
        finally:
            crawler.signals.disconnect(self.received, signals.bytes_received)

    def received(self, data: bytes, request: Request) -> None:
        """Scrapy's signal. Ends a download that has brought enough, as if its body ended there."""
        if request.meta.get(META) is not self:
            return
        if request is not self._request:
            self._request, self._received = request, 0
        self._received += len(data)
        if self._received >= self.most:
            raise StopDownload(fail=False)

    def unpacked(self, body: bytes, codings: list[str]) -> bytes:
        """The beginning of a body without its content codings (RFC 9110, section 8.4.1), as far as they can be undone.

        Raises zlib.error where nothing can.
        """
        for coding in reversed(codings):
            if coding in ("gzip", "x-gzip"):
                body = self._inflated(body, 31)
            elif coding == "deflate":
                body = self._inflated(body, 15 if body[:1] == b"\x78" else -15)
            elif coding != "identity":
                raise zlib.error(f"unknown coding {coding}")
        return body[: self.most]

    def _inflated(self, body: bytes, wbits: int) -> bytes:
        """In steps: what comes before a fault, or before the cut, is there. A gzip file may have several members."""
        out, unpacker = bytearray(), zlib.decompressobj(wbits)
        try:
            for at in range(0, len(body), _STEP):
                data = body[at : at + _STEP]
                while data and len(out) < self.most:
                    if unpacker.eof:
                        unpacker = zlib.decompressobj(wbits)
                    out += unpacker.decompress(data, self.most - len(out))
                    data = unpacker.unused_data or unpacker.unconsumed_tail
        except zlib.error:
            if not out:
                raise
        return bytes(out)


# How much of an answer is taken: bytes by what was asked for, and how often it may be packed.

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
