"""The demonstration blog: its posts, its feeds and sitemaps, its pages with the markup of WordPress's classic themes,
and its server on the loopback interface.

The blog is a pure function from a path to an HTTP response.
`Blog(base, edition).get("/2023/05/a-post/")` is what the server sends. The second edition is the same blog
some days later: two posts edited, one new, one moved, one deleted.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import re
import threading
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import cache
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape as feeds_escape

from slugify import slugify

from archiver.errors import ArchiverError

# The posts: one TOML file each, read into frozen values for an edition.

EDITIONS = (1, 2)
_LINK = re.compile(r"\[([^\]]+)\]\((https?://[^\s)]+)\)")
"""Matches a link in a body, which is written as in Markdown."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place named in a post. Coordinates are degrees in WGS 84; `region` is an ISO 3166-2 code."""

    name: str
    region: str
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Comment:
    author: str
    text: str


@dataclass(frozen=True, slots=True)
class Post:
    """A post of one edition of the demonstration blog. Times are in the blog's own zone (+02:00).

    - `byline`: if it is set, the author is named only at the end of the text, after these words.
    - `image`: the path of the post's picture, which `picture` describes and `caption` explains.
    - `attachment`: the slug of the attachment page of the picture.
    - `protected`: the post needs a password.
    - `moved_from`: the post's slug in the previous edition.
    - `gone`: this edition deleted the post.
    """

    id: int
    slug: str
    title: str
    author: str
    published: datetime
    modified: datetime
    body: str
    categories: tuple[str, ...]
    tags: tuple[str, ...] = ()
    language: str = "en-US"
    description: str = ""
    image: str = ""
    picture: str = ""
    caption: str = ""
    attachment: str = ""
    byline: str = ""
    protected: bool = False
    places: tuple[Place, ...] = ()
    comments: tuple[Comment, ...] = ()
    moved_from: str = ""
    gone: bool = False

    @property
    def text(self) -> str:
        """The body without the Markdown syntax of links."""
        return _LINK.sub(r"\1", self.body)

    def path(self, slug: str = "") -> str:
        return f"/{self.published:%Y/%m}/{slug or self.slug}/"

    @property
    def has_public_text(self) -> bool:
        return not self.protected and not self.gone


@cache
def load_posts(edition: int = 1) -> tuple[Post, ...]:
    """Loads the posts of an edition, newest first, including the deleted ones (`gone`)."""
    rows = [tomllib.loads(f.read_text(encoding="utf-8")) for f in _files()]
    posts = [_post(row, edition) for row in rows if row.pop("since", 1) <= edition]
    return tuple(sorted(posts, key=lambda p: p.published, reverse=True))


def _files() -> list[Any]:
    folder = files("archiver.demo") / "posts"
    return [f for f in folder.iterdir() if f.name.endswith(".toml")]


def _post(row: dict[str, Any], edition: int) -> Post:
    second = row.pop("second", {})
    if edition >= 2 and "slug" in second:
        row["moved_from"] = row["slug"]
    if edition >= 2:
        row |= second
    row["categories"] = tuple(row["categories"])
    row["tags"] = tuple(row.get("tags", ()))
    row["places"] = tuple(Place(**p) for p in row.get("places", ()))
    row["comments"] = tuple(Comment(**c) for c in row.get("comments", ()))
    row.setdefault("modified", row["published"])
    return Post(**row)


def paragraphs(post: Post) -> list[str]:
    """Returns the post's text as HTML elements, one per block, with the byline if the post has one."""
    blocks = [_block(b) for b in post.body.strip().split("\n\n")]
    if post.byline:
        blocks.append(f"<p>{html.escape(f'{post.author} {post.byline}', quote=False)}</p>")
    return blocks


