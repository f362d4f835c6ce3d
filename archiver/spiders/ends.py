"""How a run ends: by itself, at a bound, for a host that asks to wait, or since the archive cannot be written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import urlsplit

from archiver.errors import ArchiverError
from archiver.extensions.manners import Manners
from archiver.frontier.budget import Budget
from archiver.spiders.ending import Ending, at_bound, broken, host_busy, walled
from archiver.spiders.session import CrawlSession

T = TypeVar("T")
_log = logging.getLogger(__name__)


class EndsEarly:
    """What `SiteSpider` has to do with its end. `fatal` is why it failed, `halted` whether the archive did."""

    crawler: Any
    session: CrawlSession
    start_url: str
    limit: int
    fatal = ""
    halted = False
    wall = ""
    ending: Ending | None = None
    stopped_at: float | None = None
    _closing: asyncio.Future[None] | None = None
    _base: str
    _posts: int

    @property
    def budget(self) -> Budget:
        return self.session.budget

    def _guarded(self, steps: Callable[[], Iterable[T]]) -> Iterator[T]:
        """The steps, until the archive cannot be written any more."""
        try:
            if not self.halted:
                yield from steps()
        except ArchiverError as fault:
            self.halt(fault)

    def stop(self, sentence: str) -> None:
        """End the run before its end; `sentence` says why."""
        self.fatal = self.fatal or sentence
        self.end(Ending("failed", sentence))

    def halt(self, fault: ArchiverError) -> None:
        """End the run, since the archive cannot be written: nothing more is, and all that was not is still due."""
        self.halted = True
        self.stop(str(fault))

    def broke(self, error: Exception) -> None:
        """A mistake of this program keeps the run from beginning: it is closed as failed, and lets go of its lock."""
        _log.error("The crawl of %s could not begin", self.start_url, exc_info=error)
        self.fatal = self.fatal or broken(self.start_url, error).reason
        self.session.close(Ending("failed", self.fatal), at_fault=True)

    @contextmanager
    def beginning(self) -> Iterator[None]:
        """What is done before the first request: a mistake there closes the run."""
        try:
            yield
        except Exception as error:
            self.broke(error)
            raise

    def _first(self, steps: Callable[[], Iterable[T]]) -> Iterator[T]:
        """As `_guarded`, for the first requests: nothing follows on them where they break, so the run ends."""
        try:
            yield from self._guarded(steps)
        except Exception as error:
            _log.exception("The crawl of %s could not begin", self.start_url)
            self.stop(broken(self.start_url, error).reason)

    def end(self, ending: Ending) -> None:
        """End the run: what is under way is finished, what waits is not asked for and stays due."""
        engine = self.crawler.engine
        if self.ending is None and engine is not None:
            self.ending = ending
            self.stopped_at = monotonic()
            if manners := self.crawler.get_extension(Manners):
                manners.drop_waiting()
            self._closing = asyncio.ensure_future(engine.close_spider_async(reason="ended"))

    def host_is_busy(self, host: str, why: str, until: datetime | None) -> None:
        """A host answered 429 or 503 so often, or for so long, that it is not asked any more (see `Manners`)."""
        if host == (urlsplit(self._base).hostname or ""):
            self.end(host_busy(self.start_url, why, until))

    def tick(self) -> None:
        """Ends the run where its time or bytes are used up; pages are counted before they are asked for."""
        seconds = (datetime.now(UTC) - self.session.started).total_seconds()
        if bound := self.budget.spent(0, self.session.counts.bytes, seconds):
            self.end(at_bound(bound))

    def _bound(self) -> str:
        """Which bound on the number of posts or pages has left something to be fetched."""
        if self.limit and self._posts >= self.limit:
            return f"the limit of {self.limit} posts"
        return self.budget.spent(self.session.counts.requests, 0, 0) if self.session.due(1) else ""

    def ended(self, reason: str) -> None:
        """Close the session, if that has not been done."""
        ending = self.ending
        if self.wall and not self._posts:
            self.fatal = self.fatal or walled(self.start_url, self.wall)
        if self.fatal:
            ending = Ending("failed", self.fatal)
        elif ending is None and reason == "finished":
            ending = at_bound(self._bound())
        self.session.close(ending or Ending("interrupted", reason), at_fault=self.halted)
