"""Sites that send the same page for every address: whether a post is gone cannot be known, and that is said."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.spiders.crawling import archiver, crawl, let_a_day_pass, rows, text
from tests.spiders.site_server import Answer, Pages, page, serving

COUNT = 8
MENU = "<nav>" + "".join(f'<a href="/{name}">{name} of the pilots</a> ' for name in ("boats", "charts", "crew", "log"))
SHELLS = {
    "empty": '<div id="root"></div>',
    "notice": '<noscript>This needs JavaScript.</noscript><div id="app"></div>',
    "menu": f"{MENU}</nav><main></main><footer>Printed by the pilots of the inner harbour since 1998</footer>",
}
HEAD = '<link rel="alternate" type="application/rss+xml" href="/posts.xml"><script src="/a.js"></script>'


class OnePage(dict[str, Any]):
    """Sends the same page for every address without an answer of its own."""

    def __init__(self, shell: str, answers: Pages) -> None:
        super().__init__(answers)
        self.shell = f"<!doctype html><html><head><title>Pilots</title>{HEAD}</head><body>{shell}</body></html>"

    def get(self, path: str, default: Any = None) -> Any:
        return super().get(path, Answer(self.shell.encode()))


def feed(*numbers: int) -> Answer:
    items = "".join(
        f"<item><title>Pilot report {n}</title><link>/report/{n}</link><guid>/report/{n}</guid>"
        f"<pubDate>0{n + 1} May 2024 07:45:00 +0000</pubDate><content:encoded><![CDATA["
        + "".join(f"<p>Sentence {k} of report {n} says which ship came in and who led it.</p>" for k in range(8))
        + "]]></content:encoded></item>"
        for n in sorted(numbers, reverse=True)
    )
    spaces = 'xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    return text(f'<rss version="2.0" {spaces}><channel><title>Pilots</title>{items}</channel></rss>')


def site(shell: str) -> Pages:
    return OnePage(shell, {"/posts.xml": feed(*range(COUNT)), "/robots.txt": text("", 404)})


def state(archive: Path) -> tuple[Any, list[tuple[str, str]]]:
    """Return what `status` says of posts that are no longer listed, and the findings."""
    (found,) = json.loads(archiver("status", "--long", "--json", archive=archive).stdout)
    findings = [(one["code"], one["level"]) for one in found["health"]["findings"]]
    return found["unlisted"]["posts"], findings


def crawl_again(url: str, archive: Path) -> None:
    assert crawl(url, "--delay", "0", archive=archive).returncode == 0
    archiver("sites", "set", url, "sample_posts=0", archive=archive)


@pytest.mark.parametrize("shell", SHELLS.values(), ids=SHELLS)
def test_a_post_that_left_a_complete_feed_is_said_to_be_unknown(tmp_path: Path, shell: str) -> None:
    archive, blank = tmp_path / "a.db", [] if MENU in shell else [("hidden-pages", "amber")]
    with serving(site(shell)) as server:
        crawl_again(server.url, archive)
        assert rows(archive, "select count(*), min(length(body)) > 100 from articles") == [(COUNT, 1)]
        assert state(archive) == (0, blank)
        seen = rows(archive, "select last_seen from articles where url like '%/report/3'")
        server.pages["/posts.xml"] = feed(*(n for n in range(COUNT) if n != 3))
        server.requests.clear()
        crawl_again(server.url, archive)
        assert state(archive) == (1, [*blank, ("unlisted", "amber")])
        assert "/sitemap.xml" not in server.requests
        assert rows(archive, "select url from pages where rule = 'unlisted'") == [(f"{server.url}report/3",)]
        assert rows(archive, "select last_seen from articles where url like '%/report/3'") == seen
        assert rows(archive, "select count(*) from articles where gone_at is not null or revision > 1") == [(0,)]
        crawl(server.url, "--full", "--delay", "0", archive=archive)
        assert state(archive)[0] == 1
        server.pages["/posts.xml"] = feed(*range(COUNT))
        crawl_again(server.url, archive)
        assert state(archive) == (0, blank)
        crawl(server.url, "--full", "--delay", "0", archive=archive)
        assert state(archive) == (0, blank)


def test_posts_without_text_on_a_site_of_one_page_are_no_articles(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages = site(SHELLS["menu"])
    whole = feed(*range(COUNT))
    excerpt = b"<description>What came in</description>"
    pages["/posts.xml"] = Answer(
        re.sub(rb"<content:encoded>.*?</content:encoded>", excerpt, whole.body), 200, whole.headers
    )
    with serving(pages) as server:
        crawl(server.url, "--delay", "0", archive=archive)
    assert rows(archive, "select count(*) from articles") == [(0,)]
    assert rows(archive, "select count(*) from pages where rule = 'needs-javascript' and url like '%/report/%'") == [
        (COUNT,)
    ]


def test_a_site_that_tells_missing_pages_finds_the_deletion(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    posts = {f"/report/{n}": page(f"Pilot report {n}") for n in range(COUNT)}
    home = Answer(f"<html><head><title>Pilots</title>{HEAD}</head><body>{MENU}</nav></body></html>".encode())
    with serving({"/": home, "/posts.xml": feed(*range(COUNT)), **posts}) as server:
        crawl_again(server.url, archive)
        server.pages["/posts.xml"] = feed(*(n for n in range(COUNT) if n != 3))
        del server.pages["/report/3"]
        crawl_again(server.url, archive)
        let_a_day_pass(archive)
        crawl_again(server.url, archive)
    assert state(archive) == (0, [("deletions", "green")])
    assert rows(archive, "select url from articles where gone_at is not null") == [(f"{server.url}report/3",)]
