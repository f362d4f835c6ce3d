"""The folder of the search index, the full-text table for SQL, and the saved searches of an archive.

The search index is in a folder next to the archive. The SQLite table `articles_fts` exists only if somebody asked for
it.

The tables of saved searches hold the queries, and the articles that each search has reported. Each reported article is
stored, and not just the time of the last run. Thus an article that was written during a run of the search, or imported
with an old date, is reported exactly once.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from archiver.model.fields import WEIGHTS
from archiver.storage import Database

# -- articles_fts: a table for SQL, made on request

COLUMNS = ("body", *(name for name in WEIGHTS if name != "body"))
"""The columns of `articles_fts`, in order. The body comes first because FTS5 needs two bytes fewer per word for the
first column."""
TOKENIZER = "unicode61 remove_diacritics 2"
FTS = "articles_fts"


def make_fts(db: Database) -> int:
    """Makes the FTS5 table `articles_fts` of all articles as they are now, in place of an older one, and returns their
    number. Nothing keeps it up to date. Raises sqlite3.Error.
    """
    drop_fts(db)
    columns = ", ".join(COLUMNS)
    db.execute(f"create virtual table {FTS} using fts5 ({columns}, tokenize='{TOKENIZER}', content=\"articles\")")
    db.execute(f"insert into {FTS} ({FTS}) values ('rebuild')")
    return int(db.execute("select count(*) from articles").fetchone()[0])


def drop_fts(db: Database) -> None:
    db.execute(f"drop table if exists {FTS}")


# -- the folder of the search index

_WAIT_SECONDS = 30.0
_LOCK = "archiver.lock"
_INDEX_FILE = re.compile(r"[0-9a-f]{32}\..*|meta\.json|\.managed\.json|\.tantivy-.*|\.tmp.*|archiver\.json(\.new)?")


def index_folder(archive: Path) -> Path:
    """Returns the folder of an archive's search index. Its name begins with the name of the archive's file, like the
    names of SQLite's own files.
    """
    return archive.with_name(archive.name + "-search")


def delete_search_index(archive: Path) -> None:
    """Deletes the archive's search index, so that it contains no removed text. It is rebuilt when it is needed. Raises
    OSError.
    """
    folder = index_folder(archive)
    if folder.exists():
        with index_locked(folder):
            delete_index_files(folder)


def delete_index_files(folder: Path) -> None:
    """Deletes the search index's files in this folder, except for the lock. Other files in the folder stay."""
    for file in folder.iterdir():
        if _INDEX_FILE.fullmatch(file.name) and not file.is_dir():
            file.unlink()


@contextmanager
def index_locked(folder: Path) -> Iterator[bool]:
    """Holds the lock of a search index folder during the block; yields False if the lock was not free within 30
    seconds.

    The operating system releases the lock of a process that is killed.
    """
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        deadline = time.monotonic() + _WAIT_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield True
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    yield False
                    return
                time.sleep(0.05)
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True)
class ArchiveMark:
    """A state of the archive, given by the highest IDs in `articles` and `revisions`. Comparing two states shows which
    articles and revisions were added between them.
    """

    article: int
    revision: int


@dataclass(frozen=True, slots=True)
class SavedSearchRow:
    """A saved search, as a row of `saved_searches`. `key` is its name in the form used for comparison. Times are ISO
    8601 in UTC.

    `newest_article` and `newest_revision` are the highest IDs in the archive before its last run.
    """

    id: int
    name: str
    key: str
    uuid: str
    query: str
    saved_at: str
    ran_at: str
    newest_article: int
    newest_revision: int


@dataclass(frozen=True, slots=True)
class NewSearch:
    """A search to save. `before` is the state of the archive before the search was last run."""

    name: str
    key: str
    uuid: str
    query: str
    saved_at: str
    before: ArchiveMark


