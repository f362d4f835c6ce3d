"""Progress of an import: a bar by bytes where the output is a terminal, a plain line now and then where it is not."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from archiver.imports.run import FileResult
from archiver.store.imports import Tally

_LINE_SECONDS = 15.0


class Shown:
    """Shows how far the file under way is read, on stderr. To be closed."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bar: Progress | None = None
        self._task: Any = None
        self._name = ""
        self._begun = self._last = time.monotonic()
        self._before = 0

    def __call__(self, result: FileResult, read: int, size: int) -> None:
        if result.name != self._name:
            self.close()
            self._name, self._begun, self._before = result.name, time.monotonic(), 0
            self._before = result.tally.records
        line = progress_line(result.tally, result.tally.records - self._before, time.monotonic() - self._begun)
        if self._console.is_terminal:
            if self._bar is None:
                self._bar = Progress(TextColumn("{task.description}", markup=False), BarColumn(bar_width=24),
                                     DownloadColumn(), TextColumn("{task.fields[line]}"),
                                     TimeRemainingColumn(compact=True), console=self._console, transient=True)
                self._task = self._bar.add_task(self._name[-40:], line="", total=None)
                self._bar.start()
            self._bar.update(self._task, total=size or None, completed=read, line=line)
        elif time.monotonic() - self._last >= _LINE_SECONDS:
            self._last = time.monotonic()
            of = f" of {size / 1e6:,.0f}" if size else ""
            self._console.print(f"{self._name}: {read / 1e6:,.0f}{of} MB  {line}", highlight=False, soft_wrap=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def progress_line(tally: Tally, records: int, seconds: float) -> str:
    """ "records 1,200  posts 310  damaged 2  95/s"; the rate is that of this run."""
    rate = records / seconds if seconds > 0 else 0.0
    return f"records {tally.records:,}  posts {tally.posts:,}  damaged {tally.damaged:,}  {rate:,.0f}/s"
