"""Scrapy's handler for http and https, made safe against servers that mean harm.

It adds three things that no setting of Scrapy 2.19 gives: a check of the address that is connected to, a limit for the
header of an answer (Twisted takes header lines for as long as they come), and names for what went wrong, so that what
cannot get better by asking again is not asked again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from ipaddress import ip_address
from typing import Any

from OpenSSL import SSL
from scrapy.core.downloader.handlers.http11 import (
    HTTP11DownloadHandler,
    _LenientHTTP11ClientFactory,
    _LenientHTTP11ClientProtocol,
    _ScrapyAgent,
)
from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadFailedError, DownloadTimeoutError, IgnoreRequest
from scrapy.http import Request, Response
from scrapy.utils._download_handlers import wrap_twisted_exceptions
from scrapy.utils.defer import maybe_deferred_to_future
from scrapy.utils.spider import DefaultSpider
from service_identity import VerificationError
from service_identity.exceptions import CertificateError
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorPluggableNameResolver
from twisted.python.failure import Failure
from twisted.web._newclient import HEADER, STATUS, BadHeaders, ParseError, ResponseFailed
from twisted.web.client import Agent, _RetryingHTTP11ClientProtocol
from twisted.web.iweb import IResponse
from zope.interface import implementer

from archiver.items import Outcome
from archiver.politeness.address_policy import Address, Permission, check_may_request, objection_to_address, permission

# What stops a request on purpose, with the outcome that it has in the ledger.

_log = logging.getLogger(__name__)


class Refusal(IgnoreRequest):
    """Raised where a request must not be made or its answer not be read on. It is never tried again in the same run.

    `reason` goes on where "it" is the address asked for, as all reasons of the ledger do.
    """

    def __init__(self, outcome: Outcome, rule: str, reason: str) -> None:
        super().__init__(reason)
        self.outcome, self.rule, self.reason = outcome, rule, reason


def permission_of(crawler: Crawler, request: Request) -> Permission:
    """What this request may reach beside the public internet.

    The spider of a crawl has its `permission`. What a person requests by hand (`scrapy shell`, `fetch`, `parse`) is
    meant as it is typed: that address, and nothing that it redirects to. Other spiders have none.
    """
    spider = crawler.spider
    given: Permission | None = getattr(spider, "permission", Permission())
    if given is not None and not isinstance(spider, DefaultSpider):
        return given
    typed = permission(next(iter(request.meta.get("redirect_urls") or (request.url,))))
    if not isinstance(spider, DefaultSpider):
        spider.permission = typed  # type: ignore[union-attr]
    return typed


def private_address(reason: str, request: Request) -> Refusal:
    """The refusal to leave the public internet (see `archiver.politeness.address_policy`)."""
    if "page" not in request.meta:  # nothing else reports what becomes of it
        _log.warning("%s is not requested: %s", request.url, reason)
    return Refusal(Outcome.REFUSED, "private-address", reason)


# Why a request was not made: what the middlewares raise, and the spider turns into outcomes.


class ForbiddenByRobots(IgnoreRequest):
    """robots.txt forbids the address; `rule` is the line that does, as it is written there."""

    def __init__(self, rule: str) -> None:
        super().__init__(f"robots.txt forbids it ({rule})")


class RobotsUnreadable(IgnoreRequest):
    """robots.txt could not be read, so nobody knows what it allows. `rule` and `reason` say why, as for any page."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(f"robots.txt could not be read ({reason})")
        self.rule = rule
        self.reason = reason


class HostBusy(IgnoreRequest):
    """The host answers 429 or 503, again and again or for a long time: it is not asked any more in this run."""


class RunEnded(IgnoreRequest):
    """The run ended before this request was made. Its page is still due."""


# What went wrong with a TLS connection, in words: Scrapy says only that the connection failed.

_UNTRUSTED = "its certificate cannot be trusted: it is self-signed, out of date, or of an unknown authority"


def tls_problem(error: BaseException | None) -> str:
    """Why no secure connection was made (RFC 9110, section 4.3.4); "" where this is no such error."""
    for cause in _causes(error):
        if isinstance(cause, (VerificationError, CertificateError)):
            return "its certificate is for another host"
        if isinstance(cause, SSL.Error):
            told = [str(row[-1]) for row in cause.args[0]] if cause.args and isinstance(cause.args[0], list) else []
            if "certificate verify failed" in told:
                return _UNTRUSTED
            return f"no secure connection could be made ({told[-1] if told else 'it was broken off'})"
    return ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came of: its cause, and the failures that Twisted collects in `reasons`."""
    while error is not None:
        yield error
        for reason in getattr(error, "reasons", None) or ():
            value = getattr(reason, "value", None)
            if isinstance(value, BaseException):
                yield value
        error = error.__cause__


# The last checks: before a connection, what address it is really made to; before each word, whether it may be said.


@implementer(IReactorPluggableNameResolver)
class GuardedReactor:
    """The reactor for the connections of one request: asks `check` first, which raises where none may be made.

    A host with several addresses is reached at those that pass.
    """

    def __init__(self, reactor: Any, check: Callable[[Address], None]) -> None:
        self._reactor, self._check = reactor, check

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def connectTCP(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        # No ValueError is caught here: what is no address is not connected to.
        self._check(ip_address(host))
        connector = self._reactor.connectTCP(host, port, *args, **kwargs)
        send = connector.transport.writeSomeData

        def look_and_send(data: bytes) -> Any:
            check_may_request()
            return send(data)

        connector.transport.writeSomeData = look_and_send
        return connector


REQUEST_SENT = object()
"""Signal: a request was written to a connection, as often as it was. Argument: request."""


class HeaderFlood(Exception):
    """The header of an answer is longer than is accepted."""


class GuardedHTTPHandler(HTTP11DownloadHandler):
    """Setting DOWNLOAD_HEADER_MAXSIZE: bytes of status line and header fields, those of interim answers (1xx) too.

    What a crawl may reach is its spider's `permission`; a spider without one is confined to the public internet.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        pool: Any = self._pool
        pool._factory = partial(_Factory, crawler.settings.getint("DOWNLOAD_HEADER_MAXSIZE"))

    async def download_request(self, request: Request) -> Response:
        agent = _GuardedAgent(
            contextFactory=self._contextFactory,
            bindAddress=self._bind_address,
            pool=self._pool,
            maxsize=self._default_maxsize,
            warnsize=self._default_warnsize,
            crawler=self._crawler,
            fail_on_dataloss=self._fail_on_dataloss,
            tls_verbose_logging=self._tls_verbose_logging,
        )
        try:
            with wrap_twisted_exceptions():
                return await maybe_deferred_to_future(agent.download_request(request))
        except DownloadTimeoutError as error:
            if agent.has_begun:
                reason = "its answer comes so slowly that it was not complete in time"
                raise Refusal(Outcome.FAILED, "too-slow", reason) from error
            raise
        except DownloadFailedError as error:
            if refusal := _told(error.__cause__):
                raise refusal from error
            raise


