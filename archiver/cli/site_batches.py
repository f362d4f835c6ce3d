"""`sites check`: what can be expected of sites, from a few pages of each, before they are crawled."""

from __future__ import annotations

import csv
import io
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from archiver.cli.options import archive_option, json_option, manners_options, read_bytes, tag_option
from archiver.cli.terminal import count_noun, open_output, print_json, print_line, print_lines
from archiver.errors import ArchiverError
from archiver.scheduling.crawl_plan import CrawlOrder, CrawlPlan, host_of, plan_of
from archiver.storage.connection import writing
from archiver.storage.locks import lock_host
from archiver.urls import Scope

# `sites import`, `sites export` and `sites tag`.

_SHOWN = 50


@click.command("import", short_help="Enter sites from lists: OPML, CSV, text.")
@click.argument("files", metavar="FILE|-...", type=click.Path(), nargs=-1, required=True)
@tag_option("tags", multiple=True, help="Give all of them this tag, too.")
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Set this for all of them, where the list does not."
)
@click.option("--dry-run", is_flag=True, help="Read the lists, and enter nothing.")
@json_option
@archive_option
def import_(
    files: tuple[str, ...], tags: tuple[str, ...], settings: tuple[str, ...], dry_run: bool, as_json: bool, archive: str
) -> None:
    """Enter sites from lists, without crawling them yet. An archive that does not exist is made.

    A list is OPML, as feed readers write it; CSV, with a column url and on wish feed, tags and any setting; or text,
    an address a line, with tags behind it. A line that is not understood is told, and the others are entered. What is
    there already keeps its settings, but for those that the list has, and gets the tags.

    \b
    Examples:
      archiver sites import feeds.opml --tag news
      archiver sites import blogs.csv blogs.txt --set cadence=adaptive:6h..7d
      archiver sites import blogs.txt --dry-run

    \b
    Exit code: 0 all was understood; 1 some lines were not; 2 wrong usage.
    """
    from archiver.sites.site_lists import SiteEntry, read_site_list
    from archiver.storage.connection import opened
    from archiver.storage.sites import EnteredSites, SiteToEnter, enter_sites, read_setting

    for_all = dict(read_setting(text) for text in settings)
    wanted: list[SiteToEnter] = []
    problems: list[dict[str, Any]] = []
    for file in files:
        shown = "standard input" if file == "-" else file
        for one in read_site_list(read_bytes(file), shown):
            if isinstance(one, SiteEntry):
                wanted.append(SiteToEnter(one.url, one.feed, (*one.tags, *tags), for_all | one.settings))
            else:
                problems.append({"file": shown, "line": one.line, "why": one.why})
    done = EnteredSites(added=0)
    if not dry_run and wanted:
        with opened(archive, create=True) as db:
            done = enter_sites(db, wanted, datetime.now(UTC))
    if as_json:
        print_json(
            {
                "read": len(wanted),
                "added": done.added,
                "known": done.known,
                "changed": done.changed,
                "problems": problems,
            }
        )
    else:
        for problem in problems[:_SHOWN]:
            click.echo(f"{problem['file']}, line {problem['line']}: {problem['why']}.", err=True)
        if len(problems) > _SHOWN:
            click.echo(f"... and {len(problems) - _SHOWN:,} more; --json tells all.", err=True)
        there = f", {done.known:,} {'was' if done.known == 1 else 'were'} there ({done.changed:,} changed)"
        click.echo(
            f"{count_noun(len(wanted), 'site')} read; nothing was entered"
            if dry_run
            else f"{count_noun(done.added, 'site')} added{there if done.known else ''}"
            + (f"; {count_noun(len(problems), 'problem')}" if problems else "")
        )
    if problems:
        sys.exit(1)


@click.command(short_help="Write the sites as a list: CSV, OPML or text.")
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(["csv", "opml", "text"]),
    default="csv",
    show_default=True,
    help="What 'sites import' reads, too.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE|-",
    type=click.Path(),
    default="-",
    help="Write to this file [default: standard output].",
)
@tag_option("tag", help="Only the sites with this tag.")
@archive_option
def export(form: str, output: str, tag: str | None, archive: str) -> None:
    """Write the sites of the archive as a list, with their tags and settings.

    \b
    Examples:
      archiver sites export -o sites.csv
      archiver sites export -f opml --tag news -o news.opml
    """
    from archiver.storage.connection import opened
    from archiver.storage.sites import list_sites, tags_of_sites

    with opened(archive, read_only=True) as db:
        tags = tags_of_sites(db)
        rows = [{**row, "tags": tags.get(row["id"], ())} for row in list_sites(db)]
    rows = [row for row in rows if tag is None or tag in row["tags"]]
    with open_output(output) as out:
        out.write({"csv": _as_csv, "opml": _as_opml, "text": _as_text}[form](rows))


