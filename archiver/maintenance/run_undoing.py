"""Takes back the changes that a run made to the articles of its site. No revision, capture or article is deleted: a
revision stays in the history, marked as undone, and a new article is withdrawn.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from archiver.errors import RunNotFound
from archiver.storage.article_tables.evidence import forget_evidence_kinds
from archiver.storage.article_tables.withdrawals_and_undoing import undo_gone, undo_revision, withdraw_article
from archiver.storage.connection import writing
from archiver.storage.pages import EPOCH, stamp
from archiver.storage.runs import forget_run_health

_MAX_RUNS = 50


@dataclass(slots=True)
class UndoneRun:
    """The result of undoing a run, as numbers.

    - `revised`: articles whose edit, found by the run, was taken back.
    - `gone`: articles that are marked as online again.
    - `new`: new articles that were withdrawn.
    - `left`: articles that were left unchanged because a later run has changed them again.
    - `due`: pages that the next crawl fetches again.
    """

    run: int
    site: str
    revised: int = 0
    gone: int = 0
    new: int = 0
    left: int = 0
    due: int = 0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def undo_run(db: Database, number: int, at: datetime, *, dry_run: bool = False) -> UndoneRun:
    """Takes back the changes that the run with this ID made to articles, and makes their pages due. If `dry_run` is
    True, only counts them.

    Raises RunNotFound if there is no such run, or if it was undone before.
    """
    row = _find_run(db, number)
    with writing(db):
        db.execute("savepoint undoing")
        done = _Undoing(db, row, at, UndoneRun(number, row["site"])).undo()
        if dry_run:
            db.execute("rollback to undoing")
            forget_evidence_kinds(db)
        db.execute("release undoing")
    return done


def _find_run(db: Database, number: int) -> dict[str, Any]:
    row = next(
        iter(
            db.query("select r.*, s.name as site from runs r join sites s on s.id = r.site_id where r.id = ?", [number])
        ),
        None,
    )
    if row is None:
        raise RunNotFound(str(number), f"There is no run {number}. 'archiver runs' lists the runs.")
    if row["undone_at"]:
        raise RunNotFound(
            str(number), f"Run {number} was undone before, at {row['undone_at'][:16].replace('T', ' ')} UTC."
        )
    return row


@dataclass(frozen=True, slots=True)
class _Undoing:
    db: Database
    run: dict[str, Any]
    at: datetime
    done: UndoneRun

    def undo(self) -> UndoneRun:
        changed = self._undo_revisions() | self._undo_gone() | self._withdraw_new()
        for article_id in changed:
            self.done.due += self.db.execute(
                "update pages set due_at = ?, reason = ?, etag = null, last_modified = null "
                "where article_id = ? and site_id = ?",
                [EPOCH, f"run {self.run['id']} was undone", article_id, self.run["site_id"]],
            ).rowcount
            self.db.execute("delete from recent_changes where article_id = ?", [article_id])
        self.db.execute("update runs set undone_at = ? where id = ?", [stamp(self.at), self.run["id"]])
        self.db.execute("update sites set accepted_gains = null where id = ?", [self.run["site_id"]])
        forget_run_health(self.db, self.run["site_id"])
        return self.done

    def _undo_revisions(self) -> set[int]:
        undone: set[int] = set()
        rows = self.db.execute(
            "select article_id, revision from revisions where run_id = ? and revision > 1 and undone_at is null "
            "order by article_id, revision desc",
            [self.run["id"]],
        ).fetchall()
        left: set[int] = set()
        for article_id, revision in rows:
            (undone if undo_revision(self.db, article_id, revision, self.at) else left).add(article_id)
        self.done.revised, self.done.left = len(undone), len(left - undone)
        return undone

    def _undo_gone(self) -> set[int]:
        until = self.run["finished_at"] or stamp(self.at)
        rows = self.db.execute(
            "select id from articles where site = ? and gone_at >= ? and gone_at <= ?",
            [self.run["site"], self.run["started_at"], until],
        ).fetchall()
        online = {row[0] for row in rows if undo_gone(self.db, row[0])}
        self.done.gone = len(online)
        return online

    def _withdraw_new(self) -> set[int]:
        rows = self.db.execute(
            "select v.article_id from revisions v join articles a on a.id = v.article_id "
            "where v.run_id = ? and v.revision = 1 and a.revision = 1",
            [self.run["id"]],
        ).fetchall()
        reason = f"run {self.run['id']}, which stored it, was undone"
        new = {row[0] for row in rows if withdraw_article(self.db, row[0], reason, self.at)}
        self.done.new = len(new)
        return new


def list_runs(db: Database, site_id: int | None = None, limit: int = _MAX_RUNS) -> list[dict[str, Any]]:
    """Returns the runs of a site, or of all sites, newest first.

    Keys: run (the ID), site, started_at, outcome, reason, the counts new, revised, gone, held, accepted and failed,
    taken_back (how many of the run's revisions were undone), and undone_at.
    """
    return list(
        db.query(
            "select r.id as run, s.name as site, r.started_at, r.outcome, r.reason, r.new, r.revised, r.gone, r.held, "
            "r.accepted, r.failed, coalesce(u.revisions, 0) as taken_back, r.undone_at "
            "from runs r join sites s on s.id = r.site_id "
            "left join (select run_id, count(*) as revisions from revisions where undone_at is not null "
            "group by run_id) u on u.run_id = r.id where ? is null or r.site_id = ? "
            "order by r.id desc limit ?",
            [site_id, site_id, limit],
        )
    )
