"""The health of sites on the screen, and as exit codes for monitors."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from archiver import __version__
from archiver.commands.health.tell import tell, try_ways
from archiver.commands.health.ways import ways_of
from archiver.commands.output import target
from archiver.commands.screen import count, line, say, write_json
from archiver.errors import ArchiverError
from archiver.sites.config import config_file, load_config
from archiver.sites.effective import settings_in
from archiver.store.connect import open_archive, opened
from archiver.store.health.judge import Health, Level
from archiver.store.health.kept import accept
from archiver.store.health.metrics import metrics
from archiver.store.health.overall import Overall, overall
from archiver.store.locks import scheduler
from archiver.store.sites import find_site
from archiver.store.transaction import writing

STYLES: dict[Level, str] = {"green": "green", "amber": "yellow", "red": "bold red", "unknown": "dim"}
EXIT_CODES: dict[Level, int] = {"green": 0, "unknown": 0, "amber": 1, "red": 2}
"""As Nagios and its heirs read them: OK, WARNING, CRITICAL."""


def read_overall(archive: str, now: datetime | None = None) -> Overall:
    """How the archive and its sites do now. Raises what `open_archive` does."""
    path = Path(archive)
    with opened(path, read_only=True) as db:
        return overall(db, path, scheduler(path), now or datetime.now(UTC), settings_in(db))


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
        write_json(found.as_json())
        return EXIT_CODES[found.state]
    say(line((found.state, STYLES[found.state]), f": {_counted(found)}"))
    say(*_lines("archive", found.place), *(text for row, health in found.sites for text in _lines(row["name"], health)))
    return EXIT_CODES[found.state]


def write_metrics(archive: str, file: str) -> None:
    """`status --prometheus`: the file appears when it is complete."""
    path = Path(archive)
    with opened(path, read_only=True) as db:
        text = metrics(db, overall(db, path, scheduler(path), datetime.now(UTC), settings_in(db)), __version__)
    with target(file) as out:
        out.write(text.encode())


def told_to(archive: str, *, trial: bool) -> int:
    """`status --notify` and `--try-notify`: what came of each message; 1 where one was not sent, or nobody is named."""
    open_archive(archive, read_only=True).close()
    if not ways_of(load_config().notify):
        click.echo(f"Nobody is to be told: {config_file()} names no one (docs/operation.md shows how).", err=True)
        return 1
    sent = try_ways(archive) if trial else tell(Path(archive))
    for channel, failure in sent:
        click.echo(f"{channel}: {failure or 'sent'}", err=bool(failure))
    if not sent:
        click.echo("Nothing has changed.")
    return 1 if any(failure for _, failure in sent) else 0


def finding_lines(health: Health) -> list[Any]:
    """What is to be seen of a site's health among its other lines."""
    if not health.findings:
        return [line((health.state, STYLES[health.state]), indent=2)] if health.state == "green" else []
    return [line((one.level, STYLES[one.level]), f": {one.sentence}", indent=2) for one in health.findings]


def accept_findings(archive: str, site: str, health: Health, now: datetime) -> None:
    with opened(archive) as db, writing(db):
        accept(db, find_site(db, site)["id"], health.findings, now)
    click.echo(f"{site}: {count(len(health.findings), 'finding')} accepted" if health.findings else
               f"{site}: there is nothing to accept")


def _one(archive: str, found: Overall, site: str) -> Overall:
    with opened(archive, read_only=True) as db:
        name = find_site(db, site)["name"]
    return Overall(found.at, Health("green"), tuple(one for one in found.sites if one[0]["name"] == name), found.turns,
                   found.free)


def _lines(name: str, health: Health) -> list[Any]:
    return [line((one.level, STYLES[one.level]), "  ", (name, "bold"), f": {one.sentence}")
            for one in health.findings]


def _counted(found: Overall) -> str:
    states = [health.state for _, health in found.sites]
    told = [f"{states.count(level):,} {level}" for level in ("red", "amber", "green") if level in states]
    if "unknown" in states:
        told.append(f"{states.count('unknown'):,} never crawled")
    return ", ".join(told) or "no sites yet"
