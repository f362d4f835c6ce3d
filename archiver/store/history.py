"""The versions an article has had: whether a reading says again what one of them said, and which comes next.

All functions that write expect to run inside the caller's transaction.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlite_utils import Database

from archiver.items import Article
from archiver.record.identity import changed_fields
from archiver.record.returns import Return, Version, returned
from archiver.store.ledger import moment, stamp
from archiver.store.versions import article_from_revision, versions

_LOOKED_AT = 40
"""The newest versions that a reading is compared with: the text of a live ticker is never what it was an hour ago."""


def said_before(db: Database, row: dict[str, Any], article: Article, at: datetime) -> Return | None:
    """What a reading that differs from the article as it stands (`row`) is, if an earlier version said the same."""
    if row["revision"] == 1 and last_revision(db, row["id"]) == 1:
        return None
    rows = list(versions(db, "r.article_id = ? order by r.revision desc limit ?", [row["id"], _LOOKED_AT]))[::-1]
    said = [r["revision"] for r in rows if r["revision"] != row["revision"]
            and not changed_fields(article_from_revision(r), article)]
    if not said:
        return None
    returns = list(db.query("select * from revisions where article_id = ? and (same_as is not null or seen_again > 0) "
                            "order by revision", [row["id"]]))
    return returned([_version(r) for r in returns], said, at)


def last_revision(db: Database, article_id: int) -> int:
    """The number of an article's newest version, which is not always the one that stands."""
    return int(db.execute("select max(revision) from revisions where article_id = ?", [article_id]).fetchone()[0] or 0)


def count_again(db: Database, article_id: int, revision: int, at: datetime) -> None:
    """The post says once more what this version said."""
    db.execute("update revisions set seen_again = seen_again + 1, seen_again_at = ? where article_id = ? "
               "and revision = ?", [stamp(at), article_id, revision])


def _version(row: dict[str, Any]) -> Version:
    at = moment(row["observed_at"])
    assert at is not None
    return Version(row["revision"], at, row["same_as"], row["seen_again"], moment(row["seen_again_at"]))
