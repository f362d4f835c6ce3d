"""`archiver search`: find articles."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, ClassVar

import click

from archiver.commands.hits import print_facets, print_hits, shown
from archiver.commands.optional import OptionalValues, Takes
from archiver.commands.options import query_from, query_options
from archiver.commands.shards import archives_option
from archiver.search.values import as_values

FOLDS = ("text", "cluster", "none")
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
@click.option("--fold", type=click.Choice(FOLDS), help="Show one for all articles with the same text, one for all near "
              "copies (cluster), or each (none, as --all)  [default: text]")
@click.option("--facets", is_flag=True, help="Count what matches by site, author, category, tag, language and year.")
@click.option("--recent", type=float, metavar="[DAYS]",
              help="Rank newer articles higher: a score halves with every so many days  [without DAYS: 365]")
@click.option("--histogram", "histogram", type=click.Choice((*_UNITS, "auto")), metavar="[year|month|day]",
              help="Count what matches by time, and show for which time nothing is archived.")
@click.option("--trend", "trend", multiple=True, metavar="TERM",
              help="Which share of the archived articles (of those that QUERY and the options leave) has this word, "
                   "phrase or query, by time; several are compared.")
@click.option("--by", type=click.Choice(_UNITS), help="Of --trend: by year, month or day.")
@click.option("--plot", metavar="FILE", type=click.Path(),
              help="Draw the --trend or --histogram into a file, too: .svg, or .png, which "
                                             "needs archiver[plot].")
@click.option("--concordance", is_flag=True,
              help="Print each place where QUERY stands, with what is around it; --sort left or right is by the words "
                   "before or after it.")
@click.option("--width", type=click.IntRange(0, 500), default=40, show_default=True, metavar="N",
              help="Of --concordance: so many characters before and after.")
@click.option("--save", metavar="NAME", help="Save the search; 'archiver searches' tells what it finds anew.")
@click.option("--json", "form", flag_value="json", help="Print a JSON array.")
@click.option("--jsonl", "form", flag_value="jsonl", help="Print one JSON object a line.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
@archives_option
def search(archives: list[str], form: str | None, facets: bool, histogram: str | None,
           trend: tuple[str, ...], by: str | None, plot: str | None, concordance: bool, width: int, save: str | None,
           fold: str | None, **options: Any) -> None:
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
      archiver search --like 12 --since 2024
      archiver search "flood OR storm" --stem --fold cluster --save floods
      archiver search flood --shards /mnt/shards --facets
    """
    from archiver.commands import answers
    from archiver.commands.index import after_writing
    from archiver.commands.search_together import Answer, search_together
    from archiver.search.index import state
    from archiver.search.plan import planned
    from archiver.search.run import facets as count_facets
    from archiver.search.run import run
    from archiver.search.saved import save as save_search
    from archiver.search.saved import valid_name
    from archiver.store.connect import is_writable, open_archive

    if fold and options["duplicates"]:
        raise click.UsageError("--all is --fold none: leave out one of them.")
    query = query_from(fold=fold or "", **options)
    if any(word.startswith("--") for word in options["query"]):
        raise click.NoSuchOption(next(word for word in options["query"] if word.startswith("--")))
    asked = [name for name, given in (("--facets", facets), ("--histogram", histogram), ("--trend", trend),
                                      ("--concordance", concordance)) if given]
    if len(asked) > 1:
        raise click.UsageError(f"{asked[0]} and {asked[1]} are two answers: ask for one of them.")
    if plot and not (histogram or trend):
        raise click.UsageError("--plot draws a --trend or a --histogram: ask for one of them.")
    if len(archives) > 1:
        if refused := "--save" if save else "--concordance" if concordance else "":
            raise click.UsageError(f"{refused} is of one archive: name only one.")
        search_together(archives, query, Answer(form, facets, histogram, trend, by, plot))
        return
    (archive,) = archives
    if save:
        valid_name(save)
    db = open_archive(archive, read_only=not save)
    try:
        if state.is_migrated(db) and is_writable(Path(archive).parent):
            after_writing(archive)
        if save:
            saved = save_search(db, save, query)
            click.echo(f"Saved as {saved.name}. What it finds anew: archiver searches run {shlex.quote(saved.name)}",
                       err=True)
        if facets:
            print_facets(count_facets(db, query), form)
        elif histogram:
            answers.histogram([planned(db, query)], histogram, form, plot)
        elif trend:
            answers.trend([(db, query)], trend, by, form, plot)
        elif concordance:
            answers.concordance(db, query, width, form)
        else:
            found = run(db, query)
            print_hits([as_values(hit) for hit in found.hits], [shown(hit) for hit in found.hits], found.total, form,
                       query.offset)
    finally:
        db.close()
