"""`archiver fleet`: crawls on many machines."""

from __future__ import annotations

import logging
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from archiver.cli.shared_options import archive_option, json_option
from archiver.cli.terminal_output import (
    count_noun,
    format_time,
    print_details,
    print_json,
    print_table,
    show_stage_progress,
)
from archiver.fleet.enrolment import enter_sites, make_sites_of_urls, read_fleet_status, read_sites_of_archive
from archiver.fleet.postgres import QueueDatabase
from archiver.fleet.shard_storage import ShardStorage, check_storage, mark_storage, probe_storage, storage_owner
from archiver.fleet.shard_transfer import collect_shards, lock_work_folder
from archiver.fleet.worker_job import WorkerContext
from archiver.maintenance.takedown import archive_without_writers
from archiver.scheduling.crawl_plans import count_cores
from archiver.storage.database import open_archive

# Options that the commands share.

F = TypeVar("F", bound=Callable[..., Any])


def jobs_option(function: F) -> F:
    """Adds the option `--jobs URL` to a command. It can also be given as ARCHIVER_JOBS in the environment, which keeps
    the password out of the process list.
    """
    return click.option(
        "--jobs",
        metavar="postgresql://...",
        envvar="ARCHIVER_JOBS",
        show_envvar=True,
        required=True,
        help="The job queue: a PostgreSQL database, version 13 or newer.",
    )(function)


