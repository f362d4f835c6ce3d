"""A generated blog for the fault tests: N posts, and everything that a killed crawl could lose or store twice.

The same seed gives the same bytes. Some posts are only linked from listings, some have three pages, some repeat the
text of another. There are redirects, print views with a canonical URL, and pages that are gone or refused.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape
from random import Random

from tests.small_sites import AUTHORS, CATEGORIES, TAGS, SamplePost, made_paragraph, made_title

_ON_A_PAGE = 50
_IN_A_SITEMAP = 500
_IN_THE_FEED = 20


@dataclass(frozen=True)
class Response:
    """A complete HTTP response."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha1(self.body, usedforsecurity=False).hexdigest()[:16]}"' if self.status == 200 else ""


class Post(SamplePost):
    """A post of the generated blog."""

    @property
    def path(self) -> str:
        return f"/{self.at:%Y/%m}/{self.title.lower().replace(' ', '-')}/"

    @property
    def is_split(self) -> bool:
        return self.number % 40 == 11

    @property
    def only_listed(self) -> bool:
        """True if only listing pages link to the post: no sitemap and no feed contains it."""
        return self.number % 7 == 3


@dataclass
class Blog:
    """A generated blog. `declared`: the home page names its feed and sitemap; otherwise they must be guessed."""

    count: int
    seed: int = 1
    declared: bool = True
    posts: list[Post] = field(init=False)

    def __post_init__(self) -> None:
        self.posts = _posts(self.count, self.seed)

    def pages(self, base: str) -> dict[str, Response]:
        """Return every response of the site by its path. `base` is the site's origin without a trailing slash."""
        newest = self.posts[::-1]
        out: dict[str, Response] = {
            "/robots.txt": Response(body=b"User-agent: *\nDisallow: /private/\n", content_type="text/plain")
        }
        head = ""
        if self.declared:
            rules = f"User-agent: *\nDisallow: /private/\nSitemap: {base}/map.xml\n"
            out["/robots.txt"] = Response(body=rules.encode(), content_type="text/plain")
            head = '<link rel="alternate" type="application/rss+xml" href="/news.xml">'
        out |= _listing("/", "The Low Water Post", newest, head)
        for category in CATEGORIES:
            out |= _listing(f"/category/{category.lower()}/", category, [p for p in newest if p.category == category])
        for tag in TAGS:
            tagged = [p for p in newest if tag in p.tags][:_ON_A_PAGE]
            out |= _listing(f"/tag/{tag.replace(' ', '-')}/", tag, tagged)
        for index, post in enumerate(self.posts):
            out |= _post(base, post, self.posts[index - 1] if index % 20 == 5 else None)
        out["/news.xml" if self.declared else "/rss.xml"] = _feed(base, newest)
        mapped = [p for p in self.posts if not p.only_listed]
        chunks = [mapped[at : at + _IN_A_SITEMAP] for at in range(0, len(mapped), _IN_A_SITEMAP)]
        out["/map.xml" if self.declared else "/sitemap-index.xml"] = _sitemap_index(base, len(chunks))
        for number, chunk in enumerate(chunks, 1):
            extra = (f"{base}/2001/01/taken-down/", f"{base}/2001/01/never-was/") if number == 1 else ()
            out[f"/map-{number}.xml"] = _sitemap(base, chunk, extra)
        out["/2001/01/taken-down/"] = Response(410, b"<h1>Gone</h1>")
        out["/members/"] = Response(403, b"<h1>Members only</h1>")
        out["/shop/"] = Response(302, headers=(("Location", "http://shop.invalid/"),))
        return out


def _posts(count: int, seed: int) -> list[Post]:
    dice = Random(seed)
    first = datetime(2016, 1, 3, 9, 15, tzinfo=UTC)
    out: list[Post] = []
    for n in range(count):
        title = made_title(dice, n)
        paragraphs = tuple(f"Entry {n} of the log, paragraph {k}. {made_paragraph(dice)}" for k in range(3 + n % 3))
        if n % 50 == 27:
            paragraphs = out[-1].paragraphs
        out.append(
            Post(
                n,
                title,
                paragraphs,
                AUTHORS[n % 3],
                first + timedelta(hours=36 * n, minutes=n),
                CATEGORIES[n % 3],
                tuple(dice.sample(TAGS, 1 + n % 2)),
            )
        )
    return out


def _page(title: str, body: str, head: str = "") -> Response:
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)} | Low Water</title>'
        f'{head}</head><body><header class="site-header"><a href="/">Low Water</a> <a href="/members/">Members</a> '
        f'<a href="/shop/">Shop</a> <a href="/private/desk/">Desk</a></header>{body}'
        '<footer class="site-footer">Low Water, since 2016</footer></body></html>'
    )
    return Response(body=text.encode())


