"""The demonstration blog: its posts, its pages with the markup of a classic WordPress theme, its feeds and sitemaps,
and its server on the loopback interface.

The blog is a pure function from a path to an HTTP response: `Blog(base, edition).get("/2023/05/a-post/")` is what the
server sends. The second edition is the same blog some days later: two posts edited, one new, one moved, one deleted.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import threading
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

from slugify import slugify

from archiver.model.errors import ArchiverError

# The posts: one TOML file each, read into frozen values for an edition.

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

    @property
    def shown_title(self) -> str:
        return f"Protected: {self.title}" if self.protected else self.title

    @property
    def has_public_text(self) -> bool:
        return not self.protected and not self.gone

    def path(self, slug: str = "") -> str:
        return f"/{self.published:%Y/%m}/{slug or self.slug}/"


@cache
def load_posts(edition: int = 1) -> tuple[Post, ...]:
    """Loads the posts of an edition, newest first, including the deleted ones (`gone`)."""
    texts = [one.read_text(encoding="utf-8") for one in (files("archiver.demo") / "posts").iterdir()]
    rows = [row for row in map(tomllib.loads, texts) if row.pop("since", 1) <= edition]
    return tuple(sorted((_post(row, edition) for row in rows), key=lambda post: post.published, reverse=True))


def _post(row: dict[str, Any], edition: int) -> Post:
    second = row.pop("second", {})
    if edition >= 2:
        row |= second | ({"moved_from": row["slug"]} if "slug" in second else {})
    lists = {
        "categories": tuple(row["categories"]),
        "tags": tuple(row.get("tags", ())),
        "places": tuple(Place(**place) for place in row.get("places", ())),
        "comments": tuple(Comment(**comment) for comment in row.get("comments", ())),
    }
    return Post(**{"modified": row["published"], **row, **lists})


def paragraphs(post: Post) -> list[str]:
    """Returns the post's text as HTML elements, one per block, with the byline if the post has one."""
    byline = [f"<p>{_text(f'{post.author} {post.byline}')}</p>"] if post.byline else []
    return [*map(_block, post.body.strip().split("\n\n")), *byline]


def _block(text: str) -> str:
    html = _LINK.sub(r'<a href="\2">\1</a>', _text(text))
    if text.startswith("## "):
        return f"<h2>{html[3:]}</h2>"
    if text.startswith("- "):
        return "<ul>\n" + "\n".join(f"<li>{line[2:]}</li>" for line in html.splitlines()) + "\n</ul>"
    if text.startswith("> "):
        return f"<blockquote><p>{html[5:]}</p></blockquote>"
    return f"<p>{html}</p>"


def _text(text: str) -> str:
    return escape(text, quote=False)


# The parts of pages and feeds.

NAME = "The Harbour Notebook"
TAGLINE = "Notes from a small port"
GENERATOR = "WordPress 6.8.1"
PASSWORD_FORM = (
    '<form action="/wp-login.php?action=postpass" class="post-password-form" method="post">'
    "<p>This content is password protected. To view it please enter your password below:</p>"
    '<p><label>Password: <input name="post_password" type="password" size="20"></label> '
    '<input type="submit" name="Submit" value="Enter"></p></form>'
)


def _content(post: Post) -> str:
    """Returns the body of a post as HTML; for a protected post, the password form instead."""
    if post.protected:
        return PASSWORD_FORM
    blocks = paragraphs(post)
    if post.image:
        image = f'<img src="{post.image}" alt="{escape(post.picture)}" width="720" height="480">'
        linked = f'<a href="{post.path()}{post.attachment}/">{image}</a>' if post.attachment else image
        caption = f'<figcaption class="wp-element-caption">{escape(post.caption)}</figcaption>' if post.caption else ""
        blocks.insert(1, f'<figure class="wp-block-image size-large">{linked}{caption}</figure>')
    return "\n\n".join(blocks)


def _excerpt(post: Post) -> str:
    if post.protected:
        return "There is no excerpt because this is a protected post."
    words = post.text.replace("## ", "").split()
    return " ".join(words[:30]) + (" […]" if len(words) > 30 else "")


def _link(path: str, text: str, rel: str = "") -> str:
    attribute = f' rel="{rel}"' if rel else ""
    return f'<a href="{path}"{attribute}>{escape(text)}</a>'


def _term_links(kind: str, names: Iterable[str], rel: str = "") -> list[str]:
    return [_link(f"/{kind}/{slugify(name)}/", name, rel) for name in names]


