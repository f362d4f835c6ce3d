"""A fleet at work: real workers, a real PostgreSQL, sites on loopback that log requests."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archiver.storage.database import open_archive
from archiver.storage.sites import add_site, set_settings
from tests.faults.compare import differences
from tests.faults.sound import flaws
from tests.fleet import hosts
from tests.fleet.fleets import Fleet
from tests.fleet.postgres import PACKAGE, wait_until
from tests.processes import run, without_proxies

pytestmark = pytest.mark.needs(PACKAGE)
_DELAY = 0.05


@pytest.fixture(scope="module")
def sites() -> Iterator[hosts.Hosts]:
    with hosts.serving(3, 10) as served:
        yield served


def test_another_worker_continues_the_sites_of_a_killed_one(fleet: Fleet, sites: hosts.Hosts, tmp_path: Path) -> None:
    catalogue, alone = tmp_path / "catalogue.db", tmp_path / "alone" / "archive.db"
    db = open_archive(catalogue, create=True)
    for url in sites.urls:
        site, _ = add_site(db, url, datetime.now(UTC))
        set_settings(db, [site["name"]], {"delay": _DELAY})
    db.close()
    made = fleet.do(
        "init", "--storage", fleet.storage, "--archive", str(catalogue), "--lease", "3", "--checkpoint", "1"
    )
    assert made.returncode == 0, made.stderr
    begun = len(sites.log)
    first = fleet.worker("w1")
    wait_until(lambda: Counter(one.by for one in sites.log[begun:])["w1@example.org"] > 12)
    fleet.worker("w2")
    first.send(signal.SIGKILL)
    status = fleet.wait()
    assert (status["sites"]["due"], status["failed_sites"], status["last_hour"]["lost"]) == (0, [], 2)
    drained = fleet.do("drain", "--wait", "20")
    assert drained.returncode == 0, drained.stderr
    assert fleet.workers["w2"].end().returncode == 0

    asked = sites.log[begun:]
    for host in {one.host for one in asked}:
        of_host = [one for one in asked if one.host == host]
        assert not hosts.overlaps(of_host)
        assert hosts.pace(of_host) > _DELAY * 0.6  # Scrapy waits 0.5 to 1.5 times the delay
    together = tmp_path / "all" / "archive.db"
    collected = fleet.do("collect", "--storage", fleet.storage, "--archive", str(together), "--json")
    assert collected.returncode == 0, collected.stderr
    assert len(json.loads(collected.stdout)["merged"]) == 3
    again = fleet.do("collect", "--storage", fleet.storage, "--archive", str(together), "--json")
    assert json.loads(again.stdout) == {"merged": {}, "known": 3, "unfinished": [], "damaged": []}
    found = run("archiver", "search", "--archive", str(together), "--all", "--json", "--limit", "100")
    assert len(json.loads(found.stdout)) == 30, found.stderr
    run("archiver", "crawl", *sites.urls, "--archive", str(alone), "--quiet", environment=without_proxies())
    assert not differences(alone, together)
    assert not flaws(together)


def test_a_stopped_worker_releases_its_sites(fleet: Fleet, tmp_path: Path) -> None:
    with hosts.serving(1, 60, answer_after=0.1) as slow:
        fleet.do("init", "--storage", fleet.storage, *slow.urls)
        fleet.environment["TMPDIR"] = str(tmp_path / "tmp")
        (tmp_path / "tmp").mkdir()
        worker = fleet.worker("w1", work=False)
        wait_until(lambda: len(slow.log) > 10)
        assert list((tmp_path / "tmp").glob("archiver-fleet-*/shards/*"))
        worker.send(signal.SIGTERM)
        assert worker.end(30).returncode == 128 + signal.SIGTERM
        assert not list((tmp_path / "tmp").glob("archiver-fleet-*"))
    status = fleet.status()
    assert (status["sites"]["due"], status["sites"]["running"]) == (1, 0)
    assert status["sites"]["articles"] > 0
    assert not [one for one in status["workers"] if one["alive"]]
