"""A process that works for a worker on a leash: it dies when its worker does, or when the lease runs out."""

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
from archiver.scheduling.crawl_plan import Came, CrawlOrder, CrawlResult, plan_of
from archiver.scheduling.fork_server import fork_crawl, let_through
from archiver.storage.runs import Counts


@dataclass(eq=False)
class Leashed:
    """The process as its worker has it. `result` is what it sent before it ended; where it sent none, what `died` makes
    of how it ended ("was killed by signal 9")."""

    process: ForkServerProcess
    link: Connection
    died: Callable[[str], Any]
    result: Any = None

    def over(self, seconds: float) -> bool:
        """Wait so long for its end."""
        if not self.link.poll(seconds):
            return False
        try:
            self.result = self.link.recv()
        except (EOFError, OSError):
            code = self._gone()
            if self.result is None:
                self.result = self.died(f"was killed by signal {-code}" if code < 0 else f"ended by itself with {code}")
            return True
        return False

    def lengthen(self, until: float) -> None:
        """It may go on until then (of `clock.ticks`)."""
        with suppress(OSError):
            self.link.send(until)

    def end(self) -> None:
        """Ask it to end: a crawl finishes the pages under way, another task its transaction."""
        self.process.terminate()

    def kill(self) -> None:
        self.process.kill()
        self._gone()

    def _gone(self) -> int:
        self.process.join(20)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
        self.link.close()
        return self.process.exitcode or 0


class Leash:
    """Ends this process when its lease is over: by a thread that watches the time, and by a look before each request,
    for after the process was suspended that thread need not be the first one to go on."""

    def __init__(self, link: Connection, until: float) -> None:
        self._link, self._until = link, until
        self._hearing = threading.Lock()

    def watch(self) -> None:
        while True:
            self._hear(max(0.0, self._until - monotonic_seconds()))
            self.look()

    def look(self) -> None:
        if monotonic_seconds() < self._until:
            return
        self._hear(0.0)  # what was said while it did not listen counts
        if monotonic_seconds() >= self._until:
            self._end(f"its lease ran out {monotonic_seconds() - self._until:.1f} seconds ago")

    def _hear(self, seconds: float) -> None:
        try:
            if self._link.poll(seconds):
                with self._hearing:
                    while self._link.poll(0):
                        self._until = self._link.recv()
        except (EOFError, OSError):
            self._end("its worker is gone")

    @staticmethod
    def _end(why: str) -> None:
        os.write(2, f"The process ends at once: {why}.\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)


def take_leash(link: Connection) -> Leash | None:
    """Called in the process: wait for how long it may go on, and watch that from now on; None where the worker has gone
    away. Ctrl-C is for the worker, which ends its processes."""
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
    """Start it; it begins when it hears how long it may (`lengthen`). Its result is a Result or an ArchiverError.
    Raises OSError where there is no room for it."""

    def died(how: str) -> CrawlResult:
        return CrawlResult(site, url, "failed", f"The process that crawled {url} {how}.", 0.0, Counts(), ())

    process, link = fork_crawl(site, archive, _work, archive, url, settings, contact)
    return Leashed(process, link, died)


def _work(link: Connection, archive: Path, url: str, settings: dict[str, Any], contact: str | None) -> None:
    """The life of the process."""
    leash = take_leash(link)
    if leash is None:
        return
    check_before_requests(leash.look)
    let_through()
    from archiver.scheduling.process_pool import run_plans

    came: Came
    try:
        (came,), _ = run_plans([plan_of(url, settings, None, contact, known=True)], CrawlOrder(archive, quiet=True), 1)
    except ArchiverError as error:
        came = error
    link.send(came)
