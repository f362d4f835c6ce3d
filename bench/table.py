"""Prints figures as a table and marks missed bars."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

Rows = Mapping[str, Mapping[str, Any]]


def rate(value: float) -> str:
    """Format a share of one with up to four digits."""
    return f"{value:.4f}".rstrip("0").rstrip(".") if value != 1 else "1"


def whole(value: float) -> str:
    return f"{value:.0f}"


def tenths(value: float) -> str:
    return f"{value:.1f}"


def hundredths(value: float) -> str:
    return f"{value:.2f}"


@dataclass(frozen=True)
class Slack:
    """How far a figure may fall below an earlier measurement: by this amount, or (`relative`) by this share of it.

    `less`: less is better, so the figure may rise by it.
    """

    by: float
    relative: bool = False
    less: bool = False

    def floor(self, value: float) -> float:
        """Return the lowest allowed figure (the highest, if less is better) after a measurement of `value`. It has four
        digits and is never stricter than the slack."""
        step = abs(value) * self.by if self.relative else self.by
        near = round((value + step if self.less else value - step) * 10_000, 6)
        return (ceil(near) if self.less else floor(near)) / 10_000

    def broken(self, value: float | None, floor: float) -> bool:
        """Return True if a figure is missing or below its floor."""
        return value is None or (value > floor if self.less else value < floor)


@dataclass(frozen=True)
class Column:
    """A column of figures. `at_least` and `at_most` are its bars. None (the truth has no such value) meets every bar.

    Floors are pinned for the columns that have a `slack`.
    """

    key: str
    title: str
    at_least: float | None = None
    at_most: float | None = None
    form: Callable[[Any], str] = str
    slack: Slack | None = None

    def missed(self, value: Any) -> bool:
        if value is None:
            return False
        return (self.at_least is not None and value < self.at_least) or (
            self.at_most is not None and value > self.at_most
        )

    def cell(self, value: Any, *, judged: bool = True) -> str:
        if value is None:
            return "-"
        return self.form(value) + ("!" if judged and self.missed(value) else "")

    @property
    def bar(self) -> str:
        if self.at_least is not None and self.at_least == self.at_most:
            return f"={self.at_least:g}"
        if self.at_least is not None:
            return f">={self.at_least:g}"
        return "" if self.at_most is None else f"<={self.at_most:g}"


def missed(columns: Sequence[Column], rows: Rows, reference: Collection[str] = ()) -> list[str]:
    """Return the missed bars in words. Rows named in `reference` are only for comparison and have no bars."""
    return [
        f"{name}: {c.title} {c.form(row[c.key])}, bar {c.bar}"
        for name, row in rows.items()
        if name not in reference
        for c in columns
        if c.missed(row.get(c.key))
    ]


def show(columns: Sequence[Column], rows: Rows, reference: Collection[str] = ()) -> int:
    """Print the rows and, if there are bars, a last row with them. Returns the number of missed bars (`reference` as in
    `missed`)."""
    lines = [["", *(c.title for c in columns)]]
    lines += [
        [name, *(c.cell(row.get(c.key), judged=name not in reference) for c in columns)] for name, row in rows.items()
    ]
    judged = any(c.bar for c in columns)
    lines += [["bar", *(c.bar for c in columns)]] if judged else []
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print(
            "  ".join(
                cell.ljust(w) if n == 0 else cell.rjust(w) for n, (cell, w) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
        )
    below = missed(columns, rows, reference)
    if judged:
        print(f"Missed: {'; '.join(below)}" if below else "All bars are met.")
    print()
    return len(below)
