"""`archiver crawl`: one run over each site, and what came of it."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from archiver.commands.options import archive_option, json_option
from archiver.commands.summary import search_hints, summary_lines
from archiver.errors import ArchiverError
from archiver.spiders.contact import contact_for, delay_for, user_agent
from archiver.store.connect import open_archive
from archiver.store.runs import Counts
from archiver.urls import start_address

GRACE = 5.0
"""Seconds that pages under way get to come in once a crawl is to end; what does not come is still due."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One site to crawl: where it starts, how long to wait between requests, who answers for it."""

    url: str
    delay: float
    contact: str


@dataclass(frozen=True, slots=True)
class Result:
    """How one run ended. `outcome` is finished, waiting (for the host), interrupted or failed."""

    site: str
    url: str
    outcome: str
    reason: str
    seconds: float
    counts: Counts
    failures: tuple[tuple[str, int], ...]
    due: int = 0

    @property
    def clean(self) -> bool:
        return self.outcome == "finished" and not self.counts.failed

    def as_json(self) -> dict[str, Any]:
        return {"site": self.site, "url": self.url, "outcome": self.outcome, "reason": self.reason,
                "seconds": round(self.seconds, 2), **asdict(self.counts), "due": self.due,
                "failures": dict(self.failures)}


@click.command(short_help="Crawl sites into the archive.")
@click.argument("sites", nargs=-1, metavar="[SITE|URL]...")
@archive_option
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="End each run after N posts.")
@click.option("--full", is_flag=True, help="Revisit every page, not only what changed.")
@click.option("--missing", is_flag=True,
              help="Fetch only what is missing: what failed or was never fetched, now, whenever it would be due.")
@click.option("--set-aside", is_flag=True, help="As --missing, and what a crawl set aside as leading nowhere, too.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE",
              help="Leave posts alone that a feed, sitemap or API dates earlier.")
@click.option("--workers", type=click.IntRange(1, 64), default=4, show_default=True, metavar="N",
              help="How many sites are crawled at the same time.")
@click.option("--delay", type=click.FloatRange(min=0), metavar="SECONDS",
              help="Seconds between two requests to one host [default: 0.5; 0 on loopback]. 0 is for a host you own.")
@click.option("--contact", envvar="ARCHIVER_CONTACT", show_envvar=True, metavar="MAIL|URL",
              help="How a site's owner reaches you; goes into the User-Agent.")
