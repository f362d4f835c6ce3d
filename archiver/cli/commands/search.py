"""`archiver search` finds articles, or counts them by facet or time. `archiver searches` lists and runs
saved searches, and shows their new results. `archiver feed` writes a feed. `archiver index` updates the search
index next to the archive.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from archiver.cli.former_spellings import FORMER
from archiver.cli.shared_options import (
    OptionalValue,
    OptionalValueCommand,
    QueryCommand,
    QueryOptions,
    archive_option,
    json_option,
    list_options,
    pass_options_as,
    query_options,
    refuse_unknown_options,
)
from archiver.cli.shell_completion import complete
from archiver.cli.terminal_output import (
    count_noun,
    format_time,
    open_output,
    print_details,
    print_json,
    print_lines,
    print_table,
    print_values,
    styled_line,
)

if TYPE_CHECKING:
    from archiver.search.query import Query
    from archiver.search.search_feeds import NewHit, NewHits, SavedSearch
    from archiver.search.search_index import Progress
    from archiver.storage import Database


FOLDS = ("text", "cluster", "none")
MODES = ("facets", "histogram")
"""Options of which at most one can be given. Each prints something other than a list of hits."""
_UNITS = ("year", "month", "day")
_OTHER_UNITS = frozenset({"hour", "week", "quarter", "decade", "hours", "days", "weeks", "months", "quarters", "years"})


class _Search(OptionalValueCommand):
    meant: ClassVar[dict[str, str]] = {
        **QueryCommand.meant,
        "-o": "'archiver export QUERY -o FILE'",
        "-O": "'archiver export QUERY -o FILE'",
        "-f": "--json, --jsonl or --csv",
    }
    optional: ClassVar[dict[str, OptionalValue]] = {
        "--histogram": (lambda value: value in _UNITS, "auto"),
    }

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if sum(arg == "--archive" or arg.startswith("--archive=") for arg in args) > 1:
            raise click.UsageError(f"A search reads one archive. {FORMER['search --shards']}", ctx)
        for option, value in pairwise(args):
            if option == "--histogram" and value in _OTHER_UNITS:
                raise click.BadParameter(
                    f"{value!r} is not one of {', '.join(map(repr, _UNITS))}. To search for the word, write it before "
                    "the option.",
                    ctx,
                    param_hint="'--histogram'",
                )
        return super().parse_args(ctx, args)


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
    histogram: str | None
    save: str | None
    form: str | None
    archive: str

    @property
    def mode(self) -> str:
        """Returns the requested kind of result, by the name of its option (such as "facets"); "hits" by default. Raises
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
        query = self.query.as_query(limit=self.limit, duplicates=self.duplicates, fold=self.fold or "")
        refuse_unknown_options(self.query.query)
        return query


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """The options of `archiver feed`."""

    query: QueryOptions
    limit: int
    output: str
    title: str
    url: str
    archive: str


