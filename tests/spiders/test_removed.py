"""A post whose page has status 200 and says that the post is gone is marked as gone, not edited."""

from __future__ import annotations

from pathlib import Path

from tests.spiders.crawling import crawl, rows
from tests.spiders.site_server import Answer, Pages, home, page, serving

NOTICE = Answer(
    b"<html><head><title>The Test Blog</title></head><body><h1>Sorry</h1>"
    b"<p>This story is no longer online. Read something else.</p></body></html>"
)


def test_a_notice_in_place_of_a_post_marks_it_gone(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    links = tuple(f"/post-{n}/" for n in range(4))
    pages: Pages = {"/": home(*links), **{link: page(f"Title {link}") for link in links}}
    state = "select gone_at is null, title, revision from articles where url like '%post-1/'"
    with serving(pages) as site:
        assert crawl(site.url, archive=archive).returncode == 0
        there, pages["/post-1/"] = pages["/post-1/"], NOTICE
        for _ in range(2):
            crawl(site.url, "--full", archive=archive)
            assert rows(archive, state) == [(0, "Title /post-1/", 1)]
        assert rows(archive, "select outcome, kind from pages where url like '%post-1/'") == [("gone", "post")]
        assert rows(archive, "select gone from runs order by id") == [(0,), (1,), (0,)]
        pages["/post-1/"] = there
        crawl(site.url, "--full", archive=archive)
        assert rows(archive, state) == [(1, "Title /post-1/", 1)]
        assert rows(archive, "select count(*) from revisions") == [(4,)]
