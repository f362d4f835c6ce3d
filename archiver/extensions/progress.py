"""Progress of a crawl: what is shown of each site while it is crawled."""

from __future__ import annotations

import time
from typing import Any, Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from twisted.internet.task import LoopingCall

from archiver.extensions.crawl_archive import ArchiveExtension
from archiver.extensions.manners import Manners
from archiver.extensions.terminal import Leave, Line, Screen, Terminal

_screens: list[Screen] = []


def show_on(screen: Screen) -> None:
    """Show the progress of this process's crawls there, and not on its own terminal."""
    _screens[:] = [screen]


def _screen() -> Screen:
    if not _screens:
        _screens.append(Terminal())
    return _screens[0]


class Progress:
    """Shows found / fetched / stored / failed, rate and time left. The setting PROGRESS turns it on."""

    def __init__(self, crawler: Crawler) -> None:
        if not crawler.settings.getbool("PROGRESS"):
            raise NotConfigured
        self._crawler = crawler
        self._screen = _screen()
        self._begun = time.monotonic()
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
        self._begun = time.monotonic()
        self._screen.draw(Line(self._site, "crawl begins"))
        self._loop.start(self._screen.every, now=False)

    def _show(self) -> None:
        if self._archive is None:
            return
        run = self._archive.run
        known, done = run.balance()
        manners = self._crawler.get_extension(Manners)
        text = progress_line(known, run.counts, time.monotonic() - self._begun, manners.pause() if manners else 0)
        self._screen.draw(Line(self._site, text, known, done))

    def _closed(self) -> None:
        if self._loop.running:
            self._loop.stop()
        self._screen.draw(Leave(self._site))


def progress_line(known: int, counts: Any, seconds: float, pause: float = 0) -> str:
    """ "found 120  fetched 80  stored 44  failed 1  12.5/s"; `pause` is in seconds, told from two on."""
    rate = counts.fetched / seconds if seconds > 0 else 0.0
    stored = counts.new + counts.revised
    beside = f"  images {counts.requisites}" if counts.requisite_requests else ""
    waits = f"  the host asked for a pause: {pause:.0f} s left" if pause >= 2 else ""
    return (f"found {known}  fetched {counts.fetched}  stored {stored}  failed {counts.failed}  {rate:.1f}/s{beside}"
            f"{waits}")
