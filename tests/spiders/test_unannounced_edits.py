"""Edits and deletions on a blog that announces neither: no source says when its posts were edited."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.spiders.crawling import archiver, let_a_day_pass, rows
from tests.spiders.site_server import Answer, SiteServer, page, serving
from tests.spiders.test_faults import counts

DAY = date(2020, 3, 1)


class Blog:
    """A blog with numbered posts, the newest first on its home page, `a_page` posts on each page of it, and the newest
    `in_feed` in its feed. With `lastmod_after` it has a sitemap, which gives a lastmod so long after publication. With
    `has_archive` the page /archive/ shows all posts.
    """

    def __init__(
        self,
        posts: Iterable[int],
        a_page: int = 100,
        in_feed: int = 100,
        lastmod_after: timedelta | None = None,
        *,
        has_archive: bool = False,
    ) -> None:
        self.posts = sorted(posts, reverse=True)
        self.edited: set[int] = set()
        self.pages: dict[str, Any] = {}
        self._a_page, self._in_feed, self._lastmod_after = a_page, in_feed, lastmod_after
        self._has_archive = has_archive

    def publish(self, url: str) -> None:
        self.pages.clear()
        self.pages["/robots.txt"] = Answer(b"User-agent: *\nAllow: /\n", headers={"Content-Type": "text/plain"})
        for post in self.posts:
            text = (
                f"Entry {post} now has another ending than it had when it came out. " * 6 if post in self.edited else ""
            )
            answer = page(f"Entry {post}", text, date=f"{DAY + timedelta(days=post)}")
            answer.headers["ETag"] = f'"{post} {post in self.edited}"'
            self.pages[f"/entry-{post}/"] = answer
        for number, start in enumerate(range(0, len(self.posts), self._a_page), 1):
            self.pages["/" if number == 1 else f"/page/{number}/"] = self._list(number, start)
        if self._has_archive:
            self.pages["/archive/"] = self._page(self.posts, "")
        self.pages["/feed.xml"] = Answer(self._feed(url).encode(), headers={"Content-Type": "application/rss+xml"})
        if self._lastmod_after is not None:
            body = self._sitemap(url, self._lastmod_after).encode()
            self.pages["/sitemap.xml"] = Answer(body, headers={"Content-Type": "application/xml"})

    def _sitemap(self, url: str, lastmod_after: timedelta) -> str:
        entries = "".join(
            f"<url><loc>{url}entry-{post}/</loc><lastmod>{DAY + timedelta(days=post) + lastmod_after}</lastmod></url>"
            for post in self.posts
        )
        return f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'

    def _list(self, number: int, start: int) -> Answer:
        older = f'<a rel="next" href="/page/{number + 1}/">Older</a>' if start + self._a_page < len(self.posts) else ""
        older += '</div><div><a href="/archive/">Archive</a>' if self._has_archive else ""
        return self._page(self.posts[start : start + self._a_page], older)

    def _page(self, posts: Iterable[int], older: str) -> Answer:
        items = "".join(
            f'<li><h2 class="entry-title"><a href="/entry-{post}/">Entry {post}</a></h2></li>' for post in posts
        )
        head = '<link rel="alternate" type="application/rss+xml" href="/feed.xml">'
        return Answer(
            f'<html lang="en"><head><title>The Test Blog</title>{head}</head><body><ul>{items}</ul>'
            f'<div class="pagination">{older}</div></body></html>'.encode()
        )

    def _feed(self, url: str) -> str:
        items = "".join(
            f"<item><title>Entry {post}</title><link>{url}entry-{post}/</link>"
            f"<pubDate>{DAY + timedelta(days=post):%a, %d %b %Y} 08:00:00 GMT</pubDate></item>"
            for post in self.posts[: self._in_feed]
        )
        return f'<rss version="2.0"><channel><title>The Test Blog</title>{items}</channel></rss>'


@contextmanager
def archived(blog: Blog, archive: Path, *settings: str) -> Iterator[SiteServer]:
    """Serve a blog that was crawled once into the archive, and set these settings of its site."""
    with serving(blog.pages) as site:
        blog.publish(site.url)
        assert counts(site.url, archive=archive)["new"] == len(blog.posts)
        archiver("sites", "set", site.url, *settings, archive=archive)
        site.requests.clear()
        yield site


def requested_posts(site: SiteServer) -> set[str]:
    return {path for path in site.requests if path.startswith("/entry-")}


def test_a_post_that_feed_and_home_page_no_longer_list_is_found_gone(tmp_path: Path) -> None:
    archive, blog = tmp_path / "a.db", Blog(range(12))
    with archived(blog, archive, "sample_posts=0") as site:
        blog.posts.remove(6)
        blog.publish(site.url)
        counts(site.url, archive=archive)
        assert requested_posts(site) == {"/entry-6/"}
        let_a_day_pass(archive)
        assert counts(site.url, archive=archive)["gone"] == 1
    assert rows(archive, "select title from articles where gone_at is not null") == [("Entry 6",)]


@pytest.mark.parametrize(
    ("blog", "reads_archive"),
    [
        (Blog(range(20), a_page=4, in_feed=3, has_archive=True), True),
        (Blog(range(20), a_page=4, in_feed=3), False),  # the last page of the list shows it
        (Blog(range(20), a_page=4, in_feed=3, lastmod_after=timedelta(0), has_archive=True), False),
    ],
    ids=["archive", "pages", "sitemap"],
)
def test_an_old_post_that_leaves_the_page_of_all_posts_is_found_gone(
    blog: Blog, reads_archive: bool, tmp_path: Path
) -> None:
    archive = tmp_path / "a.db"
    with archived(blog, archive, "sample_posts=0") as site:
        blog.posts.remove(6)
        blog.publish(site.url)
        counts(site.url, archive=archive)
        assert ("/archive/" in site.requests, requested_posts(site)) == (reads_archive, {"/entry-6/"})
        let_a_day_pass(archive)
        assert counts(site.url, archive=archive)["gone"] == 1


def test_a_gone_post_that_only_the_home_page_lists_again_is_online(tmp_path: Path) -> None:
    archive, blog = tmp_path / "a.db", Blog(range(12), in_feed=3)
    with archived(blog, archive, "sample_posts=0") as site:
        blog.posts.remove(6)
        blog.publish(site.url)
        counts(site.url, archive=archive)
        let_a_day_pass(archive)
        assert counts(site.url, archive=archive)["gone"] == 1
        blog.posts = sorted([6, *blog.posts], reverse=True)
        blog.publish(site.url)
        counts(site.url, archive=archive)
        assert rows(archive, "select count(*) from articles where gone_at is not null") == [(0,)]
        site.requests.clear()
        counts(site.url, archive=archive)
        assert requested_posts(site) == set()


def test_a_dead_link_that_stays_on_the_home_page_is_requested_once(tmp_path: Path) -> None:
    archive, blog = tmp_path / "a.db", Blog(range(12), in_feed=3)
    with archived(blog, archive, "sample_posts=0") as site:
        del blog.pages["/entry-6/"]
        counts(site.url, "--full", archive=archive)
        site.requests.clear()
        for _ in range(2):
            blog.posts = [blog.posts[0] + 1, *blog.posts]
            blog.publish(site.url)
            del blog.pages["/entry-6/"]
            counts(site.url, archive=archive)
        assert "/entry-6/" not in site.requests
    assert rows(archive, "select rule from held_pages") == [("still-listed",)]


def test_a_post_that_leaves_only_the_home_page_is_requested_once(tmp_path: Path) -> None:
    archive, blog = tmp_path / "a.db", Blog(range(12), in_feed=3)
    with archived(blog, archive, "sample_posts=0") as site:
        blog.posts.remove(6)
        blog.publish(site.url)
        blog.pages["/entry-6/"] = page("Entry 6", date=f"{DAY + timedelta(days=6)}")
        counts(site.url, archive=archive)
        counts(site.url, archive=archive)
        assert site.requests.count("/entry-6/") == 1
        [status] = json.loads(archiver("status", site.url, "--json", archive=archive).stdout)
        assert status["delisted"] == {"posts": 1, "example": f"{site.url}entry-6/"}
        why = json.loads(archiver("why", f"{site.url}entry-6/", "--json", archive=archive).stdout)
        assert why["reason"] == f"{site.url} no longer lists it, but it is still online"
    assert rows(archive, "select count(*) from articles where gone_at is not null") == [(0,)]


def test_a_new_post_that_shifts_the_pages_and_the_feed_causes_no_other_request(tmp_path: Path) -> None:
    archive, blog = tmp_path / "a.db", Blog(range(20), a_page=5, in_feed=5)
    with archived(blog, archive, "sample_posts=0") as site:
        blog.posts = [*range(25, 19, -1), *blog.posts]  # more than a page, so that the next one has to be read, too
        blog.publish(site.url)
        assert counts(site.url, archive=archive)["new"] == 6
        assert requested_posts(site) == {f"/entry-{number}/" for number in range(20, 26)}
        assert "/page/2/" in site.requests


def test_a_redesign_does_not_fetch_the_whole_site_at_once(tmp_path: Path) -> None:
    archive, blog = tmp_path / "a.db", Blog(range(70))
    with archived(blog, archive, "sample_posts=0") as site:
        kept = blog.posts
        blog.posts = [post for post in kept if post in (0, 69)]
        shown = Blog(kept)
        shown.publish(site.url)
        blog.publish(site.url)
        blog.pages.update({path: answer for path, answer in shown.pages.items() if path.startswith("/entry-")})
        counts(site.url, archive=archive)
        assert len(requested_posts(site)) == 50
    later = rows(archive, "select count(*) from pages where due_for = 'delisted' and due_at > '1971'")
    assert later == [(18,)]


def test_the_sample_finds_an_edit_that_nothing_announces(tmp_path: Path) -> None:
    archive, blog = tmp_path / "a.db", Blog(range(40), in_feed=5)
    with archived(blog, archive, "sample_posts=8") as site:
        second = counts(site.url, archive=archive)
        assert (len(requested_posts(site)), second["edits"]["sampled"], second["edits"]["changed"]) == (8, 8, 0)
        assert second["edits"]["unseen"] == 32
        blog.edited = set(blog.posts)
        blog.publish(site.url)
        third = counts(site.url, archive=archive)
        status = json.loads(archiver("status", site.url, "--json", archive=archive).stdout)
    assert (third["revised"], third["held"]) == (0, 8), "a run that edits all it samples is held"
    assert (third["edits"]["sampled"], third["edits"]["changed"]) == (16, 8)
    assert status[0]["edits"] == third["edits"]


def test_the_choice_of_the_sample_is_fixed_by_the_run(tmp_path: Path) -> None:
    chosen = []
    for name in ("a.db", "b.db"):
        with archived(Blog(range(30)), tmp_path / name, "sample_posts=3") as site:
            counts(site.url, archive=tmp_path / name)
            chosen.append(requested_posts(site))
    assert chosen[0] == chosen[1]


def test_sampled_posts_are_requested_conditionally(tmp_path: Path) -> None:
    archive, blog = tmp_path / "a.db", Blog(range(30))
    with archived(blog, archive, "sample_posts=5") as site:
        site.asked.clear()
        counts(site.url, archive=archive)
        validators = [one.get("if-none-match") for one in site.asked if one["path"].startswith("/entry-")]
    assert len(validators) == 5
    assert sum(validator is not None for validator in validators) >= 4  # one in 40 tests the validator


def test_hits_enlarge_the_next_sample(tmp_path: Path) -> None:
    archive, blog = tmp_path / "a.db", Blog(range(40))
    with archived(blog, archive, "sample_posts=4") as site:
        blog.edited = set(blog.posts)
        blog.publish(site.url)
        counts(site.url, archive=archive)
        site.requests.clear()
        counts(site.url, archive=archive)
        assert len(requested_posts(site)) == 40


def test_without_a_sample_the_posts_that_were_not_looked_at_are_counted(tmp_path: Path) -> None:
    archive, blog = tmp_path / "a.db", Blog(range(12))
    with archived(blog, archive, "sample_posts=0") as site:
        done = counts(site.url, archive=archive)
        assert (done["edits"]["unseen"], done["edits"]["sampled"], done["edits"]["posts_at_most"]) == (12, 0, None)
        assert counts(site.url, "--full", archive=archive)["edits"] is None


def test_a_sitemap_that_announces_edits_needs_no_sample(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with archived(Blog(range(30), lastmod_after=timedelta(days=90)), archive) as site:
        assert counts(site.url, archive=archive)["edits"] is None
        assert requested_posts(site) == set()


def test_a_sitemap_whose_dates_are_those_of_publication_announces_nothing(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with archived(Blog(range(30), lastmod_after=timedelta(0)), archive) as site:
        assert counts(site.url, archive=archive)["edits"]["unseen"] == 20
        assert len(requested_posts(site)) == 10


def test_why_says_when_a_post_is_due_next_and_for_what_reason(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with archived(Blog(range(12)), archive, "sample_posts=0") as site:
        post, feed = (due_for(site.url + name, archive) for name in ("entry-3/", "feed.xml"))
        assert post.startswith("30 days after the last fetch")
        assert feed.startswith("every crawl fetches it")
        with sqlite3.connect(archive) as db:
            db.execute(
                "update pages set due_at = '1970-01-01T00:00:00+00:00', due_for = 'new text', due_by = 'feed' "
                "where url like '%/entry-3/'"
            )
        assert due_for(site.url + "entry-3/", archive) == "feed has another text for it"
        assert "due now: feed has another text for it" in archiver("why", site.url + "entry-3/", archive=archive).stdout


def due_for(url: str, archive: Path) -> str:
    return str(json.loads(archiver("why", url, "--json", archive=archive).stdout)["due_for"])


@pytest.mark.parametrize("removed", [8, 2], ids=["on the home page", "on a further page"])
def test_a_post_that_left_its_list_is_counted_if_a_full_crawl_reads_everything(tmp_path: Path, removed: int) -> None:
    archive, blog = tmp_path / "a.db", Blog(range(12), a_page=6, in_feed=3)
    with archived(blog, archive, "sample_posts=0") as site:
        blog.posts.remove(removed)
        blog.publish(site.url)
        blog.pages[f"/entry-{removed}/"] = page(f"Entry {removed}", date=f"{DAY + timedelta(days=removed)}")
        counts(site.url, "--full", archive=archive)
        [status] = json.loads(archiver("status", site.url, "--json", archive=archive).stdout)
    assert status["delisted"] == {"posts": 1, "example": f"{site.url}entry-{removed}/"}


def test_a_post_that_a_full_crawl_finds_on_another_page_of_its_list_is_listed(tmp_path: Path) -> None:
    archive, blog = tmp_path / "a.db", Blog(range(12), a_page=6, in_feed=3)
    with archived(blog, archive, "sample_posts=0") as site:
        blog.posts = [*(20, 21), *blog.posts]
        blog.posts.sort(reverse=True)
        blog.publish(site.url)
        counts(site.url, "--full", archive=archive)
        [status] = json.loads(archiver("status", site.url, "--json", archive=archive).stdout)
    assert status["delisted"]["posts"] == 0
