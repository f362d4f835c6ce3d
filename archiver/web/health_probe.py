"""Checks whether an archive can be used: its database, its disk and its scheduler. `archiver serve` answers load
balancers and monitors with the result.

The check is so cheap that they can ask every few seconds. It ignores findings about sites.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from archiver.api.database import Database, free_bytes, last_heartbeat, path_of
from archiver.api.health import MIN_FREE_BYTES, has_integrity_records, read_damages

_SILENT = timedelta(hours=1)
"""A scheduler counts as stopped if it has shown no activity for longer than this. If a timer starts the scheduler, it
runs only every ten minutes.
"""


@dataclass(frozen=True, slots=True)
class Failure:
    """A reason why an archive does not work: `code` is archive, damage, disk or scheduler."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The result of a probe. `scheduler_seen_at` is when the loop of the scheduler last ran; None if it never ran."""

    failures: tuple[Failure, ...]
    scheduler_seen_at: datetime | None = None

    @property
    def ok(self) -> bool:
        return not self.failures

    def as_json(self) -> dict[str, Any]:
        seen = self.scheduler_seen_at
        return {
            "ok": self.ok,
            "reasons": [asdict(one) for one in self.failures],
            "scheduler_seen_at": seen.isoformat(timespec="seconds") if seen else None,
        }


def probe(db: Database, now: datetime, *, only_reading: bool = False) -> ProbeResult:
    """Checks an open archive. With `only_reading`, checks only what readers need: that the database can be read and is
    not known to be damaged. Raises sqlite3.Error if it cannot be read.
    """
    seen = last_heartbeat(path_of(db))
    found = [*_check_database(db)]
    if not only_reading:
        found += [*_probe_disk(db), *_check_scheduler(seen, now)]
    return ProbeResult(tuple(found), seen)


def _check_database(db: Database) -> Iterator[Failure]:
    db.execute("select id from articles limit 1").fetchone()
    if has_integrity_records(db):
        damaged = [one for one in read_damages(db) if one.kind == "database-damaged"]
        if damaged:
            yield Failure("damage", "A check found the database damaged: 'archiver status --health' says what to do.")


def _probe_disk(db: Database) -> Iterator[Failure]:
    free = free_bytes(path_of(db))
    if free < MIN_FREE_BYTES:
        yield Failure(
            "disk",
            f"{free / 1e6:,.0f} MB are free on the archive's disk; "
            f"below {MIN_FREE_BYTES / 1e6:,.0f} MB, no crawl starts.",
        )


def _check_scheduler(seen: datetime | None, now: datetime) -> Iterator[Failure]:
    if seen and now - seen > _SILENT:
        yield Failure(
            "scheduler",
            f"The scheduler was last active on {seen:%Y-%m-%d %H:%M} UTC: start 'archiver schedule' or its service. If "
            "the archive is no longer crawled, delete the hidden file next to it whose name ends in '.scheduler'.",
        )
