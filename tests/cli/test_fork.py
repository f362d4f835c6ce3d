"""A process that is forked for a crawl and cannot start it."""

from __future__ import annotations

from pathlib import Path

from archiver.model.errors import ArchiverError
from archiver.scheduling.fork_server import fork_crawl


def test_a_crawl_process_without_a_log_sends_the_error_and_fails(tmp_path: Path) -> None:
    process, link = fork_crawl("crawl", tmp_path / "none" / "a.db", print)
    assert link.poll(20)
    assert isinstance(link.recv(), ArchiverError)
    process.join(20)
    assert process.exitcode == 1, "who started it would hand out the same crawl again, for ever"
