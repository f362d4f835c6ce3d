"""Serves a blog on an address of its own, which can refuse connections for a while."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.spiders.site_server import Answer

Respond = Callable[[str], Answer]
"""Returns the response to a request for a path with its query."""


class Server:
    """A server on `host` and `port` while it is open. `delay`: seconds before each response."""

    def __init__(self, host: str, port: int, respond: Respond) -> None:
        self.respond = respond
        self.delay = 0.0
        self._address = host, port
        self._server: ThreadingHTTPServer | None = None

    @property
    def is_open(self) -> bool:
        return self._server is not None

    def open(self, context: ssl.SSLContext | None = None) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            timeout = 10

            def do_GET(self) -> None:
                if outer.delay:
                    time.sleep(outer.delay)
                answer = outer.respond(self.path)
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

        class Listener(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                pass  # a client that is killed resets its connections

        self._server = Listener(self._address, Handler)
        if context:
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Refuse connections until `open` is called."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
