"""The full-text index `articles_fts` and the triggers that keep it: each row as it is written, or those of a batch at
once.

FTS5 writes out the words that it has gathered whenever a statement or a savepoint begins that may be undone, which is
some times an article. A batch therefore marks the table `fts_pending`: triggers note in it the articles that are
new, and their words are entered by one statement at its end. The mark is set and taken away in one transaction, so that
no other program, and none that comes after a kill, ever meets it; a program that sets none has its rows entered as it
writes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlite_utils import Database

COLUMNS = ("body", "title", "authors", "categories", "tags", "description")
"""In the order in which FTS5 has them: what stands in its first column takes two bytes less for each word of a text."""
TOKENIZER = "unicode61 remove_diacritics 2"
MARK = -1 << 63  # a number that no article has

_names = ", ".join(COLUMNS)


@contextmanager
def entered_together(db: Database) -> Iterator[None]:
    """Articles that come meanwhile are found by their words at its end. Expects to run inside the caller's transaction,
    which an error undoes."""
    if not db.execute("insert into fts_pending (id) values (?) on conflict do nothing", [MARK]).rowcount:
        yield  # in a batch that does so already
        return
    yield
    db.execute(f"insert into articles_fts (rowid, {_names}) select id, {_names} from articles "
               "where id in (select id from fts_pending) order by id")
    db.execute("delete from fts_pending")
