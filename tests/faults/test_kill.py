"""kill -9 at any moment: repeated crawls produce the same archive as an undisturbed one.

`python -m tests.faults` is the long form.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from tests.faults.compare import differences
from tests.faults.conftest import Reference
from tests.faults.killing import crawl, crawl_and_kill
from tests.faults.server import serving
from tests.faults.site import Blog
from tests.faults.sound import flaws


@pytest.mark.parametrize(("declared", "seed"), [(True, 4), (False, 11)], ids=["declared", "guessed"])
def test_an_archive_after_kills_equals_one_of_an_undisturbed_crawl(tmp_path: Path, declared: bool, seed: int) -> None:
    peaceful, besieged = tmp_path / "peaceful" / "a.db", tmp_path / "besieged" / "a.db"
    with serving(Blog(120 if declared else 50, declared=declared)) as server:
        assert crawl(server.url, peaceful).returncode == 0
        tally = crawl_and_kill(server, besieged, 4 if declared else 3, seed, pages=len(server.asked))
        last = crawl(server.url, besieged)
    assert last.returncode == 0, last.stderr
    assert not tally.errors
    assert [*flaws(peaceful), *flaws(besieged), *differences(peaceful, besieged)] == []


def test_a_truncated_warc_file_is_cut_to_its_last_complete_record_and_the_rest_fetched_again(
    reference: Reference, tmp_path: Path
) -> None:
    server, peaceful, torn = reference.server, reference.peaceful, tmp_path / "torn" / "a.db"
    crawl(server.url, torn)
    # As after a power cut during the run: no index, no end of the run, and only half of the file on the disk.
    file = next((torn.parent / "warc").glob("*.warc.gz"))
    file.with_name(file.name.replace(".warc.gz", ".cdxj")).unlink()
    os.truncate(file, file.stat().st_size // 2 + 7)
    db = sqlite3.connect(torn)
    db.execute("update runs set outcome = null, finished_at = null")
    db.commit()
    db.close()
    again = crawl(server.url, torn)
    assert again.returncode == 0, again.stderr
    assert f"warc/{file.name}" in again.stderr
    db = sqlite3.connect(torn)
    reason = db.execute("select reason from runs where id = 1").fetchone()[0]
    assert f"warc/{file.name}" in reason
    db.close()
    assert [*flaws(torn), *differences(peaceful, torn)] == []


def test_two_addresses_of_one_post_met_before_and_after_a_kill_are_no_move(tmp_path: Path) -> None:
    """A post with a known post ID that is found at a second URL in a later run has moved. But an interrupted crawl and
    its continuation are one crawl.
    """
    from datetime import UTC, datetime, timedelta

    from archiver.storage.database import open_archive
    from archiver.storage.runs import Counts, begin_run, crawl_started, end_run
    from archiver.storage.sites import ensure_site

    db = open_archive(tmp_path / "a.db", create=True)
    at = datetime(2024, 5, 1, tzinfo=UTC)
    with db.atomic():
        site = ensure_site(db, "https://blog.example.org/", at)["id"]
        first, second = (begin_run(db, site, "incremental", "1", at + timedelta(days=n)) for n in (0, 1))
        assert crawl_started(db, site, second) == crawl_started(db, site, first)
        assert crawl_started(db, site, second).startswith("2024-05-01")
        end_run(db, second, Counts(), "finished", "", at + timedelta(days=1))
        third = begin_run(db, site, "incremental", "1", at + timedelta(days=2))
        assert crawl_started(db, site, third).startswith("2024-05-03")
    db.close()
