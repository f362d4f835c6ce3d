"""Prints the summary of a crawl and advice after it, the health of sites, and the results of notifications."""

from __future__ import annotations

import json
import re
import shlex
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from archiver import __version__
from archiver.cli.shared_options import DEFAULT_ARCHIVE
from archiver.cli.terminal_output import count_noun, format_time, open_output, print_json, print_lines, styled_line
from archiver.health.health_report import OverallHealth, format_metrics, health_as_json, judge_all
from archiver.health.health_rules import CONTENT_CODES, Health, HealthFinding, Level
from archiver.health.notification_channels import make_channels, notify, send_test_messages
from archiver.health.stored_health import accept_findings_of, read_health, read_move_advice
from archiver.maintenance.damage_record import find_current_damage
from archiver.model.errors import ArchiverError
from archiver.sites.config import config_file, effective_settings, load_config
from archiver.storage.database import opened
from archiver.storage.runs import BackupRecord, Counts, read_backups
from archiver.storage.sites import Mute, find_site, list_sites, read_mute
from archiver.storage.transactions import environment_error, scheduler_process, writing

# Health, also as exit codes for monitoring.

STYLES: dict[Level, str] = {"green": "green", "amber": "yellow", "red": "bold red", "unknown": "dim"}
EXIT_CODES: dict[Level, int] = {"green": 0, "unknown": 0, "amber": 1, "red": 2}
"""The exit codes of Nagios plugins: OK, WARNING, CRITICAL."""


def read_overall_health(archive: str, now: datetime | None = None) -> OverallHealth:
    """Reads the health of the archive and all its sites, as of `now` (None: the current time). Raises the errors of
    `open_archive`, even if only a part of the archive cannot be read.
    """
    path = Path(archive)
    try:
        with opened(path, read_only=True) as db:
            return judge_all(db, path, scheduler_process(path), now or datetime.now(UTC), effective_settings(db))
    except sqlite3.Error as error:
        raise environment_error(error, path) from error


def find_damage(archive: str) -> HealthFinding | None:
    """Returns a red finding if the archive's database is damaged (see `find_current_damage`), otherwise None."""
    cause = find_current_damage(Path(archive)) if Path(archive).exists() else None
    if cause is None:
        return None
    return HealthFinding("damage", "red", f"{cause.sentence}. {cause.remedy}", f"{cause.kind}: {cause.subject}")


def with_damage(findings: Iterable[HealthFinding], damage: HealthFinding | None) -> tuple[HealthFinding, ...]:
    """Returns the findings about an archive with the damage to its database, which is named once."""
    rest = tuple(one for one in findings if damage is None or (one.code, one.level) != (damage.code, damage.level))
    return (damage, *rest) if damage else rest


def show_health(archive: str, site: str | None, as_data: bool) -> int:
    """Prints a line per health finding for `archiver status --health`, and returns the exit code. An archive that
    cannot be read counts as red. `site` names the only site to show, None for all; if `as_data` is True, prints JSON.
    """
    damage = None
    try:
        damage = find_damage(archive)
        found = read_overall_health(archive)
        if site:
            found = _keep_site(archive, found, site)
        if damage:
            found = replace(found, archive_health=Health("red", with_damage(found.archive_health.findings, damage)))
    except ArchiverError as error:
        backup = _last_backup(archive)
        why = damage.sentence if damage else str(error)
        if as_data:
            last = {"last_backup": backup.path} if backup else {}
            click.echo(json.dumps({"state": "red", "error": why, **last}, ensure_ascii=False))
        else:
            made = f" The last good backup is {backup.path}, of {backup.made_at:%Y-%m-%d %H:%M} UTC." if backup else ""
            click.echo(f"red: {why}{made}")
        return EXIT_CODES["red"]
    if as_data:
        print_json(found.as_json())
        return EXIT_CODES[found.state]
    print_lines(styled_line((found.state, STYLES[found.state]), f": {_count_states(found)}"))
    print_lines(
        *(_format_site_finding("archive", one) for one in found.archive_health.findings),
        *(_format_site_finding(name, one) for name, one in found.listed_findings()),
        *(_format_mute(row["name"], mute) for row, _ in found.sites if (mute := read_mute(row, found.at))),
    )
    return EXIT_CODES[found.state]


