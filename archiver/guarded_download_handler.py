"""Scrapy's download handler for http and https, hardened against malicious servers.

No setting of Scrapy 2.19 offers what this handler adds:

- It checks the IP address before a connection is made.
- It limits the size of a response's header (Twisted sets no limit).
- It recognizes errors for which a retry is useless.
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

from archiver.model.items import Outcome
from archiver.politeness.network_address_policy import (
    Address,
    Permission,
    check_may_request,
    objection_to_address,
    permission_for,
)

_log = logging.getLogger(__name__)


class Refusal(IgnoreRequest):
    """Raised if a request must not be made, or if its response must not be read further. The request is not retried in
    the same run.

    `outcome`, `rule` and `reason` are recorded for the page. `reason` is a phrase about the page, such as "it is
    outside the site".
    """

    def __init__(self, outcome: Outcome, rule: str, reason: str) -> None:
        super().__init__(reason)
        self.outcome, self.rule, self.reason = outcome, rule, reason


def permission_of(crawler: Crawler, request: Request) -> Permission:
    """Returns the permission of a request: which private addresses it may reach in addition to the public internet.

    In a crawl, this is the `permission` of the spider. In `scrapy shell`, `fetch` and `parse`, only the address that
    the person typed is permitted, and not a private address to which it redirects. Other spiders may reach no private
    address.
    """
    spider = crawler.spider
    given: Permission | None = getattr(spider, "permission", Permission())
    if given is not None and not isinstance(spider, DefaultSpider):
        return given
    typed = permission_for(next(iter(request.meta.get("redirect_urls") or (request.url,))))
    if not isinstance(spider, DefaultSpider):
        spider.permission = typed  # type: ignore[union-attr]
    return typed


def refuse_private_address(reason: str, request: Request) -> Refusal:
    """Returns the error with which a request to a private address is refused. `reason` is a phrase from
    `archiver.politeness.network_address_policy`.

    If the request is not for a page of a crawl, also logs the refusal, because nothing else would report it.
    """
    if "page" not in request.meta:  # nothing else would report it
        _log.warning("Not requesting %s: %s", request.url, reason)
    return Refusal(Outcome.REFUSED, "private-address", reason)


# Errors that middlewares raise for a request that was not made. The spider turns them into outcomes.


class ForbiddenByRobots(IgnoreRequest):
    """Raised if robots.txt forbids a request. `rule` is the line that forbids it, as written in the file."""

    def __init__(self, rule: str) -> None:
        super().__init__(f"robots.txt forbids it ({rule})")


class RobotsUnreadable(IgnoreRequest):
    """Raised if the host's robots.txt could not be read, so that nobody knows whether it allows the request. `rule` and
    `reason` say why, as for a page that failed.
    """

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(f"robots.txt could not be read ({reason})")
        self.rule = rule
        self.reason = reason


class HostBusy(IgnoreRequest):
    """Raised for a request to a host to which this run sends no more requests, because the host answered 429 or 503 too
    often or asked for too long a pause.
    """


class RunEnded(IgnoreRequest):
    """Raised for a request that had not been made when the run ended. The requested page is still due."""


# Phrases for the cause of a failed TLS connection. Scrapy says only that the connection failed.

_UNTRUSTED = "its certificate cannot be trusted: it is self-signed, expired, or from an unknown authority"


def tls_problem(error: BaseException | None) -> str:
    """Returns a phrase for the reason why a TLS connection failed (RFC 9110, section 4.3.4); "" if the error is not
    about TLS.
    """
    for cause in _causes(error):
        if isinstance(cause, (VerificationError, CertificateError)):
            return "its certificate is for another host"
        if isinstance(cause, SSL.Error):
            messages = [str(row[-1]) for row in cause.args[0]] if cause.args and isinstance(cause.args[0], list) else []
            if "certificate verify failed" in messages:
                return _UNTRUSTED
            return f"no secure connection could be made ({messages[-1] if messages else 'the server hung up'})"
    return ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yields an error and its causes: `__cause__`, and the failures that Twisted collects in `reasons`. Yields nothing
    for None.
    """
    while error is not None:
        yield error
        for reason in getattr(error, "reasons", None) or ():
            value = getattr(reason, "value", None)
            if isinstance(value, BaseException):
                yield value
        error = error.__cause__


# The last checks: of the IP address before a connection is made, and of the process's lease before data are sent.


