"""A feed, sitemap or API that lists only posts of other sites is a source that is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.small_sites import classic, sample_posts
from tests.spiders.crawling import archiver, crawl
from tests.spiders.site_server import Answer, Pages, home, serving

POSTS = sample_posts(12)
OTHER = "https://elsewhere.example"


def sitemap(base: str) -> Answer:
    rows = "".join(f"<url><loc>{base}{post.path}</loc></url>" for post in POSTS)
    text = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{rows}</urlset>'
    return Answer(text.encode(), headers={"Content-Type": "application/xml"})


def rss(base: str) -> Answer:
    items = "".join(f"<item><title>{post.title}</title><link>{base}{post.path}</link></item>" for post in POSTS)
    text = f'<rss version="2.0"><channel><title>Notes</title>{items}</channel></rss>'
    return Answer(text.encode(), headers={"Content-Type": "application/rss+xml"})


def atom(base: str) -> Answer:
    entries = "".join(
        f'<entry><id>{post.path}</id><title>{post.title}</title><link href="{base}{post.path}"/></entry>'
        for post in POSTS
    )
    text = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>Notes</title>{entries}</feed>'
    return Answer(text.encode(), headers={"Content-Type": "application/atom+xml"})


def findings(archive: Path) -> list[dict[str, Any]]:
    (said,) = json.loads(archiver("status", "--json", archive=archive).stdout)
    return [one for one in said["health"]["findings"] if one["code"] == "source"]


@pytest.mark.parametrize(
    ("kind", "path", "document"),
    [("sitemap", "/sitemap.xml", sitemap), ("feed", "/feed.xml", rss), ("feed", "/feed.xml", atom)],
    ids=["sitemap", "rss", "atom"],
)
def test_a_source_of_another_site_is_a_finding_until_it_lists_the_site_again(
    kind: str, path: str, document: Any, tmp_path: Path
) -> None:
    archive = tmp_path / "a.db"
    pages: Pages = {"/": home(*(post.path for post in POSTS))}
    pages |= {post.path: Answer(classic(post).encode()) for post in POSTS}
    with serving(pages) as server:
        own = document(server.url.rstrip("/"))
        pages[path] = own
        crawl(server.url, archive=archive)
        assert findings(archive) == []
        pages[path] = document(OTHER)
        crawl(server.url, archive=archive)
        (found,) = findings(archive)
        assert (found["about"], found["level"]) == (kind, "amber")
        assert f"example: {OTHER}{POSTS[0].path}" in found["sentence"]
        pages[path] = own
        crawl(server.url, archive=archive)
        assert findings(archive) == []


def test_a_feed_that_never_listed_the_site_is_no_finding(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: Pages = {"/": home(*(post.path for post in POSTS)), "/feed.xml": rss(OTHER)}
    pages |= {post.path: Answer(classic(post).encode()) for post in POSTS}
    with serving(pages) as server:
        crawl(server.url, archive=archive)
        crawl(server.url, archive=archive)
    assert findings(archive) == []


class WordPress(dict[str, Any]):
    """Pages with an API whose posts are at `base`."""

    base = ""

    def get(self, key: str, default: Any = None) -> Any:
        if not key.startswith("/wp-json/wp/v2/posts"):
            return super().get(key, default)
        query = parse_qs(urlsplit(key).query)
        posts = [] if "modified_after" in query or query.get("page", ["1"]) != ["1"] else POSTS
        listed = [
            {
                "id": number,
                "link": f"{self.base}{post.path}",
                "title": {"rendered": post.title},
                "date_gmt": "2024-05-01T08:00:00",
                "modified_gmt": "2024-05-01T08:00:00",
            }
            for number, post in enumerate(posts, 1)
        ]
        headers = {"Content-Type": "application/json", "X-WP-Total": str(len(posts)), "X-WP-TotalPages": "1"}
        return Answer(json.dumps(listed).encode(), headers=headers)


def test_an_api_of_another_site_is_a_finding_until_it_lists_the_site_again(tmp_path: Path) -> None:
    archive, pages = tmp_path / "a.db", WordPress()
    pages["/"] = home(*(post.path for post in POSTS), head="<link rel='https://api.w.org/' href='/wp-json/'>")
    pages |= {post.path: Answer(classic(post).encode()) for post in POSTS}
    found = []
    with serving(pages) as server:
        for base in (server.url.rstrip("/"), OTHER, server.url.rstrip("/")):
            pages.base = base
            crawl(server.url, archive=archive)
            found.append(findings(archive))
    assert [[(one["about"], one["level"]) for one in each] for each in found] == [[], [("API", "amber")], []]
    assert f"example: {OTHER}{POSTS[0].path}" in found[1][0]["sentence"]


def test_an_api_that_never_listed_the_site_is_no_finding(tmp_path: Path) -> None:
    archive, pages = tmp_path / "a.db", WordPress()
    pages["/"] = home(*(post.path for post in POSTS), head="<link rel='https://api.w.org/' href='/wp-json/'>")
    pages |= {post.path: Answer(classic(post).encode()) for post in POSTS}
    pages.base = OTHER
    with serving(pages) as server:
        crawl(server.url, archive=archive)
        crawl(server.url, archive=archive)
    assert findings(archive) == []
