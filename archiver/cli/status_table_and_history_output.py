"""The table of `archiver status`, one line per site, and the history of one site as bars."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import click
from rich.cells import cell_len

from archiver.cli.terminal_output import count_noun, format_percent, has_colours, strip_control_characters
from archiver.health.site_health_rules import LEVELS
from archiver.health.site_status_table_and_history import HistoricalRun, Measure, SiteRow, measures_of
from archiver.storage.column_values_and_completions import stored_time

_HEADS = ("site", "health", "articles", "new", "last", "next", "coverage")
_NUMBERS = frozenset({2, 3, 6})
_GAP = 2
_LEAST_REASON, _LEAST_SITE = 40, 20
"""The minimum widths, in screen columns, of the table's columns for the reason and for the site's name. If there is not
enough room for both, the reason is printed on lines of its own."""
_COLOURS = {"green": "green", "amber": "yellow", "red": "red"}


@dataclass(frozen=True, slots=True)
class TableLayout:
    """How the table of sites is printed. `width` is its width in screen columns; None means one line per site, however
    long. `colours` is True for a coloured table.
    """

    width: int | None = None
    colours: bool = False

    @classmethod
    def of_output(cls) -> TableLayout:
        is_wide = not sys.stdout.isatty() and not os.environ.get("COLUMNS", "").isdecimal()
        return cls(None if is_wide else shutil.get_terminal_size().columns, has_colours())


def print_site_table(rows: Sequence[SiteRow], now: datetime) -> None:
    click.echo("\n".join(format_site_table(rows, now, TableLayout.of_output())))


def format_site_table(rows: Sequence[SiteRow], now: datetime, layout: TableLayout) -> list[str]:
    """Returns the lines of the table. A site's name is never shortened: if it is too long for a narrow terminal, it
    continues on the next line.
    """
    cells = [_cells(row, now) for row in rows]
    widths = [max(cell_len(one[n]) for one in (_HEADS, *cells)) for n in range(len(_HEADS))]
    others = sum(widths[1:]) + _GAP * (len(_HEADS) - 1)
    if layout.width is not None:
        widths[0] = min(widths[0], max(layout.width - others, _LEAST_SITE))
    room = None if layout.width is None else layout.width - widths[0] - others - _GAP
    beside = room is None or room >= _LEAST_REASON
    heads = _join(_HEADS, widths)
    lines = [click.style(heads, bold=True) if layout.colours else heads]
    if beside:
        lines[0] = _join((*_HEADS, "reason"), [*widths, 0], bold=layout.colours)
    for row, shown in zip(rows, cells, strict=True):
        reason = strip_control_characters(row.reason)
        if beside:
            lines += _wrap_row(shown, widths, row, layout, [reason] if room is None else textwrap.wrap(reason, room))
        else:
            lines += _wrap_row(shown, widths, row, layout, [])
            indent = " " * 2
            lines += textwrap.wrap(
                reason, layout.width or 80, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
            )
    return lines


def _cells(row: SiteRow, now: datetime) -> tuple[str, ...]:
    coverage = row.posts.coverage
    return (
        strip_control_characters(row.site),
        "" if row.health.state == "unknown" else row.health.state,
        f"{row.articles:,}",
        f"{row.new:,}",
        _last(row, now),
        _next(row, now),
        "" if coverage is None else format_percent(coverage),
    )


def _last(row: SiteRow, now: datetime) -> str:
    if row.last_run is None:
        return "never"
    if row.last_run["outcome"] is None:
        return "running"
    at = stored_time(row.last_run["started_at"])
    return f"{format_span(now - at)} ago" if at else "?"


def _next(row: SiteRow, now: datetime) -> str:
    turn = row.next_run
    if turn is None:
        return "crawl=no"
    if turn.at <= now:
        return "due"
    if turn.postponed_by:
        return f"{turn.at.astimezone(UTC):%H:%M} UTC" if turn.at - now < timedelta(days=1) else f"{turn.at:%Y-%m-%d}"
    return f"in {format_span(turn.at - now)}"


def format_span(span: timedelta) -> str:
    """Formats a duration in its largest unit: 40s, 5m, 3h, 12d."""
    seconds = max(span.total_seconds(), 0)
    for unit, size, most in (("s", 1, 90), ("m", 60, 90 * 60), ("h", 3600, 48 * 3600)):
        if seconds < most:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds / 86400:,.0f}d"


def _join(cells: Sequence[str], widths: Sequence[int], *, bold: bool = False) -> str:
    padded = [_pad(cell, width, right=n in _NUMBERS) for n, (cell, width) in enumerate(zip(cells, widths, strict=True))]
    line = (" " * _GAP).join(padded).rstrip()
    return click.style(line, bold=True) if bold else line


def _pad(cell: str, width: int, *, right: bool) -> str:
    space = " " * (width - cell_len(cell))
    return space + cell if right else cell + space


def _wrap_row(
    shown: Sequence[str], widths: Sequence[int], row: SiteRow, layout: TableLayout, reason: Sequence[str]
) -> list[str]:
    """Returns the lines that show the row of one site: a line with its cells (`shown`, with `widths` in screen
    columns), and further lines if its name or the reason does not fit in that line. `reason` are the lines of the last
    column; `layout` says whether the table is coloured.
    """
    name = textwrap.wrap(shown[0], widths[0], break_on_hyphens=False) or [""]
    lines = []
    for n in range(max(len(name), len(reason), 1)):
        cells = shown[1:] if n == 0 else [""] * (len(shown) - 1)
        text = _join([name[n] if n < len(name) else "", *cells], widths)
        if n == 0 and layout.colours and shown[1]:
            before = _GAP + widths[0] - cell_len(name[0])
            styled = click.style(shown[1], fg=_COLOURS[shown[1]], bold=shown[1] == "red")
            text = name[0] + " " * before + styled + text[len(name[0]) + before + len(shown[1]) :]
        if n < len(reason):
            plain = cell_len(click.unstyle(text))
            text += " " * (sum(widths) + _GAP * len(widths) - plain) + reason[n]
        lines.append(text.rstrip())
    return lines


def summarize_rows(rows: Sequence[SiteRow]) -> str:
    """Summarizes the table in a line: "2 sites (1 red, 1 green), 140 articles, 3 new this week"."""
    states = Counter(row.health.state for row in rows)
    counts = ", ".join(
        f"{states[level]:,} {'never crawled' if level == 'unknown' else level}"
        for level in sorted(states, key=LEVELS.index, reverse=True)
    )
    articles, new = sum(row.articles for row in rows), sum(row.new for row in rows)
    if len(states) == 1:
        counts = counts.partition(" ")[2]
    return f"{count_noun(len(rows), 'site')} ({counts}), {count_noun(articles, 'article')}, {new:,} new this week"


# The history of one site.

_BLOCKS = " ▁▂▃▄▅▆▇█"
_PLAIN = " .:-=+*#@"
_UNKNOWN = "?"
_RUN_MARKS = {"finished": "·", "failed": "x", "waiting": "w", "interrupted": "i", "": "?"}
_PLAIN_RUN_MARKS = _RUN_MARKS | {"finished": "."}


def can_print_blocks() -> bool:
    """Returns True if the encoding of standard output contains the block characters."""
    try:
        _BLOCKS.encode(sys.stdout.encoding or "ascii")
    except UnicodeError:
        return False
    return True


def format_history(runs: list[HistoricalRun], *, blocks: bool) -> list[str]:
    """Returns the lines of a site's history: for each measure a line of bars, one bar per run, with the last and the
    highest value. If `blocks` is False, the bars are ASCII characters.
    """
    signs = _BLOCKS if blocks else _PLAIN
    outcomes = _RUN_MARKS if blocks else _PLAIN_RUN_MARKS
    measures = measures_of(runs)
    width = max(len(one.label) for one in measures)
    used = {run.outcome for run in runs}
    legend = ", ".join(f"{outcomes[name]} {name or 'not ended'}" for name in _RUN_MARKS if name in used)
    return [
        *(
            f"{one.label:<{width}}  {''.join(_UNKNOWN if level is None else signs[level] for level in one.levels(8))}  "
            f"{_range(one)}"
            for one in measures
        ),
        f"{'outcome':<{width}}  {''.join(outcomes.get(run.outcome, '?') for run in runs)}  {legend}",
    ]


def _range(one: Measure) -> str:
    if one.last is None:
        return "unknown"
    if one.name == "articles":
        return f"last {_value(one, one.last)}" + (f", least {_value(one, one.least)}" if one.least < one.last else "")
    return f"last {_value(one, one.last)}" + (f", most {_value(one, one.most)}" if one.most > one.last else "")


def _value(one: Measure, value: float) -> str:
    return format_span(timedelta(seconds=value)) if one.name == "seconds" else f"{value:,.0f}"
