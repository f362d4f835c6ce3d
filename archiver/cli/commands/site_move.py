"""`archiver sites move`: gives a site that has moved its new address."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from archiver.cli.shared_options import archive_option, json_option
from archiver.cli.shell_completion import complete
from archiver.cli.terminal_output import confirm, count_noun, print_json
from archiver.maintenance.site_move import SiteMove, locked_for_move, move_site
from archiver.search.search_index import refresh_after_writing
from archiver.storage.database import opened
from archiver.storage.sites import find_site


@click.command()
@click.argument("old", metavar="OLD", shell_complete=complete("site"))
@click.argument("new", metavar="NEW")
@click.option("--dry-run", is_flag=True, help="Only count what would be moved; change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
@archive_option
def move(old: str, new: str, dry_run: bool, yes: bool, as_json: bool, archive: str) -> None:
    """Give a site that has moved its new address. OLD is the name of the site, NEW is its new start URL.

    The site keeps its settings, tags, rules, runs and captures. Its posts get addresses below NEW, and keep their
    former addresses as aliases. 'show', 'why', citations and links find them by both addresses, and the next crawl
    recognises them at the new address. A post that is not there under the same path is identified by a redirect from
    its former address, or by its text.

    The move is one transaction: if it is stopped, nothing has changed. It is refused while a crawl of OLD or NEW is
    running.

    \b
    Examples:
      archiver sites move blog.example.org https://example.net --dry-run
      archiver sites move blog.example.org https://example.net/blog/

    Exit code: 0 moved; 1 not moved; 2 wrong usage.
    """
    now = datetime.now(UTC)
    with opened(archive) as db, locked_for_move(Path(archive), find_site(db, old), new):
        planned = move_site(db, old, new, now, dry_run=True)
        if not dry_run:
            if not yes:
                click.echo(_describe_move(planned, dry_run=True), err=True)
                confirm(f"Move {planned.old} to {planned.start_url}?", f"Moving {planned.old}")
            move_site(db, old, new, now)
    if as_json:
        print_json({**planned.as_dict(), "dry_run": dry_run})
    else:
        click.echo(_describe_move(planned, dry_run=dry_run))
        if not dry_run and not planned.crawl:
            click.echo(f"It has crawl=no: 'archiver sites set {planned.new} crawl=' makes it crawled again.")
        elif not dry_run:
            click.echo(f"'archiver crawl {planned.new}' fetches it at its new address.")
    if not dry_run and (sentence := refresh_after_writing(Path(archive))):
        click.echo(sentence, err=True)


def _describe_move(done: SiteMove, *, dry_run: bool) -> str:
    parts = [
        count_noun(done.articles, "article"),
        count_noun(done.aliases, "former address", "former addresses") + " as aliases",
        count_noun(done.pages, "page"),
        count_noun(done.runs, "run"),
        count_noun(done.tags, "tag"),
        count_noun(done.settings, "setting"),
    ]
    kept = f"; {done.kept:,} without a new address, because another page has it" if done.kept else ""
    return f"{done.old} {'would move' if dry_run else 'moved'} to {done.new}: {', '.join(parts)}{kept}"
