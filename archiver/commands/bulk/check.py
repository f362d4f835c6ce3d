"""`sites check`: what can be expected of sites, from a few pages of each, before they are crawled."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from archiver.commands.crawls.plan import Order, Plan, host_of, plan_of
from archiver.commands.options import archive_option, json_option, manners_options, tag_option
from archiver.commands.screen import count, line, say, write_json
from archiver.errors import ArchiverError
from archiver.store.locks import lock_host
from archiver.store.transaction import writing
from archiver.urls import Scope

_PAGES, _POSTS = 60, 10
_OF_SITES = ("delay", "contact", "private", "max_minutes")
"""Settings that hold for the check, too."""


@click.command(short_help="Look at sites before they are crawled: sources, platform, number of posts, fields.")
@click.argument("names", metavar="[SITE|URL]...", nargs=-1)
@tag_option("tag", help="The sites of the archive with this tag.")
@click.option("--workers", type=click.IntRange(1, 64), default=4, show_default=True, metavar="N",
              help="How many sites are looked at at the same time; of a host one after the other.")
@manners_options
@json_option
@archive_option
def check(names: tuple[str, ...], tag: str | None, workers: int, delay: float | None, contact: str | None,
          as_json: bool, archive: str) -> None:
    """Look at sites before they are crawled, with at most 60 requests each: does robots.txt allow it, which feeds,
    sitemaps and API are there, which platform, about how many posts, and which fields ten of them have.

    It is a crawl like any other, polite and by robots.txt, into an archive that is thrown away. Without a name, the
    sites of the archive that were never crawled are looked at. Nothing is stored.

    \b
    Examples:
      archiver sites check https://blog.example.org
      archiver sites check --tag new --json

    \b
    Exit code: 0 all can be crawled; 1 one cannot, or shows no posts; 2 wrong usage.
    """
    wanted = _wanted(archive, names, tag)
    if not wanted:
        raise click.UsageError("No site is left to look at: name one, or its address.")
    with tempfile.TemporaryDirectory(prefix="archiver-check-") as folder, ExitStack() as hosts:
        plans, refused = _plans(Path(archive), wanted, lambda url, settings: plan_of(url, settings, delay, contact),
                                hosts)
        told = _reports(Path(folder) / "archive.db", plans, wanted, workers)
    if as_json:
        write_json([*told, *refused])
    else:
        for index, one in enumerate((*told, *refused)):
            _print(one, first=not index)
    if refused or any(one["outcome"] == "failed" or not one["posts"] for one in told):
        sys.exit(1)


def _plans(archive: Path, wanted: dict[str, dict[str, Any]], plan_for: Callable[[str, dict[str, Any]], Plan],
           hosts: ExitStack) -> tuple[list[Plan], list[dict[str, Any]]]:
    """A plan for each site that can be crawled, and why each other cannot. No crawl of the archive asks the hosts until
    `hosts` is closed."""
    plans: list[Plan] = []
    refused: list[dict[str, Any]] = []
    for url, settings in wanted.items():
        try:
            plan = plan_for(url, settings)
            if archive.exists() and host_of(plan) not in map(host_of, plans):
                hosts.enter_context(lock_host(archive, Scope.of(url).host))
            plans.append(plan)
        except ArchiverError as error:
            refused.append({"site": url, "start_url": url, "outcome": "failed", "reason": str(error)})
    return plans, refused


def _reports(path: Path, plans: list[Plan], wanted: dict[str, dict[str, Any]], workers: int) -> list[dict[str, Any]]:
    """Crawl a few posts of each site into an archive of its own, and report what that shows."""
    from archiver.commands.crawls.run_plans import run_plans
    from archiver.sites.report import report
    from archiver.store.connect import opened
    from archiver.store.sites import add_site

    with opened(path, create=True) as db:
        now = datetime.now(UTC)
        rows = {plan.url: add_site(db, plan.url, now)[0] for plan in plans}
        for url, row in rows.items():
            _limit(db, row["id"], wanted[url])
        run_plans(plans, Order(path, limit=_POSTS, requisites="none", quiet=True), workers)
        return [report(db, {**row, "platform": _platform(db, row["id"])}, plan.delay)
                for plan, row in zip(plans, rows.values(), strict=True)]


def _wanted(archive: str, names: tuple[str, ...], tag: str | None) -> dict[str, dict[str, Any]]:
    """The start addresses that are looked at, with the settings that hold for each."""
    from archiver.sites.effective import settings_in
    from archiver.store.connect import opened
    from archiver.store.tags import tags_of_sites
    from archiver.urls import start_address

    if not Path(archive).exists() and names and not tag:
        return {start_address(name): {} for name in names}
    with opened(archive, read_only=True) as db:
        holds, tags = settings_in(db), tags_of_sites(db)
        crawled = {row[0] for row in db.execute("select distinct site_id from runs")}
        known = {row["name"]: row for row in db.query("select * from sites order by name")}
        chosen = [known.get(Scope.of(start_address(name)).name) or {"start_url": start_address(name)} for name in names]
        chosen += [row for row in known.values() if tag and tag in tags.get(row["id"], ())]
        if not names and not tag:
            chosen = [row for row in known.values() if row["id"] not in crawled]
        return {row["start_url"]: holds(row) if "id" in row else {} for row in chosen}


def _limit(db: Any, site_id: int, settings: dict[str, Any]) -> None:
    import json

    kept = {key: settings[key] for key in _OF_SITES if key in settings}
    with writing(db):
        db.execute("update sites set settings = ? where id = ?", [json.dumps({**kept, "max_pages": _PAGES}), site_id])


def _platform(db: Any, site_id: int) -> str | None:
    found: str | None = db.execute("select platform from sites where id = ?", [site_id]).fetchone()[0]
    return found


def _print(one: dict[str, Any], *, first: bool) -> None:
    if not first:
        say("")
    say(line((one["site"], "bold"), f" ({one['platform']})" if one.get("platform") else ""))
    if one["outcome"] != "finished":
        say(line((one["outcome"] or "not looked at", "bold red"), f": {one['reason']}", indent=2))
    if one["outcome"] in ("failed", "waiting") and not one["posts"]:  # that says it, but where it is robots.txt's
        if one.get("robots", {}).get("forbids_home"):
            say(line(_robots(one["robots"]), indent=2))
        return
    say(line(_robots(one["robots"]), indent=2), *(line(_source(source), indent=2) for source in one["sources"]))
    if not one["posts"]:
        say(line(("no posts were found", "bold red"),
                 "; 'archiver crawl' and 'archiver why URL' tell what its pages are taken for", indent=2))
        return
    more = " or more" if one["posts_at_least"] else ""
    days = f", of those read from {one['days'][0]} to {one['days'][1]}" if one["days"] else ""
    say(line(f"about {count(one['posts'], 'post')}{more}{days}; a first crawl takes {_hours(one['hours'])}", indent=2))
    if one["sampled"]:
        _print_sample(one)


def _print_sample(one: dict[str, Any]) -> None:
    """Which fields the posts that were read have."""
    have = ", ".join(f"{name} {share:.0%}" for name, share in one["fields"].items() if share)
    say(line(f"of {count(one['sampled'], 'post')} read: {have or 'nothing'}", indent=2))
    if one["missing"]:
        say(line(f"none has {', '.join(one['missing'])}", indent=2))
    learned = f"places of {', '.join(one['learned'])} in its template can be learned" if one["learned"] else (
        "its template is learned by the first 25 posts")
    say(line(learned, indent=2))


def _robots(robots: dict[str, Any]) -> str:
    if robots["forbids_home"]:
        return f"robots.txt forbids it ({robots['forbids_home']})"
    if robots["status"] is None:
        return "robots.txt could not be read"
    pause = f", asks for {robots['crawl_delay']:g} s between two requests" if robots["crawl_delay"] else ""
    return (f"robots.txt allows it{pause}" if robots["status"] == 200 else "no robots.txt: nothing is forbidden")


def _source(source: dict[str, Any]) -> str:
    if source["outcome"] == "not-article":
        return f"{source['kind']}: {source['url']}"
    return f"no {source['kind']}: {source['reason'] or source['outcome']} ({source['url']})"


def _hours(hours: float) -> str:
    return "some minutes" if hours < 0.2 else f"{hours * 60:.0f} minutes" if hours < 2 else f"{hours:.0f} hours"
