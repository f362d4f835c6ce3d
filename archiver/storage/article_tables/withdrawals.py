"""Articles that are withdrawn because their pages later proved not to be posts. Their rows and captures stay.

Also undoes a run's change of an article: a new revision, or a mark that the article is gone. Nothing is deleted.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from archiver.storage.article_tables.article_and_revision_rows import (
    article_from_revision,
    revision_rows,
    shorten_current,
    store_superseded,
)
from archiver.storage.article_tables.articles import overwrite, settle_duplicates
from archiver.storage.article_tables.evidence import unpack_evidence
from archiver.storage.pages import stamp


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """The time at which an article was withdrawn (ISO 8601, UTC), and the reason."""

    at: str
    reason: str


def withdraw_article(db: Database, article_id: int, reason: str, at: datetime) -> bool:
    """Marks an article as withdrawn, so that searches and datasets leave it out. Returns False if it was already
    withdrawn.
    """
    if withdrawal_of(db, article_id) is not None:
        return False
    db.execute(
        "insert into withdrawn_articles (article_id, withdrawn_at, reason) values (?, ?, ?)",
        [article_id, stamp(at), reason],
    )
    _settle_copies(db, article_id)
    return True


def restore_article(db: Database, article_id: int) -> bool:
    """Ends the withdrawal of an article, so that it counts as a post again. Returns False if it was not withdrawn."""
    if not db.execute("delete from withdrawn_articles where article_id = ?", [article_id]).rowcount:
        return False
    _settle_copies(db, article_id)
    return True


def _settle_copies(db: Database, article_id: int) -> None:
    """Chooses a new original among the articles with the same text as this article."""
    row = db.execute("select content_digest from articles where id = ?", [article_id]).fetchone()
    settle_duplicates(db, row[0] if row else None)


def count_withdrawn(db: Database, site: str) -> int:
    """Returns the number of a site's articles that are withdrawn."""
    query = "select count(*) from withdrawn_articles w join articles a on a.id = w.article_id where a.site = ?"
    return int(db.execute(query, [site]).fetchone()[0])


def withdrawal_of(db: Database, article_id: int) -> Withdrawal | None:
    """Returns when and why an article was withdrawn; None if it was not withdrawn."""
    row = db.execute(
        "select withdrawn_at, reason from withdrawn_articles where article_id = ?", [article_id]
    ).fetchone()
    return Withdrawal(*row) if row else None


def undo_revision(db: Database, article_id: int, number: int, at: datetime) -> bool:
    """Marks revision `number` as undone, and makes the revision that was current before it current again.

    Returns False and changes nothing if revision `number` is the first revision or is not the current one.
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
    """Marks a post as online again. Returns False if it was not marked as gone."""
    return bool(
        db.execute("update articles set gone_at = null where id = ? and gone_at is not null", [article_id]).rowcount
    )
