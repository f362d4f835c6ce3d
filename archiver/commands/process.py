"""The process of a crawl: it ends within seconds when asked to, and says on the screen what a person should know."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.settings import Settings
from twisted.internet.defer import Deferred, succeed

from archiver.store.faults import fault_of
from archiver.store.transaction import hurry


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

    def end(self) -> None:
        """Stop now: crawls that are still open are closed by the caller."""
        self._waited = True
        self._stop_reactor()

    def _stop_dfd(self) -> Deferred[Any]:
        return succeed(None) if self._waited else super()._stop_dfd()

    def _signal_kill(self, signum: int, frame: Any) -> None:
        self._waited = True
        super()._signal_kill(signum, frame)

    def _signal_shutdown(self, signum: int, frame: Any) -> None:
        from twisted.internet import reactor

        clock: Any = reactor
        self.signum = signum
        hurry()
        super()._signal_shutdown(signum, frame)
        clock.callFromThread(lambda: clock.callLater(self._grace, self.end))


class Notices(logging.Handler):
    """What is said to the logger "archiver.notice" also goes to the screen, a sentence a line."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(record.getMessage(), err=True)


def prepare_log(archive: Path, settings: Settings, *, quiet: bool) -> None:
    """Scrapy's log goes to a file beside the archive. A log that cannot be written is no reason to say so twice.

    Raises an ArchiverError where there is no place for it.
    """
    log = archive.parent / "log" / "crawl.log"
    try:
        log.parent.mkdir(exist_ok=True)
        with log.open("a"):
            pass
    except OSError as error:
        raise fault_of(error, archive) from error
    logging.raiseExceptions = False
    settings.set("LOG_FILE", str(log), priority="cmdline")
    notice = logging.getLogger("archiver.notice")
    notice.handlers = [] if quiet else [Notices()]
