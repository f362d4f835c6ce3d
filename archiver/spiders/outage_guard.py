"""Guards against outages: a run stops asking while its server is down, and a source that fails once is tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from scrapy import Request

from archiver.items import Outcome, PageResult
from archiver.spiders.page_request import PageRequest
from archiver.spiders.run_ending import outcome_of_failure

if TYPE_CHECKING:
    from scrapy.core.engine import ExecutionEngine


FAILURES_IN_A_ROW = 3
"""If this many pages in a row fail, the home page is requested as a check."""


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


_UNANSWERED = frozenset({"no-host", "timeout", "no-connection", "broken-connection", "truncated"})


_PROBE_SECONDS = 20.0


_BELIEVED_AFTER = 3
"""A source that worked before is given up after this many fetches in a row found it gone or refused."""


class OutageGuard:
    """Ends a run while its server is down, with the function `stop`, which takes a sentence that says why."""

    def __init__(self, site: str, start_url: str, stop: Callable[[str], None]) -> None:
        self._site = site
        self._start_url = start_url
        self._stop = stop
        self._streak = FailureStreak()
        self._probe: asyncio.Task[None] | None = None

    @property
    def is_probing(self) -> bool:
        """Returns True while the home page is requested to check whether the server is up. No page is handed out
        meanwhile.
        """
        return self._probe is not None and not self._probe.done()

    def observe(self, result: PageResult, engine: ExecutionEngine | None) -> None:
        """Counts a result. After three failures in a row, requests the home page with `engine`; if that fails too, ends
        the run. If `engine` is None, only counts.

        The home page decides because a single section of a site may be down.
        """
        failed = result.outcome is Outcome.FAILED and (result.rule in _UNANSWERED or result.rule.startswith("http-5"))
        if self._streak.add(failed) and engine is not None and not self.is_probing:
            self._probe = asyncio.get_running_loop().create_task(self._probe_home(engine, result.reason))

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
                return  # a rule of this program refused the request, which says nothing about the server
        else:
            if response.status < 500:
                return
            reason = f"the server answers {response.status}"
        self._stop(
            f"{self._site} no longer answers ({reason}), nor does its home page. The crawl was ended; the next one "
            "continues where it stopped."
        )


def retried_source(request: PageRequest, result: PageResult) -> PageResult:
    """Returns the result for a page. If it says that a source that worked before is gone or refused, for the first or
    second time in a row, its outcome is FAILED, so that the next crawls try the source again.
    """
    lost = request.is_source and request.worked and result.outcome in (Outcome.GONE, Outcome.REFUSED)
    if not lost or request.attempts + 1 >= _BELIEVED_AFTER:
        return result
    return replace(result, outcome=Outcome.FAILED, reason=f"{result.reason}, though it listed posts before")
