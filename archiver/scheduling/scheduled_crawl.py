"""Crawls one site for the scheduler in a separate process, as `archiver crawl` does, and sends the result to the
scheduler.

The process stops when the scheduler dies, because that closes the link between them.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from time import monotonic
from typing import Any

from archiver.errors import ArchiverError
from archiver.scheduling.crawl_messages import (
    CommonOptions,
    CrawlOutcome,
    CrawlPlan,
    CrawlResult,
    host_of,
    make_plan,
    print_notice,
)
from archiver.scheduling.fork_server import fork, fork_crawl, unblock_end_signals
from archiver.sites.crawler_identity import delay_for
from archiver.storage.runs import Counts

_EXIT_SECONDS = 5.0
_NICE = 10
"""The nice value of a check is this much higher than that of a crawl (nice(2)), so a check has lower priority."""


@dataclass(frozen=True, slots=True)
class SiteCrawl:
    """A site that the scheduler is to crawl, with its settings. `delay` and `contact` are the values given on the
    command line, None if not given.
    """

    name: str
    url: str
    settings: dict[str, Any]
    delay: float | None
    contact: str | None

    @property
    def host(self) -> str:
        """The host of the site. Only one crawl per host runs at a time (see `host_of`)."""
        own = self.settings.get("delay")
        return host_of(CrawlPlan(self.url, delay_for(self.url, own if self.delay is None else self.delay), ""))


@dataclass(eq=False)
class CrawlProcessHandle:
    """The scheduler's handle of a process that crawls a site. No other crawl uses the same host. `started` is a time of
    the monotonic clock.
    """

    crawl: SiteCrawl
    process: ForkServerProcess
    link: Connection
    started: float

    result: CrawlOutcome | None = None
    lost: bool = False
    """True if the process ended without sending a result."""

    def receive(self) -> bool:
        """Receives the result or the end of the process. Returns True if the process has ended; `result` is set
        then.
        """
        try:
            self.result = self.link.recv()
        except (EOFError, OSError):
            self._finish()
            return True
        return False

    def _finish(self) -> None:
        self.process.join(_EXIT_SECONDS)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
        self.link.close()
        if self.result is None:
            self.lost = True
            self.result = CrawlResult(
                self.crawl.name,
                self.crawl.url,
                "failed",
                self._death_reason(),
                monotonic() - self.started,
                Counts(),
                (),
            )

    def _death_reason(self) -> str:
        code = self.process.exitcode
        how = (
            f"was killed by signal {-code} ({signal.strsignal(-code)})"
            if code and code < 0
            else (f"exited with code {code} (see log/crawl.log next to the archive)")
        )
        return f"The crawl of {self.crawl.url} is incomplete: its process {how}. The next run continues from there."


def begin_crawl(crawl: SiteCrawl, order: CommonOptions) -> CrawlProcessHandle:
    """Starts a process that crawls a site. Raises OSError if no process can be started."""
    process, link = fork_crawl(crawl.name, order.archive, _run_crawl, crawl, order)
    return CrawlProcessHandle(crawl, process, link, monotonic())


def _run_crawl(link: Connection, crawl: SiteCrawl, order: CommonOptions) -> None:
    """Crawls the site. Runs in the new process, which ignores Ctrl-C because the scheduler stops it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    unblock_end_signals()
    threading.Thread(target=_stop_without_scheduler, args=(link,), daemon=True).start()
    from archiver.scheduling.crawl_pool import run_plans
    from archiver.search.index_refresh import refresh_after_writing

    try:
        plan = make_plan(crawl.url, crawl.settings, crawl.delay, crawl.contact, known=True)
        (result,), _ = run_plans([plan], order, 1)
    except ArchiverError as error:
        send(link, error)
        return
    send(link, result)
    counts = result.counts
    changed = counts.new or counts.revised or counts.gone or counts.aliased
    if result.outcome != "interrupted" and changed and (sentence := refresh_after_writing(order.archive)):
        print_notice(sentence)


def notify_changes(archive: Path, sites: tuple[str, ...] | None, *, catching_up: bool) -> ForkServerProcess:
    """Starts a separate process that sends notifications, so that a slow mail server does not delay crawls. They are
    about these sites (None for all) and about the archive itself; with `catching_up`, not about missed crawls. Raises
    OSError if the process cannot be started.
    """
    return fork("notifications", _notify, archive, sites, catching_up)


def _notify(archive: Path, sites: tuple[str, ...] | None, catching_up: bool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    unblock_end_signals()
    from archiver.health.notifications import notify_after_runs

    notify_after_runs(archive, sites, print_notice, catching_up=catching_up)


def begin_partial_check(archive: Path, days: int, seconds: float) -> ForkServerProcess:
    """Starts a process that checks a part of the archive with low priority. Raises OSError if it cannot be started."""
    return fork("check", _check_part, archive, days, seconds)


def _check_part(archive: Path, days: int, seconds: float) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    unblock_end_signals()
    os.nice(_NICE)
    check_part_and_report(archive, days, seconds, print_notice)


def check_part_and_report(archive: Path, days: int, seconds: float, say: Callable[[str], None]) -> None:
    """Checks a part of the archive. Passes a sentence about each damage to `say`, or a sentence about why the check is
    not complete.
    """
    from archiver.maintenance.partial_check import CheckBudget, check_part

    try:
        for damage in check_part(archive, CheckBudget(days, seconds)).damages:
            say(f"Found by the nightly check: {damage.sentence}. {damage.remedy}")
    except ArchiverError as error:
        say(f"The nightly check of the archive is not complete: {error}")


def send(link: Connection, result: CrawlOutcome) -> None:
    with suppress(OSError):  # the scheduler is gone
        link.send(result)


def _stop_without_scheduler(link: Connection) -> None:
    """Waits until the link is closed, which means that the scheduler is gone, then sends SIGTERM to this process. The
    scheduler never sends anything over the link.
    """
    try:
        link.recv()
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)
