"""Six blogs: what they have published by a day of the month, and the pages that show it."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from hashlib import sha256
from random import Random
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from tests.small_sites import AUTHORS, CATEGORIES, TAGS, WORDS, made_paragraph, made_title
from tests.spiders.site_server import Answer

FIRST_DAY = datetime(2026, 3, 1, 8, tzinfo=UTC)
"""The first run. Each day has a run at this time."""
DAYS = 30
_OLD_POSTS = 16


@cache
def _reserve_port(host: str) -> socket.socket:
    """Bind a free port of this host until the process ends. A server can bind it too and listen on it; while none does,
    connections are refused.
    """
    held = socket.socket()
    held.bind((host, 0))
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return held


Source = Literal["feed", "sitemap", "api"]


@dataclass(frozen=True)
class Post:
    """A post as it is at a moment. `changed` is the time of its last edit, or of its publication."""

    number: int
    title: str
    paragraphs: tuple[str, ...]
    author: str
    at: datetime
    category: str
    tags: tuple[str, ...]
    changed: datetime

    @property
    def path(self) -> str:
        return f"/{self.title.lower().replace(' ', '-')}/"


@dataclass(frozen=True)
class Blog:
    """A blog. `every`: a new post comes out each so many days."""

    name: str
    host: str
    sources: tuple[Source, ...]
    every: int
    title: str
    scheme: Literal["http", "https"] = "http"

    @property
    def port(self) -> int:
        """The port that the system chose, which stays the same in this process."""
        port: int = _reserve_port(self.host).getsockname()[1]
        return port

    @property
    def site(self) -> str:
        """The name of its site in the archive."""
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.site}/"


BLOGS = {
    one.name: one
    for one in (
        Blog("a", "127.0.1.1", ("feed", "sitemap"), 2, "Low Water"),
        Blog("b", "127.0.1.2", ("feed", "api"), 3, "The Copper Kettle"),
        Blog("c", "127.0.1.3", (), 3, "Barley Fields"),
        Blog("d", "127.0.1.4", ("feed", "sitemap"), 2, "Violin and Rope"),
        Blog("e", "127.0.1.5", ("feed",), 3, "Notes of a Heron", "https"),
        Blog("f", "127.0.1.6", ("feed", "sitemap"), 2, "Low Water"),
    )
}


def time_of(day: float) -> datetime:
    """Return the time of the run of a day; the first day is 1."""
    return FIRST_DAY + timedelta(days=day - 1)


@cache
def _all_posts(blog: str, seed: int) -> tuple[Post, ...]:
    dice, site = Random(f"{seed} {blog}"), BLOGS[blog]
    days = [-5 * n for n in range(_OLD_POSTS, 0, -1)] + list(range(site.every, DAYS + 1, site.every))
    out = []
    for number, day in enumerate(days):
        at = time_of(day) - timedelta(hours=2, minutes=number)
        title = made_title(dice, number)
        paragraphs = (
            f"Käthe’s café on the {dice.choice(WORDS)} quay has its say, too. {made_paragraph(dice)}",
            *(" ".join(made_paragraph(dice) for _ in range(2)) for _ in range(2 + number % 3)),
        )
        tags = tuple(dice.sample(TAGS, 2))
        out.append(Post(number, title, paragraphs, AUTHORS[number % 3], at, CATEGORIES[number % 3], tags, at))
    return tuple(out)


@cache
def posts_at(blog: str, day: float, seed: int) -> tuple[Post, ...]:
    """Return the posts of a blog that are out on a day, newest first. Some new ones are edited two days later."""
    now = time_of(day)
    # An edit that no source announces is found at random, so that two archives would differ by it.
    announces_edits = not {"sitemap", "api"}.isdisjoint(BLOGS[blog].sources)
    out = []
    for post in _all_posts(blog, seed):
        edited = post.at + timedelta(days=2)
        if announces_edits and post.number > _OLD_POSTS and post.number % 3 == 0 and edited <= now:
            added = f"Added later: {made_paragraph(Random(f'{seed} {blog} {post.number}'))}"
            post = replace(post, paragraphs=(*post.paragraphs, added), changed=edited)
        if post.at <= now:
            out.append(post)
    return tuple(reversed(out))


Theme = Callable[[Blog, Post], str]


@dataclass(frozen=True)
class View:
    """What a blog shows at a moment: its posts, newest first, in a theme. `began`: when the fault of the moment began;
    `extra`: responses by path that it gives instead of its own.
    """

    blog: Blog
    posts: tuple[Post, ...]
    theme: Theme
    began: datetime
    extra: dict[str, Answer] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.blog.url

    def answer(self, target: str) -> Answer:
        """Return the response to the request for a path with its query."""
        if target in self.extra:
            return self.extra[target]
        path = urlsplit(target).path
        if path == "/":
            return html(home(self))
        if path == "/robots.txt":
            return Answer(b"User-agent: *\nAllow: /\n", headers={"Content-Type": "text/plain"})
        if path == "/feed.xml" and "feed" in self.blog.sources:
            return Answer(feed(self).encode(), headers={"Content-Type": "application/rss+xml"})
        if path == "/sitemap.xml" and "sitemap" in self.blog.sources:
            return Answer(sitemap(self).encode(), headers={"Content-Type": "application/xml"})
        if path.startswith("/wp-json/") and "api" in self.blog.sources:
            return api(self, target)
        post = next((one for one in self.posts if one.path == path), None)
        return html(self.theme(self.blog, post)) if post else NOT_FOUND


NOT_FOUND = Answer(
    b"<!doctype html><html><head><title>Not found</title></head><body><h1>Not found</h1></body></html>", 404
)


def html(text: str) -> Answer:
    body = text.encode()
    etag = f'"{sha256(body).hexdigest()[:16]}"'
    return Answer(body, headers={"Content-Type": "text/html; charset=utf-8", "ETag": etag})


def document(blog: Blog, title: str, content: str, head: str = "") -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>{head}</head><body>'
        f'<header class="site-header"><a href="/">{blog.title}</a></header><main>{content}</main>'
        f'<footer class="site-footer">{blog.title}, since 2019</footer></body></html>'
    )


def home(view: View) -> str:
    rows = "".join(f'<li><h2><a href="{one.path}">{one.title}</a></h2></li>' for one in view.posts)
    head = ""
    if "feed" in view.blog.sources:
        head = '<link rel="alternate" type="application/rss+xml" href="/feed.xml">'
    if "api" in view.blog.sources:
        head += '<link rel="https://api.w.org/" href="/wp-json/">'
    return document(view.blog, view.blog.title, f'<h1>{view.blog.title}</h1><ul class="posts">{rows}</ul>', head)


def feed(view: View, count: int = 10) -> str:
    items = "".join(
        f"<item><title>{one.title}</title><link>{view.url.rstrip('/')}{one.path}</link>"
        f"<guid isPermaLink='false'>{view.blog.title} {one.number}</guid>"
        f"<pubDate>{format_datetime(one.at)}</pubDate><category>{one.category}</category></item>"
        for one in view.posts[:count]
    )
    return f'<rss version="2.0"><channel><title>{view.blog.title}</title><link>{view.url}</link>{items}</channel></rss>'


def sitemap(view: View) -> str:
    rows = "".join(
        f"<url><loc>{view.url.rstrip('/')}{one.path}</loc><lastmod>{one.changed:%FT%TZ}</lastmod></url>"
        for one in view.posts
    )
    return f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{rows}</urlset>'


def api(view: View, target: str) -> Answer:
    """Return WordPress's response to a request for posts."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
    since = query.get("modified_after", "")
    posts = sorted(
        (one for one in view.posts if f"{one.changed:%FT%TZ}" > since),
        key=lambda one: (one.changed, one.number) if since else (view.posts[-1].at, one.number),
    )
    at, size = int(query.get("page", 1)) - 1, int(query.get("per_page", 10))
    listed = [
        {
            "id": one.number + 1,
            "date": f"{one.at:%FT%T}",
            "date_gmt": f"{one.at:%FT%T}",
            "modified": f"{one.changed:%FT%T}",
            "modified_gmt": f"{one.changed:%FT%T}",
            "link": f"{view.url.rstrip('/')}{one.path}",
            "title": {"rendered": one.title},
            "content": {"rendered": text_of(one)},
        }
        for one in posts[at * size : (at + 1) * size]
    ]
    headers = {
        "Content-Type": "application/json",
        "X-WP-Total": str(len(posts)),
        "X-WP-TotalPages": str(-(-len(posts) // size)),
    }
    return Answer(json.dumps(listed).encode(), headers=headers)


# Themes


def text_of(post: Post) -> str:
    """Return the HTML of a post's text."""
    return "".join(f"<p>{one}</p>" for one in post.paragraphs)


def _head(post: Post) -> str:
    tags = "".join(f'<meta property="article:tag" content="{one}">' for one in post.tags)
    return (
        f'<meta property="og:type" content="article"><meta property="article:section" content="{post.category}">{tags}'
    )


def byline(post: Post) -> str:
    """Return the line with the author and the date of a post."""
    day = f"{post.at:%B} {post.at.day}, {post.at.year}"
    return (
        f'<p class="entry-meta">By <span class="author">{post.author}</span> on '
        f'<time class="entry-date" datetime="{post.at.isoformat()}">{day}</time></p>'
    )


def healthy(blog: Blog, post: Post) -> str:
    """Return a post's page as long as nothing is wrong."""
    return document(
        blog,
        f"{post.title} | {blog.title}",
        f'<article class="hentry"><h1 class="entry-title">{post.title}</h1>{byline(post)}'
        f'<div class="entry-content">{text_of(post)}</div></article>',
        _head(post),
    )
