"""Damages the files of an archive as a failing disk does: pages of the database, bytes of WARC files."""

from __future__ import annotations

import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path


def damage_table(archive: Path, table: str, *, seed: int = 1) -> int:
    """Overwrite the root page of a table with random bytes. Return the offset of the page in bytes."""
    with closing(sqlite3.connect(archive)) as db:
        db.execute("pragma wal_checkpoint(truncate)").fetchone()
        size = db.execute("pragma page_size").fetchone()[0]
        page = db.execute("select rootpage from sqlite_master where name = ?", [table]).fetchone()[0]
    return overwrite_page(archive, page, size, seed=seed)


def overwrite_page(archive: Path, page: int, size: int = 4096, *, seed: int = 1) -> int:
    """Overwrite a page, counted from 1, with random bytes. Return its offset."""
    offset = (page - 1) * size
    with archive.open("r+b") as handle:
        handle.seek(offset)
        handle.write(random.Random(seed).randbytes(size))
    return offset


def flip(file: Path, at: int) -> None:
    """Flip the bits of one byte."""
    data = bytearray(file.read_bytes())
    data[at] ^= 0xFF
    file.write_bytes(data)


def shorten(file: Path, by: int) -> None:
    os.truncate(file, file.stat().st_size - by)


def warc_files(archive: Path) -> list[Path]:
    return sorted((archive.parent / "warc").glob("*.warc.gz"))
