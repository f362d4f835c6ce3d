"""`archiver vacuum`: the space that the archive does not need, given back."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from archiver.cli.options import archive_option, json_option
from archiver.cli.terminal import print_json


@click.command(short_help="Give back the space that the archive does not need.")
@json_option
@archive_option
def vacuum(as_json: bool, archive: str) -> None:
    """Merge the full-text index and write the database anew without gaps; tell how large it was and is.

    No crawl or import may write the archive meanwhile. It takes twice the room of the result for a
    while, beside the archive. A kill leaves the archive whole.

    \b
    Examples:
      archiver vacuum
      archiver vacuum --json --archive /media/disk/archive.db
    """
    from archiver.maintenance.vacuum import vacuum as run

    shown = sys.stderr.isatty() and not as_json
    freed = run(Path(archive), lambda step: click.echo(f"{step} ...", err=True) if shown else None)
    if as_json:
        print_json(
            {"file": archive, "before": freed.before, "after": freed.after, "freed": max(freed.before - freed.after, 0)}
        )
        return
    click.echo(f"{archive}: {freed.before / 1e6:,.1f} MB before, {freed.after / 1e6:,.1f} MB now")
