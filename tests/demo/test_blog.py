"""The demonstration blog has what the README promises."""

from __future__ import annotations

import gzip
import re
import struct
from collections import Counter

import pytest
from lxml import etree, html

from archiver.demo.demo_blog import Blog

BASE = "http://127.0.0.1:1"
SEED_BEGINS = "The US intelligence has made allegations"
SEED_ENDS = "since the eruption of the conflict in Ukraine in February 2022."


def links(blog: Blog, path: str) -> set[str]:
    root = html.fromstring(blog.get(path).body, base_url=BASE)
    root.make_links_absolute(BASE + path)
    return {a.get("href").removeprefix(BASE) for a in root.iter("a") if a.get("href").startswith(BASE)}


def reachable(blog: Blog) -> dict[str, int]:
    """Return all URLs that links from the home page lead to, with their status."""
    seen: dict[str, int] = {}
    due = ["/"]
    while due:
        path = due.pop()
        if path in seen:
            continue
        response = blog.get(path)
        seen[path] = response.status
        if response.status == 200 and response.media_type.startswith("text/html"):
            due.extend(links(blog, path))
    return seen


def test_blog_has_the_difficulties_of_a_crawl() -> None:
    posts = Blog(BASE).posts
    assert len(posts) == 31
    assert {p.author for p in posts} == {"Marta Oliveira", "Tom Ashdown", "Huyền Lê"}
    assert {p.language for p in posts} == {"en-US", "vi", "es", "zh-TW"}
    assert sum(bool(p.places) for p in posts) >= 8
    assert sum(p.protected for p in posts) == 1
    assert [n for n in Counter(p.body for p in posts).values() if n > 1] == [2]


@pytest.mark.parametrize("edition", [1, 2])
def test_every_post_is_linked_listed_and_in_the_sitemap(edition: int) -> None:
    blog = Blog(BASE, edition)
    paths = {p.path() for p in blog.posts}
    seen = reachable(blog)
    assert paths <= seen.keys()
    broken = {path for path, status in seen.items() if status != 200}
    assert broken == {"/wp-login.php"} | {path for path in broken if "replytocom" in path}
    listed = etree.fromstring(gzip.decompress(blog.get("/post-sitemap.xml.gz").body))
    assert {loc.removeprefix(BASE) for loc in listed.xpath("//*[local-name()='loc']/text()")} == paths


def test_feeds_are_well_formed_and_paged() -> None:
    blog = Blog(BASE)
    guids: list[str] = []
    for page in range(1, 5):
        root = etree.fromstring(blog.get(f"/feed/?paged={page}").body)
        guids += [g.text for g in root.iter("guid")]
    assert len(guids) == len(set(guids)) == len(blog.posts)
    assert blog.get("/feed/?paged=5").status == 404
    assert len(etree.fromstring(blog.get("/feed/atom/").body).findall("{*}entry")) == 10
    assert b"georss:point" in blog.get("/feed/?paged=2").body


def test_the_second_edition_edits_two_posts_and_adds_moves_and_deletes_one_each() -> None:
    first, second = Blog(BASE, 1), Blog(BASE, 2)
    before, after = {p.id: p for p in first.posts}, {p.id: p for p in second.posts}
    [added] = after.keys() - before.keys()
    [deleted] = before.keys() - after.keys()
    edited = {n for n in before.keys() & after.keys() if before[n].body != after[n].body}
    assert {n for n in edited if before[n].title != after[n].title} == {96}
    assert {n for n in edited if before[n].image and not after[n].image} == {63}
    [moved] = [n for n in before.keys() & after.keys() if before[n].slug != after[n].slug]
    assert first.get(f"/?p={added}").status == 404
    assert second.get(before[deleted].path()).status == 410
    assert all(after[n].modified > before[n].modified for n in edited)
    assert second.get(before[moved].path()).location == second.url(after[moved])
    unchanged = before.keys() & after.keys() - {*edited, moved}
    assert all(before[n] == after[n] for n in unchanged)


def test_pictures_are_real_and_described() -> None:
    blog = Blog(BASE)
    with_picture = [p for p in blog.posts if p.image]
    assert len(with_picture) == 6
    for post in with_picture:
        picture = blog.get(post.image)
        assert (picture.status, picture.media_type, picture.body[1:4]) == (200, "image/png", b"PNG"), post.slug
        assert struct.unpack(">II", picture.body[16:24]) == (720, 480), post.slug
        assert len(picture.body) < 10_000, post.slug
        [image] = html.fromstring(blog.get(post.path()).body.decode()).cssselect("figure img")
        assert (image.get("src"), image.get("alt")) == (post.image, post.picture), post.slug
    assert blog.get("/wp-content/uploads/2023/03/none.png").status == 404


def test_the_blog_has_the_seed_article() -> None:
    blog = Blog(BASE)
    [post] = [p for p in blog.posts if p.byline]
    page = blog.get(post.path()).body.decode()
    text = html.fromstring(page).text_content()
    assert SEED_BEGINS in text
    assert SEED_ENDS in text
    assert "Huyền Lê (The information in this article is based on reports sourced from Reuters and CNN.)" in text
    assert "This page contains geo-tags" in text
    assert '<meta name="geo.position" content="39.9042;116.4074">' in page
    assert len(re.findall('class="latitude"', page)) == 3
    assert 'class="author' not in page
    assert 'class="entry-title"' in page


def test_a_password_post_shows_its_form_only() -> None:
    blog = Blog(BASE)
    [post] = [p for p in blog.posts if p.protected]
    for path in (post.path(), "/feed/?paged=3", "/page/3/"):
        body = blog.get(path).body.decode()
        assert "Protected: Minutes of the committee" in body
        assert "treasurer" not in body
    assert "post-password-form" in blog.get(post.path()).body.decode()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing/", 404),
        ("/page/9/", 404),
        ("/category/none/", 404),
        ("/2021/01/", 404),
        ("/about", 301),
        ("/1999/01/slipway/", 301),
        ("/?p=12", 301),
        ("/?p=13", 404),
        ("/robots.txt", 200),
        ("/sitemap.xml", 200),
        ("/2023/03/the-harbour-fair/stall/", 200),
        ("/wp-json/wp/v2/posts", 404),
    ],
)
def test_paths_have_their_status(path: str, status: int) -> None:
    assert Blog(BASE).get(path).status == status
