"""`archiver merge`: merges other archives into this one."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.shared_options import archive_option, json_option
from archiver.cli.terminal_output import count_noun, print_json, strip_control_characters
from archiver.errors import UnreadableInput

if TYPE_CHECKING:
    from archiver.maintenance.merge_archives import MergeResult

_SHOWN = 5


@click.command(short_help="Merge other archives into this one.")
@click.argument("others", nargs=-1, required=True, metavar="OTHER.db...")
@click.option("--quiet", is_flag=True, help="Print only errors, no progress or summary.")
@json_option
@archive_option
def merge(others: tuple[str, ...], quiet: bool, as_json: bool, archive: str) -> None:
    """Merge other archives into this one: sites, runs, articles with all revisions, captures with their WARC files, and
    the outcome of every URL.

    A post that is in several archives becomes one article, with all revisions in the order of their captures. Merging
    an archive twice changes nothing, the order does not matter, and the other archives are not modified. Posts that
    were removed from one archive are removed from the result. No crawl may be writing to any of the archives. If the
    command is interrupted, run it again to continue.

    \b
    Examples:
      archiver merge /mnt/laptop/archive.db
      archiver merge shards/*.db --archive all.db

    Exit code: 0 done; 1 an archive cannot be merged, or lacks WARC files; 2 wrong usage.
    """
    from archiver.maintenance.merge_archives import merge as merge_archive
    from archiver.maintenance.merge_archives import refuse_itself
    from archiver.maintenance.takedown import archive_without_writers
    from archiver.storage.archive_opening_and_transactions import open_archive
    from archiver.storage.locks import lock_archive_shared

    if missing := next((other for other in others if not Path(other).exists()), None):
        raise UnreadableInput(missing, "there is no such file")
    open_archive(archive, create=True).close()
    for other in others:  # check this before locking, because the command would otherwise wait for its own lock
        refuse_itself(Path(other), Path(archive))
    done: list[tuple[str, MergeResult]] = []
    with archive_without_writers(Path(archive)) as db:
        for other in others:
            with lock_archive_shared(Path(other)):
                done.append(
                    (other, merge_archive(db, Path(archive), Path(other), _make_progress_reporter(quiet or as_json)))
                )
            if not quiet and not as_json:
                for line in _format_merged(*done[-1]):
                    click.echo(line)
    if as_json:
        print_json([{"archive": other, **asdict(merged)} for other, merged in done])
    if any(merged.lost for _, merged in done):
        sys.exit(1)


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
            (merged.searches, count_noun(merged.searches, "saved search", "saved searches")),
        )
        if number
    ]
    lines = [f"{other}: {', '.join(parts)}"]
    if merged.lost:
        lines.append(
            f"  {count_noun(len(merged.lost), 'WARC file')} missing, so their captures were skipped: "
            f"{', '.join(merged.lost[:_SHOWN])}"
        )
    if merged.searches_kept_out:
        lines.append(
            f"  saved searches skipped, because their names are taken: {', '.join(merged.searches_kept_out[:_SHOWN])}"
        )
    return [strip_control_characters(line) for line in lines]


def _make_progress_reporter(quiet: bool) -> Any:
    """Returns a function that is called with (stage, done, total), and shows the progress on one line if stderr is a
    terminal. If `quiet` is True, it shows nothing.
    """
    terminal = sys.stderr.isatty() and not quiet

    def report(stage: str, done: int, total: int) -> None:
        if terminal:
            click.echo(f"\r\x1b[K{stage}: {done:,} of {total:,}" if done < total else "\r\x1b[K", nl=False, err=True)

    return report
