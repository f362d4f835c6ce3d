"""`archiver import`: the past of sites, from files of captures that others made."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archiver.commands.imported import listed, new_things, problem_lines, told
from archiver.commands.index import after_writing
from archiver.commands.options import archive_option, json_option, takes
from archiver.commands.screen import clean, write_json
from archiver.commands.wayback import WaybackOptions, import_wayback, wayback_options

if TYPE_CHECKING:
    from archiver.imports.choice import Choice
    from archiver.imports.run import FileResult

DAY = click.DateTime(["%Y-%m-%d", "%Y-%m", "%Y"])


class _Stopped(KeyboardInterrupt):
    """SIGTERM, taken as Ctrl-C is."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """The options of `archiver import`. `wayback` names the site where the captures come from a web archive, and
    `of_wayback` are the options that go with that."""

    files: tuple[str, ...]
    archive: str
    only: tuple[str, ...]
    known_sites: bool
    since: datetime | None
    until: str | None
    limit: int | None
    all_captures: bool
    again: bool
    workers: int | None
    quiet: bool
    as_json: bool
    wayback: str | None
    of_wayback: WaybackOptions

    @property
    def silent(self) -> bool:
        return self.quiet or self.as_json

    @property
    def last_day(self) -> str:
        return last_day(self.until)

    def choice(self) -> Choice:
        """Which captures are imported. Raises BadAddress for what is no site or host."""
        from archiver.imports.choice import Choice
        from archiver.urls import Scope, start_address

        names = tuple(Scope.of(start_address(word)).name for word in self.only)
        return Choice(names, self.known_sites, self.since.date().isoformat() if self.since else "",
                      self.last_day, self.all_captures)


def last_day(text: str | None) -> str:
    """The last day of a year or month, or the day itself; "" for no date."""
    if not text:
        return ""
    if not re.fullmatch(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?", text):
        raise click.BadParameter(f"{text!r} is no date: write it as 2012, 2012-05 or 2012-05-31.", param_hint="--until")
    return text + {4: "-12-31", 7: "-31", 10: ""}[len(text)]


@click.command(name="import", short_help="Read captures that others made: WARC, ARC and WACZ files, web archives.")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@wayback_options
@click.option("--only", multiple=True, metavar="SITE|HOST",
              help="Only addresses of this site or host; may be repeated.")
@click.option("--known-sites", is_flag=True, help="Only addresses of sites that the archive has.")
@click.option("--since", "--from", "since", type=DAY, metavar="DATE",
              help="Captured on or after: 2009, 2009-05 or 2009-05-31 (UTC).")
@click.option("--until", "--to", "until", metavar="DATE",
              help="Captured on or before, to the end of that year, month or day.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N",
              help="Read N pages of each file (fetch N captures) and end; the same command goes on behind them.")
@click.option("--all-captures", is_flag=True,
              help="Copy every response into the archive's WARC files, not only those of posts.")
@click.option("--again", is_flag=True, help="Read files, or fetch captures, once more that were imported before.")
@click.option("--workers", type=click.IntRange(1, 256), metavar="N", help="Processes that read  [default: one a core]")
@click.option("--quiet", is_flag=True, help="No progress and no summary; only errors.")
@json_option
@archive_option
@takes(ImportOptions, of_wayback=WaybackOptions)
def import_(options: ImportOptions) -> None:
    """Read captures that others made into the archive: WARC (also .gz and .zst), ARC (also .gz) and WACZ files of any
    size, a folder or pattern of them, or - for the standard input.

    Posts become articles at the time of their capture: an older capture of a post that the archive has becomes an
    earlier version of it. A site that the archive lacks is made for each host that has a post; crawl leaves it alone
    unless it is named. The responses of posts are copied into the archive's own WARC files, those of other pages are
    only counted. What is imported twice is there once, and an import that was broken off goes on where it was.

    With --wayback the captures come from a web archive on the web, the Internet Archive's Wayback Machine by default,
    at 0.4 questions for its list and 8 captures a second at most.

    \b
    Examples:
      archiver import old-crawl.warc.gz
      archiver import collection.wacz dumps/ --only blog.example.org --since 2008 --until 2012
      curl -s https://data.example.org/CC-NEWS-20240101.warc.gz | archiver import -
      archiver import --wayback https://blog.example.org/ --from 2009 --to 2015-06 --dry-run
      archiver import --wayback blog.example.org --contact me@example.org

    \b
    Exit code: 0 all was read; 1 something was wrong with a record or a file (it is named, the rest went in), or a web
    archive did not answer; 2 wrong usage; 130 or 143 stopped by Ctrl-C or SIGTERM.
    """
    if options.wayback:
        _refuse(files=options.files, only=options.only, known_sites=options.known_sites, workers=options.workers)
        import_wayback(options)
        after_writing(options.archive, quiet=options.silent)
        return
    if not options.files:
        raise click.UsageError("Name files to read, or a site with --wayback.")
    _refuse(**{name: value for name, value in asdict(options.of_wayback).items() if name != "contact"},
            needs="--wayback")
    begun = time.monotonic()
    results, signum = _read(options)
    if not signum:
        after_writing(options.archive, quiet=options.silent)
    summary = _summary(results, time.monotonic() - begun, options.archive)
    if options.as_json:
        write_json(summary)
    elif not options.quiet:
        for line in _lines(summary):
            click.echo(line)
    if signum:
        click.echo("Stopped; the same command goes on from there.", err=True)
        sys.exit(128 + signum)
    if summary["problems"]:
        sys.exit(1)


def _read(options: ImportOptions) -> tuple[list[FileResult], int]:
    """Import the files. Returns a result for each, and the signal that ended the import (0: none)."""
    from archiver.commands.crawls.log import on_screen
    from archiver.commands.takedowns import finish_waiting
    from archiver.imports.progress import Shown
    from archiver.imports.run import ImportRun

    choice, archive = options.choice(), Path(options.archive)
    shown = None if options.silent else Shown()
    if archive.exists():
        finish_waiting(archive, on_screen)
    signum = 0
    before = signal.signal(signal.SIGTERM, _stop)
    run: ImportRun | None = None
    try:
        run = ImportRun(archive, choice, workers=options.workers or len(os.sched_getaffinity(0)),
                        limit=options.limit or 0, again=options.again, told=shown or (lambda result, read, size: None))
        run.run(options.files)
    except _Stopped:
        signum = signal.SIGTERM
    except KeyboardInterrupt:
        signum = signal.SIGINT
    finally:
        signal.signal(signal.SIGTERM, before)
        if shown:
            shown.close()
        if run:
            run.close()
    return run.results if run else [], signum


def _refuse(needs: str = "", **options: Any) -> None:
    """Options that do not go with what was asked for are wrong usage."""
    for name, value in options.items():
        if value:
            what = "FILE" if name == "files" else f"--{name.replace('_', '-')}"
            why = f"{what} goes with {needs} only." if needs else f"{what} does not go with --wayback."
            raise click.UsageError(why)


def _stop(signum: int, frame: Any) -> None:
    raise _Stopped


def _summary(results: list[FileResult], seconds: float, archive: str) -> dict[str, Any]:
    from archiver.store.imports import Tally

    total, kinds = Tally(), Counter[str]()
    for result in results:
        kinds += result.kinds
        if result.outcome != "known":
            total.add(result.tally)
    files = [{"file": r.name, "outcome": r.outcome, **asdict(r.tally), "problems": dict(sorted(r.kinds.items())),
              "listed": listed(r.problems)} for r in results]
    return {**asdict(total), "problems": dict(sorted(kinds.items())), "seconds": round(seconds, 2), "archive": archive,
            "files": files}


def _lines(summary: dict[str, Any]) -> list[str]:
    """A run in a few lines, with the problems that are listed."""
    lines = []
    for file in summary["files"]:
        what = {"known": "was imported before (--again reads it once more)", "unreadable": "could not be read",
                "interrupted": f"{told(file)}; it was not read to its end",
                "limited": f"{told(file)}; the same command goes on"}.get(file["outcome"], told(file))
        lines.append(f"{file['file']}: {what}")
    if len(summary["files"]) > 1:
        lines.append(f"all files: {told(summary)}")
    named = [(file["file"], p) for file in summary["files"] for p in file["listed"]]
    lines += problem_lines(named, summary["problems"])
    rate = summary["records"] / summary["seconds"] if summary["seconds"] else 0.0
    lines.append("  " + ", ".join([*new_things(summary), f"{summary['seconds']:.1f} s, {rate:,.0f} records/s"]))
    lines.append(f"  archive: {summary['archive']}")
    return [clean(line) for line in lines]
