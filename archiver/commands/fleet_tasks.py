"""`archiver fleet reextract` and `fleet import`: work on shards that is done once, by the workers that crawl."""

from __future__ import annotations

from typing import Any

import click

from archiver.commands.fleet_options import jobs_option, open_board, storage_option
from archiver.commands.import_ import DAY, last_day
from archiver.commands.options import json_option
from archiver.commands.reextract import times
from archiver.commands.screen import count, write_json
from archiver.fields import EVIDENCE


@click.command(short_help="Re-extract shards, one job each.")
@click.argument("sites", metavar="[SITE]...", nargs=-1)
@jobs_option
@click.option("--field", "fields", multiple=True, type=click.Choice(EVIDENCE), metavar="NAME",
              help="Only this field (may be given more than once): " + ", ".join(EVIDENCE) + ".")
@click.option("--since", metavar="DATE", help="Only captures made on or after: 2024, 2024-05, 2024-05-31 or a time.")
@click.option("--until", metavar="DATE", help="Only captures made on or before, to the end of that year, month or day.")
@json_option
def reextract(sites: tuple[str, ...], jobs: str, fields: tuple[str, ...], since: str | None, until: str | None,
              as_json: bool) -> None:
    """Let the workers do to shards what 'archiver reextract' does to an archive: of these sites, or of all.

    Each shard is a job, and crawls that are due go first. 'archiver fleet status' shows how far it is, and
    which shards failed. A shard that waits already is not entered twice.

    \b
    Examples:
      archiver fleet reextract
      archiver fleet reextract blog.example.org --field authors --since 2024-05
    """
    from archiver.fleet.tasks import REEXTRACT, NewTask, enter_tasks, shards_named

    options = {"fields": [name for name in EVIDENCE if name in fields],
               "since": "", "until": "", **times(since, until)}
    board = open_board(jobs)
    try:
        board.fleet()
        names = shards_named(board, sites)
        new = enter_tasks(board, (NewTask(REEXTRACT, site, options=options) for site in names))
    finally:
        board.close()
    if as_json:
        write_json({"queue": board.where, "shards": len(names), "new": new})
    else:
        click.echo(f"{count(len(names), 'shard')} to re-extract ({new:,} new); 'archiver fleet status' shows how far.")


@click.command(name="import", short_help="Import WARC files into shards, one job a file and site.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@jobs_option
@storage_option("The fleet's storage as this machine sees it [default: as given to init].")
@click.option("--only", multiple=True, metavar="SITE", help="Only captures of this site of the fleet; may be repeated.")
@click.option("--new-sites", is_flag=True, help="Make a shard for each other host that has pages in the files; it is "
                                                "not crawled until 'fleet init' names it.")
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
    from archiver.fleet.storage import Storage
    from archiver.fleet.tasks import SCAN, NewTask, enter_tasks, sites_named
    from archiver.fleet.warc_files import files_named

    board = open_board(jobs)
    try:
        made = board.fleet()
        found = files_named(Storage(storage or made.storage), files)
        options = {"only": sites_named(board, choice["only"]) if choice["only"] else [],
                   "new_sites": choice["new_sites"], "all_captures": choice["all_captures"], "again": choice["again"],
                   "since": choice["since"].date().isoformat() if choice["since"] else "",
                   "until": last_day(choice["until"])}
        new = enter_tasks(board, (NewTask(SCAN, file=file, options=options) for file in found))
    finally:
        board.close()
    if as_json:
        write_json({"queue": board.where, "files": len(found), "new": new})
    else:
        click.echo(f"{count(len(found), 'file')} to import ({new:,} new); 'archiver fleet status' shows how far.")


_KINDS = {"reextract": "re-extraction", "scan": "files scanned", "import": "imports"}


def task_rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The tasks of a fleet's status, as `details` shows them."""
    return [(_KINDS[kind], f"{row['entered']:,}: {row['waiting']:,} waiting, {row['running']:,} running, "
                           f"{row['finished']:,} finished, {row['failed']:,} failed"
                           + (f", {count(row['problems'], 'problem')}" if row["problems"] else ""))
            for kind, row in found["tasks"].items()]


def task_failures(found: dict[str, Any]) -> list[str]:
    """A line for each task that failed, with its file or shard, and for each that met problems."""
    def name(row: dict[str, Any]) -> str:
        return " ".join(filter(None, (row["kind"], row["file"], row["site"] and f"for {row['site']}")))

    return [*(f"{name(row)} failed {count(row['failures'], 'time')}{', given up' if row['given_up'] else ''}: "
              f"{row['reason']}" for row in found["failed_tasks"]),
            *(f"{name(row)} met {count(row['problems'], 'problem')}, first: {row['listed'][0]}"
              for row in found["tasks_with_problems"] if row["listed"])]