@click.option("--demo", is_flag=True, help="Crawl the demonstration blog, whatever else the archive holds.")
@click.option("--quiet", is_flag=True, help="No progress and no summary; only errors.")
@json_option
def crawl(sites: tuple[str, ...], archive: str, limit: int | None, full: bool, missing: bool, set_aside: bool,
          since: Any, workers: int, delay: float | None, contact: str | None, demo: bool, quiet: bool,
          as_json: bool) -> None:
    """Crawl sites into the archive.

    A SITE is a start address, or the name of a site that is in the archive already. Without one, every
    site of the archive is crawled; an archive that does not exist yet gets the demonstration blog
    that archiver brings along. A second crawl of a site asks only for what is new or changed.

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
    only = "set-aside" if set_aside else "missing" if missing else ""
    with ExitStack() as stack:
        known = _known_sites(archive)
        urls = _addresses(sites, {row["name"]: row["start_url"] for row in known}, demo, stack)
        settings = {row["start_url"]: json.loads(row["settings"] or "{}") for row in known}
        plans = [_plan(url, settings.get(url, {}), delay, contact) for url in urls]
        results, signum = run(plans, Path(archive), limit=limit or 0, full=full,
                              since=since.date().isoformat() if since else "", workers=workers, only=only,
                              progress=not quiet and not as_json, quiet=quiet or as_json)
    if as_json:
        click.echo(json.dumps([r.as_json() for r in results], ensure_ascii=False, indent=2))
    elif not quiet:
        for result in results:
            for line in summary_lines(result.as_json(), archive):
                click.echo(line)
        for line in search_hints(archive, results[0].counts.new if len(results) == 1 else 0):
            click.echo(line)
    for result in results:
        if result.outcome in ("failed", "waiting"):
            click.echo(f"Error: {result.reason}", err=True)
    if not all(r.clean for r in results):
        interrupted = any(r.outcome == "interrupted" for r in results)
        sys.exit(128 + (signum or signal.SIGINT) if interrupted else 1)


def run(plans: list[Plan], archive: Path, *, limit: int, full: bool, since: str, workers: int,
        progress: bool, quiet: bool, only: str = "") -> tuple[list[Result], int]:
    """Crawl all plans in this process, `workers` hosts at a time; a result for each, in their order, and the signal
    that ended them (0: none).

    `only` as in `spiders.opened.Only`.
    Raises what opening the archive raises, before the first request.
    """
    from scrapy.crawler import Crawler
    from scrapy.settings import Settings

    from archiver.commands.process import CrawlProcess, prepare_log
    from archiver.spiders.ending import broken
    from archiver.spiders.site import SiteSpider

    open_archive(archive, create=True).close()
    settings = Settings()
    settings.setmodule("archiver.settings", priority="project")
    settings.setdict({"ARCHIVE_PATH": str(archive), "PROGRESS": progress}, priority="cmdline")
    prepare_log(archive, settings, quiet=quiet)
    process = CrawlProcess(settings, GRACE)
    crawlers: dict[int, Crawler] = {}
    refused: list[ArchiverError] = []
    lost: dict[int, str] = {}
    waiting = _by_host(plans)

    async def one(index: int, plan: Plan) -> None:
        own = settings.copy()
        own.setdict({"DOWNLOAD_DELAY": plan.delay, "USER_AGENT": user_agent(plan.contact),
                     "CONCURRENT_REQUESTS_PER_DOMAIN": 1 if plan.delay else 4}, priority="cmdline")
        crawlers[index] = Crawler(SiteSpider, own)
        try:
            await _until_over(crawlers[index], process.crawl(crawlers[index], url=plan.url, full=full, limit=limit,
                                                             since=since, only=only))
        except ArchiverError as error:
            refused.append(error)
        except Exception as error:
            spider: Any = crawlers[index].spider
            if spider is None:
                logging.getLogger(__name__).exception("%s", plan.url)
                lost[index] = broken(plan.url, error).reason
            else:
                spider.broke(error)

    async def worker() -> None:
        while waiting:
            for index, plan in waiting.pop(0):
                if process.signum:
                    return
                await one(index, plan)
                await asyncio.sleep(plan.delay)

    async def everything() -> None:
        await asyncio.gather(*(worker() for _ in range(min(workers, len(waiting)))))
        asyncio.get_running_loop().call_soon(process.end)

    running = asyncio.get_event_loop().create_task(everything())
    process.start(stop_after_crawl=False)
    running.cancel()
    for crawler in crawlers.values():
        # The process was not allowed to wait for the pages under way.
        if crawler.spider is not None:
            crawler.spider.ended("stopped")  # type: ignore[attr-defined]
    if refused:
        raise refused[0]
    return [_result(plan, crawlers.get(index), lost.get(index, "")) for index, plan in enumerate(plans)], process.signum


async def _until_over(crawler: Any, task: asyncio.Task[None]) -> None:
    """Wait for a crawl; one that has ended early is not waited for until servers that say nothing have timed out."""
    while not task.done():
        await asyncio.wait({task}, timeout=1.0)
        stopped_at = getattr(crawler.spider, "stopped_at", None)
        if stopped_at is not None and time.monotonic() - stopped_at > GRACE:
            return
    await task


def _by_host(plans: list[Plan]) -> list[list[tuple[int, Plan]]]:
    """The plans with their places, those of one host together: they are crawled one after the other.

    Servers without a delay are this machine's own, and each port is one of them.
    """
    groups: dict[str, list[tuple[int, Plan]]] = {}
    for index, plan in enumerate(plans):
        parts = urlsplit(plan.url)
        groups.setdefault((parts.hostname or "") if plan.delay else parts.netloc, []).append((index, plan))
    return list(groups.values())


def _result(plan: Plan, crawler: Any, lost: str) -> Result:
    session = getattr(getattr(crawler, "spider", None), "session", None)
    if lost:
        return Result(plan.url, plan.url, "failed", lost, 0.0, Counts(), ())
    if session is None or session.result is None:
        return Result(plan.url, plan.url, "interrupted", "stopped before it began", 0.0, Counts(), ())
    end = session.result
    return Result(session.site_name, plan.url, end.outcome, end.reason, end.seconds, session.counts, end.failures,
                  end.due)


def _plan(url: str, settings: dict[str, Any], delay: float | None, contact: str | None) -> Plan:
    """What the command line says goes before the site's own settings, and these before the defaults."""
    own_delay = settings.get("delay")
    return Plan(url, delay_for(url, own_delay if delay is None else delay),
                contact_for(url, contact or settings.get("contact")))


def _addresses(sites: tuple[str, ...], known: dict[str, str], demo: bool, stack: ExitStack) -> list[str]:
    """The start addresses that the words of the command line mean; the demonstration blog is started where needed."""
    if sites:
        urls = [known.get(word.removeprefix("www.").rstrip("/")) or start_address(word) for word in sites]
    else:
        urls = [] if demo else list(known.values())
    from archiver.demo import HOST, PORT, serve

    blog = f"http://{HOST}:{PORT}/"
    if demo or not urls:
        urls.append(blog)
    if blog in urls:
        stack.enter_context(serve(port=PORT, edition=2 if blog in known.values() else 1))
    return list(dict.fromkeys(urls))


def _known_sites(archive: str) -> list[dict[str, Any]]:
    """The rows of the archive's sites."""
    if not Path(archive).exists():
        return []
    db = open_archive(archive, read_only=True)
    try:
        return list(db.table("sites").rows)
    finally:
        db.close()
