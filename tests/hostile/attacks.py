"""The attacks as a table, each with its server and the expected outcome.

Each attack is a separate site: a home page, two good posts, and the attack at a URL between them.
"""

from __future__ import annotations

import gzip
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache

from tests.spiders.site_server import home, page

Send = Callable[[socket.socket, str], None]
"""Writes a response for this path, however wrong, until the client closes the connection."""

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Content-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
HTML = OK + b"Content-Type: text/html; charset=utf-8\r\n"
MB = 1 << 20
POST = page("A post that is cut").body


def once(data: bytes) -> Send:
    return lambda connection, path: connection.sendall(data)


def forever(first: bytes, again: bytes, pause: float = 0.0) -> Send:
    def send(connection: socket.socket, path: str) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(again)
            time.sleep(pause)

    return send


def answer(body: bytes, headers: bytes = b"", kind: bytes = b"text/html") -> Send:
    return once(OK + b"Content-Type: " + kind + b"\r\n" + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def reset(data: bytes) -> Send:
    def send(connection: socket.socket, path: str) -> None:
        connection.sendall(data)
        time.sleep(0.2)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return send


def wait(connection: socket.socket, path: str) -> None:
    time.sleep(60)


def redirect(to: Callable[[str], str]) -> Send:
    def send(connection: socket.socket, path: str) -> None:
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: " + to(path).encode() + b"\r\nContent-Length: 0\r\n\r\n")

    return send


def later(make: Callable[[], bytes], headers: bytes = b"", kind: bytes = b"text/html") -> Send:
    """Return a response whose body takes a while to make and is only made when it is requested."""
    return lambda connection, path: answer(make(), headers, kind)(connection, path)


@cache
def gzipped(size: int, times: int = 1) -> bytes:
    """Return `size` zeros, compressed by gzip `times` times."""
    body = bytes(size)
    for _ in range(times):
        body = gzip.compress(body, 9)
    return body


def xml(body: str) -> Send:
    return answer(body.encode(), kind=b"application/xml")


def rss(items: str, before: str = "") -> str:
    return f'<?xml version="1.0"?>{before}<rss version="2.0"><channel><title>A feed</title>{items}</channel></rss>'


def item(path: str, title: str = "A post") -> str:
    return f"<item><title>{title}</title><link>{path}</link></item>"


def sitemap_of(root: str, rows: str) -> str:
    return f'<{root} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{rows}</{root}>'


LAUGHS = (
    "<!DOCTYPE rss [<!ENTITY a0 'lol'>" + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12)) + "]>"
)
BLOWN = f"<!DOCTYPE rss [<!ENTITY a '{'x' * 3_000}'>]>"
OUTSIDE = (
    '<!DOCTYPE rss SYSTEM "http://127.0.0.1:9/dtd" [<!ENTITY f SYSTEM "file:///etc/passwd">'
    '<!ENTITY h SYSTEM "http://127.0.0.1:9/entity"><!ENTITY % p SYSTEM "http://127.0.0.1:9/p"> %p;]>'
)


@dataclass(frozen=True)
class Attack:
    """An attack. `expected` is the outcome and the rule of the attacking URL. `prefix`: all paths that begin with
    `path` respond too. `head` is HTML in the home page's head that refers to the attack, if no link does.
    """

    name: str
    send: Send
    expected: tuple[str, str]
    path: str = "/attack/"
    head: str = ""
    prefix: bool = False


def feed(name: str, send: Send, expected: tuple[str, str]) -> Attack:
    return Attack(
        name, send, expected, "/feed.xml", '<link rel="alternate" type="application/rss+xml" href="/feed.xml">'
    )


def sitemap(name: str, send: Send, expected: tuple[str, str], path: str = "/sitemap.xml") -> Attack:
    return Attack(name, send, expected, path, f'<link rel="sitemap" href="{path}">')