def _long_date(time: datetime) -> str:
    return f"{time:%B} {time.day}, {time.year}"


def _post_metadata(base: str, post: Post) -> str:
    """Returns the elements in the head of a post's page. Of several places, geo.position and ICBM can contain only the
    first.
    """
    out = f'<link rel="shortlink" href="{base}/?p={post.id}">\n'
    if post.description:
        out += (
            f'<meta name="description" content="{escape(post.description)}">\n'
            '<meta property="og:type" content="article">\n'
            f'<meta property="og:title" content="{escape(post.title)}">\n'
            f'<meta property="og:description" content="{escape(post.description)}">\n'
        )
    if post.image:
        out += f'<meta property="og:image" content="{base}{post.image}">\n'
    for place in post.places[:1]:
        out += (
            f'<meta name="geo.position" content="{place.latitude:.4f};{place.longitude:.4f}">\n'
            f'<meta name="geo.placename" content="{escape(place.name)}">\n'
            f'<meta name="geo.region" content="{place.region}">\n'
            f'<meta name="ICBM" content="{place.latitude:.4f}, {place.longitude:.4f}">\n'
        )
    return out


def _geo_spans(places: Sequence[Place]) -> str:
    """Returns the places in the geo microformat, in hidden elements as geo-tagging plugins write them, and the visible
    notice that the page is geo-tagged.
    """
    if not places:
        return ""
    spans = "\n".join(
        f'<span class="geo" title="{escape(place.name)}"><span class="latitude">{place.latitude:.4f}</span>; '
        f'<span class="longitude">{place.longitude:.4f}</span></span>'
        for place in places
    )
    return (
        f'<div class="geotags" style="display:none">\n{spans}\n</div>\n<div id="geotag-notice">'
        "This page contains geo-tags</div>\n"
    )


def _comments(post: Post) -> str:
    items = "\n".join(
        f'<li class="comment" id="comment-{number}"><cite class="fn">{escape(comment.author)}</cite> '
        f'<div class="comment-content"><p>{escape(comment.text)}</p></div> <a rel="nofollow" '
        f'class="comment-reply-link" href="{post.path()}?replytocom={number}#respond">Reply</a></li>'
        for number, comment in enumerate(post.comments, post.id * 10)
    )
    if not items:
        return ""
    return f'<div id="comments" class="comments-area"><ol class="commentlist comment-list">\n{items}\n</ol></div>\n'


def _meta(post: Post) -> str:
    author = (
        f' <span class="meta-sep">by</span> <span class="author vcard"><a class="url fn n" '
        f'href="/author/{slugify(post.author)}/" title="View all posts by {escape(post.author)}">'
        f"{escape(post.author)}</a></span>"
    )
    return (
        '<div class="entry-meta"><span class="meta-prep meta-prep-author">Posted on</span> '
        f'<a href="{post.path()}" title="{post.published:%H:%M}" rel="bookmark"><time class="entry-date" '
        f'datetime="{post.published.isoformat()}">{_long_date(post.published)}</time></a>'
        f"{'' if post.byline else author}</div>"
    )


def _utility(post: Post) -> str:
    tagged = f" and tagged {', '.join(_term_links('tag', post.tags, 'tag'))}" if post.tags else ""
    edited = (
        f' Last changed <time class="updated" datetime="{post.modified.isoformat()}">{_long_date(post.modified)}'
        "</time>."
    )
    return (
        f'<div class="entry-utility">This entry was posted in '
        f"{', '.join(_term_links('category', post.categories, 'category tag'))}{tagged}. "
        f'Bookmark the <a href="{post.path()}" title="Permalink to {escape(post.title)}" rel="bookmark">'
        f"permalink</a>.{edited if post.modified > post.published else ''}</div>"
    )


def _summary(post: Post) -> str:
    return f"""<div id="post-{post.id}" class="post-{post.id} post type-post status-publish hentry">
<h2 class="entry-title"><a href="{post.path()}" rel="bookmark">{escape(post.shown_title)}</a></h2>
{_meta(post)}
<div class="entry-summary"><p>{_text(_excerpt(post))}</p></div>
</div>"""


_GEORSS = 'xmlns:georss="http://www.georss.org/georss"'
_SITEMAP = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def _points(places: Iterable[Place]) -> str:
    return "".join(
        f"<georss:point>{place.latitude:.4f} {place.longitude:.4f}</georss:point>\n"
        f"<georss:featurename>{_text(place.name)}</georss:featurename>\n"
        for place in places
    )


