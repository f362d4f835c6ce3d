"""`archiver merge`: merges other archives into this one."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from archiver.cli.shared_options import archive_option, json_option
from archiver.cli.terminal_output import confirm, count_noun, print_json, show_stage_progress, strip_control_characters
from archiver.maintenance.merge_archives import LeftOutPost, MergeResult, list_left_out, refuse_itself
from archiver.maintenance.merge_archives import merge_archive as merge_archive
from archiver.maintenance.takedown import archive_without_writers
from archiver.model.errors import UnreadableInput
from archiver.storage.database import open_archive
from archiver.storage.transactions import lock_archive_shared

_SHOWN = 5


@click.command(short_help="Merge other archives into this one.")
@click.argument("others", nargs=-1, required=True, metavar="OTHER.db...")
@click.option("--dry-run", is_flag=True, help="Only show which posts would be taken away; change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--quiet", is_flag=True, help="Print only errors, no progress or summary.")
@json_option
@archive_option
def merge(others: tuple[str, ...], dry_run: bool, yes: bool, quiet: bool, as_json: bool, archive: str) -> None:
    """Merge other archives into this one: sites, runs, articles with all revisions, captures with their WARC files, and
    the outcome of every URL.

    A post that is in several archives becomes one article, with all revisions in the order of their captures. Merging
    an archive twice changes nothing, the order does not matter, and the other archives are not modified. Posts that
    were removed from one archive are removed from the result; they are shown before, by title, and the merge is
    confirmed. Saved searches are not copied. No crawl may be writing to any of the archives. If the command is
    interrupted, run it again to continue.

    \b
    Examples:
      archiver merge /mnt/laptop/archive.db
      archiver merge /mnt/laptop/archive.db --dry-run
      archiver merge shards/*.db --archive all.db --yes

    Exit code: 0 done; 1 an archive cannot be merged, or lacks WARC files; 2 wrong usage.
    """
    if missing := next((other for other in others if not Path(other).exists()), None):
        raise UnreadableInput(missing, "there is no such file")
    for other in others:  # check this before locking, because the command would otherwise wait for its own lock
        refuse_itself(Path(other), Path(archive))
    left_out = list_left_out(Path(archive), [Path(other) for other in others])
    if not quiet or dry_run:
        _print_left_out(left_out, archive, dry_run=dry_run, as_json=as_json)
    if dry_run:
        return
    if not yes:
        confirm(f"Merge {count_noun(len(others), 'archive')} into {archive}?", f"Merging into {archive}")
    open_archive(archive, create=True).close()
    done: list[tuple[str, MergeResult]] = []
    with archive_without_writers(Path(archive)) as db:
        for other in others:
            with lock_archive_shared(Path(other)), show_stage_progress(quiet or as_json) as progress:
                done.append((other, merge_archive(db, Path(archive), Path(other), progress)))
            if not quiet and not as_json:
                for line in _format_merged(*done[-1]):
                    click.echo(line)
    if as_json:
        print_json([{"archive": other, **asdict(merged)} for other, merged in done])
    if any(merged.lost for _, merged in done):
        sys.exit(1)


def _print_left_out(posts: list[LeftOutPost], archive: str, *, dry_run: bool, as_json: bool) -> None:
    """Prints the posts that a merge into `archive` takes away: on stdout if that is all that the command does."""
    if as_json:
        if dry_run:
            print_json([asdict(one) for one in posts])
        return
    for one in posts:
        what = "removed from" if one.archive == archive else "not copied from"
        line = f"{what} {one.archive}, because it was removed from {one.removed_from}: {one.title or one.url}"
        click.echo(strip_control_characters(line), err=not dry_run)
    if dry_run and not posts:
        click.echo("The merge takes no post away.")


def _format_merged(other: str, merged: MergeResult) -> list[str]:
    revised = f" ({merged.revised:,} of them with new revisions)" if merged.revised else ""
    parts = [
        count_noun(merged.articles, "new article"),
        *([f"{merged.joined:,} known{revised}"] if merged.joined else []),
        count_noun(merged.captures, "capture"),
        count_noun(merged.pages, "URL"),
    ]
    parts += [
        text
        for number, text in (
            (merged.removed, f"{count_noun(merged.removed, 'removed post')} skipped"),
            (merged.takedowns, f"{count_noun(merged.takedowns, 'removal')} applied"),
        )
        if number
    ]
    lines = [f"{other}: {', '.join(parts)}"]
    if merged.lost:
        lines.append(
            f"  {count_noun(len(merged.lost), 'WARC file')} missing, so their captures were skipped: "
            f"{', '.join(merged.lost[:_SHOWN])}"
        )
    return [strip_control_characters(line) for line in lines]
