"""One capture of a foreign file as a value: where, when, what was answered. Or a name for what is wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from archiver.capture.answer import HttpAnswer, Odd, header_fields, http_answer
from archiver.capture.arc import arc_date
from archiver.capture.damage import KEPT, Damage, Problem
from archiver.capture.digests import Digests, expected, fits
from archiver.capture.exchange import Exchange, Headers
from archiver.capture.foreign import Record
from archiver.urls import normalize

_DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)[T ]?(\d\d):?(\d\d):?(\d\d)(?:[.,](\d{1,9}))?\s*(Z|[+-]\d\d:?\d\d)?")
_DAY = re.compile(r"\d{4}(-\d\d){0,2}")
_EARLIEST = 1991  # the first web server
_CLOCKS_DIFFER = timedelta(days=2)
_REQUEST = re.compile(rb"\s*([A-Z]{1,20})[ \t]+\S")
_NOT_MODIFIED = "server-not-modified"


@dataclass(frozen=True, slots=True)
class Found:
    """A response, or a revisit record (which has no exchange): `place` is where it begins, `url` as the archive has it.

    `odd` are the things that are wrong with it and did not keep it from being read. Of a revisit record, `digest` is
    that of the payload it repeats, "" where none is told; `refers_url` and `refers_at` name the record of it, as far as
    it says. `original_url`: the address as the file has it, where that differs. `made`: the header was made for a
    record without one. `asked`: the file has the request. `declared`: the payload digest that the record says it has.
    `source_uri` and `fetched_at` say from where it was fetched and when, of a record that was made of a web archive's
    answer (WARC-Source-URI and WARC-Creation-Date, as pywb writes them). `was`: what it was there, where that is no
    record.
    """

    place: str
    url: str
    at: datetime
    status: int
    exchange: Exchange | None = None
    answer: HttpAnswer | None = None
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
    """A WARC-Date (WARC/1.1, section 5.4: W3C's profile of ISO 8601), or the 14 digits of older writers; UTC where no
    zone is told. None where it is no date."""
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


def capture_in(record: Record, request: Record | None, now: datetime) -> Found | Problem:
    """What a response, resource or revisit record holds. `request` is the one that was sent for it, where the file has
    it. `now` bounds the date: no capture was made later."""
    at = record.fields.get("warc-date", "")
    when = warc_date(at)
    if when is None or when.year < _EARLIEST or when > now + _CLOCKS_DIFFER:
        return _problem(record, Damage.DATE if at else Damage.NO_DATE, at[:40])
    url = normalize(record.url)
    if url is None:
        return _problem(record, Damage.ADDRESS, record.url[:100])
    assert record.block is not None
    digests = Digests(record.fields)
    digests.feed(record.block)
    if (wrong := digests.wrong()) and wrong[0] is Damage.BLOCK_DIGEST:
        return _problem(record, *wrong)
    if record.kind == "revisit":
        return _revisit(record, url, when)
    declared = record.fields.get("warc-payload-digest", "")
    made = record.kind == "resource" and not record.fields.get("content-type", "").startswith("application/http")
    answer = _as_answer(record, declared) if made else http_answer(record.block, declared)
    if answer is None:
        return _problem(record, Damage.HTTP_HEADER, repr(record.block[:40])[2:-1])
    if truncated := record.fields.get("warc-truncated", ""):
        return _problem(record, Damage.CUT_OFF, f"WARC-Truncated: {truncated[:40]}")
    lost = next((one for one in answer.odd if one[0] not in KEPT), None)
    if lost is not None:
        return _problem(record, *lost)
    method, asked = _request(request)
    exchange = Exchange(
        url=url, at=when, method=method, request_headers=asked, status=answer.status, reason=answer.reason,
        response_headers=answer.headers, body=answer.payload, protocol=_protocol(answer.protocol),
        ip=record.fields.get("warc-ip-address", "")[:45])
    return Found(str(record.place), url, when, answer.status, exchange, answer, answer.odd, asked=request is not None,
                 original_url=record.url if record.url != url else "", declared=declared[:200], made=made,
                 is_arc=record.is_arc, source_uri=record.fields.get("warc-source-uri", "")[:2000],
                 fetched_at=warc_date(record.fields.get("warc-creation-date", "")))


def _revisit(record: Record, url: str, at: datetime) -> Found:
    fields = record.fields
    answer = http_answer(record.block) if record.block else None
    refers = fields.get("warc-refers-to-target-uri", "").strip().strip("<>")
    not_modified = _NOT_MODIFIED in fields.get("warc-profile", "") or (answer is not None and answer.status == 304)
    return Found(str(record.place), url, at, answer.status if answer else 304 if not_modified else 200, answer=answer,
                 digest=sha1_of(fields.get("warc-payload-digest", "")), refers_url=normalize(refers) or "",
                 refers_at=warc_date(fields.get("warc-refers-to-date", "")), not_modified=not_modified, is_revisit=True)


def sha1_of(field: str) -> str:
    """A declared digest as the archive writes it ("sha1:" and base 32); as it stands where it is of another kind."""
    import base64

    known = expected(field)
    if known is None or known[0] != "sha1":
        return field.strip()[:200]
    return "sha1:" + base64.b32encode(known[1]).decode("ascii")


def _as_answer(record: Record, declared: str) -> HttpAnswer:
    """A resource record (WARC/1.1, section 6.4) has no HTTP header: what it says of its content stands for one."""
    assert record.block is not None
    kind = record.fields.get("content-type", "").encode("latin-1", "replace")
    headers: Headers = ((b"Content-Type", kind),) if kind else ()
    odd = () if fits(declared, (record.block,)) else ((Damage.PAYLOAD_DIGEST, declared[:100]),)
    return HttpAnswer(200, "OK", "HTTP/1.1", headers, record.block, record.block, odd)


def _request(record: Record | None) -> tuple[str, Headers]:
    if record is None or not record.block:
        return "GET", ()
    line, _, rest = record.block.partition(b"\n")
    found = _REQUEST.match(line)
    return found[1].decode("ascii") if found else "GET", header_fields(rest.split(b"\r\n\r\n")[0])


def _protocol(told: str) -> str:
    """The status line that is written has a version of two digits (RFC 9112, section 4), as readers expect."""
    return {"HTTP/2": "HTTP/2.0", "HTTP/3": "HTTP/3.0", "HTTP/0.9": "HTTP/1.0"}.get(told, told)


def _problem(record: Record, kind: Damage, detail: str = "") -> Problem:
    return Problem(kind, str(record.place), record.url[:2000], detail)
