"""Imports captures from a web archive: decides which captures to fetch, converts the web archive's responses to WARC
records, and stores them. `wayback_spider` fetches them.

A response is a capture (a memento) if it has a Memento-Datetime header (RFC 7089, section 2.1.1), or if its payload has
the digest in the list of captures. Any other response is a page of the web archive itself. The functions that convert
responses are pure.

The list of a site's captures is kept in a temporary database on disk, because a large site has millions of captures.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from archiver import __version__
from archiver.discovery import cdx_and_timemaps
from archiver.discovery.cdx_and_timemaps import (
    ArchiveService,
    CaptureAction,
    CaptureListEntry,
    CdxEntry,
    captures_url,
    choose_captures,
    classify_capture,
    has_resume_keys,
    is_relevant,
    is_view_of_page,
    next_part_url,
    original_url,
    parse_http_date,
    parse_timemap,
    requested_limit,
)
from archiver.discovery.safe_xml_json_and_html_parsing import decode, plain_text
from archiver.importers.import_writer import ImportSource, ImportTarget
from archiver.importers.record_batches_and_classification import ReadRecord, RecordKind, RecordReader
from archiver.sites.page_objects_and_test_cases import load_page_objects
from archiver.storage import tombstones
from archiver.storage.archive_opening_and_transactions import open_archive, writing
from archiver.storage.article_tables import captures_redirects_and_import_records as captures
from archiver.storage.article_tables.captures_redirects_and_import_records import MOST_PROBLEMS, ImportCounts
from archiver.storage.full_text_index_and_saved_searches import batch_indexing
from archiver.urls import Scope, normalize, urlkey
from archiver.warc.content_codings_and_digests import Decoding, decode_content, matches_digest, parse_digest
from archiver.warc.decompressing_stream import StreamPosition
from archiver.warc.foreign_captures import ForeignCapture, RecordPair, normalize_sha1
from archiver.warc.foreign_captures import warc_date as parse_warc_date
from archiver.warc.foreign_warc_arc_wacz_reader import ForeignRecord
from archiver.warc.import_problems import Problem, ProblemKind
from archiver.warc.warc_records import MAX_BODY, Headers, warc_date

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


# The plan of an import from a web archive, and its outcome.

LIST_SECONDS = 2.5
"""At least this many seconds pass between requests for lists: 0.4 requests per second, the limit of the Internet
Archive.
"""
CAPTURE_SECONDS = 0.125
"""At least this many seconds pass between requests for captures: 8 requests per second."""
FIRST = datetime(1991, 1, 1, tzinfo=UTC)
"""The start of a time range without a lower limit. No page on the web is older."""


@dataclass(frozen=True, slots=True)
class WaybackPlan:
    """A plan that says what to import from a web archive.

    - `url`: the start URL of a site or, if `exact` is True, the URL of one page.
    - `since`, `until`: aware times, both inclusive; None means no limit.
    - `limit`: the maximum number of captures to fetch; 0 means all.
    - `delay`: the minimum number of seconds between requests. A lower value than LIST_SECONDS or CAPTURE_SECONDS is
      raised to these.
    """

    archive: Path
    service: ArchiveService
    url: str
    exact: bool = False
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 0
    delay: float = 0.0
    all_captures: bool = False
    again: bool = False
    dry_run: bool = False

    @property
    def scope(self) -> Scope:
        return Scope.of(self.url)

    @property
    def address(self) -> str:
        """Returns the URL pattern of the captures to list: "blog.example.org/*" for a site, and the pattern without the
        star for one page.
        """
        return self.url.split("://", 1)[1] if self.exact else f"{self.scope.host}{self.scope.path}*"

    def includes(self, at: datetime) -> bool:
        """Returns True if an aware time is between `since` and `until`."""
        return (self.since is None or self.since <= at) and (self.until is None or at <= self.until)

    @property
    def digest(self) -> str:
        """Returns a hash that identifies this import in the table `imports`."""
        return hashlib.sha256(f"{self.service.asks} {self.service.replay} {self.address}".encode()).hexdigest()

    @property
    def options(self) -> str:
        return json.dumps(
            {
                "address": self.address,
                "since": str(self.since or ""),
                "until": str(self.until or ""),
                "all_captures": self.all_captures,
            },
            sort_keys=True,
        )


@dataclass
class WaybackOutcome:
    """The result of an import from a web archive. All numbers except `addresses` and `requests` count captures.

    - `listed`: those in the list of captures; `addresses`: the number of their URLs.
    - `left_out`: those that cannot be posts.
    - `here`: those that are already in the archive.
    - `chosen`: those that were selected for fetching.
    - `fetched`, `failed`: those that were fetched, and those that could not be fetched or stored.
    - `seen`: those that were not fetched because their payload is known from another time.
    - `outcome`: finished, limited, interrupted, waiting (the service asks for a pause) or failed; `reason` says why.
    """

    listed: int = 0
    addresses: int = 0
    left_out: int = 0
    here: int = 0
    chosen: int = 0
    fetched: int = 0
    seen: int = 0
    failed: int = 0
    requests: int = 0
    outcome: str = "interrupted"
    reason: str = ""
    tally: ImportCounts = field(default_factory=ImportCounts)
    kinds: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)

    def add_problem(self, problem: Problem) -> None:
        """Counts a problem. Also keeps its details, unless enough problems are kept already."""
        self.kinds[problem.kind.value] += 1
        self.failed += not problem.kept
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)


# The list.

_FIELDS = "l.key, l.at, l.url, l.status, l.digest, l.asked, l.n"


@dataclass(frozen=True, slots=True)
class ListedCapture:
    """A capture in the list. `n` is its number in the list, `key` is its urlkey, and `do` is the decision about it."""

    n: int
    key: str
    listed: CaptureListEntry
    do: CaptureAction


class CaptureList:
    """Collects the listed captures that may be posts, then decides which of them to fetch. The object must be closed.

    URLs with the same urlkey (http or https, with or without www) are treated as one. The home page and listings are
    left out. So is a URL with parameters that do not identify a post, if the list also contains the URL without them.
    """

    def __init__(self, plan: WaybackPlan) -> None:
        self._plan = plan
        self._home = urlkey(plan.url)
        self._db = sqlite3.connect("")  # SQLite uses a temporary file, and deletes it when the connection is closed
        self._db.executescript(
            "create table listed (n integer primary key, key text, at text, url text, status integer, digest text, "
            "asked text, view integer); create table todo (n integer primary key, key text, do text, digest text);"
        )
        self.total = self.left_out = self.addresses = 0

    def add(self, entries: Iterable[CdxEntry]) -> None:
        """Adds the captures in one response of the web archive that are within the time range of the plan and may be
        posts.
        """
        for entry in entries:
            if not self._plan.includes(entry.timestamp):
                continue
            self.total += 1
            url = self._post_url(entry)
            if url is None:
                self.left_out += 1
                continue
            asked = entry.url if entry.url != url else ""
            is_one = not self._plan.exact and is_view_of_page(url, self._plan.scope)
            self._db.execute(
                "insert into listed (key, at, url, status, digest, asked, view) values (?, ?, ?, ?, ?, ?, ?)",
                [urlkey(url), entry.timestamp.isoformat(), url, entry.status, entry.digest, asked, is_one],
            )

    def _post_url(self, entry: CdxEntry) -> str | None:
        """Returns the normalized URL of a listed capture; None if the capture cannot be a post."""
        url = normalize(entry.url) if is_relevant(entry) else None
        if url is None:
            return None
        if self._plan.exact:
            return url if urlkey(url) == self._home else None
        known = classify_capture(url, self._plan.scope)
        return url if known and known.role == "page" and urlkey(url) != self._home else None

    def decide(self) -> None:
        """Decides what to do with each capture in the list. Call this once, when the list is complete."""
        db = self._db
        db.execute("create index listed_key on listed (key, at)")
        views = db.execute(
            "delete from listed where view and exists (select 1 from listed o where o.key = "
            "substr(listed.key, 1, instr(listed.key, '?') - 1))"
        ).rowcount
        self.left_out += views
        # Lists repeat lines, and a URL may be listed with both http and https.
        db.execute(
            "delete from listed where exists (select 1 from listed o where o.key = listed.key and "
            "o.at = listed.at and o.status is listed.status and o.digest = listed.digest and o.n < listed.n)"
        )
        ordered = db.execute(f"select {_FIELDS} from listed l order by key, at, n")
        for key, group in groupby(ordered, lambda row: row[0]):
            self.addresses += 1
            rows = list(group)
            captures = [_listed(row) for row in rows]
            numbers = {id(one): row[6] for one, row in zip(captures, rows, strict=True)}
            db.executemany(
                "insert into todo values (?, ?, ?, ?)",
                [(numbers[id(one)], key, do.value, one.digest) for one, do in choose_captures(captures)],
            )

    def rows(self, *kinds: CaptureAction) -> Iterator[ListedCapture]:
        """Yields the captures with any of these decisions, sorted by URL and time. `drop` and `change` may be called
        between two rows.
        """
        last = ("", "", 0)
        marks = ",".join("?" * len(kinds))
        while True:
            found = self._db.execute(
                f"select {_FIELDS}, t.do from todo t join listed l on l.n = t.n "
                f"where t.do in ({marks}) and (l.key, l.at, l.n) > (?, ?, ?) order by l.key, l.at, l.n limit 500",
                [*kinds, *last],
            ).fetchall()
            if not found:
                return
            last = (found[-1][0], found[-1][1], found[-1][6])
            yield from (ListedCapture(row[6], row[0], _listed(row), CaptureAction(row[7])) for row in found)

    def count(self, kind: CaptureAction) -> int:
        return int(self._db.execute("select count(*) from todo where do = ?", [kind.value]).fetchone()[0])

    def drop(self, row: ListedCapture) -> None:
        """Removes a capture from the list of what remains to be done."""
        self._db.execute("delete from todo where n = ?", [row.n])

    def change(self, row: ListedCapture, do: CaptureAction) -> None:
        """Changes the decision about a capture of the list to `do`."""
        self._db.execute("update todo set do = ? where n = ?", [do.value, row.n])

    def take_replacement(self, row: ListedCapture) -> ListedCapture | None:
        """Returns another listed capture with the same payload, to be fetched in place of a capture that failed, and
        removes this other capture from the list. Returns None if there is none.
        """
        found = (
            self._db.execute(
                f"select {_FIELDS} from todo t join listed l on l.n = t.n where t.do = ? "
                "and t.key = ? and t.digest = ? order by l.at, l.n limit 1",
                [CaptureAction.SEEN.value, row.key, row.listed.digest],
            ).fetchone()
            if row.listed.digest
            else None
        )
        if found is None:
            return None
        other = ListedCapture(found[6], found[0], _listed(found), CaptureAction.FETCH)
        self.drop(other)
        return other

    def close(self) -> None:
        self._db.close()


def _listed(row: Sequence[Any]) -> CaptureListEntry:
    return CaptureListEntry(datetime.fromisoformat(row[1]), *row[2:6])


# Requesting the whole list: with resume keys if the server sends them, otherwise with shorter and shorter time ranges.

_MAX_TIMEMAPS = 500
_SECOND = timedelta(seconds=1)


class NoCaptureList(Exception):
    """Raised if the web archive's response is not a list of captures."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url} did not return a list of captures: {reason}")
        self.url, self.reason = url, reason


