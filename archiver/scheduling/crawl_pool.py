"""Crawls the plans of a command with Scrapy: in this process, several hosts at a time, or in a pool of worker processes
to use several cores.

The command assigns each host to the worker with the fewest hosts, shows the progress and collects the results. If a
worker dies, only the crawls that it was running fail.

A worker receives hosts over a link, crawls them, and sends back the results. It stops when the command dies, because
that closes the link.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from time import monotonic
from typing import Any

from scrapy.crawler import AsyncCrawlerProcess, Crawler
from scrapy.logformatter import LogFormatter
from scrapy.settings import Settings
from twisted.internet.defer import Deferred, succeed

from archiver.extensions.crawl_log import install_crawl_log, log_as, prepare_log_file
from archiver.extensions.crawl_progress_display import Leave, Line, Screen, Terminal
from archiver.extensions.shared_crawl_state import ArchiveExtension
from archiver.maintenance.takedown import finish_pending_takedowns
from archiver.model.errors import ArchiveInUse, ArchiverError, BadPageObject, HostInUse
from archiver.model.urls import Scope
from archiver.scheduling.crawl_plans import (
    GRACE,
    CommonOptions,
    CrawlOutcome,
    CrawlPlan,
    CrawlResult,
    HostPlans,
    count_cores,
    group_by_host,
    not_started_result,
    print_notice,
    send_notices_to,
)
from archiver.scheduling.fork_server import END_SIGNALS, fork_crawl, unblock_end_signals
from archiver.sites.config import load_config
from archiver.sites.crawler_identity import user_agent
from archiver.spiders.run_ending import internal_error
from archiver.spiders.site_spider import SiteSpider
from archiver.storage.runs import Counts
from archiver.storage.transactions import environment_error, stop_waiting_for_locks

# Scrapy's process, changed so that it ends within seconds of a signal.

_GARBAGE_THRESHOLD = 20_000
"""Python looks for cyclic garbage each time this many new objects exist (default: 700)."""
_SAME_SIGNAL = 0.5
"""A signal that arrives within this many seconds after the first one counts as the same signal. A service manager
signals all processes, and the command forwards the signal to its workers as well.
"""


class CrawlProcess(AsyncCrawlerProcess):
    """Scrapy's crawler process, changed so that it ends within seconds of a signal. `signum` is the signal that ended
    it; 0 if there was none.

    The first signal ends every crawl as soon as its running requests have finished, or after `grace` seconds. A
    second signal ends them at once. In both cases the caller closes crawls that are still open.
    """

    signum = 0

    def __init__(self, settings: Settings, grace: float) -> None:
        super().__init__(settings)
        self._grace = grace
        self._stop_now = False
        self._signalled_at = 0.0

    def end(self) -> None:
        """Stops the process at once. The caller closes crawls that are still open."""
        self._stop_now = True
        self._stop_reactor()

    def shut_down(self, signum: int) -> None:
        """Stops the process as if this signal had been received, unless a signal was received before."""
        if not self.signum:
            self._signal_shutdown(signum, None)

    def _stop_dfd(self) -> Deferred[Any]:
        return succeed(None) if self._stop_now else super()._stop_dfd()

    def _signal_kill(self, signum: int, frame: Any) -> None:
        if monotonic() - self._signalled_at < _SAME_SIGNAL:
            return
        self._stop_now = True
        super()._signal_kill(signum, frame)

    def _signal_shutdown(self, signum: int, frame: Any) -> None:
        from twisted.internet import reactor

        clock: Any = reactor
        self.signum, self._signalled_at = signum, monotonic()
        stop_waiting_for_locks()
        super()._signal_shutdown(signum, frame)
        clock.callFromThread(lambda: clock.callLater(self._grace, self.end))


class ErrorLogFormatter(LogFormatter):
    """Scrapy's log messages without those about each page that was fetched or stored, which the crawl log omits."""

    def crawled(self, *args: Any) -> Any:
        return None

    def scraped(self, *args: Any) -> Any:
        return None


# Scrapy's statistics are shown only in its own log. Each run stores statistics of its own.
_STATISTICS = {"scrapy.extensions.corestats.CoreStats": None, "scrapy.extensions.logcount.LogCount": None}
_log = logging.getLogger(__name__)


