"""Counts over time on the screen: a histogram, and the trends of terms."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from archiver.commands.hits import print_csv
from archiver.commands.screen import clean, console, count, line, say, table, write_json

if TYPE_CHECKING:
    from archiver.search.histogram import Histogram, Period
    from archiver.search.trend import Series, Trend

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_HIGH = 4
_WIDEST = 100
_COLOURS = ("cyan", "yellow", "green", "magenta")


def print_rows(rows: Sequence[dict[str, Any]], heads: Sequence[str], form: str) -> None:
    """The same rows as lines of JSON or as CSV."""
    if form == "jsonl":
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False))
    else:
        print_csv(list(rows), tuple(heads))


# -- histogram --------------------------------------------------------------------------------


def print_histogram(found: Histogram, form: str | None) -> None:
    heads = ("period", "articles", "archived", "state")
    rows = [asdict(period) for period in found.periods]
    if form == "json":
        write_json(asdict(found))
    elif form:
        print_rows(rows, heads, form)
    elif not found.periods:
        click.echo("Nothing with a date is archived." if not found.total else
                   f"{count(found.total, 'article')}, none of them with a date.", err=True)
    elif sys.stdout.isatty():
        draw_histogram(found)
    else:
        table(heads, [tuple(row.values()) for row in rows], numbers=(1, 2))


def draw_histogram(found: Histogram) -> None:
    from rich.bar import Bar
    from rich.table import Table
    from rich.text import Text

    undated = f", {found.undated:,} without a date" if found.undated else ""
    say(line((f"{count(found.total, 'article')}{undated}, by {found.unit}", "dim")), "")
    most = max(period.articles for period in found.periods)
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(ratio=1)
    for state, periods in groupby(found.periods, key=lambda period: period.state):
        for name, shown in _together(state, list(periods)):
            if isinstance(shown, str):
                grid.add_row(Text(name, "dim"), "", Text(f"░ {shown}", "dim"))
            else:
                bar = Bar(most, 0, shown, color="cyan") if shown else Text("▏", "dim")
                grid.add_row(name, f"{shown:,}", bar)
    screen = console()
    screen.print(grid, width=min(screen.width, _WIDEST))
    if any(period.state == "none" for period in found.periods):
        say("", line(("0: articles of that time are archived, none of them matches", "dim")))


def _together(state: str, periods: list[Period]) -> Iterator[tuple[str, int | str]]:
    """Each period and its number; those that have nothing archived as one."""
    from archiver.search.histogram import STATES

    if state in ("matched", "none"):
        yield from ((period.period, period.articles) for period in periods)
        return
    first, last = periods[0].period, periods[-1].period
    yield first if first == last else f"{first} to {last}", STATES[periods[0].state]


# -- trends -----------------------------------------------------------------------------------


def print_trend(found: Trend, form: str | None) -> None:
    heads = ("period", "term", "articles", "archived", "share")
    if form == "json":
        write_json(asdict(found))
    elif form:
        print_rows([dict(zip(heads, (period, one.term, one.articles[n], found.archived[n], one.shares[n]), strict=True))
                    for one in found.series for n, period in enumerate(found.periods)], heads, form)
    elif not found.periods:
        click.echo("Nothing with a date is archived.", err=True)
    elif sys.stdout.isatty():
        draw_trend(found)
    else:
        table(("period", "archived", *(one.term for one in found.series)),
              [(period, found.archived[n], *(share_text(one.shares[n]) for one in found.series))
               for n, period in enumerate(found.periods)], numbers=range(1, 2 + len(found.series)))


def share_text(share: float | None) -> str:
    """A share in percent, as exactly as it takes to tell it from none; "-" where there is none to have one of."""
    if share is None:
        return "-"
    percent = share * 100
    return f"{percent:.0f} %" if percent in (0, 100) else f"{percent:.1f} %" if percent >= 0.1 else f"{percent:.1g} %"


def draw_trend(found: Trend) -> None:
    """The terms one under another, on one scale. The axis is broken where nothing is archived."""
    width = min(console().width, _WIDEST) - 9
    together = -(-len(found.periods) // width)
    column = f", {count(together, found.unit)} to a column" if together > 1 else ""
    say(line((f"Share of {sum(found.archived) + found.undated:,} archived articles, by {found.unit}{column}", "dim")))
    columns = [_columns(found, one, together, width) for one in found.series]
    top = max((share for row in columns for share in row if share), default=0.0)
    for number, (one, row) in enumerate(zip(found.series, columns, strict=True)):
        style = _COLOURS[number % len(_COLOURS)]
        say("", line((clean(one.term), f"bold {style}"), f"  {count(one.total, 'article')}"))
        for height in range(_HIGH - 1, -1, -1):
            mark = share_text(top) if height == _HIGH - 1 else ""
            say(line((f"{mark:>7} ", "dim"), ("".join(_cell(share, top, height) for share in row), style)))
        say(line((f"{'0 %':>7} ", "dim"), ("".join(" " if share is None else "─" for share in row), "dim")))
    say(line((" " * 8 + _ends(found.periods[0], found.periods[-1], len(columns[0])), "dim")))
    if any(share is None for row in columns for share in row):
        say("", line(("Where the line is broken, nothing is archived.", "dim")))


def _columns(found: Trend, one: Series, together: int, width: int) -> list[float | None]:
    """The shares for at most so many columns of the screen: so many periods as one, or one over several columns."""
    starts = range(0, len(found.periods), together)
    wide = max(1, min(width // len(starts), 4))
    out: list[float | None] = []
    for start in starts:
        archived = sum(found.archived[start:start + together])
        share = sum(one.articles[start:start + together]) / archived if archived else None
        out += [share] * wide
    return out


def _cell(share: float | None, top: float, height: int) -> str:
    if not share:
        return " "
    eighths = max(1, round(share / top * _HIGH * 8))
    return _EIGHTHS[max(0, min(8, eighths - height * 8))]


def _ends(first: str, last: str, width: int) -> str:
    return first if first == last else first + last.rjust(max(width - len(first), len(last) + 1))
