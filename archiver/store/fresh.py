"""The schema of a new archive: what all steps of `migrations` come to, made in one transaction.

In a file each step is a transaction of its own, and all of them cost ten times as much. So they are taken in memory,
once in a process, and a file gets the statements that the database made there remembers.
"""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, datetime
from functools import cache

from sqlite_utils import Database

from archiver.store.migrations import migrations

_STATEMENTS = """
    select sql from sqlite_master
    where sql is not null and type = 'table' and name <> 'sqlite_sequence'
        and name not in (select name from pragma_table_list where schema = 'main' and type = 'shadow')
    union all
    select sql from sqlite_master where sql is not null and type <> 'table'"""
"""In the order in which they were made, tables first. What SQLite makes by itself comes with them."""
_TABLE = re.compile(r'create table "?(\w+)', re.IGNORECASE)


def make_schema(db: Database) -> bool:
    """Make the schema in a database that holds nothing; False where it holds something, also if another process was
    first. Killed, it leaves nothing. Raises sqlite3.Error."""
    conn = db.conn
    if not _is_empty(db):
        return False
    conn.execute("begin immediate")
    try:
        if empty := _is_empty(db):
            for statement in _statements():
                conn.execute(statement)
            now = str(datetime.now(UTC))
            conn.executemany(f"insert into {migrations.migrations_table} (migration_set, name, applied_at) "
                             "values (?, ?, ?)", [(migrations.name, m.name, now) for m in migrations._migrations])
        conn.execute("commit")
    except BaseException:
        if conn.in_transaction:  # a full disk has ended it already
            conn.execute("rollback")
        raise
    return empty


def lend_tables(db: Database) -> None:
    """What later steps add to an archive of an earlier release that is only read: their tables, empty, for this
    connection alone (SQLite's temp). The file stays as it is, and `table_names` tells what is in it."""
    there = {*db.table_names(), *db.view_names()}
    for statement in _statements():
        made = _TABLE.match(statement)
        if made and made[1] not in there:
            db.conn.execute(f"create temp {statement[len('create '):]}")


def _is_empty(db: Database) -> bool:
    return db.conn.execute("select 1 from sqlite_master limit 1").fetchone() is None


@cache
def _statements() -> tuple[str, ...]:
    with closing(Database(memory=True)) as made:
        migrations.apply(made)
        return tuple(row[0] for row in made.conn.execute(_STATEMENTS))
