"""Opens the archive for one run: locks the site, repairs what the last run left unfinished, and makes due the pages
that the run is to fetch.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archiver import __version__
from archiver.extensions.crawl_log import log_as
from archiver.maintenance.capture_reader import extract_from_capture
from archiver.model.errors import SiteMoved
from archiver.model.items import DiscoveredURL, DiscoverySource
from archiver.model.urls import Scope, urlkey
from archiver.storage import Database, completeness, pages
from archiver.storage.capture_recovery import recover
from archiver.storage.edit_samples import make_sample_due, samples_of, schedule_posts_of_unended_days
from archiver.storage.page_writer import StoringRun
from archiver.storage.runs import begin_run, has_finished, has_only_single_pages, unfinished_full_crawl
from archiver.storage.sites import ensure_site
from archiver.storage.sources import make_archive_list_due, make_leading_lists_due, record_discovered_urls
from archiver.storage.transactions import HeldLock, lock_host, lock_site, writing

if TYPE_CHECKING:
    from archiver.spiders.crawl_run import CrawlRun


def lock(db: Database, archive: Path, start_url: str, now: datetime, locks: list[HeldLock]) -> dict[str, Any]:
    """Returns the row of the site with this start URL, which is made if it is new, and adds the locks of the site and
    of its host to `locks`. Raises SiteMoved if the site was moved to another address, ArchiveInUse and HostInUse.
    """
    with writing(db):
        site = ensure_site(db, start_url, now)
    log_as(site["name"])
    if Scope.of(start_url).name != site["name"]:
        raise SiteMoved(start_url, site["name"])
    locks.append(lock_site(archive, site["name"]))
    locks.append(lock_host(archive, site["host"]))
    return site


def record_start(run: CrawlRun) -> None:
    """Stores the row of a run, and makes due the pages that it is to fetch."""
    run.seed_key = pages.resolve_redirects(run.db, urlkey(run.start_url))
    db, order, site_id, now = run.db, run.order, run.site["id"], run.started
    repairs, mode = recover(db, run.archive.parent, run.site), "full" if order.full else "incremental"
    with writing(db):
        run.continued_full = "" if order.full or order.only else unfinished_full_crawl(db, site_id)
        run.run_id = begin_run(db, site_id, order.only or mode, __version__, now, repairs)
        log_as(run.site_name, run.run_id)
        found = order.named_pages or [DiscoveredURL(run.start_url, DiscoverySource.SEED)]
        new = record_discovered_urls(db, site_id, found, now)
        run.is_start_new = bool(new) and not order.pages
        if order.pages:
            pass  # the queue hands out these pages, whether they are due or not
        elif order.only:
            completeness.make_missing_due(db, site_id, include_excluded=order.only == "set-aside")
        else:
            _make_due(run)
        if not run.settings.quiet_until:
            pages.mark_host_available(db, site_id)


def _make_due(run: CrawlRun) -> None:
    db, order, site_id, now = run.db, run.order, run.site["id"], run.started
    # The links of single pages were not recorded, so these pages are read again by the first crawl.
    everything = order.full or has_only_single_pages(db, site_id)
    pages.make_due(db, site_id, now, everything=everything)
    if not everything:
        # A run that was killed has not done this at its end.
        schedule_posts_of_unended_days(db, site_id, now)
        make_leading_lists_due(db, site_id)
        make_archive_list_due(db, site_id)
    if not (order.full or run.settings.quiet_until) and has_finished(db, site_id):
        # A random sample of the known posts, to find edits that no source announces; the first crawl takes none.
        size = samples_of(db, site_id).sample_size(run.settings.sample_posts)
        make_sample_due(db, site_id, run.run_id, now, size)
    for key in {urlkey(run.start_url), run.seed_key}:
        pages.make_seed_due(db, key)


def storing_of(run: CrawlRun) -> StoringRun:
    """Returns what storing must know of a run whose row is stored."""
    db, site_id, settings = run.db, run.site["id"], run.settings
    # An API may replace the listings only once a complete crawl has read all posts from it.
    is_listed = not run.order.full and has_finished(db, site_id) and pages.has_api(db, site_id)
    return StoringRun(
        db,
        run.site,
        run.run_id,
        run.started,
        settings.revisit,
        __version__,
        lambda row: extract_from_capture(db, run.archive.parent, row, site_id),
        settings.mode,
        is_listed,
        samples_of(db, site_id).revisit_period(settings.revisit),
    )
