"""Where the progress of crawls is shown: a bar a site on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

_REDRAW_SECONDS = 0.25
_LINE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Line:
    """How far one site has come: of so many pages known (None: not known yet) so many are done."""

    site: str
    text: str
    known: int | None = None
    done: int = 0


@dataclass(frozen=True, slots=True)
class Leave:
    """A site's crawl is over: it is shown no more."""

    site: str


class Screen(Protocol):
    """Shows lines. `every` is how many seconds lie between two of a site."""

    @property
    def every(self) -> float: ...

    def draw(self, line: Line | Leave) -> None: ...


class Terminal:
    """This process's stderr, so that what a command prints can be piped.

    A terminal has room for one live display: sites that are crawled at the same time are lines of it.
    """

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bar: Bar | None = None
        self._tasks: dict[str, Any] = {}
        self.every = _REDRAW_SECONDS if self._console.is_terminal else _LINE_SECONDS

    def draw(self, line: Line | Leave) -> None:
        if not self._console.is_terminal:
            if isinstance(line, Line):
                self._console.print(f"{line.site}: {line.text}", highlight=False, soft_wrap=True)
        elif isinstance(line, Line):
            self._show(line)
        else:
            self._leave(line.site)

    def _show(self, line: Line) -> None:
        if self._bar is None:
            self._bar = Bar(
                TextColumn("{task.description}", markup=False), BarColumn(bar_width=24),
                TextColumn("{task.fields[line]}"), TimeRemainingColumn(compact=True), console=self._console,
                transient=True)
            self._bar.start()
        if line.site not in self._tasks:
            self._tasks[line.site] = self._bar.add_task(line.site, line="", total=None)
        self._bar.update(self._tasks[line.site], total=line.known, completed=line.done, line=line.text)

    def _leave(self, site: str) -> None:
        task = self._tasks.pop(site, None)
        if self._bar is None or task is None:
            return
        self._bar.remove_task(task)
        if not self._tasks:
            self._bar.stop()
            self._bar = None
