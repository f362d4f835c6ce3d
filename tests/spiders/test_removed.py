"""Posts whose pages are gone, or say so at 200. A post is gone once that is confirmed, and not while another of its
addresses shows it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.small_sites import SamplePost, sample_posts
from tests.spiders.crawling import archiver, crawl, rows
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


POSTS = sample_posts(21)
PER_LIST = 6


def by_number(post: int) -> str:
    return f"/view?id={post}"


def by_name(post: int) -> str:
    return f"/story/{post}-told/"


def shown(post: SamplePost) -> Answer:
    text = "".join(f"<p>{paragraph}</p>" for paragraph in post.paragraphs)
    return Answer(
        f"<html lang='en'><head><title>{post.title} - Towpath</title></head><body><table><tr><td>"
        f"<a href='/'>Towpath</a></td></tr><tr><td><h1>{post.title}</h1><small>{post.author}, {post.day}</small>"
        f"<hr>{text}</td></tr></table>"
        "</body></html>".encode()
    )


def listed_only(address: Callable[[int], str]) -> Pages:
    """Return a site whose posts are known by its lists only, with its posts at these addresses."""
    order = range(len(POSTS) - 1, -1, -1)
    parts = [order[at : at + PER_LIST] for at in range(0, len(POSTS), PER_LIST)]
    more = " ".join(f"<a href='/list?page={n}'>[{n}]</a>" for n in range(1, len(parts) + 1))
    pages: Pages = {address(number): shown(POSTS[number]) for number in order}
    for n, part in enumerate(parts, 1):
        items = "".join(f"<tr><td><a href='{address(k)}'>{POSTS[k].title}</a></td></tr>" for k in part)
        body = f"<html><head><title>Towpath</title></head><body><table>{items}</table>{more}</body></html>"
        pages[f"/list?page={n}"] = Answer(body.encode())
    return pages | {"/": pages["/list?page=1"]}


@pytest.mark.parametrize("words", [(), ("--full",)], ids=["incremental", "full"])
def test_posts_at_other_addresses_for_a_day_are_not_gone(words: tuple[str, ...], tmp_path: Path) -> None:
    """The old addresses are 404 on that day, and the new ones after it, without redirects."""
    archive, state = tmp_path / "a.db", "select substr(url, 23), gone_at from articles order by title"
    with serving(listed_only(by_number)) as site:
        crawl(site.url, archive=archive)
        before = rows(archive, state)
        assert [row[1] for row in before] == [None] * len(POSTS)
        site.pages.clear()
        site.pages.update(listed_only(by_name))
        crawl(site.url, *words, archive=archive)
        during = rows(archive, state)
        assert sum("story" in row[0] for row in during) == len(POSTS)
        assert [row[1] for row in during] == [None] * len(POSTS)
        site.pages.clear()
        site.pages.update(listed_only(by_number))
        crawl(site.url, archive=archive)
        assert rows(archive, state) == before
        assert rows(archive, "select sum(gone), sum(held), max(new) from runs") == [(0, 0, len(POSTS))]


def test_a_list_that_still_shows_a_gone_post_has_it_fetched_at_once(tmp_path: Path) -> None:
    archive, state = tmp_path / "a.db", "select count(*) from articles where gone_at is not null"
    links = tuple(f"/post-{n}/" for n in range(4))
    pages: Pages = {"/": home(*links), **{link: page(f"Title {link}") for link in links}}
    with serving(pages) as site:
        crawl(site.url, archive=archive)
        there = pages.pop("/post-1/")
        crawl(site.url, "--full", archive=archive)
        assert rows(archive, state) == [(1,)]
        pages["/post-1/"] = there
        with (
            closing(sqlite3.connect(archive)) as db,
            db,
        ):  # as if no run had read the list since before the post was gone
            db.execute("update pages set fetched_at = '2024-01-01T00:00:00+00:00' where kind = 'listing'")
        crawl(site.url, archive=archive)
        assert rows(archive, state) == [(0,)]


GONE = "select url from articles where gone_at is not null"


def dated_lists(gone: frozenset[int] = frozenset()) -> Pages:
    """Return a blog without a feed and a sitemap, whose lists show five posts a page, without the posts in `gone`."""
    order = [n for n in range(len(POSTS) - 1, -1, -1) if n not in gone]
    parts = [order[at : at + 5] for at in range(0, len(order), 5)]
    pages = {f"/p/{number}/": shown(POSTS[number]) for number in order}
    for n, part in enumerate(parts, 1):
        items = "".join(
            f"<article><h2><a href='/p/{k}/'>{POSTS[k].title}</a></h2><time>{POSTS[k].day}</time></article>"
            for k in part
        )
        older = f"<a href='/page/{n + 1}/'>Older</a>" if n < len(parts) else ""
        body = f"<html lang='en'><head><title>Towpath</title></head><body><h1>Towpath</h1>{items}{older}</body></html>"
        pages["/" if n == 1 else f"/page/{n}/"] = Answer(body.encode())
    return pages


@pytest.mark.parametrize("gone", [18, 13, 2, 0], ids=["first page", "second page", "fourth page", "last page"])
def test_a_post_that_leaves_any_page_of_the_lists_is_found_gone_by_the_next_crawl(gone: int, tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(dated_lists()) as site:
        crawl(site.url, archive=archive)
        archiver("sites", "set", site.url, "sample_posts=0", archive=archive)
        site.pages.clear()
        site.pages.update(dated_lists(frozenset({gone})))
        crawl(site.url, archive=archive)
    assert [row[0].endswith(f"/p/{gone}/") for row in rows(archive, GONE)] == [True]


def test_a_crawl_reads_only_the_first_and_the_last_page_of_lists_that_are_as_before(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(dated_lists()) as site:
        crawl(site.url, archive=archive)
        archiver("sites", "set", site.url, "sample_posts=0", archive=archive)
        site.requests.clear()
        crawl(site.url, archive=archive)
        assert [one for one in site.requests if not one.startswith(("/robots", "/.well"))] == ["/", "/page/5/"]
