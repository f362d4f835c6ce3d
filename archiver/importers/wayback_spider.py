"""Fetching old captures from a web archive: its list first, then captures one by one, at its pace.

No link of a capture is followed, and none of the archive's: what is asked for is made of the list alone.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
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

from archiver.extensions.throttle_slots import SharedThrottle, ThrottleExtension
from archiver.handlers.http_handler import ForbiddenByRobots, HostBusy, RobotsUnreadable
from archiver.importers.capture_lists import CAPTURE_SECONDS, LIST_SECONDS, ListRequests, NoCaptureList, WaybackPlan
from archiver.importers.memento_response import ArchiveResponse, OtherMemento, RequestedCapture, memento_record
from archiver.importers.wayback_import import WaybackImport, requested_capture
from archiver.politeness.address_policy import AddressZone, permission, zone_of_host
from archiver.politeness.throttle import BUSY, Throttle
from archiver.spiders.run_ending import FailureStreak, outcome_of_failure
from archiver.storage.connection import fault_of, is_fault
from archiver.warc.foreign_reader import ForeignRecord
from archiver.warc.problems import Problem, ProblemKind

_log = logging.getLogger(__name__)
_LANES = 8
_MOST_LEADS = 4
_MOST_FAILURES = 8
"""Captures in a row that get no answer, each asked for several times: the service is away."""
_AGAIN = frozenset({500, 502, 504, 520, 521, 522, 523, 524})


class Away(Exception):
    """Nothing more is asked in this run. `outcome` is waiting or failed."""

    def __init__(self, outcome: str, reason: str) -> None:
        super().__init__(reason)
        self.outcome, self.reason = outcome, reason


class WaybackSpider(scrapy.Spider):
    """`run` is what it fetches for; its result says what came of it, `error` what ended it that nobody foresaw.

    Settings: PAST_TRIES, how often what gets no answer is asked for; PAST_WAIT, seconds before the second time (the
    wait doubles each time).
    """

    name = "wayback"

    def __init__(self, run: WaybackImport, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.run, self.plan = run, run.plan
        self.service = run.plan.service
        self.permission = permission(self.service.replay, service=self.service.asks)
        self.error: Exception | None = None
        self.ended = False
        self._host = urlsplit(self.service.replay).hostname or ""
        self._turns = SharedThrottle(self.plan.archive.parent)
        self._streak = FailureStreak(_MOST_FAILURES)
        self._rows: Iterator[Any] = iter(())

    async def start(self) -> AsyncIterator[Any]:
        """Does all of it. What is under way when the process is to end is not waited for, and is fetched again."""
        try:
            await self._work()
            outcome = "limited" if self._is_limited else "finished"
            self._finish(outcome)
        except asyncio.CancelledError:
            self._finish("interrupted", "stopped")
            raise
        except Away as away:
            self._finish(away.outcome, away.reason)
        except NoCaptureList as none:
            self.run.result.tell(Problem(ProblemKind.NO_LIST, none.url, self.plan.url, none.reason))
            self._finish("failed", str(none))
        except Exception as error:
            self._broke(error)
        return
        yield  # what makes it a generator

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
            self.run.result.tell(problem)
        self.run.settle()
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
        for _ in self.run.listed():
            await asyncio.sleep(0)

    def _set_pace(self) -> None:
        """A service on this machine needs no manners; any other has its bounds, whatever delay is set."""
        manners = self.crawler.get_extension(ThrottleExtension)
        delay, spared = self.plan.delay, self._is_spared
        if manners is not None:
            manners.keep(self._slot("list"), Throttle(max(delay, LIST_SECONDS if spared else 0.0)))
            manners.keep(self._slot("captures"), Throttle(max(delay, CAPTURE_SECONDS if spared else 0.0), lanes=_LANES))

    @property
    def _is_spared(self) -> bool:
        return zone_of_host(self._host) is not AddressZone.LOOPBACK

    def _slot(self, what: str) -> str:
        return f"{self._host} {what}"

    async def _lane(self) -> None:
        for row in self._rows:
            now = row
            while now is not None:
                now = self.run.enter(now, await self._capture(requested_capture(now)))

    async def _capture(self, asked: RequestedCapture) -> ForeignRecord | Problem:
        for _ in range(_MOST_LEADS):
            uri = self.service.memento(asked.at, asked.url)
            response = await self._ask(uri, "captures")
            if isinstance(response, str):
                return Problem(ProblemKind.UNANSWERED, uri, asked.url, response)
            headers = tuple((name, value) for name, values in response.headers.items() for value in values)
            came = memento_record(
                ArchiveResponse(uri, datetime.now(UTC), response.status, headers, response.body), asked, self.service
            )
            if not isinstance(came, OtherMemento):
                return came
            asked = RequestedCapture(came.at, came.url, asked.digest if came.at == asked.at else "", asked.status)
        return Problem(ProblemKind.NOT_A_MEMENTO, uri, asked.url, "it redirects on and on")

    async def _ask(self, url: str, what: str) -> Response | str:
        """The answer, or why there is none. Raises Away where nothing more is to be asked."""
        tries, n = self.crawler.settings.getint("PAST_TRIES"), 0
        reason = ""
        while n < tries:
            if n:
                await asyncio.sleep(self.crawler.settings.getfloat("PAST_WAIT") * 2 ** (n - 1))
            await self._turn(what)
            self.run.result.requests += 1
            try:
                response = await self._download(url, what)
            except HostBusy as busy:
                raise Away("waiting", str(busy).replace(self._slot(what), self._host)) from busy
            except (ForbiddenByRobots, RobotsUnreadable) as refused:
                raise Away("failed", f"{self._host} does not allow it: {outcome_of_failure(refused)[2]}") from refused
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
                continue  # its slot keeps the pause that it asks for, and gives it up in the end
            if response.status not in _AGAIN:
                self._streak.add(failed=False)
                return response
            reason, n = f"the server answers {response.status}", n + 1
        if what == "captures" and self._streak.add(failed=True):
            raise Away("failed", f"{self._host} does not answer any more ({reason})")
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

    async def _turn(self, what: str) -> None:
        """Wait for a turn, which all imports and crawls into archives of this folder share."""
        if self._is_spared:
            one = (self._host, LIST_SECONDS) if what == "list" else (self._slot(what), CAPTURE_SECONDS)
            wait = self._turns.take(*one)
            await asyncio.sleep(wait)

    def _finish(self, outcome: str, reason: str = "") -> None:
        if self.ended:
            return
        self.ended = True
        try:
            self.run.finish(outcome, reason)
        except Exception as error:
            self._broke(error)

    def _broke(self, error: Exception) -> None:
        """A fault of the disk or the database, told in a sentence; anything else is a mistake, told whole."""
        self.ended = True
        self.error = (
            fault_of(error, self.plan.archive)
            if (isinstance(error, (sqlite3.Error, OSError)) and is_fault(error))
            else error
        )
        _log.exception("%s", self.plan.url)

    def closed(self, reason: str) -> None:
        self._finish("interrupted", "stopped")


def settings_for(plan: WaybackPlan, agent: str, log: Path | None) -> dict[str, Any]:
    """Scrapy settings of one import. Bodies stay as they are on the wire: a capture's digest is that of these bytes."""
    return {
        "USER_AGENT": agent,
        "COMPRESSION_ENABLED": False,
        "DOWNLOAD_DELAY": plan.delay,
        "CONCURRENT_REQUESTS_PER_DOMAIN": _LANES,
        "PROGRESS": False,
        "ARCHIVE_PATH": str(plan.archive),
        **({"LOG_FILE": str(log)} if log else {"LOG_ENABLED": False}),
    }