class ListRequests:
    """Determines which URLs to request to get the whole list of captures. Call `next` for a URL and `read` with its
    response, until `next` returns None.

    The captures are added to `listing`. Some servers truncate a long list and give no resume key. For these, the time
    range is halved until the list of each part is complete.
    """

    def __init__(self, plan: WaybackPlan, listing: CaptureList) -> None:
        self._plan, self._listing = plan, listing
        self.problems: list[Problem] = []
        self._spans: list[tuple[datetime | None, datetime | None]] = [(plan.since, plan.until)]
        self._maps = [plan.service.timemap(plan.url)] if plan.service.is_timemap else []
        self._known = set(self._maps)
        self._asked = self._resumed = ""

    def next(self) -> str | None:
        """Returns the next URL to request, or None if the list is complete."""
        if self._plan.service.is_timemap:
            self._asked = self._maps.pop() if self._maps else ""
        elif self._resumed:
            self._asked = self._resumed
        else:
            self._asked = (
                captures_url(self._plan.service.asks, self._plan.address, *self._spans[-1]) if (self._spans) else ""
            )
        return self._asked or None

    def read(self, status: int, location: str, body: bytes) -> None:
        """Parses the response to the URL that `next` returned (its status, the target of a redirect and its body), and
        adds its captures to `listing`. Raises NoCaptureList if the response is not a list of captures.
        """
        if 300 <= status < 400:
            raise NoCaptureList(self._asked, f"it redirects to {location[:200]}; give that URL with --service")
        nothing = status == 404 and (self._plan.service.is_timemap or b"no captures" in body[:1000].lower())
        if status != 200 and not nothing:
            raise NoCaptureList(
                self._asked, f"it responds with {status} {plain_text(decode(body[:2_000]), 150)}".strip()
            )
        if self._plan.service.is_timemap:
            self._read_timemap(b"" if nothing else body)
        else:
            self._read_cdx(cdx_and_timemaps.CdxPage() if nothing else cdx_and_timemaps.parse_cdx(body))

    def _read_timemap(self, body: bytes) -> None:
        page, more = parse_timemap(body, self._plan.url)
        if page.error:
            raise NoCaptureList(self._asked, f"its response is not a TimeMap: {page.error}")
        self._listing.add(page.entries)
        new = [url for url in more if url.startswith(self._plan.service.asks) and url not in self._known]
        self._known |= set(new)
        if page.is_cut or len(self._known) > _MAX_TIMEMAPS:
            self.problems.append(Problem(ProblemKind.CUT_LIST, self._asked, self._plan.url))
        else:
            self._maps += new

    def _read_cdx(self, page: cdx_and_timemaps.CdxPage) -> None:
        if page.error:
            raise NoCaptureList(self._asked, f"its response is not a list of captures: {page.error}")
        since, until = self._spans[-1]
        if has_resume_keys(self._plan.service):
            self._listing.add(page.entries)
            following = (
                next_part_url(captures_url(self._plan.service.asks, self._plan.address, since, until), page.resume_key)
                if page.resume_key and page.entries
                else ""
            )
            # If the server sent a resume key again, requesting its list would never end.
            self._resumed = following if following not in self._known else ""
            self._known.add(following)
            if not self._resumed:
                self._spans.pop()
            return
        self._spans.pop()
        begin, end = since or FIRST, until or datetime.now(UTC)
        if not page.is_cut and len(page.entries) + page.bad < requested_limit(self._asked):
            self._listing.add(page.entries)
        elif end - begin < _SECOND:  # a range of one second cannot be divided, because both its ends are inclusive
            self._listing.add(page.entries)
            self.problems.append(
                Problem(ProblemKind.CUT_LIST, self._asked, self._plan.url, f"at {begin:%Y-%m-%d %H:%M:%S}")
            )
        else:
            middle = (begin + (end - begin) / 2).replace(microsecond=0)
            self._spans += [(middle + _SECOND, until), (since, middle)]


