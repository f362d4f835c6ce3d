"""What a site lacks: pages that were found and not settled, and how they are asked for by themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlite_utils import Database

from archiver.store import aside
from archiver.store.ledger import JOB, stamp

# Outcomes that are none yet. Once it is fetched a page has another; one that fails again is due an hour later.
_OPEN = "p.site_id = ? and p.kind <> 'part' and (p.outcome in ('due', 'failed') or p.urlkey in (" \
        "select t.post_urlkey from article_parts t join pages f on f.urlkey = t.urlkey where f.site_id = p.site_id " \
        "and f.outcome = 'failed'))"
# A list that is put off because an API counts the posts is not missing: it waits for its time. Each part is read from
# the index of sites and outcomes, without the rows of pages.
_LACKING = "select id, priority from pages where site_id = ?1 and outcome = 'failed' union all " \
           "select id, priority from pages where site_id = ?1 and outcome = 'due' and kind <> 'listing' union all " \
           "select id, priority from pages where site_id = ?1 and outcome = 'due' and kind = 'listing' and due_at <= ?2"
_EPOCH = "1970-01-01T00:00:00+00:00"


def make_due(db: Database, site_id: int, *, with_aside: bool) -> None:
    """What is missing is due now, whenever it was to be tried again; `with_aside`: what a run set aside, too."""
    db.execute(f"update pages as p set due_at = ? where {_OPEN}", [_EPOCH, site_id])
    if with_aside:
        aside.take_up(db, site_id, _EPOCH)


def due_pages(db: Database, site_id: int, now: datetime, limit: int) -> list[dict[str, Any]]:
    """The next pages of a run for what is missing, with what such pages newly told of; as `ledger.due_pages`."""
    return list(db.query(f"{JOB} where {_OPEN} and p.due_at <= ? order by p.priority, p.due_at, p.id limit ?",
                         [site_id, stamp(now), limit]))


def count(db: Database, site_id: int) -> int:
    """How many pages are missing, of whatever kind."""
    row = db.execute(f"select count(*) from ({_LACKING})", [site_id, stamp(datetime.now(UTC))]).fetchone()
    return int(row[0])


def listed(db: Database, site_id: int, limit: int = -1) -> list[dict[str, Any]]:
    """What is missing, ready for JSON: url, kind, outcome, reason, rule, status, attempts, due_at, sources.

    A part of a post that could not be read stands for itself. `limit` -1 is all.
    """
    rows = list(db.query(
        "select p.id, p.url, p.kind, p.outcome, p.reason, p.rule, p.status, p.attempts, p.due_at from "
        f"(select id, priority from ({_LACKING}) order by priority, id limit ?3) f join pages p on p.id = f.id "
        "order by f.priority, f.id", [site_id, stamp(datetime.now(UTC)), limit]))
    for row in rows:
        row["sources"] = sorted({str(source) for source, _ in aside.told_by(db, row.pop("id"))})
    return rows
