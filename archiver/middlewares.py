"""The Scrapy downloader middlewares. Before a request: refuse private addresses, posts outside the site, and what
robots.txt forbids. After the response: write it to WARC, decode and limit its body, refuse a truncated body, and retry.

A host's robots.txt (RFC 9309) and tdmrep.json are read before any of its pages.
`archiver.politeness.robots` parses robots.txt.

The capture middleware also makes requests conditional. It runs between the redirect middleware (600) and the cookies
middleware (700). There it sees redirects, and bodies that are still content-encoded. A decoded body would not be the
payload that the server sent.

A failed request is retried at once after an error or a truncated body, and after a pause if a busy host asked for one.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Generic, Self, TypeVar
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

from isal import isal_zlib
from scrapy import Spider, signals
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.httpcompression import HttpCompressionMiddleware
from scrapy.downloadermiddlewares.httpproxy import HttpProxyMiddleware
from scrapy.downloadermiddlewares.redirect import RedirectMiddleware
from scrapy.downloadermiddlewares.retry import RetryMiddleware
from scrapy.exceptions import IgnoreRequest, NotConfigured, StopDownload
from scrapy.http import Request, Response
from scrapy.http.request import NO_CALLBACK
from scrapy.utils.httpobj import urlparse_cached

from archiver.discovery.page_links import type_mismatch
from archiver.discovery.url_patterns import origin_of
from archiver.extensions.download_slot_throttle import ThrottleExtension, host_of
from archiver.extensions.shared_crawl_state import ArchiveExtension
from archiver.guarded_download_handler import (
    ForbiddenByRobots,
    HostBusy,
    Refusal,
    RobotsUnreadable,
    RunEnded,
    permission_of,
    refuse_private_address,
    tls_problem,
)
from archiver.model.errors import ArchiveLocked, ArchiverError
from archiver.model.items import BUSY_STATUSES, Capture, Outcome, PageKind
from archiver.politeness.network_address_policy import objection_to_url
from archiver.politeness.robots import (
    FRESH_FOR,
    MAX_ROBOTS_BYTES,
    HostFile,
    Robots,
    TDMFile,
    is_conclusive_status,
    parse_robots,
    parse_tdm_file,
)
from archiver.spiders.page_request import (
    FetchNotes,
    HostFileRequest,
    PageRequest,
    RequisiteRequest,
    notes_of,
    page_of,
    purpose_of,
    requisite_of,
)
from archiver.spiders.run_ending import outcome_of_failure
from archiver.storage.pages import find_host_file, make_allowed_due, store_host_file
from archiver.storage.transactions import environment_error, writing
from archiver.warc.payload import Decoding, decode_content
from archiver.warc.warc_records import Exchange, Headers

T = TypeVar("T")
# These files are requested before any page of the host.
_PRIORITY = 1000
_log = logging.getLogger(__name__)
# The number of bytes to read. It is more than the parser uses, so that the parser notices if a file is cut off.
_READ = 2 * MAX_ROBOTS_BYTES
# Rules of failures that count as "there is no such file": too many redirects (RFC 9309, section 2.3.1.2), or a redirect
# to a non-public address.
_MISSING = frozenset({"ignored", "private-address"})
_TDMREP = ".well-known/tdmrep.json"


class OncePerOrigin(Generic[T]):
    """Caches the result of `read` for each origin (scheme and host) for a day. Requests that wait for the same value
    cause only one call.
    """

    def __init__(self, read: Callable[[str], Awaitable[T]]) -> None:
        self._read = read
        self._known: dict[str, tuple[datetime, asyncio.Future[T]]] = {}

    async def get(self, origin: str) -> T:
        now = datetime.now(UTC)
        started, reading = self._known.get(origin, (None, None))
        if started is None or reading is None or now - started >= FRESH_FOR:
            reading = asyncio.ensure_future(self._read(origin))
            self._known[origin] = (now, reading)
        if reading.done():
            return reading.result()
        # The task is shielded, so that cancelling one request does not cancel the read for the others.
        return await asyncio.shield(reading)


class HostFileReader:
    """Fetches a host's robots.txt or tdmrep.json (`name`) and stores it. If a copy is stored, the request is
    conditional.

    If the file is longer than `most` bytes, only the first `most` bytes are read. If `most` is 0, the file is used only
    if it is complete.
    """

    def __init__(self, crawler: Crawler, name: str, most: int = 0) -> None:
        self._crawler = crawler
        self._archive = crawler.get_extension(ArchiveExtension)
        self._name = name
        self._most = most

    async def fetch(self, origin: str, *, obey_robots: bool) -> tuple[HostFile, Response]:
        """Fetches the file of an origin, if `obey_robots` is True only if robots.txt allows it. Returns the file and
        the response. Redirects are followed, even to other hosts.

        Raises Scrapy's and Twisted's network errors, Refusal and HostBusy.
        """
        assert self._crawler.engine is not None
        stored = self.stored(origin)
        validators = (stored.etag, stored.last_modified) if stored is not None else ("", "")
        meta: dict[str, Any] = {
            "dont_obey_robotstxt": not obey_robots,
            "notes": FetchNotes(),
            "page": HostFileRequest(origin + self._name, *validators, self._most),
        }
        beginning = BodyPrefix(self._most)
        if self._most:
            meta[META] = beginning
        request = Request(origin + self._name, priority=_PRIORITY, callback=NO_CALLBACK, meta=meta)
        with beginning.limiting_downloads(self._crawler):
            response = await self._crawler.engine.download_async(request)
        now = datetime.now(UTC)
        if response.status == 304 and stored is not None:
            return replace(stored, fetched_at=now), response
        body = response.body if response.status == 200 else b""
        etag, last_modified = _header(response, "ETag"), _header(response, "Last-Modified")
        return HostFile(now, response.status, body, etag, last_modified), response

    def stored(self, origin: str) -> HostFile | None:
        """Returns the stored copy of an origin's file, which may be from an earlier run; None if there is none."""
        return find_host_file(self._archive.run.db, origin, self._name) if self._archive else None

    def store(self, origin: str, file: HostFile, robots: Robots | None = None) -> None:
        """Stores the file for the next run. If it is a changed robots.txt, whose rules are `robots`, the pages that it
        allows become due. Database errors are ignored, because the next run fetches the file again, and other code
        reports such errors.
        """
        if self._archive is None:
            return
        run = self._archive.run
        db = run.db
        try:
            with writing(db):
                before = find_host_file(db, origin, self._name)
                store_host_file(db, origin, self._name, file)
                if robots and (before is None or before.body != file.body):
                    make_allowed_due(db, run.site["id"], origin, robots)
        except (sqlite3.Error, ArchiveLocked):
            return


