"""Counts the requests of crawling a site again: unchanged, and with one old post edited."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from process import ROOT, crawl, free_port, requests
from table import Column, hundredths, whole

COLUMNS = (
    Column("posts", "posts"),
    Column("first", "first crawl"),
    Column("per_post", "a post, without listings", at_most=1.3, form=hundredths),
    Column("unchanged", "unchanged", at_most=15),
    Column("edited", "one edited", at_most=17),
    Column("revised", "edits found", 1),
    Column("peak_mb", "peak MB", at_most=300, form=whole),
)


def measure(counts: list[int], kilobytes: int, work: Path, *options: str) -> dict[str, dict[str, Any]]:
    """Return a row of figures for a site of each number of posts. Its sitemaps say when a post was changed unless
    `options` (of serve_generated.py) disable it."""
    return {f"{posts:,} posts": _one(posts, kilobytes, work / str(posts), options) for posts in counts}


def _one(posts: int, kilobytes: int, work: Path, options: tuple[str, ...]) -> dict[str, Any]:
    work.mkdir()
    archive, log, port = work / "archive.db", work / "access.jsonl", free_port()
    found: list[tuple[dict[str, Any], int]] = []
    peak = 0.0
    for edited in ((), (), (posts // 20,)):
        before = len(requests(log)) if log.exists() else 0
        with served(posts, kilobytes, port, log, edited, options) as start:
            summary, ran = crawl(start, archive)
        peak = max(peak, ran.peak_mb)
        found.append((summary, len(requests(log)) - before))
    (first, asked), (_, unchanged), (last, after) = found
    pages = sum(1 for line in requests(log)[:asked] if "/page/" not in line["path"])
    return {
        "posts": first["new"],
        "first": asked,
        "per_post": pages / max(first["new"], 1),
        "unchanged": unchanged,
        "edited": after,
        "revised": last["revised"],
        "peak_mb": peak,
    }


@contextmanager
def served(
    posts: int, kilobytes: int, port: int, log: Path, edited: tuple[int, ...], options: tuple[str, ...]
) -> Iterator[str]:
    """Serve a generated site on this port, with these posts edited. Yields its seed."""
    command = [
        sys.executable,
        str(ROOT / "bench" / "serve_generated.py"),
        str(posts),
        "--port",
        str(port),
        "--kilobytes",
        str(kilobytes),
        "--log",
        str(log),
        *options,
        "--edited",
        *map(str, edited),
    ]
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=ROOT / "bench")
    try:
        for _ in range(300):
            with socket.socket() as s:
                if not s.connect_ex(("127.0.0.1", port)):
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait()


def as_json(rows: dict[str, dict[str, Any]]) -> str:
    return json.dumps(rows, indent=2)
