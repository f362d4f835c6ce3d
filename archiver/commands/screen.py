"""What people read: bold and tables on a terminal, plain lines in a pipe; and JSON for programs.

Colours are left out where NO_COLOR is set (https://no-color.org) or the output is no terminal.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """Text of the web as a terminal may have it: no control sequences, no reversal of direction."""
    return _CONTROL.sub("", text.replace("\r\n", "\n"))


def console() -> Console:
    """The screen: wraps at its width on a terminal, never in a pipe."""
    from rich.console import Console

    terminal = sys.stdout.isatty()
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=not terminal)


def has_colours() -> bool:
    """Whether what is told by colour is seen: not in a pipe, nor on a terminal that has none or is to show none."""
    screen = console()
    return screen.color_system is not None and not screen.no_color


def line(*pieces: str | tuple[str, str], indent: int = 0) -> Text:
    """One line of (text, style) pieces; text without a style stands alone."""
    from rich.text import Text

    text = Text(" " * indent)
    for piece in pieces:
        words, style = (piece, "") if isinstance(piece, str) else piece
        text.append(clean(words), style)
    return text


def say(*texts: Text | str) -> None:
    """Print lines; a wrapped line goes on under its own beginning."""
    from rich.padding import Padding

    screen = console()
    for text in texts:
        shown = line(text) if isinstance(text, str) else text
        indent = len(shown.plain) - len(shown.plain.lstrip(" "))
        if screen.is_terminal and indent:
            screen.print(Padding(shown[indent:], (0, 0, 0, indent)))
        else:
            screen.print(shown)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], numbers: Iterable[int] = ()) -> None:
    """Columns under heads; those in `numbers` (from 0) are set flush right."""
    cells = [[clean("" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell)) for cell in row]
             for row in rows]
    right = set(numbers)
    if sys.stdout.isatty():
        from rich.table import Table

        grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for index, head in enumerate(heads):
            grid.add_column(head, justify="right" if index in right else "left", header_style="bold",
                            overflow="fold")
        for row in cells:
            grid.add_row(*row)
        console().print(grid)
        return
    from rich.cells import cell_len

    widths = [max(cell_len(row[index]) for row in [list(heads), *cells]) for index in range(len(heads))]
    for row in [list(heads), *cells]:
        padded = [" " * (width - cell_len(cell)) + cell if index in right else cell + " " * (width - cell_len(cell))
                  for index, (cell, width) in enumerate(zip(row, widths, strict=True))]
        click.echo("  ".join(padded).rstrip())


def details(rows: Iterable[tuple[str, str]], indent: int = 0) -> None:
    """Labels and their values; a value that is too long for the screen goes on under its own beginning."""
    shown = [(label, clean(value)) for label, value in rows if value]
    width = max((len(label) for label, _ in shown), default=0) + 2
    if not sys.stdout.isatty():
        for label, value in shown:
            click.echo(f"{' ' * indent}{label:<{width}}{value}")
        return
    from rich.padding import Padding
    from rich.table import Table

    grid = Table.grid(padding=0)
    grid.add_column(width=width, style="cyan")
    grid.add_column(overflow="fold")
    for label, value in shown:
        grid.add_row(label, value)
    console().print(Padding(grid, (0, 0, 0, indent)))


def write_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def instant(moment: str | None) -> str:
    """A time of the archive's own, in UTC to the second."""
    if not moment:
        return "never"
    try:
        return datetime.fromisoformat(moment).strftime("%Y-%m-%d %H:%M:%S UTC")
    except ValueError:
        return moment


def count(number: int, one: str, many: str = "") -> str:
    """ "1 article", "2 articles". """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def percent(share: float | None) -> str:
    """A share of one, in whole percent; what is not all of it is no 100 %."""
    if share is None:
        return "unknown"
    return "100 %" if share == 1 else f"{min(99, int(share * 100))} %"