def _last_backup(archive: str) -> BackupRecord | None:
    """Returns the last good backup that a damaged archive has on record; None if its records cannot be read or name
    none.
    """
    with suppress(ArchiverError, sqlite3.Error), opened(archive, read_only=True) as db:
        return next((one for one in read_backups(db) if one.made_at), None)
    return None


def write_metrics(archive: str, file: str) -> None:
    """Writes the metrics for `archiver status --prometheus` to a file, which appears only when it is complete."""
    path = Path(archive)
    with opened(path, read_only=True) as db:
        text = format_metrics(
            db, judge_all(db, path, scheduler_process(path), datetime.now(UTC), effective_settings(db)), __version__
        )
    with open_output(file) as out:
        out.write(text.encode())


def show_deliveries(archive: str, *, trial: bool) -> int:
    """Sends the notifications that are due, for `archiver status --notify`, or, if `trial` is True, a test message for
    --try-notify. Prints the result per channel. Returns 1 if a message was not sent or no channel is configured,
    otherwise 0.
    """
    if not make_channels(load_config().notify):
        click.echo(f"No notifications are configured in {config_file()}; docs/operate.md shows how.", err=True)
        return 1
    sent = send_test_messages(archive) if trial else notify(Path(archive))
    for channel, failure in sent:
        click.echo(f"{channel}: {failure or 'sent'}", err=bool(failure))
    if not sent:
        click.echo("Nothing to send: nothing has changed.")
    return 1 if any(failure for _, failure in sent) else 0


def has_unusable_content(health: dict[str, Any]) -> bool:
    """Returns True if the health of a site, given as JSON, has a red finding about the content that was stored or
    fetched.
    """
    return any(one["level"] == "red" and one["code"] in CONTENT_CODES for one in health["findings"])


def format_findings(health: Health) -> list[Any]:
    """Formats the health of a site: a line per finding or, if the site is green, a line that says so."""
    if not health.findings:
        return [styled_line((health.state, STYLES[health.state]), indent=2)] if health.state == "green" else []
    return [styled_line((one.level, STYLES[one.level]), f": {one.sentence}", indent=2) for one in health.findings]


def accept_findings(archive: str, site: str, health: Health, now: datetime) -> None:
    with opened(archive) as db, writing(db):
        accept_findings_of(db, find_site(db, site)["id"], health.findings, now)
    click.echo(
        f"{site}: {count_noun(len(health.findings), 'finding')} accepted"
        if health.findings
        else f"{site}: there is nothing to accept"
    )


def _keep_site(archive: str, found: OverallHealth, site: str) -> OverallHealth:
    with opened(archive, read_only=True) as db:
        name = find_site(db, site)["name"]
    return OverallHealth(
        found.at,
        Health("green"),
        tuple(one for one in found.sites if one[0]["name"] == name),
        found.next_crawls,
        found.free,
    )


def _format_site_finding(name: str, one: HealthFinding) -> Any:
    return styled_line((one.level, STYLES[one.level]), "  ", (name, "bold"), f": {one.sentence}")


def _format_mute(name: str, mute: Mute) -> Any:
    return styled_line(("note", "dim"), "  ", (name, "bold"), f": {mute}")