def _block(text: str) -> str:
    escaped = _LINK.sub(r'<a href="\2">\1</a>', html.escape(text, quote=False))
    if text.startswith("## "):
        return f"<h2>{escaped[3:]}</h2>"
    if text.startswith("- "):
        items = "\n".join(f"<li>{line[2:]}</li>" for line in escaped.splitlines())
        return f"<ul>\n{items}\n</ul>"
    if text.startswith("> "):
        return f"<blockquote><p>{escaped[5:]}</p></blockquote>"
    return f"<p>{escaped}</p>"


NAME = "The Harbour Notebook"
TAGLINE = "Notes from a small port"
GENERATOR = "WordPress 6.8.1"
PASSWORD_FORM = (
    '<form action="/wp-login.php?action=postpass" class="post-password-form" method="post">'
    "<p>This content is password protected. To view it please enter your password below:</p>"
    '<p><label>Password: <input name="post_password" type="password" size="20"></label> '
    '<input type="submit" name="Submit" value="Enter"></p></form>'
)


@dataclass(frozen=True, slots=True)
class Single:
    """The data of a post's page: the post, and the neighbouring posts to which the page links."""

    base: str
    post: Post
    older: Post | None
    newer: Post | None


@dataclass(frozen=True, slots=True)
class Listing:
    """The data of a listing page. `path` is the path of the listing's first page; `body_class` is the class that
    WordPress gives the body element.
    """

    base: str
    path: str
    heading: str
    body_class: str
    posts: tuple[Post, ...]
    number: int
    pages: int


@dataclass(frozen=True, slots=True)
class Plain:
    """The data of a page that is neither a post nor a listing: about, an attachment, "not found"."""

    base: str
    path: str
    title: str
    body_class: str
    content: str


def slug(name: str) -> str:
    return slugify(name)


def shown_title(post: Post) -> str:
    return f"Protected: {post.title}" if post.protected else post.title


def content(post: Post) -> str:
    """Returns the body of a post as HTML; for a protected post, the password form instead."""
    if post.protected:
        return PASSWORD_FORM
    blocks = paragraphs(post)
    if post.image:
        blocks.insert(1, _figure(post))
    return "\n\n".join(blocks)


def _figure(post: Post) -> str:
    image = f'<img src="{post.image}" alt="{escape(post.picture)}" width="720" height="480">'
    linked = f'<a href="{post.path()}{post.attachment}/">{image}</a>' if post.attachment else image
    caption = f'<figcaption class="wp-element-caption">{escape(post.caption)}</figcaption>' if post.caption else ""
    return f'<figure class="wp-block-image size-large">{linked}{caption}</figure>'


def excerpt(post: Post) -> str:
    if post.protected:
        return "There is no excerpt because this is a protected post."
    words = " ".join(post.text.replace("## ", "").split()).split(" ")
    return " ".join(words[:30]) + (" […]" if len(words) > 30 else "")


def link(path: str, text: str, rel: str = "") -> str:
    attribute = f' rel="{rel}"' if rel else ""
    return f'<a href="{path}"{attribute}>{escape(text)}</a>'


def term_links(kind: str, names: tuple[str, ...], rel: str) -> str:
    return ", ".join(link(f"/{kind}/{slug(n)}/", n, rel) for n in names)


def long_date(time: datetime) -> str:
    return f"{time:%B} {time.day}, {time.year}"


def geo_metas(places: tuple[Place, ...]) -> str:
    """Returns the meta elements geo.position and ICBM for the first place. Each of them can contain only one place."""
    if not places:
        return ""
    p = places[0]
    return (
        f'<meta name="geo.position" content="{p.latitude:.4f};{p.longitude:.4f}">\n'
        f'<meta name="geo.placename" content="{escape(p.name)}">\n'
        f'<meta name="geo.region" content="{p.region}">\n'
        f'<meta name="ICBM" content="{p.latitude:.4f}, {p.longitude:.4f}">\n'
    )


