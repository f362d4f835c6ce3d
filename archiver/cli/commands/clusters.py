"""`archiver clusters`: near copies, and where they come from."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.options import archive_option, json_option
from archiver.cli.terminal import count_noun, format_time, percent, print_json, print_line, print_lines, print_table
from archiver.search.engine import published

if TYPE_CHECKING:
    from sqlite_utils import Database


@click.command(short_help="List clusters of near copies, or show one.")
@click.argument("cluster", metavar="[ID|URL]", required=False)
@click.option("--site", metavar="SITE", help="Only those with a post of this site.")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, metavar="N", help="At most N.")
@click.option("--rebuild", is_flag=True, help="Compare all articles anew; numbers of clusters stay.")
@json_option
@archive_option
def clusters(cluster: str | None, site: str | None, limit: int, rebuild: bool, as_json: bool, archive: str) -> None:
    """List the clusters of near copies, the largest first; or show one, by its number or by an address of a member.

    A cluster is one text told several times: a story of an agency on many sites, cut or with another intro, or a post
    that was published twice. Its source is the post that the others were made from. A crawl keeps the clusters up to
    date; an archive that was made before there were any gets them with --rebuild.

    \b
    Examples:
      archiver clusters
      archiver clusters 3
      archiver clusters https://blog.example.org/2024/05/a-post/ --json
      archiver clusters --rebuild

    \b
    Exit code: 0 done; 1 there is no such cluster; 2 wrong usage.
    """
    from archiver.storage.article_tables.clusters import rebuild as make_anew
    from archiver.storage.article_tables.near_duplicate_links import missing_minhashes
    from archiver.storage.article_tables.records import clusters as list_clusters
    from archiver.storage.article_tables.records import find_cluster
    from archiver.storage.connection import opened
    from archiver.storage.sites import find_site

    if cluster and (rebuild or site):
        raise click.UsageError("One cluster is shown as it is: leave out --site and --rebuild.")
    with opened(archive, read_only=not rebuild) as db:
        if rebuild:
            with _progress(db) as told:
                make_anew(db, told)
        if cluster:
            found = find_cluster(db, cluster)
        else:
            name = find_site(db, site)["name"] if site else None
            listed, uncompared = list_clusters(db, name, limit), missing_minhashes(db)
    if cluster:
        print_json(found) if as_json else _print_one(found)
        return
    if as_json:
        print_json(listed)
    else:
        _print_list(listed)
    if uncompared:
        click.echo(
            f"{count_noun(uncompared, 'article was', 'articles were')} never compared with the others: "
            "'archiver clusters --rebuild' does it.",
            err=True,
        )


def _print_list(listed: list[dict[str, Any]]) -> None:
    if not listed:
        click.echo("There are no near copies.", err=True)
        return
    print_table(
        ("cluster", "articles", "source", "site", "why it is the source", "title"),
        [(row["id"], row["size"], row["source_id"], row["site"], row["reason"], row["title"]) for row in listed],
        numbers=(0, 1, 2),
    )


def _print_one(found: dict[str, Any]) -> None:
    source = found["members"][0]
    print_lines(
        print_line(
            (f"Cluster {found['id']}", "bold"),
            f": {count_noun(found['size'], 'article')}, first found at {format_time(found['since'])}",
        ),
        print_line(f"Source: {source['id']} {source['site']} ({found['reason']})"),
        "",
    )
    for member in found["members"]:
        gone = " · gone" if member["gone_at"] else ""
        print_lines(
            print_line((f"{member['id']}  {member['title'] or '(without title)'}", "bold")),
            print_line(
                (f"{published(member['published'], member['published_precision'])} · {member['site']}{gone}", "dim"),
                indent=2,
            ),
            print_line((member["url"], "blue"), indent=2),
        )
        if member is not source and member["near"] is not None:
            print_lines(print_line(f"{percent(member['similarity'])} of {member['near']}: {member['how']}", indent=2))


@contextmanager
def _progress(db: Database) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, nothing elsewhere; goes to stderr."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    total = db.execute("select count(*) from articles").fetchone()[0]
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("comparing", total=total)
        yield lambda done: bar.update(task, completed=done)
