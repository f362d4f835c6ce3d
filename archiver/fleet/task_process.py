"""The process that does one task of a fleet, with the code of `archiver reextract` or `archiver import`."""

from __future__ import annotations

import logging
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path, PurePosixPath
from typing import Any

from archiver import __version__
from archiver.api.crawls import fork_crawl, unblock_end_signals
from archiver.api.database import environment_error, open_archive
from archiver.fleet.fleet_tasks import (
    FAILED,
    FINISHED,
    IMPORT,
    INTERRUPTED,
    REEXTRACT,
    SCAN,
    Task,
    TaskEnd,
    locate_file,
)
from archiver.fleet.leases import LeasedProcess, start_watchdog
from archiver.fleet.shard_storage import ShardStorage
from archiver.fleet.site_scan import SitesFound, find_sites_in_file
from archiver.importers.import_inputs import RecordFilter
from archiver.model.errors import ArchiverError, UnreadableInput
from archiver.model.urls import Scope


@contextmanager
def make_available_locally(storage: ShardStorage, file: str, folder: Path) -> Iterator[Path]:
    """Context manager that yields a local path of a WARC file: the file itself if it is on this machine, otherwise a
    copy in `folder`, which is deleted at the end of the block. Raises UnreadableInput, StorageRefused, OSError.
    """
    found_in, key = locate_file(storage, file)
    if path := found_in.local(key):
        if not path.is_file():
            raise UnreadableInput(file, "this worker cannot find it: mount its folder at the same path on each machine")
        yield path
        return
    if found_in.kind(key) != "file":
        raise UnreadableInput(file, "it does not exist")
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / PurePosixPath(key).name
    try:
        with copy.open("wb") as into:
            found_in.append_to(key, into)
        yield copy
    finally:
        copy.unlink(missing_ok=True)
        folder.rmdir()


_LISTED = 20
"""At most this many problems of a task are stored as messages. Their number includes all problems."""


@dataclass(frozen=True, slots=True)
class TaskOrder:
    """A task with the data that its process needs.

    - `storage`: the URL of the shard storage.
    - `scopes`: the fleet's sites, for a scan.
    - `known`: for an import, True if the fleet crawls the shard's site.
    - `apart`: for an import, the sites within the shard's site that have their own shards.
    """

    task: Task
    storage: str
    scopes: tuple[Scope, ...] = ()
    known: bool = True
    apart: tuple[str, ...] = ()


class _Stopped(KeyboardInterrupt):
    """Raised when SIGTERM arrives: the worker is ending, or the fleet is drained at once."""


def begin_task(archive: Path, order: TaskOrder) -> LeasedProcess:
    """Starts a process for a task. The process begins when `LeasedProcess.extend` has sent it the end of its lease.

    Its result is SitesFound for a scan and a TaskEnd for any other task, or an ArchiverError. Raises OSError if the
    process cannot be started.
    """
    process, link = fork_crawl(order.task.name, archive, _do_in_process, archive, order)
    return LeasedProcess(process, link, lambda how: TaskEnd(FAILED, f"the process of this task {how}"))


def _do_in_process(link: Connection, archive: Path, order: TaskOrder) -> None:
    """Entry point of a task's process: does the task, and sends the result to the worker."""
    if start_watchdog(link) is None:
        return
    signal.signal(signal.SIGTERM, _stop)
    end: TaskEnd | SitesFound | ArchiverError
    try:
        unblock_end_signals()
        end = _KINDS[order.task.kind](archive, order)
    except _Stopped:
        end = TaskEnd(INTERRUPTED)
    except ArchiverError as error:
        end = error
    except (sqlite3.Error, OSError) as error:
        end = environment_error(error, archive)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    link.send(end)


def _stop(signum: int, frame: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Stopped


def _reextract(archive: Path, order: TaskOrder) -> TaskEnd:
    """Re-extracts the shard and returns the result. After an interruption, this continues the re-extraction; `changed`,
    `fields` and the problems in the result then cover only the latest attempt.
    """
    # Only the process of such a task needs these modules: its worker imports this one, but not them.
    from archiver.api.extraction import load_page_objects
    from archiver.api.reextraction import (
        ReextractedArticle,
        ReextractionRequest,
        begin_reextraction,
        reextract,
        reextract_all,
        select_articles,
    )

    options = order.task.options
    request = ReextractionRequest(
        fields=tuple(options["fields"]),
        since=options["since"],
        until=options["until"],
        forget_page_objects=options.get("forget_page_objects", False),  # absent in tasks of an earlier version
    )
    load_page_objects().check()
    db = open_archive(archive)
    try:
        begun = begin_reextraction(db, request, __version__, datetime.now(UTC))

        def read(ids: list[int]) -> Iterator[list[ReextractedArticle]]:
            return reextract_all(archive, __version__, begun.started_at, request, ids, 1)

        tally = reextract(db, begun, select_articles(db, request, begun.id), read)
    finally:
        db.close()
    return TaskEnd(
        FINISHED,
        result={
            "articles": begun.done + tally.articles,
            "changed": tally.changed,
            "fields": tally.fields,
            "without_capture": tally.without_capture,
            "problems": len(tally.unreadable) + len(tally.kept),
            "listed": [*tally.unreadable, *tally.kept][:_LISTED],
        },
    )


def _import(archive: Path, order: TaskOrder) -> TaskEnd:
    # As above: not the worker, but only the process of an import.
    from archiver.api.maintenance import finish_pending_takedowns
    from archiver.importers.import_rows import ImportCounts
    from archiver.importers.import_run import ImportRun

    task, options = order.task, order.task.options
    assert task.site is not None
    choice = RecordFilter(
        only=() if order.known else (task.site,),
        known_sites=order.known,
        since=options["since"],
        until=options["until"],
        all_captures=options["all_captures"],
        apart=order.apart,
    )
    finish_pending_takedowns(archive, logging.getLogger(__name__).warning)
    with make_available_locally(ShardStorage(order.storage), task.file, archive.parent / ".import") as path:
        run = ImportRun(archive, choice, again=options["again"])
        try:
            results = run.run([str(path)])
        finally:
            run.close()
    total, listed = ImportCounts(), []
    for one in results:
        total.add(one.tally)
        listed += [f"{one.name} at {p.offset or 0}: {p.sentence}" for p in one.problems]
    result = {**asdict(total), "problems": sum(sum(one.kinds.values()) for one in results), "listed": listed[:_LISTED]}
    unreadable = [one.name for one in results if one.outcome == "unreadable"]
    if unreadable:
        return TaskEnd(FAILED, f"{task.file} cannot be read: {listed[0] if listed else unreadable[0]}", result)
    return TaskEnd(FINISHED, result=result, new=total.new)


def _scan(archive: Path, order: TaskOrder) -> SitesFound:
    options = order.task.options
    with make_available_locally(ShardStorage(order.storage), order.task.file, archive.parent / ".import") as path:
        return find_sites_in_file(path, order.scopes, RecordFilter(since=options["since"], until=options["until"]))


_KINDS: dict[str, Callable[[Path, TaskOrder], TaskEnd | SitesFound]] = {
    REEXTRACT: _reextract,
    IMPORT: _import,
    SCAN: _scan,
}