JSON_FEED = b'{"version": "https://jsonfeed.org/version/1.1", "items": [%s]}'
BOMB = b"Content-Encoding: "
ATTACKS: tuple[Attack, ...] = (
    # Time.
    Attack(
        "a body of a byte now and then",
        forever(HTML + b"Content-Length: 100000\r\n\r\n", b"x", 0.1),
        ("failed", "too-slow"),
    ),
    Attack("a header of a byte now and then", forever(OK, b"x", 0.1), ("failed", "timeout")),
    Attack("no answer at all", wait, ("failed", "timeout")),
    Attack(
        "an answer that stops in the middle",
        forever(HTML + b"Content-Length: 9000\r\n\r\n<html>", b"", 0.5),
        ("failed", "too-slow"),
    ),
    # Headers.
    Attack("header lines without end", forever(OK, b"X-Flood: 0123456789\r\n" * 100), ("failed", "header-flood")),
    Attack(
        "folded header lines without end", forever(OK + b"X-Flood: a\r\n", b" b\r\n" * 500), ("failed", "header-flood")
    ),
    Attack(
        "a header line without end",
        forever(OK + b"X-Flood: ", b"0123456789" * 100),
        ("failed", "broken-connection|header-flood"),
    ),
    Attack(
        "interim answers without end", forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100), ("failed", "header-flood")
    ),
    # Lengths.
    Attack("a body without end", forever(HTML + b"\r\n", b"<p>more</p>" * 1000), ("failed", "too-large")),
    Attack("chunks without end", forever(CHUNKED, b"2000\r\n" + bytes(8192) + b"\r\n"), ("failed", "too-large")),
    Attack("chunks of a byte without end", forever(CHUNKED, b"1\r\nx\r\n" * 1000), ("failed", "too-slow|too-large")),
    Attack(
        "a length of a terabyte", once(HTML + b"Content-Length: 1099511627776\r\n\r\n<html>"), ("failed", "too-large")
    ),
    Attack("a length that is too long", once(HTML + b"Content-Length: 99999\r\n\r\n" + POST), ("failed", "truncated")),
    Attack("a length that is too short", once(HTML + b"Content-Length: 700\r\n\r\n" + POST), ("archived", "")),
    Attack("a length below nothing", once(HTML + b"Content-Length: -5\r\n\r\n" + POST), ("failed", "bad-http")),
    Attack(
        "two lengths", once(HTML + b"Content-Length: 5\r\nContent-Length: 700\r\n\r\n" + POST), ("failed", "bad-http")
    ),
    Attack("invalid chunks", once(HTML + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + POST), ("failed", "truncated")),
    Attack(
        "a transfer coding of its own", once(HTML + b"Transfer-Encoding: sdch\r\n\r\n" + POST), ("failed", "bad-http")
    ),
    Attack("a connection that is reset", reset(HTML + b"Content-Length: 9000\r\n\r\n" + POST), ("failed", "truncated")),
    Attack("no header (HTTP/0.9)", once(POST), ("failed", "bad-http")),
    Attack("noise", once(bytes(range(256)) * 100 + b"\r\n" + bytes(range(256)) * 100), ("failed", "bad-http")),
    Attack("nothing in it", once(HTML + b"\r\n"), ("not-article", "")),
    # Compression.
    Attack("a gzip bomb", later(lambda: gzipped(32 * MB), BOMB + b"gzip\r\n"), ("failed", "too-large")),
    Attack(
        "a deflate bomb",
        later(lambda: zlib.compress(bytes(32 * MB), 9), BOMB + b"deflate\r\n"),
        ("failed", "too-large"),
    ),
    Attack("a bomb in a bomb", later(lambda: gzipped(64 * MB, 2), BOMB + b"gzip, gzip\r\n"), ("failed", "too-large")),
    Attack(
        "packed a thousand times",
        later(lambda: gzipped(10), BOMB + b"gzip, " * 999 + b"gzip\r\n"),
        ("failed", "too-large"),
    ),
    Attack("packed and cut", answer(gzip.compress(POST)[:-40], BOMB + b"gzip\r\n"), ("failed", "truncated")),
    Attack("packed without its sums", answer(gzip.compress(POST)[:-8], BOMB + b"gzip\r\n"), ("archived", "")),
    Attack("deflated and cut", answer(zlib.compress(POST)[:-40], BOMB + b"deflate\r\n"), ("failed", "truncated")),
    Attack("said to be packed", answer(POST, BOMB + b"gzip\r\n"), ("failed", "bad-coding")),
    Attack("said to be deflated", answer(POST, BOMB + b"deflate\r\n"), ("failed", "bad-coding")),
    # Redirects.
    Attack(
        "redirects without end",
        redirect(lambda path: f"/attack/{len(path)}{path[8:]}"),
        ("failed", "redirect-loop"),
        prefix=True,
    ),
    Attack(
        "redirects in a circle",
        redirect(lambda path: "/attack/b/" if path == "/attack/" else "/attack/"),
        ("failed", "redirect-loop"),
        prefix=True,
    ),
    Attack("a redirect to a file", redirect(lambda path: "file:///etc/passwd"), ("failed", "http-302")),
    Attack("a redirect to ftp", redirect(lambda path: "ftp://127.0.0.1/a"), ("failed", "http-302")),
    Attack("a redirect to data", redirect(lambda path: "data:text/html,<h1>a</h1>"), ("failed", "http-302")),
    Attack("a redirect to a script", redirect(lambda path: "javascript:alert(1)"), ("failed", "http-302")),
    # XML.
    feed("a billion laughs", xml(rss(item("/listed/", "&a11;"), LAUGHS)), ("not-article", "feed rss")),
    feed("one long entity often", xml(rss(item("/listed/", "&a;" * 100_000), BLOWN)), ("not-article", "feed rss")),
    feed("entities from elsewhere", xml(rss(item("/listed/", "A &f; &h;"), OUTSIDE)), ("not-article", "feed rss")),
    feed("elements in one another", xml(rss("<a>" * 200_000 + item("/listed/"))), ("not-article", "feed rss")),
    feed("doctypes that do not end", xml("<!DOCTYPE[" * 200_000 + rss(item("/listed/"))), ("not-article", "")),
    feed("instructions that lead nowhere", xml("<?a?>" * 600 + "x"), ("not-article", "")),
    feed("quotations that do not end", xml(rss(item("/listed/") + "<![CDATA[" * 200_000)), ("not-article", "feed rss")),
    feed("scripts that do not end", xml(rss(item("/listed/", "&lt;script " * 200_000))), ("not-article", "feed rss")),
    feed("a feed in a bomb", later(lambda: gzipped(64 * MB, 2), kind=b"application/gzip"), ("not-article", "")),
    sitemap(
        "a sitemap in a bomb",
        later(lambda: gzipped(64 * MB, 2), kind=b"application/gzip"),
        ("not-article", ""),
        "/sitemap.xml.gz",
    ),
    sitemap(
        "a sitemap of itself",
        xml(sitemap_of("sitemapindex", "<sitemap><loc>/sitemap.xml</loc></sitemap>" * 9)),
        ("not-article", "empty sitemap"),
    ),
    sitemap(
        "a sitemap of somebody else's pages",
        xml(sitemap_of("urlset", "<url><loc>http://far.invalid/a</loc></url>")),
        ("not-article", "sitemap of other sites"),
    ),
    # Pages.
    Attack(
        "addresses without end",
        answer(b"<html>" + b'<a href="/%s">x</a>' % (b"ab/" * 30_000) * 5),
        ("not-article", ""),
    ),
    Attack(
        "elements of a page in one another", answer(b"<html><body>" + b"<div>" * 100_000 + b"a"), ("not-article", "")
    ),
    feed(
        "very many values in JSON",
        answer(JSON_FEED % (b"[]," * 1_600_000 + b"0"), kind=b"application/json"),
        ("not-article", ""),
    ),
    feed(
        "lists in one another in JSON",
        answer(JSON_FEED % (b"[" * 1_000_000), kind=b"application/json"),
        ("not-article", ""),
    ),
)


