"""Takedowns: removes posts and their captures from the archive, and leaves tombstones that keep the posts out.

A takedown removes the rows of a post, and its records from the WARC files (see `record_erasure`).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from archiver.maintenance.record_erasure import (
    Erasure,
    Progress,
    delete_unfinished_rewrites,
    enter_tombstone,
    erase_records,
)
from archiver.maintenance.takedown_scope import find_own_captures, find_own_requisites, find_payloads, find_urls_of_post
from archiver.model.errors import ArchiveLocked, ArchiverError, ArticleNotRemoved
from archiver.model.fields import LINKS
from archiver.storage import Database, clusters
from archiver.storage.article_records import record_id_of
from archiver.storage.articles import settle_duplicates
from archiver.storage.captures import Tombstone, allow_again, pending_takedowns, tombstone_named, tombstones
from archiver.storage.database import open_archive, opened
from archiver.storage.full_text import delete_search_index, drop_fts
from archiver.storage.pages import EPOCH, last_rowid, stamp
from archiver.storage.transactions import environment_error, is_environment_error, lock_archive_exclusively, writing


def begin_takedown(db: Database, article_id: int, reason: str, requested_by: str, at: str) -> Tombstone:
    """Stores the tombstone of a post, which keeps the post out of the archive, with the time `at` (ISO 8601), the
    reason and who asked for it. The post's rows are removed later by `purge_article`, once its records are erased.
    """
    row = next(iter(db.query("select * from articles where id = ?", [article_id])))
    urls = find_urls_of_post(db, row)
    payloads = find_payloads(db, find_own_captures(db, article_id, urls))
    db.insert(
        "tombstones",
        {
            "article_id": article_id,
            "site": row["site"],
            "url": row["url"],
            "post_id": row["post_id"],
            "guid": row["guid"],
            "content_digest": row["content_digest"],
            "reason": reason,
            "requested_by": requested_by or None,
            "removed_at": at,
            "record_id": record_id_of(db, article_id),
        },
    )
    number = last_rowid(db)
    enter_tombstone(db, number, urls, payloads)
    return tombstones(db, "id = ?", [number])[0]


def allow_posts(archive: Path, posts: Iterable[str]) -> list[Tombstone]:
    """Lifts the removals of posts, which are given as IDs or URLs, so that they can be stored again. Returns their
    tombstones. Raises ArticleNotRemoved, and the errors of `archive_without_writers`.
    """
    with archive_without_writers(archive) as db:
        found = []
        for post in posts:
            removal = tombstone_named(db, post)
            if removal is None:
                raise ArticleNotRemoved(post)
            found.append(removal)
        finish_takedowns(db, archive)
        with writing(db):
            for removal in found:
                allow_again(db, removal, stamp(datetime.now(UTC)), EPOCH)
    return found


def purge_article(db: Database, removal: Tombstone) -> None:
    """Deletes the article of a tombstone, if it exists, and all rows derived from it."""
    article_id = removal.article_id
    row = next(iter(db.query("select * from articles where id = ?", [article_id])), None)
    keys = json.dumps(
        [key for (key,) in db.execute("select urlkey from tombstone_urls where tombstone_id = ?", [removal.id])]
    )
    listed = "in (select value from json_each(?))"
    db.execute(f"delete from article_parts where urlkey {listed} or post_urlkey {listed}", [keys, keys])
    db.execute(f"delete from historical_responses where urlkey {listed}", [keys])
    db.execute(
        "delete from unresolved_revisits where url in (select url from tombstone_urls where tombstone_id = ?)",
        [removal.id],
    )
    db.execute(f"update pages set redirect_urlkey = null where urlkey {listed}", [keys])
    if row is None or article_id is None:
        return
    db.conn.executemany(
        "delete from requisites where id = ?", [(number,) for number, _ in find_own_requisites(db, article_id)]
    )
    clusters.leave_clusters(db, [article_id])
    for link in LINKS:
        names = json.dumps(
            [
                number
                for (number,) in db.execute(
                    f"select {link.key} from {link.table_of_links} where article_id = ?", [article_id]
                )
            ]
        )
        db.execute(f"delete from {link.table_of_links} where article_id = ?", [article_id])
        db.execute(
            f"delete from {link.table} where id {listed} and not exists (select 1 from {link.table_of_links} l "
            f"where l.{link.key} = {link.table}.id)",
            [names],
        )
    for table in ("geotags", "article_urls", "revisions"):
        db.execute(f"delete from {table} where article_id = ?", [article_id])
    db.execute("update captures set article_id = null, secondary = null where article_id = ?", [article_id])
    db.execute("update pages set article_id = null where article_id = ?", [article_id])
    db.execute("update articles set duplicate_of = null where duplicate_of = ?", [article_id])
    db.execute("delete from articles where id = ?", [article_id])
    settle_duplicates(db, row["content_digest"])


# A takedown from start to end: records, rows, and unused space in the database file.


def remove_articles(
    db: Database, archive: Path, article_ids: Iterable[int], reason: str, requested_by: str, progress: Progress
) -> Erasure:
    """Takes down articles, and finishes takedowns that were interrupted. Returns what was removed from WARC files.
    `reason` and `requested_by` (who asked for it) are stored with the tombstones. `progress` is called with the name of
    the file being read, its index, and the number of files.

    No other program may write to the archive meanwhile. IDs of articles that no longer exist are skipped. Raises
    storage errors, and ArchiveLocked if another program reads for too long; the takedown is then stored as pending, and
    `finish_takedowns` continues it.
    """
    now = stamp(datetime.now(UTC))
    with writing(db):
        for number in article_ids:
            if db.execute("select 1 from articles where id = ?", [number]).fetchone():
                begin_takedown(db, number, reason, requested_by, now)
    return finish_takedowns(db, archive, progress)


def finish_takedowns(db: Database, archive: Path, progress: Progress = lambda what, number, of: None) -> Erasure:
    """Completes every takedown that was begun but not finished. Returns what was removed from WARC files. No other
    program may write to the archive meanwhile. Raises the same errors as `remove_articles`.
    """
    delete_unfinished_rewrites(db, archive.parent)
    waiting = pending_takedowns(db)
    if not waiting:
        return Erasure()
    erased = erase_records(db, archive.parent, waiting, progress)
    with writing(db):
        for one in waiting:
            purge_article(db, one)
    progress("the database", 0, 1)
    overwrite_free_pages(db, archive)
    with writing(db):
        for one in waiting:
            db.execute("update tombstones set erased_at = ? where id = ?", [stamp(datetime.now(UTC)), one.id])
    return erased


def overwrite_free_pages(db: Database, archive: Path) -> None:
    """Removes deleted data from the database file. Otherwise SQLite would leave these data in the file until their
    space is reused.

    VACUUM drops free pages and the unused space in other pages. The checkpoint empties the write-ahead log. The search
    index is deleted, and rebuilt at the next search; so is a full-text table for SQL, which is not made again. Raises
    ArchiveLocked if another program keeps reading.
    """
    delete_search_index(archive)
    with writing(db):
        drop_fts(db)
    try:
        db.execute("vacuum")
        busy = db.execute("pragma wal_checkpoint(truncate)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise
        busy = 1
    if busy:
        raise ArchiveLocked(str(archive))


# Unfinished takedowns, and posts that a crawl captured again. They are finished before anything else is written.


@contextmanager
def archive_without_writers(archive: Path) -> Iterator[Database]:
    """Context manager that opens the archive and keeps crawls and imports from starting. Raises ArchiveInUse if a crawl
    or an import is running, the errors of `open_archive`, and database and disk errors as ArchiverErrors
    (`environment_error`).
    """
    db = open_archive(archive)
    try:
        with lock_archive_exclusively(archive):
            yield db
    except (sqlite3.Error, OSError) as error:
        if is_environment_error(error):
            raise environment_error(error, archive) from error
        raise
    finally:
        db.close()


def finish_pending_takedowns(archive: Path, say: Callable[[str], None], *, create: bool = False) -> None:
    """Finishes pending takedowns. If that is not possible now, they stay pending and `say` is called with the
    reason. If `create` is True, a missing archive is created. Raises the errors of `open_archive`.
    """
    with opened(archive, create=create) as db:
        is_pending = bool(pending_takedowns(db)) or db.execute("select 1 from warc_rewrites").fetchone() is not None
    if not is_pending:
        return
    try:
        with archive_without_writers(archive) as db:
            finish_takedowns(db, archive)
    except ArchiverError as error:
        say(f"A takedown is not finished yet: {error}")