class CrawlerGroup:
    """All crawls of one Scrapy process. `on_result` is called with the position and the result of each plan.

    Raises BadConfig if archiver.toml is invalid, and an ArchiverError if the log file cannot be written.
    """

    def __init__(self, order: CommonOptions, on_result: Callable[[int, CrawlOutcome], None]) -> None:
        settings = Settings()
        settings.setmodule("archiver.settings", priority="project")
        settings.setdict(
            {
                "ARCHIVE_PATH": str(order.archive),
                "PROGRESS": order.progress,
                "LOG_SUMMARY_LEVEL": "INFO",
                "SPIDER_MODULES": [],  # each crawl passes its class, so that none has to be searched for
                "LOG_VERSIONS": [],  # Scrapy would read package metadata to find them, and the log omits them
                "LOG_INSTALL_ROOT_HANDLER": False,
                "LOG_FORMATTER": ErrorLogFormatter,
                "EXTENSIONS": {**settings.getdict("EXTENSIONS"), **_STATISTICS},
                "DOWNLOADER_STATS": False,
                "STATS_CLASS": "scrapy.statscollectors.DummyStatsCollector",
            },
            priority="cmdline",
        )
        install_crawl_log(prepare_log_file(order.archive), load_config().log)
        self.process = CrawlProcess(settings, GRACE)
        self._settings = settings
        self._order = order
        self._on_result = on_result
        self._open: dict[int, tuple[CrawlPlan, Crawler]] = {}

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        """Runs the coroutine `main` until `process.end` is called or a signal arrives. Then closes crawls that are
        still open, and reports their results.
        """
        running = asyncio.get_event_loop().create_task(main)
        self.process.start(stop_after_crawl=False)
        running.cancel()
        for index, (plan, crawler) in list(self._open.items()):
            # The process did not wait for running requests.
            if archive := _archive_extension_of(crawler):
                archive.ended("stopped")
            self._report(index, _result(plan, crawler) or not_started_result(plan))

    async def crawl_host(self, plans: HostPlans) -> None:
        """Crawls the sites of one host, one after another. If the process stops, the remaining plans get no result."""
        for index, plan in plans:
            if self.process.signum:
                return
            await self._one(index, plan)
            await asyncio.sleep(plan.delay)

    def running_counts(self) -> Iterator[tuple[int, Counts]]:
        """Yields the position of each running crawl and its current counts."""
        for index, (_, crawler) in self._open.items():
            if archive := _archive_extension_of(crawler):
                yield index, archive.run.counts

    async def _one(self, index: int, plan: CrawlPlan) -> None:
        self._settings.setdict(  # each Crawler has its own copy
            {
                "DOWNLOAD_DELAY": plan.delay,
                "USER_AGENT": user_agent(plan.contact),
                "CONCURRENT_REQUESTS_PER_DOMAIN": 1 if plan.delay else plan.connections,
            },
            priority="cmdline",
        )
        order = self._order
        log_as(plan.url)
        crawler: Crawler | None = None
        try:
            crawler = Crawler(SiteSpider, self._settings)
            self._open[index] = plan, crawler
            await _wait_for_crawl(
                crawler,
                self.process.crawl(
                    crawler,
                    url=plan.url,
                    full=order.full,
                    limit=order.limit,
                    since=order.since,
                    only=order.only,
                    requisites=order.requisites,
                    scheduled=order.scheduled,
                    pages=plan.pages,
                ),
            )
        except ArchiverError as error:
            self._report(index, error)
            return
        except Exception as error:
            if isinstance(error, OSError):
                # For example, too many files are open.
                self._report(index, environment_error(error, order.archive))
                return
            archive = _archive_extension_of(crawler)
            if archive is None:
                _log.exception("%s", plan.url)
                reason = internal_error(plan.url, error).reason
                self._report(index, CrawlResult(plan.url, plan.url, "failed", reason, 0.0, Counts(), ()))
                return
            archive.fail_start(error)
        if result := _result(plan, crawler):
            self._report(index, result)

    def _report(self, index: int, result: CrawlOutcome) -> None:
        # Finished crawlers are dropped, because the crawlers of a long list of sites would fill the memory.
        self._open.pop(index, None)
        self._on_result(index, result)


def crawl_in_process(plans: list[CrawlPlan], order: CommonOptions, workers: int) -> tuple[dict[int, CrawlOutcome], int]:
    """Crawls all plans in this process, `workers` hosts at a time. Returns the results by position of the plan, and the
    signal that ended the crawls (0 for none).
    """
    results: dict[int, CrawlOutcome] = {}
    crawls = CrawlerGroup(order, results.__setitem__)
    waiting = group_by_host(plans)

    async def worker() -> None:
        while waiting:
            await crawls.crawl_host(waiting.pop(0))

    async def everything() -> None:
        try:
            await asyncio.gather(*(worker() for _ in range(min(workers, len(waiting)))))
        finally:
            asyncio.get_running_loop().call_soon(crawls.process.end)

    # Reference counting frees nearly all objects of a crawl, so cyclic garbage is rarely looked for.
    gc.set_threshold(_GARBAGE_THRESHOLD, *gc.get_threshold()[1:])
    crawls.run(everything())
    return results, crawls.process.signum


