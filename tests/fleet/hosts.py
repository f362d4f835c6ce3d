"""Many generated sites, each with its own loopback address, on one server that logs who requested what and when."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

from generated_site import Served, Site
from serve_generated import _head

_WINDOW = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """A logged request: its host, sender (the contact in its User-Agent), path, start and end."""

    host: str
    by: str
    path: str
    began: float
    ended: float


@dataclass
class Hosts:
    """The running sites. `urls`: their start addresses."""

    urls: list[str]
    log: list[Asked] = field(default_factory=list)

    def of(self, host: str) -> list[Asked]:
        return [one for one in self.log if one.host == host]

    @property
    def hosts(self) -> list[str]:
        return list(dict.fromkeys(one.host for one in self.log))


class _Http(asyncio.Protocol):
    """A connection to one of the hosts, which serves its site and logs the requests."""

    def __init__(self, host: str, site: Site, log: list[Asked], answer_after: float) -> None:
        self._host, self._site, self._log, self._after = host, site, log, answer_after
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while b"\r\n\r\n" in self._rest:
            head, _, self._rest = self._rest.partition(b"\r\n\r\n")
            asyncio.get_running_loop().call_later(self._after, self._answer, head, monotonic())

    def _answer(self, head: bytes, began: float) -> None:
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        path = lines[0].split(" ")[1]
        answer = self._site.get(path)
        if answer.etag and headers.get("if-none-match") == answer.etag:
            answer = Served(304, b"", answer.kind, answer.etag)
        by = headers.get("user-agent", "").rpartition("(+")[2].rstrip(")")
        self._log.append(Asked(self._host, by, path, began, monotonic()))
        if not self._transport.is_closing():
            self._transport.write(_head(answer) + answer.body)


@contextmanager
def serving(sites: int, posts: int, kilobytes: int = 20, answer_after: float = 0.0) -> Iterator[Hosts]:
    """Serves sites at 127.0.1.1, 127.0.1.2 ... on one port, each with `posts` posts."""
    loop, started, found = asyncio.new_event_loop(), threading.Event(), Hosts([])

    async def begin() -> None:
        port = 0
        for number in range(sites):
            host = f"127.0.{1 + number // 250}.{1 + number % 250}"
            site: list[Site] = []
            server = await loop.create_server(
                lambda h=host, s=site: _Http(h, s[0], found.log, answer_after),  # type: ignore[misc]
                host,
                port,
            )
            port = port or server.sockets[0].getsockname()[1]
            site.append(Site(f"http://{host}:{port}", posts, kilobytes, first=number * posts))
            found.urls.append(f"http://{host}:{port}/")
        started.set()

    def run() -> None:
        loop.create_task(begin())
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(30)
    try:
        yield found
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def overlaps(log: list[Asked]) -> list[str]:
    """Return the overlaps of two workers at a host: requests of one worker between the first and the last of
    consecutive requests of another. `log` is that of one host.
    """
    out, seen = [], []
    for one in sorted(log, key=lambda a: a.began):
        if not seen or seen[-1] != one.by:
            if one.by in seen:
                out.append(f"{one.host}: {one.by} again after {seen[-1]} at {one.path}")
            seen.append(one.by)
    last: Asked | None = None
    for one in sorted(log, key=lambda a: a.began):
        if last and last.by != one.by and last.ended > one.began:
            out.append(f"{one.host}: {one.by} asks while {last.by} is answered")
        last = one
    return out


def pace(log: list[Asked]) -> float:
    """Return the shortest mean interval in seconds of ten requests to a host; a mean, because a busy machine handles
    some late. robots.txt does not count.
    """
    began = sorted(one.began for one in log if one.path not in ("/robots.txt", "/.well-known/tdmrep.json"))
    return min(
        ((last - first) / _WINDOW for first, last in zip(began, began[_WINDOW:], strict=False)), default=float("inf")
    )
