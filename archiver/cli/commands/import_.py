"""`archiver import`: imports captures from WARC and WACZ files, or with --wayback from an online web archive."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from archiver.cli.index_update import update_search_index
from archiver.cli.shared_options import Day, archive_option, json_option, pass_options_as
from archiver.cli.terminal_output import count_noun, print_json, strip_control_characters
from archiver.importers.file_request import FileRequest, import_files
from archiver.scheduling.crawl_plans import print_notice
from archiver.sites.page_objects import load_page_objects

F = TypeVar("F", bound=Callable[..., Any])
_OPTIONS = (
    click.option(
        "--wayback",
        metavar="SITE|URL",
        help="Instead of FILE: fetch old captures of this site from a web archive.",
    ),
    click.option(
        "--service",
        metavar="URL",
        help="The web archive: the URL of its CDX server or of its TimeMaps  "
        "[default: the site's setting cdx, or internet-archive]",
    ),
    click.option(
        "--replay",
        default="",
        metavar="URL",
        help="URL prefix of the web archive's captures, if it cannot be derived from --service.",
    ),
    click.option("--exact", is_flag=True, help="Only the page at this URL, not those below it."),
    click.option(
        "--dry-run",
        is_flag=True,
        help="Read only the list of captures; report how many there are and how long fetching takes.",
    ),
    click.option(
        "--delay",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        help="Seconds between two requests to the web archive, if longer than its own limits.",
    ),
    click.option(
        "--contact",
        envvar="ARCHIVER_CONTACT",
        show_envvar=True,
        metavar="MAIL|URL",
        help="How the web archive can reach you; sent in the User-Agent.",
    ),
)


def wayback_options(function: F) -> F:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class WaybackOptions:
    """The options of `archiver import` that need --wayback. If an option is None, the site's setting applies."""

    service: str | None
    replay: str
    exact: bool
    dry_run: bool
    delay: float | None
    contact: str | None


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """The options of `archiver import`. `wayback` names the site to import from a web archive; `wayback_only` holds the
    options that need it.
    """

    files: tuple[str, ...]
    archive: str
    only: tuple[str, ...]
    known_sites: bool
    since: str | None
    until: str | None
    limit: int | None
    all_captures: bool
    again: bool
    workers: int | None
    quiet: bool
    as_json: bool
    wayback: str | None
    wayback_only: WaybackOptions

    @property
    def is_silent(self) -> bool:
        return self.quiet or self.as_json


@click.command(name="import", short_help="Import captures from WARC and WACZ files or from a web archive.")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@wayback_options
@click.option("--only", multiple=True, metavar="SITE|HOST", help="Only URLs of this site or host; may be repeated.")
@click.option("--known-sites", is_flag=True, help="Only URLs of sites that the archive has.")
@click.option(
    "--since",
    "--from",
    "since",
    type=Day(),
    metavar="DATE",
    help="Only captures from this date or later: 2009, 2009-05 or 2009-05-31 (UTC).",
)
@click.option(
    "--until",
    "--to",
    "until",
    type=Day(is_last=True),
    metavar="DATE",
    help="Only captures up to this date (to the end of the year, month or day).",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Stop after N pages of each file (or N captures); run the same command again to continue.",
)
@click.option(
    "--all-captures", is_flag=True, help="Copy all responses into the archive's WARC files, not only those of posts."
)
@click.option("--again", is_flag=True, help="Also read files, or fetch captures, that were imported before.")
@click.option(
    "--workers", type=click.IntRange(1, 256), metavar="N", help="Number of processes  [default: one per core]"
)
@click.option("--quiet", is_flag=True, help="Print only errors, no progress or summary.")
@json_option
@archive_option
@pass_options_as(ImportOptions, wayback_only=WaybackOptions)
def import_(options: ImportOptions) -> None:
    """Import captures that were made by others: WARC (also .gz and .zst) and WACZ files of any size, a
    folder or pattern of them, or - for standard input.

    Posts become articles as of the time of their capture; an older capture of a known post becomes an earlier revision.
    For each host with a post, a site is added if necessary; later crawls skip such a site unless its name is given. The
    responses of posts are copied into the archive's WARC files; those of other pages are only counted. A file that this
    program wrote is copied whole. Importing a file twice stores its captures once. An interrupted import continues
    where it stopped.

    With --wayback, the captures are fetched from an online web archive, by default the Internet Archive's Wayback
    Machine. At most 0.4 list requests and 8 captures per second are requested.

    \b
    Examples:
      archiver import old-crawl.warc.gz
      archiver import collection.wacz dumps/ --only blog.example.org --since 2008 --until 2012
      curl -s https://data.example.org/CC-NEWS-20240101.warc.gz | archiver import -
      archiver import --wayback https://blog.example.org/ --from 2009 --to 2015-06 --dry-run
      archiver import --wayback blog.example.org --contact me@example.org

    Exit code: 0 everything was imported; 1 some records or files had problems (they are listed; the rest was imported),
    or the web archive did not answer; 2 wrong usage; 130 or 143 stopped by Ctrl-C or SIGTERM.
    """
    load_page_objects().check()
    if options.wayback:
        _reject_options(
            files=options.files, only=options.only, known_sites=options.known_sites, workers=options.workers
        )
        _import_from_web_archive(options)
        return
    if not options.files:
        raise click.UsageError("Name files to import, or a site with --wayback.")
    _reject_options(
        **{name: value for name, value in asdict(options.wayback_only).items() if name != "contact"}, needs="--wayback"
    )

    request = FileRequest(
        Path(options.archive),
        options.files,
        options.only,
        options.known_sites,
        options.since,
        options.until,
        options.limit,
        options.all_captures,
        options.again,
        options.workers,
        not options.is_silent,
    )
    summary, signum = import_files(request, print_notice)
    if not signum:
        update_search_index(options.archive, quiet=options.is_silent)
    _print_summary(options, summary, _format_file_summary(summary), signum)
    if summary["problems"]:
        sys.exit(1)


