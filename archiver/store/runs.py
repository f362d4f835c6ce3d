"""Sites and runs: what is crawled, and how each crawl went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlite_utils import Database

from archiver.errors import SiteTakenOut
from archiver.store.ledger import last_rowid, stamp
from archiver.urls import Scope


@dataclass(slots=True)
class Counts:
    """What one run did; each is a number of pages or articles, `bytes` of bytes on the wire.

    Images, stylesheets and fonts are counted apart from pages: `requisite_requests` were made for them, `requisites` of
    them were captured (or are as they were), `requisites_failed` could not be.
    """

    requests: int = 0
    bytes: int = 0
    found: int = 0
    fetched: int = 0
    new: int = 0
    revised: int = 0
    unchanged: int = 0
    aliased: int = 0
    duplicate: int = 0
    gone: int = 0
    refused: int = 0
    failed: int = 0
    trapped: int = 0
    requisite_requests: int = 0
    requisites: int = 0
    requisites_failed: int = 0

    def add(self, other: Counts) -> None:
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)


def ensure_site(db: Database, start_url: str, now: datetime) -> dict[str, Any]:
    """The row of the site that this address starts; entered when it is new."""
    scope = Scope.of(start_url)
    db.execute(
        "insert into sites (name, start_url, host, path, settings, added_at) values (?, ?, ?, ?, '{}', ?) "
        "on conflict (name) do nothing", [scope.name, start_url, scope.host, scope.path, stamp(now)])
    return next(iter(db.query("select * from sites where name = ?", [scope.name])))


def begin_run(db: Database, site_id: int, mode: str, version: str, now: datetime, mended: Sequence[str] = ()) -> int:
    """Enter a run as under way. One that never ended (a kill, a power cut) is closed as interrupted.

    `mended` are phrases that tell what had to be mended after it.
    """
    reason = "; ".join(("the process ended without closing the run", *mended))
    db.execute("update runs set outcome = 'interrupted', reason = ? "
               "where site_id = ? and finished_at is null and outcome is null", [reason, site_id])
    row: dict[str, Any] = {"site_id": site_id, "mode": mode, "started_at": stamp(now), "version": version}
    db.table("runs").insert({**row, **asdict(Counts())})
    return last_rowid(db)


def check_run(db: Database, run_id: int, site: dict[str, Any]) -> None:
    """Raises SiteTakenOut where this run of the site is in the archive no more."""
    if db.execute("select 1 from runs where id = ? and site_id = ?", [run_id, site["id"]]).fetchone() is None:
        raise SiteTakenOut(site["name"])


def end_run(db: Database, run_id: int, counts: Counts, outcome: str, reason: str, now: datetime,
            measures: str | None = None) -> None:
    """Close a run. `outcome` as in `Ending`; `reason` is a sentence where it is not finished; `measures` as
    `store.run_measures` makes them."""
    db.table("runs").update(run_id, {**asdict(counts), "outcome": outcome, "reason": reason, "finished_at": stamp(now),
                                     "statistics": measures})


def crawl_started(db: Database, site_id: int, run_id: int) -> str:
    """When the crawl began that this run is a part of: one that was interrupted goes on in the next run."""
    began: str = db.execute(
        "select min(started_at) from runs where site_id = ? and id <= ? and id > "
        "(select coalesce(max(id), 0) from runs where site_id = ? and outcome = 'finished' and id < ?)",
        [site_id, run_id, site_id, run_id]).fetchone()[0]
    return began


def has_finished(db: Database, site_id: int) -> bool:
    """Whether any run of this site ended by itself."""
    return db.execute("select 1 from runs where site_id = ? and outcome = 'finished'", [site_id]).fetchone() is not None


def ask_again(db: Database, key: str) -> None:
    """A start address is asked for by every run, whatever came of it last time."""
    db.execute("update pages set due_at = ? where urlkey = ? and outcome in ('refused', 'gone', 'out-of-scope')",
               [stamp(datetime.fromtimestamp(0, UTC)), key])


def last_run(db: Database, site_id: int) -> dict[str, Any] | None:
    """The row of the last run that ended."""
    return next(iter(db.query("select * from runs where site_id = ? and outcome is not null order by id desc limit 1",
                              [site_id])), None)
