"""Crawls in several processes of one command, so that several sites use several cores.

The command hands out hosts, one after the other, each to the process that has the fewest; it draws what they show and
collects what came of them. A process that dies takes the runs with it that it was at, and nothing else.
"""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from time import monotonic

from archiver.errors import ArchiveInUse, ArchiverError, HostInUse
from archiver.extensions.progress import Leave, Screen, Terminal
from archiver.maintenance.takedown import finish_pending_takedowns
from archiver.scheduling.crawl_plan import (
    GRACE,
    Came,
    CrawlOrder,
    CrawlPlan,
    CrawlResult,
    Host,
    by_host,
    cores,
    hear_notices,
    log_file,
    never_begun,
    on_screen,
)
from archiver.scheduling.fork_server import HELD, fork_crawl
from archiver.scheduling.pool_worker import (
    CrawlHost,
    Finished,
    FromWorker,
    HostFree,
    Notice,
    Progress,
    Shutdown,
    Stop,
    run_pool_worker,
    send,
)
from archiver.storage.connection import open_archive
from archiver.storage.runs import Counts
from archiver.urls import Scope

_CLOSING = 10.0
"""Seconds beyond the grace in which a process writes what it has; one that takes longer is killed."""
_LEAVING = 5.0


def crawl_in_processes(
    plans: list[CrawlPlan], order: CrawlOrder, workers: int, processes: int
) -> tuple[dict[int, Came], int]:
    """Crawl all plans in so many processes, `workers` hosts at a time: what came of each by its place, and the signal
    that ended them (0: none). What is not told of was stopped before it began."""
    log_file(order.archive)
    return asyncio.run(_Command(plans, order, workers, processes).crawl())


@dataclass(eq=False)
class _Worker:
    """A process, and the hosts it was handed, by the place of their first plan; `busy` are those it is at."""

    process: ForkServerProcess
    link: Connection
    hosts: dict[int, Host] = field(default_factory=dict)
    busy: set[int] = field(default_factory=set)


class _Command:
    def __init__(self, plans: list[CrawlPlan], order: CrawlOrder, workers: int, processes: int) -> None:
        self._plans = plans
        self._order = order
        self._most = workers
        self._processes = processes
        self._waiting = by_host(plans)
        self._workers: list[_Worker] = []
        self._came: dict[int, Came] = {}
        self._counts: dict[int, Counts] = {}
        self._begun: dict[int, float] = {}
        self._signum = 0
        self._screen: Screen = Terminal()

    async def crawl(self) -> tuple[dict[int, Came], int]:
        loop = asyncio.get_running_loop()
        self._over = loop.create_future()
        for signum in HELD:
            loop.add_signal_handler(signum, self._signalled, signum)
        try:
            self._hand_out()
            await self._over
        finally:
            for signum in HELD:
                loop.remove_signal_handler(signum)
        return self._came, self._signum

    def _hand_out(self) -> None:
        """Give each process of its own a host first, then each host to the process that has the fewest."""
        while self._waiting and sum(len(w.busy) for w in self._workers) < self._most:
            if len(self._workers) < self._processes:
                try:
                    self._start()
                except OSError:
                    # No room for another process: those that there are do its work.
                    if not self._workers:
                        raise
                    self._processes = len(self._workers)
            worker = min(self._workers, key=lambda w: len(w.busy))
            host = self._waiting.pop(0)
            first = host[0][0]
            worker.hosts[first] = host
            worker.busy.add(first)
            self._begun |= {index: monotonic() for index, _ in host}
            send(worker.link, CrawlHost(host))
        if not self._waiting:
            for worker in self._workers:
                if not worker.busy:
                    send(worker.link, Shutdown())
        if not self._workers and not self._over.done():
            self._over.set_result(None)

    def _start(self) -> None:
        process, link = fork_crawl(
            "crawls", self._order.archive, run_pool_worker, self._order, self._screen.every, daemon=True
        )
        worker = _Worker(process, link)
        self._workers.append(worker)
        asyncio.get_running_loop().add_reader(link.fileno(), self._hear, worker)

    def _hear(self, worker: _Worker) -> None:
        try:
            message: FromWorker = worker.link.recv()
        except (EOFError, OSError):
            self._gone(worker)
            return
        match message:
            case Finished(index, came):
                self._came[index] = came
            case HostFree(index):
                worker.busy.discard(index)
                self._hand_out()
            case Progress(index, counts):
                self._counts[index] = counts
            case Notice(sentence):
                on_screen(sentence)
            case ArchiverError():  # it has no place for its log; what it was to crawl is told when it is gone
                on_screen(str(message))
            case _:
                self._screen.draw(message)

    def _gone(self, worker: _Worker) -> None:
        """A process has ended: as it was told, or by itself."""
        asyncio.get_running_loop().remove_reader(worker.link.fileno())
        worker.link.close()
        worker.process.join(_LEAVING)
        if worker.process.exitcode is None:
            worker.process.kill()
            worker.process.join()
        self._workers.remove(worker)
        left = [[(i, plan) for i, plan in host if i not in self._came] for host in worker.hosts.values()]
        for plans in filter(None, left):
            if self._signum or worker.process.exitcode:
                index, plan = plans.pop(0)
                self._lost(index, plan, worker.process.exitcode or 0)
            if plans and not self._signum:
                self._waiting.insert(0, tuple(plans))
        self._hand_out()

    def _lost(self, index: int, plan: CrawlPlan, code: int) -> None:
        """A run whose process is gone without a word: what is known of it is what was seen last."""
        counts = self._counts.get(index)
        site = Scope.of(plan.url).name
        self._screen.draw(Leave(site))
        if self._signum and counts is None:
            return
        reason = "stopped, and then killed" if self._signum else _sentence(plan.url, code, self._order)
        self._came[index] = CrawlResult(
            site,
            plan.url,
            "interrupted" if self._signum else "failed",
            reason,
            monotonic() - self._begun[index],
            counts or Counts(),
            (),
        )

    def _signalled(self, signum: int) -> None:
        """The first signal ends each crawl when its pages under way are in, a second without them."""
        again = bool(self._signum)
        self._signum = self._signum or signum
        self._waiting.clear()
        for worker in self._workers:
            send(worker.link, Stop(signum, at_once=again))
        asyncio.get_running_loop().call_later(_CLOSING if again else GRACE + _CLOSING, self._kill)
        self._hand_out()

    def _kill(self) -> None:
        for worker in self._workers:
            worker.process.kill()


