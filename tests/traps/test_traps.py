"""Each crawler trap as a separate site: all posts are archived, nothing else, and with few requests."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from archiver.model.items import Outcome
from archiver.model.urls import urlkey
from archiver.storage.columns import IS_LIVE
from tests import processes
from tests.traps import copies, forms, listed, paging, partitions, spaces, walls
from tests.traps.trap import Trap
from tests.traps.web import Web, web

TRAPS = [
    *spaces.traps(),
    *paging.traps(),
    *partitions.traps(),
    *listed.traps(),
    *copies.traps(),
    *forms.traps(),
    *walls.traps(),
]
UNFINISHED = {"circles"}
"""Sites with a post that cannot be fetched and is reported as missing."""
RETRIES = 3
"""Requests of one site that may be sent again, because their responses were lost on a busy machine."""


@dataclass(frozen=True)
class Crawled:
    """The archive of the crawl of all sites, its results and the requests."""

    web: Web
    archive: Path
    results: dict[str, dict[str, Any]]
    status: dict[str, dict[str, Any]]

    def rows(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.archive)) as db:
            return db.execute(query, values).fetchall()

    def requests(self, trap: Trap) -> list[str]:
        return [f"{host}{path}" for host in (trap.host, *trap.more) for path in self.web.asked.get(host, [])]


def run(archive: Path, proxy: str, *words: str) -> subprocess.CompletedProcess[str]:
    contact = {"ARCHIVER_CONTACT": "me@example.org"}
    environment = processes.without_proxies() | {"http_proxy": proxy, "https_proxy": proxy} | contact
    return processes.run(
        "tests.traps.one_process", *words, "--archive", str(archive), environment=environment, timeout=900
    )


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crawled]:
    """Crawl all sites with one command. They do not link to one another."""
    archive = tmp_path_factory.mktemp("traps") / "archive.db"
    sites = {host: respond for trap in TRAPS for host, respond in ((trap.host, trap.respond), *trap.more.items())}
    with web(sites) as served:
        done = run(
            archive,
            served.address,
            "crawl",
            *(f"http://{t.host}/" for t in TRAPS),
            "--delay",
            "0",
            "--json",
            "--workers",
            "6",
        )
        assert done.stdout, done.stderr
        states = json.loads(run(archive, served.address, "status", "--long", "--json").stdout)
        yield Crawled(served, archive, {r["site"]: r for r in json.loads(done.stdout)}, {s["site"]: s for s in states})


@pytest.fixture(params=TRAPS, ids=lambda t: t.name)
def trap(request: pytest.FixtureRequest) -> Trap:
    one: Trap = request.param
    return one


def test_all_posts_and_nothing_else(crawled: Crawled, trap: Trap) -> None:
    titles = [row[0] for row in crawled.rows(f"select title from articles where site = ? and {IS_LIVE}", trap.host)]
    assert sorted(titles) == sorted(t.title for t in trap.posts)


def test_the_number_of_requests_is_limited(crawled: Crawled, trap: Trap) -> None:
    asked = crawled.requests(trap)
    assert len(set(asked)) <= trap.most, Counter(url.rstrip("0123456789/")[:36] for url in asked).most_common(12)
    assert len(asked) - len(set(asked)) <= RETRIES, Counter(asked).most_common(12)


def test_every_url_has_one_outcome_with_its_rule(crawled: Crawled, trap: Trap) -> None:
    rows = crawled.rows(
        "select p.url, p.outcome, p.reason, p.rule from pages p join sites s on s.id = p.site_id where s.name = ?",
        trap.host,
    )
    assert {row[1] for row in rows} <= set(Outcome) - {Outcome.DUE}
    assert [row for row in rows if not (row[2] or row[3])] == []
    by_key = {urlkey(row[0]): (row[1], row[3]) for row in rows}
    for path, (outcome, rule) in trap.outcomes.items():
        found = by_key.get(urlkey(f"http://{trap.host}{path}"), ("", ""))
        if outcome == "unchanged":  # the URL is another spelling of the post's
            assert found[0] in ("archived", "unchanged", "duplicate"), path
        else:
            assert found[0] == outcome, (path, found)
            assert found[1].startswith(rule), (path, found)


def test_the_balance_adds_up(crawled: Crawled, trap: Trap) -> None:
    state = crawled.status[trap.host]
    balance = dict(state["balance"])
    assert balance.pop("found") == sum(balance.values()) == sum(state["pages"].values())
    if trap.name in UNFINISHED:
        return
    assert state["posts"]["missing"] == 0
    assert balance["failed"] == balance["due"] == 0
    assert state["posts"]["archived"] >= len(trap.posts)


def test_the_run_has_its_outcome_and_reason(crawled: Crawled, trap: Trap) -> None:
    result = crawled.results[trap.host]
    assert trap.says in result["reason"]
    if not trap.says:
        assert result["outcome"] == "finished"
