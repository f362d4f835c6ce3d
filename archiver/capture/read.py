"""Reading one stored record again: the bytes an article was made from."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from fastwarc import ArchiveIterator
from fastwarc.stream_io import GzipReader

from archiver.capture.codings import undo
from archiver.capture.exchange import payload_digest
from archiver.errors import UnreadableInput

MAX_BODY = 64 * 1024 * 1024
"""Bytes that are read of one body once it is unpacked: as many as a crawl takes."""


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A response as stored: `payload` is as on the wire, `body` with its content coding undone."""

    url: str
    record_type: str
    status: int
    headers: tuple[tuple[str, str], ...]
    payload: bytes
    body: bytes
    digest: str

    @property
    def content_type(self) -> str:
        return next((v for k, v in self.headers if k.lower() == "content-type"), "")


def read_record(file: Path, offset: int, length: int) -> StoredResponse:
    """The record at `offset` (bytes) of a WARC file. Raises UnreadableInput where none can be read there."""
    subject = f"{file} at {offset}"
    try:
        with file.open("rb") as handle:
            handle.seek(offset)
            data = handle.read(length)
    except OSError as error:
        raise UnreadableInput(subject, error.strerror or str(error)) from error
    try:
        record = next(iter(ArchiveIterator(GzipReader(io.BytesIO(data)), parse_http=True)), None)
        payload = record.reader.read() if record else b""
    except (OSError, ValueError) as error:
        raise UnreadableInput(subject, f"no WARC record begins there ({error})") from error
    if record is None:
        raise UnreadableInput(subject, "no WARC record begins there")
    if record.http_headers is None:
        raise UnreadableInput(subject, "what stands there is no whole HTTP response")
    headers = tuple(record.http_headers.to_tuples())
    coding = next((v for k, v in headers if k.lower() == "content-encoding"), "")
    return StoredResponse(
        url=record.headers.get("WARC-Target-URI") or "", record_type=record.headers.get("WARC-Type") or "",
        status=record.http_headers.status_code or 0, headers=headers, payload=payload,
        body=decoded(payload, coding), digest=record.headers.get("WARC-Payload-Digest") or "",
    )


def verify(stored: StoredResponse) -> bool:
    """Whether the payload still has the digest it was stored with (a revisit record has no payload of its own)."""
    return stored.record_type == "revisit" or payload_digest(stored.payload) == stored.digest


def decoded(payload: bytes, coding: str, limit: int = MAX_BODY) -> bytes:
    """A payload without its Content-Encoding (RFC 9110, section 8.4.1).

    One that cannot be undone, or not within `limit` bytes, is left as it is.
    """
    return undo(payload, coding, limit)[0]
