"""Measures an archive of generated posts: its size by table, and the speed of writing, opening and backup."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

from generated_posts import AT, Posts
from process import ROOT
from progress import with_progress
from sqlite_utils import Database
from table import Column, hundredths, tenths, whole

from archiver.storage.database import open_archive
from archiver.storage.page_writer import PageWriter, StoringRun
from archiver.storage.runs import begin_run
from archiver.storage.sites import ensure_site
from archiver.storage.transactions import writing

_STEP = 2_000
"""Posts that are generated before they are written, so that only writing is timed."""
COLUMNS = (
    Column("articles", "articles"),
    Column("gigabytes_a_million", "GB a million", at_most=8.0, form=hundredths),
    Column("bytes", "bytes each", form=whole),
    Column("articles_per_second", "articles/s", at_least=1_000, form=whole),
    Column("last_per_second", "at the end", form=whole),
    Column("cpu_ms", "CPU ms each", form=hundredths),
    Column("open_ms", "open ms", at_most=100, form=whole),
    Column("backup_seconds", "backup s", form=tenths),
    Column("waited_ms", "writer waited ms", form=whole),
)


def measure(articles: int, work: Path) -> dict[str, Any]:
    archive = work / "archive.db"
    posts = Posts(articles)
    row: dict[str, Any] = {"articles": articles, **ingest(archive, posts)}
    row |= sizes(archive, articles)
    row["open_ms"] = median(opened(archive) for _ in range(5))
    row |= _backup(archive, work / "copy" / "archive.db")
    return row


def _backup(archive: Path, target: Path) -> dict[str, Any]:
    """Measure the seconds of a backup while this process commits continuously, and the slowest of these commits."""
    db = open_archive(archive)
    child = subprocess.Popen(
        [sys.executable, "-m", "archiver", "backup", str(target), "--archive", str(archive)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    began, longest, number = time.perf_counter(), 0.0, 0
    while child.poll() is None:
        one = time.perf_counter()
        number += 1
        with writing(db):
            db.execute("update articles set last_seen = last_seen where id = ?", [number])
        longest = max(longest, time.perf_counter() - one)
        time.sleep(0.01)
    seconds = time.perf_counter() - began
    db.close()
    if child.returncode:
        raise SystemExit("The backup failed.")
    with closing(sqlite3.connect(target)) as copy:
        assert copy.execute("pragma quick_check").fetchone() == ("ok",)
    target.unlink()
    return {"backup_seconds": seconds, "waited_ms": longest * 1000}


def ingest(archive: Path, posts: Posts) -> dict[str, Any]:
    """Write the posts with the page writer of crawls: captures, pages, identity, revisions, facets, full text and
    near-duplicates, committed every hundred results. Generating the posts is not timed."""
    db = open_archive(archive, create=True)
    spent = last = 0.0
    worked = 0.0
    try:
        for site in with_progress(range(posts.sites), "sites"):
            row = ensure_site(db, f"https://{posts.host(site)}/", AT)
            run_id = begin_run(db, row["id"], "full", "0.3.0", AT)
            writer = PageWriter(StoringRun(db, row, run_id, AT, version="0.3.0"))
            waiting: list[Any] = []
            took = 0.0
            for visit in posts.visits(site):
                waiting.append(visit)
                if len(waiting) >= _STEP:
                    one, cpu = _written(writer, waiting)
                    took, worked = took + one, worked + cpu
            one, cpu = _written(writer, waiting)
            took, worked = took + one, worked + cpu
            spent += took
            last = len(posts.of_site(site)) / took
    finally:
        db.close()
    return {
        "ingest_seconds": spent,
        "articles_per_second": posts.total / spent,
        "last_per_second": last,
        "cpu_ms": worked * 1000 / posts.total,
    }


def _written(writer: PageWriter, visits: list[Any]) -> tuple[float, float]:
    """Write the results. Returns wall seconds and CPU seconds of this process."""
    began, cpu = time.perf_counter(), time.process_time()
    for visit in visits:
        writer.add(visit)
    writer.flush()
    visits.clear()
    return time.perf_counter() - began, time.process_time() - cpu


def sizes(archive: Path, articles: int) -> dict[str, Any]:
    """Measure the bytes per article of each table with its indexes. Without SQLite's dbstat only the sum."""
    db = Database(archive)
    try:
        db.execute("pragma wal_checkpoint(truncate)")
        size = archive.stat().st_size
        tables: dict[str, float] = defaultdict(float)
        try:
            of = dict(db.execute("select name, tbl_name from sqlite_master").fetchall())
            for name, held in db.execute("select name, sum(pgsize) from dbstat group by name"):
                table = of.get(name, name)
                tables["articles_fts" if table.startswith("articles_fts") else table] += held / articles
                if name != table:
                    tables[f"  {name}"] += held / articles
        except sqlite3.OperationalError as error:  # SQLite was built without dbstat
            print(f"No sizes by table: {error}", file=sys.stderr)
        return {
            "bytes": size / articles,
            "gigabytes_a_million": size / articles * 1e6 / 1e9,
            "tables": {name: round(held) for name, held in sorted(tables.items(), key=lambda t: -t[1])},
        }
    finally:
        db.close()


def opened(archive: Path) -> float:
    """Measure the milliseconds to open an archive in a new process and read its first article."""
    code = (
        "import sys, time; from archiver.archive import Archive; began = time.perf_counter(); "
        "archive = Archive(sys.argv[1]); archive.article(1); print((time.perf_counter() - began) * 1000)"
    )
    return float(
        subprocess.run(
            [sys.executable, "-c", code, str(archive)], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout
    )
