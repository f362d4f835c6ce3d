"""`archiver status`: is it all there?"""

from __future__ import annotations

import sys
from typing import Any

import click

from archiver.commands.options import archive_option, json_option
from archiver.commands.screen import count, instant, line, say, table, write_json

_TOLD = ("new", "revised", "unchanged", "aliased", "gone", "refused", "failed")

_AMONG = {"revised": "revised", "duplicates": "with the text of another", "gone": "gone"}


@click.command(short_help="Show what was found, archived, refused, and what is missing.")
@click.argument("site", required=False)
@json_option
@archive_option
def status(site: str | None, as_json: bool, archive: str) -> None:
    """Show whether the archive is complete: what each source told of against what is archived.

    A post is missing when a feed, sitemap, API or page told of it and its text is not stored, nor is it
    known to be gone or refused. Without SITE, all sites are shown.

    \b
    Examples:
      archiver status
      archiver status blog.example.org --json

    \b
    Exit code: 0 complete; 1 posts are missing, or a site's last run did not end by itself; 2 wrong usage.
    """
    from archiver.store.connect import open_archive
    from archiver.store.coverage import coverage
    from archiver.store.sites import find_site, list_sites

    db = open_archive(archive, read_only=True)
    try:
        sites = [find_site(db, site)] if site else list_sites(db)
        states = [coverage(db, row) for row in sites]
    finally:
        db.close()
    if as_json:
        write_json(states)
    elif not states:
        click.echo("The archive has no sites yet: run 'archiver crawl URL'.", err=True)
    for index, state in enumerate([] if as_json else states):
        if index:
            say("")
        _print(state)
    if any(state["runs"] and not state["complete"] for state in states):
        sys.exit(1)


def _print(state: dict[str, Any]) -> None:
    platform = f" ({state['platform']})" if state["platform"] else ""
    say(line((state["site"], "bold"), platform, "  ", (state["start_url"], "blue")))
    if not state["runs"]:
        say(line("never crawled", indent=2))
        return
    say(line(_verdict(state), indent=2), line(_articles(state["articles"]), indent=2))
    if state["sources"]:
        say("")
        columns = ("found", "archived", "missing", "gone", "refused")
        rows = [[row["source"], *(row[name] for name in columns)] for row in state["sources"]]
        table(("source", *columns), [*rows, ["together", *(state["posts"][name] for name in columns)]],
              numbers=range(1, 6))
    if state["missing"]:
        say("", line(("missing", "bold red"), f" (archiver why URL tells more; first {len(state['missing'])})"
                     if state["posts"]["missing"] > len(state["missing"]) else ""))
        say(*(line(f"{row['url']}  {row['reason'] or 'not fetched yet'}", indent=2) for row in state["missing"]))
    if state["failures"]:
        say("", line(("failures", "bold red")))
        say(*(line(f"{count(row['pages'], 'page')}: {row['reason']}, for example {row['example']}", indent=2)
              for row in state["failures"]))
    say("", line(("runs", "bold")), *(line(_run(run), indent=2) for run in state["runs"]))


def _verdict(state: dict[str, Any]) -> str:
    """In one line, as in "sitemap 691, api 690, archived 690, missing 0"."""
    told = [f"{row['source']} {row['found']:,}" for row in state["sources"]]
    posts = state["posts"]
    rest = [f"{name} {posts[name]:,}" for name in ("gone", "refused") if posts[name]]
    return ", ".join([*told, f"archived {posts['archived']:,}", *rest, f"missing {posts['missing']:,}"])


def _articles(articles: dict[str, int]) -> str:
    parts = [f"{articles[name]:,} {what}" for name, what in _AMONG.items() if articles[name]]
    return count(articles["all"], "article") + (f" ({', '.join(parts)})" if parts else "")


def _run(run: dict[str, Any]) -> str:
    told = ", ".join(f"{run[name]:,} {name}" for name in _TOLD if run[name])
    outcome = run["outcome"] or "under way"
    reason = f" ({run['reason']})" if run["reason"] else ""
    return f"{instant(run['started_at'])}  {outcome}{reason}: {told or 'nothing new'}; " \
           f"{count(run['requests'] or 0, 'request')}"