class _GuardedAgent(_ScrapyAgent):
    @property
    def has_begun(self) -> bool:
        """Whether the header of an answer has come."""
        return self._txresponse is not None

    def _get_agent(self, request: Request, timeout: float) -> Agent:
        agent = super()._get_agent(request, timeout)
        given = permission_of(self._crawler, request)

        def check(address: Address) -> None:
            # A proxy is the operator's own, and resolves the names itself.
            if not request.meta.get("proxy") and (reason := objection_to_address(address, request.url, given)):
                raise private_address(reason, request)

        endpoints: Any = agent._endpointFactory
        endpoints._reactor = GuardedReactor(endpoints._reactor, check)
        signals = self._crawler.signals
        pool: Any = _ReportingPool(agent._pool, lambda: signals.send_catch_log(REQUEST_SENT, request=request))
        agent._pool = pool
        return agent


class _ReportingPool:
    """The pool of connections as one request uses it: calls `sent` each time that the request is written to one.

    Twisted tries a second connection by itself where the server has closed the first, which was kept open.
    """

    def __init__(self, pool: Any, sent: Callable[[], Any]) -> None:
        self._pool, self._sent = pool, sent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def getConnection(self, key: Any, endpoint: Any) -> Deferred[Any]:
        found: Deferred[Any] = self._pool.getConnection(key, endpoint)
        return found.addCallback(self._reporting)

    def _reporting(self, connection: Any) -> Any:
        if isinstance(connection, _RetryingHTTP11ClientProtocol):
            retried: Any = connection
            connect = retried._newConnection
            retried._newConnection = lambda: connect().addCallback(self._reporting)
        return _ReportingConnection(connection, self._sent)


class _ReportingConnection:
    def __init__(self, connection: Any, sent: Callable[[], Any]) -> None:
        self._connection, self._sent = connection, sent

    def request(self, request: Any) -> Deferred[IResponse]:
        self._sent()
        answer: Deferred[IResponse] = self._connection.request(request)
        return answer


class _Protocol(_LenientHTTP11ClientProtocol):
    def __init__(self, quiescent: Any, most_header_bytes: int) -> None:
        super().__init__(quiescent)  # type: ignore[no-untyped-call]
        self._most, self._head = most_header_bytes, 0

    def request(self, request: Any) -> Deferred[IResponse]:
        self._head = 0
        return super().request(request)

    def dataReceived(self, data: bytes) -> None:
        parser = self._parser
        super().dataReceived(data)  # type: ignore[no-untyped-call]
        if parser is None or parser is not self._parser or parser.state not in (STATUS, HEADER):
            return
        self._head += len(data)
        if self._most and self._head > self._most:
            self._giveUp(Failure(HeaderFlood()))  # type: ignore[no-untyped-call]


class _Factory(_LenientHTTP11ClientFactory):
    def __init__(self, most_header_bytes: int, quiescent: Any, metadata: str) -> None:
        super().__init__(quiescent, metadata)  # type: ignore[no-untyped-call]
        self._most = most_header_bytes

    def buildProtocol(self, addr: IAddress | None) -> _Protocol:
        return _Protocol(self._quiescentCallback, self._most)


_NO_HTTP = "its server does not keep to HTTP"
_TABLE: tuple[tuple[type[BaseException], str, str], ...] = (
    (HeaderFlood, "header-flood", "the header of its answer is longer than is accepted"),
    (ParseError, "bad-http", _NO_HTTP),  # no status line
    (BadHeaders, "bad-http", _NO_HTTP),
    (ValueError, "bad-http", _NO_HTTP),  # lengths that are none or contradict each other
    (KeyError, "bad-http", _NO_HTTP),  # a transfer coding that is not known
)


def _told(cause: BaseException | None) -> Refusal | None:
    """What made Twisted give up an answer, where asking again would not help."""
    reasons = cause.reasons if isinstance(cause, ResponseFailed) else []
    for failure in reasons:
        for kind, rule, reason in _TABLE:
            if isinstance(failure.value, kind):
                return Refusal(Outcome.FAILED, rule, reason)
    return None
