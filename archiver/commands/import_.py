"""`archiver import`: the past of sites, from files of captures that others made."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archiver.commands.options import archive_option, json_option
from archiver.commands.screen import clean, count, write_json

if TYPE_CHECKING:
    from archiver.imports.choice import Choice
    from archiver.imports.run import FileResult

_SHOWN = 20
_DAY = click.DateTime(["%Y-%m-%d", "%Y-%m", "%Y"])


class _Stopped(KeyboardInterrupt):
    """SIGTERM, taken as Ctrl-C is."""


@click.command(name="import", short_help="Read captures that others made: WARC, ARC and WACZ files.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--only", multiple=True, metavar="SITE|HOST",
              help="Only addresses of this site or host; may be repeated.")
@click.option("--known-sites", is_flag=True, help="Only addresses of sites that the archive has.")
@click.option("--since", type=_DAY, metavar="DATE", help="Captured on or after: 2009, 2009-05 or 2009-05-31 (UTC).")
@click.option("--until", metavar="DATE", help="Captured on or before, to the end of that year, month or day.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N",
              help="Read N pages of each file and end; the same command goes on behind them.")
@click.option("--all-captures", is_flag=True,
              help="Copy every response into the archive's WARC files, not only those of posts.")
@click.option("--again", is_flag=True, help="Read files once more that were imported before.")
@click.option("--workers", type=click.IntRange(1, 256), metavar="N", help="Processes that read  [default: one a core]")
@click.option("--quiet", is_flag=True, help="No progress and no summary; only errors.")
@json_option
@archive_option
def import_(files: tuple[str, ...], archive: str, only: tuple[str, ...], known_sites: bool, since: Any,
            until: str | None, limit: int | None, all_captures: bool, again: bool, workers: int | None, quiet: bool,
            as_json: bool) -> None:
    """Read captures that others made into the archive: WARC (also .gz and .zst), ARC (also .gz) and WACZ files of any
    size, a folder or pattern of them, or - for the standard input.

    Posts become articles at the time of their capture: an older capture of a post that the archive has becomes an
    earlier version of it. A site that the archive lacks is made for each host that has a post; crawl leaves it alone
    unless it is named. The responses of posts are copied into the archive's own WARC files, those of other pages are
    only counted. What is imported twice is there once, and an import that was broken off goes on where it was.

    \b
    Examples:
      archiver import old-crawl.warc.gz
      archiver import collection.wacz dumps/ --only blog.example.org --since 2008 --until 2012
      curl -s https://data.example.org/CC-NEWS-20240101.warc.gz | archiver import -

    \b
    Exit code: 0 all was read; 1 something was wrong with a record or a file (it is named, the rest went in); 2 wrong
    usage; 130 or 143 stopped by Ctrl-C or SIGTERM.
    """
    from archiver.commands.index import after_writing
    from archiver.imports.progress import Shown
    from archiver.imports.run import ImportRun

    choice = _choice(only, known_sites, since, until, all_captures)
    shown = Shown() if not quiet and not as_json else None
    begun, signum = time.monotonic(), 0
    before = signal.signal(signal.SIGTERM, _stop)
    run = ImportRun(Path(archive), choice, workers=workers or len(os.sched_getaffinity(0)), limit=limit or 0,
                    again=again, told=shown or (lambda result, read, size: None))
    try:
        run.run(files)
    except _Stopped:
        signum = signal.SIGTERM
    except KeyboardInterrupt:
        signum = signal.SIGINT
    finally:
        signal.signal(signal.SIGTERM, before)
        if shown:
            shown.close()
        run.close()
    if not signum:
        after_writing(archive, quiet=quiet or as_json)
    summary = _summary(run.results, time.monotonic() - begun, archive)
    if as_json:
        write_json(summary)
    elif not quiet:
        for line in _lines(summary):
            click.echo(line)
    if signum:
        click.echo("Stopped; the same command goes on from there.", err=True)
        sys.exit(128 + signum)
    if summary["problems"]:
        sys.exit(1)


def _stop(signum: int, frame: Any) -> None:
    raise _Stopped


def _choice(only: tuple[str, ...], known_sites: bool, since: Any, until: str | None, all_captures: bool) -> Choice:
    """The options as a choice. Raises BadAddress for what is no site or host."""
    from archiver.imports.choice import Choice
    from archiver.urls import Scope, start_address

    names = tuple(Scope.of(start_address(word)).name for word in only)
    return Choice(names, known_sites, since.date().isoformat() if since else "", _last_day(until), all_captures)


def _last_day(text: str | None) -> str:
    """The last day of a year or month, or the day itself."""
    if not text:
        return ""
    if not re.fullmatch(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?", text):
        raise click.BadParameter(f"{text!r} is no date: write it as 2012, 2012-05 or 2012-05-31.", param_hint="--until")
    return text + {4: "-12-31", 7: "-31", 10: ""}[len(text)]


def _summary(results: list[FileResult], seconds: float, archive: str) -> dict[str, Any]:
    from archiver.store.imports import Tally

    total, kinds = Tally(), Counter[str]()
    for result in results:
        kinds += result.kinds
        if result.outcome != "known":
            total.add(result.tally)
    files = [{"file": r.name, "outcome": r.outcome, **asdict(r.tally), "problems": dict(sorted(r.kinds.items())),
              "listed": [{"kind": p.kind.value, "offset": p.offset, "url": p.url, "what": p.sentence}
                         for p in r.problems]} for r in results]
    return {**asdict(total), "problems": dict(sorted(kinds.items())), "seconds": round(seconds, 2), "archive": archive,
            "files": files}


def _lines(summary: dict[str, Any]) -> list[str]:
    """A run in a few lines, with the problems that are listed."""
    lines = []
    for file in summary["files"]:
        told = {"known": "was imported before (--again reads it once more)", "unreadable": "could not be read",
                "interrupted": f"{_told(file)}; it was not read to its end",
                "limited": f"{_told(file)}; the same command goes on"}.get(file["outcome"], _told(file))
        lines.append(f"{file['file']}: {told}")
    if len(summary["files"]) > 1:
        lines.append(f"all files: {_told(summary)}")
    listed = [(file["file"], p) for file in summary["files"] for p in file["listed"]]
    for name, problem in listed[:_SHOWN]:
        where = f"{name} at {problem['offset']}" if problem["offset"] else name
        url = f", {problem['url'][:200]}" if problem["url"] else ""
        lines.append(f"  {where}{url}: {problem['what']}")
    if sum(summary["problems"].values()) > min(_SHOWN, len(listed)):
        lines.append("  in all: " + ", ".join(f"{number:,} {kind}" for kind, number in summary["problems"].items()))
    new = [count(summary[key], one, many) for key, one, many in (
        ("sites", "new site", "new sites"), ("aliases", "new alias", "new aliases"),
        ("tombstones", "tombstone", "tombstones")) if summary[key]]
    rate = summary["records"] / summary["seconds"] if summary["seconds"] else 0.0
    lines.append("  " + ", ".join([*new, f"{count(summary['captures'], 'response')} copied",
                                   f"{summary['seconds']:.1f} s, {rate:,.0f} records/s"]))
    lines.append(f"  archive: {summary['archive']}")
    return [clean(line) for line in lines]


def _told(counts: dict[str, Any]) -> str:
    """ "12,345 records: 4,321 posts (4,000 new, 120 revisions, 201 known), 3,000 other pages, 12 damaged". """
    of_posts = ", ".join(f"{counts[key]:,} {word}" for key, word in (
        ("new", "new"), ("revised", "revision" if counts["revised"] == 1 else "revisions"), ("known", "known"))
        if counts[key])
    parts = [count(counts["posts"], "post") + (f" ({of_posts})" if of_posts else "")]
    parts += [count(counts[key], one, many) for key, one, many in (
        ("pages", "other page", "other pages"), ("not_html", "not HTML", "not HTML"), ("gone", "gone", "gone"),
        ("redirects", "redirect", "redirects"), ("status", "other answer", "other answers"),
        ("revisits", "revisit", "revisits"), ("about", "about others", "about others"),
        ("skipped", "not asked for", "not asked for"), ("mended", "odd", "odd"), ("damaged", "damaged", "damaged"))
        if counts[key]]
    return f"{count(counts['records'], 'record')}: {', '.join(parts)}"
