"""Output of the commands: styled text and tables on a terminal, plain lines in a pipe, JSON, files and progress bars.

There are no colours if NO_COLOR is set (https://no-color.org) or the output is not a terminal.
"""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any

import click

from archiver.model.errors import OutputNotWritable
from archiver.model.words import count_noun as count_noun

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def strip_control_characters(text: str) -> str:
    """Removes control characters and bidirectional overrides from text, so that it is safe to print on a terminal."""
    return _CONTROL.sub("", text.replace("\r\n", "\n"))


def console() -> Console:
    """Returns a Rich console on standard output. It wraps lines on a terminal, never in a pipe."""
    from rich.console import Console

    class OwnConsole(Console):
        def on_broken_pipe(self) -> None:
            """Raises BrokenPipeError, which `archiver.cli.main` handles for all commands."""
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    terminal = sys.stdout.isatty()
    return OwnConsole(file=sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=not terminal)


def has_colours() -> bool:
    """Returns True if standard output is a terminal that shows colours, and NO_COLOR is not set."""
    screen = console()
    return screen.color_system is not None and not screen.no_color


def styled_line(*pieces: str | tuple[str, str], indent: int = 0) -> Text:
    """Builds one line of text from pieces, each a string or a (string, style) pair. Control characters are removed;
    `indent` is a number of spaces.
    """
    from rich.text import Text

    text = Text(" " * indent)
    for piece in pieces:
        words, style = (piece, "") if isinstance(piece, str) else piece
        text.append(strip_control_characters(words), style)
    return text


def print_lines(*texts: Text | str) -> None:
    """Prints lines on standard output. The continuation of a wrapped line keeps its indentation."""
    from rich.padding import Padding

    screen = console()
    for text in texts:
        shown = styled_line(text) if isinstance(text, str) else text
        indent = len(shown.plain) - len(shown.plain.lstrip(" "))
        if screen.is_terminal and indent:
            screen.print(Padding(shown[indent:], (0, 0, 0, indent)))
        else:
            screen.print(shown)


def print_table(
    headers: Sequence[str],
    rows: Iterable[Sequence[object]],
    numbers: Iterable[int] = (),
    styles: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Prints a table; the columns in `numbers` (from 0) are right-aligned. `styles` maps values to their styles on a
    terminal.
    """
    cells = [
        [
            strip_control_characters("" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell))
            for cell in row
        ]
        for row in rows
    ]
    right = set(numbers)
    if sys.stdout.isatty():
        from rich.table import Table
        from rich.text import Text

        grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for index, header in enumerate(headers):
            grid.add_column(header, justify="right" if index in right else "left", header_style="bold", overflow="fold")
        for row in cells:
            grid.add_row(*(Text(cell, styles.get(cell, "")) for cell in row))
        console().print(grid)
        return
    from rich.cells import cell_len

    widths = [max(cell_len(row[index]) for row in [list(headers), *cells]) for index in range(len(headers))]
    for row in [list(headers), *cells]:
        padded = [
            " " * (width - cell_len(cell)) + cell if index in right else cell + " " * (width - cell_len(cell))
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(padded).rstrip())


def print_details(rows: Iterable[tuple[str, str]], indent: int = 0) -> None:
    """Prints (label, value) rows after `indent` spaces; wrapped values are aligned. Rows with an empty value are left
    out.
    """
    shown = [(label, strip_control_characters(value)) for label, value in rows if value]
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


def print_values(rows: Sequence[dict[str, Any]], form: str, columns: Sequence[str] = ()) -> None:
    """Prints a list of objects as JSON or CSV; `form` is json or csv. `columns` are the columns of
    CSV; () means the keys of all objects.
    """
    if form == "json":
        print_json(rows)
    else:
        from archiver.search.export_formats import write_csv  # not for every command that prints

        columns = tuple(columns) or tuple(dict.fromkeys(name for row in rows for name in row))
        write_csv(({name: row.get(name) for name in columns} for row in rows), sys.stdout.buffer, columns)


def format_time(moment: str | None) -> str:
    """Formats a stored time in UTC, to the second; "never" for None."""
    if not moment:
        return "never"
    try:
        return datetime.fromisoformat(moment).strftime("%Y-%m-%d %H:%M:%S UTC")
    except ValueError:
        return moment


def format_percent(share: float | None) -> str:
    """Formats a share between 0 and 1 in whole percent; only 1 itself becomes "100 %". None becomes "unknown"."""
    if share is None:
        return "unknown"
    return "100 %" if share == 1 else f"{min(99, int(share * 100))} %"


# Output files.

_DATABASE = b"SQLite format 3\0"


def refuse_output(file: Path) -> None:
    """Raises OutputNotWritable if a file is a folder, or an SQLite database, which may be the archive."""
    if file.is_dir():
        raise OutputNotWritable(str(file), "it is a folder")
    try:
        with file.open("rb") if file.is_file() else nullcontext() as existing:
            is_database = existing is not None and existing.read(len(_DATABASE)) == _DATABASE
    except OSError as error:
        raise OutputNotWritable(str(file), error.strerror or str(error)) from error
    if is_database:
        raise OutputNotWritable(str(file), "it is an SQLite database, and may be an archive")


@contextmanager
def open_output(output: str) -> Iterator[IO[bytes]]:
    """Opens an output file for writing, or standard output for "-". The file is written under a temporary name, and
    gets its own name when it is complete; a device or pipe is written directly. Raises OutputNotWritable, also for an
    SQLite database, which may be the archive.
    """
    if output == "-":
        yield sys.stdout.buffer
        return
    file = Path(output)
    refuse_output(file)
    if file.exists() and not file.is_file():
        try:
            with file.open("wb") as out:
                yield out
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputNotWritable(output, error.strerror or str(error)) from error
        return
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


# Questions.


def confirm(question: str, doing: str = "") -> None:
    """Asks a question on the terminal, and ends the command with exit code 1 unless the answer is yes. If `doing` is
    given ("Undoing run 2") and there is no terminal, ends it as wrong usage.
    """
    if doing and not sys.stdin.isatty():
        raise click.UsageError(f"{doing} needs --yes, or a terminal to confirm it on.")
    if not click.confirm(question, err=True):
        click.echo("Nothing was changed.", err=True)
        click.get_current_context().exit(1)


# Progress of long work in named stages.

Progress = Callable[[str, int, int], None]
"""A function that is called with the name of the stage, the number done, and the total."""


@contextmanager
def show_stage_progress(quiet: bool, least: int = 0) -> Iterator[Progress]:
    """Shows a progress bar on stderr if that is a terminal, `quiet` is False, and more than `least` items are to be
    done. Yields the function that updates the bar.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda stage, done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", visible=not least)
        yield lambda stage, done, total: bar.update(
            task, description=stage, completed=done, total=total, visible=total > least
        )


# Signals.


@contextmanager
def exit_on_sigterm() -> Iterator[None]:
    """Makes SIGTERM raise SystemExit(143) while the `with` block runs, so that the block cleans up as after Ctrl-C."""

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
