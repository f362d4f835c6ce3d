"""`archiver sites import` and `archiver sites export`: lists of sites as files."""

from __future__ import annotations

import csv
import io
import sys
from datetime import UTC, datetime
from typing import Any

import click

from archiver.cli.shared_options import archive_option, format_of_file, json_option, read_bytes, tag_option
from archiver.cli.terminal_output import count_noun, open_output, print_json
from archiver.sites.site_list_reader import SiteEntry, read_site_list
from archiver.sites.site_settings import read_setting
from archiver.storage.database import opened
from archiver.storage.sites import EnteredSites, SiteToEnter, enter_sites, list_sites, site_ids_with_tag, tags_of_sites

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
    with opened(archive, read_only=True) as db:
        tags = tags_of_sites(db)
        chosen = site_ids_with_tag(db, tag) if tag else None
        rows = [{**row, "tags": tags.get(row["id"], ())} for row in list_sites(db)]
    rows = [row for row in rows if chosen is None or row["id"] in chosen]
    form = format_of_file(output, form, {".csv": ("csv",), ".opml": ("opml",), ".txt": ("text",)}, "csv")
    with open_output(output) as out:
        out.write({"csv": _as_csv, "opml": _as_opml, "text": _as_text}[form](rows))


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
