"""`archiver export`: writes articles to a file in a format for other programs."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archiver import __version__
from archiver.cli.commands.search import note_repairs, open_searched
from archiver.cli.search_output import print_advice
from archiver.cli.shared_options import (
    QueryCommand,
    QueryOptions,
    archive_option,
    format_of_file,
    pass_options_as,
    query_options,
    refuse_unknown_options,
)
from archiver.cli.terminal_output import count_noun, open_output
from archiver.datasets.wacz_package import pack_wacz
from archiver.search.document_files import FILE_FORMATS, write_folder
from archiver.search.export_formats import EXPORT_FORMATS
from archiver.search.search_feeds import changes_feed, write_atom
from archiver.search.search_hits import matching_ids
from archiver.storage.article_records import records
from archiver.storage.database import opened

if TYPE_CHECKING:
    from archiver.search.query import Query
    from archiver.storage import Database

FOLDER_FORMATS = ("markdown", "html", "tei")
_IN_FEED = 100
EXTENSIONS = {
    ".jsonl": ("jsonl",),
    ".ndjson": ("jsonl",),
    ".json": ("json", "geojson"),
    ".csv": ("csv",),
    ".geojson": ("geojson",),
    ".parquet": ("parquet",),
    ".xml": ("atom",),
    ".atom": ("atom",),
    ".wacz": ("wacz",),
}
"""Maps the extension of a file to the formats that it can have, the usual one first."""
# QUERY may contain words that begin with "-".
_WORDS = {"ignore_unknown_options": True, "help_option_names": ["--help"]}


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """The options of `archiver export`."""

    query: QueryOptions
    limit: int | None
    fold: str
    form: str | None
    output: str
    archive: str


@click.command(
    short_help="Export articles, captures (WACZ) or a feed for other programs.",
    context_settings=_WORDS,
    cls=QueryCommand,
)
@query_options
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="Write at most N articles.")
@click.option(
    "--fold",
    type=click.Choice(("text", "cluster", "none"), case_sensitive=False),
    is_flag=False,
    flag_value="text",
    default="none",
    show_default=True,
    help="Write only one of several articles with the same text (text, the default for --fold without a value) or of "
    "near-duplicates (cluster).",
)
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice((*EXPORT_FORMATS, *FOLDER_FORMATS, "wacz", "atom"), case_sensitive=False),
    help="; ".join(f"{f.name}: {f.doc}" for f in EXPORT_FORMATS.values())
    + "; markdown, html, tei: a folder with a file for each article; wacz: the captures of the articles; "
    f"atom: a feed of the {_IN_FEED} articles that were added, edited or found to be gone last"
    "  [default: as the extension of FILE says, or jsonl]",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(),
    default="-",
    help="Write to FILE (for markdown, html and tei: a folder) instead of standard output.",
)
@archive_option
@pass_options_as(ExportOptions, query=QueryOptions)
def export(options: ExportOptions) -> None:
    """Export articles for other programs: one record per line or row, sorted by ID unless --sort is given.

    QUERY and its options are the same as for search; without any, the whole archive is exported. FILE
    appears only when it is complete. A WACZ file contains the captures of the articles and their
    revisions, for players such as pywb and ReplayWeb.page.

    \b
    Examples:
      archiver export -o articles.jsonl
      archiver export --site blog.example.org --since 2023 -o articles.csv
      archiver export "flood OR storm" -f csv | head
      archiver export has:geo -o map.geojson
      archiver export --site blog.example.org -f markdown -o blog/
      archiver export --site blog.example.org -o blog.wacz
      archiver export "flood OR storm" -o floods.xml

    Exit code: 0 done; 1 nothing found, so that no file is written, or some captures cannot be read; 2 wrong usage.
    """
    query = options.query
    refuse_unknown_options(query.query)
    output = options.output
    form = format_of_file(output, options.form, EXTENSIONS, "jsonl")
    if form not in FOLDER_FORMATS and output.endswith("/"):
        raise click.UsageError(f"{output} is a folder, which needs one of the formats {', '.join(FOLDER_FORMATS)}.")
    if output == "-" and form in ("wacz", *FOLDER_FORMATS):
        what = "a folder. Name one with -o FOLDER." if form in FOLDER_FORMATS else "a file. Name one with -o FILE."
        raise click.UsageError(f"The format {form} must be written to {what}")
    if output == "-" and form == "parquet" and sys.stdout.isatty():
        raise click.UsageError("Parquet is not for a terminal. Name a file with -o FILE.")
    if form == "atom":
        _write_feed(options)
        return
    selected = replace(query, sort=query.sort or "added").as_query(
        limit=options.limit, duplicates=False, fold=options.fold
    )
    with opened(options.archive, read_only=True) as db:
        # Run the query before the file is opened, so that a malformed query leaves no file behind.
        ids = list(matching_ids(db, selected))
        if not ids and selected.limit != 0 and not selected.offset:
            if output == "-":
                _write_records(db, [], form, output)
            _end_without_articles(db, replace(selected, sort=query.sort, fold=""), options.archive)
        if form == "wacz":
            _write_wacz(db, Path(options.archive).parent, ids, output)
            return
        written = _write_records(db, ids, form, output)
    if output != "-":
        click.echo(f"{count_noun(written, 'article')} written to {output}", err=True)
    if written < len(ids):
        click.echo(f"{count_noun(len(ids) - written, 'article')} left out because they have no position", err=True)


def _end_without_articles(db: Database, query: Query, archive: str) -> None:
    """Prints that nothing was found, with advice on the query, and exits with code 1. No file is written."""
    click.echo("Nothing found.", err=True)
    print_advice(db, query, archive)
    click.get_current_context().exit(1)


def _write_records(db: Database, ids: list[int], form: str, output: str) -> int:
    """Writes the articles to the file `output` in one of the formats with one record per article (`form`), and returns
    their number.
    """
    if form in FOLDER_FORMATS:
        return write_folder(records(db, ids), Path(output), FILE_FORMATS[form])
    with open_output(output) as out:
        return EXPORT_FORMATS[form].write(records(db, ids), out)


def _write_feed(options: ExportOptions) -> None:
    """Writes a feed of the articles that match the query and changed last, newest first."""
    query = options.query.as_query(limit=None, duplicates=False, fold="")
    note_repairs(query.text)
    with open_searched(options.archive, query) as db:
        found = changes_feed(db, query, options.limit or _IN_FEED, own_url="", title="")
    with open_output(options.output) as out:
        out.write(write_atom(found))
    if options.output != "-":
        click.echo(f"{count_noun(len(found.entries), 'article')} written to {options.output}", err=True)


def _write_wacz(db: Database, folder: Path, ids: list[int], output: str) -> None:
    """Writes the captures of the articles to the WACZ file `output`. `folder` is the archive's folder. Exits with code
    1 if some captures cannot be read; the file then contains the other captures.
    """
    with open_output(output) as out:
        done = pack_wacz(db, folder, ids, out, software=f"archiver/{__version__}", title=Path(output).stem)
    click.echo(
        f"{count_noun(done.records, 'capture')} of {count_noun(done.articles, 'article')} written to {output}", err=True
    )
    if done.missing:
        click.echo(
            f"{count_noun(done.missing, 'capture')} left out because they could not be read; run 'archiver verify'",
            err=True,
        )
        click.get_current_context().exit(1)
