"""Servers that vanish, stall, reset connections and send wrong bytes: failed pages are due again, none is marked as
gone.
"""

from __future__ import annotations

import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.faults.compare import differences
from tests.faults.conftest import Reference
from tests.faults.killing import crawl, start_crawl
from tests.faults.server import BlogServer, Fault, serving
from tests.faults.site import Blog
from tests.faults.sound import flaws
from tests.spiders.crawling import let_a_day_pass, scrapy
from tests.waiting import until


def rows(archive: Path, query: str) -> list[Any]:
    db = sqlite3.connect(archive)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


def when(server: BlogServer, asked: int, act: Callable[[], None]) -> None:
    """Call `act` after the server has received this many requests."""

    def wait() -> None:
        while len(server.asked) < asked:
            time.sleep(0.002)
        act()

    threading.Thread(target=wait, daemon=True).start()


def test_a_server_that_vanishes_ends_the_crawl_early(reference: Reference, tmp_path: Path) -> None:
    server, peaceful, cut_off = reference.server, reference.peaceful, tmp_path / "cut-off" / "a.db"
    when(server, len(server.asked) + 40, server.vanish)
    done = crawl(server.url, cut_off)
    assert done.returncode == 1
    assert server.url.split("/")[2] in done.stderr
    assert rows(cut_off, "select outcome from runs") == [("failed",)]
    assert "Traceback" not in done.stderr
    assert rows(cut_off, "select count(*) from pages where outcome = 'gone'") < [(3,)]
    assert rows(cut_off, "select count(*) from pages where outcome = 'failed'") < [(40,)]
    assert rows(cut_off, "select outcome from runs") == [("failed",)]
    server.come_back()
    again = crawl(server.url, cut_off)
    assert again.returncode == 0, again.stderr
    assert [*flaws(cut_off), *differences(peaceful, cut_off)] == []


def test_a_server_that_resets_truncates_and_corrupts_loses_nothing(reference: Reference, tmp_path: Path) -> None:
    server, peaceful, archive = reference.server, reference.peaceful, tmp_path / "lied-to" / "a.db"
    lying: dict[str, float] = {"share": 0.4}
    asked: Counter[str] = Counter()

    def fault(path: str) -> Fault:
        # By path and attempt, so that a run on a busy machine, which asks in another order, meets the same faults.
        asked[path] += 1
        dice = Random(f"{path} {asked[path]}")
        if path == "/" or dice.random() > lying["share"]:
            return ""
        return dice.choice(("reset", "cut", "longer", "garbage", "broken"))

    server.fault = fault
    codes = []
    for share in (0.5, 0.3, 0.1, 0.0):
        lying["share"] = share
        done = crawl(server.url, archive)
        assert "Traceback" not in done.stderr
        codes.append(done.returncode)
    assert (codes[0], codes[-1]) == (1, 0)
    assert [*flaws(archive), *differences(peaceful, archive)] == []


def test_a_dead_section_does_not_end_the_crawl(tmp_path: Path) -> None:
    blog = Blog(60)
    dead = sum(post.path.startswith("/2016/01") for post in blog.posts)
    with serving(blog) as server:
        server.fault = lambda path: "broken" if path.startswith("/2016/01") else ""
        done = crawl(server.url, tmp_path / "a.db")
    assert done.returncode == 1
    assert dead > 15
    assert rows(tmp_path / "a.db", "select distinct status from pages where outcome = 'failed'") == [(500,)]
    assert rows(tmp_path / "a.db", "select outcome from runs") == [("finished",)]
    assert rows(tmp_path / "a.db", "select count(*) from articles") == [(60 - dead,)]


