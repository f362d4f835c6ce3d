"""Servers that receive notifications: a mail server and a webhook."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from tests.waiting import POLL


class Postmaster(socketserver.ThreadingTCPServer):
    """A mail server that accepts everything (the part of RFC 5321 that one message needs)."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        self.letters: list[str] = []
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 here\r\n")
                while line := self.rfile.readline().decode().strip():
                    word = line.split()[0].upper()
                    if word == "DATA":
                        self.wfile.write(b"354 go on\r\n")
                        letter = iter(lambda: self.rfile.readline().decode(), ".\r\n")
                        outer.letters.append("".join(letter))
                    self.wfile.write(b"221 bye\r\n" if word == "QUIT" else b"250 ok\r\n")

        super().__init__(("127.0.0.1", 0), Handler)


class Hook(HTTPServer):
    """A webhook that responds with `status`."""

    def __init__(self) -> None:
        self.posted: list[tuple[dict[str, Any], str]] = []
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.posted.append((json.loads(body), self.headers.get("Authorization", "")))
                self.send_response(outer.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)


@contextmanager
def serving(server: Any) -> Iterator[Any]:
    threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
