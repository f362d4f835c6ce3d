"""Watches whether a run still makes sense: the server answers, and its posts are not all gone at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from scrapy import Request

from archiver.frontier.alarm import ASKED, GoneWatch, Streak
from archiver.items import Outcome, Visit
from archiver.spiders.failure import failure_of
from archiver.spiders.page_request import PageRequest
from archiver.store.doubt import doubted

if TYPE_CHECKING:
    from scrapy.core.engine import ExecutionEngine

_AWAY = frozenset({"no-host", "timeout", "no-connection", "broken-connection", "truncated"})
_PATIENCE = 20.0  # seconds
_BELIEVED_AFTER = 3
"""Visits that find a feed, sitemap or API gone, or a wall before it, that worked before."""


class Alarms:
    """Of one run. `stop` ends the run with a sentence; `believes_gone`: most posts were gone a day ago as well."""

    def __init__(self, site: str, start_url: str, stop: Callable[[str], None], *, believes_gone: bool) -> None:
        self._site = site
        self._start_url = start_url
        self._stop = stop
        self._believes_gone = believes_gone
        self._streak = Streak()
        self._gone: GoneWatch[tuple[PageRequest, Visit]] = GoneWatch()
        self._probe: asyncio.Task[None] | None = None

    @property
    def asking(self) -> bool:
        """Whether the home page is asked at this moment: meanwhile no page is begun."""
        return self._probe is not None and not self._probe.done()

    def seen(self, visit: Visit, engine: ExecutionEngine | None) -> None:
        """Enter what came of a page. After some failures in a row the home page is asked, and without it the run ends.

        A section of a site that does not answer is no reason to leave the rest alone.
        """
        failed = visit.outcome is Outcome.FAILED and (visit.rule in _AWAY or visit.rule.startswith("http-5"))
        if self._streak.add(failed) and engine is not None and not self.asking:
            self._probe = asyncio.get_running_loop().create_task(self._ask(engine, visit.reason))

    def sure(self, request: PageRequest, visit: Visit) -> Iterator[Visit]:
        """The visits that may be written after this one: most often itself. Of known pages those that are gone wait."""
        if request.is_source and request.worked and visit.outcome in (Outcome.GONE, Outcome.REFUSED) and (
                request.attempts + 1 < _BELIEVED_AFTER):
            yield _tried_again(visit)
            return
        known = request.was_there and not request.is_source and not self._believes_gone
        if not known or visit.outcome in (Outcome.FAILED, Outcome.REFUSED):
            yield visit
            return
        gone = visit.outcome is Outcome.GONE
        yield from (held for _, held in self._gone.add((request, visit) if gone else None))
        if not gone:
            yield visit
        if self._gone.alarm:
            held = self._gone.rest()
            yield from (doubted(v) for j, v in held if not j.doubted)
            self._stop(f"{len(held)} of the last {ASKED} pages of {self._site} that were asked for suddenly "
                       f"answer that they are gone: none was marked as gone, and the crawl was ended. Look at "
                       f"{self._start_url}; if they are gone indeed, a crawl a day later believes it.")

    def rest(self) -> list[Visit]:
        """What waits at the end of a run in which nothing was strange."""
        return [visit for _, visit in self._gone.rest()]

    async def _ask(self, engine: ExecutionEngine, reason: str) -> None:
        patience = min(_PATIENCE, engine.settings.getfloat("DOWNLOAD_TIMEOUT"))
        request = Request(self._start_url, dont_filter=True, meta={
            "dont_retry": True, "dont_redirect": True, "handle_httpstatus_all": True, "download_timeout": patience,
            "download_slot": "probe"})
        try:
            response = await engine.download_async(request)
        except Exception as error:
            # Whatever it is, it is told: an outcome by the same table as any page's.
            outcome, _, reason = failure_of(error)
            if outcome is not Outcome.FAILED:
                return  # refused by a rule of ours, which says nothing of the server
        else:
            if response.status < 500:
                return
            reason = f"the server answers {response.status}"
        self._stop(f"{self._site} does not answer any more ({reason}), neither does its home page: the crawl was "
                   "ended; the next one goes on where it stopped.")


def _tried_again(visit: Visit) -> Visit:
    """A source that worked before and answers that it is gone: asked again by the next crawls before it is given up."""
    return replace(visit, outcome=Outcome.FAILED, reason=f"{visit.reason}, and it told of posts before")
