"""The loop of `archiver schedule`: looks what is due, begins crawls, hears what came of them, ends when told to."""

from __future__ import annotations

import signal
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from time import monotonic

from archiver.errors import ArchiveLocked, ArchiverError, BadConfig, UnreadableInput
from archiver.frontier.cadence import start_interval
from archiver.health.health_report import RESERVE
from archiver.scheduling.crawl_plan import GRACE, Came, CrawlOrder, CrawlResult
from archiver.scheduling.scheduled_crawl import CrawlProcessHandle, SiteCrawl, begin_crawl, notify_changes
from archiver.sites.config import effective_settings
from archiver.storage.connection import fault_of, free_bytes, open_archive
from archiver.storage.runs import DueSites, Scheduled

# When the scheduler has people told: after crawls, but not after each; and once an hour of what time alone changes.

_EVERY = 60.0
"""Seconds that changes wait for others, so that many are one message."""
_ALL_EVERY = 3600.0
_LONGEST = 180.0
_CATCHING_UP = 600.0
"""Seconds after the start in which nobody is told of missed turns: those of an outage are made up for."""


class NotificationRunner:
    """Keeps one process at a time; one that hangs is killed, and what it had to tell is told by the next."""

    def __init__(self, archive: Path, say: Callable[[str], None]) -> None:
        self._archive = archive
        self._say = say
        self._sites: set[str] = set()
        self._process: ForkServerProcess | None = None
        self._next = self._next_all = 0.0
        self._caught_up = monotonic() + _CATCHING_UP
        self._began = 0.0

    def ended(self, site: str) -> None:
        """A run of this site is over."""
        self._sites.add(site)

    def turn(self) -> None:
        """Do what is due; called every now and then."""
        now = monotonic()
        if self._process is not None:
            if self._process.is_alive():
                if now - self._began > _LONGEST:
                    self._process.kill()
                return
            self._process.close()
            self._process = None
        everything, place = now >= self._next_all, now >= self._caught_up
        if not everything and (not self._sites or now < self._next):
            return
        try:
            self._process = notify_changes(self._archive, None if everything else tuple(self._sites), place=place)
        except OSError as error:
            self._say(f"Nobody is told now of what may have changed ({error.strerror}): it is tried again.")
        else:
            self._sites.clear()
            if everything:
                self._next_all = now + _ALL_EVERY if place else self._caught_up
        self._began, self._next = now, now + _EVERY

    def close(self) -> None:
        """Leave a message that is under way half a second; it is sent again where that is not enough."""
        if self._process is not None:
            self._process.join(0.5)
            if self._process.exitcode is None:
                self._process.kill()
                self._process.join()


_LOOK_EVERY = 20.0
"""Seconds between two looks at the archive: sites are added and set, and the clock may have been corrected."""
_CLOSING = 12.0
"""Seconds beyond the grace in which a crawl writes what it has; one that takes longer is killed."""
_REFUSED, _REFUSED_LONGEST = 60.0, 3600.0
"""Seconds after which a site is tried again whose crawl could not begin (another one was at its host, it has no
contact) or died before it was entered; the wait doubles up to the second."""


@dataclass(frozen=True, slots=True)
class DaemonOptions:
    """What the command asked for. `told` hears what came of a site's turn, `say` what a person should know."""

    order: CrawlOrder
    workers: int
    once: bool
    delay: float | None
    contact: str | None
    told: Callable[[str, Came], None]
    say: Callable[[str], None]


