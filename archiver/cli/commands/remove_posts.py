"""`archiver remove` and `archiver withdraw`: remove posts with their captures, and leave a tombstone for each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.shared_options import QueryCommand, archive_option, json_option, refuse_unknown_options
from archiver.cli.shell_completion import complete
from archiver.cli.terminal_output import (
    confirm,
    count_noun,
    format_time,
    print_json,
    print_lines,
    print_table,
    show_stage_progress,
    styled_line,
)
from archiver.maintenance.backup import backups_with_removed_posts
from archiver.maintenance.record_erasure import Erasure, preview_erasure, remove_orphans
from archiver.maintenance.takedown import allow_posts, archive_without_writers, finish_takedowns, remove_articles
from archiver.maintenance.takedown_scope import TakedownScope, takedown_scope
from archiver.model.errors import ArticleNotFound, ArticleRemoved, NothingFound
from archiver.search.query import Query
from archiver.search.search_hits import matching_ids
from archiver.storage.article_records import FIRST_ADDRESS, find_article, record_id_of_first
from archiver.storage.captures import pending_takedowns, tombstones
from archiver.storage.database import opened

if TYPE_CHECKING:
    from archiver.storage import Database

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Takedown:
    """A request to remove posts, which are given as IDs or URLs. If `yes` is True, no confirmation is needed."""

    posts: tuple[str, ...]
    reason: str
    requested_by: str
    dry_run: bool
    yes: bool
    as_json: bool


@click.command(short_help="Remove posts and their captures permanently.")
@click.argument("articles", nargs=-1, metavar="ID|URL...", shell_complete=complete("article"))
@click.option("--reason", metavar="TEXT", help="The reason; kept in the tombstone, and shown in place of the post.")
@click.option("--by", "requested_by", default="", metavar="TEXT", help="Who requested it; kept in the tombstone.")
@click.option("--dry-run", is_flag=True, help="Show what would be removed, but change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--allow", is_flag=True, help="Lift removals, so that the posts can be crawled again.")
@click.option("--list", "listing", is_flag=True, help="List all removals.")
@click.option(
    "--finish",
    "go_on",
    is_flag=True,
    help="Finish interrupted removals, and those of version 0.3.0, which left revisit records without their originals.",
)
@json_option
@archive_option
def remove(
    articles: tuple[str, ...], reason: str | None, allow: bool, listing: bool, go_on: bool, archive: str, **how: Any
) -> None:
    """Remove posts from the archive, for example at the request of their author or a court.

    All revisions of a post are deleted with everything derived from them. Its captures are deleted from the WARC files,
    as are feeds, API responses and listings that quote eight or more consecutive words of it, and the revisit records
    of these; --dry-run names the pages that lose captures. A tombstone with the ID, URL, time and reason remains, and
    keeps crawls, imports and merges from storing the post again. Articles with the same or nearly the same text are
    kept, but listed. No crawl may be running. An interrupted removal is completed by
    --finish or before the next crawl. Recorded backups that may still hold the post are listed, with the command that
    removes it there; until then 'archiver status --health' reports them.

    \b
    Examples:
      archiver remove 12 --reason "its author asked for it" --by "mail of 2024-05-01"
      archiver remove https://blog.example.org/2024/05/a-post --reason "court order 7 O 12/24" --dry-run
      archiver remove --allow 12
      archiver remove --list --json

    Exit code: 0 done; 1 failed, or not confirmed; 2 wrong usage.
    """
    if sum((allow, listing, go_on)) > 1:
        raise click.UsageError("Use only one of --allow, --list or --finish.")
    if bool(articles) == (listing or go_on):
        raise click.UsageError("--list and --finish take no posts." if articles else "Name the posts to remove.")
    why, path = " ".join((reason or "").split()), Path(archive)
    if listing:
        _list_tombstones(path, how["as_json"])
    elif allow:
        _allow_posts(path, articles, how["as_json"])
    elif go_on:
        _finish_takedowns(path, how["as_json"])
    elif not (why or how["dry_run"]):
        raise click.UsageError("Give a reason with --reason; it is kept in place of the post.")
    else:
        remove_posts(path, Takedown(articles, why, **how))


def remove_posts(archive: Path, takedown: Takedown) -> None:
    """Removes posts from the archive as `takedown` says, after asking for confirmation, and lists the backups that
    may still hold them. For a dry run, only prints what would be removed. Raises ArticleNotFound, and the errors of
    `archive_without_writers`.
    """
    plans, before = _plan_takedowns(archive, takedown.posts)
    if not takedown.as_json:
        for text in before:
            click.echo(text)
        for one in plans:
            _print_scope(one)
    selected = [] if takedown.dry_run else [one.article_id for one in plans]
    if selected and not takedown.yes:
        number = count_noun(len(selected), "post")
        confirm(f"Remove {number} permanently?", f"Removing {number}")
    erased = (
        _preview_erasure(archive, [one.article_id for one in plans])
        if takedown.dry_run
        else _remove_articles(archive, selected, takedown)
    )
    backups = _backups_with_removed_posts(archive) if selected else {}
    if takedown.as_json:
        print_json(
            {
                "removed": selected,
                "records": erased.records,
                "pages": [asdict(one) for one in erased.pages],
                "before": before,
                "posts": [asdict(one) for one in plans],
                "held_by": [{"path": path, "advice": advice} for path, advice in backups.items()],
            }
        )
    elif plans:
        records = count_noun(erased.records, "record")
        click.echo(
            f"Nothing was removed. The removal would delete {records} from WARC files, including requests, feeds and "
            "listings that quote the text."
            if takedown.dry_run
            else f"{count_noun(len(plans), 'post')} removed, and {records} from WARC files."
        )
        _print_pages(erased, is_done=not takedown.dry_run)
        for path, advice in backups.items():
            print_lines(styled_line((f"The backup {path} may still hold removed posts: '{advice}'", "yellow")))


def _print_pages(erased: Erasure, *, is_done: bool) -> None:
    """Lists the other pages that lose captures, those first that keep none."""
    if erased.pages:
        lose = "lost" if is_done else "would lose"
        click.echo(f"Other pages {lose} captures, because these quote the text or repeat a capture that does:")
    for one in sorted(erased.pages, key=lambda one: bool(one.left)):
        left = f"{one.left:,} left" if one.left else "none left"
        print_lines(styled_line(f"{one.url}: {count_noun(one.captures, 'capture')}, {left}", indent=2))


def _backups_with_removed_posts(archive: Path) -> dict[str, str]:
    """Returns the paths of the recorded backups that may still hold removed posts, and for each the command that
    replaces the backup by one without them.
    """
    return {
        one.path: f"archiver backup {one.path}{'' if one.captures else ' --no-captures'} --purge --archive {archive}"
        for one in backups_with_removed_posts(archive)
    }


def _remove_articles(archive: Path, numbers: list[int], takedown: Takedown) -> Erasure:
    """Removes the articles with these IDs and their captures. Returns what was removed from WARC files."""
    if not numbers:
        return Erasure()
    with archive_without_writers(archive) as db, show_stage_progress(takedown.as_json) as progress:
        return remove_articles(db, archive, numbers, takedown.reason, takedown.requested_by, progress)


def _preview_erasure(archive: Path, numbers: list[int]) -> Erasure:
    with opened(archive, read_only=True) as db:
        return preview_erasure(db, archive.parent, numbers)


def _plan_takedowns(archive: Path, posts: tuple[str, ...]) -> tuple[list[TakedownScope], list[str]]:
    """Returns what the removal of each post would delete, and a sentence for each post that was already removed.
    Posts are given as IDs or URLs. Raises ArticleNotFound.
    """
    numbers: dict[int, None] = {}
    before = []
    with opened(archive, read_only=True) as db:
        for post in posts:
            try:
                numbers[find_article(db, post)] = None
            except ArticleRemoved as removed:
                before.append(str(removed))
        return [takedown_scope(db, number) for number in numbers], before


def _print_scope(plan: TakedownScope) -> None:
    print_lines(styled_line((plan.title or plan.url, "bold"), f"  article {plan.article_id} of {plan.site}"))
    print_lines(
        styled_line(
            f"{count_noun(plan.versions, 'revision')}, {count_noun(len(plan.captures), 'capture')}, "
            f"{count_noun(len(plan.addresses), 'URL')}:",
            indent=2,
        ),
        *(styled_line(url, indent=4) for url in plan.addresses[:_SHOWN]),
    )
    if len(plan.addresses) > _SHOWN:
        print_lines(styled_line(f"and {len(plan.addresses) - _SHOWN} more", indent=4))
    for copy in plan.copies[:_SHOWN]:
        print_lines(styled_line((f"article {copy.article} is kept: {copy.url} ({copy.how})", "yellow"), indent=2))
    if len(plan.copies) > _SHOWN:
        print_lines(styled_line((f"and {len(plan.copies) - _SHOWN} more copies are kept", "yellow"), indent=2))
    if plan.naming:
        naming = f"{count_noun(plan.naming, 'capture')} of other pages led to it and still name its URL"
        print_lines(styled_line((naming, "yellow"), indent=2))


def _finish_takedowns(archive: Path, as_json: bool) -> None:
    with archive_without_writers(archive) as db, show_stage_progress(as_json) as progress:
        waiting = pending_takedowns(db)
        records = finish_takedowns(db, archive, progress).records
        records += remove_orphans(db, archive.parent)
    if as_json:
        print_json({"finished": [one.article_id for one in waiting], "records": records})
    else:
        click.echo(
            f"{count_noun(len(waiting), 'removal')} finished, {count_noun(records, 'record')} removed from WARC files."
            if waiting or records
            else "There are no unfinished removals."
        )


def _allow_posts(archive: Path, posts: tuple[str, ...], as_json: bool) -> None:
    found = allow_posts(archive, posts)
    if as_json:
        print_json([{"article_id": one.article_id, "url": one.url, "site": one.site} for one in found])
    else:
        for one in found:
            click.echo(f"{one.url} can be stored again; 'archiver crawl {one.site}' fetches it.")


def _list_tombstones(archive: Path, as_json: bool) -> None:
    with opened(archive, read_only=True) as db:
        found = tombstones(db)
    if as_json:
        print_json([asdict(one) for one in found])
    elif not found:
        click.echo("Nothing has been removed from this archive.", err=True)
    else:
        print_table(
            ("article", "removed", "URL", "reason", "requested by", "state"),
            [
                (
                    one.article_id,
                    format_time(one.removed_at),
                    one.url,
                    one.reason,
                    one.requested_by or "",
                    "lifted" if one.allowed_at else "" if one.erased_at else "unfinished",
                )
                for one in found
            ],
            numbers=(0,),
        )


# `archiver withdraw`.


@click.command(
    short_help="Remove posts from the archive and from all future dataset builds.",
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
    cls=QueryCommand,
)
@click.argument("what", nargs=-1, required=True, metavar="ID|URL|QUERY...", shell_complete=complete("article"))
@click.option("--reason", metavar="TEXT", required=True, help="The reason; datasets list only this and the identifier.")
@click.option("--by", "requested_by", default="", metavar="TEXT", help="Who requested it; kept in the archive.")
@click.option("--dry-run", is_flag=True, help="Show what would be removed, but change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
@archive_option
def withdraw(
    what: tuple[str, ...], reason: str, requested_by: str, dry_run: bool, yes: bool, as_json: bool, archive: str
) -> None:
    """Withdraw posts: remove them from database, search index and captures, like 'archiver remove', and so from every
    dataset that is built afterwards, whatever its version.

    Posts are given as IDs, URLs or dataset identifiers; anything else is a search query, and all its results are
    withdrawn. To update a published dataset, run 'archiver publish DIR --rebuild'; the dataset then lists only the
    identifier of each withdrawn post and the reason.

    \b
    Examples:
      archiver withdraw 12 --reason "its author asked for it"
      archiver withdraw site:blog.example.org author:"Ada Berg" --reason "right to erasure" --dry-run
      archiver publish datasets/harbour-1.0.0 --rebuild

    Exit code: 0 done; 1 refused, not confirmed, or nothing found; 2 wrong usage.
    """
    text = " ".join(reason.split())
    if not text:
        raise click.UsageError("Give a reason with --reason; it is kept in place of the post.")
    refuse_unknown_options(what)
    remove_posts(
        Path(archive), Takedown(_resolve_posts(Path(archive), what), text, requested_by, dry_run, yes, as_json)
    )


def _resolve_posts(archive: Path, what: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the IDs or URLs of the posts to withdraw. The arguments are IDs, URLs or dataset identifiers; anything
    else is a search query that selects all its results. Raises ArticleNotFound and BadQuery.
    """
    if all((word.isascii() and word.isdigit() and len(word) < 19) or "://" in word for word in what):
        return what
    with opened(archive, read_only=True) as db:
        if all(re.fullmatch(r"[0-9a-f]{20}", word) for word in what):
            found = dict(_find_by_record_id(db, frozenset(what)))
            if unknown := next((word for word in what if word not in found), None):
                raise ArticleNotFound(unknown)
            return tuple(str(found[word]) for word in what)
        ids = sorted(matching_ids(db, Query(" ".join(what), limit=None, duplicates=True)))
    if not ids:
        raise NothingFound(" ".join(what))
    return tuple(map(str, ids))


def _find_by_record_id(db: Database, names: frozenset[str]) -> Iterator[tuple[str, int]]:
    for number, first in db.execute(f"select a.id, {FIRST_ADDRESS} from articles a"):
        if (name := record_id_of_first(first)) in names:
            yield name, number
