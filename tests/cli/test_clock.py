"""A clock that stands before the newest run, or far after it, is a finding, and each command that writes names it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.month.commands import Done, run_at
from tests.spiders.site_server import SiteServer, home, page, serving

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY, YEAR = timedelta(days=1), timedelta(days=365)


def archiver(at: datetime, *words: str, folder: Path) -> Done:
    return run_at(at, *words, folder=folder)


def findings(at: datetime, folder: Path) -> list[dict[str, Any]]:
    """Return the findings of the first site."""
    done = archiver(at, "status", "--json", folder=folder)
    return list(json.loads(done.out)[0]["health"]["findings"])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[SiteServer]:
    """A site of twelve posts of February that was crawled on eight days in a row, up to NOW."""
    posts = {f"/p{n}/": page(f"Number {n}", date=f"2026-02-{n:02}") for n in range(1, 13)}
    with serving({"/": home(*posts), **posts}) as site:
        for day in range(7, -1, -1):
            assert archiver(NOW - day * DAY, "crawl", site.url, folder=tmp_path).code == 0
        yield site


def test_a_clock_that_is_set_back_is_a_finding_and_not_the_fault_of_the_template(
    site: SiteServer, tmp_path: Path
) -> None:
    back = NOW - YEAR
    done = archiver(back, "schedule", "--once", folder=tmp_path)
    assert (done.code, done.err.count("The clock says 2025-03-01")) == (1, 1)
    assert [(one["code"], one["level"]) for one in findings(back, tmp_path)] == [("clock", "red")]
    crawl = archiver(back + DAY, "crawl", folder=tmp_path)
    assert (crawl.code, crawl.err.count("The clock says")) == (1, 1)
    assert archiver(back + DAY, "status", "--health", folder=tmp_path).code == 2
    assert "began at 2026-03-01" in archiver(back, "sites", "add", "https://example.org", folder=tmp_path).err
    assert archiver(NOW + DAY, "crawl", site.url, folder=tmp_path).code == 0
    assert "clock" not in {one["code"] for one in findings(NOW + DAY, tmp_path)}


def test_a_clock_that_jumped_ahead_stays_a_finding_until_it_is_accepted(site: SiteServer, tmp_path: Path) -> None:
    ahead = archiver(NOW + 10 * YEAR, "crawl", folder=tmp_path)
    assert (ahead.code, "The clock says 2036" in ahead.err) == (0, True)
    later = archiver(NOW + DAY, "crawl", folder=tmp_path)
    assert (later.code, "began at 2036" in later.err) == (1, True)
    assert [one["code"] for one in findings(NOW + DAY, tmp_path)] == ["clock"]
    name = site.url.removeprefix("http://").strip("/")
    assert archiver(NOW + DAY, "status", name, "--accept", folder=tmp_path).code == 0
    accepted = archiver(NOW + 2 * DAY, "schedule", "--once", folder=tmp_path)
    assert (accepted.code, "The clock" in accepted.err) == (0, False)
    assert findings(NOW + 2 * DAY, tmp_path) == []


def test_the_skew_of_two_machines_is_no_finding(site: SiteServer, tmp_path: Path) -> None:
    done = archiver(NOW - timedelta(seconds=90), "crawl", folder=tmp_path)
    assert (done.code, "The clock" in done.err) == (0, False)
