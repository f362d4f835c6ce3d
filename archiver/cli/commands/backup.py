"""`archiver backup`: copies the archive, even while a crawl writes to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from archiver.cli.options import archive_option, json_option
from archiver.cli.terminal import count_noun, exit_on_sigterm, print_json, show_stage_progress


@click.command(short_help="Copy the archive, even during a crawl.")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--captures",
    "with_captures",
    is_flag=True,
    help="Also copy new WARC files, to warc/ next to FILE.",
)
@click.option("--force", is_flag=True, help="Overwrite FILE, whatever it is.")
@click.option("--quiet", is_flag=True, help="Do not show progress.")
@json_option
@archive_option
def backup(file: Path, with_captures: bool, force: bool, quiet: bool, as_json: bool, archive: str) -> None:
    """Copy the archive to FILE as it is now. A crawl may run at the same time; it does not have to wait.

    FILE is a complete archive: every command can read it with --archive FILE. An earlier backup of the same archive
    is replaced; any other file is kept, unless --force is given. With --captures, the finished WARC files are copied
    too, and only new ones the next time. If the backup is interrupted, FILE remains as it was.

    \b
    Examples:
      archiver backup /media/disk/archive.db
      archiver backup /media/disk/news/archive.db --captures
      archiver verify --quick --archive /media/disk/news/archive.db
    """
    from archiver.maintenance.backup import CopiedFiles, copy_database, copy_warc_files
    from archiver.maintenance.verify_captures import find_warc_files

    source, copied = Path(archive), CopiedFiles()
    with exit_on_sigterm(), show_stage_progress(quiet or as_json) as progress:
        finished = find_warc_files(source.parent) if with_captures else {}
        with copy_database(source, file, progress, force=force) as db:
            articles = db.execute("select count(*) from articles").fetchone()[0]
            if with_captures:
                copied = copy_warc_files(db, source, file, finished, progress)
    summary: dict[str, Any] = {"file": str(file), "bytes": file.stat().st_size, "articles": articles}
    if with_captures:
        summary |= {
            "warc_files": copied.files,
            "warc_bytes": copied.bytes,
            "warc_files_kept": copied.kept,
            "missing": list(copied.missing),
        }
    if as_json:
        print_json(summary)
    else:
        click.echo(f"{file}: {count_noun(articles, 'article')}, {summary['bytes'] / 1e6:,.1f} MB")
        if with_captures:
            click.echo(
                f"{count_noun(copied.files, 'WARC file')} copied ({copied.bytes / 1e6:,.1f} MB), "
                f"{copied.kept:,} copied before"
            )
        for name in copied.missing:
            click.echo(
                f"{name} is missing next to {source}; 'archiver verify' lists the articles that need it.", err=True
            )
    if copied.missing:
        click.get_current_context().exit(1)
