"""Crawls in this process, as many hosts at a time as are handed to it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from time import monotonic
from typing import Any

from scrapy.crawler import AsyncCrawlerProcess, Crawler
from scrapy.settings import Settings
from twisted.internet.defer import Deferred, succeed

from archiver.errors import ArchiverError
from archiver.extensions.crawl_archive import ArchiveExtension
from archiver.scheduling.crawl_plan import (
    GRACE,
    Came,
    CrawlOrder,
    CrawlPlan,
    CrawlResult,
    Host,
    by_host,
    log_file,
    never_begun,
)
from archiver.sites.crawler_identity import user_agent
from archiver.spiders.run_ending import broken
from archiver.spiders.site_spider import SiteSpider
from archiver.storage.connection import fault_of, stop_waiting_for_locks
from archiver.storage.runs import Counts

# The process of a crawl: it ends within seconds when asked to.

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
        stop_waiting_for_locks()
        super()._signal_shutdown(signum, frame)
        clock.callFromThread(lambda: clock.callLater(self._grace, self.end))


_log = logging.getLogger(__name__)


class CrawlerGroup:
    """One Scrapy process. `told` hears what came of each plan, by the plan's place, as soon as it is known.

    Raises an ArchiverError where there is no place for the log.
    """

    def __init__(self, order: CrawlOrder, told: Callable[[int, Came], None]) -> None:
        settings = Settings()
        settings.setmodule("archiver.settings", priority="project")
        settings.setdict(
            {"ARCHIVE_PATH": str(order.archive), "PROGRESS": order.progress, "LOG_FILE": str(log_file(order.archive))},
            priority="cmdline",
        )
        self.process = CrawlProcess(settings, GRACE)
        self._settings = settings
        self._order = order
        self._told = told
        self._open: dict[int, tuple[CrawlPlan, Crawler]] = {}

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        """Run until `process.end` or a signal; what is open then is closed, and told of."""
        running = asyncio.get_event_loop().create_task(main)
        self.process.start(stop_after_crawl=False)
        running.cancel()
        for index, (plan, crawler) in list(self._open.items()):
            # The process was not allowed to wait for the pages under way.
            if archive := _archive_of(crawler):
                archive.ended("stopped")
            self._tell(index, _result(plan, crawler) or never_begun(plan))

    async def host(self, plans: Host) -> None:
        """Crawl the sites of a host one after the other. What has not begun when the process is to end is not told of."""
        for index, plan in plans:
            if self.process.signum:
                return
            await self._one(index, plan)
            await asyncio.sleep(plan.delay)

    def counts(self) -> Iterator[tuple[int, Counts]]:
        """What the runs that are open at this moment have counted, by the plans' places."""
        for index, (_, crawler) in self._open.items():
            if archive := _archive_of(crawler):
                yield index, archive.run.counts

    async def _one(self, index: int, plan: CrawlPlan) -> None:
        own = self._settings.copy()
        own.setdict(
            {
                "DOWNLOAD_DELAY": plan.delay,
                "USER_AGENT": user_agent(plan.contact),
                "CONCURRENT_REQUESTS_PER_DOMAIN": 1 if plan.delay else 4,
            },
            priority="cmdline",
        )
        order = self._order
        crawler: Crawler | None = None
        try:
            crawler = Crawler(SiteSpider, own)
            self._open[index] = plan, crawler
            await _until_over(
                crawler,
                self.process.crawl(
                    crawler,
                    url=plan.url,
                    full=order.full,
                    limit=order.limit,
                    since=order.since,
                    only=order.only,
                    requisites=order.requisites,
                ),
            )
        except ArchiverError as error:
            self._tell(index, error)
            return
        except Exception as error:
            if isinstance(error, OSError):
                # Scrapy opens its log anew for each crawl, beside the archive.
                self._tell(index, fault_of(error, order.archive))
                return
            archive = _archive_of(crawler)
            if archive is None:
                _log.exception("%s", plan.url)
                reason = broken(plan.url, error).reason
                self._tell(index, CrawlResult(plan.url, plan.url, "failed", reason, 0.0, Counts(), ()))
                return
            archive.broke(error)
        if result := _result(plan, crawler):
            self._tell(index, result)

    def _tell(self, index: int, came: Came) -> None:
        # A crawler that is over is not kept: a long list of sites would fill the memory with what was learned of them.
        self._open.pop(index, None)
        self._told(index, came)


def crawl_in_process(plans: list[CrawlPlan], order: CrawlOrder, workers: int) -> tuple[dict[int, Came], int]:
    """Crawl all plans in this process, `workers` hosts at a time: what came of each by its place, and the signal that
    ended them (0: none)."""
    came: dict[int, Came] = {}
    crawls = CrawlerGroup(order, came.__setitem__)
    waiting = by_host(plans)

    async def worker() -> None:
        while waiting:
            await crawls.host(waiting.pop(0))

    async def everything() -> None:
        try:
            await asyncio.gather(*(worker() for _ in range(min(workers, len(waiting)))))
        finally:
            asyncio.get_running_loop().call_soon(crawls.process.end)

    crawls.run(everything())
    return came, crawls.process.signum


async def _until_over(crawler: Any, task: asyncio.Task[None]) -> None:
    """Wait for a crawl; one that has ended early is not waited for until servers that say nothing have timed out."""
    while not task.done():
        await asyncio.wait({task}, timeout=1.0)
        archive = _archive_of(crawler)
        if archive and archive.stopped_at is not None and time.monotonic() - archive.stopped_at > GRACE:
            return
    await task


def _result(plan: CrawlPlan, crawler: Any) -> CrawlResult | None:
    """How a run ended; None while it is open, or where it never began."""
    archive = _archive_of(crawler)
    if archive is None or archive.run.result is None:
        return None
    run, end = archive.run, archive.run.result
    return CrawlResult(run.site_name, plan.url, end.outcome, end.reason, end.seconds, run.counts, end.failures, end.due)


def _archive_of(crawler: Crawler | None) -> ArchiveExtension | None:
    """The archive that a crawl has open; None before it has begun."""
    if crawler is not None:
        with suppress(RuntimeError):  # Scrapy has not made the crawler's extensions yet
            return crawler.get_extension(ArchiveExtension)
    return None