def geo_spans(places: tuple[Place, ...]) -> str:
    """Returns the places in the geo microformat, in hidden elements as geo-tagging plugins write them, and the visible
    notice that the page is geo-tagged.
    """
    if not places:
        return ""
    spans = "\n".join(
        f'<span class="geo" title="{escape(p.name)}"><span class="latitude">{p.latitude:.4f}</span>; '
        f'<span class="longitude">{p.longitude:.4f}</span></span>'
        for p in places
    )
    return (
        f'<div class="geotags" style="display:none">\n{spans}\n</div>\n<div id="geotag-notice">'
        "This page contains geo-tags</div>\n"
    )


def comments(post: Post) -> str:
    if not post.comments:
        return ""
    items = "\n".join(
        f'<li class="comment" id="comment-{n}"><cite class="fn">{escape(c.author)}</cite> '
        f'<div class="comment-content"><p>{escape(c.text)}</p></div> '
        f'<a rel="nofollow" class="comment-reply-link" href="{post.path()}?replytocom={n}#respond">Reply</a></li>'
        for n, c in enumerate(post.comments, post.id * 10)
    )
    return f'<div id="comments" class="comments-area"><ol class="commentlist comment-list">\n{items}\n</ol></div>\n'


def page_head(base: str, path: str, title: str, *, language: str = "en-US", extra: str = "") -> str:
    """Returns the HTML of a page up to </head>. `path` is the path of its canonical URL; `extra` is HTML that only this
    page has.
    """
    full = f"{title} – {NAME}" if title else f"{NAME} – {TAGLINE}"
    return f"""<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="UTF-8">
<title>{escape(full)}</title>
<meta name="viewport" content="width=device-width">
<link rel="alternate" type="application/rss+xml" title="{NAME} » Feed" href="{base}/feed/">
<link rel="alternate" type="application/atom+xml" title="{NAME} » Atom" href="{base}/feed/atom/">
<meta name="generator" content="{GENERATOR}">
<link rel="canonical" href="{base}{path}">
{extra}</head>
"""


def post_head(page: Single) -> str:
    post = page.post
    extra = f'<link rel="shortlink" href="{page.base}/?p={post.id}">\n'
    if post.description:
        extra += (
            f'<meta name="description" content="{escape(post.description)}">\n'
            '<meta property="og:type" content="article">\n'
            f'<meta property="og:title" content="{escape(post.title)}">\n'
            f'<meta property="og:description" content="{escape(post.description)}">\n'
        )
    if post.image:
        extra += f'<meta property="og:image" content="{page.base}{post.image}">\n'
    return page_head(
        page.base, post.path(), shown_title(post), language=post.language, extra=extra + geo_metas(post.places)
    )


def listing_head(page: Listing) -> str:
    numbered = page_path(page, page.number)
    extra = ""
    if page.number > 1:
        extra += f'<link rel="prev" href="{page.base}{page_path(page, page.number - 1)}">\n'
    if page.number < page.pages:
        extra += f'<link rel="next" href="{page.base}{page_path(page, page.number + 1)}">\n'
    return page_head(page.base, numbered, page.heading, extra=extra)


def page_path(page: Listing, number: int) -> str:
    return page.path if number == 1 else f"{page.path}page/{number}/"


# Feeds (RSS 2.0 and Atom), sitemaps and robots.txt.

SITEMAP_NS = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
GEORSS_NS = 'xmlns:georss="http://www.georss.org/georss"'


def rss(base: str, path: str, posts: Iterable[Post], changed: datetime) -> str:
    """Returns an RSS 2.0 feed of posts in the form that WordPress writes: full texts, dc:creator, numeric guid, times
    in UTC, and georss. `path` is the feed's own path; `changed` is the time of the last change.
    """
    items = "\n".join(_item(base, p) for p in posts)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" \
xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom" {GEORSS_NS}>
<channel>
<title>{NAME}</title>
<atom:link href="{base}{path}" rel="self" type="application/rss+xml"/>
<link>{base}/</link>
<description>{TAGLINE}</description>
<lastBuildDate>{format_datetime(changed.astimezone(UTC))}</lastBuildDate>
<language>en-US</language>
<generator>https://wordpress.org/?v=6.8.1</generator>
{items}
</channel>
</rss>
"""


def _item(base: str, post: Post) -> str:
    categories = "".join(f"<category>{feeds_escape(c)}</category>" for c in (*post.categories, *post.tags))
    return f"""<item>
