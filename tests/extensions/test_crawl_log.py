"""The log of crawls: what each line says, and its rotation while several processes write to it."""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import re
import sqlite3
import sys
from collections import Counter
from contextvars import Context, copy_context
from pathlib import Path
from typing import Any

import pytest

from archiver.extensions.crawl_log import SUMMARY, CrawlLogHandler, log_as
from archiver.model.errors import BadConfig
from archiver.sites.config import Log, parse_config
from tests.processes import run
from tests.spiders.site_server import home, page, serving

LINES, WRITERS = 4_000, 4


def record(message: str, level: int = logging.WARNING, name: str = "archiver.test", **more: Any) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, message, None, more.get("exc_info"))


def write_many(path: Path, writer: int, keep: int) -> None:
    handler = CrawlLogHandler(path, Log(max_mb=1, keep=keep))
    for number in range(LINES):
        handler.handle(record(f"{writer}-{number} {'x' * 200}"))


def write_together(path: Path, keep: int) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_many, args=(path, number, keep)) for number in range(WRITERS)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert [one.exitcode for one in writers] == [0] * WRITERS


def test_no_line_is_lost_or_torn_when_processes_rotate_the_log_together(tmp_path: Path) -> None:
    path = tmp_path / "crawl.log"
    write_together(path, keep=50)
    files = sorted(tmp_path.iterdir())
    assert len(files) > 3
    # Each process may write one more line to a file that another one has just filled.
    assert all(file.stat().st_size <= 1_000_000 + WRITERS * 300 for file in files)
    lines = [line for file in files for line in file.read_text().splitlines()]
    seen = Counter(found[1] for line in lines if (found := re.fullmatch(r".* archiver\.test: (\d-\d+) x{200}", line)))
    assert len(seen) == len(lines) == LINES * WRITERS


def test_old_logs_are_deleted(tmp_path: Path) -> None:
    write_together(tmp_path / "crawl.log", keep=2)
    assert {file.name for file in tmp_path.iterdir()} == {"crawl.log", "crawl.log.1", "crawl.log.2"}


def test_every_line_of_a_traceback_names_run_and_site(tmp_path: Path) -> None:
    handler = CrawlLogHandler(tmp_path / "crawl.log", Log())
    try:
        raise ValueError("two\nlines")
    except ValueError:
        failure = sys.exc_info()

    def write() -> None:
        log_as("a.example", 7)
        handler.handle(record("It failed", exc_info=failure))

    copy_context().run(write)
    lines = (tmp_path / "crawl.log").read_text().splitlines()
    assert len(lines) > 4
    assert all(re.match(r"\S+Z WARNING run 7 a\.example archiver\.test: ", line) for line in lines)


def test_a_json_line_has_time_level_logger_run_site_and_message(tmp_path: Path) -> None:
    handler = CrawlLogHandler(tmp_path / "crawl.log", Log("json"))

    def write() -> None:
        log_as("a.example", 7)
        handler.handle(record("One\nmessage"))

    copy_context().run(write)
    Context().run(handler.handle, record("Another"))
    first, second = [json.loads(line) for line in (tmp_path / "crawl.log").read_text().splitlines()]
    assert list(first) == ["time", "level", "logger", "run", "site", "message"]
    assert first["time"].endswith("Z")
    del first["time"], second["time"]
    assert first == {
        "level": "WARNING",
        "logger": "archiver.test",
        "run": 7,
        "site": "a.example",
        "message": "One\nmessage",
    }
    assert (second["run"], second["site"]) == (None, None)


def test_details_are_not_logged_but_summaries_are(tmp_path: Path) -> None:
    handler = CrawlLogHandler(tmp_path / "crawl.log", Log())
    for one in (record("a", logging.INFO), record("b", logging.INFO, SUMMARY), record("c", logging.DEBUG, SUMMARY)):
        if one.levelno >= handler.level:
            handler.handle(one)
    assert [line[-1] for line in (tmp_path / "crawl.log").read_text().splitlines()] == ["b"]


def test_crawls_that_share_a_process_keep_apart(tmp_path: Path) -> None:
    handler = CrawlLogHandler(tmp_path / "crawl.log", Log("json"))

    async def crawl(site: str, number: int) -> None:
        log_as(site, number)
        loop = asyncio.get_running_loop()
        for _ in range(3):
            await asyncio.sleep(0.001)
            loop.call_later(0.001, handler.handle, record(site))
            await asyncio.create_task(asyncio.to_thread(handler.handle, record(site)))

    async def both() -> None:
        await asyncio.gather(crawl("a.example", 1), crawl("b.example", 2))
        await asyncio.sleep(0.05)

    asyncio.run(both())
    lines = [json.loads(line) for line in (tmp_path / "crawl.log").read_text().splitlines()]
    assert len(lines) == 12
    assert all(line["site"] == line["message"] for line in lines)


def test_a_crawl_without_errors_logs_one_line_for_each_run(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    (tmp_path / "archiver.toml").write_text('[log]\nformat = "json"\n')
    with (
        serving({"/": home("/one/"), "/one/": page("The first")}) as one,
        serving({"/": home("/two/"), "/two/": page("The second")}) as two,
    ):
        for _ in range(2):
            done = run("archiver", "crawl", "--archive", str(archive), one.url, two.url, folder=tmp_path)
            assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "log" / "crawl.log").read_text().splitlines()]
    with sqlite3.connect(archive) as db:
        runs = db.execute("select r.id, s.name from runs r join sites s on s.id = r.site_id").fetchall()
    assert sorted((line["run"], line["site"]) for line in lines) == sorted(runs)
    assert len(lines) == 4
    assert {(line["level"], line["logger"]) for line in lines} == {("INFO", SUMMARY)}


def test_the_settings_of_the_log() -> None:
    assert parse_config("", "f").log == Log("text", 10, 5)
    assert parse_config('[log]\nformat = "json"\nmax_mb = 50\nkeep = 0', "f").log == Log("json", 50, 0)
    for wrong in ('format = "xml"', "max_mb = 0", "keep = -1", "size = 3"):
        with pytest.raises(BadConfig):
            parse_config(f"[log]\n{wrong}", "f")
