"""A generated site with any number of posts. Pages are the same in each run, and none is kept in memory.

It has the parts of a blog: a home page with paging, categories, posts within a template, a feed of the newest posts, a
sitemap index whose children have lastmod, and robots.txt. `Site.get` is a pure function from path to response.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from html import escape

_WORDS = (
    "harbour", "lamp", "meadow", "bridge", "winter", "market", "letter", "garden", "train", "window", "story",
    "valley", "morning", "river", "baker", "school", "summer", "corner", "island", "paper", "carpenter", "station",
    "forest", "neighbour", "evening", "kitchen", "village", "bicycle", "orchard", "museum", "tunnel", "ferry",
    "lantern", "cellar", "mountain", "library", "weather", "fountain", "sailor", "painter", "doctor", "teacher",
    "farmer", "rope", "stone", "copper", "silver", "wooden", "narrow", "quiet", "early", "distant", "bright",
    "heavy", "gentle", "hidden", "common", "famous", "broken", "ancient",
)  # fmt: skip
_PEOPLE = ("Ida Moe", "Jonas Falk", "Marta Oliveira", "Pavel Novak", "Aiko Tanaka", "Lea Brandt")
_CATEGORIES = ("Travel", "Food", "Crafts", "Weather", "Books")
_FIRST_DAY = datetime(2004, 1, 1, 8, 0, tzinfo=UTC)
_A_PAGE, _A_SITEMAP, _IN_FEED = 10, 2_000, 20
_SPAN = timedelta(days=365 * 20)


@dataclass(frozen=True, slots=True)
class Served:
    """A response. `kind` is the media type."""

    status: int
    body: bytes
    kind: str = "text/html; charset=utf-8"
    etag: str = ""


@dataclass(frozen=True)
class Site:
    """A site with `posts` posts of about `kilobytes` each at `origin` ("http://127.0.0.1:8000").

    `edited`: numbers of posts that were changed after publication. `lastmod`: the sitemaps say when a post was changed.
    `sitemap`: there are sitemaps. `first`: titles and texts are those of posts from this number on, so that two sites
    can differ.
    """

    origin: str
    posts: int
    kilobytes: int = 76
    edited: frozenset[int] = frozenset()
    lastmod: bool = True
    sitemap: bool = True
    first: int = 0

    def get(self, path: str) -> Served:
        """Return the response to a path, 404 if there is no such page."""
        for start, answer in self._routes:
            if path.startswith(start):
                return answer(path[len(start) :].strip("/")) or Served(404, b"Nothing is here.", "text/plain")
        return Served(404, b"Nothing is here.", "text/plain")

    def path_of(self, number: int) -> str:
        at = self.published(number)
        return f"/{at:%Y/%m}/{self._title_of(number).lower().replace(' ', '-')}-{number}/"

    def published(self, number: int) -> datetime:
        """Return the date of a post. Posts are spread evenly over twenty years, the first is the oldest."""
        return _FIRST_DAY + number * (_SPAN / max(self.posts, 1))

    def changed(self, number: int) -> datetime:
        return datetime.now(UTC).replace(microsecond=0) if number in self.edited else self.published(number)

    def _title_of(self, number: int) -> str:
        return _title(self.first + number)

    @property
    def categories(self) -> tuple[str, ...]:
        """The last path segments of the category URLs."""
        return tuple(c.lower() for c in _CATEGORIES)

    @cached_property
    def _routes(self) -> tuple[tuple[str, Callable[[str], Served | None]], ...]:
        return (
            ("/robots.txt", self._robots),
            ("/sitemap.xml", self._index),
            ("/sitemap-posts-", self._sitemap),
            ("/feed/", self._feed),
            ("/page/", self._listing),
            ("/category/", self._category),
            ("/", self._home_or_post),
        )

    def _robots(self, rest: str) -> Served | None:
        text = f"User-agent: *\nAllow: /\nSitemap: {self.origin}/sitemap.xml\n" if self.sitemap else ""
        return Served(200, text.encode(), "text/plain")

    def _index(self, rest: str) -> Served | None:
        if not self.sitemap:
            return None
        entries = []
        for n in range((self.posts + _A_SITEMAP - 1) // _A_SITEMAP):
            newest = max(map(self.changed, range(n * _A_SITEMAP, min((n + 1) * _A_SITEMAP, self.posts))))
            loc = f"<loc>{self.origin}/sitemap-posts-{n + 1}.xml</loc>"
            entries.append(f"<sitemap>{loc}{self._lastmod(newest)}</sitemap>")
        return _xml("sitemapindex", entries)

    def _sitemap(self, rest: str) -> Served | None:
        n = int(rest.removesuffix(".xml")) - 1 if rest.removesuffix(".xml").isdigit() else -1
        numbers = range(n * _A_SITEMAP, min((n + 1) * _A_SITEMAP, self.posts)) if n >= 0 and self.sitemap else ()
        entries = [
            f"<url><loc>{self.origin}{self.path_of(i)}</loc>{self._lastmod(self.changed(i))}</url>" for i in numbers
        ]
        return _xml("urlset", entries) if entries else None

    def _lastmod(self, at: datetime) -> str:
        return f"<lastmod>{at.isoformat()}</lastmod>" if self.lastmod else ""

    def _feed(self, rest: str) -> Served | None:
        items = "".join(
            f"<item><title>{self._title_of(n)}</title><link>{self.origin}{self.path_of(n)}</link>"
            f"<guid>{self.origin}/?p={n + 1}</guid><pubDate>{self.published(n):%a, %d %b %Y %H:%M:%S +0000}</pubDate>"
            f"<description>{escape(_text(self.first + n, 1, n in self.edited)[0])}</description></item>"
            for n in range(self.posts - 1, max(-1, self.posts - 1 - _IN_FEED), -1)
        )
        body = f"<?xml version='1.0'?><rss version='2.0'><channel><title>By number</title>{items}</channel></rss>"
        return Served(200, body.encode(), "application/rss+xml")

    def _listing(self, rest: str) -> Served | None:
        return self._list("/", range(self.posts - 1, -1, -1), int(rest) if rest.isdigit() else 0)

    def _category(self, rest: str) -> Served | None:
        name, _, page = rest.partition("/page/")
        names = self.categories
        if name not in names or not (page or "1").isdigit():
            return None
        every, own = len(names), names.index(name)
        newest = self.posts - 1 - (self.posts - 1 - own) % every
        return self._list(f"/category/{name}/", range(newest, -1, -every), int(page or 1))

    def _list(self, base: str, numbers: range, page: int) -> Served | None:
        here = numbers[(page - 1) * _A_PAGE : page * _A_PAGE] if page > 0 else ()
        if not here:
            return None
        items = "".join(
            f"<article class='post'><h2><a href='{self.path_of(n)}'>{self._title_of(n)}</a></h2>"
            f"<p>{_text(self.first + n, 1, False)[0][:160]}</p></article>"
            for n in here
        )
        older = f"<a class='next' rel='next' href='{base}page/{page + 1}/'>Older posts</a>"
        nav = f"<nav class='pagination'>{older if page * _A_PAGE < len(numbers) else ''}</nav>"
        return Served(200, self._around("By number", f"<main>{items}{nav}</main>").encode())

    def _home_or_post(self, rest: str) -> Served | None:
        if not rest:
            return self._listing("1")
        number = rest.rpartition("-")[2]
        if not number.isdigit() or int(number) >= self.posts or f"/{rest}/" != self.path_of(int(number)):
            return None
        body = self._post(int(number)).encode()
        return Served(200, body, etag=f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"')

    def _post(self, n: int) -> str:
        at, changed, who = self.published(n), self.changed(n), _PEOPLE[n % len(_PEOPLE)]
        paragraphs = "".join(f"<p>{p}</p>" for p in _text(self.first + n, 12, n in self.edited))
        others = "".join(
            f"<li><a href='{self.path_of(o)}'>{self._title_of(o)}</a></li>"
            for o in ((n * 7 + k) % self.posts for k in range(1, 6))
        )
        head = (
            f"<link rel='canonical' href='{self.origin}{self.path_of(n)}'>"
            f"<meta property='article:published_time' content='{at.isoformat()}'>"
            f"<meta property='article:modified_time' content='{changed.isoformat()}'>"
            f"<meta property='og:title' content='{self._title_of(n)}'>"
        )
        category = _CATEGORIES[n % len(_CATEGORIES)]
        post = (
            f"<main><article class='post single'><header><h1 class='entry-title'>{self._title_of(n)}</h1>"
            f"<p class='meta'>By <a rel='author' href='/about/#{n % len(_PEOPLE)}'>{who}</a> on "
            f"<time class='entry-date' datetime='{at.isoformat()}'>{at:%d %B %Y}</time></p></header>"
            f"<div class='entry-content'>{paragraphs}</div>"
            f"<footer>In <a rel='category tag' href='/category/{category.lower()}/'>{category}</a></footer>"
            f"</article><aside class='related'><h2>Related posts</h2><ul>{others}</ul></aside></main>"
        )
        return self._around(self._title_of(n), post, head)

    def _around(self, title: str, main: str, head: str = "") -> str:
        before, after = self._template
        return f"{before}<title>{title} | By number</title>{head}{after.replace('@main@', main, 1)}"

    @cached_property
    def _template(self) -> tuple[str, str]:
        """The template of all pages, padded with menus, styles and scripts to the size of real pages."""
        menu = "".join(
            f"<li class='menu-item'><a href='/category/{c.lower()}/#{w}'><span>{w.title()}</span></a></li>"
            for w, c in zip(_WORDS, _CATEGORIES * len(_WORDS), strict=False)
        )
        filler = max(0, self.kilobytes * 1024 - 16_000)
        style = "".join(f".w{i}{{margin:{i % 9}px;color:#{i % 4096:03x}}}" for i in range(filler // 2 // 30))
        script = "".join(f"var v{i}={{'a':{i},'b':'x{i}'}};" for i in range(filler // 2 // 32))
        return (
            "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'>"
            "<link rel='alternate' type='application/rss+xml' href='/feed/'>"
            "<meta property='og:site_name' content='By number'>",
            f"<style>{style}</style></head><body><header class='site-header'><nav><ul>{menu}</ul></nav></header>@main@"
            f"<footer class='site-footer'><ul>{menu}</ul><p>Copyright By number</p></footer><script>{script}</script>"
            "</body></html>",
        )


def _xml(root: str, entries: list[str]) -> Served:
    body = (
        f"<?xml version='1.0'?><{root} xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{''.join(entries)}</{root}>"
    )
    return Served(200, body.encode(), "application/xml")


def _title(n: int) -> str:
    size = len(_WORDS)
    return f"{_WORDS[n % size]} {_WORDS[(n // size) % size]} and the {_WORDS[(n * 7) % size]}".capitalize()


def _text(n: int, paragraphs: int, edited: bool) -> list[str]:
    chance = random.Random(n)
    out = [" ".join(chance.choices(_WORDS, k=70)).capitalize() + f", as number {n} tells." for _ in range(paragraphs)]
    return [f"Corrected: {out[0]}", *out[1:]] if edited else out