def _header(response: Response, name: str) -> str:
    value = response.headers.get(name)
    return value.decode("latin-1") if value else ""


@dataclass(frozen=True, slots=True)
class _Parsed:
    """The argument of the signal `robots_parsed`, with the attribute `rp` that Scrapy's own robots.txt parsers have."""

    rp: Robots


class RobotsMiddleware:
    """Checks each request against its host's robots.txt. Raises ForbiddenByRobots or RobotsUnreadable if the request
    must not be made.

    robots.txt is read once per run and origin, and again after 24 hours. If it is too large, only its beginning counts
    (RFC 9309, section 2.5). If it cannot be read, a stored copy less than 24 hours old is used (sections 2.3.1.4 and
    2.4); without such a copy, nothing is fetched from the host.
    """

    def __init__(self, crawler: Crawler) -> None:
        if not crawler.settings.getbool("ROBOTSTXT_OBEY"):
            raise NotConfigured
        self._crawler = crawler
        self._reader = HostFileReader(crawler, "robots.txt", _READ)
        self._robots = OncePerOrigin(self._read)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        if request.meta.get("dont_obey_robotstxt") or not request.url.startswith(("http:", "https:")):
            return
        robots = await self._robots.get(origin_of(request.url))
        if isinstance(robots, IgnoreRequest):
            raise _log_refusal(robots, request)
        throttle = self._crawler.get_extension(ThrottleExtension)
        if robots.crawl_delay and throttle:
            throttle.at_least(request, robots.crawl_delay)
        if rule := robots.refusal(request.url):
            raise _log_refusal(ForbiddenByRobots(rule), request)
        if purpose_of(request):
            notes_of(request).robots = robots.statements_for(request.url)

    async def _read(self, origin: str) -> Robots | IgnoreRequest:
        try:
            file, response = await self._reader.fetch(origin, obey_robots=False)
        except RunEnded as ended:
            return ended
        except Exception as error:
            _, rule, reason = outcome_of_failure(error)
            if rule in _MISSING:
                return Robots()
            return self._from_copy(origin) or RobotsUnreadable(rule, reason)
        if not is_conclusive_status(file.status):
            unreadable = RobotsUnreadable(f"http-{file.status}", f"the server answers {file.status}")
            return self._from_copy(origin) or unreadable
        robots = parse_robots(file.body)
        self._reader.store(origin, file, robots)
        self._crawler.signals.send_catch_log(
            signals.robots_parsed, robotparser=_Parsed(robots), request=response.request
        )
        return robots

    def _from_copy(self, origin: str) -> Robots | None:
        stored = self._reader.stored(origin)
        return parse_robots(stored.body) if stored and stored.is_fresh(datetime.now(UTC)) else None


