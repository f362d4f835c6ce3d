"""`archiver search`: find articles."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from archiver.commands.optional import OptionalValues, Takes
from archiver.commands.options import archive_option, query_from, query_options
from archiver.commands.screen import count, line, published, say, table, write_json

if TYPE_CHECKING:
    from archiver.search.run import Hit, Results

_COLUMNS = ("id", "url", "site", "title", "authors", "published", "published_precision", "categories", "tags",
            "language", "gone_at", "duplicate_of", "cluster_id", "copies", "score", "distance_km", "snippet")

_UNITS = ("year", "month", "day")


class _Search(OptionalValues):
    optional: ClassVar[dict[str, Takes]] = {
        "--histogram": (lambda value: value in _UNITS, "auto"),
        "--recent": (lambda value: value.replace(".", "", 1).isdecimal(), "365"),
    }


# A word may begin with "-" ("-rain"), also one that begins like an option ("-house").
_WORDS = {"ignore_unknown_options": True, "help_option_names": ["--help"]}


@click.command(short_help="Search the archive.", context_settings=_WORDS, cls=_Search)
@query_options
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, metavar="N", help="At most N.")
@click.option("--all", "duplicates", is_flag=True, help="Show articles with the same text one by one.")
@click.option("--facets", is_flag=True, help="Count what matches by site, author, category, tag, language and year.")
@click.option("--recent", type=float, metavar="[DAYS]",
              help="Rank newer articles higher: a score halves with every so many days  [without DAYS: 365]")
@click.option("--histogram", "histogram", type=click.Choice((*_UNITS, "auto")), metavar="[year|month|day]",
              help="Count what matches by time, and show for which time nothing is archived.")
@click.option("--trend", "trend", multiple=True, metavar="TERM",
              help="Which share of the archived articles (of those that QUERY and the options leave) has this word, "
                   "phrase or query, by time; several are compared.")
@click.option("--by", type=click.Choice(_UNITS), help="Of --trend: by year, month or day.")
@click.option("--plot", metavar="FILE", help="Draw the --trend or --histogram into a file, too: .svg, or .png, which "
                                             "needs archiver[plot].")
@click.option("--concordance", is_flag=True,
              help="Print each place where QUERY stands, with what is around it; --sort left or right is by the words "
                   "before or after it.")
@click.option("--width", type=click.IntRange(0, 500), default=40, show_default=True, metavar="N",
              help="Of --concordance: so many characters before and after.")
@click.option("--json", "form", flag_value="json", help="Print a JSON array.")
@click.option("--jsonl", "form", flag_value="jsonl", help="Print one JSON object a line.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
@archive_option
def search(archive: str, form: str | None, facets: bool, histogram: str | None, trend: tuple[str, ...], by: str | None,
           plot: str | None, concordance: bool, width: int, **options: Any) -> None:
    """Search the archive.

    QUERY: words that must all occur; "a phrase"; this OR that; -without; begin*; flood NEAR/5 bridge;
    title:word (also body:, author:, category:, tag:, description:); facts: date:2023-07..2023-08, site:,
    language:, place:, credit:, near:50.45,30.52~100km, changed:title, is:gone, has:geo and others
    (docs/search.md has them all). Anything else is text: O'Brien, AT&T and c++ need no quoting. Case and
    accents make no difference. Without QUERY, everything that the options leave is listed, newest first.

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
    """
    from archiver.commands import answers
    from archiver.commands.index import after_writing
    from archiver.search.index import state
    from archiver.search.run import facets as count_facets
    from archiver.search.run import run
    from archiver.store.connect import open_archive

    query = query_from(**options)
    if any(word.startswith("--") for word in options["query"]):
        raise click.NoSuchOption(next(word for word in options["query"] if word.startswith("--")))
    asked = [name for name, given in (("--facets", facets), ("--histogram", histogram), ("--trend", trend),
                                      ("--concordance", concordance)) if given]
    if len(asked) > 1:
        raise click.UsageError(f"{asked[0]} and {asked[1]} are two answers: ask for one of them.")
    if plot and not (histogram or trend):
        raise click.UsageError("--plot draws a --trend or a --histogram: ask for one of them.")
    db = open_archive(archive, read_only=True)
    try:
        if state.is_kept(db) and os.access(Path(archive).parent, os.W_OK):
            after_writing(archive)
        if facets:
            _print_facets(count_facets(db, query), form)
        elif histogram:
            answers.histogram(db, query, histogram, form, plot)
        elif trend:
            answers.trend(db, query, trend, by, form, plot)
        elif concordance:
            answers.concordance(db, query, width, form)
        else:
            _print_hits(run(db, query), form, query.offset)
    finally:
        db.close()


def _print_facets(counts: dict[str, list[tuple[str, int]]], form: str | None) -> None:
    rows = [(name, value, number) for name, values in counts.items() for value, number in values]
    heads = ("facet", "value", "articles")
    if form == "json":
        write_json({name: dict(values) for name, values in counts.items()})
    elif form == "jsonl":
        for row in rows:
            click.echo(json.dumps(dict(zip(heads, row, strict=True)), ensure_ascii=False))
    elif form == "csv":
        _print_csv([dict(zip(heads, row, strict=True)) for row in rows], heads)
    else:
        shown = [("" if index and rows[index - 1][0] == name else name, value, number)
                 for index, (name, value, number) in enumerate(rows)]
        table(heads, shown, numbers=(2,))


def _print_hits(results: Results, form: str | None, offset: int) -> None:
    values = [{name: value for name, value in asdict(hit).items() if name in _COLUMNS} for hit in results.hits]
    if form == "json":
        write_json(values)
    elif form == "jsonl":
        for value in values:
            click.echo(json.dumps(value, ensure_ascii=False))
    elif form == "csv":
        _print_csv(values, _COLUMNS)
    elif not results.hits:
        click.echo(f"There are {count(results.total, 'article')}, none after the first {offset:,}."
                   if results.total else "Nothing found.", err=True)
    else:
        first = offset + 1
        span = f"{first:,} to {offset + len(results.hits):,} of " if results.total > len(results.hits) else ""
        say(line((f"{span}{count(results.total, 'article')}", "dim")))
        for hit in results.hits:
            say("", *_shown(hit))


def _print_csv(values: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    from archiver.publish.formats.csv_table import write

    write(values, sys.stdout.buffer, columns)


def _shown(hit: Hit) -> list[Any]:
    """A hit in up to four lines: number and title; date, authors, site; the snippet; the address."""
    about = [published(hit.published, hit.published_precision), ", ".join(hit.authors), hit.site]
    if hit.distance_km is not None:
        about.append(f"{hit.distance_km:,.1f} km away")
    if hit.gone_at:
        about.append(f"gone since {hit.gone_at[:10]}")
    if hit.copies:
        about.append("same text: " + ", ".join(str(number) for number in hit.copies))
    pieces: list[str | tuple[str, str]] = []
    end = 0
    for start, stop in hit.marks:
        pieces += [hit.snippet[end:start], (hit.snippet[start:stop], "bold yellow")]
        end = stop
    pieces.append(hit.snippet[end:])
    number = f"{hit.id:>5}  "
    lines = [line((number, "cyan"), (hit.title or "(without title)", "bold")),
             line((" · ".join(part for part in about if part), "dim"), indent=7)]
    if hit.snippet:
        lines.append(line(*pieces, indent=7))
    return [*lines, line((hit.url, "blue"), indent=7)]
