"""A page that was classified as not a post is classified again, and may have become a post."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.spiders.crawling import crawl, rows
from tests.spiders.site_server import Answer, Pages, home, page, serving

SOON = Answer(b"<html><head><title>The old pier</title></head><body><h1>The old pier</h1><p>Coming soon.</p></body>")


@pytest.mark.parametrize("judged", ["", "update pages set kind = 'listing', rule = 'home' where url like '%nid=7'"])
def test_a_page_that_became_a_post(tmp_path: Path, judged: str) -> None:
    """`judged`: it was classified as the home page."""
    archive = tmp_path / "a.db"
    pages: Pages = {"/": home("/?nid=7", "/a-post/"), "/?nid=7": SOON, "/a-post/": page("A post")}
    with serving(pages) as site:
        crawl(site.url, archive=archive)
        assert rows(archive, "select title from articles") == [("A post",)]
        with closing(sqlite3.connect(archive)) as db, db:
            db.executescript(judged)
        pages["/?nid=7"] = page("The old pier")
        crawl(site.url, "--full", archive=archive)
        assert rows(archive, "select title from articles order by 1") == [("A post",), ("The old pier",)]