def storage_option(text: str, *, required: bool = False) -> Callable[[F], F]:
    """Returns a decorator that adds the option `--storage URL` with the help text `text`; ARCHIVER_STORAGE in the
    environment is its default. If `required` is True, one of the two must be given. The path of a folder is made
    absolute, because other machines use it, too.
    """

    def absolute(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise click.BadParameter("it is empty. Name a folder or a URL.")
        return value if value is None or "://" in value else str(Path(value).resolve())

    return click.option(
        "--storage",
        metavar="URL",
        envvar="ARCHIVER_STORAGE",
        show_envvar=True,
        required=required,
        callback=absolute,
        help=text,
    )


def open_queue(jobs: str, size: int = 4) -> QueueDatabase:
    return QueueDatabase(jobs, size)


_DRAINING = {"": "", "drain": " (draining)", "now": " (draining now)"}


@click.group(short_help="Crawl on many machines.")
def fleet() -> None:
    """Crawl sites on many machines. Each site has an archive of its own, its shard, and only one worker crawls it at a
    time.

    The job queue is a PostgreSQL database. The shards are kept in a folder that all machines share, or in object
    storage (s3://, gs://, az://). See docs/many-machines.md.

    \b
    Examples:
      export ARCHIVER_JOBS=postgresql://archiver:secret@db.example/archiver
      archiver fleet init --storage s3://news-shards --archive output/archive.db
      archiver fleet worker --contact me@example.org
      archiver fleet status
    """


@fleet.command()
@click.argument("sites", nargs=-1, metavar="[URL]...")
@jobs_option
@storage_option("Where to keep shards: a folder, file://, s3://, gs:// or az://; required for a new fleet.")
@click.option(
    "--archive",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Add the sites of this archive, with their settings.",
)
@click.option(
    "--lease",
    type=click.FloatRange(3, 3600),
    metavar="SECONDS",
    help="How long a worker may be silent before another one takes over its site  [default: 30]",
)
@click.option(
    "--checkpoint",
    type=click.FloatRange(1, 86400),
    metavar="SECONDS",
    help="How often the shard of a running crawl is stored  [default: 300]",
)
@json_option
def init(
    sites: tuple[str, ...],
    jobs: str,
    storage: str | None,
    archive: Path | None,
    lease: float | None,
    checkpoint: float | None,
    as_json: bool,
) -> None:
    """Create a fleet, or update its tables, sites and settings. Run it again to add sites or to resume a drained
    fleet.

    \b
    Examples:
      archiver fleet init --jobs postgresql://db.example/archiver --storage /mnt/shards https://blog.example.org
      archiver fleet init --archive output/archive.db
    """
    entries = make_sites_of_urls(sites) + (read_sites_of_archive(archive) if archive else [])
    queue = open_queue(jobs)
    from archiver.fleet.job_queue import create_queue_tables  # `open_queue` says if the extra that it needs is missing

    try:
        if storage is None and not queue.exists():
            raise click.UsageError("A new fleet needs --storage URL, the place for its shards.")

        place = ShardStorage(storage) if storage else None
        if place:
            probe_storage(place)  # check the storage first, so that no tables are created if the storage is unusable
        create_queue_tables(queue)
        made = queue.make(place.url if place else "", lease, checkpoint)
        place = place or ShardStorage(made.storage)
        mark_storage(place, made.fleet_id)
        if storage:
            queue.do("update fleet set storage = %s", [place.url])
        new, total = enter_sites(queue, entries)
    finally:
        queue.close()
    if as_json:
        print_json({"queue": queue.where, "storage": place.url, "sites": total, "new": new})
    else:
        click.echo(
            f"The fleet at {queue.where} has {count_noun(total, 'site')} ({new:,} new). Its shards are in "
            f"{place.url}. Start crawling with 'archiver fleet worker'."
        )


@fleet.command(short_help="Crawl until the fleet is drained.")
@jobs_option
@storage_option("The fleet's storage, if this machine reaches it at a different URL  [default: as given to init]")
@click.option(
    "--slots",
    type=click.IntRange(1, 256),
    metavar="N",
    help="How many sites to crawl at the same time, each in its own process  [default: one per core]",
)
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for shards during a crawl; shards that are already there are not downloaded again  "
    "[default: a temporary folder, deleted at the end]",
)
@click.option("--name", metavar="NAME", help="The worker's name  [default: machine:process]")
@click.option(
    "--contact",
    envvar="ARCHIVER_CONTACT",
    show_envvar=True,
    metavar="MAIL|URL",
    help="How a site's owner can reach you; sent in the User-Agent.",
)
@click.option("--quiet", is_flag=True, help="Print only errors.")
def worker(
    jobs: str,
    storage: str | None,
    slots: int | None,
    work: Path | None,
    name: str | None,
    contact: str | None,
    quiet: bool,
) -> None:
    """Crawl sites that are due, until the fleet is drained or a signal arrives. Running crawls are then stopped, and
    what they have done is stored, so that another worker can continue them.

    \b
    Example:
      archiver fleet worker --slots 8 --work /var/lib/archiver --contact me@example.org

    Exit code: 0 the fleet was drained; 1 the queue or storage is not usable; 130 or 143 stopped by Ctrl-C or SIGTERM.
    """
    slots = slots or count_cores()
    logging.basicConfig(
        level=logging.ERROR if quiet else logging.WARNING, format="%(asctime)s %(levelname)s %(message)s"
    )
    logging.getLogger("archiver.fleet").setLevel(logging.ERROR if quiet else logging.INFO)
    logging.getLogger("procrastinate").setLevel(logging.CRITICAL)
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    queue = open_queue(jobs, slots + 4)
    from archiver.fleet.job_queue import Worker  # `open_queue` says if the extra that it needs is missing

    try:
        place = _open_checked_storage(queue, storage)
        name = name or f"{platform.node()}:{os.getpid()}"
        with ExitStack() as stack:
            folder = work or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="archiver-fleet-")))
            own = stack.enter_context(lock_work_folder(folder))
            if not quiet:
                click.echo(
                    f"{name} crawls up to {count_noun(slots, 'site')} at a time for the fleet at {queue.where}.",
                    err=True,
                )
            signum = Worker(
                WorkerContext(queue, place, own, name, contact), slots, lambda s: click.echo(s, err=True)
            ).run()
    finally:
        queue.close()
    sys.exit(128 + signum if signum else 0)


