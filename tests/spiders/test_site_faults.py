"""Faults of a whole site at status 200 replace nothing, are reported, and leave no trace after the repair."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.small_sites import SamplePost, sample_posts
from tests.spiders.crawling import archiver, crawl, rows
from tests.spiders.site_server import Answer, Pages, serving

POSTS = sample_posts(14)
Theme = Callable[[SamplePost], str]


def document(title: str, content: str) -> str:
    return (
        f"<!doctype html><html lang='en'><head><title>{title}</title></head><body><header><a href='/'>Low Water</a>"
        f"</header><main>{content}</main><footer>Printed by the lock keepers</footer></body></html>"
    )


def good(post: SamplePost) -> str:
    text = "".join(f"<p>{paragraph}</p>" for paragraph in post.paragraphs)
    byline = f"<p class='byline'>By <span class='author'>{post.author}</span>, <time>{post.day}</time></p>"
    return document(post.title, f"<article><h1>{post.title}</h1>{byline}<div class='text'>{text}</div></article>")


def maintenance(post: SamplePost) -> str:
    return document("Low Water", "<h1>Back soon</h1><p>The lock is being repaired. Come back tomorrow, please.</p>")


def script(post: SamplePost) -> str:
    return document("Low Water", "<div id='root'></div><script src='/app.js'></script>")


def teaser(post: SamplePost) -> str:
    byline = f"<p class='byline'>By <span class='author'>{post.author}</span>, <time>{post.day}</time></p>"
    start = f"<div class='text'><p>{post.body[:110]} ...</p></div>"
    return document(post.title, f"<article><h1>{post.title}</h1>{byline}{start}</article>")


def undated(post: SamplePost) -> str:
    text = "".join(f"<p>{paragraph}</p>" for paragraph in post.paragraphs)
    return document(post.title, f"<article><h1>{post.title}</h1><div class='text'>{text}</div></article>")


def site(theme: Theme) -> Pages:
    items = "".join(f"<li><h2><a href='{one.path}'>{one.title}</a></h2></li>" for one in POSTS)
    home = document("Low Water", f"<h1>Low Water</h1><ul class='posts'>{items}</ul>")
    if theme is maintenance:
        home = maintenance(POSTS[0])
    return {"/": Answer(home.encode()), **{one.path: Answer(theme(one).encode()) for one in POSTS}}


def stored(archive: Path) -> list[tuple[Any, ...]]:
    return rows(archive, "select url, title, body, authors, published, gone_at from articles order by url")


@pytest.mark.parametrize("fault", [maintenance, script, teaser, undated], ids=lambda theme: str(theme.__name__))
def test_a_fault_of_the_site_replaces_nothing(fault: Theme, tmp_path: Path) -> None:
    archive, pages = tmp_path / "archive.db", site(good)
    with serving(pages) as server:
        assert crawl(server.url, archive=archive).returncode == 0
        before = stored(archive)
        assert len(before) == len(POSTS)
        pages.update(site(fault))
        crawl(server.url, "--full", archive=archive)
        crawl(server.url, archive=archive)
        assert stored(archive) == before
        (said,) = json.loads(archiver("status", "--long", "--json", archive=archive).stdout)
        codes = {one["code"] for one in said["health"]["findings"]}
        assert codes, "a fault of the whole site is reported"
        pages.update(site(good))
        for _ in range(2):
            crawl(server.url, "--full", archive=archive)
        assert stored(archive) == before
        assert rows(archive, "select count(*) from held_pages") == [(0,)]
        assert rows(archive, "select max(revision) from articles") == [(1,)]
