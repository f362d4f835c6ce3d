"""Processes that do the work of a fleet worker's jobs, and die with the worker or when the lease of their site runs
out.
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
from typing import Any

from archiver.errors import ArchiverError
from archiver.fleet.leases import monotonic_seconds
from archiver.politeness.address_policy import check_before_requests
from archiver.scheduling.crawl_messages import CommonOptions, CrawlOutcome, CrawlResult, make_plan
from archiver.scheduling.fork_server import fork_crawl, unblock_end_signals
from archiver.storage.runs import Counts


@dataclass(eq=False)
class LeasedProcess:
    """A worker's handle of a job's process. `result` is what the process sent before it ended. If it sent nothing,
    `result` is the return value of `died`, which is called with a phrase such as "was killed by signal 9".
    """

    process: ForkServerProcess
    link: Connection
    died: Callable[[str], Any]
    result: Any = None

    def has_ended(self, seconds: float) -> bool:
        """Waits up to `seconds` for the process to end. Returns True if it has ended."""
        if not self.link.poll(seconds):
            return False
        try:
            self.result = self.link.recv()
        except (EOFError, OSError):
            code = self._join()
            if self.result is None:
                self.result = self.died(f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}")
            return True
        return False

    def extend(self, until: float) -> None:
        """Allows the process to run until this time (in `monotonic_seconds`)."""
        with suppress(OSError):
            self.link.send(until)

    def end(self) -> None:
        """Asks the process to end. A crawl first finishes its running requests; any other task first finishes its
        transaction.
        """
        self.process.terminate()

    def kill(self) -> None:
        self.process.kill()
        self._join()

    def _join(self) -> int:
        self.process.join(20)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
        self.link.close()
        return self.process.exitcode or 0


class LeaseWatchdog:
    """Kills the process that it runs in when the lease of its site ends. A thread watches the time. In addition,
    `check` is called before each request, because the thread may not be the first to run when a suspended process
    resumes.
    """

    def __init__(self, link: Connection, until: float) -> None:
        self._link, self._until = link, until
        self._receiving = threading.Lock()

    def watch(self) -> None:
        while True:
            self._receive(max(0.0, self._until - monotonic_seconds()))
            self.check()

    def check(self) -> None:
        if monotonic_seconds() < self._until:
            return
        self._receive(0.0)  # an extension of the lease may have arrived meanwhile
        if monotonic_seconds() >= self._until:
            self._end(f"its lease ran out {monotonic_seconds() - self._until:.1f} seconds ago")

    def _receive(self, seconds: float) -> None:
        try:
            if self._link.poll(seconds):
                with self._receiving:
                    while self._link.poll(0):
                        self._until = self._link.recv()
        except (EOFError, OSError):
            self._end("its worker is gone")

    @staticmethod
    def _end(why: str) -> None:
        os.write(2, f"The process ends at once: {why}.\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)


def start_watchdog(link: Connection) -> LeaseWatchdog | None:
    """Waits, at the start of a job's process, for the worker to send the end of the lease, and starts watching the
    time. Returns None if the worker is gone.

    From then on the process ignores Ctrl-C, because the worker handles it and ends its processes.
    """
    try:
        until = link.recv()
    except (EOFError, OSError):
        return None
    watchdog = LeaseWatchdog(link, until)
    threading.Thread(target=watchdog.watch, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return watchdog


# A crawl of one site in a process that dies with its lease.


def begin_leased_crawl(
    archive: Path, site: str, url: str, settings: dict[str, Any], contact: str | None
) -> LeasedProcess:
    """Starts a process that crawls one site, once `LeasedProcess.extend` has sent it the end of its lease. Its result
    is a CrawlResult or an ArchiverError. Raises OSError if the process cannot be started.
    """

    def died(how: str) -> CrawlResult:
        return CrawlResult(site, url, "failed", f"The process that crawled {url} {how}.", 0.0, Counts(), ())

    process, link = fork_crawl(site, archive, _crawl, archive, url, settings, contact)
    return LeasedProcess(process, link, died)


def _crawl(link: Connection, archive: Path, url: str, settings: dict[str, Any], contact: str | None) -> None:
    """Entry point of the process: crawls the site, and sends the result to the worker."""
    watchdog = start_watchdog(link)
    if watchdog is None:
        return
    check_before_requests(watchdog.check)
    unblock_end_signals()
    from archiver.scheduling.crawl_pool import run_plans

    result: CrawlOutcome
    try:
        (result,), _ = run_plans(
            [make_plan(url, settings, None, contact, known=True)], CommonOptions(archive, quiet=True, scheduled=True), 1
        )
    except ArchiverError as error:
        result = error
    link.send(result)
