"""The fleet's job queue, built on Procrastinate, and the workers that run its jobs. Enqueues due sites, and retries
the jobs of dead workers.

A worker runs several jobs at a time until it is stopped, and sends heartbeats.
"""

from __future__ import annotations

import asyncio
import logging
import math
import signal
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any, ParamSpec, TypeVar

from procrastinate import App, BaseRetryStrategy, JobContext, PsycopgConnector, RetryDecision
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, NoResult
from procrastinate.jobs import Job

from archiver import __version__
from archiver.api.crawls import start_fork_server
from archiver.fleet.postgres import QueueDatabase, postgres_message
from archiver.fleet.worker_job import WorkerContext, crawl_site
from archiver.model.errors import ArchiverError, QueuePermissionDenied, QueueUnavailable, QueueVersionMismatch

_log = logging.getLogger(__name__)
SITES, CARE = "sites", "care"
"""The queues: SITES has the crawls, CARE the planning of jobs and the retries. Each worker has an extra slot for
CARE."""
_CRAWL = "crawl-site"
_TOGETHER = 500
_AWAY, _BROKEN = 5.0, 60.0
"""Seconds after which a job is retried: _AWAY if it could not reach PostgreSQL, _BROKEN if it failed unexpectedly."""
_PATIENCE = 60.0
"""While PostgreSQL restarts, a statement is retried for at most this many seconds."""
P = ParamSpec("P")
R = TypeVar("R")


class RetryLater(Exception):
    """Raised by a job that must be retried after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"in {seconds:.0f} s")
        self.seconds = seconds


class RetryAfter(BaseRetryStrategy):
    """Procrastinate's retry strategy for jobs that raise RetryLater. The same job runs again later, and keeps its lock
    until then.
    """

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        return (
            RetryDecision(retry_in={"seconds": max(1, math.ceil(exception.seconds))})
            if isinstance(exception, RetryLater)
            else None
        )


class PatientConnector(PsycopgConnector):
    """Connector to PostgreSQL that retries a statement for up to a minute after a lost connection. The worker's crawls
    continue during that time, as long as their leases last.
    """

    async def execute_query_async(self, query: Any, **values: Any) -> None:
        await _retry_while_disconnected(super().execute_query_async, query, **values)

    async def execute_query_one_async(self, query: Any, **values: Any) -> dict[str, Any]:
        return await _retry_while_disconnected(super().execute_query_one_async, query, **values)

    async def execute_query_all_async(self, query: Any, **values: Any) -> list[dict[str, Any]]:
        return await _retry_while_disconnected(super().execute_query_all_async, query, **values)


async def _retry_while_disconnected(call: Callable[P, Awaitable[R]], *args: P.args, **values: P.kwargs) -> R:
    import psycopg

    end = monotonic() + _PATIENCE
    while True:
        try:
            return await call(*args, **values)
        except (AlreadyEnqueued, NoResult):
            raise
        except ConnectorException as error:
            # Only network errors and restarts are worth a retry; an invalid statement stays invalid.
            if not isinstance(error.__cause__, psycopg.OperationalError) or monotonic() > end:
                raise
            await asyncio.sleep(0.5)


def make_queue(board: QueueDatabase, context: WorkerContext | None = None, size: int = 4) -> App:
    """Returns the Procrastinate app with the fleet's jobs. Without a worker's `context`, jobs can be listed and
    enqueued but not run. `size` is the maximum number of connections to PostgreSQL.
    """
    app = App(connector=PatientConnector(conninfo=board.jobs, min_size=1, max_size=size, timeout=10))

    @app.task(name=_CRAWL, queue=SITES, retry=RetryAfter(), pass_context=True)
    def crawl(job: JobContext, site: str, url: str, settings: dict[str, Any]) -> None:
        assert context is not None
        try:
            wait = crawl_site(context, site, settings, url)
        except QueueUnavailable as error:
            _log.warning("%s: %s", site, error)
            wait = _AWAY
        except Exception:
            _log.exception("%s", site)
            wait = _BROKEN
        if wait:
            raise RetryLater(wait)

    # These jobs take no lock, because the lock of a dead worker would keep all other workers from taking over.
    @app.periodic(cron="* * * * * */2", periodic_id="plan")
    @app.task(name="plan", queue=CARE, queueing_lock="plan")
    async def plan(timestamp: int) -> None:
        await enqueue_due_jobs(app, board)

    @app.periodic(cron="* * * * * */5", periodic_id="take-over")
    @app.task(name="take-over", queue=CARE, queueing_lock="take-over")
    async def take_over(timestamp: int) -> None:
        await retry_stalled(app, board)

    return app


def create_queue_tables(board: QueueDatabase) -> None:
    """Creates Procrastinate's tables if they are missing. Raises QueuePermissionDenied, QueueUnavailable."""
    import psycopg

    found = board.one("select to_regclass('procrastinate_jobs') is not null as found")
    if found and found["found"]:
        return
    app = make_queue(board)
    try:
        with app.open():
            app.schema_manager.apply_schema()
    except ConnectorException as error:
        cause = error.__cause__
        if isinstance(cause, psycopg.errors.InsufficientPrivilege):
            raise QueuePermissionDenied(board.where, postgres_message(cause)) from error
        if isinstance(cause, psycopg.OperationalError):
            raise QueueUnavailable(board.where, postgres_message(cause)) from error
        raise


