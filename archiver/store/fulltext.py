"""The full-text index `articles_fts` and the triggers that keep it: each row as it is written, or those of a batch at
once.

FTS5 writes out the words that it has gathered whenever a statement or a savepoint begins that may be undone, which is
some times an article. A batch therefore marks the table `full_text_waits`: triggers note in it the articles that are
new, and their words are entered by one statement at its end. The mark is set and taken away in one transaction, so that
no other program, and none that comes after a kill, ever meets it; a program that sets none has its rows entered as it
writes them.

The statements are of migration m021, and released: a later step drops what it changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlite_utils import Database

from archiver.fields import WEIGHTS

COLUMNS = ("body", *(name for name in WEIGHTS if name != "body"))
"""In the order in which FTS5 has them: what stands in its first column takes two bytes less for each word of a text."""
TOKENIZER = "unicode61 remove_diacritics 2"
_MARK = -1 << 63  # a number that no article has

_names = ", ".join(COLUMNS)


def _values(row: str) -> str:
    return ", ".join(f"{row}.{name}" for name in COLUMNS)


_ENTER = f"insert into articles_fts (rowid, {_names}) values (new.id, {_values('new')});"
_TAKE_OUT = f"insert into articles_fts (articles_fts, rowid, {_names}) values ('delete', old.id, {_values('old')});"
_IS_MARKED = f"exists (select 1 from full_text_waits where id = {_MARK})"
_WAITS = "exists (select 1 from full_text_waits where id = old.id)"


def _trigger(name: str, event: str, when: str, *statements: str) -> str:
    body = "\n    ".join(statements)
    return f"create trigger {name} after {event} on articles when {when} begin\n    {body}\nend"


TRIGGERS = (
    _trigger("articles_ai", "insert", f"not {_IS_MARKED}", _ENTER),
    # One that is deleted while it waits goes on waiting: triggers of one event come in any order, and another that took
    # it out would let this one take words out of the index that are not there.
    _trigger("articles_waiting_ai", "insert", _IS_MARKED, "insert into full_text_waits (id) select new.id "
             "where not exists (select 1 from full_text_waits where id = new.id);"),
    _trigger("articles_ad", "delete", f"not {_WAITS}", _TAKE_OUT),
    _trigger("articles_au", f"update of {_names}", f"not {_WAITS}", _TAKE_OUT, _ENTER),
)


def make(db: Database) -> None:
    """The index anew, in place of the one that earlier releases made, with the words of all articles."""
    for name in ("articles_ai", "articles_ad", "articles_au"):
        db.execute(f"drop trigger if exists {name}")
    db.execute("drop table if exists articles_fts")
    db.table("articles").enable_fts(list(COLUMNS), tokenize=TOKENIZER)
    db.execute("create table full_text_waits (id integer primary key)")
    for trigger in TRIGGERS:
        db.execute(trigger)


@contextmanager
def entered_together(db: Database) -> Iterator[None]:
    """Articles that come meanwhile are found by their words at its end. Expects to run inside the caller's transaction,
    which an error undoes."""
    if not db.execute("insert into full_text_waits (id) values (?) on conflict do nothing", [_MARK]).rowcount:
        yield  # in a batch that does so already
        return
    yield
    db.execute(f"insert into articles_fts (rowid, {_names}) select id, {_names} from articles "
               "where id in (select id from full_text_waits) order by id")
    db.execute("delete from full_text_waits")
