"""Serves the demonstration blog over HTTP on the loopback interface.

The blog is a pure function from a path to an HTTP response.
`Blog(base, edition, theme).get("/2023/05/a-post/")` is what the server sends. The second edition is the same blog
some days later: two posts edited, one new, one moved, one deleted.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from archiver.demo import demo_posts_markup_and_feeds as demo_posts
from archiver.demo.demo_posts_markup_and_feeds import Listing, Plain, Post, Single, link, load_posts, slug
from archiver.demo.themes import THEMES
from archiver.errors import ArchiverError

Theme = Literal["classic", "block"]
PER_PAGE = 10
HTML = "text/html; charset=UTF-8"
_PICTURES = {
    file.name.removesuffix(".png"): file.read_bytes()
    for file in (files("archiver.demo") / "pictures").iterdir()
    if file.name.endswith(".png")
}
"""The pictures of the posts, by name. They were drawn for the blog."""
_ABOUT = """<p>The Harbour Notebook is written by three people who live within sight of the same quay.
It is made up, and so are the people: it comes with the archiver, so that there is something to crawl.</p>
<p>The <a href="/private/minutes/">minutes of our meetings</a> are not for crawlers.</p>"""


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response of the demonstration blog. `changed` is the time for Last-Modified, or None."""

    status: int
    media_type: str = HTML
    body: bytes = b""
    location: str = ""
    changed: datetime | None = None

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha1(self.body).hexdigest()[:20]}"'


