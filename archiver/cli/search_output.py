"""Counts over time on the screen: a histogram, and the trends of terms."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.terminal import count_noun, print_json, print_line, print_lines, print_table
from archiver.search.engine import published

if TYPE_CHECKING:
    from archiver.search.engine import Hit
from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING

from archiver.cli.terminal import clean, console

if TYPE_CHECKING:
    from archiver.search.aggregations import Histogram, Period, Series, Trend
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

    from archiver.search.concordance import Concordance, Line
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sqlite_utils import Database

from archiver.errors import OutputNotWritable
from archiver.search import chart
from archiver.search.aggregations import histogram_of, trend_of
from archiver.search.concordance import concordance as lines_of
from archiver.search.engine import COLUMNS, Plan, as_values, facets_of, planned, run
from archiver.search.query import Query

if TYPE_CHECKING:
    from archiver.cli.commands.search import SearchOptions
from contextlib import ExitStack, contextmanager

from archiver.search.federated import FederatedHit, FederatedPage, Shard, federate, federated_page
from archiver.storage.connection import opened

# Hits of a search as commands print them.

_SITES = 5
_NAMED = 8


def print_csv(values: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    from archiver.datasets.record_formats import write_csv

    write_csv(values, sys.stdout.buffer, columns)


def shown(hit: Hit) -> list[Any]:
    """A hit in up to four lines: number and title; date, authors, site; the snippet; the address."""
    about = [published(hit.published, hit.published_precision), ", ".join(hit.authors), hit.site]
    if hit.distance_km is not None:
        about.append(f"{hit.distance_km:,.1f} km away")
    if hit.gone_at:
        about.append(f"gone since {hit.gone_at[:10]}")
    if hit.copies:
        about.append(f"same text: {some([str(number) for number in hit.copies])}")
    about += _beneath(hit)
    pieces: list[str | tuple[str, str]] = []
    end = 0
    for start, stop in hit.marks:
        pieces += [hit.snippet[end:start], (hit.snippet[start:stop], "bold yellow")]
        end = stop
    pieces.append(hit.snippet[end:])
    number = f"{hit.id:>5}  "
    lines = [
        print_line((number, "cyan"), (hit.title or "(without title)", "bold")),
        print_line((" · ".join(part for part in about if part), "dim"), indent=7),
    ]
    if hit.snippet:
        lines.append(print_line(*pieces, indent=7))
    return [*lines, print_line((hit.url, "blue"), indent=7)]


def some(names: Sequence[str]) -> str:
    """The first of many, and how many more there are."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _beneath(hit: Hit) -> list[str]:
    """How many near copies are folded beneath a hit, and where; those with the same text are told already."""
    near = [one for one in hit.folded if one.id not in hit.copies]
    if not near:
        return []
    sites: dict[str, list[str]] = {}
    for one in near:
        sites.setdefault(one.site, []).append(str(one.id))
    told = [f"{site} ({', '.join(numbers)})" for site, numbers in sites.items()]
    more = f" and {count_noun(len(told) - _SITES, 'other site')}" if len(told) > _SITES else ""
    return [f"{count_noun(len(near), 'near copy', 'near copies')}: {', '.join(told[:_SITES])}{more}"]


def print_facets(counts: dict[str, list[tuple[str, int]]], form: str | None) -> None:
    rows = [(name, value, number) for name, values in counts.items() for value, number in values]
    heads = ("facet", "value", "articles")
    if form == "json":
        print_json({name: dict(values) for name, values in counts.items()})
    elif form == "jsonl":
        for row in rows:
            click.echo(json.dumps(dict(zip(heads, row, strict=True)), ensure_ascii=False))
    elif form == "csv":
        print_csv([dict(zip(heads, row, strict=True)) for row in rows], heads)
    else:
        shown = [
            ("" if index and rows[index - 1][0] == name else name, value, number)
            for index, (name, value, number) in enumerate(rows)
        ]
        print_table(heads, shown, numbers=(2,))


@dataclass(frozen=True, slots=True)
class Page:
    """A page of hits of which `total` there are: how each becomes a row of `columns` for programs, and lines for
    people."""

    hits: Sequence[Any]
    total: int
    row: Callable[[Any], dict[str, Any]]
    lines: Callable[[Any], list[Any]]
    columns: tuple[str, ...]


