"""What a web archive answered for a capture: the record that it is of, or why it is none.

A capture comes with Memento-Datetime (RFC 7089, section 2.1.1), or is proved by the digest that the list has of it.
What comes without either is a page of the archive itself. Pure: answers in, records and problems out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from archiver.discovery.timemaps import Service, http_date, original_of
from archiver.urls import normalize, urlkey
from archiver.warc.byte_stream import StreamPosition
from archiver.warc.exchange import Headers, warc_date
from archiver.warc.foreign_reader import ForeignRecord
from archiver.warc.gzip_records import MAX_BODY
from archiver.warc.payload import Decoding, decode_content, matches_digest, parse_digest
from archiver.warc.problems import Problem, ProblemKind

_ORIGINAL = b"x-archive-orig-"
# These alone do not tell that the archive renames all of a capture's fields: whoever stored it renamed them.
_STORED = frozenset({b"transfer-encoding", b"content-encoding", b"content-length"})
# Fields of the answer and not of the capture.
_OF_ANSWER = frozenset(
    {
        b"memento-datetime",
        b"content-location",
        b"transfer-encoding",
        b"connection",
        b"keep-alive",
        b"content-encoding",
        b"server-timing",
        b"alt-svc",
    }
)
_MEMENTO_LINK = re.compile(rb"rel=\"?[^\";,]*\b(?:original|timegate|timemap|memento)\b")
_NOW = timedelta(hours=1)
# What archives put into the pages that they show: the Internet Archive's toolbar and end note, wombat, pywb's banner.
_MARKUP = re.compile(
    rb"BEGIN WAYBACK TOOLBAR INSERT|FILE ARCHIVED ON \d\d:\d\d:\d\d|/_static/js/(?:bundle-playback|wombat|analytics)|"
    rb"__wm\.(?:init|wombat|bt)\(|_?WBWombatInit|\bwbinfo\.(?:url|top_url|timestamp) *=|<!-- WB Insert -->|"
    rb"/static/(?:wombat|default_banner|wb_frame)\.js"
)


@dataclass(frozen=True, slots=True)
class RequestedCapture:
    """A capture as the list tells it: `at` is aware, `digest` as the list has it, "" where it tells none, `status` None
    where it tells none."""

    at: datetime
    url: str
    digest: str = ""
    status: int | None = None


@dataclass(frozen=True, slots=True)
class ArchiveResponse:
    """What came for the address `uri`. `body` is as on the wire, no longer chunked; `at` is when it came."""

    uri: str
    at: datetime
    status: int
    headers: Headers
    body: bytes

    def header(self, name: str) -> str:
        """The first field of this name (in lower case), "" where there is none."""
        wanted = name.encode()
        return next((v.decode("latin-1").strip() for n, v in self.headers if n.lower() == wanted), "")


@dataclass(frozen=True, slots=True)
class OtherMemento:
    """The archive leads on to a capture of the same address at another time."""

    at: datetime
    url: str


@dataclass(frozen=True, slots=True, order=True)
class Memento(StreamPosition):
    """Where a record came from, in the place of a place in a file: the address of the capture."""

    uri: str = ""

    def __str__(self) -> str:
        return self.uri


@dataclass(frozen=True, slots=True)
class _Payload:
    """A payload as it was captured: its bytes, the coding that they are in, whether a coding was undone since that
    cannot be done again, and whether the digest of the list proves it."""

    body: bytes
    coding: str
    was_coded: bool
    is_proven: bool


def memento_record(
    answered: ArchiveResponse, asked: RequestedCapture, service: Service
) -> ForeignRecord | OtherMemento | Problem:
    """The response record that a crawler would have written, at the time that the archive says it is of.

    Its fields have WARC-Source-URI and WARC-Creation-Date, as pywb writes them: from where it came, and when.
    """
    at = http_date(answered.header("memento-datetime"))
    declared = digest_field(asked.digest)
    payload = _payload(answered, declared)
    if other := _no_record(answered, asked, service, payload, at):
        return other
    at = at or asked.at
    if not payload.is_proven and at != asked.at:
        declared = ""  # it is that of another capture
    elif not payload.is_proven and payload.was_coded and declared:
        # The digest is that of the coded bytes, which are not to be had: it proves nothing, and is kept for the record.
        declared = f"list:{asked.digest}"
    headers = _headers(answered, service, payload.coding)
    if payload.is_proven or payload.was_coded:
        # A length that is of other bytes would be taken for a page that is cut off.
        headers = tuple((name, value) for name, value in headers if name.lower() != b"content-length")
    fields = {
        "warc-type": "response",
        "warc-date": warc_date(at),
        "warc-target-uri": asked.url,
        "content-type": "application/http; msgtype=response",
        "warc-source-uri": answered.uri,
        "warc-creation-date": warc_date(answered.at),
    }
    if declared:
        fields["warc-payload-digest"] = declared
    status = _status(answered, asked)
    line = f"HTTP/1.1 {status} {_phrase(status)}\r\n".encode()
    head = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    return ForeignRecord(Memento(uri=answered.uri), fields, line + head + b"\r\n" + payload.body)


def _no_record(
    answered: ArchiveResponse, asked: RequestedCapture, service: Service, payload: _Payload, at: datetime | None
) -> OtherMemento | Problem | None:
    """Why an answer is not the capture that was asked for, or where that is; None where it is that capture."""
    status, body, coding = answered.status, payload.body, payload.coding
    if at is None and not payload.is_proven:
        return _no_memento(answered, asked, service)
    if not payload.is_proven and (of := _another(answered, asked, service)):
        return Problem(ProblemKind.NOT_A_MEMENTO, answered.uri, asked.url, f"it is a capture of {of[:200]}")
    if _is_redirect(status) and asked.status == 200 and (led := _led_to(answered, asked, service)):
        return led  # a capture of the same second, by http or without a slash
    if (
        not payload.is_proven
        and status == 200
        and (_MARKUP.search(decode_content(body, coding, MAX_BODY)[0] if coding else body))
    ):
        return Problem(ProblemKind.REWRITTEN, answered.uri, asked.url)
    return None


def _is_redirect(status: int | None) -> bool:
    return status is not None and 300 <= status < 400


def _status(answered: ArchiveResponse, asked: RequestedCapture) -> int:
    """The status that the server gave then: the Internet Archive answers 302 for any redirect."""
    if asked.status and _is_redirect(answered.status) and _is_redirect(asked.status):
        return asked.status
    return answered.status


def digest_field(digest: str) -> str:
    """A digest of a list as WARC-Payload-Digest has it: lists leave out "sha1:". "" where it is none that is known."""
    if ":" in digest:
        return digest
    if re.fullmatch(r"[A-Z2-7]{32}|[0-9a-fA-F]{40}", digest):
        return f"sha1:{digest}"
    return f"md5:{digest}" if re.fullmatch(r"[0-9a-f]{32}", digest) else ""


def _another(answered: ArchiveResponse, asked: RequestedCapture, service: Service) -> str:
    """The address that the answer says it is of, where that is another than was asked for."""
    placed = service.captured(answered.header("content-location"), answered.uri)
    links = [v.decode("latin-1") for n, v in answered.headers if n.lower() == b"link"]
    told = [placed[1] if placed else "", *(original_of(link) for link in links)]
    addresses = [found for one in told if one and (found := normalize(one))]
    return next((one for one in addresses if urlkey(one) != urlkey(asked.url)), "")


def _no_memento(answered: ArchiveResponse, asked: RequestedCapture, service: Service) -> OtherMemento | Problem:
    location = answered.header("location")
    if 300 <= answered.status < 400 and location:
        if led := _led_to(answered, asked, service):
            return led
        return Problem(ProblemKind.NOT_A_MEMENTO, answered.uri, asked.url, f"it redirects to {location[:200]}")
    kind = ProblemKind.NOT_A_MEMENTO if answered.status == 200 else ProblemKind.UNANSWERED
    return Problem(kind, answered.uri, asked.url, f"it answers {answered.status}")


def _led_to(answered: ArchiveResponse, asked: RequestedCapture, service: Service) -> OtherMemento | None:
    """The capture of the same address that a redirect of the archive's leads to."""
    led = service.captured(answered.header("location"), answered.uri)
    return OtherMemento(*led) if led is not None and urlkey(led[1]) == urlkey(asked.url) else None