async def _wait_for_crawl(crawler: Any, task: asyncio.Task[None]) -> None:
    """Waits for a crawl to end. After the crawl is stopped, waits at most GRACE more seconds, because a server may not
    respond.
    """
    while not task.done():
        await asyncio.wait({task}, timeout=1.0)
        archive = _archive_extension_of(crawler)
        if archive and archive.stopped_at is not None and time.monotonic() - archive.stopped_at > GRACE:
            return
    await task


def _result(plan: CrawlPlan, crawler: Any) -> CrawlResult | None:
    """Returns the result of a crawl; None if the crawl is still running or never started."""
    archive = _archive_extension_of(crawler)
    if archive is None or archive.run.result is None:
        return None
    run, end = archive.run, archive.run.result
    return CrawlResult(
        run.site_name,
        plan.url,
        end.outcome,
        end.reason,
        end.seconds,
        run.counts,
        end.failures,
        end.due,
        end.edits,
        end.still_held,
        end.taken_back,
        end.continued_full,
    )


def _archive_extension_of(crawler: Crawler | None) -> ArchiveExtension | None:
    """Returns the ArchiveExtension of a crawl; None if the crawl has not started yet."""
    if crawler is not None:
        with suppress(RuntimeError):  # Scrapy has not made the crawler's extensions yet
            return crawler.get_extension(ArchiveExtension)
    return None


# Messages between the command and its workers. Each is pickled separately, so a dying process cannot damage others.


@dataclass(frozen=True, slots=True)
class CrawlHost:
    """Message to a worker: crawl the sites of this host in addition to those it has."""

    host: HostPlans


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Message to an idle worker: close everything and exit."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Message to a worker: stop as after this signal. If `at_once` is True, do not wait for running requests."""

    signum: int
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """Message from a worker: the result of the plan at position `index`."""

    index: int
    result: CrawlOutcome