class Daemon:
    """Time between looks is of the monotonic clock, so that no jump of the other one stops it."""

    def __init__(self, orders: DaemonOptions) -> None:
        self._orders = orders
        self._children: list[CrawlProcessHandle] = []
        self._not_before: dict[str, float] = {}
        self._refusals: dict[str, int] = {}
        self._why: dict[str, str] = {}
        self._notices = NotificationRunner(orders.order.archive, orders.say)
        self._next_start = 0.0
        self._signum = 0
        self._kill_at = float("inf")
        self._turns = DueSites()
        self._held = self._said = ""
        self.unclean = 0

    def run(self) -> int:
        """Run until it is told to end, or with `once` until nothing is due; the signal that ended it (0: none).

        Raises what opening the archive raises, when the crawls under way are over.
        """
        with self._signals() as woken:
            try:
                self._loop(woken)
            except BaseException:
                self._end_children()
                while self._children:
                    self._hear(woken, 1.0)
                raise
            finally:
                self._notices.close()
        return self._signum

    def _loop(self, woken: socket.socket) -> None:
        look_at = 0.0
        due: list[Scheduled] = []
        while True:
            if not self._signum and monotonic() >= look_at:
                if not self._orders.once or not look_at:
                    due = self._due()
                look_at = monotonic() + _LOOK_EVERY
            waits = self._begin(due) if not self._signum else _LOOK_EVERY
            if not self._orders.once and not self._signum:
                self._notices.turn()
            if not self._children and (self._signum or (self._orders.once and not due)):
                return
            self._hear(woken, min(waits, max(0.0, look_at - monotonic())))

    def _due(self) -> list[Scheduled]:
        """What is due now: nothing as long as another program keeps the archive locked."""
        now, archive = datetime.now(UTC), self._orders.order.archive
        try:
            db = open_archive(archive, read_only=True)
            try:
                due = self._turns.due(db, now, effective_settings(db))
                self._said = ""
                return due
            except sqlite3.Error as error:
                raise fault_of(error, archive) from error
            finally:
                db.close()
        except (ArchiveLocked, BadConfig, UnreadableInput) as error:
            # It is somebody's who is at it; what is under way goes on meanwhile.
            if str(error) != self._said:
                self._said = str(error)
                self._orders.say(f"No crawl begins for now: {error}")
            return []

    def _begin(self, due: list[Scheduled]) -> float:
        """Begin what can begin, and take it off the list; seconds until more can."""
        if due and not self._has_room():
            if self._orders.once:
                due.clear()
                self.unclean += 1
            return _LOOK_EVERY
        now = monotonic()
        under_way = {child.errand.name for child in self._children}
        due[:] = [one for one in due if one.site["name"] not in under_way]
        soonest = _LOOK_EVERY
        for one in list(due):
            if len(self._children) >= self._orders.workers:
                break
            if now < self._next_start:
                return self._next_start - now
            ready = self._not_before.get(one.site["name"], 0.0)
            if ready > now:
                soonest = min(soonest, ready - now)
                continue
            if self._start(one):
                self._next_start = now + start_interval(len(due))
                due.remove(one)
        return soonest

    def _start(self, one: Scheduled) -> bool:
        """Whether the site's turn is taken: not while its host is asked by another crawl."""
        orders, site = self._orders, one.site
        errand = SiteCrawl(site["name"], site["start_url"], site["settings"], orders.delay, orders.contact)
        if any(child.errand.host == errand.host for child in self._children):
            return False
        try:
            self._children.append(begin_crawl(errand, orders.order))
        except OSError as error:
            self._orders.say(f"No further crawl can begin now ({error.strerror}): it is tried again.")
            self._next_start = monotonic() + _LOOK_EVERY
            return False
        return True

    def _later(self, name: str, came: Came, why: str) -> None:
        """The ledger knows nothing of this turn, so that it would come again at once. Each reason is told once."""
        times = self._refusals[name] = self._refusals.get(name, 0) + 1
        self._not_before[name] = monotonic() + min(_REFUSED * 2 ** min(times - 1, 10), _REFUSED_LONGEST)
        self.unclean += 1
        if self._why.get(name) != why:
            self._why[name] = why
            self._orders.told(name, came)

    def _has_room(self) -> bool:
        free = free_bytes(self._orders.order.archive)
        if free >= RESERVE:
            self._held = ""
            return True
        if not self._held:
            self._held = (
                f"{free / 1e6:,.0f} MB are free where {self._orders.order.archive} lies: no crawl begins "
                f"until {RESERVE / 1e6:,.0f} MB are."
            )
            self._orders.say(self._held)
        return False

    def _hear(self, woken: socket.socket, timeout: float) -> None:
        """Wait for a crawl's end, a signal or the time."""
        heard = wait(
            [woken, *(child.link for child in self._children)], max(0.0, min(timeout, self._kill_at - monotonic()))
        )
        if woken in heard:
            woken.recv(64)
        for child in [child for child in self._children if child.link in heard]:
            if child.hear():
                self._children.remove(child)
                self._came(child)
        if monotonic() >= self._kill_at:
            for child in self._children:
                child.process.kill()

    def _came(self, child: CrawlProcessHandle) -> None:
        match child.result:
            case ArchiverError() as error:
                self._later(child.errand.name, error, str(error))
            case CrawlResult() as result if child.lost and not self._signum:
                self._later(child.errand.name, result, result.reason)
                self._notices.ended(child.errand.name)
            case CrawlResult() as result:
                if self._signum and not result.clean:
                    result = replace(result, outcome="interrupted", reason="")
                self.unclean += not result.clean
                self._refusals.pop(child.errand.name, None)
                self._why.pop(child.errand.name, None)
                self._orders.told(child.errand.name, result)
                self._notices.ended(child.errand.name)

    @contextmanager
    def _signals(self) -> Iterator[socket.socket]:
        woken, wakes = socket.socketpair()
        woken.setblocking(False)
        wakes.setblocking(False)
        before = {signum: signal.signal(signum, self._told_to_end) for signum in (signal.SIGINT, signal.SIGTERM)}
        fd = signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
        try:
            yield woken
        finally:
            signal.set_wakeup_fd(fd)
            for signum, handler in before.items():
                signal.signal(signum, handler)
            woken.close()
            wakes.close()

    def _told_to_end(self, signum: int, frame: object) -> None:
        """The first signal lets pages under way come in, a second does not."""
        again = bool(self._signum)
        self._signum = self._signum or signum
        self._end_children(at_once=again)

    def _end_children(self, *, at_once: bool = False) -> None:
        self._kill_at = monotonic() + (0.0 if at_once else GRACE) + _CLOSING
        for child in self._children:
            child.process.terminate()