@click.command(short_help="Give sites a tag, or take it back.")
@click.argument("tag")
@click.argument("names", metavar="SITE...", nargs=-1, required=True)
@click.option("--remove", is_flag=True, help="Take the tag back.")
@archive_option
def tag(tag: str, names: tuple[str, ...], remove: bool, archive: str) -> None:
    """Give sites a tag, or take it back. Sites with a tag are a group.

    What holds for a group stands in archiver.toml, under [groups.TAG], as in 'sites set'; 'crawl --tag' crawls one.

    \b
    Examples:
      archiver sites tag news example.org other.example
      archiver sites tag news example.org --remove
    """
    from archiver.storage.connection import opened, writing
    from archiver.storage.sites import add_tags, find_site, read_tag, remove_tags

    name = read_tag(tag)
    with opened(archive) as db:
        sites = [find_site(db, site) for site in names]
        with writing(db):
            changed = sum((remove_tags if remove else add_tags)(db, site["id"], [name]) for site in sites)
    click.echo(
        f"{name}: {count_noun(changed, 'site')} {'left' if remove else 'joined'}"
        + ("" if changed == len(sites) else f", {len(sites) - changed:,} as before")
    )


def _as_csv(rows: list[dict[str, Any]]) -> bytes:
    used = sorted({key for row in rows for key in row["settings"]})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["url", "name", "tags", *used])
    for row in rows:
        writer.writerow(
            [
                row["start_url"],
                row["name"],
                ", ".join(row["tags"]),
                *(_said(row["settings"].get(key, "")) for key in used),
            ]
        )
    return text.getvalue().encode()


def _as_text(rows: list[dict[str, Any]]) -> bytes:
    return "".join(f"{row['start_url']}\n" for row in rows).encode()