@dataclass(frozen=True, slots=True)
class HostFree:
    """Message from a worker: it no longer sends requests to the host of the plan at position `index`. The result of the
    plan may follow later.
    """

    index: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Message that a worker sends at regular intervals: the current counts of the crawl of the plan at position
    `index`. If the worker is killed, the last counts become the result of this crawl.
    """

    index: int
    counts: Counts


@dataclass(frozen=True, slots=True)
class Notice:
    """Message from a worker: a sentence for the user."""

    sentence: str


ToWorker = CrawlHost | Shutdown | Stop
FromWorker = Finished | HostFree | Progress | Notice | Line | Leave | ArchiverError


def send(link: Connection, message: ToWorker | FromWorker) -> None:
    """Sends a message over a link. Does nothing if the link is closed, because the code that reads from the link
    handles that.
    """
    with suppress(OSError):
        link.send(message)


_REPORT_EVERY = 1.0


def run_pool_worker(link: Connection, order: CommonOptions, every: float) -> None:
    """Runs a worker process until the command shuts it down. `every` is the number of seconds between two progress
    lines of a site.
    """
    send_notices_to(None if order.quiet else lambda sentence: send(link, Notice(sentence)))
    if order.progress:
        from archiver.extensions.crawl_progress_display import show_progress_on

        show_progress_on(_RemoteScreen(link, every))
    with link:
        _PoolWorker(link, order).run()


@dataclass(frozen=True, slots=True)
class _RemoteScreen:
    """Stands for the terminal in a worker process: sends progress lines to the command, which shows them. `every` is
    the number of seconds between two lines of a site.
    """

    link: Connection
    every: float

    def draw(self, line: Line | Leave) -> None:
        send(self.link, line)


class _PoolWorker:
    def __init__(self, link: Connection, order: CommonOptions) -> None:
        self._link = link
        self._hosts: set[asyncio.Task[None]] = set()
        self._crawls = CrawlerGroup(order, self._report_result)

    def run(self) -> None:
        self._crawls.run(self._main())

    def _report_result(self, index: int, result: CrawlOutcome) -> None:
        self._send(Finished(index, result))

    async def _main(self) -> None:
        unblock_end_signals()
        asyncio.get_running_loop().add_reader(self._link.fileno(), self._receive)
        while True:
            await asyncio.sleep(_REPORT_EVERY)
            for index, counts in self._crawls.running_counts():
                self._send(Progress(index, counts))

    def _send(self, message: FromWorker) -> None:
        send(self._link, message)

    def _receive(self) -> None:
        process = self._crawls.process
        try:
            message: ToWorker = self._link.recv()
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(self._link.fileno())
            _log.warning("The command that started this process is gone; the crawl stops")
            process.shut_down(signal.SIGTERM)
            return
        if isinstance(message, CrawlHost):
            task = asyncio.get_running_loop().create_task(self._crawl_host(message.host))
            self._hosts.add(task)
            task.add_done_callback(self._hosts.discard)
        elif isinstance(message, Stop) and not message.at_once:
            process.shut_down(message.signum)
        else:
            process.end()

    async def _crawl_host(self, host: HostPlans) -> None:
        await self._crawls.crawl_host(host)
        self._send(HostFree(host[0][0]))


_CLOSING = 10.0
"""When a worker is stopped, it gets this many seconds after the grace period to write its results. Then it is killed.
"""
_EXIT_SECONDS = 5.0


def crawl_in_processes(
    plans: list[CrawlPlan], order: CommonOptions, workers: int, processes: int
) -> tuple[dict[int, CrawlOutcome], int]:
    """Crawls all plans in several processes, `workers` hosts at a time. Returns the results by position of the plan,
    and the signal that ended the crawls (0 for none). Plans that were stopped before they started have no result.
    """
    prepare_log_file(order.archive)
    return asyncio.run(_Command(plans, order, workers, processes).crawl())


@dataclass(eq=False)
class _Worker:
    """A worker process with its hosts. Each host is identified by the position of its first plan. `busy` contains the
    hosts that are being crawled.
    """

    process: ForkServerProcess
    link: Connection
    hosts: dict[int, HostPlans] = field(default_factory=dict)
    busy: set[int] = field(default_factory=set)


class _Command:
    def __init__(self, plans: list[CrawlPlan], order: CommonOptions, workers: int, processes: int) -> None:
        self._plans = plans
        self._order = order
        self._max_hosts = workers
        self._processes = processes
        self._waiting = group_by_host(plans)
        self._workers: list[_Worker] = []
        self._results: dict[int, CrawlOutcome] = {}
        self._counts: dict[int, Counts] = {}
        self._started: dict[int, float] = {}
        self._signum = 0
        self._screen: Screen = Terminal()

    async def crawl(self) -> tuple[dict[int, CrawlOutcome], int]:
        loop = asyncio.get_running_loop()
        self._done = loop.create_future()
        for signum in END_SIGNALS:
            loop.add_signal_handler(signum, self._handle_signal, signum)
        try:
            self._assign_hosts()
            await self._done
        finally:
            for signum in END_SIGNALS:
                loop.remove_signal_handler(signum)
        return self._results, self._signum

    def _assign_hosts(self) -> None:
        """Assigns waiting hosts to worker processes: each to a new process until the limit of processes is reached,
        then to the process with the fewest hosts. Ends the command when there is nothing left to do.
        """
        while self._waiting and sum(len(w.busy) for w in self._workers) < self._max_hosts:
            if len(self._workers) < self._processes:
                try:
                    self._start()
                except OSError:
                    # No further process can be started, so the existing ones do its work.
                    if not self._workers:
                        raise
                    self._processes = len(self._workers)
            worker = min(self._workers, key=lambda w: len(w.busy))
            host = self._waiting.pop(0)
            first = host[0][0]
            worker.hosts[first] = host
            worker.busy.add(first)
            self._started |= {index: monotonic() for index, _ in host}
            send(worker.link, CrawlHost(host))
        if not self._waiting:
            for worker in self._workers:
                if not worker.busy:
                    send(worker.link, Shutdown())
        if not self._workers and not self._done.done():
            self._done.set_result(None)

    def _start(self) -> None:
        process, link = fork_crawl(
            "crawls", self._order.archive, run_pool_worker, self._order, self._screen.every, daemon=True
        )
        worker = _Worker(process, link)
        self._workers.append(worker)
        asyncio.get_running_loop().add_reader(link.fileno(), self._receive, worker)

    def _receive(self, worker: _Worker) -> None:
        try:
            message: FromWorker = worker.link.recv()
        except (EOFError, OSError):
            self._handle_exit(worker)
            return
        match message:
            case Finished(index, result):
                self._results[index] = result
            case HostFree(index):
                worker.busy.discard(index)
                self._assign_hosts()
            case Progress(index, counts):
                self._counts[index] = counts
            case Notice(sentence):
                print_notice(sentence)
            case ArchiverError():  # it cannot write its log; its plans are reported when it exits
                print_notice(str(message))
            case _:
                self._screen.draw(message)

    def _handle_exit(self, worker: _Worker) -> None:
        """Handles the end of a worker process. The plans that it was crawling have failed; its other plans go to other
        workers.
        """
        asyncio.get_running_loop().remove_reader(worker.link.fileno())
        worker.link.close()
        worker.process.join(_EXIT_SECONDS)
        if worker.process.exitcode is None:
            worker.process.kill()
            worker.process.join()
        self._workers.remove(worker)
        unfinished = [[(i, plan) for i, plan in host if i not in self._results] for host in worker.hosts.values()]
        for plans in filter(None, unfinished):
            if self._signum or worker.process.exitcode:
                index, plan = plans.pop(0)
                self._report_lost(index, plan, worker.process.exitcode or 0)
            if plans and not self._signum:
                self._waiting.insert(0, tuple(plans))
        self._assign_hosts()

    def _report_lost(self, index: int, plan: CrawlPlan, code: int) -> None:
        """Records the result of a crawl whose worker died, with the last counts that the worker sent. `code` is the
        exit code of the worker.
        """
        counts = self._counts.get(index)
        site = Scope.of(plan.url).name
        self._screen.draw(Leave(site))
        if self._signum and counts is None:
            return
        reason = "stopped, then killed" if self._signum else _death_sentence(plan.url, code, self._order)
        self._results[index] = CrawlResult(
            site,
            plan.url,
            "interrupted" if self._signum else "failed",
            reason,
            monotonic() - self._started[index],
            counts or Counts(),
            (),
        )

    def _handle_signal(self, signum: int) -> None:
        """Stops all workers: after the first signal, running requests may finish; after a second one, they may not."""
        is_second = bool(self._signum)
        self._signum = self._signum or signum
        self._waiting.clear()
        for worker in self._workers:
            send(worker.link, Stop(signum, at_once=is_second))
        asyncio.get_running_loop().call_later(_CLOSING if is_second else GRACE + _CLOSING, self._kill)
        self._assign_hosts()

    def _kill(self) -> None:
        for worker in self._workers:
            worker.process.kill()


def _death_sentence(url: str, code: int, order: CommonOptions) -> str:
    if code < 0:
        how = (
            f"was killed by signal {-code} ({signal.strsignal(-code)}); the system also does that when it runs out of "
            "memory"
        )
    else:
        how = f"exited with code {code} (see {prepare_log_file(order.archive)})"
    return (
        f"The crawl of {url} is incomplete: its process {how}. What was stored is kept, and the next crawl continues "
        "from there."
    )


# The entry point.


def run_plans(
    plans: list[CrawlPlan], order: CommonOptions, workers: int, *, apart: bool = False
) -> tuple[list[CrawlResult], int]:
    """Crawls all plans, `workers` hosts at a time, on the available cores. Returns the results in the order of the
    plans, and the signal that ended the crawls (0 for none).

    If there is only one host or one core, crawls in this process, since another one would only cost time and memory.
    Scrapy can run only once in a process; if `apart` is True, another process is used in any case. Raises the errors of
    `open_archive`, before the first request.
    """
    finish_pending_takedowns(order.archive, print_notice, create=True)
    results, signum = _crawl(plans, order, workers, apart=apart)
    return [
        _result_or_raise(plan, results.get(index) or not_started_result(plan), alone=len(plans) == 1)
        for index, plan in enumerate(plans)
    ], signum


def _crawl(
    plans: list[CrawlPlan], order: CommonOptions, workers: int, *, apart: bool
) -> tuple[dict[int, CrawlOutcome], int]:
    processes = min(workers, count_cores(), len(group_by_host(plans)))
    if processes > 1 or apart:
        return crawl_in_processes(plans, order, workers, processes)
    send_notices_to(None if order.quiet else print_notice)
    return crawl_in_process(plans, order, workers)


def _result_or_raise(plan: CrawlPlan, result: CrawlOutcome, *, alone: bool) -> CrawlResult:
    """Returns the result of a plan, or raises its ArchiverError. If there are other plans (`alone` is False), two
    errors are returned as results instead: "waiting" if another command is crawling the site or host, and "failed" if a
    page object cannot be used.
    """
    if isinstance(result, BadPageObject) and not alone:
        return CrawlResult(Scope.of(plan.url).name, plan.url, "failed", str(result), 0.0, Counts(), ())
    if isinstance(result, ArchiveInUse | HostInUse) and not alone:
        return CrawlResult(Scope.of(plan.url).name, plan.url, "waiting", str(result), 0.0, Counts(), ())
    if isinstance(result, ArchiverError):
        raise result
    return result
