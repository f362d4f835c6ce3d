"""A post whose page answers 200 and says that the post is gone: it is marked as gone once that is confirmed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.spiders.crawling import crawl, rows
from tests.spiders.site_server import Answer, Pages, home, page, serving

NOTICE = Answer(
    b"<html><head><title>The Test Blog</title></head><body><h1>Sorry</h1>"
    b"<p>This story is no longer online. Read something else.</p></body></html>"
)


def let_a_day_pass(archive: Path) -> None:
    """Move the times of the held pages back by a day."""
    with closing(sqlite3.connect(archive)) as db, db:
        for name in ("held_since", "looked_at"):
            db.execute(f"update held_pages set {name} = strftime('%Y-%m-%dT%H:%M:%S+00:00', {name}, '-1 day')")


def test_a_notice_in_place_of_a_post_marks_it_gone_when_it_is_confirmed(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    links = tuple(f"/post-{n}/" for n in range(4))
    pages: Pages = {"/": home(*links), **{link: page(f"Title {link}") for link in links}}
    state = "select gone_at is null, title, revision from articles where url like '%post-1/'"
    with serving(pages) as site:
        assert crawl(site.url, archive=archive).returncode == 0
        there, pages["/post-1/"] = pages["/post-1/"], NOTICE
        for _ in range(2):
            crawl(site.url, "--full", archive=archive)
            assert rows(archive, state) == [(1, "Title /post-1/", 1)]
            let_a_day_pass(archive)
        assert rows(archive, "select outcome, kind from pages where url like '%post-1/'") == [("held", "post")]
        crawl(site.url, "--full", archive=archive)
        assert rows(archive, state) == [(0, "Title /post-1/", 1)]
        assert rows(archive, "select gone, held from runs order by id") == [(0, 0), (0, 1), (0, 1), (1, 0)]
        pages["/post-1/"] = there
        crawl(site.url, "--full", archive=archive)
        assert rows(archive, state) == [(1, "Title /post-1/", 1)]
        assert rows(archive, "select count(*) from revisions") == [(4,)]
