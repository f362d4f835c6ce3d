"""Crawling a small server into an archive, and looking at what came of it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.spiders.site_server import Answer

ROOT = Path(__file__).parents[2]


def crawl(*words: str, archive: Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return _run(["-m", "archiver", "crawl", *words, "--archive", str(archive)], environment or {})


def scrapy(url: str, archive: Path, **settings: object) -> subprocess.CompletedProcess[str]:
    """`scrapy crawl site` with settings that make what takes minutes take seconds."""
    options = {"ARCHIVE_PATH": archive, "DOWNLOAD_DELAY": 0, "LOG_LEVEL": "ERROR", **settings}
    words = [word for name, value in options.items() for word in ("-s", f"{name}={value}")]
    return _run(["-m", "scrapy", "crawl", "site", "-a", f"url={url}", *words], {})


def _run(words: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k.lower() not in ("http_proxy", "https_proxy")}
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=120, env=kept | environment, cwd=ROOT, check=False)


def rows(archive: Path, query: str) -> list[tuple[Any, ...]]:
    db = sqlite3.connect(archive)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


def last_run(archive: Path) -> tuple[str, str]:
    """Outcome and reason."""
    found: tuple[str, str] = rows(archive, "select outcome, reason from runs order by id desc limit 1")[0]
    return found


def in_turn(*answers: Answer) -> Callable[[], Answer]:
    """These answers one after the other; the last one again and again."""
    left = list(answers)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


def text(body: str, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(body.encode(), status, {"Content-Type": "text/plain", **named})
