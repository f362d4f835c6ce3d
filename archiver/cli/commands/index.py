"""`archiver index`: updates the search index next to the archive."""

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
    from archiver.search.index_refresh import Progress

_BAR_FROM = 2_000
"""A progress bar is shown if at least this many articles are to be indexed; fewer take about a second."""


@click.command(short_help="Update or rebuild the search index.")
@click.option("--rebuild", is_flag=True, help="Rebuild the index from scratch.")
@json_option
@archive_option
def index(archive: str, rebuild: bool, as_json: bool) -> None:
    """Update or rebuild the search index.

    The index is in the folder ARCHIVE-search next to the archive. It can be deleted at any time, because it is built
    from the archive. Crawls, imports and searches update it automatically; use this command to do it at another time.

    \b
    Examples:
      archiver index
      archiver index --rebuild --archive news.db
    """
    from archiver.search.index_refresh import damage_sentence, refresh_archive

    with _show_progress(as_json) as progress:
        done = refresh_archive(Path(archive), rebuild=rebuild, progress=progress)
    if sentence := damage_sentence(done):
        click.echo(sentence, err=True)
    if as_json:
        print_json({"articles": done.articles, "rebuilt": done.rebuilt})
    elif done.rebuilt:
        click.echo(f"Search index rebuilt: {count_noun(done.articles, 'article')}.")
    elif done.articles:
        click.echo(f"Search index updated: {count_noun(done.articles, 'article')}.")
    else:
        click.echo("The search index is up to date.")


def update_search_index(archive: str, *, quiet: bool = False) -> None:
    """Updates the search index of an archive after a crawl or an import. On a terminal, a progress bar is shown if it
    takes long.
    """
    from archiver.search.index_refresh import refresh_after_writing

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