@click.command(short_help="Search the archive.", context_settings=_WORDS, cls=_Search)
@query_options
@click.option(
    "--limit", type=click.IntRange(min=0), default=20, show_default=True, metavar="N", help="Show at most N results."
)
@click.option("--all", "duplicates", is_flag=True, help="Show all articles, also those with the same text.")
@click.option(
    "--fold",
    type=click.Choice(FOLDS, case_sensitive=False),
    help="Combine articles with the same text (text) or near-duplicates (cluster) into one result, or show all of "
    "them (none, same as --all)  [default: text]",
)
@click.option("--facets", is_flag=True, help="Count results by site, author, category, tag, language, place and year.")
@click.option(
    "--histogram",
    "histogram",
    type=click.Choice((*_UNITS, "auto"), case_sensitive=False),
    metavar="[year|month|day]",
    help="Count results by time, and show periods without archived articles.",
)
@click.option("--save", metavar="NAME", help="Save the search; 'archiver searches' shows its new results.")
@list_options
@archive_option
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
      archiver search --like 12 --since 2024
      archiver search "flood OR storm" --fold cluster --save floods

    To leave out a word, write NOT word, or put -word after --. Exit code: 0 something found; 1 nothing found; 2 wrong
    usage.
    """
    query, mode = options.as_query(), options.mode
    from archiver.cli.search_output import RENDERERS, print_advice
    from archiver.search.search_hits import plan_query

    with _open_archive(options.archive, query, options.save) as db:
        note_repairs(query.text)
        RENDERERS[mode](db, query, options)
        if not plan_query(db, query).total:
            print_advice(db, query, options.archive)
            sys.exit(1)


def note_repairs(text: str) -> None:
    """Says on stderr how the mistakes in a query are read that are not errors."""
    from archiver.search.query import list_repairs

    for one in list_repairs(text):
        click.echo(one.reading, err=True)


@contextmanager
def _open_archive(archive: str, query: Query, save: str | None) -> Iterator[Database]:
    """Opens the archive for the query. First updates its search index, if the index is writable. If `save` is given,
    stores the query as a saved search with that name.
    """
    from archiver.search import search_index
    from archiver.search.search_feeds import checked_name, save_search
    from archiver.storage.database import is_writable, opened

    if save is not None:
        checked_name(save)
    with opened(archive, read_only=save is None) as db:
        if search_index.is_migrated(db) and is_writable(Path(archive).parent):
            update_search_index(archive)
        if save is not None:
            saved = save_search(db, save, query)
            click.echo(
                f"Saved as {saved.name}. Show new results with: archiver searches run {shlex.quote(saved.name)}",
                err=True,
            )
        yield db


_IN_FEED = 100


@click.group(short_help="List saved searches and show their new results.", invoke_without_command=True)
@list_options
@archive_option
@click.pass_context
def searches(context: click.Context, form: str | None, archive: str) -> None:
    """List saved searches, each with its number of results and how many are new since its last run.

    Save a search with 'archiver search ... --save NAME'. Results stay new until 'archiver searches run NAME' shows
    them.

    \b
    Examples:
      archiver search "flood OR storm" --since 2023 --save floods
      archiver searches
      archiver searches run floods
      archiver searches run floods --atom floods.xml
    """
    if context.invoked_subcommand is None:
        _print_list(form, archive)


@searches.command("list")
@list_options
@archive_option
def list_(form: str | None, archive: str) -> None:
    """List saved searches; the same as 'archiver searches'.

    \b
    Example:
      archiver searches list --json
    """
    _print_list(form, archive)


@searches.command()
@click.argument("name", shell_complete=complete("saved search"))
@click.option("--peek", is_flag=True, help="Show new results, but keep them as new.")
@click.option("--again", is_flag=True, help="Show the results of the last run that found something again.")
@click.option(
    "--atom",
    metavar="FILE",
    type=click.Path(),
    help=f"Write the last {_IN_FEED} reported articles as an Atom feed (RFC 4287); - for standard output.",
)
@json_option
@archive_option
def run(name: str, peek: bool, again: bool, atom: str | None, as_json: bool, archive: str) -> None:
    """Show what a saved search finds that it did not find before.

    Each result is new for one of three reasons. The article was archived after the last run ("new"). It was edited and
    matches now ("edited"). Or something else has changed ("changed"): the post is gone, has near-duplicates, or was
    extracted again. Each article is reported once. If the search folds copies, a copy of a reported article is not
    reported. The Atom feed also contains the results of earlier runs.

    \b
    Examples:
      archiver searches run floods
      archiver searches run floods --atom floods.xml && echo nothing new
      archiver searches run floods --peek --json

    Exit code: 0 nothing new; 1 there are new results, or no such search; 2 wrong usage.
    """
    from archiver.search.search_feeds import atom_feed, find_saved_search, last_reported
    from archiver.storage.database import opened

    if peek and again:
        raise click.UsageError("--peek and --again cannot be combined.")
    if as_json and atom == "-":
        raise click.UsageError("JSON and the feed cannot both go to standard output. Give --atom a file.")
    with opened(archive, read_only=peek or again) as db:
        if not (peek or again):
            update_search_index(archive, quiet=True)
        saved = find_saved_search(db, name)
        # If the feed cannot be written, the results stay new.
        with open_output(atom) if atom else nullcontext() as out:
            news = None if again else _find_new_hits(db, name, peek=peek)
            reported = _hits_of_last_run(last_reported(db, name)) if news is None else news.new
            if out:
                earlier = last_reported(db, name, _IN_FEED)
                out.write(atom_feed(saved, ((*reported, *earlier) if peek else earlier)[:_IN_FEED]))
    if as_json:
        print_json(_new_hits_as_json(saved, news, reported))
    elif atom != "-":
        _print_new_hits(news, reported)
    sys.exit(1 if reported else 0)


def _find_new_hits(db: Database, name: str, *, peek: bool) -> NewHits:
    from archiver.search.search_feeds import peek_saved_search, run_saved_search

    return peek_saved_search(db, name) if peek else run_saved_search(db, name)


@searches.command()
@click.argument("name", shell_complete=complete("saved search"))
@json_option
@archive_option
def show(name: str, as_json: bool, archive: str) -> None:
    """Show the query and the last run of a saved search.

    \b
    Example:
      archiver searches show floods
    """
    from archiver.search.search_feeds import find_saved_search
    from archiver.storage.database import opened

    with opened(archive, read_only=True) as db:
        saved = find_saved_search(db, name)
    if as_json:
        print_json(_saved_as_json(saved))
        return
    print_details(
        [
            ("name", saved.name),
            ("query", _format_query(saved)),
            ("saved", format_time(saved.saved_at)),
            ("last run", _format_last_run(saved)),
            ("feed id", f"urn:uuid:{saved.uuid}"),
        ]
    )


@searches.command()
@click.argument("name", shell_complete=complete("saved search"))
@archive_option
def remove(name: str, archive: str) -> None:
    """Delete a saved search. Articles are not affected.

    \b
    Example:
      archiver searches remove floods
    """
    from archiver.search.search_feeds import remove_saved_search
    from archiver.storage.database import opened

    with opened(archive) as db:
        remove_saved_search(db, name)
    click.echo(f"Saved search {name} deleted.")


def _print_list(form: str | None, archive: str) -> None:
    from archiver.search.search_feeds import saved_search_states
    from archiver.storage.database import opened

    with opened(archive, read_only=True) as db:
        found = saved_search_states(db)
    if form:
        rows = [{**_saved_as_json(one.saved), "total": one.total, "new": one.new, "error": one.error} for one in found]
        print_values(rows, form)
    elif not found:
        click.echo("There are no saved searches. Save one with 'archiver search QUERY --save NAME'.", err=True)
    else:
        print_table(
            ("search", "articles", "new", "last run", "query"),
            [
                (one.saved.name, one.total, one.new, _format_last_run(one.saved), one.error or _format_query(one.saved))
                for one in found
            ],
            numbers=(1, 2),
        )


def _hits_of_last_run(reported: tuple[NewHit, ...]) -> tuple[NewHit, ...]:
    return tuple(one for one in reported if one.found_at == reported[0].found_at)


def _print_new_hits(news: NewHits | None, reported: tuple[NewHit, ...]) -> None:
    from archiver.cli.search_output import format_hit
    from archiver.search.search_feeds import NEW_RESULT_REASONS

    if news is not None and not reported:
        click.echo(
            f"No new results since {format_time(news.since)} ({count_noun(news.total, 'article')} in total).", err=True
        )
    elif not reported:
        click.echo("No run has found anything new yet.", err=True)
    else:
        since = f" since {format_time(news.since)}" if news else f", reported {format_time(reported[0].found_at)}"
        print_lines(
            styled_line(
                (
                    f"{count_noun(len(reported), 'new article' if news else 'article')}{since}",
                    "dim",
                )
            )
        )
        for one in reported:
            why = (
                []
                if one.why == "new"
                else [styled_line((f"{one.why}: {NEW_RESULT_REASONS[one.why]}", "dim"), indent=7)]
            )
            print_lines("", *format_hit(one.hit), *why)


def _new_hits_as_json(saved: SavedSearch, news: NewHits | None, reported: tuple[NewHit, ...]) -> dict[str, Any]:
    from archiver.search.search_hits import hit_as_dict

    return {
        **_saved_as_json(saved),
        "since": news.since if news else None,
        "total": news.total if news else None,
        "new": [{**hit_as_dict(one.hit), "reason": one.why, "found_at": one.found_at} for one in reported],
    }


def _saved_as_json(saved: SavedSearch) -> dict[str, Any]:
    ran_at = saved.ran_at if saved.ran_at != saved.saved_at else None
    return {"name": saved.name, "query": _format_query(saved), "saved_at": saved.saved_at, "ran_at": ran_at}


def _format_query(saved: SavedSearch) -> str:
    from archiver.search.query import query_as_options

    return query_as_options(saved.query)


def _format_last_run(saved: SavedSearch) -> str:
    return format_time(saved.ran_at) if saved.ran_at != saved.saved_at else "never"


# `archiver feed`.


@click.command(short_help="Write a feed of new and changed articles.", context_settings=_WORDS, cls=QueryCommand)
@query_options
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000),
    default=_IN_FEED,
    show_default=True,
    metavar="N",
    help="At most N entries.",
)
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(), default="-", help="Write to FILE instead of standard output."
)
@click.option("--title", metavar="TEXT", default="", help="Title of the feed  [default: QUERY]")
@click.option("--url", metavar="URL", default="", help="The URL at which the feed will be published.")
@archive_option
@pass_options_as(FeedOptions, query=QueryOptions)
def feed(options: FeedOptions) -> None:
    """Write a feed of the articles that were added, edited or found to be gone last, newest first, for feed readers: in
    Atom (RFC 4287).

    QUERY and its options are the same as for search; without any, the feed is of the whole archive. An entry keeps its
    ID when its article is edited. FILE appears only when it is complete. 'archiver serve' has the same feeds at
    /search/feed.

    \b
    Examples:
      archiver feed -o /srv/www/archive.xml
      archiver feed "flood OR storm" --site blog.example.org -o floods.xml
      archiver feed is:gone --limit 20
    """
    from archiver.search.search_feeds import changes_feed, write_atom

    refuse_unknown_options(options.query.query)
    if options.output.lower().endswith(".json"):
        raise click.UsageError(f"A feed is written as Atom, which is XML. Use {options.output[:-5]}.xml.")
    query = options.query.as_query(limit=None, duplicates=False, fold="")
    note_repairs(query.text)
    with _open_archive(options.archive, query, None) as db:
        found = changes_feed(db, query, options.limit, own_url=options.url, title=options.title)
    with open_output(options.output) as out:
        out.write(write_atom(found))
    if options.output != "-":
        click.echo(f"{count_noun(len(found.entries), 'article')} written to {options.output}", err=True)


# `archiver index`.

_BAR_FROM = 2_000
"""A progress bar is shown if at least this many articles are to be indexed; fewer take about a second."""


@click.command(short_help="Update or rebuild the search index.")
@click.option("--rebuild", is_flag=True, help="Rebuild the index from scratch.")
@click.option("--fts", is_flag=True, help="Also make the FTS5 table articles_fts, for SQL in other programs.")
@json_option
@archive_option
def index(archive: str, rebuild: bool, fts: bool, as_json: bool) -> None:
    """Update or rebuild the search index.

    The index is in the folder ARCHIVE-search next to the archive. It can be deleted at any time, because it is built
    from the archive. Crawls, imports and searches update it automatically; use this command to do it at another time.
    The table articles_fts has the articles of the moment at which it was made, and nothing updates it.

    \b
    Examples:
      archiver index
      archiver index --rebuild --archive news.db
      archiver index --fts
    """
    from archiver.search.search_index import damage_sentence, refresh_archive

    with _show_progress(as_json) as progress:
        done = refresh_archive(Path(archive), rebuild=rebuild, progress=progress)
    if sentence := damage_sentence(done):
        click.echo(sentence, err=True)
    in_table = _make_fts(archive) if fts else None
    if as_json:
        print_json({"articles": done.articles, "rebuilt": done.rebuilt, **({"fts": in_table} if fts else {})})
    elif done.rebuilt:
        click.echo(f"Search index rebuilt: {count_noun(done.articles, 'article')}.")
    elif done.articles:
        click.echo(f"Search index updated: {count_noun(done.articles, 'article')}.")
    else:
        click.echo("The search index is up to date.")
    if fts and not as_json:
        click.echo(f"Table articles_fts made: {count_noun(in_table or 0, 'article')}.")


def _make_fts(archive: str) -> int:
    from archiver.storage.database import opened
    from archiver.storage.full_text import make_fts
    from archiver.storage.transactions import writing

    with opened(archive) as db, writing(db):
        return make_fts(db)


def update_search_index(archive: str, *, quiet: bool = False) -> None:
    """Updates the search index of an archive after a crawl or an import. On a terminal, a progress bar is shown if it
    takes long, unless `quiet` is True.
    """
    from archiver.search.search_index import refresh_after_writing

    with _show_progress(quiet) as progress:
        sentence = refresh_after_writing(Path(archive), progress)
    if sentence:
        click.echo(sentence, err=True)


@contextmanager
def _show_progress(quiet: bool) -> Iterator[Progress | None]:
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("search index", visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=total > _BAR_FROM)
