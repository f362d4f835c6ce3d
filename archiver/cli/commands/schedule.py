"""`archiver schedule`: runs what is due, lists it, or prints what has it run by systemd, cron or Docker."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.options import archive_option, json_option, manners_options, takes
from archiver.cli.terminal import count_noun, format_time, print_json, print_table

if TYPE_CHECKING:
    from archiver.scheduling.crawl_plan import Came
    from archiver.storage.runs import Scheduled


@dataclass(frozen=True, slots=True)
class ScheduleOptions:
    """The options of `archiver schedule`. `kind` is systemd, cron or docker where files are printed, else None."""

    archive: str
    once: bool
    dry_run: bool
    workers: int
    delay: float | None
    contact: str | None
    quiet: bool
    kind: str | None
    folder: str | None
    as_json: bool


@click.command(short_help="Crawl each site when it is due.")
@archive_option
@click.option("--once", is_flag=True, help="Crawl what is due now, and end: for cron and timers.")
@click.option("--dry-run", "--list", "dry_run", is_flag=True, help="List when each site is due, and crawl nothing.")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    metavar="N",
    help="How many sites are crawled at the same time, one of a host, each in a process of its own.",
)
@manners_options
@click.option("--quiet", is_flag=True, help="Tell nothing but errors.")
@click.option("--systemd", "kind", flag_value="systemd", help="Print units for systemd, and run nothing.")
@click.option("--cron", "kind", flag_value="cron", help="Print a crontab, and run nothing.")
@click.option("--docker", "kind", flag_value="docker", help="Print a compose file for Docker, and run nothing.")
@click.option(
    "-o", "--output", "folder", metavar="DIR", type=click.Path(), help="Write these files into a folder instead."
)
@json_option
@takes(ScheduleOptions)
def schedule(options: ScheduleOptions) -> None:
    """Crawl each site when it is due, until told to end by Ctrl-C or SIGTERM.

    How often a site is crawled is its setting 'cadence': a period (6h), a cron expression in UTC, or adaptive, which
    is the default: as often as the site has news. docs/operate.md tells more. One scheduler runs for an archive.

    \b
    Examples:
      archiver schedule
      archiver schedule --list
      archiver schedule --once --quiet
      archiver schedule --systemd -o /etc/systemd/system
      archiver sites set blog.example.org 'cadence=cron:30 6 * * MON-FRI'

    \b
    Exit code: 0 all is well, or with --once another scheduler runs already; 1 it cannot go on, or with --once a page
    or a site failed or a site asked to wait; 2 wrong usage; 130 or 143 stopped by Ctrl-C or SIGTERM.
    """
    if options.kind:
        _print_files(options.kind, options.folder, options.archive)
        return
    if options.folder:
        raise click.UsageError("--output is for the files of --systemd, --cron and --docker.")
    from archiver.sites.config import effective_settings, load_config
    from archiver.storage.connection import open_archive, opened
    from archiver.storage.runs import scheduled_sites

    if options.dry_run:
        with opened(options.archive, read_only=True) as db:
            _list(scheduled_sites(db, datetime.now(UTC), effective_settings(db)), options.as_json)
        return
    load_config()  # a mistake in it is told at once
    open_archive(options.archive).close()  # at this version's schema, before anything is run
    sys.exit(_run(options))


def _run(options: ScheduleOptions) -> int:
    """Crawl what is due, and return the exit code."""
    from archiver.errors import SchedulerRuns
    from archiver.health.notifications import notify_after_runs
    from archiver.scheduling.crawl_plan import CrawlOrder, on_screen
    from archiver.scheduling.daemon import Daemon, DaemonOptions
    from archiver.storage.locks import lock_schedule

    path, once, quiet = Path(options.archive), options.once, options.quiet
    try:
        lock = lock_schedule(path)
    except SchedulerRuns as error:
        if not once:
            raise
        if not quiet:
            click.echo(str(error), err=True)
        return 0

    def told(site: str, came: Came) -> None:
        _tell(site, came, quiet, options.as_json)

    with lock:
        if not quiet and not once and not options.as_json:
            click.echo(f"What is due in {options.archive} is crawled from now on; Ctrl-C ends it.", err=True)
        daemon = Daemon(
            DaemonOptions(
                CrawlOrder(path, quiet=True), options.workers, once, options.delay, options.contact, told, on_screen
            )
        )
        signum = daemon.run()
        if once and not signum:
            notify_after_runs(path, None, on_screen)
    if signum:
        return 128 + signum
    return 1 if daemon.unclean else 0


def _tell(site: str, came: Came, quiet: bool, as_json: bool) -> None:
    """What came of a site's turn: a line, or with --json one JSON object a line."""
    from archiver.errors import ArchiverError

    now = datetime.now(UTC)
    failed = isinstance(came, ArchiverError) or came.outcome in ("failed", "waiting")
    if as_json:
        import json

        row = (
            {"site": site, "outcome": "refused", "reason": str(came)}
            if isinstance(came, ArchiverError)
            else (came.as_json())
        )
        click.echo(json.dumps({"at": now.isoformat(timespec="seconds"), **row}, ensure_ascii=False))
    elif isinstance(came, ArchiverError):
        click.echo(f"{format_time(now.isoformat())}  {site}: not crawled: {came}", err=True)
    elif failed or not quiet:
        reason = f" ({came.reason})" if came.reason else ""
        told = ", ".join(
            f"{number:,} {what}"
            for what, number in (
                ("new", came.counts.new),
                ("revised", came.counts.revised),
                ("gone", came.counts.gone),
                ("failed", came.counts.failed),
            )
            if number
        )
        click.echo(
            f"{format_time(now.isoformat())}  {site}: {came.outcome}{reason}: {told or 'nothing new'}; "
            f"{count_noun(came.counts.requests, 'request')}",
            err=failed,
        )
    sys.stdout.flush()


def _list(rows: list[Scheduled], as_json: bool) -> None:
    now = datetime.now(UTC)
    if as_json:
        print_json([_row(one, now) for one in rows])
    elif not rows:
        click.echo("No site of the archive is crawled by itself: 'archiver sites add URL' enters one.", err=True)
    else:
        print_table(
            ("site", "cadence", "last run", "due", "why"),
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


def _row(one: Scheduled, now: datetime) -> dict[str, Any]:
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


def _print_files(kind: str, folder: str | None, archive: str) -> None:
    from archiver.errors import OutputNotWritable
    from archiver.scheduling.service_files import service_files

    made = service_files(kind, archive)
    if folder is None:
        click.echo("\n".join(text for text in made.values()), nl=False)
        return
    for name, text in made.items():
        try:
            (Path(folder) / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise OutputNotWritable(str(Path(folder) / name), error.strerror or str(error)) from error
        click.echo(str(Path(folder) / name))
