"""A table for the screen in which every bar is marked as met or missed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Column:
    """`at_least` and `at_most` are the bars; a figure of None (the truth holds none) meets every bar."""

    key: str
    title: str
    at_least: float | None = None
    at_most: float | None = None
    form: Callable[[Any], str] = str

    def missed(self, value: Any) -> bool:
        if value is None:
            return False
        return (self.at_least is not None and value < self.at_least) or (
            self.at_most is not None and value > self.at_most)

    def cell(self, value: Any) -> str:
        if value is None:
            return "-"
        return self.form(value) + ("!" if self.missed(value) else "")

    @property
    def bar(self) -> str:
        if self.at_least is not None and self.at_least == self.at_most:
            return f"={self.at_least:g}"
        if self.at_least is not None:
            return f">={self.at_least:g}"
        return "" if self.at_most is None else f"<={self.at_most:g}"


def show(columns: Sequence[Column], rows: Mapping[str, Mapping[str, Any]]) -> int:
    """Print a row for each name and a last one with the bars; how many bars were missed."""
    lines = [["", *(c.title for c in columns)]]
    lines += [[name, *(c.cell(row.get(c.key)) for c in columns)] for name, row in rows.items()]
    lines += [["bar", *(c.bar for c in columns)]]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(cell.ljust(w) if n == 0 else cell.rjust(w)
                        for n, (cell, w) in enumerate(zip(line, widths, strict=True))).rstrip())
    missed = [f"{name}: {c.title} {c.form(row[c.key])}, bar {c.bar}"
              for name, row in rows.items() for c in columns if c.missed(row.get(c.key))]
    print(f"Missed: {'; '.join(missed)}" if missed else "Every bar is met.")
    print()
    return len(missed)
