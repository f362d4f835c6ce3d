"""Traps: the same post at many URLs, as variants of its page, duplicates, attachment pages or comment feeds."""

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
    first_of,
    links,
    moved,
    newest_first,
    sitemap,
    xml,
)

N = 16
FEW = 7
"""Enough posts if their copies are recognised without being fetched."""
Beside = Callable[[SamplePost], "list[str]"]
Find = Callable[[Ask], str]


def _copy_responses(posts: list[SamplePost], plain: Find) -> Respond:
    """Respond with a post at its other URLs. `plain` returns the path of the post that a request is a copy of, or
    "".
    """
    at = {t.path: t for t in posts}

    def respond(ask: Ask) -> Reply | None:
        path = plain(ask)
        return article(at[path]) if path in at and (ask.query or path != ask.path) else None

    return respond


def _copies(
    name: str,
    seed: int,
    beside: Beside,
    plain: Find,
    outcome: tuple[str, str] | None = None,
    *,
    spare: int = 0,
    head: Callable[[SamplePost], str] = lambda t: "",
    n: int = N,
) -> Trap:
    """A blog in which each post links to copies of itself. `outcome` is that of the last copy of the last post."""
    posts = newest_first(seed, n)
    own = blog(posts, f"{name}.test", tail=lambda t: links(*beside(t)), head=head)
    expected = {beside(posts[-1])[-1]: outcome} if outcome else {}
    return Trap(name, first_of(_copy_responses(posts, plain), own), tuple(posts), 3, expected, spare=spare)


def _with(*keys: str) -> Find:
    return lambda ask: ask.path if any(k in ask.values for k in keys) else ""


def _without_step(*names: str) -> Find:
    def plain(ask: Ask) -> str:
        kept = [p for p in ask.parts if p not in names]
        return f"/{'/'.join(kept)}/" if len(kept) < len(ask.parts) else ""

    return plain


def _comment_pages(ask: Ask) -> str:
    return f"/{ask.parts[0]}/" if len(ask.parts) == 2 and ask.parts[1].startswith("comment-page-") else ""


def _print_pages(posts: list[SamplePost], host: str, folder: str) -> Respond:
    """Respond with a print version of each post at /FOLDER/NAME, which declares no canonical address: its title, date
    and text, with a sentence more than the post. The sitemap lists the posts and the print versions.
    """
    at = {t.path.strip("/"): t for t in posts}

    def respond(ask: Ask) -> Reply | None:
        if ask.path == "/sitemap.xml":
            return sitemap([f"http://{host}{step}{t.path}" for t in posts for step in ("", f"/{folder}")])
        post = at.get(ask.parts[1]) if len(ask.parts) == 2 and ask.parts[0] == folder else None
        if post is None:
            return None
        text = "".join(f"<p>{p}</p>" for p in (*post.paragraphs, "All rights are with the Low Water."))
        return Reply(
            f"<html><head><title>{post.title}</title></head><body><h2>{post.title}</h2><div>{post.day}</div>"
            f"<div>{text}</div></body></html>"
        )

    return respond


def _printed(name: str, seed: int, folder: str) -> Trap:
    """A blog in which each post links to a print version, which has another form and which no list shows."""
    posts = newest_first(seed, N)
    own = blog(posts, f"{name}.test", tail=lambda t: links(f"/{folder}{t.path}"))
    outcomes = {f"/{folder}{t.path}": ("not-article", "not the form") for t in posts}
    return Trap(name, first_of(_print_pages(posts, f"{name}.test", folder), own), tuple(posts), 3, outcomes, spare=N)


def _attachments(posts: list[SamplePost]) -> Respond:
    """Each picture has its own page, as in WordPress, but the theme does not mark it as an attachment."""
    at = {t.path: t for t in posts}

    def respond(ask: Ask) -> Reply | None:
        post = at.get(f"/{ask.parts[0]}/") if len(ask.parts) == 2 and ask.parts[1].startswith("image-") else None
        if post is None and "attachment_id" not in ask.values:
            return None
        name = f"{ask.parts[-1]} of a post" if post else "A picture"
        when = f'<time datetime="{post.at.isoformat()}">{post.day}</time>' if post else ""
        return document(
            name,
            f'<article><h1>{name}</h1><p class="byline">{when}</p><p><a href="/files/x.jpg">'
            f'<img src="/files/x.jpg" alt=""></a></p></article>{links(post.path if post else "/")}',
        )

    return respond


def _comment_feed(ask: Ask) -> Reply | None:
    if not ask.path.endswith("/feed/") or len(ask.parts) != 2:
        return None
    return xml(
        f"<rss version='2.0'><channel><title>Comments on {ask.parts[0]}</title><item><title>By: Ann</title>"
        f"<link>http://{ask.host}/{ask.parts[0]}/#comment-1</link></item></channel></rss>"
    )


def _www(posts: list[SamplePost], host: str, *, redirects: bool) -> tuple[Respond, Respond]:
    """Return two hosts of one site: the bare host redirects to www, or every page declares its https and www URL as
    canonical.
    """
    own = blog(
        posts,
        f"www.{host}",
        tail=lambda t: links(f"http://www.{host}{t.path}", f"http://{host}{t.path}", f"https://www.{host}{t.path}"),
        head=lambda t: f'<link rel="canonical" href="https://www.{host}{t.path}">',
    )

    def bare(ask: Ask) -> Reply | None:
        return moved(f"http://www.{host}{ask.path}", 301) if redirects else own(ask)

    return own, bare


