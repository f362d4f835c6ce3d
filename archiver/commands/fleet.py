"""`archiver fleet`: many sites by many machines, one site by one worker at a time."""

from __future__ import annotations

import logging
import os
import platform
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archiver.commands.fleet_options import jobs_option, open_board, storage_option
from archiver.commands.fleet_tasks import import_, reextract, task_failures, task_rows
from archiver.commands.options import archive_option, json_option
from archiver.commands.screen import count, details, instant, table, write_json

if TYPE_CHECKING:
    from archiver.fleet.board import Board
    from archiver.fleet.storage import Storage

_DRAINING = {"": "", "drain": " (draining)", "now": " (draining at once)"}


@click.group(short_help="Crawl, import and re-extract by many machines.")
def fleet() -> None:
    """Crawl sites by many machines: one site by one worker at a time, each into an archive of its own, its shard. The
    same workers import WARC files and re-extract shards.

    The queue is PostgreSQL, the shards lie in a folder that all machines see or in an object storage (s3://, gs://,
    az://). docs/fleet.md tells more.

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
@click.option("--archive", metavar="PATH", type=click.Path(path_type=Path),
              help="Enter the sites of this archive, with their settings.")
@click.option("--lease", type=click.FloatRange(3, 3600), metavar="SECONDS",
              help="How long a worker may be silent before another one takes over [default: 30].")
@click.option("--checkpoint", type=click.FloatRange(1, 86400), metavar="SECONDS",
              help="How long a crawl goes on before its shard is stored again [default: 300].")
@json_option
def init(sites: tuple[str, ...], jobs: str, storage: str | None, archive: Path | None, lease: float | None,
         checkpoint: float | None, as_json: bool) -> None:
    """Make a fleet, or bring it up to date: its tables, its sites and their settings. Called again it enters what is
    new, and lets a drained fleet work again.

    \b
    Examples:
      archiver fleet init --jobs postgresql://db.example/archiver --storage /mnt/shards https://blog.example.org
      archiver fleet init --archive output/archive.db
    """
    from archiver.fleet.enter import enter, of_addresses, of_archive
    from archiver.fleet.mark import mark, probe

    entries = of_addresses(sites) + (of_archive(archive) if archive else [])
    board = open_board(jobs)
    try:
        if storage is None and not board.exists():
            raise click.UsageError("A new fleet needs --storage URL: where its shards are kept.")
        from archiver.fleet.queue import make_tables
        from archiver.fleet.storage import Storage

        place = Storage(storage) if storage else None
        if place:
            probe(place)  # before tables are made for a place that is none
        make_tables(board)
        made = board.make(place.url if place else "", lease, checkpoint)
        place = place or Storage(made.storage)
        mark(place, made.fleet_id)
        if storage:
            board.do("update fleet set storage = %s", [place.url])
        new, all_of_them = enter(board, entries)
    finally:
        board.close()
    if as_json:
        write_json({"queue": board.where, "storage": place.url, "sites": all_of_them, "new": new})
    else:
        click.echo(f"The fleet at {board.where} has {count(all_of_them, 'site')} ({new:,} new); its shards are in "
                   f"{place.url}. 'archiver fleet worker' crawls them.")


@fleet.command()
@jobs_option
@storage_option("The fleet's storage as this machine sees it [default: as given to init].")
@click.option("--slots", type=click.IntRange(1, 256), metavar="N",
              help="How many sites are crawled at the same time, each in a process of its own [default: one a core].")
@click.option("--work", type=click.Path(path_type=Path), metavar="DIR",
              help="Where shards lie while they are crawled; what lies there is not fetched again "
                   "[default: a folder in the system's temporary one, taken away at the end].")
@click.option("--name", metavar="NAME", help="The worker's name [default: machine:process].")
@click.option("--contact", envvar="ARCHIVER_CONTACT", show_envvar=True, metavar="MAIL|URL",
              help="How a site's owner reaches you; goes into the User-Agent.")
@click.option("--quiet", is_flag=True, help="Tell nothing but errors.")
def worker(jobs: str, storage: str | None, slots: int | None, work: Path | None, name: str | None,
           contact: str | None, quiet: bool) -> None:
    """Crawl what is due, import and re-extract what is entered, until the fleet is drained or a signal comes: then what
    is under way is ended and stored, and another worker goes on with it.

    \b
    Example:
      archiver fleet worker --slots 8 --work /var/lib/archiver --contact me@example.org

    \b
    Exit code: 0 the fleet was drained; 1 queue or storage cannot be used; 130 or 143 stopped by Ctrl-C or SIGTERM.
    """
    from archiver.commands.crawls.plan import cores
    from archiver.fleet.job import Place
    from archiver.fleet.worker import Worker
    from archiver.fleet.workplace import workplace

    slots = slots or cores()
    logging.basicConfig(level=logging.ERROR if quiet else logging.WARNING,
                        format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("archiver.fleet").setLevel(logging.ERROR if quiet else logging.INFO)
    logging.getLogger("procrastinate").setLevel(logging.CRITICAL)
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    board = open_board(jobs, slots + 4)
    try:
        place = _at_work(board, storage)
        name = name or f"{platform.node()}:{os.getpid()}"
        with ExitStack() as stack:
            folder = work or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="archiver-fleet-")))
            own = stack.enter_context(workplace(folder))
            if not quiet:
                click.echo(f"{name} crawls {count(slots, 'site')} at a time for the fleet at {board.where}.", err=True)
            signum = Worker(Place(board, place, own, name, contact), slots, lambda s: click.echo(s, err=True)).run()
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
    from archiver.fleet.standing import standing

    board = open_board(jobs)
    try:
        found = standing(board)
    finally:
        board.close()
    sites, alive = found["sites"], [row for row in found["workers"] if row["alive"]]
    if as_json:
        write_json(found)
    else:
        hour = found["last_hour"]
        details([
            ("queue", found["queue"] + _DRAINING[found["draining"]]),
            ("storage", f"{found['storage']} ({sites['bytes'] / 1e6:,.1f} MB, {count(sites['articles'], 'article')})"),
            ("sites", f"{sites['sites']:,}: {sites['due']:,} due, {sites['running']:,} running, "
                      f"{sites['late']:,} late, {sites['failed']:,} failed"),
            *task_rows(found),
            ("last hour", f"{count(hour['runs'], 'run')} ({hour['failed']:,} failed, {hour['lost']:,} lost), "
                          f"{count(hour['pages'], 'page')} ({hour['pages_per_second']:,.2f} a second), "
                          f"{count(hour['new'], 'new article')}, {hour['bytes'] / 1e6:,.1f} MB"),
        ])
        if found["workers"]:
            click.echo()
            table(("worker", "version", "slots", "running", "since", "state"), [
                (row["name"], row["version"], row["slots"], row["running"], instant(row["began_at"]),
                 "works" if row["alive"] else "ended" if row["ended_at"] else f"silent for {row['silent']:,.0f} s")
                for row in found["workers"]], numbers=(2, 3))
        for row in found["failed_sites"]:
            click.echo(f"{row['name']} failed {count(row['failures'], 'time')}: {row['reason']}")
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
@click.option("--apart", metavar="DIR", type=click.Path(path_type=Path),
              help="Fetch each shard into a folder of its own below DIR and merge none ('archiver search --shards').")
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

    from archiver.commands.bar import staged
    from archiver.commands.takedowns import alone
    from archiver.fleet.collect import Collected, Fetched, fetch
    from archiver.fleet.collect import collect as gather
    from archiver.fleet.mark import known
    from archiver.fleet.storage import Storage
    from archiver.store.connect import open_archive

    place = Storage(storage)
    known(place)  # before an archive is made of what is none
    out: Collected | Fetched
    if apart:
        with staged(quiet or as_json) as told:
            out = fetch(place, apart, unfinished=unfinished, told=told)
    else:
        open_archive(archive, create=True).close()
        with alone(Path(archive), "merge") as db, staged(quiet or as_json) as told:
            out = gather(db, Path(archive), place, unfinished=unfinished, told=told)
    if as_json:
        write_json(asdict(out))
    elif isinstance(out, Fetched):
        if not quiet:
            click.echo(f"{count(len(out.fetched), 'shard')} fetched into {apart}, {out.known:,} unchanged, "
                       f"{len(out.unfinished):,} being crawled")
    elif not quiet:
        new, captures = (sum(getattr(one, name) for one in out.merged.values()) for name in ("articles", "captures"))
        click.echo(f"{count(len(out.merged), 'shard')} merged ({count(new, 'new article')}, "
                   f"{count(captures, 'capture')}), {out.known:,} unchanged, {len(out.unfinished):,} being crawled")
    for text in out.damaged:
        click.echo(f"Error: {text}", err=True)
    if out.damaged or (isinstance(out, Collected) and any(one.lost for one in out.merged.values())):
        sys.exit(1)


@fleet.command()
@jobs_option
@click.option("--now", is_flag=True, help="Do not wait for crawls to end: they are ended, stored, and go on later.")
@click.option("--wait", "seconds", type=click.FloatRange(min=0), default=0.0, metavar="SECONDS",
              help="Wait until all workers have ended, so long at most.")
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
        click.echo(f"Nothing begins any more; {count(len(alive), 'worker')} still at work: {', '.join(alive[:5])}",
                   err=True)
        sys.exit(1 if seconds else 0)
    click.echo("Drained: no worker is left.")


def _at_work(board: Board, storage: str | None) -> Storage:
    """What must be right before a worker begins."""
    from archiver.fleet.mark import check
    from archiver.fleet.storage import Storage

    made = board.fleet()
    board.check_clock(datetime.now(UTC))
    place = Storage(storage or made.storage)
    check(place, made.fleet_id)
    return place
