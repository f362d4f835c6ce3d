"""Scrapy extension that shows the progress of crawls: on a terminal as a bar for each site, elsewhere as an occasional
plain line.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from twisted.internet.task import LoopingCall

from archiver.extensions.download_slot_throttle import ThrottleExtension
from archiver.extensions.shared_crawl_state import ArchiveExtension
from archiver.storage.pages import count_known_pages

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

_REDRAW_SECONDS = 0.25
_LINE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Line:
    """The progress of one site as it is shown: a text, and `done` of `known` pages (None if not known yet)."""

    site: str
    text: str
    known: int | None = None
    done: int = 0


@dataclass(frozen=True, slots=True)
class Leave:
    """A message to the progress display that the crawl of a site is over, so that the site's line is removed."""

    site: str


class Screen(Protocol):
    """A place where progress is shown: a terminal or a parent process. `every` is the number of seconds between two
    updates of a site.
    """

    @property
    def every(self) -> float: ...

    def draw(self, line: Line | Leave) -> None: ...


class Terminal:
    """Shows progress on stderr, so that a command's output can be piped.

    A terminal has room for one live display. Sites that are crawled at the same time share the display, with one line
    each.
    """

    def __init__(self) -> None:
        from rich.console import Console  # slow to import, and not needed without progress

        self._console = Console(stderr=True)
        self._bar: Bar | None = None
        self._tasks: dict[str, Any] = {}
        self.every = _REDRAW_SECONDS if self._console.is_terminal else _LINE_SECONDS

    def draw(self, line: Line | Leave) -> None:
        if not self._console.is_terminal:
            if isinstance(line, Line):
                text = f"{line.site}: {line.text}"
                self._console.print(text, highlight=False, markup=False, emoji=False, soft_wrap=True)
        elif isinstance(line, Line):
            self._show(line)
        else:
            self._leave(line.site)

    def _show(self, line: Line) -> None:
        if self._bar is None:
            from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[line]}"),
                TimeRemainingColumn(compact=True),
                console=self._console,
                transient=True,
            )
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


_screens: list[Screen] = []


def show_progress_on(screen: Screen) -> None:
    """Shows the progress of this process's crawls on `screen` instead of its own terminal."""
    _screens[:] = [screen]


def _screen() -> Screen:
    if not _screens:
        _screens.append(Terminal())
    return _screens[0]


class Progress:
    """Shows the numbers of pages found, fetched, stored and failed, the rate, and the remaining time. The setting
    PROGRESS turns it on.
    """

    def __init__(self, crawler: Crawler) -> None:
        if not crawler.settings.getbool("PROGRESS"):
            raise NotConfigured
        self._crawler = crawler
        self._screen = _screen()
        self._started = time.monotonic()
        self._archive: ArchiveExtension | None = None
        self._loop = LoopingCall(self._show)
        crawler.signals.connect(self._opened, signal=signals.spider_opened)
        crawler.signals.connect(self._closed, signal=signals.spider_closed)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    @property
    def _site(self) -> str:
        return self._archive.run.site_name if self._archive else ""

    def _opened(self) -> None:
        self._archive = self._crawler.get_extension(ArchiveExtension)
        self._started = time.monotonic()
        self._screen.draw(Line(self._site, "crawl begins"))
        self._loop.start(self._screen.every, now=False)

    def _show(self) -> None:
        if self._archive is None:
            return
        run = self._archive.run
        known, done = count_known_pages(run.db, run.site["id"], run.started)
        throttle = self._crawler.get_extension(ThrottleExtension)
        text = progress_line(known, run.counts, time.monotonic() - self._started, throttle.pause() if throttle else 0)
        self._screen.draw(Line(self._site, text, known, done))

    def _closed(self) -> None:
        if self._loop.running:
            self._loop.stop()
        self._screen.draw(Leave(self._site))


def progress_line(known: int, counts: Any, seconds: float, pause: float = 0) -> str:
    """Returns the progress of a crawl as text: "found 120 fetched 80 stored 44 failed 1 12.5/s".

    `seconds` is the time since the crawl began. A `pause` (in seconds) is shown if it is at least two.
    """
    rate = counts.fetched / seconds if seconds > 0 else 0.0
    stored = counts.new + counts.revised
    images = f"  images {counts.requisites}" if counts.requisite_requests else ""
    wait = f"  the host asked for a pause: {pause:.0f} s left" if pause >= 2 else ""
    return (
        f"found {known}  fetched {counts.fetched}  stored {stored}  failed {counts.failed}  {rate:.1f}/s{images}{wait}"
    )
