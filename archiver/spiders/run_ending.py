"""Watches whether a run still makes sense: the server answers, and its posts are not all gone at once."""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from gzip import BadGzipFile
from typing import TYPE_CHECKING, Generic, TypeVar

from scrapy import Request
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
    UnsupportedURLSchemeError,
)

from archiver.handlers.http_handler import ForbiddenByRobots, HostBusy, Refusal, RobotsUnreadable, tls_problem
from archiver.items import Outcome, PageResult
from archiver.spiders.page_request import PageRequest
from archiver.storage.pages import quarantine_gone

if TYPE_CHECKING:
    from scrapy.core.engine import ExecutionEngine

# How a run ends before all is done, and what is said of it.


@dataclass(frozen=True, slots=True)
class RunEnding:
    """`outcome` as in `runs`: finished (at a bound that was set), waiting (for the host), failed.

    `reason` is a whole sentence where it is not finished. `pages` is what the ledger says of the pages that are still
    due; until `quiet_until` no run asks the host again.
    """

    outcome: str
    reason: str
    pages: str = ""
    quiet_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended: `failures` says what failed how often, `due` how many addresses are still to be fetched."""

    outcome: str
    reason: str
    seconds: float
    failures: tuple[tuple[str, int], ...]
    due: int


def at_bound(reason: str) -> RunEnding:
    """A limit or budget that a person set is reached."""
    return RunEnding("finished", reason)


def cannot_crawl(start_url: str, reason: str) -> RunEnding:
    """There is nothing to crawl at the start address."""
    return RunEnding("failed", f"{start_url} cannot be crawled: {reason}.")


def broken(start_url: str, error: Exception) -> RunEnding:
    """A mistake of this program: what it was stands in the log."""
    what = f"{type(error).__name__}: {str(error)[:200]}".removesuffix(": ")
    return RunEnding(
        "failed",
        f"{start_url} could not be crawled for a mistake of this program ({what}); log/crawl.log "
        "beside the archive tells more.",
    )


def robots_unreadable(start_url: str, reason: str) -> RunEnding:
    """RFC 9309, section 2.3.1.4: until robots.txt can be read, nothing is allowed."""
    pages = f"robots.txt could not be read ({reason}): nothing is fetched until it can"
    return RunEnding("waiting", f"{start_url} is left alone for now: its {pages}; the next crawl tries again.", pages)


def host_busy(start_url: str, why: str, until: datetime | None) -> RunEnding:
    """The host asked to be left alone, for a time that it names or by answering so again and again."""
    if until is None:
        return RunEnding("waiting", f"{start_url} is left alone for now: {why}; the next crawl goes on from here.", why)
    when = f"until {until:%Y-%m-%d %H:%M} UTC"
    return RunEnding(
        "waiting",
        f"{start_url} is left alone {when}: {why} and asks to wait so long; a crawl after that goes on from here.",
        f"{why} and asks to wait {when}",
        until,
    )


def still_quiet(start_url: str, until: datetime) -> RunEnding:
    """An earlier run was asked to wait for longer than it has been since."""
    return RunEnding(
        "waiting",
        f"{start_url} asked to be left alone until {until:%Y-%m-%d %H:%M} UTC: nothing was asked "
        "of it; crawl it again after that.",
    )


def walled(start_url: str, wall: str) -> str:
    """Why a site cannot be crawled that shows nothing but a wall ("a consent wall")."""
    return (
        f"{start_url} cannot be crawled: a {wall} stands before the site and is all that its pages show; "
        "ask its owner for access, or take it out with 'archiver sites remove'."
    )


# Failures of a request as outcomes: a table from what Scrapy and Twisted raise to what a person reads.

UNREACHABLE = frozenset({"no-host", "no-connection", "tls"})
"""Rules of failures after which nothing at all can be asked of a host."""

_TABLE: tuple[tuple[type[BaseException], Outcome, str, str], ...] = (
    (CannotResolveHostError, Outcome.FAILED, "no-host", "there is no such host"),
    (DownloadTimeoutError, Outcome.FAILED, "timeout", "the server did not answer in time"),
    (DownloadConnectionRefusedError, Outcome.FAILED, "no-connection", "the server takes no connection"),
    (ResponseDataLossError, Outcome.FAILED, "truncated", "the answer was cut off before its end"),
    (DownloadCancelledError, Outcome.FAILED, "too-large", "the answer is larger than is accepted"),
    (BadGzipFile, Outcome.FAILED, "bad-coding", "the answer is not packed as it says"),
    (zlib.error, Outcome.FAILED, "bad-coding", "the answer is not packed as it says"),
    (UnsupportedURLSchemeError, Outcome.OUT_OF_SCOPE, "scheme", "its scheme cannot be crawled"),
    (DownloadFailedError, Outcome.FAILED, "broken-connection", "the connection broke"),
)


def outcome_of_failure(error: BaseException | None) -> tuple[Outcome, str, str]:
    """Outcome, rule and reason of a failed request."""
    if isinstance(error, Refusal):
        return error.outcome, error.rule, error.reason
    if isinstance(error, RobotsUnreadable):
        reason = error.reason if error.rule in UNREACHABLE else str(error)
        return Outcome.FAILED, error.rule, reason
    if isinstance(error, ForbiddenByRobots):
        return Outcome.REFUSED, "robots", str(error)
    if isinstance(error, HostBusy):
        return Outcome.FAILED, "busy", str(error)
    if isinstance(error, IgnoreRequest):
        if "during decompression" in str(error):
            return Outcome.FAILED, "too-large", "the answer unpacks to more than is accepted"
        return Outcome.FAILED, "ignored", str(error) or "it was ignored"
    if problem := tls_problem(error):
        return Outcome.FAILED, "tls", problem
    for kind, outcome, rule, reason in _TABLE:
        if isinstance(error, kind):
            return outcome, rule, reason
    return Outcome.FAILED, type(error).__name__, f"{type(error).__name__}: {str(error)[:200]}"


# When a run should not be believed any more: the server is away, or most of its pages seem to be gone at once.

T = TypeVar("T")

FAILURES_IN_A_ROW = 3
"""Pages that fail one after the other before it is asked whether the home page still answers."""
ASKED = 20
"""Known pages that are asked before their answers say anything of the site as a whole."""


class FailureStreak:
    """Counts failures in a row. Each page of them has been tried several times already."""

    def __init__(self, most: int = FAILURES_IN_A_ROW) -> None:
        self._most = most
        self._failed = 0

    def add(self, failed: bool) -> bool:
        """Enter what came of a page; whether the server itself must now be asked. The count then begins anew."""
        self._failed = self._failed + 1 if failed else 0
        if self._failed < self._most:
            return False
        self._failed = 0
        return True


class MassGoneGuard(Generic[T]):
    """Holds the last `asked` answers for known pages, until it is sure that not most of them are gone at once."""

    def __init__(self, asked: int = ASKED) -> None:
        self._asked = asked
        self._last: deque[T | None] = deque()

    @property
    def alarm(self) -> bool:
        """More than half of the last answers say that a page is gone: the site is ill, not its pages."""
        return len(self._last) == self._asked and sum(item is not None for item in self._last) > self._asked / 2

    def add(self, gone: T | None) -> list[T]:
        """Enter an answer: what is to be held of a page that is gone, else None. Gives back what is sure by now."""
        sure = []
        if len(self._last) == self._asked and (first := self._last.popleft()) is not None:
            sure.append(first)
        self._last.append(gone)
        return sure

    def rest(self) -> list[T]:
        """All that is held, which is held no longer."""
        held = [item for item in self._last if item is not None]
        self._last.clear()
        return held


_AWAY = frozenset({"no-host", "timeout", "no-connection", "broken-connection", "truncated"})
_PATIENCE = 20.0  # seconds
_BELIEVED_AFTER = 3
"""Visits that find a feed, sitemap or API gone, or a wall before it, that worked before."""


class OutageGuard:
    """Of one run. `stop` ends the run with a sentence; `believes_gone`: most posts were gone a day ago as well."""

    def __init__(self, site: str, start_url: str, stop: Callable[[str], None], *, believes_gone: bool) -> None:
        self._site = site
        self._start_url = start_url
        self._stop = stop
        self._believes_gone = believes_gone
        self._streak = FailureStreak()
        self._gone: MassGoneGuard[tuple[PageRequest, PageResult]] = MassGoneGuard()
        self._probe: asyncio.Task[None] | None = None

    @property
    def asking(self) -> bool:
        """Whether the home page is asked at this moment: meanwhile no page is begun."""
        return self._probe is not None and not self._probe.done()

    def seen(self, visit: PageResult, engine: ExecutionEngine | None) -> None:
        """Enter what came of a page. After some failures in a row the home page is asked, and without it the run ends.

        A section of a site that does not answer is no reason to leave the rest alone.
        """
        failed = visit.outcome is Outcome.FAILED and (visit.rule in _AWAY or visit.rule.startswith("http-5"))
        if self._streak.add(failed) and engine is not None and not self.asking:
            self._probe = asyncio.get_running_loop().create_task(self._ask(engine, visit.reason))

    def sure(self, request: PageRequest, visit: PageResult) -> Iterator[PageResult]:
        """The visits that may be written after this one: most often itself. Of known pages those that are gone wait."""
        if (
            request.is_source
            and request.worked
            and visit.outcome in (Outcome.GONE, Outcome.REFUSED)
            and (request.attempts + 1 < _BELIEVED_AFTER)
        ):
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
            yield from (quarantine_gone(v) for j, v in held if not j.doubted)
            self._stop(
                f"{len(held)} of the last {ASKED} pages of {self._site} that were asked for suddenly "
                f"answer that they are gone: none was marked as gone, and the crawl was ended. Look at "
                f"{self._start_url}; if they are gone indeed, a crawl a day later believes it."
            )

    def rest(self) -> list[PageResult]:
        """What waits at the end of a run in which nothing was strange."""
        return [visit for _, visit in self._gone.rest()]

    async def _ask(self, engine: ExecutionEngine, reason: str) -> None:
        patience = min(_PATIENCE, engine.settings.getfloat("DOWNLOAD_TIMEOUT"))
        request = Request(
            self._start_url,
            dont_filter=True,
            meta={
                "dont_retry": True,
                "dont_redirect": True,
                "handle_httpstatus_all": True,
                "download_timeout": patience,
                "download_slot": "probe",
            },
        )
        try:
            response = await engine.download_async(request)
        except Exception as error:
            # Whatever it is, it is told: an outcome by the same table as any page's.
            outcome, _, reason = outcome_of_failure(error)
            if outcome is not Outcome.FAILED:
                return  # refused by a rule of ours, which says nothing of the server
        else:
            if response.status < 500:
                return
            reason = f"the server answers {response.status}"
        self._stop(
            f"{self._site} does not answer any more ({reason}), neither does its home page: the crawl was "
            "ended; the next one goes on where it stopped."
        )


def _tried_again(visit: PageResult) -> PageResult:
    """A source that worked before and answers that it is gone: asked again by the next crawls before it is given up."""
    return replace(visit, outcome=Outcome.FAILED, reason=f"{visit.reason}, and it told of posts before")