def _log_refusal(refusal: IgnoreRequest, request: Request) -> IgnoreRequest:
    """Returns `refusal`. Logs it first if the request was not made for a crawl (as in `scrapy shell`), because nothing
    else would report it.
    """
    if purpose_of(request) is None:
        _log.warning("Not requesting %s: %s", request.url, refusal)
    return refusal


class TdmRepMiddleware:
    """Adds the host's tdmrep.json to the notes (FetchNotes) of each request for a page of the site.

    The file is looked up before any page of a host (TDMRep, "Processing priority"), once per run, with a conditional
    request and in accordance with robots.txt. If a host has no readable file, no usage statements are added.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._archive = crawler.get_extension(ArchiveExtension)
        self._reader = HostFileReader(crawler, _TDMREP)
        self._files = OncePerOrigin(self._read)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        if page_of(request) and self._archive is not None and self._archive.run.scope.contains(request.url):
            notes_of(request).tdm = await self._files.get(origin_of(request.url))

    async def _read(self, origin: str) -> TDMFile:
        try:
            file, _ = await self._reader.fetch(origin, obey_robots=True)
        except Exception:
            # This error says nothing about the pages: if their host is down, their own requests report it.
            stored = self._reader.stored(origin)
            return parse_tdm_file(stored.body, origin + _TDMREP) if stored else TDMFile()
        if file.status < 500:
            self._reader.store(origin, file)
        return parse_tdm_file(file.body, origin + _TDMREP)


# Redirects that Scrapy follows itself: those of robots.txt and tdmrep.json, and those of requests that a person makes.


class PlainRedirectMiddleware(RedirectMiddleware):
    """Scrapy's redirect middleware without its search for a RefererMiddleware, since this program sends no Referer.

    Redirects of a crawl's pages are not followed here (their requests have `dont_redirect`), because each address in a
    chain of redirects has its own row in the pages table.
    """

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        middleware = cls(crawler.settings)
        middleware.crawler = crawler
        return middleware

    def handle_referer(self, request: Request, response: Response) -> None:
        request.headers.pop("Referer", None)


# Feeds may list addresses on these hosts, which redirect to the posts' own addresses.
_FORWARDERS = frozenset({"feeds.feedburner.com", "feeds2.feedburner.com", "feedproxy.google.com", "feedpress.me"})


class AddressMiddleware:
    """Refuses requests to addresses that are not public, and to posts outside the site.

    It runs before the robots.txt middleware, so that it also checks the requests for robots.txt and their redirects. If
    a proxy resolves host names, this is the only check; otherwise the address is checked again when the connection is
    made.

    Discovery sources may be on other hosts. Posts may not, because they would be stored as posts of this site, and a
    source could direct the crawl to another site's server by listing them.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._archive = crawler.get_extension(ArchiveExtension)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        if reason := objection_to_url(request.url, permission_of(self._crawler, request)):
            raise refuse_private_address(reason, request)
        page = page_of(request)
        if page is None or page.is_source or self._archive is None or self._archive.run.scope.contains(request.url):
            return
        if urlsplit(request.url).hostname not in _FORWARDERS:
            raise Refusal(Outcome.OUT_OF_SCOPE, "scope", f"it is outside {self._archive.run.scope.name}")


