"""Crawls a small server into an archive, and reads the results."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from archiver.cli.main import cli
from tests.processes import run, without_proxies
from tests.runner import Runner
from tests.spiders.site_server import Answer

_IN_PROCESS = frozenset(("sites", "status", "why", "show", "runs", "export"))
"""Commands that run in this process, which takes a third of the time of one of their own."""


def crawl(*words: str, archive: Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return archiver("crawl", *words, archive=archive, environment=environment)


def archiver(*words: str, archive: Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command on this archive."""
    if words[0] in _IN_PROCESS:
        named = [*words, "--archive", str(archive)]
        done = Runner().invoke(cli, named, prog_name="archiver", env=environment, catch_exceptions=False)
        return subprocess.CompletedProcess(["archiver", *named], done.exit_code, done.stdout, done.stderr)
    return run("archiver", *words, "--archive", str(archive), environment=without_proxies() | (environment or {}))


def scrapy(url: str, archive: Path, **settings: object) -> subprocess.CompletedProcess[str]:
    """Run `scrapy crawl site` with settings that shorten waits of minutes to seconds."""
    options = {"ARCHIVE_PATH": archive, "DOWNLOAD_DELAY": 0, "LOG_LEVEL": "ERROR", **settings}
    words = [word for name, value in options.items() for word in ("-s", f"{name}={value}")]
    return run("scrapy", "crawl", "site", "-a", f"url={url}", *words)


def rows(archive: Path, query: str) -> list[tuple[Any, ...]]:
    db = sqlite3.connect(archive)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


def last_run(archive: Path) -> tuple[str, str]:
    """Return the outcome and the reason of the last run."""
    found: tuple[str, str] = rows(archive, "select outcome, reason from runs order by id desc limit 1")[0]
    return found


def successive(*answers: Answer) -> Callable[[], Answer]:
    """Return a function that gives these answers one after the other, and then always the last."""
    left = list(answers)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


def text(body: str, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(body.encode(), status, {"Content-Type": "text/plain", **named})


def let_a_day_pass(archive: Path, *, only_held: bool = False) -> None:
    """Move the times of held pages back by a day, and those of pages, lists and captures too, unless `verify` is to
    find the times of the WARC records in the archive.
    """
    held = {"held_pages": ("held_since", "looked_at")}
    times = (
        held
        if only_held
        else held
        | {
            "page_discoveries": ("first_seen", "last_seen"),
            "pages": ("fetched_at",),
            "captures": ("captured_at",),
        }
    )
    with closing(sqlite3.connect(archive)) as db, db:
        for table, names in times.items():
            for name in names:
                db.execute(f"update {table} set {name} = date({name}, '-1 day') || substr({name}, 11)")
        db.execute("update pages set due_at = '' where id in (select page_id from held_pages)")
