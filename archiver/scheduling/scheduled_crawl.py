"""A process that crawls one site for the scheduler, by the code of `archiver crawl`, and tells what came of it.

It ends by itself when the scheduler is gone, however that ended: then nothing is at the other end of the link.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from time import monotonic
from typing import Any

from archiver.errors import ArchiverError
from archiver.scheduling.crawl_plan import Came, CrawlOrder, CrawlPlan, CrawlResult, host_of, on_screen, plan_of
from archiver.scheduling.fork_server import fork, fork_crawl, let_through
from archiver.sites.crawler_identity import delay_for
from archiver.storage.runs import Counts

_LEAVING = 5.0


@dataclass(frozen=True, slots=True)
class SiteCrawl:
    """A site to crawl, with its settings, and what the command line says of all sites (None: nothing)."""

    name: str
    url: str
    settings: dict[str, Any]
    delay: float | None
    contact: str | None

    @property
    def host(self) -> str:
        """Who is asked, as `plan.by_host` puts sites together."""
        own = self.settings.get("delay")
        return host_of(CrawlPlan(self.url, delay_for(self.url, own if self.delay is None else self.delay), ""))


@dataclass(eq=False)
class CrawlProcessHandle:
    """One crawl under way. Nobody else asks its host meanwhile; `began` is a time of the monotonic clock."""

    errand: SiteCrawl
    process: ForkServerProcess
    link: Connection
    began: float

    result: Came | None = None
    lost: bool = False
    """Whether it ended without a word."""

    def hear(self) -> bool:
        """Take in what it says; whether it is over, with a `result` then."""
        try:
            self.result = self.link.recv()
        except (EOFError, OSError):
            self._over()
            return True
        return False

    def _over(self) -> None:
        self.process.join(_LEAVING)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
        self.link.close()
        if self.result is None:
            self.lost = True
            self.result = CrawlResult(
                self.errand.name, self.errand.url, "failed", self._lost(), monotonic() - self.began, Counts(), ()
            )

    def _lost(self) -> str:
        code = self.process.exitcode
        how = (
            f"was killed by signal {-code} ({signal.strsignal(-code)})"
            if code and code < 0
            else (f"ended by itself (exit code {code}; log/crawl.log beside the archive tells more)")
        )
        return f"{self.errand.url} was not crawled to its end: its process {how}; the next run goes on from there."


def begin_crawl(errand: SiteCrawl, order: CrawlOrder) -> CrawlProcessHandle:
    """Start the crawl of a site. Raises OSError where there is no room for another process."""
    process, link = fork_crawl(errand.name, order.archive, _work, errand, order)
    return CrawlProcessHandle(errand, process, link, monotonic())


def _work(link: Connection, errand: SiteCrawl, order: CrawlOrder) -> None:
    """The life of the process. Ctrl-C goes to the scheduler, which hands it on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    let_through()
    threading.Thread(target=_watch, args=(link,), daemon=True).start()
    from archiver.scheduling.process_pool import run_plans
    from archiver.search.open_index import refresh_after_writing

    try:
        plan = plan_of(errand.url, errand.settings, errand.delay, errand.contact, known=True)
        (result,), _ = run_plans([plan], order, 1)
    except ArchiverError as error:
        send(link, error)
        return
    send(link, result)
    counts = result.counts
    changed = counts.new or counts.revised or counts.gone or counts.aliased
    if result.outcome != "interrupted" and changed and (sentence := refresh_after_writing(order.archive)):
        on_screen(sentence)


def notify_changes(archive: Path, sites: tuple[str, ...] | None, *, place: bool) -> ForkServerProcess:
    """Tell people of what has changed with these sites (None: with all of them, and with `place` the archive), in a
    process of its own: a mail server that is slow keeps no crawl waiting. Raises OSError."""
    return fork("notices", _note, archive, sites, place)


def _note(archive: Path, sites: tuple[str, ...] | None, place: bool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    let_through()
    from archiver.health.notifications import notify_after_runs

    notify_after_runs(archive, sites, on_screen, place=place)


def send(link: Connection, came: Came) -> None:
    with suppress(OSError):  # nobody is there any more
        link.send(came)


def _watch(link: Connection) -> None:
    """The scheduler never sends a word: what can be read is the end of the link."""
    try:
        link.recv()
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)
