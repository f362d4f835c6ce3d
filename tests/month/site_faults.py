"""The faults of blogs and their servers: what a blog shows while something is wrong with it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import Literal

from tests.month.blogs import (
    BLOGS,
    NOT_FOUND,
    Blog,
    Post,
    View,
    byline,
    document,
    html,
    text_of,
)
from tests.small_sites import made_paragraph
from tests.spiders.site_server import Answer

_A_DAY = timedelta(days=1)
Reporting = Literal["yes", "no", "either"]


@dataclass(frozen=True)
class SiteFault:
    """A fault of `blogs` (all at once). `view` changes what a blog has and shows, `answer` single responses.

    - `reported`: whether somebody must be notified, and `reported_by`, by which run.
    - `genuine`: the blog really says so. The archive has to follow, and its report is still news after two runs.
    - `days`: the days of the fault, counted from its first.
    """

    name: str
    blogs: tuple[str, ...]
    view: Callable[[View], View] = lambda view: view
    answer: Callable[[str, Answer, View], Answer] = lambda target, good, view: good
    reported: Reporting = "yes"
    reported_by: int = 2
    genuine: bool = False
    closed: bool = False
    expired: bool = False
    delay: float = 0.0
    days: tuple[int, ...] = (0, 1)
    faults: int = 1
    """How many faults there are at the same time. Each may be one message, and its end another."""


def with_theme(page: Callable[[Blog, Post], str]) -> Callable[[View], View]:
    return lambda view: replace(view, theme=page)


# Themes of a fault


def _without_meta(blog: Blog, post: Post) -> str:
    """A redesign that shows neither date nor author nor category."""
    return document(
        blog, post.title, f'<div class="story"><h1>{post.title}</h1><div class="prose">{text_of(post)}</div></div>'
    )


def _new_container(blog: Blog, post: Post) -> str:
    """A redesign with other markup that still shows everything."""
    return document(
        blog,
        f"{post.title} | {blog.title}",
        f'<section class="k1"><div class="k2"><h2 class="k3">{post.title}</h2><div class="k4"><span class="k5">'
        f'{post.author}</span><time datetime="{post.at.isoformat()}">{post.at:%d.%m.%Y}</time></div></div>'
        f'<div class="k6"><div class="k7">{text_of(post)}</div></div></section>',
        f'<meta property="article:section" content="{post.category}">',
    )


def _teaser(blog: Blog, post: Post) -> str:
    start = " ".join(post.paragraphs)[:120]
    return document(
        blog,
        f"{post.title} | {blog.title}",
        f'<article class="hentry"><h1 class="entry-title">{post.title}</h1>{byline(post)}<div class="entry-content">'
        f'<p>{start} ...</p><p><a href="/subscribe/">Subscribe to read on</a></p></div></article>',
    )


def _shell(blog: Blog, post: Post | None = None) -> str:
    return document(blog, blog.title, '<div id="root"></div><script src="/app.js"></script>')


def _maintenance(blog: Blog) -> str:
    return document(
        blog,
        blog.title,
        "<h1>Back soon</h1><p>We are moving our things about. Do come again.</p>",
    )


def _parked(blog: Blog) -> str:
    words = "".join(f"<li><a href='/?q={n}'>Cheap offers, part {n}</a></li>" for n in range(12))
    return f"<!doctype html><html><title>{blog.host}</title><h1>This domain is for sale</h1><ul>{words}</ul></html>"


def _consent(blog: Blog) -> str:
    return document(
        blog,
        "Your privacy",
        "<h1>We value your privacy</h1><p>We and our partners store cookies on your device. Accept them to go on.</p>"
        '<form action="/consent" method="post"><button>Accept all</button><button>Settings</button></form>',
    )


def _login(blog: Blog) -> str:
    return document(
        blog,
        f"Log in | {blog.title}",
        '<h1>Log in</h1><form action="/login" method="post"><input name="user"><input type="password" name="password">'
        "<button>Log in</button></form>",
    )


def _lost(blog: Blog) -> str:
    return document(
        blog,
        f"Page not found | {blog.title}",
        "<h1>Oops! That page can't be found.</h1><p>Nothing is here. Try a search?</p>",
    )


# Responses of a fault


def is_post(target: str, view: View) -> bool:
    return any(one.path == target for one in view.posts)


def _everywhere(page: Callable[[Blog], str]) -> Callable[[str, Answer, View], Answer]:
    """The same page for every address, whether it exists or not; robots.txt stays."""
    return lambda target, good, view: good if target == "/robots.txt" else html(page(view.blog))


def _pages(page: Callable[[Blog], str]) -> Callable[[str, Answer, View], Answer]:
    """The same page for each post."""
    return lambda target, good, view: html(page(view.blog)) if is_post(target, view) else good


def _posts(answer: Answer) -> Callable[[str, Answer, View], Answer]:
    return lambda target, good, view: answer if is_post(target, view) else good


def _all(answer: Answer) -> Callable[[str, Answer, View], Answer]:
    return lambda target, good, view: answer


def at_path(path: str, answer: Answer) -> Callable[[str, Answer, View], Answer]:
    return lambda target, good, view: answer if target.split("?")[0].startswith(path) else good


def _plain(body: str, status: int = 200) -> Answer:
    return Answer(body.encode(), status, {"Content-Type": "text/plain"})


def _status(status: int, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(b"<h1>Sorry</h1>", status, {"Content-Type": "text/html", **named})


def _moved(target: str, good: Answer, view: View) -> Answer:
    """Redirects every address to the same one on another host."""
    return Answer(b"", 301, {"Location": BLOGS["f"].url.rstrip("/") + target})


def _feed_led_off(target: str, good: Answer, view: View) -> Answer:
    return Answer(b"", 302, {"Location": f"{BLOGS['f'].url}feed.xml"}) if target == "/feed.xml" else good


def _to_login(target: str, good: Answer, view: View) -> Answer:
    if target.startswith("/login"):
        return html(_login(view.blog))
    return Answer(b"", 302, {"Location": f"/login?next={target}"}) if is_post(target, view) else good


def _wrong_charset(target: str, good: Answer, view: View) -> Answer:
    """Declares another charset than the bytes have."""
    if good.status != 200 or "html" not in good.headers.get("Content-Type", ""):
        return good
    body = good.body.replace(b'<meta charset="utf-8">', b'<meta charset="iso-8859-1">')
    return Answer(body, headers={"Content-Type": "text/html; charset=iso-8859-1"})


def _truncated(target: str, good: Answer, view: View) -> Answer:
    return replace(good, headers=without_etag(good), cut=len(good.body) // 2) if is_post(target, view) else good


def _cut_by_proxy(target: str, good: Answer, view: View) -> Answer:
    """Half of each page, with the length of that half."""
    return Answer(good.body[: len(good.body) // 2], headers=without_etag(good)) if is_post(target, view) else good


def _gzip_garbage(target: str, good: Answer, view: View) -> Answer:
    if not is_post(target, view):
        return good
    body = bytearray(gzip.compress(good.body))
    body[20:60] = Random(target).randbytes(40)
    return Answer(bytes(body), headers={**without_etag(good), "Content-Encoding": "gzip"})


def without_etag(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "ETag"}


# Views of a fault


def _deleted(count: int) -> Callable[[View], View]:
    """Some of the older posts are gone, and no list names them."""
    return lambda view: replace(view, posts=tuple(one for one in view.posts if not 2 <= one.number < 2 + count))


def _edited(view: View) -> View:
    posts = tuple(
        replace(one, paragraphs=(*one.paragraphs[:-1], f"Put right: {made_paragraph(Random(one.number))}"))
        if one in view.posts[2:5]
        else one
        for one in view.posts
    )
    return replace(view, posts=posts)


def _spam(count: int) -> Callable[[View], View]:
    def spammed(view: View) -> View:
        # All of it is like the post that was the newest then, so that it stays as it is while the fault lasts.
        dice, newest = Random(count), next(one for one in view.posts if one.at <= view.began)
        spam = tuple(
            replace(
                newest,
                number=1000 + n,
                title=f"Win the {n} best prizes of {made_paragraph(dice).split()[1]}",
                paragraphs=tuple(made_paragraph(dice) for _ in range(2)),
                at=view.began - timedelta(minutes=90 - n),
                changed=view.began - timedelta(minutes=90 - n),
            )
            for n in range(count)
        )
        return replace(view, posts=(*reversed(spam), *view.posts))

    return spammed


def change_each(change: Callable[[View, Post], Post]) -> Callable[[View], View]:
    """All posts that were out before the day on which the fault began, changed."""
    return lambda view: replace(
        view, posts=tuple(change(view, one) if one.at <= view.began - _A_DAY else one for one in view.posts)
    )


def _redated(view: View, post: Post) -> Post:
    """The time of a migration, a second for each post, as its date."""
    return replace(post, at=view.began - timedelta(hours=1, seconds=post.number))


def _ahead(view: View, post: Post) -> Post:
    return replace(post, at=post.at + timedelta(days=365), changed=post.changed + timedelta(days=365))


def _clock_ahead(view: View) -> View:
    """The server's clock is a year ahead: what it publishes is dated by it, and its sitemap says that all changed."""
    posts = tuple(
        _ahead(view, one)
        if one.at > view.began - timedelta(days=1)
        else replace(one, changed=view.began + timedelta(days=365))
        for one in view.posts
    )
    return replace(view, posts=posts)


