"""Processes on a leash: a process that works for a worker and dies with it, or when its lease runs out."""

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
from archiver.scheduling.crawl_messages import CommonOptions, CrawlOutcome, CrawlResult, plan_of
from archiver.scheduling.fork_server import fork_crawl, unblock_end_signals
from archiver.storage.runs import Counts


@dataclass(eq=False)
class Leashed:
    """The worker's handle of a process. `result` is what the process sent before it ended; if it sent nothing, the
    result of `died` with a phrase such as "was killed by signal 9"."""

    process: ForkServerProcess
    link: Connection
    died: Callable[[str], Any]
    result: Any = None

    def over(self, seconds: float) -> bool:
        """Waits so many seconds for the end of the process; True if it has ended."""
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

    def lengthen(self, until: float) -> None:
        """Lets the process run until then (in `monotonic_seconds`)."""
        with suppress(OSError):
            self.link.send(until)

    def end(self) -> None:
        """Asks the process to end: a crawl finishes its open requests, another task its transaction."""
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


class Leash:
    """Kills this process when its lease is over. A thread watches the time, and `look` checks it before each request:
    when a suspended process resumes, the thread may not be the first to run."""

    def __init__(self, link: Connection, until: float) -> None:
        self._link, self._until = link, until
        self._receiving = threading.Lock()

    def watch(self) -> None:
        while True:
            self._receive(max(0.0, self._until - monotonic_seconds()))
            self.look()

    def look(self) -> None:
        if monotonic_seconds() < self._until:
            return
        self._receive(0.0)  # an extension may have arrived meanwhile
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


def take_leash(link: Connection) -> Leash | None:
    """Called in the process: waits for the end of its lease, and starts to watch it; None if the worker is gone. The
    process ignores Ctrl-C: the worker handles it and ends its processes."""
    try:
        until = link.recv()
    except (EOFError, OSError):
        return None
    leash = Leash(link, until)
    threading.Thread(target=leash.watch, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return leash


# A crawl of one site in a process of its own, on a leash.


def begin_leashed_crawl(archive: Path, site: str, url: str, settings: dict[str, Any], contact: str | None) -> Leashed:
    """Starts a crawl, which waits for the end of its lease (`Leashed.lengthen`). Its result is a CrawlResult or an
    ArchiverError. Raises OSError if the process cannot be started."""

    def died(how: str) -> CrawlResult:
        return CrawlResult(site, url, "failed", f"The process that crawled {url} {how}.", 0.0, Counts(), ())

    process, link = fork_crawl(site, archive, _work, archive, url, settings, contact)
    return Leashed(process, link, died)


def _work(link: Connection, archive: Path, url: str, settings: dict[str, Any], contact: str | None) -> None:
    """Runs in the process."""
    leash = take_leash(link)
    if leash is None:
        return
    check_before_requests(leash.look)
    unblock_end_signals()
    from archiver.scheduling.process_pool import run_plans

    result: CrawlOutcome
    try:
        (result,), _ = run_plans(
            [plan_of(url, settings, None, contact, known=True)], CommonOptions(archive, quiet=True), 1
        )
    except ArchiverError as error:
        result = error
    link.send(result)