def test_a_site_that_is_gone_all_at_once_is_not_believed_on_the_first_day(reference: Reference, tmp_path: Path) -> None:
    server, peaceful, archive = reference.server, reference.peaceful, tmp_path / "a.db"
    crawl(server.url, archive)
    server.fault = lambda path: "" if path in ("/", "/robots.txt") else "missing"
    done = crawl(server.url, archive, "--full")
    assert done.returncode == 1
    assert "posts are gone" in done.stdout + done.stderr
    assert rows(archive, "select count(*) from articles where gone_at is not null") == [(0,)]
    again = crawl(server.url, archive)
    assert again.returncode == 1
    assert rows(archive, "select count(*) from articles where gone_at is not null") == [(0,)]
    server.fault = lambda path: ""
    let_a_day_pass(archive)
    back = crawl(server.url, archive, "--full")
    assert back.returncode == 0, back.stderr
    guessed = "/feed is too much"  # tried while its own feed was away
    assert [one for one in (*flaws(archive), *differences(peaceful, archive)) if guessed not in one] == []

    server.fault = lambda path: "" if path in ("/", "/robots.txt") else "missing"
    for _ in range(3):
        assert rows(archive, "select count(*) from articles where gone_at is not null") == [(0,)]
        crawl(server.url, archive, "--full")
        let_a_day_pass(archive)
    shown = "select count(*) from held_pages where rule <> 'still-listed'"
    assert rows(archive, shown) == [(0,)]
    assert rows(archive, "select count(*) from articles where gone_at is not null")[0][0] > 0
    server.fault = lambda path: ""
    crawl(server.url, archive, "--full")
    guessed = "/feed is too much"  # tried while its own feed was away
    assert [one for one in (*flaws(archive), *differences(peaceful, archive)) if guessed not in one] == []


def test_a_home_page_that_was_gone_for_a_day_is_asked_for_again(tmp_path: Path) -> None:
    with serving(Blog(20)) as server:
        server.fault = lambda path: "missing"
        assert "404" in crawl(server.url, tmp_path / "a.db").stderr
        server.fault = lambda path: ""
        assert crawl(server.url, tmp_path / "a.db").returncode == 0
    assert rows(tmp_path / "a.db", "select count(*) from articles") == [(20,)]


def test_a_server_that_stalls_ends_the_crawl(tmp_path: Path) -> None:
    with serving(Blog(200)) as server:
        server.fault = lambda path: "stall" if len(server.asked) > 60 else ""
        done = scrapy(
            server.url, tmp_path / "a.db", DOWNLOAD_TIMEOUT=0.3, RETRY_TIMES=1, CONCURRENT_REQUESTS_PER_DOMAIN=4
        )
        assert done.returncode == 0, done.stderr
    assert rows(tmp_path / "a.db", "select outcome from runs") == [("failed",)]
    assert rows(tmp_path / "a.db", "select count(*) from pages where rule = 'timeout'") < [(110,)]


@pytest.mark.parametrize(
    ("signals", "code"),
    [((signal.SIGTERM,), 143), ((signal.SIGINT, signal.SIGINT), 130)],
    ids=["SIGTERM", "Ctrl-C twice"],
)
def test_a_crawl_that_is_stopped_does_not_wait_for_a_server_that_stalls(
    reference: Reference, tmp_path: Path, signals: tuple[signal.Signals, ...], code: int
) -> None:
    server, peaceful, archive = reference.server, reference.peaceful, tmp_path / "a.db"
    asked = len(server.asked)
    server.fault = lambda path: "stall" if len(server.asked) > asked + 40 else ""
    process = start_crawl(server.url, archive)
    until(lambda: len(server.asked) >= asked + 42, every=0.005)
    time.sleep(0.3)
    for signum in signals:
        process.send(signum)
        time.sleep(0.6)  # an earlier second signal counts as the same one
    done = process.end()
    assert done.returncode == code
    assert "Traceback" not in done.stderr

    assert rows(archive, "select outcome from runs") == [("interrupted",)]
    assert flaws(archive) == []
    server.fault = lambda path: ""
    assert crawl(server.url, archive).returncode == 0
    assert [*flaws(archive), *differences(peaceful, archive)] == []
