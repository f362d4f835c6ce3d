"""Failures of a request as outcomes: a table from what Scrapy and Twisted raise to what a person reads."""

from __future__ import annotations

import zlib
from gzip import BadGzipFile

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

from archiver.handlers.refusal import Refusal
from archiver.items import Outcome
from archiver.middlewares.refusals import ForbiddenByRobots, HostBusy, RobotsUnreadable
from archiver.middlewares.tls import tls_problem

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


def failure_of(error: BaseException | None) -> tuple[Outcome, str, str]:
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