def traps() -> list[Trap]:
    pictures, commented = newest_first(90, N), newest_first(91, N)
    redirected, declared, mobile = newest_first(92, N), newest_first(93, N), newest_first(94, N)
    www, bare = _www(redirected, "www-redirect.test", redirects=True)
    own, same = _www(declared, "www-canonical.test", redirects=False)
    phone = blog(mobile, "m.phone-host.test")
    dead = newest_first(95, N)
    return [
        _copies(
            "share",
            61,
            lambda t: [f"{t.path}?share={s}&nb=1" for s in ("facebook", "x", "email")],
            _with("share"),
            ("unchanged", ""),
            n=FEW,
        ),
        _copies(
            "replytocom",
            62,
            lambda t: [f"{t.path}?replytocom={n}#respond" for n in range(4)],
            _with("replytocom"),
            n=FEW,
        ),
        _copies("print-query", 63, lambda t: [f"{t.path}?print=1", f"{t.path}?print=print"], _with("print"), n=FEW),
        _copies("print-value", 64, lambda t: [f"{t.path}?print=page"], _with("print"), ("trap", "print"), n=FEW),
        _copies("print-step", 65, lambda t: [f"{t.path}print/"], _without_step("print"), ("trap", "print"), n=FEW),
        _copies("print-folder", 66, lambda t: [f"/print{t.path}"], _without_step("print"), spare=12),
        _copies(
            "comment-page",
            67,
            lambda t: [f"{t.path}comment-page-{n}/#comments" for n in (1, 2)],
            _comment_pages,
            ("trap", "comments"),
            n=FEW,
        ),
        _copies("cpage", 68, lambda t: [f"{t.path}?cpage={n}#comments" for n in (1, 2)], _with("cpage"), n=FEW),
        _copies("amp-step", 69, lambda t: [f"{t.path}amp/"], _without_step("amp"), ("trap", "amp"), n=FEW),
        _copies("amp-query", 70, lambda t: [f"{t.path}?amp=1", f"{t.path}?amp"], _with("amp"), n=FEW),
        _printed("print-plain", 79, "print"),
        _printed("print-unnamed", 89, "huulga"),
        _copies(
            "amp-folder",
            71,
            lambda t: [f"/amp{t.path}"],
            _without_step("amp"),
            spare=12,
            head=lambda t: f'<link rel="amphtml" href="/amp{t.path}">',
        ),
        _copies("phone-query", 72, lambda t: [f"{t.path}?m=1"], _with("m"), n=FEW),
        _copies("slash", 73, lambda t: [t.path.rstrip("/"), t.path], lambda ask: ask.path + "/", n=FEW),
        _copies("case", 74, lambda t: [t.path.upper(), t.path.title()], lambda ask: ask.path.lower(), spare=12),
        _copies(
            "index-file", 75, lambda t: [f"{t.path}index.html"], lambda ask: ask.path.removesuffix("index.html"), n=FEW
        ),
        _copies(
            "two-slashes",
            76,
            lambda t: [f"http://two-slashes.test/{t.path}"],
            lambda ask: ask.path.replace("//", "/"),
            n=FEW,
        ),
        _copies(
            "language", 77, lambda t: [f"{t.path}?lang={code}" for code in ("de", "fr", "pt")], _with("lang"), spare=20
        ),
        _copies(
            "reference", 78, lambda t: [f"{t.path}?from=related", f"{t.path}?ref=home"], _with("from", "ref"), spare=20
        ),
        Trap(
            "attachments",
            first_of(
                _attachments(pictures),
                blog(
                    pictures,
                    "attachments.test",
                    tail=lambda t: links(
                        *(f"{t.path}image-{n}/" for n in (1, 2, 3)), f"/?attachment_id={t.number + 500}"
                    ),
                ),
            ),
            tuple(pictures),
            3,
            {f"/?attachment_id={pictures[0].number + 500}": ("trap", "attachment")},
            spare=25,
        ),
        Trap(
            "comment-feeds",
            first_of(
                _comment_feed,
                blog(commented, "comment-feeds.test", tail=lambda t: links(f"{t.path}feed/", "/comments/feed/")),
            ),
            tuple(commented),
            3,
        ),
        Trap("www-redirect", bare, tuple(redirected), 3, more={"www.www-redirect.test": www}),
        Trap("www-canonical", same, tuple(declared), 3, more={"www.www-canonical.test": own}),
        Trap(
            "phone-host",
            blog(mobile, "phone-host.test", tail=lambda t: links(f"http://m.phone-host.test{t.path}")),
            tuple(mobile),
            3,
            more={"m.phone-host.test": phone},
        ),
        Trap(
            "dead-ends",
            blog(
                dead,
                "dead-ends.test",
                tail=lambda t: links(
                    "mailto:x@y.test",
                    "javascript:void(0)",
                    "/wp-login.php?redirect_to=%2F",
                    f"/cart/?add-to-cart={t.number}",
                ),
            ),
            tuple(dead),
            3,
            {"/wp-login.php?redirect_to=%2F": ("trap", "account")},
        ),
    ]
