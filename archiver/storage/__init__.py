"""The SQLite database of an archive: its schema, and functions that read and write its tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from inspect import signature
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite_utils
    from sqlite_utils.db import Table

Parameters = Sequence[Any] | Mapping[str, Any]


class Database:
    """An SQLite database, with those methods of sqlite-utils' `Database` that most code needs. They do the same.

    sqlite-utils itself is imported only where it is used (`sqlite_utils`): it imports NumPy if this is installed, which
    takes longer than many commands do.
    """

    def __init__(self, conn: sqlite3.Connection) -> None:
        conn.execute("pragma recursive_triggers = on")
        self.conn = conn

    @cached_property
    def sqlite_utils(self) -> sqlite_utils.Database:
        """This database as sqlite-utils has it."""
        import sqlite_utils

        # Without `execute_plugins`, it would read the metadata of every installed package to look for its plugins.
        return sqlite_utils.Database(self.conn, execute_plugins=False)

    def table(self, name: str) -> Table:
        """Returns a table of sqlite-utils."""
        return self.sqlite_utils.table(name)

    def __getitem__(self, name: str) -> Any:
        """Returns a table or view of sqlite-utils."""
        return self.sqlite_utils[name]

    def execute(self, sql: str, parameters: Parameters = ()) -> sqlite3.Cursor:
        """Runs a statement. If no transaction is open, what it changes is committed at once."""
        conn = self.conn
        if conn.in_transaction:
            return conn.execute(sql, parameters)
        try:
            cursor = conn.execute(sql, parameters)
        except BaseException:
            self.rollback()  # of the transaction that Python has opened for the statement
            raise
        if conn.in_transaction and cursor.description is None and not _begins_transaction(sql):
            conn.execute("commit")
        return cursor

    def query(self, sql: str, parameters: Parameters = ()) -> Iterator[dict[str, Any]]:
        """Runs a statement, and returns an iterator over the rows that it finds, as dicts."""
        cursor = self.conn.execute(sql, parameters)
        names = [column[0] for column in cursor.description]
        return (dict(zip(names, row, strict=True)) for row in cursor)

    def insert(self, table: str, row: Mapping[str, Any], *, ignore: bool = False) -> None:
        """Inserts a row, given as a mapping of column names to values. With `ignore`, a row whose key is in the table
        already is left out.
        """
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        into = "insert or ignore into" if ignore else "insert into"
        self.execute(f"{into} {table} ({columns}) values ({marks})", [*row.values()])

    def update(self, table: str, number: int, changes: Mapping[str, Any]) -> None:
        """Changes columns of the row whose ID is `number`. Raises LookupError if there is no such row."""
        columns = ", ".join(f"{name} = ?" for name in changes)
        if not self.execute(f"update {table} set {columns} where id = ?", [*changes.values(), number]).rowcount:
            raise LookupError(f"{table} has no row {number}")

    def table_names(self) -> list[str]:
        return [name for (name,) in self.execute("select name from sqlite_master where type = 'table'")]

    def view_names(self) -> list[str]:
        return [name for (name,) in self.execute("select name from sqlite_master where type = 'view'")]

    def register_function(self, function: Callable[..., Any], name: str = "") -> None:
        """Makes a deterministic function available in SQL, in place of an earlier one of the name."""
        count = len(signature(function).parameters)
        self.conn.create_function(name or function.__name__, count, function, deterministic=True)

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Runs the block in a transaction, or in a savepoint if one is open. On an error, undoes what the block did."""
        conn = self.conn
        begin, end, undo = _SAVEPOINT if conn.in_transaction else _TRANSACTION
        conn.execute(begin)
        try:
            yield
            conn.execute(end)
        except BaseException:
            for statement in undo if conn.in_transaction else ():  # some errors end the whole transaction
                conn.execute(statement)
            raise

    def rollback(self) -> None:
        """Undoes the open transaction, if there is one."""
        if self.conn.in_transaction:
            self.conn.execute("rollback")

    def close(self) -> None:
        self.conn.close()


_TRANSACTION = ("begin", "commit", ("rollback",))
_SAVEPOINT = ("savepoint nested", "release nested", ("rollback to nested", "release nested"))


def _begins_transaction(sql: str) -> bool:
    return sql.lstrip().upper().startswith(("BEGIN", "SAVEPOINT"))
