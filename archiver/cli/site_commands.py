"""Subcommands of `archiver sites` for many sites: `import`, `export`, `set`, `tag`, `mute` and `check`."""

from __future__ import annotations

import csv
import io
import re
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from archiver.cli.shared_options import (
    archive_option,
    format_of_file,
    json_option,
    politeness_options,
    read_bytes,
    refuse_file,
    tag_option,
    workers_option,
)
from archiver.cli.shell_completion import complete
from archiver.cli.terminal_output import count_noun, open_output, print_json, print_lines, styled_line
from archiver.model.errors import ArchiverError
from archiver.model.urls import Scope
from archiver.scheduling.crawl_plans import CommonOptions, CrawlPlan, host_of, make_plan
from archiver.storage.transactions import lock_host, writing

if TYPE_CHECKING:
    pass

# `sites import`, `sites export` and `sites tag`.

_SHOWN = 50


@click.command("import", short_help="Add sites from OPML, CSV or text files.")
@click.argument("files", metavar="FILE|-...", type=click.Path(), nargs=-1, required=True)
@tag_option("tags", multiple=True, help="Add this tag to all of them; may be repeated.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting for all of them, unless the list has its own.",
)
@click.option("--dry-run", is_flag=True, help="Read the lists, but add nothing.")
@json_option
@archive_option
def import_(
    files: tuple[str, ...], tags: tuple[str, ...], settings: tuple[str, ...], dry_run: bool, as_json: bool, archive: str
) -> None:
    """Add sites from files, without crawling them yet. The archive is created if it does not exist.

    A file is OPML, as exported by feed readers; CSV, with a column url and optionally feed, tags and any setting; or
    text, with one URL per line, optionally followed by tags. Invalid lines are reported, and the sites of the other
    lines are added. Sites that are already in the archive get the tags and settings of the list, and keep their other
    settings.

    \b
    Examples:
      archiver sites import feeds.opml --tag news
      archiver sites import blogs.csv blogs.txt --set cadence=adaptive:6h..7d
      archiver sites import blogs.txt --dry-run

    Exit code: 0 all lines were valid; 1 some were not; 2 wrong usage.
    """
    from archiver.sites.site_list_reader import SiteEntry, read_site_list
    from archiver.storage.database import opened
    from archiver.storage.sites import EnteredSites, SiteToEnter, enter_sites, read_setting

    for_all = dict(read_setting(text) for text in settings)
    selected: list[SiteToEnter] = []
    problems: list[dict[str, Any]] = []
    for file in files:
        shown = "standard input" if file == "-" else file
        for one in read_site_list(read_bytes(file), shown):
            if isinstance(one, SiteEntry):
                own = for_all | one.settings
                selected.append(SiteToEnter(one.url, one.feed, (*one.tags, *tags), own, one.is_exact))
            else:
                problems.append({"file": shown, "line": one.line, "why": one.why})
    done = EnteredSites(added=0)
    if not dry_run and selected:
        with opened(archive, create=True) as db:
            done = enter_sites(db, selected, datetime.now(UTC))
    if as_json:
        print_json(
            {
                "read": len(selected),
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
            click.echo(f"... and {len(problems) - _SHOWN:,} more; --json lists all.", err=True)
        known = f", {done.known:,} already known ({done.changed:,} changed)"
        click.echo(
            f"{count_noun(len(selected), 'site')} read; nothing was added"
            if dry_run
            else f"{count_noun(done.added, 'site')} added{known if done.known else ''}"
            + (f"; {count_noun(len(problems), 'problem')}" if problems else "")
        )
    if problems:
        sys.exit(1)


@click.command(short_help="Write the list of sites as CSV, OPML or text.")
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(["csv", "opml", "text"], case_sensitive=False),
    help="Format of the list; 'sites import' reads all of them  [default: as the extension of FILE says, or csv]",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE|-",
    type=click.Path(),
    default="-",
    help="Write to this file  [default: standard output]",
)
@tag_option("tag", help="Only the sites with this tag.")
@archive_option
def export(form: str | None, output: str, tag: str | None, archive: str) -> None:
    """Write a list of the sites of the archive. CSV and OPML include their tags and settings.

    \b
    Examples:
      archiver sites export -o sites.csv
      archiver sites export --tag news -o news.opml
    """
    from archiver.storage.database import opened
    from archiver.storage.sites import list_sites, site_ids_with_tag, tags_of_sites

    with opened(archive, read_only=True) as db:
        tags = tags_of_sites(db)
        chosen = site_ids_with_tag(db, tag) if tag else None
        rows = [{**row, "tags": tags.get(row["id"], ())} for row in list_sites(db)]
    rows = [row for row in rows if chosen is None or row["id"] in chosen]
    form = format_of_file(output, form, {".csv": ("csv",), ".opml": ("opml",), ".txt": ("text",)}, "csv")
    with open_output(output) as out:
        out.write({"csv": _as_csv, "opml": _as_opml, "text": _as_text}[form](rows))


@click.command(short_help="Add a tag to sites, or remove it.")
@click.argument("tag", shell_complete=complete("site tag"))
@click.argument("names", metavar="SITE...", nargs=-1, required=True, shell_complete=complete("site"))
@click.option("--remove", is_flag=True, help="Remove the tag.")
@archive_option
def tag(tag: str, names: tuple[str, ...], remove: bool, archive: str) -> None:
    """Add a tag to sites, or remove it.

    Sites with the same tag are a group: archiver.toml can contain settings for the group in [groups.TAG], and 'crawl
    --tag TAG' crawls it.

    \b
    Examples:
      archiver sites tag news example.org other.example
      archiver sites tag news example.org --remove
    """
    from archiver.storage.database import opened
    from archiver.storage.sites import add_tags, find_site, read_tag, remove_tags
    from archiver.storage.transactions import writing

    name = read_tag(tag)
    with opened(archive) as db:
        known = {row["name"] for row in db.query("select * from sites")}
        if tag in known and not known & set(names):
            raise click.UsageError(f"The tag comes first: 'archiver sites tag {shlex.quote(names[0])} {tag}'.")
        sites = [find_site(db, site) for site in names]
        with writing(db):
            changed = sum((remove_tags if remove else add_tags)(db, site["id"], [name]) for site in sites)
    click.echo(
        f"{name}: {'removed from' if remove else 'added to'} {count_noun(changed, 'site')}"
        + ("" if changed == len(sites) else f", {len(sites) - changed:,} unchanged")
    )


@click.command(short_help="Send no notifications about sites until a date.")
@click.argument("names", metavar="[SITE]...", nargs=-1, shell_complete=complete("site"))
@tag_option("tag", help="The sites with this tag.")
@click.option("--until", metavar="DATE", help="When the mute ends: 2026-12-24, or 2026-12-24T18:00 (UTC).")
@click.option("--why", metavar="TEXT", help="The reason, which 'archiver status' shows.")
@click.option("--off", is_flag=True, help="End the mute now.")
@json_option
@archive_option
def mute(
    names: tuple[str, ...],
    tag: str | None,
    until: str | None,
    why: str | None,
    off: bool,
    as_json: bool,
    archive: str,
) -> None:
    """Send no notifications about sites until a date.

    The sites are crawled, and 'archiver status' shows their findings, as before. When the mute ends, findings that
    still exist are sent. A new mute replaces the earlier one.

    \b
    Examples:
      archiver sites mute blog.example.org --until 2026-12-24 --why "the owner moves the server"
      archiver sites mute --tag news --until 2026-12-24T18:00 --why maintenance
      archiver sites mute blog.example.org --off
    """
    from archiver.storage.database import opened
    from archiver.storage.sites import Mute, find_site, list_sites, mute_sites, tags_of_sites

    if not names and tag is None:
        raise click.UsageError("Name a SITE, or use --tag.")
    reason = " ".join((why or "").split())
    if (until is not None or why is not None) if off else (until is None or not reason):
        raise click.UsageError("Use either --until and --why together, or --off without them.")
    chosen = None if until is None else Mute(_read_end_of_mute(until, datetime.now(UTC)), reason)
    with opened(archive) as db:
        tags = tags_of_sites(db)
        selected = {row["id"]: row["name"] for row in (find_site(db, name) for name in names)}
        selected |= {
            row["id"]: row["name"] for row in (list_sites(db) if tag else ()) if tag in tags.get(row["id"], ())
        }
        if not selected:
            raise click.UsageError(f"No site has the tag {tag!r}.")
        with writing(db):
            mute_sites(db, selected, chosen)
    if as_json:
        print_json([{"site": name, "muted": chosen.as_json() if chosen else None} for name in selected.values()])
        return
    for name in selected.values():
        click.echo(f"{name}: {chosen or 'not muted'}")


def _read_end_of_mute(text: str, now: datetime) -> datetime:
    """Parses the time in --until, which must be later than `now`. A time without a zone is taken as UTC."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not a date. Use 2026-12-24, or 2026-12-24T18:00 with a time in UTC.", param_hint="--until"
        ) from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if at <= now:
        raise click.BadParameter(f"{text!r} is in the past: a mute must end in the future.", param_hint="--until")
    return at


_SETTING = re.compile(r"[a-z_]+ *=", re.IGNORECASE)
"""Matches the start of a word of the form KEY=VALUE. A URL with a query (`?key=value`) does not match."""


@click.command("set")
@click.argument("words", metavar="[SITE]... KEY=VALUE...", nargs=-1, required=True, shell_complete=complete("site"))
@tag_option("tag", help="Also the sites with this tag.")
@json_option
@archive_option
def set_(words: tuple[str, ...], tag: str | None, as_json: bool, archive: str) -> None:
    """Change settings of sites; an empty VALUE restores the default. 'archiver sites show SITE' lists the settings.

    Several sites are changed together or, if one of them is not in the archive, not at all.

    \b
    Examples:
      archiver sites set blog.example.org delay=2 revisit_days=14
      archiver sites set blog.example.org other.example delay=
      archiver sites set --tag news 'blackout=mon-fri 08:00-18:00 Europe/Berlin'
    """
    from archiver.storage.database import opened
    from archiver.storage.sites import SITE_SETTINGS, find_site, read_setting, set_settings, site_ids_with_tag

    known = {one.name for one in SITE_SETTINGS}
    settings = [word for word in words if _SETTING.match(word) or word in known]
    changes = dict(map(read_setting, settings))
    names = [word for word in words if word not in settings]
    if not changes:
        raise click.UsageError("Give the settings to change as KEY=VALUE.")
    if not names and not tag:
        raise click.UsageError("Name the sites to change, or select them with --tag.")
    with opened(archive) as db:
        chosen = {site["name"]: site for site in (find_site(db, name) for name in names)}
        if tag:
            tagged = site_ids_with_tag(db, tag)
            chosen |= {row["name"]: row for row in db.query("select * from sites order by name") if row["id"] in tagged}
        rows = set_settings(db, chosen, changes)
    if as_json:
        print_json(rows[0] if len(names) == 1 and not tag else rows)
    elif len(rows) == 1:
        shown = ", ".join(f"{name}={value}" for name, value in rows[0]["settings"].items())
        click.echo(f"{rows[0]['name']}: {shown or 'all settings have their defaults'}")
    else:
        shown = ", ".join(f"{name}={'the default' if value is None else value}" for name, value in changes.items())
        click.echo(f"{count_noun(len(rows), 'site')}: {shown}")


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
                *(_format_setting(row["settings"].get(key, "")) for key in used),
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
        outline = {"text": row["name"], "type": "link", "htmlUrl": row["start_url"], "category": ",".join(row["tags"])}
        etree.SubElement(
            body, "outline", {**outline, **{key: _format_setting(value) for key, value in row["settings"].items()}}
        )
    return etree.tostring(opml, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _format_setting(value: Any) -> str:
    """Formats a setting's value in the form that `archiver sites set` reads."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


# `sites check`.

_MAX_PAGES, _MAX_POSTS = 60, 10
_USED_SETTINGS = ("delay", "contact", "private", "max_minutes")
"""The settings of a site on which `sites check` depends."""


@click.command(short_help="Probe sites before a crawl: sources, platform, number of posts, fields.")
@click.argument("names", metavar="[SITE|URL]...", nargs=-1, shell_complete=complete("site"))
@tag_option("tag", help="Check the sites of the archive with this tag.")
@workers_option("How many sites to check at the same time (one per host).")
@politeness_options
@click.option(
    "--rules", metavar="FILE", type=click.Path(), help="Use the site rules (TOML) in this file to read the sample."
)
@json_option
@archive_option
def check(
    names: tuple[str, ...],
    tag: str | None,
    workers: int,
    rules: str | None,
    as_json: bool,
    archive: str,
    **politeness: Any,
) -> None:
    """Probe sites before a crawl, with at most 60 requests each: what robots.txt allows, which feeds, sitemaps and APIs
    there are, which platform is used, about how many posts there are, and which fields a sample of ten has.

    This is a polite crawl that obeys robots.txt, into a temporary archive; nothing is stored. Without a name, the sites
    of the archive that were never crawled are checked. The sample is extracted with the site's hand-written rules
    ('sites rules'), or with those in the file of --rules; the command lists the rules that found nothing, with the
    number of posts. It also lists the page objects that are used, and the fields for which they failed.

    \b
    Examples:
      archiver sites check https://blog.example.org
      archiver sites check --tag new --json
      archiver sites check https://blog.example.org --rules rules.toml

    Exit code: 0 all sites can be crawled; 1 a site cannot be crawled or has no posts, or a page object failed or cannot
    be used; 2 wrong usage.
    """
    from archiver.sites.page_objects import load_page_objects

    selected = _select_sites(archive, names, tag)
    if not selected:
        raise click.UsageError("All sites of the archive have been crawled. Name a site or give its URL.")
    given = _read_rules(rules) if rules else ""
    stored = {} if rules else _stored_rules(Path(archive), selected)
    with tempfile.TemporaryDirectory(prefix="archiver-check-") as folder, ExitStack() as hosts:
        plans, refused = _plan_checks(
            Path(archive), selected, lambda url, settings: make_plan(url, settings, **politeness), hosts
        )
        rules_of = dict.fromkeys(selected, given) if rules else stored
        reports = _crawl_samples(Path(folder) / "archive.db", plans, selected, workers, rules_of)
    reports = [{**one, "stored_rules": one["start_url"] in stored} for one in reports]
    if as_json:
        print_json([*reports, *refused])
    else:
        for index, one in enumerate((*reports, *refused)):
            _print_reports(one, first=not index)
    broken = load_page_objects().broken
    for error in {str(file.error) for file in broken} - {one["reason"] for one in refused}:
        click.echo(error, err=True)
    if refused or broken or any(one["outcome"] == "failed" or not one["posts"] or _has_failed(one) for one in reports):
        sys.exit(1)


def _has_failed(report: dict[str, Any]) -> bool:
    """Returns True if a page object failed for a field of a sampled post."""
    return any(counts["failed"] for used in report["page_objects"] for counts in used["fields"].values())


def _plan_checks(
    archive: Path,
    selected: dict[str, dict[str, Any]],
    plan_for: Callable[[str, dict[str, Any]], CrawlPlan],
    hosts: ExitStack,
) -> tuple[list[CrawlPlan], list[dict[str, Any]]]:
    """Returns a crawl plan for each site that can be checked, and for every other site a report with the reason. The
    hosts of the planned sites stay locked until `hosts` is closed.

    `selected` maps the start URL of each site to its effective settings; `plan_for` makes the plan from both.
    """
    from archiver.sites.page_objects import load_page_objects

    page_objects = load_page_objects()
    plans: list[CrawlPlan] = []
    refused: list[dict[str, Any]] = []
    for url, settings in selected.items():
        try:
            page_objects.check(urlsplit(url).netloc)
            plan = plan_for(url, settings)
            if archive.exists() and host_of(plan) not in map(host_of, plans):
                hosts.enter_context(lock_host(archive, Scope.of(url).host))
            plans.append(plan)
        except ArchiverError as error:
            refused.append({"site": url, "start_url": url, "outcome": "failed", "reason": str(error)})
    return plans, refused


def _read_rules(file: str) -> str:
    """Returns the text of a file with site rules (TOML). Raises BadRules if the rules are invalid."""
    from archiver.extraction.site_rules import from_toml

    text = read_bytes(file).decode("utf-8", errors="replace")
    from_toml(text, file, by_hand=True)
    return text


def _stored_rules(archive: Path, urls: Iterable[str]) -> dict[str, str]:
    """Returns the stored handwritten rules (TOML) of the sites with these start URLs, as a dict by start URL. Sites
    without such rules are left out.
    """
    from archiver.storage.database import opened
    from archiver.storage.sites import handwritten_rules, list_sites

    if not archive.exists():
        return {}
    with opened(archive, read_only=True) as db:
        ids = {row["start_url"]: row["id"] for row in list_sites(db)}
        return {url: text for url in urls if url in ids and (text := handwritten_rules(db, ids[url]))}


def _crawl_samples(
    path: Path, plans: list[CrawlPlan], selected: dict[str, dict[str, Any]], workers: int, rules: dict[str, str]
) -> list[dict[str, Any]]:
    """Crawls a few posts of each site into a new archive at `path`, `workers` hosts at a time, and returns a report for
    each site. `selected` maps start URLs to effective settings, and `rules` maps start URLs to the site rules (TOML)
    with which the posts are extracted.
    """
    from archiver.health.health_report import make_trial_report
    from archiver.scheduling.crawl_pool import run_plans
    from archiver.storage.database import opened
    from archiver.storage.sites import add_site, store_handwritten_rules

    with opened(path, create=True) as db:
        now = datetime.now(UTC)
        rows = {plan.url: add_site(db, plan.url, now)[0] for plan in plans}
        for url, row in rows.items():
            _limit_pages(db, row["id"], selected[url])
            if rules.get(url):
                store_handwritten_rules(db, row["id"], rules[url], row["name"], now)
        run_plans(plans, CommonOptions(path, limit=_MAX_POSTS, requisites="none", quiet=True), workers)
        return [
            make_trial_report(db, {**row, "platform": _read_platform(db, row["id"])}, plan.delay)
            for plan, row in zip(plans, rows.values(), strict=True)
        ]


def _select_sites(archive: str, names: tuple[str, ...], tag: str | None) -> dict[str, dict[str, Any]]:
    """Returns the sites to check, as a dict from start URL to effective settings. If neither names nor a tag are given,
    these are the sites that were never crawled.
    """
    from archiver.model.urls import start_address
    from archiver.sites.config import effective_settings
    from archiver.storage.database import opened
    from archiver.storage.sites import tags_of_sites

    addresses = [start_address(refuse_file(name)) for name in names]
    if not Path(archive).exists() and names and not tag:
        return {url: {} for url in addresses}
    with opened(archive, read_only=True) as db:
        settings_of, tags = effective_settings(db), tags_of_sites(db)
        crawled = {row[0] for row in db.execute("select distinct site_id from runs")}
        known = {row["name"]: row for row in db.query("select * from sites order by name")}
        chosen = [known.get(Scope.of(url).name) or {"start_url": url} for url in addresses]
        chosen += [row for row in known.values() if tag and tag in tags.get(row["id"], ())]
        if not names and not tag:
            chosen = [row for row in known.values() if row["id"] not in crawled]
        return {row["start_url"]: settings_of(row) if "id" in row else {} for row in chosen}


def _limit_pages(db: Any, site_id: int, settings: dict[str, Any]) -> None:
    import json

    kept = {key: settings[key] for key in _USED_SETTINGS if key in settings}
    with writing(db):
        db.execute(
            "update sites set settings = ? where id = ?", [json.dumps({**kept, "max_pages": _MAX_PAGES}), site_id]
        )


def _read_platform(db: Any, site_id: int) -> str | None:
    found: str | None = db.execute("select platform from sites where id = ?", [site_id]).fetchone()[0]
    return found


def _print_reports(one: dict[str, Any], *, first: bool) -> None:
    if not first:
        print_lines("")
    print_lines(styled_line((one["site"], "bold"), f" ({one['platform']})" if one.get("platform") else ""))
    if one["outcome"] != "finished":
        print_lines(styled_line((one["outcome"] or "not checked", "bold red"), f": {one['reason']}", indent=2))
    # The reason says enough, unless robots.txt is the cause.
    if one["outcome"] in ("failed", "waiting") and not one.get("posts"):
        if one.get("robots", {}).get("forbids_home"):
            print_lines(styled_line(_format_robots(one["robots"]), indent=2))
        return
    print_lines(
        styled_line(_format_robots(one["robots"]), indent=2),
        *(styled_line(_format_source(source), indent=2) for source in one["sources"]),
    )
    if one["stored_rules"]:
        print_lines(styled_line(f"read by the rules that 'archiver sites rules {one['site']}' shows", indent=2))
    if not one["posts"]:
        print_lines(
            styled_line(
                ("no posts found", "bold red"),
                "; after 'archiver crawl', 'archiver why URL' explains how a page was classified. If the site has "
                "posts, a rule 'post' can say what marks them: try it with --rules FILE",
                indent=2,
            )
        )
        _print_page_objects(one)
        return
    more = " or more" if one["posts_at_least"] else ""
    days = f" (sample dated {one['days'][0]} to {one['days'][1]})" if one["days"] else ""
    print_lines(
        styled_line(
            f"about {count_noun(one['posts'], 'post')}{more}{days}; a first crawl takes {_format_hours(one['hours'])}",
            indent=2,
        )
    )
    if one["sampled"]:
        _print_sample(one)


def describe_rules_without_match(found: list[dict[str, Any]]) -> list[str]:
    """Returns a line of text for each hand-written rule that found nothing on some articles. `found` is the list of
    these rules, as `rules_without_match` returns it.
    """
    return [
        f"rule [{one['field']}] {one['select']} found nothing on {one['without']:,} of "
        f"{count_noun(one['articles'], 'article')}; they are read without this rule"
        for one in found
    ]


def _print_sample(one: dict[str, Any]) -> None:
    """Prints which fields a site's sampled posts have, and whether its template can be learned from them."""
    have = ", ".join(f"{name} {share:.0%}" for name, share in one["fields"].items() if share)
    print_lines(styled_line(f"fields in {count_noun(one['sampled'], 'sampled post')}: {have or 'none'}", indent=2))
    if one["missing"]:
        print_lines(styled_line(f"missing in all of them: {', '.join(one['missing'])}", indent=2))
    print_lines(*(styled_line(text, indent=2) for text in describe_rules_without_match(one["rules_without_match"])))
    _print_page_objects(one)
    learned = (
        f"template rules can be learned for {', '.join(one['learned'])}"
        if one["learned"]
        else "its template will be learned from the first 25 posts"
    )
    print_lines(styled_line(learned, indent=2))


def _print_page_objects(one: dict[str, Any]) -> None:
    for used in one["page_objects"]:
        print_lines(*(styled_line(text, indent=2) for text in _format_page_object(used, one["sampled"])))


def _format_page_object(used: dict[str, Any], sampled: int) -> list[str]:
    """Returns lines that say on how many sampled posts a page object was used, and for which fields."""
    begin = f"page object {used['name']} ({used['file']}): "
    if not sampled:
        return [f"{begin}not used, because only posts have one"]
    if not used["articles"]:
        urls = ", ".join(used["urls"])
        return [f"{begin}used on none of {count_noun(sampled, 'sampled post')}: its addresses are {urls}"]
    fields = ", ".join(f"{name} {counts['returned']}" for name, counts in used["fields"].items())
    return [
        f"{begin}used on {used['articles']:,} of {count_noun(sampled, 'sampled post')}: {fields}",
        *(
            f"{name} failed on {count_noun(counts['failed'], 'post')}, which "
            f"{'keeps' if counts['failed'] == 1 else 'keep'} what is extracted without it: {counts['error']}"
            for name, counts in used["fields"].items()
            if counts["failed"]
        ),
    ]


def _format_robots(robots: dict[str, Any]) -> str:
    if robots["forbids_home"]:
        return f"robots.txt forbids crawling ({robots['forbids_home']})"
    if robots["status"] is None:
        return "robots.txt could not be read"
    pause = f", with a crawl delay of {robots['crawl_delay']:g} s" if robots["crawl_delay"] else ""
    return f"robots.txt allows crawling{pause}" if robots["status"] == 200 else "no robots.txt, so nothing is forbidden"


def _format_source(source: dict[str, Any]) -> str:
    if source["outcome"] == "not-article":
        return f"{source['kind']}: {source['url']}"
    return f"no {source['kind']}: {source['reason'] or source['outcome']} ({source['url']})"


_ONE_MINUTE = 1 / 60


def _format_hours(hours: float) -> str:
    if hours < _ONE_MINUTE:
        return "less than a minute"
    if hours < 0.2:
        return "a few minutes"
    return f"about {hours * 60:.0f} minutes" if hours < 2 else f"about {hours:.0f} hours"
