"""Decoding compressed bodies, and detecting truncated ones."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scrapy.http import HtmlResponse, Request, Response
from scrapy.utils.test import get_crawler

from archiver.middlewares import UnpackingMiddleware, is_truncated, unpack_complete_gzip
from archiver.spiders.page_request import HostFileRequest

TEXT = b"".join(b"%d boats before dawn, " % n for n in range(400))
MEMBERS = gzip.compress(TEXT[:900]) + gzip.compress(TEXT[900:])


@pytest.mark.parametrize(
    ("packed", "coding"),
    [
        (gzip.compress(TEXT), "gzip"),
        (gzip.compress(TEXT) + b"padding", "x-gzip"),
        (MEMBERS, "gzip"),
        (gzip.compress(TEXT)[:-8], "gzip"),
        (gzip.compress(TEXT)[:-3], "gzip"),
        (zlib.compress(TEXT), "deflate"),
        (zlib.compress(TEXT)[2:-4], "deflate"),
        (TEXT, "identity"),
        (TEXT, "a coding of its own"),
    ],
)
def test_whole_bodies_are_not_cut_off(packed: bytes, coding: str) -> None:
    assert not is_truncated(packed, coding, len(TEXT))


@pytest.mark.parametrize("left", [-20, -200, 60])
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_truncated_bodies_are_cut_off(left: int, coding: str) -> None:
    packed = (gzip if coding == "gzip" else zlib).compress(TEXT)
    assert is_truncated(packed[:left], coding, len(zlib.decompressobj(47).decompress(packed[:left])))


@given(st.binary(), st.integers(0, 9))
def test_a_complete_body_is_unpacked(body: bytes, level: int) -> None:
    packed = gzip.compress(body, level)
    assert unpack_complete_gzip(packed, 0) == unpack_complete_gzip(packed, max(1, len(body))) == body
    assert len(body) < 2 or unpack_complete_gzip(packed, len(body) - 1) is None
    for broken in (packed[:-1], packed + b"x", packed * 2, packed[:-8] + bytes(8) + b"x", packed[1:], body):
        assert unpack_complete_gzip(broken, 0) is None


BOMB = gzip.compress(bytes(5_000_000))[:-4] + (10).to_bytes(4, "little")


def test_a_length_that_is_too_small_is_not_believed() -> None:
    assert unpack_complete_gzip(BOMB, 100) is None


@pytest.mark.parametrize("packed", [gzip.compress(TEXT), MEMBERS, gzip.compress(TEXT) + b"padding"])
@pytest.mark.parametrize("coding", ["gzip", "X-GZIP"])
def test_a_page_of_a_crawl_is_decoded_as_scrapy_decodes_other_responses(packed: bytes, coding: str) -> None:
    middleware = UnpackingMiddleware.from_crawler(get_crawler())
    headers = {"Content-Encoding": coding, "Content-Type": "text/html; charset=utf-8", "X-Other": "1"}
    found = []
    for meta in ({}, {"page": HostFileRequest("https://example.org/a")}):
        request = Request("https://example.org/a", meta=meta)
        response = HtmlResponse(request.url, 203, dict(headers), packed, ["flag"], request, protocol="HTTP/1.1")
        out = middleware.process_response(request, response)
        assert isinstance(out, Response)
        found.append((out.url, out.status, out.headers, out.body, out.flags, out.request is request, out.protocol))
        assert response.body == packed
    assert found[0] == found[1]
    assert found[0][3] == TEXT
    assert "Content-Encoding" not in found[0][2]
