"""One-time tasks of a fleet, stored in the table `fleet_tasks`.

A task re-extracts a shard ("reextract"), finds the sites that a WARC file has captures of ("scan"), or imports the
captures of one site from such a file ("import").
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from archiver.errors import ArchiverError
from archiver.fleet.leases import RunEnd, SiteLease, release_host
from archiver.fleet.postgres import QueueDatabase, Row
from archiver.storage.runs import Counts

if TYPE_CHECKING:
    from psycopg import Connection

REEXTRACT, SCAN, IMPORT = "reextract", "scan", "import"
FINISHED, FAILED, INTERRUPTED = "finished", "failed", "interrupted"
TRIES = 5
"""A task that has failed this many times is given up until it is queued again by a command."""
_RETRY = 60.0
"""Seconds before a failed task is retried. The time doubles with each failure."""


class NoSuchSite(ArchiverError):
    """Raised if the fleet has no site with this name."""

    def __init__(self, name: str) -> None:
        super().__init__(name, f"The fleet has no site {name}: 'archiver fleet init URL' adds it.")


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to be entered. `file` is the path or URL of a WARC file as `find_import_files` returns it, "" for a
    re-extraction.
    """

    kind: str
    site: str | None = None
    file: str = ""
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Task(NewTask):
    """A stored task that has not ended, with its ID."""

    id: int = 0

    @property
    def name(self) -> str:
        """A description of the task for logs and messages, such as "import x.warc.gz for example.org"."""
        of = [self.kind, *([self.file] if self.file else []), *([f"for {self.site}"] if self.site else [])]
        return " ".join(of)


@dataclass(frozen=True, slots=True)
class TaskEnd:
    """The result of one attempt at a task. `outcome` is finished, failed (`reason` says why) or interrupted; `result`
    has figures for the status report; `new` is the number of articles added to the shard.
    """

    outcome: str
    reason: str = ""
    result: dict[str, Any] | None = None
    new: int = 0


def select_sites(board: QueueDatabase, words: Iterable[str]) -> list[str]:
    """Checks that the fleet has sites with these names, and returns the names; if there are none, returns the names of
    all sites of the fleet. Raises NoSuchSite.
    """
    known = [row["name"] for row in board.all("select name from fleet_sites order by name")]
    names = list(dict.fromkeys(words))
    missing = set(names).difference(known)
    if missing:
        raise NoSuchSite(min(missing))
    return names or known


def select_shards(board: QueueDatabase, words: Iterable[str]) -> list[str]:
    """Returns the names that `select_sites` returns, except sites that have no shard in the storage yet. Raises
    NoSuchSite.
    """
    stored = {row["name"] for row in board.all("select name from fleet_sites where manifest is not null")}
    return [name for name in select_sites(board, words) if name in stored]


def enter_tasks(board: QueueDatabase, tasks: Iterable[NewTask]) -> int:
    """Adds tasks, and returns how many of them were not open before. A task that already ended or failed is opened
    again; a task that is still open is not changed.
    """
    with board.transaction() as conn:
        return _enter(conn, tasks)


def _enter(conn: Connection[Row], tasks: Iterable[NewTask]) -> int:
    rows = [(one.kind, one.site, one.file, json.dumps(one.options)) for one in tasks]
    if not rows:
        return 0
    cursor = conn.cursor()
    cursor.executemany(
        "insert into fleet_tasks as t (kind, site, file, options) values (%s, %s, %s, %s) "
        "on conflict (kind, coalesce(site, ''), file, options) do update set entered_at = now(), due_at = now(), "
        "ended_at = null, outcome = null, reason = null, failures = 0, result = null "
        "where t.ended_at is not null or t.outcome = 'failed'",
        rows,
    )
    return max(0, cursor.rowcount)


def find_open_task(board: QueueDatabase, number: int) -> Task | None:
    """Returns the task with this ID, or None if the task has ended."""
    row = board.one(
        "select id, kind, site, file, options from fleet_tasks where id = %s and ended_at is null", [number]
    )
    return Task(**row) if row else None


def end_run(board: QueueDatabase, held: SiteLease, task: Task, end: TaskEnd) -> bool:
    """Records how an attempt at a task on a shard ended, and releases the shard. Returns False, and records nothing, if
    another worker has the shard now.
    """
    with board.transaction() as conn:
        is_ours = conn.execute(
            "select 1 from fleet_sites where name = %s and token = %s for update", [held.site, held.token]
        ).fetchone()
        if is_ours is None:
            return False
        _end(conn, task, end)
        release_host(conn, held, RunEnd(end.outcome, end.reason, Counts(new=end.new)))
    return True


def end_scan(board: QueueDatabase, task: Task, end: TaskEnd, found: Iterable[str] = ()) -> int:
    """Records how a scan ended, and adds an import task for each site in `found`. Returns the number of tasks added, or
    0 if another worker has already finished the scan.
    """
    with board.transaction() as conn:
        is_open = conn.execute(
            "select 1 from fleet_tasks where id = %s and ended_at is null for update", [task.id]
        ).fetchone()
        if is_open is None:
            return 0
        _end(conn, task, end)
        return _enter(conn, (NewTask(IMPORT, site, task.file, task.options) for site in found))


def _end(conn: Connection[Row], task: Task, end: TaskEnd) -> None:
    values = {
        **asdict(end),
        "result": None if end.result is None else json.dumps(end.result),
        "id": task.id,
        "failed": int(end.outcome == FAILED),
        "tries": TRIES,
        "again": _RETRY,
    }
    conn.execute(
        "update fleet_tasks set outcome = %(outcome)s, reason = nullif(%(reason)s, ''), "
        "result = coalesce(%(result)s::jsonb, result), failures = failures + %(failed)s, "
        "due_at = now() + make_interval(secs => %(failed)s * %(again)s * power(2, failures)), "
        "ended_at = case when %(outcome)s = 'finished' or failures + %(failed)s >= %(tries)s then now() end "
        "where id = %(id)s",
        values,
    )
