"""What a crawl says at its end."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from archiver import __version__
from archiver.cli.options import DEFAULT_ARCHIVE
from archiver.cli.terminal import count_noun, open_output, print_json, print_line, print_lines
from archiver.errors import ArchiverError
from archiver.health.health_report import Overall, health_json, metrics, overall
from archiver.health.health_rules import Health, Level
from archiver.health.health_state import accept_findings_of, health_of
from archiver.health.notifications import channels_of, notify, try_channels
from archiver.sites.config import config_file, effective_settings, load_config
from archiver.storage.connection import open_archive, opened, writing
from archiver.storage.locks import scheduler
from archiver.storage.sites import find_site

# The health of sites on the screen, and as exit codes for monitors.

STYLES: dict[Level, str] = {"green": "green", "amber": "yellow", "red": "bold red", "unknown": "dim"}
EXIT_CODES: dict[Level, int] = {"green": 0, "unknown": 0, "amber": 1, "red": 2}
"""As Nagios and its heirs read them: OK, WARNING, CRITICAL."""


def read_overall(archive: str, now: datetime | None = None) -> Overall:
    """How the archive and its sites do now. Raises what `open_archive` does."""
    path = Path(archive)
    with opened(path, read_only=True) as db:
        return overall(db, path, scheduler(path), now or datetime.now(UTC), effective_settings(db))


def show_health(archive: str, site: str | None, as_data: bool) -> int:
    """`status --health`: a line for each finding; the exit code. An archive that cannot be read is red."""
    try:
        found = read_overall(archive)
        if site:
            found = _one(archive, found, site)
    except ArchiverError as error:
        if as_data:
            click.echo(json.dumps({"state": "red", "error": str(error)}, ensure_ascii=False))
        else:
            click.echo(f"red: {error}")
        return EXIT_CODES["red"]
    if as_data:
        print_json(found.as_json())
        return EXIT_CODES[found.state]
    print_lines(print_line((found.state, STYLES[found.state]), f": {_counted(found)}"))
    print_lines(
        *_lines("archive", found.place), *(text for row, health in found.sites for text in _lines(row["name"], health))
    )
    return EXIT_CODES[found.state]


def write_metrics(archive: str, file: str) -> None:
    """`status --prometheus`: the file appears when it is complete."""
    path = Path(archive)
    with opened(path, read_only=True) as db:
        text = metrics(db, overall(db, path, scheduler(path), datetime.now(UTC), effective_settings(db)), __version__)
    with open_output(file) as out:
        out.write(text.encode())


def show_deliveries(archive: str, *, trial: bool) -> int:
    """`status --notify` and `--try-notify`: what came of each message; 1 where one was not sent, or nobody is named."""
    open_archive(archive, read_only=True).close()
    if not channels_of(load_config().notify):
        click.echo(f"Nobody is to be told: {config_file()} names no one (docs/operate.md shows how).", err=True)
        return 1
    sent = try_channels(archive) if trial else notify(Path(archive))
    for channel, failure in sent:
        click.echo(f"{channel}: {failure or 'sent'}", err=bool(failure))
    if not sent:
        click.echo("Nothing has changed.")
    return 1 if any(failure for _, failure in sent) else 0


def finding_lines(health: Health) -> list[Any]:
    """What is to be seen of a site's health among its other lines."""
    if not health.findings:
        return [print_line((health.state, STYLES[health.state]), indent=2)] if health.state == "green" else []
    return [print_line((one.level, STYLES[one.level]), f": {one.sentence}", indent=2) for one in health.findings]


def accept_findings(archive: str, site: str, health: Health, now: datetime) -> None:
    with opened(archive) as db, writing(db):
        accept_findings_of(db, find_site(db, site)["id"], health.findings, now)
    click.echo(
        f"{site}: {count_noun(len(health.findings), 'finding')} accepted"
        if health.findings
        else f"{site}: there is nothing to accept"
    )


def _one(archive: str, found: Overall, site: str) -> Overall:
    with opened(archive, read_only=True) as db:
        name = find_site(db, site)["name"]
    return Overall(
        found.at, Health("green"), tuple(one for one in found.sites if one[0]["name"] == name), found.turns, found.free
    )


def _lines(name: str, health: Health) -> list[Any]:
    return [
        print_line((one.level, STYLES[one.level]), "  ", (name, "bold"), f": {one.sentence}") for one in health.findings
    ]


def _counted(found: Overall) -> str:
    states = [health.state for _, health in found.sites]
    told = [f"{states.count(level):,} {level}" for level in ("red", "amber", "green") if level in states]
    if "unknown" in states:
        told.append(f"{states.count('unknown'):,} never crawled")
    return ", ".join(told) or "no sites yet"


# What happened to articles, in the order it is told: count, singular, plural.
_CHANGES = (
    ("new", "new article", "new articles"),
    ("revised", "revised", "revised"),
    ("unchanged", "unchanged", "unchanged"),
    ("aliased", "new alias", "new aliases"),
    ("duplicate", "of them with the text of another", "of them with the text of another"),
    ("gone", "gone", "gone"),
)

_FEW_PAGES = 5  # a site of fewer may have no posts yet


