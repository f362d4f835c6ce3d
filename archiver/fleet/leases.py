"""Leases, fencing tokens and leased processes. A lease decides which worker may crawl a host; a site's fencing token
decides whose writes are accepted. A leased process does one job, and dies with its worker or when the lease of its site
ends.

PostgreSQL's clock decides when a lease ends. The worker counts the same time by its own monotonic clock, and starts
counting before it sends its request, so that for the worker the lease always ends earlier. A worker that was cut off or
suspended has therefore ended its crawl before another one begins, even if their clocks differ.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archiver import __version__
from archiver.api.crawls import (
    CommonOptions,
    Counts,
    CrawlOutcome,
    CrawlResult,
    fork_crawl,
    make_plan,
    unblock_end_signals,
)
from archiver.api.politeness import check_before_requests
from archiver.fleet.postgres import QueueDatabase
from archiver.fleet.shard_storage import Manifest
from archiver.model.errors import ArchiverError, QueueUnavailable

if TYPE_CHECKING:
    pass

_log = logging.getLogger(__name__)


def monotonic_seconds() -> float:
    """Returns the seconds since the machine was started. The value is the same in all processes, advances while the
    machine sleeps, and cannot be set.
    """
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


_MARGIN = 2.0
"""In PostgreSQL a lease lasts this many seconds longer than for its worker, so that the worker has time to kill its
crawl before another worker can take the lease.
"""


@dataclass(frozen=True, slots=True)
class SiteLease:
    """A worker's lease on a site, valid until `until` (in `monotonic_seconds`) unless renewed.

    - `token`: its fencing token.
    - `manifest`: the key of the manifest with the shard's current state; None for a new shard.
    - `lease`: the length of the lease in seconds.
    - `every`: seconds between checkpoints.
    - `draining`: the fleet's draining state ("", "drain" or "now").
    """

    site: str
    host: str
    start_url: str
    settings: dict[str, Any]
    token: int
    manifest: str | None
    lease: float
    every: float
    draining: str
    until: float


@dataclass(frozen=True, slots=True)
class LeaseWait:
    """The result of `take_lease` if the lease cannot be taken now. The job must be retried after `seconds`; 0 means
    that the job is no longer due.
    """

    seconds: float


def take_lease(board: QueueDatabase, site: str, worker: str, delay: float) -> SiteLease | LeaseWait:
    """Takes the lease of a site and its host for a due crawl by the worker with this name. `delay` is the number of
    seconds between two requests to the host. Returns the lease, or how long to wait.
    """
    asked = monotonic_seconds()
    with board.transaction() as conn:
        row = conn.execute(
            "select s.*, f.lease_seconds, f.checkpoint_seconds, f.draining, f.version, "
            "extract(epoch from h.lease_until - clock_timestamp()) as taken, "
            "s.due_at > now() or h.quiet_until > now() as early from fleet_sites s "
            "join fleet_hosts h using (host) cross join fleet f "
            "where s.name = %s and s.active for update of h, s",
            [site],
        ).fetchone()
        if row is None or row["early"]:
            return LeaseWait(0)
        if row["taken"] > 0:
            return LeaseWait(float(row["taken"]))
        if row["version"] != __version__ or row["draining"]:
            return LeaseWait(max(5.0, row["lease_seconds"]))
        conn.execute(
            "update fleet_hosts set lease_until = clock_timestamp() + make_interval(secs => %s), site = %s, "
            "token = %s, worker = %s where host = %s",
            [row["lease_seconds"] + _MARGIN + delay, site, row["token"] + 1, worker, row["host"]],
        )
        conn.execute("update fleet_sites set token = token + 1 where name = %s", [site])
        conn.execute(
            "update fleet_runs set ended_at = now(), outcome = 'lost', reason = 'its worker was gone' "
            "where site = %s and ended_at is null",
            [site],
        )
        conn.execute(
            "insert into fleet_runs (site, token, worker, due_at) values (%s, %s, %s, %s)",
            [site, row["token"] + 1, worker, row["due_at"]],
        )
    return SiteLease(
        site,
        row["host"],
        row["start_url"],
        row["settings"],
        row["token"] + 1,
        row["manifest"],
        row["lease_seconds"],
        row["checkpoint_seconds"],
        row["draining"],
        asked + row["lease_seconds"],
    )


def renew_lease(board: QueueDatabase, held: SiteLease, delay: float) -> tuple[float, str] | None:
    """Extends a lease. `delay` is the number of seconds between two requests to the host. Returns the lease's new end
    (in `monotonic_seconds`) and the fleet's draining state; None if another worker has taken over the site.
    """
    asked = monotonic_seconds()
    row = board.one(
        "update fleet_hosts set lease_until = clock_timestamp() + make_interval(secs => %s) from fleet "
        "where host = %s and site = %s and token = %s returning draining",
        [held.lease + _MARGIN + delay, held.host, held.site, held.token],
    )
    return (asked + held.lease, row["draining"]) if row else None


def commit_manifest(board: QueueDatabase, held: SiteLease, manifest: Manifest) -> bool:
    """Makes a manifest the current state of its shard, if the lease's fencing token is still the newest; otherwise
    returns False. One statement compares the token and sets the manifest, so that a write with an older token is
    refused even if it arrives very late.
    """
    with board.transaction() as conn:
        done = conn.execute(
            "update fleet_sites set manifest = %s, articles = %s, bytes = %s where name = %s and token = %s",
            [manifest.key, manifest.articles, manifest.bytes, held.site, held.token],
        )
        if done.rowcount:
            conn.execute(
                "update fleet_runs set checkpoints = checkpoints + 1 where site = %s and token = %s",
                [held.site, held.token],
            )
        return bool(done.rowcount)


@dataclass(frozen=True, slots=True)
class EndedRun:
    """The result of a crawl, and when its site is due again.

    - `due_at`: when the site is due; `period` (seconds) and `why` explain this time.
    - `quiet_until`: until when the host asked for a pause, or None.
    - `rest`: the number of seconds during which no requests may be sent to the host.
    """

    outcome: str
    reason: str
    counts: Counts
    due_at: datetime
    period: float
    why: str
    quiet_until: datetime | None
    rest: float


def release_lease(board: QueueDatabase, held: SiteLease, ended: EndedRun) -> bool:
    """Records the end of a crawl, and releases its host. Returns False, and records nothing, if another worker has
    taken over the site.
    """
    with board.transaction() as conn:
        failed = ended.outcome == "failed"
        done = conn.execute(
            "update fleet_sites set due_at = %s, period_seconds = %s, why = %s, outcome = %s, reason = %s, "
            "failures = case when %s then failures + 1 else 0 end where name = %s and token = %s",
            [ended.due_at, ended.period, ended.why, ended.outcome, ended.reason, failed, held.site, held.token],
        )
        if not done.rowcount:
            return False
        c = ended.counts
        conn.execute(
            "update fleet_runs set ended_at = now(), outcome = %s, reason = %s, requests = %s, fetched = %s, "
            "new = %s, bytes = %s where site = %s and token = %s",
            [ended.outcome, ended.reason, c.requests, c.fetched, c.new, c.bytes, held.site, held.token],
        )
        conn.execute(
            "update fleet_hosts set lease_until = clock_timestamp() + make_interval(secs => %s), site = null, "
            "token = null, worker = null, quiet_until = greatest(quiet_until, %s) where host = %s and "
            "site = %s and token = %s",
            [ended.rest, ended.quiet_until, held.host, held.site, held.token],
        )
    return True


@dataclass(eq=False)
class LeasedProcess:
    """A worker's handle of the process that does a job. `result` is what the process sent before it ended. If it sent
    nothing, `result` is the return value of `died`, which is called with a phrase such as "was killed by signal 9".
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
        """Asks the process to end. It first finishes its running requests."""
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


