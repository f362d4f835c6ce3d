"""The posts of the demonstration blog, and the markup that all its themes share: page heads, links, times, geo-tags,
feeds, sitemaps and robots.txt.
"""

from __future__ import annotations

import gzip
import html
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any
from xml.sax.saxutils import escape as feeds_escape

from slugify import slugify

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
        """The body without the marks of links."""
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
