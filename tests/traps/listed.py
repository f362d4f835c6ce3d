"""Traps: pages that bring nothing because a sitemap lists all posts, or because nothing is left at their addresses, and
sites that look like these but have posts nowhere else.
"""

from __future__ import annotations

from itertools import pairwise

from tests.small_sites import SamplePost
from tests.traps.trap import Trap
from tests.traps.web import (
    Ask,
    Reply,
    Respond,
    article,
    blog,
    feed,
    first_of,
    links,
    listing,
    moved,
    newest_first,
    sitemap,
)

_MONTHS = [f"/{2016 + n // 12}/{n % 12 + 1:02}/" for n in range(48)]
_TAGS = [f"/tag/t-{n}/" for n in range(90)]


def _posts(posts: list[SamplePost]) -> Respond:
    at = {t.path: t for t in posts}
    return lambda ask: article(at[ask.path]) if ask.path in at else None


def _with_sitemap(listed: list[SamplePost], hidden: list[SamplePost], host: str, lists: list[str]) -> Respond:
    """A blog whose sitemap and home pager have the `listed` posts. Each of the `lists` shows one of these posts, and
    one of the `hidden` posts, which are nowhere else.
    """
    numbers = {address: n for n, address in enumerate(lists)}

    def respond(ask: Ask) -> Reply | None:
        if ask.path == "/sitemap.xml":
            return sitemap([f"http://{host}{t.path}" for t in listed] + [f"http://{host}{a}" for a in lists])
        if ask.path not in numbers:
            return None
        shown = [few[numbers[ask.path] % len(few)] for few in (listed, hidden) if few]
        return listing(shown, title=ask.path)

    return first_of(respond, _posts(hidden), blog(listed, host, menu=lambda t: "" if t else links(*lists)))


def _in_categories(posts: list[SamplePost], hidden: list[SamplePost], host: str) -> Respond:
    """A blog without sitemap. Its home pager and its six categories have the `posts`. Each of its 40 tags shows one of
    them that no other tag shows, and each of its 24 months, too. The tags also show the `hidden` posts.
    """
    categories, tags = [f"/category/c-{n}/" for n in range(6)], _TAGS[:40]
    months = _MONTHS[:24]
    shown = {address: posts[n::6] for n, address in enumerate(categories)}
    shown |= {address: [posts[n % len(posts)]] for n, address in enumerate(months)}
    shown |= {
        address: [posts[n % len(posts)], *([hidden[n % len(hidden)]] if hidden else [])]
        for n, address in enumerate(tags)
    }
    own = blog(posts, host, menu=lambda t: "" if t else links(*tags, *months, *categories))
    return first_of(
        lambda ask: listing(shown[ask.path], title=ask.path) if ask.path in shown else None, _posts(hidden), own
    )


def _part_feeds(posts: list[SamplePost], host: str) -> Respond:
    """A blog with a sitemap of all posts, each of which links to the next. Its pages of topics each declare a feed."""
    after = {t.path: older.path for t, older in pairwise(posts)}
    topics = [f"/topics-{n}/" for n in range(30)]

    def respond(ask: Ask) -> Reply | None:
        if ask.path in ("/index.rss.xml", "/index.atom.xml") or ask.path.endswith("/own.xml"):
            return feed(posts[:6], f"http://{host}")
        if ask.path == "/sitemap.xml":
            return sitemap([f"http://{host}{t.path}" for t in posts] + [f"http://{host}{a}" for a in topics])
        if ask.path in topics:
            own = f'<link rel="alternate" type="application/atom+xml" href="{ask.path}own.xml">'
            return listing(posts[:4], title=ask.path, head=own)
        return None

    feeds = "".join(f'<link rel="alternate" type="application/{f}+xml" href="/index.{f}.xml">' for f in ("rss", "atom"))
    return first_of(respond, blog(posts, host, home_head=feeds, tail=lambda t: links(after.get(t.path, "/"))))


def _old_addresses(posts: list[SamplePost], found: list[SamplePost], host: str) -> Respond:
    """A blog whose posts link to 120 addresses that it had before it moved. Every fourth one redirects to one of the
    `found` posts, if there are any; nothing is left at the others.
    """
    old = [f"/{2008 + n % 5}/{n % 12 + 1:02}/old-note-{n}" for n in range(120)]
    at = {address: found[n // 4] for n, address in enumerate(old) if found and n % 4 == 0}
    own = blog(posts, host, tail=lambda t: links(*old[t.number % len(posts) :: len(posts)]))
    return first_of(lambda ask: moved(at[ask.path].path) if ask.path in at else None, _posts(found), own)


def _missing_pages(posts: list[SamplePost], host: str, *, late: bool) -> Respond:
    """A blog that links to 40 pages of a list of its news, which are all missing; or only the first ten are, and the
    others have one post each that is nowhere else.
    """
    shown, only = (posts[:30], posts[30:]) if late else (posts, [])
    pages = [f"/news/page/{n}/" for n in range(2, 42)]

    def respond(ask: Ask) -> Reply | None:
        number = pages.index(ask.path) if ask.path in pages else -1
        return listing([only[number - 10]], title=ask.path) if only and number >= 10 else None

    return first_of(respond, _posts(only), blog(shown, host, menu=lambda t: "" if t else links(*pages)))


def traps() -> list[Trap]:
    twice, half, months = newest_first(160, 60), newest_first(161, 60), newest_first(162, 54)
    old, alive, parts = newest_first(163, 60), newest_first(164, 70), newest_first(165, 60)
    sorted_once, partly = newest_first(168, 60), newest_first(169, 60)
    missing, late = newest_first(166, 60), newest_first(167, 60)
    return [
        # Of 90 tags and 48 months, each shows a post that no other has shown.
        Trap("listed-twice", _with_sitemap(twice, [], "listed-twice.test", _TAGS + _MONTHS), tuple(twice), 0),
        Trap("half-sitemap", _with_sitemap(half[:30], half[30:], "half-sitemap.test", _TAGS[:30]), tuple(half), 5 + 30),
        Trap(
            "months-sitemap",
            _with_sitemap(months[:30], months[30:], "months-sitemap.test", _MONTHS[:24]),
            tuple(months),
            5 + 24,
        ),
        Trap("in-categories", _in_categories(sorted_once, [], "in-categories.test"), tuple(sorted_once), 10 + 6),
        Trap(
            "not-in-categories",
            _in_categories(partly[:40], partly[40:], "not-in-categories.test"),
            tuple(partly),
            7 + 6 + 40,
            spare=24,
        ),
        Trap(
            "part-feeds",
            _part_feeds(parts, "part-feeds.test"),
            tuple(parts),
            30,
            {"/index.atom.xml": ("trap", "equivalent-url: feed format")},
            spare=-10,
        ),
        Trap("moved-away", _old_addresses(old, [], "moved-away.test"), tuple(old), 10, spare=15),
        Trap("moved-partly", _old_addresses(alive[:40], alive[40:], "moved-partly.test"), tuple(alive), 7, spare=120),
        Trap("missing-pages", _missing_pages(missing, "missing-pages.test", late=False), tuple(missing), 10),
        Trap("late-pages", _missing_pages(late, "late-pages.test", late=True), tuple(late), 5 + 40),
    ]
