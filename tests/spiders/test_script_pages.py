"""Sites whose pages are empty unless a browser runs their scripts: said, counted, and never green."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from archiver.extraction.page import needs_javascript, parse_page
from tests.processes import run
from tests.spiders.crawling import crawl, rows, text
from tests.spiders.site_server import Answer, Pages, page, serving

SHELL = (
    b'<!doctype html><html><head><title>Quay Notes</title><script type="module" src="/assets/index.js"></script></head>'
    b'<body><noscript>You need to enable JavaScript to run this app.</noscript><div id="root"></div></body></html>'
)


class AnyAddress(dict[str, Any]):
    """Sends the shell for every address that has no answer of its own."""

    def get(self, path: str, default: Any = None) -> Any:
        return super().get(path, Answer(SHELL))


def sitemap(base: str) -> Answer:
    entries = "".join(f"<url><loc>{base}post-{number}</loc></url>" for number in range(8))
    xml = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'
    return text(xml, **{"Content-Type": "application/xml"})


def shell_for_all(base: str) -> Pages:
    return AnyAddress({"/robots.txt": text(f"Sitemap: {base}sitemap.xml"), "/sitemap.xml": sitemap(base)})


def shell_at_home(base: str) -> Pages:
    return {"/": Answer(SHELL), "/robots.txt": text("", 404)}


def findings(archive: Path) -> list[dict[str, Any]]:
    (site,) = json.loads(run("archiver", "status", "--long", "--json", "--archive", str(archive)).stdout)
    found: list[dict[str, Any]] = site["health"]["findings"]
    return found


@pytest.mark.parametrize(("site", "empty"), [(shell_for_all, 9), (shell_at_home, 1)])
def test_a_site_of_scripts_is_red_and_the_crawl_fails(site: Any, empty: int, tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    with serving({}) as server:
        server.pages = site(server.url)
        done = crawl(server.url, archive=archive)
    assert done.returncode == 1
    assert rows(archive, "select count(*) from pages where rule = 'needs-javascript'") == [(empty,)]
    assert [(one["code"], one["level"]) for one in findings(archive)] == [("javascript", "red")]


def test_a_few_pages_of_scripts_among_posts_are_counted_but_no_finding(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    posts = [f"/post-{number}/" for number in range(6)]
    with serving({}) as server:
        links = "".join(f'<h2><a href="{path}">{path}</a></h2>' for path in [*posts, "/editor/"])
        server.pages = {
            "/": Answer(f"<html><body>{links}</body></html>".encode()),
            **{path: page(path.strip("/")) for path in posts},
            "/editor/": Answer(SHELL),
        }
        done = crawl(server.url, archive=archive)
    assert done.returncode == 0, done.stderr
    assert rows(archive, "select count(*) from pages where rule = 'needs-javascript'") == [(1,)]
    assert findings(archive) == []


LINKS = "<ul>" + "".join(f"<li><a href=/p{number}>{number}</a></li>" for number in range(9)) + "</ul>"
PROSE = "<p>" + "The ferry leaves at nine and comes back at noon with the mail. " * 6 + "</p>"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('<div id="app"></div><script src="/a.js"></script>', True),
        ('<div id="__next"><div class="spinner">Loading …</div></div><script>start()</script>', True),
        ("<noscript>Bitte JavaScript aktivieren.</noscript><div class=x></div><script src=/a.js></script>", True),
        ('<app-root></app-root><footer>© 2024 Quay Notes</footer><script src="/main.js"></script>', True),
        (f'<div id="root">{PROSE}</div><script src="/a.js"></script>', False),
        (f'<div id="root"></div><main>{PROSE}</main><script src="/a.js"></script>', False),
        ('<div id="root"></div>', False),
        ("<h1>Gone fishing</h1><script src=/count.js></script>", False),
        ('<div id="app"><img src="/sea.jpg"></div><script src="/a.js"></script>', False),
        ("<noscript><img src=/count.gif></noscript><h1>Note to self</h1><script src=/count.js></script>", False),
        (f'<div id="root"></div>{LINKS}<script>start()</script>', False),
    ],
)
def test_which_pages_need_javascript(body: str, expected: bool) -> None:
    html = f"<html><head><title>Quay Notes</title></head><body>{body}</body></html>"
    assert needs_javascript(parse_page(html, "https://quay.example/post/")) is expected


def scrolled(posts: int, *, archive: bool = False) -> Pages:
    """Return a site whose home page shows the first six of its posts, and a button for more; a page may list all."""
    days = {f"/n/{n}.html": f"2024-05-{n + 1:02}" for n in range(posts)}
    entry = '<article><h2><a href="{}">Entry {}</a></h2></article>'
    lists = ["".join(entry.format(path, path[3:-5]) for path in list(days)[:most]) for most in (6, posts)]
    link = '<a href="/all/">All</a>' if archive else ""
    pages: Pages = {
        "/": page("Quay", f"<main>{lists[0]}<button class='load-more'>+</button>{link}</main>"),
        "/all/": page("All", f"<main>{lists[1]}</main>"),
    }
    for path, day in days.items():
        text_of = f"The tide of {day} came in at the old pier, and the boats lay high above the quay. " * 5
        pages[path] = page(
            f"Entry {path[3:-5]}", f"<article><time datetime='{day}'>{day}</time><p>{text_of}</p></article>"
        )
    return pages


@pytest.mark.parametrize(
    ("site", "codes"),
    [(scrolled(20), ["hidden-pages"]), (scrolled(20, archive=True), [])],
    ids=["only the button", "an archive lists all posts"],
)
def test_a_list_that_only_a_script_continues_is_amber(site: Pages, codes: list[str], tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    with serving(site) as server:
        done = crawl(server.url, archive=archive)
    assert [one["code"] for one in findings(archive)] == codes
    assert ("runs no scripts and sends no forms" in done.stdout + done.stderr) == bool(codes)


@pytest.mark.parametrize(("with_sitemap", "codes"), [(False, ["hidden-pages"]), (True, [])])
def test_a_start_page_that_only_a_script_fills_is_amber_if_the_site_has_only_a_feed(
    with_sitemap: bool, codes: list[str], tmp_path: Path
) -> None:
    """A feed has the newest posts; nothing says how many older ones there are."""
    archive = tmp_path / "archive.db"
    posts = [f"post-{number}" for number in range(8)]
    with serving({}) as server:
        items = "".join(f"<item><title>{name}</title><link>{server.url}{name}</link></item>" for name in posts)
        rss = f'<rss version="2.0"><channel><title>Quay</title><link>{server.url}</link>{items}</channel></rss>'
        server.pages = {
            "/": Answer(SHELL),
            "/feed.xml": text(rss, **{"Content-Type": "application/rss+xml"}),
            **{f"/{name}": page(name) for name in posts},
        }
        if with_sitemap:
            server.pages |= {
                "/robots.txt": text(f"Sitemap: {server.url}sitemap.xml"),
                "/sitemap.xml": sitemap(server.url),
            }
        done = crawl(server.url, archive=archive)
    assert rows(archive, "select count(*) from articles") == [(8,)]
    assert [one["code"] for one in findings(archive)] == codes
    assert ("older posts may be missing" in done.stdout + done.stderr) == bool(codes)


def test_pages_of_a_list_to_which_only_a_script_links_are_found_at_their_usual_addresses(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    pages = scrolled(16)
    entry = '<article><h2><a href="/n/{0}.html">Entry {0}</a></h2></article>'
    for number in (1, 2, 3):  # the third has so few entries that it must be the last one
        entries = "".join(entry.format(n) for n in range(6 * number - 6, min(6 * number, 16)))
        pages["/" if number == 1 else f"/page/{number}/"] = page("Quay", f"<main>{entries}</main>")
    with serving(pages) as server:
        done = crawl(server.url, archive=archive)
        assert done.returncode == 0
        assert rows(archive, "select count(*) from articles") == [(16,)]
        assert [path for path in server.requests if path.startswith("/page/")] == ["/page/2/", "/page/3/"]
        assert findings(archive) == []
