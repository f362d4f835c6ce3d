"""A crawl of a site without posts reports that it found none."""

from __future__ import annotations

from pathlib import Path

from tests.spiders.crawling import crawl, rows
from tests.spiders.site_server import Answer, Pages, home, page, serving


def test_a_crawl_without_posts_reports_that(tmp_path: Path) -> None:
    names = [f"/thing-{n}/" for n in range(6)]
    bare = Answer(b"<html><head><title>A thing</title></head><body><h1>A thing</h1><p>It is here.</p></body></html>")
    pages: Pages = {"/": home(*names), **dict.fromkeys(names, bare)}
    with serving(pages) as site:
        nothing = crawl(site.url, archive=tmp_path / "a.db").stdout
        assert " 7 pages" in nothing
        assert "archiver why" in nothing
        pages["/thing-1/"] = page("A post")
        something = crawl(site.url, "--full", archive=tmp_path / "a.db").stdout
        assert "archiver why" not in something
        assert rows(tmp_path / "a.db", "select new from runs order by id") == [(0,), (1,)]
