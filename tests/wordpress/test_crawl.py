"""A real WordPress is crawled twice: first exactly what visitors may read is archived, then exactly the changes are
found.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from archiver.demo.demo_blog import load_posts
from tests.spiders.crawling import let_a_day_pass
from tests.test_demo_crawl import crawl, records
from tests.wordpress.site import PACKAGES, WordPress

pytestmark = pytest.mark.needs(*PACKAGES)


@pytest.fixture(scope="module", params=["classic", "twentytwentyfive"])
def crawled(
    request: pytest.FixtureRequest, wordpress_server: WordPress, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The archive of one crawl of the site in this theme, which tests only read."""
    wordpress_server.theme(request.param)
    archive = tmp_path_factory.mktemp(request.param) / "archive.db"
    crawl(wordpress_server.url, archive)
    return archive


def test_every_public_post_is_archived_and_no_hidden_one(wordpress_server: WordPress, crawled: Path) -> None:
    found = records(crawled)
    public = {row.url: row for row in wordpress_server.rows() if row.public}
    assert found.keys() == public.keys()
    written = {f"{wordpress_server.base}{p.path()}": p for p in load_posts(1)}
    for url, record in found.items():
        if post := written.get(url):
            assert record["title"] == post.title
            assert record["authors"] == [post.author], post.slug
            assert record["published"][:16] == f"{post.published:%Y-%m-%dT%H:%M}", post.slug
            assert set(record["categories"]) == set(post.categories), post.slug
            assert set(record["tags"]) == set(post.tags), post.slug
            places = [(p.latitude, p.longitude) for p in post.places[:1]]
            assert [(g["latitude"], g["longitude"]) for g in record["geotags"]] == places, post.slug


@pytest.mark.parametrize("crawled", ["twentytwentyfive"], indirect=True)
def test_a_second_crawl_finds_an_edit_a_new_post_a_moved_slug_and_a_deletion(
    wordpress_server: WordPress, crawled: Path, tmp_path: Path
) -> None:
    archive = Path(shutil.copytree(crawled.parent, tmp_path / "copy"), crawled.name)
    edited, moved, deleted = [row for row in wordpress_server.rows() if row.public][5:20:5]
    wordpress_server.edit(edited.id, post_content="<p>An entirely other text, about the same harbour.</p>")
    new = wordpress_server.add(
        title="One more",
        content="<p>A post of its own.</p>",
        date="2024-08-01 10:00:00",
        author="Tom Ashdown",
        categories=["Harbour"],
    )
    now_at = wordpress_server.edit(moved.id, post_name="a-slug-that-moved")
    wordpress_server.delete(deleted.id)
    start = len(wordpress_server.requests())
    summary = crawl(wordpress_server.url, archive)
    asked = wordpress_server.requests()[start:]
    found = records(archive)
    assert (summary["new"], summary["revised"], summary["gone"]) == (1, 1, 0)
    assert new.url in found
    assert found[edited.url]["revision"] == 2
    assert found[now_at.url]["aliases"] == [moved.url]
    assert found[deleted.url]["gone_at"] is None
    changed = [row.url.removeprefix(wordpress_server.base) for row in (edited, moved, deleted, new, now_at)]
    assert len([line for line in asked if line.split(" ", 1)[1] not in changed]) <= 12
    let_a_day_pass(archive)
    assert crawl(wordpress_server.url, archive)["gone"] == 1
    assert records(archive)[deleted.url]["gone_at"]