def _import_from_web_archive(options: ImportOptions) -> None:

    # Loads Scrapy, which an import of files does not need.
    from archiver.importers.wayback_request import WaybackRequest, plan_wayback_import, run_wayback_import

    own = options.wayback_only
    request = WaybackRequest(
        archive=Path(options.archive),
        site=options.wayback or "",
        since=options.since,
        until=options.until,
        limit=options.limit,
        all_captures=options.all_captures,
        again=options.again,
        shown=not options.is_silent,
        **asdict(own),
    )
    try:
        plan, agent = plan_wayback_import(request)
    except ValueError as error:
        raise click.BadParameter(f"not a web archive: {error}.", param_hint="--service") from error
    report = run_wayback_import(plan, agent, shown=not options.is_silent)
    found = report.summary
    _print_summary(options, found, _format_wayback_summary(found), report.signum)
    is_unfinished = found["outcome"] in ("waiting", "failed")
    if is_unfinished:
        click.echo(
            f"Error: {strip_control_characters(found['reason'])}. Run the same command again to continue.", err=True
        )
    if found["failed"] or is_unfinished:
        sys.exit(1)
    update_search_index(options.archive, quiet=options.is_silent)


def _print_summary(options: ImportOptions, summary: dict[str, Any], lines: Sequence[str], signum: int) -> None:
    """Prints the summary of an import. Ends the command if the signal `signum` stopped the import (0 for none)."""
    if options.as_json:
        print_json(summary)
    elif not options.quiet:
        for line in lines:
            click.echo(strip_control_characters(line))
    if signum:
        click.echo("Stopped. Run the same command again to continue.", err=True)
        sys.exit(128 + signum)


def _reject_options(needs: str = "", **options: Any) -> None:
    """Raises UsageError if any of these `options` is set, because it would have no effect. `needs` names the option
    that they need; if it is "", they cannot be combined with --wayback.
    """
    for name, value in options.items():
        if value:
            what = "FILE" if name == "files" else f"--{name.replace('_', '-')}"
            why = f"{what} requires {needs}." if needs else f"{what} cannot be combined with --wayback."
            raise click.UsageError(why)


# Summaries as text.

_SHOWN = 20


def format_problems(problems: Sequence[tuple[str, Mapping[str, Any]]], kinds: Mapping[str, int]) -> list[str]:
    """Returns a line for each of the first problems of an import. If there are more, a last line gives the number of
    problems of each kind. `problems` are (file, problem) pairs.
    """
    lines = []
    for name, problem in problems[:_SHOWN]:
        where = f"{name} at {problem['offset']}" if name and problem["offset"] else name or problem["offset"]
        url = f", {problem['url'][:200]}" if name and problem["url"] else ""
        lines.append(f"  {where}{url}: {problem['what']}")
    if sum(kinds.values()) > min(_SHOWN, len(problems)):
        lines.append("  total: " + ", ".join(f"{number:,} {kind}" for kind, number in kinds.items()))
    return lines


