"""Makes the WARC/1.1 records of this program from HTTP exchanges as they were transferred, and reads such records.

Each record is a separate gzip member (WARC/1.1, annex D.2), so that it can be read with only its offset and length.
Pure functions convert values to the bytes of records. Reading a file finds all its complete records, or a single one.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import uuid
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Protocol

from fastwarc import ArchiveIterator
from fastwarc.stream_io import GzipReader
from isal import igzip

from archiver.model.errors import UnreadableInput
from archiver.model.items import Capture
from archiver.model.lazy_regex import lazy_regex
from archiver.warc.payload import decode_content

# The compression level. Compared to zlib's level 6, this takes a fifth of the time and 8 % more bytes (300
# blog pages).
_GZIP_LEVEL = 3
# The level for bodies that are compressed already: they become no smaller, but this takes half the time.
_COMPRESSED_LEVEL = 1
_GZIP_MAGIC = b"\x1f\x8b"
# WARC/1.1, section 6.7: the same payload again, or a 304 that confirms the payload of an earlier record.
REVISIT_SAME_PAYLOAD = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
REVISIT_NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"
# Request headers with credentials, for a proxy (RFC 9110, section 11.7.1) or a server; left out, since records may be
# published.
_SECRET = frozenset({b"proxy-authorization", b"authorization", b"cookie"})
Headers = tuple[tuple[bytes, bytes], ...]
"""The header fields of a message in their order, each with its name and value."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its response. `body` is as transferred: without chunked transfer coding, but still content-encoded.

    - `at`: the time of the capture (aware).
    - `cut`: True if only the beginning of a longer body was read.
    - `via`: the URL that redirected to this one; "" if none did.
    - `seconds`: the time that the response took.

    `via` and `seconds`, if known, are stored in a metadata record.
    """

    url: str
    at: datetime
    method: str
    request_headers: Headers
    status: int
    reason: str
    response_headers: Headers
    body: bytes
    protocol: str = "HTTP/1.1"
    ip: str = ""
    cut: bool = False
    via: str = ""
    seconds: float | None = None

    @property
    def digest(self) -> str:
        """Returns the payload digest in the form that WARC uses: "sha1:" and base 32 (WARC/1.1, section 5.9)."""
        return compute_payload_digest(self.body)

    @property
    def media_type(self) -> str:
        for name, value in self.response_headers:
            if name.lower() == b"content-type":
                return value.split(b";")[0].strip().lower().decode("latin-1")
        return ""


@dataclass(frozen=True, slots=True)
class Original:
    """The earlier capture to which a revisit record refers."""

    url: str
    captured_at: datetime
    digest: str


def compute_payload_digest(body: bytes) -> str:
    """Returns the digest of a payload as WARC files write it: "sha1:" and base 32."""
    return "sha1:" + base64.b32encode(hashlib.sha1(body, usedforsecurity=False).digest()).decode("ascii")


def warc_date(at: datetime) -> str:
    """Formats a timezone-aware datetime as a WARC-Date in UTC with microseconds, as WARC/1.1 allows (section 5.4)."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def warcinfo_record(file_name: str, at: datetime, software: str, description: str) -> bytes:
    """Returns the bytes of the warcinfo record, the first record of a WARC file: the file's name, the software that
    wrote it, and the purpose (`description`) for which it was written (WARC/1.1, section 6.2).
    """
    fields = {
        "software": software,
        "format": "WARC File Format 1.1",
        "description": description,
        "conformsTo": "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/",
    }
    return fields_record("warcinfo", {"WARC-Date": warc_date(at), "WARC-Filename": file_name}, fields)


@dataclass(frozen=True, slots=True)
class ExchangeRecords:
    """The WARC records of an exchange, as bytes. `response` is the response or revisit record, which `capture`
    describes. `others` are the request and metadata records.
    """

    response: bytes
    others: bytes
    capture: Capture


