"""`archiver sites rules`: shows and changes the extraction rules of a site."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from archiver.cli.commands.site_check import describe_rules_without_match
from archiver.cli.shared_options import archive_option, json_option, read_bytes
from archiver.cli.shell_completion import complete
from archiver.cli.terminal_output import print_json
from archiver.extraction.site_rules import to_toml
from archiver.learning.relearning import relearn_site_rules
from archiver.model.due_reasons import DueFor
from archiver.model.errors import NothingLearned
from archiver.storage.database import opened
from archiver.storage.held_pages import make_held_due
from archiver.storage.sites import find_site
from archiver.storage.stored_rules import (
    forget_rules,
    rule_versions,
    rules_valid_at,
    rules_without_match,
    store_handwritten_rules,
    store_relearned_rules,
)
from archiver.storage.transactions import writing

_LEARNING_PAGES = 50


@click.command(short_help="Show or change the extraction rules of a site.")
@click.argument("site", shell_complete=complete("site"))
@click.option(
    "--set",
    "file",
    metavar="FILE|-",
    type=click.Path(),
    help="Use these rules (TOML) in preference to the learned ones.",
)
@click.option("--forget", is_flag=True, help="Delete the hand-written rules.")
@click.option("--learn", "learn", is_flag=True, help="Learn the template again from stored captures.")
@json_option
@archive_option
def rules(site: str, file: str | None, forget: bool, learn: bool, as_json: bool, archive: str) -> None:
    """Show or change the extraction rules of a site: where its posts have title, body, authors, dates, categories and
    tags.

    Without options, the rules in use are printed as TOML; edit them and store them with --set. A hand-written rule
    takes precedence over the learned rule for the same field.

    \b
    Examples:
      archiver sites rules blog.example.org
      archiver sites rules blog.example.org > rules.toml; archiver sites rules blog.example.org --set rules.toml
      archiver sites rules blog.example.org --learn
    """
    if sum((file is not None, forget, learn)) > 1:
        raise click.UsageError("Use only one of --set, --forget or --learn.")
    text = read_bytes(file).decode("utf-8", errors="replace") if file is not None else ""
    now = datetime.now(UTC)
    with opened(archive, read_only=not (file or forget or learn)) as db:
        row = find_site(db, site)
        if file is not None:
            store_handwritten_rules(
                db, row["id"], text, row["name"] if file == "-" else f"{row['name']} in {file}", now
            )
        elif forget:
            with writing(db):
                forget_rules(db, row["id"], by_hand=True)
        elif learn:
            found = relearn_site_rules(db, Path(archive).parent, row, _LEARNING_PAGES)
            if found is None:
                raise NothingLearned(row["name"])
            with writing(db):
                store_relearned_rules(db, row["id"], found.rules, now, found.since)
        if file is not None or learn:
            with writing(db):
                make_held_due(db, row["id"], DueFor.NEW_RULES)
        used = rules_valid_at(db, row["id"])
        history = rule_versions(db, row["id"])
        unmatched = rules_without_match(db, row["name"]) if used and used.by_hand() else []
    if as_json:
        rules_in_use = to_toml(used) if used else None
        print_json({"site": row["name"], "rules": rules_in_use, "versions": history, "rules_without_match": unmatched})
    elif used is None:
        click.echo(
            f"No rules for {row['name']} yet: a crawl learns them from 25 posts, or at its end from at least 8.",
            err=True,
        )
    else:
        click.echo(to_toml(used), nl=False)
        for line in describe_rules_without_match(unmatched):
            click.echo(f"The {line}.", err=True)
