"""Captures of another archive as rows of this one. A capture is the same where address, time and payload are.

All functions that write expect to run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlite_utils import Database

from archiver.store.ledger import last_rowid
from archiver.store.tombstones import payload_removed, removal_at
from archiver.urls import urlkey

Row = dict[str, Any]


class Captures:
    """`files` gives for the name of a WARC file there its name here; a capture of a file that is in none is not
    entered. `runs` and `imports` give numbers here for those there. `new` counts what was entered; `removed` are the
    numbers of removals whose records came with a file, to be erased from it."""

    def __init__(self, db: Database, theirs: Database, files: Mapping[str, str], runs: Mapping[int, int],
                 imports: Mapping[int, int]) -> None:
        self._db, self._theirs, self._files, self._runs, self._imports = db, theirs, files, runs, imports
        self.new = 0
        self.removed: set[int] = set()

    def known(self, row: Row) -> int | None:
        """The number that a capture there (its row) has here; None where it is new."""
        found = self._db.execute("select id from captures where url = ? and captured_at = ? and +digest is ? limit 1",
                                 [row["url"], row["captured_at"], row["digest"]]).fetchone()
        return int(found[0]) if found else None

    def enter(self, row: Row) -> int | None:
        """The number of a capture here, entered where it is new; None where its file was not brought."""
        number = self.known(row)
        if number is not None or row["warc_file"] not in self._files:
            return number
        self._db.table("captures").insert({
            **{k: v for k, v in row.items() if k not in ("id", "article_id", "secondary")},
            "warc_file": self._files[row["warc_file"]], "run_id": self._runs.get(row["run_id"] or 0),
            "import_id": self._imports.get(row["import_id"] or 0)})
        number = last_rowid(self._db)
        self._db.conn.executemany(
            "insert into usage_statements (capture_id, source, agent, name, value) values (?, ?, ?, ?, ?)",
            [(number, *right) for right in self._theirs.execute(
                "select source, agent, name, value from usage_statements where capture_id = ? order by "
                "id", [row["id"]])])
        self.new += 1
        self._erase_if_removed(row)
        return number

    def of(self, number: int | None) -> int | None:
        """The number here of a capture by its number there."""
        row = next(iter(self._theirs.query("select * from captures where id = ?", [number])), None)
        return self.enter(row) if row else None

    def _erase_if_removed(self, row: Row) -> None:
        removal = removal_at(self._db, urlkey(row["url"]))
        if removal is not None:
            self.removed.add(removal.id)
        elif row["digest"] and payload_removed(self._db, row["digest"]):
            self.removed.add(self._db.execute("select tombstone_id from tombstone_payloads where digest = ?",
                                              [row["digest"]]).fetchone()[0])
