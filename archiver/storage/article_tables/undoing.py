"""Undoes a run's change of an article: a new revision, or a mark that the article is gone. Nothing is deleted.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

from datetime import datetime

from sqlite_utils import Database

from archiver.storage.article_tables.articles import overwrite
from archiver.storage.article_tables.evidence import unpack_evidence
from archiver.storage.article_tables.revisions import (
    article_from_revision,
    revision_rows,
    shorten_current,
    store_superseded,
)
from archiver.storage.pages import stamp


def undo_revision(db: Database, article_id: int, number: int, at: datetime) -> bool:
    """Marks revision `number` as undone, and makes the revision that was current before it current again.

    Returns False and changes nothing if `number` is the first revision or not the current one.
    """
    row = next(iter(db.query("select * from articles where id = ?", [article_id])), None)
    if row is None or row["revision"] != number:
        return False
    found = db.execute(
        "select coalesce(previous, revision - 1) from revisions where article_id = ? and revision = ? and revision > 1",
        [article_id, number],
    ).fetchone()
    before = (
        next(iter(revision_rows(db, "r.article_id = ? and r.revision = ?", [article_id, found[0]])), None)
        if found
        else None
    )
    if before is None:
        return False
    store_superseded(db, row)
    overwrite(
        db,
        row,
        article_from_revision(before),
        before["extractor"],
        evidence=unpack_evidence(before["evidence"]),
        revision=before["revision"],
        capture_id=before["capture_id"] or row["capture_id"],
        read_at=before["read_at"],
    )
    shorten_current(db, article_id)
    db.execute(
        "update revisions set undone_at = ? where article_id = ? and revision = ?", [stamp(at), article_id, number]
    )
    return True


def undo_gone(db: Database, article_id: int) -> bool:
    """Marks a post as online that was marked as gone. Returns False if it was not marked as gone."""
    return bool(
        db.execute("update articles set gone_at = null where id = ? and gone_at is not null", [article_id]).rowcount
    )
