"""`archiver merge`: other archives go into this one."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.options import archive_option, json_option
from archiver.cli.terminal import clean, count_noun, print_json

if TYPE_CHECKING:
    from archiver.maintenance.merge import Merged

_SHOWN = 5


@click.command(short_help="Bring other archives into this one.")
@click.argument("others", nargs=-1, required=True, metavar="OTHER.db...")
@click.option("--quiet", is_flag=True, help="No progress and no summary; only errors.")
@json_option
@archive_option
def merge(others: tuple[str, ...], quiet: bool, as_json: bool, archive: str) -> None:
    """Bring all that other archives know into this one: sites, runs, posts with every version, captures with their WARC
    files, what is known of every address.

    Archives of one site from two machines become one: a post that both have is one article, with the versions of both
    in the order of their captures. What is merged twice is there once, the order makes no difference, and the other
    archives are not changed. What was removed in one is removed in the other. No crawl may be writing any of them.
    Stopped or killed, the same command goes on.

    \b
    Examples:
      archiver merge /mnt/laptop/archive.db
      archiver merge shards/*.db --archive all.db

    \b
    Exit code: 0 done; 1 an archive was refused, or lacks WARC files; 2 wrong usage.
    """
    from archiver.maintenance.merge import merge as bring
    from archiver.maintenance.merge import refuse_itself
    from archiver.maintenance.takedown import archive_without_writers
    from archiver.storage.connection import open_archive
    from archiver.storage.locks import lock_whole_archive

    open_archive(archive, create=True).close()
    for other in others:  # before the locks, of which it would hold its own
        refuse_itself(Path(other), Path(archive))
    done: list[tuple[str, Merged]] = []
    with archive_without_writers(Path(archive), "merge") as db:
        for other in others:
            locks = lock_whole_archive(Path(other))
            try:
                done.append((other, bring(db, Path(archive), Path(other), _told(quiet or as_json))))
            finally:
                for one in locks:
                    one.close()
            if not quiet and not as_json:
                for line in _lines(*done[-1]):
                    click.echo(line)
    if as_json:
        print_json([{"archive": other, **asdict(merged)} for other, merged in done])
    if any(merged.lost for _, merged in done):
        sys.exit(1)


def _lines(other: str, merged: Merged) -> list[str]:
    parts = [
        count_noun(merged.articles, "new article"),
        *(
            [f"{merged.joined:,} known ({count_noun(merged.revised, 'of them with', 'of them with')} another version)"]
            if merged.joined
            else []
        ),
        count_noun(merged.captures, "capture"),
        count_noun(merged.pages, "address", "addresses"),
    ]
    parts += [
        text
        for number, text in (
            (merged.removed, f"{count_noun(merged.removed, 'removed post')} left out"),
            (merged.takedowns, f"{count_noun(merged.takedowns, 'removal')} taken over"),
            (merged.searches, count_noun(merged.searches, "saved search", "saved searches")),
        )
        if number
    ]
    lines = [f"{other}: {', '.join(parts)}"]
    if merged.lost:
        lines.append(
            f"  {count_noun(len(merged.lost), 'WARC file')} missing there, the captures in them are left out: "
            f"{', '.join(merged.lost[:_SHOWN])}"
        )
    if merged.searches_kept_out:
        lines.append(
            f"  saved searches left out, another has the name here: {', '.join(merged.searches_kept_out[:_SHOWN])}"
        )
    return [clean(line) for line in lines]


def _told(quiet: bool) -> Any:
    """Progress on one line of a terminal; nothing in a pipe."""
    terminal = sys.stderr.isatty() and not quiet

    def told(what: str, done: int, of: int) -> None:
        if terminal:
            click.echo(f"\r\x1b[K{what}: {done:,} of {of:,}" if done < of else "\r\x1b[K", nl=False, err=True)

    return told
