"""`archiver crawl`: one run over each site, and what came of it."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archiver.commands.crawls.log import hear_notices, on_screen
from archiver.commands.crawls.plan import Order, Plan, Result, by_host, cores, never_begun
from archiver.commands.health.tell import after_runs
from archiver.commands.index import after_writing
from archiver.commands.options import archive_option, json_option, manners_options, tag_option
from archiver.commands.summary import health_lines, healths, nothing_found, search_hints, summary_lines
from archiver.commands.takedowns import finish_waiting
from archiver.errors import ArchiveInUse, ArchiverError
from archiver.sites.effective import settings_in
from archiver.spiders.contact import contact_for, delay_for
from archiver.spiders.lock import HostInUse
from archiver.store.connect import open_archive
from archiver.store.requisites import MODES
from archiver.store.runs import Counts
from archiver.store.tags import tags_of_sites
from archiver.urls import Scope, start_address

if TYPE_CHECKING:
    from archiver.spiders.crawl_run import Only

@click.command(short_help="Crawl sites into the archive.")
@click.argument("sites", nargs=-1, metavar="[SITE|URL]...")
@archive_option
@tag_option("tag", help="Crawl the sites with this tag.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="End each run after N posts.")
@click.option("--full", is_flag=True, help="Revisit every page, not only what changed.")
@click.option("--missing", is_flag=True,
              help="Fetch only what is missing: what failed or was never fetched, now, whenever it would be due.")
@click.option("--set-aside", is_flag=True, help="As --missing, and what a crawl set aside as leading nowhere, too.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE",
              help="Leave posts alone that a feed, sitemap or API dates earlier.")
@click.option("--requisites", type=click.Choice(MODES), metavar="none|lead|all",
              help="What is captured beside each new or changed post: its lead image, all that its page needs to be "
                   "shown, or nothing [default: lead, or as set for the site].")
@click.option("--workers", type=click.IntRange(1, 64), default=4, show_default=True, metavar="N",
              help="How many sites are crawled at the same time, over as many of the cores as that takes.")
@manners_options
@click.option("--demo", is_flag=True, help="Crawl the demonstration blog, whatever else the archive holds.")
@click.option("--quiet", is_flag=True, help="No progress and no summary; only errors.")
@json_option
def crawl(sites: tuple[str, ...], archive: str, tag: str | None, limit: int | None, full: bool, missing: bool,
          set_aside: bool, since: Any, requisites: str | None, workers: int, delay: float | None, contact: str | None,
          demo: bool, quiet: bool, as_json: bool) -> None:
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
    if full and (missing or set_aside):
        raise click.UsageError("--full asks for every page, --missing and --set-aside for what is missing: use one.")
    only: Only = "set-aside" if set_aside else "missing" if missing else ""
    with ExitStack() as stack:
        known = _known_sites(archive)
        settings = {row["start_url"]: row["settings"] for row in known}
        sites += tuple(row["name"] for row in known if tag and tag in row["tags"])
        if tag and not sites:
            raise click.UsageError(f"No site has the tag {tag!r}: 'archiver sites tag {tag} SITE' gives it to one.")
        left = {url for url, own in settings.items() if own.get("crawl") is False}
        urls = _addresses(sites, {row["name"]: row["start_url"] for row in known}, demo, stack, left)
        plans = [plan_of(url, settings.get(url, {}), delay, contact, known=url in settings) for url in urls]
        order = Order(Path(archive), limit or 0, full, since.date().isoformat() if since else "", only,
                      requisites or "", progress=not quiet and not as_json, quiet=quiet or as_json)
        results, signum = run(plans, order, workers)
    if not signum and not any(result.outcome == "failed" for result in results):
        after_writing(archive, quiet=quiet or as_json)
    if not signum and Path(archive).exists():  # it may have been taken away, which the runs have told
        after_runs(Path(archive), {result.site for result in results})
    found = healths(archive, (result.site for result in results))
    if as_json:
        click.echo(json.dumps([{**r.as_json(), "health": found.get(r.site)} for r in results], ensure_ascii=False,
                              indent=2))
    elif not quiet:
        for result in results:
            for line in summary_lines(result.as_json(), archive):
                click.echo(line)
            for line in (*nothing_found(archive, result.site, result.outcome), *health_lines(found.get(result.site))):
                click.echo(line)
        for line in search_hints(archive, results[0].counts.new if len(results) == 1 else 0):
            click.echo(line)
    for result in results:
        if result.outcome in ("failed", "waiting"):
            click.echo(f"Error: {result.reason}", err=True)
    if not all(r.clean for r in results):
        interrupted = any(r.outcome == "interrupted" for r in results)
        sys.exit(128 + (signum or signal.SIGINT) if interrupted else 1)


def run(plans: list[Plan], order: Order, workers: int) -> tuple[list[Result], int]:
    """Crawl all plans, `workers` hosts at a time, over the cores that there are; a result for each, in their order, and
    the signal that ended them (0: none).

    One host, or one core, is crawled in this process: a second one would cost its start and its memory for nothing.
    Raises what opening the archive raises, before the first request.
    """
    open_archive(order.archive, create=True).close()
    finish_waiting(order.archive)
    processes = min(workers, cores(), len(by_host(plans)))
    if processes > 1:
        from archiver.commands.crawls.apart import crawl_apart

        came, signum = crawl_apart(plans, order, workers, processes)
    else:
        from archiver.commands.crawls.here import crawl_here

        hear_notices(None if order.quiet else on_screen)
        came, signum = crawl_here(plans, order, workers)
    results: list[Result] = []
    for index, plan in enumerate(plans):
        one = came.get(index) or never_begun(plan)
        if isinstance(one, ArchiveInUse | HostInUse) and len(plans) > 1:
            # Another command or the scheduler is at it; the others were crawled, and are told of.
            one = Result(Scope.of(plan.url).name, plan.url, "waiting", str(one), 0.0, Counts(), ())
        if isinstance(one, ArchiverError):
            raise one
        results.append(one)
    return results, signum


def plan_of(url: str, settings: dict[str, Any], delay: float | None, contact: str | None, *,
            known: bool = False) -> Plan:
    """What the command line says goes before the site's own settings, and these before the defaults. Whether there is
    a host of this name is seen by the run where the site is `known`, and now where it was typed."""
    own_delay = settings.get("delay")
    return Plan(url, delay_for(url, own_delay if delay is None else delay),
                contact_for(url, contact or settings.get("contact"), known=known))


def _addresses(sites: tuple[str, ...], known: dict[str, str], demo: bool, stack: ExitStack,
               left: Collection[str] = ()) -> list[str]:
    """The start addresses that the words of the command line mean; the demonstration blog is started where needed.

    Those in `left` are crawled only where they are named.
    """
    if sites:
        urls = [known.get(word.removeprefix("www.").rstrip("/")) or start_address(word) for word in sites]
    else:
        urls = [] if demo else [url for url in known.values() if url not in left]
        if known and not urls and not demo:
            raise click.UsageError("No site of the archive is to be crawled unless it is named; 'archiver sites list' "
                                   "shows them, 'archiver sites set SITE crawl=yes' has one crawled with the others.")
    from archiver.demo import HOST, PORT, serve

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
    db = open_archive(archive, read_only=True)
    try:
        settings, tags = settings_in(db), tags_of_sites(db)
        return [{**row, "settings": settings(row), "tags": tags.get(row["id"], ())} for row in db.table("sites").rows]
    finally:
        db.close()
