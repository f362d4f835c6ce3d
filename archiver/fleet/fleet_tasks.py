"""The tasks of a fleet, in the table `fleet_tasks`. Each is done once: a task re-extracts a shard ("reextract"), finds
the sites of which a WARC file contains captures ("scan"), or imports the captures of one site from it ("import").
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from archiver.api.crawls import Counts
from archiver.fleet.leases import (
    RunEnd,
    SiteLease,
    release_host,
)
from archiver.fleet.postgres import QueueDatabase, Row
from archiver.fleet.shard_storage import ShardStorage
from archiver.importers.import_inputs import is_archive_name
from archiver.model.errors import ArchiverError, UnreadableInput

if TYPE_CHECKING:
    import psycopg


REEXTRACT, SCAN, IMPORT = "reextract", "scan", "import"
FINISHED, FAILED, INTERRUPTED = "finished", "failed", "interrupted"
TRIES = 5
"""A task that has failed this many times is not tried again, until a command queues it again."""
_RETRY = 60.0
"""Seconds before a failed task is retried. The time doubles with each failure."""


class NoSuchSite(ArchiverError):
    """Raised if the fleet has no site with this name."""

    def __init__(self, name: str) -> None:
        super().__init__(name, f"The fleet has no site {name}: 'archiver fleet init URL' adds it.")


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to be added to `fleet_tasks`. `file` is the path or URL of a WARC file, as `find_import_files` returns it;
    "" for a re-extraction.
    """

    kind: str
    site: str | None = None
    file: str = ""
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Task(NewTask):
    """A task in `fleet_tasks` that has not ended."""

    id: int = 0

    @property
    def name(self) -> str:
        """Returns a description of the task for logs and messages, such as "import x.warc.gz for example.org"."""
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
    """Returns the names of sites in `words`, after checking that each is a site of the fleet. Without names, returns
    all sites of the fleet. Raises NoSuchSite.
    """
    known = [row["name"] for row in board.all("select name from fleet_sites order by name")]
    names = list(dict.fromkeys(words))
    missing = set(names).difference(known)
    if missing:
        raise NoSuchSite(min(missing))
    return names or known


def select_shards(board: QueueDatabase, words: Iterable[str]) -> list[str]:
    """Returns the same names as `select_sites`, without those of sites that have no shard in the storage yet. Raises
    NoSuchSite.
    """
    stored = {row["name"] for row in board.all("select name from fleet_sites where manifest is not null")}
    return [name for name in select_sites(board, words) if name in stored]


def enter_tasks(board: QueueDatabase, tasks: Iterable[NewTask]) -> int:
    """Adds tasks to `fleet_tasks`. A task that ended or failed before is opened again; a task that is still open is not
    changed. Returns the number of tasks that were added or opened.
    """
    with board.transaction() as conn:
        return _enter(conn, tasks)


def _enter(conn: psycopg.Connection[Row], tasks: Iterable[NewTask]) -> int:
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
    another worker has taken over the shard.
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


def _end(conn: psycopg.Connection[Row], task: Task, end: TaskEnd) -> None:
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


# Finds the WARC files to import, from any worker.


def find_import_files(storage: ShardStorage, words: Iterable[str]) -> list[str]:
    """Returns the WARC files that command-line arguments name: files, or all files in and below a folder. Relative
    paths on this machine become absolute; other names are looked up in the fleet's storage. Raises UnreadableInput if a
    file does not exist, and StorageRefused.
    """
    out: dict[str, None] = {}
    for word in words:
        name = str(Path(word).resolve()) if "://" not in word and Path(word).exists() else word.rstrip("/")
        found_in, key = locate_file(storage, name)
        kind = found_in.kind(key)
        if kind == "file":
            out[name] = None
        elif kind == "directory":
            below = [found[len(key) :] for found in found_in.keys(key) if is_archive_name(PurePosixPath(found).name)]
            if not below:
                raise UnreadableInput(word, "the folder has no WARC, ARC or WACZ file")
            out.update(dict.fromkeys(name + rest for rest in below))
        else:
            raise UnreadableInput(word, f"it exists neither here nor in the fleet's storage {storage.url}")
    return list(out)


def locate_file(storage: ShardStorage, file: str) -> tuple[ShardStorage, str]:
    """Returns the storage that contains a file, and the file's key in it."""
    if "://" not in file and not file.startswith("/"):
        return storage, file
    if "/" not in file.partition("://")[2] and "://" in file:  # the file is a whole bucket
        return ShardStorage(file), ""
    folder, _, key = file.rpartition("/")
    return ShardStorage(folder or "/"), key