<title>{feeds_escape(shown_title(post))}</title>
<link>{base}{post.path()}</link>
<dc:creator>{feeds_escape(post.author)}</dc:creator>
<pubDate>{format_datetime(post.published.astimezone(UTC))}</pubDate>
{categories}
<guid isPermaLink="false">{base}/?p={post.id}</guid>
<description>{feeds_escape(excerpt(post))}</description>
<content:encoded>{feeds_escape(content(post))}</content:encoded>
{_points(post.places)}</item>"""


def _points(places: tuple[Place, ...]) -> str:
    return "".join(
        f"<georss:point>{p.latitude:.4f} {p.longitude:.4f}</georss:point>\n"
        f"<georss:featurename>{feeds_escape(p.name)}</georss:featurename>\n"
        for p in places
    )


def atom(base: str, path: str, posts: Iterable[Post], changed: datetime) -> str:
    """Returns an Atom feed (RFC 4287) of posts. `path` is the feed's own path; `changed` is the time of the last
    change.
    """
    entries = "\n".join(
        f"""<entry xml:lang="{p.language}">
<author><name>{feeds_escape(p.author)}</name></author>
<title>{feeds_escape(shown_title(p))}</title>
<link rel="alternate" type="text/html" href="{base}{p.path()}"/>
<id>{base}/?p={p.id}</id>
<updated>{p.modified.isoformat()}</updated>
<published>{p.published.isoformat()}</published>
{"".join(f'<category term="{feeds_escape(c)}"/>' for c in (*p.categories, *p.tags))}
<summary>{feeds_escape(excerpt(p))}</summary>
<content type="html">{feeds_escape(content(p))}</content>
{_points(p.places)}</entry>"""
        for p in posts
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" {GEORSS_NS} xml:lang="en-US">
<title>{NAME}</title>
<updated>{changed.isoformat()}</updated>
<link rel="alternate" type="text/html" href="{base}/"/>
<link rel="self" type="application/atom+xml" href="{base}{path}"/>
<id>{base}/feed/atom/</id>
{entries}
</feed>
"""


