"""The metrics for Prometheus and the answers for health checks, at the URLs that a scrape and a probe request."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

from archiver.storage.database import open_archive
from archiver.storage.runs import Damage, record_checked_units
from archiver.storage.transactions import lock_schedule
from tests.archive_fixture import make_archive
from tests.web.conftest import Got, Served, serving


def test_metrics_are_served(served: Served) -> None:
    got = served.get("/-/metrics")
    assert got.status == 200
    assert got.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'archiver_site_health{site="harbour.example"} ' in got.text
    assert "archiver_disk_free_bytes" in got.text


def test_the_health_of_a_working_archive(served: Served) -> None:
    got = served.get("/-/health")
    assert got.status == 200
    assert got.json == {"ok": True, "reasons": [], "scheduler_seen_at": None}
    assert got.headers["cache-control"] == "no-store"


def codes(got: Got) -> list[str]:
    return [one["code"] for one in got.json["reasons"]]


def test_an_archive_that_does_not_work_says_why(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "archive.db")
    lock_schedule(archive).close()
    long_ago = time.time() - 7200
    os.utime(archive.with_name(".archive.db.scheduler"), (long_ago, long_ago))
    with serving(archive) as here:
        assert here.get("/-/health").status == 503
        assert codes(here.get("/-/health")) == ["scheduler"]
        assert here.get("/-/health?only=reading").status == 200
        db = open_archive(archive)
        with db.conn:
            record_checked_units(
                db,
                ["table:articles"],
                [Damage("table:articles", "database-damaged", "articles", "It is damaged.", "", datetime.now(UTC))],
                datetime.now(UTC),
            )
        db.close()
        assert codes(here.get("/-/health?only=reading")) == ["damage"]
        other = archive.with_name("other")
        other.write_bytes(b"no database any more" * 1000)
        other.replace(archive)
        assert here.get("/-/health").status == 503
        assert codes(here.get("/-/health")) == ["archive"]
