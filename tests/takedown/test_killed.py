"""A takedown that is killed at any step: the archive verifies, and the takedown can be finished."""

from __future__ import annotations

from pathlib import Path

import pytest

from archiver.demo.demo_blog import Demo
from archiver.maintenance.verification import verify
from tests.killed_call import KilledCall, assert_killed
from tests.proved_archive import make
from tests.spiders.crawling import archiver, crawl
from tests.takedown.removing import command, holds, remove, rows

MOMENTS = [
    KilledCall("takedown", "erase_records", 1, False),
    KilledCall("record_erasure", "rewrite_warc", 1, True),
    KilledCall("record_erasure", "_move_rows", 1, True),
    KilledCall("takedown", "delete_unfinished_rewrites", 1, False),
    KilledCall("record_erasure", "delete_warc", 1, True),
    KilledCall("record_erasure", "rewrite_warc", 2, True),
    KilledCall("takedown", "purge_article", 1, True),
    KilledCall("takedown", "overwrite_free_pages", 1, False),
]


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
def test_a_takedown_killed_at_any_moment_can_be_finished(tmp_path: Path, moment: KilledCall) -> None:
    archive = make(tmp_path)
    others = rows(archive, "select id, title, body from articles where id <> 1 order by id")
    assert_killed(moment, remove, archive, "1")
    kinds = {finding.kind for finding in verify(archive).findings}
    assert kinds <= {"removal-unfinished"}, verify(archive).findings
    assert command(archive, "remove", "--finish").exit_code == 0
    assert not holds(archive, "Entry 1.1.")
    assert not verify(archive).findings
    assert rows(archive, "select id, title, body from articles order by id") == others
    assert not rows(archive, "select 1 from warc_rewrites")


def test_the_next_crawl_finishes_a_killed_takedown(demo: Demo, tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    assert crawl(demo.url, archive=archive).returncode == 0
    body = rows(archive, "select body from articles where id = 1")[0][0]
    sentence = max(body.split("\n"), key=len)[:60]
    assert_killed(KilledCall("record_erasure", "_move_rows", 1, True), remove, archive, "1")
    assert holds(archive, sentence)
    assert archiver("crawl", demo.url, archive=archive).returncode == 0
    assert not holds(archive, sentence)
    assert not verify(archive).findings
