"""The steps that make the schema of an archive and bring it up to date. A released step is never edited.

The first step is the schema of 0.3.0; each later one is a function here that changes it. sqlite-utils runs a step in a
transaction and records it in `_sqlite_migrations`; an archive with a step that is not listed here was written by a
newer version.
"""

from __future__ import annotations

import re
from contextlib import closing

from sqlite_utils import Database, Migrations

from archiver.storage.schema import SCHEMA

migrations = Migrations("archiver")

UNRELEASED = "m001_sites_and_runs"
"""The first step of archives that 0.2 and earlier versions made, none of which was ever released."""
_TABLE = re.compile(r'create table "?(\w+)', re.IGNORECASE)


@migrations()
def m001_schema_0_3_0(db: Database) -> None:
    for statement in SCHEMA:
        db.execute(statement)


def make_schema(db: Database) -> bool:
    """Make the schema in a database that holds nothing, in one transaction: in a file, several cost many times as much.

    False where it holds something, also if another process was first. Killed, it leaves nothing. Raises sqlite3.Error.
    """
    conn = db.conn
    if not _is_empty(db):
        return False
    conn.execute("begin immediate")
    try:
        if empty := _is_empty(db):
            migrations.apply(db)
        conn.execute("commit")
    except BaseException:
        if conn.in_transaction:  # a full disk has ended it already
            conn.execute("rollback")
        raise
    return empty


def lend_tables(db: Database) -> None:
    """Make the tables of pending steps, empty, for this connection alone (SQLite's temp schema): for an archive that
    is only read. The file stays as it is, and `table_names` lists what is in it."""
    there = {*db.table_names(), *db.view_names()}
    with closing(Database(memory=True)) as made:
        make_schema(made)
        wanted = dict(
            made.execute(
                "select name, sql from sqlite_master where type = 'table' and sql is not null "
                "and name not in (select name from pragma_table_list where schema = 'main' and type = 'shadow')"
            )
        )
    for name, sql in wanted.items():
        if name not in there and _TABLE.match(sql):
            db.conn.execute(f"create temp {sql[len('create ') :]}")


def _is_empty(db: Database) -> bool:
    return db.conn.execute("select 1 from sqlite_master limit 1").fetchone() is None
