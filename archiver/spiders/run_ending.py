"""The ways in which a run ends early, with their sentences, and the outcomes of failed requests."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from gzip import BadGzipFile
from typing import TYPE_CHECKING

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

from archiver.frontier.edit_estimates import EditEstimate
from archiver.guarded_download_handler import ForbiddenByRobots, HostBusy, Refusal, RobotsUnreadable, tls_problem
from archiver.model.items import Outcome, PageResult
from archiver.spiders.page_request import PageRequest

if TYPE_CHECKING:
    from scrapy.core.engine import ExecutionEngine


@dataclass(frozen=True, slots=True)
class RunEnding:
    """Why and how a run ends.

    - `outcome`: as in the table `runs`: finished (also at a limit that was set), waiting (for the host), failed or
      interrupted.
    - `reason`: a whole sentence, unless the outcome is finished.
    - `pages`: the reason recorded for pages that are still due.
    - `quiet_until`: until then, no run requests anything from the host.
    """

    outcome: str
    reason: str
    pages: str = ""
    quiet_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended, as reported to the user.

    - `failures`: the reasons for which pages failed, each with its number of pages.
    - `due`: the number of pages still to be fetched.
    - `edits`: an estimate of the edits that the run did not see.
    - `still_held`: the number of the site's pages that are held at the end of the run; None if unknown.
    - `taken_back`: the number of edits of earlier runs that this run took back, as part of a fault of the site.
    - `continued_full`: when the last `crawl --full` began (ISO 8601) if this run continued it; "" otherwise.
    """

    outcome: str
    reason: str
    seconds: float
    failures: tuple[tuple[str, int], ...]
    due: int
    edits: EditEstimate | None = None
    still_held: int | None = None
    taken_back: int = 0
    continued_full: str = ""


def limit_reached(reason: str) -> RunEnding:
    """Returns the ending of a finished run. `reason` is the limit or budget that the run reached; "" if nothing is left
    to fetch.
    """
    return RunEnding("finished", reason)


def cannot_crawl(start_url: str, reason: str, rule: str = "") -> RunEnding:
    """Returns the ending of a run whose start address cannot be crawled, for example because its host does not
    exist. If its first request failed by `rule`, the site may have no https.
    """
    has_no_https = start_url.startswith("https:") and rule in _WITHOUT_HTTPS
    hint = f" If the site has no https, try http:{start_url[6:]} instead." if has_no_https else ""
    return RunEnding("failed", f"{start_url} cannot be crawled: {reason}.{hint}")


def internal_error(start_url: str, error: Exception) -> RunEnding:
    """Returns the ending of a run that a bug in archiver stopped, with a sentence for the user. The traceback is in the
    log.
    """
    what = f"{type(error).__name__}: {str(error)[:200]}".removesuffix(": ")
    return RunEnding(
        "failed",
        f"{start_url} could not be crawled because of a bug in archiver ({what}); log/crawl.log next to the archive "
        "contains the details.",
    )


def robots_unreadable(start_url: str, reason: str) -> RunEnding:
    """Returns the ending of a run that may not fetch anything because its host's robots.txt cannot be read (RFC 9309,
    section 2.3.1.4).
    """
    pages = f"robots.txt could not be read ({reason}), and nothing is fetched until it can be"
    sentence = f"{start_url} is not crawled for now: its {pages}; the next crawl tries again."
    return RunEnding("waiting", sentence, pages)


def host_busy(start_url: str, why: str, until: datetime | None) -> RunEnding:
    """Returns the ending of a run of the site with this start URL whose host asked it to wait until the time `until`.
    If `until` is None, the host answered repeatedly that it is busy. `why` is the host's answer as a phrase.
    """
    if until is None:
        return RunEnding("waiting", f"{start_url} is not crawled for now: {why}; the next crawl continues.", why)
    when = f"until {until:%Y-%m-%d %H:%M} UTC"
    return RunEnding(
        "waiting",
        f"{start_url} is not crawled {when}: {why} and asks to wait that long; a crawl after that continues.",
        f"{why} and asks to wait {when}",
        until,
    )


def still_quiet(start_url: str, until: datetime) -> RunEnding:
    """Returns the ending of a run that requests nothing, because the host has asked an earlier run to wait until the
    time `until`.
    """
    return RunEnding(
        "waiting",
        f"{start_url} asked not to be crawled until {until:%Y-%m-%d %H:%M} UTC, so nothing was requested; crawl it "
        "again after that.",
    )


def wall_sentence(start_url: str, wall: str) -> str:
    """Returns a sentence that says why a site cannot be crawled if it shows only a `wall` ("consent wall")."""
    return (
        f"{start_url} cannot be crawled: all its pages are behind a {wall}; ask its owner for access, or remove it "
        "with 'archiver sites remove'."
    )


# Failed requests as outcomes: a table from the errors of Scrapy and Twisted to rules and reasons.

UNREACHABLE = frozenset({"no-host", "no-connection", "tls"})
"""Rules of failures that mean that nothing can be requested from the host."""
_WITHOUT_HTTPS = UNREACHABLE - {"no-host"} | {"broken-connection", "timeout"}

_TABLE: tuple[tuple[type[BaseException], Outcome, str, str], ...] = (
    (CannotResolveHostError, Outcome.FAILED, "no-host", "there is no such host"),
    (DownloadTimeoutError, Outcome.FAILED, "timeout", "the server did not answer in time"),
    (DownloadConnectionRefusedError, Outcome.FAILED, "no-connection", "the server refuses connections"),
    (ResponseDataLossError, Outcome.FAILED, "truncated", "the response was cut off"),
    (DownloadCancelledError, Outcome.FAILED, "too-large", "the response is larger than the limit"),
    (BadGzipFile, Outcome.FAILED, "bad-coding", "the response cannot be decompressed as its header says"),
    (zlib.error, Outcome.FAILED, "bad-coding", "the response cannot be decompressed as its header says"),
    (UnsupportedURLSchemeError, Outcome.OUT_OF_SCOPE, "scheme", "its scheme cannot be crawled"),
    (DownloadFailedError, Outcome.FAILED, "broken-connection", "the connection broke"),
)


def outcome_of_failure(error: BaseException | None) -> tuple[Outcome, str, str]:
    """Returns the outcome, rule and reason to record for a request that failed with this error (None if the error is
    unknown).
    """
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
            return Outcome.FAILED, "too-large", "the response decompresses to more than the limit"
        return Outcome.FAILED, "ignored", str(error) or "it was ignored"
    if problem := tls_problem(error):
        return Outcome.FAILED, "tls", problem
    for kind, outcome, rule, reason in _TABLE:
        if isinstance(error, kind):
            return outcome, rule, reason
    return Outcome.FAILED, type(error).__name__, f"{type(error).__name__}: {str(error)[:200]}"


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
