"""What a task does to the archive of a shard, in a process of its own, with the code of `archiver reextract` and
`archiver import`.
"""

from __future__ import annotations

import logging
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from archiver import __version__
from archiver.errors import ArchiverError, UnreadableInput
from archiver.fleet.crawl_job import Lease, WorkerContext, attempt, on_shard, prepare
from archiver.fleet.enrolment import enter_hosts
from archiver.fleet.fleet_tasks import (
    FAILED,
    FINISHED,
    IMPORT,
    INTERRUPTED,
    REEXTRACT,
    SCAN,
    Task,
    TaskEnd,
    end_run,
    end_scan,
    open_task,
)
from archiver.fleet.leases import LeaseWait, SiteLease, monotonic_seconds, take_lease
from archiver.fleet.leashed_process import Leashed, take_leash
from archiver.fleet.shard_storage import ShardStorage
from archiver.fleet.shards import ARCHIVE, SCANS
from archiver.importers.import_inputs import RecordFilter, RecordSelector, inputs_in, is_archive_name
from archiver.scheduling.fork_server import fork_crawl, let_through
from archiver.storage.connection import fault_of, open_archive
from archiver.urls import Scope, normalize
from archiver.warc.byte_stream import ByteStream, StreamPosition
from archiver.warc.foreign_reader import ForeignRecords
from archiver.warc.http_response import may_be_page
from archiver.warc.problems import Problem, ProblemKind

# WARC files that a fleet imports, where every worker finds them.


def files_named(storage: ShardStorage, words: Iterable[str]) -> list[str]:
    """The files that words of the command line name: themselves, or those in a folder and all below it. A relative path
    of this machine becomes a whole one. Raises UnreadableInput for what does not exist, StorageRefused."""
    out: dict[str, None] = {}
    for word in words:
        name = str(Path(word).resolve()) if "://" not in word and Path(word).exists() else word.rstrip("/")
        place, key = _place(storage, name)
        kind = place.kind(key)
        if kind == "file":
            out[name] = None
        elif kind == "directory":
            below = [found[len(key) :] for found in place.keys(key) if is_archive_name(PurePosixPath(found).name)]
            if not below:
                raise UnreadableInput(word, "the folder has no WARC, ARC or WACZ file")
            out.update(dict.fromkeys(name + rest for rest in below))
        else:
            raise UnreadableInput(word, f"there is no such file here, nor in the fleet's storage {storage.url}")
    return list(out)


@contextmanager
def on_this_disk(storage: ShardStorage, file: str, folder: Path) -> Iterator[Path]:
    """A file that can be read at any place, under its own name: itself, or a copy in `folder` for as long as the block
    lasts. Raises UnreadableInput, StorageRefused, OSError."""
    place, key = _place(storage, file)
    if path := place.local(key):
        if not path.is_file():
            raise UnreadableInput(file, "this worker does not find it: give each machine the folder at the same path")
        yield path
        return
    if place.kind(key) != "file":
        raise UnreadableInput(file, "there is no such file")
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / PurePosixPath(key).name
    try:
        with copy.open("wb") as into:
            place.append_to(key, into)
        yield copy
    finally:
        copy.unlink(missing_ok=True)
        folder.rmdir()


def _place(storage: ShardStorage, file: str) -> tuple[ShardStorage, str]:
    """The storage that has this file, and its key there."""
    if "://" not in file and not file.startswith("/"):
        return storage, file
    if "/" not in file.partition("://")[2] and "://" in file:  # a whole bucket
        return ShardStorage(file), ""
    folder, _, key = file.rpartition("/")
    return ShardStorage(folder or "/"), key


# Which sites a WARC file has captures of: its records are framed, and none is read.

_CAPTURES = frozenset({"response", "resource", "revisit"})


@dataclass
class SitesFound:
    """`sites` are names of known sites; `others` are start addresses of hosts that no known site contains, by the
    names that their sites would have, as far as they have a record that may be a page."""

    sites: set[str] = field(default_factory=set)
    others: dict[str, str] = field(default_factory=dict)


class Scopes:
    """Known sites by address: of several that contain it, the one confined to the longest path."""

    def __init__(self, scopes: Iterable[Scope]) -> None:
        self._by_host: dict[str, list[Scope]] = {}
        for scope in sorted(scopes, key=lambda one: -len(one.path)):
            self._by_host.setdefault(scope.host, []).append(scope)

    def name_of(self, url: str) -> str | None:
        found = self._by_host.get(Scope.of(url).host, ())
        return next((scope.name for scope in found if scope.contains(url)), None)