def _sentence(url: str, code: int, order: CrawlOrder) -> str:
    if code < 0:
        how = (
            f"was killed by signal {-code} ({signal.strsignal(-code)}; the system does so, too, when its memory is "
            "full)"
        )
    else:
        how = f"ended by itself (exit code {code}; {log_file(order.archive)} tells more)"
    return (
        f"{url} was not crawled to its end: the process that crawled it {how}. What it had stored is kept, and the "
        "next crawl goes on from there."
    )


# Crawls plans, in this process or in several, and returns a result for each.


def run_plans(plans: list[CrawlPlan], order: CrawlOrder, workers: int) -> tuple[list[CrawlResult], int]:
    """Crawl all plans, `workers` hosts at a time, over the available cores. Returns a result for each plan, in their
    order, and the signal that ended them (0: none).

    One host, or one core, is crawled in this process: a second process would only cost its start and its memory.
    Raises what opening the archive raises, before the first request.
    """
    open_archive(order.archive, create=True).close()
    finish_pending_takedowns(order.archive, on_screen)
    came, signum = _crawl(plans, order, workers)
    return [
        _result(plan, came.get(index) or never_begun(plan), alone=len(plans) == 1) for index, plan in enumerate(plans)
    ], signum


def _crawl(plans: list[CrawlPlan], order: CrawlOrder, workers: int) -> tuple[dict[int, Came], int]:
    processes = min(workers, cores(), len(by_host(plans)))
    if processes > 1:
        return crawl_in_processes(plans, order, workers, processes)
    from archiver.scheduling.crawler_process import crawl_in_process

    hear_notices(None if order.quiet else on_screen)
    return crawl_in_process(plans, order, workers)


def _result(plan: CrawlPlan, came: Came, *, alone: bool) -> CrawlResult:
    """The result of a plan. A site that another command or the scheduler crawls now is no error where other plans were
    crawled. Raises any other ArchiverError."""
    if isinstance(came, ArchiveInUse | HostInUse) and not alone:
        return CrawlResult(Scope.of(plan.url).name, plan.url, "waiting", str(came), 0.0, Counts(), ())
    if isinstance(came, ArchiverError):
        raise came
    return came
