"""`archiver sites`: what is crawled, and with which settings."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from archiver.commands.bulk.check import check
from archiver.commands.bulk.lists import export, import_, tag
from archiver.commands.options import archive_option, json_option, read_bytes, tag_option
from archiver.commands.screen import count, instant, line, say, table, write_json
from archiver.errors import NothingLearned
from archiver.store.transaction import writing

_LEARNED_FROM = 50


@click.group(short_help="List and change the sites of the archive.")
def sites() -> None:
    """List and change the sites of the archive.

    \b
    Examples:
      archiver sites add https://blog.example.org
      archiver sites set blog.example.org delay=2 revisit_days=14
      archiver sites import feeds.opml
      archiver sites list
    """


for command in (check, import_, export, tag):
    sites.add_command(command)


@sites.command()
@click.argument("url")
@json_option
@archive_option
def add(url: str, as_json: bool, archive: str) -> None:
    """Enter a site without crawling it yet. An archive that does not exist is made.

    A path in the address confines the site to it: https://example.org/blog/.

    \b
    Example:
      archiver sites add https://blog.example.org
    """
    from archiver.store.connect import opened
    from archiver.store.sites import add_site
    from archiver.urls import start_address

    start_address(url)  # Before a file is made for an address that is none.
    with opened(archive, create=True) as db:
        site, new = add_site(db, url, datetime.now(UTC))
    if as_json:
        write_json(site)
    else:
        click.echo(f"{site['name']} {'added' if new else 'is there already'}; "
                   f"'archiver crawl {site['name']}' crawls it.")


@sites.command("list")
@tag_option("wanted", help="Only the sites with this tag.")
@json_option
@archive_option
def list_(wanted: str | None, as_json: bool, archive: str) -> None:
    """List all sites.

    \b
    Example:
      archiver sites list --tag news --json
    """
    from archiver.store.connect import opened
    from archiver.store.sites import list_sites
    from archiver.store.tags import tags_of_sites

    with opened(archive, read_only=True) as db:
        tags = tags_of_sites(db)
        rows = [{**row, "tags": list(tags.get(row["id"], ()))} for row in list_sites(db)]
    rows = [row for row in rows if wanted is None or wanted in row["tags"]]
    if as_json:
        write_json(rows)
    elif not rows:
        click.echo("No site has this tag." if wanted else
                   "The archive has no sites yet: 'archiver sites add URL' enters one.", err=True)
    else:
        table(("site", "articles", "platform", "last run", "outcome"), [
            (row["name"], row["articles"], row["platform"], *_last(row)) for row in rows], numbers=(1,))


def _last(site: dict[str, Any]) -> tuple[str, str]:
    run = site["last_run"]
    return (instant(run["started_at"]), run["outcome"] or "under way") if run else ("never", "")


@sites.command()
@click.argument("site")
@json_option
@archive_option
def show(site: str, as_json: bool, archive: str) -> None:
    """Show one site and its settings.

    \b
    Example:
      archiver sites show blog.example.org
    """
    from archiver.sites.effective import settings_in
    from archiver.store.connect import opened
    from archiver.store.rules import versions
    from archiver.store.sites import SETTINGS, find_site
    from archiver.store.tags import tags_of_sites

    with opened(archive, read_only=True) as db:
        row = find_site(db, site)
        history = versions(db, row["id"])
        tags = list(tags_of_sites(db).get(row["id"], ()))
        holds = settings_in(db)(row)
    if as_json:
        write_json({**row, "tags": tags, "settings_in_force": holds, "rules": history})
        return
    say(line((row["name"], "bold"), "  ", (row["start_url"], "blue")))
    moment, outcome = _last(row)
    say(line(f"{count(row['articles'], 'article')}; added {instant(row['added_at'])}; "
             f"last run {moment}{' ' + outcome if outcome else ''}", indent=2))
    if tags:
        say(line(f"tags: {', '.join(tags)}", indent=2))
    if (until := row.get("quiet_until") or "") > datetime.now(UTC).isoformat():
        say(line(f"it asked to be left alone until {instant(until)}", indent=2))
    say(*(line(text, indent=2) for text in _known_rules(history, row["name"])), "")
    table(("setting", "value", "meaning"),
          [(s.name, _value(s.name, row["settings"], holds), s.doc) for s in SETTINGS])


def _value(name: str, own: dict[str, Any], holds: dict[str, Any]) -> str:
    """What a setting is, and that archiver.toml says so where it does."""
    return str(own[name]) if name in own else f"{holds[name]} (archiver.toml)" if name in holds else "default"


def _known_rules(history: list[dict[str, Any]], name: str) -> list[str]:
    """What is known of the template, in a line each for the learned rules and those by hand."""
    learned = next((v for v in history if not v["by_hand"] and not v["until"]), None)
    hand = next((v for v in history if v["by_hand"]), None)
    out = []
    if learned:
        out.append(f"template learned from {learned['pages']} posts on {instant(learned['learned_at'])}; "
                   f"'archiver sites rules {name}' shows it")
    if hand:
        out.append(f"rules by hand since {instant(hand['learned_at'])}")
    return out or ["template not learned yet"]


@sites.command()
@click.argument("site")
@click.option("--set", "file", metavar="FILE|-", type=click.Path(),
              help="Take these rules (TOML) before those that were learned.")
@click.option("--forget", is_flag=True, help="Take back the rules that a person wrote.")
@click.option("--learn", "anew", is_flag=True, help="Learn the template anew from the stored captures.")
@json_option
@archive_option
def rules(site: str, file: str | None, forget: bool, anew: bool, as_json: bool, archive: str) -> None:
    """Show what was learned of a site's template: where its posts have title, body, authors, dates and terms.

    Without an option the rules in use are printed as TOML, to be edited and given back with --set. A rule that a
    person wrote wins over the learned one of its field.

    \b
    Examples:
      archiver sites rules blog.example.org
      archiver sites rules blog.example.org > rules.toml; archiver sites rules blog.example.org --set rules.toml
      archiver sites rules blog.example.org --learn
    """
    from archiver.extraction.rules import to_toml
    from archiver.store.connect import opened
    from archiver.store.rules import forget as forget_rules
    from archiver.store.rules import rules_at, store_by_hand, store_learned, versions
    from archiver.store.sites import find_site

    if sum((file is not None, forget, anew)) > 1:
        raise click.UsageError("Use one of --set, --forget and --learn.")
    text = read_bytes(file).decode("utf-8", errors="replace") if file is not None else ""
    now = datetime.now(UTC)
    with opened(archive, read_only=not (file or forget or anew)) as db:
        row = find_site(db, site)
        if file is not None:
            store_by_hand(db, row["id"], text, row["name"] if file == "-" else f"{row['name']} in {file}", now)
        elif forget:
            with writing(db):
                forget_rules(db, row["id"], by_hand=True)
        elif anew:
            from archiver.store.captured import learn_again

            found = learn_again(db, Path(archive).parent, row, _LEARNED_FROM)
            if found is None:
                raise NothingLearned(row["name"])
            with writing(db):
                store_learned(db, row["id"], found, now)
        used = rules_at(db, row["id"])
        history = versions(db, row["id"])
    if as_json:
        write_json({"site": row["name"], "rules": to_toml(used) if used else None, "versions": history})
    elif used is None:
        click.echo(f"Nothing is known of {row['name']}'s template yet: a crawl learns it from 25 posts, or at its end "
                   "from at least 8.", err=True)
    else:
        click.echo(to_toml(used), nl=False)


@sites.command("set")
@click.argument("site")
@click.argument("settings", metavar="KEY=VALUE...", nargs=-1, required=True)
@json_option
@archive_option
def set_(site: str, settings: tuple[str, ...], as_json: bool, archive: str) -> None:
    """Change a site's settings; an empty VALUE takes one back. 'sites show' lists them.

    \b
    Examples:
      archiver sites set blog.example.org delay=2 revisit_days=14
      archiver sites set blog.example.org delay=
    """
    from archiver.store.connect import opened
    from archiver.store.sites import read_setting, set_settings

    changes = dict(read_setting(text) for text in settings)
    with opened(archive) as db:
        row = set_settings(db, site, changes)
    if as_json:
        write_json(row)
    else:
        shown = ", ".join(f"{name}={value}" for name, value in row["settings"].items())
        click.echo(f"{row['name']}: {shown or 'all settings at their default'}")


@sites.command()
@click.argument("site")
@click.option("--with-articles", is_flag=True, help="Take out its articles too. The WARC files stay.")
@archive_option
def remove(site: str, with_articles: bool, archive: str) -> None:
    """Take a site out of the archive, with its ledger and runs.

    \b
    Examples:
      archiver sites remove blog.example.org
      archiver sites remove blog.example.org --with-articles
    """
    from archiver.store.connect import opened
    from archiver.store.sites import remove_site

    with opened(archive) as db:
        articles = remove_site(db, site, with_articles=with_articles)
    click.echo(f"{site} removed" + (f" with {count(articles, 'article')}" if articles else ""))
