"""Counts SQL statements: those of this process (`counted`), or those of a command that runs in a process of its own:
`python -m tests.storage.count_statements FILE WORDS`, where FILE gets their number.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from archiver.cli.main import cli


@dataclass
class Count:
    statements: int = 0


@contextmanager
def counted() -> Iterator[Count]:
    """Count the statements given to connections that are opened in the block. A statement that is executed for many
    rows counts once.
    """
    count = Count()

    class Counting(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            count.statements += 1
            return super().execute(sql, parameters)

        def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
            count.statements += 1
            return super().executemany(sql, parameters)

    connect = sqlite3.connect
    with mock.patch.object(sqlite3, "connect", lambda *words, **named: connect(*words, factory=Counting, **named)):
        yield count


if __name__ == "__main__":
    file, *words = sys.argv[1:]
    with counted() as found:
        try:
            cli(words, prog_name="archiver")
        finally:
            Path(file).write_text(str(found.statements))
