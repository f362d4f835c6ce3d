"""Crawls the plans of a command in this process, or in several worker processes to use several cores.

The command assigns each host to the worker with the fewest hosts, shows the progress and collects the results. If a
worker dies, only the crawls that it was running fail.

A worker receives hosts over a link, crawls them, and sends back the results. It stops when the command dies, because
that closes the link.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from time import monotonic

from archiver.errors import ArchiveInUse, ArchiverError, BadPageObject, HostInUse
from archiver.extensions.progress import Leave, Line, Screen, Terminal
from archiver.maintenance.takedown import finish_pending_takedowns
from archiver.scheduling.crawl_plans_process_and_results import (
    GRACE,
    CommonOptions,
    CrawlOutcome,
    CrawlPlan,
    CrawlResult,
    HostPlans,
    count_cores,
    group_by_host,
    not_started_result,
    prepare_log_file,
    print_notice,
    send_notices_to,
)
from archiver.scheduling.fork_server import END_SIGNALS, fork_crawl, unblock_end_signals
from archiver.storage.run_records_and_statistics import Counts
from archiver.urls import Scope

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
_log = logging.getLogger(__name__)


def run_pool_worker(link: Connection, order: CommonOptions, every: float) -> None:
    """Runs a worker process until the command shuts it down. `every` is the number of seconds between two progress
    lines of a site.
    """
    send_notices_to(None if order.quiet else lambda sentence: send(link, Notice(sentence)))
    if order.progress:
        from archiver.extensions.progress import show_progress_on

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
        from archiver.scheduling.crawl_plans_process_and_results import CrawlerGroup

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


# The entry point


def run_plans(
    plans: list[CrawlPlan], order: CommonOptions, workers: int, *, apart: bool = False
) -> tuple[list[CrawlResult], int]:
    """Crawls all plans, `workers` hosts at a time, on the available cores. Returns the results in the order of the
    plans, and the signal that ended the crawls (0 for none).

    If there is only one host or one core, crawls in this process, because another process would only cost time and
    memory. A process can do that only once; if `apart` is True, it is not used. Raises the errors of `open_archive`,
    before the first request.
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
    from archiver.scheduling.crawl_plans_process_and_results import crawl_in_process

    send_notices_to(None if order.quiet else print_notice)
    return crawl_in_process(plans, order, workers)


def _result_or_raise(plan: CrawlPlan, result: CrawlOutcome, *, alone: bool) -> CrawlResult:
    """Returns the result of a plan, or raises its ArchiverError. If the plan is not the only one (`alone` is False),
    two kinds of errors are returned as results instead: "waiting" if another command is crawling the site or host, and
    "failed" if a page object cannot be used.
    """
    if isinstance(result, BadPageObject) and not alone:
        return CrawlResult(Scope.of(plan.url).name, plan.url, "failed", str(result), 0.0, Counts(), ())
    if isinstance(result, ArchiveInUse | HostInUse) and not alone:
        return CrawlResult(Scope.of(plan.url).name, plan.url, "waiting", str(result), 0.0, Counts(), ())
    if isinstance(result, ArchiverError):
        raise result
    return result
