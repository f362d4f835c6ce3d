"""`archiver schedule`: crawls sites when they are due, lists due times, and prints files for systemd, cron, Docker and
Prometheus.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from archiver.cli.shared_options import (
    archive_option,
    list_options,
    pass_options_as,
    politeness_options,
    workers_option,
)
from archiver.cli.terminal_output import count_noun, format_time, print_table, print_values
from archiver.health.notification_channels import notify_after_runs
from archiver.model.errors import ArchiverError, SchedulerAlreadyRunning
from archiver.scheduling.crawl_plans import CommonOptions, CrawlOutcome, print_notice
from archiver.scheduling.scheduler_loop import Daemon, DaemonOptions, check_and_report, check_is_due
from archiver.scheduling.service import service_file
from archiver.sites.config import effective_settings, load_config
from archiver.sites.run_limits import read_group_quotas
from archiver.storage.database import open_archive, opened, warn_of_clock
from archiver.storage.scheduled_sites import Scheduled, scheduled_sites
from archiver.storage.transactions import lock_schedule


@dataclass(frozen=True, slots=True)
class ScheduleOptions:
    """The options of `archiver schedule`. `kind` is the file to print (`FILES`); if it is None, the command crawls
    sites.
    """

    archive: str
    once: bool
    dry_run: bool
    workers: int
    delay: float | None
    contact: str | None
    quiet: bool
    kind: str | None
    form: str | None

    @property
    def as_json(self) -> bool:
        return self.form == "json"


@click.command(short_help="Crawl each site when it is due.")
@archive_option
@click.option("--once", is_flag=True, help="Crawl the sites that are due now, then exit; for cron and timers.")
@click.option("--dry-run", "--list", "dry_run", is_flag=True, help="List when each site is due, but crawl nothing.")
@workers_option("How many sites to crawl at the same time (one per host), each in its own process.")
@politeness_options
@click.option("--quiet", is_flag=True, help="Print only errors.")
@click.option(
    "--print",
    "kind",
    type=click.Choice(("systemd", "cron", "docker", "alerts")),
    help="Print a systemd unit, a crontab, a Docker Compose file or alert rules for Prometheus, and do nothing else.",
)
@list_options
@pass_options_as(ScheduleOptions)
def schedule(options: ScheduleOptions) -> None:
    """Crawl each site when it is due, until Ctrl-C or SIGTERM.

    A site's setting 'cadence' says how often it is crawled: a period (6h), a cron expression in UTC, or adaptive (the
    default), which depends on how often the site publishes. Only one scheduler can run per archive. Every
    week it checks the archive for damage, as 'archiver verify' does. See docs/operate.md.

    \b
    Examples:
      archiver schedule
      archiver schedule --list
      archiver schedule --once --quiet
      archiver schedule --print systemd > archiver.service
      archiver sites set blog.example.org 'cadence=cron:30 6 * * MON-FRI'

    Exit code: 0 done, or with --once another scheduler is running; 1 it cannot continue, or with --once a page or a
    site failed, a site asked to wait, or nobody could be notified because the archive cannot be read; 2 wrong usage;
    130 or 143 stopped by Ctrl-C or SIGTERM.
    """
    if options.form == "csv" and not options.dry_run:
        raise click.UsageError(f"--{options.form} needs --list. Crawls print JSON Lines with --json.")
    if options.once + options.dry_run + (options.kind is not None) > 1:
        raise click.UsageError("Use only one of --once, --list or --print.")
    if options.kind:
        click.echo(service_file(options.kind, options.archive), nl=False)
        return
    if options.dry_run:
        _print_due_times(_read_schedule(options.archive), options.form)
        return

    load_config()  # reports mistakes in the file at once
    open_archive(options.archive).close()  # migrates the archive before the first crawl
    sys.exit(_run_scheduler(options))


def _run_scheduler(options: ScheduleOptions) -> int:
    """Crawls sites when they are due or, with --once, only those that are due now. Returns the exit code."""
    path, once, quiet = Path(options.archive), options.once, options.quiet
    try:
        lock = lock_schedule(path)
    except SchedulerAlreadyRunning as error:
        if not once:
            raise
        if not quiet:
            click.echo(str(error), err=True)
        return 0

    reported: list[str] = []

    def report(site: str, result: CrawlOutcome) -> None:
        reported.append(site)
        _print_result(site, result, quiet, options.as_json)

    with lock:
        if not quiet and not once and not options.as_json:
            click.echo(f"Crawling the sites of {options.archive} when they are due. Stop with Ctrl-C.", err=True)
        daemon = Daemon(
            DaemonOptions(
                CommonOptions(path, quiet=True, scheduled=True),
                options.workers,
                once,
                options.delay,
                options.contact,
                report,
                print_notice,
            )
        )
        with opened(path, read_only=True) as db:
            is_behind = warn_of_clock(db, is_crawl=True)
        signum = daemon.run()
        is_judged = not once or bool(signum) or notify_after_runs(path, None, print_notice)
    if signum:
        return 128 + signum
    if once:
        if not reported and not quiet and not options.as_json:
            _note_next_due_time(options.archive)
        _check_if_due(path)
    return 0 if is_judged and not daemon.unclean and not is_behind else 1


_NO_SITES = "The archive has no sites to crawl automatically. Add one with 'archiver sites add URL'."


def _read_schedule(archive: str) -> list[Scheduled]:
    """Returns when each site is due."""
    with opened(archive, read_only=True) as db:
        config, now = load_config(), datetime.now(UTC)
        quotas = read_group_quotas(db, config, now)
        return [quotas.postpone(one) for one in scheduled_sites(db, now, effective_settings(db, config))]


def _note_next_due_time(archive: str) -> None:
    """Says on stderr that nothing was due, and when the next site is."""
    first = min(_read_schedule(archive), key=lambda one: one.turn.at, default=None)
    if first is None:
        click.echo(_NO_SITES, err=True)
    else:
        click.echo(f"Nothing is due. Next: {first.site['name']}, {format_time(first.turn.at.isoformat())}.", err=True)


def _check_if_due(archive: Path) -> None:
    """Checks the archive if that is due. Runs after the crawls, when the scheduler's lock has been released."""
    try:
        if check_is_due(archive, datetime.now(UTC)):
            check_and_report(archive, print_notice)
    except ArchiverError as error:
        print_notice(f"The archive was not checked: {error}")


