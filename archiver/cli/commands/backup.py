"""`archiver backup`: a copy of the archive, also while a crawl writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from archiver.cli.options import archive_option, json_option
from archiver.cli.terminal import count_noun, ends_by_signal, print_json, stage_progress


@click.command(short_help="Copy the archive while it is written.")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--captures",
    "with_captures",
    is_flag=True,
    help="Copy the WARC files too, into warc/ beside FILE: those that are not there yet.",
)
@click.option("--force", is_flag=True, help="Write over FILE whatever it is.")
@click.option("--quiet", is_flag=True, help="No progress on the terminal.")
@json_option
@archive_option
def backup(file: Path, with_captures: bool, force: bool, quiet: bool, as_json: bool, archive: str) -> None:
    """Copy the archive to FILE as it is at this moment. A crawl may be writing it, and is not kept waiting.

    FILE is an archive of its own: every command reads it with --archive FILE. An earlier backup of
    the same archive is replaced, any other file is left alone. With --captures the WARC files
    come along, each finished one once: called again, it copies what is new. A backup that is
    interrupted leaves FILE as it was.

    \b
    Examples:
      archiver backup /media/disk/archive.db
      archiver backup /media/disk/news/archive.db --captures
      archiver verify --quick --archive /media/disk/news/archive.db
    """
    from archiver.maintenance.backup import Copied, copy_captures, copying
    from archiver.maintenance.verify_captures import files_at

    source, copied = Path(archive), Copied()
    with ends_by_signal(), stage_progress(quiet or as_json) as progress:
        finished = files_at(source.parent) if with_captures else {}
        with copying(source, file, progress, force=force) as db:
            articles = db.execute("select count(*) from articles").fetchone()[0]
            if with_captures:
                copied = copy_captures(db, source, file, finished, progress)
    told: dict[str, Any] = {"file": str(file), "bytes": file.stat().st_size, "articles": articles}
    if with_captures:
        told |= {
            "warc_files": copied.files,
            "warc_bytes": copied.bytes,
            "warc_files_kept": copied.kept,
            "missing": list(copied.missing),
        }
    if as_json:
        print_json(told)
    else:
        click.echo(f"{file}: {count_noun(articles, 'article')}, {told['bytes'] / 1e6:,.1f} MB")
        if with_captures:
            click.echo(
                f"{count_noun(copied.files, 'WARC file')} copied ({copied.bytes / 1e6:,.1f} MB), "
                f"{copied.kept:,} there already"
            )
        for name in copied.missing:
            click.echo(
                f"{name} is missing beside {source}: 'archiver verify' tells which articles rest on it.", err=True
            )
    if copied.missing:
        click.get_current_context().exit(1)
