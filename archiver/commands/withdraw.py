"""`archiver withdraw`: a takedown that reaches datasets, too, of one post or of all that a search finds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archiver.commands.options import archive_option, json_option, refuse_unknown_options
from archiver.commands.remove import Takedown, remove_posts

if TYPE_CHECKING:
    from sqlite_utils import Database


@click.command(short_help="Take posts out of the archive and of every dataset that is built from now on.",
               context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("what", nargs=-1, required=True, metavar="ID|URL|QUERY...")
@click.option("--reason", metavar="TEXT", required=True, help="Why; datasets tell this and the identifier alone.")
@click.option("--by", "requested_by", default="", metavar="TEXT", help="Who asked for it; it stays in the archive.")
@click.option("--dry-run", is_flag=True, help="Tell what would go, and take out nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@archive_option
def withdraw(what: tuple[str, ...], reason: str, requested_by: str, dry_run: bool, yes: bool, as_json: bool,
             archive: str) -> None:
    """Withdraw posts: as 'archiver remove' does, from database, search index and captures, and so from every dataset
    that is built afterwards, of whatever version.

    Numbers and addresses name posts, or identifiers that datasets have; anything else is a query of 'archiver search',
    and all that it finds is withdrawn. A dataset that is there already is built again with 'archiver publish DIR
    --rebuild': it then lists the identifier and the reason, and has nothing else of the post.

    \b
    Examples:
      archiver withdraw 12 --reason "its author asked for it"
      archiver withdraw site:blog.example.org author:"Ada Berg" --reason "right to erasure" --dry-run
      archiver publish datasets/harbour-1.0.0 --rebuild

    \b
    Exit code: 0 done; 1 refused, not confirmed, or nothing found; 2 wrong usage.
    """
    said = " ".join(reason.split())
    if not said:
        raise click.UsageError("Give a reason with --reason: it is what stays of the post.")
    refuse_unknown_options(what)
    remove_posts(Path(archive), Takedown(_named(Path(archive), what), said, requested_by, dry_run, yes, as_json))


def _named(archive: Path, what: tuple[str, ...]) -> tuple[str, ...]:
    """The posts as numbers and addresses: of a query all that it finds. Raises ArticleNotFound, what a query does."""
    from archiver.errors import ArticleNotFound
    from archiver.search.filters import Query
    from archiver.search.run import matching_ids
    from archiver.store.connect import opened

    if all((word.isascii() and word.isdigit() and len(word) < 19) or "://" in word for word in what):
        return what
    with opened(archive, read_only=True) as db:
        if all(re.fullmatch(r"[0-9a-f]{20}", word) for word in what):
            found = dict(_identified(db, frozenset(what)))
            if lost := next((word for word in what if word not in found), None):
                raise ArticleNotFound(lost)
            return tuple(str(found[word]) for word in what)
        ids = sorted(matching_ids(db, Query(" ".join(what), limit=None, duplicates=True)))
    if not ids:
        raise ArticleNotFound(" ".join(what))
    return tuple(map(str, ids))


def _identified(db: Database, names: frozenset[str]) -> Iterator[tuple[str, int]]:
    from archiver.store.record_ids import FIRST_ADDRESS, of_first

    for number, first in db.execute(f"select a.id, {FIRST_ADDRESS} from articles a"):
        if (name := of_first(first)) in names:
            yield name, number
