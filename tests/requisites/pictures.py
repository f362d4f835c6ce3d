"""Pictures, stylesheets and two hosts that serve them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from tests.hostile.world import World, two_hosts
from tests.spiders.site_server import Answer, Pages, SiteServer, serving

BLOG, PICTURES = "http://site.example/", "http://other.example/"


def png(width: int, height: int, colour: tuple[int, int, int] = (200, 60, 20)) -> bytes:
    """Return a PNG image of one colour."""
    rows = (b"\0" + bytes(colour) * width) * height

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def picture(body: bytes = b"", **headers: str) -> Answer:
    return Answer(body or png(4, 3), headers={"Content-Type": "image/png", **headers})


def css(text: str) -> Answer:
    return Answer(text.encode(), headers={"Content-Type": "text/css"})


def lead(url: str) -> str:
    return f'<meta property="og:image" content="{url}">'


@contextmanager
def blog_and_pictures(blog: Pages, pictures: Pages) -> Iterator[tuple[World, SiteServer, SiteServer]]:
    """Serve a blog and a host with its pictures, both with public addresses. Yields the world and both servers."""
    with serving(blog) as one, serving(pictures) as two:
        yield two_hosts(one, two), one, two
