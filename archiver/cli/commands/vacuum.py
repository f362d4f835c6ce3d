"""`archiver vacuum`: compacts the archive."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from archiver.cli.options import archive_option, json_option
from archiver.cli.terminal import print_json


@click.command(short_help="Compact the archive.")
@json_option
@archive_option
def vacuum(as_json: bool, archive: str) -> None:
    """Compact the archive: merge the full-text index, rebuild the database file without gaps, and print its size
    before and after.

    No crawl or import may be running. The command temporarily needs disk space of twice the resulting size next to the
    archive. If it is killed, the archive remains intact.

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
    click.echo(f"{archive}: {freed.before / 1e6:,.1f} MB before, {freed.after / 1e6:,.1f} MB after")
