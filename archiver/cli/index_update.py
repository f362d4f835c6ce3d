"""Updates the search index after a command that has written articles."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from archiver.cli.terminal_output import show_stage_progress
from archiver.search.search_index import refresh_after_writing

BAR_FROM = 2_000
"""A progress bar is shown if at least this many articles are to be indexed; fewer take about a second."""


def update_search_index(archive: str, *, quiet: bool = False) -> None:
    """Updates the search index of an archive after a crawl or an import. On a terminal, a progress bar is shown if it
    takes long, unless `quiet` is True.
    """
    with show_stage_progress(quiet, BAR_FROM) as progress:
        sentence = refresh_after_writing(Path(archive), partial(progress, "search index"))
    if sentence:
        click.echo(sentence, err=True)
