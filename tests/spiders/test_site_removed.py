"""A site that is removed from the archive while it is crawled."""

from __future__ import annotations

from pathlib import Path

from archiver.model.errors import SiteRemoved
from archiver.storage.database import open_archive
from archiver.storage.sites import remove_site
from tests.spiders.crawling import archiver, crawl, rows
from tests.spiders.site_server import Answer, Pages, home, page, serving


def test_the_run_of_a_removed_site_ends_and_says_so(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    links = tuple(f"/post-{n}/" for n in range(9))
    pages: Pages = {"/": home(*links), **{link: page(f"Title {link}") for link in links}}

    def taken_out() -> Answer:
        pages["/post-5/"] = page("Title five")
        db = open_archive(archive)
        remove_site(db, name, with_articles=True)
        db.close()
        return page("Title five")

    pages["/post-5/"] = taken_out
    with serving(pages) as site:
        name = site.url.removeprefix("http://").strip("/")
        done = crawl(site.url, archive=archive)
        assert done.returncode == 1
        assert "failed" not in done.stdout
        assert f"Error: {SiteRemoved(name)}" in done.stderr
        assert rows(archive, "select count(*) from pages") == rows(archive, "select count(*) from runs") == [(0,)]
        assert archiver("verify", archive=archive).returncode == 0
        assert crawl(site.url, archive=archive).returncode == 0
    assert rows(archive, "select count(*) from articles") == [(9,)]