def _spoilt(view: View, post: Post) -> Post:
    """A database that was copied with the wrong character set: question marks in place of letters with accents."""
    return replace(post, paragraphs=tuple(one.encode("ascii", "replace").decode() for one in post.paragraphs))


def _advertised(view: View, post: Post) -> Post:
    """Hacked: each post ends with another paragraph about the same pharmacy."""
    dice = Random(post.number)
    pill, country = dice.choice(("tadalin", "viagrol", "zolpam")), dice.choice(("Texas", "Kent", "Bavaria", "Ohio"))
    link = f'<a href="http://pills.example/{dice.randrange(9999)}/">{pill} {dice.randrange(99)} mg</a>'
    pitch = f"{made_paragraph(dice)} So where in {country} does one find {link} for {dice.randrange(80)} dollars?"
    return replace(post, paragraphs=(*post.paragraphs, pitch))


def _api_wrong(target: str, good: Answer, view: View) -> Answer:
    """An API that gives each post the title and the date of a draft."""
    if not target.startswith("/wp-json/") or "_embed" not in target:
        return good
    rows = json.loads(good.body)
    known = {f"{view.url.rstrip('/')}{one.path}" for one in view.posts if one.at <= view.began - _A_DAY}
    for row in rows:
        if row["link"] not in known:
            continue  # nobody knows what else it says
        row["title"]["rendered"] = f"Draft {row['id']}"
        row["date"] = row["date_gmt"] = "2026-01-01T00:00:00"
    return replace(good, body=json.dumps(rows).encode())


