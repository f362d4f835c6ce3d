"""Traps: responses with status 200 that are not posts, such as soft 404s, logins, consent pages and redirect loops."""

from __future__ import annotations

from collections.abc import Callable

from tests.small_sites import SamplePost
from tests.traps.trap import Trap
from tests.traps.web import (
    Ask,
    Reply,
    Respond,
    article,
    blog,
    document,
    feed,
    first_of,
    links,
    listing,
    moved,
    newest_first,
    sitemap,
    words,
)

N = 16
DEAD = tuple(f"/a-lost-post-{n}/" for n in range(8))


def _soft_404s(
    name: str,
    seed: int,
    missing: Callable[[list[SamplePost], Ask], Reply],
    rule: tuple[str, str],
    in_sitemap: bool = False,
) -> Trap:
    """A blog with links to deleted posts, for which it responds with `missing`."""
    posts = newest_first(seed, N)
    host = f"{name}.test"
    at = {t.path for t in posts}

    def sources(ask: Ask) -> Reply | None:
        if ask.path == "/robots.txt":
            return Reply("User-agent: *\n", media="text/plain")
        if ask.path == "/sitemap.xml" and in_sitemap:
            return sitemap([f"http://{host}{p}" for p in (*at, *DEAD)])
        return None

    own = blog(posts, host, tail=lambda t: links(DEAD[t.number % len(DEAD)]))
    return Trap(
        name,
        first_of(sources, own, lambda ask: missing(posts, ask)),
        tuple(posts),
        3,
        dict.fromkeys(DEAD, rule),
        spare=8,
    )


def _themed(posts: list[SamplePost], ask: Ask) -> Reply:
    """A soft 404 in a language that the program has no phrases for, with a date and the newest posts."""
    newest = "".join(f'<li><a href="{t.path}">{t.title}</a></li>' for t in posts[:5])
    return document(
        "Ekki fannst | Low Water",
        f"""<article><h1>Ekki fannst</h1><p class="byline">By
<span class="author">Low Water</span>, <time datetime="2024-05-01">May 1, 2024</time></p>
<div class="text"><p>Því miður er síðan {ask.path} ekki lengur til. Hún kann að
hafa verið flutt, eða henni hefur verið eytt fyrir löngu, og enginn veit lengur hvert.</p>
<p>Reyndu að leita að henni, eða farðu aftur á forsíðuna þar sem nýjustu færslurnar eru.</p></div></article>
<ul>{newest}</ul>""",
    )


def _home_again(posts: list[SamplePost], ask: Ask) -> Reply:
    return listing(posts[:10], older="/page/2/")


def _search_page(posts: list[SamplePost], ask: Ask) -> Reply:
    return document(
        "Low Water",
        f"<h1>Search</h1><p>No results for {ask.path}.</p><form><input name='q'></form>"
        f"<h2>Popular posts</h2>{links(*(t.path for t in posts[:5]))}",
    )


def _anything(posts: list[SamplePost], ask: Ask) -> Reply:
    """Respond to every path with a different page."""
    return document(f"About {ask.path.strip('/')}", f"<h1>{ask.path}</h1><p>{words(len(ask.path) + ask.number)}</p>")


def _to_home(posts: list[SamplePost], ask: Ask) -> Reply:
    return moved("/")


def _members(posts: list[SamplePost]) -> Respond:
    """A site that responds with a login form for every third post."""
    at = {t.path: t for t in posts}

    def respond(ask: Ask) -> Reply | None:
        post = at.get(ask.path)
        if post is None or post.number % 3:
            return None
        return document(
            "Log in | Low Water",
            "<h1>Log in</h1><form method='post'><input name='user'><input "
            "type='password' name='pass'></form><p>Members read more.</p>",
        )

    return respond


CONSENT = """<h1>Your privacy</h1><p>We and our 812 partners use cookies. Before you continue to Low Water, accept all
cookies or pay.</p><form action="/consent" method="post"><button>Accept all</button><button>Reject</button></form>"""


