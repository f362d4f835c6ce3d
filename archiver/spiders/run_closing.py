"""Closes a run: reads again what was learned too late, writes the run's row with its statistics, and judges the health
of the site.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from archiver import __version__
from archiver.health.stored_health import record_run_health
from archiver.learning.rejudging import Rejudging, RejudgingTally, rejudge
from archiver.maintenance.constants_refusal import refuse_constants
from archiver.maintenance.late_reextraction import LateHintTally, find_late_hints, read_late_hints
from archiver.model.errors import ArchiverError, SiteRemoved
from archiver.spiders.run_ending import RunEnding, RunResult, internal_error
from archiver.storage import pages
from archiver.storage.edit_samples import count_unseen_posts, edit_estimate, schedule_posts_of_unended_days
from archiver.storage.held_pages import count_held, count_taken_back
from archiver.storage.page_writer import withdraw_copies
from archiver.storage.runs import Counts, UnreadPages, end_run, writing_run
from archiver.storage.sources import count_responding_sources
from archiver.storage.transactions import PATIENCE, archive_faults

if TYPE_CHECKING:
    from archiver.spiders.crawl_run import CrawlRun

_HOME_ONLY = 1
_MOST_AT_END = 5_000
"""The end of a run judges at most this many pages again; the next run takes up the rest."""
_log = logging.getLogger(__name__)


def finish(run: CrawlRun, ending: RunEnding, *, at_fault: bool) -> RunResult:
    """Writes what a run has still to write, and returns its result. If the archive is `at_fault` or fails now, as much
    as possible is written.
    """
    result = RunResult(ending.outcome, ending.reason, (datetime.now(UTC) - run.started).total_seconds(), (), 0)
    try:
        with archive_faults(run.archive):
            return _write_end(run, ending, result, 0.0 if at_fault else PATIENCE)
    except ArchiverError as fault:
        if isinstance(fault, SiteRemoved):  # no later crawl of this site will finish the file
            with suppress(OSError):
                run.files.close()
        return result if at_fault else replace(result, outcome="failed", reason=str(fault))
    except Exception as error:
        _log.exception("The crawl of %s could not be closed", run.start_url)
        return replace(result, outcome="failed", reason=internal_error(run.start_url, error).reason)


def _write_end(run: CrawlRun, ending: RunEnding, result: RunResult, patience: float) -> RunResult:
    run.writer.flush(patience)
    if patience:
        run.learning.finish()
    if patience and ending.outcome == "finished" and not run.order.pages:
        _read_again(run, is_complete=not ending.reason)
    run.requisites.flush(patience)
    failures = _record_ending(run, ending, patience)
    known, done = pages.count_known_pages(run.db, run.site["id"], run.started)
    return replace(
        result,
        failures=failures,
        due=known - done + run.requisites.count_due(),
        edits=edit_estimate(run.db, run.site),
        still_held=count_held(run.db, run.site["id"]),
        taken_back=count_taken_back(run.db, run.site["id"], run.run_id, run.started),
        continued_full=run.continued_full,
    )


def _read_again(run: CrawlRun, *, is_complete: bool) -> None:
    """Reads pages again from their captures, for what was learned only after they had been read: late hints of
    sources, verdicts on forms, and values that belong to the site.

    Only late hints are read if the run read no more than the home page, unless the previous run was interrupted or
    made by another version. `is_complete` is True if the run has read all pages that it found.
    """
    late = _read_late_hints(run)
    if late.read or late.posts or late.unreadable:
        _log.info(
            "%s: %d articles re-extracted because a source has reported them since, %d of them changed; %d pages "
            "turned out to be posts; %d could not be read again",
            run.site_name,
            late.read,
            late.changed,
            late.posts,
            len(late.unreadable),
        )
    if run.learning.pages > _HOME_ONLY or run.is_pending or run.is_updated:
        tally = _judge_again(run, is_complete=is_complete)
        if tally.read or tally.reread:
            _log.info(
                "%s: %d pages judged again by their form: %d posts stored, %d articles withdrawn, %d remaining; "
                "%d articles re-extracted to drop a value that belongs to the site",
                run.site_name,
                tally.read,
                tally.posts,
                tally.withdrawn,
                len(tally.left),
                tally.reread,
            )


def _rejudging(run: CrawlRun) -> Rejudging:
    return Rejudging(run.db, run.archive.parent, run.site, run.learning.model.verdicts)


def _read_late_hints(run: CrawlRun) -> LateHintTally:
    """Extracts stored captures again for which a source hint arrived only after they were extracted."""
    run.learning.read_lists_of_undated()
    found = find_late_hints(run.db, run.site["id"], run.started)
    if not found:
        return LateHintTally()
    tally = read_late_hints(run.db, run.archive.parent, _rejudging(run), run.storing, found, datetime.now(UTC))
    run.counts.add(tally.counts)
    return tally


def _judge_again(run: CrawlRun, *, is_complete: bool) -> RejudgingTally:
    """Decides which forms are forms of posts, and judges again the pages of forms whose verdict has changed. Also
    re-extracts articles with values that belong to the site. After an update of the program, pages that are not
    posts and were answered with 304 are judged again, too.
    """
    run.learning.is_complete |= is_complete
    run.learning.judge_forms()
    since = pages.stamp(run.started) if run.is_updated else ""
    tally, rejudged = rejudge(_rejudging(run), run.storing, confirmed_since=since, most=_MOST_AT_END)
    run.counts.add(rejudged)
    if run.counts.new:
        copies = Counts()
        with writing_run(run.db, run.run_id, run.site):
            withdraw_copies(run.storing, copies)
        run.counts.add(copies)
        tally.withdrawn += copies.withdrawn
    if run.counts.new or run.counts.revised or run.is_pending:
        refused = refuse_constants(run.db, run.archive, run.site, __version__, datetime.now(UTC))
        tally.reread = refused.articles
        run.writer.measuring.subtract_constants(refused.lost)
    return tally


def _record_ending(run: CrawlRun, ending: RunEnding, patience: float) -> tuple[tuple[str, int], ...]:
    """Finishes the WARC file and the run's row. Returns the reasons for which pages failed, each with its number of
    pages.

    If the WARC file cannot be finished, the row is written nevertheless, and the next run finishes the file.
    """
    unfinished: OSError | None = None
    last_file = run.files.last_warc_file
    try:
        run.files.close()
    except OSError as error:
        unfinished = error
    site_id, now = run.site["id"], datetime.now(UTC)
    with writing_run(run.db, run.run_id, run.site, patience):
        schedule_posts_of_unended_days(run.db, site_id, now)
        unread = UnreadPages(
            run.traps.set_aside_counts(),
            run.traps.unrecorded,
            0 if run.order.only else count_unseen_posts(run.db, site_id, run.started, now),
        )
        statistics = run.writer.measuring.as_json(count_responding_sources(run.db, site_id), unread, ending.outcome)
        end_run(run.db, run.run_id, run.counts, ending.outcome, ending.reason, now, statistics)
        if last_file:
            run.db.execute("update sites set warc_file = ? where id = ?", [last_file, site_id])
        if ending.pages:
            pages.mark_host_unavailable(run.db, site_id, ending.pages, ending.quiet_until)
        record_run_health(run.db, run.site, run.run_id, now)
    if unfinished:
        raise unfinished
    return tuple(
        (row[0], row[1])
        for row in run.db.execute(
            "select reason, count(*) from pages where site_id = ? and outcome = 'failed' and fetched_at >= ? "
            "group by reason order by 2 desc",
            [site_id, pages.stamp(run.started)],
        )
    )
