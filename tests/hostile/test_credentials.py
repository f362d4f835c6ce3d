"""No cookie, credential or referrer is sent to another host, and none is archived."""

from __future__ import annotations

import base64
import gzip
from pathlib import Path

import pytest

from archiver.model.urls import normalize
from archiver.warc.warc_records import decode_payload
from tests.hostile.test_addresses import NEWS, OTHER, PUBLIC, _port, feeds
from tests.hostile.world import World
from tests.spiders.site_server import Answer, home, page, serving

SECRET = ("cookie", "authorization", "referer", "proxy-authorization")
COOKIE = {
    "Content-Type": "text/html; charset=utf-8",
    "Set-Cookie": "id=42; Path=/; Domain=example; Max-Age=99999",
    "Referrer-Policy": "unsafe-url",
    "WWW-Authenticate": 'Basic realm="news"',
}


def stored_bytes(folder: Path) -> bytes:
    """Return every byte that a crawl has stored, decompressed."""
    records = b"".join(gzip.decompress(f.read_bytes()) for f in folder.glob("warc/*.gz"))
    return records + b"".join(f.read_bytes() for f in (*folder.glob("**/*"),) if f.is_file() and f.suffix != ".gz")


def test_no_request_carries_cookies_credentials_or_referrers(tmp_path: Path) -> None:
    far_pages = {
        "/feed.xml": Answer(
            b'<rss version="2.0"><channel><title>x</title><item><title>a</title>'
            b"<link>http://ann:geheim@news.example/one/</link></item></channel></rss>",
            headers={"Content-Type": "application/rss+xml"},
        )
    }
    with serving(far_pages) as far:  # type: ignore[arg-type]
        pages = {
            "/": Answer(
                home(
                    "/two/",
                    "http://ann:geheim@news.example/three/",
                    "/four/",
                    head=feeds("http://ann:geheim@far.example/feed.xml"),
                ).body,
                headers=COOKIE,
            ),
            "/four/": Answer(status=302, headers={"Location": "http://ann:geheim@news.example/five/", **COOKIE}),
            "/private/": Answer(b"", 401, COOKIE),
            **{f"/{n}/": Answer(page(f"Post {n}").body, headers=COOKIE) for n in ("one", "two", "three", "five")},
        }
        with serving(pages) as news:  # type: ignore[arg-type]
            world = World(
                names={"news.example": [[PUBLIC]], "far.example": [[OTHER]]},
                routes={f"{PUBLIC}:80": _port(news.url), f"{OTHER}:80": _port(far.url)},
            )
            done = world.crawl(tmp_path, NEWS)
            asked = [*news.asked, *far.asked]
    assert done.titles == ["Post five", "Post one", "Post three", "Post two"]
    assert "/feed.xml" in far.requests
    assert not [(one["path"], name) for one in asked for name in SECRET if name in one]
    assert not [url for url in done.rows if "@" in url or "geheim" in url]
    requests = [head for head in stored_bytes(tmp_path).split(b"WARC/1.1\r\n") if b"WARC-Type: request" in head]
    assert requests
    assert not [head for head in requests if b"geheim" in head or b"id=42" in head]


def test_a_proxy_password_is_sent_to_the_proxy_alone(tmp_path: Path) -> None:
    secret = base64.b64encode(b"ann:geheim")
    with serving({NEWS: home("/one/"), f"{NEWS}one/": page("The first")}) as proxy:
        address = proxy.url.replace("://", "://ann:geheim@")
        done = World(environment={"http_proxy": address, "ARCHIVER_CONTACT": "me@example.org"}).crawl(tmp_path, NEWS)
        assert all(asked["proxy-authorization"] == f"Basic {secret.decode()}" for asked in proxy.asked)
    assert done.titles == ["The first"]
    assert secret not in stored_bytes(tmp_path)
    assert b"geheim" not in stored_bytes(tmp_path)


def test_a_start_url_with_a_password_is_refused(tmp_path: Path) -> None:
    done = World().crawl(tmp_path, "http://ann:geheim@127.0.0.1:9/")
    assert done.code == 2

    assert not done.archive.exists()


@pytest.mark.parametrize("url", ["http://ann:geheim@a.example/b", "//ann@a.example/b", "http://ann:@a.example/b"])
def test_a_url_is_stored_without_its_user_name(url: str) -> None:
    assert normalize(url, "http://a.example/") == "http://a.example/b"


def test_a_stored_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(10_000_000))
    assert decode_payload(bomb, "gzip", limit=1_000_000) is bomb
    assert len(decode_payload(bomb, "gzip")) == 10_000_000
