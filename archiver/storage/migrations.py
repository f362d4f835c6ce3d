"""The migrations, which create the schema of an archive and bring it up to date.

A released migration is never edited. The first migration is the schema of 0.3.0; each later one is a function of this
module that changes it. sqlite-utils runs each in a transaction and records it in `_sqlite_migrations`. If an archive
contains a migration that this module lacks, a newer version wrote the archive.
"""

from __future__ import annotations

import re
from contextlib import closing

from sqlite_utils import Database, Migrations

from archiver.storage.full_text_and_saved_searches import COLUMNS
from archiver.storage.schema import SCHEMA

migrations = Migrations("archiver")

UNRELEASED = "m001_sites_and_runs"
"""The first migration of archives written by 0.2 and earlier versions, which were never released."""
_DERIVED = re.compile(r"(?:--.*\n)*create (?:virtual )?(trigger|view|table(?= articles_fts\b)) (\w+)")
_TABLE = re.compile(r'create table "?(\w+)', re.IGNORECASE)


@migrations()
def m001_schema_0_3_0(db: Database) -> None:
    for statement in SCHEMA:
        db.execute(statement)


@migrations()
def m002_access(db: Database) -> None:
    db.execute("alter table articles add column access text")
    follow_field_table(db)


def follow_field_table(db: Database) -> None:
    """Recreates what the schema derives from the field table: the triggers, the views and the full-text index. A
    migration calls it after adding the column of a new field.

    If a later migration adds another field of today's field table, the full-text index is filled by that migration.
    """
    derived = [(made, statement) for statement in SCHEMA if (made := _DERIVED.match(statement))]
    for made, _ in reversed(derived):
        db.execute(f"drop {made[1]} if exists {made[2]}")
    for _, statement in derived:
        db.execute(statement)
    if set(COLUMNS) <= set(_column_names(db, "articles")):
        db.execute("insert into articles_fts (articles_fts) values ('rebuild')")


def make_schema(db: Database) -> bool:
    """Creates the schema in an empty database, in one transaction, because several transactions are many times slower
    on disk.

    Returns False and changes nothing if the database is not empty, even if another process has just filled it. If the
    process is killed, nothing is left behind. Raises sqlite3.Error.
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
        if conn.in_transaction:  # if the disk is full, SQLite has rolled back already
            conn.execute("rollback")
        raise
    return empty


def missing_column_or_view(db: Database) -> str:
    """Returns the first view, or first column of an existing table, that pending migrations would add, as a phrase for
    a message; "" if they add only tables.
    """
    existing = {*db.table_names(), *db.view_names()}
    with closing(Database(memory=True, execute_plugins=False)) as made:
        make_schema(made)
        for name in made.table_names():
            columns = _column_names(db, name)
            lacking = [column for column in _column_names(made, name) if column not in columns]
            if name in existing and lacking:
                return f"column {lacking[0]!r} in its table {name!r}"
        for name in made.view_names():
            if _column_names(db, name) != _column_names(made, name):
                return f"view {name!r} with the columns of this version"
    return ""


def _column_names(db: Database, table: str) -> list[str]:
    return [row[1] for row in db.execute(f'pragma table_info("{table}")')]


def create_missing_temp_tables(db: Database) -> None:
    """Creates the tables that an old archive lacks as empty temporary tables of this connection, so that queries find
    them.

    This is done for an archive that is only read: its file is not changed, and `table_names` still lists only its own
    tables.
    """
    existing = {*db.table_names(), *db.view_names()}
    with closing(Database(memory=True, execute_plugins=False)) as made:
        make_schema(made)
        needed = dict(
            made.execute(
                "select name, sql from sqlite_master where type = 'table' and sql is not null "
                "and name not in (select name from pragma_table_list where schema = 'main' and type = 'shadow')"
            )
        )
    for name, sql in needed.items():
        if name not in existing and _TABLE.match(sql):
            db.conn.execute(f"create temp {sql[len('create ') :]}")


def _is_empty(db: Database) -> bool:
    return db.conn.execute("select 1 from sqlite_master limit 1").fetchone() is None