def _listing(base: str, name: str, posts: Sequence[Post], head: str = "") -> dict[str, Response]:
    out = {}
    last = max(1, -(-len(posts) // _ON_A_PAGE))
    for number in range(1, last + 1):
        shown = posts[(number - 1) * _ON_A_PAGE : number * _ON_A_PAGE]
        rows = "".join(
            f'<article class="teaser"><h2><a href="{_listed_path(p)}">{p.title}</a></h2></article>' for p in shown
        )
        onward = f'<a class="next" rel="next" href="{base}page/{number + 1}/">Older</a>' if number < last else ""
        path = base if number == 1 else f"{base}page/{number}/"
        out[path] = _page(
            f"{name}, page {number}",
            f"<main><h1>{name}</h1>{rows}</main><nav>{onward}</nav>",
            head if number == 1 else "",
        )
    return out


def _listed_path(post: Post) -> str:
    """Return the path that listings give for a post: for some posts the old one."""
    return f"/old/{post.number}.html" if post.number % 25 == 4 else post.path


def _post(base: str, post: Post, linked: Post | None) -> dict[str, Response]:
    paragraphs = [f"<p>{p}</p>" for p in post.paragraphs]
    link = f'<p>It goes back to <a href="/?p={linked.number}">{linked.title}</a>.</p>' if linked else ""
    out: dict[str, Response] = {}
    if post.is_split:
        addresses = [post.path, f"{post.path}2/", f"{post.path}3/"]
        for here, path in enumerate(addresses):
            nav = " ".join(
                f'<span class="post-page-numbers current">{n}</span>'
                if n == here + 1
                else f'<a href="{url}" class="post-page-numbers">{n}</a>'
                for n, url in enumerate(addresses, 1)
            )
            text = (
                f"{paragraphs[here]}<p>Page {here} of log {post.number} goes on about the {post.category}, and "
                f'the water was low again that day.</p><div class="page-links">Pages: {nav}</div>'
            )
            out[path] = _single(base, post, text)
    else:
        out[post.path] = _single(base, post, "".join(paragraphs) + link)
    if post.number % 25 == 4:
        out[f"/old/{post.number}.html"] = Response(301, headers=(("Location", post.path),))
    if linked:
        out[f"/?p={linked.number}"] = Response(301, headers=(("Location", linked.path),))
    if post.number % 30 == 8:
        out[f"{post.path}print/"] = _single(base, post, "".join(paragraphs))
    return out


def _single(base: str, post: Post, text: str) -> Response:
    tags = ", ".join(f'<a href="/tag/{t.replace(" ", "-")}/" rel="tag">{t}</a>' for t in post.tags)
    printed = f'<p class="tools"><a href="{post.path}print/">Print</a></p>' if post.number % 30 == 8 else ""
    head = f'<link rel="canonical" href="{base}{post.path}"><meta property="og:type" content="article">'
    if post.is_split:
        head = '<meta property="og:type" content="article">'
    return _page(
        post.title,
        f"""<main><article class="hentry"><h1 class="entry-title">{post.title}</h1>
<p class="entry-meta">By <a class="author" rel="author">{post.author}</a> on
<time class="entry-date" datetime="{post.at.isoformat()}">{post.at:%B} {post.at.day}, {post.at.year}</time></p>
<div class="entry-content">{text}</div>
<footer class="entry-footer"><span class="cat-links"><a href="/category/{post.category.lower()}/" rel="category tag">
{post.category}</a></span> <span class="tag-links">{tags}</span></footer></article>{printed}</main>""",
        head,
    )


def _feed(base: str, newest: Sequence[Post]) -> Response:
    items = "".join(
        f'<item><title>{p.title}</title><link>{base}{p.path}</link><guid isPermaLink="false">post-{p.number}</guid>'
        f"<pubDate>{format_datetime(p.at)}</pubDate><description>{p.paragraphs[0]}</description></item>"
        for p in [p for p in newest if not p.only_listed][:_IN_THE_FEED]
    )
    text = (
        f'<?xml version="1.0"?><rss version="2.0"><channel><title>Low Water</title><link>{base}/</link>{items}'
        "</channel></rss>"
    )
    return Response(body=text.encode(), content_type="application/rss+xml")


def _sitemap_index(base: str, count: int) -> Response:
    rows = "".join(f"<sitemap><loc>{base}/map-{n}.xml</loc></sitemap>" for n in range(1, count + 1))
    return _xml(f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{rows}</sitemapindex>')


def _sitemap(base: str, posts: Sequence[Post], extra: Sequence[str]) -> Response:
    rows = "".join(f"<url><loc>{base}{p.path}</loc><lastmod>{p.at.isoformat()}</lastmod></url>" for p in posts)
    rows += "".join(f"<url><loc>{url}</loc></url>" for url in extra)
    return _xml(f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{rows}</urlset>')


def _xml(text: str) -> Response:
    return Response(body=f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode(), content_type="application/xml")


def gzipped(response: Response) -> Response:
    """Return the same response with a content coding (RFC 9110, section 8.4.1)."""
    body = gzip.compress(response.body, 1, mtime=0)
    return Response(response.status, body, response.content_type, (*response.headers, ("Content-Encoding", "gzip")))
