"""Finds the damage in an archive's database file (damaged pages, their tables and indexes, the articles that cannot be
read).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import monotonic

from archiver.model.lazy_regex import lazy_regex
from archiver.storage import Database
from archiver.storage.full_text import FTS

_MOST_MESSAGES = 20
_MOST_NAMED = 5
_INSTRUCTIONS = 10_000
"""After so many instructions of SQLite's virtual machine, it is checked whether the time is over."""
_AUTOMATIC = "sqlite_autoindex_"
"""The beginning of the names of indexes that SQLite makes for primary keys and UNIQUE constraints. Such indexes cannot
be created on their own."""
_OF_INDEX = lazy_regex(r"^(?:row \d+ missing from|wrong # of entries in|non-unique entry in) index (\w+)$")
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR)


@dataclass(frozen=True, slots=True)
class DatabaseDamage:
    """Damage to a table of a database file, or to an index of the table.

    - `table`: the table's name.
    - `pages`: the numbers of the damaged pages, each with the table or index to which it belongs, as far as SQLite
      reports them.
    - `message`: SQLite's message.
    - `page_size`: in bytes.
    """

    table: str
    pages: tuple[tuple[int, str], ...]
    message: str
    page_size: int

    @property
    def derived(self) -> tuple[str, ...]:
        """Returns the names of the damaged indexes and tables if all of them can be rebuilt from other tables;
        otherwise ().
        """
        if self.table.startswith(FTS):
            return (FTS,)
        named = [name for _, name in self.pages] or [
            found[1] if found else "" for message in self.message.split("; ") for found in [_OF_INDEX.search(message)]
        ]
        names = tuple(dict.fromkeys(named))
        is_rebuildable = all(name and name != self.table and not name.startswith(_AUTOMATIC) for name in names)
        return names if is_rebuildable else ()

    @property
    def place(self) -> str:
        """Returns a phrase that names the damaged pages: "page 12 of captures (byte 45,056)"; "" if they are not
        known.
        """
        named = [
            f"page {number:,} of {name} (byte {(number - 1) * self.page_size:,})"
            for number, name in self.pages[:_MOST_NAMED]
        ]
        if len(self.pages) > _MOST_NAMED:
            named.append(f"{len(self.pages) - _MOST_NAMED:,} more pages")
        return ", ".join(named)

    @property
    def phrase(self) -> str:
        """Returns a phrase that describes the damage in messages, such as "the table captures: page 12 of captures
        (byte 45,056)".
        """
        return f"the table {self.table}: {self.place or self.message}"


def is_damage(error: sqlite3.Error) -> bool:
    """Returns True if an error means that the database file is damaged, or that a text in the file is not UTF-8.
    (SQLite has no error code for the latter.)
    """
    code = getattr(error, "sqlite_errorcode", None)
    return code is None or code & 0xFF in _DAMAGE


def stored_tables(db: Database) -> list[str]:
    """Returns the names of the tables that have pages of their own in the file, beginning with SQLite's schema
    table.
    """
    return [
        "sqlite_schema",
        *(
            row[0]
            for row in db.execute("select name from sqlite_master where type = 'table' and rootpage > 0 order by name")
        ),
    ]


def find_database_damage(db: Database, tables: Iterable[str] | None = None) -> Iterator[DatabaseDamage]:
    """Yields the damage that SQLite's `PRAGMA integrity_check` finds in these tables (None means all tables) and in
    their indexes. It checks pages, records and their order, NOT NULL and UNIQUE constraints, and index entries.

    Raises sqlite3.Error if the schema itself cannot be read.
    """
    page_size = db.execute("pragma page_size").fetchone()[0]
    for table in stored_tables(db) if tables is None else tables:
        messages = _check_table(db, table)
        if messages:
            yield DatabaseDamage(table, tuple(_find_damaged_pages(db, table)), "; ".join(messages), page_size)


@contextmanager
def time_limit(db: Database, seconds: float) -> Iterator[None]:
    """Context manager that ends after `seconds`: statements that run longer are interrupted, and the rest of the block
    is skipped. Other errors are raised.
    """
    end = monotonic() + seconds
    db.conn.set_progress_handler(lambda: monotonic() > end, _INSTRUCTIONS)
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
    finally:
        db.conn.set_progress_handler(None, 0)


def find_damage(db: Database) -> str:
    """Returns the first damage to a database as a phrase; "" if the database is intact. Raises sqlite3.Error if another
    program prevents the check.
    """
    try:
        found = next(find_database_damage(db), None)
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        return str(error)
    return found.phrase if found else ""


def _check_table(db: Database, table: str) -> list[str]:
    name = table.replace("'", "''")
    try:
        rows = db.execute(f"pragma integrity_check('{name}')").fetchmany(_MOST_MESSAGES)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        return [str(error)]
    return [" ".join(text.replace("*** in database main ***", "").split()) for (text,) in rows if text != "ok"]


def _find_damaged_pages(db: Database, table: str) -> Iterator[tuple[int, str]]:
    """Yields the (number, table or index) of each page of a table and its indexes that SQLite cannot decode. Yields
    nothing if SQLite was built without dbstat.
    """
    with suppress(sqlite3.Error):
        names = [table, *(row[0] for row in db.execute("select name from sqlite_master where tbl_name = ?", [table]))]
        for name in dict.fromkeys(names):
            for (number,) in db.execute(
                "select pageno from dbstat where name = ? and pagetype = 'corrupted' order by 1", [name]
            ):
                yield number, name


def find_unreadable_articles(db: Database) -> list[int]:
    """Returns the IDs of the articles whose row or revisions cannot be read, as far as some readable table has their
    IDs.
    """
    ids: set[int] = set()
    for query in (
        "select id from articles",
        "select distinct article_id from revisions",
        "select distinct article_id from aliases",
        "select distinct article_id from pages where article_id is not null",
    ):
        with suppress(sqlite3.DatabaseError):
            for (number,) in db.execute(query):
                ids.add(number)
    known = sorted(number for number in ids if isinstance(number, int))
    lost = {
        number
        for query in (
            "select * from articles where id between ? and ?",
            "select * from revisions where article_id between ? and ?",
        )
        for number in _unreadable(known, lambda first, last, query=query: _is_readable(db, query, first, last))  # type: ignore[misc]
    }
    return sorted(lost)


def _is_readable(db: Database, query: str, first: int, last: int) -> bool:
    try:
        for _ in db.execute(query, [first, last]):
            pass
    except sqlite3.DatabaseError:
        return False
    return True


def _unreadable(ids: list[int], is_readable: Callable[[int, int], bool]) -> Iterator[int]:
    """Yields those of the sorted `ids` whose rows cannot be read. `is_readable(first, last)` tests a range of IDs; an
    unreadable range is halved until the single IDs are found.
    """
    waiting = [ids] if ids else []
    while waiting:
        some = waiting.pop()
        if is_readable(some[0], some[-1]):
            continue
        if len(some) == 1:
            yield some[0]
        else:
            waiting += [some[: len(some) // 2], some[len(some) // 2 :]]
