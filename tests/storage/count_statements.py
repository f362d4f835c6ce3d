"""Runs a command and counts the SQL statements that it executes: `python -m tests.storage.count_statements FILE WORDS`.
FILE gets their number.
"""

from __future__ import annotations

import atexit
import sqlite3
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from archiver.cli.main import cli

_counted = 0


class _Counting(sqlite3.Connection):
    """A connection that counts the statements given to it. A statement that is executed for many rows counts once."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        global _counted
        _counted += 1
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        global _counted
        _counted += 1
        return super().executemany(sql, parameters)


if __name__ == "__main__":
    file, *words = sys.argv[1:]
    sqlite3.connect = partial(sqlite3.connect, factory=_Counting)
    atexit.register(lambda: Path(file).write_text(str(_counted)))
    cli(words, prog_name="archiver")
