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
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from archiver.errors import OutputNotWritable

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


def print_line(*pieces: str | tuple[str, str], indent: int = 0) -> Text:
    """One line of (text, style) pieces; text without a style stands alone."""
    from rich.text import Text

    text = Text(" " * indent)
    for piece in pieces:
        words, style = (piece, "") if isinstance(piece, str) else piece
        text.append(clean(words), style)
    return text


def print_lines(*texts: Text | str) -> None:
    """Print lines; a wrapped line goes on under its own beginning."""
    from rich.padding import Padding

    screen = console()
    for text in texts:
        shown = print_line(text) if isinstance(text, str) else text
        indent = len(shown.plain) - len(shown.plain.lstrip(" "))
        if screen.is_terminal and indent:
            screen.print(Padding(shown[indent:], (0, 0, 0, indent)))
        else:
            screen.print(shown)


def print_table(heads: Sequence[str], rows: Iterable[Sequence[object]], numbers: Iterable[int] = ()) -> None:
    """Columns under heads; those in `numbers` (from 0) are set flush right."""
    cells = [
        [clean("" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell)) for cell in row]
        for row in rows
    ]
    right = set(numbers)
    if sys.stdout.isatty():
        from rich.table import Table

        grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for index, head in enumerate(heads):
            grid.add_column(head, justify="right" if index in right else "left", header_style="bold", overflow="fold")
        for row in cells:
            grid.add_row(*row)
        console().print(grid)
        return
    from rich.cells import cell_len

    widths = [max(cell_len(row[index]) for row in [list(heads), *cells]) for index in range(len(heads))]
    for row in [list(heads), *cells]:
        padded = [
            " " * (width - cell_len(cell)) + cell if index in right else cell + " " * (width - cell_len(cell))
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(padded).rstrip())


def print_details(rows: Iterable[tuple[str, str]], indent: int = 0) -> None:
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


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def format_time(moment: str | None) -> str:
    """A time of the archive's own, in UTC to the second."""
    if not moment:
        return "never"
    try:
        return datetime.fromisoformat(moment).strftime("%Y-%m-%d %H:%M:%S UTC")
    except ValueError:
        return moment


def count_noun(number: int, one: str, many: str = "") -> str:
    """ "1 article", "2 articles"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def percent(share: float | None) -> str:
    """A share of one, in whole percent; what is not all of it is no 100 %."""
    if share is None:
        return "unknown"
    return "100 %" if share == 1 else f"{min(99, int(share * 100))} %"


# Where a command writes what it was asked for: the standard output, or a file that appears when it is complete.


@contextmanager
def open_output(output: str) -> Iterator[IO[bytes]]:
    """The standard output, or a file that takes its name when all is written. Raises OutputNotWritable."""
    if output == "-":
        yield sys.stdout.buffer
        return
    file = Path(output)
    if file.is_dir():
        raise OutputNotWritable(output, "it is a folder")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    except OSError as error:
        raise OutputNotWritable(output, error.strerror or str(error)) from error
    try:
        with os.fdopen(handle, "wb") as out:
            yield out
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(file)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise OutputNotWritable(output, error.strerror or str(error)) from error
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


# Progress of long work whose stages have names.

Progress = Callable[[str, int, int], None]
"""Is told what is done now, how much of it, and of how many."""


@contextmanager
def stage_progress(quiet: bool) -> Iterator[Progress]:
    """A bar on a terminal, nothing elsewhere; goes to stderr."""
    if quiet or not sys.stderr.isatty():
        yield lambda what, done, of: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("the database")
        yield lambda what, done, of: bar.update(task, description=what, completed=done, total=of)


# How a command that writes is ended by a signal: as by Ctrl-C, so that nothing half is left.


@contextmanager
def ends_by_signal() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does; the exit code says which it was."""

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
