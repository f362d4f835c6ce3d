"""`archiver sites`: what is crawled, and with which settings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from archiver.commands.options import archive_option, json_option
from archiver.commands.screen import count, instant, line, say, table, write_json


@click.group(short_help="List and change the sites of the archive.")
def sites() -> None:
    """List and change the sites of the archive.

    \b
    Examples:
      archiver sites add https://blog.example.org
      archiver sites set blog.example.org delay=2 revisit_days=14
      archiver sites list
    """


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
    from archiver.store.connect import open_archive
    from archiver.store.sites import add_site
    from archiver.urls import start_address

    start_address(url)  # Before a file is made for an address that is none.
    db = open_archive(archive, create=True)
    try:
        site, new = add_site(db, url, datetime.now(UTC))
    finally:
        db.close()
    if as_json:
        write_json(site)
    else:
        click.echo(f"{site['name']} {'added' if new else 'is there already'}; "
                   f"'archiver crawl {site['name']}' crawls it.")


@sites.command("list")
@json_option
@archive_option
def list_(as_json: bool, archive: str) -> None:
    """List all sites.

    \b
    Example:
      archiver sites list --json
    """
    from archiver.store.connect import open_archive
    from archiver.store.sites import list_sites

    db = open_archive(archive, read_only=True)
    try:
        rows = list_sites(db)
    finally:
        db.close()
    if as_json:
        write_json(rows)
    elif not rows:
        click.echo("The archive has no sites yet: 'archiver sites add URL' enters one.", err=True)
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
    from archiver.store.connect import open_archive
    from archiver.store.sites import SETTINGS, find_site

    db = open_archive(archive, read_only=True)
    try:
        row = find_site(db, site)
    finally:
        db.close()
    if as_json:
        write_json(row)
        return
    say(line((row["name"], "bold"), "  ", (row["start_url"], "blue")))
    moment, outcome = _last(row)
    say(line(f"{count(row['articles'], 'article')}; added {instant(row['added_at'])}; "
             f"last run {moment}{' ' + outcome if outcome else ''}", indent=2), "")
    table(("setting", "value", "meaning"),
          [(s.name, row["settings"].get(s.name, "default"), s.doc) for s in SETTINGS])


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
    from archiver.store.connect import open_archive
    from archiver.store.sites import read_setting, set_settings

    changes = dict(read_setting(text) for text in settings)
    db = open_archive(archive)
    try:
        row = set_settings(db, site, changes)
    finally:
        db.close()
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
    from archiver.store.connect import open_archive
    from archiver.store.sites import remove_site

    db = open_archive(archive)
    try:
        articles = remove_site(db, site, with_articles=with_articles)
    finally:
        db.close()
    click.echo(f"{site} removed" + (f" with {count(articles, 'article')}" if articles else ""))
