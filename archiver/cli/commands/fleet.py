"""`archiver fleet`: many sites by many machines, one site by one worker at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from archiver.fleet.postgres import QueueDatabase
import logging
import os
import platform
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from archiver.cli.commands.import_ import DAY, last_day
from archiver.cli.commands.reextract import times
from archiver.cli.options import archive_option, json_option
from archiver.cli.terminal import count_noun, format_time, print_details, print_json, print_table
from archiver.fields import EVIDENCE

if TYPE_CHECKING:
    from archiver.fleet.postgres import QueueDatabase
    from archiver.fleet.shard_storage import ShardStorage

# Options of `archiver fleet` that its commands share.

F = TypeVar("F", bound=Callable[..., Any])


def jobs_option(function: F) -> F:
    """`--jobs URL`, also ARCHIVER_JOBS in the environment, where a password is seen by nobody else."""
    return click.option(
        "--jobs",
        metavar="postgresql://...",
        envvar="ARCHIVER_JOBS",
        show_envvar=True,
        required=True,
        help="The queue: a database of PostgreSQL 13 or newer.",
    )(function)


def storage_option(text: str, *, required: bool = False) -> Callable[[F], F]:
    """`--storage URL`, also ARCHIVER_STORAGE; a folder by its whole path, for it is read elsewhere than here."""

    def absolute(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise click.BadParameter("it is empty: name a folder or a URL.")
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


def open_board(jobs: str, size: int = 4) -> QueueDatabase:
    from archiver.fleet.postgres import QueueDatabase

    return QueueDatabase(jobs, size)


# `archiver fleet reextract` and `fleet import`: work on shards that is done once, by the workers that crawl.


@click.command(short_help="Re-extract shards, one job each.")
@click.argument("sites", metavar="[SITE]...", nargs=-1)
@jobs_option
@click.option(
    "--field",
    "fields",
    multiple=True,
    type=click.Choice(EVIDENCE),
    metavar="NAME",
    help="Only this field (may be given more than once): " + ", ".join(EVIDENCE) + ".",
)
@click.option("--since", metavar="DATE", help="Only captures made on or after: 2024, 2024-05, 2024-05-31 or a time.")
@click.option("--until", metavar="DATE", help="Only captures made on or before, to the end of that year, month or day.")
@json_option
def reextract(
    sites: tuple[str, ...], jobs: str, fields: tuple[str, ...], since: str | None, until: str | None, as_json: bool
) -> None:
    """Let the workers do to shards what 'archiver reextract' does to an archive: of these sites, or of all.

    Each shard is a job, and crawls that are due go first. 'archiver fleet status' shows how far it is, and
    which shards failed. A shard that waits already is not entered twice.

    \b
    Examples:
      archiver fleet reextract
      archiver fleet reextract blog.example.org --field authors --since 2024-05
    """
    from archiver.fleet.fleet_tasks import REEXTRACT, NewTask, enter_tasks, shards_named

    options = {"fields": [name for name in EVIDENCE if name in fields], "since": "", "until": "", **times(since, until)}
    board = open_board(jobs)
    try:
        board.fleet()
        names = shards_named(board, sites)
        new = enter_tasks(board, (NewTask(REEXTRACT, site, options=options) for site in names))
    finally:
        board.close()
    if as_json:
        print_json({"queue": board.where, "shards": len(names), "new": new})
    else:
        click.echo(
            f"{count_noun(len(names), 'shard')} to re-extract ({new:,} new); 'archiver fleet status' shows how far."
        )


@click.command(name="import", short_help="Import WARC files into shards, one job a file and site.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@jobs_option
@storage_option("The fleet's storage as this machine sees it [default: as given to init].")
@click.option("--only", multiple=True, metavar="SITE", help="Only captures of this site of the fleet; may be repeated.")
@click.option(
    "--new-sites",
    is_flag=True,
    help="Make a shard for each other host that has pages in the files; it is not crawled until 'fleet init' names it.",
)
@click.option("--since", type=DAY, metavar="DATE", help="Captured on or after: 2009, 2009-05 or 2009-05-31 (UTC).")
@click.option("--until", metavar="DATE", help="Captured on or before, to the end of that year, month or day.")
@click.option("--all-captures", is_flag=True, help="Copy every response into the shards, not only those of posts.")
@click.option("--again", is_flag=True, help="Read files once more that were imported before.")
@json_option
def import_(files: tuple[str, ...], jobs: str, storage: str | None, as_json: bool, **choice: Any) -> None:
    """Let the workers do to shards what 'archiver import' does to an archive. FILE is a WARC, ARC or WACZ file, or a
    folder of them: a path that is the same on each machine, a URL (s3://, gs://, az://, https://), or a key in the
    fleet's storage.

    Each file is a job, which finds the sites that it has captures of; then each of these sites is a job, which imports
    what belongs to its shard. Captures of sites that the fleet does not have are left out, unless --new-sites is given.
    'archiver fleet status' shows how far it is, and which files failed. What is imported twice is there once.

    \b
    Examples:
      archiver fleet import s3://dumps/2009/ --until 2012
      archiver fleet import /mnt/dumps/blog.warc.gz --only blog.example.org
    """
    from archiver.fleet.fleet_tasks import SCAN, NewTask, enter_tasks, sites_named
    from archiver.fleet.shard_storage import ShardStorage
    from archiver.fleet.task_job import files_named

    board = open_board(jobs)
    try:
        made = board.fleet()
        found = files_named(ShardStorage(storage or made.storage), files)
        options = {
            "only": sites_named(board, choice["only"]) if choice["only"] else [],
            "new_sites": choice["new_sites"],
            "all_captures": choice["all_captures"],
            "again": choice["again"],
            "since": choice["since"].date().isoformat() if choice["since"] else "",
            "until": last_day(choice["until"]),
        }
        new = enter_tasks(board, (NewTask(SCAN, file=file, options=options) for file in found))
    finally:
        board.close()
    if as_json:
        print_json({"queue": board.where, "files": len(found), "new": new})
    else:
        click.echo(f"{count_noun(len(found), 'file')} to import ({new:,} new); 'archiver fleet status' shows how far.")


_KINDS = {"reextract": "re-extraction", "scan": "files scanned", "import": "imports"}


def task_rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The tasks of a fleet's status, as `details` shows them."""
    return [
        (
            _KINDS[kind],
            f"{row['entered']:,}: {row['waiting']:,} waiting, {row['running']:,} running, "
            f"{row['finished']:,} finished, {row['failed']:,} failed"
            + (f", {count_noun(row['problems'], 'problem')}" if row["problems"] else ""),
        )
        for kind, row in found["tasks"].items()
    ]


def task_failures(found: dict[str, Any]) -> list[str]:
    """A line for each task that failed, with its file or shard, and for each that met problems."""

    def name(row: dict[str, Any]) -> str:
        return " ".join(filter(None, (row["kind"], row["file"], row["site"] and f"for {row['site']}")))

    return [
        *(
            f"{name(row)} failed {count_noun(row['failures'], 'time')}{', given up' if row['given_up'] else ''}: "
            f"{row['reason']}"
            for row in found["failed_tasks"]
        ),
        *(
            f"{name(row)} met {count_noun(row['problems'], 'problem')}, first: {row['listed'][0]}"
            for row in found["tasks_with_problems"]
            if row["listed"]
        ),
    ]


_DRAINING = {"": "", "drain": " (draining)", "now": " (draining at once)"}


@click.group(short_help="Crawl, import and re-extract by many machines.")
def fleet() -> None:
    """Crawl sites by many machines: one site by one worker at a time, each into an archive of its own, its shard. The
    same workers import WARC files and re-extract shards.

    The queue is PostgreSQL, the shards lie in a folder that all machines see or in an object storage (s3://, gs://,
    az://). docs/many-machines.md tells more.

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
@storage_option("Where shards are kept: a folder, file://, s3://, gs:// or az://; needed the first time.")
@click.option(
    "--archive",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Enter the sites of this archive, with their settings.",
)
@click.option(
    "--lease",
    type=click.FloatRange(3, 3600),
    metavar="SECONDS",
    help="How long a worker may be silent before another one takes over [default: 30].",
)
@click.option(
    "--checkpoint",
    type=click.FloatRange(1, 86400),
    metavar="SECONDS",
    help="How long a crawl goes on before its shard is stored again [default: 300].",
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
    """Make a fleet, or bring it up to date: its tables, its sites and their settings. Called again it enters what is
    new, and lets a drained fleet work again.

    \b
    Examples:
      archiver fleet init --jobs postgresql://db.example/archiver --storage /mnt/shards https://blog.example.org
      archiver fleet init --archive output/archive.db
    """
    from archiver.fleet.enrolment import enter_sites, sites_of_archive, sites_of_urls
    from archiver.fleet.shard_storage import mark_storage, probe_storage

    entries = sites_of_urls(sites) + (sites_of_archive(archive) if archive else [])
    board = open_board(jobs)
    try:
        if storage is None and not board.exists():
            raise click.UsageError("A new fleet needs --storage URL: where its shards are kept.")
        from archiver.fleet.job_queue import make_tables
        from archiver.fleet.shard_storage import ShardStorage

        place = ShardStorage(storage) if storage else None
        if place:
            probe_storage(place)  # before tables are made for a place that is none
        make_tables(board)
        made = board.make(place.url if place else "", lease, checkpoint)
        place = place or ShardStorage(made.storage)
        mark_storage(place, made.fleet_id)
        if storage:
            board.do("update fleet set storage = %s", [place.url])
        new, all_of_them = enter_sites(board, entries)
    finally:
        board.close()
    if as_json:
        print_json({"queue": board.where, "storage": place.url, "sites": all_of_them, "new": new})
    else:
        click.echo(
            f"The fleet at {board.where} has {count_noun(all_of_them, 'site')} ({new:,} new); its shards are in "
            f"{place.url}. 'archiver fleet worker' crawls them."
        )


@fleet.command()
@jobs_option
@storage_option("The fleet's storage as this machine sees it [default: as given to init].")
@click.option(
    "--slots",
    type=click.IntRange(1, 256),
    metavar="N",
    help="How many sites are crawled at the same time, each in a process of its own [default: one a core].",
)
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where shards lie while they are crawled; what lies there is not fetched again "
    "[default: a folder in the system's temporary one, taken away at the end].",
)
@click.option("--name", metavar="NAME", help="The worker's name [default: machine:process].")
@click.option(
    "--contact",
    envvar="ARCHIVER_CONTACT",
    show_envvar=True,
    metavar="MAIL|URL",
    help="How a site's owner reaches you; goes into the User-Agent.",
)
@click.option("--quiet", is_flag=True, help="Tell nothing but errors.")
def worker(
    jobs: str,
    storage: str | None,
    slots: int | None,
    work: Path | None,
    name: str | None,
    contact: str | None,
    quiet: bool,
) -> None:
    """Crawl what is due, import and re-extract what is entered, until the fleet is drained or a signal comes: then what
    is under way is ended and stored, and another worker goes on with it.

    \b
    Example:
      archiver fleet worker --slots 8 --work /var/lib/archiver --contact me@example.org

    \b
    Exit code: 0 the fleet was drained; 1 queue or storage cannot be used; 130 or 143 stopped by Ctrl-C or SIGTERM.
    """
    from archiver.fleet.crawl_job import WorkerContext
    from archiver.fleet.fleet_worker import Worker
    from archiver.fleet.shards import scratch_folder
    from archiver.scheduling.crawl_plan import cores

    slots = slots or cores()
    logging.basicConfig(
        level=logging.ERROR if quiet else logging.WARNING, format="%(asctime)s %(levelname)s %(message)s"
    )
    logging.getLogger("archiver.fleet").setLevel(logging.ERROR if quiet else logging.INFO)
    logging.getLogger("procrastinate").setLevel(logging.CRITICAL)
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    board = open_board(jobs, slots + 4)
    try:
        place = _at_work(board, storage)
        name = name or f"{platform.node()}:{os.getpid()}"
        with ExitStack() as stack:
            folder = work or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="archiver-fleet-")))
            own = stack.enter_context(scratch_folder(folder))
            if not quiet:
                click.echo(
                    f"{name} crawls {count_noun(slots, 'site')} at a time for the fleet at {board.where}.", err=True
                )
            signum = Worker(
                WorkerContext(board, place, own, name, contact), slots, lambda s: click.echo(s, err=True)
            ).run()
    finally:
        board.close()
    sys.exit(128 + signum if signum else 0)


@fleet.command()
@jobs_option
@json_option
def status(jobs: str, as_json: bool) -> None:
    """Show sites due, running, late and failed, imports and re-extraction, the workers, and what they crawled in the
    last hour.

    \b
    Example:
      archiver fleet status --json

    \b
    Exit code: 0 all is well; 1 sites are late, sites or tasks failed, or some are due and no worker lives.
    """
    from archiver.fleet.enrolment import fleet_status

    board = open_board(jobs)
    try:
        found = fleet_status(board)
    finally:
        board.close()
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
                *task_rows(found),
                (
                    "last hour",
                    f"{count_noun(hour['runs'], 'run')} ({hour['failed']:,} failed, {hour['lost']:,} lost), "
                    f"{count_noun(hour['pages'], 'page')} ({hour['pages_per_second']:,.2f} a second), "
                    f"{count_noun(hour['new'], 'new article')}, {hour['bytes'] / 1e6:,.1f} MB",
                ),
            ]
        )
        if found["workers"]:
            click.echo()
            print_table(
                ("worker", "version", "slots", "running", "since", "state"),
                [
                    (
                        row["name"],
                        row["version"],
                        row["slots"],
                        row["running"],
                        format_time(row["began_at"]),
                        "works"
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
        for line in task_failures(found):
            click.echo(line)
    tasks = found["tasks"].values()
    waits = sites["due"] or any(row["waiting"] for row in tasks)
    if sites["late"] or sites["failed"] or any(row["failed"] for row in tasks) or (waits and not alive):
        sys.exit(1)


fleet.add_command(reextract)
fleet.add_command(import_)


@fleet.command()
@storage_option("Where the shards are.", required=True)
@click.option(
    "--apart",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Fetch each shard into a folder of its own below DIR and merge none ('archiver search --shards').",
)
@click.option("--unfinished", is_flag=True, help="Take shards too whose site is being crawled, or whose worker died.")
@click.option("--quiet", is_flag=True, help="No progress and no summary; only errors.")
@json_option
@archive_option
def collect(storage: str, apart: Path | None, unfinished: bool, quiet: bool, as_json: bool, archive: str) -> None:
    """Merge all shards into one archive, as 'archiver merge' does. Called again it fetches what has changed since.

    \b
    Example:
      archiver fleet collect --storage s3://news-shards --archive all.db
      archiver fleet collect --storage s3://news-shards --apart /mnt/shards

    \b
    Exit code: 0 done; 1 a shard is damaged or lacks WARC files, or the storage cannot be read.
    """
    from dataclasses import asdict

    from archiver.cli.terminal import stage_progress
    from archiver.fleet.shard_storage import ShardStorage, storage_owner
    from archiver.fleet.shards import Collected, Fetched, fetch_shards
    from archiver.fleet.shards import collect_shards as gather
    from archiver.maintenance.takedown import archive_without_writers
    from archiver.storage.connection import open_archive

    place = ShardStorage(storage)
    storage_owner(place)  # before an archive is made of what is none
    out: Collected | Fetched
    if apart:
        with stage_progress(quiet or as_json) as told:
            out = fetch_shards(place, apart, unfinished=unfinished, told=told)
    else:
        open_archive(archive, create=True).close()
        with archive_without_writers(Path(archive), "merge") as db, stage_progress(quiet or as_json) as told:
            out = gather(db, Path(archive), place, unfinished=unfinished, told=told)
    if as_json:
        print_json(asdict(out))
    elif isinstance(out, Fetched):
        if not quiet:
            click.echo(
                f"{count_noun(len(out.fetched), 'shard')} fetched into {apart}, {out.known:,} unchanged, "
                f"{len(out.unfinished):,} being crawled"
            )
    elif not quiet:
        new, captures = (sum(getattr(one, name) for one in out.merged.values()) for name in ("articles", "captures"))
        click.echo(
            f"{count_noun(len(out.merged), 'shard')} merged ({count_noun(new, 'new article')}, "
            f"{count_noun(captures, 'capture')}), {out.known:,} unchanged, {len(out.unfinished):,} being crawled"
        )
    for text in out.damaged:
        click.echo(f"Error: {text}", err=True)
    if out.damaged or (isinstance(out, Collected) and any(one.lost for one in out.merged.values())):
        sys.exit(1)


@fleet.command()
@jobs_option
@click.option("--now", is_flag=True, help="Do not wait for crawls to end: they are ended, stored, and go on later.")
@click.option(
    "--wait",
    "seconds",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="Wait until all workers have ended, so long at most.",
)
def drain(jobs: str, now: bool, seconds: float) -> None:
    """Let no further crawl or task begin, and the workers end when theirs are over. 'archiver fleet init' takes it
    back.

    \b
    Example:
      archiver fleet drain --now --wait 60

    \b
    Exit code: 0 done; 1 workers are still there after the time.
    """
    board = open_board(jobs)
    try:
        board.fleet("nothing")
        board.do("update fleet set draining = %s", ["now" if now else "drain"])
        end = time.monotonic() + seconds
        while (alive := board.workers_alive()) and time.monotonic() < end:
            time.sleep(0.3)
    finally:
        board.close()
    if alive:
        click.echo(
            f"Nothing begins any more; {count_noun(len(alive), 'worker')} still at work: {', '.join(alive[:5])}",
            err=True,
        )
        sys.exit(1 if seconds else 0)
    click.echo("Drained: no worker is left.")


def _at_work(board: QueueDatabase, storage: str | None) -> ShardStorage:
    """What must be right before a worker begins."""
    from archiver.fleet.shard_storage import ShardStorage, check_storage

    made = board.fleet()
    board.check_clock(datetime.now(UTC))
    place = ShardStorage(storage or made.storage)
    check_storage(place, made.fleet_id)
    return place
