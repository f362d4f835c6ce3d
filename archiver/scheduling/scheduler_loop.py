"""The loop of `archiver schedule`: starts the crawls that are due, collects their results, and stops on a signal.

Each site is crawled in its own process (`site_crawl`).
"""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from time import monotonic

from archiver.frontier.cadence import start_interval
from archiver.health.health_report import MIN_FREE_BYTES
from archiver.maintenance.scheduled_check import is_check_due
from archiver.model.errors import ArchiveLocked, ArchiverError, BadConfig, UnreadableInput
from archiver.scheduling.crawl_plans import (
    GRACE,
    CommonOptions,
    CrawlOutcome,
    CrawlResult,
    print_notice,
)
from archiver.scheduling.fork_server import fork, unblock_end_signals
from archiver.scheduling.service import ServiceManager
from archiver.scheduling.site_crawl import CrawlProcessHandle, SiteCrawl, begin_crawl
from archiver.sites.config import effective_settings, load_config
from archiver.sites.run_limits import read_group_quotas
from archiver.storage.database import open_archive, opened
from archiver.storage.scheduled_sites import DueSites, Scheduled
from archiver.storage.transactions import check_is_running, environment_error, free_bytes, record_heartbeat

_NICE = 10
"""A check runs with a nice value that is higher by this number (nice(2)), so that crawls take precedence."""


def notify_changes(archive: Path, sites: tuple[str, ...] | None, *, catching_up: bool) -> ForkServerProcess:
    """Starts a separate process that sends notifications about the sites (None for all) and about the archive. Thus a
    slow mail server does not delay crawls. With `catching_up`, late sites are not reported. Raises OSError if the
    process cannot be started.
    """
    return fork("notifications", _notify, archive, sites, catching_up)


