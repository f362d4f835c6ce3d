"""The open archive of one run over one site (`CrawlRun`): locks it, repairs what the last run left unfinished, writes
results, and closes it. `SiteJudge` decides which of the site's pages are posts.

Pages are judged by their form, the markup and address pattern that the pages of one template share, during the crawl
and again at the end of the run.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from archiver import __version__
from archiver.discovery import soft_404
from archiver.discovery.cdx import query_url, service_address, site_prefix
from archiver.discovery.soft_404 import SoftNotFoundProfile
from archiver.extensions.crawl_log import log_as
from archiver.frontier.edit_estimates import DEFAULT_SAMPLE
from archiver.frontier.trap_budgets import RedirectForms
from archiver.health.stored_health import record_run_health
from archiver.learning.checkpoint import Learning
from archiver.learning.rejudging import Rejudging, RejudgingTally, rejudge
from archiver.learning.site_model import SiteModel
from archiver.maintenance.late_reextraction import LateHintTally, find_late_hints, read_late_hints, refuse_constants
from archiver.maintenance.reextraction_reader import extract_from_capture
from archiver.model.errors import ArchiverError, SiteMoved, SiteRemoved
from archiver.model.items import Capture, DiscoveredURL, DiscoverySource
from archiver.model.urls import Scope, urlkey
from archiver.politeness.throttle import MAX_RETRY_AFTER
from archiver.sites.config import effective_settings, load_config
from archiver.sites.crawler_identity import needs_contact
from archiver.sites.page_objects import load_page_objects
from archiver.sites.run_limits import RunLimits, limit_scheduled_run
from archiver.spiders.crawl_order import CrawlOrder
from archiver.spiders.requisite_queue import Requisites
from archiver.spiders.run_ending import RunEnding, RunResult, internal_error
from archiver.spiders.trap_detector import TrapDetector
from archiver.storage import Database, completeness, pages
from archiver.storage.capture_recovery import ArchiveFiles, recover, warc_prefix
from archiver.storage.captures import RemovedURLs
from archiver.storage.database import open_archive
from archiver.storage.edit_samples import (
    count_unseen_posts,
    edit_estimate,
    make_sample_due,
    samples_of,
    schedule_posts_of_unended_days,
)
from archiver.storage.held_pages import count_held, count_taken_back
from archiver.storage.page_forms import stored_verdicts
from archiver.storage.page_writer import PageWriter, StoringRun, withdraw_copies
from archiver.storage.pages import make_seed_due
from archiver.storage.requisites import DEFAULT_MODE, Mode
from archiver.storage.runs import (
    Counts,
    UnreadPages,
    begin_run,
    check_run,
    end_run,
    has_finished,
    has_only_single_pages,
    last_finished_version,
    last_run,
    left_pages_unsampled,
    unfinished_full_crawl,
)
from archiver.storage.sites import ensure_site, page_objects_of_site, rules_valid_at
from archiver.storage.sources import (
    count_responding_sources,
    has_list_dates,
    make_archive_list_due,
    make_leading_lists_due,
    record_cdx_list,
    record_discovered_urls,
)
from archiver.storage.transactions import (
    PATIENCE,
    HeldLock,
    archive_faults,
    is_environment_error,
    lock_host,
    lock_site,
    writing,
)
from archiver.warc.warc_records import Exchange, Original
from archiver.warc.warc_writer import Continuation, WarcWriter

_HOME_ONLY = 1
_MOST_AT_END = 5_000
"""The end of a run judges at most this many pages again; the next run takes up the rest."""
_log = logging.getLogger(__name__)


class CrawlRun:
    """The archive of one site during one run. It is opened and locked when the object is made; `close` closes it and
    sets `result`. `keeps_links` is False if the run fetches single pages of a site that is not crawled: what they link
    to is then not recorded.

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
        self.continued_full = ""
        self.result: RunResult | None = None
        self._locks: list[HeldLock] = []
        with archive_faults(archive):
            self.db: Database = open_archive(archive, create=True)
            try:
                with writing(self.db):
                    self.site: dict[str, Any] = ensure_site(self.db, self.start_url, self.started)
                log_as(self.site["name"])
                if Scope.of(self.start_url).name != self.site_name:
                    raise SiteMoved(self.start_url, self.site_name)
                self._locks += [lock_site(archive, self.site["name"])]
                self._locks += [lock_host(archive, self.site["host"])]
                self._begin()
            except BaseException as error:
                self._give_up(error)
                raise

    def _begin(self) -> None:
        """Repairs what the last run left unfinished, records this run, and sets up its state in memory."""
        site_id, order = self.site["id"], self.order
        self.scope = Scope(self.site["host"], self.site["path"])
        config = load_config()
        last = last_run(self.db, site_id)
        self._is_pending = last is not None and last["outcome"] != "finished"
        self._is_updated = last_finished_version(self.db, site_id) not in ("", __version__)
        self.page_objects = load_page_objects()
        if self.page_objects.broken:
            self.page_objects.check_site(self.site["host"], page_objects_of_site(self.db, self.site["name"]))
        for broken in self.page_objects.broken:
            _log.warning("%s Other sites are crawled as usual.", broken.error)
        self.options: dict[str, Any] = effective_settings(self.db, config)(self.site)
        self.budget = RunLimits.of(self.options)
        if order.scheduled:
            self.budget = limit_scheduled_run(self.db, site_id, self.options, config, self.started)
        self.mode: Mode = order.mode or self.options.get("requisites") or DEFAULT_MODE
        self.keeps_links = not order.pages or self.options.get("crawl") is not False
        self.revisit = timedelta(days=float(self.options.get("revisit_days", 30)))
        self.samples = samples_of(self.db, site_id)
        self.quiet_until = self._quiet_until()
        self.seed_key = pages.resolve_redirects(self.db, urlkey(self.start_url))
        self._record_start()
        self._removed = RemovedURLs(self.db, self.site_name)
        self.warc = WarcWriter(
            self.archive.parent,
            warc_prefix(self.site_name),
            f"archiver/{__version__}",
            f"crawl of {self.site_name}",
            self._continuation(),
        )
        self.files = ArchiveFiles(self.archive, self.warc)
        # An API may replace the listings only once a complete crawl has read all posts from it.
        counted = not order.full and has_finished(self.db, site_id) and pages.has_api(self.db, site_id)
        storing = StoringRun(
            self.db,
            self.site,
            self.run_id,
            self.started,
            self.revisit,
            __version__,
            lambda row: extract_from_capture(self.db, self.archive.parent, row, site_id),
            self.mode,
            counted,
            self.samples.revisit_period(self.revisit),
        )
        self.writer = PageWriter(storing, self.files.sync)
        self.writer.counts.found += self._is_start_new
        self._storing = storing
        self.redirect_forms = RedirectForms()
        self.traps = TrapDetector(self.db, site_id, self.scope, self.writer.flush, self.run_id)
        if not order.only and has_finished(self.db, site_id):
            with writing(self.db):
                self.traps.limit_views_without_posts(self.started, self.started + self.revisit)
        if left_pages_unsampled(self.db, site_id, self.run_id):
            self.traps.resume()
        self.writer.on_written, self.writer.kept = self.traps.record_written, self.traps.undone_on_error
        self.requisites = Requisites(self, self.mode)
        model = SiteModel(
            self.scope,
            rules_valid_at(self.db, site_id),
            stored_verdicts(self.db, site_id),
            self.page_objects,
            self._remembered_soft_not_found(),
            with_requisites=self.mode == "all",
            with_list_dates=has_list_dates(self.db, site_id),
        )
        self.learning = Learning(self.db, self.archive, self.site, self.writer, storing, model)
        cdx = self.options.get("cdx")
        self.cdx = query_url(service_address(cdx), site_prefix(self.scope)) if cdx else ""

    def _continuation(self) -> Continuation | None:
        """Returns the WARC file of the last run as the one to continue; None if it is too old or too long."""
        last, limits = self.site["warc_file"], load_config().warc
        return Continuation(last, limits.days, limits.max_mb * 1_000_000) if last and limits.days else None

    def _record_start(self) -> None:
        order, site_id = self.order, self.site["id"]
        repairs, mode = recover(self.db, self.archive.parent, self.site), "full" if order.full else "incremental"
        with writing(self.db):
            self.continued_full = "" if order.full or order.only else unfinished_full_crawl(self.db, site_id)
            self.run_id = begin_run(self.db, site_id, order.only or mode, __version__, self.started, repairs)
            log_as(self.site["name"], self.run_id)
            found = order.named_pages or [DiscoveredURL(self.start_url, DiscoverySource.SEED)]
            new = record_discovered_urls(self.db, site_id, found, self.started)
            self._is_start_new = bool(new) and not order.pages
            if order.pages:
                pass  # the queue hands out these pages, whether they are due or not
            elif order.only:
                completeness.make_missing_due(self.db, site_id, include_excluded=order.only == "set-aside")
            else:
                # The links of single pages were not recorded, so these pages are read again by the first crawl.
                everything = order.full or has_only_single_pages(self.db, site_id)
                pages.make_due(self.db, site_id, self.started, everything=everything)
                if not everything:
                    # A run that was killed has not done this at its end.
                    schedule_posts_of_unended_days(self.db, site_id, self.started)
                    make_leading_lists_due(self.db, site_id)
                    make_archive_list_due(self.db, site_id)
                self._sample_posts()
                for key in {urlkey(self.start_url), self.seed_key}:
                    make_seed_due(self.db, key)
            if not self.quiet_until:
                pages.mark_host_available(self.db, site_id)

    def _sample_posts(self) -> None:
        """Makes a random sample of the known posts due, to find edits that no source announces. The first crawl takes
        no sample.
        """
        setting = int(self.options.get("sample_posts", DEFAULT_SAMPLE))
        if not (self.order.full or self.quiet_until) and has_finished(self.db, self.site["id"]):
            make_sample_due(self.db, self.site["id"], self.run_id, self.started, self.samples.sample_size(setting))

    def _quiet_until(self) -> datetime | None:
        """Returns the time until which the host asked crawls to wait; None if it has passed. A time too far ahead comes
        from a wrong clock and is ignored.
        """
        until = pages.moment(self.site["quiet_until"])
        return until if until and self.started < until <= self.started + timedelta(seconds=MAX_RETRY_AFTER) else None

    def _remembered_soft_not_found(self) -> SoftNotFoundProfile | None:
        """Returns the soft-404 profile that an earlier run stored for this site; None if no profile is stored, or if it
        is older than the revisit period.
        """
        is_outdated = (self.site["soft_not_found_at"] or "") < pages.stamp(self.started - self.revisit)
        return None if is_outdated else soft_404.profile_from_json(self.site["soft_not_found"])

    def _give_up(self, error: BaseException) -> None:
        """Closes the archive after an `error` in opening it, and records the run as failed if its row was already
        inserted.
        """
        if self.run_id and isinstance(error, Exception) and not is_environment_error(error):
            with suppress(Exception), writing(self.db, 0.0):  # the first error is the one to report
                end_run(
                    self.db,
                    self.run_id,
                    Counts(),
                    "failed",
                    internal_error(self.start_url, error).reason,
                    datetime.now(UTC),
                )
        self.db.close()
        self._release_locks()

    @property
    def site_name(self) -> str:
        return str(self.site["name"])

    @property
    def counts(self) -> Counts:
        return self.writer.counts

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
        with writing(self.db, patience):
            check_run(self.db, self.run_id, self.site)
            yield

    def count_pages(self) -> tuple[int, int]:
        """Returns the number of known pages of this site, and the number of those that are not due."""
        known, due = self.db.execute(
            "select count(*), total(due_at <= ?) from pages where site_id = ?",
            [pages.stamp(self.started), self.site["id"]],
        ).fetchone()
        return int(known), int(known - due)

    def enter_cdx(self, *, anonymous: bool) -> None:
        """Records a web archive's CDX list as a discovery source of this site, if the site's settings name one.

        An `anonymous` crawl, which has no contact, does not request a list from a server that belongs to somebody else.
        """
        objection = "its operator should be able to reach you: name a contact (archiver crawl --contact)"
        with self.writing():
            record_cdx_list(
                self.db,
                self.site["id"],
                self.cdx,
                self.started,
                objection if anonymous and self.cdx and needs_contact(self.cdx) else "",
            )

    def remember_soft_not_found(self, found: SoftNotFoundProfile) -> None:
        """Stores the site's soft-404 profile (how it responds for an address that does not exist) with the site."""
        self.learning.model = replace(self.learning.model, soft_not_found=found)
        with self.writing():
            self.db.execute(
                "update sites set soft_not_found = ?, soft_not_found_at = ? where id = ?",
                [soft_404.profile_to_json(found), pages.stamp(self.started), self.site["id"]],
            )

    def remember_platform(self, name: str) -> None:
        if name and name != self.site["platform"]:
            with self.writing():
                self.db.update("sites", self.site["id"], {"platform": name})
            self.site["platform"] = name

    def capture(self, exchange: Exchange, original: Original | None) -> Capture:
        """Writes one exchange to the run's WARC file and returns its capture. `original` is the WARC record that has
        the same payload, so that only a revisit record is written; None if there is none. Raises ArchiverError if the
        disk fails.
        """
        with archive_faults(self.archive):
            return self.warc.write(exchange, original)

    def mentions_removed(self, exchange: Exchange) -> bool:
        """Returns True if the response of a list, feed or API contains the address of a removed post, and so may
        contain its text.
        """
        codings = (value for name, value in exchange.response_headers if name.lower() == b"content-encoding")
        return self._removed.is_in(exchange.body, next(codings, b"").decode("latin-1"))

    def close(self, ending: RunEnding, *, at_fault: bool = False) -> None:
        """Writes pending results, closes the run and the archive, and sets `result`. Does nothing if the run was closed
        before.

        If `at_fault` is True or writing fails now, as much as possible is written. The other pages stay due, and the
        next crawl closes the run.
        """
        if not self._locks:
            return
        self.result = RunResult(
            ending.outcome, ending.reason, (datetime.now(UTC) - self.started).total_seconds(), (), 0
        )
        try:
            with archive_faults(self.archive):
                self.result = self._finish(ending, self.result, 0.0 if at_fault else PATIENCE)
        except ArchiverError as fault:
            if isinstance(fault, SiteRemoved):  # no later crawl of this site will finish the file
                with suppress(OSError):
                    self.warc.close()
            if not at_fault:
                self.result = replace(self.result, outcome="failed", reason=str(fault))
        except Exception as error:
            _log.exception("The crawl of %s could not be closed", self.start_url)
            self.result = replace(self.result, outcome="failed", reason=internal_error(self.start_url, error).reason)
        self.warc.abandon()
        with suppress(sqlite3.Error):
            self.db.close()
        self._release_locks()

    def _finish(self, ending: RunEnding, result: RunResult, patience: float) -> RunResult:
        self.writer.flush(patience)
        if patience:
            self.learning.finish()
        if patience and ending.outcome == "finished" and not self.order.pages:
            self._rejudge(is_complete=not ending.reason)
        self.requisites.flush(patience)
        failures = self._record_ending(ending, patience)
        known, done = self.count_pages()
        due = known - done + self.requisites.count_due()
        held = count_held(self.db, self.site["id"])
        return replace(
            result,
            failures=failures,
            due=due,
            edits=edit_estimate(self.db, self.site),
            still_held=held,
            taken_back=count_taken_back(self.db, self.site["id"], self.run_id, self.started),
            continued_full=self.continued_full,
        )

    def _rejudge(self, *, is_complete: bool) -> None:
        """Reads pages again from their captures, for what was learned only after they had been read: late hints of
        sources, verdicts on forms, and values that belong to the site.

        Only late hints are read if the run read no more than the home page, unless the previous run was interrupted or
        made by another version. `is_complete` is True if the run has read all pages that it found.
        """
        late = self._read_late_hints()
        if late.read or late.posts or late.unreadable:
            _log.info(
                "%s: %d articles re-extracted because a source has reported them since, %d of them changed; %d pages "
                "turned out to be posts; %d could not be read again",
                self.site_name,
                late.read,
                late.changed,
                late.posts,
                len(late.unreadable),
            )
        if self.learning.pages > _HOME_ONLY or self._is_pending or self._is_updated:
            tally = self._judge_again(is_complete=is_complete)
            if tally.read or tally.reread:
                _log.info(
                    "%s: %d pages judged again by their form: %d posts stored, %d articles withdrawn, %d remaining; "
                    "%d articles re-extracted to drop a value that belongs to the site",
                    self.site_name,
                    tally.read,
                    tally.posts,
                    tally.withdrawn,
                    len(tally.left),
                    tally.reread,
                )

    @property
    def _rejudging(self) -> Rejudging:
        return Rejudging(self.db, self.archive.parent, self.site, self.learning.model.verdicts)

    def _read_late_hints(self) -> LateHintTally:
        """Extracts stored captures again for which a source hint arrived only after they were extracted."""
        self.learning.read_lists_of_undated()
        found = find_late_hints(self.db, self.site["id"], self.started)
        if not found:
            return LateHintTally()
        tally = read_late_hints(self.db, self.archive.parent, self._rejudging, self._storing, found, datetime.now(UTC))
        self.counts.add(tally.counts)
        return tally

    def _judge_again(self, *, is_complete: bool) -> RejudgingTally:
        """Decides which forms are forms of posts, and judges again the pages of forms whose verdict has changed. Also
        re-extracts articles with values that belong to the site. After an update of the program, pages that are not
        posts and were answered with 304 are judged again, too.
        """
        self.learning.is_complete |= is_complete
        self.learning.judge_forms()
        since = pages.stamp(self.started) if self._is_updated else ""
        tally, rejudged = rejudge(self._rejudging, self._storing, confirmed_since=since, most=_MOST_AT_END)
        self.counts.add(rejudged)
        if self.counts.new:
            copies = Counts()
            with self.writing():
                withdraw_copies(self._storing, copies)
            self.counts.add(copies)
            tally.withdrawn += copies.withdrawn
        if self.counts.new or self.counts.revised or self._is_pending:
            refused = refuse_constants(self.db, self.archive, self.site, __version__, datetime.now(UTC))
            tally.reread = refused.articles
            self.writer.measuring.subtract_constants(refused.lost)
        return tally

    def _record_ending(self, ending: RunEnding, patience: float) -> tuple[tuple[str, int], ...]:
        """Finishes the WARC file and the run's row. Returns the reasons for which pages failed, each with its number of
        pages.

        If the WARC file cannot be finished, the row is written nevertheless, and the next run finishes the file.
        """
        unfinished: OSError | None = None
        last_file, _ = self.warc.end
        try:
            self.warc.close()
        except OSError as error:
            unfinished = error
        site_id = self.site["id"]
        with self.writing(patience):
            schedule_posts_of_unended_days(self.db, site_id, datetime.now(UTC))
            unread = UnreadPages(
                self.traps.set_aside_counts(),
                self.traps.unrecorded,
                0 if self.order.only else count_unseen_posts(self.db, site_id, self.started, datetime.now(UTC)),
            )
            statistics = self.writer.measuring.as_json(
                count_responding_sources(self.db, site_id), unread, ending.outcome
            )
            end_run(self.db, self.run_id, self.counts, ending.outcome, ending.reason, datetime.now(UTC), statistics)
            if last_file:
                self.db.execute("update sites set warc_file = ? where id = ?", [last_file, site_id])
            if ending.pages:
                pages.mark_host_unavailable(self.db, site_id, ending.pages, ending.quiet_until)
            record_run_health(self.db, self.site, self.run_id, datetime.now(UTC))
        if unfinished:
            raise unfinished
        return tuple(
            (row[0], row[1])
            for row in self.db.execute(
                "select reason, count(*) from pages where site_id = ? and outcome = 'failed' and fetched_at >= ? "
                "group by reason order by 2 desc",
                [site_id, pages.stamp(self.started)],
            )
        )

    def _release_locks(self) -> None:
        while self._locks:
            self._locks.pop().close()
