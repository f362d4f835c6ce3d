"""The first bytes of an answer that need not be read to its end, however long it is and however it is packed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import StopDownload
from scrapy.http import Request

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
        return body[:self.most]

    def _inflated(self, body: bytes, wbits: int) -> bytes:
        """In steps: what comes before a fault, or before the cut, is there. A gzip file may have several members."""
        out, unpacker = bytearray(), zlib.decompressobj(wbits)
        try:
            for at in range(0, len(body), _STEP):
                data = body[at:at + _STEP]
                while data and len(out) < self.most:
                    if unpacker.eof:
                        unpacker = zlib.decompressobj(wbits)
                    out += unpacker.decompress(data, self.most - len(out))
                    data = unpacker.unused_data or unpacker.unconsumed_tail
        except zlib.error:
            if not out:
                raise
        return bytes(out)
