"""The archive as Datasette reads it, for its tables and the SQL that people write."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from datasette.app import Datasette
from datasette.database import Database

from archiver.store.connect import is_still
from archiver.web.opened import OneEach

LONGEST = 64_000_000
"""So many bytes a text may have that SQL makes: the time limit of a query does not see into a function, and
randomblob(1e9) takes half a minute and a gigabyte. An archived page is smaller (docs/safety.md)."""


class Tables(Database):  # type: ignore[misc]  # Datasette has no types
    """A database of Datasette that reads what lies at the archive's place, also where a file was put there anew."""

    def __init__(self, datasette: Datasette, archive: Path) -> None:
        super().__init__(datasette, path=str(archive.resolve()), is_mutable=not is_still(archive))
        self._each = OneEach(archive, self._opened, self._closed)

    async def execute_fn(self, fn: Callable[[sqlite3.Connection], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.ds.executor, lambda: fn(self._each.get()))

    def _opened(self) -> sqlite3.Connection:
        conn: sqlite3.Connection = self.connect()
        conn.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
        self.ds._prepare_connection(conn, self.name)
        return conn

    def _closed(self, conn: sqlite3.Connection) -> None:
        self._all_file_connections.remove(conn)
        conn.close()
