"""The settings by which one run crawls a site: those of the site, its groups and archiver.toml, when the run begins."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from archiver.discovery.cdx import query_url, service_address, site_prefix
from archiver.frontier.edit_estimates import DEFAULT_SAMPLE
from archiver.model.urls import Scope
from archiver.politeness.throttle import MAX_RETRY_AFTER
from archiver.sites.config import Warc, effective_settings, load_config
from archiver.sites.page_objects import PageObjects, load_page_objects
from archiver.sites.run_limits import RunLimits, limit_scheduled_run
from archiver.storage import Database
from archiver.storage.pages import moment
from archiver.storage.requisites import DEFAULT_MODE, Mode
from archiver.storage.stored_rules import page_objects_of_site

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The settings of a run.

    - `scope`: the part of a host that is the site.
    - `limits`: the pages, megabytes and minutes that it may use.
    - `mode`: which requisites of posts are captured.
    - `revisit`: after this time, pages are fetched again.
    - `sample_posts`: the number of posts that are fetched to find edits which no source announces.
    - `cdx`: the address of a web archive's list of the site's captures; "" if the site's settings name none.
    - `is_crawled`: False if only single pages of the site are fetched.
    - `is_private`: True if the site may be at a private network address.
    - `quiet_until`: until then, the host asked crawls to wait; None if it did not.
    - `warc`: how long a WARC file is continued by further runs.
    """

    scope: Scope
    page_objects: PageObjects
    limits: RunLimits
    mode: Mode
    revisit: timedelta
    sample_posts: int
    cdx: str
    is_crawled: bool
    is_private: bool
    quiet_until: datetime | None
    warc: Warc


def read_run_settings(
    db: Database, site: Mapping[str, Any], now: datetime, *, mode: Mode | None, is_scheduled: bool
) -> RunSettings:
    """Returns the settings of a run that begins `now`. `mode` overrides the site's own setting for requisites; quotas
    and blackout hours limit only a scheduled run. Logs a warning for each file of page objects that cannot be used, and
    raises its error if it concerns this site.
    """
    config = load_config()
    page_objects = load_page_objects()
    if page_objects.broken:
        page_objects.check(site["host"], page_objects_of_site(db, site["name"]))
    for broken in page_objects.broken:
        _log.warning("%s Other sites are crawled as usual.", broken.error)
    own: dict[str, Any] = effective_settings(db, config)(dict(site))
    cdx = own.get("cdx")
    scope = Scope(site["host"], site["path"])
    until = moment(site["quiet_until"])
    # A time too far ahead comes from a wrong clock.
    is_quiet = until is not None and now < until <= now + timedelta(seconds=MAX_RETRY_AFTER)
    return RunSettings(
        scope=scope,
        page_objects=page_objects,
        limits=limit_scheduled_run(db, site["id"], own, config, now) if is_scheduled else RunLimits.of(own),
        mode=mode or own.get("requisites") or DEFAULT_MODE,
        revisit=timedelta(days=float(own.get("revisit_days", 30))),
        sample_posts=int(own.get("sample_posts", DEFAULT_SAMPLE)),
        cdx=query_url(service_address(cdx), site_prefix(scope)) if cdx else "",
        is_crawled=own.get("crawl") is not False,
        is_private=bool(own.get("private")),
        quiet_until=until if is_quiet else None,
        warc=config.warc,
    )
