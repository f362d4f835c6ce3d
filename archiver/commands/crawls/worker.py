"""One of the processes that a crawl is shared over: it crawls the hosts that it is handed, and tells what came of them.

It ends by itself when the command that started it is gone, however that ended: then nothing is at the other end of
the link.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection

from archiver.commands.crawls.fork import let_through
from archiver.commands.crawls.log import hear_notices
from archiver.commands.crawls.messages import Crawl, Free, FromWorker, Notice, Seen, Stop, Told, ToWorker, send
from archiver.commands.crawls.plan import Came, Host, Order
from archiver.extensions.terminal import Leave, Line

_SEEN_EVERY = 1.0
_log = logging.getLogger(__name__)


def work(link: Connection, order: Order, every: float) -> None:
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
    def __init__(self, link: Connection, order: Order) -> None:
        from archiver.commands.crawls.here import Crawls

        self._link = link
        self._hosts: set[asyncio.Task[None]] = set()
        self._crawls = Crawls(order, self._told)

    def run(self) -> None:
        self._crawls.run(self._main())

    def _told(self, index: int, came: Came) -> None:
        self._say(Told(index, came))

    async def _main(self) -> None:
        let_through()
        asyncio.get_running_loop().add_reader(self._link.fileno(), self._hear)
        while True:
            await asyncio.sleep(_SEEN_EVERY)
            for index, counts in self._crawls.counts():
                self._say(Seen(index, counts))

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
        if isinstance(message, Crawl):
            task = asyncio.get_running_loop().create_task(self._host(message.host))
            self._hosts.add(task)
            task.add_done_callback(self._hosts.discard)
        elif isinstance(message, Stop) and not message.at_once:
            process.shut_down(message.signum)
        else:
            process.end()

    async def _host(self, host: Host) -> None:
        await self._crawls.host(host)
        self._say(Free(host[0][0]))
