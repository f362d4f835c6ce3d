"""HTTP responses in foreign records: encodings are decoded, digests checked, problems reported."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import zlib
from datetime import UTC, datetime

import pytest
from backports import zstd
from fastwarc.stream_io import BrotliWriter
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.importers.declared_digests import parse_digest
from archiver.importers.foreign_reader import (
    ForeignCapture,
    ForeignRecord,
    StreamPosition,
    foreign_capture_in,
    warc_date,
)
from archiver.importers.http_response_parser import dechunk, parse_http_response
from archiver.importers.import_problems import Problem, ProblemKind
from tests.importers.files import http, page, sha1

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PAGE = page()
CHUNKED = b"".join(b"%x;x=1\r\n%s\r\n" % (len(p), p) for p in (PAGE[:100], PAGE[100:])) + b"0\r\n\r\n"


def brotli(data: bytes) -> bytes:
    out = io.BytesIO()
    writer = BrotliWriter(out)
    writer.write(data)
    writer.close()
    return out.getvalue()


CODED = {
    "gzip": gzip.compress(PAGE),
    "deflate": zlib.compress(PAGE),
    "br": brotli(PAGE),
    "zstd": zstd.compress(PAGE),
    "x-gzip": gzip.compress(PAGE),
    "gzip, deflate": zlib.compress(gzip.compress(PAGE)),
}


def found(
    block: bytes, at: str | None = "2009-05-02T10:00:00Z", kind: str = "response", **fields: str
) -> ForeignCapture | Problem:
    named = {"warc-type": kind, "warc-target-uri": "http://blog.example/a", "content-type": "application/http"}
    named |= {name.replace("_", "-"): value for name, value in fields.items()}
    return foreign_capture_in(
        ForeignRecord(StreamPosition(), named | ({"warc-date": at} if at else {}), block), None, NOW
    )


def oddities(block: bytes, **fields: str) -> list[str]:
    one = found(block, **fields)
    return [f"!{one.kind}"] if isinstance(one, Problem) else [kind.value for kind, _ in one.odd]


@pytest.mark.parametrize("coding", CODED)
def test_content_encodings_are_decoded(coding: str) -> None:
    one = found(http(CODED[coding], headers=[("Content-Encoding", coding)]))
    assert isinstance(one, ForeignCapture)
    assert one.answer is not None
    assert one.exchange is not None
    assert one.answer.body == PAGE
    assert one.exchange.body == CODED[coding]
    assert not one.odd


@pytest.mark.parametrize(
    "block, names",
    [
        (http(PAGE), []),
        (http(CHUNKED, headers=[("Transfer-Encoding", "chunked")], length=None), []),
        (http(PAGE, headers=[("Transfer-Encoding", "chunked")], length=None), ["chunking"]),
        (http(CHUNKED, length=None), ["chunking"]),
        (http(CHUNKED[:-60], headers=[("Transfer-Encoding", "chunked")], length=None), ["!cut-off"]),
        (http(PAGE, length=len(PAGE) + 50), ["!cut-off"]),
        (http(PAGE, length=len(PAGE) - 50), ["http-length"]),
        (http(PAGE, headers=[("Content-Encoding", "gzip")]), ["miscoded"]),
        (http(PAGE, headers=[("Content-Encoding", "br")]), ["miscoded"]),
        (http(PAGE, headers=[("Content-Encoding", "no-such")]), ["miscoded"]),
        (http(gzip.compress(PAGE)), ["miscoded"]),
        (http(gzip.compress(PAGE)[:-30], headers=[("Content-Encoding", "gzip")]), ["!content-encoding"]),
        (http(PAGE, kind="image/jpeg"), ["mislabelled"]),
        (http(b"\x89PNG\r\n\x1a\n" + bytes(50)), ["mislabelled"]),
        (http(PAGE, kind="text/plain"), []),
        (http(PAGE, kind=""), []),
        (http(PAGE, version="HTTP/1.0"), []),
        (http(PAGE, version="HTTP/2"), []),
        (http(PAGE, status="200"), []),
        (http(PAGE).replace(b"\r\n", b"\n"), []),
        (PAGE, []),
        (b"\x00\x01 no response at all", ["!http-header"]),
        (b"", ["!http-header"]),
    ],
)
def test_contradictions_in_a_response_are_reported(block: bytes, names: list[str]) -> None:
    assert oddities(block) == names
    one = found(block)
    if isinstance(one, ForeignCapture) and "mislabelled" not in names:
        assert one.answer is not None
        assert one.answer.body == PAGE
        assert one.answer.is_html


def test_a_copy_of_an_odd_record_can_be_read_by_its_own_header() -> None:
    for block in (http(PAGE, headers=[("Content-Encoding", "gzip")]), http(gzip.compress(PAGE))):
        one = found(block)
        assert isinstance(one, ForeignCapture)
        assert one.exchange is not None
        again = parse_http_response(
            http(
                one.exchange.body,
                kind="",
                headers=[
                    (n.decode(), v.decode()) for n, v in one.exchange.response_headers if n.lower() != b"content-length"
                ],
            )
        )
        assert again is not None
        assert again.body == PAGE
        assert not again.odd


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "deflate"])
def test_a_body_that_decompresses_beyond_the_limit_is_a_bomb(coding: str) -> None:
    empty = bytes(1 << 20)
    packed = {"gzip": gzip.compress, "br": brotli, "zstd": zstd.compress, "deflate": zlib.compress}[coding](empty)
    answer = parse_http_response(http(packed, headers=[("Content-Encoding", coding)]), limit=1 << 16)
    assert answer is not None
    assert [kind for kind, _ in answer.odd] == [ProblemKind.BOMB]


@pytest.mark.parametrize("name", ["sha1", "md5", "sha256", "sha512"])
@pytest.mark.parametrize("form", ["base32", "hex", "HEX", "base64"])
def test_digests_are_read_in_every_spelling(name: str, form: str) -> None:
    digest = hashlib.new(name, PAGE).digest()
    text = {
        "base32": base64.b32encode(digest).decode().rstrip("="),
        "hex": digest.hex(),
        "HEX": digest.hex().upper(),
        "base64": base64.b64encode(digest).decode(),
    }[form]
    assert parse_digest(f"{name}:{text}") == (name, digest)
    block_digest = f"{name}:{hashlib.new(name, http(PAGE)).hexdigest()}"
    assert oddities(http(PAGE), warc_payload_digest=f"{name}:{text}", warc_block_digest=block_digest) == []
    assert oddities(http(PAGE + b" "), warc_payload_digest=f"{name}:{text}") == ["!payload-digest"]
    assert oddities(http(PAGE + b" "), warc_block_digest=block_digest) == ["!block-digest"]


def test_a_payload_digest_may_be_computed_with_or_without_codings() -> None:
    packed = gzip.compress(PAGE)
    wire = b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed)
    block = http(wire, headers=[("Transfer-Encoding", "chunked"), ("Content-Encoding", "gzip")], length=None)
    for payload in (wire, packed, PAGE):
        assert oddities(block, warc_payload_digest=sha1(payload)) == []
    assert oddities(block, warc_payload_digest=sha1(b"other")) == ["!payload-digest"]


def test_digests_that_cannot_be_checked_are_not_damage() -> None:
    for field in ("blake3:abc", "sha1:not-a-digest!", "nothing", "sha1:"):
        assert oddities(http(PAGE), warc_payload_digest=field, warc_block_digest=field) == []


@pytest.mark.parametrize(
    "text, at",
    [
        ("2009-05-02T10:00:00Z", "2009-05-02T10:00:00+00:00"),
        ("2009-05-02T10:00:00.123456789Z", "2009-05-02T10:00:00.123456+00:00"),
        ("20090502100000", "2009-05-02T10:00:00+00:00"),
        ("2009-05-02T12:00:00+02:00", "2009-05-02T10:00:00+00:00"),
        ("2009-05-02 10:00:00", "2009-05-02T10:00:00+00:00"),
        ("2009-05", "2009-05-01T00:00:00+00:00"),
        ("2009", "2009-01-01T00:00:00+00:00"),
        ("2009-02-30T10:00:00Z", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates_of_records_are_parsed(text: str, at: str | None) -> None:
    found_at = warc_date(text)
    assert (found_at.isoformat() if found_at else None) == at


def test_records_without_date_or_address_are_problems() -> None:
    assert oddities(http(PAGE), at=None) == ["!no-date"]  # type: ignore[arg-type]
    for at in ("soon", "1970-01-01T00:00:00Z", "2031-01-01T00:00:00Z"):
        assert oddities(http(PAGE), at=at) == ["!date"]
    assert oddities(http(PAGE), warc_target_uri="http://") == ["!address"]
    assert oddities(http(PAGE), warc_truncated="length") == ["!cut-off"]


def test_urls_with_other_alphabets_and_odd_escapes_are_read() -> None:
    for url, stored in (
        ("http://bücher.example/straße", "http://xn--bcher-kva.example/stra%C3%9Fe"),
        ("http://blog.example/100%", "http://blog.example/100%"),
        ("http://blog.example:80/a b?q=%zz#x", "http://blog.example/a%20b?q=%zz"),
    ):
        one = found(http(PAGE), warc_target_uri=url)
        assert isinstance(one, ForeignCapture)
        assert (one.url, one.original_url) == (stored, url if url != stored else "")


def test_a_resource_record_gets_a_header_with_its_own_type() -> None:
    one = found(PAGE, kind="resource", content_type="text/html")
    assert isinstance(one, ForeignCapture)
    assert one.made
    assert one.answer is not None
    assert one.answer.is_html
    assert one.status == 200


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(["gzip", "br", "deflate", "zstd", "gzip, br", "x", ""]), st.booleans())
def test_any_bytes_are_a_response_or_a_problem(data: bytes, coding: str, chunked: bool) -> None:
    headers = [("Content-Encoding", coding)] if coding else []
    headers += [("Transfer-Encoding", "chunked")] if chunked else []
    assert found(http(data, headers=headers)) is not None
    assert found(data) is not None
    dechunk(data)
