"""`sites import`, `sites export` and `sites tag`."""

from __future__ import annotations

import csv
import io
import sys
from datetime import UTC, datetime
from typing import Any

import click

from archiver.commands.options import archive_option, json_option, read_bytes, tag_option
from archiver.commands.output import target
from archiver.commands.screen import count, write_json

_SHOWN = 50


@click.command("import", short_help="Enter sites from lists: OPML, CSV, text.")
@click.argument("files", metavar="FILE|-...", type=click.Path(), nargs=-1, required=True)
@tag_option("tags", multiple=True, help="Give all of them this tag, too.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Set this for all of them, where the list "
                                                                            "does not.")
@click.option("--dry-run", is_flag=True, help="Read the lists, and enter nothing.")
@json_option
@archive_option
def import_(files: tuple[str, ...], tags: tuple[str, ...], settings: tuple[str, ...], dry_run: bool, as_json: bool,
            archive: str) -> None:
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
    from archiver.sites.lists import Entry, read_list
    from archiver.store.connect import opened
    from archiver.store.sites import read_setting
    from archiver.store.sites_in_bulk import Entered, Wanted, enter_sites

    for_all = dict(read_setting(text) for text in settings)
    wanted: list[Wanted] = []
    problems: list[dict[str, Any]] = []
    for file in files:
        shown = "standard input" if file == "-" else file
        for one in read_list(read_bytes(file), shown):
            if isinstance(one, Entry):
                wanted.append(Wanted(one.url, one.feed, (*one.tags, *tags), for_all | one.settings))
            else:
                problems.append({"file": shown, "line": one.line, "why": one.why})
    done = Entered(added=0)
    if not dry_run and wanted:
        with opened(archive, create=True) as db:
            done = enter_sites(db, wanted, datetime.now(UTC))
    if as_json:
        write_json({"read": len(wanted), "added": done.added, "known": done.known, "changed": done.changed,
                    "problems": problems})
    else:
        for problem in problems[:_SHOWN]:
            click.echo(f"{problem['file']}, line {problem['line']}: {problem['why']}.", err=True)
        if len(problems) > _SHOWN:
            click.echo(f"... and {len(problems) - _SHOWN:,} more; --json tells all.", err=True)
        there = f", {done.known:,} {'was' if done.known == 1 else 'were'} there ({done.changed:,} changed)"
        click.echo(f"{count(len(wanted), 'site')} read; nothing was entered" if dry_run else
                   f"{count(done.added, 'site')} added{there if done.known else ''}"
                   + (f"; {count(len(problems), 'problem')}" if problems else ""))
    if problems:
        sys.exit(1)


@click.command(short_help="Write the sites as a list: CSV, OPML or text.")
@click.option("-f", "--format", "form", type=click.Choice(["csv", "opml", "text"]), default="csv", show_default=True,
              help="What 'sites import' reads, too.")
@click.option("-o", "--output", metavar="FILE|-", type=click.Path(), default="-",
              help="Write to this file [default: standard output].")
@tag_option("tag", help="Only the sites with this tag.")
@archive_option
def export(form: str, output: str, tag: str | None, archive: str) -> None:
    """Write the sites of the archive as a list, with their tags and settings.

    \b
    Examples:
      archiver sites export -o sites.csv
      archiver sites export -f opml --tag news -o news.opml
    """
    from archiver.store.connect import opened
    from archiver.store.sites import list_sites
    from archiver.store.tags import tags_of_sites

    with opened(archive, read_only=True) as db:
        tags = tags_of_sites(db)
        rows = [{**row, "tags": tags.get(row["id"], ())} for row in list_sites(db)]
    rows = [row for row in rows if tag is None or tag in row["tags"]]
    with target(output) as out:
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
    from archiver.store.connect import opened
    from archiver.store.sites import find_site
    from archiver.store.tags import add_tags, read_tag, remove_tags
    from archiver.store.transaction import writing

    name = read_tag(tag)
    with opened(archive) as db:
        sites = [find_site(db, site) for site in names]
        with writing(db):
            changed = sum((remove_tags if remove else add_tags)(db, site["id"], [name]) for site in sites)
    click.echo(f"{name}: {count(changed, 'site')} {'left' if remove else 'joined'}"
               + ("" if changed == len(sites) else f", {len(sites) - changed:,} as before"))


def _as_csv(rows: list[dict[str, Any]]) -> bytes:
    used = sorted({key for row in rows for key in row["settings"]})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["url", "name", "tags", *used])
    for row in rows:
        writer.writerow([row["start_url"], row["name"], ", ".join(row["tags"]),
                         *(_said(row["settings"].get(key, "")) for key in used)])
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