@implementer(IReactorPluggableNameResolver)
class GuardedReactor:
    """A Twisted reactor for one request, which makes only allowed connections.

    Before each connection, `check` is called with the IP address and raises if the address is not allowed. If a host
    has several addresses, only the allowed ones are used. Before data are sent, `check_may_request` is called, which
    raises if this process may no longer send requests.
    """

    def __init__(self, reactor: Any, check: Callable[[Address], None]) -> None:
        self._reactor, self._check = reactor, check

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def connectTCP(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        # A ValueError is not caught: without a valid address, no connection is made.
        self._check(ip_address(host))
        connector = self._reactor.connectTCP(host, port, *args, **kwargs)
        send = connector.transport.writeSomeData

        def check_and_send(data: bytes) -> Any:
            check_may_request()
            return send(data)

        connector.transport.writeSomeData = check_and_send
        return connector


REQUEST_SENT = object()
"""Signal: a request was written to a connection. The signal is sent twice if Twisted writes the request again to a new
connection. Argument: `request`."""


class HeaderFlood(Exception):
    """Raised if the header of a response exceeds the size limit."""


class GuardedHTTPHandler(HTTP11DownloadHandler):
    """The download handler for http and https, with checks of IP addresses and a limit on response headers.

    The setting DOWNLOAD_HEADER_MAXSIZE is the limit in bytes for status line and header fields, including interim
    responses (1xx). The spider's `permission` says which private addresses a crawl may reach.
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
            if agent.has_started:
                reason = "its response did not arrive completely in time"
                raise Refusal(Outcome.FAILED, "too-slow", reason) from error
            raise
        except DownloadFailedError as error:
            if refusal := _permanent_refusal(error.__cause__):
                raise refusal from error
            raise


class _GuardedAgent(_ScrapyAgent):
    @property
    def has_started(self) -> bool:
        """Returns True if the header of a response has arrived."""
        return self._txresponse is not None

    def _get_agent(self, request: Request, timeout: float) -> Agent:
        agent = super()._get_agent(request, timeout)
        given = permission_of(self._crawler, request)

        def check(address: Address) -> None:
            # A proxy belongs to the operator, and resolves host names itself.
            if not request.meta.get("proxy") and (reason := objection_to_address(address, request.url, given)):
                raise refuse_private_address(reason, request)

        endpoints: Any = agent._endpointFactory
        endpoints._reactor = GuardedReactor(endpoints._reactor, check)
        signals = self._crawler.signals
        pool: Any = _ReportingPool(agent._pool, lambda: signals.send_catch_log(REQUEST_SENT, request=request))
        agent._pool = pool
        return agent


class _ReportingPool:
    """The connection pool for one request. It calls `sent` each time the request is written to a connection.

    Usually this happens once. It happens twice if the server has closed the connection that was kept open, because
    Twisted then repeats the request on a new one.
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
    def __init__(self, quiescent: Any, max_header_bytes: int) -> None:
        super().__init__(quiescent)  # type: ignore[no-untyped-call]
        self._max, self._head = max_header_bytes, 0

    def request(self, request: Any) -> Deferred[IResponse]:
        self._head = 0
        return super().request(request)

    def dataReceived(self, data: bytes) -> None:
        parser = self._parser
        super().dataReceived(data)  # type: ignore[no-untyped-call]
        if parser is None or parser is not self._parser or parser.state not in (STATUS, HEADER):
            return
        self._head += len(data)
        if self._max and self._head > self._max:
            self._giveUp(Failure(HeaderFlood()))  # type: ignore[no-untyped-call]


class _Factory(_LenientHTTP11ClientFactory):
    def __init__(self, max_header_bytes: int, quiescent: Any, metadata: str) -> None:
        super().__init__(quiescent, metadata)  # type: ignore[no-untyped-call]
        self._max = max_header_bytes

    def buildProtocol(self, addr: IAddress | None) -> _Protocol:
        return _Protocol(self._quiescentCallback, self._max)


_NO_HTTP = "its server violates HTTP"
_TABLE: tuple[tuple[type[BaseException], str, str], ...] = (
    (HeaderFlood, "header-flood", "the header of its response is larger than the limit"),
    (ParseError, "bad-http", _NO_HTTP),  # the response has no status line
    (BadHeaders, "bad-http", _NO_HTTP),
    (ValueError, "bad-http", _NO_HTTP),  # a length is invalid or contradicts another one
    (KeyError, "bad-http", _NO_HTTP),  # the transfer coding is unknown
)


def _permanent_refusal(cause: BaseException | None) -> Refusal | None:
    """Returns the refusal for an invalid response that would be just as invalid after a retry; None if a retry may
    help. `cause` is the error with which Twisted failed to read the response.
    """
    reasons = cause.reasons if isinstance(cause, ResponseFailed) else []
    for failure in reasons:
        for kind, rule, reason in _TABLE:
            if isinstance(failure.value, kind):
                return Refusal(Outcome.FAILED, rule, reason)
    return None
