"""Scrapy extension that applies each host's throttle (`archiver.politeness.throttle`) to Scrapy's download slots.

It replaces Scrapy's AutoThrottle, which ignores Retry-After and treats 429 like any other response. AutoThrottle also
forgets what a host asked for when it discards the host's slot after an idle minute.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Self
from urllib.parse import urlsplit

from scrapy import Request, signals
from scrapy.core.downloader import Downloader, Slot
from scrapy.crawler import Crawler
from scrapy.http import Response
from slugify import slugify
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from archiver.guarded_download_handler import HostBusy, RunEnded
from archiver.model.items import BUSY_STATUSES
from archiver.politeness.network_address_policy import AddressZone, zone_of_host
from archiver.politeness.throttle import MIN_THIRD_PARTY_DELAY, Throttle, retry_after
from archiver.sites.crawler_identity import POLITE_DELAY

# Hosts that several crawls share, including crawls of other processes. For example, all sites use the same web
# archive.

_FARTHEST = 3600.0
"""A reserved time is ignored if it is more than this many seconds ahead, because it was written before the clock was
set back.
"""


class SharedThrottle:
    """Spaces the requests of several processes to one host, such as a web archive. For each host, a small file in
    `folder` holds the time of the next request.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def reserve_turn(self, host: str, seconds: float) -> float:
        """Reserves the time of the next request to this host, and returns the seconds until then. The following
        request, of any process, gets a time that is at least `seconds` later.

        Returns 0 if the file cannot be written.
        """
        try:
            with (self._folder / f".{slugify(host)}.turn").open("a+") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                now = time.time()
                file.seek(0)
                turn = _read(file.read(40), now)
                file.truncate(0)
                file.write(str(turn + seconds))
        except OSError:
            return 0.0
        return turn - now


def _read(text: str, now: float) -> float:
    try:
        turn = float(text)
    except ValueError:
        return now
    return turn if now < turn < now + _FARTHEST else now


HOST_GIVEN_UP = object()
"""Signal: a host was given up, because it answered 429 or 503 too often or for too long. Arguments: host, why, until (a
time or None).
"""
_TICK_SECONDS = 0.5
# Scrapy waits for the end of a pause only in a slot that has a delay (in seconds).
_MIN_DELAY = 0.001


class CountingDownloader(Downloader):
    """Scrapy's downloader, which counts a request as transferring as soon as it takes the request from the queue.

    Scrapy 2.19 counts it in the next iteration of the event loop. Until then, it may take more requests from the queue
    than the slot's concurrency allows: all of them without a delay, and some if the process was interrupted for longer
    than the delay.
    """

    def _wait_for_download(
        self, slot: Slot, request: Request, queue_dfd: Deferred[Response]
    ) -> Coroutine[Any, Any, None]:
        slot.transferring.add(request)
        return super()._wait_for_download(slot, request, queue_dfd)