def _as_opml(rows: list[dict[str, Any]]) -> bytes:
    from lxml import etree

    opml = etree.Element("opml", version="2.0")
    etree.SubElement(etree.SubElement(opml, "head"), "title").text = "Sites of the archive"
    body = etree.SubElement(opml, "body")
    for row in rows:
        told = {"text": row["name"], "type": "link", "htmlUrl": row["start_url"], "category": ",".join(row["tags"])}
        etree.SubElement(body, "outline", {**told, **{key: _said(value) for key, value in row["settings"].items()}})
    return etree.tostring(opml, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _said(value: Any) -> str:
    """A setting as 'sites set' reads it."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


_PAGES, _POSTS = 60, 10
_OF_SITES = ("delay", "contact", "private", "max_minutes")
"""Settings that hold for the check, too."""


@click.command(short_help="Look at sites before they are crawled: sources, platform, number of posts, fields.")
@click.argument("names", metavar="[SITE|URL]...", nargs=-1)
@tag_option("tag", help="The sites of the archive with this tag.")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    metavar="N",
    help="How many sites are looked at at the same time; of a host one after the other.",
)
@manners_options
@json_option
@archive_option
def check(
    names: tuple[str, ...],
    tag: str | None,
    workers: int,
    delay: float | None,
    contact: str | None,
    as_json: bool,
    archive: str,
) -> None:
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
        plans, refused = _plans(
            Path(archive), wanted, lambda url, settings: plan_of(url, settings, delay, contact), hosts
        )
        told = _reports(Path(folder) / "archive.db", plans, wanted, workers)
    if as_json:
        print_json([*told, *refused])
    else:
        for index, one in enumerate((*told, *refused)):
            _print(one, first=not index)
    if refused or any(one["outcome"] == "failed" or not one["posts"] for one in told):
        sys.exit(1)


def _plans(
    archive: Path,
    wanted: dict[str, dict[str, Any]],
    plan_for: Callable[[str, dict[str, Any]], CrawlPlan],
    hosts: ExitStack,
) -> tuple[list[CrawlPlan], list[dict[str, Any]]]:
    """A plan for each site that can be crawled, and why each other cannot. No crawl of the archive asks the hosts until
    `hosts` is closed."""
    plans: list[CrawlPlan] = []
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


def _reports(
    path: Path, plans: list[CrawlPlan], wanted: dict[str, dict[str, Any]], workers: int
) -> list[dict[str, Any]]:
    """Crawl a few posts of each site into an archive of its own, and report what that shows."""
    from archiver.health.health_report import trial_report
    from archiver.scheduling.process_pool import run_plans
    from archiver.storage.connection import opened
    from archiver.storage.sites import add_site

    with opened(path, create=True) as db:
        now = datetime.now(UTC)
        rows = {plan.url: add_site(db, plan.url, now)[0] for plan in plans}
        for url, row in rows.items():
            _limit(db, row["id"], wanted[url])
        run_plans(plans, CrawlOrder(path, limit=_POSTS, requisites="none", quiet=True), workers)
        return [
            trial_report(db, {**row, "platform": _platform(db, row["id"])}, plan.delay)
            for plan, row in zip(plans, rows.values(), strict=True)
        ]


def _wanted(archive: str, names: tuple[str, ...], tag: str | None) -> dict[str, dict[str, Any]]:
    """The start addresses that are looked at, with the settings that hold for each."""
    from archiver.sites.config import effective_settings
    from archiver.storage.connection import opened
    from archiver.storage.sites import tags_of_sites
    from archiver.urls import start_address

    if not Path(archive).exists() and names and not tag:
        return {start_address(name): {} for name in names}
    with opened(archive, read_only=True) as db:
        holds, tags = effective_settings(db), tags_of_sites(db)
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
        print_lines("")
    print_lines(print_line((one["site"], "bold"), f" ({one['platform']})" if one.get("platform") else ""))
    if one["outcome"] != "finished":
        print_lines(print_line((one["outcome"] or "not looked at", "bold red"), f": {one['reason']}", indent=2))
    if one["outcome"] in ("failed", "waiting") and not one["posts"]:  # that says it, but where it is robots.txt's
        if one.get("robots", {}).get("forbids_home"):
            print_lines(print_line(_robots(one["robots"]), indent=2))
        return
    print_lines(
        print_line(_robots(one["robots"]), indent=2),
        *(print_line(_source(source), indent=2) for source in one["sources"]),
    )
    if not one["posts"]:
        print_lines(
            print_line(
                ("no posts were found", "bold red"),
                "; 'archiver crawl' and 'archiver why URL' tell what its pages are taken for",
                indent=2,
            )
        )
        return
    more = " or more" if one["posts_at_least"] else ""
    days = f", of those read from {one['days'][0]} to {one['days'][1]}" if one["days"] else ""
    print_lines(
        print_line(
            f"about {count_noun(one['posts'], 'post')}{more}{days}; a first crawl takes {_hours(one['hours'])}",
            indent=2,
        )
    )
    if one["sampled"]:
        _print_sample(one)


def _print_sample(one: dict[str, Any]) -> None:
    """Which fields the posts that were read have."""
    have = ", ".join(f"{name} {share:.0%}" for name, share in one["fields"].items() if share)
    print_lines(print_line(f"of {count_noun(one['sampled'], 'post')} read: {have or 'nothing'}", indent=2))
    if one["missing"]:
        print_lines(print_line(f"none has {', '.join(one['missing'])}", indent=2))
    learned = (
        f"places of {', '.join(one['learned'])} in its template can be learned"
        if one["learned"]
        else ("its template is learned by the first 25 posts")
    )
    print_lines(print_line(learned, indent=2))


def _robots(robots: dict[str, Any]) -> str:
    if robots["forbids_home"]:
        return f"robots.txt forbids it ({robots['forbids_home']})"
    if robots["status"] is None:
        return "robots.txt could not be read"
    pause = f", asks for {robots['crawl_delay']:g} s between two requests" if robots["crawl_delay"] else ""
    return f"robots.txt allows it{pause}" if robots["status"] == 200 else "no robots.txt: nothing is forbidden"


def _source(source: dict[str, Any]) -> str:
    if source["outcome"] == "not-article":
        return f"{source['kind']}: {source['url']}"
    return f"no {source['kind']}: {source['reason'] or source['outcome']} ({source['url']})"


def _hours(hours: float) -> str:
    return "some minutes" if hours < 0.2 else f"{hours * 60:.0f} minutes" if hours < 2 else f"{hours:.0f} hours"
