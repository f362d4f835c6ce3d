"""Crawls sites in this process with Scrapy, several hosts at a time."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import Any

from scrapy.crawler import AsyncCrawlerProcess, Crawler
from scrapy.settings import Settings
from twisted.internet.defer import Deferred, succeed

from archiver.errors import ArchiverError
from archiver.extensions.crawl_log import install_crawl_log, log_as
from archiver.extensions.shared_crawl_state import ArchiveExtension
from archiver.scheduling.crawl_plans_and_results import (
    GRACE,
    CommonOptions,
    CrawlOutcome,
    CrawlPlan,
    CrawlResult,
    HostPlans,
    group_by_host,
    not_started_result,
    prepare_log_file,
)
from archiver.sites.archiver_toml import load_config
from archiver.sites.crawler_identity import user_agent
from archiver.spiders.run_endings_and_outage_guards import internal_error
from archiver.spiders.site_spider import SiteSpider
from archiver.storage.archive_opening_and_transactions import environment_error, stop_waiting_for_locks
from archiver.storage.run_records_and_statistics import Counts

# Scrapy's process, changed so that it ends within seconds of a signal

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
            },
            priority="cmdline",
        )
        log = load_config().log
        install_crawl_log(
            prepare_log_file(order.archive), replace(log, format=order.log_format) if order.log_format else log
        )
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
                "CONCURRENT_REQUESTS_PER_DOMAIN": 1 if plan.delay else 4,
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
