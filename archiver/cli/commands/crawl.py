"""`archiver crawl`: crawls sites, and prints a summary of each run.

Also finds the site of the archive that a mistyped address probably means.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

# Scrapy inspects the whole stack when it imports this. That takes a tenth of a second more from a deeper import.
import scrapy.core.downloader.contextfactory  # noqa: F401

from archiver.cli.commands.search import update_search_index
from archiver.cli.crawl_output import (
    format_health,
    format_run_summary,
    has_unusable_content,
    note_posts_outside,
    read_advice_after_crawl,
    read_health_after_crawl,
    suggest_commands,
)
from archiver.cli.shared_options import (
    DEMO_ARCHIVE,
    archive_option,
    is_default,
    json_option,
    log_format_option,
    note_other_archive,
    pass_options_as,
    politeness_options,
    refuse_file,
    tag_option,
    workers_option,
)
from archiver.cli.shell_completion import complete
from archiver.discovery.url_patterns import looks_like_post
from archiver.health.notification_channels import notify_after_runs
from archiver.model.errors import ArticleNotFound, ArticleRemoved, LooksLikePost, TagNotFound
from archiver.model.urls import Scope, start_address
from archiver.model.words import count_typos
from archiver.scheduling.crawl_plans import CommonOptions, CrawlResult, make_plan, print_notice
from archiver.scheduling.crawl_pool import run_plans
from archiver.sites.config import effective_settings
from archiver.storage.article_records import find_article
from archiver.storage.database import discard_empty_archive, opened, warn_of_clock
from archiver.storage.requisites import MODES
from archiver.storage.sites import current_site_names, forget_unanswered_site, tags_of_sites
from archiver.storage.stored_rules import page_objects_of_site

if TYPE_CHECKING:
    from archiver.spiders.crawl_order import Only


_DEMONSTRATION = "http://127.0.0.1:28080/"  # not imported from its module, which few crawls need
_MOST_TYPOS = 2
_LETTERS_PER_TYPO = 4


def find_similar_site(name: str, known: Iterable[str]) -> str:
    """Returns the known site name that is most similar to `name`: it differs only in the port, or in one or two
    characters. Returns "" if there is none.
    """
    found = [(distance, other) for other in known if other != name and (distance := _difference(name, other))]
    return min(found, default=(0, ""))[1]


def _difference(name: str, other: str) -> int:
    """Returns how much two similar names differ: the number of characters that must be changed, inserted or deleted to
    turn one into the other; 3 if they differ only in the port. Returns 0 if the names are not similar.
    """
    most = min(_MOST_TYPOS, len(name) // _LETTERS_PER_TYPO)
    distance = count_typos(name, other, most)
    if distance <= most:
        return distance
    return _MOST_TYPOS + 1 if _without_port(name) == _without_port(other) else 0


def _without_port(name: str) -> tuple[str, str]:
    host, _, path = name.partition("/")
    return host.partition(":")[0], path


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
    since: datetime | None
    requisites: str | None
    workers: int
    delay: float | None
    contact: str | None
    demo: bool
    as_site: bool
    quiet: bool
    log_format: str | None
    as_json: bool

    @property
    def is_silent(self) -> bool:
        """Returns True if neither progress nor hints are printed (--quiet or --json)."""
        return self.quiet or self.as_json

    def order(self) -> CommonOptions:
        only: Only = "set-aside" if self.set_aside else "missing" if self.missing else ""
        since = self.since.date().isoformat() if self.since else ""
        return CommonOptions(
            Path(self.archive),
            self.limit or 0,
            self.full,
            since,
            only,
            self.requisites or "",
            progress=not self.is_silent,
            quiet=self.is_silent,
            log_format=self.log_format or "",
        )


class _Day(click.DateTime):
    """The type of an option whose value is a day."""

    def __init__(self) -> None:
        super().__init__(["%Y-%m-%d"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is not a date. Use a day such as 2024-05-31.", param, ctx)


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
    type=_Day(),
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
@log_format_option
@json_option
@pass_options_as(CrawlOptions)
def crawl(options: CrawlOptions) -> None:
    """Crawl sites into the archive.

    SITE is the name of a site in the archive; URL is the start address of a site, which is added to the archive if it
    is new. Without arguments, all sites of the archive are crawled, except those that come from an import (crawl=no).
    If there is none, the demonstration blog is crawled, into output/demo.db. The second crawl of a site fetches only
    what is new or due for a revisit. If URL looks like one post, nothing is crawled: 'archiver add URL' archives
    single pages. On a terminal, you are asked which of the two you mean.

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
    if options.demo or not (options.sites or options.tag or _read_sites(options.archive)):
        options = _with_demo_archive(options)
    new_archive = not Path(options.archive).exists()
    known = {row["name"] for row in _read_sites(options.archive)}
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
    if options.sites or any(row["start_url"] != _DEMONSTRATION for row in _read_sites(options.archive)):
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