def _api_wrong_and_changed(target: str, good: Answer, view: View) -> Answer:
    """Such an API that says that all posts have changed, until its site is restored from a backup."""
    if not target.startswith("/wp-json/"):
        return good
    changed = replace(
        view, posts=tuple(replace(one, changed=view.began + timedelta(minutes=one.number)) for one in view.posts)
    )
    return _api_wrong(target, changed.answer(target), view)


def _empty(view: View) -> View:
    """Sources that list nothing: a feed and a sitemap without entries."""
    feed = f'<rss version="2.0"><channel><title>{view.blog.title}</title></channel></rss>'
    return replace(view, extra={"/feed.xml": Answer(feed.encode(), headers={"Content-Type": "application/rss+xml"})})


_FEED_HTML = Answer(
    b"<!doctype html><html><head><title>Feed</title></head><body><h1>Our feed has moved</h1></body></html>"
)
_FORBID = _plain("User-agent: *\nDisallow: /\n")
_SITEMAP_EMPTY = Answer(
    b'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"></urlset>',
    headers={"Content-Type": "application/xml"},
)
_EMPTY = Answer(b"", headers={"Content-Type": "text/html; charset=utf-8"})

SITE_FAULTS = (
    SiteFault("redesign-no-dates", ("d",), with_theme(_without_meta)),
    SiteFault("redesign-listing-site", ("c",), with_theme(_without_meta)),
    SiteFault("new-container", ("a",), with_theme(_new_container), reported="either"),
    SiteFault("feed-404", ("e",), answer=at_path("/feed.xml", NOT_FOUND)),
    SiteFault("feed-html", ("e",), answer=at_path("/feed.xml", _FEED_HTML)),
    SiteFault("feed-empty", ("e",), _empty),
    SiteFault("feed-led-off", ("d",), answer=_feed_led_off),
    SiteFault("sitemap-empty", ("a",), answer=at_path("/sitemap.xml", _SITEMAP_EMPTY)),
    SiteFault("api-401", ("b",), answer=at_path("/wp-json/", _status(401))),
    SiteFault("robots-forbid", ("b",), answer=at_path("/robots.txt", _FORBID)),
    SiteFault("robots-forbid-3-days", ("a",), answer=at_path("/robots.txt", _FORBID), days=(0, 1, 2)),
    # For 24 hours the stored robots.txt counts, so the first run is as always.
    SiteFault("robots-500", ("d",), answer=at_path("/robots.txt", _status(500)), days=(0, 1, 2), reported_by=3),
    SiteFault("moved-301", ("a",), answer=_moved),
    SiteFault("port-closed", ("d",), closed=True),
    SiteFault("own-line-down", ("a", "b", "c", "d", "e"), closed=True),
    # An outage that is over by the next run is no news; that it comes again and again is.
    SiteFault("flapping", ("d",), closed=True, days=(0, 2, 4), reported_by=5),
    SiteFault("consent-wall", ("a",), answer=_everywhere(_consent)),
    SiteFault("login-wall", ("e",), answer=_to_login),
    SiteFault("all-404", ("a",), answer=_all(NOT_FOUND)),
    SiteFault("posts-404", ("b",), answer=_posts(NOT_FOUND)),
    SiteFault("posts-404-listing", ("c",), answer=_posts(NOT_FOUND)),
    SiteFault("same-page-listing", ("c",), answer=_everywhere(_maintenance)),
    SiteFault("same-page-sitemap", ("d",), answer=_everywhere(_maintenance)),
    SiteFault("parked", ("c",), answer=_everywhere(_parked)),
    SiteFault("js-shell", ("d",), with_theme(_shell)),
    SiteFault("js-shell-everywhere", ("e",), answer=_everywhere(_shell)),
    SiteFault("teaser", ("e",), with_theme(_teaser)),
    SiteFault("deletions", ("a",), _deleted(4), genuine=True),
    SiteFault("deletions-listing", ("c",), _deleted(4), genuine=True),
    SiteFault("edits", ("c",), _edited, reported="no", genuine=True),
    SiteFault("spam", ("a",), _spam(40), genuine=True),
    SiteFault("slow", ("e",), delay=1.2),
    SiteFault("429", ("b",), answer=_all(_status(429, Retry_After="5000"))),
    SiteFault("403", ("a",), answer=_all(_status(403))),
    SiteFault("503", ("c",), answer=_all(_status(503))),
    SiteFault("posts-500", ("d",), answer=_posts(_status(500))),
    SiteFault("tls-expired", ("e",), expired=True),
    SiteFault("wrong-encoding", ("c",), answer=_wrong_charset, reported="either"),
    SiteFault("truncated", ("a",), answer=_truncated),
    SiteFault("truncated-by-proxy", ("d",), answer=_cut_by_proxy),
    SiteFault("gzip-garbage", ("c",), answer=_gzip_garbage),
    SiteFault("empty-pages", ("d",), answer=_posts(_EMPTY)),
    SiteFault("soft-404", ("a",), answer=_pages(_lost)),
    SiteFault("redated", ("d",), change_each(_redated)),
    SiteFault("clock-of-server-ahead", ("a",), _clock_ahead, reported="no"),
    SiteFault("question-marks", ("c",), change_each(_spoilt)),
    SiteFault("pharmacy", ("c",), change_each(_advertised)),
    SiteFault("api-wrong", ("b",), answer=_api_wrong),
    SiteFault("api-wrong-and-changed", ("b",), answer=_api_wrong_and_changed),
)
