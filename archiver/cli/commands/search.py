"""`archiver search` finds articles, counts them by facet or time, and keeps saved searches. `archiver index` updates
the search index next to the archive.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from archiver.cli.index_update import BAR_FROM, update_search_index
from archiver.cli.search_output import RENDERERS, format_hit, print_advice
from archiver.cli.shared_options import (
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
    print_json,
    print_lines,
    print_table,
    print_values,
    show_stage_progress,
    styled_line,
)
from archiver.search import search_index
from archiver.search.query import Query, list_repairs, query_as_options
from archiver.search.search_feeds import (
    NEW_RESULT_REASONS,
    NewHits,
    checked_name,
    remove_saved_search,
    run_saved_search,
    save_search,
    saved_search_states,
)
from archiver.search.search_hits import hit_as_dict, plan_query
from archiver.search.search_index import damage_sentence, refresh_archive
from archiver.storage.clusters import rebuild
from archiver.storage.database import is_writable, opened
from archiver.storage.full_text import make_fts
from archiver.storage.transactions import writing

if TYPE_CHECKING:
    from archiver.storage import Database


FOLDS = ("text", "cluster", "none")
MODES = ("facets", "histogram")
"""Options of which at most one can be given. Each prints something other than a list of hits."""
_UNITS = ("year", "month", "day")
_SAVED = ("saved", "new", "forget")
"""Options of which at most one can be given. Each is about saved searches and takes no query."""


class _Search(QueryCommand):
    meant: ClassVar[dict[str, str]] = {
        **QueryCommand.meant,
        "-o": "'archiver export QUERY -o FILE'",
        "-O": "'archiver export QUERY -o FILE'",
        "-f": "--json or --csv",
    }


# QUERY may contain words that begin with "-", also like an option ("-house").
_WORDS = {"ignore_unknown_options": True, "help_option_names": ["--help"]}


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """The options of `archiver search`. `form` is the output format: json or csv, or None for text."""

    query: QueryOptions
    limit: int
    duplicates: bool
    fold: str | None
    facets: bool
    histogram: str | None
    save: str | None
    saved: bool
    new: str | None
    forget: str | None
    form: str | None
    archive: str

    @property
    def mode(self) -> str:
        """Returns the requested kind of result, by the name of its option (such as "facets"); "hits" by default. Raises
        UsageError if several are requested.
        """
        given = [name for name in (*MODES, *_SAVED) if getattr(self, name)]
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
    type=click.Choice(_UNITS, case_sensitive=False),
    help="Count results by time, and show periods without archived articles.",
)
@click.option("--save", metavar="NAME", help="Save the search; --new NAME shows its new results.")
@click.option("--saved", is_flag=True, help="List the saved searches, and how many of their results are new.")
@click.option(
    "--new",
    metavar="NAME",
    help="Show what a saved search finds that it did not find before, each result once.",
    shell_complete=complete("saved search"),
)
@click.option("--forget", metavar="NAME", help="Delete a saved search.", shell_complete=complete("saved search"))
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
      archiver search --new floods

    A result of --new is new for one of three reasons. The article was archived after the last run ("new"). It was
    edited and matches now ("edited"). Or something else has changed ("changed"): the post is gone, has near-duplicates,
    or was extracted again.

    To leave out a word, write NOT word, or put -word after --. Exit code: 0 something found; 1 nothing found; 2 wrong
    usage.
    """
    query, mode = options.as_query(), options.mode
    if mode in _SAVED:
        if query.text or options.save:
            raise click.UsageError(f"--{mode} takes no query and no --save.")
        sys.exit(_use_saved_search(options))

    with open_searched(options.archive, query, options.save) as db:
        note_repairs(query.text)
        RENDERERS[mode](db, query, options)
        if not plan_query(db, query).total:
            print_advice(db, query, options.archive)
            sys.exit(1)


def note_repairs(text: str) -> None:
    """Says on stderr how the mistakes in a query are read that are not errors."""
    for one in list_repairs(text):
        click.echo(one.reading, err=True)


