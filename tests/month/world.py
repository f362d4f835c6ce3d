"""The six blogs on their servers, at a day of the month, with the fault of the moment."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.month.blogs import BLOGS, Post, View, healthy, posts_at, time_of
from tests.month.server import Server
from tests.month.site_faults import SiteFault
from tests.spiders.certificates import Authority
from tests.spiders.site_server import Answer


@dataclass(frozen=True)
class Said:
    """What an article says, in the form in which the archive stores it."""

    title: str
    body: str
    authors: tuple[str, ...]
    published: str
    categories: tuple[str, ...]
    tags: tuple[str, ...]

    @classmethod
    def of(cls, post: Post) -> Said:
        return cls(
            post.title, "\n\n".join(post.paragraphs), (post.author,), f"{post.at:%FT%T}", (post.category,), post.tags
        )


class World:
    """The servers of the blogs. `day` and `fault` say what they show now."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.day = 1.0
        self.fault: SiteFault | None = None
        self.began = 1.0
        """The first day of the fault."""
        self._servers = {name: Server(blog.host, blog.port, self._responder(name)) for name, blog in BLOGS.items()}
        self._open: dict[str, tuple[bool, bool]] = {}
        """How each server is: whether it refuses connections, and whether its certificate has expired."""
        self._versions: dict[int, dict[str, list[Said]]] = {}
        self._moment: tuple[float, float, SiteFault | None] | None = None
        self._views: dict[str, View] = {}
        self._answers: dict[tuple[str, str], Answer] = {}
        self.inbox: list[dict[str, Any]] = []
        """The messages that the webhook has received."""
        self._inbox = _Inbox(self.inbox)
        self.inbox_url = self._inbox.url
        authority = Authority(folder)
        host = BLOGS["e"].host
        self._valid = _context(authority.certificate("valid", host))
        self._expired = _context(authority.certificate("expired", host, days_ago=3))
        self.environment = {"SSL_CERT_FILE": str(authority.file)}

    def begin(self, fault: SiteFault | None) -> None:
        """Put in this fault, None to repair it."""
        self.fault = fault
        for name, server in self._servers.items():
            affected = fault is not None and name in fault.blogs
            server.delay = fault.delay if fault and affected else 0.0
            refuses, expired = (bool(affected and fault and one) for one in _closed_and_expired(fault))
            if self._open.get(name) == (refuses, expired):
                continue
            self._open[name] = refuses, expired
            server.close()
            if not refuses:
                server.open((self._expired if expired else self._valid) if BLOGS[name].scheme == "https" else None)

    def close(self) -> None:
        for server in self._servers.values():
            server.close()
        self._inbox.close()

    def versions(self, day: float) -> dict[str, list[Said]]:
        """Return what each post has said up to this day, by its address, the oldest version first."""
        last = int(day)
        if last not in self._versions:
            out = self.versions(last - 1) if last > 1 else {}
            for name, blog in BLOGS.items():
                for post in posts_at("a" if name == "f" else name, last, self.seed):
                    known = out.setdefault(blog.url.rstrip("/") + post.path, [])
                    if (said := Said.of(post)) not in known:
                        known.append(said)
            self._versions[last] = out
        return {address: list(said) for address, said in self._versions[last].items()}

    def shown(self) -> dict[str, Said]:
        """Return what the posts of the blogs with a fault say now."""
        return {
            view.url.rstrip("/") + post.path: Said.of(post)
            for name in (self.fault.blogs if self.fault else ())
            for view in [self._view(name)]
            for post in view.posts
        }

    def _view(self, name: str) -> View:
        view = View(
            BLOGS[name], posts_at("a" if name == "f" else name, self.day, self.seed), healthy, time_of(self.began)
        )
        return self.fault.view(view) if self.fault and name in self.fault.blogs else view

    def _responder(self, name: str) -> Any:
        def respond(target: str) -> Answer:
            moment, key = (self.day, self.began, self.fault), (name, target)
            if moment != self._moment:
                self._moment, self._views, self._answers = moment, {}, {}
            views, answers = self._views, self._answers
            if key not in answers:
                view = views[name] = views.get(name) or self._view(name)
                good = view.answer(target)
                answers[key] = (
                    self.fault.answer(target, good, view) if self.fault and name in self.fault.blogs else good
                )
            return answers[key]

        return respond


def _closed_and_expired(fault: SiteFault | None) -> tuple[bool, bool]:
    return (fault.closed, fault.expired) if fault else (False, False)


class _Inbox:
    """Receives the messages of the webhook."""

    def __init__(self, received: list[dict[str, Any]]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@contextmanager
def world(seed: int, folder: Path) -> Iterator[World]:
    made = World(seed, folder)
    try:
        made.begin(None)
        yield made
    finally:
        made.close()
