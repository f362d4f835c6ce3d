"""A blog changes its theme, loses its feed and forbids crawling: the next crawl reports each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from archiver.health.health_rules import START_PAGE_ADVICE, TRY_AGAIN
from tests.spiders.crawling import archiver, crawl, rows, text
from tests.spiders.site_server import Answer, Pages, SiteServer, home, page, serving

_SOUND = " set out here at some length, so that nobody takes it for a list of links. " * 8


class Blog:
    """A blog of numbered posts; `dated`: its theme shows publication dates."""

    def __init__(self, server: SiteServer, archive: Path) -> None:
        self.server, self.archive, self.posts = server, archive, 0
        self.site = server.url[7:-1]

    def publish(self, number: int, *, dated: bool, beside: Pages | None = None) -> None:
        pages: Pages = self.server.pages
        for post in range(self.posts, self.posts + number):
            title = f"Story number {post}"
            pages[f"/story-{post}/"] = (
                page(title, title + _SOUND, date=f"2024-03-{post % 28 + 1:02}") if dated else (undated(title))
            )
        self.posts += number
        pages |= beside or {}
        links = [*(f"/story-{post}/" for post in range(self.posts)), *(beside or {})]
        pages["/"] = home(*links, head='<link rel="alternate" type="application/rss+xml" href="/feed.xml">')

    def status(self) -> dict[str, dict[str, Any]]:
        """Returns the findings by code and subject."""
        health = json.loads(archiver("status", "--long", "--json", archive=self.archive).stdout)[0]["health"]
        return {f"{one['code']} {one['about']}".strip(): one for one in health["findings"]}

    def last_run(self) -> str:
        return str(rows(self.archive, "select started_at from runs order by id desc limit 1")[0][0])


def undated(title: str) -> Answer:
    """Returns a post in the new theme, which shows no date."""
    return Answer(
        f"""<!doctype html><html lang="en"><head><title>{title} – The Test Blog</title>
