"""`archiver clusters`: lists clusters of near-duplicate articles, with the source of each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.shared_options import archive_option, list_options
from archiver.cli.shell_completion import complete
from archiver.cli.terminal_output import (
    count_noun,
    format_percent,
    format_time,
    print_json,
    print_lines,
    print_table,
    print_values,
    styled_line,
)
from archiver.model.items import format_published

if TYPE_CHECKING:
    from archiver.storage import Database


@click.command(short_help="List clusters of near-duplicates, or show one.")
@click.argument("cluster", metavar="[ID|URL]", required=False, shell_complete=complete("article"))
@click.option(
    "--site", metavar="SITE", help="Only clusters with an article of this site.", shell_complete=complete("site")
)
@click.option(
    "--limit", type=click.IntRange(min=0), default=20, show_default=True, metavar="N", help="Show at most N clusters."
)
@click.option("--rebuild", is_flag=True, help="Compare all articles again; clusters keep their IDs.")
@list_options
@archive_option
def clusters(cluster: str | None, site: str | None, limit: int, rebuild: bool, form: str | None, archive: str) -> None:
    """List the clusters of near-duplicates, largest first; or show one, by its ID or by the URL of a member.

    A cluster contains versions of the same text: an agency story on many sites, shortened or with a different
    introduction, or a post that was published twice. Its source is the article from which the others were copied.
    Crawls keep the clusters up to date; --rebuild compares all articles again.

    \b
    Examples:
      archiver clusters
      archiver clusters 3
      archiver clusters https://blog.example.org/2024/05/a-post/ --json
      archiver clusters --rebuild

    Exit code: 0 done; 1 no such cluster; 2 wrong usage.
    """
    from archiver.storage.article_records import clusters as list_clusters
    from archiver.storage.article_records import find_cluster
    from archiver.storage.clusters import missing_minhashes
    from archiver.storage.clusters import rebuild as rebuild_clusters
    from archiver.storage.database import opened
    from archiver.storage.sites import find_site

    if cluster and (rebuild or site):
        raise click.UsageError("--site and --rebuild cannot be combined with a cluster.")
    with opened(archive, read_only=not rebuild) as db:
        if rebuild:
            with _show_progress(db) as advance:
                rebuild_clusters(db, advance)
        if cluster:
            found = find_cluster(db, cluster)
        else:
            name = find_site(db, site)["name"] if site else None
            listed, uncompared = list_clusters(db, name, limit), missing_minhashes(db)
    if cluster:
        if form == "json":
            print_json(found)
        elif form:
            print_values(found["members"], form)
        else:
            _print_one(found)
        return
    if form:
        print_values(listed, form)
    else:
        _print_list(listed)
    if uncompared:
        click.echo(
            f"{count_noun(uncompared, 'article has', 'articles have')} not been compared with the others yet; "
            "run 'archiver clusters --rebuild'.",
            err=True,
        )


def _print_list(listed: list[dict[str, Any]]) -> None:
    if not listed:
        click.echo("There are no near-duplicates.", err=True)
        return
    print_table(
        ("cluster", "articles", "source", "site", "reason", "title"),
        [(row["id"], row["size"], row["source_id"], row["site"], row["reason"], row["title"]) for row in listed],
        numbers=(0, 1, 2),
    )


def _print_one(found: dict[str, Any]) -> None:
    source = found["members"][0]
    print_lines(
        styled_line(
            (f"Cluster {found['id']}", "bold"),
            f": {count_noun(found['size'], 'article')}, first seen {format_time(found['since'])}",
        ),
        styled_line(f"Source: {source['id']} {source['site']} ({found['reason']})"),
        "",
    )
    for member in found["members"]:
        gone = " · gone" if member["gone_at"] else ""
        print_lines(
            styled_line((f"{member['id']}  {member['title'] or '(without title)'}", "bold")),
            styled_line(
                (
                    f"{format_published(member['published'], member['published_precision'])} · {member['site']}{gone}",
                    "dim",
                ),
                indent=2,
            ),
            styled_line((member["url"], "blue"), indent=2),
        )
        if member is not source and member["near"] is not None:
            print_lines(
                styled_line(f"{format_percent(member['similarity'])} of {member['near']}: {member['how']}", indent=2)
            )


@contextmanager
def _show_progress(db: Database) -> Iterator[Callable[[int], None]]:
    """Context manager that shows a progress bar if stderr is a terminal. Yields a function to call with the number of
    articles compared so far.
    """
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    total = db.execute("select count(*) from articles").fetchone()[0]
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("comparing", total=total)
        yield lambda done: bar.update(task, completed=done)