async def enqueue_due_jobs(app: App, board: QueueDatabase) -> int:
    """Enqueues one job for each due site, those that have been due longest first. Returns the number of jobs
    enqueued.
    """
    rows = await asyncio.to_thread(
        board.all,
        "select s.name, s.host, s.start_url, s.settings from fleet_sites s join fleet_hosts h using (host), fleet f "
        "where s.active and s.due_at <= now() and f.draining = '' and (h.quiet_until is null or "
        "h.quiet_until <= now()) and not exists (select 1 from procrastinate_jobs j where j.queueing_lock = s.name "
        "and j.status in ('todo', 'doing')) order by s.due_at limit %s",
        [_TOGETHER],
    )
    jobs = [
        Job(
            queue=SITES,
            lock=row["host"],
            queueing_lock=row["name"],
            task_name=_CRAWL,
            task_kwargs={"site": row["name"], "url": row["start_url"], "settings": row["settings"]},
        )
        for row in rows
    ]
    if not jobs:
        return 0
    try:
        return len(await app.job_manager.batch_defer_jobs_async(jobs))
    except AlreadyEnqueued:  # another worker has already enqueued some of these jobs
        done = 0
        for one in jobs:
            try:
                await app.job_manager.defer_job_async(one)
                done += 1
            except AlreadyEnqueued:
                continue
        return done


async def retry_stalled(app: App, board: QueueDatabase) -> int:
    """Enqueues the jobs of dead workers again, and returns their number.

    A worker counts as dead if it has sent no heartbeat for the length of a lease. It also counts as dead if the host of
    its job has had no lease for twice that time, because the worker died between two statements to PostgreSQL.
    """
    fleet = await asyncio.to_thread(board.fleet, "layout")
    stalled = {job.id: job for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=fleet.lease)}
    orphans = await asyncio.to_thread(
        board.all,
        "select j.id from procrastinate_jobs j join fleet_hosts h on h.host = j.lock "
        "where j.status = 'doing' and j.queue_name = %s and "
        "h.lease_until < now() - make_interval(secs => %s) and not exists (select 1 from procrastinate_events e "
        "where e.job_id = j.id and e.type = 'started' and e.at > now() - make_interval(secs => %s))",
        [SITES, 2 * fleet.lease, 2 * fleet.lease],
    )
    for number in {*stalled, *(row["id"] for row in orphans)}:
        if number is not None:
            try:
                await app.job_manager.retry_job_by_id_async(number, retry_at=datetime.now(UTC))
            except ConnectorException as error:  # another worker has already retried the job
                _log.info("job %d: %s", number, error.__cause__ or error)
    await app.job_manager.prune_stalled_workers(fleet.lease * 4)
    return len(stalled) + len(orphans)


