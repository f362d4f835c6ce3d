"""Composes the messages about changes of health: subject, text, HTML and JSON, of one notification or of a digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from archiver.health.health_rules import LEVELS
from archiver.health.notification_records import Notification

_MOST_ROWS = 200
_COLORS = {"green": "#1a7f37", "amber": "#9a6700", "red": "#cf222e", "unknown": "#57606a"}
_STATES = {"unknown": "not crawled"}


@dataclass(frozen=True, slots=True)
class HealthMessage:
    """A message about changes in health. `state` is the worst level in it; `data` is the JSON object that commands and
    webhooks receive. `html` is the text as an HTML page for mail, or "".
    """

    subject: str
    text: str
    state: str
    data: Mapping[str, Any]
    html: str = ""


def compose_message(archive: str, notice: Notification) -> HealthMessage:
    changes = sorted(notice.changes, key=_rank, reverse=True)
    worst = max((one["state"] for one in changes), key=LEVELS.index)
    what = _name_most_urgent(changes[0])
    sites = list(dict.fromkeys(_name(one) for one in changes))
    more = f" and {len(sites) - 1} more" if len(sites) > 1 else ""
    lines = [f"{_head(one)}: {_name(one)}: {one['sentence']}" for one in changes]
    last = f"'archiver status --health --archive {archive}' shows the health of all."
    data = {"archive": archive, "state": worst, "changes": changes}
    if notice.digest is None:
        text = "\n\n".join([*lines, last]) + "\n"
        return HealthMessage(f"archiver: {what}: {sites[0]}{more}", text, worst, {**data, "text": text})
    day, rows = notice.digest["at"][:10], notice.digest["sites"]
    text = "\n\n".join([*lines, "\n".join(_format_rows(rows)), last]) + "\n"
    count = f"{len(changes)} change{'' if len(changes) == 1 else 's'}"
    return HealthMessage(
        f"archiver: {what}: {count}, {sites[0]}{more} (digest of {day})",
        text,
        worst,
        {**data, "text": text, "digest": notice.digest},
        _as_page(f"{count} in {archive}, {day}", changes, rows, last),
    )


def _name(change: Mapping[str, Any]) -> str:
    return change["site"] or "the archive"


_HEADS = {"ends": "over", "passed": "over", "noted": "noted", "flapping": "flapping"}


def _head(change: Mapping[str, Any]) -> str:
    """Returns what a line about a change begins with: what happened, or the level of a finding that begins."""
    if change["event"] == "worse":
        return f"worse, {change['level']}"
    return _HEADS.get(change["event"]) or str(change["level"])


def _rank(change: Mapping[str, Any]) -> int:
    """Returns how urgent a change is: what begins comes first, by its level, then information, then ends."""
    if change["event"] in ("ends", "passed"):
        return -1
    return 0 if change["event"] == "noted" else LEVELS.index(change["level"])


def _name_most_urgent(change: Mapping[str, Any]) -> str:
    """Returns what the subject says of the most urgent change: the level of what begins, else "noted" or "over"."""
    return str(change["level"]) if _rank(change) > 0 else _HEADS.get(change["event"], str(change["level"]))


def _color(change: Mapping[str, Any]) -> str:
    return "green" if change["event"] in ("ends", "passed") else str(change["level"])


def _format_rows(rows: list[dict[str, Any]]) -> list[str]:
    """Formats the sites of a digest as a table of plain text."""
    shown = rows[:_MOST_ROWS]
    wide = max((len(row["site"]) for row in shown), default=0)
    lines = [
        f"{_state(row):11}  {row['site']:{wide}}  {row['articles']:>9,} articles  {_remark(row)}".rstrip()
        for row in shown
    ]
    return [*lines, *_rest(rows)]


def _state(row: Mapping[str, Any]) -> str:
    return _STATES.get(row["state"]) or str(row["state"])


def _remark(row: Mapping[str, Any]) -> str:
    muted = f"muted until {row['muted_until'][:16].replace('T', ' ')} UTC. " if row["muted_until"] else ""
    return f"{muted}{row['sentence']}"


def _rest(rows: list[dict[str, Any]]) -> list[str]:
    left = rows[_MOST_ROWS:]
    if not left:
        return []
    counts = [
        f"{number:,} {_STATES.get(level, level)}"
        for level in reversed(LEVELS)
        if (number := sum(row["state"] == level for row in left))
    ]
    return [f"and {len(left):,} more sites: {', '.join(counts)}"]


def _as_page(title: str, changes: list[dict[str, Any]], rows: list[dict[str, Any]], last: str) -> str:
    items = "".join(
        f"<li>{_colored(_color(one), _head(one))} <b>{escape(_name(one))}</b>: {escape(one['sentence'])}</li>\n"
        for one in changes
    )
    table = "".join(
        f"<tr><td>{_colored(row['state'], _state(row))}</td><td>{escape(row['site'])}</td>"
        f'<td align="right">{row["articles"]:,}</td><td>{escape(_remark(row))}</td></tr>\n'
        for row in rows[:_MOST_ROWS]
    )
    rest = "".join(f"<p>{escape(line)}</p>\n" for line in _rest(rows))
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head>\n'
        f'<body style="font-family: sans-serif">\n<h1>{escape(title)}</h1>\n<ul>\n{items}</ul>\n'
        '<table cellpadding="4">\n<thead align="left"><tr><th>health</th><th>site</th><th>articles</th>'
        f"<th>finding</th></tr></thead>\n<tbody>\n{table}</tbody>\n</table>\n{rest}<p>{escape(last)}</p>\n</body></html>\n"
    )


def _colored(level: str, text: str) -> str:
    return f'<span style="color: {_COLORS[level]}">{escape(text)}</span>'
