"""`archiver index`: the search index beside the archive."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archiver.commands.options import archive_option, json_option
from archiver.commands.screen import count, write_json

if TYPE_CHECKING:
    from archiver.search.index.refresh import Progress, Refreshed

_LONG = 2_000
"""So many articles take a second or so: of more, the screen tells."""


@click.command(short_help="Bring the search index up to date, or make it anew.")
@click.option("--rebuild", is_flag=True, help="Make it anew, whatever is there.")
@json_option
@archive_option
def index(archive: str, rebuild: bool, as_json: bool) -> None:
    """Bring the search index up to date, or make it anew.

    The index lies beside the archive, in ARCHIVE-search, and holds nothing that the archive does not: it may be deleted
    at any time. Crawls, imports and searches bring it up to date by themselves; this does it at a time of
    your choosing.

    \b
    Examples:
      archiver index
      archiver index --rebuild --archive news.db
    """
    done = up_to_date(archive, anew=rebuild, quiet=as_json)
    _tell_damage(done)
    if as_json:
        write_json({"articles": done.articles, "rebuilt": done.anew})
    elif done.anew:
        click.echo(f"The search index was made anew: {count(done.articles, 'article')}.")
    elif done.articles:
        click.echo(f"The search index was brought up to date: {count(done.articles, 'article')}.")
    else:
        click.echo("The search index is up to date.")


def _tell_damage(done: Refreshed) -> None:
    if done.damaged:
        click.echo(f"The search index was damaged ({done.damaged}): it was made anew from the archive.", err=True)


def up_to_date(archive: str, *, anew: bool = False, quiet: bool = False) -> Refreshed:
    """Bring the index of an archive up to date, with a bar on a terminal where that takes long.

    Raises what `open_archive` does, and ArchiveNotWritable.
    """
    from archiver.errors import ArchiveNotWritable
    from archiver.search.index.refresh import refresh
    from archiver.store.connect import open_archive

    db = open_archive(archive)
    try:
        with _bar(quiet) as progress:
            return refresh(db, Path(archive), anew=anew, progress=progress)
    except OSError as error:
        raise ArchiveNotWritable(archive, error.strerror or str(error)) from error
    finally:
        db.close()


def after_writing(archive: str, *, quiet: bool = False) -> None:
    """The same at the end of a crawl or an import, of which it is no part: what keeps it from being done is told, and
    the next search tries again."""
    from archiver.errors import ArchiverError

    try:
        _tell_damage(up_to_date(archive, quiet=quiet))
    except ArchiverError as error:
        click.echo(f"The search index is not up to date yet: {error}", err=True)


@contextmanager
def _bar(quiet: bool) -> Iterator[Progress | None]:
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("search index", visible=False)
        yield lambda done, of: bar.update(task, completed=done, total=of, visible=of > _LONG)
