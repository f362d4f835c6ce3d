"""`archiver crawl`: crawls sites, and prints a summary of each run."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

# Scrapy inspects the whole stack when it imports this. That takes a tenth of a second more from a deeper import.
import scrapy.core.downloader.contextfactory  # noqa: F401

from archiver.cli.crawl_output import (
    format_health,
    format_run_summary,
    has_unusable_content,
    note_posts_outside,
    read_advice_after_crawl,
    read_health_after_crawl,
    suggest_commands,
)
from archiver.cli.crawl_selection import (
    DEMONSTRATION,
    check_page_objects_of,
    read_sites,
    refuse_post,
    select_start_urls,
    serve_demonstration,
)
from archiver.cli.index_update import update_search_index
from archiver.cli.shared_options import (
    DEMO_ARCHIVE,
    Day,
    archive_option,
    is_default,
    json_option,
    note_other_archive,
    pass_options_as,
    politeness_options,
    tag_option,
    workers_option,
)
from archiver.cli.shell_completion import complete
from archiver.health.notification_channels import notify_after_runs
from archiver.model.urls import Scope
from archiver.scheduling.crawl_plans import CommonOptions, CrawlResult, make_plan, print_notice
from archiver.scheduling.crawl_pool import run_plans
from archiver.storage.database import discard_empty_archive, opened, warn_of_clock
from archiver.storage.requisites import MODES
from archiver.storage.sites import forget_unanswered_site

if TYPE_CHECKING:
    from archiver.spiders.crawl_order import Only


@dataclass(frozen=True, slots=True)
class CrawlOptions:
    """The options of `archiver crawl`. If an option is None, the site's own setting is used."""

    sites: tuple[str, ...]
    archive: str
    tag: str | None
    limit: int | None
    full: bool
    missing: bool
    set_aside: bool
    since: str | None
    requisites: str | None
    workers: int
    delay: float | None
    contact: str | None
    demo: bool
    as_site: bool
    quiet: bool
    as_json: bool

    @property
    def is_silent(self) -> bool:
        """Returns True if neither progress nor hints are printed (--quiet or --json)."""
        return self.quiet or self.as_json

    def order(self) -> CommonOptions:
        only: Only = "set-aside" if self.set_aside else "missing" if self.missing else ""
        return CommonOptions(
            Path(self.archive),
            self.limit or 0,
            self.full,
            self.since or "",
            only,
            self.requisites or "",
            progress=not self.is_silent,
            quiet=self.is_silent,
        )


@click.command(short_help="Crawl sites into the archive.")
@click.argument("sites", nargs=-1, metavar="[SITE|URL]...", shell_complete=complete("site"))
@archive_option
@tag_option("tag", help="Crawl the sites with this tag.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Stop each run after N posts.")
@click.option("--full", is_flag=True, help="Fetch every page again, not only those that are due.")
@click.option(
    "--missing",
    is_flag=True,
    help="Fetch only what is missing: pages that failed or were never fetched, even if they are not due yet.",
)
@click.option(
    "--set-aside", is_flag=True, help="Like --missing, but also fetch URLs that were skipped as crawler traps."
)
@click.option(
    "--since",
    type=Day(),
    metavar="DATE",
    help="Skip posts that a feed, sitemap or API dates earlier than this.",
)
@click.option(
    "--requisites",
    type=click.Choice(MODES, case_sensitive=False),
    metavar="none|lead|all",
    help="What else to capture for each new or changed post: its lead image, all images, stylesheets and fonts "
    "of the page, or nothing  [default: the site's setting, or lead]",
)
@workers_option("How many sites to crawl at the same time, using several cores.")
@politeness_options
@click.option("--as-site", is_flag=True, help="Crawl the site that begins at URL, even if URL looks like one post.")
@click.option(
    "--demo",
    is_flag=True,
    help="Crawl the demonstration blog that comes with archiver, into output/demo.db if no --archive is given.",
)
@click.option("--quiet", is_flag=True, help="Print only errors, no progress or summary.")
@json_option
@pass_options_as(CrawlOptions)
def crawl(options: CrawlOptions) -> None:
    """Crawl sites into the archive.

    SITE is the name of a site in the archive; URL is the start address of a site, which is added to the archive if it
    is new. Without arguments, all sites of the archive are crawled, except those that come from an import (crawl=no).
    If there is none, the demonstration blog is crawled, into output/demo.db. The second crawl of a site fetches only
    what is new or due for a revisit. If URL looks like one post, nothing is crawled: 'archiver add URL' archives
    single pages.

    \b
    Examples:
      archiver crawl https://blog.example.org --contact me@example.org
      archiver crawl example.org other.example --archive news.db --workers 2
      archiver crawl --limit 20 http://127.0.0.1:8081/
      archiver crawl example.org --missing

    Exit code: 0 done; 1 a page or a site failed, a site asked to wait, or most of what a site sent looks wrong (its
    health says why); 2 wrong usage; 130 or 143 stopped by Ctrl-C or SIGTERM.
    """
    if options.full and (options.missing or options.set_aside):
        raise click.UsageError("--full cannot be combined with --missing or --set-aside.")
    if options.demo or not (options.sites or options.tag or read_sites(options.archive)):
        options = _with_demo_archive(options)
    new_archive = not Path(options.archive).exists()
    known = {row["name"] for row in read_sites(options.archive)}
    if known:
        with opened(options.archive, read_only=True) as db:
            warn_of_clock(db, is_crawl=True)
    results, signum = _run_crawls(options)
    forgotten = _forget_unanswered_sites(options.archive, [one for one in results if one.site not in known])
    if new_archive and forgotten and len(forgotten) == len(results):
        discard_empty_archive(Path(options.archive))
    else:
        _index_and_notify(options, [one for one in results if one.site not in forgotten], signum)
    found = read_health_after_crawl(options.archive, [result.site for result in results])
    if options.as_json:
        click.echo(
            json.dumps([{**r.as_json(), "health": found.get(r.site)} for r in results], ensure_ascii=False, indent=2)
        )
    elif not options.quiet:
        _print_results(options.archive, [one for one in results if one.site not in forgotten], found)
    advice = read_advice_after_crawl(options.archive, [one.site for one in results if one.outcome == "failed"])
    for result in results:
        if result.outcome in ("failed", "waiting"):
            more = _NOT_ADDED if result.site in forgotten else advice.get(result.site, "")
            click.echo(f"Error: {result.reason} {more}".rstrip(), err=True)
    if not all(result.clean for result in results):
        interrupted = any(result.outcome == "interrupted" for result in results)
        sys.exit(128 + (signum or signal.SIGINT) if interrupted else 1)
    if any(has_unusable_content(health) for health in found.values()):
        sys.exit(1)