def _print_result(site: str, result: CrawlOutcome, quiet: bool, as_json: bool) -> None:
    """Prints the result of a scheduled crawl as a line of text, or of JSON if `as_json` is True. If `quiet` is True,
    prints text only about a crawl that failed or has to wait.
    """
    now = datetime.now(UTC)
    failed = isinstance(result, ArchiverError) or result.outcome in ("failed", "waiting")
    if as_json:
        import json

        row = (
            {"site": site, "outcome": "refused", "reason": str(result)}
            if isinstance(result, ArchiverError)
            else (result.as_json())
        )
        click.echo(json.dumps({"at": now.isoformat(timespec="seconds"), **row}, ensure_ascii=False))
    elif isinstance(result, ArchiverError):
        click.echo(f"{format_time(now.isoformat())}  {site}: not crawled: {result}", err=True)
    elif failed or not quiet:
        reason = f" ({result.reason})" if result.reason else ""
        changes = ", ".join(
            f"{number:,} {what}"
            for what, number in (
                ("new", result.counts.new),
                ("revised", result.counts.revised),
                ("gone", result.counts.gone),
                ("held", result.counts.held),
                ("edits of earlier runs taken back", result.taken_back),
                ("accepted after three identical fetches", result.counts.accepted),
                ("failed", result.counts.failed),
            )
            if number
        )
        click.echo(
            f"{format_time(now.isoformat())}  {site}: {result.outcome}{reason}: {changes or 'no changes'}; "
            f"{count_noun(result.counts.requests, 'request')}",
            err=failed,
        )
    sys.stdout.flush()


def _print_due_times(rows: list[Scheduled], form: str | None) -> None:
    now = datetime.now(UTC)
    if form:
        print_values([_format_row(one, now) for one in rows], form)
    elif not rows:
        click.echo(_NO_SITES, err=True)
    else:
        print_table(
            ("site", "cadence", "last run", "due", "reason"),
            [
                (
                    one.site["name"],
                    one.site["settings"].get("cadence", "default"),
                    format_time(one.last.started.isoformat()) if one.last else "never",
                    "now" if one.turn.at <= now else format_time(one.turn.at.isoformat()),
                    one.turn.why,
                )
                for one in rows
            ],
        )


def _format_row(one: Scheduled, now: datetime) -> dict[str, Any]:
    return {
        "site": one.site["name"],
        "cadence": str(one.cadence),
        "period_seconds": round(one.turn.period.total_seconds()),
        "last_run": one.last.started.isoformat() if one.last else None,
        "last_outcome": one.last.outcome if one.last else None,
        "due_at": one.turn.at.isoformat(timespec="seconds"),
        "due": one.turn.at <= now,
        "why": one.turn.why,
    }
