"""Runs the tasks of a fleet. A task re-extracts a shard ("reextract"), finds the sites of which a WARC file contains
captures ("scan"), or imports the captures of one site from such a file ("import").

Each task is done once, and is stored in the table `fleet_tasks`. It runs in its own process, with the code of `archiver
reextract` or `archiver import`.
"""

from __future__ import annotations

import json
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
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from archiver import __version__
from archiver.fleet.enrolment import enter_hosts
from archiver.fleet.leases import (
    LeasedProcess,
    LeaseKeeper,
    LeaseWait,
    RunEnd,
    SiteLease,
    monotonic_seconds,
    release_host,
    start_watchdog,
    take_lease,
)
from archiver.fleet.postgres import QueueDatabase, Row
from archiver.fleet.shard_storage import ShardStorage
from archiver.fleet.shard_transfer import ARCHIVE, SCANS
from archiver.fleet.worker_job import WorkerContext, attempt_job, prepare_shard, work_on_shard
from archiver.importers.foreign_reader import CAPTURE_KINDS, ByteStream, ForeignRecords, StreamPosition
from archiver.importers.http_response_parser import may_be_page
from archiver.importers.import_inputs import RecordFilter, RecordSelector, is_archive_name, open_inputs
from archiver.importers.import_problems import Problem, ProblemKind
from archiver.model.errors import ArchiverError, UnreadableInput
from archiver.model.urls import Scope, normalize
from archiver.scheduling.fork_server import fork_crawl, unblock_end_signals
from archiver.storage.database import open_archive
from archiver.storage.runs import Counts
from archiver.storage.transactions import environment_error

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
        found_in, key = _locate(storage, name)
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


@contextmanager
def make_available_locally(storage: ShardStorage, file: str, folder: Path) -> Iterator[Path]:
    """Context manager that yields a local path of a WARC file: the file itself if it is on this machine, otherwise a
    copy in `folder`, which is deleted at the end of the block. Raises UnreadableInput, StorageRefused, OSError.
    """
    found_in, key = _locate(storage, file)
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


def _locate(storage: ShardStorage, file: str) -> tuple[ShardStorage, str]:
    """Returns the storage that contains a file, and the file's key in it."""
    if "://" not in file and not file.startswith("/"):
        return storage, file
    if "/" not in file.partition("://")[2] and "://" in file:  # the file is a whole bucket
        return ShardStorage(file), ""
    folder, _, key = file.rpartition("/")
    return ShardStorage(folder or "/"), key


# Scanning a WARC file for sites: only record headers are read.


@dataclass
class SitesFound:
    """The result of scanning a WARC file.

    - `sites`: the names of those sites of the fleet of which the file contains captures.
    - `others`: hosts with possible pages that belong to no site of the fleet. Maps the name that such a host would get
      as a site to its start URL.
    """

    sites: set[str] = field(default_factory=set)
    others: dict[str, str] = field(default_factory=dict)


class ScopeLookup:
    """Finds the site of the fleet to which a URL belongs. If several sites contain the URL, the one with the longest
    path is chosen.
    """

    def __init__(self, scopes: Iterable[Scope]) -> None:
        self._by_host: dict[str, list[Scope]] = {}
        for scope in sorted(scopes, key=lambda one: -len(one.path)):
            self._by_host.setdefault(scope.host, []).append(scope)

    def name_of(self, url: str) -> str | None:
        found = self._by_host.get(Scope.of(url).host, ())
        return next((scope.name for scope in found if scope.contains(url)), None)


def find_sites_in_file(path: Path, scopes: Iterable[Scope], choice: RecordFilter) -> SitesFound:
    """Scans a WARC, ARC or WACZ file for sites, using only records that `choice` selects. Raises UnreadableInput if the
    file has another format, and OSError.
    """
    known, found = ScopeLookup(scopes), SitesFound()
    selector = RecordSelector(choice, lambda url: True)

    def look(fields: dict[str, str], first: bytes) -> bool:
        kind = fields.get("warc-type", "").lower()
        url = normalize(fields.get("warc-target-uri", "").strip().strip("<>")) if kind in CAPTURE_KINDS else None
        if url is None or selector.why_not_kept(fields):
            return False
        if (name := known.name_of(url)) is not None:
            found.sites.add(name)
        elif kind != "revisit" and may_be_page(first):
            parts = urlsplit(url)
            start = f"{parts.scheme}://{parts.netloc}/"
            found.others.setdefault(Scope.of(start).name, start)
        return False  # no record block is kept

    for one in open_inputs(path):
        if isinstance(one, Problem):
            raise UnreadableInput(path.name, one.sentence)
        with one.open() as handle:
            for item in ForeignRecords(ByteStream(handle, StreamPosition(), one.size), look):
                if isinstance(item, Problem) and item.kind is ProblemKind.NOT_AN_ARCHIVE:
                    raise UnreadableInput(one.name, item.sentence)
    return found


# The process of a task.

_log = logging.getLogger(__name__)
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
    from archiver.maintenance.reextraction_reader import ReextractedArticle, ReextractionRequest, select_articles
    from archiver.maintenance.reextraction_run import begin_reextraction, reextract, reextract_all
    from archiver.sites.page_objects import load_page_objects

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
    from archiver.importers.import_rows import ImportCounts
    from archiver.importers.import_run import ImportRun
    from archiver.maintenance.takedown import finish_pending_takedowns

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
    finish_pending_takedowns(archive, _log.warning)
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


# The job of a task. Re-extractions and imports need the lease and the token of the shard's site, as a crawl does. A
# scan needs neither.

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
