"""The table of `archiver status`, the history of a site, and the health that runs store."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from archiver import __version__
from archiver.cli.commands.status import _format_row
from archiver.cli.main import cli
from archiver.frontier.cadence import RecrawlTime
from archiver.health.health_report import (
    SiteRow,
    fold_common_causes,
    read_site_table,
    sort_rows,
)
from archiver.health.health_rules import CommonCause, Health, HealthFinding
from archiver.health.stored_health import accept_findings_of, read_health, read_healths, record_run_health
from archiver.model.urls import urlkey
from archiver.sites.config import Config, parse_config
from archiver.storage.completeness import PostCounts, site_completeness
from archiver.storage.database import open_archive
from archiver.storage.pages import stamp
from archiver.storage.runs import Counts, begin_run, end_run, forget_run_health
from archiver.storage.sites import add_site, add_tags, list_sites
from archiver.storage.transactions import lock_site, writing
from tests.runner import Runner

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def archive_of(path: Path, sites: int = 3, runs: int = 4) -> Database:
    """Returns a new archive with sites that each have runs and pages; of every third, the last two runs failed."""
    db = open_archive(path, create=True)
    for number in range(sites):
        row, _ = add_site(db, f"https://site-{number}.example/", NOW - 30 * 24 * HOUR)
        with writing(db):
            _fill(db, row, number, runs)
    return db


def _fill(db: Database, row: dict[str, Any], number: int, runs: int) -> None:
    add_tags(db, row["id"], [("news", "blogs")[number % 2]])
    for n in range(2):
        address, first_seen = f"https://site-{number}.example/post-{n}", stamp(NOW - n * 8 * 24 * HOUR)
        db.execute(
            "insert into articles (url, urlkey, site, title, body, revision, first_seen, last_seen) "
            "values (?, ?, ?, 'A post', 'Its text.', 1, ?, ?)",
            [address, urlkey(address), row["name"], first_seen, stamp(NOW)],
        )
    for n in range(runs):
        at = NOW - (runs - n) * 12 * HOUR
        failed = number % 3 == 0 and n >= runs - 2
        run = begin_run(db, row["id"], "incremental", __version__, at)
        counts = Counts(new=n, requests=5)
        end_run(db, run, counts, "failed" if failed else "finished", "It fell over." if failed else "", at + HOUR)
        record_run_health(db, row, run, at + HOUR)
    for n, outcome in enumerate(("archived", "archived", "due" if number == 1 else "gone")):
        url = f"https://site-{number}.example/post-{n}"
        db.execute(
            "insert into pages (site_id, url, urlkey, kind, outcome, found_at, due_at) "
            "values (?, ?, ?, 'post', ?, ?, ?)",
            [row["id"], url, urlkey(url), outcome, stamp(NOW), stamp(NOW - HOUR)],
        )


def by_site(rows: list[SiteRow]) -> dict[str, SiteRow]:
    return {row.site: row for row in rows}


def test_the_table_agrees_with_the_health_and_completeness_of_each_site(tmp_path: Path) -> None:
    db = archive_of(tmp_path / "archive.db")
    rows = by_site(read_site_table(db, Config(), NOW))
    for site in list(db.query("select * from sites")):
        row, whole = rows[site["name"]], site_completeness(db, site)
        assert row.health == read_health(db, site, NOW)
        assert (row.complete, row.posts.posts, row.posts.missing) == (
            whole["complete"],
            whole["posts"],
            whole["missing_total"],
        )
    assert rows["site-0.example"].health.state == "red"
    assert rows["site-1.example"].reason == "1 URL missing"
    assert rows["site-1.example"].posts.coverage == pytest.approx(2 / 3)
    assert (rows["site-2.example"].articles, rows["site-2.example"].new) == (2, 1)


def test_the_number_of_queries_does_not_grow_with_the_sites(tmp_path: Path) -> None:
    def count(sites: int) -> int:
        db = archive_of(tmp_path / f"{sites}.db", sites)
        seen: list[str] = []
        db.conn.set_trace_callback(seen.append)
        read_site_table(db, parse_config("[groups.news]\nrequests_a_day = 100", "t"), NOW)
        return len(seen)

    assert count(4) == count(40)


def test_a_run_under_way_or_never_crawled_is_shown(tmp_path: Path) -> None:
    db = archive_of(tmp_path / "archive.db", 1)
    begin_run(db, 1, "incremental", __version__, NOW)
    add_site(db, "https://fresh.example/", NOW)
    with lock_site(tmp_path / "archive.db", "site-0.example"):
        fresh, running = read_site_table(db, Config(), NOW)
        (listed,) = list_sites(db, {"site-0.example"})
    assert (fresh.health.state, fresh.last_run, fresh.complete) == ("unknown", None, False)
    assert running.last_run is not None
    assert (running.last_run["outcome"], running.health.state) == (None, "red")
    assert listed["last_run"]["outcome"] is None


def test_a_run_that_was_killed_is_shown_as_interrupted(tmp_path: Path) -> None:
    db = archive_of(tmp_path / "archive.db", 1)
    begin_run(db, 1, "incremental", __version__, NOW)
    (row,), (site,) = read_site_table(db, Config(), NOW), list_sites(db)
    for run in (row.last_run, site["last_run"], site_completeness(db, site)["runs"][0]):
        assert run is not None
        assert run["outcome"] == "interrupted"


def test_the_stored_health_is_used_and_may_be_forgotten(tmp_path: Path) -> None:
    db = archive_of(tmp_path / "archive.db", 1)
    (site,) = db.query("select * from sites")
    finding = {"code": "x", "about": "", "level": "amber", "sentence": "It is odd.", "since": None}
    db.execute("update runs set health = ?", [json.dumps({"findings": [finding]})])
    assert read_healths(db, [site], NOW)[1] == Health("amber", (HealthFinding("x", "amber", "It is odd."),))
    accept_findings_of(db, 1, [HealthFinding("x", "amber", "It is odd.")], NOW)
    assert read_healths(db, [site], NOW)[1].state == "green"
    forget_run_health(db, 1)
    assert read_healths(db, [site], NOW)[1] == read_health(db, site, NOW)
    db.execute("update sites set settings = '{\"crawl\": false}'")
    (site,) = db.query("select * from sites")
    assert read_healths(db, [site], NOW)[1] == Health("green")


def test_a_health_of_another_version_is_judged_again(tmp_path: Path) -> None:
    db = archive_of(tmp_path / "archive.db", 1)
    (site,) = db.query("select * from sites")
    db.execute("update runs set health = '{\"findings\": []}', version = '0.0'")
    assert read_healths(db, [site], NOW)[1].state == "red"


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], ["site-0.example", "site-1.example", "site-2.example"]),
        (["--tag", "News"], ["site-0.example", "site-2.example"]),
        (["--tag", "blogs", "--long"], ["site-1.example"]),
    ],
)
def test_sites_are_selected_and_sorted(tmp_path: Path, words: list[str], names: list[str]) -> None:
    archive_of(tmp_path / "archive.db").close()
    done = Runner().invoke(
        cli,
        ["status", *words, "--json", "--archive", str(tmp_path / "archive.db")],
    )
    assert [row["site"] for row in json.loads(done.stdout)] == names


def row_of(site: str, **other: Any) -> SiteRow:
    values: dict[str, Any] = {
        "site": site,
        "start_url": f"https://{site}/",
        "platform": None,
        "tags": (),
        "health": Health("green"),
        "articles": 12,
        "new": 1,
        "last_run": {"started_at": stamp(NOW - 3 * HOUR), "outcome": "finished", "reason": ""},
        "next_run": RecrawlTime(NOW + 2 * HOUR, HOUR, "every 1h"),
        "posts": PostCounts({"found": 12, "archived": 12, "missing": 0, "gone": 0, "refused": 0}),
    }
    return SiteRow(**values | other)


def test_a_failure_that_many_sites_share_is_shown_once() -> None:
    sentence = "Its last run failed: the server has refused the connection."
    other = HealthFinding("slow", "amber", "It is slow.")
    failed = (HealthFinding("failed", "red", sentence),)
    rows = [row_of(name, health=Health("red", failed)) for name in "abc"]
    rows.append(row_of("d", health=Health("red", (*failed, other))))
    cause = CommonCause("network", ("a", "b", "d"), 3, 4, NOW)
    shown = fold_common_causes(rows, [cause])
    assert [one.shares for one in shown] == [2, 2, 0, 2]
    assert [sentence in one.reason for one in shown] == [False, False, True, False]
    assert "1 more" in shown[3].reason
    assert [one.reason for one in rows[:3]] == [sentence] * 3


RED = Health("red", (HealthFinding("failed", "red", "Its last run failed: the server has refused the connection."),))


def test_the_columns_say_when() -> None:
    rows = [
        row_of("a.example", next_run=RecrawlTime(NOW + 6 * HOUR, HOUR, "blackout", "blackout"), blackout="group x"),
        row_of("b.example", next_run=None),
        row_of("c.example", last_run=None, next_run=RecrawlTime(NOW, HOUR, "never crawled"), health=Health("unknown")),
    ]
    postponed, closed, fresh = (_format_row(row, NOW) for row in rows)
    assert postponed[:2] == ("a.example", "green")
    assert postponed[4:] == ("3h ago", "18:00 UTC", "100 %", "next crawl postponed: blackout of group x")
    assert closed[4:6] == ("3h ago", "crawl=no")
    assert (fresh[1], *fresh[4:6]) == ("", "never", "due")


def test_the_orders_put_the_worst_most_or_soonest_first() -> None:
    a = row_of("a.example", health=RED, articles=5, new=0, next_run=None)
    b = row_of("b.example", articles=9, new=3)
    c = row_of("c.example", last_run=None, articles=7, new=2, next_run=RecrawlTime(NOW, HOUR, ""))
    orders = {name: "".join(row.site[0] for row in sort_rows([c, b, a], name)) for name in ("health", "new", "next")}
    assert orders == {"health": "abc", "new": "bca", "next": "cba"}
    assert [row.site[0] for row in sort_rows([c, b, a], "last")] == ["a", "b", "c"]


@pytest.mark.parametrize("words", [("--long",), ("--missing",), ()], ids=["long", "missing", "table"])
def test_an_archive_without_sites_says_so(words: tuple[str, ...], tmp_path: Path) -> None:
    open_archive(tmp_path / "a.db", create=True).close()
    empty = Runner().invoke(cli, ["status", *words, "--archive", str(tmp_path / "a.db")])
    assert "has no sites yet" in empty.stderr
