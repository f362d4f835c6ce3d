"""A worker sleeps for longer than its lease: another one gets its site, and the first one sends no request and
overwrites nothing when it wakes up.
"""

from __future__ import annotations

import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from archiver.extensions.crawl_log import prepare_log_file
from archiver.fleet import leases
from archiver.fleet.leases import monotonic_seconds
from archiver.fleet.postgres import QueueDatabase
from archiver.fleet.shard_storage import ShardStorage
from archiver.fleet.shard_transfer import ARCHIVE
from archiver.scheduling.fork_server import fork_crawl
from archiver.storage.database import open_archive
from tests.fleet import hosts
from tests.fleet.fleets import Fleet
from tests.fleet.postgres import PACKAGE, wait_until
from tests.waiting import PATIENCE

pytestmark = pytest.mark.needs(PACKAGE)
LEASE = 3.0


def process_tree(pid: int) -> list[int]:
    """Returns a process and all its descendants."""
    out = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            out += process_tree(int(child))
    return out


def send(pids: list[int], signum: int) -> None:
    for pid in pids:
        os.kill(pid, signum)


def unwatched(link: Connection, archive: Path, url: str) -> None:
    """Run a crawl that receives the end of its lease once and does not watch it afterwards."""
    leases.LeaseWatchdog.watch = lambda self: self._receive(60)  # type: ignore[method-assign]
    leases._crawl(link, archive, url, {}, None)


def test_a_crawl_checks_its_lease_before_each_request(tmp_path: Path) -> None:
    archive, posts = tmp_path / ARCHIVE, 1_000
    open_archive(archive, create=True).close()
    with hosts.serving(1, posts, answer_after=0.05) as slow:
        process, link = fork_crawl("unwatched", archive, unwatched, archive, slow.urls[0])
        link.send(monotonic_seconds() + 60)
        wait_until(lambda: len(slow.log) > 5)
        link.send(monotonic_seconds() + 1.0)
        process.join(PATIENCE)
        assert process.exitcode == -signal.SIGKILL
        assert 5 < len(slow.log) < posts
    assert "lease" in prepare_log_file(archive).read_text()


def test_a_worker_that_wakes_up_late_sends_and_writes_nothing(fleet: Fleet, tmp_path: Path) -> None:
    with hosts.serving(1, 40, answer_after=0.1) as slow:
        fleet.do("init", "--storage", fleet.storage, *slow.urls, "--lease", str(LEASE), "--checkpoint", "1")
        asleep = fleet.worker("w1")
        wait_until(lambda: len(slow.log) > 12)
        stopped = process_tree(asleep.pid)
        assert len(stopped) > 2
        send(stopped, signal.SIGSTOP)
        since = time.monotonic()
        try:
            fleet.worker("w2")
            fleet.wait(90)
            assert fleet.status()["last_hour"]["lost"] == 1
            before = state(fleet)
        finally:
            send(stopped, signal.SIGCONT)
        time.sleep(LEASE / 2)
        assert asleep.lives
        by = [(one.by, one.began - since) for one in slow.log]
        assert max(at for name, at in by if name == "w1@example.org") < LEASE
        assert not hosts.overlaps(slow.log)
    storage = ShardStorage(fleet.storage)
    assert state(fleet) == before
    assert len([key for key in storage.keys("shards") if key.endswith("manifest.json")]) <= 2
    assert fleet.do("drain", "--wait", "30").returncode == 0


def state(fleet: Fleet) -> tuple[object, ...]:
    board = QueueDatabase(fleet.jobs, 1)
    try:
        row = board.one("select token, manifest, articles, outcome from fleet_sites")
    finally:
        board.close()
    assert row
    assert row["articles"] == 40
    return tuple(row.values())
