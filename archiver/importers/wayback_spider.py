"""Fetches captures from a web archive at the pace that it allows: first the list of captures, then the captures
themselves.

No links are followed: all requested URLs are made from the list.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import scrapy
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
)
from scrapy.http import Request, Response
from scrapy.http.request import NO_CALLBACK

from archiver.extensions.download_slot_throttle import SharedThrottle, ThrottleExtension
from archiver.guarded_download_handler import ForbiddenByRobots, HostBusy, RobotsUnreadable
from archiver.importers.wayback_import_and_mementos import (
    CAPTURE_SECONDS,
    LIST_SECONDS,
    ArchiveResponse,
    ListRequests,
    NoCaptureList,
    OtherMemento,
    RequestedCapture,
    WaybackImport,
    WaybackPlan,
    make_requested_capture,
    memento_record,
)
from archiver.politeness.network_address_policy import AddressZone, permission_for, zone_of_host
from archiver.politeness.throttle import BUSY, Throttle
from archiver.spiders.run_endings_and_outage_guards import FailureStreak, outcome_of_failure
from archiver.storage.archive_opening_and_transactions import environment_error, is_environment_error
from archiver.warc.foreign_warc_arc_wacz_reader import ForeignRecord
from archiver.warc.import_problems import Problem, ProblemKind

_log = logging.getLogger(__name__)
_LANES = 8
_MAX_REDIRECTS = 4
_MAX_FAILURES = 8
"""The service counts as down if this many captures in a row got no response, each after several attempts."""
_RETRY_STATUSES = frozenset({500, 502, 504, 520, 521, 522, 523, 524})


class ServiceUnavailable(Exception):
    """Raised if no more requests should be sent in this run. `outcome` is waiting or failed."""

    def __init__(self, outcome: str, reason: str) -> None:
        super().__init__(reason)
        self.outcome, self.reason = outcome, reason


class WaybackSpider(scrapy.Spider):
    """Spider that fetches the captures for a WaybackImport (`run`), which stores the results. `error` is the unexpected
    error that ended the spider, or None. It has these settings:

    - PAST_TRIES: the number of attempts if there is no response.
    - PAST_WAIT: seconds before the second attempt; doubled for each further attempt.
    - PAST_LIST_TIMEOUT: seconds to wait for a list.
    """

    name = "wayback"

    def __init__(self, run: WaybackImport, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.run, self.plan = run, run.plan
        self.service = run.plan.service
        self.permission = permission_for(self.service.replay, service=self.service.asks)
        self.error: Exception | None = None
        self.ended = False
        self._host = urlsplit(self.service.replay).hostname or ""
        self._turns = SharedThrottle(self.plan.archive.parent)
        self._streak = FailureStreak(_MAX_FAILURES)
        self._rows: Iterator[Any] = iter(())

    async def start(self) -> AsyncIterator[Any]:
        """Runs the whole import. Requests that are running when the process is stopped are abandoned; the next run
        sends them again.
        """
        try:
            await self._work()
            outcome = "limited" if self._is_limited else "finished"
            self._finish(outcome)
        except asyncio.CancelledError:
            self._finish("interrupted", "stopped")
            raise
        except ServiceUnavailable as unavailable:
            self._finish(unavailable.outcome, unavailable.reason)
        except NoCaptureList as error:
            self.run.result.add_problem(Problem(ProblemKind.NO_LIST, error.url, self.plan.url, error.reason))
            self._finish("failed", str(error))
        except Exception as error:
            self._fail(error)
        return
        yield  # never reached: it only makes this function a generator

    @property
    def _is_limited(self) -> bool:
        return bool(self.plan.limit) and self.run.result.fetched >= self.plan.limit

    async def _work(self) -> None:
        self._set_pace()
        lists = ListRequests(self.plan, self.run.listing)
        while (url := lists.next()) is not None:
            response = await self._ask(url, "list")
            if isinstance(response, str):
                raise NoCaptureList(url, response)
            location = (response.headers.get("Location") or b"").decode("latin-1")
            lists.read(response.status, location, response.body)
        for problem in lists.problems:
            self.run.result.add_problem(problem)
        self.run.decide()
        if self.plan.dry_run:
            return
        self._rows = self.run.rows()
        lanes = [asyncio.ensure_future(self._lane()) for _ in range(_LANES)]
        try:
            await asyncio.gather(*lanes)
        finally:
            for lane in lanes:
                lane.cancel()
        self.run.flush()
        for _ in self.run.enter_listed():
            await asyncio.sleep(0)

    def _set_pace(self) -> None:
        """Sets the minimum delays between requests: the configured delay, but at least LIST_SECONDS and
        CAPTURE_SECONDS. For a service on this machine, only the configured delay applies.
        """
        throttle = self.crawler.get_extension(ThrottleExtension)
        delay, limited = self.plan.delay, self._is_rate_limited
        if throttle is not None:
            throttle.keep(self._slot("list"), Throttle(max(delay, LIST_SECONDS if limited else 0.0)))
            throttle.keep(
                self._slot("captures"), Throttle(max(delay, CAPTURE_SECONDS if limited else 0.0), lanes=_LANES)
            )

    @property
    def _is_rate_limited(self) -> bool:
        return zone_of_host(self._host) is not AddressZone.LOOPBACK

    def _slot(self, what: str) -> str:
        return f"{self._host} {what}"

    async def _lane(self) -> None:
        for row in self._rows:
            current = row
            while current is not None:
                current = self.run.enter(current, await self._capture(make_requested_capture(current)))

    async def _capture(self, requested: RequestedCapture) -> ForeignRecord | Problem:
        for _ in range(_MAX_REDIRECTS):
            uri = self.service.memento(requested.at, requested.url)
            response = await self._ask(uri, "captures")
            if isinstance(response, str):
                return Problem(ProblemKind.UNANSWERED, uri, requested.url, response)
            headers = tuple((name, value) for name, values in response.headers.items() for value in values)
            result = memento_record(
                ArchiveResponse(uri, datetime.now(UTC), response.status, headers, response.body),
                requested,
                self.service,
            )
            if not isinstance(result, OtherMemento):
                return result
            digest = requested.digest if result.at == requested.at else ""
            requested = RequestedCapture(result.at, result.url, digest, requested.status)
        return Problem(ProblemKind.NOT_A_MEMENTO, uri, requested.url, "it redirects too many times")

    async def _ask(self, url: str, what: str) -> Response | str:
        """Requests a URL, with retries. Returns the response, or the reason why there is none. `what` is "list" or
        "captures", which have separate throttles. Raises ServiceUnavailable if no more requests should be sent.
        """
        tries, n = self.crawler.settings.getint("PAST_TRIES"), 0
        reason = ""
        while n < tries:
            if n:
                await asyncio.sleep(self.crawler.settings.getfloat("PAST_WAIT") * 2 ** (n - 1))
            await self._wait_for_turn(what)
            self.run.result.requests += 1
            try:
                response = await self._download(url, what)
            except HostBusy as busy:
                raise ServiceUnavailable("waiting", str(busy).replace(self._slot(what), self._host)) from busy
            except (ForbiddenByRobots, RobotsUnreadable) as refused:
                raise ServiceUnavailable(
                    "failed", f"{self._host} does not allow it: {outcome_of_failure(refused)[2]}"
                ) from refused
            except (IgnoreRequest, DownloadCancelledError) as refused:
                return outcome_of_failure(refused)[2]
            except (
                DownloadFailedError,
                DownloadTimeoutError,
                CannotResolveHostError,
                DownloadConnectionRefusedError,
                ResponseDataLossError,
            ) as error:
                reason, n = outcome_of_failure(error)[2], n + 1
                continue
            if response.status in BUSY:
                continue  # the throttle waits as long as the service asked for, and finally raises HostBusy
            if response.status not in _RETRY_STATUSES:
                self._streak.add(failed=False)
                return response
            reason, n = f"the server responds with {response.status}", n + 1
        if what == "captures" and self._streak.add(failed=True):
            raise ServiceUnavailable("failed", f"{self._host} no longer responds ({reason})")
        return f"{reason}, {tries} times"

    async def _download(self, url: str, what: str) -> Response:
        assert self.crawler.engine is not None
        meta: dict[str, Any] = {"download_slot": self._slot(what), "dont_redirect": True, "dont_retry": True}
        if what == "captures":
            meta["download_maxsize"] = self.crawler.settings.getint("PAGE_MAXSIZE")
        else:
            meta["download_timeout"] = self.crawler.settings.getfloat("PAST_LIST_TIMEOUT")
        headers = {"Accept-Encoding": "gzip" if what == "list" else "gzip, deflate", "Accept": "*/*"}
        return await self.crawler.engine.download_async(
            Request(url, headers=headers, meta=meta, callback=NO_CALLBACK, dont_filter=True)
        )

    async def _wait_for_turn(self, what: str) -> None:
        """Waits until the next request may be sent. All imports and crawls whose archives are in the same folder share
        this throttle. `what` is "list" or "captures".
        """
        if self._is_rate_limited:
            one = (self._host, LIST_SECONDS) if what == "list" else (self._slot(what), CAPTURE_SECONDS)
            wait = self._turns.reserve_turn(*one)
            await asyncio.sleep(wait)

    def _finish(self, outcome: str, reason: str = "") -> None:
        if self.ended:
            return
        self.ended = True
        try:
            self.run.finish(outcome, reason)
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        """Ends the import with an error. An error of the disk or the database is converted to a message for the
        user.
        """
        self.ended = True
        self.error = (
            environment_error(error, self.plan.archive)
            if (isinstance(error, (sqlite3.Error, OSError)) and is_environment_error(error))
            else error
        )
        _log.exception("%s", self.plan.url)

    def closed(self, reason: str) -> None:
        self._finish("interrupted", "stopped")


def make_settings(plan: WaybackPlan, agent: str) -> dict[str, Any]:
    """Returns the Scrapy settings of an import; `agent` is the User-Agent. Bodies are not decompressed, because the
    digest of a capture is that of the bytes as sent.
    """
    return {
        "USER_AGENT": agent,
        "COMPRESSION_ENABLED": False,
        "DOWNLOAD_DELAY": plan.delay,
        "CONCURRENT_REQUESTS_PER_DOMAIN": _LANES,
        "PROGRESS": False,
        "ARCHIVE_PATH": str(plan.archive),
        "LOG_INSTALL_ROOT_HANDLER": False,
    }
