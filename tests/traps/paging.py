"""Lists in pages that do not end where their posts do, and lists that are the only way to the posts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import groupby

from tests.small_sites import Told
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
    paged,
    sitemap,
    telling,
)

N = 16
Number = Callable[[Ask], "int | None"]


def _posts(told: list[Told]) -> Respond:
    at = {t.path: t for t in told}
    return lambda ask: article(at[ask.path]) if ask.path in at else None


def _list(told: list[Told], number: Number, older: Callable[[int], str], *, clamp: bool) -> Respond:
    """Pages that go on for ever: beyond the end they show the last page again, or nothing."""

    def respond(ask: Ask) -> Reply | None:
        at = 1 if ask.path == "/" and not ask.query else number(ask)
        if at is None:
            return None
        shown = paged(told, min(at, last_page(told)) if clamp else at)
        return listing(shown, older=older(at + 1))

    return respond


def _after(prefix: str) -> Number:
    return lambda ask: int(ask.path.removeprefix(prefix).strip("/")) if ask.path.startswith(prefix) else None


def _value(key: str, step: int = 1) -> Number:
    return lambda ask: int(ask.values[key]) // step + (step > 1) if key in ask.values else None


def _endless(name: str, seed: int, number: Number, older: Callable[[int], str], *, clamp: bool) -> Trap:
    told = telling(seed, N)
    return Trap(name, first_of(_list(told, number, older, clamp=clamp), _posts(told)), tuple(told), 3 + 4)


def _months(told: list[Told], chained: bool) -> Respond:
    """A home page with the three newest posts, and all months; `chained`: only the newest, and each names the next."""
    by_month = {key: list(group) for key, group in groupby(told, lambda t: f"/{t.at:%Y/%m}/")}
    keys = list(by_month)

    def respond(ask: Ask) -> Reply | None:
        if ask.path == "/":
            return listing(told[:3], menu=links(*(keys[:1] if chained else keys)))
        if ask.path not in by_month:
            return None
        at = keys.index(ask.path)
        return listing(by_month[ask.path], title=ask.path, menu=links(*keys[at + 1 : at + 2]) if chained else "")

    return first_of(respond, _posts(told))


def _only_sitemap(told: list[Told], host: str) -> Respond:
    def respond(ask: Ask) -> Reply | None:
        if ask.path == "/robots.txt":
            return Reply(f"User-agent: *\nAllow: /\nSitemap: http://{host}/maps/all.xml\n", media="text/plain")
        if ask.path == "/maps/all.xml":
            return sitemap([f"http://{host}{t.path}" for t in told])
        return document("Low Water", "<h1>Low Water</h1><p>Welcome.</p>") if ask.path == "/" else None

    return first_of(respond, _posts(told))


def _archived_feed(told: list[Told], host: str) -> Respond:
    """RFC 5005, section 3: the feed's pages are linked by rel=next."""

    def respond(ask: Ask) -> Reply | None:
        if ask.path == "/atom.xml":
            number = int(ask.values.get("page", 1))
            following = f"/atom.xml?page={number + 1}" if number < last_page(told) else ""
            return feed(paged(told, number), f"http://{host}", following)
        head = '<link rel="alternate" type="application/atom+xml" href="/atom.xml">'
        return document("Low Water", "<h1>Low Water</h1>", head=head) if ask.path == "/" else None

    return first_of(respond, _posts(told))


def _load_more(told: list[Told]) -> Respond:
    """A button that a script presses; the head tells the next page to whoever reads it."""

    def respond(ask: Ask) -> Reply | None:
        number = int(ask.values.get("chunk", 1)) if ask.path == "/" else 0
        if not number:
            return None
        more = number < last_page(told)
        head = f'<link rel="next" href="/?chunk={number + 1}">' if more else ""
        return listing(paged(told, number), head=head, pager="<button>Load more</button>" if more else "")

    return first_of(respond, _posts(told))


def _known_before(told: list[Told], host: str) -> Respond:
    """Two posts a page, each page told by the day it ends at; the sitemap has all but the ten oldest posts."""

    def respond(ask: Ask) -> Reply | None:
        if ask.path == "/sitemap.xml":
            return sitemap([f"http://{host}{t.path}" for t in told[:-10]])
        if ask.path not in ("/", "/search"):
            return None
        until = ask.values.get("updated-max", "9")
        shown = [t for t in told if t.at.isoformat()[:19] < until[:19]]
        older = f"/search?updated-max={shown[1].at:%Y-%m-%dT%H:%M:%S}Z&max-results=2" if len(shown) > 2 else ""
        return listing(shown[:2], older=older)

    return first_of(respond, _posts(told))


def _dressed(told: list[Told]) -> Respond:
    """A theme whose list bears the name that others give to their pagers."""

    def respond(ask: Ask) -> Reply | None:
        number = int(ask.parts[1]) if ask.parts[:1] == ["page"] else int(ask.path == "/")
        if not number or not paged(told, number):
            return None
        plain = listing(paged(told, number), older=f"/page/{number + 1}/" if number < last_page(told) else "")
        return replace(plain, body=plain.body.replace("<main>", '<main class="infinite-scroll">'))

    return first_of(respond, _posts(told))


def traps() -> list[Trap]:
    months, chain, mapped, fed, loaded = (telling(n, 60) for n in range(50, 55))
    deep, known, dressed = telling(55, 120), telling(56, 70), telling(57, 30)
    return [
        _endless("last-again", 41, _after("/page/"), lambda n: f"/page/{n}/", clamp=True),
        _endless("empty-pages", 42, _after("/page/"), lambda n: f"/page/{n}/", clamp=False),
        _endless("page-query", 43, _value("page"), lambda n: f"/?page={n}", clamp=True),
        _endless("start-query", 44, _value("start", PER_PAGE), lambda n: f"/?start={(n - 1) * PER_PAGE}", clamp=False),
        _endless(
            "offset-query", 45, _value("offset", PER_PAGE), lambda n: f"/?offset={(n - 1) * PER_PAGE}", clamp=True
        ),
        _endless("p-path", 46, _after("/p/"), lambda n: f"/p/{n}", clamp=True),
        Trap("deep", first_of(lambda ask: _deep(deep, ask), blog(deep, "deep.test")), tuple(deep), 120),
        Trap("known-before", _known_before(known, "known-before.test"), tuple(known), 35),
        Trap("dressed", _dressed(dressed), tuple(dressed), 5),
        Trap("months", _months(months, chained=False), tuple(months), 1 + len({f"{t.at:%Y%m}" for t in months})),
        Trap("month-chain", _months(chain, chained=True), tuple(chain), 1 + len({f"{t.at:%Y%m}" for t in chain})),
        Trap("only-sitemap", _only_sitemap(mapped, "only-sitemap.test"), tuple(mapped), 1),
        Trap("archived-feed", _archived_feed(fed, "archived-feed.test"), tuple(fed), 13),
        Trap("load-more", _load_more(loaded), tuple(loaded), 12),
    ]


def _deep(told: list[Told], ask: Ask) -> Reply | None:
    """120 pages of one post each, each of which names only the next."""
    number = int(ask.parts[1]) if ask.parts[:1] == ["page"] else int(ask.path == "/")
    if not number:
        return None
    shown = told[number - 1 : number]
    return listing(shown, older=f"/page/{number + 1}/" if number < len(told) else "") if shown else None
