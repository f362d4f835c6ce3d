"""Detecting truncated compressed bodies."""

from __future__ import annotations

import gzip
import zlib

import pytest

from archiver.middlewares import is_truncated

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
