"""Prints the results of `archiver search` (hits, facets, histograms) as text or for programs."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from archiver.cli.shared_options import DEFAULT_ARCHIVE
from archiver.cli.terminal_output import (
    count_noun,
    print_json,
    print_lines,
    print_table,
    print_values,
    strip_control_characters,
    styled_line,
)
from archiver.model.items import format_published
from archiver.search.advice import advise
from archiver.search.histogram import Histogram, histogram
from archiver.search.query import Query, query_as_options
from archiver.search.search_hits import COLUMNS, Hit, Results, count_facets, hit_as_dict, plan_query, run_query
from archiver.storage import Database

if TYPE_CHECKING:
    from archiver.cli.commands.search import SearchOptions

# Hits.

_MAX_SITES = 5
_MAX_NAMED = 8
_MAX_SUGGESTIONS = 3


def format_hit(hit: Hit) -> list[Any]:
    """Formats a search hit in up to four lines: ID and title; date, authors, site; snippet; URL."""
    about = [format_published(hit.published, hit.published_precision), ", ".join(hit.authors), hit.site]
    if hit.distance_km is not None:
        about.append(f"{hit.distance_km:,.1f} km away")
    if hit.gone_at:
        about.append(f"gone since {hit.gone_at[:10]}")
    if hit.copies:
        about.append(f"same text: {abbreviate_list([str(number) for number in hit.copies])}")
    about += _describe_near_duplicates(hit)
    pieces: list[str | tuple[str, str]] = []
    end = 0
    for start, stop in hit.marks:
        pieces += [hit.snippet[end:start], (hit.snippet[start:stop], "bold yellow")]
        end = stop
    pieces.append(hit.snippet[end:])
    number = f"{hit.id:>5}  "
    lines = [
        styled_line((number, "cyan"), (hit.title or "(without title)", "bold")),
        styled_line((" · ".join(part for part in about if part), "dim"), indent=7),
    ]
    if hit.snippet:
        lines.append(styled_line(*pieces, indent=7))
    return [*lines, styled_line((hit.url, "blue"), indent=7)]


def abbreviate_list(names: Sequence[str]) -> str:
    """Joins the first few names with commas, and adds how many more there are."""
    more = f" and {len(names) - _MAX_NAMED:,} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more


def _describe_near_duplicates(hit: Hit) -> list[str]:
    """Returns lines about the near-duplicates that are folded beneath a hit, with their IDs by site; [] if there are
    none. Copies with the same text are not counted.
    """
    near = [one for one in hit.folded if one.id not in hit.copies]
    if not near:
        return []
    sites: dict[str, list[str]] = {}
    for one in near:
        sites.setdefault(one.site, []).append(str(one.id))
    places = [f"{site} ({', '.join(numbers)})" for site, numbers in sites.items()]
    more = f" and {count_noun(len(places) - _MAX_SITES, 'other site')}" if len(places) > _MAX_SITES else ""
    return [f"{count_noun(len(near), 'near-duplicate')}: {', '.join(places[:_MAX_SITES])}{more}"]


def print_facets(counts: dict[str, list[tuple[str, int]]], form: str | None) -> None:
    rows = [(name, value, number) for name, values in counts.items() for value, number in values]
    headers = ("facet", "value", "articles")
    if form == "json":
        print_json({name: dict(values) for name, values in counts.items()})
    elif form:
        print_values([dict(zip(headers, row, strict=True)) for row in rows], form)
    else:
        table = [
            ("" if index and rows[index - 1][0] == name else name, value, number)
            for index, (name, value, number) in enumerate(rows)
        ]
        print_table(headers, table, numbers=(2,))


def print_page(page: Results, form: str | None, offset: int) -> None:
    """Prints a page of hits in the format `form` (json or csv), or as text. `offset` is the number of hits on
    the pages before it.
    """
    rows = [hit_as_dict(hit) for hit in page.hits] if form else []
    if form:
        print_values(rows, form, COLUMNS)
    elif not page.hits:
        _note_no_hits(page.total, offset)
    else:
        span = _format_span(offset + 1, offset + len(page.hits)) if page.total > len(page.hits) else ""
        print_lines(styled_line((f"{span}{count_noun(page.total, 'article')}", "dim")))
        for hit in page.hits:
            print_lines("", *format_hit(hit))


def _note_no_hits(total: int, offset: int) -> None:
    """Says on stderr why a page has no hits: nothing matches, or all hits are before this page."""
    matching = count_noun(total, "article matches", "articles match")
    before = f", none after the first {offset:,}" if offset else ""
    click.echo(f"{matching}{before}." if total else "Nothing found.", err=True)


def _format_span(first: int, last: int) -> str:
    return f"{first:,} to {last:,} of " if first < last else f"{first:,} of "


# Histogram.


def print_histogram(found: Histogram, form: str | None) -> None:
    headers = ("period", "articles", "archived", "state")
    rows = [asdict(period) for period in found.periods]
    if form == "json":
        print_json(asdict(found))
    elif form:
        print_values(rows, form, headers)
    elif not found.periods:
        click.echo(
            "The archive has no articles with a date."
            if not found.total
            else f"{count_noun(found.total, 'article')}, none of them with a date.",
            err=True,
        )
    else:
        print_table(headers, [tuple(row.values()) for row in rows], numbers=(1, 2))


# One renderer per kind of result.


def render_hits(db: Database, query: Query, options: SearchOptions) -> None:
    print_page(run_query(db, query), options.form, query.offset)


def render_facets(db: Database, query: Query, options: SearchOptions) -> None:
    print_facets(count_facets(db, query), options.form)


def render_histogram(db: Database, query: Query, options: SearchOptions) -> None:
    print_histogram(histogram(db, query, options.histogram or ""), options.form)


RENDERERS: dict[str, Callable[[Database, Query, SearchOptions], None]] = {
    "hits": render_hits,
    "facets": render_facets,
    "histogram": render_histogram,
}


def print_advice(db: Database, query: Query, archive: str) -> None:
    """Prints advice on a query that finds nothing on stderr. The commands that it suggests search this `archive`."""
    advice = advise(plan_query(db, query), query)
    for note in advice.notes:
        click.echo(strip_control_characters(note), err=True)
    suggestions = [advice.corrected] if advice.corrected else advice.wider[:_MAX_SUGGESTIONS]
    if suggestions:
        click.echo("Try:", err=True)
    where = "" if archive == DEFAULT_ARCHIVE else f" --archive {shlex.quote(archive)}"
    for one in suggestions:
        command = f"archiver search {query_as_options(one.query)}{where}"
        click.echo(
            strip_control_characters(f"  {command}  # {count_noun(one.total, 'article')}: {one.change}"), err=True
        )