@contextmanager
def open_searched(archive: str, query: Query, save: str | None = None) -> Iterator[Database]:
    """Opens the archive for the query. First updates its search index, if the index is writable. If `save` is given,
    stores the query as a saved search with that name.
    """
    if save is not None:
        checked_name(save)
    with opened(archive, read_only=save is None) as db:
        if search_index.is_migrated(db) and is_writable(Path(archive).parent):
            update_search_index(archive)
        if save is not None:
            saved = save_search(db, save, query)
            click.echo(
                f"Saved as {saved.name}. Show new results with: archiver search --new {shlex.quote(saved.name)}",
                err=True,
            )
        yield db


def _use_saved_search(options: SearchOptions) -> int:
    """Lists the saved searches, shows the new results of one, or deletes one. Returns the exit code of the command."""
    if options.saved:
        return _list_saved_searches(options)
    if options.new is not None:
        with opened(options.archive) as db:
            update_search_index(options.archive, quiet=True)
            found = run_saved_search(db, options.new)
        _print_new_hits(found, options.form)
        return 0 if found.new else 1
    with opened(options.archive) as db:
        remove_saved_search(db, options.forget or "")
    click.echo(f"Saved search {options.forget} deleted.", err=True)
    return 0


def _list_saved_searches(options: SearchOptions) -> int:
    with opened(options.archive, read_only=True) as db:
        found = saved_search_states(db)
    rows: list[dict[str, Any]] = []
    for one in found:
        ran_at = one.saved.ran_at if one.saved.ran_at != one.saved.saved_at else None
        about = {"saved_at": one.saved.saved_at, "ran_at": ran_at, "total": one.total, "new": one.new}
        rows.append({"name": one.saved.name, "query": query_as_options(one.saved.query), **about, "error": one.error})
    if options.form:
        print_values(rows, options.form)
    elif not rows:
        click.echo("There are no saved searches. Save one with 'archiver search QUERY --save NAME'.", err=True)
    else:
        print_table(
            ("search", "articles", "new", "last run", "query"),
            [(r["name"], r["total"], r["new"], format_time(r["ran_at"]), r["error"] or r["query"]) for r in rows],
            numbers=(1, 2),
        )
    return 0


def _print_new_hits(found: NewHits, form: str | None) -> None:
    since = format_time(found.since)
    if form:
        print_values([{**hit_as_dict(one.hit), "reason": one.why, "found_at": one.found_at} for one in found.new], form)
    elif not found.new:
        click.echo(f"No new results since {since} ({count_noun(found.total, 'article')} in total).", err=True)
    else:
        print_lines(styled_line((f"{count_noun(len(found.new), 'new article')} since {since}", "dim")))
        for one in found.new:
            why = f"{one.why}: {NEW_RESULT_REASONS[one.why]}"
            print_lines("", *format_hit(one.hit), *([styled_line((why, "dim"), indent=7)] if one.why != "new" else []))


# `archiver index`.


@click.command(short_help="Update or rebuild the search index.")
@click.option("--rebuild", is_flag=True, help="Rebuild the index from scratch.")
@click.option("--fts", is_flag=True, help="Also make the FTS5 table articles_fts, for SQL in other programs.")
@click.option("--clusters", is_flag=True, help="Also compare all articles again to find near-duplicates.")
@json_option
@archive_option
def index(archive: str, rebuild: bool, fts: bool, clusters: bool, as_json: bool) -> None:
    """Update or rebuild the search index.

    The index is in the folder ARCHIVE-search next to the archive. It can be deleted at any time, because it is built
    from the archive. Crawls, imports and searches update it automatically; use this command to do it at another time.
    The table articles_fts has the articles of the moment at which it was made, and nothing updates it. Crawls also keep
    the clusters of near-duplicates up to date, which keep their IDs when all articles are compared again.

    \b
    Examples:
      archiver index
      archiver index --rebuild --archive news.db
      archiver index --fts
    """
    if clusters:
        _rebuild_clusters(archive, quiet=as_json)
    with show_stage_progress(as_json, BAR_FROM) as progress:
        done = refresh_archive(Path(archive), rebuild=rebuild, progress=partial(progress, "search index"))
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


def _rebuild_clusters(archive: str, *, quiet: bool) -> None:
    with opened(archive) as db, show_stage_progress(quiet, BAR_FROM) as progress:
        total = db.execute("select count(*) from articles").fetchone()[0]
        rebuild(db, lambda done: progress("comparing", done, total))


def _make_fts(archive: str) -> int:
    with opened(archive) as db, writing(db):
        return make_fts(db)
