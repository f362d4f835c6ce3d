"""Progress of a crawl: a bar where the output is a terminal, a plain line now and then where it is not."""

from __future__ import annotations

import time
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from twisted.internet.task import LoopingCall

from archiver.extensions.manners import Manners

_REDRAW_SECONDS = 0.25
_LINE_SECONDS = 15.0


class Progress:
    """Shows found / fetched / stored / failed, rate and time left. The setting PROGRESS turns it on.

    It goes to stderr, so that what a command prints can be piped.
    """

    def __init__(self, crawler: Crawler) -> None:
        if not crawler.settings.getbool("PROGRESS"):
            raise NotConfigured
        self._crawler = crawler
        self._console = Console(stderr=True)
        self._bar: Bar | None = None
        self._task: Any = None
        self._begun = time.monotonic()
        self._loop = LoopingCall(self._show)
        crawler.signals.connect(self._opened, signal=signals.spider_opened)
        crawler.signals.connect(self._closed, signal=signals.spider_closed)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def _opened(self) -> None:
        self._begun = time.monotonic()
        name = getattr(self._crawler.spider, "site_name", "")
        if self._console.is_terminal:
            self._bar = _join(self._console)
            self._task = self._bar.add_task(name, line="", total=None)
        else:
            self._console.print(f"{name}: crawl begins", highlight=False)
        self._loop.start(_REDRAW_SECONDS if self._bar else _LINE_SECONDS, now=False)

    def _show(self) -> None:
        session = getattr(self._crawler.spider, "session", None)
        if session is None:
            return
        known, done = session.balance()
        manners = self._crawler.get_extension(Manners)
        line = progress_line(known, session.counts, time.monotonic() - self._begun, manners.pause() if manners else 0)
        if self._bar:
            self._bar.update(self._task, total=known, completed=done, line=line)
        else:
            self._console.print(f"{session.site_name}: {line}", highlight=False, soft_wrap=True)

    def _closed(self) -> None:
        if self._loop.running:
            self._loop.stop()
        if self._bar:
            _leave(self._bar, self._task)


# A terminal has room for one live display: sites that are crawled at the same time are lines of it.
_displays: list[Bar] = []


def _join(console: Console) -> Bar:
    if not _displays:
        _displays.append(Bar(
            TextColumn("{task.description}", markup=False), BarColumn(bar_width=24),
            TextColumn("{task.fields[line]}"), TimeRemainingColumn(compact=True), console=console, transient=True,
        ))
        _displays[0].start()
    return _displays[0]


def _leave(bar: Bar, task: Any) -> None:
    bar.remove_task(task)
    if not bar.tasks:
        bar.stop()
        _displays.clear()


def progress_line(known: int, counts: Any, seconds: float, pause: float = 0) -> str:
    """ "found 120  fetched 80  stored 44  failed 1  12.5/s"; `pause` is in seconds, told from two on."""
    rate = counts.fetched / seconds if seconds > 0 else 0.0
    stored = counts.new + counts.revised
    waits = f"  the host asked for a pause: {pause:.0f} s left" if pause >= 2 else ""
    return f"found {known}  fetched {counts.fetched}  stored {stored}  failed {counts.failed}  {rate:.1f}/s{waits}"