def _count_states(found: OverallHealth) -> str:
    """Counts the sites by health: "3 sites (1 red, 2 green)", or "1 site (green)"."""
    states = [health.state for _, health in found.sites]
    counts = [f"{states.count(level):,} {level}" for level in ("red", "amber", "green") if level in states]
    if "unknown" in states:
        counts.append(f"{states.count('unknown'):,} never crawled")
    if not counts:
        return "no sites yet"
    shown = counts[0].partition(" ")[2] if len(counts) == 1 else ", ".join(counts)
    return f"{count_noun(len(states), 'site')} ({shown})"


# The changes of articles, in the order in which they are printed: key of the count, singular, plural.
_CHANGES = (
    ("new", "new article", "new articles"),
    ("revised", "revised", "revised"),
    ("unchanged", "unchanged", "unchanged"),
    ("aliased", "new alias", "new aliases"),
    ("duplicate", "duplicate", "duplicates"),
    ("gone", "gone", "gone"),
)


def format_run_summary(result: dict[str, Any], archive: str) -> list[str]:
    """Summarizes a crawl in a few lines. `result` is what `archiver crawl --json` prints."""
    site, failures = result["site"], result["failures"]
    changes = [
        f"{result[key]:,} {one if result[key] == 1 else many}"
        for key, one, many in _CHANGES
        if result[key] or key == "new"
    ]
    rate = result["fetched"] / result["seconds"] if result["seconds"] else 0.0
    lines = [
        f"{site}: {', '.join(changes)}",
        f"  {count_noun(max(0, result['found']), 'URL')} found, {count_noun(result['requests'], 'request')} "
        f"({result['bytes'] / 1e6:.1f} MB), {result['seconds']:.1f} s, {rate:.1f} pages/s",
    ]
    if result["continued_full"]:
        began = format_time(result["continued_full"])
        lines.append(f"  this run also fetched what the 'crawl --full' of {began} had left")
    for key, one, many, words in (
        ("taken_back", "edit", "edits", "of earlier runs taken back: part of the same fault"),
        # negative if this run sampled pages that an earlier run skipped
        ("trapped", "URL", "URLs", f"skipped: crawler traps or set aside ('archiver status {site}' lists them)"),
        ("refused", "refused", "refused", "(by robots.txt, a password, or the server)"),
        (
            "accepted",
            "held page was",
            "held pages were",
            "accepted after three identical fetches ('archiver runs undo RUN' takes that back)",
        ),
    ):
        if result[key] > 0:
            lines.append(f"  {count_noun(result[key], one, many)} {words}")
    if result["held"]:
        lines.append(f"  {_format_held(result)}")
    if result["rejudged"] or result["withdrawn"]:
        lines.append(
            f"  by comparison of the site's pages: {count_noun(result['rejudged'], 'page')} stored as posts, "
            f"{count_noun(result['withdrawn'], 'article')} withdrawn"
        )
    if result["requisite_requests"]:
        failed = f", {result['requisites_failed']:,} failed" if result["requisites_failed"] else ""
        lines.append(
            f"  images and other files: {result['requisites']:,} captured{failed}; "
            f"{count_noun(result['requisite_requests'], 'request')}"
        )
    lines += [f"  {number:,} failed: {reason}; the next crawl will retry" for reason, number in failures.items()]
    if result["edits"] and result["outcome"] != "failed":
        lines.append(f"  {result['edits']['sentence']}")
    return [*lines, *_format_end(result), f"  archive: {archive}"]


def _format_end(result: dict[str, Any]) -> list[str]:
    """Returns a line (in a list) about a crawl that has not fetched everything; [] for any other."""
    due = f"{count_noun(result['due'], 'URL')} still due"
    if result["outcome"] == "interrupted":
        return ["  interrupted; the next crawl continues from here"]
    if result["outcome"] == "waiting":
        return [f"  {due}; the next crawl continues from here"]
    return [f"  stopped at {result['reason']}; {due}"] if result["reason"] and result["outcome"] == "finished" else []


