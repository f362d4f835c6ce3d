"""A domain for sale or a site under maintenance shows the same page at every URL. This is not an edit of its posts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.spiders.crawling import crawl, last_run, rows, text
from tests.spiders.site_server import Answer, Pages, home, page, serving

PARKED = Answer(
    b"<html><head><title>For sale</title></head><body><h1>This domain is for sale</h1><p>Buy it now. "
    b"Related searches: insurance, loans, hosting and much more.</p></body></html>"
)
POSTS = [f"/story-{number}/" for number in range(6)]


class Everywhere(dict[str, "Answer | Callable[[], Answer]"]):
    """The same page at every path."""

    def get(self, path: str, default: Any = None) -> Any:
        return text("", 404) if path == "/robots.txt" else PARKED


def blog(address: str, *, with_feed: bool) -> Pages:
    items = "".join(f"<item><title>{path.strip('/')}</title><link>{address[:-1]}{path}</link></item>" for path in POSTS)
    feed = f'<rss version="2.0"><channel><title>The Test Blog</title>{items}</channel></rss>'
    return {
        "/robots.txt": text("", 404),
        "/": home(*POSTS),
        **{path: page(path.strip("/")) for path in POSTS},
        **({"/feed.xml": text(feed, **{"Content-Type": "application/rss+xml"})} if with_feed else {}),
    }


@pytest.mark.parametrize("with_feed", [True, False])
def test_one_page_for_every_address_is_not_an_edit_of_the_posts(with_feed: bool, tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    with serving({}) as server:
        server.pages = sound = blog(server.url, with_feed=with_feed)
        assert crawl(server.url, archive=archive).returncode == 0
        server.requests.clear()
        assert crawl(server.url, archive=archive).returncode == 0
        asked = len(server.requests)
        server.pages = Everywhere()
        for full in ((), (), ("--full",)):
            done = crawl(server.url, *full, archive=archive)
            assert done.returncode == 1
            assert "('for sale')" in done.stderr
            assert last_run(archive)[0] == "failed"
        assert rows(archive, "select count(*), sum(gone_at is null), max(revision) from articles") == [(6, 6, 1)]
        server.pages = sound
        server.requests.clear()
        assert crawl(server.url, archive=archive).returncode == 0
        crawl(server.url, archive=archive)
        server.requests.clear()
        crawl(server.url, archive=archive)
    # A healthy site gets no additional requests.
    assert len(server.requests) <= asked
    assert rows(archive, "select count(*), sum(gone_at is null), max(revision) from articles") == [(6, 6, 1)]


class WithApi(Pages):
    """A site whose API responds to every request."""

    def get(self, path: str, default: Any = None) -> Any:
        return super().get(path.partition("?")[0], default)


def test_a_site_known_only_by_its_api_is_doubtful_too(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    with serving({}) as server:
        api_posts = [
            {"id": number, "link": f"{server.url[:-1]}{path}", "title": {"rendered": path.strip("/")}}
            for number, path in enumerate(POSTS, start=1)
        ]
        count = {"Content-Type": "application/json", "X-WP-Total": "6", "X-WP-TotalPages": "1"}
        server.pages = WithApi(
            {
                **blog(server.url, with_feed=False),
                "/wp-json/wp/v2/posts": text(json.dumps(api_posts), **count),
                "/": home(*POSTS, head='<link rel="https://api.w.org/" href="/wp-json/">'),
            }
        )
        assert crawl(server.url, archive=archive).returncode == 0
        [(counted,)] = rows(archive, "select reason from pages where kind = 'api'")
        assert " 6 " in counted
        server.pages = Everywhere()
        done = crawl(server.url, "--full", archive=archive)
    assert done.returncode == 1
    assert "('for sale')" in done.stderr
    assert last_run(archive)[0] == "failed"
    assert rows(archive, "select count(*), sum(gone_at is null), max(revision) from articles") == [(6, 6, 1)]


class Redesigned(Pages):
    """A site whose home page is now filled by a script, and which shows another page for every unknown URL."""

    def get(self, path: str, default: Any = None) -> Any:
        return super().get(path) or text(
            "<html><head><title>Not here</title></head><body><p>There is nothing to be "
            "read at this address, look elsewhere.</p></body></html>"
        )


def test_a_site_with_a_distinct_home_page_is_believed(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    with serving({}) as server:
        server.pages = sound = blog(server.url, with_feed=True)
        assert crawl(server.url, archive=archive).returncode == 0
        script = text(
            "<html><head><title>The Test Blog</title></head><body><p>Please wait until the stories are "
            "loaded, or switch scripts on.</p></body></html>"
        )
        server.pages = Redesigned({**{path: sound[path] for path in (*POSTS, "/robots.txt")}, "/": script})
        crawl(server.url, archive=archive)
    assert last_run(archive)[0] == "finished"
    assert rows(archive, "select count(*), sum(gone_at is null), max(revision) from articles") == [(6, 6, 1)]


def test_a_home_page_that_was_not_requested_proves_nothing(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    with serving({}) as server:
        server.pages = sound = blog(server.url, with_feed=True)
        assert crawl(server.url, archive=archive).returncode == 0
        server.pages = {**sound, "/feed.xml": text("", 404)}
        crawl(server.url, archive=archive)
        server.pages = Redesigned({path: answer for path, answer in sound.items() if path != "/feed.xml"})
        crawl(server.url, "--missing", archive=archive)
    assert last_run(archive)[0] == "finished"