def _check_page_objects(archive: str, urls: Sequence[str], known: Collection[str]) -> None:
    """Prints a message for each file with page objects that cannot be used. Raises BadPageObject if all of the sites to
    crawl need such a file, so that none can be crawled. `known` are the names of the stored sites.
    """
    from archiver.sites.config import load_config

    if not load_config().page_objects:
        return
    from archiver.sites.page_objects import load_page_objects

    page_objects = load_page_objects()
    if not page_objects.broken:
        return
    used: dict[str, frozenset[str]] = {}
    if known:
        with opened(archive, read_only=True) as db:
            used = {url: page_objects_of_site(db, Scope.of(url).name) for url in urls}
    sites = [(urlsplit(url).netloc, used.get(url, frozenset())) for url in urls]
    if sites and all(any(one.concerns(*site) for one in page_objects.broken) for site in sites):
        page_objects.check_site(*sites[0])
    for one in page_objects.broken:
        click.echo(f"{one.error} Sites that it is not for are crawled.", err=True)


def _run_crawls(options: CrawlOptions) -> tuple[list[CrawlResult], int]:
    """Crawls the selected sites; if the demonstration blog is among them, serves it until they are done. Returns a
    result per site and the number of the signal that ended the crawls (0 for none).
    """
    with ExitStack() as stack:
        known = _read_sites(options.archive)
        settings = {row["name"]: row["settings"] for row in known}
        tag = options.tag
        sites = options.sites + tuple(row["name"] for row in known if tag and tag in row["tags"])
        if tag and not sites:
            raise TagNotFound(tag, {one for row in known for one in row["tags"]})
        excluded = {name for name, own in settings.items() if own.get("crawl") is False}
        note_other_archive(options.archive, quiet=options.is_silent)
        urls = _resolve_start_urls(
            sites, {row["name"]: row["start_url"] for row in known}, options.demo, stack, excluded
        )
        if not options.as_site:
            urls = [_ask_about_post(options, url, known) for url in urls]
        if known and not options.is_silent:
            _note_new_sites(options.archive, urls, {row["name"] for row in known})
        names = [Scope.of(url).name for url in urls]
        for name in map(shlex.quote, excluded.intersection(names) if not options.is_silent else ()):
            print_notice(
                f"{name} has crawl=no, so only a crawl that names it fetches it: 'archiver sites set {name} crawl=yes' "
                "changes that."
            )
        _check_page_objects(options.archive, urls, {row["name"] for row in known})
        plans = [
            make_plan(url, settings.get(name, {}), options.delay, options.contact, known=name in settings)
            for url, name in zip(urls, names, strict=True)
        ]
        # With one connection, the articles get the numbers that the documentation shows.
        plans = [replace(plan, connections=1) if plan.url == _DEMONSTRATION else plan for plan in plans]
        return run_plans(plans, options.order(), options.workers)


