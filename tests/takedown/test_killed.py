"""A takedown that is killed at any moment: the archive verifies, and the takedown can be finished."""

from __future__ import annotations

import importlib
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from archiver.demo.demo_server import Demo
from archiver.maintenance.verify import verify
from tests.processes import SERVER
from tests.proved_archive import make
from tests.spiders.crawling import archiver, crawl
from tests.takedown.removing import command, holds, remove, rows

MOMENTS = [
    ("takedown", "erase_records", 1, False),
    ("takedown", "rewrite_warc", 1, True),
    ("takedown", "_move_rows", 1, True),
    ("takedown", "delete_unfinished_rewrites", 1, False),
    ("takedown", "delete_warc", 1, True),
    ("takedown", "rewrite_warc", 2, True),
    ("takedown", "purge_article", 1, True),
    ("takedown", "overwrite_free_pages", 1, False),
]


def die(archive: Path, module: str, name: str, nth: int, after: bool) -> None:
    """Removes article 1, and is killed before or after the nth call of a function."""
    place = importlib.import_module(f"archiver.maintenance.{module}")
    real, calls = getattr(place, name), [0]

    def killed(*words: Any, **more: Any) -> Any:
        calls[0] += 1
        if calls[0] == nth and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        out = real(*words, **more)
        if calls[0] == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return out

    setattr(place, name, killed)
    remove(archive, "1")


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda m: f"{m[1]}-{m[2]}-{'after' if m[3] else 'before'}")
def test_a_takedown_killed_at_any_moment_can_be_finished(tmp_path: Path, moment: tuple[str, str, int, bool]) -> None:
    archive = make(tmp_path)
    others = rows(archive, "select id, title, body from articles where id <> 1 order by id")
    process = SERVER.Process(target=die, args=(archive, *moment))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    kinds = {finding.kind for finding in verify(archive).findings}
    assert kinds <= {"removal-unfinished", "file-unknown", "index-alone"}, verify(archive).findings
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
    process = SERVER.Process(target=die, args=(archive, "takedown", "_move_rows", 1, True))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert holds(archive, sentence)
    assert archiver("crawl", demo.url, archive=archive).returncode == 0
    assert not holds(archive, sentence)
    assert not verify(archive).findings
