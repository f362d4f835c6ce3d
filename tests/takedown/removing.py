"""Shared by tests of takedowns: commands run in this process, and a search through all files of an archive."""

from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path
from typing import Any

from click.testing import Result

from archiver.cli.main import cli
from tests.runner import Runner

REASON = "its author asked for it"


def command(archive: Path, *words: str) -> Result:
    return Runner().invoke(cli, [*words, "--archive", str(archive)])


def remove(archive: Path, *words: str) -> Result:
    return command(archive, "remove", *words, "--reason", REASON, "--yes")


def holds(archive: Path, sentence: str) -> list[str]:
    """Returns the files in the archive's folder that contain a sentence; WARC files are decompressed."""
    found = []
    for file in sorted(archive.parent.rglob("*")):
        if file.is_file():
            data = file.read_bytes()
            data = gzip.decompress(data) if file.name.endswith(".warc.gz") else data
            if sentence.encode() in data:
                found.append(file.name)
    return found


def rows(archive: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    db = sqlite3.connect(archive)
    try:
        return db.execute(query, values).fetchall()
    finally:
        db.close()
