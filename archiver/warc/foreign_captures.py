"""Captures from foreign files: a record becomes a ForeignCapture, or a Problem that says what is wrong with it.

Also pairs each response with its request, and joins the segments of one record.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from archiver.urls import normalize
from archiver.warc.decompressing_stream import StreamPosition
from archiver.warc.exchange_records import Exchange, Headers
from archiver.warc.foreign_reader import ForeignRecord, ForeignRecords, arc_date
from archiver.warc.gzip_records import MAX_BODY
from archiver.warc.http_response import HTTPResponse, Odd, header_fields, parse_http_response
from archiver.warc.payload import Digests, matches_digest, parse_digest
from archiver.warc.problems import KEPT, Problem, ProblemKind

_DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)[T ]?(\d\d):?(\d\d):?(\d\d)(?:[.,](\d{1,9}))?\s*(Z|[+-]\d\d:?\d\d)?")
_DAY = re.compile(r"\d{4}(-\d\d){0,2}")
_EARLIEST = 1991  # the first web server
_CLOCKS_DIFFER = timedelta(days=2)
_REQUEST = re.compile(rb"\s*([A-Z]{1,20})[ \t]+\S")
_NOT_MODIFIED = "server-not-modified"


@dataclass(frozen=True, slots=True)
class ForeignCapture:
    """A response, or a revisit record (without exchange): `place` is where it begins, `url` its normalized address.

    `odd` are problems that did not prevent reading it. In a revisit record, `digest` is that of the payload it repeats,
    "" if not stated, and `refers_url` and `refers_at` name the payload's record, if stated. `original_url` is the
    address in the file, if it differs. `made`: the HTTP header was made for a record without one. `asked`: the file has
    the request. `declared` is the payload digest that the record declares. `source_uri` and `fetched_at` are where and
    when a record made from a web archive's response was fetched (WARC-Source-URI and WARC-Creation-Date, as pywb writes
    them). `was` is what it was there, if it was not a record.
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
    is_arc: bool = False
    is_revisit: bool = False
    source_uri: str = ""
    fetched_at: datetime | None = None
    was: str = ""


def warc_date(text: str) -> datetime | None:
    """Parses a WARC-Date (WARC/1.1, section 5.4: W3C's profile of ISO 8601), or the 14 digits of older writers.

    A date without zone is UTC. Returns None if it is not a date.
    """
    text = text.strip()
    if _DAY.fullmatch(text):
        return arc_date(text.replace("-", "").ljust(8, "?").replace("??", "01"))
    if text.isdigit():
        return arc_date(text) if 8 <= len(text) <= 14 else None
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


def foreign_capture_in(record: ForeignRecord, request: ForeignRecord | None, now: datetime) -> ForeignCapture | Problem:
    """The capture in a response, resource or revisit record. `request` is its request, if the file has it; `now` is the
    latest date that a capture can have (plus two days, since clocks differ)."""
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
    answer = _as_answer(record, declared) if made else parse_http_response(record.block, declared)
    if answer is None:
        return _problem(record, ProblemKind.HTTP_HEADER, repr(record.block[:40])[2:-1])
    if truncated := record.fields.get("warc-truncated", ""):
        return _problem(record, ProblemKind.CUT_OFF, f"WARC-Truncated: {truncated[:40]}")
    lost = next((one for one in answer.odd if one[0] not in KEPT), None)
    if lost is not None:
        return _problem(record, *lost)
    method, asked = _request(request)
    exchange = Exchange(
        url=url,
        at=when,
        method=method,
        request_headers=asked,
        status=answer.status,
        reason=answer.reason,
        response_headers=answer.headers,
        body=answer.payload,
        protocol=_protocol(answer.protocol),
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
        is_arc=record.is_arc,
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
        digest=sha1_of(fields.get("warc-payload-digest", "")),
        refers_url=normalize(refers) or "",
        refers_at=warc_date(fields.get("warc-refers-to-date", "")),
        not_modified=not_modified,
        is_revisit=True,
    )


def sha1_of(field: str) -> str:
    """A declared digest in the archive's form ("sha1:" and base 32); unchanged if it is not SHA-1."""
    import base64

    known = parse_digest(field)
    if known is None or known[0] != "sha1":
        return field.strip()[:200]
    return "sha1:" + base64.b32encode(known[1]).decode("ascii")