def _with_demo_archive(options: CrawlOptions) -> CrawlOptions:
    """Returns the options for crawling the demonstration blog, which never shares an archive with sites of a person."""
    if not options.demo:
        note_other_archive(options.archive, is_needed=True)
        if not is_default("archive"):
            raise click.UsageError(
                f"There is no site in {options.archive}: 'archiver crawl URL' crawls one, --demo the demonstration."
            )
        if not options.is_silent:
            print_notice(
                f"There is no archive with sites at {options.archive}, so the demonstration blog is crawled, into "
                f"{DEMO_ARCHIVE}. 'archiver crawl URL' crawls a site."
            )
    if is_default("archive"):
        options = replace(options, archive=DEMO_ARCHIVE)
    if options.sites or any(row["start_url"] != DEMONSTRATION for row in read_sites(options.archive)):
        raise click.UsageError("The demonstration has an archive of its own: leave out its sites, or --demo.")
    return replace(options, demo=True)


_NOT_ADDED = "Check the address; nothing was added to the archive."


def _forget_unanswered_sites(archive: str, new: Iterable[CrawlResult]) -> set[str]:
    """Removes the sites of these results whose address turned out to be wrong, and returns their names."""
    failed = [one.site for one in new if one.outcome == "failed"]
    if not failed or not Path(archive).exists():
        return set()
    with opened(archive) as db:
        sites = {row["name"] for row in db.query("select * from sites")}
        return {name for name in failed if name in sites and forget_unanswered_site(db, name)}


def _run_crawls(options: CrawlOptions) -> tuple[list[CrawlResult], int]:
    """Crawls the selected sites; if the demonstration blog is among them, serves it until they are done. Returns a
    result per site and the number of the signal that ended the crawls (0 for none).
    """
    known = read_sites(options.archive)
    settings = {row["name"]: row["settings"] for row in known}
    note_other_archive(options.archive, quiet=options.is_silent)
    urls = [DEMONSTRATION] if options.demo else select_start_urls(options.sites, options.tag, known)
    if not options.as_site:
        for url in urls:
            refuse_post(options.archive, url, known)
    names = [Scope.of(url).name for url in urls]
    for name in () if options.is_silent else names:
        if settings.get(name, {}).get("crawl") is False:
            print_notice(
                f"{name} has crawl=no, so only a crawl that names it fetches it: 'archiver sites set {name} crawl=yes' "
                "changes that."
            )
    check_page_objects_of(options.archive, urls, known)
    plans = [
        make_plan(url, settings.get(name, {}), options.delay, options.contact, known=name in settings)
        for url, name in zip(urls, names, strict=True)
    ]
    # With one connection, the articles get the numbers that the documentation shows.
    plans = [replace(plan, connections=1) if plan.url == DEMONSTRATION else plan for plan in plans]
    with serve_demonstration(known) if DEMONSTRATION in urls else nullcontext():
        return run_plans(plans, options.order(), options.workers)


def _index_and_notify(options: CrawlOptions, results: list[CrawlResult], signum: int) -> None:
    """Updates the search index and sends notifications after a crawl. Does nothing if the signal `signum` ended it."""
    if signum:
        return
    if not any(result.outcome == "failed" for result in results):
        update_search_index(options.archive, quiet=options.is_silent)
    if Path(options.archive).exists():  # if the archive was deleted during the crawl, the results say so
        notify_after_runs(Path(options.archive), {result.site for result in results}, print_notice)


def _print_results(archive: str, results: list[CrawlResult], found: dict[str, dict[str, Any]]) -> None:
    lines = [
        line
        for result in results
        for line in (
            *format_run_summary(result.as_json(), archive),
            *note_posts_outside(archive, result.site),
            *format_health(found.get(result.site)),
        )
    ]
    if len(results) == 1:
        lines += suggest_commands(archive, results[0].site, results[0].counts)
    for line in lines:
        click.echo(line)
