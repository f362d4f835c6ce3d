"""Faults of single fields, of some pages or of some copies: most of a blog is as always."""

from __future__ import annotations

import gzip
import html as markup
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random

from tests.month.blogs import Blog, Post, View, byline, document, feed, healthy, sitemap, text_of
from tests.month.site_faults import SiteFault, at_path, change_each, is_post, with_theme, without_etag
from tests.spiders.site_server import Answer

_ELSEWHERE = "el mar y la sierra cada tarde su luz dorada sobre tejados rojos de una villa antigua donde nadie duerme"
_COOKIES = (
    "This story uses cookies of our friends. Choose which of them may follow you about, then read on at leisure. "
)
_MEMBERS = "Only friends of the house can see how this ends. " * 9


# Posts and their pages


def _admin(view: View, post: Post) -> Post:
    return replace(post, author="admin")


def _an_hour_later(view: View, post: Post) -> Post:
    return replace(post, at=post.at + timedelta(hours=1))


def _dated_today(view: View, post: Post) -> Post:
    """The day of the fault in place of the post's date."""
    return replace(post, at=view.began)


def _translated(view: View, post: Post) -> Post:
    """What visitors from another country see: the text in another language (and the title, see `_other_title`)."""
    dice = Random(post.number)
    words = _ELSEWHERE.split()
    paragraphs = tuple(" ".join(dice.choices(words, k=50)).capitalize() + "." for _ in post.paragraphs)
    return replace(post, paragraphs=paragraphs)


def _other_title(blog: Blog, post: Post) -> str:
    return healthy(blog, post).replace(post.title, f"La villa {post.number} y el mar").replace('"en"', '"es"', 1)


def _double_encoded(blog: Blog, post: Post) -> str:
    """UTF-8 that a proxy took for Latin-1 and encoded again."""
    return healthy(blog, post).encode().decode("cp1252", "replace")


def _escaped(blog: Blog, post: Post) -> str:
    """The markup of the text is shown as text."""
    return healthy(blog, post).replace(text_of(post), markup.escape(text_of(post)))


def _escaped_if_known(view: View) -> View:
    """A new post may be stored so: nobody knows what else it says."""
    known = {one.number for one in view.posts if one.at <= view.began - timedelta(days=1)}
    return replace(view, theme=lambda blog, post: (_escaped if post.number in known else healthy)(blog, post))


def _cookies(blog: Blog, post: Post) -> str:
    return document(
        blog,
        f"{post.title} | {blog.title}",
        f'<article class="hentry"><h1 class="entry-title">{post.title}</h1>{byline(post)}'
        f'<div class="entry-content"><p>{_COOKIES * 3}</p></div></article>',
    )


def _members_only(view: View) -> View:
    """Two posts show the same text in place of theirs, in words that no list of walls has."""
    closed = {one.number for one in view.posts if one.at <= view.began}
    newest = sorted(closed)[-3:-1]
    return replace(
        view, posts=tuple(replace(one, paragraphs=(_MEMBERS,)) if one.number in newest else one for one in view.posts)
    )


def _stale(blog: Blog, post: Post) -> str:
    """The copy of a cache, from before the last edit."""
    is_edited = post.changed > post.at
    return healthy(blog, replace(post, paragraphs=post.paragraphs[:-1]) if is_edited else post)


def _without_end(target: str, good: Answer, view: View) -> Answer:
    """The page ends after the last paragraph but one, without the end of the document."""
    if not is_post(target, view):
        return good
    at = good.body.rfind(b"<p>", 0, good.body.rfind(b"</div></article>"))
    return Answer(good.body[:at], headers=without_etag(good))


# Responses


def _json_error(target: str, good: Answer, view: View) -> Answer:
    body = json.dumps({"error": {"code": 1013, "message": "upstream unavailable"}}).encode()
    return Answer(body, headers={"Content-Type": "application/json"}) if is_post(target, view) else good


def _gzip_cut(target: str, good: Answer, view: View) -> Answer:
    """The first half of a compressed page, with the length of that half."""
    if not is_post(target, view):
        return good
    body = gzip.compress(good.body)
    return Answer(body[: len(body) // 2], headers={**without_etag(good), "Content-Encoding": "gzip"})


def _list(path: str, change: Callable[[str], str]) -> Callable[[str, Answer, View], Answer]:
    """A feed or sitemap with changed text."""

    def changed(target: str, good: Answer, view: View) -> Answer:
        if target != path:
            return good
        return replace(good, body=change(feed(view) if path == "/feed.xml" else sitemap(view)).encode())

    return changed


def _feed_of_titles(text: str) -> str:
    head, *items = text.split("<item>")
    return (
        head
        + "".join(f"<item>{one[: one.index('</title>') + len('</title>')]}</item>" for one in items)
        + "</channel></rss>"
    )


_ROBOTS_PAGE = Answer(
    b"<!doctype html><html><head><title>Welcome</title></head><body><h1>Welcome</h1><p>Disallow: /</p></body></html>",
    headers={"Content-Type": "text/html"},
)

CONTENT_FAULTS = (
    SiteFault("author-admin", ("c",), change_each(_admin)),
    SiteFault("an-hour-later", ("c",), change_each(_an_hour_later)),
    SiteFault("dated-today", ("e",), change_each(_dated_today)),
    SiteFault("translated", ("e",), lambda view: with_theme(_other_title)(change_each(_translated)(view))),
    SiteFault("double-encoded", ("c",), with_theme(_double_encoded), reported="either"),
    SiteFault("escaped-markup", ("c",), _escaped_if_known, reported="either"),
    SiteFault("cookies-for-each-post", ("e",), with_theme(_cookies)),
    SiteFault("members-only", ("e",), _members_only),
    SiteFault("stale-copies", ("d",), with_theme(_stale), reported="either"),
    SiteFault("pages-without-end", ("d",), answer=_without_end),
    SiteFault("json-error", ("d",), answer=_json_error),
    SiteFault("gzip-cut", ("a",), answer=_gzip_cut),
    SiteFault("feed-of-titles", ("e",), answer=_list("/feed.xml", _feed_of_titles)),
    SiteFault(
        "feed-names-http",
        ("e",),
        answer=_list("/feed.xml", lambda text: text.replace("https:", "http:")),
        reported="either",
    ),
    SiteFault(
        "sitemap-names-https",
        ("d",),
        answer=_list("/sitemap.xml", lambda text: text.replace("http://127", "https://127")),
        reported="either",
    ),
    SiteFault("robots-page", ("a",), answer=at_path("/robots.txt", _ROBOTS_PAGE), reported="either"),
)
