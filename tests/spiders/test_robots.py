"""How a crawl obeys robots.txt, on real servers."""

from __future__ import annotations

import gzip
import json
import sqlite3
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.attacks import BOMB, MB, OK, Attack, Send, attacking, forever, later
from tests.hostile.world import two_hosts
from tests.spiders.crawling import archiver, crawl, last_run, rows, scrapy, text
from tests.spiders.site_server import Answer, home, page, serving


def site_of(robots: Any, *names: str) -> dict[str, Any]:
    return {"/": home(*names), "/robots.txt": robots, **{name: page(f"Post {name}") for name in names}}


@pytest.mark.parametrize(
    "robots",
    [
        text("", 500),
        Answer(drop=True),
        text("no gzip", Content_Encoding="gzip"),
        text("a", Content_Encoding="gzip, gzip, gzip"),
    ],
    ids=["500", "no answer", "not packed as it says", "packed too often"],
)
def test_a_robots_txt_that_cannot_be_read_means_wait(tmp_path: Path, robots: Answer) -> None:
    archive = tmp_path / "a.db"
    with serving(site_of(robots, "/one/")) as site:
        done = crawl(site.url, archive=archive)
        assert set(site.requests) == {"/robots.txt"}
        assert done.returncode == 1
        assert all(part in done.stderr.splitlines()[-1] for part in (site.url, "robots.txt"))
        assert rows(archive, "select outcome, rule from pages") == [("due", "waiting")]
        assert last_run(archive)[0] == "waiting"
        site.pages["/robots.txt"] = text("")
        assert crawl(site.url, archive=archive).returncode == 0
    assert last_run(archive) == ("finished", "")
    assert rows(archive, "select title from articles") == [("Post /one/",)]


def test_a_server_that_takes_no_connection_is_an_error_of_its_own(tmp_path: Path) -> None:
    with serving({}) as site:
        url = site.url
    archiver("sites", "add", url, archive=tmp_path / "a.db")  # the crawl of an unknown site would leave nothing
    done = crawl(url, archive=tmp_path / "a.db")
    assert url in done.stderr.splitlines()[-1]
    assert rows(tmp_path / "a.db", "select outcome, rule from pages") == [("failed", "no-connection")]


