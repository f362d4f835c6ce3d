"""The database itself: SQLite's own checks, and its schema against the one that the migrations make."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlite_utils import Database

from archiver.store.checks.finding import Finding, first_of
from archiver.store.migrations import migrations

_BACKUP = "Put a backup in its place, or save what is readable with 'sqlite3 FILE .recover'."
_MENDED = "Run 'archiver verify --repair': it makes it anew."
_OBJECTS = ("index", "trigger", "view")
FTS = "articles_fts"
MADE_ANEW = (FTS, "fts_pending")
"""Tables that hold nothing of their own."""


def as_migrated(db: Database) -> Database:
    """An empty archive, in memory, with the steps of the schema that this one has."""
    fresh = Database(memory=True)
    pending = migrations.pending(db)
    migrations.apply(fresh, **({"stop_before": pending[0].name} if pending else {}))
    return fresh


def objects(db: Database, kind: str) -> dict[str, tuple[str, str]]:
    """The tables, indexes, triggers or views of a database: name to table and SQL."""
    return {name: (table, sql) for name, table, sql in db.execute(
        "select name, tbl_name, sql from sqlite_master where type = ? and sql is not null", [kind])}


def integrity(db: Database) -> Iterator[Finding]:
    """`PRAGMA integrity_check`: pages, records, NOT NULL and UNIQUE, indexes against their tables."""
    for (told,) in db.execute("pragma integrity_check(50)"):
        if told != "ok":
            yield Finding("database-damaged", "the database", f"SQLite says: {told}", _BACKUP)


def schema(db: Database) -> Iterator[Finding]:
    """Tables and their columns, indexes, triggers and views: which are missing, changed, or strange and active."""
    fresh = as_migrated(db)
    try:
        own = objects(db, "table")
        for name in objects(fresh, "table"):
            if name not in own:
                if not name.startswith(f"{FTS}_"):
                    yield Finding("table-missing", f"table {name}", f"The table {name} is missing",
                                  _MENDED if name in MADE_ANEW else _BACKUP, "schema" if name in MADE_ANEW else "")
            elif name != FTS:
                yield from _columns(db, fresh, name)
        own |= objects(db, "view")
        for kind in _OBJECTS:
            wanted = {name: (table, sql) for name, (table, sql) in objects(fresh, kind).items()
                      if kind == "view" or table in own}  # those of a missing table are missing with it
            yield from _compared(kind, objects(db, kind), wanted)
    finally:
        fresh.close()


def _columns(db: Database, fresh: Database, table: str) -> Iterator[Finding]:
    there = {row[1]: row[2:4] for row in db.execute(f'pragma table_info("{table}")')}
    for _, name, kind, required, *_ in fresh.execute(f'pragma table_info("{table}")'):
        if name not in there:
            yield Finding("column-missing", f"table {table}", f"The table {table} has no column {name}", _BACKUP)
        elif (there[name][0].upper(), there[name][1]) != (kind.upper(), required):
            yield Finding("column-changed", f"table {table}",
                          f"The column {name} of {table} is {_said(*there[name])}, no longer {_said(kind, required)}",
                          _BACKUP)


def _said(kind: str, required: int) -> str:
    return f"{kind}{' NOT NULL' if required else ''}"


def _compared(kind: str, there: dict[str, tuple[str, str]], wanted: dict[str, tuple[str, str]]) -> Iterator[Finding]:
    for name, (table, sql) in wanted.items():
        if name not in there:
            yield Finding(f"{kind}-missing", f"{kind} {name}", f"The {kind} {name}{_of(kind, table)} is missing",
                          _MENDED, "schema")
        elif plain(there[name][1]) != plain(sql):
            yield Finding(f"{kind}-changed", f"{kind} {name}",
                          f"The {kind} {name}{_of(kind, table)} is another than archiver makes", _MENDED, "schema")
    for name in sorted(set(there) - set(wanted)) if kind == "trigger" else ():
        yield Finding("trigger-strange", f"trigger {name}",
                      f"The trigger {name} on {there[name][0]} is not archiver's: it may change what is written",
                      f"If you do not know it, take it out: drop trigger {name}")


def _of(kind: str, table: str) -> str:
    return "" if kind == "view" else f" on {table}"


def plain(sql: str) -> str:
    """SQL as compared: quotation of names, case of words and white space aside."""
    return re.sub(r"\s+", " ", re.sub(r'["\[\]`]', "", sql)).strip().lower()


def foreign_keys(db: Database) -> Iterator[Finding]:
    """`PRAGMA foreign_key_check`: rows that point to a row that is not there."""
    columns: dict[tuple[str, int], str] = {}

    def found() -> Iterator[Finding]:
        for table, rowid, parent, number in db.execute("pragma foreign_key_check"):
            if (table, number) not in columns:
                columns.update({(table, row[0]): row[3] for row in db.execute(f'pragma foreign_key_list("{table}")')})
            column = columns[table, number]
            yield Finding("row-dangling", f"{table} row {rowid}",
                          f"Row {rowid} of {table} points to a row of {parent} that is not there ({column})",
                          f"Take back what deleted rows of {parent}, from a backup; or crawl the site again.")

    yield from first_of(found())
