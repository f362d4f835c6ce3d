"""Undoing content codings (RFC 9110, section 8.4.1; br: RFC 7932; zstd: RFC 8878), never beyond a limit."""

from __future__ import annotations

import io
import sys
import zlib
from collections.abc import Callable
from enum import Enum

from fastwarc.stream_io import BrotliReader

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_CHUNK = 1 << 16


class Undone(Enum):
    """How undoing went. PLAIN: the payload was not coded at all; CUT: it ends too early or is damaged."""

    WELL = "well"
    PLAIN = "plain"
    CUT = "cut"
    LARGE = "large"
    UNKNOWN = "unknown"


class _Failed(Exception):
    def __init__(self, how: Undone) -> None:
        super().__init__(how)
        self.how = how


def undo(payload: bytes, coding: str, limit: int) -> tuple[bytes, Undone]:
    """A payload without the codings that a Content-Encoding field names, the last first, and how that went.

    Where it did not go well the payload comes back as it is. At most `limit` bytes are made.
    """
    body = payload
    for name in reversed([c.strip().lower() for c in coding.split(",") if c.strip()]):
        if name == "identity":
            continue
        reader = _READERS.get(name)
        if reader is None:
            return payload, Undone.UNKNOWN
        try:
            body = reader(body, limit)
        except _Failed as failed:
            return payload, failed.how
    return body, Undone.WELL


def _gzip(data: bytes, limit: int) -> bytes:
    if not data.startswith(b"\x1f\x8b"):
        raise _Failed(Undone.PLAIN)
    return _inflated(data, 31, limit)


def _deflate(data: bytes, limit: int) -> bytes:
    """With or without the zlib header: servers send both."""
    if data[:1] == b"\x78":
        try:
            return _inflated(data, 15, limit)
        except _Failed as failed:
            if failed.how is Undone.LARGE:
                raise
    try:
        return _inflated(data, -15, limit)
    except _Failed as failed:
        raise _Failed(Undone.PLAIN if _is_text(data) else failed.how) from None


def _inflated(data: bytes, wbits: int, limit: int) -> bytes:
    unpacker = zlib.decompressobj(wbits)
    try:
        body = unpacker.decompress(data, limit)
    except zlib.error:
        raise _Failed(Undone.CUT) from None
    if not unpacker.eof:
        raise _Failed(Undone.LARGE if unpacker.unconsumed_tail or len(body) >= limit else Undone.CUT)
    return body


def _brotli(data: bytes, limit: int) -> bytes:
    reader, out, size = BrotliReader(io.BytesIO(data)), [], 0
    try:
        while chunk := reader.read(_CHUNK):
            out.append(chunk)
            size += len(chunk)
            if size > limit:
                raise _Failed(Undone.LARGE)
    except (OSError, ValueError):
        raise _Failed(Undone.PLAIN if _is_text(data) else Undone.CUT) from None
    return b"".join(out)


def _zstandard(data: bytes, limit: int) -> bytes:
    unpacker = zstd.ZstdDecompressor()
    try:
        body: bytes = unpacker.decompress(data, limit)
    except (zstd.ZstdError, ValueError):
        raise _Failed(Undone.PLAIN if _is_text(data) else Undone.CUT) from None
    if not unpacker.eof:
        raise _Failed(Undone.LARGE if len(body) >= limit else Undone.CUT)
    return body


def _is_text(data: bytes) -> bool:
    head = data[:512].lstrip()
    return bool(head) and b"\0" not in head and head[:1] in b"<{[" and sum(b < 9 for b in head) == 0


_READERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gzip, "x-gzip": _gzip, "deflate": _deflate, "br": _brotli, "zstd": _zstandard,
}