def _notify(archive: Path, sites: tuple[str, ...] | None, catching_up: bool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    unblock_end_signals()
    from archiver.health.notification_channels import notify_after_runs

    notify_after_runs(archive, sites, print_notice, catching_up=catching_up)


def begin_check(archive: Path) -> ForkServerProcess:
    """Starts a process that checks the archive with low priority. Raises OSError if it cannot be started."""
    return fork("check", _check, archive)


def _check(archive: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    unblock_end_signals()
    os.nice(_NICE)
    check_and_report(archive, print_notice)


def check_and_report(archive: Path, say: Callable[[str], None]) -> None:
    """Checks the archive. Passes a sentence about each damage to `say`; and a sentence with the reason, if the check
    could not be completed.
    """
    from archiver.maintenance.scheduled_check import check_archive

    try:
        for damage in check_archive(archive):
            say(f"Found by the nightly check: {damage.sentence}. {damage.remedy}")
    except ArchiverError as error:
        say(f"The nightly check of the archive is not complete: {error}")


# Notifications are sent in batches after crawls, and hourly for changes that only depend on time.

_NOTIFY_EVERY = 60.0
"""Notifications are sent at most once in this many seconds, so that several changes become one message."""
_CHECK_ALL_EVERY = 3600.0
_MAX_SECONDS = 180.0
_CATCH_UP = 600.0
"""For this many seconds after its start, the scheduler does not report late sites, because it is crawling what it
missed.
"""


class NotificationRunner:
    """Sends notifications about changes in health, in one process at a time. A process that hangs is killed, and the
    next process sends the messages that it has not sent.
    """

    def __init__(self, archive: Path, show: Callable[[str], None]) -> None:
        self._archive = archive
        self._show = show
        self._sites: set[str] = set()
        self._process: ForkServerProcess | None = None
        self._next = self._next_all = 0.0
        self._caught_up = monotonic() + _CATCH_UP
        self._started_at = 0.0

    def run_ended(self, site: str) -> None:
        """Records that a run of this site has ended, so that the next process judges the site."""
        self._sites.add(site)

    def poll(self) -> None:
        """Starts a process that sends notifications, if they are due and none is running. This must be called
        regularly.
        """
        now = monotonic()
        if self._process is not None:
            if self._process.is_alive():
                if now - self._started_at > _MAX_SECONDS:
                    self._process.kill()
                return
            self._process.close()
            self._process = None
        everything, catching_up = now >= self._next_all, now < self._caught_up
        if not everything and (not self._sites or now < self._next):
            return
        try:
            self._process = notify_changes(
                self._archive, None if everything else tuple(self._sites), catching_up=catching_up
            )
        except OSError as error:
            self._show(f"Notifications cannot be sent now ({error.strerror}) and will be retried.")
        else:
            self._sites.clear()
            if everything:
                self._next_all = self._caught_up if catching_up else now + _CHECK_ALL_EVERY
        self._started_at, self._next = now, now + _NOTIFY_EVERY

    def close(self) -> None:
        """Gives a running process half a second to finish, then kills it. The next scheduler sends what it has not
        sent.
        """
        if self._process is not None:
            self._process.join(0.5)
            if self._process.exitcode is None:
                self._process.kill()
                self._process.join()


class NightlyCheck:
    """Checks the archive every few nights, in a separate process, at the time given in archiver.toml."""

    def __init__(self, archive: Path, show: Callable[[str], None]) -> None:
        self._archive = archive
        self._show = show
        self._process: ForkServerProcess | None = None
        self._next = 0.0

    def poll(self) -> None:
        """Starts the check if it is due and not running. This must be called regularly."""
        if self._process is not None and not self._process.is_alive():
            self._process.close()
            self._process = None
        if self._process is not None or monotonic() < self._next:
            return
        self._next = monotonic() + _LOOK_EVERY
        try:
            if check_is_due(self._archive, datetime.now(UTC)):
                self._next = monotonic() + _CHECK_AGAIN_AFTER
                self._process = begin_check(self._archive)
        except ArchiverError:
            return  # `_find_due_sites` reports the error
        except OSError as error:
            self._show(f"The nightly check of the archive cannot be started now ({error.strerror}).")

    def close(self) -> None:
        """Stops a running check. It is due again at once."""
        if self._process is not None:
            self._process.kill()
            self._process.join()


def check_is_due(archive: Path, now: datetime) -> bool:
    """Returns True if the nightly check is due. Raises BadConfig if archiver.toml is invalid, and the errors of
    `open_archive`.
    """
    limits = load_config().maintenance
    if not limits.check_at:
        return False
    try:
        with opened(archive, read_only=True) as db:
            return is_check_due(db, limits.check_at, limits.check_days, now, is_running=check_is_running(archive))
    except sqlite3.Error as error:
        raise environment_error(error, archive) from error


_LOOK_EVERY = 60.0
"""Seconds between two tests of whether the nightly check is due."""
_CHECK_AGAIN_AFTER = 3600.0
"""Seconds before retrying a nightly check that could not begin, for example because the archive was locked."""
_CHECK_EVERY = 20.0
"""Seconds between two searches for due sites. A fixed interval is used because sites, settings and the clock can
change.
"""
_CLOSING = 12.0
"""When a crawl is stopped, it gets this many seconds after the grace period to write its results. Then it is killed."""
_RETRY_AFTER, _MAX_RETRY_AFTER = 60.0, 3600.0
"""Seconds before retrying a site whose crawl could not start (its host is busy, there is no contact) or died before its
run was recorded. The time doubles up to the maximum.
"""


@dataclass(frozen=True, slots=True)
class DaemonOptions:
    """The options of `archiver schedule`. `on_result` is called with the name of each crawled site and its result.
    `show` is called with notices for the user.
    """

    order: CommonOptions
    workers: int
    once: bool
    delay: float | None
    contact: str | None
    on_result: Callable[[str, CrawlOutcome], None]
    show: Callable[[str], None]


class Daemon:
    """The scheduler: runs the crawl of each site when it is due. Waits by the monotonic clock, so that changes of the
    system time do not stop it.
    """

    def __init__(self, options: DaemonOptions) -> None:
        self._options = options
        self._children: list[CrawlProcessHandle] = []
        self._not_before: dict[str, float] = {}
        self._failed_starts: dict[str, int] = {}
        self._last_reasons: dict[str, str] = {}
        self._notifications = NotificationRunner(options.order.archive, options.show)
        self._nightly_check = NightlyCheck(options.order.archive, options.show)
        self._next_start = 0.0
        self._signum = 0
        self._kill_at = float("inf")
        self._due_sites = DueSites()
        self._manager = ServiceManager()
        self._space_notice = self._archive_notice = ""
        self.unclean = 0

    def run(self) -> int:
        """Runs until a signal arrives or, if `once` is set in the options, until no site is due. Returns the signal
        that ended it (0 for none).

        If the archive cannot be opened, waits for running crawls and raises the error.
        """
        with self._signals() as woken:
            try:
                self._manager.send("READY=1")
                self._loop(woken)
            except BaseException:
                self._stop_children()
                while self._children:
                    self._wait(woken, 1.0)
                raise
            finally:
                self._notifications.close()
                self._nightly_check.close()
        return self._signum

    def _loop(self, woken: socket.socket) -> None:
        check_at = 0.0
        due: list[Scheduled] = []
        while True:
            if not self._signum and monotonic() >= check_at:
                if not self._options.once or not check_at:
                    due = self._find_due_sites()
                check_at = monotonic() + _CHECK_EVERY
                with suppress(OSError):  # the disk is full or read-only, or the archive is being moved
                    record_heartbeat(self._options.order.archive)
            timeout = self._start_due(due) if not self._signum else _CHECK_EVERY
            if not self._options.once and not self._signum:
                self._notifications.poll()
                self._nightly_check.poll()
            if not self._children and (self._signum or (self._options.once and not due)):
                return
            self._manager.alive(self._describe(len(due)))
            self._wait(woken, min(timeout, max(0.0, check_at - monotonic())))

    def _describe(self, due: int) -> str:
        """Returns a phrase for the service manager about what the scheduler is doing. `due` is the number of sites that
        are due.
        """
        if self._signum:
            return f"Stopping: {len(self._children)} crawls are ending"
        return self._archive_notice or self._space_notice or f"{len(self._children)} crawls running, {due} sites due"

    def _find_due_sites(self) -> list[Scheduled]:
        """Returns the sites that are due now. Returns [] if the archive is locked by another program or cannot be read,
        or if archiver.toml is invalid; a notice says why.
        """
        now, archive = datetime.now(UTC), self._options.order.archive
        try:
            db = open_archive(archive, read_only=True)
            try:
                config = load_config()
                due = self._due_sites.due(db, now, effective_settings(db, config))
                quotas = read_group_quotas(db, config, now)
                due = [one for one in due if not quotas.exhausted_group(one.site["id"])]
                self._archive_notice = ""
                return due
            except sqlite3.Error as error:
                raise environment_error(error, archive) from error
            finally:
                db.close()
        except (ArchiveLocked, BadConfig, UnreadableInput) as error:
            # Another program is working on the archive; running crawls continue meanwhile.
            if str(error) != self._archive_notice:
                self._archive_notice = str(error)
                self._options.show(f"No crawls are started for now: {error}")
            return []

    def _start_due(self, due: list[Scheduled]) -> float:
        """Starts crawls of due sites, and removes these sites from `due`. Returns the seconds until more crawls can be
        started.
        """
        if due and not self._has_room():
            if self._options.once:
                due.clear()
                self.unclean += 1
            return _CHECK_EVERY
        now = monotonic()
        running = {child.crawl.name for child in self._children}
        due[:] = [one for one in due if one.site["name"] not in running]
        timeout = _CHECK_EVERY
        for one in list(due):
            if len(self._children) >= self._options.workers:
                break
            if now < self._next_start:
                return self._next_start - now
            ready = self._not_before.get(one.site["name"], 0.0)
            if ready > now:
                timeout = min(timeout, ready - now)
                continue
            if self._start(one):
                self._next_start = now + start_interval(len(due))
                due.remove(one)
        return timeout

    def _start(self, one: Scheduled) -> bool:
        """Starts the crawl of a site, unless another crawl uses its host. Returns True if the crawl was started."""
        options, site = self._options, one.site
        crawl = SiteCrawl(site["name"], site["start_url"], site["settings"], options.delay, options.contact)
        if any(child.crawl.host == crawl.host for child in self._children):
            return False
        try:
            self._children.append(begin_crawl(crawl, options.order))
        except OSError as error:
            self._options.show(f"No more crawls can be started now ({error.strerror}); this will be retried.")
            self._next_start = monotonic() + _CHECK_EVERY
            return False
        return True

    def _postpone(self, name: str, result: CrawlOutcome, reason: str) -> None:
        """Delays the next attempt to crawl a site whose run was not recorded, because the site would otherwise be due
        again at once. Reports the result, unless its reason is the same as after the last attempt.
        """
        times = self._failed_starts[name] = self._failed_starts.get(name, 0) + 1
        self._not_before[name] = monotonic() + min(_RETRY_AFTER * 2 ** min(times - 1, 10), _MAX_RETRY_AFTER)
        self.unclean += 1
        if self._last_reasons.get(name) != reason:
            self._last_reasons[name] = reason
            self._options.on_result(name, result)

    def _has_room(self) -> bool:
        free = free_bytes(self._options.order.archive)
        if free >= MIN_FREE_BYTES:
            self._space_notice = ""
            return True
        if not self._space_notice:
            self._space_notice = (
                f"Only {free / 1e6:,.0f} MB are free on the disk of {self._options.order.archive}. No crawls are "
                f"started until {MIN_FREE_BYTES / 1e6:,.0f} MB are free."
            )
            self._options.show(self._space_notice)
        return False

    def _wait(self, woken: socket.socket, timeout: float) -> None:
        """Waits for the end of a crawl, a signal or the timeout (in seconds), and handles the results of crawls that
        have ended. A signal makes the socket `woken` readable.
        """
        ready = wait(
            [woken, *(child.link for child in self._children)], max(0.0, min(timeout, self._kill_at - monotonic()))
        )
        if woken in ready:
            woken.recv(64)
        for child in [child for child in self._children if child.link in ready]:
            if child.receive():
                self._children.remove(child)
                self._handle_result(child)
        if monotonic() >= self._kill_at:
            for child in self._children:
                child.process.kill()

    def _handle_result(self, child: CrawlProcessHandle) -> None:
        match child.result:
            case ArchiverError() as error:
                self._postpone(child.crawl.name, error, str(error))
            case CrawlResult() as result if child.lost and not self._signum:
                self._postpone(child.crawl.name, result, result.reason)
                self._notifications.run_ended(child.crawl.name)
            case CrawlResult() as result:
                if self._signum and not result.clean:
                    result = replace(result, outcome="interrupted", reason="")
                self.unclean += not result.clean
                self._failed_starts.pop(child.crawl.name, None)
                self._last_reasons.pop(child.crawl.name, None)
                self._options.on_result(child.crawl.name, result)
                self._notifications.run_ended(child.crawl.name)

    @contextmanager
    def _signals(self) -> Iterator[socket.socket]:
        woken, waker = socket.socketpair()
        woken.setblocking(False)
        waker.setblocking(False)
        before = {signum: signal.signal(signum, self._on_signal) for signum in (signal.SIGINT, signal.SIGTERM)}
        fd = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        try:
            yield woken
        finally:
            signal.set_wakeup_fd(fd)
            for signum, handler in before.items():
                signal.signal(signum, handler)
            woken.close()
            waker.close()

    def _on_signal(self, signum: int, frame: object) -> None:
        """Stops all crawls: after the first signal, running requests may finish; after a second one, they may not."""
        is_second = bool(self._signum)
        self._manager.send("STOPPING=1")
        self._signum = self._signum or signum
        self._stop_children(at_once=is_second)

    def _stop_children(self, *, at_once: bool = False) -> None:
        self._kill_at = monotonic() + (0.0 if at_once else GRACE) + _CLOSING
        for child in self._children:
            child.process.terminate()