def _payload(answered: ArchiveResponse, declared: str) -> _Payload:
    """An archive may pack for the wire what was captured plain, and unpack what was captured packed."""
    wire, coding = answered.body, answered.header("content-encoding").lower()
    original = answered.header("x-archive-orig-content-encoding").lower()
    was_coded = "chunked" in answered.header("x-archive-orig-transfer-encoding").lower()
    body = wire
    if coding and coding != "identity":
        plain, how = decode_content(wire, coding, MAX_BODY)
        packed_since = _proves(declared, plain) or (_renames(answered) and not original)
        if how is Decoding.WELL and packed_since and not _proves(declared, wire):
            body, coding = plain, ""
    elif original and original != "identity":
        _, how = decode_content(wire, original, MAX_BODY)
        coding = original if how is Decoding.WELL else ""
        was_coded |= how is not Decoding.WELL
    else:
        coding = ""
    return _Payload(body, coding, was_coded, _proves(declared, body))


def _proves(declared: str, payload: bytes) -> bool:
    """Whether a digest is of a kind that is known, and that of the payload."""
    return parse_digest(declared) is not None and matches_digest(declared, (payload,))


def _renames(answered: ArchiveResponse) -> bool:
    """Whether the archive gives the capture's own fields under other names."""
    return any(
        n.lower().startswith(_ORIGINAL) and n.lower()[len(_ORIGINAL) :] not in _STORED for n, _ in answered.headers
    )


