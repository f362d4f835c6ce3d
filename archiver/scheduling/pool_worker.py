"""A worker process of a crawl: crawls the hosts that the command sends, and reports the results.

It stops when the command is gone, because its link is closed then.
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
    """To a worker: also crawl this host."""

    host: HostPlans


@dataclass(frozen=True, slots=True)
class Shutdown:
    """To an idle worker: close everything and exit."""


@dataclass(frozen=True, slots=True)
class Stop:
    """To a worker: act as if this signal had been received. `at_once`: do not wait for running requests."""

    signum: int
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """From a worker: the result of the plan at this position."""

    index: int
    result: CrawlOutcome


@dataclass(frozen=True, slots=True)
class HostFree:
    """From a worker: the host of the plan at this position is free, though the result may still follow."""

    index: int


@dataclass(frozen=True, slots=True)
class Progress:
    """From a worker at regular intervals: the progress of a run. It is all that is known if the worker is killed."""

    index: int
    counts: Counts


@dataclass(frozen=True, slots=True)
class Notice:
    """From a worker: a sentence for the user."""

    sentence: str


ToWorker = CrawlHost | Shutdown | Stop
FromWorker = Finished | HostFree | Progress | Notice | Line | Leave | ArchiverError


def send(link: Connection, message: ToWorker | FromWorker) -> None:
    """Sends a message. Ignores a closed link, because the reader of the link notices that."""
    with suppress(OSError):
        link.send(message)


_REPORT_EVERY = 1.0
_log = logging.getLogger(__name__)


def run_pool_worker(link: Connection, order: CommonOptions, every: float) -> None:
    """Runs a worker process. `every`: seconds between two progress lines of a site."""
    send_notices_to(None if order.quiet else lambda sentence: send(link, Notice(sentence)))
    if order.progress:
        from archiver.extensions.progress import show_on

        show_on(_RemoteScreen(link, every))
    with link:
        _Worker(link, order).run()


@dataclass(frozen=True, slots=True)
class _RemoteScreen:
    """Sends progress lines to the command, which owns the screen."""

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
            for index, counts in self._crawls.counts():
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
        await self._crawls.host(host)
        self._send(HostFree(host[0][0]))
