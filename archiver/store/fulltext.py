"""The full-text index `articles_fts`: triggers index each article as it is written, or those of a batch at its end.

FTS5 writes out the words that it has gathered whenever a statement or a savepoint begins that may be undone, which is
several times an article. A batch therefore sets a mark in the table `fts_pending`: triggers add the new articles to
that table, and one statement indexes them at the end. The mark is set and removed in one transaction, so that no other
program ever sees it, nor one that starts after a kill.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlite_utils import Database

from archiver.fields import WEIGHTS

COLUMNS = ("body", *(name for name in WEIGHTS if name != "body"))
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
