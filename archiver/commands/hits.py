"""Hits of a search as commands print them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from archiver.commands.screen import count, line, say, table, write_json
from archiver.search.values import published

if TYPE_CHECKING:
    from archiver.search.run import Hit

_SITES = 5
_NAMED = 8


def print_csv(values: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    from archiver.publish.formats.csv_table import write

    write(values, sys.stdout.buffer, columns)


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
    lines = [line((number, "cyan"), (hit.title or "(without title)", "bold")),
             line((" · ".join(part for part in about if part), "dim"), indent=7)]
    if hit.snippet:
        lines.append(line(*pieces, indent=7))
    return [*lines, line((hit.url, "blue"), indent=7)]


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
    more = f" and {count(len(told) - _SITES, 'other site')}" if len(told) > _SITES else ""
    return [f"{count(len(near), 'near copy', 'near copies')}: {', '.join(told[:_SITES])}{more}"]


def print_facets(counts: dict[str, list[tuple[str, int]]], form: str | None) -> None:
    rows = [(name, value, number) for name, values in counts.items() for value, number in values]
    heads = ("facet", "value", "articles")
    if form == "json":
        write_json({name: dict(values) for name, values in counts.items()})
    elif form == "jsonl":
        for row in rows:
            click.echo(json.dumps(dict(zip(heads, row, strict=True)), ensure_ascii=False))
    elif form == "csv":
        print_csv([dict(zip(heads, row, strict=True)) for row in rows], heads)
    else:
        shown = [("" if index and rows[index - 1][0] == name else name, value, number)
                 for index, (name, value, number) in enumerate(rows)]
        table(heads, shown, numbers=(2,))


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
        write_json([page.row(hit) for hit in page.hits])
    elif form == "jsonl":
        for hit in page.hits:
            click.echo(json.dumps(page.row(hit), ensure_ascii=False))
    elif form == "csv":
        print_csv([page.row(hit) for hit in page.hits], page.columns)
    elif not page.hits:
        click.echo(f"There are {count(page.total, 'article')}, none after the first {offset:,}." if page.total else
                   "Nothing found.", err=True)
    else:
        span = f"{offset + 1:,} to {offset + len(page.hits):,} of " if page.total > len(page.hits) else ""
        say(line((f"{span}{count(page.total, 'article')}", "dim")))
        for hit in page.hits:
            say("", *page.lines(hit))