def exchange_records(
    exchange: Exchange,
    original: Original | None = None,
    response_id: str = "",
    extra_fields: Mapping[str, str] = MappingProxyType({}),
) -> ExchangeRecords:
    """Returns the WARC records of an exchange.

    - `original`: the earlier capture with the same payload, if there is one. The response then becomes a revisit
      record, which contains only the HTTP headers (WARC/1.1, section 6.7).
    - `response_id`: the ID of the response record; "" for a new one.
    - `extra_fields`: fields that are added to the response record.

    The `warc_file`, offset and length of the capture are set by the writer.
    """
    revisit = original is not None
    digest = original.digest if original else exchange.digest
    head = _status_line(exchange) + _header_block(_stored_headers(exchange))
    response_id = response_id or new_record_id()
    common = _common_fields(exchange)
    response = {
        "WARC-Record-ID": response_id,
        **common,
        **extra_fields,
        "WARC-Payload-Digest": digest,
        "Content-Type": "application/http;msgtype=response",
    }
    if exchange.cut:
        response["WARC-Truncated"] = "length"  # WARC/1.1, section 5.13
    if original:
        response["WARC-Profile"] = REVISIT_NOT_MODIFIED if exchange.status == 304 else REVISIT_SAME_PAYLOAD
        response["WARC-Refers-To-Target-URI"] = original.url
        response["WARC-Refers-To-Date"] = warc_date(original.captured_at)

    request = {
        "WARC-Record-ID": new_record_id(),
        **common,
        "WARC-Concurrent-To": response_id,
        "Content-Type": "application/http;msgtype=request",
    }
    public = tuple((name, value) for name, value in exchange.request_headers if name.lower() not in _SECRET)
    request_block = _request_line(exchange) + _header_block(public)
    kind = "revisit" if revisit else "response"
    capture = Capture(
        url=exchange.url,
        captured_at=exchange.at,
        status=exchange.status,
        media_type=exchange.media_type,
        digest=digest,
        warc_file="",
        warc_offset=0,
        warc_length=0,
        record_type=kind,
    )
    level = _COMPRESSED_LEVEL if exchange.body.startswith(_GZIP_MAGIC) else _GZIP_LEVEL
    return ExchangeRecords(
        serialize_record(kind, response, head if revisit else head + exchange.body, level),
        serialize_record("request", request, request_block) + _metadata_record(exchange, common, response_id),
        capture,
    )


def _metadata_record(exchange: Exchange, common: dict[str, str], response_id: str) -> bytes:
    """Returns the metadata record of an exchange (WARC/1.1, section 6.6); b"" if the exchange has no metadata to store.
    `common` are the fields that all its records have.
    """
    milliseconds = "" if exchange.seconds is None else str(round(exchange.seconds * 1000))
    fields = {name: value for name, value in (("via", exchange.via), ("fetchTimeMs", milliseconds)) if value}
    return fields_record("metadata", {**common, "WARC-Concurrent-To": response_id}, fields) if fields else b""


def _common_fields(exchange: Exchange) -> dict[str, str]:
    """Returns the named fields that all records of an exchange have."""
    fields = {"WARC-Date": warc_date(exchange.at), "WARC-Target-URI": exchange.url}
    return {**fields, "WARC-IP-Address": exchange.ip} if exchange.ip else fields


def _stored_headers(exchange: Exchange) -> Headers:
    """Returns the response headers as sent, except that Transfer-Encoding is renamed and Content-Length replaced. The
    headers then match the stored body.
    """
    kept = []
    for name, value in exchange.response_headers:
        if name.lower() == b"transfer-encoding":
            kept.append((b"X-Archive-Orig-Transfer-Encoding", value))
        elif name.lower() != b"content-length":
            kept.append((name, value))
    return (*kept, (b"Content-Length", str(len(exchange.body)).encode()))


def _status_line(exchange: Exchange) -> bytes:
    return f"{exchange.protocol} {exchange.status} {exchange.reason}\r\n".encode("latin-1", "replace")


def _request_line(exchange: Exchange) -> bytes:
    path = exchange.url.split("://", 1)[1]
    path = path[path.find("/") :] if "/" in path else "/"
    return f"{exchange.method} {path} HTTP/1.1\r\n".encode("latin-1", "replace")


def _header_block(headers: Headers) -> bytes:
    return b"".join(name + b": " + value + b"\r\n" for name, value in headers) + b"\r\n"


def new_record_id() -> str:
    return f"<urn:uuid:{uuid.uuid4()}>"


def fields_record(kind: str, headers: Mapping[str, str], fields: Mapping[str, str]) -> bytes:
    """Returns a WARC record of type `kind` whose block is a list of named fields (application/warc-fields), such as a
    warcinfo or metadata record. `headers` are the named fields of its header; it gets a new ID.
    """
    block = "".join(f"{k}: {v}\r\n" for k, v in fields.items()).encode()
    header = {"WARC-Record-ID": new_record_id(), **headers, "Content-Type": "application/warc-fields"}
    return serialize_record(kind, header, block)


def serialize_record(kind: str, headers: Mapping[str, str], block: bytes, level: int = _GZIP_LEVEL) -> bytes:
    """Returns the bytes of a WARC record of type `kind` as a gzip member. `headers` are the named fields of its header,
    to which the type, the length of the block and its digest are added (WARC/1.1, sections 4 and 5). `level` is the
    compression level, from 0 to 3.
    """
    fields = {
        "WARC-Type": kind,
        **headers,
        "WARC-Block-Digest": compute_payload_digest(block),
        "Content-Length": str(len(block)),
    }
    head = "".join([f"{name}: {value}\r\n" for name, value in fields.items()])
    if head.count("\r") + head.count("\n") > 2 * len(fields):
        head = "".join([f"{name}: {' '.join(value.split())}\r\n" for name, value in fields.items()])
    record = b"".join((b"WARC/1.1\r\n", head.encode("utf-8", "replace"), b"\r\n", block, b"\r\n\r\n"))
    return igzip.compress(record, level, mtime=0)


