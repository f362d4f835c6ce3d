"""The process of a crawl: it ends within seconds when asked to."""

from __future__ import annotations

from time import monotonic
from typing import Any

from scrapy.crawler import AsyncCrawlerProcess
from scrapy.settings import Settings
from twisted.internet.defer import Deferred, succeed

from archiver.store.transaction import hurry

_SAME_REQUEST = 0.5
"""Seconds in which a second signal is the first one by another way: a service manager sends it to every process, and
the command hands it on to those that crawl for it."""


class CrawlProcess(AsyncCrawlerProcess):
    """Scrapy's process. `signum` is the signal that ended it, 0 without one.

    The first signal ends every crawl when its pages under way are in, or without them after `grace` seconds; a second
    ends them at once. Either way the caller closes what is open.
    """

    signum = 0

    def __init__(self, settings: Settings, grace: float) -> None:
        super().__init__(settings)
        self._grace = grace
        self._waited = False
        self._asked = 0.0

    def end(self) -> None:
        """Stop now: crawls that are still open are closed by the caller."""
        self._waited = True
        self._stop_reactor()

    def shut_down(self, signum: int) -> None:
        """End as if this signal had been sent, unless one was."""
        if not self.signum:
            self._signal_shutdown(signum, None)

    def _stop_dfd(self) -> Deferred[Any]:
        return succeed(None) if self._waited else super()._stop_dfd()

    def _signal_kill(self, signum: int, frame: Any) -> None:
        if monotonic() - self._asked < _SAME_REQUEST:
            return
        self._waited = True
        super()._signal_kill(signum, frame)

    def _signal_shutdown(self, signum: int, frame: Any) -> None:
        from twisted.internet import reactor

        clock: Any = reactor
        self.signum, self._asked = signum, monotonic()
        hurry()
        super()._signal_shutdown(signum, frame)
        clock.callFromThread(lambda: clock.callLater(self._grace, self.end))