_PROXY_OF_ENVIRONMENT = "proxy_of_environment"
"""The key in a request's meta that says that its proxy was taken from the environment."""


class ProxyMiddleware(HttpProxyMiddleware):
    """Scrapy's proxy middleware (`http_proxy`, `https_proxy`, `no_proxy`), except that the environment is read once for
    each host and not for each request.
    """

    def __init__(self, auth_encoding: str | None = "latin-1") -> None:
        super().__init__(auth_encoding)
        self._proxy_of = lru_cache(maxsize=256)(self._find_proxy)

    def process_request(self, request: Request, spider: Spider | None = None) -> Request | Response | None:
        is_ours = request.meta.get(_PROXY_OF_ENVIRONMENT)
        if not self.proxies or ("proxy" in request.meta and not is_ours):
            return super().process_request(request)
        parts = urlparse_cached(request)
        credentials, url = self._proxy_of(parts.scheme, parts.hostname or "")
        request.meta["proxy"], request.meta[_PROXY_OF_ENVIRONMENT] = url or None, True
        request.headers.pop("Proxy-Authorization", None)
        if credentials:
            request.headers["Proxy-Authorization"] = b"Basic " + credentials
        return None

    def _find_proxy(self, scheme: str, host: str) -> tuple[bytes | None, str]:
        """Returns the credentials and the address of the proxy for a host; (None, "") if there is none."""
        known = self.proxies.get(scheme)
        return known if known and not proxy_bypass(host) else (None, "")


# Responses.

_PAGES = (PageKind.POST, PageKind.PART, PageKind.UNKNOWN)