# Copies of foreign captures as records of our own: the response as it was, its request, and its origin.


@dataclass(frozen=True, slots=True)
class ForeignOrigin:
    """The origin of a capture that was copied from another program's file or from a web archive, and what the copy
    changes.

    - `file`, `place`: the file, and the position in it (`StreamPosition`).
    - `was`: the type of its record in that file.
    - `url`: its URL as written in the file; "" if the copy has the same URL.
    - `digest`: the payload digest that the file declares; "" if the copy has the same digest.
    - `notes`: what the copy changes.
    - `uri`, `fetched_at`: where and when it was fetched, for a capture from a web archive.
    """

    file: str
    place: str
    was: str = "WARC response"
    url: str = ""
    digest: str = ""
    notes: str = ""
    uri: str = ""
    fetched_at: datetime | None = None


def copied_records(
    exchange: Exchange, origin: ForeignOrigin, original: Original | None = None, *, asked: bool = True
) -> tuple[tuple[bytes, ...], Capture]:
    """Returns the WARC records of a copied capture, and the capture. The writer sets the position of the capture.

    The records are the response record with the date of the capture (a revisit record if `original`, an earlier capture
    with the same payload, is given), the request record if `asked` is True because the source contains it, and a
    metadata record about the origin.
    """
    response_id = new_record_id()
    fetched = warc_date(origin.fetched_at) if origin.fetched_at else ""
    extra = {"WARC-Source-URI": origin.uri, "WARC-Creation-Date": fetched}
    records = exchange_records(exchange, original, response_id, {k: v for k, v in extra.items() if v})
    fields = {
        "source": origin.file,
        "source-place": origin.place,
        "source-record": origin.was,
        "source-uri": origin.url,
        "source-payload-digest": origin.digest,
        "notes": origin.notes,
        "fetched": fetched,
    }
    metadata = fields_record(
        "metadata",
        {"WARC-Date": warc_date(exchange.at), "WARC-Target-URI": exchange.url, "WARC-Concurrent-To": response_id},
        {name: " ".join(value.split()) for name, value in fields.items() if value},
    )
    return (records.response, *((records.others,) if asked else ()), metadata), records.capture


_CHUNK = 1 << 20
_FIRST = 1 << 15
_HEAD = 1 << 16
_MAGIC = b"\x1f\x8b\x08"
_VERSION = lazy_regex(rb"WARC/1\.[01]\r\n")
HEADER_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class GzipRecord:
    """A complete WARC record: its offset and length in the file, and its first decompressed bytes."""

    offset: int
    length: int
    head: bytes


class RecordSink(Protocol):
    """The interface of an object that receives the decompressed bytes of each record, in chunks."""

    def begin(self) -> None: ...

    def feed(self, data: bytes) -> None: ...


def read_complete_records(handle: BinaryIO, watch: RecordSink | None = None) -> Iterator[GzipRecord]:
    """Yields every complete record of a file, in order. Bytes that are no complete record are skipped.

    When a record is yielded, `watch` has received all its bytes.
    """
    offset: int | None = 0
    while offset is not None:
        member = read_record_at(handle, offset, watch)
        if member is not None:
            yield member
        offset = member.offset + member.length if member else _next_start(handle, offset + 1)


def read_record_at(handle: BinaryIO, offset: int, watch: RecordSink | None = None) -> GzipRecord | None:
    """Returns the record that begins at `offset`; None if no complete record begins at that offset. `watch` receives
    all bytes of the record.
    """
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
    start = head.find(HEADER_END)
    declared = re.search(rb"\r\nContent-Length: *(\d+)\r\n", head[: start + 2], re.IGNORECASE)
    if start < 0 or declared is None or not _VERSION.match(head):
        return None
    # A record is its header, a blank line, its block, and two line ends (WARC/1.1, section 4).
    return GzipRecord(offset, length, head) if size == start + 4 + int(declared[1]) + 4 else None


def _next_start(handle: BinaryIO, offset: int) -> int | None:
    """Returns the next offset, not before `offset`, at which a gzip member may begin; None if there is none."""
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
    """Returns the capture that a response or revisit record describes; None for a record of another type. `warc`
    contains the record's header fields, if the caller has parsed them already.
    """
    block = member.head.find(HEADER_END)
    if warc is None:
        warc = parse_named_fields(member.head[:block])
    kind = warc.get("warc-type", "")
    if kind not in ("response", "revisit"):
        return None
    http = member.head[block + 4 :]
    http = http[: http.find(HEADER_END)] if HEADER_END in http else http
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
"""At most this many bytes of a decompressed body are read. The limit is the same as in a crawl."""


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A response read from a WARC file. `payload` is as transferred; `body` is decoded from its content coding."""

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
    """Returns a payload without its content coding (RFC 9110, section 8.4.1). A payload that cannot be decoded, or is
    longer than `limit` bytes when decoded, is returned unchanged.
    """
    return decode_content(payload, coding, limit)[0]
