"""`archiver sites`: lists and changes the sites of the archive, and their settings."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import click

from archiver.cli.lazy_commands import CommandEntry, LazyCommands
from archiver.cli.shared_options import archive_option, json_option, list_options, refuse_file, tag_option
from archiver.cli.shell_completion import complete
from archiver.cli.terminal_output import (
    confirm,
    count_noun,
    format_time,
    print_json,
    print_lines,
    print_table,
    print_values,
    styled_line,
)
from archiver.discovery.url_patterns import looks_like_post
from archiver.model.errors import LooksLikePost
from archiver.model.urls import start_address
from archiver.sites.config import effective_settings, load_config
from archiver.sites.site_settings import SITE_SETTINGS, read_setting, read_tag
from archiver.storage.database import opened
from archiver.storage.sites import (
    Mute,
    add_site,
    add_tags,
    find_site,
    list_sites,
    mute_sites,
    read_mute,
    remove_site,
    remove_tags,
    set_settings,
    site_ids_with_tag,
    tags_of_sites,
)
from archiver.storage.stored_rules import rule_versions
from archiver.storage.transactions import writing


class _Sites(LazyCommands):
    """The subcommands, of which those that need more of the program have files of their own."""

    entries = (
        CommandEntry("check", module="commands.site_check"),
        CommandEntry("export", module="commands.site_lists"),
        CommandEntry("import", module="commands.site_lists"),
        CommandEntry("move", module="commands.site_move"),
        CommandEntry("release", module="commands.site_release"),
        CommandEntry("rules", module="commands.site_rules"),
    )


@click.group(cls=_Sites, short_help="List and change the sites of the archive.", invoke_without_command=True)
@list_options
@archive_option
@click.pass_context
def sites(context: click.Context, form: str | None, archive: str) -> None:
    """List and change the sites of the archive.

    \b
    Examples:
      archiver sites
      archiver sites add https://blog.example.org
      archiver sites set blog.example.org delay=2 revisit_days=14
      archiver sites import feeds.opml
    """
    if context.invoked_subcommand is None:
        _print_list(None, form, archive)


@sites.command()
@click.argument("url")
@click.option("--as-site", is_flag=True, help="Add the site that begins at URL, even if URL looks like one post.")
@json_option
@archive_option
def add(url: str, as_site: bool, as_json: bool, archive: str) -> None:
    """Add a site without crawling it yet. The archive is created if it does not exist.

    A path in the URL limits the site to it: https://example.org/blog/. A URL that looks like one post is refused:
    'archiver add URL' archives single pages.

    \b
    Example:
      archiver sites add https://blog.example.org
    """
    start = start_address(refuse_file(url))  # fails for a bad URL before the archive is created
    if not as_site and looks_like_post(start):
        raise LooksLikePost(start, f"{start.partition('://')[0]}://{urlsplit(start).netloc}/")
    with opened(archive, create=True) as db:
        site, new = add_site(db, url, datetime.now(UTC))
    if as_json:
        print_json(site)
    else:
        click.echo(
            f"{site['name']} {'added' if new else 'is already in the archive'}. "
            f"Crawl it with 'archiver crawl {site['name']}'."
        )


@sites.command("list")
@tag_option("label", help="Only the sites with this tag.")
@list_options
@archive_option
def list_(label: str | None, form: str | None, archive: str) -> None:
    """List all sites; the same as 'archiver sites'.

    \b
    Example:
      archiver sites list --tag news --csv
    """
    _print_list(label, form, archive)


def _print_list(label: str | None, form: str | None, archive: str) -> None:
    with opened(archive, read_only=True) as db:
        tags = tags_of_sites(db)
        chosen = site_ids_with_tag(db, label) if label else None
        rows = [{**row, "tags": list(tags.get(row["id"], ()))} for row in list_sites(db)]
    rows = [row for row in rows if chosen is None or row["id"] in chosen]
    if form:
        print_values(rows if form != "csv" else list(map(_csv_row, rows)), form)
    elif not rows:
        click.echo("The archive has no sites yet. Add one with 'archiver sites add URL'.", err=True)
    else:
        print_table(
            ("site", "articles", "platform", "last run", "outcome"),
            [(row["name"], row["articles"], row["platform"], *_describe_last_run(row)) for row in rows],
            numbers=(1,),
        )


def _csv_row(row: dict[str, Any]) -> dict[str, Any]:
    run = row["last_run"] or {}
    names = ("name", "start_url", "platform", "tags", "articles", "settings", "added_at")
    last = {"last_run_at": run.get("started_at"), "last_run_outcome": run.get("outcome")}
    return {name: row[name] for name in names} | last


def _describe_last_run(site: dict[str, Any]) -> tuple[str, str]:
    run = site["last_run"]
    return (format_time(run["started_at"]), run["outcome"] or "running") if run else ("never", "")


@sites.command()
@click.argument("site", shell_complete=complete("site"))
@json_option
@archive_option
def show(site: str, as_json: bool, archive: str) -> None:
    """Show a site and its settings.

    \b
    Example:
      archiver sites show blog.example.org
    """
    with opened(archive, read_only=True) as db:
        row = find_site(db, site)
        history = rule_versions(db, row["id"])
        tags = list(tags_of_sites(db).get(row["id"], ()))
        config = load_config()
        in_force = effective_settings(db, config)(row)
    groups = [name for name in config.groups if name in tags]
    if as_json:
        print_json({**row, "tags": tags, "groups": groups, "settings_in_force": in_force, "rules": history})
        return
    print_lines(styled_line((row["name"], "bold"), "  ", (row["start_url"], "blue")))
    moment, outcome = _describe_last_run(row)
    print_lines(
        styled_line(
            f"{count_noun(row['articles'], 'article')}; added {format_time(row['added_at'])}; "
            f"last run {moment}{' ' + outcome if outcome else ''}",
            indent=2,
        )
    )
    if tags:
        print_lines(styled_line(f"tags: {', '.join(tags)}", indent=2))
    if groups:
        print_lines(styled_line(f"groups of archiver.toml: {', '.join(groups)}", indent=2))
    if (until := row.get("quiet_until") or "") > datetime.now(UTC).isoformat():
        print_lines(styled_line(f"the site asked for a pause until {format_time(until)}", indent=2))
    if muted := read_mute(row, datetime.now(UTC)):
        print_lines(styled_line(str(muted), indent=2))
    print_lines(*(styled_line(text, indent=2) for text in _describe_rules(history, row["name"])), "")
    print_table(
        ("setting", "value", "meaning"),
        [
            (
                s.name,
                _format_setting(s.name, row["settings"], in_force, config.origin_of(s.name, {}, tuple(tags))),
                s.doc,
            )
            for s in SITE_SETTINGS
        ],
    )


def _format_setting(name: str, own: dict[str, Any], in_force: dict[str, Any], group: str) -> str:
    """Formats the value of the setting `name` of a site: the value stored for the site (`own`), or the value from
    archiver.toml (in `in_force`, the effective settings), or "default". A value from archiver.toml is followed by a
    note; `group` is the group that it comes from ("group news"), "" if it is for all sites.
    """
    if name in own:
        return str(own[name])
    origin = f"archiver.toml, {group}" if group else "archiver.toml"
    return f"{in_force[name]} ({origin})" if name in in_force else "default"


def _describe_rules(history: list[dict[str, Any]], name: str) -> list[str]:
    """Describes the extraction rules of a site: a line for the learned rules, and one for the hand-written rules.
    `history` contains all versions of its rules.
    """
    learned = next((v for v in history if not v["by_hand"] and not v["until"]), None)
    hand = next((v for v in history if v["by_hand"]), None)
    out = []
    if learned:
        out.append(
            f"template learned from {learned['pages']} posts on {format_time(learned['learned_at'])}; "
            f"'archiver sites rules {name}' shows the rules"
        )
    if hand:
        out.append(f"hand-written rules since {format_time(hand['learned_at'])}")
    return out or ["template not learned yet"]


@sites.command()
@click.argument("site", shell_complete=complete("site"))
@click.option("--with-articles", is_flag=True, help="Also remove its articles. WARC files are kept.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@archive_option
def remove(site: str, with_articles: bool, yes: bool, archive: str) -> None:
    """Remove a site from the archive, with its pages table and runs.

    A site with articles is removed only --with-articles, and after a confirmation.

    \b
    Examples:
      archiver sites remove blog.example.org
      archiver sites remove blog.example.org --with-articles

    Exit code: 0 removed; 1 it has articles, or not confirmed; 2 wrong usage.
    """
    with opened(archive) as db:
        row = find_site(db, site)
        if with_articles and row["articles"] and not yes:
            number = count_noun(row["articles"], "article")
            question = f"Remove {row['name']} with {number}? The WARC files are kept."
            confirm(question, f"Removing {row['name']} with {number}")
        articles = remove_site(db, site, with_articles=with_articles)
    click.echo(f"{site} removed" + (f" with {count_noun(articles, 'article')}" if articles else ""))


@sites.command(short_help="Add a tag to sites, or remove it.")
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


@sites.command(short_help="Send no notifications about sites until a date.")
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


@sites.command("set")
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
