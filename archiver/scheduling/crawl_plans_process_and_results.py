"""Crawls sites in this process with Scrapy, several hosts at a time; defines the plans and results of crawls, which
processes send to one another, notices to the user, and the log file of crawls.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from archiver.errors import ArchiverError
from archiver.frontier.post_and_excluded_page_samples import EditEstimate
from archiver.sites.crawler_identity import contact_of, delay_for
from archiver.storage.archive_opening_and_transactions import environment_error
from archiver.storage.run_records_and_statistics import Counts

if TYPE_CHECKING:
    from archiver.spiders.crawl_run_archive_and_post_judgement import Only


import asyncio
import gc
import time
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from dataclasses import replace
from time import monotonic

from scrapy.crawler import AsyncCrawlerProcess, Crawler
from scrapy.settings import Settings
from twisted.internet.defer import Deferred, succeed

from archiver.extensions.crawl_log import install_crawl_log, log_as
from archiver.extensions.shared_crawl_state import ArchiveExtension
from archiver.sites.archiver_toml import load_config
from archiver.sites.crawler_identity import user_agent
from archiver.spiders.run_endings_and_outage_guards import internal_error
from archiver.spiders.site_spider import SiteSpider
from archiver.storage.archive_opening_and_transactions import stop_waiting_for_locks

# Notices to the user, and the log file.


class NoticeHandler(logging.Handler):
    """Logging handler that passes the messages of the logger "archiver.notice", each a sentence for the user, to a
    function.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__()
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        self._show(record.getMessage())


def print_notice(sentence: str) -> None:
    """Prints a sentence on standard error."""
    print(sentence, file=sys.stderr, flush=True)


def send_notices_to(show: Callable[[str], None] | None) -> None:
    """Makes `show` receive all further notices to the user, which are also written to the log. None stops this."""
    logging.getLogger("archiver.notice").handlers = [NoticeHandler(show)] if show else []


def prepare_log_file(archive: Path) -> Path:
    """Returns the path of the log file for crawls, in the folder `log` next to the archive. Raises an ArchiverError if
    it cannot be written.

    Also makes the logging module silent about write errors, because it would repeat the same error for each message.
    """
    log = archive.parent / "log" / "crawl.log"
    try:
        log.parent.mkdir(exist_ok=True)
        with log.open("a"):
            pass
    except OSError as error:
        raise environment_error(error, archive) from error
    logging.raiseExceptions = False
    return log


GRACE = 5.0
"""When a crawl is stopped, its running requests get this many seconds to finish. Pages that do not arrive in this time
remain due.
"""


@dataclass(frozen=True, slots=True)
class CrawlPlan:
    """The plan for crawling a site: its start URL, the seconds between requests, and the contact for the User-Agent. If
    `pages` are given, only the pages at these URLs are fetched.
    """

    url: str
    delay: float
    contact: str
    pages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CommonOptions:
    """The options of a crawl command. They apply to all its sites.

    - `since`: a date, or "" for no limit.
    - `limit`: the maximum number of pages; 0 means no limit.
    - `requisites`: which requisites are stored; "" to use each site's own setting.
    - `log_format`: "" to use the format in archiver.toml.
    - `scheduled`: True if quotas of groups and blackout hours limit the runs.
    - `only`: "missing" or "set-aside" limits the runs to such pages (see `Only`).
    """

    archive: Path
    limit: int = 0
    full: bool = False
    since: str = ""
    only: Only = ""
    requisites: str = ""
    progress: bool = False
    quiet: bool = False
    log_format: str = ""
    scheduled: bool = False


@dataclass(frozen=True, slots=True)
class CrawlResult:
    """The result of crawling one site.

    - `outcome`: finished, waiting (the host asks for a pause, or another command is crawling it), interrupted or
      failed; `reason` says why.
    - `failures`: the reasons of failed pages, each with its count.
    - `due`: the number of pages that are still due.
    - `edits`: an estimate of the edits that the run did not see.
    - `still_held`: the number of the site's pages that are held at the end of the run; None if unknown.
    - `taken_back`: the number of edits of earlier runs that this run took back, as part of a fault of the site.
    - `continued_full`: when the last `crawl --full` began (ISO 8601) if this run continued it; "" otherwise.
    """

    site: str
    url: str
    outcome: str
    reason: str
    seconds: float
    counts: Counts
    failures: tuple[tuple[str, int], ...]
    due: int = 0
    edits: EditEstimate | None = None
    still_held: int | None = None
    taken_back: int = 0
    continued_full: str = ""

    @property
    def clean(self) -> bool:
        return self.outcome == "finished" and not self.counts.failed

    def as_json(self) -> dict[str, Any]:
        return {
            "site": self.site,
            "url": self.url,
            "outcome": self.outcome,
            "reason": self.reason,
            "seconds": round(self.seconds, 2),
            **asdict(self.counts),
            "due": self.due,
            "failures": dict(self.failures),
            "still_held": self.still_held,
            "taken_back": self.taken_back,
            "continued_full": self.continued_full or None,
            "edits": self.edits.as_dict() if self.edits else None,
        }


HostPlans = tuple[tuple[int, CrawlPlan], ...]
"""The plans for the sites of one host, each with its position in the command. They are crawled one after another."""
CrawlOutcome = CrawlResult | ArchiverError
"""The result of carrying out a plan: the result of its crawl, or the error that prevented the crawl."""


def make_plan(
    url: str, settings: dict[str, Any], delay: float | None, contact: str | None, *, known: bool = False
) -> CrawlPlan:
    """Returns the crawl plan of a site. `delay` and `contact` are from the command line, None if not given. They
    override the site's `settings`, and these override the defaults. `known` is True if the archive has the site; its
    host is then resolved when the crawl starts, otherwise now.
    """
    own_delay = settings.get("delay")
    return CrawlPlan(
        url,
        delay_for(url, own_delay if delay is None else delay),
        contact_of(url, contact or settings.get("contact"), known=known),
    )


def host_of(plan: CrawlPlan) -> str:
    """Returns the host of a plan, since only one site of a host is crawled at a time. For a server on this machine (a
    plan without a delay), host and port are returned, so that its ports count as separate hosts.
    """
    parts = urlsplit(plan.url)
    return (parts.hostname or "") if plan.delay else parts.netloc


def group_by_host(plans: list[CrawlPlan]) -> list[HostPlans]:
    """Groups the plans by host. Returns one tuple per host, with its plans and their positions in the list."""
    groups: dict[str, list[tuple[int, CrawlPlan]]] = {}
    for index, plan in enumerate(plans):
        groups.setdefault(host_of(plan), []).append((index, plan))
    return [tuple(group) for group in groups.values()]


def count_cores() -> int:
    """Returns the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def not_started_result(plan: CrawlPlan) -> CrawlResult:
    """Returns the result of a plan whose crawl had not started when the command was stopped."""
    return CrawlResult(plan.url, plan.url, "interrupted", "stopped before it started", 0.0, Counts(), ())


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
