"""One run over one site: the open archive, the site's row, the run's row, and the lock that keeps others out."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any, BinaryIO, Concatenate, ParamSpec, TypeVar

from sqlite_utils import Database

from archiver import __version__
from archiver.capture.exchange import Exchange, Original
from archiver.capture.writer import WarcWriter
from archiver.errors import ArchiveMoved, ArchiverError
from archiver.extraction.rules import SiteRules
from archiver.items import Article, Capture, Outcome, PageKind, Source, Target, Visit
from archiver.spiders.job import Job, job_of
from archiver.spiders.recovery import lock_site, recover, warc_prefix
from archiver.spiders.teacher import Teacher
from archiver.store import ledger, parts
from archiver.store.articles import read_anew
from archiver.store.captured import readings
from archiver.store.connect import open_archive
from archiver.store.doubt import is_confirmed
from archiver.store.faults import fault_of
from archiver.store.parts import StoredPart
from archiver.store.rules import retire, rules_at, store_learned
from archiver.store.runs import Counts, begin_run, end_run, ensure_site, has_finished
from archiver.store.transaction import PATIENCE, writing
from archiver.store.versions import extractor_of
from archiver.store.writer import VisitWriter
from archiver.urls import Scope, urlkey

# Some 20 MB of addresses; what was forgotten is entered in the ledger once more, to no effect.
_MOST_TOLD = 100_000
P = ParamSpec("P")
R = TypeVar("R")


def _guarded(method: Callable[Concatenate[CrawlSession, P], R]) -> Callable[Concatenate[CrawlSession, P], R]:
    """What goes wrong with the place the archive lies in comes as an ArchiverError, one sentence for a person."""

    @wraps(method)
    def guarded(self: CrawlSession, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, *args, **kwargs)
        except (sqlite3.Error, OSError) as error:
            raise fault_of(error, self.archive) from error

    return guarded


class CrawlSession:
    """Everything a spider needs of the archive. Opened before the first request, closed with the run's outcome.

    Raises the errors of `open_archive`, and ArchiveInUse where another process crawls this site into this archive; each
    of its methods raises an ArchiverError where the archive cannot be written any more.
    """

    @_guarded
    def __init__(self, archive: Path, start_url: str, *, full: bool = False) -> None:
        self.archive = archive
        self.started = datetime.now(UTC)
        self._folder = archive.parent
        self.full = full
        self.start_url = start_url
        self.db: Database = open_archive(archive, create=True)
        self._lock: BinaryIO | None = None
        try:
            with writing(self.db):
                self.site: dict[str, Any] = ensure_site(self.db, start_url, self.started)
            self._lock = lock_site(archive, self.site["name"])
            self._begin()
        except BaseException:
            self.db.close()
            if self._lock:
                self._lock.close()
            raise
        self.teacher = Teacher(rules_at(self.db, self.site["id"]), self._learned, self._outdated)
        self.believes_gone = is_confirmed(self.db, self.site["id"], self.started)
        self._under_way: dict[str, Job] = {}
        self._told: set[tuple[str, Source, PageKind]] = set()
        self.result: tuple[str, str, float, tuple[tuple[str, int], ...]] | None = None

    def _begin(self) -> None:
        """Mend what the last run left, and enter this one."""
        self.scope = Scope(self.site["host"], self.site["path"])
        self.options: dict[str, Any] = json.loads(self.site["settings"] or "{}")
        mended = recover(self.db, self._folder, self.site)
        self._seed_key = ledger.landing(self.db, urlkey(self.start_url))
        with writing(self.db):
            self.run_id = begin_run(self.db, self.site["id"], "full" if self.full else "incremental", __version__,
                                    self.started, mended)
            ledger.record_targets(self.db, self.site["id"], [Target(self.start_url, Source.SEED)], self.started)
            ledger.make_due(self.db, self.site["id"], {urlkey(self.start_url), self._seed_key}, everything=self.full)
        self._file_id = _file_id(self.archive)
        self.warc = WarcWriter(self._folder, warc_prefix(self.site_name), f"archiver/{__version__}",
                               f"crawl of {self.site_name}")
        # An API counts all posts of a site only once a crawl has read it to its end.
        counted = not self.full and has_finished(self.db, self.site["id"]) and (
            ledger.has_api(self.db, self.site["id"]))
        self.writer = VisitWriter(self.db, self.site, self.run_id, self.started,
                                  timedelta(days=float(self.options.get("revisit_days", 30))), listings_wait=counted,
                                  version=__version__, reread=self._readings, before_commit=self._before_commit)

    @property
    def site_name(self) -> str:
        return str(self.site["name"])

    @property
    def counts(self) -> Counts:
        return self.writer.counts

    @property
    def under_way(self) -> int:
        """How many pages are asked for and not yet written."""
        return len(self._under_way)

    @_guarded
    def due(self, limit: int) -> list[Job]:
        """The next pages to fetch, at most `limit`: under way from now on. What waits is written first."""
        self.writer.flush()
        self._read_anew()
        sources_only = any(job.is_source for job in self._under_way.values())
        rows = ledger.due_pages(self.db, self.site["id"], self.started, limit + len(self._under_way), sources_only)
        free = [row for row in rows if row["urlkey"] not in self._under_way][:limit]
        jobs = [replace(job_of(row, self._seed_key, full=self.full), parts=self._parts(row)) for row in free]
        self._under_way |= {job.urlkey: job for job in jobs}
        return jobs

    def _parts(self, row: dict[str, Any]) -> tuple[StoredPart, ...]:
        return parts.parts_of(self.db, row["urlkey"]) if row["kind"] == PageKind.POST and row["fetched_at"] else ()

    @_guarded
    def stored(self, job: Job) -> Article | None:
        """The article of this page, as far as it is written."""
        self.writer.flush()
        return parts.article_at(self.db, job.urlkey)

    @_guarded
    def part_job(self, url: str) -> Job:
        """The job for a further page of a post: asked for conditionally where what it showed is known."""
        self.writer.flush()
        key = urlkey(url)
        row = ledger.page_row(self.db, key)
        text = parts.text_of(self.db, key)
        if row is None or text is None:
            return Job(page_id=row["id"] if row else 0, url=url, urlkey=key, kind=PageKind.PART)
        return replace(job_of(row, self._seed_key, full=self.full), url=url, kind=PageKind.PART, text=text)

    def is_news(self, target: Target) -> bool:
        """Whether this link was not told of before in this run, in the same way. Forgets when it knows too many."""
        told = (target.url, target.source, target.kind)
        if told in self._told:
            return False
        if len(self._told) >= _MOST_TOLD:
            self._told.clear()
        self._told.add(told)
        return True

    @_guarded
    def done(self, visit: Visit) -> None:
        """Hand a visit to the writer; its page is no longer under way (but for a source that goes on)."""
        self.writer.add(visit)
        if visit.outcome is not Outcome.DUE:
            self._under_way.pop(urlkey(visit.url), None)

    @_guarded
    def sources_known(self) -> tuple[set[str], set[str], set[str]]:
        """As `ledger.sources_known`, with all that was read written."""
        self.writer.flush()
        return ledger.sources_known(self.db, self.site["id"])

    def seed_moved(self, url: str) -> None:
        """The start address redirects: the page it leads to is the home page."""
        self._seed_key = urlkey(url)

    @_guarded
    def alive(self, source: Source, found_on: str) -> int:
        self.writer.flush()
        return ledger.alive(self.db, self.site["id"], source, found_on)

    @_guarded
    def balance(self) -> tuple[int, int]:
        """Pages of this site that are known, and of these the ones that are not due."""
        known, due = self.db.execute(
            "select count(*), total(due_at <= ?) from pages where site_id = ?",
            [ledger.stamp(self.started), self.site["id"]]).fetchone()
        return int(known), int(known - due)

    @_guarded
    def remember_platform(self, name: str) -> None:
        if name and name != self.site["platform"]:
            with writing(self.db):
                self.db.table("sites").update(self.site["id"], {"platform": name})
            self.site["platform"] = name

    @_guarded
    def _learned(self, rules: SiteRules) -> SiteRules:
        with writing(self.db):
            return store_learned(self.db, self.site["id"], rules, datetime.now(UTC))

    @_guarded
    def _outdated(self, since: datetime) -> SiteRules | None:
        with writing(self.db):
            retire(self.db, self.site["id"], since)
        return rules_at(self.db, self.site["id"])

    def _readings(self, row: dict[str, Any]) -> list[Article]:
        return readings(self.db, self._folder, row, self.site["id"])

    def _read_anew(self) -> None:
        """The posts that the template was learned from were read without it: those that are written are read by it."""
        for sample in self.teacher.samples():
            key = urlkey(sample.url)
            row = ledger.page_row(self.db, key)
            if row is None or not row["fetched_at"] or row["fetched_at"] < ledger.stamp(self.started):
                self.teacher.put_back(sample)
                continue
            after = self.teacher.again(sample)
            if sample.article is not None and after is not None:
                with writing(self.db):
                    read_anew(self.db, sample.article, after, extractor_of(__version__, after))

    @_guarded
    def capture(self, exchange: Exchange, original: Original | None) -> Capture:
        """Write one exchange to the run's WARC file."""
        return self.warc.write(exchange, original)

    def _before_commit(self) -> None:
        if _file_id(self.archive) != self._file_id:
            raise ArchiveMoved(str(self.archive))
        self.warc.sync()

    def close(self, outcome: str, reason: str, *, broken: bool = False) -> None:
        """Write what waits and close the run; `result` is then outcome, reason, seconds and how often what failed.

        Where that is no longer possible, or after a fault (`broken`), what can be written is; the rest is still due,
        and the next crawl closes the run.
        """
        if self._lock is None:
            return
        failures: tuple[tuple[str, int], ...] = ()
        seconds = (datetime.now(UTC) - self.started).total_seconds()
        try:
            failures = self._finish(outcome, reason, 0.0 if broken else PATIENCE)
        except ArchiverError as fault:
            if not broken:
                outcome, reason = "failed", str(fault)
        self.result = (outcome, reason, seconds, failures)
        self.warc.abandon()
        with suppress(sqlite3.Error):
            self.db.close()
        self._lock.close()
        self._lock = None

    @_guarded
    def _finish(self, outcome: str, reason: str, patience: float) -> tuple[tuple[str, int], ...]:
        if patience:
            self.teacher.finish()
        self.writer.flush(patience)
        if patience:
            self._read_anew()
        unsealed: OSError | None = None
        try:
            self.warc.close()
        except OSError as error:
            unsealed = error
        with writing(self.db, patience):
            end_run(self.db, self.run_id, self.counts, outcome, reason, datetime.now(UTC))
        if unsealed:
            raise unsealed
        return tuple((row[0], row[1]) for row in self.db.execute(
            "select reason, count(*) from pages where site_id = ? and outcome = 'failed' and fetched_at >= ? "
            "group by reason order by 2 desc", [self.site["id"], ledger.stamp(self.started)]))


def _file_id(file: Path) -> tuple[int, int]:
    """Which file stands at this path. A database that was removed can be written to for hours, to no effect."""
    found = file.stat()
    return found.st_dev, found.st_ino
