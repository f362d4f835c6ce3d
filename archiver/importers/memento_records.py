"""Converts the responses of a web archive to WARC records. All functions are pure.

A response is a capture (a memento) if it has a Memento-Datetime header (RFC 7089, section 2.1.1), or if its payload has
the digest in the list of captures. Any other response is a page of the web archive itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from archiver.api.warc_files import MAX_BODY, Decoding, Headers, decode_content, warc_date
from archiver.api.web_archives import parse_http_date
from archiver.importers.declared_digests import matches_digest, parse_digest
from archiver.importers.foreign_reader import ForeignRecord, StreamPosition
from archiver.importers.import_problems import Problem, ProblemKind
from archiver.importers.memento_service import ArchiveService, original_url
from archiver.model.urls import normalize, urlkey

_ORIGINAL = b"x-archive-orig-"
# The crawler that stored the capture may have renamed these fields. If only these are renamed, the web archive does not
# rename fields.
_STORED = frozenset({b"transfer-encoding", b"content-encoding", b"content-length"})
# Fields of the archive's response that are not fields of the capture.
_OF_RESPONSE = frozenset(
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
# What archives insert into replayed pages: the Internet Archive's toolbar and end note, wombat, pywb's banner.
_MARKUP = re.compile(
    rb"BEGIN WAYBACK TOOLBAR INSERT|FILE ARCHIVED ON \d\d:\d\d:\d\d|/_static/js/(?:bundle-playback|wombat|analytics)|"
    rb"__wm\.(?:init|wombat|bt)\(|_?WBWombatInit|\bwbinfo\.(?:url|top_url|timestamp) *=|<!-- WB Insert -->|"
    rb"/static/(?:wombat|default_banner|wb_frame)\.js"
)


@dataclass(frozen=True, slots=True)
class RequestedCapture:
    """A capture to request from a web archive, as its list of captures describes it. `at` is an aware time. `digest` is
    "" and `status` is None if the list does not state them.
    """

    at: datetime
    url: str
    digest: str = ""
    status: int | None = None


@dataclass(frozen=True, slots=True)
class ArchiveResponse:
    """A web archive's response to a request for `uri`, which was sent at the time `at`. `body` is as sent, but without
    the chunked transfer coding.
    """

    uri: str
    at: datetime
    status: int
    headers: Headers
    body: bytes

    def header(self, name: str) -> str:
        """Returns the value of the first header field with this name (in lower case), or ""."""
        key = name.encode()
        return next((v.decode("latin-1").strip() for n, v in self.headers if n.lower() == key), "")


@dataclass(frozen=True, slots=True)
class OtherMemento:
    """Another capture of the same URL, to which the web archive redirects. It has the time `at` and the URL `url`."""

    at: datetime
    url: str


@dataclass(frozen=True, slots=True, order=True)
class Memento(StreamPosition):
    """Says where an imported record comes from if it was fetched from a web archive: the URL of the memento, instead of
    a file and an offset."""

    uri: str = ""

    def __str__(self) -> str:
        return self.uri


@dataclass(frozen=True, slots=True)
class _Payload:
    """The payload of a capture, restored from a web archive's response.

    `coding` is the content coding of `body`. `was_coded` is True if the original payload had a coding that cannot be
    restored. `is_proven` is True if the payload matches the digest in the list of captures.
    """

    body: bytes
    coding: str
    was_coded: bool
    is_proven: bool


def memento_record(
    response: ArchiveResponse, requested: RequestedCapture, service: ArchiveService
) -> ForeignRecord | OtherMemento | Problem:
    """Returns the WARC response record that a crawler would have written at the time of the capture. Returns an
    OtherMemento if the web archive redirects to another capture of the URL, and a Problem if the response is not the
    capture.

    The record has the fields WARC-Source-URI and WARC-Creation-Date, which say where and when it was fetched, as pywb
    writes them.
    """
    at = parse_http_date(response.header("memento-datetime"))
    declared = digest_field(requested.digest)
    payload = _restore_payload(response, declared)
    if other := _mismatch(response, requested, service, payload, at):
        return other
    at = at or requested.at
    if not payload.is_proven and at != requested.at:
        declared = ""  # the listed digest belongs to another capture
    elif not payload.is_proven and payload.was_coded and declared:
        # The digest belongs to the coded bytes, which are not available. It proves nothing, but is kept as information.
        declared = f"list:{requested.digest}"
    headers = _original_headers(response, service, payload.coding)
    if payload.is_proven or payload.was_coded:
        # The original length is that of different bytes and would make the page look truncated.
        headers = tuple((name, value) for name, value in headers if name.lower() != b"content-length")
    fields = {
        "warc-type": "response",
        "warc-date": warc_date(at),
        "warc-target-uri": requested.url,
        "content-type": "application/http; msgtype=response",
        "warc-source-uri": response.uri,
        "warc-creation-date": warc_date(response.at),
    }
    if declared:
        fields["warc-payload-digest"] = declared
    status = _original_status(response, requested)
    line = f"HTTP/1.1 {status} {_phrase(status)}\r\n".encode()
    head = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    return ForeignRecord(Memento(uri=response.uri), fields, line + head + b"\r\n" + payload.body)


def _mismatch(
    response: ArchiveResponse,
    requested: RequestedCapture,
    service: ArchiveService,
    payload: _Payload,
    at: datetime | None,
) -> OtherMemento | Problem | None:
    """Returns None if the response is the requested capture, OtherMemento if it leads to another capture of the URL,
    otherwise a Problem. `at` is the time in the response's Memento-Datetime header; None if it has none.
    """
    status, body, coding = response.status, payload.body, payload.coding
    if at is None and not payload.is_proven:
        return _no_memento(response, requested, service)
    if not payload.is_proven and (of := _other_original(response, requested, service)):
        return Problem(
            ProblemKind.NOT_A_MEMENTO, response.uri, requested.url, f"it is a capture of another URL: {of[:200]}"
        )
    if _is_redirect(status) and requested.status == 200 and (target := _redirect_target(response, requested, service)):
        return target  # the target is a capture of the same second, whose URL has http or lacks a slash
    if (
        not payload.is_proven
        and status == 200
        and (_MARKUP.search(decode_content(body, coding, MAX_BODY)[0] if coding else body))
    ):
        return Problem(ProblemKind.REWRITTEN, response.uri, requested.url)
    return None


def _is_redirect(status: int | None) -> bool:
    return status is not None and 300 <= status < 400


def _original_status(response: ArchiveResponse, requested: RequestedCapture) -> int:
    """Returns the HTTP status of the capture. If the response is a redirect, the status in the list of captures is
    used, because the Internet Archive responds with 302 to each redirect.
    """
    if requested.status and _is_redirect(response.status) and _is_redirect(requested.status):
        return requested.status
    return response.status


def digest_field(digest: str) -> str:
    """Converts a digest from a list of captures, where "sha1:" is omitted, to the form of WARC-Payload-Digest. Returns
    "" if the algorithm is unknown.
    """
    if ":" in digest:
        return digest
    if re.fullmatch(r"[A-Z2-7]{32}|[0-9a-fA-F]{40}", digest):
        return f"sha1:{digest}"
    return f"md5:{digest}" if re.fullmatch(r"[0-9a-f]{32}", digest) else ""


def _other_original(response: ArchiveResponse, requested: RequestedCapture, service: ArchiveService) -> str:
    """Returns the original URL given in the response if it differs from the requested URL, otherwise ""."""
    placed = service.captured(response.header("content-location"), response.uri)
    links = [v.decode("latin-1") for n, v in response.headers if n.lower() == b"link"]
    stated = [placed[1] if placed else "", *(original_url(link) for link in links)]
    urls = [found for one in stated if one and (found := normalize(one))]
    return next((one for one in urls if urlkey(one) != urlkey(requested.url)), "")


def _no_memento(
    response: ArchiveResponse, requested: RequestedCapture, service: ArchiveService
) -> OtherMemento | Problem:
    location = response.header("location")
    if 300 <= response.status < 400 and location:
        if target := _redirect_target(response, requested, service):
            return target
        return Problem(ProblemKind.NOT_A_MEMENTO, response.uri, requested.url, f"it redirects to {location[:200]}")
    kind = ProblemKind.NOT_A_MEMENTO if response.status == 200 else ProblemKind.UNANSWERED
    return Problem(kind, response.uri, requested.url, f"it responds with {response.status}")


def _redirect_target(
    response: ArchiveResponse, requested: RequestedCapture, service: ArchiveService
) -> OtherMemento | None:
    """Returns the capture to which the web archive redirects, if it is a capture of the requested URL, otherwise
    None.
    """
    target = service.captured(response.header("location"), response.uri)
    return OtherMemento(*target) if target is not None and urlkey(target[1]) == urlkey(requested.url) else None


def _restore_payload(response: ArchiveResponse, declared: str) -> _Payload:
    """Restores the payload as the crawler received it. A web archive may send a payload compressed that was not
    compressed originally, or decompressed if it was. `declared` is the digest in the list of captures.
    """
    wire, coding = response.body, response.header("content-encoding").lower()
    original = response.header("x-archive-orig-content-encoding").lower()
    was_coded = "chunked" in response.header("x-archive-orig-transfer-encoding").lower()
    body = wire
    if coding and coding != "identity":
        plain, how = decode_content(wire, coding, MAX_BODY)
        packed_since = _is_proof(declared, plain) or (_renames_headers(response) and not original)
        if how is Decoding.WELL and packed_since and not _is_proof(declared, wire):
            body, coding = plain, ""
    elif original and original != "identity":
        _, how = decode_content(wire, original, MAX_BODY)
        coding = original if how is Decoding.WELL else ""
        was_coded |= how is not Decoding.WELL
    else:
        coding = ""
    return _Payload(body, coding, was_coded, _is_proof(declared, body))


def _is_proof(declared: str, payload: bytes) -> bool:
    """Returns True if the digest has a known algorithm and matches the payload."""
    return parse_digest(declared) is not None and matches_digest(declared, (payload,))


def _renames_headers(response: ArchiveResponse) -> bool:
    """Returns True if the web archive renames the header fields of the capture to X-Archive-Orig-..."""
    return any(
        n.lower().startswith(_ORIGINAL) and n.lower()[len(_ORIGINAL) :] not in _STORED for n, _ in response.headers
    )


def _original_headers(response: ArchiveResponse, service: ArchiveService, coding: str) -> Headers:
    """Returns the header fields of the capture, as far as the web archive delivers them, without the web archive's own
    fields. `coding` is the content coding of the restored payload, "" for none.
    """
    out = list(_renamed_back(response.headers) if _renames_headers(response) else _passed_on(response))
    if not any(name.lower() == b"content-type" for name, _ in out) and (kind := response.header("content-type")):
        out.insert(0, (b"Content-Type", kind.encode("latin-1")))
    if coding:
        out.append((b"Content-Encoding", coding.encode("latin-1")))
    if (original := response.header("x-archive-orig-content-encoding")) and original.lower() != coding:
        out.append((b"X-Archive-Orig-Content-Encoding", original.encode("latin-1")))
    return tuple(
        (name, _original_location(value, response, service) if name.lower() == b"location" else value)
        for name, value in out
    )


def _renamed_back(headers: Headers) -> Iterable[tuple[bytes, bytes]]:
    for name, value in headers:
        own = name[len(_ORIGINAL) :]
        if not name.lower().startswith(_ORIGINAL) or own.lower() == b"content-encoding":
            continue
        yield (name, value) if own.lower() == b"transfer-encoding" else (own, value)


def _passed_on(response: ArchiveResponse) -> Iterable[tuple[bytes, bytes]]:
    for name, value in response.headers:
        low = name.lower()
        if low in _OF_RESPONSE or low == _ORIGINAL + b"content-encoding":
            continue
        if low == b"link" and _MEMENTO_LINK.search(value):
            continue
        if low == b"date" and (at := parse_http_date(value.decode("latin-1"))) and abs(at - response.at) < _NOW:
            continue
        if low == b"content-length" and value.strip() != str(len(response.body)).encode():
            continue
        yield name, value


def _original_location(value: bytes, response: ArchiveResponse, service: ArchiveService) -> bytes:
    """Returns the original target of a redirect. `value` is the web archive's own URL for this target."""
    target = service.captured(value.decode("latin-1"), response.uri)
    return target[1].encode("latin-1", "replace") if target else value


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
