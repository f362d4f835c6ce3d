"""Decodes the content codings of payloads, and checks the digests that a record declares (WARC/1.1, sections 5.8 and
5.9).
"""

from __future__ import annotations

import io
import sys
import zlib
from collections.abc import Callable
from enum import Enum

from fastwarc.stream_io import BrotliReader

# Content codings (RFC 9110, section 8.4.1; br: RFC 7932; zstd: RFC 8878), decoded up to a limit.

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_DECODED_CHUNK = 1 << 16


class Decoding(Enum):
    """The result of decoding a payload.

    - WELL: it was decoded.
    - PLAIN: it was not encoded at all.
    - CUT: it is truncated or damaged.
    - LARGE: it exceeds the limit.
    - UNKNOWN: the coding is unknown.
    """

    WELL = "well"
    PLAIN = "plain"
    CUT = "cut"
    LARGE = "large"
    UNKNOWN = "unknown"


class _Failed(Exception):
    def __init__(self, how: Decoding) -> None:
        super().__init__(how)
        self.how = how


def decode_content(payload: bytes, coding: str, limit: int) -> tuple[bytes, Decoding]:
    """Removes the content codings of a payload. `coding` is the value of Content-Encoding; its last coding is removed
    first. Returns the body and the result.

    If the result is not WELL, the payload is returned unchanged. If the body has more than `limit` bytes, the result is
    LARGE.
    """
    body = payload
    for name in reversed([c.strip().lower() for c in coding.split(",") if c.strip()]):
        if name == "identity":
            continue
        reader = _READERS.get(name)
        if reader is None:
            return payload, Decoding.UNKNOWN
        try:
            body = reader(body, limit)
        except _Failed as failed:
            return payload, failed.how
    return body, Decoding.WELL


def _gzip(data: bytes, limit: int) -> bytes:
    if not data.startswith(b"\x1f\x8b"):
        raise _Failed(Decoding.PLAIN)
    return _inflated(data, 31, limit)


def _deflate(data: bytes, limit: int) -> bytes:
    """Decodes deflate. The zlib header may be missing, because some servers omit it."""
    if data[:1] == b"\x78":
        try:
            return _inflated(data, 15, limit)
        except _Failed as failed:
            if failed.how is Decoding.LARGE:
                raise
    try:
        return _inflated(data, -15, limit)
    except _Failed as failed:
        raise _Failed(Decoding.PLAIN if _is_text(data) else failed.how) from None


def _inflated(data: bytes, wbits: int, limit: int) -> bytes:
    unpacker = zlib.decompressobj(wbits)
    try:
        body = unpacker.decompress(data, limit)
    except zlib.error:
        raise _Failed(Decoding.CUT) from None
    if not unpacker.eof:
        raise _Failed(Decoding.LARGE if unpacker.unconsumed_tail or len(body) >= limit else Decoding.CUT)
    return body


def _brotli(data: bytes, limit: int) -> bytes:
    reader, out, size = BrotliReader(io.BytesIO(data)), [], 0
    try:
        while chunk := reader.read(_DECODED_CHUNK):
            out.append(chunk)
            size += len(chunk)
            if size > limit:
                raise _Failed(Decoding.LARGE)
    except (OSError, ValueError):
        raise _Failed(Decoding.PLAIN if _is_text(data) else Decoding.CUT) from None
    return b"".join(out)


def _zstandard(data: bytes, limit: int) -> bytes:
    unpacker = zstd.ZstdDecompressor()
    try:
        body: bytes = unpacker.decompress(data, limit)
    except (zstd.ZstdError, ValueError):
        raise _Failed(Decoding.PLAIN if _is_text(data) else Decoding.CUT) from None
    if not unpacker.eof:
        raise _Failed(Decoding.LARGE if len(body) >= limit else Decoding.CUT)
    return body


def _is_text(data: bytes) -> bool:
    head = data[:512].lstrip()
    return bool(head) and b"\0" not in head and head[:1] in b"<{[" and sum(b < 9 for b in head) == 0


_READERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstandard,
}


_BINARY = (
    *(b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF", b"PK\x03\x04", b"RIFF", b"\x00\x00\x01\x00", b"wOF", b"BM"),
    b"SQLite format 3\x00",
)


def is_binary(head: bytes) -> bool:
    """Returns True if `head` is the beginning of an image, a PDF or another binary file."""
    return head.startswith(_BINARY) or (
        b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")) and (head.count(b"\0") < len(head) // 4)
    )
