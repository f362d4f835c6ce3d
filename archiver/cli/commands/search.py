"""`archiver search`: finds articles, or counts them by facet, time or occurrence."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import click

from archiver.cli.options import (
    OptionalValue,
    OptionalValueCommand,
    QueryOptions,
    archives_option,
    pass_options_as,
    query_options,
    refuse_unknown_options,
)

if TYPE_CHECKING:
    from archiver.cli.search_output import SearchTarget
    from archiver.search.query import Query

FOLDS = ("text", "cluster", "none")
MODES = ("facets", "histogram", "trend", "concordance")
"""Options that select a different kind of result from hits."""
_UNITS = ("year", "month", "day")


class _Search(OptionalValueCommand):
    optional: ClassVar[dict[str, OptionalValue]] = {
        "--histogram": (lambda value: value in _UNITS, "auto"),
        "--recent": (lambda value: value.replace(".", "", 1).isdecimal(), "365"),
    }


# QUERY may contain words that begin with "-", also like an option ("-house").
_WORDS = {"ignore_unknown_options": True, "help_option_names": ["--help"]}


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """The options of `archiver search`. `form` is the output format: json, jsonl or csv, or None for text."""

    query: QueryOptions
    limit: int
    duplicates: bool
    fold: str | None
    facets: bool
    recent: float | None
    histogram: str | None
    trend: tuple[str, ...]
    by: str | None
    plot: str | None
    concordance: bool
    width: int
    save: str | None
    form: str | None
    archives: list[str]

    @property
    def mode(self) -> str:
        """The requested kind of result, by the name of its option (such as "facets"); "hits" by default. Raises
        UsageError if several are requested.
        """
        given = [name for name in MODES if getattr(self, name)]
        if len(given) > 1:
            raise click.UsageError(f"--{given[0]} and --{given[1]} cannot be combined.")
        return given[0] if given else "hits"

    def as_query(self) -> Query:
        """Builds the query from the options. Raises BadQuery, and UsageError for options that cannot be combined."""
        if self.fold and self.duplicates:
            raise click.UsageError("--all is the same as --fold none. Use only one of them.")
        query = self.query.as_query(
            limit=self.limit, duplicates=self.duplicates, fold=self.fold or "", recent=self.recent
        )
        refuse_unknown_options(self.query.query)
        return query


@click.command(short_help="Search the archive.", context_settings=_WORDS, cls=_Search)
@query_options
@click.option(
    "--limit", type=click.IntRange(min=0), default=20, show_default=True, metavar="N", help="Show at most N results."
)
@click.option("--all", "duplicates", is_flag=True, help="Show all articles, also those with the same text.")
@click.option(
    "--fold",
    type=click.Choice(FOLDS),
    help="Combine articles with the same text (text) or near-duplicates (cluster) into one result, or show all of "
    "them (none, same as --all)  [default: text]",
)
@click.option("--facets", is_flag=True, help="Count results by site, author, category, tag, language, place and year.")
@click.option(
    "--recent",
    type=float,
    metavar="[DAYS]",
    help="Rank newer articles higher: the score halves every DAYS days  [DAYS is optional: 365]",
)
@click.option(
    "--histogram",
    "histogram",
    type=click.Choice((*_UNITS, "auto")),
    metavar="[year|month|day]",
    help="Count results by time, and show periods without archived articles.",
)
@click.option(
    "--trend",
    "trend",
    multiple=True,
    metavar="TERM",
    help="Show which share of the archived articles (those that match QUERY and the options) contains this word, "
    "phrase or query, over time; may be repeated to compare several.",
)
@click.option("--by", type=click.Choice(_UNITS), help="Period for --trend: year, month or day.")
@click.option(
    "--plot",
    metavar="FILE",
    type=click.Path(),
    help="Also draw the --trend or --histogram to a file: .svg, or .png (needs archiver[plot]).",
)
@click.option(
    "--concordance",
    is_flag=True,
    help="Print each occurrence of QUERY in its context; --sort left or --sort right sorts by the words before or "
    "after it.",
)
@click.option(
    "--width",
    type=click.IntRange(0, 500),
    default=40,
    show_default=True,
    metavar="N",
    help="Characters of context before and after, for --concordance.",
)
@click.option("--save", metavar="NAME", help="Save the search; 'archiver searches' shows its new results.")
@click.option("--json", "form", flag_value="json", help="Print a JSON array.")
@click.option("--jsonl", "form", flag_value="jsonl", help="Print one JSON object per line.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
@archives_option
@pass_options_as(SearchOptions, query=QueryOptions)
def search(options: SearchOptions) -> None:
    """Search the archive.

    QUERY: words that must all occur; "a phrase"; this OR that; -without; begin*; flood NEAR/5 bridge;
    title:word (also body:, author:, category:, tag:, description:); filters: date:2023-07..2023-08, site:,
    language:, place:, credit:, near:50.45,30.52~100km, changed:title, is:gone, has:geo and others (see
    docs/search.md). Anything else is text: O'Brien, AT&T and c++ need no quoting. Case and accents are
    ignored. Without QUERY, all articles that pass the filters are listed, newest first.

    \b
    Examples:
      archiver search "climate report" --since 2023 --until 2024-06
      archiver search 'title:storm -forecast' --author "Ada Lovelace" --sort -date
      archiver search --near 48.85,2.35 --within 50 --json
      archiver search flood --facets
      archiver search 'flood NEAR bridge changed:title -is:gone'
      archiver search flood --histogram month --site blog.example.org
      archiver search --trend flood --trend '"high water"' --since 2015 --plot floods.svg
      archiver search flood --concordance --sort left
      archiver search --like 12 --since 2024
      archiver search "flood OR storm" --stem --fold cluster --save floods
      archiver search flood --shards /mnt/shards --facets
    """
    query, mode = options.as_query(), options.mode
    if options.plot and mode not in ("histogram", "trend"):
        raise click.UsageError("--plot needs --trend or --histogram.")
    if len(options.archives) > 1:
        if refused := "--save" if options.save else "--concordance" if options.concordance else "":
            raise click.UsageError(f"{refused} works with one archive only.")
        from archiver.cli.search_output import open_several

        opening: AbstractContextManager[SearchTarget] = open_several(options.archives, query)
    else:
        opening = _open_archive(options.archives[0], query, options.save)
    from archiver.cli.search_output import RENDERERS

    with opening as target:
        RENDERERS[mode](target, options)


@contextmanager
def _open_archive(archive: str, query: Query, save: str | None) -> Iterator[SearchTarget]:
    """Opens one archive for the query, after updating its search index if that is writable. If `save` is given, stores
    the query as a saved search with that name.
    """
    from archiver.cli.commands.index import update_search_index
    from archiver.cli.search_output import OneArchive
    from archiver.search import tantivy_index
    from archiver.search.saved_search import checked_name, save_search
    from archiver.storage.connection import is_writable, opened

    if save:
        checked_name(save)
    with opened(archive, read_only=not save) as db:
        if tantivy_index.is_migrated(db) and is_writable(Path(archive).parent):
            update_search_index(archive)
        if save:
            saved = save_search(db, save, query)
            click.echo(
                f"Saved as {saved.name}. Show new results with: archiver searches run {shlex.quote(saved.name)}",
                err=True,
            )
        yield OneArchive(db, query)
