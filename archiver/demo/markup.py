"""What both themes print alike: the head of a page, links, times and the geo-tags of a post."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from html import escape

from slugify import slugify

from archiver.demo.posts import Place, Post, paragraphs

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
    """One post and its neighbours, as a theme prints it."""

    base: str
    post: Post
    older: Post | None
    newer: Post | None


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of an archive. `path` is that of its first page, `body_class` as WordPress writes it."""

    base: str
    path: str
    heading: str
    body_class: str
    posts: tuple[Post, ...]
    number: int
    pages: int


@dataclass(frozen=True, slots=True)
class Plain:
    """A page that is no post: about, an attachment, "not found"."""

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
    """The body as HTML, or the password form in its place."""
    if post.protected:
        return PASSWORD_FORM
    blocks = paragraphs(post)
    if post.image:
        page = f"{post.path()}{post.attachment}/"
        blocks.insert(1, f'<figure class="wp-block-image"><a href="{page}"><img src="{post.image}" alt="" '
                         'width="600" height="400"></a></figure>')
    return "\n\n".join(blocks)


def excerpt(post: Post) -> str:
    if post.protected:
        return "There is no excerpt because this is a protected post."
    words = " ".join(post.body.replace("## ", "").split()).split(" ")
    return " ".join(words[:30]) + (" […]" if len(words) > 30 else "")


def link(path: str, text: str, rel: str = "") -> str:
    attribute = f' rel="{rel}"' if rel else ""
    return f'<a href="{path}"{attribute}>{escape(text)}</a>'


def term_links(kind: str, names: tuple[str, ...], rel: str) -> str:
    return ", ".join(link(f"/{kind}/{slug(n)}/", n, rel) for n in names)


def long_date(time: datetime) -> str:
    return f"{time:%B} {time.day}, {time.year}"


def geo_metas(places: tuple[Place, ...]) -> str:
    """geo.position and ICBM hold one place only: the first."""
    if not places:
        return ""
    p = places[0]
    return (f'<meta name="geo.position" content="{p.latitude:.4f};{p.longitude:.4f}">\n'
            f'<meta name="geo.placename" content="{escape(p.name)}">\n'
            f'<meta name="geo.region" content="{p.region}">\n'
            f'<meta name="ICBM" content="{p.latitude:.4f}, {p.longitude:.4f}">\n')


def geo_spans(places: tuple[Place, ...]) -> str:
    """The geo microformat, hidden as geo-tagging plugins print it, and the notice that the page has it."""
    if not places:
        return ""
    spans = "\n".join(
        f'<span class="geo" title="{escape(p.name)}"><span class="latitude">{p.latitude:.4f}</span>; '
        f'<span class="longitude">{p.longitude:.4f}</span></span>' for p in places)
    return f'<div class="geotags" style="display:none">\n{spans}\n</div>\n<div id="geotag-notice">' \
           "This page contains geo-tags</div>\n"


def comments(post: Post) -> str:
    if not post.comments:
        return ""
    items = "\n".join(
        f'<li class="comment" id="comment-{n}"><cite class="fn">{escape(c.author)}</cite> '
        f'<div class="comment-content"><p>{escape(c.text)}</p></div> '
        f'<a rel="nofollow" class="comment-reply-link" href="{post.path()}?replytocom={n}#respond">Reply</a></li>'
        for n, c in enumerate(post.comments, post.id * 10))
    return f'<div id="comments" class="comments-area"><ol class="commentlist comment-list">\n{items}\n</ol></div>\n'


def head(base: str, path: str, title: str, *, language: str = "en-US", extra: str = "") -> str:
    """Everything up to </head>. `path` is the canonical one, `extra` what only this page has."""
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
        extra += (f'<meta name="description" content="{escape(post.description)}">\n'
                  '<meta property="og:type" content="article">\n'
                  f'<meta property="og:title" content="{escape(post.title)}">\n'
                  f'<meta property="og:description" content="{escape(post.description)}">\n')
    if post.image:
        extra += f'<meta property="og:image" content="{page.base}{post.image}">\n'
    return head(page.base, post.path(), shown_title(post), language=post.language, extra=extra + geo_metas(post.places))


def listing_head(page: Listing) -> str:
    numbered = page_path(page, page.number)
    extra = ""
    if page.number > 1:
        extra += f'<link rel="prev" href="{page.base}{page_path(page, page.number - 1)}">\n'
    if page.number < page.pages:
        extra += f'<link rel="next" href="{page.base}{page_path(page, page.number + 1)}">\n'
    return head(page.base, numbered, page.heading, extra=extra)


def page_path(page: Listing, number: int) -> str:
    return page.path if number == 1 else f"{page.path}page/{number}/"