class CaptureMiddleware:
    """Adds a page's stored validators to its request (RFC 9110, section 13.1), writes the response to WARC, and adds
    the capture to the request's notes (FetchNotes).

    A response with status 304, or with the same payload digest as the last one, becomes a revisit record. A feed,
    sitemap or other list that mentions a removed post is not written. Without an archive, nothing is written.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._archive = crawler.get_extension(ArchiveExtension)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        purpose = purpose_of(request)
        if purpose is None:
            return
        conditions = purpose.conditions(request.url)
        if conditions.etag:
            request.headers["If-None-Match"] = conditions.etag
        if conditions.last_modified:
            request.headers["If-Modified-Since"] = conditions.last_modified

    def process_response(self, request: Request, response: Response) -> Response:
        archive = self._archive
        if archive is None or "cached" in response.flags:
            return response
        notes = notes_of(request)
        notes.capture, notes.objection = None, ""
        try:
            notes.capture = self._capture(archive, request, response, notes)
        except sqlite3.Error as error:
            fault = environment_error(error, archive.run.archive)
            archive.halt(fault)
            raise fault from error
        except ArchiverError as fault:
            # A response that cannot be captured is not parsed, and its page remains due.
            archive.halt(fault)
            raise
        return response

    def _capture(
        self, archive: ArchiveExtension, request: Request, response: Response, notes: FetchNotes
    ) -> Capture | None:
        purpose, exchange = purpose_of(request), _exchange(request, response)
        if isinstance(purpose, RequisiteRequest):
            return self._capture_requisite(archive, response, exchange, purpose, notes)
        original = purpose.conditions(request.url).original if purpose is not None else None
        if original and exchange.status != 304 and exchange.digest != original.digest:
            original = None
        if exchange.status == 304 and original is None:
            return None
        if (
            isinstance(purpose, PageRequest)
            and purpose.kind not in _PAGES
            and archive.run.files.mentions_removed(exchange)
        ):
            return None
        return archive.run.files.capture(exchange, original)

    def _capture_requisite(
        self,
        archive: ArchiveExtension,
        response: Response,
        exchange: Exchange,
        requisite: RequisiteRequest,
        notes: FetchNotes,
    ) -> Capture | None:
        """Writes the response for a requisite, and returns its capture. Returns None if the response has the wrong
        type, or a status that is not stored. The same payload is written only once.
        """
        if exchange.status == 200:
            coding = b",".join(response.headers.getlist("Content-Encoding")).decode("latin-1")
            notes.objection = type_mismatch(requisite.kind, exchange.media_type, exchange.body, coding)
        return None if notes.objection else archive.run.requisites.capture(exchange, requisite)


def _exchange(request: Request, response: Response) -> Exchange:
    return Exchange(
        url=response.url,
        at=datetime.now(UTC),
        method=request.method,
        request_headers=_pairs(request.headers),
        status=response.status,
        reason=_reason(response),
        response_headers=_pairs(response.headers),
        body=response.body,
        protocol=response.protocol or "HTTP/1.1",
        ip=str(response.ip_address or ""),
        cut="download_stopped" in response.flags,
        via=next(reversed(request.meta.get("redirect_urls") or ()), ""),
        seconds=request.meta.get("download_latency"),
    )


def _pairs(headers: object) -> Headers:
    return tuple((name, value) for name, values in headers.items() for value in values)  # type: ignore[attr-defined]


def _reason(response: Response) -> str:
    try:
        return HTTPStatus(response.status).phrase
    except ValueError:
        return ""


_GZIP = ("gzip", "x-gzip")
# zlib raises these errors if the data are complete and only the checksum or length after them is missing. Some servers
# omit these eight bytes.
_TRAILER_ERRORS = ("incorrect data check", "incorrect length check")


class UnpackingMiddleware(HttpCompressionMiddleware):
    """Decodes content codings (gzip ...) as Scrapy does, but refuses a truncated body, so that the next crawl fetches
    it again. Complete gzip bodies, the usual case, are decoded in less than half of Scrapy's time.
    """

    _maxsize = 0

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        middleware = super().from_crawler(crawler)
        middleware._maxsize = crawler.settings.getint("DOWNLOAD_MAXSIZE")
        return middleware

    def process_response(
        self, request: Request, response: Response, spider: Spider | None = None
    ) -> Request | Response:
        packed = response.body
        coding = b",".join(response.headers.getlist("Content-Encoding")).decode("latin-1").strip().lower()
        if coding in _GZIP and purpose_of(request) is not None:
            body = unpack_complete_gzip(packed, request.meta.get("download_maxsize", self._maxsize))
            if body is not None:
                return _with_decoded_body(response, body)
        out = super().process_response(request, response)
        if purpose_of(request) is None or not isinstance(out, Response):
            return out
        if coding and packed and is_truncated(packed, coding, len(out.body)):
            raise Refusal(Outcome.FAILED, "truncated", "the response was cut off")
        return out


def unpack_complete_gzip(packed: bytes, limit: int) -> bytes | None:
    """Returns the decompressed content of a gzip body. Returns None if it is not exactly one complete, undamaged member
    (RFC 1952), or if the content has more than `limit` bytes (0: no limit).
    """
    size = int.from_bytes(packed[-4:], "little")
    if limit and size > limit:
        return None
    unpacker = isal_zlib.decompressobj(31)
    try:
        body = unpacker.decompress(packed, size + 1)
    except isal_zlib.error:  # type: ignore[misc]  # its stub says that it is an object and not a class
        return None
    return body if unpacker.eof and not unpacker.unused_data and len(body) == size else None


def _with_decoded_body(response: Response, body: bytes) -> Response:
    """Returns a response for a page of a crawl, of which only the bytes are read, with its body decoded."""
    values = {name: getattr(response, name) for name in Response.attributes}
    headers = response.headers.copy()
    headers.pop("Content-Encoding", None)
    return Response(**{**values, "headers": headers, "body": body})


def is_truncated(packed: bytes, coding: str, size: int) -> bool:
    """Returns True if a body, as received (`packed`) and compressed with `coding`, is truncated. `size` is its length
    when decompressed.

    A gzip body states its decompressed length at its end. If this equals `size`, the body is not decompressed again.
    """
    if coding in _GZIP:
        return int.from_bytes(packed[-4:], "little") != size % (1 << 32) and _is_cut_gzip(packed)
    return decode_content(packed, coding, size + 1)[1] is Decoding.CUT


def _is_cut_gzip(packed: bytes) -> bool:
    unpacker = zlib.decompressobj(31)
    try:
        unpacker.decompress(packed)
        if unpacker.eof:
            return False
        unpacker.decompress(bytes(8))
    except zlib.error as error:
        return not any(message in str(error) for message in _TRAILER_ERRORS)
    return True


META = "beginning"
"""The key in a request's meta for a `BodyPrefix`. If the key is present, only the beginning of the response is read."""