def _as_answer(record: ForeignRecord, declared: str) -> HTTPResponse:
    """A resource record as a response. It has no HTTP header (WARC/1.1, section 6.4), so its Content-Type is used."""
    assert record.block is not None
    kind = record.fields.get("content-type", "").encode("latin-1", "replace")
    headers: Headers = ((b"Content-Type", kind),) if kind else ()
    odd = () if matches_digest(declared, (record.block,)) else ((ProblemKind.PAYLOAD_DIGEST, declared[:100]),)
    return HTTPResponse(200, "OK", "HTTP/1.1", headers, record.block, record.block, odd)


def _request(record: ForeignRecord | None) -> tuple[str, Headers]:
    if record is None or not record.block:
        return "GET", ()
    line, _, rest = record.block.partition(b"\n")
    found = _REQUEST.match(line)
    return found[1].decode("ascii") if found else "GET", header_fields(rest.split(b"\r\n\r\n")[0])


def _protocol(name: str) -> str:
    """The protocol for the status line, whose version has two digits (RFC 9112, section 4), as readers expect."""
    return {"HTTP/2": "HTTP/2.0", "HTTP/3": "HTTP/3.0", "HTTP/0.9": "HTTP/1.0"}.get(name, name)


def _problem(record: ForeignRecord, kind: ProblemKind, detail: str = "") -> Problem:
    return Problem(kind, str(record.place), record.url[:2000], detail)


# Records that belong together: a request and its response, the segments of one record.

_ANSWERS = frozenset({"response", "resource", "revisit"})
_MOST_OPEN = 64


@dataclass(frozen=True, slots=True)
class RecordPair:
    """A response, resource or revisit record with its request; or another record alone."""

    record: ForeignRecord
    request: ForeignRecord | None = None

    @property
    def is_answer(self) -> bool:
        return self.record.kind in _ANSWERS


class RecordPairs:
    """Iterates over groups of pairs and problems, each of which became complete together.

    Between two groups, `place` is where reading has to resume for what has not been yielded yet.
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
                yield self._segment(one)
            else:
                yield self._record(one)
        rest: list[RecordPair | Problem] = [*self._release()]
        rest += map(_unfinished, self._open.values())
        self._open.clear()
        yield rest

    def _record(self, record: ForeignRecord) -> list[RecordPair | Problem]:
        if record.kind == "request":
            if self._answer is not None and _belongs(record, self._answer):
                answer, self._answer = self._answer, None
                return [RecordPair(answer, record), RecordPair(record)]
            out: list[RecordPair | Problem] = [*self._release()]
            self._request = record
            return out
        if record.kind not in _ANSWERS:
            return [RecordPair(record)]
        if self._request is not None and _belongs(self._request, record):
            request, self._request = self._request, None
            return [*self._release(), RecordPair(request), RecordPair(record, request)]
        out = [*self._release()]
        self._answer = record
        return out

    def _release(self) -> Iterator[RecordPair]:
        answer, request, self._answer, self._request = self._answer, self._request, None, None
        yield from (RecordPair(r) for r in (answer, request) if r is not None)

    def _segment(self, record: ForeignRecord) -> list[RecordPair | Problem]:
        """Add a segment (WARC/1.1, section 7): the first has number 1 and the fields, and the others name it."""
        origin = record.fields.get("warc-segment-origin-id") or record.fields.get("warc-record-id", "")
        if record.kind != "continuation":
            self._open[origin] = [record]
            if len(self._open) > _MOST_OPEN:
                return [_unfinished(self._open.popitem(last=False)[1])]
            return []
        parts = self._open.get(origin)
        number = record.fields.get("warc-segment-number", "")
        if parts is None or number != str(len(parts) + 1) or record.block is None or parts[0].block is None:
            return [_unfinished([record, *(self._open.pop(origin, None) or [])])]
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
            return [_unfinished(parts)]
        return self._record(replace(parts[0], fields=fields, block=whole))


def _unfinished(parts: list[ForeignRecord]) -> Problem:
    number = parts[0].fields.get("warc-segment-number", "")
    return Problem(ProblemKind.SEGMENT, str(parts[0].place), parts[0].url, f"segment {number[:10]}")


def _belongs(request: ForeignRecord, answer: ForeignRecord) -> bool:
    """True if the request belongs to the response: one names the other, or they have the same address and time."""
    ids = {r.fields.get("warc-record-id", "") for r in (request, answer)} - {""}
    named = {r.fields.get("warc-concurrent-to", "") for r in (request, answer)} - {""}
    if named:
        return bool(ids & named)
    return request.url == answer.url and request.fields.get("warc-date") == answer.fields.get("warc-date")
