"""Lists what a run did to articles, and takes it back.

Undoing a run deletes no revision, capture or article: a revision stays in the history, marked as undone, and a new
article is withdrawn.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from archiver.articles.guard import GONE_RULES
from archiver.model.due_reasons import DueFor
from archiver.model.errors import RunNotFound
from archiver.model.items import UNDONE, Outcome
from archiver.storage import Database
from archiver.storage.articles import undo_gone, undo_revision, withdraw_article
from archiver.storage.field_evidence import forget_evidence_kinds
from archiver.storage.pages import EPOCH, stamp
from archiver.storage.runs import forget_run_health
from archiver.storage.transactions import writing

_MAX_RUNS = 50


@dataclass(slots=True)
class UndoneRun:
    """The result of undoing a run, as numbers.

    - `revised`: articles whose edit, found by the run, was taken back.
    - `gone`: articles that are marked as online again.
    - `new`: new articles that were withdrawn.
    - `left`: articles that were left unchanged because a later run has changed them again.
    - `due`: pages that the next crawl fetches again.
    - `articles`: the articles that were changed: `change` ("taken back", "online again" or "withdrawn"), `article` (the
      ID), `title`, `url`.
    """

    run: int
    site: str
    revised: int = 0
    gone: int = 0
    new: int = 0
    left: int = 0
    due: int = 0
    articles: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def undo_run(db: Database, number: int, at: datetime, *, dry_run: bool = False) -> UndoneRun:
    """Takes back the changes that the run with this ID made to articles, and makes their pages due. If `dry_run` is
    True, only counts them.

    Raises RunNotFound if there is no such run, or if it was undone before.
    """
    row = _run_to_undo(db, number)
    with writing(db):
        db.execute("savepoint undoing")
        done = _Undoing(db, row, at, UndoneRun(number, row["site"])).undo()
        if dry_run:
            db.execute("rollback to undoing")
            forget_evidence_kinds(db)
        db.execute("release undoing")
    return done


def _run(db: Database, number: int) -> dict[str, Any]:
    """Returns the row of a run, with the name of its site as `site`. Raises RunNotFound if there is no such run."""
    rows = db.query("select r.*, s.name as site from runs r join sites s on s.id = r.site_id where r.id = ?", [number])
    row = next(rows, None)
    if row is None:
        raise RunNotFound(str(number), f"There is no run {number}. 'archiver runs' lists the runs.")
    return row


def _run_to_undo(db: Database, number: int) -> dict[str, Any]:
    row = _run(db, number)
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
        by_change = {
            "taken back": self._undo_revisions(),
            "online again": self._undo_gone(),
            "withdrawn": self._withdraw_new(),
        }
        for change, numbers in by_change.items():
            self.done.articles += [{"change": change, **self._name(number)} for number in sorted(numbers)]
        for article_id in set().union(*by_change.values()):
            self.done.due += self.db.execute(
                "update pages set due_at = ?, due_for = ?, due_by = ?, etag = null, last_modified = null "
                "where article_id = ? and site_id = ?",
                [EPOCH, DueFor.UNDONE_RUN, str(self.run["id"]), article_id, self.run["site_id"]],
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
        reason = f"the run of {self.run['started_at'][:16].replace('T', ' ')} UTC, which stored it, was undone"
        new = {row[0] for row in rows if withdraw_article(self.db, row[0], reason, self.at)}
        self.db.execute(
            "update pages set outcome = ?, rule = ?, reason = ? where outcome in (?, ?) "
            "and article_id in (select value from json_each(?))",
            [Outcome.NOT_ARTICLE, UNDONE, reason, Outcome.ARCHIVED, Outcome.UNCHANGED, json.dumps([*new])],
        )
        self.done.new = len(new)
        return new

    def _name(self, article_id: int) -> dict[str, Any]:
        return next(self.db.query("select id as article, title, url from articles where id = ?", [article_id]))


_GONE_RULES = ", ".join(f"'{rule}'" for rule in sorted(GONE_RULES))
_CHANGES = {
    "new": (
        "select a.id as article, a.title, a.url, '' as details from revisions r join articles a on a.id = r.article_id "
        "where r.run_id = :run and r.revision = 1 order by a.id"
    ),
    "revised": (
        "select a.id as article, a.title, a.url, (select group_concat(value, ', ') from json_each(r.changed)) || "
        "iif(r.undone_at is null, '', ' (taken back)') as details from revisions r "
        "join articles a on a.id = r.article_id where r.run_id = :run and r.revision > 1 order by a.id, r.revision"
    ),
    "alias": (
        "select a.id as article, a.title, s.url, iif(s.kind = 'url', 'new address', s.kind) as details from aliases s "
        "join articles a on a.id = s.article_id where a.site = :site and s.first_seen between :begin and :end "
        "and a.first_seen < :begin order by a.id, s.url"
    ),
    "gone": (
        "select a.id as article, a.title, a.url, (select max(p.reason) from pages p where p.article_id = a.id "
        "and p.outcome = 'gone') as details from articles a where a.site = :site and a.gone_at between :begin and :end "
        "order by a.id"
    ),
    "held": (
        "select p.article_id as article, a.title, p.url, h.rule as details from held_pages h "
        "join pages p on p.id = h.page_id left join articles a on a.id = p.article_id where h.run_id = :run "
        f"and h.rule not in ({_GONE_RULES}) order by p.url"
    ),
    "unconfirmed": (
        "select p.article_id as article, a.title, p.url, p.reason as details from held_pages h "
        "join pages p on p.id = h.page_id left join articles a on a.id = p.article_id where h.run_id = :run "
        f"and h.rule in ({_GONE_RULES}) order by p.url"
    ),
    "failed": (
        "select p.article_id as article, a.title, p.url, p.reason as details from pages p "
        "left join articles a on a.id = p.article_id where p.site_id = :site_id and p.outcome = 'failed' "
        "and p.fetched_at between :begin and :end order by p.url"
    ),
}
"""The queries of what a run did, by the kind of change."""


_LATEST = datetime.max.replace(tzinfo=UTC)
"""The end of a run that has not ended."""


def list_run_changes(db: Database, number: int) -> list[dict[str, Any]]:
    """Returns what a run did to articles, in the order of `_CHANGES`. Deleted posts, held pages and failed pages are
    listed only as long as they are in that state.

    Keys: change (new, revised, alias, gone, held, unconfirmed or failed), article (the ID, or None), title, url, and
    details (the changed fields of a revision, the kind of an alias, why a post is gone or a page failed, the rule that
    held it, or why a post that seems to be gone is not marked).

    Raises RunNotFound if there is no such run.
    """
    run = _run(db, number)
    values = {"run": number, **{name: run[name] for name in ("site", "site_id")}}
    values |= {"begin": run["started_at"], "end": run["finished_at"] or stamp(_LATEST)}
    return [{"change": change, **one} for change, query in _CHANGES.items() for one in db.query(query, values)]


def list_runs(
    db: Database, site_id: int | None = None, number: int | None = None, limit: int = _MAX_RUNS
) -> list[dict[str, Any]]:
    """Returns the runs of a site, or of all sites if `site_id` is None, newest first; only the run with the ID `number`
    if it is given.

    Keys: run (the ID), site, started_at, outcome, reason, the counts new, revised, gone, held, accepted (held pages
    whose new state was stored) and failed, taken_back (how many of the run's revisions were undone), and undone_at.
    """
    return list(
        db.query(
            "select r.id as run, s.name as site, r.started_at, r.outcome, r.reason, r.new, r.revised, r.gone, r.held, "
            "r.accepted, r.failed, coalesce(u.revisions, 0) as taken_back, r.undone_at "
            "from runs r join sites s on s.id = r.site_id "
            "left join (select run_id, count(*) as revisions from revisions where undone_at is not null "
            "group by run_id) u on u.run_id = r.id where (:site is null or r.site_id = :site) "
            "and (:run is null or r.id = :run) order by r.id desc limit :limit",
            {"site": site_id, "run": number, "limit": limit},
        )
    )
