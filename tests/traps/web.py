"""Many small sites behind one proxy. Each site is a function from a request to a response."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.small_sites import WORDS, SamplePost, sample_posts
from tests.waiting import POLL

_RUNAWAY = 1_300
"""Requests after which a site stops responding, so that a crawl caught in a trap ends and fails its test."""
PER_PAGE = 6


@dataclass(frozen=True)
class Ask:
    """A request. `number` counts the requests to its host."""

    host: str
    path: str
    query: str
    number: int = 0
    cookie: str = ""

    @cached_property
    def values(self) -> dict[str, str]:
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def parts(self) -> list[str]:
        return [p for p in self.path.split("/") if p]


@dataclass(frozen=True)
class Reply:
    """A response of a site."""

    body: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    media: str = "text/html; charset=utf-8"


Respond = Callable[[Ask], "Reply | None"]
"""Returns the response to a request; None stands for 404."""


def moved(to: str, status: int = 302) -> Reply:
    return Reply("", status, {"Location": to})


def xml(body: str) -> Reply:
    return Reply(f'<?xml version="1.0" encoding="utf-8"?>{body}', media="application/xml")


def document(title: str, main: str, *, head: str = "", menu: str = "", foot: str = "") -> Reply:
    """Return a page with the header and footer of its site."""
    return Reply(f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>{head}</head>
<body><header><p><a href="/">Low Water</a></p></header><nav>{menu}</nav><main>{main}</main>
<footer><p>Low Water, a blog about the coast, since 2019. {foot}</p></footer></body></html>""")


def article(
    post: SamplePost, *, head: str = "", menu: str = "", foot: str = "", tail: str = "", text: str = ""
) -> Reply:
    body = text or "".join(f"<p>{p}</p>" for p in post.paragraphs)
    return document(
        f"{post.title} | Low Water",
        f"""<article><h1>{post.title}</h1>
<p class="byline">By <span class="author">{post.author}</span>,
<time datetime="{post.at.isoformat()}">{post.day}</time></p><div class="text">{body}</div></article>{tail}""",
        head=head,
        menu=menu,
        foot=foot,
    )


def links(*addresses: str) -> str:
    return " ".join(f'<a href="{a}">{unquote(a).strip("/") or "home"}</a>' for a in addresses)


def listing(
    posts: list[SamplePost],
    *,
    title: str = "Low Water",
    older: str = "",
    head: str = "",
    menu: str = "",
    address: Callable[[SamplePost], str] = lambda t: t.path,
    pager: str = "",
) -> Reply:
    rows = "".join(f'<article><h2><a href="{address(t)}">{t.title}</a></h2><p>{t.day}</p></article>' for t in posts)
    more = f'<div class="pagination"><a class="older" href="{older}">Older posts</a></div>' if older else ""
    return document(title, f"<h1>{title}</h1>{rows}{more}{pager}", head=head, menu=menu)


def feed(posts: list[SamplePost], base: str, following: str = "") -> Reply:
    items = "".join(
        f"<entry><title>{t.title}</title><link href='{base}{t.path}'/><id>tag:low,{base}:{t.number}</id>"
        f"<updated>{t.at.isoformat()}</updated><published>{t.at.isoformat()}</published></entry>"
        for t in posts
    )
    more = f"<link rel='next' href='{base}{following}'/>" if following else ""
    return xml(f"<feed xmlns='http://www.w3.org/2005/Atom'><title>Low Water</title>{more}{items}</feed>")


def sitemap(addresses: list[str]) -> Reply:
    rows = "".join(f"<url><loc>{a}</loc></url>" for a in addresses)
    return xml(f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{rows}</urlset>')


def paged(posts: list[SamplePost], number: int, size: int = PER_PAGE) -> list[SamplePost]:
    return posts[(number - 1) * size : number * size]


def last_page(posts: list[SamplePost], size: int = PER_PAGE) -> int:
    return -(-len(posts) // size)


def newest_first(seed: int, count: int) -> list[SamplePost]:
    """Return generated posts, newest first. Different seeds give different texts."""
    return sample_posts(count, seed=1_000 + seed)[::-1]


def blog(
    posts: list[SamplePost],
    host: str,
    *,
    menu: Callable[[SamplePost | None], str] = lambda t: "",
    tail: Callable[[SamplePost], str] = lambda t: "",
    head: Callable[[SamplePost], str] = lambda t: "",
    home_head: str = '<link rel="alternate" type="application/atom+xml" href="/atom.xml">',
) -> Respond:
    """A plain blog: the newest posts are on the home page and in a feed, older ones at /page/N/. Its sitemap is empty.

    `menu`, `tail` and `head` return HTML that is added to each post, and (for None) to each listing.
    """
    at = {t.path: t for t in posts}

    def respond(ask: Ask) -> Reply | None:
        if ask.path == "/sitemap.xml":
            return sitemap([])  # so that the crawl does not guess other URLs of sitemaps
        if ask.path == "/atom.xml":
            return feed(posts[:PER_PAGE], f"http://{host}")
        number = int(ask.parts[1]) if ask.parts[:1] == ["page"] and len(ask.parts) == 2 else int(ask.path == "/")
        if number and paged(posts, number):
            older = f"/page/{number + 1}/" if number < last_page(posts) else ""
            return listing(paged(posts, number), older=older, menu=menu(None), head=home_head)
        post = at.get(ask.path)
        return article(post, menu=menu(post), tail=tail(post), head=head(post)) if post else None

    return respond


def first_of(*answers: Respond) -> Respond:
    """Respond with the first function that returns a response."""

    def respond(ask: Ask) -> Reply | None:
        return next((reply for answer in answers if (reply := answer(ask)) is not None), None)

    return respond


def words(seed: int, count: int = 40) -> str:
    dice = Random(seed)
    return " ".join(dice.choice(WORDS) for _ in range(count))


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # a crawl of all sites opens more connections at once than the default of 5


class Web:
    """Sites by host name, and the requests to each. Runs as an HTTP proxy."""

    def __init__(self, sites: dict[str, Respond]) -> None:
        self.sites = sites
        self.asked: dict[str, list[str]] = {host: [] for host in sites}
        self._numbers: Counter[str] = Counter()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                reply = outer.answer(self.path, self.headers.get("Host", ""), self.headers.get("Cookie", ""))
                body = reply.body.encode()
                self.send_response(reply.status)
                self.send_header("Content-Type", reply.media)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(POLL,), daemon=True).start()

    def answer(self, target: str, host: str, cookie: str) -> Reply:
        parts = urlsplit(target)
        name = (parts.hostname or host).lower()
        self._numbers[name] += 1
        self.asked.setdefault(name, []).append(parts.path + (f"?{parts.query}" if parts.query else ""))
        respond = self.sites.get(name)
        if respond is None or self._numbers[name] > _RUNAWAY:
            return Reply("<h1>Not found</h1>", 404)
        ask = Ask(name, parts.path or "/", parts.query, self._numbers[name], cookie)
        return respond(ask) or Reply("<title>Not found</title><h1>Not found</h1>", 404)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def web(sites: dict[str, Respond]) -> Iterator[Web]:
    one = Web(sites)
    try:
        yield one
    finally:
        one.close()