def _headers(answered: ArchiveResponse, service: Service, coding: str) -> Headers:
    """The fields that the server sent then, as far as the archive gives them; none of the archive's own."""
    out = list(_renamed_back(answered.headers) if _renames(answered) else _passed_on(answered))
    if not any(name.lower() == b"content-type" for name, _ in out) and (kind := answered.header("content-type")):
        out.insert(0, (b"Content-Type", kind.encode("latin-1")))
    if coding:
        out.append((b"Content-Encoding", coding.encode("latin-1")))
    if (original := answered.header("x-archive-orig-content-encoding")) and original.lower() != coding:
        out.append((b"X-Archive-Orig-Content-Encoding", original.encode("latin-1")))
    return tuple(
        (name, _location(value, answered, service) if name.lower() == b"location" else value) for name, value in out
    )


def _renamed_back(headers: Headers) -> Iterable[tuple[bytes, bytes]]:
    for name, value in headers:
        own = name[len(_ORIGINAL) :]
        if not name.lower().startswith(_ORIGINAL) or own.lower() == b"content-encoding":
            continue
        yield (name, value) if own.lower() == b"transfer-encoding" else (own, value)


def _passed_on(answered: ArchiveResponse) -> Iterable[tuple[bytes, bytes]]:
    for name, value in answered.headers:
        low = name.lower()
        if low in _OF_ANSWER or low == _ORIGINAL + b"content-encoding":
            continue
        if low == b"link" and _MEMENTO_LINK.search(value):
            continue
        if low == b"date" and (at := http_date(value.decode("latin-1"))) and abs(at - answered.at) < _NOW:
            continue
        if low == b"content-length" and value.strip() != str(len(answered.body)).encode():
            continue
        yield name, value


def _location(value: bytes, answered: ArchiveResponse, service: Service) -> bytes:
    """Where a redirect led: the archive's own address for it taken back."""
    led = service.captured(value.decode("latin-1"), answered.uri)
    return led[1].encode("latin-1", "replace") if led else value


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