@fleet.command(short_help="Show sites, workers and recent runs.")
@jobs_option
@json_option
def status(jobs: str, as_json: bool) -> None:
    """Show which sites are due, running, late or failed, the workers, and what was crawled in the last hour.

    \b
    Example:
      archiver fleet status --json

    Exit code: 0 all is well; 1 sites are late or failed, or sites are due and no worker is alive.
    """
    queue = open_queue(jobs)
    try:
        found = read_fleet_status(queue)
    finally:
        queue.close()
    sites, alive = found["sites"], [row for row in found["workers"] if row["alive"]]
    if as_json:
        print_json(found)
    else:
        hour = found["last_hour"]
        print_details(
            [
                ("queue", found["queue"] + _DRAINING[found["draining"]]),
                (
                    "storage",
                    f"{found['storage']} ({sites['bytes'] / 1e6:,.1f} MB, {count_noun(sites['articles'], 'article')})",
                ),
                (
                    "sites",
                    f"{sites['sites']:,}: {sites['due']:,} due, {sites['running']:,} running, "
                    f"{sites['late']:,} late, {sites['failed']:,} failed",
                ),
                (
                    "last hour",
                    f"{count_noun(hour['runs'], 'run')} ({hour['failed']:,} failed, {hour['lost']:,} lost), "
                    f"{count_noun(hour['pages'], 'page')} ({hour['pages_per_second']:,.2f} per second), "
                    f"{count_noun(hour['new'], 'new article')}, {hour['bytes'] / 1e6:,.1f} MB",
                ),
            ]
        )
        if found["workers"]:
            click.echo()
            print_table(
                ("worker", "version", "slots", "running", "started", "state"),
                [
                    (
                        row["name"],
                        row["version"],
                        row["slots"],
                        row["running"],
                        format_time(row["began_at"]),
                        "active"
                        if row["alive"]
                        else "ended"
                        if row["ended_at"]
                        else f"silent for {row['silent']:,.0f} s",
                    )
                    for row in found["workers"]
                ],
                numbers=(2, 3),
            )
        for row in found["failed_sites"]:
            click.echo(f"{row['name']} failed {count_noun(row['failures'], 'time')}: {row['reason']}")
    if sites["late"] or sites["failed"] or (sites["due"] and not alive):
        sys.exit(1)


@fleet.command()
@storage_option("Where the shards are kept.", required=True)
@click.option("--unfinished", is_flag=True, help="Include shards whose site is being crawled, or whose worker died.")
@click.option("--quiet", is_flag=True, help="Print only errors, no progress or summary.")
@json_option
@archive_option
def collect(storage: str, unfinished: bool, quiet: bool, as_json: bool, archive: str) -> None:
    """Merge all shards into one archive, as 'archiver merge' does. Run it again to fetch what has changed since.

    \b
    Example:
      archiver fleet collect --storage s3://news-shards --archive all.db

    Exit code: 0 done; 1 a shard is damaged or lacks WARC files, or the storage cannot be read.
    """
    place = ShardStorage(storage)
    storage_owner(place)  # check the owner first, so that no archive is created if the storage has no shards
    open_archive(archive, create=True).close()
    with archive_without_writers(Path(archive)) as db, show_stage_progress(quiet or as_json) as progress:
        out = collect_shards(db, Path(archive), place, unfinished=unfinished, progress=progress)
    if as_json:
        print_json(asdict(out))
    elif not quiet:
        new, captures = (sum(getattr(one, name) for one in out.merged.values()) for name in ("articles", "captures"))
        click.echo(
            f"{count_noun(len(out.merged), 'shard')} merged ({count_noun(new, 'new article')}, "
            f"{count_noun(captures, 'capture')}), {out.known:,} unchanged, {len(out.unfinished):,} being crawled"
        )
    for text in out.damaged:
        click.echo(f"Error: {text}", err=True)
    if out.damaged or any(one.lost for one in out.merged.values()):
        sys.exit(1)


@fleet.command(short_help="Start no more work, so that workers exit.")
@jobs_option
@click.option("--now", is_flag=True, help="Do not wait for running crawls; stop and store them, to be continued later.")
@click.option(
    "--wait",
    "seconds",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="Wait at most this long for all workers to exit.",
)
def drain(jobs: str, now: bool, seconds: float) -> None:
    """Start no more crawls. Each worker exits when its running crawls are done. 'archiver fleet init' resumes
    the fleet.

    \b
    Example:
      archiver fleet drain --now --wait 60

    Exit code: 0 done; 1 workers are still running after --wait.
    """
    queue = open_queue(jobs)
    try:
        queue.fleet("nothing")
        queue.do("update fleet set draining = %s", ["now" if now else "drain"])
        end = time.monotonic() + seconds
        while (alive := queue.workers_alive()) and time.monotonic() < end:
            time.sleep(0.3)
    finally:
        queue.close()
    if alive:
        click.echo(
            f"No new work starts; {count_noun(len(alive), 'worker')} still running: {', '.join(alive[:5])}",
            err=True,
        )
        sys.exit(1 if seconds else 0)
    click.echo("Drained. No worker is running.")


def _open_checked_storage(queue: QueueDatabase, storage: str | None) -> ShardStorage:
    """Opens the shard storage for a worker, after checking the fleet, this machine's clock and the storage. `storage`
    is the URL from the command line; if it is None, the storage in the fleet's settings is opened.
    """
    made = queue.fleet()
    queue.check_clock(datetime.now(UTC))
    place = ShardStorage(storage or made.storage)
    check_storage(place, made.fleet_id)
    return place