def _format_held(result: dict[str, Any]) -> str:
    """Returns a phrase about the pages that a run has held: how many are still held at its end, and whether others were
    released.
    """
    still = result["held"] if result["still_held"] is None else result["still_held"]
    if not still:
        return "pages were held, and released because they show their posts again"
    others = "; others were held, and released because they show their posts again" if result["held"] > still else ""
    their, them = ("its", "it") if still == 1 else ("their", "them")
    status = f"'archiver status {result['site']}' lists {them}"
    return f"{count_noun(still, 'page')} held: {their} new state was not stored ({status}){others}"


def note_posts_outside(archive: str, site: str) -> list[str]:
    """Returns a line (in a list) that says that a site without articles has posts outside its folder, and which crawl
    finds them. Returns [] if there are none.
    """
    with suppress(ArchiverError), opened(archive, read_only=True) as db:
        start, host, outside = db.execute(
            "select s.start_url, s.host, count(*) from pages p join sites s on s.id = p.site_id where s.name = ? and "
            "p.outcome = 'out-of-scope' and p.kind in ('post', 'unknown') and p.url like '%://' || s.host || '/%' and "
            "s.path <> '/' and not exists (select 1 from articles a where a.site = s.name)",
            [site],
        ).fetchone()
        if outside:
            home = f"{start.partition('://')[0]}://{host}/"
            return [
                f"  {count_noun(outside, 'page')} of {host} that {site} lists {'is' if outside == 1 else 'are'} "
                f"outside it: 'archiver crawl {shlex.quote(home)}' crawls the whole host"
            ]
    return []


_SHOWN_BY_OUTCOME = ("failed", "waiting", "interrupted")


def read_health_after_crawl(archive: str, sites: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Returns the health of each of these sites by name, as `archiver status --json` shows it; {} if the archive cannot
    be read.
    """
    with suppress(ArchiverError), opened(archive, read_only=True) as db:
        rows = list_sites(db, set(sites))
        return {row["name"]: health_as_json(read_health(db, row, datetime.now(UTC))) for row in rows}
    return {}


def read_advice_after_crawl(archive: str, sites: Iterable[str]) -> dict[str, str]:
    """Returns advice for each of these sites that seems to have moved to another address, by the site's name; {} if the
    archive cannot be read.
    """
    selected = set(sites)
    with suppress(ArchiverError), opened(archive, read_only=True) as db:
        rows = list_sites(db, selected) if selected else []
        return {row["name"]: advice for row in rows if (advice := read_move_advice(db, row))}
    return {}


def format_health(health: dict[str, Any] | None) -> list[str]:
    """Returns a line for each finding of a site, except findings that the summary of its crawl already shows. `health`
    is as in the output of `archiver status --json`; None if it is unknown.
    """
    return [
        f"  {one['level']}: {one['sentence']}"
        for one in (health or {"findings": []})["findings"]
        if one["code"] not in _SHOWN_BY_OUTCOME
    ]


def suggest_commands(archive: str, site: str, counts: Counts) -> list[str]:
    """Returns lines with a command to try after a crawl of a site: how to search after the first one, how to see what
    the crawl changed after a later one. Returns [] if it changed nothing.
    """
    if not (counts.new or counts.revised or counts.gone):
        return []
    options = "" if archive == DEFAULT_ARCHIVE else f" --archive {shlex.quote(archive)}"
    with suppress(ArchiverError), opened(archive, read_only=True) as db:
        last, has_earlier = db.execute(
            "select max(r.id), max(r.id) > min(iif(r.new > 0, r.id, null)) from runs r "
            "join sites s on s.id = r.site_id where s.name = ?",
            [site],
        ).fetchone()
        if has_earlier:
            return ["Try:", f"  archiver runs show {last}{options}"]
        newest = db.execute("select title from articles where site = ? order by id desc limit 1", [site]).fetchone()
        word = max(re.findall(r"\w+", (newest and newest[0]) or ""), key=len, default="WORD")
        return ["Try:", f"  archiver search {word}{options}"]
    return []