def _consent(posts: list[SamplePost], host: str) -> Respond:
    def respond(ask: Ask) -> Reply | None:
        if ask.path == "/atom.xml":
            return feed(posts[:10], f"http://{host}")
        if ask.path in ("/robots.txt", "/sitemap.xml"):
            return None
        head = '<link rel="alternate" type="application/atom+xml" href="/atom.xml">'
        return document("Low Water", CONSENT, head=head)

    return respond


def _circles(posts: list[SamplePost], host: str) -> Respond:
    def respond(ask: Ask) -> Reply | None:
        if ask.path == "/cookie/":
            return Reply("", 302, {"Location": "/cookie/", "Set-Cookie": f"seen={ask.number}"})
        to = {"/a/": "/b/", "/b/": "/a/", "/x/": "/y/", "/y/": "/z/", "/z/": "/x/"}.get(ask.path)
        return moved(to) if to else None

    return first_of(respond, blog(posts, host, menu=lambda t: links("/a/", "/cookie/", "/x/")))


def _notice_everywhere(posts: list[SamplePost], host: str) -> Respond:
    """A site that shows the same notice at every URL except those of its posts, in the frame of its posts."""
    at = {t.path: t for t in posts}

    def respond(ask: Ask) -> Reply | None:
        if ask.path in at:
            return article(at[ask.path])
        if ask.path == "/sitemap.xml":
            return sitemap([f"http://{host}{t.path}" for t in posts])
        return Reply("", 404) if ask.path == "/robots.txt" else None

    return respond


def traps() -> list[Trap]:
    mixed, walled, circled, short = (
        newest_first(110, N),
        newest_first(111, N),
        newest_first(112, N),
        newest_first(113, N),
    )
    listed = newest_first(114, N)
    open_posts = tuple(t for t in mixed if t.number % 3)
    shut = next(t for t in mixed if not t.number % 3)
    brief = blog(short, "brief.test")
    at = {t.path: t for t in short}

    def terse(ask: Ask) -> Reply | None:
        """Posts of one line in a large frame, and a soft 404 in the same frame."""
        frame = f"<p>{words(5, 400)}</p>"
        if ask.path in at:
            return article(at[ask.path], text=f"<p>{at[ask.path].paragraphs[0][:70]}.</p>", foot=frame)
        if (
            ask.path.strip("/")
            and not ask.path.endswith((".xml", ".txt", ".gz", ".json", ".html"))
            and ask.parts[0] not in ("page", "feed", "rss", "feeds")
        ):
            return document("Nichts da | Low Water", "<h1>Nichts da</h1><p>Leider nein.</p>", foot=frame)
        return None

    soft = ("gone", "soft-404")
    return [
        _soft_404s("themed", 101, _themed, soft),
        _soft_404s("themed-sitemap", 102, _themed, soft, in_sitemap=True),
        _soft_404s("home-again", 103, _home_again, soft),
        _soft_404s("search-page", 104, _search_page, soft, in_sitemap=True),
        _soft_404s("to-home", 105, _to_home, soft, in_sitemap=True),
        _soft_404s("anything", 106, _anything, ("not-article", "")),
        Trap(
            "outage",
            first_of(_notice_everywhere(listed, "outage.test"), lambda ask: document("Closed", "<p>Back soon.</p>")),
            tuple(listed),
            0,
        ),
        Trap("brief", first_of(terse, brief), tuple(short), 3),
        Trap(
            "members",
            first_of(_members(mixed), blog(mixed, "members.test")),
            open_posts,
            3,
            {shut.path: ("refused", "login wall")},
            spare=len(mixed) // 3,
        ),
        Trap(
            "consent",
            _consent(walled, "consent.test"),
            (),
            0,
            {walled[0].path: ("refused", "consent wall")},
            says="consent wall",
            spare=20,
        ),
        Trap(
            "circles",
            _circles(circled, "circles.test"),
            tuple(circled),
            3,
            dict.fromkeys(("/a/", "/b/", "/x/", "/cookie/"), ("failed", "redirect-loop")),
            spare=8,
        ),
    ]