def print_page(page: Page, form: str | None, offset: int) -> None:
    if form == "json":
        print_json([page.row(hit) for hit in page.hits])
    elif form == "jsonl":
        for hit in page.hits:
            click.echo(json.dumps(page.row(hit), ensure_ascii=False))
    elif form == "csv":
        print_csv([page.row(hit) for hit in page.hits], page.columns)
    elif not page.hits:
        click.echo(
            f"There are {count_noun(page.total, 'article')}, none after the first {offset:,}."
            if page.total
            else "Nothing found.",
            err=True,
        )
    else:
        span = f"{offset + 1:,} to {offset + len(page.hits):,} of " if page.total > len(page.hits) else ""
        print_lines(print_line((f"{span}{count_noun(page.total, 'article')}", "dim")))
        for hit in page.hits:
            print_lines("", *page.lines(hit))


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
        print_json(asdict(found))
    elif form:
        print_rows(rows, heads, form)
    elif not found.periods:
        click.echo(
            "Nothing with a date is archived."
            if not found.total
            else f"{count_noun(found.total, 'article')}, none of them with a date.",
            err=True,
        )
    elif sys.stdout.isatty():
        draw_histogram(found)
    else:
        print_table(heads, [tuple(row.values()) for row in rows], numbers=(1, 2))


def draw_histogram(found: Histogram) -> None:
    from rich.bar import Bar
    from rich.table import Table
    from rich.text import Text

    undated = f", {found.undated:,} without a date" if found.undated else ""
    print_lines(print_line((f"{count_noun(found.total, 'article')}{undated}, by {found.unit}", "dim")), "")
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
        print_lines("", print_line(("0: articles of that time are archived, none of them matches", "dim")))


def _together(state: str, periods: list[Period]) -> Iterator[tuple[str, int | str]]:
    """Each period and its number; those that have nothing archived as one."""
    from archiver.search.aggregations import STATES

    if state in ("matched", "none"):
        yield from ((period.period, period.articles) for period in periods)
        return
    first, last = periods[0].period, periods[-1].period
    yield first if first == last else f"{first} to {last}", STATES[periods[0].state]


# -- trends -----------------------------------------------------------------------------------


def print_trend(found: Trend, form: str | None) -> None:
    heads = ("period", "term", "articles", "archived", "share")
    if form == "json":
        print_json(asdict(found))
    elif form:
        print_rows(
            [
                dict(zip(heads, (period, one.term, one.articles[n], found.archived[n], one.shares[n]), strict=True))
                for one in found.series
                for n, period in enumerate(found.periods)
            ],
            heads,
            form,
        )
    elif not found.periods:
        click.echo("Nothing with a date is archived.", err=True)
    elif sys.stdout.isatty():
        draw_trend(found)
    else:
        print_table(
            ("period", "archived", *(one.term for one in found.series)),
            [
                (period, found.archived[n], *(share_text(one.shares[n]) for one in found.series))
                for n, period in enumerate(found.periods)
            ],
            numbers=range(1, 2 + len(found.series)),
        )


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
    column = f", {count_noun(together, found.unit)} to a column" if together > 1 else ""
    print_lines(
        print_line(
            (f"Share of {sum(found.archived) + found.undated:,} archived articles, by {found.unit}{column}", "dim")
        )
    )
    columns = [_columns(found, one, together, width) for one in found.series]
    top = max((share for row in columns for share in row if share), default=0.0)
    for number, (one, row) in enumerate(zip(found.series, columns, strict=True)):
        style = _COLOURS[number % len(_COLOURS)]
        print_lines("", print_line((clean(one.term), f"bold {style}"), f"  {count_noun(one.total, 'article')}"))
        for height in range(_HIGH - 1, -1, -1):
            mark = share_text(top) if height == _HIGH - 1 else ""
            print_lines(
                print_line((f"{mark:>7} ", "dim"), ("".join(_cell(share, top, height) for share in row), style))
            )
        print_lines(
            print_line((f"{'0 %':>7} ", "dim"), ("".join(" " if share is None else "─" for share in row), "dim"))
        )
    print_lines(print_line((" " * 8 + _ends(found.periods[0], found.periods[-1], len(columns[0])), "dim")))
    if any(share is None for row in columns for share in row):
        print_lines("", print_line(("Where the line is broken, nothing is archived.", "dim")))


