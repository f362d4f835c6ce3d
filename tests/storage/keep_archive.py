"""Writes an archive with this version, for the test that later versions can read and migrate it.

    python tests/storage/keep_archive.py

Writes tests/storage/archives/STEP.tar.xz, where STEP is the last step of the schema: run it before a release that
adds one. The demonstration blog is crawled twice, so that there are edits, a tombstone and a moved post. The archive
contains also what this version exports of each article.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path

HERE = Path(__file__).resolve().parent
KEPT = ("archive.db", "records.jsonl", "warc")


def keep() -> Path:
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "archive.db"
        for words in (
            ["crawl", "--demo", "--quiet"],
            ["crawl", "--demo", "--quiet"],
            ["export", "-f", "jsonl", "-o", str(archive.with_name("records.jsonl"))],
        ):
            subprocess.run(
                [sys.executable, "-m", "archiver", *words, "--archive", str(archive)], cwd=HERE.parents[1], check=True
            )
        with closing(sqlite3.connect(archive)) as db:
            db.execute("pragma wal_checkpoint(truncate)").fetchone()
            db.execute("vacuum")
            step = db.execute("select max(name) from _sqlite_migrations").fetchone()[0]
        kept = HERE / "archives" / f"{step.partition('_')[0]}.tar.xz"
        kept.parent.mkdir(exist_ok=True)
        with tarfile.open(kept, "w:xz", preset=9) as tar:
            for name in KEPT:
                tar.add(archive.with_name(name), name, filter=_plain)
    return kept


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Remove from a tar entry what identifies the machine and user."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


if __name__ == "__main__":
    print(keep())
