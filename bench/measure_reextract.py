"""Measures the re-extraction of a crawled site from its captures, on one core and on all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from measure_recrawl import served
from process import Ran, archiver, crawl, free_port
from progress import with_progress
from table import Column, hundredths, tenths, whole

COLUMNS = (
    Column("articles", "articles"),
    Column("a_core", "pages/s a core (CPU)", 150, form=tenths),
    Column("pages_per_second", "pages/s", form=tenths),
    Column("cpu_ms", "CPU ms a page", form=hundredths),
    Column("changed", "changed"),
    Column("peak_mb", "peak MB", at_most=300, form=whole),
)


def measure(posts: int, kilobytes: int, rounds: int, workers: list[int], work: Path) -> dict[str, dict[str, Any]]:
    """Return a row for each number of processes: the best of `rounds`. CPU time is that of all processes with their
    start."""
    archive = work / "archive.db"
    with served(posts, kilobytes, free_port(), work / "access.jsonl", (), ()) as start:
        crawl(start, archive)
    rows: dict[str, dict[str, Any]] = {}
    for number in with_progress(workers, "processes"):
        best: dict[str, Any] = {}
        for turn in range(rounds):
            own = work / f"{number}-{turn}"
            own.mkdir()
            shutil.copy(archive, own / "archive.db")
            (own / "warc").symlink_to(work / "warc")
            row = _row(own / "archive.db", number)
            best = row if not best or row["cpu_ms"] < best["cpu_ms"] else best
        rows["1 process" if number == 1 else f"{number} processes"] = best
    return rows


def _row(archive: Path, workers: int) -> dict[str, Any]:
    ran: Ran = archiver("reextract", "--workers", str(workers), "--json", "--archive", str(archive))
    if ran.code:
        raise SystemExit(f"The captures could not be read (exit code {ran.code}): {ran.err[-2000:]}")
    found = json.loads(ran.out)
    articles = found["articles"]
    return {
        "articles": articles,
        "pages_per_second": articles / ran.seconds,
        "a_core": articles / ran.cpu_seconds,
        "cpu_ms": 1_000 * ran.cpu_seconds / articles,
        "changed": found["changed"],
        "peak_mb": ran.peak_mb,
    }


def as_json(rows: dict[str, dict[str, Any]]) -> str:
    return json.dumps(rows, indent=2)