<meta property="og:type" content="article"></head><body><header><a href="/">The Test Blog</a></header>
<main><article class="story"><h1>{title}</h1><p class="by">By <span class="author">Ann Rowe</span></p>
<div class="story-text"><p>{title}{_SOUND}</p></div></article></main></body></html>""".encode()
    )


def feed(*links: str) -> Answer:
    items = "".join(f"<item><title>Story</title><link>{link}</link></item>" for link in links)
    return Answer(
        f'<rss version="2.0"><channel><title>The Test Blog</title>{items}</channel></rss>'.encode(),
        headers={"Content-Type": "application/rss+xml"},
    )


@pytest.fixture(scope="module")
def blog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Blog]:
    with serving({"/robots.txt": text("", 404)}) as server:
        blog = Blog(server, tmp_path_factory.mktemp("redesign") / "archive.db")
        blog.publish(24, dated=True)
        server.pages["/feed.xml"] = feed(f"{server.url}story-0/")
        assert crawl(server.url, archive=blog.archive).returncode == 0
        # Old posts stay in the old theme, so a sample of them would hide what the new one lacks.
        archiver("sites", "set", blog.site, "sample_posts=0", archive=blog.archive)
        yield blog


def test_pages_that_fail_in_every_run_are_not_reported(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    with serving({"/robots.txt": text("", 404)}) as server:
        blog = Blog(server, archive)
        blog.publish(48, dated=True)
        for post in range(4):
            server.pages[f"/story-{post}/"] = text("broken", 500)
        for again in ("", " again"):
            assert crawl(server.url, archive=archive).returncode == 1
            measures = json.loads(rows(archive, "select statistics from runs order by id desc limit 1")[0][0])
            assert {name: n for name, n in measures["outcomes"].items() if "failed" in name} == {f"failed{again}": 4}
            assert blog.status() == {}


def test_a_run_stores_its_statistics(blog: Blog) -> None:
    (site,) = json.loads(archiver("status", "--long", "--json", archive=blog.archive).stdout)
    measures = site["runs"][0]["statistics"]
    assert measures["articles"] == 24
    assert measures["fields"]["published"] == measures["fields"]["authors"] == 24
    assert measures["outcomes"]["archived"] == 24
    assert measures["statuses"]["200"] >= 26
    assert 0 < measures["latency"] <= measures["latency_95"]
    assert measures["listed"] == 1
    assert blog.status() == {}


def test_missing_dates_are_reported_with_start_and_advice(blog: Blog) -> None:
    bare = f"<html><head><title>The Test Blog</title></head><body><h1>Of the harbour</h1><p>{_SOUND}</p></body></html>"
    blog.publish(4, dated=False, beside={f"/bare-{number}/": Answer(bare.encode()) for number in range(4)})
    blog.server.pages["/feed.xml"] = feed()
    done = crawl(blog.site, archive=blog.archive)
    assert done.returncode == 0
    assert rows(blog.archive, "select count(*) from articles where published is null") == [(4,)]
    found = blog.status()
    assert set(found) == {"coverage published", "source feed", "posts pages", "untaken"}
    assert " 8 " in found["posts pages"]["sentence"]
    assert f"{blog.server.url}feed.xml" in found["source feed"]["sentence"]
    finding = found["coverage published"]
    assert finding["level"] == "red"
    assert finding["since"][:19] == blog.last_run()[:19]
    assert "archiver sites rules" in finding["sentence"]
    assert finding["sentence"].partition(". ")[0] in done.stdout, "the crawl prints the finding as well"
    monitor = archiver("status", "--health", archive=blog.archive)
    assert monitor.returncode == 2
    assert monitor.stdout.splitlines()[0] == "red: 1 site (red)"
    assert archiver("status", blog.site, "--accept", archive=blog.archive).returncode == 0
    assert blog.status() == {}
    assert archiver("status", "--health", archive=blog.archive).returncode == 0


def test_a_dead_feed_and_a_forbidding_robots_txt_are_reported(blog: Blog) -> None:
    blog.server.pages["/feed.xml"] = text("gone", 410)
    blog.server.pages["/robots.txt"] = text("User-agent: *\nDisallow: /story-1/\n")
    assert crawl(blog.site, "--full", archive=blog.archive).returncode == 1
    found = blog.status()
    assert set(found) == {"source feed", "robots posts"}
    assert found["source feed"]["since"][:19] == blog.last_run()[:19]
    assert f"{blog.server.url}feed.xml" in found["source feed"]["sentence"]
    assert "410" in found["source feed"]["sentence"]
    blog.server.pages["/robots.txt"] = text("User-agent: *\nDisallow: /\n")
    crawl(blog.site, archive=blog.archive)
    assert {key: one["level"] for key, one in blog.status().items()} == {"robots home": "red"}


def test_an_accepted_finding_that_returns_is_reported_again(blog: Blog) -> None:
    archiver("status", blog.site, "--accept", archive=blog.archive)
    crawl(blog.site, archive=blog.archive)
    assert "robots home" not in blog.status()
    blog.server.pages["/robots.txt"] = text("", 404)
    crawl(blog.site, archive=blog.archive)
    blog.server.pages["/robots.txt"] = text("User-agent: *\nDisallow: /\n")
    crawl(blog.site, archive=blog.archive)
    assert "robots home" in blog.status()


def dated_feed(*links: str) -> Answer:
    items = "".join(
        f"<item><title>Story</title><link>{link}</link><pubDate>Fri, 01 Mar 2024 10:00:00 GMT</pubDate></item>"
        for link in links
    )
    return Answer(
        f'<rss version="2.0"><channel><title>The Test Blog</title>{items}</channel></rss>'.encode(),
        headers={"Content-Type": "application/rss+xml"},
    )


def test_a_feed_does_not_hide_that_pages_lost_their_dates(tmp_path: Path) -> None:
    """The first finding is the last one, too, although the feed has the dates of the first new posts only."""
    with serving({"/robots.txt": text("", 404)}) as server:
        blog = Blog(server, tmp_path / "archive.db")
        blog.publish(24, dated=True)
        server.pages["/feed.xml"] = dated_feed(f"{server.url}story-0/")
        assert crawl(server.url, archive=blog.archive).returncode == 0
        archiver("sites", "set", blog.site, "sample_posts=0", archive=blog.archive)
        seen = []
        for _ in range(3):
            first = blog.posts
            blog.publish(5, dated=False)
            listed = range(first, blog.posts) if not seen else [0]
            server.pages["/feed.xml"] = dated_feed(*(f"{server.url}story-{post}/" for post in listed))
            crawl(blog.site, archive=blog.archive)
            seen.append({key: one["level"] for key, one in blog.status().items()})
        dates = rows(blog.archive, "select count(*) from articles where published is null")
    assert dates == [(10,)]
    assert seen == [{"coverage published": "red"}] * 3


def test_deleted_posts_are_named(tmp_path: Path) -> None:
    """The site has no sitemap: the addresses of deleted posts are fetched again in their turn."""
    with serving({"/robots.txt": text("", 404)}) as server:
        blog = Blog(server, tmp_path / "archive.db")
        blog.publish(24, dated=True)
        crawl(server.url, archive=blog.archive)
        for post in (3, 7):
            server.pages[f"/story-{post}/"] = text("gone", 410)
        server.pages["/"] = home(*(f"/story-{post}/" for post in range(24) if post not in (3, 7)))
        assert crawl(blog.site, "--full", archive=blog.archive).returncode == 0
        (finding,) = blog.status().values()
        assert (finding["code"], finding["level"]) == ("deletions", "green")
        assert all(f"{server.url}story-{post}/" in finding["sentence"] for post in (3, 7))
        assert archiver("status", "--health", archive=blog.archive).returncode == 0


def test_a_burst_of_new_posts_is_reported(tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    with serving({"/robots.txt": text("", 404)}) as server:
        posts = {
            f"/day-{n}/": page(f"Day {n}", f"Day {n}{_SOUND}", date=f"{today - timedelta(days=n)}")
            for n in range(1, 13)
        }
        server.pages |= {"/": home(*posts), **posts}
        crawl(server.url, archive=tmp_path / "archive.db")
        blog = Blog(server, tmp_path / "archive.db")
        assert blog.status() == {}
        spam = {f"/buy-{n}/": page(f"Buy {n}", f"Buy {n}{_SOUND}", date=f"{today}") for n in range(24)}
        server.pages |= {"/": home(*posts, *spam), **spam}
        crawl(server.url, archive=blog.archive)
        finding = blog.status()["burst"]
        assert finding["level"] == "amber"
        assert all(part in finding["sentence"] for part in ("24 new posts", f"{today}", f"{server.url}buy-0/"))


def test_a_parked_site_is_reported_with_its_lost_sources(tmp_path: Path) -> None:
    with serving({"/robots.txt": text("", 404)}) as server:
        blog = Blog(server, tmp_path / "archive.db")
        blog.publish(6, dated=True)
        # A page that is not a discovery source; it also names a feed that answers 404 and thus was never lost.
        declared = "".join(
            f'<link rel="alternate" type="application/rss+xml" href="/{at}">' for at in ("feed.xml", "feed/")
        )
        server.pages["/en/"] = home(*(f"/story-{post}/" for post in range(6)), head=declared)
        server.pages["/"] = text("", 302, Location="/en/")
        links = [f"{server.url}story-{post}/" for post in range(6)]
        server.pages["/feed.xml"] = feed(*links)
        server.pages["/sitemap.xml"] = text(
            "<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>"
            + "".join(f"<url><loc>{link}</loc></url>" for link in links)
            + "</urlset>"
        )
        crawl(server.url, archive=blog.archive)
        parked = Answer(b"<html><head><title>For sale</title></head><body><p>This domain is for sale.</p></body>")
        server.pages.update(dict.fromkeys(server.pages.keys() - {"/robots.txt"}, parked))
        crawl(blog.site, archive=blog.archive)
        finding = blog.status()["source all"]
    assert finding["level"] == "red"
    assert f"its feed {server.url}feed.xml: " in finding["sentence"]
    assert f"its sitemap {server.url}sitemap.xml: " in finding["sentence"]


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (text("no", 403), "http-403"),
        (text("", 301, Location="https://elsewhere.invalid/"), "http-301"),
        (text("gone", 404), None),
    ],
)
def test_a_failed_crawl_gets_the_advice_for_its_start_page(tmp_path: Path, answer: Answer, rule: str | None) -> None:
    with serving({"/robots.txt": text("", 404)}) as server:
        blog = Blog(server, tmp_path / "archive.db")
        blog.publish(3, dated=True)
        server.pages["/start/"] = server.pages["/"]
        server.pages["/"] = text("", 302, Location="/start/")
        crawl(server.url, archive=blog.archive)
        server.pages["/start/"] = answer
        assert crawl(blog.site, archive=blog.archive).returncode == 1
        (finding,) = (one for key, one in blog.status().items() if key == "failed")
    advice = START_PAGE_ADVICE[rule] if rule else TRY_AGAIN
    assert advice.format(site=blog.site, target="https://elsewhere.invalid/") in finding["sentence"]
