"""How a crawl treats a slow or busy host, on real servers.

Times are those of the arrival of requests, which vary on a loaded machine. Assertions allow for this.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from archiver.model.errors import ContactMissing
from tests.hostile.world import two_hosts
from tests.processes import Running
from tests.spiders.crawling import archiver, crawl, last_run, rows, scrapy, successive, text
from tests.spiders.site_server import Answer, SiteServer, home, page, serving
from tests.waiting import until


def request_times(site: SiteServer, path: str) -> list[float]:
    return [at for at, asked in zip(site.times, site.requests, strict=True) if asked == path]


def test_the_delay_is_never_shortened(tmp_path: Path) -> None:
    names = [f"/{n}/" for n in range(6)]
    with serving({"/": home(*names), **{n: page(f"Post {n}") for n in names}}) as site:
        crawl(site.url, "--delay", "0.2", archive=tmp_path / "a.db")
        # A busy machine logs some requests late. A jitter of half the delay would shorten one in four intervals.
        assert sum(b - a < 0.15 for a, b in pairwise(site.times)) <= 1


def test_a_slow_host_rests_as_long_as_it_worked(tmp_path: Path) -> None:
    def slow(title: str) -> Any:
        def answer() -> Answer:
            time.sleep(0.4)
            return page(title)

        return answer

    names = [f"/{n}/" for n in range(4)]
    with serving({"/": home(*names), **{n: slow(f"Post {n}") for n in names}}) as site:
        crawl(site.url, "--delay", "0.05", archive=tmp_path / "a.db")
        times = [at for at, asked in zip(site.times, site.requests, strict=True) if asked in names]
    assert times[-1] - times[0] >= 3 * 0.75, "four tenths of a second of work, and as much rest"


@pytest.mark.parametrize(("status", "form"), [(429, "seconds"), (503, "date")])
def test_retry_after_is_obeyed_and_the_page_requested_again(tmp_path: Path, status: int, form: str) -> None:
    def busy() -> Answer:
        when = datetime.now(UTC) + timedelta(seconds=3)
        return text("", status, Retry_After="2" if form == "seconds" else format_datetime(when, usegmt=True))

    state = iter([busy])
    others = [f"/other-{n}/" for n in range(12)]
    pages: dict[str, Any] = {
        "/": home("/one/", *others),
        **{path: page(path) for path in others},
        "/one/": lambda: next(state, lambda: page("One"))(),
    }
    with serving(pages) as site:
        assert crawl(site.url, archive=tmp_path / "a.db").returncode == 0
        first, again = request_times(site, "/one/")
        # Four requests were concurrent; those after the response waited for the pause.
        assert again - first >= 1.9
        assert len([at for at in site.times if first < at < first + 1.9]) <= 4
    assert rows(tmp_path / "a.db", "select count(*) from articles") == [(13,)]


def test_without_retry_after_the_delay_doubles_and_a_page_gets_three_tries(tmp_path: Path) -> None:
    with serving({"/": home("/two/"), "/two/": text("", 503)}) as site:
        assert crawl(site.url, archive=tmp_path / "a.db").returncode == 1
        tries = request_times(site, "/two/")
    gaps = [b - a for a, b in pairwise(tries)]
    assert len(gaps) == 2
    assert gaps[0] >= 0.9
    assert gaps[1] >= 1.9
    assert rows(tmp_path / "a.db", "select outcome, status, due_at > fetched_at from pages where url like '%two/'") == [
        ("failed", 503, 1)
    ]


def test_a_host_that_stays_busy_ends_the_run_and_its_pages_stay_due(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    names = [f"/{n}/" for n in range(40)]
    with serving({"/": home(*names), **{n: text("", 429) for n in names}}) as site:
        done = scrapy(site.url, archive, BUSY_MOST_STRIKES=2)
        assert done.returncode == 0, done.stderr
        assert sum(path in names for path in site.requests) == 2
        outcome, reason = last_run(archive)
        assert outcome == "waiting"
        assert all(part in reason for part in (site.url, "127.0.0.1", "429"))
        assert rows(archive, "select count(*) from pages where outcome = 'due' and rule = 'waiting'") >= [(30,)]
        site.pages |= {n: page(f"Post {n}") for n in names}
        assert crawl(site.url, archive=archive).returncode == 0
    assert rows(archive, "select count(*) from articles") == [(40,)]
    assert not rows(archive, "select 1 from pages where rule = 'waiting'")


def test_a_pause_longer_than_a_run_is_kept_by_the_next_run_too(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: dict[str, Any] = {"/": home("/one/"), "/one/": text("", 503, Retry_After="7200")}
    with serving(pages) as site:
        done = crawl(site.url, archive=archive)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert all(part in done.stderr for part in ("127.0.0.1", "503"))
        until = datetime.fromisoformat(rows(archive, "select quiet_until from sites")[0][0])
        assert timedelta(minutes=115) < until - datetime.now(UTC) < timedelta(minutes=121)
        assert rows(archive, "select outcome from pages where url like '%/one/'") == [("due",)]
        asked = len(site.requests)
        shown = archiver("sites", "show", site.url, archive=archive)
        assert f"{until:%Y-%m-%d %H:%M}" in shown.stdout
        done = crawl(site.url, archive=archive)
        assert done.returncode == 1
        assert len(site.requests) == asked
        why = json.loads(archiver("why", f"{site.url}one/", "--json", archive=archive).stdout)
        assert (why["outcome"], why["rule"]) == ("due", "waiting")
        assert "503" in why["reason"]
        site.pages["/one/"] = page("One")
        db = sqlite3.connect(archive)
        db.execute("update sites set quiet_until = '2024-05-01T00:00:00+00:00'")
        db.commit()
        db.close()
        assert crawl(site.url, archive=archive).returncode == 0
    assert rows(archive, "select quiet_until from sites") == [(None,)]


def test_a_pause_of_one_host_does_not_delay_another_in_the_same_process(tmp_path: Path) -> None:
    names = [f"/{n}/" for n in range(10)]
    busy: dict[str, Any] = {"/": home("/one/"), "/one/": successive(text("", 429, Retry_After="4"), page("One"))}
    with serving(busy) as slow, serving({"/": home(*names), **{n: page(f"Post {n}") for n in names}}) as quick:
        assert crawl(slow.url, quick.url, archive=tmp_path / "a.db").returncode == 0
        struck, again = request_times(slow, "/one/")
        assert again - struck >= 3.9
        assert max(quick.times) < again


def test_ctrl_c_does_not_wait_for_a_pause(tmp_path: Path) -> None:
    pages: dict[str, Any] = {"/": home("/one/"), "/one/": text("", 429, Retry_After="600")}
    with serving(pages) as site:
        process = Running("archiver", "crawl", site.url, "--archive", str(tmp_path / "a.db"))
        until(lambda: "/one/" in site.requests)
        time.sleep(0.5)
        process.send(signal.SIGINT)
        done = process.end()
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    assert rows(tmp_path / "a.db", "select outcome from pages where url like '%/one/'") == [("due",)]


def test_sites_of_one_host_take_turns(tmp_path: Path) -> None:
    names = [f"/{part}/{n}/" for part in "ab" for n in range(4)]
    pages: dict[str, Any] = {n: page(f"Post {n}") for n in names}
    pages |= {f"/{part}/": home(*(n for n in names if n.startswith(f"/{part}/"))) for part in "ab"}
    with serving(pages) as site:
        crawl(f"{site.url}a/", f"{site.url}b/", "--delay", "0.1", archive=tmp_path / "a.db")
        parts = [path[1] for path in site.requests if path in names]
        assert min(b - a for a, b in pairwise(site.times)) >= 0.05
    assert "".join(parts) == "aaaabbbb"


@pytest.mark.parametrize(("words", "most"), [((), 4), (("--delay", "0.01"), 1)])
def test_no_more_concurrent_connections_than_the_limit(tmp_path: Path, words: tuple[str, ...], most: int) -> None:
    now: list[int] = []
    seen: list[int] = []

    def slow(title: str) -> Any:
        def answer() -> Answer:
            now.append(1)
            seen.append(len(now))
            time.sleep(0.1)
            now.pop()
            return page(title)

        return answer

    names = [f"/{n}/" for n in range(20)]
    with serving({"/": home(*names), **{n: slow(f"Post {n}") for n in names}}) as site:
        crawl(site.url, *words, archive=tmp_path / "a.db")
    assert len(seen) == 20
    assert max(seen) == most


def test_another_host_that_is_busy_fails_alone(tmp_path: Path) -> None:
    head = '<link rel="alternate" type="application/rss+xml" href="http://other.example/feed">'
    with (
        serving({"/feed": text("", 429, Retry_After="7200")}) as other,
        serving({"/": home("/one/", head=head), "/one/": page("One")}) as site,
    ):
        done = two_hosts(site, other).crawl(tmp_path, "http://site.example/")
    assert done.code == 1
    assert done.rows["http://other.example/feed"][0] == "failed"
    assert all(part in done.rows["http://other.example/feed"][2] for part in ("other.example", "429"))
    assert last_run(done.archive) == ("finished", "")
    assert done.titles == ["One"]
    assert done.query("select quiet_until from sites") == [(None,)]


def test_every_request_has_a_contact(tmp_path: Path) -> None:
    with serving({"/": home("/one/"), "/one/": page("One")}) as site:
        crawl(site.url, "--contact", "me@example.org", archive=tmp_path / "a.db")
        assert {"/robots.txt", "/.well-known/tdmrep.json", "/", "/one/"} <= set(site.requests)
        agents = {asked["user-agent"] for asked in site.asked}
    assert len(agents) == 1
    assert agents.pop().startswith("archiver/")
    assert "(+me@example.org)" in site.asked[0]["user-agent"]


def test_scrapy_crawl_asks_for_a_contact_too(tmp_path: Path) -> None:
    # This machine, by a name that does not show it.
    with serving({"/": home("/one/"), "/one/": page("One")}) as site:
        foreign = site.url.replace("127.0.0.1", "0.0.0.0")
        done = scrapy(foreign, tmp_path / "a.db")
        assert str(ContactMissing("0.0.0.0")) in done.stderr
        assert not site.requests
        scrapy(foreign, tmp_path / "a.db", USER_AGENT="my-archive (me@example.org)")
        assert site.asked[0]["user-agent"] == "my-archive (me@example.org)"