class LeaseKeeper:
    """Context manager that keeps the lease of a site while a job runs. A thread renews the lease, and passes its new
    end to the job's process. `lost` is set if another worker has taken over the site or the lease has expired.
    """

    def __init__(self, board: QueueDatabase, held: SiteLease, delay: float) -> None:
        self._board, self._held, self._delay = board, held, delay
        self._until = held.until
        self._over = threading.Event()
        self.lost = threading.Event()
        self.interrupt_now = threading.Event()
        """Set if the fleet is drained with "now", so that the job must be interrupted."""
        self.process: LeasedProcess | None = None
        self._thread = threading.Thread(target=self._renew, name=f"lease of {held.site}", daemon=True)

    def __enter__(self) -> LeaseKeeper:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def until(self) -> float:
        return self._until

    def _renew(self) -> None:
        while not self._over.wait(self._held.lease / 6):
            try:
                renewed = renew_lease(self._board, self._held, self._delay)
            except QueueUnavailable as error:
                _log.warning("%s", error)
                if monotonic_seconds() < self._until:
                    continue
                renewed = None
            if renewed is None:
                self.lost.set()
                return
            self._until, draining = renewed
            if draining == "now":
                self.interrupt_now.set()
            if self.process is not None:
                self.process.extend(self._until)


class LeaseWatchdog:
    """Kills its own process when the lease of the process's site ends. A thread watches the time. `check` must also be
    called before each request, because when a suspended process resumes, the thread may not be the first to run.
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
    """Waits, at the start of a job's process, until the worker has sent the end of the lease. Then starts a watchdog
    for this time and returns it. Returns None if the worker is gone.

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
    """Starts a process that crawls one site. `contact` is the contact for the User-Agent; None means the one in the
    settings. The process begins when `LeasedProcess.extend` has sent it the end of its lease. Its result is a
    CrawlResult or an ArchiverError. Raises OSError if the process cannot be started.
    """

    def died(how: str) -> CrawlResult:
        return CrawlResult(site, url, "failed", f"The process that crawled {url} {how}.", 0.0, Counts(), ())

    process, link = fork_crawl(site, archive, _crawl, archive, url, settings, contact)
    return LeasedProcess(process, link, died)


def _crawl(link: Connection, archive: Path, url: str, settings: dict[str, Any], contact: str | None) -> None:
    """Entry point of a crawl's process: crawls the site, and sends the result to the worker. `contact` is the contact
    for the User-Agent; None means the one in the settings.
    """
    watchdog = start_watchdog(link)
    if watchdog is None:
        return
    check_before_requests(watchdog.check)
    unblock_end_signals()
    from archiver.api.crawling import run_plans  # loads Scrapy, which the worker of this process does not need

    result: CrawlOutcome
    try:
        (result,), _ = run_plans(
            [make_plan(url, settings, None, contact, known=True)], CommonOptions(archive, quiet=True, scheduled=True), 1
        )
    except ArchiverError as error:
        result = error
    link.send(result)