def _columns(found: Trend, one: Series, together: int, width: int) -> list[float | None]:
    """The shares for at most so many columns of the screen: so many periods as one, or one over several columns."""
    starts = range(0, len(found.periods), together)
    wide = max(1, min(width // len(starts), 4))
    out: list[float | None] = []
    for start in starts:
        archived = sum(found.archived[start : start + together])
        share = sum(one.articles[start : start + together]) / archived if archived else None
        out += [share] * wide
    return out


def _cell(share: float | None, top: float, height: int) -> str:
    if not share:
        return " "
    eighths = max(1, round(share / top * _HIGH * 8))
    return _EIGHTHS[max(0, min(8, eighths - height * 8))]


def _ends(first: str, last: str, width: int) -> str:
    return first if first == last else first + last.rjust(max(width - len(first), len(last) + 1))


# A concordance on the screen: one line for each place, the keyword in one column.

_RIGHT_TO_LEFT, _END = "\u2067", "\u2069"
"""Letters between these are set from right to left, whatever stands beside them (UAX #9, isolates)."""
_LEAST = 8


def print_concordance(found: Concordance, form: str | None, width: int, offset: int) -> None:
    rows = [asdict(one) for one in found.lines]
    if form == "json":
        print_json(rows)
    elif form:
        from archiver.search.concordance import Line

        print_rows(rows, Line.__slots__, form)
    elif not rows:
        in_none = f"{count_noun(found.articles, 'article')}; in none does it stand in the title or the text."
        click.echo("There are no more lines." if offset else in_none if found.articles else "Nothing found.", err=True)
    else:
        _print(found, width, offset)


def _print(found: Concordance, width: int, offset: int) -> None:
    from rich.cells import cell_len

    heads = [f"{one.id:>5}  {published(one.published, one.published_precision)[:10]:<10}  " for one in found.lines]
    keyword = max(cell_len(clean(one.keyword)) for one in found.lines)
    screen = console()
    if screen.is_terminal:
        width = min(width, max(_LEAST, (screen.width - len(heads[0]) - min(keyword, 20) - 3) // 2))
    print_lines(print_line((_about(found, offset), "dim")), "")
    for head, one in zip(heads, found.lines, strict=True):
        text = set_line(head, one, width)
        text.rstrip()
        screen.print(text, no_wrap=True, overflow="ignore", crop=screen.is_terminal)


def _about(found: Concordance, offset: int) -> str:
    number = len(found.lines)
    lines = f"lines {offset + 1:,} to {offset + number:,}" if offset or found.more else count_noun(number, "line")
    more = " (there are more)" if found.more else ""
    read = f", of the newest {found.read:,} of" if found.read < found.articles and not found.more else " from"
    return f"{lines}{more}{read} {count_noun(found.articles, 'article')}"


def set_line(head: str, one: Line, width: int) -> Text:
    """A line in which the keyword begins in the same column as in every other; of a text from right to left what comes
    before it stands to its right."""
    before, keyword, after = clean(one.before), clean(one.keyword), clean(one.after)
    if one.direction == "ltr":
        return print_line(
            (head, "dim"), _left(before, width, from_end=True), " ", (keyword, "bold yellow"), " ", _cut(after, width)
        )
    left = _left(after, width, from_end=False)
    blank = len(left) - len(left.lstrip(" "))
    pieces = print_line((head, "dim"), left[:blank])
    for text, style in ((left[blank:], ""), (keyword, "bold yellow"), (_cut(before, width, from_end=True), "")):
        pieces.append(f"{_RIGHT_TO_LEFT}{text}{_END}", style)
        pieces.append(" ")
    return pieces


def _left(text: str, width: int, *, from_end: bool) -> str:
    from rich.cells import cell_len

    shown = _cut(text, width, from_end=from_end)
    return " " * (width - cell_len(shown)) + shown


def _cut(text: str, width: int, *, from_end: bool = False) -> str:
    """As much of a text as there is room for in `width` columns."""
    from rich.cells import cell_len

    letters = list(reversed(text)) if from_end else list(text)
    room = width
    for number, letter in enumerate(letters):
        room -= cell_len(letter)
        if room < 0:
            return "".join(reversed(letters[:number])) if from_end else "".join(letters[:number])
    return text


# The answers of `archiver search`: each asks the archives for what it needs, and prints it.


class Asked(Protocol):
    """A query over one archive, or over several as one."""

    @property
    def query(self) -> Query: ...

    def plans(self) -> Sequence[Plan]:
        """A plan for each archive that has what the query asks about. Raises what a query raises."""

    def archives(self) -> Sequence[tuple[Database, Query]]:
        """Each of these archives, and what it is asked."""

    def page(self) -> Page:
        """The hits that the query asks for."""


@dataclass(frozen=True, slots=True)
class OneArchive:
    """A query over one archive."""

    db: Database
    query: Query

    def plans(self) -> Sequence[Plan]:
        return [planned(self.db, self.query)]

    def archives(self) -> Sequence[tuple[Database, Query]]:
        return [(self.db, self.query)]

    def page(self) -> Page:
        found = run(self.db, self.query)
        return Page(found.hits, found.total, as_values, shown, COLUMNS)


def print_hits(asked: Asked, options: SearchOptions) -> None:
    print_page(asked.page(), options.form, asked.query.offset)


def facets(asked: Asked, options: SearchOptions) -> None:
    print_facets(facets_of(asked.plans()), options.form)


def answer_histogram(asked: Asked, options: SearchOptions) -> None:
    to = chart.kind(options.plot) if options.plot else None
    found = histogram_of(asked.plans(), "" if options.histogram == "auto" else options.histogram or "")
    if options.plot and to:
        _write(options.plot, to(chart.histogram_svg(found)))
    print_histogram(found, options.form)


def answer_trend(asked: Asked, options: SearchOptions) -> None:
    to = chart.kind(options.plot) if options.plot else None
    found = trend_of(asked.archives(), options.trend, options.by or "")
    if options.plot and to:
        _write(options.plot, to(chart.trend_svg(found)))
    print_trend(found, options.form)


def answer_concordance(asked: Asked, options: SearchOptions) -> None:
    ((db, query),) = asked.archives()
    print_concordance(lines_of(db, query, options.width), options.form, options.width, query.offset)


RENDERERS: dict[str, Callable[[Asked, SearchOptions], None]] = {
    "hits": print_hits,
    "facets": facets,
    "histogram": answer_histogram,
    "trend": answer_trend,
    "concordance": answer_concordance,
}


def _write(file: str, data: bytes) -> None:
    try:
        Path(file).write_bytes(data)
    except OSError as error:
        raise OutputNotWritable(file, error.strerror or str(error)) from error


# `archiver search` over several archives: the same answers, with the archive that each hit is of.

_COLUMNS = ("archive", *COLUMNS, "elsewhere")


@dataclass(frozen=True, slots=True)
class SeveralArchives:
    """A query over several archives."""

    query: Query
    asked: FederatedPage

    def plans(self) -> Sequence[Plan]:
        return self.asked.plans

    def archives(self) -> Sequence[tuple[Database, Query]]:
        return [(plan.db, plan.query) for plan in self.asked.plans]

    def page(self) -> Page:
        return Page(federated_page(self.asked), self.asked.total, _values, _lines, _COLUMNS)


@contextmanager
def several(archives: list[str], query: Query) -> Iterator[SeveralArchives]:
    """The query over archives, which are open while the block lasts."""
    with ExitStack() as stack:
        shards = [Shard(archive, stack.enter_context(opened(archive, read_only=True))) for archive in archives]
        yield SeveralArchives(query, stack.enter_context(federate(shards, query)))


def _values(one: FederatedHit) -> dict[str, Any]:
    return {"archive": one.archive, **as_values(one.hit), "elsewhere": [asdict(copy) for copy in one.elsewhere]}


def _lines(one: FederatedHit) -> list[Any]:
    """Formats a hit, then a line with its archive and its ID there, and its copies in other archives."""
    about = [f"{one.archive} {one.hit.id}"]
    if one.elsewhere:
        others = some([f"{copy.archive} {copy.id}" for copy in one.elsewhere])
        about.append(f"{count_noun(len(one.elsewhere), 'copy', 'copies')}: {others}")
    return [*shown(one.hit), print_line((" · ".join(about), "dim"), indent=7)]