class Blog:
    """One edition of the demonstration blog. `base` is its URL without a slash at the end."""

    def __init__(self, base: str, edition: int = 1, theme: Theme = "classic") -> None:
        self.base = base
        self.edition = edition
        self.theme = theme
        self.every_post = load_posts(edition)
        self.posts = tuple(p for p in self.every_post if not p.gone)
        self.changed = max(p.modified for p in self.every_post)
        self._markup = THEMES[theme]
        self._routes: tuple[tuple[re.Pattern[str], Callable[..., Response]], ...] = tuple(
            (re.compile(pattern), handler)
            for pattern, handler in (
                (r"/", self._home),
                (r"/page/(\d+)/", self._home),
                (r"/(\d{4})/(\d\d)/(?:page/(\d+)/)?", self._month),
                (r"/(category|tag|author)/([\w-]+)/(?:page/(\d+)/)?", self._term),
                (r"(/\d{4}/\d\d/)([\w-]+)/", self._single),
                (r"/\d{4}/\d\d/([\w-]+)/([\w-]+)/", self._attachment),
                (r"/about/", self._about),
                (r"/private/minutes/", self._minutes),
                (r"/feed/", self._rss),
                (r"/feed/atom/", self._atom),
                (r"/robots\.txt", self._robots),
                (r"/sitemap\.xml", self._sitemap),
                (r"/post-sitemap\.xml\.gz", self._post_sitemap),
                (r"/(page|category)-sitemap\.xml", self._other_sitemap),
                (r"/wp-content/uploads/\d{4}/\d\d/(\w+)\.png", self._image),
            )
        )

    def get(self, target: str) -> Response:
        """Returns the response to a GET request for `target` (a path with or without a query)."""
        parts = urlsplit(target)
        query = {k: v[0] for k, v in parse_qs(parts.query).items()}
        if parts.path == "/" and "p" in query:
            return self._by_number(query["p"])
        for pattern, handler in self._routes:
            if found := pattern.fullmatch(parts.path):
                if handler in (self._rss, self._atom):
                    return handler(query.get("paged", "1"))
                return handler(*found.groups())
        if not parts.path.endswith("/") and any(p.fullmatch(parts.path + "/") for p, _ in self._routes):
            return self._moved(parts.path + "/")
        return self._missing(404)

    def post(self, number: int) -> Post:
        """Returns the post with this number, even if it was deleted."""
        return next(p for p in self.every_post if p.id == number)

    def url(self, post: Post) -> str:
        return self.base + post.path()

    # Pages

    def _home(self, number: str = "1") -> Response:
        return self._listing(self.posts, "/", "", "home blog", number)

    def _month(self, year: str, month: str, number: str | None = None) -> Response:
        posts = tuple(p for p in self.posts if f"{p.published:%Y/%m}" == f"{year}/{month}")
        heading = f"Month: {posts[0].published:%B %Y}" if posts else ""
        return self._listing(posts, f"/{year}/{month}/", heading, "archive date", number)

    def _term(self, kind: str, name: str, number: str | None = None) -> Response:
        names: dict[str, Callable[[Post], tuple[str, ...]]] = {
            "category": lambda p: p.categories,
            "tag": lambda p: p.tags,
            "author": lambda p: (p.author,),
        }
        posts = tuple(p for p in self.posts if name in map(slug, names[kind](p)))
        title = next((n for p in posts for n in names[kind](p) if slug(n) == name), "")
        return self._listing(
            posts, f"/{kind}/{name}/", f"{kind.title()}: {title}", f"archive {kind} {kind}-{name}", number
        )

    def _listing(
        self, posts: tuple[Post, ...], path: str, heading: str, body_class: str, number: str | None
    ) -> Response:
        page, pages = int(number or 1), -(-len(posts) // PER_PAGE)
        if not 1 <= page <= pages:
            return self._missing(404)
        shown = posts[(page - 1) * PER_PAGE : page * PER_PAGE]
        text = self._markup.listing(Listing(self.base, path, heading, body_class, shown, page, pages), self._sidebar())
        return Response(200, body=text.encode(), changed=self.changed)

    def _single(self, folder: str, name: str) -> Response:
        moved = next(
            (p for p in self.posts if p.moved_from == name or (p.slug == name and p.path() != f"{folder}{name}/")), None
        )
        if moved:
            return self._moved(moved.path())
        if any(p.slug == name and p.gone for p in self.every_post):
            return self._missing(410)
        at = next((n for n, p in enumerate(self.posts) if p.slug == name), None)
        if at is None:
            return self._missing(404)
        newer = self.posts[at - 1] if at else None
        older = self.posts[at + 1] if at + 1 < len(self.posts) else None
        text = self._markup.single(Single(self.base, self.posts[at], older, newer), self._sidebar())
        return Response(200, body=text.encode(), changed=max(p.modified for p in (self.posts[at], older, newer) if p))

    def _attachment(self, name: str, attachment: str) -> Response:
        post = next((p for p in self.posts if p.slug == name and p.attachment == attachment), None)
        if post is None:
            return self._missing(404)
        image = f'<img src="{post.image}" alt="{escape(post.picture)}">'
        content = f'<p class="attachment"><a href="{post.image}">{image}</a></p>'
        return self._plain(
            f"{post.path()}{attachment}/",
            attachment.title(),
            f"attachment attachment-template-default attachmentid-{post.id + 1} attachment-png",
            content,
            post.modified,
        )

    def _about(self) -> Response:
        return self._plain("/about/", "About", "page page-template-default page-id-2", _ABOUT, self.posts[-1].published)

    def _minutes(self) -> Response:
        return self._plain("/private/minutes/", "Minutes", "page page-id-3", "<p>Not for crawlers.</p>", self.changed)

    def _plain(self, path: str, title: str, body_class: str, content: str, changed: datetime) -> Response:
        text = self._markup.plain(Plain(self.base, path, title, body_class, content), self._sidebar())
        return Response(200, body=text.encode(), changed=changed)

    def _missing(self, status: int) -> Response:
        text = self._markup.plain(
            Plain(self.base, "/404/", "Not found", "error404", "<p>There is nothing at this address.</p>"),
            self._sidebar(),
        )
        return Response(status, body=text.encode())

    def _moved(self, path: str) -> Response:
        return Response(301, location=self.base + path)

    def _by_number(self, number: str) -> Response:
        post = next((p for p in self.posts if str(p.id) == number), None)
        return self._moved(post.path()) if post else self._missing(404)

    def _sidebar(self) -> str:
        categories = sorted({c for p in self.posts for c in p.categories})
        months = dict.fromkeys((f"{p.published:%Y/%m}", f"{p.published:%B %Y}") for p in self.posts)
        items = [f"<li>{link(f'/category/{slug(c)}/', c)}</li>" for c in categories]
        archive = [f"<li>{link(f'/{path}/', name)}</li>" for path, name in months]
        return (
            f"<h2>Categories</h2>\n<ul>{''.join(items)}</ul>\n<h2>Archives</h2>\n<ul>{''.join(archive)}</ul>\n"
            f'<ul><li><a href="/wp-login.php" rel="nofollow">Log in</a></li>'
            f'<li><a href="/feed/">{escape("Entries feed")}</a></li></ul>'
        )

    # Machine-readable

    def _rss(self, number: str = "1") -> Response:
        return self._feed(number, "/feed/", "application/rss+xml; charset=UTF-8", demo_posts.rss)

    def _atom(self, number: str = "1") -> Response:
        return self._feed(number, "/feed/atom/", "application/atom+xml; charset=UTF-8", demo_posts.atom)

    def _feed(self, number: str, path: str, media_type: str, write: Callable[..., str]) -> Response:
        page = int(number) if number.isdecimal() else 1
        shown = self.posts[max(page - 1, 0) * PER_PAGE : page * PER_PAGE]
        if not shown:
            return self._missing(404)
        return Response(200, media_type, write(self.base, path, shown, self.changed).encode(), changed=self.changed)

    def _robots(self) -> Response:
        return Response(200, "text/plain; charset=UTF-8", demo_posts.robots(self.base).encode())

    def _sitemap(self) -> Response:
        children = [
            ("/post-sitemap.xml.gz", self.changed),
            ("/page-sitemap.xml", self.posts[-1].published),
            ("/category-sitemap.xml", self.changed),
        ]
        return self._xml(demo_posts.sitemap_index(self.base, children).encode())

    def _post_sitemap(self) -> Response:
        text = demo_posts.urlset(self.base, [(p.path(), p.modified) for p in self.posts])
        return self._xml(demo_posts.gzip_text(text), "application/gzip")

    def _other_sitemap(self, kind: str) -> Response:
        pages = [("/about/", self.posts[-1].published)]
        if kind == "category":
            names = sorted({c for p in self.posts for c in p.categories})
            pages = [(f"/category/{slug(c)}/", max(p.modified for p in self.posts if c in p.categories)) for c in names]
        return self._xml(demo_posts.urlset(self.base, pages).encode())

    def _xml(self, body: bytes, media_type: str = "application/xml; charset=UTF-8") -> Response:
        return Response(200, media_type, body, changed=self.changed)

    def _image(self, name: str) -> Response:
        return Response(200, "image/png", _PICTURES[name]) if name in _PICTURES else self._missing(404)


def not_modified(response: Response, if_none_match: str, if_modified_since: str) -> bool:
    """Returns True if a conditional request is answered with status 304. If the request has both conditions, only the
    ETag counts (RFC 9110, section 13.2.2).
    """
    if response.status != 200:
        return False
    if if_none_match:
        return response.etag in re.findall(r'"[^"]*"', if_none_match)
    if not if_modified_since or response.changed is None:
        return False
    try:
        return response.changed <= parsedate_to_datetime(if_modified_since)
    except (TypeError, ValueError):
        return False


def http_date(time: datetime) -> str:
    """Formats a time (with time zone) as an HTTP date (RFC 9110, section 5.6.7)."""
    return format_datetime(time.astimezone(UTC), usegmt=True)


HOST = "127.0.0.1"
PORT = 28080
"""The default port. It is fixed because articles are identified by their URLs, which contain it. It is below the range
of ephemeral ports.
"""
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
    """A request that the demonstration server received. `conditional` is True if it contained If-None-Match or
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
        """Switches to another edition (1 or 2) of the blog, starting with the next request. `theme` is its new theme;
        None keeps the present one.
        """
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

    `port` 0 chooses a free port. Edition 2 is the blog some days after edition 1: two posts edited, one new, one moved,
    one deleted. `theme` is the WordPress theme of its pages. Raises DemoPortTaken.
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
