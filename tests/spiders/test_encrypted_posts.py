"""A post that is encrypted is refused and counted as a post, before and after the site's template is learned; the
picture of the site, which the first pages were read with, is no lost field later.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.small_sites import sample_posts
from tests.spiders.crawling import archiver, crawl, rows
from tests.spiders.site_server import Answer, home, serving

COUNT, LOCKED = 30, 28


def _page(number: int, added: str = "") -> Answer:
    post = sample_posts(COUNT)[number]
    text = "".join(f"<p>{one}</p>" for one in (*post.paragraphs, added) if one)
    if number == LOCKED:
        text = '<div class="tuer"><p>Say the word that was agreed on, please.</p><input type="password"></div>'
    return Answer(
        f'<!doctype html><html lang="en"><head><title>{post.title}</title><meta property="og:type" content="article">'
        f'<meta property="og:image" content="/logo.png"><meta property="article:published_time" '
        f'content="2021-05-{number + 1:02}T08:00:00Z"></head><body><article><h1>{post.title}</h1>'
        f'<div class="post-content">{text}</div></article></body></html>'.encode()
    )


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An archive after two crawls; five posts are edited between them."""
    archive = tmp_path_factory.mktemp("encrypted") / "archive.db"
    paths = [f"/n/{n}/" for n in range(COUNT)]
    added = [""]
    pages = {path: lambda n=n: _page(n, added[-1] if n < 5 else "") for n, path in enumerate(paths)}
    with serving({"/": home(*paths)} | pages) as site:
        for text in ("", "The tide came back, and the letter with it."):
            added.append(text)
            done = crawl(site.url, "--full", archive=archive)
            assert done.returncode == 0, done.stderr
    yield archive


def test_an_encrypted_post_is_refused(archive: Path) -> None:
    found = rows(archive, f"select kind, outcome, rule from pages where url like '%/n/{LOCKED}/'")
    assert found == [("post", "refused", "password")]


def test_status_counts_an_encrypted_post(archive: Path) -> None:
    (site,) = json.loads(archiver("status", "--long", "--json", archive=archive).stdout)
    assert (site["posts"]["archived"], site["posts"]["refused"]) == (COUNT - 1, 1)


def test_the_picture_of_the_site_is_no_lost_field(archive: Path) -> None:
    (site,) = json.loads(archiver("status", "--long", "--json", archive=archive).stdout)
    assert site["health"]["findings"] == []
    assert rows(archive, "select count(image) from articles") == [(0,)]