_BEAT = 2.0
_POLL = 1.0


@dataclass(eq=False)
class Worker:
    """A fleet worker that runs up to `slots` jobs at a time. `run` returns the signal that ended the worker, or 0 if
    the fleet was drained. It raises QueueVersionMismatch if the fleet has been upgraded to another version in the
    meantime.
    """

    context: WorkerContext
    slots: int
    say: Callable[[str], None]
    signum: int = 0
    _refused: ArchiverError | None = None

    def run(self) -> int:
        start_fork_server()
        asyncio.run(self._main())
        with suppress(QueueUnavailable):
            self.context.board.do(
                "update fleet_workers set ended_at = now(), running = 0 where name = %s", [self.context.name]
            )
        if self._refused:
            raise self._refused
        return self.signum

    async def _main(self) -> None:
        loop, ending = asyncio.get_running_loop(), asyncio.Event()

        def stop(signum: int) -> None:
            self.signum = self.signum or signum
            self.context.stopping.set()
            ending.set()

        for signum in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signum, stop, signum)
        self._register()
        over = threading.Event()
        loop.set_default_executor(ThreadPoolExecutor(self.slots + 8))  # each crawl occupies one thread
        beat = threading.Thread(
            target=self._send_heartbeats, daemon=True, args=(over, lambda: loop.call_soon_threadsafe(ending.set))
        )
        beat.start()
        try:
            app = make_queue(self.context.board, self.context, size=self.slots + 4)
            async with app.open_async():
                while not ending.is_set():
                    await self._run_jobs(app, ending)
        finally:
            over.set()
            beat.join()

    async def _run_jobs(self, app: App, ending: asyncio.Event) -> None:
        """Runs jobs until `ending` is set, or until Procrastinate gives up because PostgreSQL was unreachable for too
        long.
        """
        try:
            lease = self.context.board.fleet().lease
        except QueueUnavailable as error:
            _log.warning("%s", error)
            await asyncio.sleep(_BEAT)
            return
        both = [
            asyncio.create_task(
                app.run_worker_async(
                    queues=[queue],
                    concurrency=slots,
                    name=self.context.name,
                    fetch_job_polling_interval=_POLL,
                    install_signal_handlers=False,
                    listen_notify=False,
                    delete_jobs="always",
                    update_heartbeat_interval=lease / 6,
                    stalled_worker_timeout=lease * 4,
                )
            )
            for queue, slots in ((SITES, self.slots), (CARE, 1))
        ]
        waiting = asyncio.create_task(ending.wait())
        await asyncio.wait([*both, waiting], return_when=asyncio.FIRST_COMPLETED)
        # If one of the two queues has given up, the other is ended, too. It would compete with the workers that are
        # started next.
        for task in (*both, waiting):
            task.cancel()
        for result in await asyncio.gather(*both, return_exceptions=True):
            if isinstance(result, ConnectorException | QueueUnavailable):
                _log.warning("the queue was unreachable: %s", result)
                await asyncio.sleep(2)
            elif isinstance(result, Exception):
                raise result

    def _register(self) -> None:
        self.context.board.do(
            "insert into fleet_workers (name, version, slots) values (%s, %s, %s) on conflict (name) do update set "
            "version = excluded.version, slots = excluded.slots, began_at = now(), seen_at = now(), ended_at = null",
            [self.context.name, __version__, self.slots],
        )

    def _send_heartbeats(self, over: threading.Event, end: Callable[[], object]) -> None:
        """Sends heartbeats until `over` is set. Calls `end`, which ends the worker, when the fleet is drained or has
        another version.
        """
        board = self.context.board
        while not over.wait(_BEAT):
            try:
                board.do(
                    "update fleet_workers set seen_at = now(), running = "
                    "(select count(*) from fleet_hosts where worker = %s and lease_until > now()) where name = %s",
                    [self.context.name, self.context.name],
                )
                if board.fleet().draining:
                    end()
            except QueueVersionMismatch as error:
                self._refused = error
                end()
            except ArchiverError as error:
                _log.warning("%s", error)
