"""Undoes content codings as Scrapy does, and tells a page that ends too early from a whole one.

A server that dies while it packs, and a proxy that then sends a true length, make half a page that nothing else shows.
"""

from __future__ import annotations

import zlib

from scrapy import Spider
from scrapy.downloadermiddlewares.httpcompression import HttpCompressionMiddleware
from scrapy.http import Request, Response

from archiver.capture.codings import Undone, undo
from archiver.handlers.refusal import Refusal
from archiver.items import Outcome
from archiver.spiders.page_request import purpose_of

_GZIP = ("gzip", "x-gzip")
# What zlib says where the data are all there and only the sum or the length behind them is missing: some servers leave
# these eight bytes out.
_SUMS = ("incorrect data check", "incorrect length check")


class UnpackingMiddleware(HttpCompressionMiddleware):
    """In the place of Scrapy's own. Refuses what is cut off; the next crawl asks for it again."""

    def process_response(self, request: Request, response: Response,
                         spider: Spider | None = None) -> Request | Response:
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
    return undo(packed, coding, size + 1)[1] is Undone.CUT


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