def sitemap_index(base: str, children: Iterable[tuple[str, datetime]]) -> str:
    rows = "\n".join(
        f"<sitemap><loc>{base}{path}</loc><lastmod>{time.isoformat()}</lastmod></sitemap>" for path, time in children
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<sitemapindex {SITEMAP_NS}>\n{rows}\n</sitemapindex>\n'


def urlset(base: str, pages: Iterable[tuple[str, datetime]]) -> str:
    rows = "\n".join(f"<url><loc>{base}{path}</loc><lastmod>{time.isoformat()}</lastmod></url>" for path, time in pages)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset {SITEMAP_NS}>\n{rows}\n</urlset>\n'


def gzip_text(text: str) -> bytes:
    """Compresses a text with gzip (RFC 1952) and a fixed timestamp, so that the same sitemap always has the same
    ETag.
    """
    return gzip.compress(text.encode(), mtime=0)


def robots(base: str) -> str:
    return f"User-agent: *\nDisallow: /wp-admin/\nDisallow: /private/\n\nSitemap: {base}/sitemap.xml\n"


# The pages: hentry, entry-title, entry-meta, entry-utility.


def single_page(page: Single, sidebar: str) -> str:
    post = page.post
    around = _neighbours(page)
    return post_head(page) + _frame(
        f"single single-post postid-{post.id} single-format-standard",
        f"""<div id="nav-above" class="navigation">{around}</div>
<div id="post-{post.id}" class="post-{post.id} post type-post status-publish format-standard hentry">
<h1 class="entry-title">{escape(shown_title(post))}</h1>
{_meta(post)}
<div class="entry-content">
{content(post)}
</div><!-- .entry-content -->
{_utility(post)}
</div>
<div id="nav-below" class="navigation">{around}</div>
{comments(post)}""",
        sidebar,
        geo_spans(post.places),
    )


def listing_page(page: Listing, sidebar: str) -> str:
    heading = f'<h1 class="page-title">{escape(page.heading)}</h1>\n' if page.heading else ""
    posts = "\n".join(_summary(p) for p in page.posts)
    older = link(page_path(page, page.number + 1), "← Older posts") if page.number < page.pages else ""
    newer = link(page_path(page, page.number - 1), "Newer posts →") if page.number > 1 else ""
    navigation = (
        f'<div id="nav-below" class="navigation"><div class="nav-previous">{older}</div>'
        f'<div class="nav-next">{newer}</div></div>'
    )
    return listing_head(page) + _frame(page.body_class, f"{heading}{posts}\n{navigation}", sidebar)


def plain_page(page: Plain, sidebar: str) -> str:
    return page_head(page.base, page.path, page.title) + _frame(
        page.body_class,
        f'<div class="hentry"><h1 class="entry-title">{escape(page.title)}</h1>\n'
        f'<div class="entry-content">\n{page.content}\n</div></div>',
        sidebar,
    )


def _frame(body_class: str, main: str, sidebar: str, foot: str = "") -> str:
    return f"""<body class="{body_class}">
<div id="wrapper" class="hfeed">
<div id="header"><div id="masthead">
<div id="site-title"><a href="/" rel="home">{NAME}</a></div>
<div id="site-description">{TAGLINE}</div>
<div id="access" role="navigation"><ul class="menu">
<li>{link("/", "Home")}</li>
<li>{link("/about/", "About")}</li>
</ul></div>
</div></div>
<div id="main">
<div id="container"><div id="content" role="main">
{main}
</div></div>
<div id="primary" class="widget-area" role="complementary">
{sidebar}
</div>
</div><!-- #main -->
<div id="footer"><div id="colophon"><div id="site-info">{link("/", NAME)}</div></div></div>
</div>
{foot}</body>
</html>
"""


def _meta(post: Post) -> str:
    date = (
        f'<a href="{post.path()}" title="{post.published:%H:%M}" rel="bookmark">'
        f'<time class="entry-date" datetime="{post.published.isoformat()}">{long_date(post.published)}</time></a>'
    )
    author = (
        ""
        if post.byline
        else (
            f' <span class="meta-sep">by</span> <span class="author vcard"><a class="url fn n" '
            f'href="/author/{slug(post.author)}/" title="View all posts by {escape(post.author)}">'
            f"{escape(post.author)}</a></span>"
        )
    )
    return f'<div class="entry-meta"><span class="meta-prep meta-prep-author">Posted on</span> {date}{author}</div>'


def _utility(post: Post) -> str:
    tagged = f" and tagged {term_links('tag', post.tags, 'tag')}" if post.tags else ""
    edit = (
        (
            f' Last changed <time class="updated" datetime="{post.modified.isoformat()}">{long_date(post.modified)}'
            "</time>."
        )
        if post.modified > post.published
        else ""
    )
    return (
        f'<div class="entry-utility">This entry was posted in '
        f"{term_links('category', post.categories, 'category tag')}{tagged}. "
        f'Bookmark the <a href="{post.path()}" title="Permalink to {escape(post.title)}" rel="bookmark">'
        f"permalink</a>.{edit}</div>"
    )


def _neighbours(page: Single) -> str:
    older = link(page.older.path(), f"← {shown_title(page.older)}", "prev") if page.older else ""
    newer = link(page.newer.path(), f"{shown_title(page.newer)} →", "next") if page.newer else ""
    return f'<div class="nav-previous">{older}</div><div class="nav-next">{newer}</div>'


def _summary(post: Post) -> str:
    return f"""<div id="post-{post.id}" class="post-{post.id} post type-post status-publish hentry">
<h2 class="entry-title"><a href="{post.path()}" rel="bookmark">{escape(shown_title(post))}</a></h2>
{_meta(post)}
<div class="entry-summary"><p>{escape(excerpt(post), quote=False)}</p></div>
</div>"""


# The blog at an address, and its server on the loopback interface.

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

    def __init__(self, base: str, edition: int = 1) -> None:
        self.base = base
        self.every_post = load_posts(edition)
        self.posts = tuple(p for p in self.every_post if not p.gone)
        self.changed = max(p.modified for p in self.every_post)
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

    # The pages.

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
        text = listing_page(Listing(self.base, path, heading, body_class, shown, page, pages), self._sidebar())
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
        text = single_page(Single(self.base, self.posts[at], older, newer), self._sidebar())
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
        text = plain_page(Plain(self.base, path, title, body_class, content), self._sidebar())
        return Response(200, body=text.encode(), changed=changed)

    def _missing(self, status: int) -> Response:
        text = plain_page(
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

    # Feeds, sitemaps and other files for programs.

    def _rss(self, number: str = "1") -> Response:
        return self._feed(number, "/feed/", "application/rss+xml; charset=UTF-8", rss)

    def _atom(self, number: str = "1") -> Response:
        return self._feed(number, "/feed/atom/", "application/atom+xml; charset=UTF-8", atom)

    def _feed(self, number: str, path: str, media_type: str, write: Callable[..., str]) -> Response:
        page = int(number) if number.isdecimal() else 1
        shown = self.posts[max(page - 1, 0) * PER_PAGE : page * PER_PAGE]
        if not shown:
            return self._missing(404)
        return Response(200, media_type, write(self.base, path, shown, self.changed).encode(), changed=self.changed)

    def _robots(self) -> Response:
        return Response(200, "text/plain; charset=UTF-8", robots(self.base).encode())

    def _sitemap(self) -> Response:
        children = [
            ("/post-sitemap.xml.gz", self.changed),
            ("/page-sitemap.xml", self.posts[-1].published),
            ("/category-sitemap.xml", self.changed),
        ]
        return self._xml(sitemap_index(self.base, children).encode())

    def _post_sitemap(self) -> Response:
        text = urlset(self.base, [(p.path(), p.modified) for p in self.posts])
        return self._xml(gzip_text(text), "application/gzip")

    def _other_sitemap(self, kind: str) -> Response:
        pages = [("/about/", self.posts[-1].published)]
        if kind == "category":
            names = sorted({c for p in self.posts for c in p.categories})
            pages = [(f"/category/{slug(c)}/", max(p.modified for p in self.posts if c in p.categories)) for c in names]
        return self._xml(urlset(self.base, pages).encode())

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

    def __init__(self, server: ThreadingHTTPServer, edition: int) -> None:
        self._server = server
        self.port: int = server.server_address[1]
        self.base = f"http://{HOST}:{self.port}"
        self.url = f"{self.base}/"
        self.requests: list[Request] = []
        self.blog = Blog(self.base, edition)

    def show(self, edition: int) -> None:
        """Switches to another edition (1 or 2) of the blog, starting with the next request."""
        self.blog = Blog(self.base, edition)

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
def serve(port: int = PORT, *, edition: int = 1) -> Iterator[Demo]:
    """Serves the demonstration blog on the loopback interface within the `with` block.

    `port` 0 chooses a free port. Edition 2 is the blog some days after edition 1: two posts edited, one new, one moved,
    one deleted. Raises DemoPortTaken.
    """
    handler = type("Handler", (_Handler,), {})
    try:
        server = ThreadingHTTPServer((HOST, port), handler)
    except OSError as error:
        raise DemoPortTaken(port, error.strerror or str(error)) from error
    server.daemon_threads = True
    demo = Demo(server, edition)
    handler.demo = demo  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(_POLL,), name="demo", daemon=True)
    thread.start()
    try:
        yield demo
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
