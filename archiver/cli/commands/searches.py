"""`archiver searches`: lists and runs saved searches, and shows their new results."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.options import archive_option, json_option
from archiver.cli.search_output import format_hit
from archiver.cli.terminal import (
    count_noun,
    format_time,
    open_output,
    print_details,
    print_json,
    print_lines,
    print_table,
    styled_line,
)
from archiver.search.engine import hit_as_dict

if TYPE_CHECKING:
    from sqlite_utils import Database

    from archiver.search.saved_search import NewHit, NewHits, SavedSearch

_IN_FEED = 100


@click.group(short_help="List saved searches and show their new results.", invoke_without_command=True)
@json_option
@archive_option
@click.pass_context
def searches(context: click.Context, as_json: bool, archive: str) -> None:
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
        _print_list(as_json, archive)


@searches.command("list")
@json_option
@archive_option
def list_(as_json: bool, archive: str) -> None:
    """List saved searches; the same as 'archiver searches'.

    \b
    Example:
      archiver searches list --json
    """
    _print_list(as_json, archive)


@searches.command()
@click.argument("name")
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

    These are articles that were archived since ("new"), that match since an edit ("edited"), or that match since
    another change ("changed": the post is gone, has near-duplicates, or was extracted again). Each article is
    reported once; copies of a reported article are not, if the search folds copies. The feed also has the results
    of earlier runs.

    \b
    Examples:
      archiver searches run floods
      archiver searches run floods --atom floods.xml && echo nothing new
      archiver searches run floods --peek --json

    Exit code: 0 nothing new; 1 there are new results, or no such search; 2 wrong usage.
    """
    from archiver.cli.commands.index import update_search_index
    from archiver.search.saved_search import atom_feed, find_saved_search, last_reported
    from archiver.storage.connection import opened

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
    from archiver.search.saved_search import peek_saved_search, run_saved_search

    return peek_saved_search(db, name) if peek else run_saved_search(db, name)


@searches.command()
@click.argument("name")
@json_option
@archive_option
def show(name: str, as_json: bool, archive: str) -> None:
    """Show the query and the last run of a saved search.

    \b
    Example:
      archiver searches show floods
    """
    from archiver.search.saved_search import find_saved_search
    from archiver.storage.connection import opened

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
@click.argument("name")
@archive_option
def remove(name: str, archive: str) -> None:
    """Delete a saved search. Articles are not affected.

    \b
    Example:
      archiver searches remove floods
    """
    from archiver.search.saved_search import remove_saved_search
    from archiver.storage.connection import opened

    with opened(archive) as db:
        remove_saved_search(db, name)
    click.echo(f"Saved search {name} deleted.")


def _print_list(as_json: bool, archive: str) -> None:
    from archiver.search.saved_search import saved_search_states
    from archiver.storage.connection import opened

    with opened(archive, read_only=True) as db:
        found = saved_search_states(db)
    if as_json:
        print_json(
            [{**_saved_as_json(one.saved), "total": one.total, "new": one.new, "error": one.error} for one in found]
        )
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
    from archiver.search.saved_search import WHY

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
            why = [] if one.why == "new" else [styled_line((f"{one.why}: {WHY[one.why]}", "dim"), indent=7)]
            print_lines("", *format_hit(one.hit), *why)


def _new_hits_as_json(saved: SavedSearch, news: NewHits | None, reported: tuple[NewHit, ...]) -> dict[str, Any]:
    return {
        **_saved_as_json(saved),
        "since": news.since if news else None,
        "total": news.total if news else None,
        "new": [{**hit_as_dict(one.hit), "reason": one.why, "found_at": one.found_at} for one in reported],
    }


def _saved_as_json(saved: SavedSearch) -> dict[str, Any]:
    return {"name": saved.name, "query": _format_query(saved), "saved_at": saved.saved_at, "ran_at": saved.ran_at}


def _format_query(saved: SavedSearch) -> str:
    from archiver.search.query import query_as_options

    return query_as_options(saved.query)


def _format_last_run(saved: SavedSearch) -> str:
    return format_time(saved.ran_at) if saved.ran_at != saved.saved_at else "never"
