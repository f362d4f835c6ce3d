"""Captures read again by a cluster of Dask: the same as by one process, also when a worker is killed."""

from __future__ import annotations

import os
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from archiver import __version__
from archiver.commands.dask_workers import read_by_dask
from archiver.commands.main import cli
from archiver.commands.workers import read_all
from archiver.store.anew.request import request_for, wanted
from archiver.store.connect import open_archive
from archiver.store.ledger import stamp
from tests.fleet import hosts
from tests.processes import run, without_proxies
from tests.runner import Runner, fault


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dask") / "archive.db"
    with hosts.serving(4, 10) as sites:
        done = run("archiver", "crawl", *sites.urls, "--archive", str(path), "--quiet", environment=without_proxies())
    assert done.returncode == 0, done.stderr
    return path


def test_a_killed_worker_loses_nothing(archive: Path) -> None:
    distributed: Any = pytest.importorskip("distributed")
    db = open_archive(archive, read_only=True)
    request = request_for(db, ())
    ids = wanted(db, request, None)
    db.close()
    at = stamp(datetime.now(UTC))
    expected = {o.article_id: o for some in read_all(archive, __version__, at, request, ids, 1) for o in some}
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster:
        (pid,) = [worker.pid for worker in cluster.workers.values()]
        found = {}
        reading = read_by_dask(cluster.scheduler_address, archive, __version__, at, request, ids)
        for number, some in enumerate(reading):
            if not number:
                os.kill(pid, signal.SIGKILL)
            found.update({o.article_id: o for o in some})
        assert number == 3  # a task for each WARC file
    assert found == expected
    assert len(found) == 40


def test_a_scheduler_that_is_away(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archiver.commands.dask_workers._CONNECT", "1s")
    done = Runner().invoke(cli, ["reextract", "--dask", "tcp://127.0.0.1:1", "--archive", str(archive)])
    assert (done.exit_code, fault(done)) == (1, "ClusterAway tcp://127.0.0.1:1")


@pytest.mark.parametrize("address", ["bogus", "tcp://127.0.0.1:abc", "x://y:1"])
def test_an_address_that_is_none(archive: Path, address: str) -> None:
    before = set(threading.enumerate())
    done = Runner().invoke(cli, ["reextract", f"--dask={address}", "--archive", str(archive)])
    assert (done.exit_code, fault(done)) == (1, f"ClusterAway {address}")
    assert set(threading.enumerate()) <= before, "a client was left half open"
