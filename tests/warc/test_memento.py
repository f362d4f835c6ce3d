"""Responses of a web archive become the records that a crawler would have written: bytes, headers, time, digest."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from typing import Any

import pytest

from archiver.importers.foreign_reader import ForeignCapture, foreign_capture_in
from archiver.importers.import_problems import Problem, ProblemKind
from archiver.importers.memento_records import (
    ArchiveResponse,
    OtherMemento,
    RequestedCapture,
    digest_field,
    memento_record,
)
from archiver.importers.memento_service import parse_archive_service
from tests.importers.files import page, sha1

SERVICE = parse_archive_service("internet-archive")
AT = datetime(2009, 5, 2, 10, tzinfo=UTC)
NOW = datetime(2024, 1, 1, tzinfo=UTC)
URL = "http://blog.example/2009/boats/"
URI = SERVICE.memento(AT, URL)
WHEN = ("Memento-Datetime", "Sat, 02 May 2009 10:00:00 GMT")
PAGE = page()
DIGEST = sha1(PAGE).removeprefix("sha1:")


def response(body: bytes = PAGE, *headers: tuple[str, str], status: int = 200) -> ArchiveResponse:
    return ArchiveResponse(URI, NOW, status, tuple((n.encode(), v.encode()) for n, v in headers), body)


def read(answer: ArchiveResponse, digest: str = DIGEST) -> Any:
    record = memento_record(answer, RequestedCapture(AT, URL, digest), SERVICE)
    found = record if isinstance(record, (Problem, OtherMemento)) else foreign_capture_in(record, None, NOW)
    return found.kind if isinstance(found, Problem) else found


def fields(found: ForeignCapture) -> dict[str, str]:
    assert found.exchange is not None
    return {n.decode(): v.decode() for n, v in found.exchange.response_headers}


def test_fields_that_the_archive_renamed_get_their_names_back() -> None:
    found = read(
        response(
            PAGE,
            ("Content-Type", "text/html"),
            ("X-Archive-Orig-ETag", '"1"'),
            WHEN,
            ("Server", "theirs"),
            ("X-Archive-Orig-Content-Length", "-1"),
            ("X-Archive-Orig-Server", "Apache"),
            ("X-Archive-Orig-Transfer-Encoding", "chunked"),
            ("X-Archive-Src", "x.warc.gz"),
        )
    )
    assert fields(found) == {
        "Content-Type": "text/html",
        "ETag": '"1"',
        "Server": "Apache",
        "X-Archive-Orig-Transfer-Encoding": "chunked",
    }
    assert (found.at, found.source_uri, found.fetched_at, found.place) == (AT, URI, NOW, URI)


def test_passed_on_fields_are_distinguished_from_the_web_archives_own() -> None:
    found = read(
        response(
            PAGE,
            ("Content-Type", "text/html"),
            ("X-Archive-Orig-Transfer-Encoding", "chunked"),
            WHEN,
            ("Link", '</x>; rel="next"'),
            ("Link", f'<{URL}>; rel="original", </t>; rel="timegate"'),
            ("Content-Location", URI),
            ("Date", "Mon, 01 Jan 2024 00:00:01 GMT"),
            ("Transfer-Encoding", "chunked"),
        )
    )
    assert fields(found) == {
        "Content-Type": "text/html",
        "X-Archive-Orig-Transfer-Encoding": "chunked",
        "Link": '</x>; rel="next"',
    }
    old = ("Date", "Sat, 02 May 2009 10:00:00 GMT")
    assert fields(read(response(PAGE, old, WHEN)))["Date"] == old[1]


PACKED = gzip.compress(PAGE, mtime=0)
ORIGINAL = ("X-Archive-Orig-Content-Encoding", "gzip")


@pytest.mark.parametrize(
    ("body", "headers", "digest", "payload", "declared"),
    [
        (PACKED, [("Content-Encoding", "gzip")], DIGEST, PAGE, f"sha1:{DIGEST}"),
        (PACKED, [("Content-Encoding", "gzip"), ORIGINAL], sha1(PACKED)[5:], PACKED, sha1(PACKED)),
        (PACKED, [("Content-Encoding", "gzip"), ("X-Archive-Orig-Server", "a")], "", PAGE, ""),
        (PACKED, [("Content-Encoding", "gzip")], "", PACKED, ""),
        (PACKED, [ORIGINAL], sha1(PACKED)[5:], PACKED, sha1(PACKED)),
        (PAGE, [ORIGINAL], sha1(PACKED)[5:], PAGE, f"list:{sha1(PACKED)[5:]}"),
        (PAGE, [("X-Archive-Orig-Transfer-Encoding", "chunked")], "A" * 32, PAGE, f"list:{'A' * 32}"),
    ],
    ids=[
        "packed for the wire",
        "packed then",
        "packed for the wire, no digest",
        "packed, no digest",
        "packed, unsaid",
        "unpacked since",
        "chunked then",
    ],
)
def test_the_payload_is_what_was_captured(
    body: bytes, headers: list[tuple[str, str]], digest: str, payload: bytes, declared: str
) -> None:
    found = read(response(body, ("Content-Type", "text/html"), WHEN, *headers), digest)
    assert found.exchange.body == payload
    assert found.declared == declared
    assert found.answer.body == PAGE
    assert ("Content-Encoding" in fields(found)) is (payload == PACKED)
    assert not found.odd


@pytest.mark.parametrize(
    ("answer", "digest", "kind"),
    [
        (response(b"<p>x", WHEN), DIGEST, ProblemKind.PAYLOAD_DIGEST),
        (response(PAGE), "", ProblemKind.NOT_A_MEMENTO),
        (response(b"", status=404), DIGEST, ProblemKind.UNANSWERED),
        (response(b"", ("Location", "http://blog.example/"), status=302), DIGEST, ProblemKind.NOT_A_MEMENTO),
        (
            response(b"", ("Location", "/web/2010id_/http://other.example/"), status=302),
            DIGEST,
            ProblemKind.NOT_A_MEMENTO,
        ),
        (response(PAGE, WHEN, ("Link", '<http://blog.example/>; rel="original"')), "", ProblemKind.NOT_A_MEMENTO),
        (response(b"<html><script>__wm.init('x')</script>", WHEN), "", ProblemKind.REWRITTEN),
        (
            response(gzip.compress(b"<html><!--\n FILE ARCHIVED ON 10:00:00 -->"), WHEN, ("Content-Encoding", "gzip")),
            "",
            ProblemKind.REWRITTEN,
        ),
        (
            response(PAGE, WHEN, ("X-Archive-Orig-Content-Length", "99999"), ("X-Archive-Orig-Server", "a")),
            "",
            ProblemKind.CUT_OFF,
        ),
    ],
    ids=["forged", "own page", "missing", "live", "elsewhere", "another", "rewritten", "rewritten, packed", "cut off"],
)
def test_responses_that_are_not_captures_are_problems(answer: ArchiveResponse, digest: str, kind: ProblemKind) -> None:
    assert read(answer, digest) is kind


def test_a_matching_digest_or_a_memento_time_proves_a_capture() -> None:
    page_body = b"<html><p>How to remove BEGIN WAYBACK TOOLBAR INSERT</p>"
    assert read(response(page_body), sha1(page_body)[5:]).at == AT
    assert read(response(PAGE, ("Memento-Datetime", "Sun, 01 Jan 2012 00:00:00 GMT"))).at.year == 2012


def test_a_redirect_leads_where_it_led_at_its_capture() -> None:
    led = ("Location", "/web/20090502100000id_/http://blog.example/new/?a=1")
    found = read(response(b"", WHEN, led, status=301), "")
    assert fields(found)["Location"] == "http://blog.example/new/?a=1"
    assert found.status == 301
    redirect = memento_record(response(b"", WHEN, led, status=302), RequestedCapture(AT, URL, "", 308), SERVICE)
    assert not isinstance(redirect, (Problem, OtherMemento))
    assert redirect.block is not None
    assert redirect.block.startswith(b"HTTP/1.1 308 Permanent Redirect")
    own = response(b"", WHEN, ("Location", f"/web/20090502100000id_/{URL.replace('http:', 'https:')}"), status=302)
    assert memento_record(own, RequestedCapture(AT, URL, DIGEST, 200), SERVICE) == OtherMemento(
        AT, URL.replace("http:", "https:")
    )
    away = read(response(b"", ("Location", "/web/20100102030405id_/https://www.blog.example/2009/boats"), status=302))
    assert away == OtherMemento(datetime(2010, 1, 2, 3, 4, 5, tzinfo=UTC), "https://www.blog.example/2009/boats")


@pytest.mark.parametrize(
    ("digest", "field"),
    [
        (DIGEST, f"sha1:{DIGEST}"),
        ("d41d8cd98f00b204e9800998ecf8427e", "md5:d41d8cd98f00b204e9800998ecf8427e"),
        ("sha256:abc", "sha256:abc"),
        ("", ""),
        ("-", ""),
        ("strange", ""),
        ("da39a3ee5e6b4b0d3255bfef95601890afd80709", "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    ],
)
def test_a_digest_of_a_list_gets_its_algorithm(digest: str, field: str) -> None:
    assert digest_field(digest) == field