class ThrottleExtension:
    """Keeps one `Throttle` per host for the whole run. If a host is too busy, it is given up and its requests are
    dropped.

    A host is too busy after BUSY_MOST_STRIKES responses with 429 or 503 in a row, or if it asks for a pause longer than
    BUSY_LONGEST_PAUSE (seconds). Other hosts, and other crawls of this process, are not affected.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._floor = crawler.settings.getfloat("DOWNLOAD_DELAY")
        self._concurrency = crawler.settings.getint("CONCURRENT_REQUESTS_PER_DOMAIN")
        self._most_strikes = crawler.settings.getint("BUSY_MOST_STRIKES")
        self._longest_pause = crawler.settings.getfloat("BUSY_LONGEST_PAUSE")
        self._paces: dict[str, Throttle] = {}
        self._given_up: dict[str, str] = {}
        self._shared: dict[str, SharedThrottle] = {}
        self._loop = LoopingCall(self._tick)
        crawler.signals.connect(self._opened, signal=signals.spider_opened)
        crawler.signals.connect(self._closed, signal=signals.spider_closed)
        crawler.signals.connect(self._before, signal=signals.request_reached_downloader)
        crawler.signals.connect(self._after, signal=signals.response_downloaded)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def pace(self, host: str) -> Throttle:
        return self._paces.get(host) or Throttle(self._floor)

    def at_least(self, request: Request, seconds: float) -> None:
        """Applies the delay (in seconds) that robots.txt sets for the request's host."""
        host = host_of(request)
        self._paces[host] = self.pace(host).at_least(seconds)

    def share(self, host: str, turns: SharedThrottle) -> None:
        """Limits the requests to a host, from all crawls together, to one per MIN_THIRD_PARTY_DELAY seconds, whatever
        delay is set for the site. The crawls agree on the times of their requests by `turns`.

        A host on this machine is not limited.
        """
        if zone_of_host(host) is not AddressZone.LOOPBACK:
            self._shared[host] = turns
            self._paces[host] = self.pace(host).no_faster(MIN_THIRD_PARTY_DELAY)

    def limit_foreign_host(self, host: str) -> None:
        """Applies at least the default delay to a host that is not the site's own, whatever delay is set for the site.

        A host on this machine is not limited.
        """
        if zone_of_host(host) is not AddressZone.LOOPBACK:
            self._paces[host] = self.pace(host).no_faster(POLITE_DELAY)

    def abandon(self, host: str, why: str) -> None:
        """Requests nothing more from this host in this run; its pending requests raise HostBusy."""
        self._given_up[host] = why
        self._fail_pending(lambda request: HostBusy(why) if host_of(request) == host else None)

    def keep(self, host: str, pace: Throttle) -> None:
        """Makes a host (or download slot) use this throttle instead of the one from the settings."""
        self._paces[host] = pace

    def pause(self) -> float:
        """Returns the seconds left of the longest pause that any host asked for; 0 if no host is paused."""
        now = monotonic()
        return max((pace.pause(now) for pace in self._paces.values()), default=0.0)

    def given_up(self, host: str) -> str:
        """Returns why this run has given up this host; "" if the run has not given it up."""
        return self._given_up.get(host, "")

    def drop_waiting(self) -> None:
        """Drops the pending requests of all hosts, because the run ends. Each of them raises RunEnded."""
        self._fail_pending(lambda request: RunEnded("the run ended"))

    def _before(self, request: Request) -> None:
        host = host_of(request)
        self._apply(host)
        slot = self._slots.get(host)
        if slot is not None and (turns := self._shared.get(host)):
            turn = monotonic() + turns.reserve_turn(host, MIN_THIRD_PARTY_DELAY)
            slot.lastseen = max(slot.lastseen, turn - slot.delay)

    def _after(self, response: Response, request: Request) -> None:
        host, now = host_of(request), monotonic()
        wait = None
        if response.status in BUSY_STATUSES:
            wait = retry_after((response.headers.get("Retry-After") or b"").decode("latin-1"), datetime.now(UTC))
        took = float(request.meta.get("download_latency") or 0.0)
        pace = self._paces[host] = self.pace(host).after_response(response.status, took, now, wait)
        self._apply(host)
        if response.status not in BUSY_STATUSES or host in self._given_up:
            return
        pause = pace.pause(now)
        if pause > self._longest_pause or pace.strikes >= self._most_strikes:
            self._give_up(host, f"{host} is busy (it answers {response.status})", pause)

    def _give_up(self, host: str, why: str, pause: float) -> None:
        self._given_up[host] = why
        until = datetime.now(UTC) + timedelta(seconds=pause) if pause > self._longest_pause else None
        self._fail_pending(lambda request: HostBusy(why) if host_of(request) == host else None)
        self._crawler.signals.send_catch_log(HOST_GIVEN_UP, host=host, why=why, until=until)

    def _apply(self, host: str) -> None:
        slot = self._slots.get(host)
        if slot is None:
            return
        pace = self.pace(host)
        slot.delay = max(pace.delay, _MIN_DELAY)
        slot.concurrency = pace.lanes if pace.delay > 0 else max(pace.lanes, self._concurrency)
        # Scrapy waits for `delay` after `lastseen`. A pause is therefore set as if a request had been made `delay`
        # before its end.
        if pace.pause(monotonic()):
            slot.lastseen = max(slot.lastseen, pace.until - pace.delay)

    def _tick(self) -> None:
        """Drops the pending requests of a stopped crawl, so that it does not wait for their delays."""
        engine = self._crawler.engine
        if engine is not None and not engine.running:
            self.drop_waiting()

    def _fail_pending(self, why: Callable[[Request], Exception | None]) -> None:
        """Fails each pending request for which `why` returns an error, with that error. Requests for which it returns
        None are kept.
        """
        for slot in list(self._slots.values()):
            waiting, slot.queue = list(slot.queue), type(slot.queue)()
            for request, answered in waiting:
                if error := why(request):
                    answered.errback(error)
                else:
                    slot.queue.append((request, answered))

    @property
    def _slots(self) -> dict[str, Any]:
        engine = self._crawler.engine
        return engine.downloader.slots if engine is not None else {}

    def _opened(self) -> None:
        self._loop.start(_TICK_SECONDS, now=False)

    def _closed(self) -> None:
        if self._loop.running:
            self._loop.stop()


def host_of(request: Request) -> str:
    """Returns the host of a request, without a port. The request's download slot has the same name."""
    return str(request.meta.get("download_slot") or urlsplit(request.url).hostname or "")
