"""`archiver remove`: a takedown. The post goes, with its captures; a tombstone stays."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.options import archive_option, json_option, takes
from archiver.cli.terminal import clean, count_noun, format_time, print_json, print_line, print_lines, print_table

if TYPE_CHECKING:
    from archiver.maintenance.takedown_scope import TakedownScope

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class RemoveOptions:
    """The options of `archiver remove`."""

    articles: tuple[str, ...]
    reason: str | None
    requested_by: str
    dry_run: bool
    yes: bool
    allow: bool
    listing: bool
    go_on: bool
    as_json: bool
    archive: str

    @property
    def takedown(self) -> Takedown:
        return Takedown(
            self.articles,
            " ".join((self.reason or "").split()),
            self.requested_by,
            self.dry_run,
            self.yes,
            self.as_json,
        )


@dataclass(frozen=True, slots=True)
class Takedown:
    """A removal as a person asks for it: the numbers and addresses of posts (`words`), why, and who wants it. With
    `yes` there is no question before it."""

    words: tuple[str, ...]
    reason: str
    requested_by: str
    dry_run: bool
    yes: bool
    as_json: bool


@click.command(short_help="Take a post out of the archive, text and captures, for good.")
@click.argument("articles", nargs=-1, metavar="ID|URL...")
@click.option("--reason", metavar="TEXT", help="Why; it stays in the tombstone, and is shown wherever the post was.")
@click.option("--by", "requested_by", default="", metavar="TEXT", help="Who asked for it; stays in the tombstone, too.")
@click.option("--dry-run", is_flag=True, help="Tell what would go, and take out nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--allow", is_flag=True, help="Take removals back: the posts may be crawled again.")
@click.option("--list", "listing", is_flag=True, help="List the removals that there were.")
@click.option("--finish", "go_on", is_flag=True, help="Finish removals that were stopped.")
@json_option
@archive_option
@takes(RemoveOptions)
def remove(options: RemoveOptions) -> None:
    """Take posts out of the archive, as when their author or a court asks for it.

    All versions of a post go, with its authors, places, evidence and everything made of them, and its captures go from
    the WARC files, with answers of its site (feeds, API, lists) that show eight words in a row of it. A tombstone with
    the number, the address, the time and the reason stays; neither crawl nor import nor merge stores the post again.
    Other articles stay as they are: with equal or nearly equal text elsewhere they are named. No crawl may be running;
    stopped half-way, it goes on with --finish, or before the next crawl.

    \b
    Examples:
      archiver remove 12 --reason "its author asked for it" --by "mail of 2024-05-01"
      archiver remove https://blog.example.org/2024/05/a-post --reason "court order 7 O 12/24" --dry-run
      archiver remove --allow 12
      archiver remove --list --json

    \b
    Exit code: 0 done; 1 refused, or not confirmed; 2 wrong usage.
    """
    _refuse(options)
    archive = Path(options.archive)
    if options.listing:
        _list(archive, options.as_json)
    elif options.allow:
        _allow(archive, options.articles, options.as_json)
    elif options.go_on:
        _finish(archive, options.as_json)
    else:
        remove_posts(archive, options.takedown)


def _refuse(options: RemoveOptions) -> None:
    """Raises UsageError for options that do not go together, or that lack the reason or the posts."""
    if sum((options.allow, options.listing, options.go_on)) > 1:
        raise click.UsageError("Use one of --allow, --list and --finish.")
    if bool(options.articles) == (options.listing or options.go_on):
        raise click.UsageError(
            "Name no post with --list or --finish." if options.articles else "Name the posts to be removed."
        )
    removes = bool(options.articles) and not (options.allow or options.dry_run)
    if removes and not options.takedown.reason:
        raise click.UsageError("Give a reason with --reason: it is what stays of the post.")


def remove_posts(archive: Path, asked: Takedown) -> None:
    """Take out the posts, after a question. Raises ArticleNotFound, and as `alone`."""
    plans, before = _plans(archive, asked.words)
    if not asked.as_json:
        for text in before:
            click.echo(text)
        for one in plans:
            _print(one)
    wanted = [] if asked.dry_run else [one.article_id for one in plans]
    if wanted and not asked.yes:
        _confirm(len(wanted))
    records = _removed(archive, wanted, asked)
    if asked.as_json:
        print_json({"removed": wanted, "records": records, "before": before, "posts": [asdict(one) for one in plans]})
    elif plans:
        click.echo(
            "Nothing was removed."
            if asked.dry_run
            else f"{count_noun(len(plans), 'post')} removed, with {count_noun(records, 'record')} of the WARC files."
        )


def _confirm(number: int) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask at: give --yes to remove without a question.")
    click.confirm(f"Take {count_noun(number, 'post')} out for good?", abort=True, err=True)


def _removed(archive: Path, numbers: list[int], asked: Takedown) -> int:
    """Remove the articles. Returns how many WARC records went."""
    from archiver.maintenance.takedown import archive_without_writers
    from archiver.maintenance.takedown import remove_articles as take_out

    if not numbers:
        return 0
    with archive_without_writers(archive, "remove") as db:
        return take_out(db, archive, numbers, asked.reason, asked.requested_by, _told(asked.as_json))


def _plans(archive: Path, words: tuple[str, ...]) -> tuple[list[TakedownScope], list[str]]:
    """What goes, and sentences on what went before. Raises ArticleNotFound."""
    from archiver.errors import ArticleRemoved
    from archiver.maintenance.takedown_scope import takedown_scope
    from archiver.storage.article_tables.records import find_article
    from archiver.storage.connection import opened

    numbers: dict[int, None] = {}
    before = []
    with opened(archive, read_only=True) as db:
        for word in words:
            try:
                numbers[find_article(db, word)] = None
            except ArticleRemoved as removed:
                before.append(str(removed))
        return [takedown_scope(db, number) for number in numbers], before


def _print(plan: TakedownScope) -> None:
    print_lines(print_line((plan.title or plan.url, "bold"), f"  article {plan.article_id} of {plan.site}"))
    print_lines(
        print_line(
            f"{count_noun(plan.versions, 'version')}, {count_noun(len(plan.captures), 'capture')}, "
            f"{count_noun(len(plan.addresses), 'address', 'addresses')}:",
            indent=2,
        ),
        *(print_line(url, indent=4) for url in plan.addresses[:_SHOWN]),
    )
    if len(plan.addresses) > _SHOWN:
        print_lines(print_line(f"and {len(plan.addresses) - _SHOWN} more", indent=4))
    for copy in plan.copies[:_SHOWN]:
        print_lines(print_line((f"article {copy.article} stays: {copy.url} ({copy.how})", "yellow"), indent=2))
    if len(plan.copies) > _SHOWN:
        print_lines(print_line((f"and {len(plan.copies) - _SHOWN} more copies stay", "yellow"), indent=2))


def _told(quiet: bool) -> Any:
    terminal = sys.stderr.isatty() and not quiet

    def told(what: str, number: int, of: int) -> None:
        if terminal:
            click.echo(f"\r\x1b[K{clean(what)} ({number + 1} of {of})", nl=number + 1 == of, err=True)

    return told


def _finish(archive: Path, as_json: bool) -> None:
    from archiver.maintenance.takedown import archive_without_writers, finish_takedowns
    from archiver.storage.tombstones import pending_takedowns

    with archive_without_writers(archive, "remove") as db:
        waiting = pending_takedowns(db)
        records = finish_takedowns(db, archive, _told(as_json))
    if as_json:
        print_json({"finished": [one.article_id for one in waiting], "records": records})
    else:
        click.echo(
            f"{count_noun(len(waiting), 'removal')} finished, with {count_noun(records, 'record')} of the WARC files."
            if waiting
            else "No removal is unfinished."
        )


def _allow(archive: Path, words: tuple[str, ...], as_json: bool) -> None:
    from archiver.errors import ArticleNotFound
    from archiver.maintenance.takedown import archive_without_writers, finish_takedowns
    from archiver.storage.connection import writing
    from archiver.storage.pages import EPOCH, stamp
    from archiver.storage.tombstones import allow_again, tombstone_named

    with archive_without_writers(archive, "remove") as db:
        found = []
        for word in words:
            removal = tombstone_named(db, word)
            if removal is None:
                raise ArticleNotFound(word)
            found.append(removal)
        finish_takedowns(db, archive)
        with writing(db):
            for removal in found:
                allow_again(db, removal, stamp(datetime.now(UTC)), EPOCH)
    if as_json:
        print_json([{"article_id": one.article_id, "url": one.url, "site": one.site} for one in found])
    else:
        for one in found:
            click.echo(f"{one.url} may be stored again: 'archiver crawl {one.site}' asks for it.")


def _list(archive: Path, as_json: bool) -> None:
    from archiver.storage.connection import opened
    from archiver.storage.tombstones import tombstones

    with opened(archive, read_only=True) as db:
        found = tombstones(db)
    if as_json:
        print_json([asdict(one) for one in found])
    elif not found:
        click.echo("Nothing was ever removed from this archive.", err=True)
    else:
        print_table(
            ("article", "removed", "address", "reason", "asked by", "state"),
            [
                (
                    one.article_id,
                    format_time(one.removed_at),
                    one.url,
                    one.reason,
                    one.requested_by or "",
                    "taken back" if one.allowed_at else "" if one.erased_at else "unfinished",
                )
                for one in found
            ],
            numbers=(0,),
        )