_PREFIX = "wayback"
_BATCH, _BATCH_SECONDS = 16, 2.0
_LISTED_BATCH = 200


class WaybackImport:
    """An import from a web archive. Raises the errors of `open_archive`, and ArchiveInUse if another import is running.

    The caller adds the list of captures to `listing`, calls `decide`, fetches each capture that `rows` yields, and
    passes the result to `enter`. If the process dies, results that were not written yet are fetched again by the next
    run.
    """

    def __init__(self, plan: WaybackPlan) -> None:
        self.plan, self.result = plan, WaybackOutcome()
        self.listing = CaptureList(plan)
        self._now = datetime.now(UTC)
        self._open: ImportTarget | None = None
        self._waiting: list[tuple[ListedCapture, ReadRecord | Problem | None]] = []
        self._written = time.monotonic()
        if plan.dry_run:
            self._db = open_archive(plan.archive, read_only=True) if plan.archive.exists() else None
            return
        self._open = ImportTarget(
            plan.archive,
            _PREFIX,
            "Captures that were made by others, fetched from a web archive",
            self._now,
            known_sites=False,
        )
        self._db = self._open.db
        self._open.repair()
        self._reader = RecordReader(self._db, __version__, self._now, plan.all_captures, load_page_objects())
        self._counted = ImportCounts()
        self._source = ImportSource(self._begin(), plan.service.replay)

    def _begin(self) -> int:
        """Registers the import and returns its ID. If the same import ran before, continues with its ID and counts."""
        assert self._db is not None
        before = captures.last_import(self._db, self.plan.digest, self.plan.options)
        if before is not None:
            self._counted = ImportCounts(**json.loads(before["counts"]))
            return int(before["id"])
        with writing(self._db):
            return captures.begin_import(
                self._db, self.plan.service.replay, self.plan.digest, 0, self.plan.options, self._now
            )

    def decide(self) -> None:
        """Decides which captures to fetch, once the list is complete. Captures that are already in the archive, and
        captures of removed posts, are left out.
        """
        listing, result = self.listing, self.result
        listing.decide()
        if self._db is not None:
            self._drop_removed(self._db)
            if not self.plan.again:
                self._drop_known(self._db)
        result.listed, result.left_out, result.addresses = listing.total, listing.left_out, listing.addresses
        result.chosen = listing.count(CaptureAction.FETCH)
        if self.plan.limit:
            result.chosen = min(result.chosen, self.plan.limit)

    def _drop_removed(self, db: Database) -> None:
        for row in self.listing.rows(*CaptureAction):
            if tombstones.tombstone_at(db, urlkey(row.listed.url)):
                self.result.tally.removed += 1
                self.listing.drop(row)

    def _drop_known(self, db: Database) -> None:
        """Removes captures that are already in the archive from the list. A capture whose payload is in the archive
        from another time is not fetched either: only its time remains to be stored.
        """
        listing, result = self.listing, self.result
        for row in listing.rows(CaptureAction.FETCH):
            if self._is_here(row.listed):
                result.here += 1
                listing.drop(row)
            elif row.listed.is_page and captures.is_payload_known(db, row.listed.url, _sha1(row.listed)):
                listing.change(row, CaptureAction.SEEN)
        for row in listing.rows(CaptureAction.GONE):
            if captures.is_response_known(db, row.listed.url, row.listed.at):
                result.here += 1
                listing.drop(row)
        for row in listing.rows(CaptureAction.SEEN):
            if captures.is_memento_known(db, row.listed.url, row.listed.at, _sha1(row.listed)):
                listing.drop(row)

    def _is_here(self, one: CaptureListEntry) -> bool:
        assert self._db is not None
        if not one.is_page and captures.is_response_known(self._db, one.url, one.at):
            return True
        return captures.is_memento_known(self._db, one.url, one.at, _sha1(one))

    def rows(self) -> Iterator[ListedCapture]:
        """Yields the listed captures that are to be fetched from the web archive, at most `plan.limit`."""
        for n, row in enumerate(self.listing.rows(CaptureAction.FETCH)):
            if self.plan.limit and n >= self.plan.limit:
                return
            yield row

    def enter(self, row: ListedCapture, result: ForeignRecord | Problem) -> ListedCapture | None:
        """Stores the result of fetching a capture of `rows`. If the result is a problem, returns another capture to
        fetch in place of this one, or None. Raises errors of the disk and the database.
        """
        self.result.fetched += 1
        other = None
        if isinstance(result, Problem):
            other = self.listing.take_replacement(row)
            self._waiting.append((row, result))
        elif not self._in_time(result):
            self._waiting.append((row, None))
        else:
            # The reader yields one result for the record, and its problems.
            self._waiting += [(row, one) for one in self._reader.read([RecordPair(result)])]
        if len(self._waiting) >= _BATCH or time.monotonic() - self._written > _BATCH_SECONDS:
            self.flush()
        return other

    def _in_time(self, record: ForeignRecord) -> bool:
        at = parse_warc_date(record.fields.get("warc-date", ""))
        return at is None or self.plan.includes(at)

    def flush(self) -> None:
        """Writes the results that `enter` has collected, in one transaction."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._write([one for _, one in waiting if one is not None], waiting)
        self._written = time.monotonic()

    def _write(
        self, results: list[ReadRecord | Problem], waiting: list[tuple[ListedCapture, ReadRecord | Problem | None]]
    ) -> None:
        assert self._open is not None
        tally, problems = ImportCounts(), list[Problem]()
        tally.records = len({row.n for row, _ in waiting})
        tally.skipped = sum(one is None for _, one in waiting)
        with writing(self._open.db), batch_indexing(self._open.db):
            total = self._open.enter(results, self._source, tally, problems, self._counted, None)
            for row, one in waiting:
                if not isinstance(one, Problem) and not _is_stored_as_listed(row, one):
                    captures.mark_memento_read(self._open.db, row.key, row.listed.at, _sha1(row.listed))
        self._counted = total
        self.result.tally.add(tally)
        for problem in problems:
            self.result.add_problem(problem)

    def enter_listed(self) -> Iterator[int]:
        """Stores what the list says about captures that are not fetched. Yields the number of captures in each batch.

        If the payload of a listed capture is not in the archive, because fetching it failed, nothing is stored for it.
        """
        batch: list[ReadRecord] = []
        for row in self.listing.rows(CaptureAction.SEEN, CaptureAction.GONE):
            one = self._gone(row.listed) if row.do is CaptureAction.GONE else self._seen(row.listed)
            if one is not None:
                batch.append(one)
            if len(batch) >= _LISTED_BATCH:
                yield self._write_listed(batch)
                batch = []
        yield self._write_listed(batch)

    def _write_listed(self, batch: list[ReadRecord]) -> int:
        if batch:
            self._write(list(batch), [])
            self.result.seen += len(batch)
        return len(batch)

    def _gone(self, one: CaptureListEntry) -> ReadRecord:
        found = ForeignCapture(
            self.plan.service.memento(one.at, one.asked or one.url), one.url, one.at, one.status or 404
        )
        return ReadRecord(RecordKind.GONE, found, rule=f"http-{one.status}")

    def _seen(self, one: CaptureListEntry) -> ReadRecord | None:
        digest = _sha1(one)
        if (
            self._db is None
            or not captures.is_payload_known(self._db, one.url, digest)
            or (captures.is_no_post(self._db, one.url, digest))
        ):
            return None
        found = ForeignCapture(
            self.plan.service.memento(one.at, one.asked or one.url),
            one.url,
            one.at,
            200,
            digest=digest,
            is_revisit=True,
            was="line of a list of captures",
        )
        return ReadRecord(RecordKind.REVISIT, found, digest)

    def finish(self, outcome: str, reason: str = "") -> None:
        """Writes the remaining results and the outcome of the import. Raises OSError and sqlite3.Error."""
        self.result.outcome, self.result.reason = outcome, reason
        if self._open is None:
            return
        self.flush()
        with writing(self._open.db):
            captures.end_import(self._open.db, self._source.import_id or 0, outcome, self._counted, datetime.now(UTC))
        self._open.seal()

    def close(self) -> None:
        self.listing.close()
        if self._open is not None:
            self._open.close()
        elif self._db is not None:
            self._db.close()


def make_requested_capture(row: ListedCapture) -> RequestedCapture:
    """Converts a listed capture to the RequestedCapture that is to be fetched."""
    one = row.listed
    return RequestedCapture(one.at, one.asked or one.url, one.digest, one.status)


def _sha1(one: CaptureListEntry) -> str:
    """Returns the SHA-1 digest of a listed capture in the form that the archive stores ("sha1:" and base 32). A digest
    of another algorithm is returned unchanged.
    """
    return normalize_sha1(digest_field(one.digest) or one.digest)


def _is_stored_as_listed(row: ListedCapture, one: ReadRecord | None) -> bool:
    """Returns True if a listed capture was stored as a post with the time and digest of the list. `one` is what was
    read from the fetched capture; None if it could not be read. The table `captures` then shows that it was fetched,
    and no other record of this is needed.
    """
    return (
        one is not None
        and one.kind in (RecordKind.POST, RecordKind.KNOWN)
        and one.digest == _sha1(row.listed)
        and (one.found.at == row.listed.at and urlkey(one.found.url) == row.key)
    )
