"""`archiver backup`: copies the archive, even while a crawl writes to it. `archiver restore`: puts a copy back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.options import archive_option, json_option, pass_options_as
from archiver.cli.terminal import count_noun, exit_on_sigterm, print_json, show_stage_progress

if TYPE_CHECKING:
    from archiver.maintenance.backup_run import BackupResult


@dataclass(frozen=True, slots=True)
class BackupOptions:
    """The options of `archiver backup`."""

    file: Path
    with_captures: bool
    keep: int
    force: bool
    purge: bool
    quiet: bool
    as_json: bool
    archive: str


@click.command(short_help="Copy the archive, even during a crawl.")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--captures",
    "with_captures",
    is_flag=True,
    help="Also copy new WARC files, to warc/ next to FILE.",
)
@click.option(
    "--keep",
    metavar="N",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="How many backups to keep. Earlier ones are named by their time: archive-2026-05-12-030000.db.",
)
@click.option("--force", is_flag=True, help="Overwrite FILE, whatever it is, even if articles are missing or altered.")
@click.option(
    "--purge",
    is_flag=True,
    help="Delete earlier backups and WARC files in the folder of FILE that hold posts removed with 'archiver remove'.",
)
@click.option("--quiet", is_flag=True, help="Do not show progress.")
@json_option
@archive_option
@pass_options_as(BackupOptions)
def backup(options: BackupOptions) -> None:
    """Copy the archive to FILE as it is now. A crawl may run at the same time; it does not have to wait.

    FILE is a complete archive: every command can read it with --archive FILE. The copy is checked before it takes the
    place of the last backup of the same archive; if it is damaged, the last backup stays. Any other file is kept,
    unless --force is given. With --captures, the finished WARC files are copied too, and only new ones the next time;
    all backups in a folder share them. If the backup is interrupted, FILE remains as it was.

    \b
    Examples:
      archiver backup /media/disk/archive.db
      archiver backup /media/disk/news/archive.db --captures --keep 7
      archiver verify --quick --archive /media/disk/news/archive.db
      archiver restore /media/disk/news/archive.db

    Exit code: 0 done; 1 the archive or an earlier backup is damaged, or a WARC file is missing; 2 wrong usage.
    """
    from archiver.maintenance.backup_run import BackupRequest, make_backup

    request = BackupRequest(options.file, options.with_captures, options.force, options.keep, options.purge)
    with exit_on_sigterm(), show_stage_progress(options.quiet or options.as_json) as progress:
        made = make_backup(Path(options.archive), request, progress)
    if options.as_json:
        print_json(_backup_as_json(options, made))
    else:
        _print_backup(options, made)
    for sentence in _problems(options, made):
        click.echo(sentence, err=True)
    if made.copied.missing or made.copied.damaged or made.damaged:
        click.get_current_context().exit(1)


def _backup_as_json(options: BackupOptions, made: BackupResult) -> dict[str, Any]:
    summary: dict[str, Any] = {"file": str(options.file), "bytes": made.bytes, "articles": made.articles}
    if options.with_captures:
        summary |= {
            "warc_files": made.copied.files,
            "warc_bytes": made.copied.bytes,
            "warc_files_kept": made.copied.kept,
            "missing": list(made.copied.missing),
            "damaged_warc_files": list(made.copied.damaged),
        }
    return summary | {
        "recorded": not made.unrecorded,
        "deleted": [str(file) for file in made.deleted],
        "damaged_backups": [str(one.path) for one in made.damaged],
        "purged_warc_files": made.purged,
        "removed_posts_held": made.still_held,
    }


def _print_backup(options: BackupOptions, made: BackupResult) -> None:
    click.echo(f"{options.file}: {count_noun(made.articles, 'article')}, {made.bytes / 1e6:,.1f} MB")
    if options.with_captures:
        click.echo(
            f"{count_noun(made.copied.files, 'WARC file')} copied ({made.copied.bytes / 1e6:,.1f} MB), "
            f"{made.copied.kept:,} copied before"
        )
    for file in made.deleted:
        click.echo(f"{file}: deleted, an earlier backup")
    if made.purged:
        click.echo(f"{count_noun(len(made.purged), 'WARC file')} deleted that the archive had replaced")


def _problems(options: BackupOptions, made: BackupResult) -> list[str]:
    """Returns a sentence for each problem that a backup met."""
    out = [
        f"{name} is missing next to {options.archive}; 'archiver verify' lists the articles that need it."
        for name in made.copied.missing
    ]
    out += made.copied.damaged.values()
    out += [
        f"{one.path} is damaged ({one.damage}) and does not count as a backup: delete it, and check its disk."
        for one in made.damaged
    ]
    if made.still_held:
        out.append(
            f"Earlier backups or WARC files next to {options.file} may still hold "
            f"{count_noun(made.still_held, 'removed post')}: 'archiver backup {options.file} --purge' deletes them."
        )
    if made.unrecorded:
        out.append(f"The archive has no record of this backup: {made.unrecorded}.".replace("..", "."))
    return out
