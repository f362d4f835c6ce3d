"""One of the processes that a crawl is shared over: it crawls the hosts that it is handed, and tells what came of them.

It ends by itself when the command that started it is gone, however that ended: then nothing is at the other end of
the link.
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
from archiver.scheduling.crawl_plan import Came, CrawlOrder, Host, hear_notices
from archiver.scheduling.fork_server import let_through
from archiver.storage.runs import Counts

# What a crawl's processes say to one another. Each message is pickled by itself, so a process that dies tears none.


@dataclass(frozen=True, slots=True)
class CrawlHost:
    """To a worker: crawl this host, beside the others that you crawl."""

    host: Host


@dataclass(frozen=True, slots=True)
class Shutdown:
    """To a worker that has nothing to do: close what is still open, and end."""


@dataclass(frozen=True, slots=True)
class Stop:
    """To a worker: end as if this signal had been sent to you. `at_once`: without the pages under way."""

    signum: int
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """From a worker: what came of the plan at this place."""

    index: int
    came: Came


@dataclass(frozen=True, slots=True)
class HostFree:
    """From a worker: the host of the plan at this place is not crawled any more, though its result may still come."""

    index: int


@dataclass(frozen=True, slots=True)
class Progress:
    """From a worker, now and then: how far a plan's run has come. All that is known of it if the worker is killed."""

    index: int
    counts: Counts


@dataclass(frozen=True, slots=True)
class Notice:
    """From a worker: a sentence for the person at the screen."""

    sentence: str


ToWorker = CrawlHost | Shutdown | Stop
FromWorker = Finished | HostFree | Progress | Notice | Line | Leave | ArchiverError


def send(link: Connection, message: ToWorker | FromWorker) -> None:
    """Send, if anyone still listens: that the other process has died is noticed where its messages are read."""
    with suppress(OSError):
        link.send(message)


_SEEN_EVERY = 1.0
_log = logging.getLogger(__name__)


def run_pool_worker(link: Connection, order: CrawlOrder, every: float) -> None:
    """The life of a worker process. `every`: seconds between two lines of progress of a site."""
    hear_notices(None if order.quiet else lambda sentence: send(link, Notice(sentence)))
    if order.progress:
        from archiver.extensions.progress import show_on

        show_on(_Far(link, every))
    with link:
        _Worker(link, order).run()


@dataclass(frozen=True, slots=True)
class _Far:
    """The screen is the command's."""

    link: Connection
    every: float

    def draw(self, line: Line | Leave) -> None:
        send(self.link, line)


class _Worker:
    def __init__(self, link: Connection, order: CrawlOrder) -> None:
        from archiver.scheduling.crawler_process import CrawlerGroup

        self._link = link
        self._hosts: set[asyncio.Task[None]] = set()
        self._crawls = CrawlerGroup(order, self._told)

    def run(self) -> None:
        self._crawls.run(self._main())

    def _told(self, index: int, came: Came) -> None:
        self._say(Finished(index, came))

    async def _main(self) -> None:
        let_through()
        asyncio.get_running_loop().add_reader(self._link.fileno(), self._hear)
        while True:
            await asyncio.sleep(_SEEN_EVERY)
            for index, counts in self._crawls.counts():
                self._say(Progress(index, counts))

    def _say(self, message: FromWorker) -> None:
        send(self._link, message)

    def _hear(self) -> None:
        process = self._crawls.process
        try:
            message: ToWorker = self._link.recv()
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(self._link.fileno())
            _log.warning("The command that this process crawled for is gone: the crawl ends")
            process.shut_down(signal.SIGTERM)
            return
        if isinstance(message, CrawlHost):
            task = asyncio.get_running_loop().create_task(self._host(message.host))
            self._hosts.add(task)
            task.add_done_callback(self._hosts.discard)
        elif isinstance(message, Stop) and not message.at_once:
            process.shut_down(message.signum)
        else:
            process.end()

    async def _host(self, host: Host) -> None:
        await self._crawls.host(host)
        self._say(HostFree(host[0][0]))
