"""URLs that two sites of one archive list."""

from __future__ import annotations

from pathlib import Path

from tests.spiders.crawling import rows
from tests.spiders.site_server import Answer, home, page, serving
from tests.spiders.test_faults import counts


def feed(*urls: str) -> Answer:
    items = "".join(f"<item><title>Post</title><link>{url}</link></item>" for url in urls)
    text = f'<rss version="2.0"><channel><title>A feed</title>{items}</channel></rss>'
    return Answer(text.encode(), headers={"Content-Type": "application/rss+xml"})


def test_posts_that_a_feed_of_another_site_listed_first_are_archived_for_their_own_site(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    posts = [f"/2024/0{n}/post-{n}/" for n in range(1, 5)]
    declared = '<link rel="alternate" type="application/rss+xml" href="/feed.xml">'
    own = {"/": home(*posts), **{path: page(f"Post {path[-2]}") for path in posts}}
    with serving(own) as site, serving({"/": home(head=declared)}) as planet:
        planet.pages["/feed.xml"] = feed(*(site.url + path.strip("/") + "/" for path in posts))
        counts(planet.url, archive=archive)
        assert rows(archive, "select count(*) from pages where outcome = 'out-of-scope'") == [(4,)]
        assert counts(site.url, archive=archive)["new"] == 4
        owners = rows(
            archive, "select distinct s.name from pages p join sites s on s.id = p.site_id where kind = 'post'"
        )
        assert owners == [(site.url.removeprefix("http://").strip("/"),)]
        before = len(site.requests)
        counts(planet.url, archive=archive)
        assert site.requests[before:] == []
