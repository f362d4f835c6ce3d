"""Reads captures from files of other programs: pairs each response with its request, joins the segments of a segmented
record, and converts a record to a ForeignCapture, or to a Problem that says what is wrong with it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from archiver.lazy_regex import lazy_regex
from archiver.urls import normalize
from archiver.warc.foreign_reader import ForeignRecord, ForeignRecords, StreamPosition, parse_arc_date
from archiver.warc.http_response_parser import HTTPResponse, Odd, parse_header_fields, parse_http_response
from archiver.warc.import_problems import KEPT, Problem, ProblemKind
from archiver.warc.payload import Digests, matches_digest, parse_digest
from archiver.warc.warc_records import MAX_BODY, Exchange, Headers

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
    is_arc: bool = False
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
        return parse_arc_date(text.replace("-", "").ljust(8, "?").replace("??", "01"))
    if text.isdigit():
        return parse_arc_date(text) if 8 <= len(text) <= 14 else None
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
