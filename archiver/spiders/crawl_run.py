"""The open archive of one run over one site: its rows, its files, and what is known of the site."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archiver import __version__
from archiver.learning.checkpoint import Learning
from archiver.learning.stored_model import read_site_model
from archiver.sites.run_settings import RunSettings, read_run_settings
from archiver.spiders import run_closing, run_opening
from archiver.spiders.crawl_order import CrawlOrder
from archiver.spiders.requisite_queue import Requisites
from archiver.spiders.run_ending import RunEnding, RunResult, internal_error
from archiver.spiders.trap_detector import TrapDetector
from archiver.storage import Database, pages
from archiver.storage.capture_recovery import ArchiveFiles
from archiver.storage.database import open_archive
from archiver.storage.page_writer import PageWriter
from archiver.storage.runs import (
    Counts,
    end_run,
    has_finished,
    last_finished_version,
    last_run,
    left_pages_unsampled,
    writing_run,
)
from archiver.storage.transactions import PATIENCE, HeldLock, archive_faults, is_environment_error, writing


class CrawlRun:
    """The archive of one site during one run. It is opened and locked when the object is made; `close` closes it and
    sets `result`.

    - `keeps_links`: False if the run fetches single pages of a site that is not crawled: what they link to is then not
      recorded.
    - `is_pending`, `is_updated`: the last run did not finish, or the last finished one was made by another version.
    - `continued_full`: when the unfinished `crawl --full` began that this run continues; "" if it continues none.
    - `writer`: stores the results of pages; `storing` is what storing knows of the run.
    - `traps`, `requisites`, `learning`: what the run knows of crawl traps, of images and style sheets, and of the site.

    Raises the errors of `open_archive`, ArchiveInUse if another process crawls this site into this archive, and
    HostInUse if a process crawls another site on its host. Methods raise sqlite3.Error if the archive can no longer be
    written.
    """

    def __init__(self, archive: Path, order: CrawlOrder) -> None:
        self.archive = archive
        self.order = order
        self.started = datetime.now(UTC)
        self.start_url = order.start_url
        self.run_id = 0
        self.continued_full = self.seed_key = ""
        self.is_start_new = False
        self.result: RunResult | None = None
        self.site: dict[str, Any] = {}
        self._locks: list[HeldLock] = []
        with archive_faults(archive):
            self.db: Database = open_archive(archive, create=True)
            try:
                self.site = run_opening.lock(self.db, archive, self.start_url, self.started, self._locks)
                self.site_name: str = self.site["name"]
                self._begin()
            except BaseException as error:
                self._give_up(error)
                raise

    def _begin(self) -> None:
        """Repairs what the last run left unfinished, records this run, and sets up its state in memory."""
        db, order, site_id = self.db, self.order, self.site["id"]
        last = last_run(db, site_id)
        self.is_pending = last is not None and last["outcome"] != "finished"
        self.is_updated = last_finished_version(db, site_id) not in ("", __version__)
        self.settings: RunSettings = read_run_settings(
            db, self.site, self.started, mode=order.mode, is_scheduled=order.scheduled
        )
        self.scope, revisit = self.settings.scope, self.settings.revisit
        self.keeps_links = not order.pages or self.settings.is_crawled
        run_opening.record_start(self)
        warc = self.settings.warc
        self.files = ArchiveFiles(db, self.archive, self.site, warc.days, warc.max_mb * 1_000_000, __version__)
        self.storing = run_opening.storing_of(self)
        self.writer = PageWriter(self.storing, self.files.sync)
        self.counts = self.writer.counts
        self.counts.found += self.is_start_new
        self.traps = TrapDetector(db, site_id, self.scope, self.writer.flush, self.run_id)
        if not order.only and has_finished(db, site_id):
            with writing(db):
                self.traps.limit_views_without_posts(self.started, self.started + revisit)
        if left_pages_unsampled(db, site_id, self.run_id):
            self.traps.resume()
        self.writer.on_written = self.traps.record_written
        self.requisites = Requisites(self, self.settings.mode)
        model = read_site_model(
            db,
            self.site,
            self.settings.page_objects,
            self.started,
            revisit,
            with_requisites=self.settings.mode == "all",
        )
        self.learning = Learning(db, self.archive, self.site, self.writer, self.storing, model)

    def _give_up(self, error: BaseException) -> None:
        """Closes the archive after an `error` in opening it, and records the run as failed if its row was already
        inserted.
        """
        if self.run_id and isinstance(error, Exception) and not is_environment_error(error):
            reason = internal_error(self.start_url, error).reason
            with suppress(Exception), writing(self.db, 0.0):  # the first error is the one to report
                end_run(self.db, self.run_id, Counts(), "failed", reason, datetime.now(UTC))
        self.db.close()
        self._release_locks()

    @property
    def home(self) -> str:
        """Returns the address of the home page after redirects, if an earlier run found it; otherwise the start
        address.
        """
        row = pages.page_row(self.db, self.seed_key)
        return str(row["url"]) if row else self.start_url

    @contextmanager
    def writing(self, patience: float = PATIENCE) -> Iterator[None]:
        """Context manager for a write transaction of this run. Raises ArchiveLocked if another program locks the
        archive for more than `patience` seconds, and SiteRemoved if the user has removed the site.
        """
        with writing_run(self.db, self.run_id, self.site, patience):
            yield

    def remember_platform(self, name: str) -> None:
        if name and name != self.site["platform"]:
            with self.writing():
                self.db.update("sites", self.site["id"], {"platform": name})
            self.site["platform"] = name

    def close(self, ending: RunEnding, *, at_fault: bool = False) -> None:
        """Writes pending results, closes the run and the archive, and sets `result`. Does nothing if the run was closed
        before. If `at_fault` is True or writing fails now, as much as possible is written. The other pages stay due,
        and the next crawl closes the run.
        """
        if not self._locks:
            return
        self.result = run_closing.finish(self, ending, at_fault=at_fault)
        self.files.abandon()
        with suppress(sqlite3.Error):
            self.db.close()
        self._release_locks()

    def _release_locks(self) -> None:
        while self._locks:
            self._locks.pop().close()
