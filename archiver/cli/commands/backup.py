"""`archiver backup` copies the archive, even while a crawl writes to it. `archiver restore` puts a copy back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from archiver.cli.shared_options import archive_option, json_option, pass_options_as
from archiver.cli.terminal_output import (
    confirm,
    count_noun,
    exit_on_sigterm,
    format_time,
    print_json,
    show_stage_progress,
)
from archiver.maintenance.backup import BackupRequest, BackupResult, make_backup
from archiver.maintenance.restore_backup import (
    RestorePlan,
    RestoreResult,
    plan_restore,
    restore_archive,
    restore_captures,
)
from archiver.model.errors import ArchiverError


@dataclass(frozen=True, slots=True)
class BackupOptions:
    """The options of `archiver backup`."""

    file: Path
    with_captures: bool
    force: bool
    purge: bool
    quiet: bool
    as_json: bool
    archive: str


def _read_backup_file(_: click.Context, __: click.Parameter, file: str) -> Path:
    """click callback for FILE. Raises BadParameter for the name of a folder that does not exist: pathlib drops the
    slash at its end, so that the backup would be a file of that name.
    """
    if file.endswith("/") and not Path(file).exists():
        raise click.BadParameter(f"{file} is a folder. Name a file in it, such as {file.rstrip('/')}/archive.db.")
    return Path(file)


@click.command(short_help="Copy the archive, even during a crawl.")
@click.argument("file", metavar="FILE", type=click.Path(), callback=_read_backup_file)
@click.option(
    "--captures/--no-captures",
    "with_captures",
    default=True,
    help="Also copy the WARC files, to warc/ next to FILE, or only the database.  [default: --captures]",
)
@click.option("--force", is_flag=True, help="Overwrite FILE, whatever it is, even if articles are missing or altered.")
@click.option(
    "--purge",
    is_flag=True,
    help="Delete WARC files next to FILE that hold posts removed with 'archiver remove', and are not used any more.",
)
@click.option("--quiet", is_flag=True, help="Do not show progress.")
@json_option
@archive_option
@pass_options_as(BackupOptions)
def backup(options: BackupOptions) -> None:
    """Copy the archive to FILE as it is now, and its WARC files to warc/ next to FILE. A crawl may run meanwhile; it
    does not have to wait.

    FILE and warc/ are a complete archive: every command can read it with --archive FILE. The copy is checked before
    it takes the place of the last backup of the same archive; if it is damaged, the last backup stays. A FILE that is
    not a backup of this archive is only replaced with --force. Finished WARC files are copied once. With
    --no-captures, FILE holds the articles, but no page as it was captured. If the backup is interrupted, FILE remains
    as it was. The folder of FILE is created, but not the folders above it. A missing folder that held a backup before
    is not created either: mount its disk first.

    \b
    Examples:
      archiver backup /media/disk/archive.db
      archiver backup articles.db --no-captures
      archiver verify --quick --archive /media/disk/news/archive.db
      archiver restore /media/disk/news/archive.db

    Exit code: 0 done; 1 no backup was made, or a WARC file is missing or damaged; 2 wrong usage.
    """
    if options.purge:  # the files that replaced the deleted ones are needed, if the backup has WARC files
        options = replace(options, with_captures=options.with_captures or (options.file.parent / "warc").is_dir())
    request = BackupRequest(options.file, options.with_captures, options.force, options.purge)
    with exit_on_sigterm(), show_stage_progress(options.quiet or options.as_json) as progress:
        try:
            made = make_backup(Path(options.archive), request, progress)
        except ArchiverError as error:
            if options.as_json:
                print_json({"file": str(options.file), "error": str(error)})
            raise
    if options.as_json:
        print_json(_backup_as_json(options, made))
    else:
        _print_backup(options, made)
    for sentence in _problems(options, made):
        click.echo(sentence, err=True)
    if made.copied.missing or made.copied.damaged:
        click.get_current_context().exit(1)


def _backup_as_json(options: BackupOptions, made: BackupResult) -> dict[str, Any]:
    summary: dict[str, Any] = {"file": str(options.file), "bytes": made.bytes, "articles": made.articles}
    summary["captures"] = options.with_captures
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
        "purged_warc_files": made.purged,
        "other_copies": [str(file) for file in made.copies],
        "removed_posts_held": made.still_held,
        "lost": made.lost.isoformat(timespec="seconds") if made.lost else None,
    }


def _print_backup(options: BackupOptions, made: BackupResult) -> None:
    size = f"{count_noun(made.articles, 'article')}, {made.bytes / 1e6:,.1f} MB"
    without = "" if options.with_captures else ", without WARC files: add --captures"
    click.echo(f"{options.file}: {size}{without}")
    if options.with_captures and options.file.parent.samefile(Path(options.archive).parent):
        click.echo("It uses the WARC files of the archive, which is in the same folder.")
    elif options.with_captures:
        click.echo(
            f"{count_noun(made.copied.files, 'WARC file')} copied ({made.copied.bytes / 1e6:,.1f} MB), "
            f"{made.copied.kept:,} copied before"
        )
    if made.purged:
        click.echo(f"{count_noun(len(made.purged), 'WARC file')} deleted that the archive had replaced")


def _problems(options: BackupOptions, made: BackupResult) -> list[str]:
    """Returns a sentence for each problem that occurred during a backup."""
    out = [
        f"{name} is missing next to {options.archive}; 'archiver verify' lists the articles that need it."
        for name in made.copied.missing
    ]
    out += made.copied.damaged.values()
    if made.lost:
        out.append(
            f"The backup of {format_time(made.lost.isoformat())} is not at {options.file} any more: if its disk is not "
            "mounted, the new one is on another disk."
        )
    if made.still_held:
        held = count_noun(made.still_held, "removed post")
        captures = "" if options.with_captures else " --no-captures"
        purge = f"'archiver backup {options.file}{captures} --purge'"
        out.append(
            f"Other copies of the archive may still hold {held}: delete {', '.join(map(str, made.copies))}, then run "
            f"{purge} again."
            if made.copies
            else f"Files next to {options.file} may still hold {held}: {purge} deletes WARC files, and names other "
            "copies of the archive."
        )
    if made.unrecorded:
        out.append(f"The archive has no record of this backup: {made.unrecorded}.".replace("..", "."))
    return out


# `archiver restore`.


@dataclass(frozen=True, slots=True)
class RestoreOptions:
    """The options of `archiver restore`."""

    file: Path
    warc: tuple[str, ...]
    captures: bool
    yes: bool
    as_json: bool
    archive: str


@click.command(short_help="Put a backup in the place of the archive.")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("warc", nargs=-1, metavar="[WARC]...")
@click.option("--captures", is_flag=True, help="Put back only damaged and missing WARC files, not the database.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
@archive_option
@pass_options_as(RestoreOptions)
def restore(options: RestoreOptions) -> None:
    """Put the backup FILE in the place of the archive, with the WARC files that the archive lacks.

    The backup is checked first. The replaced archive stays next to it, named archive-before-restore-TIME.db. Posts that
    were removed from the archive after the backup was made are removed again. No crawl, import or scheduler may be
    running. With --captures, or the names of WARC files (such as warc/blog-20240501080001-00001.warc.gz), the database
    stays, and only damaged and missing WARC files are put back.

    \b
    Examples:
      archiver restore /media/disk/news/archive.db
      archiver restore /media/disk/news/archive.db --captures

    Exit code: 0 done; 1 not confirmed, the backup is damaged, or a WARC file could not be put back; 2 wrong usage.
    """
    file, archive = options.file, Path(options.archive)
    plan = None if options.captures or options.warc else plan_restore(file, archive)
    if plan is not None and not options.as_json:
        for sentence in _describe_plan(plan, is_decided=options.yes):
            click.echo(sentence)
    if not options.yes:
        question = f"Put {file} in the place of {archive}?" if plan else f"Put back WARC files from {file.parent}?"
        confirm(question, f"Restoring {file}")
    with exit_on_sigterm(), show_stage_progress(options.as_json) as progress:
        done = restore_archive(plan, progress) if plan else restore_captures(file, archive, options.warc, progress)
    if options.as_json:
        print_json(_restore_as_json(options, plan, done))
    else:
        _print_restored(options, done, whole=plan is not None)
    if done.failed:
        click.get_current_context().exit(1)


def _describe_plan(plan: RestorePlan, *, is_decided: bool) -> list[str]:
    """Returns sentences that say what the restoration of a backup does, and what is lost. If `is_decided` is False,
    because the user has not confirmed it yet, they say what it would do.
    """
    is_kept, will = ("is kept", "will") if is_decided else ("would be kept", "would")
    lines = [
        f"{plan.backup}: {count_noun(plan.articles, 'article')}, made {format_time(plan.made_at.isoformat())}, whole"
    ]
    if not plan.archive.exists():
        return lines
    lines.append(f"{plan.archive} {is_kept} as {plan.kept_as}.")
    losses = (
        (plan.runs, "run"),
        (plan.new_articles, "article"),
        (plan.new_revisions, "revision"),
    )
    lost = [count_noun(number, noun) for number, noun in losses if number]
    unknown = [f"{noun}s" for number, noun in losses if number is None]
    if lost:
        lines.append(f"Only the archive has, and the backup lacks: {', '.join(lost)}.")
    if unknown:
        lines.append(
            f"What the archive has since then cannot be read ({', '.join(unknown)}): it is lost, except for the WARC "
            "files."
        )
    if plan.removed:
        lines.append(f"{count_noun(plan.removed, 'post')} removed since then {will} be removed again.")
    elif plan.removed is None:
        lines.append("Which posts were removed since then cannot be read: remove them again with 'archiver remove'.")
    return lines


def _restore_as_json(options: RestoreOptions, plan: RestorePlan | None, done: RestoreResult) -> dict[str, Any]:
    out: dict[str, Any] = {"file": str(options.file), "archive": options.archive}
    if plan is not None:
        out |= {
            "made_at": plan.made_at.isoformat(timespec="seconds"),
            "articles": plan.articles,
            "kept_as": str(done.kept_as) if done.kept_as else None,
            "lost_runs": plan.runs,
            "lost_articles": plan.new_articles,
            "lost_revisions": plan.new_revisions,
            "removed_again": done.removed,
        }
    return out | {"warc_files": done.files, "whole": done.whole, "failed": done.failed, "later_warc_files": done.later}


def _print_restored(options: RestoreOptions, done: RestoreResult, *, whole: bool) -> None:
    if whole:
        click.echo(f"{options.archive}: restored from {options.file}")
    if done.kept_as:
        click.echo(f"The replaced archive is {done.kept_as}; delete it when you do not need it any more.")
    for name in done.files:
        click.echo(f"{name}: put back")
    for name in done.whole:
        click.echo(f"{name}: already undamaged")
    if not (whole or done.files or done.whole or done.failed):
        click.echo("No WARC file is damaged or missing.")
    if done.later:
        more = ", …" if len(done.later) > _SHOWN else ""
        click.echo(
            f"Written after the backup and kept: {count_noun(len(done.later), 'WARC file')}; 'archiver import FILE' "
            f"stores the posts in {'it' if len(done.later) == 1 else 'them'}: {', '.join(done.later[:_SHOWN])}{more}"
        )
    for name, why in done.failed.items():
        click.echo(f"{name} could not be put back: {why}.", err=True)


_SHOWN = 5
