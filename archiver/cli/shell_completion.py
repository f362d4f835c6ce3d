"""Completes values from the archive, such as the names of its sites, when Tab is pressed in a shell. The scripts for
bash, zsh and fish are those of click.
"""

from __future__ import annotations

from collections.abc import Callable

import click
from click.shell_completion import CompletionItem

from archiver.cli.terminal_output import strip_control_characters
from archiver.model.errors import ArchiverError

_NOTE_LETTERS = 60
Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def complete(*kinds: str) -> Completer:
    """Returns a function that completes values of these kinds (see `values_beginning_with`) from the archive of the
    command, for the argument `shell_complete` of click. It offers nothing if there is no archive.
    """

    def completer(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(value, help=note) for kind in kinds for value, note in _known(ctx, kind, incomplete)]

    return completer


def _known(ctx: click.Context, kind: str, prefix: str) -> list[tuple[str, str]]:
    from archiver.cli.shared_options import DEFAULT_ARCHIVE  # a circle: the shared options complete values, too
    from archiver.storage.columns import values_beginning_with  # only needed when Tab is pressed
    from archiver.storage.database import opened

    archive = ctx.params.get("archive") or next(iter(ctx.params.get("archives") or ()), DEFAULT_ARCHIVE)
    try:
        with opened(archive, read_only=True) as db:
            found = values_beginning_with(db, kind, prefix)
    except (ArchiverError, OSError):
        return []
    return [
        (value, " ".join(strip_control_characters(note).split())[:_NOTE_LETTERS])
        for value, note in found
        if value.isprintable()
    ]
