"""Does the tasks of a fleet: takes the shard or the file, has a process do the task, and stores how it ended.

Re-extractions and imports need the lease and the token of the shard's site, as a crawl does. A scan needs neither.
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path

from archiver.api.database import open_archive
from archiver.fleet.enrolment import enter_hosts
from archiver.fleet.fleet_tasks import (
    FAILED,
    FINISHED,
    IMPORT,
    INTERRUPTED,
    Task,
    TaskEnd,
    end_run,
    end_scan,
    find_open_task,
)
from archiver.fleet.leases import (
    LeasedProcess,
    LeaseKeeper,
    LeaseWait,
    SiteLease,
    monotonic_seconds,
    take_lease,
)
from archiver.fleet.shard_transfer import ARCHIVE, SCANS
from archiver.fleet.site_scan import SitesFound
from archiver.fleet.task_process import TaskOrder, begin_task
from archiver.fleet.worker_job import WorkerContext, attempt_job, prepare_shard, work_on_shard
from archiver.model.errors import ArchiverError
from archiver.model.urls import Scope

_log = logging.getLogger(__name__)


_POLL_SECONDS = 0.2

_LEASH = 30.0
"""The process of a scan ends if it gets no message from its worker for this many seconds."""


def do_task(context: WorkerContext, number: int) -> float:
    """Makes one attempt at the task with this ID. Returns 0.0, or the seconds after which the job must be retried. A
    failure is recorded as the outcome of the attempt, not raised.
    """
    task = find_open_task(context.board, number)
    if task is None:
        return 0.0
    if task.site is None:
        _scan_file(context, task)
        return 0.0
    held = take_lease(context.board, task.site, context.name, 0.0, task.id)
    if isinstance(held, LeaseWait):
        return held.seconds
    with LeaseKeeper(context.board, held, 0.0) as lease:
        end = attempt_job(
            task.name, lease, lambda: _run_on_shard(context, held, lease, task), lambda why: TaskEnd(FAILED, why)
        )
    if end is None or not end_run(context.board, held, task, end):
        return held.lease
    _log.info("%s: %s", task.name, end.outcome)
    return 0.0


def _run_on_shard(context: WorkerContext, held: SiteLease, lease: LeaseKeeper, task: Task) -> TaskEnd:
    active = context.board.one("select active from fleet_sites where name = %s", [held.site])
    inner = context.board.all(
        "select name from fleet_sites where starts_with(name, %s) order by name", [f"{held.site}/"]
    )
    order = TaskOrder(
        task, context.storage.url, known=bool(active and active["active"]), apart=tuple(row["name"] for row in inner)
    )

    def start(archive: Path) -> LeasedProcess:
        if task.kind == IMPORT and order.known:
            prepare_shard(archive, held)
        elif task.kind == IMPORT:
            open_archive(archive, create=True).close()  # the site will be created with its first post
        return begin_task(archive, order)

    end: TaskEnd = work_on_shard(context, held, lease, start).result
    return end


def _scan_file(context: WorkerContext, task: Task) -> None:
    """Scans a WARC file and records the result. This needs no lease, because no shard is written; if two workers scan
    the same file, only the first result is recorded.
    """
    found = None
    try:
        scanned = _run_scan(context, task)
        found, end = (scanned, TaskEnd(FINISHED)) if isinstance(scanned, SitesFound) else (None, scanned)
    except (ArchiverError, OSError) as error:
        _log.warning("%s: %s", task.name, error)
        end = TaskEnd(FAILED, str(error))
    if found is None:
        end_scan(context.board, task, end)
        return
    options = dict(task.options)
    only, new_sites = options.pop("only"), options.pop("new_sites")
    sites = sorted(found.sites.intersection(only) if only else found.sites)
    others = [] if only else sorted(found.others)
    if new_sites:
        sites += enter_hosts(context.board, [found.others[name] for name in others])
        others = []
    result = {"sites": len(sites), "other_hosts": len(others), "listed": others[:20]}
    end_scan(context.board, replace(task, options=options), replace(end, result=result), sites)
    _log.info("%s: %d sites", task.name, len(sites))


def _run_scan(context: WorkerContext, task: Task) -> SitesFound | TaskEnd:
    """Runs the process of a scan and returns its result. If the worker is to end, kills the process and returns the
    outcome INTERRUPTED. Raises the ArchiverError that the process sends, and OSError.
    """
    rows = context.board.all("select start_url from fleet_sites")
    folder = context.folder.with_name(SCANS) / str(task.id)
    folder.mkdir(parents=True, exist_ok=True)
    process = begin_task(
        folder / ARCHIVE, TaskOrder(task, context.storage.url, tuple(Scope.of(row["start_url"]) for row in rows))
    )
    try:
        process.extend(monotonic_seconds() + _LEASH)
        while not process.has_ended(_POLL_SECONDS):
            process.extend(monotonic_seconds() + _LEASH)
            if context.stopping.is_set():
                process.kill()
                return TaskEnd(INTERRUPTED)
    except BaseException:
        process.kill()
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if isinstance(process.result, ArchiverError):
        raise process.result
    result: SitesFound | TaskEnd = process.result
    return result
