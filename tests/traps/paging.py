"""Traps: listings with pages beyond their last post, and listings that are the only way to the posts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import groupby

from tests.small_sites import SamplePost
from tests.traps.trap import Trap
from tests.traps.web import (
    PER_PAGE,
    Ask,
    Reply,
    Respond,
    article,
    blog,
    document,
    feed,
    first_of,
    last_page,
    links,
    listing,
    newest_first,
    paged,
    sitemap,
)

N = 16
Number = Callable[[Ask], "int | None"]


def _posts(posts: list[SamplePost]) -> Respond:
    at = {t.path: t for t in posts}
    return lambda ask: article(at[ask.path]) if ask.path in at else None


def _list(posts: list[SamplePost], number: Number, older: Callable[[int], str], *, clamp: bool) -> Respond:
    """A listing without an end: pages beyond the last repeat the last page (`clamp`) or are empty."""

    def respond(ask: Ask) -> Reply | None:
        at = 1 if ask.path == "/" and not ask.query else number(ask)
        if at is None:
            return None
        shown = paged(posts, min(at, last_page(posts)) if clamp else at)
        return listing(shown, older=older(at + 1))

    return respond


def _after(prefix: str) -> Number:
    return lambda ask: int(ask.path.removeprefix(prefix).strip("/")) if ask.path.startswith(prefix) else None


def _value(key: str, step: int = 1) -> Number:
    return lambda ask: int(ask.values[key]) // step + (step > 1) if key in ask.values else None


def _endless(name: str, seed: int, number: Number, older: Callable[[int], str], *, clamp: bool) -> Trap:
    posts = newest_first(seed, N)
    return Trap(name, first_of(_list(posts, number, older, clamp=clamp), _posts(posts)), tuple(posts), 3 + 4)


def _months(posts: list[SamplePost], chained: bool) -> Respond:
    """The home page has the three newest posts and links to all months. `chained`: it links only to the newest month,
    and each month to the next.
    """
    by_month = {key: list(group) for key, group in groupby(posts, lambda t: f"/{t.at:%Y/%m}/")}
    keys = list(by_month)

    def respond(ask: Ask) -> Reply | None:
        if ask.path == "/":
            return listing(posts[:3], menu=links(*(keys[:1] if chained else keys)))
        if ask.path not in by_month:
            return None
        at = keys.index(ask.path)
        return listing(by_month[ask.path], title=ask.path, menu=links(*keys[at + 1 : at + 2]) if chained else "")

    return first_of(respond, _posts(posts))


def _only_sitemap(posts: list[SamplePost], host: str) -> Respond:
    def respond(ask: Ask) -> Reply | None:
        if ask.path == "/robots.txt":
            return Reply(f"User-agent: *\nAllow: /\nSitemap: http://{host}/maps/all.xml\n", media="text/plain")
        if ask.path == "/maps/all.xml":
            return sitemap([f"http://{host}{t.path}" for t in posts])
        return document("Low Water", "<h1>Low Water</h1><p>Welcome.</p>") if ask.path == "/" else None

    return first_of(respond, _posts(posts))


def _archived_feed(posts: list[SamplePost], host: str) -> Respond:
    """RFC 5005, section 3: the feed's pages are linked by rel=next."""

    def respond(ask: Ask) -> Reply | None:
        if ask.path == "/atom.xml":
            number = int(ask.values.get("page", 1))
            following = f"/atom.xml?page={number + 1}" if number < last_page(posts) else ""
            return feed(paged(posts, number), f"http://{host}", following)
        head = '<link rel="alternate" type="application/atom+xml" href="/atom.xml">'
        return document("Low Water", "<h1>Low Water</h1>", head=head) if ask.path == "/" else None

    return first_of(respond, _posts(posts))


