"""Reads the records of WARC files that other programs wrote. Each record becomes a ForeignRecord or a Problem.

Supports WARC 0.17 to 1.1 (ISO 28500:2017). Tolerates line ends of one byte, folded fields, several records in one gzip
member, and one record in several members. After damage, reading continues with the next bytes that look like the
beginning of a record.

A WACZ package (WACZ 1.1.1) is a ZIP file with WARC files under archive/ and a datapackage.json. Its members are read as
streams and never extracted to disk. A member is reported as a problem if its path leads out of the package, or if it
decompresses to implausibly many bytes; the other members are read.

Each response is then paired with its request, the segments of a segmented record are joined, and a record becomes a
ForeignCapture, or a Problem that says what is wrong with it.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
import zipfile
import zlib
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import IO, Any, BinaryIO, Protocol

from isal import igzip_lib

from archiver.api.warc_files import MAX_BODY, Exchange, Headers
from archiver.importers.declared_digests import HEADER_END, LONGEST_HEADER, Digests, matches_digest, parse_digest
from archiver.importers.http_response_parser import HTTPResponse, Odd, parse_header_fields, parse_http_response
from archiver.importers.import_problems import KEPT, Problem, ProblemKind
from archiver.model.lazy_regex import lazy_regex
from archiver.model.urls import normalize

_DATE = lazy_regex(r"(\d{4})-?(\d\d)-?(\d\d)[T ]?(\d\d):?(\d\d):?(\d\d)(?:[.,](\d{1,9}))?\s*(Z|[+-]\d\d:?\d\d)?")
_DAY = lazy_regex(r"\d{4}(-\d\d){0,2}")
_EARLIEST = 1991  # the year of the first web server
_CLOCKS_DIFFER = timedelta(days=2)
_REQUEST = lazy_regex(rb"\s*([A-Z]{1,20})[ \t]+\S")
_NOT_MODIFIED = "server-not-modified"


@dataclass(frozen=True, slots=True)
class ForeignCapture:
    """A capture in a file of another program.

    - `place`: the position of its record.
    - `url`: its normalized URL; `original_url`: the URL as written in the file, or "" if it is the same.
    - `at`, `status`: the time of the capture, and the HTTP status.
    - `exchange`: its request and response; None for a revisit record.
    - `answer`: the parsed response; None if the record contains none.
    - `odd`: problems that did not prevent reading it.
    - `digest`: for a revisit record, the digest of the repeated payload; "" if not stated.
    - `refers_url`, `refers_at`: for a revisit record, the URL and time of the capture with the payload, if stated.
    - `not_modified`: True for a revisit record of a 304 response.
    - `made`: True if the HTTP header was made up because the record has none.
    - `asked`: True if the file contains the request.
    - `declared`: the payload digest that the record declares.
    - `source_uri`, `fetched_at`: where and when a capture was fetched from a web archive (WARC-Source-URI and
      WARC-Creation-Date, as pywb writes them).
    - `was`: what the capture was made from, if not from a record: for example, a line of a list of captures.
    """

    place: str
    url: str
    at: datetime
    status: int
    exchange: Exchange | None = None
    answer: HTTPResponse | None = None
    odd: tuple[Odd, ...] = ()
    digest: str = ""
    refers_url: str = ""
    refers_at: datetime | None = None
    not_modified: bool = False
    asked: bool = False
    original_url: str = ""
    declared: str = ""
    made: bool = False
    is_revisit: bool = False
    source_uri: str = ""
    fetched_at: datetime | None = None
    was: str = ""


def warc_date(text: str) -> datetime | None:
    """Parses a WARC-Date (WARC/1.1, section 5.4: W3C's profile of ISO 8601), or the 14 digits that older programs
    wrote. A date without zone is read as UTC. Returns None if the text is not a date.
    """
    text = text.strip()
    if _DAY.fullmatch(text):
        return _date_of_digits(text.replace("-", "").ljust(8, "?").replace("??", "01"))
    if text.isdigit():
        return _date_of_digits(text) if 8 <= len(text) <= 14 else None
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(n) for n in found.groups()[:6])
    zone = (found[8] or "Z").replace(":", "")
    try:
        at = datetime(year, month, day, hour, minute, min(second, 59), int((found[7] or "0")[:6].ljust(6, "0")), UTC)
        if zone != "Z":
            shift = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5]))
            at = at - shift if zone[0] == "+" else at + shift
    except (ValueError, OverflowError):
        return None
    return at


_FILLING = "19700101000000"


def _date_of_digits(digits: str) -> datetime | None:
    """Parses the digits YYYYMMDDhhmmss as a time in UTC; missing digits at the end are filled in with the earliest
    time. Returns None if the digits are not a date.
    """
    try:
        return datetime.strptime(digits + _FILLING[len(digits) :], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def foreign_capture_in(record: ForeignRecord, request: ForeignRecord | None, now: datetime) -> ForeignCapture | Problem:
    """Returns the capture in a response, resource or revisit record, or a Problem. `request` is the record of its
    request, if the file contains one. A capture that is dated more than two days after `now` is a problem; up to that,
    the clocks may differ.
    """
    at = record.fields.get("warc-date", "")
    when = warc_date(at)
    if when is None or when.year < _EARLIEST or when > now + _CLOCKS_DIFFER:
        return _problem(record, ProblemKind.DATE if at else ProblemKind.NO_DATE, at[:40])
    url = normalize(record.url)
    if url is None:
        return _problem(record, ProblemKind.ADDRESS, record.url[:100])
    assert record.block is not None
    digests = Digests(record.fields)
    digests.feed(record.block)
    if (wrong := digests.wrong()) and wrong[0] is ProblemKind.BLOCK_DIGEST:
        return _problem(record, *wrong)
    if record.kind == "revisit":
        return _revisit(record, url, when)
    declared = record.fields.get("warc-payload-digest", "")
    made = record.kind == "resource" and not record.fields.get("content-type", "").startswith("application/http")
    answer = _response_of_resource(record, declared) if made else parse_http_response(record.block, declared)
    if answer is None:
        return _problem(record, ProblemKind.HTTP_HEADER, repr(record.block[:40])[2:-1])
    if truncated := record.fields.get("warc-truncated", ""):
        return _problem(record, ProblemKind.CUT_OFF, f"WARC-Truncated: {truncated[:40]}")
    lost = next((one for one in answer.odd if one[0] not in KEPT), None)
    if lost is not None:
        return _problem(record, *lost)
    method, asked = _method_and_headers(request)
    exchange = Exchange(
        url=url,
        at=when,
        method=method,
        request_headers=asked,
        status=answer.status,
        reason=answer.reason,
        response_headers=answer.headers,
        body=answer.payload,
        protocol=_normalize_protocol(answer.protocol),
        ip=record.fields.get("warc-ip-address", "")[:45],
    )
    return ForeignCapture(
        str(record.place),
        url,
        when,
        answer.status,
        exchange,
        answer,
        answer.odd,
        asked=request is not None,
        original_url=record.url if record.url != url else "",
        declared=declared[:200],
        made=made,
        source_uri=record.fields.get("warc-source-uri", "")[:2000],
        fetched_at=warc_date(record.fields.get("warc-creation-date", "")),
    )


def _revisit(record: ForeignRecord, url: str, at: datetime) -> ForeignCapture:
    fields = record.fields
    answer = parse_http_response(record.block) if record.block else None
    refers = fields.get("warc-refers-to-target-uri", "").strip().strip("<>")
    not_modified = _NOT_MODIFIED in fields.get("warc-profile", "") or (answer is not None and answer.status == 304)
    return ForeignCapture(
        str(record.place),
        url,
        at,
        answer.status if answer else 304 if not_modified else 200,
        answer=answer,
        digest=normalize_sha1(fields.get("warc-payload-digest", "")),
        refers_url=normalize(refers) or "",
        refers_at=warc_date(fields.get("warc-refers-to-date", "")),
        not_modified=not_modified,
        is_revisit=True,
    )


def normalize_sha1(field: str) -> str:
    """Converts a declared SHA-1 digest to the form that the archive stores ("sha1:" and base 32). Other digests are
    returned unchanged.
    """
    import base64

    known = parse_digest(field)
    if known is None or known[0] != "sha1":
        return field.strip()[:200]
    return "sha1:" + base64.b32encode(known[1]).decode("ascii")


def _response_of_resource(record: ForeignRecord, declared: str) -> HTTPResponse:
    """Wraps a resource record as an HTTP 200 response. Its only header is the record's own Content-Type, since such
    records have no HTTP header (WARC/1.1, section 6.4). `declared` is the payload digest that the record declares.
    """
    assert record.block is not None
    kind = record.fields.get("content-type", "").encode("latin-1", "replace")
    headers: Headers = ((b"Content-Type", kind),) if kind else ()
    odd = () if matches_digest(declared, (record.block,)) else ((ProblemKind.PAYLOAD_DIGEST, declared[:100]),)
    return HTTPResponse(200, "OK", "HTTP/1.1", headers, record.block, record.block, odd)


def _method_and_headers(record: ForeignRecord | None) -> tuple[str, Headers]:
    if record is None or not record.block:
        return "GET", ()
    line, _, rest = record.block.partition(b"\n")
    found = _REQUEST.match(line)
    return found[1].decode("ascii") if found else "GET", parse_header_fields(rest.split(b"\r\n\r\n")[0])


def _normalize_protocol(name: str) -> str:
    """Returns the protocol with a version of two numbers, as a status line requires (RFC 9112, section 4): "HTTP/2"
    becomes "HTTP/2.0".
    """
    return {"HTTP/2": "HTTP/2.0", "HTTP/3": "HTTP/3.0", "HTTP/0.9": "HTTP/1.0"}.get(name, name)


def _problem(record: ForeignRecord, kind: ProblemKind, detail: str = "") -> Problem:
    return Problem(kind, str(record.place), record.url[:2000], detail)


# Records that belong together: a request and its response, the segments of one record.

CAPTURE_KINDS = frozenset({"response", "resource", "revisit"})
"""The types of records that are captures."""
_MOST_OPEN = 64


@dataclass(frozen=True, slots=True)
class RecordPair:
    """A response, resource or revisit record with the record of its request, if the file contains one; or a single
    record of any other type.
    """

    record: ForeignRecord
    request: ForeignRecord | None = None

    @property
    def is_answer(self) -> bool:
        return self.record.kind in CAPTURE_KINDS


class RecordPairs:
    """Pairs the response records of a file with their request records. Iterating yields lists of pairs and problems.

    After each list, `place` is the position from which reading must resume to get everything that has not been yielded.
    """

    def __init__(self, records: ForeignRecords) -> None:
        self._records = records
        self._answer: ForeignRecord | None = None
        self._request: ForeignRecord | None = None
        self._open: OrderedDict[str, list[ForeignRecord]] = OrderedDict()

    @property
    def place(self) -> StreamPosition:
        waiting = [r.place for r in (self._answer, self._request) if r is not None]
        waiting += [parts[0].place for parts in self._open.values()]
        return min([*waiting, self._records.place])

    def __iter__(self) -> Iterator[list[RecordPair | Problem]]:
        for one in self._records:
            if isinstance(one, Problem):
                yield [one]
            elif "warc-segment-number" in one.fields:
                yield self._add_segment(one)
            else:
                yield self._pair_record(one)
        rest: list[RecordPair | Problem] = [*self._release_waiting()]
        rest += map(_segment_problem, self._open.values())
        self._open.clear()
        yield rest

    def _pair_record(self, record: ForeignRecord) -> list[RecordPair | Problem]:
        if record.kind == "request":
            if self._answer is not None and _is_request_of(record, self._answer):
                answer, self._answer = self._answer, None
                return [RecordPair(answer, record), RecordPair(record)]
            out: list[RecordPair | Problem] = [*self._release_waiting()]
            self._request = record
            return out
        if record.kind not in CAPTURE_KINDS:
            return [RecordPair(record)]
        if self._request is not None and _is_request_of(self._request, record):
            request, self._request = self._request, None
            return [*self._release_waiting(), RecordPair(request), RecordPair(record, request)]
        out = [*self._release_waiting()]
        self._answer = record
        return out

    def _release_waiting(self) -> Iterator[RecordPair]:
        answer, request, self._answer, self._request = self._answer, self._request, None, None
        yield from (RecordPair(r) for r in (answer, request) if r is not None)

    def _add_segment(self, record: ForeignRecord) -> list[RecordPair | Problem]:
        """Adds a segment of a record (WARC/1.1, section 7). Returns the joined record when the last segment has been
        added, and a problem if the segments do not fit; otherwise []. The first segment has number 1 and the fields of
        the record; the others refer to it.
        """
        origin = record.fields.get("warc-segment-origin-id") or record.fields.get("warc-record-id", "")
        if record.kind != "continuation":
            self._open[origin] = [record]
            if len(self._open) > _MOST_OPEN:
                return [_segment_problem(self._open.popitem(last=False)[1])]
            return []
        parts = self._open.get(origin)
        number = record.fields.get("warc-segment-number", "")
        if parts is None or number != str(len(parts) + 1) or record.block is None or parts[0].block is None:
            return [_segment_problem([record, *(self._open.pop(origin, None) or [])])]
        parts.append(record)
        if sum(len(p.block or b"") for p in parts) > MAX_BODY:
            del self._open[origin]
            return [Problem(ProblemKind.TOO_LARGE, str(parts[0].place), parts[0].url)]
        if "warc-segment-total-length" not in record.fields:
            return []
        del self._open[origin]
        fields = {
            name: value
            for name, value in parts[0].fields.items()
            if name not in ("warc-segment-number", "warc-block-digest")
        }
        whole = b"".join(p.block or b"" for p in parts)
        if record.fields["warc-segment-total-length"].strip() != str(len(whole)):
            return [_segment_problem(parts)]
        return self._pair_record(replace(parts[0], fields=fields, block=whole))


def _segment_problem(parts: list[ForeignRecord]) -> Problem:
    number = parts[0].fields.get("warc-segment-number", "")
    return Problem(ProblemKind.SEGMENT, str(parts[0].place), parts[0].url, f"segment {number[:10]}")


def _is_request_of(request: ForeignRecord, answer: ForeignRecord) -> bool:
    """Returns True if the request and the response belong together: one record refers to the other, or they have the
    same URL and date.
    """
    ids = {r.fields.get("warc-record-id", "") for r in (request, answer)} - {""}
    named = {r.fields.get("warc-concurrent-to", "") for r in (request, answer)} - {""}
    if named:
        return bool(ids & named)
    return request.url == answer.url and request.fields.get("warc-date") == answer.fields.get("warc-date")


_LARGEST = MAX_BODY + LONGEST_HEADER
_VERSION = lazy_regex(rb"WARC/\d\.\d+[ \t]*\r?\n")
_NEXT = lazy_regex(rb"(?:^|(?<=\n))WARC/\d\.\d+[ \t]*\r?\n(?=[A-Za-z-]+[ \t]*:)")
_FOLD = lazy_regex(r"\r?\n[ \t]+")
_PADDING = b"\r\n\0 "
_PEEK = 2048
_LONGEST_VERSION = 12


@dataclass(frozen=True, slots=True)
class ForeignRecord:
    """A record of a WARC file.

    - `fields`: the header fields, with names in lower case. If a field is repeated, the first one counts.
    - `block`: the content after the header; None if the record was not selected. It was then read only to check the
      record.
    """

    place: StreamPosition
    fields: dict[str, str]
    block: bytes | None

    @property
    def kind(self) -> str:
        return self.fields.get("warc-type", "").lower()

    @property
    def url(self) -> str:
        """Returns the URL of the record, without the angle brackets that some programs put around it."""
        return self.fields.get("warc-target-uri", "").strip().strip("<>")


Wanted = Callable[[dict[str, str], bytes], bool]
"""A function that returns True if the block of a record is to be kept. It gets the record's fields and the first bytes
of the block.
"""


@dataclass(frozen=True, slots=True)
class _Block:
    """The block of a record as far as it could be read.

    - `block`: its bytes, if they are to be kept.
    - `tail`: its last bytes, which are always kept.
    - `within`: the position inside the block where another record begins, or None.
    - `left`: the number of missing bytes.
    """

    block: bytearray
    tail: bytes
    within: StreamPosition | None
    left: int


class ForeignRecords:
    """Iterates over the records of a stream. `place` is the position after the last record, from which reading can
    resume.
    """

    def __init__(self, source: ByteStream, wanted: Wanted) -> None:
        self._source = source
        self._wanted = wanted
        self._buffer = bytearray()
        # Where the chunks of the current record begin: in decompressed bytes, and as positions.
        self._places: deque[tuple[int, StreamPosition]] = deque()
        self._base = 0  # the number of bytes that were removed from the buffer
        self._torn: BrokenStream | None = None  # damage after the bytes in the buffer

    @property
    def place(self) -> StreamPosition:
        return self._place(0)

    def __iter__(self) -> Iterator[ForeignRecord | Problem]:
        """Yields a ForeignRecord or a Problem for each record. A file without any record yields one problem,
        NOT_AN_ARCHIVE. Raises only errors of the file handle.
        """
        found, before = False, deque[Problem](maxlen=100)
        while True:
            begin = self.place
            try:
                one = self._next_record()
            except BrokenStream as torn:
                self._clear_buffer()
                here = begin if begin.member == torn.place.member else StreamPosition(torn.place.member)
                one = Problem(torn.kind, str(here), detail=torn.detail)
            if one is None:
                if not found:
                    yield Problem(ProblemKind.NOT_AN_ARCHIVE, "0", detail="" if self._source.read else "it is empty")
                return
            if not found and isinstance(one, Problem) and one.kind is ProblemKind.NO_RECORD:
                before.append(one)
                continue
            found = True
            yield from before
            before.clear()
            yield one

    def _next_record(self) -> ForeignRecord | Problem | None:
        """Returns the next record, or the problem that prevents reading it; None at the end of the file. Raises
        BrokenStream.
        """
        while not (rest := self._buffer.lstrip(_PADDING)):
            self._drop(len(self._buffer))
            if not self._fill():
                return None
        self._drop(len(self._buffer) - len(rest))
        while len(self._places) > 1 and self._places[1][0] <= self._base:
            self._places.popleft()
        self._ensure(_PEEK)
        if _VERSION.match(self._buffer):
            return self._read_warc_record()
        begin = self.place
        self._drop(1)
        self._skip_to_next()
        return Problem(ProblemKind.NO_RECORD, str(begin))

    def _read_warc_record(self) -> ForeignRecord | Problem:
        begin = self.place
        end = self._find(HEADER_END)
        if end is None:
            kind = ProblemKind.HEADER if len(self._buffer) > LONGEST_HEADER else ProblemKind.TRUNCATED
            self._drop(1)
            self._skip_to_next()
            return Problem(kind, str(begin), detail="its header has no end")
        fields = parse_warc_fields(bytes(self._buffer[:end]))
        self._drop(end)
        length = fields.get("content-length", "").strip()
        if not length.isascii() or not length.isdigit() or len(length) > 15:
            self._skip_to_next()
            return Problem(
                ProblemKind.LENGTH,
                str(begin),
                fields.get("warc-target-uri", ""),
                f"it says {length[:40]!r}" if length else "it has none",
            )
        return self._read_record(begin, fields, int(length))

    def _read_record(self, begin: StreamPosition, fields: dict[str, str], length: int) -> ForeignRecord | Problem:
        """Reads the block of a record that begins at `begin`, `length` bytes long. Returns the record with this block
        and these fields, or a problem.
        """
        self._ensure(min(length, _PEEK))
        url = fields.get("warc-target-uri", "").strip("<>")
        is_selected = self._wanted(fields, bytes(self._buffer[: min(length, _PEEK)]))
        keeps = is_selected and length <= _LARGEST
        digests = Digests(fields)
        read = self._read_block(length, None if keeps else digests, _LONGEST_VERSION)
        block, left = read.block, read.left
        if left or not self._is_record_end_next():
            if not left and keeps:
                digests.feed(block)
            if left or not digests.proven:
                # The first bytes of the next record may be among the last that were read.
                self._buffer[:0] = read.tail
                self._base -= len(read.tail)
                return self._wrong_length(
                    begin, url, length, left, bytes(block[: len(block) - len(read.tail)]), read.within
                )
        elif not keeps and (wrong := digests.wrong()):
            return self._after_member(begin, Problem(wrong[0], str(begin), url, wrong[1]))
        if is_selected and not keeps:
            return self._after_member(begin, Problem(ProblemKind.TOO_LARGE, str(begin), url, f"{length:,} bytes"))
        return self._after_member(begin, ForeignRecord(begin, fields, bytes(block) if keeps else None))

    def _read_block(self, length: int, digests: Digests | None, most: int) -> _Block:
        """Reads a block of `length` bytes. Without `digests`, keeps the whole block; otherwise passes it to `digests`
        and keeps only its last `most` bytes.
        """
        block, tail, within, left = bytearray(), b"", None, length
        while left and (self._buffer or self._fill()):
            taken = self._buffer[:left]
            if digests is None:
                block += taken
            else:
                digests.feed(taken)
                if within is None and (at := taken.find(b"\nWARC/")) >= 0:
                    within = self._place(at + 1)
            left -= len(taken)
            tail = bytes(taken[-most:])
            self._drop(len(taken))
        return _Block(block, tail, within, left)

    def _is_record_end_next(self) -> bool:
        """Returns True if the next bytes are the end of a record (two line ends; WARC/1.1, section 4) or the beginning
        of another record.
        """
        self._ensure(4)
        following = bytes(self._buffer[:4])
        if following.startswith((b"\r\n\r\n", b"\n\n")):
            return True
        if not following.strip(_PADDING) and len(following) < 4:
            return True
        self._ensure(_PEEK)
        return bool(_VERSION.match(bytes(self._buffer[:_PEEK]).lstrip(b"\r\n")))

    def _wrong_length(
        self, begin: StreamPosition, url: str, length: int, left: int, block: bytes, within: StreamPosition | None
    ) -> Problem:
        """Returns the problem of a record that is shorter or longer than the `length` it declares. `left` is the number
        of missing bytes, and `within` the position inside its block where another record begins, or None. Reading
        continues with that record, if there is one, otherwise after the block.
        """
        if block and (hit := next((m for m in _NEXT.finditer(block) if m.start()), None)):
            self._buffer[:0] = block[hit.start() :]
            self._base -= len(block) - hit.start()
        elif within is not None and self._source.go_back(within):
            self._clear_buffer()
        elif left:
            self._clear_buffer()
            return Problem(ProblemKind.TRUNCATED, str(begin), url, f"{left:,} of {length:,} bytes are missing")
        else:
            self._skip_to_next()
            return Problem(ProblemKind.LENGTH, str(begin), url, f"it does not end after {length:,} bytes")
        return Problem(ProblemKind.LENGTH, str(begin), url, f"another record begins before its {length:,} bytes end")

    def _after_member(self, begin: StreamPosition, found: ForeignRecord | Problem) -> ForeignRecord | Problem:
        """Reads to the end of the current gzip member if only padding is left in it, and returns `found` unchanged.
        Raises BrokenStream if the member is damaged.
        """
        if self._torn is not None and self._torn.place.member == self.place.member:
            self._fill()
        while (
            not self._buffer.strip(_PADDING)
            and not self._source.at_boundary
            and self._torn is None
            and (self._source.is_packed)
            and self._fill()
        ):
            pass
        return found

    def _skip_to_next(self) -> None:
        """Skips bytes until the next bytes look like the beginning of a record. Raises BrokenStream."""
        while True:
            if hit := _NEXT.search(self._buffer):
                self._drop(hit.start())
                return
            self._drop(max(self._buffer.rfind(b"\n"), len(self._buffer) - 2 * _PEEK, 0))
            if not self._fill():
                self._drop(len(self._buffer))
                return

    def _find(self, pattern: re.Pattern[bytes]) -> int | None:
        at = 0
        while not (hit := pattern.search(self._buffer, at)):
            at = max(0, len(self._buffer) - 4)
            if len(self._buffer) > LONGEST_HEADER or not self._fill():
                return None
        return hit.end()

    def _ensure(self, count: int) -> None:
        """Reads until the buffer has `count` bytes, or the stream ends or is damaged. Damage is reported only when
        reading reaches it.
        """
        try:
            while len(self._buffer) < count and self._fill():
                pass
        except BrokenStream as torn:
            self._torn = torn

    def _fill(self) -> bool:
        if self._torn is not None:
            torn, self._torn = self._torn, None
            raise torn
        found = self._source.fill()
        if found is None:
            return False
        place, data = found
        if data:
            self._places.append((self._base + len(self._buffer), place))
            self._buffer += data
        return True

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._base += count

    def _place(self, index: int) -> StreamPosition:
        at = self._base + index
        for start, place in reversed(self._places):
            if start <= at:
                return StreamPosition(place.member, place.inner + at - start)
        return StreamPosition()

    def _clear_buffer(self) -> None:
        self._base += len(self._buffer)
        self._buffer.clear()


def parse_warc_fields(head: bytes) -> dict[str, str]:
    """Returns the named fields of a record's header (WARC/1.1, section 4), with names in lower case. The header is
    decoded as UTF-8; folded lines are joined.
    """
    text = _FOLD.sub(" ", head.decode("utf-8", "replace"))
    out: dict[str, str] = {}
    for line in text.split("\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            out.setdefault(name.strip().lower(), value.strip())
    return out


RECORDS = lazy_regex(r".*\.warc(\.gz|\.zst)?(\.open)?", re.IGNORECASE)
"""Matches the names of WARC files."""
MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_LARGEST_LIST = 1 << 26
_BOMB_RATIO, _BOMB_BYTES = 200, 1 << 28
_MOST_MEMBERS = 100_000
_BROKEN = (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError)


@dataclass(frozen=True, slots=True)
class WACZMember:
    """A WARC file in a WACZ package: its name, size in bytes and CRC. `sha256` is the digest in
    datapackage.json; "" if there is none.
    """

    name: str
    size: int
    crc: int
    sha256: str = ""


def read_wacz_members(package: BinaryIO) -> Iterator[WACZMember | Problem]:
    """Yields the WARC files of a WACZ package, sorted by name, and a problem for each that cannot be read."""
    try:
        with zipfile.ZipFile(package) as archive:
            found = archive.infolist()
            digests, problems = _read_digests(archive)
    except (*_BROKEN, OSError, ValueError) as error:
        yield Problem(ProblemKind.NOT_AN_ARCHIVE, "0", detail=f"as a ZIP: {error}"[:120])
        return
    yield from problems
    if len(found) > _MOST_MEMBERS:
        yield Problem(ProblemKind.BOMB, "0", detail=f"it has {len(found):,} members")
        return
    for info in sorted(found, key=lambda one: one.filename):
        name = info.filename
        if info.is_dir():
            continue
        if not _stays_inside(name):
            yield Problem(ProblemKind.PATH, name[:200])
        elif name.startswith("archive/") and RECORDS.fullmatch(name):
            if info.file_size > _BOMB_BYTES and info.file_size > _BOMB_RATIO * max(info.compress_size, 1):
                yield Problem(ProblemKind.BOMB, name, detail=f"{info.file_size:,} bytes from {info.compress_size:,}")
            else:
                yield WACZMember(name, info.file_size, info.CRC, digests.get(name, ""))
    missing = digests.keys() - {info.filename for info in found}
    yield from (
        Problem(ProblemKind.UNREADABLE, name, detail="datapackage.json lists it, but it is missing")
        for name in sorted(missing)
        if RECORDS.fullmatch(name)
    )


def _stays_inside(name: str) -> bool:
    parts = re.split(r"[/\\]", name)
    return not (name.startswith(("/", "\\")) or ".." in parts or "\0" in name or re.match(r"[A-Za-z]:", name))


def _read_digests(archive: zipfile.ZipFile) -> tuple[dict[str, str], list[Problem]]:
    """Returns the digests in datapackage.json by path. Also returns a problem if datapackage.json does not match
    datapackage-digest.json.
    """
    data = _read_small_member(archive, "datapackage.json")
    if data is None:
        return {}, []
    problems = []
    declared = _json(_read_small_member(archive, "datapackage-digest.json"))
    if (own := str(declared.get("hash", ""))) and _sha256(own) not in ("", hashlib.sha256(data).hexdigest()):
        problems.append(Problem(ProblemKind.FILE_DIGEST, "datapackage.json"))
    resources = _json(data).get("resources", [])
    if not isinstance(resources, list):
        return {}, problems
    named = [r for r in resources if isinstance(r, dict)]
    return {str(r.get("path", "")): _sha256(str(r.get("hash", ""))) for r in named}, problems


def _sha256(field: str) -> str:
    name, _, value = field.rpartition(":")
    return value.lower() if name.lower() in ("sha256", "") and re.fullmatch(r"[0-9a-fA-F]{64}", value) else ""


def _json(data: bytes | None) -> dict[str, Any]:
    try:
        value = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _read_small_member(archive: zipfile.ZipFile, name: str) -> bytes | None:
    try:
        with archive.open(name) as handle:
            return handle.read(_LARGEST_LIST)
    except (KeyError, *_BROKEN):
        return None


class MemberStream(io.RawIOBase):
    """A member of a WACZ package as a seekable binary file. If the package is damaged, the file ends there. Its SHA-256
    is computed if it is read from beginning to end.
    """

    def __init__(self, package: BinaryIO, name: str) -> None:
        """Opens the member. Raises OSError if it cannot be opened."""
        try:
            self._archive = zipfile.ZipFile(package)
            self._handle: IO[bytes] = self._archive.open(name)
        except (*_BROKEN, KeyError) as error:
            raise OSError(str(error)[:200]) from error
        self._hash: Any = hashlib.sha256()
        self._hashed = self._at = 0
        self.whole = False

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            self._at = self._handle.seek(offset, whence)
        except _BROKEN as error:
            raise OSError(str(error)[:200]) from error
        return self._at

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._handle.read(len(buffer))
        except _BROKEN:
            return 0
        if self._at == self._hashed:
            self._hash.update(data)
            self._hashed += len(data)
            self.whole = not data
        self._at += len(data)
        buffer[: len(data)] = data
        return len(data)

    def sha256(self) -> str:
        """Returns the SHA-256 of the member, in hex; "" if the member was not read from its first byte to its last."""
        return self._hash.hexdigest() if self.whole else ""

    def close(self) -> None:
        if not self.closed:
            self._handle.close()
            self._archive.close()
        super().close()


if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_BROKEN_STREAM: Any = (igzip_lib.IsalError, zstd.ZstdError, ValueError)  # isal's type stubs declare no class IsalError

_READ = 1 << 16
_GIVE = 1 << 17
_GZIP = b"\x1f\x8b\x08"
_ZSTD = b"\x28\xb5\x2f\xfd"
# Zstandard Compression for WARC Files 1.0: a dictionary is in a skippable frame with this number, ahead of all others.
_ZSTD_DICTIONARY = b"\x5d\x2a\x4d\x18"
_STREAM_PADDING = b"\0\r\n"
_SKIPPABLE = lazy_regex(rb"[\x50-\x5f]\x2a\x4d\x18")
_BEGINS = lazy_regex(rb"\s*WARC/\d")
_LARGEST_DICTIONARY = 1 << 24
# Limits on how far data may decompress. Text compresses to a tenth of its size, rarely to a fiftieth; gzip can reach a
# thousandth.
# To find the next whole member after damage, at most this multiple of the file's size may be read again.
_MAX_REREAD = 8


@dataclass(frozen=True, slots=True, order=True)
class StreamPosition:
    """A position in a file. `member` is the offset of a gzip member or Zstandard frame (0 in an uncompressed file).
    `inner` is the number of decompressed bytes before the position in that member.
    """

    member: int = 0
    inner: int = 0

    def __str__(self) -> str:
        return f"{self.member + self.inner}" if not self.member or not self.inner else f"{self.member}+{self.inner}"


class BrokenStream(Exception):
    """Raised if the stream is damaged at `place`; the next read continues after the damage. Only
    `foreign_warc_arc_wacz_reader` handles this error.
    """

    def __init__(self, kind: ProblemKind, place: StreamPosition, detail: str = "") -> None:
        super().__init__(kind)
        self.kind, self.place, self.detail = kind, place, detail


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def _gunzip() -> _Unpacker:
    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)


class ByteStream:
    """The decompressed bytes of a file, in chunks, beginning at the position `start`.

    A chunk never contains bytes of two members. `fill` raises BrokenStream if the file is damaged; the next call
    continues with the next readable member. A file that is not seekable (a pipe) is read from its current position.
    """

    def __init__(self, handle: BinaryIO, start: StreamPosition = StreamPosition(), size: int = 0) -> None:
        self._handle = handle
        self._seeks = handle.seekable()
        self._reread_left = _MAX_REREAD * max(size, 1 << 24)
        self._pending = b""
        self._offset = 0  # the position in the file of the bytes that follow `_pending`
        self._ended = False
        self._unpacker: _Unpacker | None = None
        self._member = self._inner = self._fed = self._given = 0
        self._skip = 0
        self._make: Callable[[], _Unpacker] | None = self._choose_decompressor()
        self.at_boundary = self._make is not None
        if start != StreamPosition():
            self._seek(start.member)
            self._skip = start.inner
            self._member, self._inner = start.member, 0
            if self._make is None:
                self._seek(start.member + start.inner)
                self._skip, self._inner = 0, start.inner

    @property
    def read(self) -> int:
        """Returns the number of (compressed) bytes of the file read so far."""
        return self._offset - len(self._pending)

    @property
    def seeks(self) -> bool:
        return self._seeks

    @property
    def is_packed(self) -> bool:
        return self._make is not None

    def fill(self) -> tuple[StreamPosition, bytes] | None:
        """Returns the position and the bytes of the next chunk. The bytes are b"" at the end of a member. Returns None
        at the end of the file. Raises BrokenStream.
        """
        found = self._next()
        while found is not None and self._skip:
            place, data = found
            dropped = min(self._skip, len(data))
            self._skip -= dropped
            if self._skip and self.at_boundary and self._make is not None:
                self._skip = 0  # the file has changed
            if dropped < len(data):
                return StreamPosition(place.member, place.inner + dropped), data[dropped:]
            found = self._next()
        return found

    def _next(self) -> tuple[StreamPosition, bytes] | None:
        if self._make is None:
            if not self._read_more():
                return None
            data, self._pending = self._pending, b""
            place = StreamPosition(self._member, self._inner)
            self._inner += len(data)
            return place, data
        if self._unpacker is None and not self._begin_member():
            return None
        unpacker = self._unpacker
        assert unpacker is not None
        place = StreamPosition(self._member, self._inner)
        try:
            data = unpacker.decompress(self._pending, _GIVE)
            if not data and not unpacker.eof and not self._feed():
                raise self._skip_damage(ProblemKind.TRUNCATED)
            if not data and not unpacker.eof:
                data = unpacker.decompress(self._pending, _GIVE)
        except _BROKEN_STREAM as error:
            raise self._skip_damage(ProblemKind.DAMAGED, str(error)[:120]) from None
        self._fed += len(self._pending)
        self._given += len(data)
        self._inner += len(data)
        self._pending = b""
        if unpacker.eof:
            self._pending, self._unpacker, self.at_boundary = unpacker.unused_data, None, True
            self._fed -= len(self._pending)
        elif self._given > _BOMB_BYTES and self._given > _BOMB_RATIO * self._fed:
            raise self._skip_damage(ProblemKind.BOMB, f"{self._given >> 20} MB from {self._fed >> 10} KB")
        return place, data

    def _feed(self) -> bool:
        self._fed += len(self._pending)
        self._pending = b""
        return self._read_more()

    def _read_more(self) -> bool:
        """Reads more of the file into the pending bytes; returns False at the end of the file."""
        if self._ended:
            return False
        data = self._handle.read(_READ)
        self._offset += len(data)
        self._pending += data
        self._ended = not data
        return bool(data)

    def _begin_member(self) -> bool:
        """Prepares to decompress the next member; returns False at the end of the file. Raises BrokenStream if no
        member begins at the current position.
        """
        while True:
            # Padding may follow any member.
            while not (rest := self._pending.lstrip(_STREAM_PADDING)):
                self._pending = b""
                if not self._read_more():
                    return False
            self._pending = rest
            while len(self._pending) < 8 and self._read_more():
                pass
            self._member, self._inner = self._offset - len(self._pending), 0
            self._fed = self._given = 0
            if not _SKIPPABLE.match(self._pending):
                break
            self._skip_bytes(8 + int.from_bytes(self._pending[4:8], "little"))
        if not self._pending.startswith((_GZIP, _ZSTD)):
            raise self._skip_damage(ProblemKind.NO_RECORD)
        assert self._make is not None
        self._unpacker = self._make()
        self.at_boundary = False
        return True

    def _skip_bytes(self, count: int) -> None:
        while len(self._pending) < count:
            count -= len(self._pending)
            self._pending = b""
            if not self._read_more():
                return
        self._pending = self._pending[count:]

    def _skip_damage(self, kind: ProblemKind, detail: str = "") -> BrokenStream:
        """Moves to the next member that begins with a record. Returns the error that reports the damaged member, for
        the caller to raise. `kind` and `detail` describe the damage.
        """
        place = StreamPosition(self._member, self._inner)
        self._unpacker, self.at_boundary = None, True
        self._skip = 0
        self._find_next()
        return BrokenStream(kind, place, detail)

    def _find_next(self) -> None:
        if self._seeks:
            self._reread_left -= self._offset - self._member
            if self._reread_left < 0:
                self._pending, self._ended = b"", True
                return
            self._seek(self._member + 1)
        else:
            self._pending = self._pending[1:]
        while True:
            found = min((n for n in (self._pending.find(_GZIP), self._pending.find(_ZSTD)) if n >= 0), default=-1)
            if found < 0:
                self._pending = self._pending[-3:]
                if not self._read_more():
                    self._pending = b""
                    return
                continue
            self._pending = self._pending[found:]
            while len(self._pending) < _READ and self._read_more():
                pass
            if self._begins_record():
                return
            self._pending = self._pending[1:]

    def _begins_record(self) -> bool:
        assert self._make is not None
        try:
            return bool(_BEGINS.match(self._make().decompress(self._pending[:_READ], 512)))
        except _BROKEN_STREAM:
            return False

    def go_back(self, place: StreamPosition) -> bool:
        """Goes back to an earlier position. Returns False if the file is not seekable, or if more of it than
        _MAX_REREAD allows has been read again.
        """
        if not self._seeks or self._reread_left < 0:
            return False
        self._reread_left -= max(0, self._offset - place.member)
        self._unpacker, self.at_boundary = None, self._make is not None
        if self._make is None:
            self._seek(place.member + place.inner)
            self._member, self._inner, self._skip = place.member, place.inner, 0
        else:
            self._seek(place.member)
            self._skip = place.inner
        return True

    def _seek(self, offset: int) -> None:
        self._pending, self._ended = b"", False
        if self._seeks:
            self._handle.seek(offset)
            self._offset = offset
            return
        while self._offset < offset and (data := self._handle.read(min(_READ, offset - self._offset))):
            self._offset += len(data)

    def _choose_decompressor(self) -> Callable[[], _Unpacker] | None:
        """Returns a function that makes a decompressor for the file, chosen by its first bytes; None if the file is not
        compressed.
        """
        peek: Any = self._handle
        first = peek.peek(8)[:8]
        if first.startswith(_GZIP[:2]):
            return _gunzip
        if first.startswith(_ZSTD) or _SKIPPABLE.match(first):
            dictionary = self._read_dictionary() if first.startswith(_ZSTD_DICTIONARY) else None
            return lambda: zstd.ZstdDecompressor(dictionary)
        return None

    def _read_dictionary(self) -> Any:
        """Returns the Zstandard dictionary from the file's first frame, which may be compressed. Returns None if the
        dictionary is invalid.
        """
        head = self._handle.read(8)
        length = int.from_bytes(head[4:8], "little")
        data = self._handle.read(min(length, _LARGEST_DICTIONARY))
        self._offset = 8 + len(data)
        try:
            if data.startswith(_ZSTD):
                data = zstd.ZstdDecompressor().decompress(data, _LARGEST_DICTIONARY)
            return zstd.ZstdDict(data, is_raw=not data.startswith(b"\x37\xa4\x30\xec"))
        except (zstd.ZstdError, ValueError):
            return None
