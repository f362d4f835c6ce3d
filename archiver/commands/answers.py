"""What `archiver search` answers beside hits: asked of the archive, drawn into a file on wish, and printed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlite_utils import Database

from archiver.commands.concordance import print_concordance
from archiver.commands.periods import print_histogram, print_trend
from archiver.errors import OutputNotWritable
from archiver.search import chart
from archiver.search.concordance import concordance as lines_of
from archiver.search.filters import Query
from archiver.search.histogram import histogram_of
from archiver.search.plan import Plan
from archiver.search.trend import trend_of


def histogram(plans: Sequence[Plan], unit: str, form: str | None, plot: str | None) -> None:
    to = chart.kind(plot) if plot else None
    found = histogram_of(plans, "" if unit == "auto" else unit)
    if plot and to:
        _write(plot, to(chart.histogram_svg(found)))
    print_histogram(found, form)


def trend(archives: Sequence[tuple[Database, Query]], terms: tuple[str, ...], unit: str | None, form: str | None,
          plot: str | None) -> None:
    to = chart.kind(plot) if plot else None
    found = trend_of(archives, terms, unit or "")
    if plot and to:
        _write(plot, to(chart.trend_svg(found)))
    print_trend(found, form)


def concordance(db: Database, query: Query, width: int, form: str | None) -> None:
    print_concordance(lines_of(db, query, width), form, width, query.offset)


def _write(file: str, data: bytes) -> None:
    try:
        Path(file).write_bytes(data)
    except OSError as error:
        raise OutputNotWritable(file, error.strerror or str(error)) from error
