"""`archiver crawl`: one run over each site, and what came of it."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.commands.index import after_writing
from archiver.cli.options import archive_option, json_option, manners_options, tag_option, takes
from archiver.cli.run_output import health_after_crawl, health_lines, no_posts_note, search_hints, summary_lines
from archiver.health.notifications import notify_after_runs
from archiver.scheduling.crawl_plan import CrawlOrder, CrawlResult, on_screen, plan_of
from archiver.scheduling.process_pool import run_plans
from archiver.sites.config import effective_settings
from archiver.storage.connection import opened
from archiver.storage.requisites import MODES
from archiver.storage.sites import tags_of_sites
from archiver.urls import start_address

if TYPE_CHECKING:
    from archiver.spiders.crawl_run import Only


@dataclass(frozen=True, slots=True)
class CrawlOptions:
    """The options of `archiver crawl`; None where the settings of a site hold."""

    sites: tuple[str, ...]
    archive: str
    tag: str | None
    limit: int | None
    full: bool
    missing: bool
    set_aside: bool
    since: datetime | None
    requisites: str | None
    workers: int
    delay: float | None
    contact: str | None
    demo: bool
    quiet: bool
    as_json: bool

    @property
    def silent(self) -> bool:
        """Whether neither progress nor hints are printed."""
        return self.quiet or self.as_json

    def order(self) -> CrawlOrder:
        only: Only = "set-aside" if self.set_aside else "missing" if self.missing else ""
        since = self.since.date().isoformat() if self.since else ""
        return CrawlOrder(
            Path(self.archive),
            self.limit or 0,
            self.full,
            since,
            only,
            self.requisites or "",
            progress=not self.silent,
            quiet=self.silent,
        )


@click.command(short_help="Crawl sites into the archive.")
@click.argument("sites", nargs=-1, metavar="[SITE|URL]...")
@archive_option
@tag_option("tag", help="Crawl the sites with this tag.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="End each run after N posts.")
@click.option("--full", is_flag=True, help="Revisit every page, not only what changed.")
@click.option(
    "--missing",
    is_flag=True,
    help="Fetch only what is missing: what failed or was never fetched, now, whenever it would be due.",
)
@click.option("--set-aside", is_flag=True, help="As --missing, and what a crawl set aside as leading nowhere, too.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="Leave posts alone that a feed, sitemap or API dates earlier.",
)
@click.option(
    "--requisites",
    type=click.Choice(MODES),
    metavar="none|lead|all",
    help="What is captured beside each new or changed post: its lead image, all that its page needs to be "
    "shown, or nothing [default: lead, or as set for the site].",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    metavar="N",
    help="How many sites are crawled at the same time, over as many of the cores as that takes.",
)
@manners_options
@click.option("--demo", is_flag=True, help="Crawl the demonstration blog, whatever else the archive holds.")
@click.option("--quiet", is_flag=True, help="No progress and no summary; only errors.")
@json_option
@takes(CrawlOptions)
def crawl(options: CrawlOptions) -> None:
    """Crawl sites into the archive.

    A SITE is a start address, or the name of a site that is in the archive already. Without one, every
    site of the archive is crawled, but for those that only an import brought (crawl=no); an archive
    that does not exist yet gets the demonstration blog that archiver brings along. A second crawl of a
    site asks only for what is new or changed.

    \b
    Examples:
      archiver crawl https://blog.example.org --contact me@example.org
      archiver crawl example.org other.example --archive news.db --workers 2
      archiver crawl --limit 20 http://127.0.0.1:8081/
      archiver crawl example.org --missing

    \b
    Exit code: 0 all is well; 1 a page or a site failed, or a site asked to wait; 2 wrong usage; 130 or 143 stopped
    by Ctrl-C or SIGTERM.
    """
    if options.full and (options.missing or options.set_aside):
        raise click.UsageError("--full asks for every page, --missing and --set-aside for what is missing: use one.")
    results, signum = _crawled(options)
    _after(options, results, signum)
    found = health_after_crawl(options.archive, (result.site for result in results))
    if options.as_json:
        click.echo(
            json.dumps([{**r.as_json(), "health": found.get(r.site)} for r in results], ensure_ascii=False, indent=2)
        )
    elif not options.quiet:
        _print(options.archive, results, found)
    for result in results:
        if result.outcome in ("failed", "waiting"):
            click.echo(f"Error: {result.reason}", err=True)
    if not all(result.clean for result in results):
        interrupted = any(result.outcome == "interrupted" for result in results)
        sys.exit(128 + (signum or signal.SIGINT) if interrupted else 1)


def _crawled(options: CrawlOptions) -> tuple[list[CrawlResult], int]:
    """Crawl what the options name, with the demonstration blog served where it is among that. Returns a result for each
    site, and the signal that ended the crawls (0: none)."""
    with ExitStack() as stack:
        known = _known_sites(options.archive)
        settings = {row["start_url"]: row["settings"] for row in known}
        tag = options.tag
        sites = options.sites + tuple(row["name"] for row in known if tag and tag in row["tags"])
        if tag and not sites:
            raise click.UsageError(f"No site has the tag {tag!r}: 'archiver sites tag {tag} SITE' gives it to one.")
        left = {url for url, own in settings.items() if own.get("crawl") is False}
        urls = _addresses(sites, {row["name"]: row["start_url"] for row in known}, options.demo, stack, left)
        plans = [
            plan_of(url, settings.get(url, {}), options.delay, options.contact, known=url in settings) for url in urls
        ]
        return run_plans(plans, options.order(), options.workers)


def _after(options: CrawlOptions, results: list[CrawlResult], signum: int) -> None:
    """What follows a crawl that no signal ended: the search index is brought up to date, and people are notified."""
    if signum:
        return
    if not any(result.outcome == "failed" for result in results):
        after_writing(options.archive, quiet=options.silent)
    if Path(options.archive).exists():  # it may have been deleted meanwhile, which the results report
        notify_after_runs(Path(options.archive), {result.site for result in results}, on_screen)


def _print(archive: str, results: list[CrawlResult], found: dict[str, dict[str, Any]]) -> None:
    lines = [
        line
        for result in results
        for line in (
            *summary_lines(result.as_json(), archive),
            *no_posts_note(archive, result.site, result.outcome),
            *health_lines(found.get(result.site)),
        )
    ]
    for line in (*lines, *search_hints(archive, results[0].counts.new if len(results) == 1 else 0)):
        click.echo(line)


def _addresses(
    sites: tuple[str, ...], known: dict[str, str], demo: bool, stack: ExitStack, left: Collection[str] = ()
) -> list[str]:
    """The start addresses that the words of the command line mean; the demonstration blog is started where needed.

    Those in `left` are crawled only where they are named.
    """
    if sites:
        urls = [known.get(word.removeprefix("www.").rstrip("/")) or start_address(word) for word in sites]
    else:
        urls = [] if demo else [url for url in known.values() if url not in left]
        if known and not urls and not demo:
            raise click.UsageError(
                "No site of the archive is to be crawled unless it is named; 'archiver sites list' "
                "shows them, 'archiver sites set SITE crawl=yes' has one crawled with the others."
            )
    from archiver.demo.demo_server import HOST, PORT, serve

    blog = f"http://{HOST}:{PORT}/"
    if demo or not urls:
        urls.append(blog)
    if blog in urls:
        stack.enter_context(serve(port=PORT, edition=2 if blog in known.values() else 1))
    return list(dict.fromkeys(urls))


def _known_sites(archive: str) -> list[dict[str, Any]]:
    """The rows of the archive's sites, with the settings that hold for each, and its tags."""
    file = Path(archive)
    if not file.exists() or (file.is_file() and not file.stat().st_size):
        return []
    with opened(archive, read_only=True) as db:
        settings, tags = effective_settings(db), tags_of_sites(db)
        return [{**row, "settings": settings(row), "tags": tags.get(row["id"], ())} for row in db.table("sites").rows]
