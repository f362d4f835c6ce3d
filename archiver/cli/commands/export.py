"""`archiver export`: records for other programs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archiver.cli.options import QueryOptions, archive_option, query_options, refuse_unknown_options, takes
from archiver.cli.terminal import count_noun, open_output
from archiver.datasets.record_formats import FORMATS

if TYPE_CHECKING:
    from sqlite_utils import Database

_WORDS = {"ignore_unknown_options": True, "help_option_names": ["--help"]}


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """The options of `archiver export`."""

    query: QueryOptions
    limit: int | None
    fold: str
    form: str
    output: str
    wacz: str | None
    archive: str


@click.command(
    short_help="Write articles as JSON Lines, CSV, GeoJSON or Parquet, or their captures as WACZ.",
    context_settings=_WORDS,
)
@query_options
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="At most N.")
@click.option(
    "--fold",
    type=click.Choice(("text", "cluster", "none")),
    is_flag=False,
    flag_value="text",
    default="none",
    show_default=True,
    help="Of articles with the same text write only one (text, or nothing behind it), of near copies too (cluster).",
)
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice((*FORMATS, "wacz")),
    default="jsonl",
    show_default=True,
    help="; ".join(f"{f.name}: {f.doc}" for f in FORMATS.values()) + "; wacz: the captures behind the articles.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(),
    default="-",
    help="Write to FILE instead of the standard output.",
)
@click.option("--wacz", metavar="FILE", type=click.Path(), help="The same as -f wacz -o FILE.")
@archive_option
@takes(ExportOptions, query=QueryOptions)
def export(options: ExportOptions) -> None:
    """Write articles for other programs: one record a line or row, by number unless --sort is given.

    QUERY and the options are those of search; without any, the whole archive is written. A FILE
    appears only when it is complete. A WACZ has the captures that the articles and their versions were
    read from, for players such as pywb and ReplayWeb.page.

    \b
    Examples:
      archiver export -o articles.jsonl
      archiver export --site blog.example.org --since 2023 -f csv > articles.csv
      archiver export "flood OR storm" -f geojson -o map.geojson
      archiver export --site blog.example.org --wacz blog.wacz
    """
    from archiver.search.engine import matching_ids
    from archiver.storage.article_tables.records import records
    from archiver.storage.connection import opened

    query = options.query
    refuse_unknown_options(query.query)
    form, output = ("wacz", options.wacz) if options.wacz else (options.form, options.output)
    if form == "wacz" and output == "-":
        raise click.UsageError("A WACZ is a ZIP and is written to a file: name one with -o FILE.")
    asked = replace(query, sort=query.sort or "added").as_query(
        limit=options.limit, duplicates=False, fold=options.fold
    )
    with opened(options.archive, read_only=True) as db:
        # The query is run before the file is opened: a malformed one leaves nothing behind.
        ids = list(matching_ids(db, asked))
        if form == "wacz":
            _write_wacz(db, Path(options.archive).parent, ids, output)
            return
        with open_output(output) as out:
            written = FORMATS[form].write(records(db, ids), out)
    if output != "-":
        click.echo(f"{count_noun(written, 'article')} written to {output}", err=True)
    if written < len(ids):
        click.echo(f"{count_noun(len(ids) - written, 'article')} without a position left out", err=True)


def _write_wacz(db: Database, folder: Path, ids: list[int], output: str) -> None:
    """Exit code 1 where captures are missing: all others are in the file."""
    from archiver import __version__
    from archiver.datasets.wacz_package import pack_wacz

    with open_output(output) as out:
        done = pack_wacz(db, folder, ids, out, software=f"archiver/{__version__}", title=Path(output).stem)
    click.echo(
        f"{count_noun(done.records, 'capture')} of {count_noun(done.articles, 'article')} written to {output}", err=True
    )
    if done.missing:
        click.echo(
            f"{count_noun(done.missing, 'capture')} could not be read and left out: 'archiver verify' names the damage",
            err=True,
        )
        click.get_current_context().exit(1)
