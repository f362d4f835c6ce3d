"""`archiver import`: imports captures from WARC and WACZ files, or with --wayback from an online web archive."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from archiver.cli.commands.search import update_search_index
from archiver.cli.shared_options import archive_option, json_option, pass_options_as
from archiver.cli.terminal_output import count_noun, print_json, strip_control_characters

if TYPE_CHECKING:
    from archiver.importers.capture_list import WaybackPlan
    from archiver.importers.import_inputs import RecordFilter
    from archiver.importers.import_problems import Problem
    from archiver.importers.import_run import FileResult
    from archiver.importers.wayback_import import WaybackOutcome

# Summaries of an import, for files and web archives.

_SHOWN = 20


def problems_to_json(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """Converts the problems of an import to dictionaries for JSON output."""
    return [{"kind": p.kind.value, "offset": p.offset, "url": p.url, "what": p.sentence} for p in problems]


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
        help="The web archive: the URL of its CDX server  [default: the site's setting cdx, or internet-archive]",
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


def import_wayback(options: ImportOptions) -> None:
    """Imports captures from an online web archive and prints a summary. Exits with the exit code of the import if that
    is not 0.
    """
    from archiver.extensions.crawl_log import prepare_log_file
    from archiver.importers.wayback_import import WaybackImport
    from archiver.sites.crawler_identity import contact_of, user_agent

    site, url = _find_site(options.archive, options.wayback or "")
    settings = json.loads(site["settings"] or "{}") if site else {}
    plan = _build_plan(options, url, settings.get("cdx"))
    agent = user_agent(contact_of(plan.service.asks, options.wayback_only.contact or settings.get("contact")))
    run, started = WaybackImport(plan), time.monotonic()
    try:
        signum = _fetch_captures(
            run, agent, prepare_log_file(plan.archive) if plan.archive.exists() else None, shown=not options.is_silent
        )
    finally:
        run.close()
    summary = _summarize_wayback(plan, run.result, time.monotonic() - started)
    if options.as_json:
        print_json(summary)
    elif not options.quiet:
        for line in _format_wayback_summary(plan, summary):
            click.echo(strip_control_characters(line))
    if signum:
        click.echo("Stopped. Run the same command again to continue.", err=True)
        sys.exit(128 + signum)
    if run.result.outcome in ("waiting", "failed"):
        click.echo(
            f"Error: {strip_control_characters(run.result.reason)}. Run the same command again to continue.", err=True
        )
    if run.result.failed or run.result.outcome in ("waiting", "failed"):
        sys.exit(1)


def _build_plan(options: ImportOptions, url: str, service: str | None) -> WaybackPlan:
    """Builds the plan of an import from a web archive. `service` is the web archive named in the site's settings; it is
    used if no option names another one.
    """
    from archiver.importers.capture_list import WaybackPlan

    own = options.wayback_only
    return WaybackPlan(
        Path(options.archive),
        _parse_service(own.service or service or "internet-archive", own.replay),
        url,
        own.exact,
        datetime.fromisoformat(f"{options.since}T00:00:00+00:00") if options.since else None,
        datetime.fromisoformat(f"{options.until}T23:59:59+00:00") if options.until else None,
        options.limit or 0,
        own.delay or 0.0,
        options.all_captures,
        options.again,
        own.dry_run,
    )


def _find_site(archive: str, word: str) -> tuple[dict[str, Any] | None, str]:
    """Returns the archive's row of the site named `word` (None if the archive has no such site), and the site's start
    URL.
    """
    from archiver.model.urls import start_address
    from archiver.storage.database import opened

    if Path(archive).exists():
        with opened(Path(archive), read_only=True) as db:
            rows = {row["name"]: row for row in db.query("select * from sites")}
        if row := rows.get(word.removeprefix("www.").rstrip("/")):
            return row, str(row["start_url"])
    return None, start_address(word)


def _parse_service(text: str, replay: str) -> Any:
    from archiver.importers.memento_service import parse_archive_service

    try:
        return parse_archive_service(text, replay)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a web archive: {error}.", param_hint="--service") from error


def _fetch_captures(run: Any, agent: str, log: Path | None, *, shown: bool) -> int:
    """Fetches captures from a web archive and imports them. Returns the number of the signal that ended the run (0 for
    none). Raises the error that made the run fail.

    - `run`: the WaybackImport.
    - `agent`: the User-Agent.
    - `log`: the log file, or None.
    - `shown`: True if the progress is shown on the terminal.
    """
    from scrapy.crawler import Crawler
    from scrapy.settings import Settings

    from archiver.extensions.crawl_log import install_crawl_log, log_as
    from archiver.extensions.crawl_progress_display import Leave, Terminal
    from archiver.importers.wayback_import import WaybackSpider, make_settings
    from archiver.scheduling.crawl_plans import GRACE
    from archiver.scheduling.crawl_pool import CrawlProcess
    from archiver.sites.config import load_config

    settings = Settings()
    settings.setmodule("archiver.settings", priority="project")
    settings.setdict(make_settings(run.plan, agent), priority="cmdline")
    if log is not None:
        install_crawl_log(log, load_config().log)
        log_as(run.plan.url)
    process = CrawlProcess(settings, GRACE)
    crawler = Crawler(WaybackSpider, settings)
    terminal = Terminal() if shown else None
    if terminal is not None:
        _start_progress_display(run, terminal)
    process.crawl(crawler, run=run)
    process.start()
    if terminal is not None:
        terminal.draw(Leave(run.plan.url))
    spider: Any = crawler.spider
    if spider is None:
        raise RuntimeError(f"{run.plan.url} was not requested; see the log")
    spider.closed("")
    if spider.error is not None:
        raise spider.error
    return int(process.signum) if run.result.outcome == "interrupted" else 0


def _start_progress_display(run: Any, terminal: Any) -> None:
    """Starts drawing the progress of an import from a web archive on the terminal at regular intervals."""
    from twisted.internet.task import LoopingCall

    from archiver.extensions.crawl_progress_display import Line

    def draw() -> None:
        result = run.result
        text = f"captures listed {run.listing.total:,}"
        if result.chosen:
            text = (
                f"fetched {result.fetched:,} of {result.chosen:,}  posts {result.tally.posts:,}  "
                f"failed {result.failed:,}"
            )
        terminal.draw(Line(run.plan.url, text, result.chosen or None, min(result.fetched, result.chosen)))

    LoopingCall(draw).start(terminal.every, now=False)


def _summarize_wayback(plan: WaybackPlan, result: WaybackOutcome, seconds: float) -> dict[str, Any]:
    from archiver.importers.wayback_import import CAPTURE_SECONDS
    from archiver.politeness.network_address_policy import AddressZone, zone_of_host

    is_remote = zone_of_host(urlsplit(plan.service.replay).hostname or "") is not AddressZone.LOOPBACK
    duration = result.chosen * max(plan.delay, CAPTURE_SECONDS if is_remote else 0.0)
    counts = {key: value for key, value in asdict(result.tally).items() if key not in ("captures", "records")}
    return {
        "url": plan.url,
        "service": plan.service.asks,
        "replay": plan.service.replay,
        "from": plan.since.date().isoformat() if plan.since else None,
        "to": plan.until.date().isoformat() if plan.until else None,
        "outcome": result.outcome,
        "reason": result.reason,
        "addresses": result.addresses,
        "listed": result.listed,
        "left_out": result.left_out,
        "here": result.here,
        "to_fetch": result.chosen,
        "needs_seconds": round(duration, 1),
        "fetched": result.fetched,
        "seen": result.seen,
        "failed": result.failed,
        "requests": result.requests,
        **counts,
        "captures": result.tally.captures,
        "records": result.tally.records,
        "problems": dict(sorted(result.kinds.items())),
        "problems_listed": problems_to_json(result.problems),
        "seconds": round(seconds, 2),
        "dry_run": plan.dry_run,
        "archive": str(plan.archive),
    }


def _format_wayback_summary(plan: WaybackPlan, summary: dict[str, Any]) -> list[str]:
    lines = [
        f"{plan.url} in {summary['replay']}: {count_noun(summary['listed'], 'capture')} of "
        f"{count_noun(summary['addresses'], 'URL')} listed ({summary['left_out']:,} not of posts): "
        f"{summary['here']:,} already archived, {summary['to_fetch']:,} to fetch"
    ]
    if plan.dry_run:
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


# `archiver import` from files.


class Day(click.ParamType[str]):
    """The type of an option whose value is a year, month or day. It is converted to the first day of this period, or to
    its last day, as YYYY-MM-DD.
    """

    name = "date"

    def __init__(self, *, is_last: bool) -> None:
        self._is_last = is_last

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from archiver.model.errors import BadQuery
        from archiver.search.query_tree import parse_period

        try:
            period = parse_period(value)
        except BadQuery:
            period = None
        if period is None or period.is_moment:
            self.fail(f"{value!r} is not a date: use 2024, 2024-05 or 2024-05-31.", param, ctx)
        last = date.fromisoformat(period.end[:10]) - timedelta(days=1)
        return last.isoformat() if self._is_last else period.start


class _Stopped(KeyboardInterrupt):
    """Raised when SIGTERM arrives during an import. It is handled like Ctrl-C."""


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

    def record_filter(self) -> RecordFilter:
        """Builds the filter that selects the captures to import. Raises BadAddress if a name is not a site or host."""
        from archiver.importers.import_inputs import RecordFilter
        from archiver.model.urls import Scope, start_address

        names = tuple(Scope.of(start_address(word)).name for word in self.only)
        return RecordFilter(
            names,
            self.known_sites,
            self.since or "",
            self.until or "",
            self.all_captures,
        )


@click.command(name="import", short_help="Import captures from WARC and WACZ files or from a web archive.")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@wayback_options
@click.option("--only", multiple=True, metavar="SITE|HOST", help="Only URLs of this site or host; may be repeated.")
@click.option("--known-sites", is_flag=True, help="Only URLs of sites that the archive has.")
@click.option(
    "--since",
    "--from",
    "since",
    type=Day(is_last=False),
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
    from archiver.sites.page_objects import load_page_objects

    load_page_objects().check()
    if options.wayback:
        _reject_options(
            files=options.files, only=options.only, known_sites=options.known_sites, workers=options.workers
        )
        import_wayback(options)
        update_search_index(options.archive, quiet=options.is_silent)
        return
    if not options.files:
        raise click.UsageError("Name files to import, or a site with --wayback.")
    _reject_options(
        **{name: value for name, value in asdict(options.wayback_only).items() if name != "contact"}, needs="--wayback"
    )
    started = time.monotonic()
    results, signum = _import_files(options)
    if not signum:
        update_search_index(options.archive, quiet=options.is_silent)
    summary = _summarize_files(results, time.monotonic() - started, options.archive)
    if options.as_json:
        print_json(summary)
    elif not options.quiet:
        for line in _format_file_summary(summary):
            click.echo(line)
    if signum:
        click.echo("Stopped. Run the same command again to continue.", err=True)
        sys.exit(128 + signum)
    if summary["problems"]:
        sys.exit(1)


def _import_files(options: ImportOptions) -> tuple[list[FileResult], int]:
    """Imports the given files. Returns a result per file and the number of the signal that ended the import (0 for
    none).
    """
    from archiver.importers.import_inputs import check_inputs_exist
    from archiver.importers.import_run import ImportProgress, ImportRun
    from archiver.maintenance.takedown import finish_pending_takedowns
    from archiver.scheduling.crawl_plans import print_notice

    check_inputs_exist(options.files)
    chosen, archive = options.record_filter(), Path(options.archive)
    shown = None if options.is_silent else ImportProgress()
    if archive.exists():
        finish_pending_takedowns(archive, print_notice)
    signum = 0
    before = signal.signal(signal.SIGTERM, _raise_stopped)
    run: ImportRun | None = None
    try:
        run = ImportRun(
            archive,
            chosen,
            workers=options.workers or len(os.sched_getaffinity(0)),
            limit=options.limit or 0,
            again=options.again,
            on_progress=shown or (lambda result, read, size: None),
        )
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


def _reject_options(needs: str = "", **options: Any) -> None:
    """Raises UsageError if any of these `options` is set, because it would have no effect. `needs` names the option
    that they need; if it is "", they cannot be combined with --wayback.
    """
    for name, value in options.items():
        if value:
            what = "FILE" if name == "files" else f"--{name.replace('_', '-')}"
            why = f"{what} requires {needs}." if needs else f"{what} cannot be combined with --wayback."
            raise click.UsageError(why)


def _raise_stopped(signum: int, frame: Any) -> None:
    raise _Stopped


def _summarize_files(results: list[FileResult], seconds: float, archive: str) -> dict[str, Any]:
    from archiver.importers.import_rows import ImportCounts

    total, kinds = ImportCounts(), Counter[str]()
    for result in results:
        kinds += result.kinds
        if result.outcome != "known":
            total.add(result.tally)
    files = [
        {
            "file": r.name,
            "outcome": r.outcome,
            **asdict(r.tally),
            "problems": dict(sorted(r.kinds.items())),
            "listed": problems_to_json(r.problems),
        }
        for r in results
    ]
    return {
        **asdict(total),
        "problems": dict(sorted(kinds.items())),
        "seconds": round(seconds, 2),
        "archive": archive,
        "files": files,
    }


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
    return [strip_control_characters(line) for line in lines]
