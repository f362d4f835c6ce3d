"""A small HTTP server whose responses, including typical faults of servers, are set by the test."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.waiting import POLL


@dataclass
class Answer:
    """A response. `cut`: the number of announced bytes that are not sent; `drop`: the connection is closed without a
    response.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "text/html; charset=utf-8"})
    cut: int = 0
    drop: bool = False


Pages = dict[str, "Answer | Callable[[], Answer]"]


class SiteServer:
    """A server on loopback. `pages` maps request targets to answers; all others are 404. `requests` are the requested
    targets.

    With a `certificate` (a file with key and certificate) it uses TLS.
    """

    def __init__(self, pages: Pages, certificate: Path | None = None) -> None:
        self.pages = pages
        self.requests: list[str] = []
        self.times: list[float] = []
        self.asked: list[dict[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                outer.requests.append(self.path)
                outer.times.append(time.monotonic())
                outer.asked.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
                answer = outer.pages.get(self.path, Answer(b"<h1>Not found</h1>", 404))
                if callable(answer):
                    answer = answer()
                if answer.drop:
                    self.close_connection = True
                    return
                etag = answer.headers.get("ETag")
                if etag and self.headers.get("If-None-Match") == etag:
                    answer = Answer(b"", 304, {"ETag": etag})
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.status != 304:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body[: len(answer.body) - answer.cut])
                if answer.cut:
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, args=(POLL,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def serving(pages: Pages, certificate: Path | None = None) -> Iterator[SiteServer]:
    server = SiteServer(pages, certificate)
    try:
        yield server
    finally:
        server.close()


def page(title: str, text: str = "", *, date: str = "2024-05-01", head: str = "", tail: str = "") -> Answer:
    """Return the page of a post as a simple site generator writes it."""
    body = text or f"{title} is told here at some length. " * 8
    return Answer(
        f"""<!doctype html><html lang="en"><head><title>{title} | The Test Blog</title>
<meta property="og:type" content="article"><meta property="article:published_time" content="{date}T08:00:00+00:00">
{head}</head><body><nav><a href="/">Home</a></nav><article><h1>{title}</h1>
<p class="byline">By <span class="author">Ann Rowe</span></p><p>{body}</p></article>{tail}</body></html>""".encode()
    )


def home(*links: str, head: str = "") -> Answer:
    rows = "".join(f'<li><h2><a href="{link}">{link.strip("/")}</a></h2></li>' for link in links)
    return Answer(
        f"""<!doctype html><html lang="en"><head><title>The Test Blog</title>{head}</head>
<body><h1>The Test Blog</h1><ul>{rows}</ul></body></html>""".encode()
    )
