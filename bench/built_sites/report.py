"""Prints the figures of all sites as tables or as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from table import Column, missed, show

from built_sites.measure import NEEDS_BROWSER, READABLE, RECRAWL, Failed, Measured

Rows = Mapping[str, Measured | Failed]


def print_tables(rows: Rows, examples: int = 0) -> int:
    """Prints a table for the first crawls, one for the second, and one for sites that need a browser; then the sites
    that were not built. Returns the exit code."""
    for name, row in rows.items():
        if isinstance(row, Measured):
            print(f"{name}: {row.version}")
            for mistake in row.mistakes[:examples]:
                print(f"  {mistake}")
    print()
    below = sum(show(columns, figures) for columns, figures in _tables(rows))
    failed = not_built(rows)
    for name, reason in failed.items():
        print(f"{name}: {reason}")
    print(f"{len(rows) - len(failed)} sites measured, {len(failed)} not built.")
    return int(bool(below or failed))


def print_json(rows: Rows, examples: int = 0) -> int:
    """Prints all figures, with all mistakes. Returns the exit code."""
    below = [words for columns, figures in _tables(rows) for words in missed(columns, figures)]
    print(json.dumps({"sites": {name: asdict(row) for name, row in rows.items()}, "missed": below}, indent=2))
    return int(bool(below or not_built(rows)))


def not_built(rows: Rows) -> dict[str, str]:
    """Returns the reasons of the sites that were not built."""
    return {name: row.reason for name, row in rows.items() if isinstance(row, Failed)}


def _tables(rows: Rows) -> list[tuple[Sequence[Column], dict[str, Mapping[str, object]]]]:
    measured: dict[str, Mapping[str, object]] = {
        name: _marked(row) for name, row in rows.items() if isinstance(row, Measured)
    }
    readable = {name: figures for name, figures in measured.items() if "recall" in figures}
    empty = {name: figures for name, figures in measured.items() if name not in readable}
    tables: list[tuple[Sequence[Column], dict[str, Mapping[str, object]]]] = []
    if readable:
        tables += [(READABLE, readable), (RECRAWL, readable)]
    if empty:
        tables += [(NEEDS_BROWSER, empty)]
    return tables


def _marked(row: Measured) -> dict[str, object]:
    """Returns the figures, with those of fields that the pages do not show in parentheses."""
    fields = {"author": row.shown.author, "category": row.shown.categories, "tag": row.shown.tags}
    hidden = {name: f"({row.figures[name]})" for name, shown in fields.items() if name in row.figures and not shown}
    return {**row.figures, **hidden}