def _ask_about_post(options: CrawlOptions, url: str, known: Sequence[dict[str, Any]]) -> str:
    """Returns the start URL to crawl. This is `url` if it is the address of a site of the archive (`known`), or if it
    neither looks like a post nor leads to an article of the archive. Otherwise the person at the terminal chooses
    whether to crawl the site of the post, or to archive only the post, which ends the command. Raises LooksLikePost if
    there is no terminal.
    """
    if any(row["name"] == Scope.of(url).name for row in known):
        return url
    if not looks_like_post(url) and not (known and _is_article(options.archive, url)):
        return url
    parts = urlsplit(url)
    around = max(
        (row for row in known if Scope(row["host"], row["path"]).contains(url)),
        key=lambda row: len(row["path"]),
        default=None,
    )
    home = str(around["start_url"]) if around else f"{parts.scheme}://{parts.netloc}/"
    is_asked = len(options.sites) == 1 and sys.stdin.isatty() and sys.stderr.isatty() and not options.is_silent
    if not is_asked:
        raise LooksLikePost(url, home, known=around is not None)
    click.echo(f"{url} looks like one post.", err=True)
    chosen = click.prompt(
        f"Archive only this [page], or crawl the whole [site] {home}?",
        type=click.Choice(["page", "site"], case_sensitive=False),
        show_choices=False,
        prompt_suffix=" ",
        err=True,
    )
    if chosen == "site":
        return home
    from archiver.cli.commands.add_single_pages import add  # not at the top, because few crawls need it

    context = click.get_current_context()
    context.invoke(
        add,
        urls=(url,),
        archive=options.archive,
        requisites=options.requisites,
        delay=options.delay,
        contact=options.contact,
    )
    return context.exit(0)


def _is_article(archive: str, url: str) -> bool:
    """Returns True if the archive has an article that was seen at this URL."""
    with opened(archive, read_only=True) as db:
        try:
            return bool(find_article(db, url))
        except (ArticleNotFound, ArticleRemoved):
            return False


def _note_new_sites(archive: str, urls: Collection[str], known: Collection[str]) -> None:
    """Prints a notice for each URL that may be mistyped: it would add a new site whose name is almost that of a known
    one.
    """
    new = [name for name in (Scope.of(url).name for url in urls) if name not in known]
    if not new:
        return
    with opened(archive, read_only=True) as db:
        former = current_site_names(db)
    for name in new:
        if name not in former and (similar := find_similar_site(name, known)):
            print_notice(
                f"{name} is a new site; did you mean {similar}? 'archiver sites remove {shlex.quote(name)}' removes it."
            )


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


def _resolve_start_urls(
    sites: tuple[str, ...], known: dict[str, str], demo: bool, stack: ExitStack, excluded: Collection[str] = ()
) -> list[str]:
    """Returns the start URLs of the sites to crawl: of the given `sites` or, if there are none, of all sites of the
    archive (`known`) except those `excluded`; of the demonstration blog alone if `demo` is True.

    If the blog is among the sites, its server is started and stopped when `stack` is closed.
    """
    if demo:
        os.environ["no_proxy"] = "127.0.0.1"
        urls = [_DEMONSTRATION]
    elif sites:
        urls = [_start_url(word, known) for word in sites]
    else:
        urls = [url for name, url in known.items() if name not in excluded]
        if not urls:
            raise click.UsageError(
                "All sites of the archive have crawl=no. Name one ('archiver sites list' shows them), or use "
                "'archiver sites set SITE crawl=yes'."
            )
    if _DEMONSTRATION in urls:
        from archiver.demo.demo_blog import serve  # not at the top, because few crawls need it

        stack.enter_context(serve(edition=2 if _DEMONSTRATION in known.values() else 1))
    return list(dict.fromkeys(urls))


def _start_url(word: str, known: dict[str, str]) -> str:
    """Returns the start URL that a person means: the stored one of a `known` site, unless the word has a scheme."""
    if "://" not in word and (stored := known.get(word.removeprefix("www.").rstrip("/"))):
        return stored
    url = start_address(refuse_file(word))
    return url if "://" in word else known.get(Scope.of(url).name, url)


def _read_sites(archive: str) -> list[dict[str, Any]]:
    """Returns the rows of the archive's sites, each with its tags and effective settings; [] if the archive does not
    exist yet.
    """
    file = Path(archive)
    if not file.exists() or (file.is_file() and not file.stat().st_size):
        return []
    with opened(archive, read_only=True) as db:
        settings, tags = effective_settings(db), tags_of_sites(db)
        return [
            {**row, "settings": settings(row), "tags": tags.get(row["id"], ())}
            for row in db.query("select * from sites")
        ]
