"""How fast each host is asked, on Scrapy's download slots; the decisions are in `archiver.politeness.throttle`.

In place of Scrapy's AutoThrottle, which knows no Retry-After, takes 429 for an answer like any other, and does not keep
what a host asked for when its slot is thrown away after an idle minute.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Self
from urllib.parse import urlsplit

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.http import Response
from slugify import slugify
from twisted.internet.task import LoopingCall

from archiver.handlers.http_handler import HostBusy, RunEnded
from archiver.politeness.address_policy import AddressZone, zone_of_host
from archiver.politeness.throttle import BUSY, SPARED, Throttle, retry_after
from archiver.sites.crawler_identity import POLITE_DELAY

# Turns at a host that several crawls ask, those of other processes too: a web archive is one for all sites.

_FARTHEST = 3600.0
"""A turn that lies farther ahead was written by a clock that has been set back since."""


class SharedThrottle:
    """Of the crawls into archives of one folder. The next turn of a host is kept in a small file there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, host: str, seconds: float) -> float:
        """Seconds until the next turn at this host, which is taken; the one after it comes `seconds` later.

        Where no file can be written there are no turns, and no wait.
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
"""Signal: a host answered 429 or 503 too often or for too long. Arguments: host, why, until (a time or None)."""
_TICK_SECONDS = 0.5
# Without any delay Scrapy 2.19 sends all that waits for a slot at once, whatever its concurrency: it counts what is
# under way only when the event loop has gone round. With a millisecond between two requests it counts right.
_AT_ONCE = 0.001


class ThrottleExtension:
    """One `Pace` a host, for the whole run. A host that is too busy is given up: what waits for it is not asked.

    The setting BUSY_MOST_STRIKES says after how many answers 429 or 503 in a row, BUSY_LONGEST_PAUSE (seconds) at
    which Retry-After. Other hosts, and other crawls of this process, go on at their own pace.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._floor = crawler.settings.getfloat("DOWNLOAD_DELAY")
        self._concurrency = crawler.settings.getint("CONCURRENT_REQUESTS_PER_DOMAIN")
        self._most_strikes = crawler.settings.getint("BUSY_MOST_STRIKES")
        self._longest_pause = crawler.settings.getfloat("BUSY_LONGEST_PAUSE")
        self._paces: dict[str, Throttle] = {}
        self._given_up: dict[str, str] = {}
        self._spared: dict[str, SharedThrottle] = {}
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
        """Robots.txt asks for this delay between two requests to the request's host."""
        host = host_of(request)
        self._paces[host] = self.pace(host).at_least(seconds)

    def spare(self, host: str, turns: SharedThrottle) -> None:
        """A host that many crawls ask for a favour: not more often than every SPARED seconds, by all of them together.

        Whatever delay is set for the site; a host on this machine is spared nothing.
        """
        if zone_of_host(host) is not AddressZone.LOOPBACK:
            self._spared[host] = turns
            self._paces[host] = self.pace(host).no_faster(SPARED)

    def stranger(self, host: str) -> None:
        """A host that the site's pages lead to and that is not the site's own: it gets the usual delay at least,
        whatever was set for the site; a host on this machine is spared nothing."""
        if zone_of_host(host) is not AddressZone.LOOPBACK:
            self._paces[host] = self.pace(host).no_faster(POLITE_DELAY)

    def leave(self, host: str, why: str) -> None:
        """Ask this host for nothing more in this run: what waits for it raises HostBusy."""
        self._given_up[host] = why
        self._drop(lambda request: HostBusy(why) if host_of(request) == host else None)

    def keep(self, host: str, pace: Throttle) -> None:
        """Ask this host (or download slot) at this pace, and not at that of the settings."""
        self._paces[host] = pace

    def pause(self) -> float:
        """Seconds that are left of the longest pause a host has asked for; 0 where none has."""
        now = monotonic()
        return max((pace.pause(now) for pace in self._paces.values()), default=0.0)

    def given_up(self, host: str) -> str:
        """Why this host is not asked any more in this run; "" where it is."""
        return self._given_up.get(host, "")

    def drop_waiting(self) -> None:
        """The run ends: what waits for its turn is not asked for, and raises RunEnded."""
        self._drop(lambda request: RunEnded("the run ended"))

    def _before(self, request: Request) -> None:
        host = host_of(request)
        self._apply(host)
        slot = self._slots.get(host)
        if slot is not None and (turns := self._spared.get(host)):
            turn = monotonic() + turns.take(host, SPARED)
            slot.lastseen = max(slot.lastseen, turn - slot.delay)

    def _after(self, response: Response, request: Request) -> None:
        host, now = host_of(request), monotonic()
        wait = None
        if response.status in BUSY:
            wait = retry_after((response.headers.get("Retry-After") or b"").decode("latin-1"), datetime.now(UTC))
        took = float(request.meta.get("download_latency") or 0.0)
        pace = self._paces[host] = self.pace(host).answered(response.status, took, now, wait)
        self._apply(host)
        if response.status not in BUSY or host in self._given_up:
            return
        pause = pace.pause(now)
        if pause > self._longest_pause or pace.strikes >= self._most_strikes:
            self._give_up(host, f"{host} is busy (it answers {response.status})", pause)

    def _give_up(self, host: str, why: str, pause: float) -> None:
        self._given_up[host] = why
        until = datetime.now(UTC) + timedelta(seconds=pause) if pause > self._longest_pause else None
        self._drop(lambda request: HostBusy(why) if host_of(request) == host else None)
        self._crawler.signals.send_catch_log(HOST_GIVEN_UP, host=host, why=why, until=until)

    def _apply(self, host: str) -> None:
        slot = self._slots.get(host)
        if slot is None:
            return
        pace = self.pace(host)
        slot.delay = max(pace.delay, _AT_ONCE)
        slot.concurrency = pace.lanes if pace.delay > 0 else max(pace.lanes, self._concurrency)
        # Scrapy waits for `delay` after `lastseen`: a pause is a request that will have been made when it ends.
        if pace.pause(monotonic()):
            slot.lastseen = max(slot.lastseen, pace.until - pace.delay)

    def _tick(self) -> None:
        """A crawl that is stopped does not sit out the delays of requests that it will not make."""
        engine = self._crawler.engine
        if engine is not None and not engine.running:
            self.drop_waiting()

    def _drop(self, why: Callable[[Request], Exception | None]) -> None:
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
    """The name of the request's download slot: its host, without a port."""
    return str(request.meta.get("download_slot") or urlsplit(request.url).hostname or "")
