"""Reads the records of this program's own WARC files, each a gzip member (WARC/1.1, annex D.2): finds all complete
records, or reads a single one.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from fastwarc import ArchiveIterator
from fastwarc.stream_io import GzipReader

from archiver.errors import UnreadableInput
from archiver.items import Capture
from archiver.warc.exchange_records import compute_payload_digest
from archiver.warc.payload import decode_content

_CHUNK = 1 << 20
_FIRST = 1 << 15
_HEAD = 1 << 16
_MAGIC = b"\x1f\x8b\x08"
_VERSION = re.compile(rb"WARC/1\.[01]\r\n")
_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class GzipRecord:
    """A complete WARC record: its offset and length in the file, and its first decompressed bytes."""

    offset: int
    length: int
    head: bytes


class RecordSink(Protocol):
    """An object that receives the decompressed bytes of each record in chunks."""

    def begin(self) -> None: ...

    def feed(self, data: bytes) -> None: ...


def read_complete_records(handle: BinaryIO, watch: RecordSink | None = None) -> Iterator[GzipRecord]:
    """Yields every complete record of a file, in order; any other bytes are skipped.

    When a record is yielded, `watch` has received all its bytes.
    """
    offset: int | None = 0
    while offset is not None:
        member = read_record_at(handle, offset, watch)
        if member is not None:
            yield member
        offset = member.offset + member.length if member else _next_start(handle, offset + 1)


def read_record_at(handle: BinaryIO, offset: int, watch: RecordSink | None = None) -> GzipRecord | None:
    """Returns the record that begins at `offset`; None if no complete record begins at that offset."""
    handle.seek(offset)
    if watch is not None:
        watch.begin()
    unpack = zlib.decompressobj(wbits=31)
    head, size, read = b"", 0, 0
    try:
        while not unpack.eof:
            # Small pieces are read, because most records are small, and bytes past the end of a record are read again.
            chunk = handle.read(_CHUNK if read else _FIRST)
            if not chunk:
                return None
            read += len(chunk)
            while chunk and not unpack.eof:
                # A small file can decompress to a huge one, so it is never held as a whole.
                data = unpack.decompress(chunk, _CHUNK)
                head += data[: _HEAD - len(head)]
                if watch is not None:
                    watch.feed(data)
                size += len(data)
                chunk = unpack.unconsumed_tail
    except zlib.error:
        return None
    length = read - len(unpack.unused_data)
    start = head.find(_HEAD_END)
    declared = re.search(rb"\r\nContent-Length: *(\d+)\r\n", head[: start + 2], re.IGNORECASE)
    if start < 0 or declared is None or not _VERSION.match(head):
        return None
    # A record is its header, a blank line, its block, and two line ends (WARC/1.1, section 4).
    return GzipRecord(offset, length, head) if size == start + 4 + int(declared[1]) + 4 else None


def _next_start(handle: BinaryIO, offset: int) -> int | None:
    """Returns the next offset at or after `offset` where a gzip member may begin; None if no further member does."""
    handle.seek(offset)
    tail = b""
    while chunk := handle.read(_CHUNK):
        found = (tail + chunk).find(_MAGIC)
        if found >= 0:
            return offset - len(tail) + found
        offset += len(chunk)
        tail = (tail + chunk)[-2:]
    return None


def parse_capture(member: GzipRecord, warc_file: str, warc: Mapping[str, str] | None = None) -> Capture | None:
    """Returns the capture that a response or revisit record describes; None for a record of another type. `warc` has
    the named fields of the record, if they are known.
    """
    block = member.head.find(_HEAD_END)
    if warc is None:
        warc = parse_named_fields(member.head[:block])
    kind = warc.get("warc-type", "")
    if kind not in ("response", "revisit"):
        return None
    http = member.head[block + 4 :]
    http = http[: http.find(_HEAD_END)] if _HEAD_END in http else http
    status = re.match(rb"HTTP/\d(?:\.\d)? (\d{3})", http)
    return Capture(
        url=warc.get("warc-target-uri", ""),
        captured_at=datetime.fromisoformat(warc["warc-date"]),
        status=int(status[1]) if status else 0,
        media_type=parse_named_fields(http).get("content-type", "").split(";")[0].strip().lower(),
        digest=warc.get("warc-payload-digest", ""),
        warc_file=warc_file,
        warc_offset=member.offset,
        warc_length=member.length,
        record_type=kind,
    )


def parse_named_fields(head: bytes) -> dict[str, str]:
    """Returns the named fields of a WARC or HTTP header, with names in lower case. If a field is repeated, the first
    one counts, as in `Exchange.media_type`.
    """
    out: dict[str, str] = {}
    for line in head.split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon and (key := name.decode("latin-1").lower()) not in out:
            out[key] = value.strip().decode("utf-8" if key.startswith("warc-") else "latin-1", "replace")
    return out


# Reading one stored record.

MAX_BODY = 64 * 1024 * 1024
"""At most this many bytes of one decompressed body are read, as in a crawl."""


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A response read from a WARC file. `payload` is as transferred; `body` has its content coding removed."""

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
    """Reads the record at `offset` of a WARC file, `length` bytes long. Raises UnreadableInput if it cannot be read."""
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
        raise UnreadableInput(subject, "the record there is not a whole HTTP response")
    headers = tuple(record.http_headers.to_tuples())
    coding = next((v for k, v in headers if k.lower() == "content-encoding"), "")
    return StoredResponse(
        url=record.headers.get("WARC-Target-URI") or "",
        record_type=record.headers.get("WARC-Type") or "",
        status=record.http_headers.status_code or 0,
        headers=headers,
        payload=payload,
        body=decode_payload(payload, coding),
        digest=record.headers.get("WARC-Payload-Digest") or "",
    )


def is_payload_intact(stored: StoredResponse) -> bool:
    """Returns True if the payload matches the stored digest, or the record is a revisit record, which has no
    payload.
    """
    return stored.record_type == "revisit" or compute_payload_digest(stored.payload) == stored.digest


def decode_payload(payload: bytes, coding: str, limit: int = MAX_BODY) -> bytes:
    """Returns a payload without its content coding (RFC 9110, section 8.4.1).

    It is returned unchanged if it cannot be decoded, or is longer than `limit` bytes when decoded.
    """
    return decode_content(payload, coding, limit)[0]
