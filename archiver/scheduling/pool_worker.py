"""A worker process of a crawl command: crawls the hosts that the command sends over a link, and sends back the results.

It stops when the command dies, because that closes the link.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

from archiver.errors import ArchiverError
from archiver.extensions.progress import Leave, Line
from archiver.scheduling.crawl_messages import CommonOptions, CrawlOutcome, HostPlans, send_notices_to
from archiver.scheduling.fork_server import unblock_end_signals
from archiver.storage.runs import Counts

# Messages between the command and its workers. Each is pickled separately, so a dying process cannot damage others.


@dataclass(frozen=True, slots=True)
class CrawlHost:
    """Message to a worker: also crawl the sites of this host."""

    host: HostPlans


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Message to an idle worker: close everything and exit."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Message to a worker: stop as if this signal had been received. `at_once`: do not wait for running requests."""

    signum: int
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """Message from a worker: the result of the plan with this position."""

    index: int
    result: CrawlOutcome


@dataclass(frozen=True, slots=True)
class HostFree:
    """Message from a worker: it no longer crawls the host of the plan with this position. The plan's result may follow
    later.
    """

    index: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Message from a worker at regular intervals: the current counts of a run. If the worker is killed, the counts in
    its last message are used as its result.
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
    """Sends a message over a link. A closed link is ignored, because the process that reads from the link notices
    it.
    """
    with suppress(OSError):
        link.send(message)


_REPORT_EVERY = 1.0
_log = logging.getLogger(__name__)


def run_pool_worker(link: Connection, order: CommonOptions, every: float) -> None:
    """Runs a worker process until the command shuts it down. `every`: seconds between two progress lines of a site."""
    send_notices_to(None if order.quiet else lambda sentence: send(link, Notice(sentence)))
    if order.progress:
        from archiver.extensions.progress import show_progress_on

        show_progress_on(_RemoteScreen(link, every))
    with link:
        _Worker(link, order).run()


@dataclass(frozen=True, slots=True)
class _RemoteScreen:
    """Sends progress lines to the command, which writes to the terminal."""

    link: Connection
    every: float

    def draw(self, line: Line | Leave) -> None:
        send(self.link, line)


class _Worker:
    def __init__(self, link: Connection, order: CommonOptions) -> None:
        from archiver.scheduling.crawler_process import CrawlerGroup

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
