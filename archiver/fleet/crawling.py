"""A crawl of one site in a process of its own, on a leash: it dies when its worker does, or when the lease runs out."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from archiver.commands.crawls.fork import fork_crawl, let_through
from archiver.commands.crawls.plan import Came, Order, Result, plan_of
from archiver.errors import ArchiverError
from archiver.fleet.clock import ticks
from archiver.frontier.asking import look_before_asking
from archiver.store.runs import Counts


@dataclass(eq=False)
class Crawl:
    """A crawl under way; `result` when it is over."""

    site: str
    url: str
    process: ForkServerProcess
    link: Connection
    result: Came | None = None

    def over(self, seconds: float) -> bool:
        """Wait so long for its end."""
        if not self.link.poll(seconds):
            return False
        try:
            self.result = self.link.recv()
        except (EOFError, OSError):
            code = self._gone()
            if self.result is None:
                how = f"was killed by signal {-code}" if code < 0 else f"ended by itself with {code}"
                self.result = Result(self.site, self.url, "failed", f"The process that crawled {self.url} {how}.", 0.0,
                                     Counts(), ())
            return True
        return False

    def lengthen(self, until: float) -> None:
        """It may go on until then (of `clock.ticks`)."""
        with suppress(OSError):
            self.link.send(until)

    def end(self) -> None:
        """Ask it to end: pages under way come in."""
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


def begin(archive: Path, site: str, url: str, settings: dict[str, Any], contact: str | None) -> Crawl:
    """Start it; it begins when it hears how long it may (`lengthen`). Raises OSError where there is no room for it."""
    process, link = fork_crawl(site, archive, _work, archive, url, settings, contact)
    return Crawl(site, url, process, link)


def _work(link: Connection, archive: Path, url: str, settings: dict[str, Any], contact: str | None) -> None:
    """The life of the process. Ctrl-C goes to the worker, which ends its crawls."""
    try:
        until = link.recv()
    except (EOFError, OSError):
        return
    leash = Leash(link, until)
    threading.Thread(target=leash.watch, daemon=True).start()
    look_before_asking(leash.look)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    let_through()
    from archiver.commands.crawls.run_plans import run_plans

    came: Came
    try:
        (came,), _ = run_plans([plan_of(url, settings, None, contact, known=True)], Order(archive, quiet=True), 1)
    except ArchiverError as error:
        came = error
    link.send(came)


class Leash:
    """Ends this process when its lease is over: by a thread that watches the time, and by a look before each request,
    for after the process was suspended that thread need not be the first one to go on."""

    def __init__(self, link: Connection, until: float) -> None:
        self._link, self._until = link, until
        self._hearing = threading.Lock()

    def watch(self) -> None:
        while True:
            self._hear(max(0.0, self._until - ticks()))
            self.look()

    def look(self) -> None:
        if ticks() < self._until:
            return
        self._hear(0.0)  # what was said while it did not listen counts
        if ticks() >= self._until:
            self._end(f"its lease ran out {ticks() - self._until:.1f} seconds ago")

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
        os.write(2, f"The crawl ends at once: {why}.\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)
