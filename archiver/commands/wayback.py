"""`archiver import --wayback`: the past of a site from a web archive."""

from __future__ import annotations

import calendar
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from archiver.commands.imported import listed, new_things, problem_lines, told
from archiver.commands.screen import clean, count, write_json

if TYPE_CHECKING:
    from archiver.commands.import_ import ImportOptions
    from archiver.imports.wayback.plan import Outcome, Plan

F = TypeVar("F", bound=Callable[..., Any])
_OPTIONS = (
    click.option("--wayback", metavar="SITE|URL",
                 help="In the place of FILE: fetch old captures of this site from a web archive."),
    click.option("--service", metavar="URL",
                 help="The web archive: the address of its CDX server, or of its TimeMaps "
                      "[default: the site's setting cdx, else internet-archive]"),
    click.option("--replay", default="", metavar="URL",
                 help="What the addresses of its captures begin with, where --service does not tell."),
    click.option("--exact", is_flag=True, help="Only the page at this address, and not all below it."),
    click.option("--dry-run", is_flag=True, help="Read the list alone: how much there is, and how long it takes."),
    click.option("--delay", type=click.FloatRange(min=0), metavar="SECONDS",
                 help="Seconds between two requests to the web archive, where that is more than its bounds."),
    click.option("--contact", envvar="ARCHIVER_CONTACT", show_envvar=True, metavar="MAIL|URL",
                 help="How the web archive reaches you; goes into the User-Agent."),
)


def wayback_options(function: F) -> F:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class WaybackOptions:
    """The options of `archiver import` that go with --wayback only; None where the site's settings hold."""

    service: str | None
    replay: str
    exact: bool
    dry_run: bool
    delay: float | None
    contact: str | None


def import_wayback(options: ImportOptions) -> None:
    """Run the import, print what it did, and exit."""
    from archiver.commands.crawls.log import log_file
    from archiver.imports.wayback.run import PastRun
    from archiver.spiders.contact import contact_for, user_agent

    until = _end_of(options.last_day)
    site, url = _site(options.archive, options.wayback or "")
    settings = json.loads(site["settings"] or "{}") if site else {}
    plan = _plan(options, url, until, settings.get("cdx"))
    agent = user_agent(contact_for(plan.service.asks, options.of_wayback.contact or settings.get("contact")))
    run, begun = PastRun(plan), time.monotonic()
    try:
        signum = _fetch(run, agent, log_file(plan.archive) if plan.archive.exists() else None,
                        shown=not options.silent)
    finally:
        run.close()
    summary = _summary(plan, run.result, time.monotonic() - begun)
    if options.as_json:
        write_json(summary)
    elif not options.quiet:
        for line in _lines(plan, summary):
            click.echo(clean(line))
    if signum:
        click.echo("Stopped; the same command goes on from there.", err=True)
        sys.exit(128 + signum)
    if run.result.outcome in ("waiting", "failed"):
        click.echo(f"Error: {clean(run.result.reason)}. The same command goes on from there.", err=True)
    if run.result.failed or run.result.outcome in ("waiting", "failed"):
        sys.exit(1)


def _plan(options: ImportOptions, url: str, until: datetime | None, service: str | None) -> Plan:
    """`service` is that of the site's settings. Raises UsageError for what a TimeMap cannot list."""
    from archiver.imports.wayback.plan import Plan

    own = options.of_wayback
    plan = Plan(Path(options.archive), _service(own.service or service or "internet-archive", own.replay), url,
                own.exact, options.since.replace(tzinfo=UTC) if options.since else None, until, options.limit or 0,
                own.delay or 0.0, options.all_captures, options.again, own.dry_run)
    if plan.service.is_timemap and not own.exact:
        raise click.UsageError("A TimeMap tells of one address alone: name it with --exact, or give a CDX server.")
    return plan


def _site(archive: str, word: str) -> tuple[dict[str, Any] | None, str]:
    """The archive's site that a word means, if it means one, and the address that it stands for."""
    from archiver.store.connect import opened
    from archiver.urls import start_address

    if Path(archive).exists():
        with opened(Path(archive), read_only=True) as db:
            rows = {row["name"]: row for row in db.table("sites").rows}
        if row := rows.get(word.removeprefix("www.").rstrip("/")):
            return row, str(row["start_url"])
    return None, start_address(word)


def _service(text: str, replay: str) -> Any:
    from archiver.discovery.mementos import service_of

    try:
        return service_of(text, replay)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} names no web archive: {error}.", param_hint="--service") from error


