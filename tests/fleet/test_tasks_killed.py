"""A worker is killed during a task: another one takes it over, with the same result as on one machine."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from archiver.fleet.enrolment import read_fleet_status
from archiver.fleet.postgres import QueueDatabase
from archiver.fleet.shard_storage import ShardStorage
from archiver.storage.database import open_archive
from archiver.storage.sites import add_site
from tests.faults.sound import flaws
from tests.fleet.fleets import Fleet
from tests.fleet.postgres import PACKAGE, wait_until
from tests.fleet.test_task_jobs import shard_at, spoil, store_shard
from tests.importers.files import Rec, http, listing, post, warc
from tests.importers.importing import state
from tests.processes import run

pytestmark = pytest.mark.needs(PACKAGE)
SITES = ("blog-0.example", "blog-1.example")
POSTS = 240


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Writes two revisions of each post of two sites; one site has two thirds of the posts."""
    records: list[Rec | bytes] = []
    for n in range(POSTS):
        site = SITES[n % 3 == 0]
        url = f"http://{site}/{n}/"
        records += [
            post(url, "2010-05-02T10:00:00Z", title=f"Boats {n}", extra="x" * 500),
            Rec(http(listing(n % 20)), f"http://{site}/list/{n}/"),
            post(url, "2014-05-02T10:00:00Z", title=f"Boats {n}", text="It was added later."),
        ]
    return warc(tmp_path_factory.mktemp("dump") / "a.warc.gz", *records)


@pytest.fixture(scope="module")
def alone(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the archive that one machine creates from the file."""
    archive = tmp_path_factory.mktemp("alone") / "archive.db"
    db = open_archive(archive, create=True)
    for site in SITES:
        add_site(db, f"http://{site}/", datetime.now(UTC))
    db.close()
    done = run("archiver", "import", str(file), "--known-sites", "--archive", str(archive), "--quiet", "--workers", "1")
    assert done.returncode == 0, done.stderr
    return archive


@pytest.fixture
def board(fleet: Fleet) -> Iterator[QueueDatabase]:
    """Returns a fleet with the two sites, neither of which is due."""
    made = fleet.do(
        "init", "--storage", fleet.storage, *(f"http://{site}/" for site in SITES), "--lease", "3", "--checkpoint", "1"
    )
    assert made.returncode == 0, made.stderr
    board = QueueDatabase(fleet.jobs, 2)
    board.do("update fleet_sites set due_at = now() + interval '1 day'")
    yield board
    board.close()


def count(folder: Path, query: str) -> int:
    """Sum the result of a query over the shards on a worker's disk; 0 while they are downloaded."""
    found = 0
    for archive in folder.glob("shards/*/archive.db"):
        try:
            db = sqlite3.connect(f"{archive.as_uri()}?mode=ro", uri=True)
            found += int(db.execute(query).fetchone()[0])
            db.close()
        except sqlite3.Error:
            continue
    return found


def wait_for_tasks(board: QueueDatabase, kind: str, number: int) -> dict[str, Any]:
    """Wait until this many tasks of a kind are finished, and return the status."""
    wait_until(
        lambda: len(board.all("select 1 from fleet_tasks where kind = %s and outcome = 'finished'", [kind])) == number,
        300,
    )
    return read_fleet_status(board)


def signal_while_working(fleet: Fleet, name: str, signum: int, query: str, least: int) -> None:
    """Send a worker a signal once it has written at least this much."""
    worker = fleet.worker(name, slots=1)
    wait_until(lambda: count(fleet.folder / name, query) >= least, 300, 0.02)
    worker.send(signum)
    if signum != signal.SIGKILL:
        assert worker.end(120).returncode == 128 + signum


def test_an_import_survives_a_killed_worker(
    fleet: Fleet, board: QueueDatabase, file: Path, alone: Path, tmp_path: Path
) -> None:
    entered = fleet.do("import", str(file), "--json")
    assert (entered.returncode, json.loads(entered.stdout)["new"]) == (0, 1), entered.stderr
    signal_while_working(fleet, "w1", signal.SIGTERM, "select count(*) from articles", 20)
    signal_while_working(fleet, "w2", signal.SIGKILL, "select count(*) from articles", 60)
    fleet.worker("w3", slots=1)
    status = wait_for_tasks(board, "import", 2)
    assert status["failed_tasks"] == []
    assert board.all("select 1 from fleet_runs where outcome = 'interrupted' and worker = 'w1'")
    assert board.all("select 1 from fleet_runs where outcome = 'lost' and worker = 'w2'")
    together = tmp_path / "all" / "archive.db"
    collected = fleet.do("collect", "--storage", fleet.storage, "--archive", str(together), "--json")
    assert len(json.loads(collected.stdout)["merged"]) == 2, collected.stderr
    assert state(together) == state(alone)
    assert not flaws(together)


def test_a_re_extraction_survives_a_killed_worker(
    fleet: Fleet, board: QueueDatabase, file: Path, tmp_path: Path
) -> None:
    one, site = tmp_path / "one" / "archive.db", SITES[0]
    db = open_archive(one, create=True)
    add_site(db, f"http://{site}/", datetime.now(UTC))
    db.close()
    run("archiver", "import", str(file), "--known-sites", "--archive", str(one), "--quiet", "--workers", "1")
    store_shard(board, ShardStorage(fleet.storage), spoil(one).parent, site)
    again = run("archiver", "reextract", "--archive", str(one), "--quiet", "--workers", "1")
    assert again.returncode == 0, again.stderr
    entered = fleet.do("reextract", "--json")
    assert json.loads(entered.stdout)["shards"] == 1, entered.stderr
    query = "select count(*) from articles where reextraction_id is not null"
    signal_while_working(fleet, "w1", signal.SIGKILL, query, 1)
    fleet.worker("w2", slots=1)
    status = wait_for_tasks(board, "reextract", 1)
    assert status["failed_tasks"] == []
    assert board.all("select 1 from fleet_runs where outcome = 'lost' and worker = 'w1'")
    found = shard_at(board, ShardStorage(fleet.storage), site, tmp_path / "shard")
    assert state(found) == state(one)
    assert not flaws(found)
