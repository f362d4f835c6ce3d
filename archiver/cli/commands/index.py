"""`archiver index`: the search index beside the archive."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archiver.cli.options import archive_option, json_option
from archiver.cli.terminal import count_noun, print_json

if TYPE_CHECKING:
    from archiver.search.open_index import Progress

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
    from archiver.search.open_index import damage_sentence, refresh_archive

    with _bar(as_json) as progress:
        done = refresh_archive(Path(archive), anew=rebuild, progress=progress)
    if sentence := damage_sentence(done):
        click.echo(sentence, err=True)
    if as_json:
        print_json({"articles": done.articles, "rebuilt": done.anew})
    elif done.anew:
        click.echo(f"The search index was made anew: {count_noun(done.articles, 'article')}.")
    elif done.articles:
        click.echo(f"The search index was brought up to date: {count_noun(done.articles, 'article')}.")
    else:
        click.echo("The search index is up to date.")


def after_writing(archive: str, *, quiet: bool = False) -> None:
    """Bring the index up to date at the end of a crawl or an import, with a bar on a terminal where that takes long."""
    from archiver.search.open_index import refresh_after_writing

    with _bar(quiet) as progress:
        sentence = refresh_after_writing(Path(archive), progress)
    if sentence:
        click.echo(sentence, err=True)


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
