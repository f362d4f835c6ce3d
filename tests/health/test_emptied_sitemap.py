"""A sitemap that still answers and lists nothing any more is a source that is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.small_sites import classic, sample_posts
from tests.spiders.crawling import archiver, crawl
from tests.spiders.site_server import Answer, Pages, home, serving

POSTS = sample_posts(12)


def sitemap(*urls: str) -> Answer:
    rows = "".join(f"<url><loc>{url}</loc></url>" for url in urls)
    text = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{rows}</urlset>'
    return Answer(text.encode(), headers={"Content-Type": "application/xml"})


def findings(archive: Path) -> list[dict[str, Any]]:
    (said,) = json.loads(archiver("status", "--json", archive=archive).stdout)
    return [one for one in said["health"]["findings"] if one["code"] == "source"]


def test_an_emptied_sitemap_is_a_finding_until_it_lists_pages_again(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: Pages = {"/": home(*(post.path for post in POSTS))}
    pages |= {post.path: Answer(classic(post).encode()) for post in POSTS}
    with serving(pages) as server:
        full = sitemap(*(server.url.rstrip("/") + post.path for post in POSTS))
        pages["/sitemap.xml"] = full
        crawl(server.url, archive=archive)
        assert findings(archive) == []
        pages["/sitemap.xml"] = sitemap()
        crawl(server.url, archive=archive)
        (found,) = findings(archive)
        assert (found["about"], found["level"]) == ("sitemap", "amber")
        assert f"{server.url}sitemap.xml" in found["sentence"]
        pages["/sitemap.xml"] = full
        crawl(server.url, archive=archive)
        assert findings(archive) == []