def _rss(base: str, posts: Iterable[Post], changed: datetime) -> str:
    """Returns an RSS 2.0 feed of posts in the form that WordPress writes: full texts, dc:creator, numeric guid, times
    in UTC, and georss. `changed` is the time of the last change.
    """
    items = "\n".join(
        f"""<item>
<title>{_text(post.shown_title)}</title>
<link>{base}{post.path()}</link>
<dc:creator>{_text(post.author)}</dc:creator>
<pubDate>{format_datetime(post.published.astimezone(UTC))}</pubDate>
{"".join(f"<category>{_text(name)}</category>" for name in (*post.categories, *post.tags))}
<guid isPermaLink="false">{base}/?p={post.id}</guid>
<description>{_text(_excerpt(post))}</description>
<content:encoded>{_text(_content(post))}</content:encoded>
{_points(post.places)}</item>"""
        for post in posts
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" \
xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom" {_GEORSS}>
<channel>
<title>{NAME}</title>
<atom:link href="{base}/feed/" rel="self" type="application/rss+xml"/>
<link>{base}/</link>
<description>{TAGLINE}</description>
<lastBuildDate>{format_datetime(changed.astimezone(UTC))}</lastBuildDate>
<language>en-US</language>
<generator>https://wordpress.org/?v=6.8.1</generator>
{items}
</channel>
</rss>
"""


def _atom(base: str, posts: Iterable[Post], changed: datetime) -> str:
    """Returns an Atom feed (RFC 4287) of posts. `changed` is the time of the last change."""
    entries = "\n".join(
        f"""<entry xml:lang="{post.language}">
<author><name>{_text(post.author)}</name></author>
<title>{_text(post.shown_title)}</title>
<link rel="alternate" type="text/html" href="{base}{post.path()}"/>
<id>{base}/?p={post.id}</id>
<updated>{post.modified.isoformat()}</updated>
<published>{post.published.isoformat()}</published>
{"".join(f'<category term="{_text(name)}"/>' for name in (*post.categories, *post.tags))}
<summary>{_text(_excerpt(post))}</summary>
<content type="html">{_text(_content(post))}</content>
{_points(post.places)}</entry>"""
        for post in posts
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" {_GEORSS} xml:lang="en-US">
<title>{NAME}</title>
<updated>{changed.isoformat()}</updated>
<link rel="alternate" type="text/html" href="{base}/"/>
<link rel="self" type="application/atom+xml" href="{base}/feed/atom/"/>
<id>{base}/feed/atom/</id>
{entries}
</feed>
"""


# The blog at an address.

PER_PAGE = 10
_PICTURES = {
    file.name: file.read_bytes()
    for file in (files("archiver.demo") / "pictures").iterdir()
    if file.name.endswith(".png")
}
"""The pictures of the posts, by file name. They were drawn for the blog."""
_ABOUT = """<p>The Harbour Notebook is written by three people who live within sight of the same quay.
It is made up, and so are the people: it comes with the archiver, so that there is something to crawl.</p>
<p>The <a href="/private/minutes/">minutes of our meetings</a> are not for crawlers.</p>"""


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response of the demonstration blog. `changed` is the time for Last-Modified, or None."""

    status: int
    media_type: str = "text/html; charset=UTF-8"
    body: bytes = b""
    location: str = ""
    changed: datetime | None = None

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha1(self.body).hexdigest()[:20]}"'


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the blog. `path` is that of its canonical URL, `body_class` the class that WordPress gives the body
    element, `metadata` the HTML in the head and `foot` the HTML at the end that only this page has.
    """

    path: str
    title: str
    body_class: str
    main: str
    metadata: str = ""
    foot: str = ""
    language: str = "en-US"


class Blog:
    """One edition of the demonstration blog. `base` is its URL without a slash at the end."""

    def __init__(self, base: str, edition: int = 1) -> None:
        self.base = base
        self.edition = edition
        self.every_post = load_posts(edition)
        self.posts = tuple(post for post in self.every_post if not post.gone)
        self.changed = max(post.modified for post in self.every_post)
        self._routes: tuple[tuple[str, Callable[..., Response]], ...] = (
            (r"/(?:page/(\d+)/)?", lambda number: self._listing(self.posts, "/", "", "home blog", number)),
            (r"/(\d{4})/(\d\d)/(?:page/(\d+)/)?", self._month),
            (r"/(category|tag|author)/([\w-]+)/(?:page/(\d+)/)?", self._term),
            (r"(/\d{4}/\d\d/)([\w-]+)/", self._single),
            (r"/\d{4}/\d\d/([\w-]+)/([\w-]+)/", self._attachment),
            (r"/about/", self._about),
            (r"/private/minutes/", self._minutes),
            (r"/robots\.txt", self._robots),
            (r"/sitemap\.xml", self._sitemap),
            (r"/(post|page|category)-sitemap\.xml(\.gz)?", self._entries),
            (r"/wp-content/uploads/\d{4}/\d\d/(\w+\.png)", self._picture),
        )

    def get(self, target: str) -> Response:
        """Returns the response to a GET request for `target` (a path with or without a query)."""
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/" and "p" in query:
            post = next((one for one in self.posts if str(one.id) == query["p"]), None)
            return self._moved(post.path()) if post else self._missing(404)
        if parts.path in ("/feed/", "/feed/atom/"):
            return self._feed(parts.path, query.get("paged", "1"))
        for pattern, handler in self._routes:
            if found := re.fullmatch(pattern, parts.path):
                return handler(*found.groups())
        slashed = f"{parts.path}/"
        if any(re.fullmatch(pattern, slashed) for pattern, _ in self._routes) or slashed in ("/feed/", "/feed/atom/"):
            return self._moved(slashed)
        return self._missing(404)

    def post(self, number: int) -> Post:
        """Returns the post with this number, even if it was deleted."""
        return next(post for post in self.every_post if post.id == number)

    def url(self, post: Post) -> str:
        return self.base + post.path()

    # The pages.

    def _month(self, year: str, month: str, number: str | None) -> Response:
        posts = tuple(post for post in self.posts if f"{post.published:%Y/%m}" == f"{year}/{month}")
        heading = f"Month: {posts[0].published:%B %Y}" if posts else ""
        return self._listing(posts, f"/{year}/{month}/", heading, "archive date", number)

    def _term(self, kind: str, slug: str, number: str | None) -> Response:
        def names(post: Post) -> tuple[str, ...]:
            return {"category": post.categories, "tag": post.tags, "author": (post.author,)}[kind]

        posts = tuple(post for post in self.posts if slug in map(slugify, names(post)))
        title = next((name for post in posts for name in names(post) if slugify(name) == slug), "")
        body_class = f"archive {kind} {kind}-{slug}"
        return self._listing(posts, f"/{kind}/{slug}/", f"{kind.title()}: {title}", body_class, number)

    def _listing(self, posts: Sequence[Post], path: str, heading: str, body_class: str, number: str | None) -> Response:
        page, pages = int(number or 1), -(-len(posts) // PER_PAGE)
        if not 1 <= page <= pages:
            return self._missing(404)
        paths = {1: path, **{one: f"{path}page/{one}/" for one in range(2, pages + 1)}}
        title = f'<h1 class="page-title">{escape(heading)}</h1>\n' if heading else ""
        summaries = "\n".join(map(_summary, posts[(page - 1) * PER_PAGE : page * PER_PAGE]))
        metadata = older = newer = ""
        if page > 1:
            metadata += f'<link rel="prev" href="{self.base}{paths[page - 1]}">\n'
            newer = _link(paths[page - 1], "Newer posts →")
        if page < pages:
            metadata += f'<link rel="next" href="{self.base}{paths[page + 1]}">\n'
            older = _link(paths[page + 1], "← Older posts")
        main = (
            f'{title}{summaries}\n<div id="nav-below" class="navigation"><div class="nav-previous">{older}</div>'
            f'<div class="nav-next">{newer}</div></div>'
        )
        return self._page(Page(paths[page], heading, body_class, main, metadata), self.changed)

    def _single(self, folder: str, name: str) -> Response:
        for post in self.posts:
            if post.moved_from == name or (post.slug == name and post.path() != f"{folder}{name}/"):
                return self._moved(post.path())
        if any(post.slug == name and post.gone for post in self.every_post):
            return self._missing(410)
        at = next((number for number, post in enumerate(self.posts) if post.slug == name), None)
        if at is None:
            return self._missing(404)
        post, newer, older = self.posts[at], self.posts[:at][-1:], self.posts[at + 1 : at + 2]
        previous = "".join(_link(one.path(), f"← {one.shown_title}", "prev") for one in older)
        following = "".join(_link(one.path(), f"{one.shown_title} →", "next") for one in newer)
        around = f'<div class="nav-previous">{previous}</div><div class="nav-next">{following}</div>'
        page = Page(
            post.path(),
            post.shown_title,
            f"single single-post postid-{post.id} single-format-standard",
            f"""<div id="nav-above" class="navigation">{around}</div>
<div id="post-{post.id}" class="post-{post.id} post type-post status-publish format-standard hentry">
<h1 class="entry-title">{escape(post.shown_title)}</h1>
{_meta(post)}
<div class="entry-content">
{_content(post)}
</div><!-- .entry-content -->
{_utility(post)}
</div>
<div id="nav-below" class="navigation">{around}</div>
{_comments(post)}""",
            _post_metadata(self.base, post),
            _geo_spans(post.places),
            post.language,
        )
        return self._page(page, max(one.modified for one in (post, *older, *newer)))

    def _attachment(self, name: str, attachment: str) -> Response:
        post = next((one for one in self.posts if (one.slug, one.attachment) == (name, attachment)), None)
        if post is None:
            return self._missing(404)
        body_class = f"attachment attachment-template-default attachmentid-{post.id + 1} attachment-png"
        image = f'<img src="{post.image}" alt="{escape(post.picture)}">'
        main = _plain(attachment.title(), f'<p class="attachment"><a href="{post.image}">{image}</a></p>')
        return self._page(Page(f"{post.path()}{attachment}/", attachment.title(), body_class, main), post.modified)

    def _about(self) -> Response:
        page = Page("/about/", "About", "page page-template-default page-id-2", _plain("About", _ABOUT))
        return self._page(page, self.posts[-1].published)

    def _minutes(self) -> Response:
        main = _plain("Minutes", "<p>Not for crawlers.</p>")
        return self._page(Page("/private/minutes/", "Minutes", "page page-id-3", main), self.changed)

    def _missing(self, status: int) -> Response:
        main = _plain("Not found", "<p>There is nothing at this address.</p>")
        return self._page(Page("/404/", "Not found", "error404", main), status=status)

    def _moved(self, path: str) -> Response:
        return Response(301, location=self.base + path)

    def _page(self, page: Page, changed: datetime | None = None, status: int = 200) -> Response:
        categories = sorted({name for post in self.posts for name in post.categories})
        months = {f"/{post.published:%Y/%m}/": f"{post.published:%B %Y}" for post in self.posts}
        html = f"""<!DOCTYPE html>
<html lang="{page.language}">
<head>
<meta charset="UTF-8">
<title>{escape(f"{page.title} – {NAME}" if page.title else f"{NAME} – {TAGLINE}")}</title>
<meta name="viewport" content="width=device-width">
<link rel="alternate" type="application/rss+xml" title="{NAME} » Feed" href="{self.base}/feed/">
<link rel="alternate" type="application/atom+xml" title="{NAME} » Atom" href="{self.base}/feed/atom/">
<meta name="generator" content="{GENERATOR}">
<link rel="canonical" href="{self.base}{page.path}">
{page.metadata}</head>
<body class="{page.body_class}">
<div id="wrapper" class="hfeed">
<div id="header"><div id="masthead">
<div id="site-title"><a href="/" rel="home">{NAME}</a></div>
<div id="site-description">{TAGLINE}</div>
<div id="access" role="navigation"><ul class="menu">
<li>{_link("/", "Home")}</li>
<li>{_link("/about/", "About")}</li>
</ul></div>
</div></div>
<div id="main">
<div id="container"><div id="content" role="main">
{page.main}
</div></div>
<div id="primary" class="widget-area" role="complementary">
<h2>Categories</h2>
<ul>{"".join(f"<li>{one}</li>" for one in _term_links("category", categories))}</ul>
<h2>Archives</h2>
<ul>{"".join(f"<li>{_link(path, name)}</li>" for path, name in months.items())}</ul>
<ul><li><a href="/wp-login.php" rel="nofollow">Log in</a></li><li><a href="/feed/">Entries feed</a></li></ul>
</div>
</div><!-- #main -->
<div id="footer"><div id="colophon"><div id="site-info">{_link("/", NAME)}</div></div></div>
</div>
{page.foot}</body>
</html>
"""
        return Response(status, body=html.encode(), changed=changed)

    # Feeds, sitemaps and other files for programs.

    def _feed(self, path: str, number: str) -> Response:
        page = int(number) if number.isdecimal() else 1
        shown = self.posts[max(page - 1, 0) * PER_PAGE : page * PER_PAGE]
        if not shown:
            return self._missing(404)
        kind, write = ("rss", _rss) if path == "/feed/" else ("atom", _atom)
        body = write(self.base, shown, self.changed).encode()
        return Response(200, f"application/{kind}+xml; charset=UTF-8", body, changed=self.changed)

    def _robots(self) -> Response:
        text = f"User-agent: *\nDisallow: /wp-admin/\nDisallow: /private/\n\nSitemap: {self.base}/sitemap.xml\n"
        return Response(200, "text/plain; charset=UTF-8", text.encode())

    def _sitemap(self) -> Response:
        children = [
            ("/post-sitemap.xml.gz", self.changed),
            ("/page-sitemap.xml", self.posts[-1].published),
            ("/category-sitemap.xml", self.changed),
        ]
        return self._xml("sitemapindex", "sitemap", children)

    def _entries(self, kind: str, suffix: str | None) -> Response:
        if (kind == "post") != (suffix == ".gz"):
            return self._missing(404)
        if kind == "post":
            return self._xml("urlset", "url", [(post.path(), post.modified) for post in self.posts], is_packed=True)
        if kind == "page":
            return self._xml("urlset", "url", [("/about/", self.posts[-1].published)])
        changed: dict[str, datetime] = {}
        for post in self.posts:
            for name in post.categories:
                changed[name] = max(post.modified, changed.get(name, post.modified))
        return self._xml("urlset", "url", [(f"/category/{slugify(name)}/", changed[name]) for name in sorted(changed)])

    def _xml(
        self, root: str, row: str, entries: Iterable[tuple[str, datetime]], *, is_packed: bool = False
    ) -> Response:
        """Returns a sitemap. A packed one has a fixed timestamp, so that its ETag is always the same."""
        rows = "\n".join(
            f"<{row}><loc>{self.base}{path}</loc><lastmod>{time.isoformat()}</lastmod></{row}>"
            for path, time in entries
        )
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} {_SITEMAP}>\n{rows}\n</{root}>\n'.encode()
        if is_packed:
            return Response(200, "application/gzip", gzip.compress(text, mtime=0), changed=self.changed)
        return Response(200, "application/xml; charset=UTF-8", text, changed=self.changed)

    def _picture(self, name: str) -> Response:
        return Response(200, "image/png", _PICTURES[name]) if name in _PICTURES else self._missing(404)


def _plain(title: str, content: str) -> str:
    """Returns the main part of a page that is neither a post nor a listing."""
    return (
        f'<div class="hentry"><h1 class="entry-title">{escape(title)}</h1>\n'
        f'<div class="entry-content">\n{content}\n</div></div>'
    )


# Its server on the loopback interface.

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

    target: str
    status: int
    conditional: bool


class Demo:
    """A running demonstration server: its URL, the blog that it serves, and the requests it received."""

    def __init__(self, port: int, edition: int) -> None:
        self.port = port
        self.base = f"http://{HOST}:{port}"
        self.url = f"{self.base}/"
        self.requests: list[Request] = []
        self.blog = Blog(self.base, edition)

    def show(self, edition: int) -> None:
        """Switches to another edition (1 or 2) of the blog, starting with the next request."""
        self.blog = Blog(self.base, edition)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    wbufsize = 1 << 16  # large enough to send headers and body in one packet
    demo: Demo

    def do_GET(self) -> None:
        response = self.demo.blog.get(self.path)
        since, match = self.headers.get("If-Modified-Since", ""), self.headers.get("If-None-Match", "")
        changed = format_datetime(response.changed.astimezone(UTC), usegmt=True) if response.changed else ""
        status = HTTPStatus(response.status)
        if status == HTTPStatus.OK and (response.etag in match if match else since and since == changed):
            status = HTTPStatus.NOT_MODIFIED
        self.demo.requests.append(Request(self.path, status, bool(since or match)))
        self.send_response(status)
        if response.status == HTTPStatus.OK:
            self.send_header("ETag", response.etag)
            if changed:
                self.send_header("Last-Modified", changed)
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
    demo = Demo(server.server_address[1], edition)
    handler.demo = demo  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(_POLL,), name="demo", daemon=True)
    thread.start()
    try:
        yield demo
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
