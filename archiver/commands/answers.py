"""The answers of `archiver search`: each asks the archives for what it needs, and prints it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sqlite_utils import Database

from archiver.commands.concordance import print_concordance
from archiver.commands.hits import Page, print_facets, print_page, shown
from archiver.commands.periods import print_histogram, print_trend
from archiver.errors import OutputNotWritable
from archiver.search import chart
from archiver.search.concordance import concordance as lines_of
from archiver.search.filters import Query
from archiver.search.histogram import histogram_of
from archiver.search.plan import Plan, planned
from archiver.search.run import facets_of, run
from archiver.search.trend import trend_of
from archiver.search.values import COLUMNS, as_values

if TYPE_CHECKING:
    from archiver.commands.search import SearchOptions


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


def histogram(asked: Asked, options: SearchOptions) -> None:
    to = chart.kind(options.plot) if options.plot else None
    found = histogram_of(asked.plans(), "" if options.histogram == "auto" else options.histogram or "")
    if options.plot and to:
        _write(options.plot, to(chart.histogram_svg(found)))
    print_histogram(found, options.form)


def trend(asked: Asked, options: SearchOptions) -> None:
    to = chart.kind(options.plot) if options.plot else None
    found = trend_of(asked.archives(), options.trend, options.by or "")
    if options.plot and to:
        _write(options.plot, to(chart.trend_svg(found)))
    print_trend(found, options.form)


def concordance(asked: Asked, options: SearchOptions) -> None:
    ((db, query),) = asked.archives()
    print_concordance(lines_of(db, query, options.width), options.form, options.width, query.offset)


RENDERERS: dict[str, Callable[[Asked, SearchOptions], None]] = {
    "hits": print_hits, "facets": facets, "histogram": histogram, "trend": trend, "concordance": concordance}


def _write(file: str, data: bytes) -> None:
    try:
        Path(file).write_bytes(data)
    except OSError as error:
        raise OutputNotWritable(file, error.strerror or str(error)) from error
