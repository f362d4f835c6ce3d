"""One task of the fleet. A shard is re-extracted, or gets the captures of its site from a WARC file, under the lease
and the token that a crawl of its site would have. Or a WARC file is scanned for the sites that it has captures of."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path

from archiver.errors import ArchiverError
from archiver.fleet.claims import Claim, Wait, claim
from archiver.fleet.clock import ticks
from archiver.fleet.enter import enter_hosts
from archiver.fleet.job import Lease, Place, attempt, on_shard, prepare
from archiver.fleet.leash import Leashed
from archiver.fleet.shard import ARCHIVE
from archiver.fleet.site_scan import SitesFound
from archiver.fleet.task_work import Work, begin_task
from archiver.fleet.tasks import (
    FAILED,
    FINISHED,
    IMPORT,
    INTERRUPTED,
    Task,
    TaskEnd,
    end_run,
    end_scan,
    open_task,
)
from archiver.fleet.workplace import SCANS
from archiver.store.connect import open_archive
from archiver.urls import Scope

_log = logging.getLogger(__name__)
_LOOK = 0.2
_LEASH = 30.0
"""Seconds for which a scan may go on without hearing from its worker."""


def do_task(place: Place, number: int) -> float:
    """Make one attempt at a task; 0.0, or after how many seconds it is to be tried again. What goes wrong with the task
    is entered as its end."""
    task = open_task(place.board, number)
    if task is None:
        return 0.0
    if task.site is None:
        _scan(place, task)
        return 0.0
    held = claim(place.board, task.site, place.name, 0.0, task.id)
    if isinstance(held, Wait):
        return held.seconds
    with Lease(place, held, 0.0) as lease:
        end = attempt(task.name, lease, lambda: _run(place, held, lease, task), lambda why: TaskEnd(FAILED, why))
    if end is None or not end_run(place.board, held, task, end):
        return held.lease
    _log.info("%s: %s", task.name, end.outcome)
    return 0.0


def _run(place: Place, held: Claim, lease: Lease, task: Task) -> TaskEnd:
    active = place.board.one("select active from fleet_sites where name = %s", [held.site])
    inner = place.board.all("select name from fleet_sites where starts_with(name, %s) order by name", [f"{held.site}/"])
    work = Work(task, place.storage.url, known=bool(active and active["active"]),
                apart=tuple(row["name"] for row in inner))

    def start(archive: Path) -> Leashed:
        if task.kind == IMPORT and work.known:
            prepare(archive, held)
        elif task.kind == IMPORT:
            open_archive(archive, create=True).close()  # its site comes with its first post
        return begin_task(archive, work)

    end: TaskEnd = on_shard(place, held, lease, start).result
    return end


def _scan(place: Place, task: Task) -> None:
    """Scan a file. No shard is written, so no lease is needed: two workers that do the same find the same, and what the
    later one finds is not entered."""
    found = None
    try:
        scanned = _scanned(place, task)
        found, end = (scanned, TaskEnd(FINISHED)) if isinstance(scanned, SitesFound) else (None, scanned)
    except (ArchiverError, OSError) as error:
        _log.warning("%s: %s", task.name, error)
        end = TaskEnd(FAILED, str(error))
    if found is None:
        end_scan(place.board, task, end)
        return
    options = dict(task.options)
    only, new_sites = options.pop("only"), options.pop("new_sites")
    sites = sorted(found.sites.intersection(only) if only else found.sites)
    others = [] if only else sorted(found.others)
    if new_sites:
        sites += enter_hosts(place.board, [found.others[name] for name in others])
        others = []
    result = {"sites": len(sites), "other_hosts": len(others), "listed": others[:20]}
    end_scan(place.board, replace(task, options=options), replace(end, result=result), sites)
    _log.info("%s: %d sites", task.name, len(sites))


def _scanned(place: Place, task: Task) -> SitesFound | TaskEnd:
    """Raises the ArchiverError that the process sends, OSError."""
    rows = place.board.all("select start_url from fleet_sites")
    folder = place.folder.with_name(SCANS) / str(task.id)
    folder.mkdir(parents=True, exist_ok=True)
    process = begin_task(folder / ARCHIVE, Work(task, place.storage.url,
                                                tuple(Scope.of(row["start_url"]) for row in rows)))
    try:
        process.lengthen(ticks() + _LEASH)
        while not process.over(_LOOK):
            process.lengthen(ticks() + _LEASH)
            if place.stopping.is_set():
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


