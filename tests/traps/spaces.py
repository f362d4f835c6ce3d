"""Traps: infinite URL spaces from calendars, session IDs, facets, combined tags and growing links."""

from __future__ import annotations

from datetime import date, timedelta
from urllib.parse import quote

from tests.small_sites import SamplePost
from tests.traps.trap import Trap
from tests.traps.web import Ask, Reply, Respond, article, blog, document, first_of, links, listing, newest_first

N = 16


def _month(at: date, by: int) -> date:
    number = at.year * 12 + at.month - 1 + by
    return date(number // 12, number % 12 + 1, 1)


def _made(
    name: str,
    seed: int,
    space: Respond,
    menu: str,
    listings: int = 3,
    n: int = N,
    outcomes: dict[str, tuple[str, str]] | None = None,
    spare: int = 0,
) -> Trap:
    posts = newest_first(seed, n)
    host = f"{name}.test"
    own = blog(posts, host, menu=lambda t: menu)
    return Trap(name, first_of(space, own), tuple(posts), listings, outcomes or {}, spare=spare)


def _calendar(ask: Ask) -> Reply | None:
    if ask.parts[:1] != ["calendar"]:
        return None
    at = date(int(ask.parts[1]), int(ask.parts[2]), 1)
    around = [f"/calendar/{m.year}/{m.month:02}/" for m in (_month(at, -1), _month(at, 1))]
    return document(f"Events of {at:%B %Y}", f"<h1>{at:%B %Y}</h1><p>No events.</p>{links(*around)}")


def _plan(ask: Ask) -> Reply | None:
    if ask.parts[:1] != ["plan"]:
        return None
    year, month = ask.parts[1].split("-")
    at = date(int(year), int(month), 1)
    around = [f"/plan/{m:%Y-%m}/" for m in (_month(at, -1), _month(at, 1))]
    return document(
        f"Plan of {at:%B %Y}", f"<h1>{at:%B %Y}</h1><table><tr><td>1</td><td>2</td></tr></table>{links(*around)}"
    )


def _by_query(ask: Ask) -> Reply | None:
    if ask.path != "/whats-on/":
        return None
    at = date(int(ask.values.get("year", 2024)), int(ask.values.get("month", 5)), 1)
    around = [f"/whats-on/?month={m.month}&year={m.year}" for m in (_month(at, -1), _month(at, 1))]
    return document("What is on", f"<h1>What is on in {at:%B %Y}</h1><p>Nothing.</p>{links(*around)}")


def _days(ask: Ask) -> Reply | None:
    if len(ask.parts) != 3 or not all(p.isdecimal() for p in ask.parts):
        return None
    at = date(*(int(p) for p in ask.parts))
    around = [f"/{d:%Y/%m/%d}/" for d in (at - timedelta(1), at + timedelta(1))]
    return document(f"{at:%d %B %Y}", f"<h1>Posts of {at:%d %B %Y}</h1><p>There are none.</p>{links(*around)}")


def _session_path(posts: list[SamplePost]) -> Respond:
    at = {t.path: t for t in posts}

    def respond(ask: Ask) -> Reply | None:
        path, _, _ = ask.path.partition(";")
        sid = f";jsessionid={ask.number * 7919:032X}"
        menu = links(*(t.path + sid for t in posts[:5]), "/" + sid)
        if path == "/":
            return listing(posts, address=lambda t: t.path + sid, menu=menu)
        return article(at[path], menu=menu) if path in at else None

    return respond


def _session_query(posts: list[SamplePost], key: str, form: str) -> Respond:
    at = {t.path: t for t in posts}

    def respond(ask: Ask) -> Reply | None:
        sid = f"?{key}={form.format(ask.number * 104729 + 1)}"
        menu = links(*(t.path + sid for t in posts[:5]), "/" + sid)
        if ask.path == "/":
            return listing(posts, address=lambda t: t.path + sid, menu=menu)
        return article(at[ask.path], menu=menu) if ask.path in at else None

    return respond


_CHOICES = {
    "sort": "date title author",
    "order": "asc desc",
    "view": "grid list full",
    "filter[]": "coast trades",
    "period": "day week year",
    "length": "short long",
}


def _facets(posts: list[SamplePost]) -> Respond:
    def respond(ask: Ask) -> Reply | None:
        if ask.path != "/archive/":
            return None
        more = [
            "/archive/?" + "&".join(f"{k}={v}" for k, v in {**ask.values, key: value}.items())
            for key, values in _CHOICES.items()
            for value in values.split()
        ]
        shown = sorted(posts, key=lambda t: (len(ask.query) * t.number) % 97)[:8]
        return listing(shown, title="Archive", pager=links(*more))

    return respond


def _combined(posts: list[SamplePost]) -> Respond:
    tags = [f"t{n}" for n in range(40)]

    def respond(ask: Ask) -> Reply | None:
        if ask.parts[:1] != ["tag"]:
            return None
        chosen = ask.parts[1].split("+")
        more = [f"/tag/{'+'.join(sorted({*chosen, t}))}/" for t in tags]
        shown = [t for t in posts if all((t.number * 7 + int(c[1:])) % 3 == 0 for c in chosen)]
        return listing(shown, title=f"Tagged {' and '.join(chosen)}", pager=links(*more))

    return respond


def _cloud(posts: list[SamplePost]) -> Respond:
    def respond(ask: Ask) -> Reply | None:
        if ask.parts[:1] != ["tag"]:
            return None
        number = int(ask.parts[1].removeprefix("word-"))
        return listing([posts[number % len(posts)]], title=f"Tagged {ask.parts[1]}")

    return respond


def _authors(posts: list[SamplePost]) -> Respond:
    def respond(ask: Ask) -> Reply | None:
        if ask.parts[:1] != ["author"]:
            return None
        number = int(ask.parts[1].removeprefix("guest-"))
        return listing([posts[number % len(posts)]], title=f"Posts by guest {number}")

    return respond


def _searches(posts: list[SamplePost]) -> Respond:
    def respond(ask: Ask) -> Reply | None:
        if ask.parts[:1] != ["search"] and "s" not in ask.values:
            return None
        word = ask.parts[1] if len(ask.parts) > 1 else ask.values.get("s", "x")
        more = [f"/search/{word}-{n}/" for n in range(6)] + [f"/?s={word}+{n}" for n in range(6)]
        return listing(posts[:4], title=f"Search: {word}", pager=links(*more))

    return respond


def _growing(posts: list[SamplePost]) -> Respond:
    """Relative links without a leading slash, on a server that only reads the last path segment."""
    at = {t.path.strip("/"): t for t in posts}

    def respond(ask: Ask) -> Reply | None:
        last = ask.parts[-1] if ask.parts else ""
        if last not in at:
            return None
        around = [t.path.strip("/") + "/" for t in posts[:3]]
        return article(at[last], menu=links(*around))

    return respond


def traps() -> list[Trap]:
    by_path, by_query, odd = newest_first(20, N), newest_first(21, N), newest_first(22, N)
    short = newest_first(23, N)
    faceted, combined, clouded = newest_first(24, N), newest_first(25, N), newest_first(26, 30)
    guests, searched, growing = newest_first(27, N), newest_first(28, N), newest_first(29, N)
    cloud = "".join(f'<a href="/tag/word-{n}/" rel="tag">word {n}</a> ' for n in range(900))
    return [
        _made(
            "calendar", 1, _calendar, links("/calendar/2024/05/"), outcomes={"/calendar/2024/05/": ("trap", "calendar")}
        ),
        _made("plan", 2, _plan, links("/plan/2024-05/"), spare=25),
        _made("whatson", 3, _by_query, links("/whats-on/"), spare=25),
        _made("days", 4, _days, links("/2024/05/17/"), spare=25),
        Trap("session-path", _session_path(by_path), tuple(by_path), 1),
        Trap("session-php", _session_query(by_query, "PHPSESSID", "{:026x}"), tuple(by_query), 1),
        Trap("session-sid", _session_query(short, "sid", "{:024x}"), tuple(short), 1),
        Trap("session-odd", _session_query(odd, "xq", "v{:08x}"), tuple(odd), 1, spare=30),
        Trap(
            "facets",
            first_of(_facets(faceted), blog(faceted, "facets.test", menu=lambda t: links("/archive/"))),
            tuple(faceted),
            4,
            spare=25,
        ),
        Trap(
            "combined",
            first_of(_combined(combined), blog(combined, "combined.test", menu=lambda t: links("/tag/t1/"))),
            tuple(combined),
            4,
            spare=25,
        ),
        Trap(
            "cloud",
            first_of(_cloud(clouded), blog(clouded, "cloud.test", menu=lambda t: "" if t else cloud)),
            tuple(clouded),
            5,
            spare=33,  # 50 tags of 900 show that they are a trap; up to 8 more may be on their way by then
        ),
        Trap(
            "authors",
            first_of(
                _authors(guests),
                blog(guests, "authors.test", menu=lambda t: links(*(f"/author/guest-{n}/" for n in range(200)))),
            ),
            tuple(guests),
            3,
            spare=25,
        ),
        Trap(
            "searches",
            first_of(
                _searches(searched),
                blog(
                    searched,
                    "searches.test",
                    menu=lambda t: links("/?s=sea", "/search/sea/", f"/search/{quote('größe')}/"),
                ),
            ),
            tuple(searched),
            3,
            {"/?s=sea": ("trap", "search")},
            spare=25,
        ),
        Trap(
            "growing",
            first_of(lambda ask: listing(growing) if ask.path == "/" else None, _growing(growing)),
            tuple(growing),
            1,
            spare=20,
        ),
    ]
