"""A fast server for the generated blog, with the faults of real servers: it vanishes, stalls, resets connections,
truncates and corrupts responses.

It runs one event loop in one thread and renders responses once. `fault` decides for each request what goes wrong.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from random import randint
from typing import Literal

from tests.faults.site import Blog, Response, gzipped

Fault = Literal["", "reset", "stall", "cut", "longer", "garbage", "missing", "broken"]
"""The fault of a request: a reset connection, no response, half a body, a wrong length, bytes that are not
HTTP, a 404 of a default host, a 500."""


class BlogServer:
    """Serves `blog` on loopback. `asked` are the requested paths in order."""

    def __init__(self, blog: Blog) -> None:
        self.asked: list[str] = []
        self.fault: Callable[[str], Fault] = lambda path: ""
        self.last = time.monotonic()
        self._loop = asyncio.new_event_loop()
        self._socket: asyncio.Server | None = None
        self._open: set[asyncio.Transport] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self._answers = {
            path: _encoded(r if at % 2 else _coded(r))
            for at, (path, r) in enumerate(blog.pages(self.url.rstrip("/")).items())
        }
        self._etags = {path: etag for path, (_, etag) in self._answers.items() if etag}
        self._thread.start()
        self.come_back()

    def vanish(self) -> None:
        """Refuse all connections from now on."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()

    def come_back(self) -> None:
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()

    def close(self) -> None:
        self.vanish()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def answer(self, path: str, etag: str) -> tuple[bytes, bool]:
        """Return the bytes to send, and whether the connection is closed after them."""
        self.asked.append(path)
        self.last = time.monotonic()
        fault = self.fault(path)
        if fault == "missing":
            return _encoded(Response(404, b"<h1>Welcome to nginx</h1>"))[0], False
        if fault == "broken":
            return _encoded(Response(500, b"<h1>Error</h1>"))[0], False
        if fault == "garbage":
            return b"\x16\x03\x01\x02\x00\x01 no HTTP at all \r\n\r\n", True
        if etag and etag == self._etags.get(path) and not fault:
            return f"HTTP/1.1 304 Not Modified\r\nETag: {etag}\r\n\r\n".encode(), False
        data = self._answers.get(path, _NOT_FOUND)[0]
        if fault == "cut":
            return data[: max(len(data) - 200, len(data) // 2)], True
        if fault == "longer":
            head, _, body = data.partition(b"\r\n\r\n")
            return head.replace(b"Content-Length: ", b"Content-Length: 9") + b"\r\n\r\n" + body, True
        return data, False

    async def _listen(self) -> None:
        self._socket = await self._loop.create_server(lambda: _Connection(self), "127.0.0.1", self.port)

    async def _close(self) -> None:
        if self._socket is None:
            return
        # A connection accepted just now gets its transport first; otherwise asyncio would leave it open and silent.
        self._loop.remove_reader(self._socket.sockets[0].fileno())
        await asyncio.sleep(0.05)
        self._socket.close()
        self._socket = None
        for transport in list(self._open):
            transport.abort()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()


class _Connection(asyncio.Protocol):
    """A client's connection to the server."""

    def __init__(self, server: BlogServer) -> None:
        self._server = server
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server._open.add(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._server._open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            line, *headers = head.decode("latin-1").split("\r\n")
            path = line.split(" ")[1]
            etag = next((h.partition(":")[2].strip() for h in headers if h.lower().startswith("if-none-match")), "")
            fault = self._server.fault(path)
            if fault in ("reset", "stall"):
                self._server.asked.append(path)
                if fault == "reset":
                    self._transport.abort()
                return
            answer, done = self._server.answer(path, etag)
            self._transport.write(answer)
            if done:
                self._transport.close()
                return


def _coded(response: Response) -> Response:
    return gzipped(response) if response.body and response.status == 200 else response


def _encoded(response: Response) -> tuple[bytes, str]:
    lines = [
        f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}",
        f"Content-Type: {response.content_type}",
        f"Content-Length: {len(response.body)}",
    ]
    lines += [f"{name}: {value}" for name, value in response.headers]
    if response.etag:
        lines.append(f"ETag: {response.etag}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + response.body, response.etag


_NOT_FOUND = _encoded(Response(404, b"<h1>Not found</h1>"))


def _free_port() -> int:
    """Return a free port below the range that the system assigns, so that no other program gets it while the server is
    stopped.
    """
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port := randint(15_000, 30_000)))
            return port


@contextmanager
def serving(blog: Blog) -> Iterator[BlogServer]:
    server = BlogServer(blog)
    try:
        yield server
    finally:
        server.close()
