"""A run counts as many requests as its server receives, including retries, and makes no needless ones."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.spiders.crawling import crawl, rows, successive, text
from tests.spiders.site_server import Answer, home, page, serving

_PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc\xf8\xff\xff?\0"
    b"\5\xfe\2\xfe\xa75\x81\x84\0\0\0\0IEND\xaeB`\x82"
)


def test_every_request_is_counted(tmp_path: Path) -> None:
    picture = '<meta property="og:image" content="/one.png">'
    busy, broken = text("", 503, Retry_After="1"), Answer(drop=True)
    pages: dict[str, Any] = {
        "/": home("/one/", "/busy/", "/broken/", "/moved/", "/gone/", "/always-busy/"),
        "/robots.txt": text("", 301, Location="/rules.txt"),
        "/rules.txt": text("User-agent: *\nDisallow:"),
        "/one/": page("One", head=picture),
        "/one.png": Answer(_PNG, headers={"Content-Type": "image/png"}),
        "/busy/": successive(busy, page("Busy")),
        "/broken/": successive(broken, broken, page("Broken")),
        "/moved/": text("", 301, Location="/new/"),
        "/new/": page("New"),
        "/always-busy/": text("", 500),
        "/sitemap.xml": successive(broken, text("", 404)),
    }
    with serving(pages) as site:
        done = crawl(site.url, "--json", archive=tmp_path / "a.db")
        [counted] = json.loads(done.stdout)
        assert counted["requests"] + counted["requisite_requests"] == len(site.requests)
    # These were requested more than once, or are not pages.
    assert min(map(site.requests.count, ("/busy/", "/broken/", "/always-busy/", "/sitemap.xml"))) >= 2
    assert {"/rules.txt", "/.well-known/tdmrep.json", "/new/", "/one.png"} <= set(site.requests)
    assert counted["requisite_requests"] == site.requests.count("/one.png")
    assert rows(tmp_path / "a.db", "select requests, requisite_requests from runs") == [
        (counted["requests"], counted["requisite_requests"])
    ]


def test_only_the_first_posts_are_asked_for_in_a_form_that_redirects(tmp_path: Path) -> None:
    names = [f"/news/note-{number}" for number in range(30)]
    pages: dict[str, Any] = {"/": home(*names), "/sitemap.xml": text("", 404)}
    for name in names:
        pages[name] = text("", 301, Location=f"{name}/")
        pages[f"{name}/"] = page(name)
    with serving(pages) as site:
        crawl(site.url, archive=tmp_path / "a.db")
        redirected = [path for path in site.requests if path in names]
    assert len(redirected) <= 3
    assert rows(tmp_path / "a.db", "select count(*) from articles") == [(30,)]


def test_tags_are_read_once_the_sitemap_proves_incomplete(tmp_path: Path) -> None:
    """At first the sitemap has all 30 posts. Before the second crawl the home page links to a post that it lacks."""
    archive = tmp_path / "a.db"
    names, tags = [f"/note-{number}/" for number in range(30)], [f"/tag/t-{number}/" for number in range(30)]
    pages: dict[str, Any] = {name: page(name) for name in names}
    pages |= {tag: home(names[number]) for number, tag in enumerate(tags)}
    pages |= {"/": home(*names, *tags), "/robots.txt": text("")}
    with serving(pages) as site:
        entries = "".join(f"<url><loc>{site.url}{name.strip('/')}/</loc></url>" for name in names)
        listed = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'
        pages["/sitemap.xml"] = Answer(listed.encode(), headers={"Content-Type": "application/xml"})
        crawl(site.url, archive=archive)
        before = sum(path in tags for path in site.requests)
        pages["/unlisted/"] = page("Unlisted")
        pages["/"] = home("/unlisted/", *names, *tags)
        crawl(site.url, archive=archive)
        after = sum(path in tags for path in site.requests)
    assert before <= 6
    assert after >= 30


def test_a_feed_is_read_in_its_other_format_if_the_first_is_missing(tmp_path: Path) -> None:
    formats = '<link rel="alternate" type="application/rss+xml" href="/rss.xml">'
    formats += '<link rel="alternate" type="application/atom+xml" href="/atom.xml">'
    entry = "<entry><title>One</title><link href='{}one/'/><id>one</id></entry>"
    with serving({"/": home("/two/", head=formats), "/one/": page("One"), "/two/": page("Two")}) as site:
        body = f"<feed xmlns='http://www.w3.org/2005/Atom'>{entry.format(site.url)}</feed>"
        site.pages["/atom.xml"] = Answer(body.encode(), headers={"Content-Type": "application/atom+xml"})
        crawl(site.url, archive=tmp_path / "a.db")
    assert site.requests.count("/atom.xml") == 1
    assert rows(tmp_path / "a.db", "select count(*) from articles") == [(2,)]


NAMES = [f"/note-{number}/" for number in range(60)]


def paged_blog(main: list[str], *, has_neighbours: bool = True) -> dict[str, Any]:
    """Return a blog of 60 posts without feed and sitemap.

    `main` are the posts on its home page and further pages, ten on each. Its four categories list all posts, five on
    each page. `has_neighbours`: posts link to those before and after.
    """
    pages: dict[str, Any] = {"/robots.txt": text("")}
    categories = [[name for name in NAMES if NAMES.index(name) % 4 == number] for number in range(4)]
    for number, name in enumerate(NAMES):
        near = NAMES[max(number - 1, 0) : number] + NAMES[number + 1 : number + 2] if has_neighbours else []
        links = "".join(f'<a href="{path}">{path}</a>' for path in (*near, *(f"/category/c-{n}/" for n in range(4))))
        pages[name] = page(f"Note {number}", tail=f"<nav>{links}</nav>")
    lists = {"/": (main, 10)} | {f"/category/c-{number}/": (names, 5) for number, names in enumerate(categories)}
    for path, (names, size) in lists.items():
        starts = range(0, len(names), size)
        paths = [f"{path}page/{number}/" if number > 1 else path for number in range(1, len(starts) + 1)]
        for at, start in zip(paths, starts, strict=True):
            following = paths[paths.index(at) + 1 :][:1]
            pages[at] = home(
                *names[start : start + size], head="".join(f'<link rel="next" href="{u}">' for u in following)
            )
    return pages


@pytest.mark.parametrize(
    ("main", "has_neighbours", "most"),
    [
        pytest.param(NAMES, True, 2, id="the main list and neighbours agree"),
        pytest.param(NAMES, False, 8, id="nothing confirms the main list"),
        pytest.param(NAMES[:30], True, 8, id="the main list ends early, neighbours show it"),
        pytest.param(NAMES[:30], False, 8, id="the main list ends early"),
        pytest.param([name for name in NAMES if NAMES.index(name) % 4], True, 8, id="the main list lacks a category"),
        pytest.param([name for name in NAMES if NAMES.index(name) % 4], False, 8, id="it does, and nothing shows it"),
    ],
)
def test_further_pages_of_categories_are_read_unless_the_main_list_has_all_posts(
    tmp_path: Path, main: list[str], has_neighbours: bool, most: int
) -> None:
    pages = paged_blog(main, has_neighbours=has_neighbours)
    with serving(pages) as site:
        crawl(site.url, archive=tmp_path / "a.db")
    further = [path for path in site.requests if re.match(r"/category/.+/page/", path)]
    assert rows(tmp_path / "a.db", "select count(*) from articles") == [(60,)]
    assert {path for path in site.requests if path.startswith("/category/")} >= {f"/category/c-{n}/" for n in range(4)}
    assert len(further) <= most
    if most > 2:
        assert len(set(further)) == 8
