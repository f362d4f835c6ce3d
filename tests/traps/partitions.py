"""Traps: lists that are the only way to some posts although most of what they show is known, and plain pages beside or
before the posts.
"""

from __future__ import annotations

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
    listing,
    newest_first,
    sitemap,
)


def _posts(posts: list[SamplePost]) -> Respond:
    at = {t.path: t for t in posts}
    return lambda ask: article(at[ask.path]) if ask.path in at else None


def _month_pagers(posts: list[SamplePost], host: str) -> Respond:
    """A static copy: each month has three pages, whose addresses end with an index file, and a page has one post. The
    sitemap has the posts of the first and second pages, so that only the third pages show anything unknown.
    """
    months = [f"/{2000 + n // 12}/{n % 12 + 1:02}/" for n in range(len(posts) // 3)]
    shown = {month: posts[3 * n : 3 * n + 3] for n, month in enumerate(months)}

    def respond(ask: Ask) -> Reply | None:
        if ask.path == "/sitemap.xml":
            return sitemap([f"http://{host}{t.path}" for month in months for t in shown[month][:2]])
        if ask.path in ("/", "/index.html"):
            return listing(posts[:1], menu=links(*(f"{m}index.html" for m in months)))
        folder = ask.path.removesuffix("index.html")
        month = f"/{'/'.join(ask.parts[:2])}/"
        if month not in shown or folder == ask.path:
            return None
        number = int(ask.parts[3]) if "/page/" in folder else 1
        older = f"{month}page/{number + 1}/index.html" if number < 3 else ""
        return listing([shown[month][number - 1]], title=folder, older=older)

    return first_of(respond, _posts(posts))


def _categories_and_tags(posts: list[SamplePost], host: str, categories: int, tags: int) -> Respond:
    """A blog whose home pager ends before its ten oldest posts, which are on the second page of ten categories. Each
    post is in one category and under some of the tags.
    """
    listed, old = posts[:-10], posts[-10:]
    menu = links(
        *(f"/category/c-{n}/" for n in range(categories)),
        *(f"/tag/t-{n}/" for n in range(tags)),
    )
    own = blog(listed, host, menu=lambda t: "" if t else menu)

    def respond(ask: Ask) -> Reply | None:
        if ask.parts[:1] == ["tag"]:
            number = int(ask.parts[1].removeprefix("t-"))
            return listing([listed[number % len(listed)]], title=f"Tag {number}")
        if ask.parts[:1] != ["category"]:
            return None
        number = int(ask.parts[1].removeprefix("c-"))
        further = number >= categories - 10
        if "page" in ask.parts:
            return listing([old[number - categories + 10]], title=f"Category {number}, page 2") if further else None
        older = f"/category/c-{number}/page/2/" if further else ""
        return listing(listed[number::categories], title=f"Category {number}", older=older)

    return first_of(respond, _posts(old), own)


def _late_tags(posts: list[SamplePost], host: str) -> Respond:
    """A blog with 200 tags. The first 40 show the newest post, and most of the others one that nothing else shows."""
    menu = links(*(f"/tag/t-{n}/" for n in range(200)))
    newest, rest = posts[:6], posts[6:]

    def respond(ask: Ask) -> Reply | None:
        if ask.parts[:1] != ["tag"]:
            return None
        number = int(ask.parts[1].removeprefix("t-"))
        return listing([newest[0] if number < 40 or number % 3 == 0 else rest[number % len(rest)]], title=ask.path)

    return first_of(respond, _posts(rest), blog(newest, host, menu=lambda t: "" if t else menu))


def _documentation(pages: int) -> Respond:
    """A manual in one folder and its subfolders. Each page links to its chapter, to the next pages and to the blog."""

    def respond(ask: Ask) -> Reply | None:
        if ask.parts[:1] != ["manual"]:
            return None
        name = ask.parts[-1].removesuffix(".html")
        number = int(name.removeprefix("part-")) if name.startswith("part-") else 0
        around = [f"/manual/chapter-{n % 9}/part-{n}.html" for n in range(number + 1, number + 30) if n < pages]
        text = "".join(f"<p>Setting {number}.{n} turns wheel {n} of part {number}.</p>" for n in range(5))
        return document(f"Part {number}", f"<h1>Part {number} of the machine</h1>{text}{links('/', *around)}")

    return respond


def _plain_lists(posts: list[SamplePost], *, same_folder: bool) -> Respond:
    """A site without feeds, sitemaps and lists by name: the home page links to one plain page for each post, and only
    this page links to the post.
    """
    folder = "/rooms" if same_folder else "/texts"
    at = {f"{folder}{t.path}": t for t in posts}
    names = list(at)

    def respond(ask: Ask) -> Reply | None:
        if ask.path == "/":
            rooms = links(*(f"/rooms/room-{n}.html" for n in range(len(posts))))
            return document("Low Water", f"<h1>Low Water</h1><p>A house with many rooms.</p><p>{rooms}</p>")
        if ask.path in at:
            return article(at[ask.path])
        if ask.parts[:1] == ["rooms"] and ask.parts[-1].startswith("room-"):
            number = int(ask.parts[-1].removeprefix("room-").removesuffix(".html"))
            way = f'<p>You stand in a room. There is <a href="{names[number]}">a desk</a> here.</p>'
            return document(f"Room {number}", f"<h1>Room {number}</h1>{way}")
        return None

    return respond


def traps() -> list[Trap]:
    months, parted, late = newest_first(100, 78), newest_first(101, 70), newest_first(102, 46)
    # More rooms than the 50 plain pages that may be fetched without news.
    manual, same, other = newest_first(103, 60), newest_first(104, 80), newest_first(105, 80)
    return [
        Trap("month-pagers", _month_pagers(months, "month-pagers.test"), tuple(months), 79),
        # 60 of the 350 tags show a post that no other tag has shown.
        Trap(
            "partition",
            _categories_and_tags(parted, "partition.test", 37, 350),
            tuple(parted),
            11 + 37 + 10 + 60,
            spare=20,
        ),
        Trap("late-tags", _late_tags(late, "late-tags.test"), tuple(late), 1 + 200),
        Trap(
            "manual",
            first_of(_documentation(900), blog(manual, "manual.test", menu=lambda t: links("/manual/"))),
            tuple(manual),
            11,
            {"/manual/chapter-3/part-111.html": ("trap", "pattern-budget: folder")},
            spare=75,
        ),
        Trap("rooms-with-posts", _plain_lists(same, same_folder=True), tuple(same), 81),
        Trap("rooms-to-posts", _plain_lists(other, same_folder=False), tuple(other), 81),
    ]