def _load_more(posts: list[SamplePost]) -> Respond:
    """The listing has a button for a script; a link in the head leads to the next page."""

    def respond(ask: Ask) -> Reply | None:
        number = int(ask.values.get("chunk", 1)) if ask.path == "/" else 0
        if not number:
            return None
        more = number < last_page(posts)
        head = f'<link rel="next" href="/?chunk={number + 1}">' if more else ""
        return listing(paged(posts, number), head=head, pager="<button>Load more</button>" if more else "")

    return first_of(respond, _posts(posts))


def _known_before(posts: list[SamplePost], host: str) -> Respond:
    """A listing of two posts per page, whose pages are identified by their end date. The sitemap has all but the ten
    oldest posts.
    """

    def respond(ask: Ask) -> Reply | None:
        if ask.path == "/sitemap.xml":
            return sitemap([f"http://{host}{t.path}" for t in posts[:-10]])
        if ask.path not in ("/", "/search"):
            return None
        until = ask.values.get("updated-max", "9")
        shown = [t for t in posts if t.at.isoformat()[:19] < until[:19]]
        older = f"/search?updated-max={shown[1].at:%Y-%m-%dT%H:%M:%S}Z&max-results=2" if len(shown) > 2 else ""
        return listing(shown[:2], older=older)

    return first_of(respond, _posts(posts))


def _dressed(posts: list[SamplePost]) -> Respond:
    """A theme whose list of posts has a class name that other themes use for pagination."""

    def respond(ask: Ask) -> Reply | None:
        number = int(ask.parts[1]) if ask.parts[:1] == ["page"] else int(ask.path == "/")
        if not number or not paged(posts, number):
            return None
        plain = listing(paged(posts, number), older=f"/page/{number + 1}/" if number < last_page(posts) else "")
        return replace(plain, body=plain.body.replace("<main>", '<main class="infinite-scroll">'))

    return first_of(respond, _posts(posts))


def traps() -> list[Trap]:
    months, chain, mapped, fed, loaded = (newest_first(n, 24) for n in range(50, 55))
    deep, known, dressed = newest_first(55, 80), newest_first(56, 70), newest_first(57, 30)
    return [
        _endless("last-again", 41, _after("/page/"), lambda n: f"/page/{n}/", clamp=True),
        _endless("empty-pages", 42, _after("/page/"), lambda n: f"/page/{n}/", clamp=False),
        _endless("page-query", 43, _value("page"), lambda n: f"/?page={n}", clamp=True),
        _endless("start-query", 44, _value("start", PER_PAGE), lambda n: f"/?start={(n - 1) * PER_PAGE}", clamp=False),
        _endless(
            "offset-query", 45, _value("offset", PER_PAGE), lambda n: f"/?offset={(n - 1) * PER_PAGE}", clamp=True
        ),
        _endless("p-path", 46, _after("/p/"), lambda n: f"/p/{n}", clamp=True),
        Trap("deep", first_of(lambda ask: _deep(deep, ask), blog(deep, "deep.test")), tuple(deep), 80),
        Trap("known-before", _known_before(known, "known-before.test"), tuple(known), 35),
        Trap("dressed", _dressed(dressed), tuple(dressed), 5),
        Trap("months", _months(months, chained=False), tuple(months), 1 + len({f"{t.at:%Y%m}" for t in months})),
        Trap("month-chain", _months(chain, chained=True), tuple(chain), 1 + len({f"{t.at:%Y%m}" for t in chain})),
        Trap("only-sitemap", _only_sitemap(mapped, "only-sitemap.test"), tuple(mapped), 1),
        Trap("archived-feed", _archived_feed(fed, "archived-feed.test"), tuple(fed), 9),
        Trap("load-more", _load_more(loaded), tuple(loaded), 8),
    ]


def _deep(posts: list[SamplePost], ask: Ask) -> Reply | None:
    """80 pages of one post each. Each links only to the next."""
    number = int(ask.parts[1]) if ask.parts[:1] == ["page"] else int(ask.path == "/")
    if not number:
        return None
    shown = posts[number - 1 : number]
    return listing(shown, older=f"/page/{number + 1}/" if number < len(posts) else "") if shown else None