def describe_new_rows(counts: Mapping[str, Any]) -> list[str]:
    """Describes what an import added to the archive, as phrases such as "1 new site", "3 new aliases", "12 responses
    copied".
    """
    new = [
        count_noun(counts[key], one, many)
        for key, one, many in (
            ("sites", "new site", "new sites"),
            ("aliases", "new alias", "new aliases"),
            ("tombstones", "tombstone", "tombstones"),
        )
        if counts[key]
    ]
    return [*new, f"{count_noun(counts['captures'], 'response')} copied"]


def describe_records(counts: dict[str, Any]) -> str:
    """Summarizes in one line what an import has read: "12,345 records: 4,321 posts (4,000 new, 120 revisions, 201
    known), 3,000 other pages, 12 damaged".
    """
    of_posts = ", ".join(
        f"{counts[key]:,} {word}"
        for key, word in (
            ("new", "new"),
            ("revised", "revision" if counts["revised"] == 1 else "revisions"),
            ("known", "known"),
        )
        if counts[key]
    )
    parts = [count_noun(counts["posts"], "post") + (f" ({of_posts})" if of_posts else "")]
    parts += [
        count_noun(counts[key], one, many)
        for key, one, many in (
            ("pages", "other page", "other pages"),
            ("not_html", "not HTML", "not HTML"),
            ("gone", "gone", "gone"),
            ("redirects", "redirect", "redirects"),
            ("status", "other response", "other responses"),
            ("revisits", "revisit", "revisits"),
            ("about", "metadata record", "metadata records"),
            ("skipped", "not selected", "not selected"),
            ("removed", "of removed posts", "of removed posts"),
            ("mended", "repaired", "repaired"),
            ("damaged", "damaged", "damaged"),
        )
        if counts[key]
    ]
    return f"{count_noun(counts['records'], 'record')}: {', '.join(parts)}"


def _format_wayback_summary(summary: dict[str, Any]) -> list[str]:
    lines = [
        f"{summary['url']} in {summary['replay']}: {count_noun(summary['listed'], 'capture')} of "
        f"{count_noun(summary['addresses'], 'URL')} listed ({summary['left_out']:,} not of posts): "
        f"{summary['here']:,} already archived, {summary['to_fetch']:,} to fetch"
    ]
    if summary["dry_run"]:
        lines.append(
            f"  fetching them would take at least {_format_duration(summary['needs_seconds'])}; nothing was fetched"
        )
        return lines + format_problems([("", p) for p in summary["problems_listed"]], summary["problems"])
    lines.append(
        f"  {summary['fetched']:,} fetched, {summary['seen']:,} known from the list, {summary['failed']:,} failed"
    )
    if summary["records"] or summary["seen"]:
        lines.append(f"  {describe_records(summary)}")
    lines += format_problems([("", p) for p in summary["problems_listed"]], summary["problems"])
    lines.append("  " + ", ".join([*describe_new_rows(summary), f"{summary['seconds']:.1f} s"]))
    lines.append(f"  archive: {summary['archive']}")
    return lines


def _format_duration(seconds: float) -> str:
    """Formats a duration for people: "45 s", "12 min", "3 h 20 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _format_file_summary(summary: dict[str, Any]) -> list[str]:
    """Formats the summary of an import from files: a line per file, the first problems, and the new rows of the
    archive.
    """
    lines = []
    for file in summary["files"]:
        what = {
            "known": "was imported before (use --again to import it again)",
            "unreadable": "could not be read",
            "interrupted": f"{describe_records(file)}; not read to the end",
            "limited": f"{describe_records(file)}; run the same command again to continue",
        }.get(file["outcome"], describe_records(file))
        lines.append(f"{file['file']}: {what}")
    if len(summary["files"]) > 1:
        lines.append(f"all files: {describe_records(summary)}")
    named = [(file["file"], p) for file in summary["files"] for p in file["listed"]]
    lines += format_problems(named, summary["problems"])
    rate = summary["records"] / summary["seconds"] if summary["seconds"] else 0.0
    lines.append(
        "  "
        + ", ".join([*describe_new_rows(summary), f"{summary['seconds']:.1f} s, {count_noun(round(rate), 'record')}/s"])
    )
    lines.append(f"  archive: {summary['archive']}")
    return lines
