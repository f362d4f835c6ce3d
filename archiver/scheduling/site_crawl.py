"""The crawl of one site in a process of its own, in the same way as by `archiver crawl`.

The process sends the result to the scheduler over a link. It stops when the scheduler dies, because that closes the
link.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from time import monotonic
from typing import Any

from archiver.model.errors import ArchiverError
from archiver.scheduling.crawl_plans import (
    CommonOptions,
    CrawlOutcome,
    CrawlPlan,
    CrawlResult,
    host_of,
    make_plan,
    print_notice,
)
from archiver.scheduling.fork_server import fork_crawl, unblock_end_signals
from archiver.sites.crawler_identity import delay_for
from archiver.storage.runs import Counts

_EXIT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class SiteCrawl:
    """A site that the scheduler is to crawl, with its settings. `delay` and `contact` come from the command line; None
    if they were not given.
    """

    name: str
    url: str
    settings: dict[str, Any]
    delay: float | None
    contact: str | None

    @property
    def host(self) -> str:
        """Returns the host of the site. Only one crawl per host runs at a time (see `host_of`)."""
        own = self.settings.get("delay")
        return host_of(CrawlPlan(self.url, delay_for(self.url, own if self.delay is None else self.delay), ""))


@dataclass(eq=False)
class CrawlProcessHandle:
    """The scheduler's handle of a process that crawls a site. `started` is the time of its start, by the monotonic
    clock. While the process runs, no other crawl uses the host of the site.
    """

    crawl: SiteCrawl
    process: ForkServerProcess
    link: Connection
    started: float

    result: CrawlOutcome | None = None
    lost: bool = False
    """True if the process ended without sending a result."""

    def receive(self) -> bool:
        """Receives what the process sent: its result, or the end of the link. Returns True at the end of the link; the
        process has then ended, and `result` is set.
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
    from archiver.search.search_index import refresh_after_writing

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


def send(link: Connection, result: CrawlOutcome) -> None:
    with suppress(OSError):  # the scheduler is gone
        link.send(result)


def _stop_without_scheduler(link: Connection) -> None:
    """Sends SIGTERM to this process when the scheduler is gone. The scheduler sends nothing over the link, so reading
    from it ends only when it is closed.
    """
    try:
        link.recv()
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)
