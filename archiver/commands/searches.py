"""`archiver searches`: saved searches, and what they find anew."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from archiver.commands.hits import shown
from archiver.commands.options import archive_option, json_option
from archiver.commands.output import target
from archiver.commands.screen import count, details, instant, line, say, table, write_json
from archiver.search.values import as_values

if TYPE_CHECKING:
    from sqlite_utils import Database

    from archiver.search.saved import New, News, Saved

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
@click.option("--atom", metavar="FILE", type=click.Path(),
              help=f"Write the last {_IN_FEED} articles that it told of as an Atom feed "
                                             "(RFC 4287); - is the standard output.")
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
    from archiver.commands.index import after_writing
    from archiver.search.atom import feed
    from archiver.search.saved import find, last
    from archiver.store.connect import opened

    if peek and again:
        raise click.UsageError("What is new, or what was told before: leave out --peek or --again.")
    if as_json and atom == "-":
        raise click.UsageError("JSON and a feed cannot both go to the standard output: give --atom a file.")
    with opened(archive, read_only=peek or again) as db:
        if not (peek or again):
            after_writing(archive, quiet=True)
        saved = find(db, name)
        # Where the feed cannot be written nothing is noted as told.
        with target(atom) if atom else nullcontext() as out:
            news = None if again else _news(db, name, peek=peek)
            told = _last_run(last(db, name)) if news is None else news.new
            if out:
                earlier = last(db, name, _IN_FEED)
                out.write(feed(saved, ((*told, *earlier) if peek else earlier)[:_IN_FEED]))
    if as_json:
        write_json(_as_json(saved, news, told))
    elif atom != "-":
        _print(news, told)
    sys.exit(1 if told else 0)


def _news(db: Database, name: str, *, peek: bool) -> News:
    from archiver.search.saved import peek as look
    from archiver.search.saved import report

    return look(db, name) if peek else report(db, name)


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
    from archiver.search.saved import find
    from archiver.store.connect import opened

    with opened(archive, read_only=True) as db:
        saved = find(db, name)
    if as_json:
        write_json(_told(saved))
        return
    details([("name", saved.name), ("query", _asked(saved)), ("saved", instant(saved.saved_at)),
             ("last run", _ran(saved)), ("feed id", f"urn:uuid:{saved.uuid}")])


@searches.command()
@click.argument("name")
@archive_option
def remove(name: str, archive: str) -> None:
    """Take a saved search away. The articles stay.

    \b
    Example:
      archiver searches remove floods
    """
    from archiver.search.saved import remove as take_away
    from archiver.store.connect import opened

    with opened(archive) as db:
        take_away(db, name)
    click.echo(f"The saved search {name} is taken away.")


def _list(as_json: bool, archive: str) -> None:
    from archiver.search.saved import standings
    from archiver.store.connect import opened

    with opened(archive, read_only=True) as db:
        found = standings(db)
    if as_json:
        write_json([{**_told(one.saved), "total": one.total, "new": one.new, "error": one.error} for one in found])
    elif not found:
        click.echo("There are no saved searches: 'archiver search QUERY --save NAME' saves one.", err=True)
    else:
        table(("search", "articles", "new", "last run", "query"),
              [(one.saved.name, one.total, one.new, _ran(one.saved), one.error or _asked(one.saved)) for one in found],
              numbers=(1, 2))


def _last_run(told: tuple[New, ...]) -> tuple[New, ...]:
    return tuple(one for one in told if one.found_at == told[0].found_at)


def _print(news: News | None, told: tuple[New, ...]) -> None:
    from archiver.search.saved import WHY

    if news is not None and not told:
        click.echo(f"Nothing new since {instant(news.since)}; {count(news.total, 'article')} in all.", err=True)
    elif not told:
        click.echo("No run has found anything new yet.", err=True)
    else:
        since = f" since {instant(news.since)}" if news else f", told at {instant(told[0].found_at)}"
        say(line((f"{count(len(told), 'new article') if news else count(len(told), 'article')}{since}", "dim")))
        for one in told:
            why = [] if one.why == "new" else [line((f"{one.why}: {WHY[one.why]}", "dim"), indent=7)]
            say("", *shown(one.hit), *why)


def _as_json(saved: Saved, news: News | None, told: tuple[New, ...]) -> dict[str, Any]:
    return {**_told(saved), "since": news.since if news else None, "total": news.total if news else None,
            "new": [{**as_values(one.hit), "reason": one.why, "found_at": one.found_at} for one in told]}


def _told(saved: Saved) -> dict[str, Any]:
    return {"name": saved.name, "query": _asked(saved), "saved_at": saved.saved_at, "ran_at": saved.ran_at}


def _asked(saved: Saved) -> str:
    from archiver.search.asked import as_options

    return as_options(saved.query)


def _ran(saved: Saved) -> str:
    return instant(saved.ran_at) if saved.ran_at != saved.saved_at else "never"
