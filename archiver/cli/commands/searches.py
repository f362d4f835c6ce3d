"""`archiver searches`: saved searches, and what they find anew."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.options import archive_option, json_option
from archiver.cli.search_output import shown
from archiver.cli.terminal import (
    count_noun,
    format_time,
    open_output,
    print_details,
    print_json,
    print_line,
    print_lines,
    print_table,
)
from archiver.search.engine import as_values

if TYPE_CHECKING:
    from sqlite_utils import Database

    from archiver.search.saved_search import NewHit, NewHits, SavedSearch

_IN_FEED = 100


@click.group(short_help="List saved searches, and tell what they find anew.", invoke_without_command=True)
@json_option
@archive_option
@click.pass_context
def searches(context: click.Context, as_json: bool, archive: str) -> None:
    """List saved searches, each with what it finds now and how much of that is new since its last run.

    'archiver search ... --save NAME' saves one. Looking at the list tells of nothing: that does 'run'.

    \b
    Examples:
      archiver search "flood OR storm" --since 2023 --save floods
      archiver searches
      archiver searches run floods
      archiver searches run floods --atom floods.xml
    """
    if context.invoked_subcommand is None:
        _list(as_json, archive)


@searches.command("list")
@json_option
@archive_option
def list_(as_json: bool, archive: str) -> None:
    """List saved searches, as without a command.

    \b
    Example:
      archiver searches list --json
    """
    _list(as_json, archive)


@searches.command()
@click.argument("name")
@click.option("--peek", is_flag=True, help="Tell what is new and leave it new.")
@click.option("--again", is_flag=True, help="Tell once more what the last run that found something told.")
@click.option(
    "--atom",
    metavar="FILE",
    type=click.Path(),
    help=f"Write the last {_IN_FEED} articles that it told of as an Atom feed (RFC 4287); - is the standard output.",
)
@json_option
@archive_option
def run(name: str, peek: bool, again: bool, atom: str | None, as_json: bool, archive: str) -> None:
    """Tell what a saved search finds that it did not find before.

    That is what was archived since ("new"), what an edit made match ("edited"), and what matches since
    something else that is told of it changed ("changed": it is gone, has near copies, was read again). Each article is
    told of once, and a copy of one that was told of is not told, as the search folds copies. The feed has
    what earlier runs told of, too.

    \b
    Examples:
      archiver searches run floods
      archiver searches run floods --atom floods.xml && echo nothing new
      archiver searches run floods --peek --json

    \b
    Exit code: 0 nothing new; 1 something is new, or there is no such search; 2 wrong usage.
    """
    from archiver.cli.commands.index import after_writing
    from archiver.search.saved_search import feed, find_saved_search, last_reported
    from archiver.storage.connection import opened

    if peek and again:
        raise click.UsageError("What is new, or what was told before: leave out --peek or --again.")
    if as_json and atom == "-":
        raise click.UsageError("JSON and a feed cannot both go to the standard output: give --atom a file.")
    with opened(archive, read_only=peek or again) as db:
        if not (peek or again):
            after_writing(archive, quiet=True)
        saved = find_saved_search(db, name)
        # Where the feed cannot be written nothing is noted as told.
        with open_output(atom) if atom else nullcontext() as out:
            news = None if again else _news(db, name, peek=peek)
            told = _last_run(last_reported(db, name)) if news is None else news.new
            if out:
                earlier = last_reported(db, name, _IN_FEED)
                out.write(feed(saved, ((*told, *earlier) if peek else earlier)[:_IN_FEED]))
    if as_json:
        print_json(_as_json(saved, news, told))
    elif atom != "-":
        _print(news, told)
    sys.exit(1 if told else 0)


def _news(db: Database, name: str, *, peek: bool) -> NewHits:
    from archiver.search.saved_search import peek_saved_search as look
    from archiver.search.saved_search import run_saved_search

    return look(db, name) if peek else run_saved_search(db, name)


@searches.command()
@click.argument("name")
@json_option
@archive_option
def show(name: str, as_json: bool, archive: str) -> None:
    """Show one saved search: its query, and its last run.

    \b
    Example:
      archiver searches show floods
    """
    from archiver.search.saved_search import find_saved_search
    from archiver.storage.connection import opened

    with opened(archive, read_only=True) as db:
        saved = find_saved_search(db, name)
    if as_json:
        print_json(_told(saved))
        return
    print_details(
        [
            ("name", saved.name),
            ("query", _asked(saved)),
            ("saved", format_time(saved.saved_at)),
            ("last run", _ran(saved)),
            ("feed id", f"urn:uuid:{saved.uuid}"),
        ]
    )


@searches.command()
@click.argument("name")
@archive_option
def remove(name: str, archive: str) -> None:
    """Take a saved search away. The articles stay.

    \b
    Example:
      archiver searches remove floods
    """
    from archiver.search.saved_search import remove_saved_search as take_away
    from archiver.storage.connection import opened

    with opened(archive) as db:
        take_away(db, name)
    click.echo(f"The saved search {name} is taken away.")


def _list(as_json: bool, archive: str) -> None:
    from archiver.search.saved_search import saved_search_states
    from archiver.storage.connection import opened

    with opened(archive, read_only=True) as db:
        found = saved_search_states(db)
    if as_json:
        print_json([{**_told(one.saved), "total": one.total, "new": one.new, "error": one.error} for one in found])
    elif not found:
        click.echo("There are no saved searches: 'archiver search QUERY --save NAME' saves one.", err=True)
    else:
        print_table(
            ("search", "articles", "new", "last run", "query"),
            [(one.saved.name, one.total, one.new, _ran(one.saved), one.error or _asked(one.saved)) for one in found],
            numbers=(1, 2),
        )


def _last_run(told: tuple[NewHit, ...]) -> tuple[NewHit, ...]:
    return tuple(one for one in told if one.found_at == told[0].found_at)


def _print(news: NewHits | None, told: tuple[NewHit, ...]) -> None:
    from archiver.search.saved_search import WHY

    if news is not None and not told:
        click.echo(
            f"Nothing new since {format_time(news.since)}; {count_noun(news.total, 'article')} in all.", err=True
        )
    elif not told:
        click.echo("No run has found anything new yet.", err=True)
    else:
        since = f" since {format_time(news.since)}" if news else f", told at {format_time(told[0].found_at)}"
        print_lines(
            print_line(
                (f"{count_noun(len(told), 'new article') if news else count_noun(len(told), 'article')}{since}", "dim")
            )
        )
        for one in told:
            why = [] if one.why == "new" else [print_line((f"{one.why}: {WHY[one.why]}", "dim"), indent=7)]
            print_lines("", *shown(one.hit), *why)


def _as_json(saved: SavedSearch, news: NewHits | None, told: tuple[NewHit, ...]) -> dict[str, Any]:
    return {
        **_told(saved),
        "since": news.since if news else None,
        "total": news.total if news else None,
        "new": [{**as_values(one.hit), "reason": one.why, "found_at": one.found_at} for one in told],
    }


def _told(saved: SavedSearch) -> dict[str, Any]:
    return {"name": saved.name, "query": _asked(saved), "saved_at": saved.saved_at, "ran_at": saved.ran_at}


def _asked(saved: SavedSearch) -> str:
    from archiver.search.query import query_as_options

    return query_as_options(saved.query)


def _ran(saved: SavedSearch) -> str:
    return format_time(saved.ran_at) if saved.ran_at != saved.saved_at else "never"