def saved_search_rows(db: Database, key: str | None = None) -> list[SavedSearchRow]:
    """Returns all saved searches, sorted by name; if `key` is not None, only the saved search with this key."""
    where = "" if key is None else "where key = :key"
    return [
        SavedSearchRow(**row) for row in db.query(f"select * from saved_searches {where} order by key", {"key": key})
    ]


def archive_mark(db: Database) -> ArchiveMark:
    return ArchiveMark(
        *db.execute(
            "select (select ifnull(max(id), 0) from articles), (select ifnull(max(id), 0) from revisions)"
        ).fetchone()
    )


def insert_saved_search(db: Database, search: NewSearch) -> int:
    """Inserts a saved search that has not reported any articles, and returns its ID."""
    return int(
        db.execute(
            "insert into saved_searches (name, key, uuid, query, saved_at, ran_at, newest_article, newest_revision) "
            "values (?, ?, ?, ?, ?, ?, ?, ?) returning id",
            [
                search.name,
                search.key,
                search.uuid,
                search.query,
                search.saved_at,
                search.saved_at,
                search.before.article,
                search.before.revision,
            ],
        ).fetchone()[0]
    )


def delete_saved_search(db: Database, number: int) -> None:
    db.execute("delete from saved_search_hits where search_id = ?", [number])
    db.execute("delete from saved_searches where id = ?", [number])


def known_hits(db: Database, number: int, ids: Iterable[int]) -> set[int]:
    """Returns the articles among `ids` that a saved search has already reported."""
    return {
        row[0]
        for row in db.execute(
            "select h.article_id from json_each(?) j join saved_search_hits h on h.article_id = j.value "
            "where h.search_id = ?",
            [json.dumps(list(ids)), number],
        )
    }


def new_hit_reasons(db: Database, row: SavedSearchRow, ids: Collection[int]) -> dict[int, str]:
    """Returns, by article ID, why a saved search now finds an article that it has not reported before.

    - "new": the article was added to the archive since the search's last run.
    - "edited": the article was revised since then, and now matches.
    - "changed": the article matches for another reason (it is gone, has duplicates, or was extracted again).
    """
    selected = json.dumps(list(ids))
    edited = {
        number
        for (number,) in db.execute(
            "select article_id from revisions where id > ? and revision > 1 and article_id in "
            "(select value from json_each(?))",
            [row.newest_revision, selected],
        )
    }
    return {
        number: "new" if number > row.newest_article else "edited" if number in edited else "changed" for number in ids
    }


def add_hits(
    db: Database, number: int, ids: Iterable[int], at: str | None = None, why: Mapping[int, str] | None = None
) -> None:
    """Records articles as reported by a saved search. Skips articles that were removed from the archive.

    `at` is the time of the run that reported them; None for articles that matched when the search was saved. `why` maps
    article IDs to the reasons.
    """
    reasons = why or {}
    db.conn.executemany(
        "insert or ignore into saved_search_hits (article_id, search_id, found_at, reason) "
        "select id, ?, ?, ? from articles where id = ?",
        ((number, at, reasons.get(article), article) for article in sorted(ids)),
    )


def mark_saved_search_run(db: Database, number: int, at: str, before: ArchiveMark) -> None:
    """Records when a saved search ran, and the state of the archive before that run."""
    db.execute(
        "update saved_searches set ran_at = max(ran_at, ?), newest_article = max(newest_article, ?), "
        "newest_revision = max(newest_revision, ?) where id = ?",
        [at, before.article, before.revision, number],
    )


@dataclass(frozen=True, slots=True)
class ReportedHit:
    """An article that a run of a saved search reported: its ID, when the run reported it (ISO 8601, UTC) and why."""

    article: int
    at: str
    why: str


def reported_hits(db: Database, number: int) -> list[ReportedHit]:
    """Returns the articles that the runs of a saved search reported, latest first."""
    return [
        ReportedHit(*row)
        for row in db.execute(
            "select article_id, found_at, reason from saved_search_hits where search_id = ? and found_at is not null "
            "order by found_at desc, article_id desc",
            [number],
        )
    ]
