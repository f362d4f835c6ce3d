"""An archive that is open for one run over one site: mended, locked, entered, written to, and closed."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Literal

from sqlite_utils import Database

from archiver import __version__
from archiver.capture.exchange import Exchange, Original
from archiver.capture.writer import WarcWriter
from archiver.errors import ArchiverError, SiteTakenOut
from archiver.frontier.budget import Budget
from archiver.frontier.pace import LONGEST_QUIET
from archiver.items import Article, Capture
from archiver.sites.effective import settings_in
from archiver.spiders.ending import Ended, Ending, broken
from archiver.spiders.guarded import guarded
from archiver.spiders.recovery import Place, warc_prefix
from archiver.spiders.run import enter_run, leave_run, remembered
from archiver.store import ledger
from archiver.store.captured import readings
from archiver.store.connect import open_archive
from archiver.store.faults import is_fault
from archiver.store.locks import lock_host, lock_site
from archiver.store.requisites import DEFAULT_MODE, Mode
from archiver.store.runs import Counts, check_run, end_run, ensure_site, has_finished
from archiver.store.takedown.named import Named
from archiver.store.transaction import PATIENCE, writing
from archiver.store.writer import VisitWriter
from archiver.urls import Scope, urlkey

_log = logging.getLogger(__name__)
Only = Literal["", "missing", "set-aside"]
"""A run that asks for nothing but what is missing (and, on wish, what a rule has set aside)."""


class OpenRun:
    """Opened before the first request, closed with the run's outcome: then there is a `result`.

    Raises the errors of `open_archive`, and ArchiveInUse or HostInUse where another process crawls this site or another
    one of its host into this archive; each of its methods raises an ArchiverError where the archive cannot be written
    any more.
    """

    @guarded
    def __init__(self, archive: Path, start_url: str, *, full: bool = False, only: Only = "",
                 mode: Mode | None = None) -> None:
        self.archive = archive
        self.started = datetime.now(UTC)
        self.full = full
        self.only = only
        self._mode = mode
        self.start_url = start_url
        self.db: Database = open_archive(archive, create=True)
        self._locks: list[BinaryIO] = []
        self.run_id = 0
        try:
            with writing(self.db):
                self.site: dict[str, Any] = ensure_site(self.db, start_url, self.started)
            self._locks += [lock_site(archive, self.site["name"])]
            self._locks += [lock_host(archive, self.site["host"])]
            self._begin()
        except BaseException as error:
            if self.run_id and isinstance(error, Exception) and not is_fault(error):
                with suppress(Exception), writing(self.db, 0.0):  # the first error is the one to tell of
                    end_run(self.db, self.run_id, Counts(), "failed", broken(start_url, error).reason,
                            datetime.now(UTC))
            self.db.close()
            self._let_go()
            raise
        self.result: Ended | None = None

    def _begin(self) -> None:
        """Mend what the last run left, and enter this one."""
        site_id = self.site["id"]
        self.scope = Scope(self.site["host"], self.site["path"])
        self.options: dict[str, Any] = settings_in(self.db)(self.site)
        self.budget = Budget.of(self.options)
        until = ledger.moment(self.site["quiet_until"])
        # Later than a server can ask for: that was written by a clock that was wrong.
        longest = self.started + timedelta(seconds=LONGEST_QUIET)
        self.quiet_until = until if until and self.started < until <= longest else None
        self._seed_key = ledger.landing(self.db, urlkey(self.start_url))
        self.run_id = enter_run(
            self.db, self.archive.parent, self.site, self.started, self.start_url,
            {urlkey(self.start_url), self._seed_key}, only=self.only, full=self.full, quiet=bool(self.quiet_until))
        self._place = Place(self.archive)
        self._removed = Named(self.db, self.site_name)
        self.warc = WarcWriter(self.archive.parent, warc_prefix(self.site_name), f"archiver/{__version__}",
                               f"crawl of {self.site_name}")
        self.mode: Mode = self._mode or self.options.get("requisites") or DEFAULT_MODE
        self.revisit = timedelta(days=float(self.options.get("revisit_days", 30)))
        # An API counts all posts of a site only once a crawl has read it to its end.
        counted = not self.full and has_finished(self.db, site_id) and ledger.has_api(self.db, site_id)
        self.writer = VisitWriter(self.db, self.site, self.run_id, self.started, self.revisit, listings_wait=counted,
                                  version=__version__, reread=self._readings, before_commit=self.before_commit,
                                  mode=self.mode)
        self.nowhere = None if self.full else remembered(self.site, self.started - self.revisit)

    @property
    def site_name(self) -> str:
        return str(self.site["name"])

    @property
    def counts(self) -> Counts:
        return self.writer.counts

    @contextmanager
    def writing(self, patience: float = PATIENCE) -> Iterator[None]:
        """A transaction of this run. Raises ArchiveLocked, and SiteTakenOut where a person has taken out its site."""
        with writing(self.db, patience):
            check_run(self.db, self.run_id, self.site)
            yield

    @guarded
    def balance(self) -> tuple[int, int]:
        """Pages of this site that are known, and of these the ones that are not due."""
        known, due = self.db.execute(
            "select count(*), total(due_at <= ?) from pages where site_id = ?",
            [ledger.stamp(self.started), self.site["id"]]).fetchone()
        return int(known), int(known - due)

    def learn_the_rest(self) -> None:
        """What is to be learned once nothing more comes."""

    def _read_anew(self) -> None:
        """What is read once more when all is written."""

    def _write_the_rest(self, patience: float) -> None:
        """What waits beside the visits."""

    def _more_due(self) -> int:
        """What is due beside pages."""
        return 0

    def _readings(self, row: dict[str, Any]) -> list[Article]:
        return readings(self.db, self.archive.parent, row, self.site["id"])

    @guarded
    def capture(self, exchange: Exchange, original: Original | None) -> Capture:
        """Write one exchange to the run's WARC file."""
        return self.warc.write(exchange, original)

    def names_removed(self, exchange: Exchange) -> bool:
        """Whether a list, feed or API answer names a post that was taken out, and so may show its text."""
        coding = next((value.decode("latin-1") for name, value in exchange.response_headers
                       if name.lower() == b"content-encoding"), "")
        return self._removed.is_in(exchange.body, coding)

    def before_commit(self) -> None:
        """The archive is where it was, and what was written to WARC is on the disk. Raises what `Place.check` does."""
        self._place.check()
        self.warc.sync()

    def close(self, ending: Ending, *, at_fault: bool = False) -> None:
        """Write what waits and close the run; then there is a `result`.

        Where that is no longer possible, or after a fault (`at_fault`), what can be written is; the rest is still due,
        and the next crawl closes the run.
        """
        if not self._locks:
            return
        seconds = (datetime.now(UTC) - self.started).total_seconds()
        self.result = Ended(ending.outcome, ending.reason, seconds, (), 0)
        try:
            failures, due = self._finish(ending, 0.0 if at_fault else PATIENCE)
            self.result = replace(self.result, failures=failures, due=due)
        except ArchiverError as fault:
            if isinstance(fault, SiteTakenOut):  # no further crawl of the site will finish its file
                with suppress(OSError):
                    self.warc.close()
            if not at_fault:
                self.result = replace(self.result, outcome="failed", reason=str(fault))
        except Exception as error:
            _log.exception("The crawl of %s could not be closed", self.start_url)
            self.result = replace(self.result, outcome="failed", reason=broken(self.start_url, error).reason)
        self.warc.abandon()
        with suppress(sqlite3.Error):
            self.db.close()
        self._let_go()

    def _let_go(self) -> None:
        while self._locks:
            self._locks.pop().close()

    @guarded
    def _finish(self, ending: Ending, patience: float) -> tuple[tuple[tuple[str, int], ...], int]:
        if patience:
            self.learn_the_rest()
        self.writer.flush(patience)
        self._write_the_rest(patience)
        if patience:
            self._read_anew()
        failures = leave_run(self.db, self.site, self.run_id, self.started, self.writer, ending, self.warc,
                             patience)
        known, done = self.balance()
        return failures, known - done + self._more_due()
