"""Measures the CPU time of the scheduler itself for thousands of sites, without the crawls."""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from archiver.health.health_report import format_metrics, judge_all  # noqa: E402
from archiver.sites.config import Config, effective_settings  # noqa: E402
from archiver.storage.database import open_archive  # noqa: E402
from archiver.storage.scheduled_sites import DueSites  # noqa: E402
from archiver.storage.sites import SiteToEnter, enter_sites  # noqa: E402

MEASURES = json.dumps(
    {
        "articles": 3,
        "fields": {"title": 3, "body": 3, "published": 3},
        "length": 2000,
        "listed": 10,
        "outcomes": {"archived": 3, "not-article": 5},
        "statuses": {"200": 8},
        "latency": 0.2,
    }
)


def timed(what: Callable[[], object]) -> float:
    begun = process_time()
    what()
    return process_time() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=50, help="past runs of each site")
    asked = parser.parse_args()
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "archive.db"
        db = open_archive(path, create=True)
        sites = [SiteToEnter(f"https://blog-{n}.example/", "", ("bench",), {}) for n in range(asked.sites)]
        entering = timed(lambda: enter_sites(db, sites, now))
        fill(db.conn, asked.sites, asked.runs, now)
        settings = effective_settings(db, Config())
        turns = DueSites()
        looking = timed(lambda: turns.due(db, now, settings))
        again = timed(lambda: turns.due(db, now + timedelta(seconds=20), settings))
        judging = timed(lambda: format_metrics(db, judge_all(db, path, "", now, settings), "bench"))
        db.close()
    print(f"{asked.sites:,} sites with {asked.runs} past runs each; CPU milliseconds per site")
    for name, seconds in (
        ("add it from a list", entering),
        ("check whether it is due, first time", looking),
        ("check again 20 s later", again),
        ("judge its health and write its metrics", judging),
    ):
        print(f"  {name:<44}{seconds * 1000 / asked.sites:8.3f}")


def fill(conn: sqlite3.Connection, sites: int, runs: int, now: datetime) -> None:
    rows = (
        (site, (now - timedelta(hours=12 * (runs - run))).isoformat(timespec="microseconds"), run % 3, MEASURES)
        for run in range(runs)
        for site in range(1, sites + 1)
    )
    conn.execute("begin")
    conn.executemany(
        "insert into runs (site_id, mode, started_at, outcome, new, requests, bytes, statistics) "
        "values (?, 'incremental', ?, 'finished', ?, 9, 40000, ?)",
        rows,
    )
    conn.execute("commit")


if __name__ == "__main__":
    main()
