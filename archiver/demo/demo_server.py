"""Serves the demonstration blog over HTTP on the loopback interface."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from archiver.demo.demo_responses import Blog, Theme, http_date, not_modified
from archiver.errors import ArchiverError

HOST = "127.0.0.1"
PORT = 28080
"""The port is fixed because it is part of an article's identity. It is below the range of ephemeral ports."""
_POLL = 0.05
"""Seconds between two checks of whether the server should stop."""


class DemoPortTaken(ArchiverError):
    """Raised if the port for the demonstration blog is already in use."""

    def __init__(self, port: int, why: str) -> None:
        super().__init__(
            f"{HOST}:{port}",
            f"The demonstration blog cannot be served at {HOST}:{port} ({why}). Stop the program that uses this port "
            "(another demonstration crawl?), or crawl a site of your own.",
        )


@dataclass(frozen=True, slots=True)
class Request:
    """A request that the demonstration server received. `conditional` is true if it had If-None-Match or
    If-Modified-Since.
    """

    method: str
    target: str
    status: int
    conditional: bool
    user_agent: str


class Demo:
    """A running demonstration server: its URL, the blog that it serves, and the requests it received."""

    def __init__(self, server: ThreadingHTTPServer, edition: int, theme: Theme) -> None:
        self._server = server
        self.port: int = server.server_address[1]
        self.base = f"http://{HOST}:{self.port}"
        self.url = f"{self.base}/"
        self.requests: list[Request] = []
        self.blog = Blog(self.base, edition, theme)

    def show(self, edition: int, theme: Theme | None = None) -> None:
        """Switches to another edition (1 or 2) of the blog, starting with the next request."""
        self.blog = Blog(self.base, edition, theme or self.blog.theme)

    def wait(self) -> None:
        """Waits, while requests are served, until the user interrupts the program."""
        threading.Event().wait()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    wbufsize = 1 << 16  # large enough to send headers and body in one packet
    demo: Demo

    def do_GET(self) -> None:
        response = self.demo.blog.get(self.path)
        since = self.headers.get("If-Modified-Since", "")
        match = self.headers.get("If-None-Match", "")
        status = HTTPStatus.NOT_MODIFIED if not_modified(response, match, since) else HTTPStatus(response.status)
        self.demo.requests.append(
            Request(self.command, self.path, status, bool(since or match), self.headers.get("User-Agent", ""))
        )
        self.send_response(status)
        if response.status == HTTPStatus.OK:
            self.send_header("ETag", response.etag)
            if response.changed:
                self.send_header("Last-Modified", http_date(response.changed))
        if response.location:
            self.send_header("Location", response.location)
        if status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Type", response.media_type)
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if status != HTTPStatus.NOT_MODIFIED and self.command != "HEAD":
            self.wfile.write(response.body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Prints nothing: requests are recorded in `Demo.requests`."""


@contextmanager
def serve(port: int = PORT, *, edition: int = 1, theme: Theme = "classic") -> Iterator[Demo]:
    """Serves the demonstration blog on the loopback interface within the `with` block.

    `port` 0 chooses a free port. Edition 2 is the blog some days after edition 1: one post edited, one new, one
    moved, one deleted. Raises DemoPortTaken.
    """
    handler = type("Handler", (_Handler,), {})
    try:
        server = ThreadingHTTPServer((HOST, port), handler)
    except OSError as error:
        raise DemoPortTaken(port, error.strerror or str(error)) from error
    server.daemon_threads = True
    demo = Demo(server, edition, theme)
    handler.demo = demo  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(_POLL,), name="demo", daemon=True)
    thread.start()
    try:
        yield demo
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
