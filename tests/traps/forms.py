"""Traps: addresses that the host redirects to another form of themselves, and links to files as if they were pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.small_sites import SamplePost
from tests.traps.trap import Trap
from tests.traps.web import Ask, Reply, Respond, article, blog, document, links, moved, newest_first, sitemap

N = 44


def _redirecting(
    posts: list[SamplePost], host: str, listed: Callable[[str], str], own: Callable[[str], str]
) -> Respond:
    """A blog whose sitemap and links have the addresses of posts in the form `listed`, and whose host redirects them to
    the form `own`.
    """
    pages = blog(posts, host, tail=lambda t: links(*(listed(o.path) for o in posts[t.number :: 20])))

    def respond(ask: Ask) -> Reply | None:
        if ask.path == "/sitemap.xml":
            return sitemap([f"http://{host}{listed(t.path)}" for t in posts])
        at = next((t for t in posts if t.path.strip("/") == ask.path.strip("/").removesuffix("/index.html")), None)
        if at is None:
            return pages(ask)
        return pages(Ask(ask.host, at.path, "")) if ask.path == own(at.path) else moved(own(at.path), 301)

    return respond


def _to_slash_with_dead_links(posts: list[SamplePost], host: str) -> Respond:
    """A blog whose host redirects all posts to a slash. Its oldest post links to addresses without one that do not
    exist, and to pages that exist only without one.
    """
    own = _redirecting(posts, host, lambda p: p.rstrip("/"), lambda p: p)
    dead = links(
        *(f"/dead-{n}" for n in range(8)), *(f"/late/dead-{n}" for n in range(2)), "/late/only-without", "/late/closed"
    )

    def respond(ask: Ask) -> Reply | None:
        if ask.path == "/robots.txt":
            return Reply("User-agent: *\nDisallow: /*/closed/$\n", media="text/plain")
        if ask.path in ("/late/only-without", "/late/closed"):
            return document("Notes", f"<h1>Notes</h1><p>Nothing of note.</p>{links('/late/last')}")
        if ask.path == "/late/last":
            return document("The end", "<h1>The end</h1><p>Nothing follows.</p>")
        reply = own(ask)
        if reply and ask.path == posts[-1].path:
            return replace(reply, body=reply.body.replace("<footer>", f"<footer>{dead}"))
        return reply

    return respond


def _part_with_slashes(posts: list[SamplePost], host: str) -> Respond:
    """A site with a sitemap only, whose host redirects three quarters of the addresses to a slash, and knows the others
    only without one.
    """
    at = {t.path.strip("/"): t for t in posts}

    def respond(ask: Ask) -> Reply | None:
        if ask.path == "/sitemap.xml":
            return sitemap([f"http://{host}{t.path.rstrip('/')}" for t in posts])
        if ask.path == "/":
            return document("Low Water", "<h1>Low Water</h1><p>Welcome.</p>")
        post = at.get(ask.path.strip("/"))
        if post is None or ask.path.endswith("/"):
            return article(post) if post and post.number % 4 else None
        return moved(post.path, 301) if post.number % 4 else article(post)

    return respond


_FILES = ("harbour.jpg", "Map.PNG", "tide.pdf", "song.mp3", "archive.zip", "code.js", "letters.woff2", "table.csv")


def _files(posts: list[SamplePost], host: str) -> Respond:
    """A blog whose posts link to their pictures and to other files, which the sitemap lists, too. Pages whose addresses
    only look like files of pictures have posts behind them.
    """
    listed, looks = (
        posts[:-3],
        dict(zip(("/show.php?file=x.jpg", "/quay.jpg/", "/File:quay.jpg"), posts[-3:], strict=True)),
    )
    own = blog(
        listed,
        host,
        tail=lambda t: links(*(f"/files/{t.number}/{name}" for name in _FILES), *looks),
    )

    def respond(ask: Ask) -> Reply | None:
        if ask.path == "/sitemap.xml":
            return sitemap([f"http://{host}/files/{t.number}/harbour.jpg" for t in listed])
        if ask.parts[:1] == ["files"]:
            return Reply("a file", media="application/octet-stream")
        post = looks.get(ask.path + (f"?{ask.query}" if ask.query else ""))
        return article(post) if post else own(ask)

    return respond


def traps() -> list[Trap]:
    with_slash, without, index, part = (newest_first(n, N) for n in range(120, 124))
    filed, dead = newest_first(124, 20), newest_first(125, N)
    # Each link to a post in the other form is no request of its own; about 16 are sent before the form is known.
    return [
        Trap(
            "files",
            _files(filed, "files.test"),
            tuple(filed),
            4,
            {f"/files/{filed[0].number}/{name}": ("trap", "file") for name in _FILES},
        ),
        Trap(
            "to-slash",
            _redirecting(with_slash, "to-slash.test", lambda p: p.rstrip("/"), lambda p: p),
            tuple(with_slash),
            10,
        ),
        # Dead links cost a request in each form.
        Trap(
            "to-slash-or-dead",
            _to_slash_with_dead_links(dead, "to-slash-or-dead.test"),
            tuple(dead),
            10,
            {
                "/dead-3": ("gone", "http-404"),
                "/late/only-without": ("not-article", ""),
                "/late/closed": ("not-article", ""),
            },
            spare=2 * 19,
        ),
        Trap(
            "to-no-slash",
            _redirecting(without, "to-no-slash.test", lambda p: p, lambda p: p.rstrip("/")),
            tuple(without),
            10,
        ),
        Trap(
            "to-folder",
            _redirecting(index, "to-folder.test", lambda p: f"{p}index.html", lambda p: p),
            tuple(index),
            10,
        ),
        Trap("part-slash", _part_with_slashes(part, "part-slash.test"), tuple(part), 1, spare=3 * N // 4),
    ]