def summary_lines(result: dict[str, Any], archive: str) -> list[str]:
    """One run in a few lines; `result` as the crawl prints it with --json."""
    told = [
        f"{result[key]} {one if result[key] == 1 else many}"
        for key, one, many in _CHANGES
        if result[key] or key == "new"
    ]
    lines = [f"{result['site']}: {', '.join(told)}"]
    rate = result["fetched"] / result["seconds"] if result["seconds"] else 0.0
    lines.append(
        f"  {result['found']} addresses found, {result['requests']} requests "
        f"({result['bytes'] / 1e6:.1f} MB), {result['seconds']:.1f} s, {rate:.1f} pages/s"
    )
    if result["trapped"]:
        lines.append(
            f"  {result['trapped']} addresses set aside that lead nowhere or on and on "
            f"('archiver status {result['site']}' tells which)"
        )
    if result["refused"]:
        lines.append(f"  {result['refused']} refused (robots.txt, password, or the server)")
    if result["requisite_requests"]:
        lacking = f", {result['requisites_failed']} could not be" if result["requisites_failed"] else ""
        lines.append(
            f"  beside the posts: {result['requisites']} captured (images, stylesheets, fonts){lacking}; "
            f"{count_noun(result['requisite_requests'], 'request')}"
        )
    for reason, number in result["failures"].items():
        lines.append(f"  {number} failed: {reason}; the next crawl tries again")
    if result["outcome"] == "interrupted":
        lines.append("  stopped before its end; the next crawl goes on from here")
    elif result["reason"] and result["outcome"] == "finished":
        lines.append(f"  ended at {result['reason']}; {result['due']} addresses are still due")
    elif result["outcome"] == "waiting":
        lines.append(f"  {result['due']} addresses are still due; the next crawl goes on from here")
    lines.append(f"  archive: {archive}")
    return lines


def no_posts_note(archive: str, site: str, outcome: str) -> list[str]:
    """Where a site's pages were read and none of them was a post: that it is so, and how to see why."""
    if outcome != "finished":
        return []
    try:
        db = open_archive(archive, read_only=True)
    except ArchiverError:
        return []
    try:
        read, example = db.execute(
            "select count(*), min(p.url) from pages p join sites s on s.id = p.site_id where s.name = ? and "
            "p.outcome = 'not-article' and p.kind in ('listing', 'page', 'other') and "
            "not exists (select 1 from articles a where a.site = s.name)",
            [site],
        ).fetchone()
    finally:
        db.close()
    return (
        [
            f"  none of the {read} pages of {site} is a post: 'archiver why URL' says of each what it was taken for, "
            f"as of {example}"
        ]
        if read >= _FEW_PAGES
        else []
    )


_TOLD_ALREADY = ("failed", "waiting", "interrupted")


def health_after_crawl(archive: str, sites: Iterable[str]) -> dict[str, dict[str, Any]]:
    """How sites do after a crawl, as `status --json` has it under "health"; empty where the archive cannot be read."""
    wanted = set(sites)
    try:
        db = open_archive(archive, read_only=True)
    except ArchiverError:
        return {}
    try:
        rows = [row for row in list(db.query("select * from sites")) if row["name"] in wanted]
        return {row["name"]: health_json(health_of(db, row, datetime.now(UTC))) for row in rows}
    finally:
        db.close()


def health_lines(health: dict[str, Any] | None) -> list[str]:
    """What is wrong with a site beside how its run ended, and what to do."""
    return [
        f"  {one['level']}: {one['sentence']}"
        for one in (health or {"findings": []})["findings"]
        if one["code"] not in _TOLD_ALREADY
    ]


def search_hints(archive: str, new: int) -> list[str]:
    """Three searches to try, made of what is in the archive: a category, an author, a place or a word."""
    if not new:
        return []
    try:
        db = open_archive(archive, read_only=True)
    except ArchiverError:
        return []
    try:
        hints = [
            _word(db),
            _option(db, "category", "categories", "article_categories", "category_id"),
            _option(db, "author", "authors", "article_authors", "author_id"),
            _near(db),
        ]
    finally:
        db.close()
    options = "" if archive == DEFAULT_ARCHIVE else f" --archive {shlex.quote(archive)}"
    chosen = [h for h in (hints[0], hints[3], hints[1], hints[2]) if h][:3]
    return ["Try:", *(f"  archiver search {h}{options}" for h in chosen)] if chosen else []


def _word(db: Any) -> str:
    row = db.execute(
        "select title from articles where title <> '' and duplicate_of is null order by length(body) desc limit 1"
    ).fetchone()
    words = [w.strip(".,:;!?\"'()") for w in row[0].split()] if row else []
    longest = max(words, key=len, default="")
    return shlex.quote(longest) if longest else ""


def _option(db: Any, option: str, table: str, link: str, key: str) -> str:
    row = db.execute(
        f"select t.name from {table} t join {link} l on l.{key} = t.id group by t.id "
        "order by count(*) desc, t.name limit 1"
    ).fetchone()
    return f"--{option} {shlex.quote(row[0])}" if row else ""


def _near(db: Any) -> str:
    row = db.execute(
        "select latitude, longitude from geotags where latitude is not null and role = 'content' order by id limit 1"
    ).fetchone()
    return f"--near {row[0]:g},{row[1]:g} --within 50" if row else ""
