"""`archiver runs` lists the runs of crawls, shows what one of them did to articles, and undoes it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from archiver.cli.shared_options import archive_option, json_option, list_options
from archiver.cli.shell_completion import complete
from archiver.cli.terminal_output import (
    confirm,
    count_noun,
    format_time,
    print_json,
    print_table,
    print_values,
    strip_control_characters,
)
from archiver.maintenance.run_undoing import UndoneRun, list_run_changes, list_runs, undo_run
from archiver.storage.database import opened
from archiver.storage.sites import find_site


@click.group(short_help="List the runs of crawls, show or undo one.", invoke_without_command=True)
@list_options
@archive_option
@click.pass_context
def runs(context: click.Context, form: str | None, archive: str) -> None:
    """List the last runs, newest first, with what each did to articles.

    \b
    Examples:
      archiver runs
      archiver runs list blog.example.org --json
      archiver runs show 12
      archiver runs undo 12 --dry-run
    """
    if context.invoked_subcommand is None:
        _print_list(None, form, archive)


@runs.command("list")
@click.argument("site", required=False, shell_complete=complete("site"))
@list_options
@archive_option
def list_(site: str | None, form: str | None, archive: str) -> None:
    """List the last runs of SITE, or of all sites.

    \b
    Example:
      archiver runs list blog.example.org
    """
    _print_list(site, form, archive)


@runs.command()
@click.argument("run", type=int, shell_complete=complete("run"))
@list_options
@archive_option
def show(run: int, form: str | None, archive: str) -> None:
    """Show what RUN did: new articles, edits, new addresses, deleted posts, held and failed pages.

    Deleted posts are shown as long as they are gone, held pages as long as they are held, and failed pages until they
    are fetched.

    \b
    Examples:
      archiver runs show 12
      archiver runs show 12 --json

    Exit code: 0 done; 1 there is no such run.
    """
    with opened(archive, read_only=True) as db:
        changes = list_run_changes(db, run)
        found = list_runs(db, number=run)
    if form:
        print_values(changes, form)
        return
    _print_runs(found)
    if not changes:
        click.echo(f"Run {run} changed no article.")
        return
    click.echo()
    headers = ("change", "article", "title", "details", "url")
    rows = [(one["change"], str(one["article"] or ""), one["title"], one["details"], one["url"]) for one in changes]
    print_table(headers, rows, numbers=(1,))
    if any(one["change"] == "revised" for one in changes):
        click.echo("'archiver diff ARTICLE' shows an edit.")


@runs.command()
@click.argument("run", type=int, shell_complete=complete("run"))
@click.option("--dry-run", is_flag=True, help="Only show what would be taken back; change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
@archive_option
def undo(run: int, dry_run: bool, yes: bool, as_json: bool, archive: str) -> None:
    """Take back what RUN did to articles, for example if the site was broken during that run.

    An edit is taken back: the revision before it is current again, and the edit stays in the history, marked as undone.
    Posts that the run found gone count as online again, and articles that it was the first to store are withdrawn.
    Nothing is deleted. The next crawl fetches the pages again. A withdrawn article comes back if its page shows another
    state then, or if a person names it ('archiver add URL --again'). Articles that a later run has changed again are
    left unchanged. What is taken back is shown before, and confirmed.

    \b
    Examples:
      archiver runs undo 12 --dry-run
      archiver runs undo 12
      archiver runs undo 12 --yes

    Exit code: 0 done; 1 there is no such run, or it was undone before; 2 without a terminal, --yes is needed.
    """
    with opened(archive) as db:
        planned = undo_run(db, run, datetime.now(UTC), dry_run=True)
    if not (dry_run or yes):
        _echo_changes(planned, _SHOWN, err=True)
        confirm(f"Undo run {run} of {planned.site}?", f"Undoing run {run}")
    done = planned
    if not dry_run:
        with opened(archive) as db:
            done = undo_run(db, run, datetime.now(UTC))
    if as_json:
        print_json({**done.as_dict(), "dry_run": dry_run})
        return
    if dry_run or yes:
        _echo_changes(done, len(done.articles))
    counted = ((done.revised, "edit"), (done.gone, "post"), (done.new, "new article"))
    verbs = ("would be" if dry_run else "was" if number == 1 else "were" for number, _ in counted)
    edits, posts, articles = (f"{count_noun(*one)} {verb}" for one, verb in zip(counted, verbs, strict=True))
    click.echo(f"Run {run} of {done.site}: {edits} taken back, {posts} marked online again, {articles} withdrawn.")
    if done.left:
        click.echo(f"{count_noun(done.left, 'article')} changed again in a later run: undo that run first.")
    if done.due and not dry_run:
        click.echo(f"The next crawl fetches {count_noun(done.due, 'page')} again.")


_SHOWN = 20


def _echo_changes(done: UndoneRun, most: int, *, err: bool = False) -> None:
    """Prints the articles that are changed by undoing a run, by title, at most this many."""
    for one in done.articles[:most]:
        click.echo(strip_control_characters(f"  {one['change']}: {one['title'] or one['url']}"), err=err)
    if (more := len(done.articles) - most) > 0:
        click.echo(f"  and {more:,} more ('archiver runs undo {done.run} --dry-run' lists them)", err=err)


def _print_list(site: str | None, form: str | None, archive: str) -> None:
    with opened(archive, read_only=True) as db:
        found = list_runs(db, find_site(db, site)["id"] if site else None)
    if form:
        print_values(found, form)
        return
    if not found:
        click.echo("There are no runs yet. 'archiver crawl URL' starts one.")
        return
    _print_runs(found)


def _print_runs(found: list[dict[str, Any]]) -> None:
    headers = (
        "run",
        "site",
        "started",
        "outcome",
        "new",
        "revised",
        "gone",
        "held",
        "accepted",
        "taken back",
        "failed",
    )
    rows = [
        (
            one["run"],
            one["site"],
            format_time(one["started_at"]),
            "undone" if one["undone_at"] else one["outcome"] or "under way",
            *(one[name] or 0 for name in ("new", "revised", "gone", "held", "accepted", "taken_back", "failed")),
        )
        for one in found
    ]
    print_table(headers, rows, numbers=(0, 4, 5, 6, 7, 8, 9, 10))
