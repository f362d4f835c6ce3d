"""Whether all entries that a site shows as posts are stored, whatever the judgement of their pages was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.small_sites import SamplePost, sample_posts
from tests.spiders.crawling import archiver, crawl, let_a_day_pass, rows
from tests.spiders.site_server import Answer, Pages, serving

POSTS = sample_posts(24)


def address(number: int) -> str:
    return f"/writing/{number}-{POSTS[number].title.split()[0].lower()}/"


def listing(numbers: range, prefix: str = "") -> Answer:
    items = "".join(
        f"<li><span>{POSTS[n].day}</span> <a href='{prefix}{address(n)}'>{POSTS[n].title}</a></li>" for n in numbers
    )
    return Answer(f"<html><head><title>Weir</title></head><body><h1>Weir</h1><ul>{items}</ul></body></html>".encode())


def teaser(post: SamplePost, number: int) -> str:
    return f"<article class='excerpt'><h3><a href='{address(number)}'>{post.title}</a></h3><p>{post.day}</p></article>"


def post_with_nested_teasers(number: int) -> Answer:
    """Its previous and next posts are teasers inside its own element."""
    post = POSTS[number]
    text = "".join(f"<p>{paragraph}</p>" for paragraph in post.paragraphs)
    beside = "".join(teaser(POSTS[n], n) for n in (number - 1, number + 1) if 0 <= n < len(POSTS))
    return Answer(
        f"<html lang='en'><head><title>{post.title} | Weir</title></head><body><article><h1>{post.title}</h1>"
        f"<time datetime='{post.day}'>{post.day}</time>{text}<nav>{beside}</nav></article></body></html>".encode()
    )


def post_taken_for_a_list(number: int) -> Answer:
    """Its text has no element of its own, and what follows it are entries of other posts."""
    post = POSTS[number]
    beside = "".join(
        f"<article class='hentry'><h2><a href='{address(n)}'>{POSTS[n].title}</a></h2></article>"
        for n in ((number + step) % len(POSTS) for step in range(1, 7))
    )
    return Answer(
        f"<html lang='en'><head><title>{post.title} | Weir</title></head><body><b>{post.title}</b> {post.day}"
        f"<p>{post.paragraphs[0]}</p>{beside}</body></html>".encode()
    )


def findings(archive: Path) -> dict[str, dict[str, Any]]:
    (state,) = json.loads(archiver("status", "--json", archive=archive).stdout)
    return {one["code"]: one for one in state["health"]["findings"]}


def test_a_post_that_holds_teasers_of_its_neighbours_is_a_post(tmp_path: Path) -> None:
    pages: Pages = {"/": listing(range(24)), **{address(n): post_with_nested_teasers(n) for n in range(24)}}
    with serving(pages) as site:
        assert crawl(site.url, archive=tmp_path / "a.db").returncode == 0
    assert rows(tmp_path / "a.db", "select count(*) from articles") == [(24,)]
    assert "entries" not in findings(tmp_path / "a.db")


@pytest.mark.parametrize(("lost", "level"), [(0, None), (1, "amber"), (4, "amber"), (5, "red"), (24, "red")])
def test_entries_that_are_not_stored_are_a_finding(lost: int, level: str | None, tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: Pages = {
        "/": listing(range(24)),
        **{address(n): (post_taken_for_a_list if n < lost else post_with_nested_teasers)(n) for n in range(24)},
    }
    with serving(pages) as site:
        done = crawl(site.url, archive=archive)
        assert rows(archive, "select count(*) from articles") == [(24 - lost,)]
        found = findings(archive).get("entries")
        assert (found["level"] if found else None) == level
        assert done.returncode == (1 if level == "red" else 0)
        if found:
            assert f"{lost} of the 24 entries that lists show as posts are not stored" in found["sentence"]
            assert {"untaken", "undated"}.isdisjoint(findings(archive))


def test_entries_that_the_site_refuses_or_has_deleted_are_explained(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: Pages = {
        "/robots.txt": Answer(
            f"User-agent: *\nDisallow: {address(0)}\n".encode(), headers={"Content-Type": "text/plain"}
        ),
        "/": listing(range(24)),
        **{address(n): post_with_nested_teasers(n) for n in range(24)},
        address(1): Answer(b"", 404),
        address(2): Answer(b"", 403),
        address(3): Answer(b"%PDF-1.7 ...", headers={"Content-Type": "application/pdf"}),
        address(4): Answer(b"", 301, {"Location": address(5)}),
    }
    with serving(pages) as site:
        crawl(site.url, archive=archive)
    assert "entries" not in findings(archive)


def test_a_folder_whose_lists_link_out_of_it_is_said_to_do_so(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: Pages = {
        "/en/": listing(range(24)),
        "/en/about/": Answer(b"<html><head><title>About</title></head><body><p>We write.</p></body></html>"),
        **{address(n): post_with_nested_teasers(n) for n in range(24)},
    }
    with serving(pages) as site:
        done = crawl(f"{site.url}en/", archive=archive)
        assert done.returncode == 1
        assert (
            f"24 links of its lists lead out of the folder that is crawled, for example {site.url}writing/"
            in done.stdout
        )


@pytest.mark.parametrize("in_feed", [True, False])
def test_a_post_that_seems_to_say_that_it_does_not_exist_is_not_lost_in_silence(in_feed: bool, tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    lost = Answer(
        b"<html><head><title>Page not found</title></head><body><h1>Page not found: the lost letter</h1>"
        b"<p>An essay about a letter that was never found.</p></body></html>"
    )
    pages: Pages = {"/": listing(range(24)), **{address(n): post_with_nested_teasers(n) for n in range(24)}}
    pages |= {address(n): lost for n in range(5)}
    with serving(pages) as site:
        if in_feed:
            items = "".join(
                f"<item><title>Lost {n}</title><link>{site.url[:-1]}{address(n)}</link>"
                "<pubDate>Wed, 01 May 2024 08:00:00 GMT</pubDate></item>"
                for n in range(5)
            )
            site.pages["/feed/"] = Answer(
                f'<rss version="2.0"><channel><title>Weir</title>{items}</channel></rss>'.encode(),
                headers={"Content-Type": "application/rss+xml"},
            )
        crawl(site.url, archive=archive)
    stored = rows(archive, "select count(*) from articles")[0][0]
    assert stored == 24 or findings(archive)["entries"]["level"] == "red"


def test_a_new_post_that_shows_what_held_posts_show_is_no_second_finding_for_a_week(tmp_path: Path) -> None:
    archive, empty = tmp_path / "a.db", Answer(b"", headers={"Content-Type": "text/html"})
    pages: Pages = {"/": listing(range(1, 24)), **{address(n): post_with_nested_teasers(n) for n in range(1, 24)}}
    with serving(pages) as site:
        crawl(site.url, archive=archive)
        site.pages.update({"/": listing(range(24)), **{address(n): empty for n in range(3)}})
        crawl(site.url, "--full", archive=archive)
        found = findings(archive)
        assert "entries" not in found
        assert found["held"]["sentence"].startswith("2 pages are held")
        for _ in range(8):
            let_a_day_pass(archive, only_held=True)
        crawl(site.url, archive=archive)
    assert findings(archive)["entries"]["sentence"].startswith("1 of the 24 entries")
