"""The limits of one run, and what is reported when one is reached."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.spiders.crawling import archiver, crawl, last_run, rows, text
from tests.spiders.site_server import Answer, home, page, serving

NAMES = [f"/{n}/" for n in range(40)]


def sites(*words: str, archive: Path) -> str:
    done = archiver("sites", *words, archive=archive)
    assert done.returncode == 0, done.stderr
    return done.stdout


def slow(title: str) -> Any:
    def answer() -> Answer:
        time.sleep(0.35)
        return page(title)

    return answer


@pytest.mark.parametrize(
    ("setting", "least", "most"),
    [
        ("max_pages=25", 1, 25),
        ("max_megabytes=0.05", 1, 25),
        ("max_minutes=0.04", 0, 35),
    ],
)
def test_a_run_ends_at_its_budget_and_the_next_goes_on(tmp_path: Path, setting: str, least: int, most: int) -> None:
    archive = tmp_path / "a.db"
    make: Any = slow if "minutes" in setting else lambda title: page(title, "Five thousand letters of it. " * 170)
    with serving({"/": home(*NAMES), **{n: make(f"Post {n}") for n in NAMES}}) as site:
        sites("add", site.url, archive=archive)
        name = site.url.removeprefix("http://").rstrip("/")
        sites("set", name, setting, archive=archive)
        assert setting.partition("=")[2] in sites("show", name, archive=archive)
        done = crawl(site.url, archive=archive)
        assert done.returncode == 0
        outcome, reason = last_run(archive)
        assert outcome == "finished"
        assert all(part in reason for part in setting.split("=")), reason
        assert reason in done.stdout
        stored = rows(archive, "select count(*) from articles")[0][0]
        assert least <= stored <= most
        assert stored == sum(path in NAMES for path in site.requests)
        if "pages" in setting:
            assert len(set(site.requests) - {"/robots.txt", "/.well-known/tdmrep.json"}) == 25
        sites("set", name, setting.partition("=")[0] + "=", archive=archive)
        assert crawl(site.url, archive=archive).returncode == 0
    assert last_run(archive) == ("finished", "")
    assert rows(archive, "select count(*) from articles") == [(40,)]


def test_a_budget_that_is_just_enough_is_not_reported(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving({"/": home("/one/"), "/one/": page("One"), "/robots.txt": text("")}) as site:
        sites("add", site.url, archive=archive)
        first = json.loads(crawl(site.url, "--json", archive=archive).stdout)[0]
        name = site.url.removeprefix("http://").rstrip("/")
        sites("set", name, f"max_pages={first['requests']}", archive=archive)
        crawl(site.url, "--full", archive=archive)
    assert last_run(archive) == ("finished", "")


def test_time_is_up_during_a_pause_too(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving({"/": home("/one/"), "/one/": text("", 429, Retry_After="600")}) as site:
        sites("add", site.url, archive=archive)
        sites("set", site.url.removeprefix("http://").rstrip("/"), "max_minutes=0.05", archive=archive)
        done = crawl(site.url, archive=archive)
    assert done.returncode == 0, done.stderr
    assert "(max_minutes)" in done.stdout
    assert rows(archive, "select outcome from pages where url like '%/one/'") == [("due",)]