def scan(path: Path, scopes: Iterable[Scope], choice: RecordFilter) -> SitesFound:
    """The sites of the records in a file that `choice` takes. Raises UnreadableInput where it is no file of records,
    OSError."""
    known, found = Scopes(scopes), SitesFound()
    wanted = RecordSelector(choice, lambda url: True)

    def look(fields: dict[str, str], first: bytes) -> bool:
        kind = fields.get("warc-type", "").lower()
        url = normalize(fields.get("warc-target-uri", "").strip().strip("<>")) if kind in _CAPTURES else None
        if url is None or wanted.why(fields):
            return False
        if (name := known.name_of(url)) is not None:
            found.sites.add(name)
        elif kind != "revisit" and may_be_page(first):
            parts = urlsplit(url)
            start = f"{parts.scheme}://{parts.netloc}/"
            found.others.setdefault(Scope.of(start).name, start)
        return False  # no block is held

    for one in inputs_in(path):
        if isinstance(one, Problem):
            raise UnreadableInput(path.name, one.sentence)
        with one.open() as handle:
            for item in ForeignRecords(ByteStream(handle, StreamPosition(), one.size), look):
                if isinstance(item, Problem) and item.kind is ProblemKind.NOT_AN_ARCHIVE:
                    raise UnreadableInput(one.name, item.sentence)
    return found


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
    from archiver.maintenance.reextraction import ReextractedArticle, ReextractionRequest, selected_articles
    from archiver.maintenance.reextraction_run import begin_reextraction, reextract, reextract_all

    options = work.task.options
    request = ReextractionRequest(fields=tuple(options["fields"]), since=options["since"], until=options["until"])
    db = open_archive(archive)
    try:
        begun = begin_reextraction(db, request, __version__, datetime.now(UTC))

        def read(ids: list[int]) -> Iterator[list[ReextractedArticle]]:
            return reextract_all(archive, __version__, begun.started_at, request, ids, 1)

        tally = reextract(db, begun, selected_articles(db, request, begun.id), read)
    finally:
        db.close()
    return TaskEnd(
        FINISHED,
        result={
            "articles": begun.done + tally.articles,
            "changed": tally.changed,
            "fields": tally.fields,
            "without_capture": tally.without_capture,
            "problems": len(tally.unreadable),
            "listed": tally.unreadable[:_LISTED],
        },
    )


def _import(archive: Path, work: Work) -> TaskEnd:
    from archiver.importers.import_run import ImportRun
    from archiver.maintenance.takedown import finish_pending_takedowns
    from archiver.storage.article_tables.historical_captures import Tally

    task, options = work.task, work.task.options
    assert task.site is not None
    choice = RecordFilter(
        only=() if work.known else (task.site,),
        known_sites=work.known,
        since=options["since"],
        until=options["until"],
        all_captures=options["all_captures"],
        apart=work.apart,
    )
    finish_pending_takedowns(archive, _log.warning)
    with on_this_disk(ShardStorage(work.storage), task.file, archive.parent / ".import") as path:
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
    with on_this_disk(ShardStorage(work.storage), work.task.file, archive.parent / ".import") as path:
        return scan(path, work.scopes, RecordFilter(since=options["since"], until=options["until"]))


_KINDS: dict[str, Callable[[Path, Work], TaskEnd | SitesFound]] = {REEXTRACT: _reextract, IMPORT: _import, SCAN: _scan}


# One task of the fleet. A shard is re-extracted, or gets the captures of its site from a WARC file, under the lease
# and the token that a crawl of its site would have. Or a WARC file is scanned for the sites that it has captures of.

_LOOK = 0.2
_LEASH = 30.0
"""Seconds for which a scan may go on without hearing from its worker."""


def do_task(place: WorkerContext, number: int) -> float:
    """Make one attempt at a task; 0.0, or after how many seconds it is to be tried again. What goes wrong with the task
    is entered as its end."""
    task = open_task(place.board, number)
    if task is None:
        return 0.0
    if task.site is None:
        _scan_file(place, task)
        return 0.0
    held = take_lease(place.board, task.site, place.name, 0.0, task.id)
    if isinstance(held, LeaseWait):
        return held.seconds
    with Lease(place, held, 0.0) as lease:
        end = attempt(task.name, lease, lambda: _run(place, held, lease, task), lambda why: TaskEnd(FAILED, why))
    if end is None or not end_run(place.board, held, task, end):
        return held.lease
    _log.info("%s: %s", task.name, end.outcome)
    return 0.0


def _run(place: WorkerContext, held: SiteLease, lease: Lease, task: Task) -> TaskEnd:
    active = place.board.one("select active from fleet_sites where name = %s", [held.site])
    inner = place.board.all("select name from fleet_sites where starts_with(name, %s) order by name", [f"{held.site}/"])
    work = Work(
        task, place.storage.url, known=bool(active and active["active"]), apart=tuple(row["name"] for row in inner)
    )

    def start(archive: Path) -> Leashed:
        if task.kind == IMPORT and work.known:
            prepare(archive, held)
        elif task.kind == IMPORT:
            open_archive(archive, create=True).close()  # its site comes with its first post
        return begin_task(archive, work)

    end: TaskEnd = on_shard(place, held, lease, start).result
    return end


def _scan_file(place: WorkerContext, task: Task) -> None:
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


def _scanned(place: WorkerContext, task: Task) -> SitesFound | TaskEnd:
    """Raises the ArchiverError that the process sends, OSError."""
    rows = place.board.all("select start_url from fleet_sites")
    folder = place.folder.with_name(SCANS) / str(task.id)
    folder.mkdir(parents=True, exist_ok=True)
    process = begin_task(
        folder / ARCHIVE, Work(task, place.storage.url, tuple(Scope.of(row["start_url"]) for row in rows))
    )
    try:
        process.lengthen(monotonic_seconds() + _LEASH)
        while not process.over(_LOOK):
            process.lengthen(monotonic_seconds() + _LEASH)
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