def test_a_fresh_copy_replaces_an_unreadable_file(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(site_of(text("User-agent: *\nDisallow: /no/\n"), "/one/", "/no/")) as site:
        assert crawl(site.url, archive=archive).returncode == 0
        site.pages["/robots.txt"] = text("", 500)
        site.pages["/"] = home("/one/", "/two/", "/no/")
        site.pages["/two/"] = page("Post two")
        assert crawl(site.url, archive=archive).returncode == 0
        assert "/no/" not in site.requests
        assert "/two/" in site.requests
        db = sqlite3.connect(archive)
        db.execute("update host_files set fetched_at = '2024-05-01T00:00:00+00:00'")
        db.commit()
        db.close()
        asked = len(site.requests)
        assert crawl(site.url, archive=archive).returncode == 1
        assert set(site.requests[asked:]) == {"/robots.txt"}


def test_robots_txt_is_requested_once_per_run_and_conditionally_in_the_next(tmp_path: Path) -> None:
    robots = text("User-agent: *\nDisallow: /no/\n", ETag='"1"')
    with serving(site_of(robots, "/one/", "/two/", "/no/")) as site:
        crawl(site.url, archive=tmp_path / "a.db")
        assert site.requests.count("/robots.txt") == 1
        crawl(site.url, archive=tmp_path / "a.db")
        assert site.requests.count("/robots.txt") == 2
        assert [a for a in site.asked if a["path"] == "/robots.txt"][1]["if-none-match"] == '"1"'
        assert "/no/" not in site.requests


def test_forbidden_urls_are_refused_with_the_rule_as_written(tmp_path: Path) -> None:
    with serving(site_of(text("User-agent: archiver\nDisallow: /no\n"), "/one/", "/no/")) as site:
        assert crawl(site.url, archive=tmp_path / "a.db").returncode == 0
        found = rows(
            tmp_path / "a.db", "select outcome, rule, reason like '%(Disallow: /no)' from pages where url like '%/no/'"
        )
    assert found == [("refused", "robots", 1)]


@pytest.mark.parametrize(("status", "hops"), [(404, 0), (403, 0), (200, 5), (200, 40)])
def test_a_missing_or_endlessly_redirected_file_permits_everything(tmp_path: Path, status: int, hops: int) -> None:
    """At least five redirects are followed (section 2.3.1.2); after more, robots.txt counts as unavailable."""
    pages = site_of(text("User-agent: *\nDisallow: /\n", status), "/one/")
    if hops:
        pages[f"/r{hops}"] = pages["/robots.txt"]
        pages |= {f"/r{n}": text("", 302, Location=f"/r{n + 1}") for n in range(1, hops)}
        pages["/robots.txt"] = text("", 301, Location="/r1")
    with serving(pages) as site:
        crawl(site.url, archive=tmp_path / "a.db")
        assert ("/one/" in site.requests) is (hops != 5)


def test_rules_behind_redirects_to_another_host_are_obeyed(tmp_path: Path) -> None:
    """RFC 9309, section 2.3.1.2: the rules at the end of five redirects apply to the host that was asked."""
    far = "http://other.example"
    pages = site_of(text("", 301, Location=f"{far}/r1"), "/one/", "/no/")
    hops: dict[str, Any] = {f"/r{n}": text("", 302, Location=f"{far}/r{n + 1}") for n in range(1, 5)}
    rules = {"/r5": text("User-agent: *\nDisallow /no/\n")}
    with serving(hops | rules) as other, serving(pages) as site:
        done = two_hosts(site, other).crawl(tmp_path, "http://site.example/")
        assert "/no/" not in site.requests
    assert done.query("select title from articles") == [("Post /one/",)]


def test_crawl_delay_is_a_floor(tmp_path: Path) -> None:
    robots = text("User-agent: other\nCrawl-delay: 30\n\nUser-agent: *\nCrawl-delay: 0.6\n")
    with serving(site_of(robots, "/one/")) as site:
        crawl(site.url, "--delay", "0.01", "--limit", "1", archive=tmp_path / "a.db")
        gaps = [b - a for a, b in pairwise(site.times)]
    assert "/one/" in site.requests
    assert min(gaps[1:]) >= 0.3  # a busy machine logs some requests late


def test_a_robots_txt_of_another_host_keeps_only_that_host_waiting(tmp_path: Path) -> None:
    pages = site_of(text(""), "/one/")
    pages["/"] = home(
        "/one/", head='<link rel="alternate" type="application/rss+xml" href="http://other.example/feed">'
    )
    with serving({"/robots.txt": text("", 500), "/feed": text("no")}) as other, serving(pages) as site:
        done = two_hosts(site, other).crawl(tmp_path, "http://site.example/")
    assert last_run(done.archive) == ("finished", "")
    outcome, _, reason = done.rows["http://other.example/feed"]
    assert outcome == "failed"
    assert all(part in reason for part in ("robots.txt", "500"))
    assert done.query("select count(*) from articles") == [(1,)]


RULES = b"User-agent: *\nDisallow: /good-2/\n"
PLAIN = OK + b"Content-Type: text/plain\r\n"


def long() -> bytes:
    return RULES + b"# more of it\n" * 5_000_000


@pytest.mark.parametrize(
    ("send", "cut"),
    [
        (forever(PLAIN + b"\r\n" + RULES, b"# more\n" * 10_000), True),
        (forever(PLAIN + b"Content-Length: 1099511627776\r\n\r\n" + RULES, b"# more\n" * 10_000), True),
        (later(lambda: gzip.compress(long()), BOMB + b"gzip\r\n", b"text/plain"), False),
        (later(lambda: zlib.compress(long()), BOMB + b"deflate\r\n", b"text/plain"), False),
        (later(lambda: gzip.compress(gzip.compress(long())), BOMB + b"gzip, gzip\r\n", b"text/plain"), False),
    ],
    ids=["without end", "a terabyte", "gzip bomb", "deflate bomb", "bomb in a bomb"],
)
def test_the_beginning_of_an_oversized_file_is_obeyed(tmp_path: Path, send: Send, cut: bool) -> None:
    """RFC 9309, section 2.5."""
    archive = tmp_path / "a.db"
    with attacking(Attack("robots", send, ("", ""), "/robots.txt")) as site:
        done = scrapy(site.url, archive, DOWNLOAD_MAXSIZE=4 * MB, DOWNLOAD_TIMEOUT=30)
        assert "/good-1/" in site.asked, done.stderr
        assert "/good-2/" not in site.asked, done.stderr
    assert last_run(archive) == ("finished", "")
    assert rows(
        archive, "select outcome, rule, reason like '%(Disallow: /good-2/)' from pages where url like '%good-2/'"
    ) == [("refused", "robots", 1)]
    assert rows(archive, "select length(body) <= 1024 * 1024 from host_files where name = 'robots.txt'") == [(1,)]
    records = b"".join(gzip.decompress(file.read_bytes()) for file in tmp_path.glob("warc/*.gz"))
    assert (b"WARC-Truncated: length" in records) is cut


def test_a_feed_that_robots_txt_forbade_is_read_again_once_it_is_allowed(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    feed = (
        '<rss version="2.0"><channel><title>T</title><item><title>One</title><link>/one/</link></item></channel></rss>'
    )
    start = home("/one/")
    start.body = start.body.replace(b"</head>", b'<link rel="alternate" type="application/rss+xml" href="/rss"></head>')
    pages = {**site_of(text("User-agent: *\nDisallow: /rss\n"), "/one/"), "/": start, "/rss": text(feed)}
    with serving(pages) as site:
        for _ in range(3):
            crawl(site.url, archive=archive)
        assert rows(archive, "select outcome, rule from pages where url like '%/rss'") == [("refused", "robots")]
        assert "/rss" not in site.requests
        site.pages["/robots.txt"] = text("")
        with sqlite3.connect(archive) as db:
            db.execute("delete from host_files")
        crawl(site.url, archive=archive)
        assert "/rss" in site.requests
    assert rows(archive, "select kind, outcome from pages where url like '%/rss'") == [("feed", "not-article")]


def test_posts_that_robots_txt_forbade_are_fetched_again_once_they_are_allowed(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    posts = [f"/post-{number}/" for number in range(4)]
    with serving(site_of(text(""), *posts)) as site:
        crawl(site.url, archive=archive)
        site.pages["/robots.txt"] = text("User-agent: *\nDisallow: /post\n")
        crawl(site.url, "--full", archive=archive)
        assert rows(archive, "select count(*) from pages where outcome = 'refused' and rule = 'robots'") == [(4,)]
        assert findings(archive) == [("robots", "posts")]
        site.pages["/robots.txt"] = text("User-agent: *\nDisallow: /post-3\n")
        asked = len(site.requests)
        crawl(site.url, archive=archive)
        assert set(posts) & set(site.requests[asked:]) == set(posts[:3])
        refused = "select url from pages where outcome = 'refused' and rule = 'robots'"
        assert rows(archive, refused) == [(f"{site.url}post-3/",)]
        site.pages["/robots.txt"] = text("")
        crawl(site.url, archive=archive)
    assert rows(archive, refused) == []
    assert findings(archive) == []


def test_a_feed_that_led_off_the_site_is_read_again_a_day_later(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    feed = text(
        '<rss version="2.0"><channel><title>T</title><item><title>One</title><link>/one/</link></item></channel></rss>'
    )
    start = home("/one/")
    start.body = start.body.replace(b"</head>", b'<link rel="alternate" type="application/rss+xml" href="/rss"></head>')
    with serving({**site_of(text(""), "/one/"), "/": start, "/rss": feed}) as site:
        crawl(site.url, archive=archive)
        site.pages["/rss"] = text("", 301, Location="http://127.0.0.9:9/feed")
        for _ in range(4):
            crawl(site.url, archive=archive)
        assert findings(archive) == [("source", "feed")]
        site.pages["/rss"] = feed
        asked = len(site.requests)
        with sqlite3.connect(archive) as db:  # it has been lost for more than a week
            db.execute("update captures set captured_at = datetime(captured_at, '-8 days') || '+00:00'")
        crawl(site.url, archive=archive)
        assert "/rss" not in site.requests[asked:]  # at most once a day
        with sqlite3.connect(archive) as db:
            db.execute("update pages set fetched_at = datetime(fetched_at, '-1 day') || '+00:00'")
        crawl(site.url, archive=archive)
        assert "/rss" in site.requests[asked:]
    assert findings(archive) == []


def findings(archive: Path) -> list[tuple[str, str]]:
    health = json.loads(archiver("status", "--json", archive=archive).stdout)[0]["health"]
    return [(one["code"], one["about"]) for one in health["findings"]]