_STEP = 16 * 1024


class BodyPrefix:
    """Limits a download to the beginning of a body: to about `most` bytes as received, and to `most` bytes after
    decompression.

    Each object is for one request and its redirects and retries, of which only one runs at a time.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._request: Request | None = None
        self._received = 0

    @contextmanager
    def limiting_downloads(self, crawler: Crawler) -> Iterator[None]:
        """Context manager that ends each download early whose request has this object in its meta. Uses Scrapy's signal
        `bytes_received`.
        """
        crawler.signals.connect(self.received, signals.bytes_received)
        try:
            yield
        finally:
            crawler.signals.disconnect(self.received, signals.bytes_received)

    def received(self, data: bytes, request: Request) -> None:
        """Scrapy signal handler: ends a download as soon as enough bytes have arrived, as if the body ended there."""
        if request.meta.get(META) is not self:
            return
        if request is not self._request:
            self._request, self._received = request, 0
        self._received += len(data)
        if self._received >= self.most:
            raise StopDownload(fail=False)

    def unpacked(self, body: bytes, codings: list[str]) -> bytes:
        """Returns the beginning of a body, decoded as far as possible (content codings: RFC 9110, section 8.4.1).

        Raises zlib.error if nothing can be decoded.
        """
        for coding in reversed(codings):
            if coding in ("gzip", "x-gzip"):
                body = self._inflated(body, 31)
            elif coding == "deflate":
                body = self._inflated(body, 15 if body[:1] == b"\x78" else -15)
            elif coding != "identity":
                raise zlib.error(f"unknown coding {coding}")
        return body[: self.most]

    def _inflated(self, body: bytes, wbits: int) -> bytes:
        """Decompresses a body until `most` bytes are reached, an error occurs, or the body ends. A gzip body may have
        several members. `wbits` selects the format (gzip, zlib or raw deflate), as in `zlib.decompressobj`.
        """
        out, unpacker = bytearray(), zlib.decompressobj(wbits)
        try:
            for at in range(0, len(body), _STEP):
                data = body[at : at + _STEP]
                while data and len(out) < self.most:
                    if unpacker.eof:
                        unpacker = zlib.decompressobj(wbits)
                    out += unpacker.decompress(data, self.most - len(out))
                    data = unpacker.unused_data or unpacker.unconsumed_tail
        except zlib.error:
            if not out:
                raise
        return bytes(out)


_MAX_CODINGS = 2


class LimitsMiddleware:
    """Limits the size of responses. Runs between the capture (605) and the decoding of content codings (590).

    Discovery sources may have DOWNLOAD_MAXSIZE bytes, other pages PAGE_MAXSIZE, and requisites REQUISITE_MAXSIZE. Each
    limit applies to the bytes as received, and again to the decompressed bytes.

    A response with more than two content codings is refused as an attack (RFC 9110, section 8.4 sets no limit). One is
    usual; two occur if the server compresses a file that is already compressed.

    If only the beginning of a response is needed (`BodyPrefix`), it is decoded here, and the limits do not apply.
    """

    def __init__(self, page_maxsize: int, requisite_maxsize: int) -> None:
        self._page_maxsize = page_maxsize
        self._requisite_maxsize = requisite_maxsize

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler.settings.getint("PAGE_MAXSIZE"), crawler.settings.getint("REQUISITE_MAXSIZE"))

    def process_request(self, request: Request) -> None:
        if META in request.meta:
            request.meta["download_maxsize"] = 0
        page = page_of(request)
        if requisite_of(request) and self._requisite_maxsize:
            request.meta.setdefault("download_maxsize", self._requisite_maxsize)
        if page is not None and not page.is_source and self._page_maxsize:
            request.meta.setdefault("download_maxsize", self._page_maxsize)

    def process_response(self, request: Request, response: Response) -> Response:
        if purpose_of(request) is None:
            return response
        codings = b",".join(response.headers.getlist("Content-Encoding")).split(b",")
        if len(codings) > _MAX_CODINGS:
            raise Refusal(Outcome.FAILED, "too-large", f"its response has {len(codings)} content codings")
        beginning: BodyPrefix | None = request.meta.get(META)
        if beginning is None:
            return response
        names = [name for coding in codings if (name := coding.decode("latin-1").strip().lower())]
        try:
            body = beginning.unpacked(response.body, names)
        except zlib.error as error:
            raise Refusal(
                Outcome.FAILED, "bad-coding", "the response cannot be decompressed as its header says"
            ) from error
        headers = response.headers.copy()
        headers.pop("Content-Encoding", None)
        return response.replace(headers=headers, body=body)


class BusyMiddleware(RetryMiddleware):
    """Scrapy's RetryMiddleware with two exceptions: no request is sent to a host that was given up (raises HostBusy),
    and none in a run that is ending (raises RunEnded).

    A retry is sent after the pages that are ready, and after the pause of its host (see `ThrottleExtension`).
    """

    _archive: ArchiveExtension | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        middleware = super().from_crawler(crawler)
        middleware._archive = crawler.get_extension(ArchiveExtension)
        return middleware

    def process_request(self, request: Request) -> None:
        if self._archive is not None and self._archive.ending is not None:
            raise RunEnded("the run ended")
        if why := self._given_up(request):
            raise HostBusy(why)

    def process_response(self, request: Request, response: Response, spider: object = None) -> Request | Response:
        if response.status in BUSY_STATUSES and (why := self._given_up(request)):
            raise HostBusy(why)
        return super().process_response(request, response)

    def process_exception(
        self, request: Request, exception: Exception, spider: object = None
    ) -> Request | Response | None:
        # A retry does not help if the certificate is the problem.
        return None if tls_problem(exception) else super().process_exception(request, exception)

    def _given_up(self, request: Request) -> str:
        throttle = self.crawler.get_extension(ThrottleExtension)
        return throttle.given_up(host_of(request)) if throttle else ""
