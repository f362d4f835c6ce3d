"""The missing pages of a site: posts that are known and not archived."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from archiver.storage import Database
from archiver.storage import crawl_exclusions as crawl_exclusions
from archiver.storage.pages_and_source_hints import EPOCH, PAGE_REQUEST_QUERY, stamp

# These outcomes are not final: a fetch gives the page another one, or makes it due again an hour later.
_MISSING_OUTCOMES = (
    "p.site_id = ? and p.kind <> 'part' and (p.outcome in ('due', 'failed') or p.urlkey in ("
    "select t.post_urlkey from article_parts t join pages f on f.urlkey = t.urlkey where f.site_id = p.site_id "
    "and f.outcome = 'failed'))"
)


# A listing that is postponed because an API lists all posts does not count as missing. Each part of the query reads
# only the index of sites and outcomes.
_MISSING = (
    "select id, priority from pages where site_id = ?1 and outcome = 'failed' union all "
    "select id, priority from pages where site_id = ?1 and outcome = 'held' and article_id is null union all "
    "select id, priority from pages where site_id = ?1 and outcome = 'due' and kind <> 'listing' union all "
    "select id, priority from pages where site_id = ?1 and outcome = 'due' and kind = 'listing' and due_at <= ?2"
)


def make_missing_due(db: Database, site_id: int, *, include_excluded: bool) -> None:
    """Makes a site's missing pages due now. If `include_excluded` is True, also makes due the pages that learned trap
    rules excluded.
    """
    db.execute(f"update pages as p set due_at = ? where {_MISSING_OUTCOMES}", [EPOCH, site_id])
    if include_excluded:
        crawl_exclusions.include_again(db, site_id, EPOCH)


def due_missing_pages(db: Database, site_id: int, now: datetime, limit: int) -> list[dict[str, Any]]:
    """Returns the next pages to fetch in a run that fetches only missing pages, as rows like those of
    `pages.due_pages`.

    Pages that are discovered during that run are missing too, so they are included.
    """
    return list(
        db.query(
            f"{PAGE_REQUEST_QUERY} where {_MISSING_OUTCOMES} and p.due_at <= ? "
            "order by p.priority, p.due_at, p.id limit ?",
            [site_id, stamp(now), limit],
        )
    )


def count_missing(db: Database, site_id: int) -> int:
    """Returns the number of missing pages of a site: due or failed, of any kind, or held and never stored."""
    row = db.execute(f"select count(*) from ({_MISSING})", [site_id, stamp(datetime.now(UTC))]).fetchone()
    return int(row[0])


def missing_pages(db: Database, site_id: int, limit: int = -1) -> list[dict[str, Any]]:
    """Returns the missing pages of a site (due or failed), ready for JSON: url, kind, outcome, reason, rule, status,
    attempts, due_at, sources.

    A part of a post that could not be fetched is listed with its own URL. A `limit` of -1 returns all.
    """
    rows = list(
        db.query(
            "select p.id, p.url, p.kind, p.outcome, p.reason, p.rule, p.status, p.attempts, p.due_at from "
            f"(select id, priority from ({_MISSING}) order by priority, id limit ?3) f join pages p on p.id = f.id "
            "order by f.priority, f.id",
            [site_id, stamp(datetime.now(UTC)), limit],
        )
    )
    reports = crawl_exclusions.reports_of(db, [row["id"] for row in rows])
    for row in rows:
        row["sources"] = sorted({str(one.source) for one in reports.get(row.pop("id"), [])})
    return rows
