"""Runs an import from a web archive as a person asks for it: plans it by the site's settings, fetches the captures in a
Scrapy process, and returns a summary.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scrapy.crawler import Crawler
from scrapy.settings import Settings

from archiver.api.crawling import (
    GRACE,
    CrawlProcess,
    Leave,
    Line,
    Terminal,
    contact_of,
    install_crawl_log,
    log_as,
    prepare_log_file,
    user_agent,
)
from archiver.api.database import opened
from archiver.api.politeness import AddressZone, zone_of_host
from archiver.api.sites import load_config
from archiver.importers.capture_list import WaybackPlan
from archiver.importers.import_problems import problems_as_data
from archiver.importers.memento_service import parse_archive_service
from archiver.importers.wayback_import import (
    CAPTURE_SECONDS,
    WaybackImport,
    WaybackOutcome,
    WaybackSpider,
    make_settings,
)
from archiver.model.urls import start_address


@dataclass(frozen=True, slots=True)
class WaybackRequest:
    """A request to import the captures of a site from a web archive. `site` is the name or a URL of the site. If
    `service` (the web archive) or `contact` is None, the site's setting applies. `since` and `until` are days
    (YYYY-MM-DD), or None. If `shown` is True, the progress is shown on the terminal.
    """

    archive: Path
    site: str
    service: str | None
    replay: str
    exact: bool
    dry_run: bool
    delay: float | None
    contact: str | None
    since: str | None
    until: str | None
    limit: int | None
    all_captures: bool
    again: bool
    shown: bool


@dataclass(frozen=True, slots=True)
class WaybackReport:
    """The result of an import from a web archive: a summary for JSON output, and the number of the signal that ended
    it, 0 for none.
    """

    summary: dict[str, Any]
    signum: int


def plan_wayback_import(request: WaybackRequest) -> tuple[WaybackPlan, str]:
    """Returns the plan of an import and the User-Agent of its requests. Raises ValueError if the service is not a web
    archive, and ContactMissing.
    """
    settings, url = _find_site(request.archive, request.site)
    service = parse_archive_service(request.service or settings.get("cdx") or "internet-archive", request.replay)
    plan = WaybackPlan(
        request.archive,
        service,
        url,
        request.exact,
        datetime.fromisoformat(f"{request.since}T00:00:00+00:00") if request.since else None,
        datetime.fromisoformat(f"{request.until}T23:59:59+00:00") if request.until else None,
        request.limit or 0,
        request.delay or 0.0,
        request.all_captures,
        request.again,
        request.dry_run,
    )
    return plan, user_agent(contact_of(service.asks, request.contact or settings.get("contact")))


def _find_site(archive: Path, word: str) -> tuple[dict[str, Any], str]:
    """Returns the settings of the site named `word` ({} if the archive has no such site), and the site's start URL."""
    if archive.exists():
        with opened(archive, read_only=True) as db:
            rows = {row["name"]: row for row in db.query("select * from sites")}
        if row := rows.get(word.removeprefix("www.").rstrip("/")):
            return json.loads(row["settings"] or "{}"), str(row["start_url"])
    return {}, start_address(word)


def run_wayback_import(plan: WaybackPlan, agent: str, *, shown: bool) -> WaybackReport:
    """Fetches captures from a web archive and imports them. Raises the error that made the import fail."""
    run, started = WaybackImport(plan), time.monotonic()
    try:
        signum = _fetch_captures(run, agent, shown=shown)
    finally:
        run.close()
    return WaybackReport(_summarize(plan, run.result, time.monotonic() - started), signum)


def _fetch_captures(run: WaybackImport, agent: str, *, shown: bool) -> int:
    settings = Settings()
    settings.setmodule("archiver.settings", priority="project")
    settings.setdict(make_settings(run.plan, agent), priority="cmdline")
    if run.plan.archive.exists():
        install_crawl_log(prepare_log_file(run.plan.archive), load_config().log)
        log_as(run.plan.url)
    process = CrawlProcess(settings, GRACE)
    crawler = Crawler(WaybackSpider, settings)
    terminal = Terminal() if shown else None
    if terminal is not None:
        _start_progress_display(run, terminal)
    process.crawl(crawler, run=run)
    process.start()
    if terminal is not None:
        terminal.draw(Leave(run.plan.url))
    spider: Any = crawler.spider
    if spider is None:
        raise RuntimeError(f"{run.plan.url} was not requested; see the log")
    spider.closed("")
    if spider.error is not None:
        raise spider.error
    return int(process.signum) if run.result.outcome == "interrupted" else 0


def _start_progress_display(run: WaybackImport, terminal: Terminal) -> None:
    """Starts drawing the progress of an import from a web archive on the terminal at regular intervals."""
    from twisted.internet.task import LoopingCall

    def draw() -> None:
        result = run.result
        text = f"captures listed {run.listing.total:,}"
        if result.chosen:
            text = (
                f"fetched {result.fetched:,} of {result.chosen:,}  posts {result.tally.posts:,}  "
                f"failed {result.failed:,}"
            )
        terminal.draw(Line(run.plan.url, text, result.chosen or None, min(result.fetched, result.chosen)))

    LoopingCall(draw).start(terminal.every, now=False)


def _summarize(plan: WaybackPlan, result: WaybackOutcome, seconds: float) -> dict[str, Any]:
    is_remote = zone_of_host(urlsplit(plan.service.replay).hostname or "") is not AddressZone.LOOPBACK
    duration = result.chosen * max(plan.delay, CAPTURE_SECONDS if is_remote else 0.0)
    counts = {key: value for key, value in asdict(result.tally).items() if key not in ("captures", "records")}
    return {
        "url": plan.url,
        "service": plan.service.asks,
        "replay": plan.service.replay,
        "from": plan.since.date().isoformat() if plan.since else None,
        "to": plan.until.date().isoformat() if plan.until else None,
        "outcome": result.outcome,
        "reason": result.reason,
        "addresses": result.addresses,
        "listed": result.listed,
        "left_out": result.left_out,
        "here": result.here,
        "to_fetch": result.chosen,
        "needs_seconds": round(duration, 1),
        "fetched": result.fetched,
        "seen": result.seen,
        "failed": result.failed,
        "requests": result.requests,
        **counts,
        "captures": result.tally.captures,
        "records": result.tally.records,
        "problems": dict(sorted(result.kinds.items())),
        "problems_listed": problems_as_data(result.problems),
        "seconds": round(seconds, 2),
        "dry_run": plan.dry_run,
        "archive": str(plan.archive),
    }
