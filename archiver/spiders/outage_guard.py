"""Detects during a run that the site as a whole has failed: the server is down, or most of its pages seem to be gone at
once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Generic, TypeVar

from scrapy import Request

from archiver.items import Outcome, PageResult
from archiver.spiders.page_request import PageRequest
from archiver.spiders.run_ending import outcome_of_failure
from archiver.storage.pages import quarantine_gone

if TYPE_CHECKING:
    from scrapy.core.engine import ExecutionEngine

T = TypeVar("T")

FAILURES_IN_A_ROW = 3
"""If this many pages in a row fail, the home page is requested as a check."""
ASKED = 20
"""This many responses for known pages are needed to decide whether the site as a whole has disappeared."""


class FailureStreak:
    """Counts pages that failed in a row, to detect that the server is down. Each page has been retried several times
    before it counts.
    """

    def __init__(self, most: int = FAILURES_IN_A_ROW) -> None:
        self._most = most
        self._failed = 0

    def add(self, failed: bool) -> bool:
        """Counts a page. If so many have failed in a row that the server must be checked now, returns True and starts
        again from zero.
        """
        self._failed = self._failed + 1 if failed else 0
        if self._failed < self._most:
            return False
        self._failed = 0
        return True


class MassGoneGuard(Generic[T]):
    """Holds back the results for pages that are gone until `asked` further known pages have been fetched and show that
    most of the site is still online.
    """

    def __init__(self, asked: int = ASKED) -> None:
        self._asked = asked
        self._last: deque[T | None] = deque()

    @property
    def is_alarmed(self) -> bool:
        """True if more than half of the last pages are gone, so that something is probably wrong with the site and not
        with its pages.
        """
        return len(self._last) == self._asked and sum(item is not None for item in self._last) > self._asked / 2

    def add(self, gone: T | None) -> list[T]:
        """Counts a known page. `gone` is the item to hold back if the page is gone, else None. Returns the held-back
        items that are now confirmed.
        """
        confirmed = []
        if len(self._last) == self._asked and (first := self._last.popleft()) is not None:
            confirmed.append(first)
        self._last.append(gone)
        return confirmed

    def release(self) -> list[T]:
        """Returns all items that are held back, and forgets them."""
        held = [item for item in self._last if item is not None]
        self._last.clear()
        return held


_UNANSWERED = frozenset({"no-host", "timeout", "no-connection", "broken-connection", "truncated"})
_PROBE_SECONDS = 20.0
_BELIEVED_AFTER = 3
"""A source that worked before is given up after this many fetches in a row found it gone or refused."""


class OutageGuard:
    """Ends a run while its server is down, and holds back results for pages that are gone until it is clear that the
    site has not disappeared as a whole.

    `stop` ends the run with a sentence; `gone_confirmed` is True if a crawl a day ago also found most posts gone.
    """

    def __init__(self, site: str, start_url: str, stop: Callable[[str], None], *, gone_confirmed: bool) -> None:
        self._site = site
        self._start_url = start_url
        self._stop = stop
        self._gone_confirmed = gone_confirmed
        self._streak = FailureStreak()
        self._gone: MassGoneGuard[tuple[PageRequest, PageResult]] = MassGoneGuard()
        self._probe: asyncio.Task[None] | None = None

    @property
    def is_probing(self) -> bool:
        """True while the home page is requested to check whether the server is up. No page is handed out meanwhile."""
        return self._probe is not None and not self._probe.done()

    def observe(self, result: PageResult, engine: ExecutionEngine | None) -> None:
        """Counts a result. After three failures in a row, requests the home page; if that fails too, ends the run.

        The home page decides because a single section of a site may be down.
        """
        failed = result.outcome is Outcome.FAILED and (result.rule in _UNANSWERED or result.rule.startswith("http-5"))
        if self._streak.add(failed) and engine is not None and not self.is_probing:
            self._probe = asyncio.get_running_loop().create_task(self._probe_home(engine, result.reason))

    def confirmed_results(self, request: PageRequest, result: PageResult) -> Iterator[PageResult]:
        """Yields the results that may be stored now, usually just `result`. A 404 for a known page is held back until
        it is clear that the site has not disappeared as a whole.
        """
        if (
            request.is_source
            and request.worked
            and result.outcome in (Outcome.GONE, Outcome.REFUSED)
            and (request.attempts + 1 < _BELIEVED_AFTER)
        ):
            yield _to_retry(result)
            return
        known = request.existed and not request.is_source and not self._gone_confirmed
        if not known or result.outcome in (Outcome.FAILED, Outcome.REFUSED):
            yield result
            return
        gone = result.outcome is Outcome.GONE
        yield from (held for _, held in self._gone.add((request, result) if gone else None))
        if not gone:
            yield result
        if self._gone.is_alarmed:
            held = self._gone.release()
            yield from (quarantine_gone(v) for j, v in held if not j.quarantined)
            self._stop(
                f"{len(held)} of the last {ASKED} known pages of {self._site} are suddenly gone. None was marked as "
                f"gone, and the crawl was ended. Look at {self._start_url}; if they really are gone, a crawl a day "
                "later accepts it."
            )

    def release(self) -> list[PageResult]:
        """Returns the results that are still held back. Called at the end of a run during which the site did not
        disappear.
        """
        return [result for _, result in self._gone.release()]

    async def _probe_home(self, engine: ExecutionEngine, reason: str) -> None:
        timeout = min(_PROBE_SECONDS, engine.settings.getfloat("DOWNLOAD_TIMEOUT"))
        request = Request(
            self._start_url,
            dont_filter=True,
            meta={
                "dont_retry": True,
                "dont_redirect": True,
                "handle_httpstatus_all": True,
                "download_timeout": timeout,
                "download_slot": "probe",
            },
        )
        try:
            response = await engine.download_async(request)
        except Exception as error:
            # Any error is reported with the reason that is recorded for a page that fails.
            outcome, _, reason = outcome_of_failure(error)
            if outcome is not Outcome.FAILED:
                return  # one of our own rules refused the request, which says nothing about the server
        else:
            if response.status < 500:
                return
            reason = f"the server answers {response.status}"
        self._stop(
            f"{self._site} no longer answers ({reason}), nor does its home page. The crawl was ended; the next one "
            "continues where it stopped."
        )


def _to_retry(result: PageResult) -> PageResult:
    """Returns the result for a source that worked before and seems gone, with the outcome FAILED, so that the next
    crawls try the source again before it is given up.
    """
    return replace(result, outcome=Outcome.FAILED, reason=f"{result.reason}, though it listed posts before")
