"""`archiver sites release`: decides about the held pages of a site."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from archiver import __version__
from archiver.cli.shared_options import archive_option, json_option
from archiver.cli.shell_completion import complete
from archiver.cli.terminal_output import count_noun, print_json
from archiver.maintenance.held_page_release import accept_held, reject_held, release_held
from archiver.storage.database import opened
from archiver.storage.sites import find_site


@click.command()
@click.argument("site", shell_complete=complete("site"))
@click.argument("url", required=False, default="")
@click.option("--accept", is_flag=True, help="Store what the pages show, from their captures, without fetching.")
@click.option("--reject", is_flag=True, help="Keep what is stored, as long as the pages show what they show now.")
@json_option
@archive_option
def release(site: str, url: str, accept: bool, reject: bool, as_json: bool, archive: str) -> None:
    """Release the held pages of a site, or the one at URL.

    A page is held if what it shows must not replace the stored post: a maintenance page, a teaser, a text that other
    posts show too, a 404 that no second fetch has confirmed, or the edits of a run in which an unusual share of the
    posts changed. 'archiver status SITE' lists the held pages. With --accept, what they show is stored now: a page that
    shows nothing of its post marks the post as gone. With --reject, the stored posts stay as they are and the pages are
    not reported again until they show something else. Without either, the next crawl fetches them again, and judges
    them as if none had been held.

    \b
    Examples:
      archiver sites release blog.example.org
      archiver sites release blog.example.org --accept
      archiver sites release blog.example.org https://blog.example.org/2024/05/a-post/ --reject

    Exit code: 0 done; 1 a page stays held, because its capture cannot be read, or URL is not held.
    """
    if accept and reject:
        raise click.UsageError("Use only one of --accept and --reject.")
    with opened(archive) as db:
        row = find_site(db, site)
        if accept:
            done = accept_held(db, Path(archive).parent, row, __version__, datetime.now(UTC), url)
        else:
            done = (reject_held if reject else release_held)(db, row, url)
    if as_json:
        print_json(done.as_dict())
    elif not (done.revised or done.gone or done.due or done.not_posts or done.unchanged or done.rejected or done.left):
        click.echo(f"{row['name']} has no held pages.")
    elif reject:
        is_one = done.rejected == 1
        kept = (
            "1 page keeps its article until it shows"
            if is_one
            else f"{done.rejected:,} pages keep their articles until they show"
        )
        click.echo(f"{row['name']}: {kept} something else")
    elif accept:
        others = ((done.unchanged, "unchanged"), (done.not_posts, "kept because their pages show no post"))
        more = "".join(f", {number:,} {what}" for number, what in others if number)
        click.echo(f"{row['name']}: {count_noun(done.revised, 'article')} revised, {done.gone:,} gone{more}")
        for run in done.runs:
            click.echo(f"'archiver runs undo {run}' takes back what run {run} showed.")
    else:
        click.echo(f"{row['name']}: the next crawl fetches {count_noun(done.due, 'page')} again")
    for line in done.left:
        click.echo(f"Still held: {line}", err=True)
    if done.left:
        click.get_current_context().exit(1)
