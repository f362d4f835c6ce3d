"""`archiver sites check`: probes sites by a small crawl that stores nothing."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from archiver.cli.shared_options import (
    archive_option,
    json_option,
    politeness_options,
    read_bytes,
    refuse_file,
    tag_option,
    workers_option,
)
from archiver.cli.shell_completion import complete
from archiver.cli.terminal_output import count_noun, print_json, print_lines, styled_line
from archiver.extraction.site_rules import from_toml
from archiver.health.trial_report import make_trial_report
from archiver.model.errors import ArchiverError
from archiver.model.urls import Scope, start_address
from archiver.scheduling.crawl_plans import CommonOptions, CrawlPlan, host_of, make_plan
from archiver.scheduling.crawl_pool import run_plans
from archiver.sites.config import effective_settings
from archiver.sites.page_objects import load_page_objects
from archiver.storage.database import opened
from archiver.storage.sites import add_site, find_site, list_sites, tags_of_sites
from archiver.storage.stored_rules import handwritten_rules, store_handwritten_rules
from archiver.storage.transactions import lock_host, writing

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
    selected = _select_sites(archive, names, tag)
    if not selected:
        raise click.UsageError("All sites of the archive have been crawled. Name a site or give its URL.")
    stored = {} if rules else _stored_rules(Path(archive), selected)
    rules_of = stored
    if rules:
        text = read_bytes(rules).decode("utf-8", errors="replace")
        from_toml(text, rules, by_hand=True)
        rules_of = dict.fromkeys(selected, text)
    reports = _check_sites(Path(archive), selected, rules_of, workers, politeness)
    for one in reports:
        one["stored_rules"] = one["start_url"] in stored
    if as_json:
        print_json(reports)
    else:
        for number, one in enumerate(reports):
            print_lines(*([""] if number else []), *format_report(one))
    broken = load_page_objects().broken
    for error in {str(file.error) for file in broken} - {one["reason"] for one in reports}:
        click.echo(error, err=True)
    failed = (counts["failed"] for one in reports for used in one["page_objects"] for counts in used["fields"].values())
    if broken or any(failed) or any(one["outcome"] == "failed" or not one["posts"] for one in reports):
        sys.exit(1)


def _select_sites(archive: str, names: tuple[str, ...], tag: str | None) -> dict[str, dict[str, Any]]:
    """Returns the sites to check, as a dict from start URL to effective settings. If neither names nor a tag are given,
    these are the sites that were never crawled.
    """
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


def _stored_rules(archive: Path, urls: Iterable[str]) -> dict[str, str]:
    """Returns the stored handwritten rules (TOML) of the sites with these start URLs, as a dict by start URL. Sites
    without such rules are left out.
    """
    if not archive.exists():
        return {}
    with opened(archive, read_only=True) as db:
        ids = {row["start_url"]: row["id"] for row in list_sites(db)}
        return {url: text for url in urls if url in ids and (text := handwritten_rules(db, ids[url]))}


def _check_sites(
    archive: Path,
    selected: dict[str, dict[str, Any]],
    rules: dict[str, str],
    workers: int,
    politeness: dict[str, Any],
) -> list[dict[str, Any]]:
    """Crawls a few posts of each site into a temporary archive, `workers` hosts at a time, and returns a report for
    each site; those that cannot be crawled come last. `selected` maps start URLs to effective settings, and `rules`
    maps start URLs to the site rules (TOML) with which the posts are extracted.
    """
    page_objects, now = load_page_objects(), datetime.now(UTC)
    plans: list[CrawlPlan] = []
    refused: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="archiver-check-") as folder, ExitStack() as hosts:
        for url, settings in selected.items():
            try:
                page_objects.check(urlsplit(url).netloc)
                plan = make_plan(url, settings, **politeness)
                if archive.exists() and host_of(plan) not in map(host_of, plans):
                    hosts.enter_context(lock_host(archive, Scope.of(url).host))
                plans.append(plan)
            except ArchiverError as error:
                reason = {"outcome": "failed", "reason": str(error), "posts": 0, "page_objects": []}
                refused.append({"site": url, "start_url": url, **reason})
        path = Path(folder) / "archive.db"
        with opened(path, create=True) as db:
            rows = [add_site(db, plan.url, now)[0] for plan in plans]
            for plan, row in zip(plans, rows, strict=True):
                used = {key: value for key, value in selected[plan.url].items() if key in _USED_SETTINGS}
                with writing(db):
                    settings_text = json.dumps({**used, "max_pages": _MAX_PAGES})
                    db.execute("update sites set settings = ? where id = ?", [settings_text, row["id"]])
                if rules.get(plan.url):
                    store_handwritten_rules(db, row["id"], rules[plan.url], row["name"], now)
            run_plans(plans, CommonOptions(path, limit=_MAX_POSTS, requisites="none", quiet=True), workers)
            found = [
                make_trial_report(db, find_site(db, row["name"]), plan.delay)
                for plan, row in zip(plans, rows, strict=True)
            ]
    return found + refused


def format_report(one: dict[str, Any]) -> list[Any]:
    """Formats what was found of a site: its name, and a line for each fact."""
    lines: list[Any] = []
    robots = one.get("robots") or {"forbids_home": ""}
    if one["outcome"] != "finished":
        lines.append(((one["outcome"] or "not checked", "bold red"), f": {one['reason']}"))
    # The reason of a failure says enough, unless robots.txt is the cause.
    has_failed = one["outcome"] in ("failed", "waiting") and not one["posts"]
    if not has_failed or robots["forbids_home"]:
        lines.append((_format_robots(robots),))
    if not has_failed:
        lines += [(_format_source(source),) for source in one["sources"]]
        if one["stored_rules"]:
            lines.append((f"read by the rules that 'archiver sites rules {one['site']}' shows",))
        lines += [(text,) for text in _format_posts(one)]
    head = styled_line((one["site"], "bold"), f" ({one['platform']})" if one.get("platform") else "")
    return [head, *(styled_line(*pieces, indent=2) for pieces in lines)]


def _format_posts(one: dict[str, Any]) -> list[str]:
    """Returns lines about the posts of a site: their number, which fields a sample of them has, and which rules and
    page objects were used.
    """
    objects = [line for used in one["page_objects"] for line in _format_page_object(used, one["sampled"])]
    if not one["posts"]:
        advice = (
            "; after 'archiver crawl', 'archiver why URL' explains how a page was classified. If the site has posts, "
        )
        return [f"no posts found{advice}a rule 'post' can say what marks them: try it with --rules FILE", *objects]
    more = " or more" if one["posts_at_least"] else ""
    days = f" (sample dated {one['days'][0]} to {one['days'][1]})" if one["days"] else ""
    lines = [f"about {count_noun(one['posts'], 'post')}{more}{days}; a first crawl takes {_format_hours(one['hours'])}"]
    if not one["sampled"]:
        return lines
    have = ", ".join(f"{name} {share:.0%}" for name, share in one["fields"].items() if share)
    lines.append(f"fields in {count_noun(one['sampled'], 'sampled post')}: {have or 'none'}")
    if one["missing"]:
        lines.append(f"missing in all of them: {', '.join(one['missing'])}")
    learned = (
        f"template rules can be learned for {', '.join(one['learned'])}"
        if one["learned"]
        else "its template will be learned from the first 25 posts"
    )
    return [*lines, *describe_rules_without_match(one["rules_without_match"]), *objects, learned]


def describe_rules_without_match(found: list[dict[str, Any]]) -> list[str]:
    """Returns a line of text for each hand-written rule that found nothing on some articles. `found` is the list of
    these rules, as `rules_without_match` returns it.
    """
    return [
        f"rule [{one['field']}] {one['select']} found nothing on {one['without']:,} of "
        f"{count_noun(one['articles'], 'article')}; they are read without this rule"
        for one in found
    ]


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


def _format_hours(hours: float) -> str:
    if hours * 60 < 1:
        return "less than a minute"
    if hours < 0.2:
        return "a few minutes"
    return f"about {hours * 60:.0f} minutes" if hours < 2 else f"about {hours:.0f} hours"
