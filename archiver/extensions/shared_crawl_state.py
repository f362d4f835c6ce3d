"""Scrapy extension that holds the state which Scrapy's components share during one crawl: the open archive, its page
queue, limits and ending.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, Self
from urllib.parse import urlsplit

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Response
from twisted.internet.task import LoopingCall

from archiver.extensions.crawl_log import SUMMARY
from archiver.extensions.download_slot_throttle import HOST_GIVEN_UP, SharedThrottle, ThrottleExtension
from archiver.guarded_download_handler import REQUEST_SENT
from archiver.model.errors import ArchiverError
from archiver.model.items import Outcome, PageKind, PageResult
from archiver.politeness.network_address_policy import permission_for
from archiver.sites.crawler_identity import names_contact, needs_contact
from archiver.spiders.crawl_order import CrawlOrder
from archiver.spiders.crawl_run import CrawlRun
from archiver.spiders.page_queue import PageQueue
from archiver.spiders.page_request import requisite_of
from archiver.spiders.run_ending import (
    OutageGuard,
    RunEnding,
    host_busy,
    internal_error,
    limit_reached,
    still_quiet,
    wall_sentence,
)
from archiver.storage.sources import record_cdx_list
from archiver.storage.transactions import environment_error

_TICK_SECONDS = 0.5
_NO_CONTACT = "its operator should be able to reach you: name a contact (archiver crawl --contact)"
_log = logging.getLogger(__name__)


class ArchiveExtension:
    """The open archive of a crawl, and the control over the end of the crawl. Only crawls whose spider has an `order`
    use this extension.

    - `run`: the open archive.
    - `pages`: the queue of due pages.
    - `outages`: the outage guard.
    - `home_url`: the address of the home page after redirects, once known.
    - `ending`: the ending of the run, once the run is to end. Requests in progress are then finished; the pages of
      other requests stay due.
    - `fatal`: a sentence that says why the run failed; "" if it has not.
    - `wall`: the rule of the login or consent form that the home page shows; "" if it shows none.
    - `halted`: True if the archive can no longer be written.
    """

    def __init__(self, crawler: Crawler, order: CrawlOrder) -> None:
        self._crawler = crawler
        self.order = order
        self.home_url = order.start_url
        self.fatal = ""
        self.wall = ""
        self.halted = False
        self.ending: RunEnding | None = None
        self.stopped_at: float | None = None
        self.posts = 0
        self.pages_answered = 0
        self._closing: asyncio.Future[None] | None = None
        self._loop = LoopingCall(self.tick)
        self.run = CrawlRun(Path(crawler.settings["ARCHIVE_PATH"]), order)
        self.pages = PageQueue(self.run)
        try:
            self._begin()
        except Exception as error:
            self.fail_start(error)
            raise

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        order = getattr(crawler.spider, "order", None)
        if order is None:
            raise NotConfigured
        return cls(crawler, order)

    def _begin(self) -> None:
        run, crawler = self.run, self._crawler
        cdx, is_anonymous = run.settings.cdx, not names_contact(crawler.settings["USER_AGENT"])
        # A crawl without a contact requests no list from a server that belongs to somebody else.
        objection = _NO_CONTACT if is_anonymous and cdx and needs_contact(cdx) else ""
        with run.writing():
            record_cdx_list(run.db, run.site["id"], cdx, run.started, objection)
        self.outages = OutageGuard(run.site_name, self.order.start_url, self.stop)
        if self.order.only:  # a run that fetches only missing pages does not request the home page
            self.home_url = run.home
        if run.settings.quiet_until:
            self.ending = still_quiet(self.order.start_url, run.settings.quiet_until)
        spider: Any = crawler.spider
        spider.permission = permission_for(self.order.start_url, private=run.settings.is_private, service=cdx)
        for receiver, signal in (
            (self._opened, signals.spider_opened),
            (self.ended, signals.spider_closed),
            (self._downloaded, signals.response_downloaded),
            (self._sent, REQUEST_SENT),
            (self._host_given_up, HOST_GIVEN_UP),
        ):
            crawler.signals.connect(receiver, signal=signal)

    # Results.

    def store(self, result: PageResult) -> None:
        """Passes a result to the writer and marks its page as no longer in progress."""
        self.run.learning.observe(result)
        self.run.writer.add(result)
        self.pages.mark_finished(result)

    def count_post(self, result: PageResult) -> None:
        self.posts += result.outcome in (Outcome.ARCHIVED, Outcome.UNCHANGED) and result.kind is PageKind.POST

    @property
    def remaining_pages(self) -> int | None:
        """The number of pages that may still be handed out before a limit is reached; None if no limit is set."""
        in_progress = self.pages.in_progress
        limits = []
        if self.order.limit:
            limits.append(self.order.limit - self.posts - in_progress)
        if max_pages := self.run.settings.limits.max_pages:
            limits.append(max_pages - self.pages_answered - in_progress)
        return min(limits, default=None)

    def is_own_host(self, host: str) -> bool:
        """Returns True if `host` is the host of the start address or of the home page."""
        return host in {urlsplit(url).hostname for url in (self.home_url, self.order.start_url)}

    # Ending the run.

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Context manager that ends the run, without raising, if the archive can no longer be written."""
        try:
            yield
        except sqlite3.Error as error:
            self.halt(environment_error(error, self.run.archive))
        except ArchiverError as fault:
            self.halt(fault)

    def stop(self, sentence: str) -> None:
        """Ends the run early, as failed; `sentence` says why."""
        self.fatal = self.fatal or sentence
        self.end(RunEnding("failed", sentence))

    def halt(self, fault: ArchiverError) -> None:
        """Ends the run because the archive cannot be written. Nothing more is stored; unwritten pages stay due."""
        self.halted = True
        self.stop(str(fault))

    def fail_start(self, error: Exception) -> None:
        """Closes the run as failed and releases its locks, after a bug prevented it from starting."""
        _log.error("The crawl of %s could not start", self.order.start_url, exc_info=error)
        self.fatal = self.fatal or internal_error(self.order.start_url, error).reason
        self.run.close(RunEnding("failed", self.fatal), at_fault=True)

    def end(self, ending: RunEnding) -> None:
        """Ends the run: requests in progress are finished; all other requests are dropped, and their pages stay due."""
        engine = self._crawler.engine
        if self.ending is None and engine is not None:
            self.ending = ending
            self.stopped_at = monotonic()
            self._drop_waiting()
            self._closing = asyncio.ensure_future(engine.close_spider_async(reason="ended"))

    def tick(self) -> None:
        """Ends the run if it has used up its time or bytes.

        The limit on pages is applied where pages are handed out.
        """
        seconds = (datetime.now(UTC) - self.run.started).total_seconds()
        if bound := self.run.settings.limits.reached_limit(0, self.run.counts.bytes, seconds):
            self.end(limit_reached(bound))
        if self.ending is not None:
            self._drop_waiting()

    def ended(self, reason: str) -> None:
        """Scrapy signal handler: closes the run when the spider has closed. `reason` is Scrapy's reason."""
        if self._loop.running:
            self._loop.stop()
        ending = self.ending
        if self.wall and not self.posts:
            self.fatal = self.fatal or wall_sentence(self.order.start_url, self.wall)
        if self.fatal:
            ending = RunEnding("failed", self.fatal)
        elif ending is None and reason == "finished":
            ending = self._final_ending()
        self.run.close(ending or RunEnding("interrupted", reason), at_fault=self.halted)
        if self._crawler.settings.getbool("LOG_SUMMARY"):
            self._log_summary()

    def _log_summary(self) -> None:
        """Logs what the run stored, and where, in one line."""
        run, counts = self.run, self.run.counts
        assert run.result is not None
        logging.getLogger(SUMMARY).log(
            logging.getLevelName(self._crawler.settings["LOG_SUMMARY_LEVEL"]),
            "%s: %s%s; %d new, %d revised, %d unchanged, %d gone, %d failed; %d pages still to fetch; archive: %s",
            run.site_name,
            run.result.outcome,
            f" ({run.result.reason})" if run.result.reason else "",
            counts.new,
            counts.revised,
            counts.unchanged,
            counts.gone,
            counts.failed,
            run.result.due,
            run.archive,
        )

    def _final_ending(self) -> RunEnding | None:
        """Returns the ending of a run that has no pending requests, or None if it must go on. The run ends if it has
        reached a limit on posts or pages, has nothing left to fetch, or has failed because the archive can no longer be
        written.
        """
        ending = None
        with self.guarded():
            if self.order.limit and self.posts >= self.order.limit:
                ending = limit_reached(f"the limit of {self.order.limit} posts")
            else:
                spent = self.run.settings.limits.reached_limit(self.pages_answered, 0, 0)
                ending = limit_reached(spent if spent and self.pages.has_due_page() else "")
        return ending if not self.halted else RunEnding("failed", self.fatal)

    def _drop_waiting(self) -> None:
        if throttle := self._crawler.get_extension(ThrottleExtension):
            throttle.drop_waiting()

    # Signals.

    def _opened(self) -> None:
        self._loop.start(_TICK_SECONDS, now=False)
        throttle = self._crawler.get_extension(ThrottleExtension)
        cdx_host = urlsplit(self.run.settings.cdx).hostname or ""
        # If the web archive's list is on the site's own host, the delay that is set for the site applies.
        if throttle and cdx_host and cdx_host != urlsplit(self.order.start_url).hostname:
            throttle.share(cdx_host, SharedThrottle(self.run.archive.parent))

    def _sent(self, request: Request) -> None:
        """Signal handler: counts a request that was sent, whether for a page, a requisite or a host's file. Retries are
        counted, too.
        """
        if requisite_of(request) is not None:
            self.run.counts.requisite_requests += 1
        else:
            self.run.counts.requests += 1

    def _downloaded(self, response: Response, request: Request) -> None:
        self.run.counts.bytes += len(response.body)
        self.run.writer.measuring.count_response(response.status, request.meta.get("download_latency"))
        self.tick()

    def _host_given_up(self, host: str, why: str, until: datetime | None) -> None:
        if host == (urlsplit(self.home_url).hostname or ""):
            self.end(host_busy(self.order.start_url, why, until))