def _end_of(day: str) -> datetime | None:
    if not day:
        return None
    year, month, date = (int(part) for part in day.split("-"))
    return datetime(year, month, min(date, calendar.monthrange(year, month)[1]), 23, 59, 59, tzinfo=UTC)


def _fetch(run: Any, agent: str, log: Path | None, *, shown: bool) -> int:
    """Fetch all; the signal that ended it, 0 without one. Raises what ended it otherwise."""
    from scrapy.crawler import Crawler
    from scrapy.settings import Settings

    from archiver.commands.crawls.plan import GRACE
    from archiver.commands.process import CrawlProcess
    from archiver.extensions.terminal import Leave, Terminal
    from archiver.imports.wayback.spider import WaybackSpider, settings_for

    settings = Settings()
    settings.setmodule("archiver.settings", priority="project")
    settings.setdict(settings_for(run.plan, agent, log), priority="cmdline")
    process = CrawlProcess(settings, GRACE)
    crawler = Crawler(WaybackSpider, settings)
    terminal = Terminal() if shown else None
    if terminal is not None:
        _show(run, terminal)
    process.crawl(crawler, run=run)
    process.start()
    if terminal is not None:
        terminal.draw(Leave(run.plan.url))
    spider: Any = crawler.spider
    if spider is None:
        raise RuntimeError(f"{run.plan.url} was not asked for: the log tells why")
    spider.closed("")
    if spider.error is not None:
        raise spider.error
    return int(process.signum) if run.result.outcome == "interrupted" else 0


def _show(run: Any, terminal: Any) -> None:
    """Draw how far it is, now and then."""
    from twisted.internet.task import LoopingCall

    from archiver.extensions.terminal import Line

    def draw() -> None:
        result = run.result
        text = f"captures listed {run.listing.total:,}"
        if result.chosen:
            text = (f"fetched {result.fetched:,} of {result.chosen:,}  posts {result.tally.posts:,}  "
                    f"failed {result.failed:,}")
        terminal.draw(Line(run.plan.url, text, result.chosen or None, min(result.fetched, result.chosen)))

    LoopingCall(draw).start(terminal.every, now=False)


def _summary(plan: Plan, result: Outcome, seconds: float) -> dict[str, Any]:
    from archiver.frontier.reach import Zone, zone_of_host
    from archiver.imports.wayback.plan import CAPTURE_SECONDS

    spared = zone_of_host(urlsplit(plan.service.replay).hostname or "") is not Zone.LOOPBACK
    needs = result.chosen * max(plan.delay, CAPTURE_SECONDS if spared else 0.0)
    counts = {key: value for key, value in asdict(result.tally).items() if key not in ("captures", "records")}
    return {
        "url": plan.url, "service": plan.service.asks, "replay": plan.service.replay,
        "from": plan.since.date().isoformat() if plan.since else None,
        "to": plan.until.date().isoformat() if plan.until else None, "outcome": result.outcome, "reason": result.reason,
        "addresses": result.addresses, "listed": result.listed, "left_out": result.left_out, "here": result.here,
        "to_fetch": result.chosen, "needs_seconds": round(needs, 1), "fetched": result.fetched, "seen": result.seen,
        "failed": result.failed, "requests": result.requests, **counts, "captures": result.tally.captures,
        "records": result.tally.records, "problems": dict(sorted(result.kinds.items())),
        "problems_listed": listed(result.problems), "seconds": round(seconds, 2), "dry_run": plan.dry_run,
        "archive": str(plan.archive)}


def _lines(plan: Plan, summary: dict[str, Any]) -> list[str]:
    lines = [f"{plan.url} in {summary['replay']}: {count(summary['listed'], 'capture')} listed "
             f"({summary['left_out']:,} not of posts), of {count(summary['addresses'], 'address', 'addresses')}: "
             f"{summary['here']:,} here already, {summary['to_fetch']:,} to fetch"]
    if plan.dry_run:
        lines.append(f"  fetching them takes at least {_duration(summary['needs_seconds'])}; nothing was fetched")
        return lines + problem_lines([("", p) for p in summary["problems_listed"]], summary["problems"])
    lines.append(f"  {summary['fetched']:,} fetched, {summary['seen']:,} told by the list alone, "
                 f"{summary['failed']:,} failed")
    if summary["records"] or summary["seen"]:
        lines.append(f"  {told(summary)}")
    lines += problem_lines([("", p) for p in summary["problems_listed"]], summary["problems"])
    lines.append("  " + ", ".join([*new_things(summary), f"{summary['seconds']:.1f} s"]))
    lines.append(f"  archive: {summary['archive']}")
    return lines


def _duration(seconds: float) -> str:
    """ "45 s", "12 min", "3 h 20 min". """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