@dataclass
class Site:
    """The site of an attack, with its URL and the requested paths."""

    attack: Attack
    url: str = ""
    asked: list[str] = field(default_factory=list)


@contextmanager
def attacking(attack: Attack) -> Iterator[Site]:
    """Serve the site of this attack on loopback."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    site = Site(attack, f"http://127.0.0.1:{listener.getsockname()[1]}/")
    threading.Thread(target=_accept, args=(listener, site), daemon=True).start()
    try:
        yield site
    finally:
        listener.close()


def _accept(listener: socket.socket, site: Site) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(connection, site), daemon=True).start()


def _serve(connection: socket.socket, site: Site) -> None:
    attack = site.attack
    good = {
        "/": home("/good-1/", attack.path, "/good-2/", head=attack.head),
        "/good-1/": page("The first good post"),
        "/good-2/": page("The second good post"),
        "/listed/": page("A post that the source lists"),
    }
    with connection, suppress(OSError):
        connection.settimeout(30)
        while b"\r\n\r\n" not in (data := connection.recv(65_536)):
            if not data:
                return
        path = data.split(b" ", 2)[1].decode()
        site.asked.append(path)
        if path == attack.path or (attack.prefix and path.startswith(attack.path)):
            attack.send(connection, path)
        elif path in good:
            body = good[path].body
            connection.sendall(HTML + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        else:
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
