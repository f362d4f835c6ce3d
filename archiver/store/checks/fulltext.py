"""The full-text index against the articles, by FTS5's own check, on a read-only database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from sqlite_utils import Database

from archiver.store.checks.finding import Finding, first_of
from archiver.store.fulltext import TOKENIZER

_REMEDY = "Run 'archiver verify --repair': it makes the index anew from the articles."
_PARTS = ("data", "idx", "docsize", "config")


def full_text(db: Database) -> Iterator[Finding]:
    """Articles that the index lacks, entries of no article, and words that differ.

    FTS5's integrity-check is a write and would keep a crawl from writing, for minutes in a large archive: the index is
    copied into the temporary database, and checked there against the articles of this connection's snapshot.
    """
    found = list(first_of(_entries(db), 20))
    yield from found
    if not found and not _matches(db):
        yield Finding("index-differs", "articles_fts", "The full-text index does not have the words of the articles",
                      _REMEDY, "fts")


def _entries(db: Database) -> Iterator[Finding]:
    for (number,) in db.execute("select id from articles except select id from articles_fts_docsize order by 1"):
        yield Finding("index-lacks", f"article {number}", f"Article {number} is not in the full-text index: no search "
                      "for its words finds it", _REMEDY, "fts")
    for (number,) in db.execute("select id from articles_fts_docsize except select id from articles order by 1"):
        yield Finding("index-strange", f"article {number}", f"The full-text index has an article {number} that is not "
                      "there", _REMEDY, "fts")


def _matches(db: Database) -> bool:
    columns = ", ".join(f'"{row[1]}"' for row in db.execute("pragma table_info(articles_fts)"))
    try:
        db.execute(f"create temp view checked_articles as select id, {columns} from main.articles")
        db.execute(f"create virtual table temp.checked using fts5({columns}, tokenize='{TOKENIZER}', "
                   "content='checked_articles', content_rowid='id')")
        for part in _PARTS:
            db.execute(f"delete from temp.checked_{part}")
            db.execute(f"insert into temp.checked_{part} select * from main.articles_fts_{part}")
        try:
            db.execute("insert into temp.checked (checked, rank) values ('integrity-check', 1)")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
                raise
            return False
        return True
    finally:
        db.execute("drop table if exists temp.checked")
        db.execute("drop view if exists temp.checked_articles")
