"""What a task does to the archive of a shard, in a process of its own, with the code of `archiver reextract` and
`archiver import`."""

from __future__ import annotations

import logging
import signal
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from archiver import __version__
from archiver.commands.crawls.fork import fork_crawl, let_through
from archiver.errors import ArchiverError
from archiver.fleet.leash import Leashed, take_leash
from archiver.fleet.site_scan import SitesFound, scan
from archiver.fleet.storage import Storage
from archiver.fleet.tasks import FAILED, FINISHED, IMPORT, INTERRUPTED, REEXTRACT, SCAN, Task, TaskEnd
from archiver.fleet.warc_files import on_this_disk
from archiver.imports.choice import Choice
from archiver.store.connect import open_archive
from archiver.store.faults import fault_of
from archiver.urls import Scope

_log = logging.getLogger(__name__)
_LISTED = 20
"""Problems of a task that are kept as sentences; all are counted."""


@dataclass(frozen=True, slots=True)
class Work:
    """A task with what its process needs to know: the storage's URL, the sites that a scan looks for, and for an import
    whether the shard's site is the fleet's own (`known`) and which sites within it have shards of their own (`apart`).
    """

    task: Task
    storage: str
    scopes: tuple[Scope, ...] = ()
    known: bool = True
    apart: tuple[str, ...] = ()


class _Stopped(KeyboardInterrupt):
    """SIGTERM: the worker ends, or the fleet drains at once."""


def begin_task(archive: Path, work: Work) -> Leashed:
    """Start it; it begins when it hears how long it may (`lengthen`). Its result is a TaskEnd or an ArchiverError, that
    of a scan SitesFound. Raises OSError where there is no room for it."""
    process, link = fork_crawl(work.task.name, archive, _work, archive, work)
    return Leashed(process, link, lambda how: TaskEnd(FAILED, f"the process of this task {how}"))


def _work(link: Connection, archive: Path, work: Work) -> None:
    """The life of the process."""
    if take_leash(link) is None:
        return
    signal.signal(signal.SIGTERM, _stop)
    end: TaskEnd | SitesFound | ArchiverError
    try:
        let_through()
        end = _KINDS[work.task.kind](archive, work)
    except _Stopped:
        end = TaskEnd(INTERRUPTED)
    except ArchiverError as error:
        end = error
    except (sqlite3.Error, OSError) as error:
        end = fault_of(error, archive)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    link.send(end)


def _stop(signum: int, frame: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Stopped


def _reextract(archive: Path, work: Work) -> TaskEnd:
    """Of one that was taken over, `changed`, `fields` and problems are what this attempt has met."""
    from archiver.commands.workers import read_all
    from archiver.store.anew.outcome import Outcome
    from archiver.store.anew.reextraction import reextract
    from archiver.store.anew.request import Request, wanted
    from archiver.store.anew.writing import begin

    options = work.task.options
    request = Request(fields=tuple(options["fields"]), since=options["since"], until=options["until"])
    db = open_archive(archive)
    try:
        begun = begin(db, request, __version__, datetime.now(UTC))

        def read(ids: list[int]) -> Iterator[list[Outcome]]:
            return read_all(archive, __version__, begun.started_at, request, ids, 1)

        tally = reextract(db, begun, wanted(db, request, begun.id), read)
    finally:
        db.close()
    return TaskEnd(FINISHED, result={
        "articles": begun.done + tally.articles, "changed": tally.changed, "fields": tally.fields,
        "without_capture": tally.without_capture, "problems": len(tally.unreadable),
        "listed": tally.unreadable[:_LISTED]})


def _import(archive: Path, work: Work) -> TaskEnd:
    from archiver.commands.takedowns import finish_waiting
    from archiver.imports.run import ImportRun
    from archiver.store.imports import Tally

    task, options = work.task, work.task.options
    assert task.site is not None
    choice = Choice(only=() if work.known else (task.site,), known_sites=work.known, since=options["since"],
                    until=options["until"], all_captures=options["all_captures"], apart=work.apart)
    finish_waiting(archive, _log.warning)
    with on_this_disk(Storage(work.storage), task.file, archive.parent / ".import") as path:
        run = ImportRun(archive, choice, again=options["again"])
        try:
            results = run.run([str(path)])
        finally:
            run.close()
    total, listed = Tally(), []
    for one in results:
        total.add(one.tally)
        listed += [f"{one.name} at {p.offset or 0}: {p.sentence}" for p in one.problems]
    result = {**asdict(total), "problems": sum(sum(one.kinds.values()) for one in results), "listed": listed[:_LISTED]}
    unreadable = [one.name for one in results if one.outcome == "unreadable"]
    if unreadable:
        return TaskEnd(FAILED, f"{task.file} cannot be read: {listed[0] if listed else unreadable[0]}", result)
    return TaskEnd(FINISHED, result=result, new=total.new)


def _scan(archive: Path, work: Work) -> SitesFound:
    options = work.task.options
    with on_this_disk(Storage(work.storage), work.task.file, archive.parent / ".import") as path:
        return scan(path, work.scopes, Choice(since=options["since"], until=options["until"]))


_KINDS: dict[str, Callable[[Path, Work], TaskEnd | SitesFound]] = {
    REEXTRACT: _reextract, IMPORT: _import, SCAN: _scan}
